package mutation

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

// The names of operators.
const (
	removed   = "removed"
	weakened  = "weakened"
	changed   = "changed"
	lowered   = "lowered"
	zeroed    = "zeroed"
	raised    = "raised"
	elsewhere = "pointed elsewhere"
)

// taken takes away what may be left out: every input, and inside of inputs every block and list. Single values
// inside of blocks are changed by the other operators.
func taken(_ *study, p place) []change {
	if len(p.steps) > 1 {
		if _, element := p.steps[len(p.steps)-1].(int); element {
			return nil // of a list; shortened does these
		}
		switch p.value.(type) {
		case map[string]any, []any:
		default:
			return nil
		}
	}
	return []change{{operator: removed, after: gone{}}}
}

// flipped turns switches over, also those that are written as text.
func flipped(_ *study, p place) []change {
	switch p.value {
	case true:
		return []change{{operator: "switched off", after: false}}
	case false:
		return []change{{operator: "switched on", after: true}}
	case "true":
		return []change{{operator: "switched off", after: "false"}}
	case "false":
		return []change{{operator: "switched on", after: "true"}}
	}
	return nil
}

var (
	// More is safer: what is kept, waited for, demanded or standing by.
	keeping = regexp.MustCompile(`(?i)retention|recoverywindow|deletionwindow|minimumpassword|reuse|minsize|maxsize|minhealthy|capacity|numcache|retryattempts|maxage$|minimumorigins|maximumeventage|selectionwindow|promotiontier|allocatedstorage|maxallocated`)
	// Less is safer: how old, how long, how often, how much before somebody notices.
	limiting = regexp.MustCompile(`(?i)passwordage|sessionduration|threshold|limit$|requestsper|period$|periods$|datapoints|interval|hoplimit|duration|timeout|aggregation|lifetime|targetvalue|windowsec|challengettl|reuseperiod|idle`)
)

// resized changes numbers: those that keep something are lowered, those that limit something are raised, all
// others go both ways. A threshold goes to where its alarm is never heard.
func resized(_ *study, p place) []change {
	n, ok := p.value.(float64)
	if !ok {
		if i, whole := p.value.(int); whole {
			n, ok = float64(i), true
		}
	}
	if !ok || portKey(p.key) {
		return nil
	}
	if p.key == "threshold" && strings.HasPrefix(text(p.resource.Inputs["comparisonOperator"]), "Less") {
		return []change{{operator: "never reached", after: -1.0}}
	}
	half, ten := math.Floor(n/2), n*10
	if n == 0 {
		ten = 1000
	}
	var changes []change
	keeps, limits := keeping.MatchString(p.key), limiting.MatchString(p.key)
	if keeps || !limits {
		if half > 0 {
			changes = append(changes, change{operator: lowered, after: half})
		}
		if n > 0 {
			changes = append(changes, change{operator: zeroed, after: 0.0})
		}
	}
	if !keeps {
		changes = append(changes, change{operator: raised, after: ten})
	}
	return changes
}

// worded changes texts: words with a weaker counterpart are replaced by that, all others by a text that
// nothing goes by.
func worded(s *study, p place) []change {
	value, ok := p.value.(string)
	if !ok || value == "" || value == "true" || value == "false" || isDocument(value) || isPrefix(value) || s.resolve(p, value) != nil {
		return nil
	}
	var changes []change
	for _, word := range words {
		if word.property != nil && !word.property.MatchString(p.property) || !word.from.MatchString(value) {
			continue
		}
		for _, to := range word.to {
			if to != value {
				changes = append(changes, change{operator: weakened, after: to})
			}
		}
		return changes
	}
	if n, err := strconv.ParseFloat(value, 64); err == nil && p.key == "value" { // a setting of a database
		changes = append(changes, change{operator: zeroed, after: "0"})
		if n == 0 {
			changes[0] = change{operator: raised, after: "1"}
		} else if n != 1 {
			changes = append(changes, change{operator: raised, after: strconv.FormatFloat(n*10, 'f', -1, 64)})
		}
		return changes
	}
	return []change{{operator: changed, after: "other"}}
}

// word is a text that has weaker counterparts.
type word struct {
	property *regexp.Regexp // nil: of any property
	from     *regexp.Regexp
	to       []string
}

func of(property, from string, to ...string) word {
	w := word{from: regexp.MustCompile("^(?:" + from + ")$"), to: to}
	if property != "" {
		w.property = regexp.MustCompile(property)
	}
	return w
}

