package command_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/cmd/berth/command"
	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/live"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

const verifyRole = "arn:aws:iam::123456789012:role/berth-verify"

// readable is a shell whose stack is up: a queue with a key, and the role that reads back. Reading back gives results.
func readable(t *testing.T, results ...live.Result) (_ *shell, roles *[]string) {
	t.Helper()
	stack := &fakeStack{}
	s := promised(t, stack, true)
	file, err := os.ReadFile(filepath.Join(s.root, "Pulumi.prod.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(file), "berth:spec:\n")
	stack.update = &engine.Update{Version: 3, At: s.env.Now().Add(-time.Hour), Config: map[string]string{"berth:spec": text}}
	provider := "urn:pulumi:prod::berth::pulumi:providers:aws::aws::0b2d3c3e-8e4e-4b0e-9e57-5d4f8f2f6d0f"
	add := func(token, name string, outputs map[string]any) {
		urn := resource.URN("urn:pulumi:prod::berth::" + token + "::" + name)
		stack.exist = append(stack.exist, apitype.ResourceV3{URN: urn, Custom: true, ID: resource.ID(name), Inputs: outputs, Outputs: outputs, Provider: provider})
	}
	stack.exist = append(stack.exist, apitype.ResourceV3{URN: "urn:pulumi:prod::berth::pulumi:providers:aws::aws", Type: "pulumi:providers:aws", Custom: true,
		ID: "0b2d3c3e-8e4e-4b0e-9e57-5d4f8f2f6d0f", Inputs: map[string]any{"region": "eu-west-2"}})
	add("aws:sqs/queue:Queue", "mail", map[string]any{"kmsMasterKeyId": "key"})
	add("aws:iam/role:Role", "berth-verify", map[string]any{"name": "berth-verify"})
	stack.exist[len(stack.exist)-1].Outputs = map[string]any{"name": "berth-verify", "arn": verifyRole}
	for i := range stack.exist {
		stack.exist[i].Type = stack.exist[i].URN.Type()
	}
	roles = &[]string{}
	s.env.ReadBack = func(_ context.Context, subject promises.Subject, role string, done func(live.Result)) (*live.Reading, error) {
		*roles = append(*roles, role)
		for i := range results {
			results[i].At = subject.Now
			done(results[i])
		}
		return &live.Reading{Account: "123456789012", Caller: "arn:aws:sts::123456789012:assumed-role/berth-verify/berth-verify-prod", Results: results}, nil
	}
	return s, roles
}

func looked(holds bool) live.Result {
	f := promises.Finding{Resource: "mail", Type: "aws:sqs/queue:Queue", Property: "kmsMasterKeyId", Found: "key", Expected: "a key", Holds: holds}
	verdict := promises.Kept
	if !holds {
		verdict, f.Found, f.Fix = promises.Broken, "absent", "name a key"
	}
	return live.Result{ID: "DP-4", Verdict: verdict, Findings: []promises.Finding{f}}
}

func TestVerifyRaisesThePromiseToLive(t *testing.T) {
	s, roles := readable(t, looked(true))
	s.want(t, 0, s.run(t, "verify", "prod", "--strict"))
	s.says(t, "by live, valid until 2026-11-08")
	if len(*roles) != 1 || (*roles)[0] != verifyRole {
		t.Errorf("signed in as %v, want the stack's own role", *roles)
	}
	text, err := os.ReadFile(filepath.Join(s.root, ".berth", "evidence", "prod", "evidence.json"))
	if err != nil || !strings.Contains(string(text), "from account 123456789012 as arn:aws:sts::123456789012:assumed-role/berth-verify/berth-verify-prod") {
		t.Errorf("the evidence does not say who looked: %v", err)
	}

	// The evidence of the days after takes the look over, with its date; after a week it counts for nothing.
	began := s.env.Now()
	s.env.Now = func() time.Time { return began.AddDate(0, 0, 3) }
	s.want(t, 0, s.run(t, "evidence", "prod"))
	s.says(t, "by live, valid until 2026-11-08")
	s.env.Now = func() time.Time { return began.AddDate(0, 0, 8) }
	s.want(t, 0, s.run(t, "evidence", "prod"))
	s.says(t, "by design, valid until 2026-12-10")
}

func TestVerifySignsInAsItIsTold(t *testing.T) {
	s, roles := readable(t, looked(true))
	s.want(t, 0, s.run(t, "verify", "prod", "--role", "none"))
	s.want(t, 0, s.run(t, "verify", "prod", "--role", "arn:aws:iam::123456789012:role/auditor"))
	if got := strings.Join(*roles, " "); got != " arn:aws:iam::123456789012:role/auditor" {
		t.Errorf("signed in as %q", got)
	}
	s.want(t, command.ExitUsage, s.run(t, "verify", "prod", "--role", "auditor"))
	s.says(t, "arn:aws:iam::123456789012:role/berth-verify")
	s.want(t, command.ExitUsage, s.run(t, "verify"))
	s.want(t, command.ExitUsage, s.run(t, "verify", "prod", "--local"))
}

func TestVerifyFindsWhatTheGraphDoesNotShow(t *testing.T) {
	s, _ := readable(t, looked(false))
	s.want(t, 0, s.run(t, "verify", "prod"))
	s.says(t, "mail: found absent; expected a key")
	s.says(t, "1 broken")
	s.want(t, command.ExitPromise, s.run(t, "verify", "prod", "--strict"))
}

func TestVerifyNamesWhatItCouldNotRead(t *testing.T) {
	s, _ := readable(t, live.Result{ID: "DP-4", Verdict: promises.NotShown, Why: "could not be read back: access denied"})
	s.want(t, 0, s.run(t, "verify", "prod"))
	s.says(t, "DP-4 is not shown live: could not be read back: access denied")
	s.says(t, "by design")

	s.env.ReadBack = func(context.Context, promises.Subject, string, func(live.Result)) (*live.Reading, error) {
		return nil, &live.WrongAccountError{Stack: "prod", Want: "123456789012", Got: "999988887777", Caller: "arn:aws:iam::999988887777:user/eve"}
	}
	s.want(t, command.ExitFailure, s.run(t, "verify", "prod"))
	s.says(t, "lead to account 999988887777")
	s.env.ReadBack = func(context.Context, promises.Subject, string, func(live.Result)) (*live.Reading, error) {
		return nil, errors.New("no credentials")
	}
	s.want(t, command.ExitFailure, s.run(t, "verify", "prod"))
}

func TestVerifyNeedsSomethingThatRuns(t *testing.T) {
	s := promised(t, &fakeStack{}, true)
	s.want(t, command.ExitFailure, s.run(t, "verify", "prod"))
	s.says(t, "berth up prod")
}

// Whoever can write the folder cannot make live proofs up.
func TestEvidenceTakesNothingOverFromOthers(t *testing.T) {
	s, _ := readable(t, looked(true))
	s.want(t, 0, s.run(t, "verify", "prod"))
	folder := filepath.Join(s.root, ".berth", "evidence", "prod")
	file := filepath.Join(folder, "evidence.json")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), "2026-11-08", "2027-11-08", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	s.want(t, 0, s.run(t, "evidence", "prod"))
	s.says(t, "is not taken over")
	s.says(t, "by design")

	s.want(t, 0, s.run(t, "verify", "prod"))
	if err := os.Remove(file + ".sig"); err != nil {
		t.Fatal(err)
	}
	s.want(t, 0, s.run(t, "evidence", "prod"))
	s.says(t, "is not taken over")

	other := filepath.Join(t.TempDir(), "other.key")
	s.want(t, 0, s.run(t, "evidence", "keygen", "--key", other))
	s.want(t, 0, s.run(t, "verify", "prod", "--key", other))
	s.want(t, 0, s.run(t, "evidence", "prod"))
	s.says(t, "is not taken over")
}
