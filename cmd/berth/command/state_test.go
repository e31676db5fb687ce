package command_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-iac/berth/cmd/berth/command"
	"github.com/berth-iac/berth/engine/redact"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

func (s *fakeStack) Export(_ context.Context, key []byte) (*redact.Export, error) {
	return redact.Make(redact.Input{Project: "berth", Stack: s.options.Stack, State: s.state, Key: key,
		Config: map[string]redact.Configured{"berth:key": {Ciphertext: "v1:a", Value: "a-secret-value"}}})
}

func stateful() *fakeStack {
	return &fakeStack{state: apitype.UntypedDeployment{Version: 3, Deployment: json.RawMessage(
		`{"resources":[{"urn":"urn:a","type":"aws:x:Y","outputs":{"leak":"a-secret-value"}}]}`)}}
}

func TestStateExport(t *testing.T) {
	s := newShell(t, stateful())
	if code := s.run(t, "state", "export", "prod", "--redacted"); code != command.ExitOK {
		t.Fatalf("exit code %d\n%s", code, s.err.String())
	}
	export, err := redact.Parse("output", s.out.Bytes(), "prod")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(s.out.String(), "a-secret-value") || export.Comparable {
		t.Errorf("the export is %s", s.out.String())
	}
	key := filepath.Join(s.root, "fingerprint.key")
	if err := os.WriteFile(key, []byte(strings.Repeat("k", 32)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(s.root, "exported")
	if code := s.run(t, "state", "export", "--all", "--redacted", "--out", folder, "--parallel", "1", "--fingerprint-key", key); code != command.ExitOK {
		t.Fatalf("exit code %d\n%s", code, s.err.String())
	}
	for _, stack := range []string{"prod", "organisation"} {
		loaded, err := redact.Load(folder, stack)
		if err != nil {
			t.Error(err)
		} else if loaded.New || !loaded.Comparable {
			t.Errorf("%s was exported as %+v", stack, loaded)
		}
	}
	plain := filepath.Join(s.root, "plain.json")
	if code := s.run(t, "state", "export", "prod", "--out", plain); code != command.ExitOK || !strings.Contains(s.err.String(), "holds secrets in plain text") {
		t.Errorf("exit code %d, said %q", code, s.err.String())
	}
	info, err := os.Stat(plain)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the state with its secrets is %v (%v)", info, err)
	}
}

func TestStateExportIsUsedRightly(t *testing.T) {
	s := newShell(t, stateful())
	short := filepath.Join(s.root, "short.key")
	if err := os.WriteFile(short, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"state export": "or --all",
		"state export prod organisation --redacted":                "or --all",
		"state export prod --all --redacted":                       "or --all",
		"state export --all --redacted":                            "name a folder",
		"state export prod":                                        "plain text",
		"state export prod --out x --fingerprint-key k":            "for --redacted",
		"state export prod --redacted --fingerprint-key " + short:  "openssl rand",
		"state export --all --redacted --out x --parallel 0":       "--parallel",
		"preview prod --from exported --local":                     "leave --local",
		"preview prod --from exported --seed 3":                    "--seed",
		"state export prod --redacted --fingerprint-key no-such-k": "",
	} {
		code := s.run(t, strings.Fields(line)...)
		if want == "" {
			if code != command.ExitFailure {
				t.Errorf("%s: exit code %d", line, code)
			}
			continue
		}
		if code != command.ExitUsage || !strings.Contains(s.err.String(), want) {
			t.Errorf("%s: exit code %d, said %q, want %q", line, code, s.err.String(), want)
		}
	}
	if code := s.run(t, "state", "export", "prod", "--redacted", "--local"); code != command.ExitFailure || !strings.Contains(s.err.String(), "berth up prod --local") {
		t.Errorf("a stack without local state: exit code %d, said %q", code, s.err.String())
	}
}

func TestPreviewFromAnExport(t *testing.T) {
	s := newShell(t, &fakeStack{preview: change()})
	if code := s.run(t, "preview", "prod", "--from", filepath.Join(s.root, "none")); code != command.ExitFailure || !strings.Contains(s.err.String(), "berth state export --all --redacted") {
		t.Errorf("no folder: exit code %d, said %q", code, s.err.String())
	}
	if err := os.Mkdir(filepath.Join(s.root, "exported"), 0o700); err != nil {
		t.Fatal(err)
	}
	_ = s.run(t, "preview", "prod", "--from", filepath.Join(s.root, "exported"))
	if from := s.stack.options.From; from == nil || !from.New || !s.stack.options.Local || !s.shed {
		t.Errorf("opened with %+v; credentials were shed: %v", s.stack.options.From, s.shed)
	}
}
