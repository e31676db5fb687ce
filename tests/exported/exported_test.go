package exported_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/engine/cli"
	"github.com/berth-iac/berth/engine/redact"
	"github.com/berth-iac/berth/stacks/program"
	"gopkg.in/yaml.v3"
)

// today is the day on which the stacks' files are judged.
func today() time.Time { return time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC) }

const repository = "../.."

// rig is one reference stack that is up on the embedded cloud.
type rig struct {
	t           *testing.T
	root, stack string
	cli         string
}

func newRig(t *testing.T, stack string, edits ...engine.Edit) *rig {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = ""
	}
	path, err := cli.Find(t.Context(), os.Getenv("BERTH_PULUMI"), cache, os.Getenv("PATH"))
	if err != nil {
		t.Skipf("%s is skipped, run `make pulumi`: %v", t.Name(), err)
	}
	r := &rig{t, t.TempDir(), stack, path}
	for _, file := range []string{"Pulumi.yaml", "Pulumi." + stack + ".yaml"} {
		text, err := os.ReadFile(filepath.Join(repository, file))
		if err != nil {
			t.Fatal(err)
		}
		r.write(file, text)
	}
	o := r.options()
	o.Edits = edits
	r.with(o, func(s *engine.Stack) {
		if _, err := s.Up(t.Context(), engine.ChangeOptions{Reviewed: &engine.Result{}}); err != nil {
			t.Fatal(err)
		}
	})
	return r
}

func (r *rig) write(file string, text []byte) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.root, file), text, 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) options() engine.Options {
	return engine.Options{Root: r.root, Stack: r.stack, Program: program.At(today), CLI: r.cli, Env: os.Environ(), Local: true, Clock: today}
}

func (r *rig) with(o engine.Options, work func(*engine.Stack)) {
	r.t.Helper()
	s, err := engine.Open(r.t.Context(), o)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			r.t.Error(err)
		}
	}()
	work(s)
}

func (r *rig) preview(o engine.Options) *engine.Result {
	r.t.Helper()
	var result *engine.Result
	r.with(o, func(s *engine.Stack) {
		var err error
		if result, err = s.Preview(r.t.Context(), engine.RunOptions{}); err != nil {
			r.t.Fatal(err)
		}
	})
	return result
}

// export is the stack's state without secrets, as its file holds it, with the secrets that are not to be in it.
func (r *rig) export(key []byte, edits ...engine.Edit) (*redact.Export, []byte, []string) {
	r.t.Helper()
	var text []byte
	var secrets []string
	o := r.options()
	o.Edits = edits
	r.with(o, func(s *engine.Stack) {
		e, err := s.Export(r.t.Context(), key)
		if err != nil {
			r.t.Fatal(err)
		}
		if text, err = e.Write(); err != nil {
			r.t.Fatal(err)
		}
		secrets = r.secrets(s)
	})
	e, err := redact.Parse("export", text, r.stack)
	if err != nil {
		r.t.Fatal(err)
	}
	return e, text, secrets
}

