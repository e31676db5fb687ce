package command_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/cmd/berth/command"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// paired is a shell in whose folder a client stands on a pair of sites. One promise is shown by the pair alone.
func paired(t *testing.T, edit map[string]func(string) string) *shell {
	t.Helper()
	s := newShell(t, &fakeStack{})
	for _, name := range []string{"Pulumi.sites.yaml", "Pulumi.globex.yaml"} {
		text, err := os.ReadFile(filepath.Join(repository, name))
		if err != nil {
			t.Fatal(err)
		}
		if edit[name] != nil {
			text = []byte(edit[name](string(text)))
		}
		if len(text) == 0 {
			continue
		}
		if err := os.WriteFile(filepath.Join(s.root, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.env.Promises = []promises.Promise{{
		ID: "BK-1", Title: "Full backup every day", Sentence: "A backup is made every day.", Keywords: []string{"backup"},
		Duties: map[promises.Hosting]promises.Duty{promises.OnSites: promises.Ours},
		Proofs: []promises.Proof{{Level: promises.Design, How: "the timer is read"}},
		Checks: map[promises.Hosting]promises.Check{promises.OnSites: func(s promises.Subject, r *promises.Report) {
			for _, host := range s.Graph.OfType("machine:index:Bundle") {
				r.Note(host, true, "files[berth-backup.timer]", "daily", "a backup every day", "")
			}
		}},
	}}
	s.env.Assess = func(_ context.Context, stack string, read *spec.Spec, now time.Time) (*command.Judged, error) {
		typeToken := "cloudflare:index/record:Record"
		if read.Sites != nil {
			typeToken = "machine:index:Bundle"
		}
		g := graph.New([]*graph.Resource{{Type: typeToken, Name: "one", URN: "urn:pulumi:" + stack + "::berth::" + typeToken + "::one"}})
		a, err := promises.Assess(promises.Subject{Stack: stack, Spec: read, Graph: g, Now: now}, s.env.Promises, nil)
		return &command.Judged{Graph: g, Assessment: a}, err
	}
	return s
}

// What the pair's stack shows belongs to the evidence of a client on it.
func TestClientTakesOverFromItsPair(t *testing.T) {
	s := paired(t, nil)
	s.want(t, 0, s.run(t, "explain", "BK-1", "--stack", "globex"))
	for _, want := range []string{"KEPT", "sites: one", "and that of Pulumi.sites.yaml"} {
		s.says(t, want)
	}
	out := t.TempDir()
	s.want(t, 0, s.run(t, "evidence", "globex", "--local", "--out", out))
	s.says(t, "1 kept")
	text, err := os.ReadFile(filepath.Join(out, "evidence.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"and that of stack sites", `"sites: one"`, `"role": "standby"`, `"kind": "siteclient"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the evidence does not say %s", want)
		}
	}
}

func TestWithoutThePairsFile(t *testing.T) {
	s := paired(t, map[string]func(string) string{"Pulumi.sites.yaml": func(string) string { return "" }})
	s.want(t, 0, s.run(t, "evidence", "globex", "--local", "--out", t.TempDir()))
	s.says(t, "no file here describes the pair of sites southern")
}

func TestFilesThatDisagree(t *testing.T) {
	s := paired(t, map[string]func(string) string{"Pulumi.sites.yaml": func(text string) string { return strings.Replace(text, "198.51.100.10", "198.51.100.77", 1) }})
	for _, verb := range [][]string{{"evidence", "globex", "--local", "--out", t.TempDir()}, {"explain", "BK-1", "--stack", "globex"}} {
		s.want(t, command.ExitFailure, s.run(t, verb...))
		s.says(t, `Pulumi.globex.yaml: berth:spec.pair.home.machine.address is "198.51.100.10"`)
		s.says(t, `Pulumi.sites.yaml: berth:spec.sites[0].machine.address is "198.51.100.77"`)
	}
}

// Machines are not read back yet: verify says so, and what there is instead.
func TestVerifyOfAKindThatIsNotReadBack(t *testing.T) {
	s := paired(t, nil)
	s.want(t, command.ExitUsage, s.run(t, "verify", "sites"))
	s.says(t, "machines and Lightsail are not read back yet")
	s.says(t, "berth evidence sites")
}
