// Package naming gives cloud resources names that fit each service's limits
// and character rules, whatever the client is called, and that stay the same
// from run to run. Two different lists of parts never give the same name: where
// one has to be cut or altered, a checksum of the whole is put at its end.
//
// It knows services' rules and nothing of what is named.
package naming

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Rule is what one service asks of a name.
type Rule struct {
	Max     int    // most characters
	Allowed string // characters besides a-z and 0-9
	Upper   bool   // upper-case letters may stay
	Prefix  string // put before every name
}

// The rules, each as its service's documentation states it.
var (
	// Bucket: 3 to 63, lower case, digits, hyphens (dots would break TLS host names); global.
	Bucket = Rule{Max: 63, Allowed: "-"}
	// LoadBalancer and TargetGroup: 32, letters, digits, hyphens, not "internal-…".
	LoadBalancer = Rule{Max: 32, Allowed: "-", Upper: true}
	TargetGroup  = Rule{Max: 32, Allowed: "-", Upper: true}
	// DBInstance, DBCluster, subnet and parameter groups: 63, begin with a letter, no double hyphens.
	DBInstance = Rule{Max: 63, Allowed: "-"}
	DBGroup    = Rule{Max: 255, Allowed: "-"}
	// ReplicationGroup (ElastiCache): 40, begin with a letter, no double hyphens.
	ReplicationGroup = Rule{Max: 40, Allowed: "-"}
	// CacheUser (ElastiCache user and user group ids): 40.
	CacheUser = Rule{Max: 40, Allowed: "-"}
	// Role, InstanceProfile, User: 64; Policy, Group: 128.
	Role   = Rule{Max: 64, Allowed: "-_.", Upper: true}
	Policy = Rule{Max: 128, Allowed: "-_.", Upper: true}
	Group  = Rule{Max: 128, Allowed: "-_.", Upper: true}
	// ServiceRoleSuffix: what is left of a role's 64 after "AWSServiceRoleForAutoScaling_".
	ServiceRoleSuffix = Rule{Max: 35, Allowed: "-_.", Upper: true}
	// SecurityGroup: 255, not "sg-…".
	SecurityGroup = Rule{Max: 255, Allowed: "-_. ", Upper: true}
	// LaunchTemplate: 3 to 128.
	LaunchTemplate = Rule{Max: 128, Allowed: "-_.", Upper: true}
	// AutoScalingGroup: 255.
	AutoScalingGroup = Rule{Max: 255, Allowed: "-_.", Upper: true}
	// LogGroup and Parameter are paths.
	LogGroup  = Rule{Max: 512, Allowed: "-_./", Upper: true}
	Parameter = Rule{Max: 1011, Allowed: "-_./", Upper: true, Prefix: "/"}
	// Secret: 512; a name must not end in a hyphen and six characters, as its ARN does.
	Secret = Rule{Max: 500, Allowed: "-_./", Upper: true}
	// KeyAlias: 256 with its prefix; "aws/" is AWS's own.
	KeyAlias = Rule{Max: 250, Allowed: "-_/", Upper: true, Prefix: "alias/"}
	// Topic and Queue: 256 and 80.
	Topic = Rule{Max: 256, Allowed: "-_", Upper: true}
	Queue = Rule{Max: 80, Allowed: "-_", Upper: true}
	// Vault and BackupPlan: 2 to 50.
	Vault      = Rule{Max: 50, Allowed: "-_", Upper: true}
	BackupPlan = Rule{Max: 50, Allowed: "-_", Upper: true}
	// Alarm and Dashboard: 255.
	Alarm     = Rule{Max: 255, Allowed: "-_. ", Upper: true}
	Dashboard = Rule{Max: 255, Allowed: "-_", Upper: true}
	// EventRule and Schedule: 64.
	EventRule = Rule{Max: 64, Allowed: "-_.", Upper: true}
	Schedule  = Rule{Max: 64, Allowed: "-_.", Upper: true}
	// Document of Systems Manager: 3 to 128.
	Document = Rule{Max: 128, Allowed: "-_.", Upper: true}
	// WebACL and IPSet: 128.
	WebACL = Rule{Max: 128, Allowed: "-_", Upper: true}
	// WAFLogGroup: CloudWatch group for a web ACL; the prefix is the service's.
	WAFLogGroup = Rule{Max: 512, Allowed: "-_./", Upper: true, Prefix: "aws-waf-logs-"}
	// TrustStore: 32.
	TrustStore = Rule{Max: 32, Allowed: "-", Upper: true}
	// Trail: 3 to 128, no two of "-_." side by side.
	Trail = Rule{Max: 128, Allowed: "-", Upper: true}
	// Chatbot configuration: 128. Contact alias (SSM contacts): lower case, 255.
	Chatbot      = Rule{Max: 128, Allowed: "-_", Upper: true}
	ContactAlias = Rule{Max: 255, Allowed: "-_"}
	// Pool is an origin pool at Cloudflare: letters, digits, hyphens, underscores.
	Pool = Rule{Max: 64, Allowed: "-_", Upper: true}
	// Analyzer (IAM access analyzer): 255. AccountAlias: 3 to 63, lower case; the same for all accounts on earth.
	Analyzer     = Rule{Max: 255, Allowed: "-_.", Upper: true}
	AccountAlias = Rule{Max: 63, Allowed: "-"}
	// MetricFilter: 512, no colons or asterisks. ResponsePlan: 200.
	MetricFilter = Rule{Max: 512, Allowed: "-_./", Upper: true}
	ResponsePlan = Rule{Max: 200, Allowed: "-_", Upper: true}
	// Text is for tags and descriptions.
	Text = Rule{Max: 255, Allowed: "-_./ :", Upper: true}
)

const checksumLength = 7

// Join makes one name of parts, joined by hyphens, that keeps to the rule.
// Parts that fit are kept as they are; otherwise the name is cut and a checksum
// of all parts is added, so that it stays unique.
func (r Rule) Join(parts ...string) string { return r.join("-", parts) }

// Path does the same with slashes, for services whose names are paths.
func (r Rule) Path(parts ...string) string { return r.join("/", parts) }

func (r Rule) join(separator string, parts []string) string {
	whole := strings.Join(parts, separator)
	name := strings.Trim(strings.Map(r.char, whole), "-")
	for strings.Contains(name, "--") {
		name = strings.ReplaceAll(name, "--", "-")
	}
	if name == "" || (name[0] >= '0' && name[0] <= '9') {
		name = "n" + name
	}
	room := r.Max - len(r.Prefix)
	if name == whole && len(name) <= room {
		return r.Prefix + name
	}
	sum := sha256.Sum256([]byte(whole))
	if keep := room - checksumLength - 1; len(name) > keep {
		name = name[:keep]
	}
	return r.Prefix + strings.TrimRight(name, "-./_ ") + "-" + hex.EncodeToString(sum[:])[:checksumLength]
}

func (r Rule) char(c rune) rune {
	switch {
	case c >= 'a' && c <= 'z', c >= '0' && c <= '9', strings.ContainsRune(r.Allowed, c):
		return c
	case c >= 'A' && c <= 'Z':
		if r.Upper {
			return c
		}
		return c + ('a' - 'A')
	default:
		return '-'
	}
}
