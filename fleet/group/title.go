package group

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/fleet"
)

// verbs say what happens to a resource.
var verbs = map[engine.Op]string{
	engine.OpCreate: "is created", engine.OpUpdate: "is updated", engine.OpReplace: "is replaced", engine.OpDelete: "is deleted",
	engine.OpImport: "is taken over", engine.OpForget: "is forgotten and left in the cloud",
}

// maxNamed is how many properties a title names.
const maxNamed = 4

func title(g fleet.Group) string {
	verb := cmp.Or(verbs[g.Op], string(g.Op))
	if g.Op == engine.OpUpdate && strings.HasSuffix(g.Type, ":LaunchTemplate") {
		verb = "gets a new version"
	}
	text := Noun(g.Type) + " " + g.Name + " " + verb
	var named []string
	for _, d := range g.Diffs {
		name := d.Property
		if a, b, ok := short(d); ok && len(g.Diffs) <= 2 {
			name += " " + a + " → " + b
		}
		if g.Op != engine.OpReplace || d.Replaces || len(g.Replaces) == 0 {
			named = append(named, name)
		}
	}
	if len(named) == 0 {
		named = slices.Clone(g.Replaces)
	}
	if len(named) > 0 {
		more := ""
		if len(named) > maxNamed {
			more = fmt.Sprintf(" and %d more", len(named)-maxNamed)
			named = named[:maxNamed]
		}
		text += ": " + strings.Join(named, ", ") + more
	}
	return text
}

// short are values that fit into a title.
func short(d engine.Diff) (string, string, bool) {
	a, okA := word(d.Old)
	b, okB := word(d.New)
	return a, b, okA && okB
}

func word(v any) (string, bool) {
	switch value := v.(type) {
	case string:
		return value, value != "" && len(value) <= 32 && !strings.ContainsAny(value, "\n\t")
	case bool, float64, int, int64:
		text, err := json.Marshal(value)
		return string(text), err == nil
	}
	return "", false
}

// Noun is a type token in words: "aws:rds/parameterGroup:ParameterGroup" is "RDS parameter group".
func Noun(token string) string {
	parts := strings.Split(token, ":")
	if len(parts) != 3 {
		return token
	}
	words := split(strings.TrimSuffix(strings.TrimSuffix(parts[2], "V2"), "V3"))
	if parts[1] == "providers" {
		return "provider of " + parts[2]
	}
	module, _, _ := strings.Cut(parts[1], "/")
	name := modules[module]
	switch {
	case parts[0] != "aws" && parts[0] != "berth" && parts[0] != "pulumi":
		name = parts[0]
	case module == "ec2":
		name = map[string]string{"Instance": "EC2"}[parts[2]] // the others speak for themselves
	case name == "" && len(words) == 1 && module != "index" && module != words[0]:
		name = module
	}
	if name != "" && !strings.EqualFold(name, words[0]) {
		words = append([]string{name}, words...)
	}
	return strings.Join(words, " ")
}

// modules are written before what they hold: a parameter group alone could be anybody's.
var modules = map[string]string{"rds": "RDS", "docdb": "DocumentDB", "elasticache": "ElastiCache", "s3": "S3", "kms": "KMS", "sns": "SNS",
	"sqs": "SQS", "ssm": "SSM", "iam": "IAM", "ecr": "ECR", "efs": "EFS", "backup": "backup", "lightsail": "Lightsail", "cloudtrail": "CloudTrail",
	"wafv2": "WAF", "cloudwatch": "CloudWatch", "lambda": "Lambda", "lb": "load balancer", "guardduty": "GuardDuty", "route53": "Route 53"}

// acronyms are written in capitals, however the token has them.
var acronyms = map[string]bool{"Vpc": true, "Acl": true, "Eip": true, "Dns": true, "Ssh": true, "Nat": true}

// split takes a name of words apart: "ParameterGroup" is "parameter group", "WebAcl" is "web ACL", "IPSet" is "IP set".
func split(name string) []string {
	var words []string
	runes := []rune(name)
	start := 0
	for i := 1; i <= len(runes); i++ {
		if i < len(runes) && !begins(runes, i) {
			continue
		}
		word := string(runes[start:i])
		if acronyms[word] {
			word = strings.ToUpper(word)
		}
		if len(word) < 2 || word != strings.ToUpper(word) {
			word = strings.ToLower(word)
		}
		words = append(words, word)
		start = i
	}
	return words
}

// begins tells that a word begins at i: a capital after a small letter, or the last of several capitals.
func begins(name []rune, i int) bool {
	return unicode.IsUpper(name[i]) && (!unicode.IsUpper(name[i-1]) || i+1 < len(name) && unicode.IsLower(name[i+1]))
}