// secrets are all that the stack's file and its state hold, but for what the state also has openly.
func (r *rig) secrets(s *engine.Stack) []string {
	r.t.Helper()
	configured, err := s.Secrets(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	var all []string
	for _, c := range configured {
		all = append(all, c.Value)
	}
	untyped, err := s.State(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	var state struct{ Resources []map[string]any }
	if err := json.Unmarshal(untyped.Deployment, &state); err != nil {
		r.t.Fatal(err)
	}
	open := map[string]bool{}
	var marked []string
	for _, resource := range state.Resources {
		walk(resource["inputs"], false, func(text string, secret bool) {
			if !secret {
				open[text] = true
			}
		})
	}
	for _, resource := range state.Resources {
		walk(resource, false, func(text string, secret bool) {
			if secret && !open[text] && !slices.Contains(marked, text) {
				marked = append(marked, text)
			}
		})
	}
	return append(all, marked...)
}

// walk visits every text in a value; secret tells that it is one, or lies in one.
func walk(v any, secret bool, visit func(text string, secret bool)) {
	switch v := v.(type) {
	case map[string]any:
		if plain, ok := v["plaintext"].(string); ok && v["4dabf18193072939515e22adb298388d"] != nil {
			var inner any
			if json.Unmarshal([]byte(plain), &inner) == nil {
				walk(inner, true, visit)
			}
			return
		}
		for key, field := range v {
			visit(key, false)
			walk(field, secret, visit)
		}
	case []any:
		for _, item := range v {
			walk(item, secret, visit)
		}
	case string:
		visit(v, secret)
	}
}

// same compares what two previews of the same change say.
func same(t *testing.T, with, without *engine.Result) {
	t.Helper()
	for name, pair := range map[string][2]any{
		"counts": {with.Counts, without.Counts}, "dangers": {with.Dangers, without.Dangers}, "changes": {with.Changes(), without.Changes()},
	} {
		a, b := text(t, pair[0]), text(t, pair[1])
		if a != b {
			t.Errorf("%s: with everything %s, from the export %s", name, a, b)
		}
	}
	others := map[string]engine.Step{}
	for _, step := range without.Steps {
		others[step.URN] = step
	}
	for _, step := range with.Steps {
		if a, b := text(t, step), text(t, others[step.URN]); a != b {
			t.Errorf("%s:\nwith everything %s\nfrom the export %s", step.URN, a, b)
		}
	}
	if len(with.Steps) != len(without.Steps) {
		t.Errorf("%d steps with everything, %d from the export", len(with.Steps), len(without.Steps))
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func set(path []string, value any) engine.Edit {
	return engine.Edit{Key: "berth:spec", Path: path, Value: value}
}

func TestAPreviewWithoutSecretsSaysTheSame(t *testing.T) {
	leaving := set([]string{"leaving"}, map[string]any{"confirm": "acme", "reason": "what is protected cannot be replaced"})
	mysql := set([]string{"database"}, map[string]any{"engine": "mysql", "version": "8.4", "instanceClass": "db.t4g.medium", "storageGiB": 100})
	requests := set([]string{"edge", "rateLimit", "requests"}, 601)
	for _, tc := range []struct {
		stack    string
		base     []engine.Edit // what is up already
		secret   string        // of the file; "" where it has none
		replaces []engine.Edit // what holds data
		updates  []engine.Edit
	}{
		{"prod", []engine.Edit{leaving}, "", []engine.Edit{mysql}, []engine.Edit{requests}},
		{"globex", nil, "berth:backup-key", nil, []engine.Edit{requests}},
		{"hooli", nil, "berth:application-key", nil, []engine.Edit{set([]string{"alerts", "emails"}, []string{"other@northwind.example"})}},
		{"initech", nil, "berth:application-key", nil, nil},
	} {
		t.Run(tc.stack, func(t *testing.T) {
			r := newRig(t, tc.stack, tc.base...)
			export, written, secrets := r.export(nil, tc.base...)
			holdsNone(t, written, secrets)
			from := func(edits ...engine.Edit) engine.Options {
				o := r.options()
				o.From, o.Edits, o.Env = export, append(slices.Clone(tc.base), edits...), []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
				return o
			}
			with := func(edits ...engine.Edit) engine.Options {
				o := r.options()
				o.Edits = append(slices.Clone(tc.base), edits...)
				return o
			}
			unchanged := r.preview(from())
			if n := unchanged.Changes(); n != 0 {
				t.Errorf("unchanged: %d changes, want none", n)
			}
			if said := strings.Join(unchanged.Notes, "\n"); !strings.Contains(said, "exported at 2026-11-21T20:00:00Z") || !strings.Contains(said, "embedded cloud's word") {
				t.Errorf("the notes do not say what was compared: %s", said)
			}
			same(t, r.preview(with()), unchanged)
			for _, edits := range [][]engine.Edit{tc.replaces, tc.updates} {
				if edits == nil {
					continue
				}
				full, without := r.preview(with(edits...)), r.preview(from(edits...))
				if full.Changes() == 0 {
					t.Errorf("%v changes nothing", edits)
				}
				same(t, full, without)
			}
			if tc.replaces != nil && len(r.preview(from(tc.replaces...)).Dangers) == 0 {
				t.Error("what is meant to be replaced with its data is not")
			}
			if tc.secret != "" {
				r.changeSecret(tc.secret)
				full, without := r.preview(with()), r.preview(from())
				if full.Changes() == 0 {
					t.Errorf("another %s changes nothing", tc.secret)
				}
				same(t, full, without)
				if said := strings.Join(without.Notes, "\n"); !strings.Contains(said, tc.secret+" is not encrypted as it was") {
					t.Errorf("the notes do not name the secret: %s", said)
				}
			}
			if _, err := os.Stat(filepath.Join(r.root, ".berth", "from", tc.stack)); err == nil {
				t.Error("the scratch stack is still there")
			}
		})
	}
}

// changeSecret gives the stack another secret: another ciphertext in its file, and another stand-in on the embedded cloud.
func (r *rig) changeSecret(key string) {
	r.t.Helper()
	for _, file := range []string{"Pulumi." + r.stack + ".yaml", filepath.Join(".berth", "local", r.stack, "work", "Pulumi."+r.stack+".yaml")} {
		was, err := os.ReadFile(filepath.Join(r.root, file))
		if err != nil {
			r.t.Fatal(err)
		}
		var document map[string]any
		if err := yaml.Unmarshal(was, &document); err != nil {
			r.t.Fatal(err)
		}
		config := document["config"].(map[string]any)
		if strings.HasPrefix(file, ".berth") {
			delete(config, key) // the next run makes a new stand-in
		} else {
			config[key] = map[string]any{"secure": "v1:ZXhhbXBsZW5vbmNl:YW5vdGhlciB2YWx1ZQ=="}
		}
		is, err := yaml.Marshal(document)
		if err != nil {
			r.t.Fatal(err)
		}
		r.write(file, is)
	}
}

// holdsNone looks for secrets in an export, in every text and however written.
func holdsNone(t *testing.T, written []byte, secrets []string) {
	t.Helper()
	if len(secrets) == 0 {
		t.Error("the stack has no secrets: nothing is shown")
	}
	var whole any
	if err := json.Unmarshal(written, &whole); err != nil {
		t.Fatal(err)
	}
	texts := []string{string(written)}
	walk(whole, false, func(text string, _ bool) { texts = append(texts, text) })
	for _, secret := range secrets {
		if len(secret) < 8 {
			continue // would be found anywhere
		}
		quoted, _ := json.Marshal(secret)
		for _, form := range []string{secret, string(quoted[1 : len(quoted)-1]), url.QueryEscape(secret), url.PathEscape(secret),
			hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret))),
			base64.RawStdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret))} {
			for _, text := range texts {
				decoded, err := base64.StdEncoding.DecodeString(text)
				if strings.Contains(text, form) || err == nil && bytes.Contains(decoded, []byte(secret)) {
					t.Errorf("a secret of %d letters stands in the export", len(secret))
				}
			}
		}
	}
}

