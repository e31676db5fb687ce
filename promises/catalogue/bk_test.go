package catalogue

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// The reference client leaves the section backup out but for its second region: its parameters are the defaults.
func TestBackupDefaultsAreTheSpecs(t *testing.T) {
	text, err := os.ReadFile("../../Pulumi.prod.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s, err := spec.DecodeFile("Pulumi.prod.yaml", text, spec.Options{Now: time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	want := defaultBackup()
	want.SecondRegion, want.CopiesAbroad = s.AWSClient.Backup.SecondRegion, s.AWSClient.Backup.CopiesAbroad
	if s.AWSClient.Backup != want {
		t.Errorf("the spec's defaults are %+v, those of the catalogue %+v", s.AWSClient.Backup, want)
	}
	if got := s.AWSClient.Database.PointInTimeDays; got != windowDays(nil) {
		t.Errorf("the spec's window is %d days, that of the catalogue %d", got, windowDays(nil))
	}
}

func TestEveryWeek(t *testing.T) {
	for expression, want := range map[string]bool{
		"cron(0 5 ? * MON *)":     true,
		"cron(0 5 ? * MON-FRI *)": true,
		"cron(0 0 * * ? *)":       true,
		"cron(0 5 1 * ? *)":       false, // once a month
		"cron(0 5 ? * MON#1 *)":   false,
		"cron(0 5 ? * 2L *)":      false,
		"cron(0 5 ? 1 MON *)":     false, // in January
		"cron(0 5 ? * MON 2027)":  false,
		"cron(0 5 ? * MON *":      false,
		"rate(7 days)":            false,
		"":                        false,
	} {
		if got := everyWeek(expression); got != want {
			t.Errorf("everyWeek(%q) = %v", expression, got)
		}
	}
}

// An event rule that asks for more than is known here may let events through that nobody hears of.
func TestEventPatterns(t *testing.T) {
	badly := []string{"ABORTED", "FAILED"}
	for name, tc := range map[string]struct {
		pattern     string
		known, ends bool
	}{
		"both names":     {`{"source":["aws.backup"],"$or":[{"detail":{"state":["ABORTED","FAILED"]}},{"detail":{"status":["FAILED","ABORTED"]}}]}`, true, true},
		"one name":       {`{"source":["aws.backup"],"detail":{"state":["ABORTED","FAILED"]}}`, true, false},
		"both at once":   {`{"source":["aws.backup"],"detail":{"state":["ABORTED","FAILED"],"status":["ABORTED","FAILED"]}}`, true, false},
		"one state":      {`{"source":["aws.backup"],"$or":[{"detail":{"state":["FAILED"]}},{"detail":{"status":["FAILED","ABORTED"]}}]}`, true, false},
		"one vault":      {`{"source":["aws.backup"],"detail":{"state":["ABORTED","FAILED"],"backupVaultName":["other"]}}`, false, false},
		"one resource":   {`{"source":["aws.backup"],"resources":["arn"]}`, false, false},
		"cannot be read": {`{`, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			pattern, known := backupPatternOf(&graph.Resource{Inputs: map[string]any{"eventPattern": tc.pattern}})
			if known != tc.known || known && pattern.ends(badly) != tc.ends {
				t.Errorf("known = %v, ends = %v", known, pattern.ends(badly))
			}
		})
	}
}

// client is a client in production in London, with copies in Dublin.
func client(edit func(*spec.AWSClient)) promises.Subject {
	c := &spec.AWSClient{Environment: spec.Production, AWS: spec.AWS{Account: "123456789012", Region: "eu-west-2"}, Backup: defaultBackup()}
	c.Backup.SecondRegion = "eu-west-1"
	edit(c)
	return promises.Subject{Stack: "small", Spec: &spec.Spec{Kind: spec.KindAWSClient, AWSClient: c}}
}

