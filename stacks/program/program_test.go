package program_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/stacks/program"
	"gopkg.in/yaml.v3"
)

func now() time.Time { return time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC) }

// config is the configuration of a reference stack, with its spec changed by edit.
func config(t *testing.T, stack string, edit func(spec map[string]any)) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../Pulumi." + stack + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Config map[string]yaml.Node }
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	var described any = file.Config["berth:spec"] // the node itself keeps dates as they are written
	if edit != nil {
		node, changed := file.Config["berth:spec"], map[string]any{}
		if err := node.Decode(&changed); err != nil {
			t.Fatal(err)
		}
		edit(changed)
		described = changed
	}
	out, err := yaml.Marshal(described)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"berth:spec": string(out)}
}

// encrypted are the keys of a reference stack's file whose values are encrypted.
func encrypted(t *testing.T, stack string) []string {
	t.Helper()
	text, err := os.ReadFile("../../Pulumi." + stack + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Config map[string]map[string]any }
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for key, value := range file.Config {
		if value["secure"] != nil {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

func run(t *testing.T, config map[string]string) ([]graph.Registration, error) {
	t.Helper()
	return graph.Register(t.Context(), program.At(now), graph.Recording{Project: "berth", Stack: "test", Config: config})
}

// least is how many registrations a reference stack has at least.
var least = map[string]int{"prod": 200, "organisation": 200, "sites": 7, "sites-hetzner": 27, "globex": 26, "initech": 3, "hooli": 33}

func waive(spec map[string]any, promise, resource string) {
	spec["waivers"] = []any{map[string]any{"promise": promise, "resource": resource, "reason": "agreed with the client",
		"owner": "ada.lindqvist@northwind.example", "expires": "2027-01-31"}}
}

// oneZone leaves the database without a standby.
func oneZone(spec map[string]any) { spec["database"].(map[string]any)["multiAz"] = false }

func TestReferenceStacksGoUp(t *testing.T) {
	for stack, fewest := range least {
		how := graph.Recording{Project: "berth", Stack: stack, Config: config(t, stack, nil), Secrets: encrypted(t, stack)}
		for _, key := range how.Secrets {
			how.Config[key] = "stand-in for " + key
		}
		registered, err := graph.Register(t.Context(), program.At(now), how)
		if err != nil {
			t.Errorf("%s: %v", stack, err)
		}
		if len(registered) < fewest {
			t.Errorf("%s: %d registrations, want all %d of the stack", stack, len(registered), fewest)
		}
	}
}

// A secret that no bundle asks for would be one more to keep and to renew.
func TestReferenceFilesHoldNoSecretTooMany(t *testing.T) {
	for stack := range least {
		for _, key := range encrypted(t, stack) {
			how := graph.Recording{Project: "berth", Stack: stack, Config: config(t, stack, nil)}
			for _, other := range encrypted(t, stack) {
				if other != key {
					how.Config[other], how.Secrets = "stand-in", append(how.Secrets, other)
				}
			}
			if _, err := graph.Register(t.Context(), program.At(now), how); err == nil || !strings.Contains(err.Error(), "pulumi config set --secret "+key) {
				t.Errorf("%s comes up without %s: err = %v", stack, key, err)
			}
		}
	}
}

// Machines need secrets. Where one is missing, the program names all that are, and registers nothing.
func TestMissingSecretsRegisterNoMachine(t *testing.T) {
	registered, err := run(t, config(t, "sites", nil))
	for _, name := range []string{"backup-access-key", "backup-passphrase", "backup-secret-key"} {
		if want := "pulumi config set --secret berth:" + name; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v, want %q", err, want)
		}
	}
	for _, r := range registered {
		if r.Type == "machine:index:Bundle" {
			t.Errorf("%s was registered", r.Name)
		}
	}
}

func TestBrokenPromiseRegistersNothing(t *testing.T) {
	registered, err := run(t, config(t, "prod", func(spec map[string]any) {
		oneZone(spec)
		waive(spec, "AV-3", "another-resource")
	}))
	var refusal *promises.Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("err = %v, want a refusal", err)
	}
	if !slices.ContainsFunc(refusal.Broken, func(r promises.Result) bool { return r.ID == "AV-3" }) {
		t.Errorf("the refusal is about %v, want AV-3", refusal.Broken)
	}
	for _, r := range registered {
		if r.Type != "pulumi:pulumi:Stack" {
			t.Errorf("%s %s was registered", r.Type, r.Name)
		}
	}
}

func TestWaivers(t *testing.T) {
	for name, tc := range map[string]struct{ promise, resource, wantErr string }{
		"for the resource that deviates": {"AV-3", "database-instance", ""},
		"for no promise":                 {"AV-33", "database-instance", `"AV-33" is no promise or control`},
		"for a promise in other letters": {"Av-3", "database-instance", "did you mean AV-3?"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := run(t, config(t, "prod", func(spec map[string]any) {
				if tc.wantErr == "" {
					oneZone(spec)
				}
				waive(spec, tc.promise, tc.resource)
			}))
			switch {
			case tc.wantErr == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tc.wantErr != "" && (err == nil || !strings.Contains(err.Error(), tc.wantErr)):
				t.Errorf("err = %v, want %q", err, tc.wantErr)
			}
		})
	}
}

// Which account a client has is no reason to refuse it.
func TestEveryAccountIsJudgedAlike(t *testing.T) {
	_, err := run(t, config(t, "prod", func(spec map[string]any) {
		spec["aws"].(map[string]any)["account"] = "300051075197"
	}))
	if err != nil {
		t.Errorf("refused: %v", err)
	}
}
