package naming_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/berth-iac/berth/components/naming"
)

// Patterns are what the services' documentation says of names.
var patterns = map[string]struct {
	rule  naming.Rule
	match string
}{
	"bucket":            {naming.Bucket, `^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`},
	"load balancer":     {naming.LoadBalancer, `^[a-zA-Z0-9][a-zA-Z0-9-]{0,30}[a-zA-Z0-9]$`},
	"target group":      {naming.TargetGroup, `^[a-zA-Z0-9][a-zA-Z0-9-]{0,30}[a-zA-Z0-9]$`},
	"database":          {naming.DBInstance, `^[a-z](-?[a-z0-9]){0,62}$`},
	"replication group": {naming.ReplicationGroup, `^[a-z](-?[a-z0-9]){0,39}$`},
	"cache user":        {naming.CacheUser, `^[a-z](-?[a-z0-9]){0,39}$`},
	"role":              {naming.Role, `^[\w+=,.@-]{1,64}$`},
	"vault":             {naming.Vault, `^[a-zA-Z0-9_-]{2,50}$`},
	"queue":             {naming.Queue, `^[a-zA-Z0-9_-]{1,80}$`},
	"event rule":        {naming.EventRule, `^[.\-_A-Za-z0-9]{1,64}$`},
	"schedule":          {naming.Schedule, `^[.\-_A-Za-z0-9]{1,64}$`},
	"key alias":         {naming.KeyAlias, `^alias/[a-zA-Z0-9/_-]{1,250}$`},
	"trail":             {naming.Trail, `^[a-zA-Z0-9](-?[a-zA-Z0-9])*$`},
	"WAF log group":     {naming.WAFLogGroup, `^aws-waf-logs-[a-zA-Z0-9_/.-]+$`},
}

var clients = []string{"a", "acme", "acme-production", strings.Repeat("x", 24), "9lives", "Ümlaut & Söhne", "", "--", "a--b", "UPPER Case", strings.Repeat("very-", 80)}

func TestJoinKeepsToEveryRuleWhateverTheClient(t *testing.T) {
	for what, p := range patterns {
		match := regexp.MustCompile(p.match)
		for _, client := range clients {
			name := p.rule.Join(client, "development", "internal-load-balancer-access-logs")
			if len(name) > p.rule.Max || !match.MatchString(name) {
				t.Errorf("%s of client %q: %q (%d characters) breaks %s", what, client, name, len(name), p.match)
			}
		}
	}
}

func TestJoinKeepsWhatFits(t *testing.T) {
	if got := naming.Bucket.Join("berth", "acme", "production", "backup"); got != "berth-acme-production-backup" {
		t.Errorf("got %q, want the parts as they are", got)
	}
	if got := naming.KeyAlias.Path("berth", "acme"); got != "alias/berth/acme" {
		t.Errorf("got %q", got)
	}
}

func TestJoinNeverConfusesTwoNames(t *testing.T) {
	seen := map[string]string{}
	for _, parts := range [][]string{
		{strings.Repeat("a", 30), "logs"}, {strings.Repeat("a", 30), "lags"}, {strings.Repeat("a", 31), "logs"},
		{"Acme", "x"}, {"acme", "x"}, {"ac.me", "x"}, {"ac me", "x"}, {"ac-me", "x"},
	} {
		name := naming.TargetGroup.Join(parts...)
		lower := naming.ReplicationGroup.Join(parts...)
		for _, n := range []string{"target " + name, "cache " + lower} {
			if other, taken := seen[n]; taken {
				t.Errorf("%v and %s share the name %q", parts, other, n)
			}
			seen[n] = strings.Join(parts, "|")
		}
	}
}

func FuzzJoin(f *testing.F) {
	for _, client := range clients {
		f.Add(client, "backup")
	}
	f.Fuzz(func(t *testing.T, client, part string) {
		for what, p := range patterns {
			if name := p.rule.Join(client, part, "x"); len(name) > p.rule.Max || !regexp.MustCompile(p.match).MatchString(name) {
				t.Errorf("%s of %q, %q: %q breaks %s", what, client, part, name, p.match)
			}
		}
	})
}