func TestExportsCanBeCompared(t *testing.T) {
	r := newRig(t, "initech")
	key := []byte(strings.Repeat("k", redact.MinKey))
	first, _, _ := r.export(key)
	second, _, _ := r.export(key)
	third, _, _ := r.export(nil)
	if !first.Comparable || third.Comparable {
		t.Errorf("comparable: %v with a key, %v without", first.Comparable, third.Comparable)
	}
	for path := range first.Secrets {
		if first.Secrets[path] != second.Secrets[path] {
			t.Errorf("%s: two exports with the same key differ", path)
		}
		if first.Secrets[path].Fingerprint == third.Secrets[path].Fingerprint {
			t.Errorf("%s: an export with a key of its own has the same fingerprint", path)
		}
	}
	if first.Update == nil || first.Update.Config["berth:spec"] == "" {
		t.Errorf("the last update is not in the export: %+v", first.Update)
	}
}

// A stack that is new is previewed as one, and against an export nothing but previews is done.
func TestANewStackIsPreviewedAsOne(t *testing.T) {
	r := newRig(t, "initech")
	exports := t.TempDir()
	none, err := redact.Load(exports, "initech")
	if err != nil {
		t.Fatal(err)
	}
	o := r.options()
	o.From = none
	result := r.preview(o)
	if result.Counts[engine.OpCreate] == 0 || len(result.Counts) != 1 {
		t.Errorf("counts are %v, want creations only", result.Counts)
	}
	if said := strings.Join(result.Notes, "\n"); !strings.Contains(said, "does not exist yet") {
		t.Errorf("notes: %s", said)
	}
	export, _, _ := r.export(nil)
	o.From = export
	r.with(o, func(s *engine.Stack) {
		for name, run := range map[string]func(context.Context) error{
			"up":      func(ctx context.Context) error { _, err := s.Up(ctx, engine.ChangeOptions{}); return err },
			"refresh": func(ctx context.Context) error { _, err := s.Refresh(ctx, engine.RunOptions{}); return err },
			"destroy": func(ctx context.Context) error { _, err := s.Destroy(ctx, engine.ChangeOptions{}); return err },
		} {
			if err := run(t.Context()); err == nil || !strings.Contains(err.Error(), "previews only") {
				t.Errorf("%s: err = %v, want a refusal", name, err)
			}
		}
	})
	o.Local = false
	if _, err := engine.Open(t.Context(), o); err == nil {
		t.Error("an exported state is opened on a real cloud")
	}
}