// vaultAlone is a stack with a vault, its lock and its policy.
func vaultAlone(lock map[string]any, policy string) *graph.Graph {
	const provider = "urn:pulumi:small::berth::pulumi:providers:aws::aws"
	lock["backupVaultName"], lock["minRetentionDays"] = "backup", 90.0
	one := func(typeToken, name string, inputs map[string]any) *graph.Resource {
		return &graph.Resource{Type: typeToken, Name: name, URN: "urn:pulumi:small::berth::" + typeToken + "::" + name, Provider: provider, ID: name,
			Inputs: inputs, Protect: true}
	}
	return graph.New([]*graph.Resource{
		{Type: "pulumi:providers:aws", Name: "aws", URN: provider, Inputs: map[string]any{"region": "eu-west-2"}},
		one(backupVaultType, "backup", map[string]any{"name": "backup"}),
		one("aws:backup/vaultLockConfiguration:VaultLockConfiguration", "lock", lock),
		one("aws:backup/vaultPolicy:VaultPolicy", "policy", map[string]any{"backupVaultName": "backup", "policy": policy}),
	})
}

// The locks and policies of clients who ask for compliance, and of those who leave, are none of the reference stacks'.
func TestVaultLocks(t *testing.T) {
	const (
		nobody  = `{"Statement":{"Effect":"Deny","Principal":"*","Resource":"*","Action":["backup:DeleteRecoveryPoint","backup:UpdateRecoveryPointLifecycle"]}}`
		admin   = `{"Statement":{"Effect":"Deny","Principal":"*","Resource":"*","Action":["backup:DeleteRecoveryPoint","backup:UpdateRecoveryPointLifecycle"],"Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::123456789012:role/berth-administrator"}}}}`
		anybody = `{"Statement":{"Effect":"Deny","Principal":"*","Resource":"*","Action":["backup:DeleteRecoveryPoint","backup:UpdateRecoveryPointLifecycle"],"Condition":{"ArnNotLike":{"aws:PrincipalArn":"*"}}}}`
		open    = `{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999999999999:root"},"Resource":"*","Action":"backup:CopyFromBackupVault"}}`
	)
	stays := func(*spec.AWSClient) {}
	leaves := func(c *spec.AWSClient) { c.Leaving = &spec.Leaving{Confirm: "acme"} }
	complies := func(c *spec.AWSClient) { c.Backup.Lock = compliance }
	grace := func() map[string]any { return map[string]any{"changeableForDays": 3.0} }
	for name, tc := range map[string]struct {
		edit                   func(*spec.AWSClient)
		lock                   map[string]any
		policy                 string
		locked, kept, outsider bool
	}{
		"governance":                 {stays, map[string]any{}, nobody, true, true, false},
		"compliance, asked for":      {complies, grace(), nobody, true, true, false},
		"compliance, not there":      {complies, map[string]any{}, nobody, false, true, false},
		"compliance, not asked for":  {stays, grace(), nobody, false, true, false},
		"leaving":                    {leaves, map[string]any{}, admin, true, true, false},
		"leaving, open to all":       {leaves, map[string]any{}, anybody, true, false, false},
		"administrator, not leaving": {stays, map[string]any{}, admin, true, false, false},
		"another account":            {stays, map[string]any{}, open, true, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := client(tc.edit)
			s.Graph = vaultAlone(tc.lock, tc.policy)
			var r promises.Report
			lockedVault(s, &r, &judgedKeys{}, s.Graph.OfType(backupVaultType)[0])
			for what, want := range map[string]bool{
				"lock": tc.locked, "everybody is refused to delete a backup or to shorten its life": tc.kept,
				"nobody is let in but principals of account 123456789012": !tc.outsider,
			} {
				findings := slices.DeleteFunc(slices.Clone(r.Findings()), func(f promises.Finding) bool {
					return f.Expected != what && (what != "lock" || f.Property != "changeableForDays")
				})
				if len(findings) != 1 || findings[0].Holds != want {
					t.Errorf("%s: %+v, want %v", what, findings, want)
				}
			}
		})
	}
}
