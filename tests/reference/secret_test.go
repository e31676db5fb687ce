package reference_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/berth-iac/berth/engine"
)

// What is secret is nowhere on the disk and in nothing that is shown, while the encrypted state has it.
func TestSecretsStaySecret(t *testing.T) {
	root, _, _ := upRoot(t)
	edit(t, root, "prod", settings{"access.bi": bi}) // its credentials are made in this very run
	var shown, cloudLog bytes.Buffer
	s := open(t, root, "prod", func(o *engine.Options) { o.Cloud.Log = &cloudLog })
	show := func(v any) {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		shown.Write(text)
	}
	watch := engine.RunOptions{Progress: func(e engine.Event) {
		show(e)
		for _, step := range []*engine.Step{e.Began, e.Ended} {
			if step != nil {
				show([]any{step.Input("secretString"), step.Input("policy")})
			}
		}
	}}
	planned, err := s.Preview(t.Context(), watch)
	show(done(t, planned, err))
	made, err := s.Up(t.Context(), engine.ChangeOptions{RunOptions: watch, Reviewed: planned})
	show(done(t, made, err))
	checked, err := s.Refresh(t.Context(), watch)
	show(done(t, checked, err))
	outputs, err := s.Outputs(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	show(outputs)

	secrets := secretsOf(t, s)
	closed(t, s)
	if len(secrets) != 4 {
		t.Fatalf("the state holds %d secret keys, want the service's three and the BI tools' one", len(secrets))
	}
	places := map[string][]byte{"what is shown": shown.Bytes(), "the embedded cloud's log": cloudLog.Bytes()}
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		places[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(places[stateFile(root, "prod")], []byte(`"ciphertext"`)) {
		t.Error("the state has nothing encrypted")
	}
	if len(cloudLog.Bytes()) == 0 || shown.Len() == 0 {
		t.Error("nothing was logged or shown; the test looks at the wrong place")
	}
	for place, text := range places {
		for i, secret := range secrets {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s holds secret %d in plain text", place, i)
			}
		}
	}
	t.Logf("%d secret keys in none of %d places", len(secrets), len(places))
}

// secretsOf are the keys and passwords in the secrets that the stack made.
func secretsOf(t *testing.T, s *engine.Stack) []string {
	t.Helper()
	resources, err := s.Resources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var secrets []string
	for _, r := range resources {
		if r.Type != "aws:secretsmanager/secretVersion:SecretVersion" {
			continue
		}
		exported, _ := r.Outputs["secretString"].(map[string]any)
		plain, _ := exported["plaintext"].(string)
		var text string
		var values map[string]string
		if err := errors.Join(json.Unmarshal([]byte(plain), &text), json.Unmarshal([]byte(text), &values)); err != nil {
			t.Fatalf("%s is no secret of several values: %v", r.URN.Name(), err)
		}
		for name, value := range values {
			if name != "username" {
				secrets = append(secrets, value)
			}
		}
	}
	return secrets
}
