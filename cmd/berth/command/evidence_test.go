package command_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/cmd/berth/command"
	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// promised is a shell in which one promise and one control are judged on a queue that the program makes.
func promised(t *testing.T, stack *fakeStack, keyed bool) *shell {
	t.Helper()
	s := newShell(t, stack)
	s.env.Promises = []promises.Promise{{
		ID: "DP-4", Title: "Encrypted everywhere", Sentence: "Your data is encrypted.", Keywords: []string{"encryption", "encrypted", "data at rest"},
		Duties: map[promises.Hosting]promises.Duty{promises.OnAWS: promises.Ours, promises.Organisation: promises.Ours},
		Proofs: []promises.Proof{{Level: promises.Design, How: "every queue has a key"}, {Level: promises.Live, How: "keys are read back"}},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, q := range s.Graph.OfType("aws:sqs/queue:Queue") {
				r.Want(q, q.Has("kmsMasterKeyId"), "kmsMasterKeyId", "a key", "name a key")
			}
		},
	}}
	s.env.Controls = []promises.Control{{ID: "SQS.1", Title: "Queues are encrypted", Severity: "medium", References: []string{"AWS FSBP SQS.1"}, Check: s.env.Promises[0].Check}}
	s.env.Assess = func(_ context.Context, stack string, read *spec.Spec, now time.Time) (*command.Judged, error) {
		inputs := map[string]any{}
		if keyed {
			inputs["kmsMasterKeyId"] = "key"
		}
		g := graph.New([]*graph.Resource{{Type: "aws:sqs/queue:Queue", Name: "mail", URN: "urn:pulumi:prod::berth::aws:sqs/queue:Queue::mail", Inputs: inputs}})
		a, err := promises.Assess(promises.Subject{Stack: stack, Spec: read, Graph: g, Now: now}, s.env.Promises, s.env.Controls)
		return &command.Judged{Graph: g, Assessment: a}, err
	}
	return s
}

func TestExplain(t *testing.T) {
	s := promised(t, &fakeStack{}, true)
	s.want(t, 0, s.run(t, "explain", "dp-4", "--stack", "prod"))
	for _, want := range []string{"DP-4  Encrypted everywhere", "Your data is encrypted.", "KEPT", "mail.kmsMasterKeyId", "exists: every queue has a key", "to come: keys are read back"} {
		s.says(t, want)
	}
	s.want(t, 0, s.run(t, "explain", "SQS.1", "--output", "json"))
	var out struct{ Kind, Severity string }
	if err := json.Unmarshal(s.out.Bytes(), &out); err != nil || out.Kind != "control" || out.Severity != "medium" {
		t.Errorf("%+v, %v", out, err)
	}
	s.want(t, 0, s.run(t, "explain", "--list"))
	s.says(t, "Encrypted everywhere")
	s.want(t, command.ExitUsage, s.run(t, "explain", "DP-5"))
	s.says(t, "did you mean DP-4?")
	s.want(t, command.ExitUsage, s.run(t, "explain", "ZZZZ-99"))
	s.says(t, "berth explain --list")
}

func TestBrokenPromiseStopsPreviewAndUp(t *testing.T) {
	for _, verb := range [][]string{{"preview", "prod", "--local"}, {"up", "prod", "--local", "--yes"}} {
		stack := &fakeStack{preview: &engine.Result{}}
		s := promised(t, stack, false)
		s.want(t, command.ExitPromise, s.run(t, verb...))
		s.says(t, "DP-4 Encrypted everywhere")
		s.says(t, "to mend it: name a key")
		for _, asked := range stack.asked {
			if asked != "close" {
				t.Errorf("%v: the stack was asked for %s", verb, asked)
			}
		}
	}
}