// words are tried in this order; the first that fits is taken.
var words = []word{
	// encryption
	of(`^minTls|minTlsVersion$`, `1\.[23]`, "1.0"),
	of(`(?i)ssl_?policy$`, `.*`, "ELBSecurityPolicy-2016-08", "ELBSecurityPolicy-TLS13-1-0-2021-06"),
	of("", `TLSv1\.[23]`, "TLSv1"),
	of("", `tls1\.[23]\+?`, "disabled", "enabled"),
	of("settings.ssl$", `strict|full`, "flexible", "full", "off"),
	of("", `HTTPS`, "HTTP"),
	of("", `https`, "http"),
	of("", `TLS`, "TCP"),
	of("", `aws:kms`, "AES256"),
	of("", `AES256`, "none"),
	of("transitEncryptionMode$", `required`, "preferred"),
	of("", `RSA_2048`, "RSA_1024"),
	of("", `scram-sha-256`, "md5"),
	of("", `scram`, "md5+scram"),
	of("", `verify`, "off", "passthrough"),
	// switches
	of("versioning", `Enabled`, "Suspended"),
	of("", `Enabled`, "Disabled"),
	of("", `Disabled`, "Enabled"),
	of("", `ENABLED`, "DISABLED"),
	of("", `DISABLED`, "ENABLED"),
	of("", `enabled`, "disabled"),
	of("", `disabled`, "enabled"),
	of("", `on`, "off"),
	of("", `off`, "on"),
	of("", `ON`, "OFF"),
	of("", `OFF`, "ON"),
	of("", `required`, "optional"),
	// locks and storage
	of("", `COMPLIANCE`, "GOVERNANCE"),
	of("", `GOVERNANCE`, "none"),
	of("", `BucketOwnerEnforced`, "ObjectWriter", "BucketOwnerPreferred"),
	of("(?i)acl$", `.*`, "public-read", "public-read-write"),
	of("", `block-(all|new)-sharing`, "unblocked"),
	of("", `GLACIER`, "STANDARD_IA"),
	of("", `GRANT.*|SNAPSHOT`, "CONTINUOUS"),
	// filters
	of("", `strictest|defensive`, "monitor"),
	of("ruleAction$", `allow`, "deny"),
	of("ruleAction$", `deny`, "allow"),
	of("effect$", `(?i)block|deny`, "ALLOW", "COUNT"),
	of("action$", `block`, "log", "skip"),
	of("action$", `execute`, "skip"),
	of("expression$", `.*`, "false"),
	of("pattern$", `.*`, "nothing that is ever written"),
	of("", `EXACTLY`, "CONTAINS"),
	of("", `FORWARDED_IP`, "IP"),
	of("", `MATCH`, "NO_MATCH"),
	of("trafficType$", `ALL`, "REJECT", "ACCEPT"),
	of("positionalConstraint$", `.*`, "CONTAINS"),
	of("securityLevel$", `medium|high`, "essentially_off"),
	of("protocol$", `tcp|udp`, "-1"),
	of("ipProtocol$", `tcp|udp`, "-1"),
	// sign-in
	of("authenticationMode.type$", `iam`, "no-password-required", "password"),
	of("authenticationMode.type$", `no-password-required`, "password"),
	of("accessString$", `.*`, "on ~* &* +@all"),
	of("", `EMAIL|DNS`, "NONE"),
	// alarms and health
	of("treatMissingData$", `breaching|missing`, "notBreaching"),
	of("treatMissingData$", `notBreaching`),
	of("comparisonOperator$", `Less.*`, "GreaterThanThreshold"),
	of("comparisonOperator$", `Greater.*`, "LessThanThreshold"),
	of("(?i)stat(istic)?$", `Sum|Average|Maximum`, "Minimum"),
	of("(?i)stat(istic)?$", `Minimum`, "Maximum"),
	of("(?i)statistic$", `p9[0-9]`, "p1"),
	of("healthCheckType$", `ELB`, "EC2"),
	of("", `FIFTEEN_MINUTES|ONE_HOUR`, "SIX_HOURS"),
	of("", `LATEST_WITHIN_WINDOW`, "RANDOM_WITHIN_WINDOW"),
	of("(?i)expression$|schedule$", `cron\(.*\)`, "cron(0 0 1 1 ? *)"),
	// others
	of("", `cron\(.*\)`, "cron(0 0 1 1 ? *)"),
	of("", `rate\(.*\)`, "rate(365 days)"),
	of("", `at\(.*\)`, "at(2099-01-01T00:00:00)"),
	of("", `redirect|fixed-response`, "forward"),
	of("", `forward`, "fixed-response"),
	of("", `terminate`, "stop"),
	of("", `dedicated`, "default"),
	of("(?i)statusCode$|expectedCodes$|matcher$", `.*`, "200-499"),
	of("availabilityZone$", `.*`, "us-east-1a"),
	of("policyArns?(\\.|\\[|$)", `arn:aws:iam::aws:policy/.*`, "arn:aws:iam::aws:policy/AdministratorAccess"),
	of("(?i)gzip|userData", `.*`, "IyEvYmluL2Jhc2gK"),
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