func TestEvidenceIsWrittenSignedAndVerified(t *testing.T) {
	s := promised(t, &fakeStack{}, true)
	out := filepath.Join(t.TempDir(), "audit")
	s.want(t, 0, s.run(t, "evidence", "prod", "--local", "--out", out))
	s.says(t, "Nothing of this stack is deployed yet")
	s.says(t, "embedded cloud")
	file := filepath.Join(out, "evidence.json")
	s.want(t, 0, s.run(t, "evidence", "verify", file))
	s.says(t, "1 kept")
	s.want(t, 0, s.run(t, "evidence", "verify", file, "--output", "json", "--strict"))

	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, len(text) / 2, len(text) - 1} {
		changed := append([]byte{}, text...)
		changed[at] ^= 1
		if err := os.WriteFile(file, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		s.want(t, command.ExitFailure, s.run(t, "evidence", "verify", file))
		s.says(t, "tampered with")
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other.key")
	s.want(t, 0, s.run(t, "evidence", "keygen", "--key", other))
	s.want(t, command.ExitFailure, s.run(t, "evidence", "verify", file, "--public-key", strings.TrimSuffix(other, ".key")+".pub"))
	s.says(t, "wrong key")
	s.want(t, command.ExitFailure, s.run(t, "evidence", "keygen", "--key", other))
	s.says(t, "is not overwritten")

	later := s.env.Now().AddDate(0, 2, 0)
	s.env.Now = func() time.Time { return later }
	s.want(t, 0, s.run(t, "evidence", "verify", file))
	s.says(t, "stale")
	s.want(t, command.ExitPromise, s.run(t, "evidence", "verify", file, "--strict"))
}

func TestEvidenceOfABrokenPromise(t *testing.T) {
	s := promised(t, &fakeStack{}, false)
	s.want(t, 0, s.run(t, "evidence", "prod", "--local", "--out", t.TempDir()))
	s.says(t, "1 broken")
	s.want(t, command.ExitPromise, s.run(t, "evidence", "prod", "--local", "--strict", "--out", t.TempDir()))
}

func TestVerifyWithoutWhatItNeeds(t *testing.T) {
	s := promised(t, &fakeStack{}, true)
	s.want(t, command.ExitFailure, s.run(t, "evidence", "verify", filepath.Join(t.TempDir(), "none.json")))
	file := filepath.Join(t.TempDir(), "evidence.json")
	if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.want(t, command.ExitFailure, s.run(t, "evidence", "verify", file))
	s.says(t, "--signature")
	if err := os.WriteFile(file+".sig", []byte("no signature"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.want(t, command.ExitFailure, s.run(t, "evidence", "verify", file))
	s.says(t, "--public-key")
	s.want(t, command.ExitUsage, s.run(t, "evidence", "verify"))
}

func TestQuestionnaire(t *testing.T) {
	s := promised(t, &fakeStack{}, true)
	file := filepath.Join(t.TempDir(), "questions.csv")
	questions := "id,question\n1,Is our data encrypted at rest?\n2,Do you insure your office furniture?\n"
	if err := os.WriteFile(file, []byte(questions), 0o600); err != nil {
		t.Fatal(err)
	}
	s.want(t, 0, s.run(t, "questionnaire", "prod", file, "--local"))
	s.says(t, "DP-4")
	s.says(t, "left for a person")
	s.want(t, 0, s.run(t, "questionnaire", "prod", file, "--local", "--output", "json"))
	if !json.Valid(s.out.Bytes()) {
		t.Errorf("no JSON: %s", &s.out)
	}
	s.want(t, command.ExitUsage, s.run(t, "questionnaire", "prod", file, "--local", "--out", file))
	if text, err := os.ReadFile(file); err != nil || string(text) != questions {
		t.Errorf("the client's file was changed (%v)", err)
	}
	answered := filepath.Join(t.TempDir(), "answered.csv")
	s.want(t, 0, s.run(t, "questionnaire", "prod", file, "--local", "--out", answered))
	if text, err := os.ReadFile(answered); err != nil || !strings.Contains(string(text), "DP-4") {
		t.Errorf("%s (%v)", text, err)
	}
	s.want(t, command.ExitFailure, s.run(t, "questionnaire", "prod", filepath.Join(t.TempDir(), "none.csv"), "--local"))
	s.want(t, command.ExitUsage, s.run(t, "questionnaire", "prod"))
}
