package redact_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/engine/redact"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

const (
	password = "correct horse/battery+staple"
	made     = "made-by-the-cloud-9f3a"
	pin      = "4711"
	token    = "provider-token-000000"
)

func secret(v any) map[string]any {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return map[string]any{"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": string(text)}
}

func deployment(t *testing.T, resources ...map[string]any) apitype.UntypedDeployment {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"manifest": map[string]any{"version": "v3"}, "resources": resources,
		"secrets_providers":  map[string]any{"type": "passphrase", "state": map[string]any{"salt": "v1:salt"}},
		"pending_operations": []any{map[string]any{"type": "creating"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return apitype.UntypedDeployment{Version: 3, Deployment: text}
}

func input(t *testing.T) redact.Input {
	t.Helper()
	return redact.Input{
		Project: "berth", Stack: "acme", At: time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC),
		Config: map[string]redact.Configured{"berth:password": {Ciphertext: "v1:abc", Value: password}, "berth:pin": {Ciphertext: "v1:def", Value: pin}},
		Update: &redact.Update{Version: 3, Config: map[string]string{"berth:spec": "kind: awsclient", "berth:leak": "x " + password}},
		State: deployment(t,
			map[string]any{"urn": "urn:a", "type": "pulumi:providers:aws", "inputs": map[string]any{"region": "eu-west-2", "token": secret(token), "secretKey": secret(password)}},
			map[string]any{"urn": "urn:b", "type": "aws:x:Y", "sourcePosition": "project:///home/runner", "inputs": map[string]any{
				"password": secret(password), "pin": secret(pin), "number": secret(12345678), "flag": secret(true), "empty": secret(""),
				"public": "acme-files", "copy": secret("acme-files"), "document": map[string]any{"inner": []any{secret(map[string]any{"a": password, "b": []any{"other-secret-1"}})}},
				"size": json.Number("12345678901234567890"),
			}, "outputs": map[string]any{
				"made": secret(made), "raw": "user:" + password + "@host", "url": "https://x?p=" + url.QueryEscape(password),
				"base64": base64.StdEncoding.EncodeToString([]byte("#!/bin/sh\nexport P='" + password + "'\n")), "hex": hex.EncodeToString([]byte(password)),
				"json": `{"p":"` + password + `"}`, "leaked": made + "!", "public": "acme-files", "pinned": pin, "zip": "code 4711",
			}},
		),
	}
}

func TestMake(t *testing.T) {
	export, err := redact.Make(input(t))
	if err != nil {
		t.Fatal(err)
	}
	written, err := export.Write()
	if err != nil {
		t.Fatal(err)
	}
	for _, hidden := range []string{password, made, token, "other-secret-1", url.QueryEscape(password), hex.EncodeToString([]byte(password)), `"12345678"`, "v1:salt", "/home/runner"} {
		if strings.Contains(string(written), hidden) {
			t.Errorf("the export holds %q:\n%s", hidden, written)
		}
	}
	var state struct {
		Resources []struct {
			Inputs, Outputs map[string]any
		}
	}
	if err := json.Unmarshal(export.Deployment.Deployment, &state); err != nil {
		t.Fatal(err)
	}
	provider, resource := state.Resources[0], state.Resources[1]
	fingerprint := export.Secrets["berth:password"].Fingerprint
	plain := func(v any) string {
		m, _ := v.(map[string]any)
		text, _ := m["plaintext"].(string)
		return text
	}
	if got := plain(resource.Inputs["password"]); got != `"`+fingerprint+`"` {
		t.Errorf("the password is %s, want what stands for it, %s", got, fingerprint)
	}
	if len(fingerprint) > 41 {
		t.Errorf("a fingerprint has %d letters, and some passwords may have 41", len(fingerprint))
	}
	if _, there := provider.Inputs["token"]; there {
		t.Error("the provider still has what it signs in with")
	}
	if got := plain(provider.Inputs["secretKey"]); got != `"`+fingerprint+`"` {
		t.Errorf("what the file gives the provider is %s", got)
	}
	if resource.Outputs["public"] != "acme-files" || resource.Inputs["public"] != "acme-files" {
		t.Error("what is public was replaced, because something secret is the same")
	}
	if got := plain(resource.Inputs["copy"]); strings.Contains(got, "acme-files") {
		t.Errorf("what is marked as secret is %s", got)
	}
	if got := plain(resource.Inputs["empty"]); got != `""` {
		t.Errorf("an empty secret is %s", got)
	}
	if got := resource.Outputs["raw"]; got != "user:"+fingerprint+"@host" {
		t.Errorf("a secret within a text became %v", got)
	}
	decoded, err := base64.StdEncoding.DecodeString(resource.Outputs["base64"].(string))
	if err != nil || !strings.Contains(string(decoded), "export P='"+fingerprint+"'") {
		t.Errorf("a secret within base64 became %s (%v)", decoded, err)
	}
	if resource.Outputs["pinned"] == pin || resource.Outputs["zip"] != "code 4711" {
		t.Errorf("a short secret: %v and %v, want it replaced only where it is the whole text", resource.Outputs["pinned"], resource.Outputs["zip"])
	}
	if !strings.Contains(string(export.Deployment.Deployment), "12345678901234567890") {
		t.Error("a large number was rounded")
	}
	if export.Update.Config["berth:leak"] != "x "+fingerprint || export.Update.Config["berth:spec"] != "kind: awsclient" {
		t.Errorf("the last update's configuration is %v", export.Update.Config)
	}
	if said := strings.Join(export.Notes, "\n"); !strings.Contains(said, "1 operations were under way") {
		t.Errorf("notes: %s", said)
	}
}

func TestFingerprints(t *testing.T) {
	of := func(key []byte, change func(*redact.Input)) string {
		in := input(t)
		in.Key = key
		if change != nil {
			change(&in)
		}
		export, err := redact.Make(in)
		if err != nil {
			t.Fatal(err)
		}
		return export.Secrets["berth:password"].Fingerprint
	}
	key, other := []byte(strings.Repeat("a", 32)), []byte(strings.Repeat("b", 32))
	same := of(key, nil)
	if same != of(key, nil) {
		t.Error("the same secret with the same key has another fingerprint")
	}
	for name, got := range map[string]string{
		"another key":   of(other, nil),
		"a thrown key":  of(nil, nil),
		"another stack": of(key, func(in *redact.Input) { in.Stack = "globex" }),
		"another value": of(key, func(in *redact.Input) {
			in.Config["berth:password"] = redact.Configured{Ciphertext: "v1:abc", Value: password + "!"}
		}),
	} {
		if got == same {
			t.Errorf("%s: the fingerprint is the same", name)
		}
	}
	in := input(t)
	in.Key = []byte("short")
	if _, err := redact.Make(in); err == nil || !strings.Contains(err.Error(), "openssl rand") {
		t.Errorf("a short key: err = %v", err)
	}
}

func TestASecretThatIsEncryptedIsRefused(t *testing.T) {
	in := input(t)
	in.State = deployment(t, map[string]any{"urn": "urn:b", "type": "aws:x:Y", "inputs": map[string]any{
		"password": map[string]any{"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:x"}}})
	if _, err := redact.Make(in); err == nil || !strings.Contains(err.Error(), "still encrypted") {
		t.Errorf("err = %v", err)
	}
}

func TestChanged(t *testing.T) {
	export, err := redact.Make(input(t))
	if err != nil {
		t.Fatal(err)
	}
	got := export.Changed(map[string]string{"berth:password": "v1:abc", "berth:pin": "v1:other", "berth:new": "v1:new"})
	if strings.Join(got, " ") != "berth:new berth:pin" {
		t.Errorf("changed: %v", got)
	}
}

func TestLoad(t *testing.T) {
	folder := t.TempDir()
	export, err := redact.Make(input(t))
	if err != nil {
		t.Fatal(err)
	}
	written, err := export.Write()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, redact.FileName("acme"))
	if err := os.WriteFile(path, written, 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := redact.Load(folder, "acme")
	if err != nil || loaded.New || loaded.Secrets["berth:pin"] != export.Secrets["berth:pin"] {
		t.Errorf("loaded %+v, err %v", loaded, err)
	}
	none, err := redact.Load(folder, "umbrella")
	if err != nil || !none.New || !strings.Contains(strings.Join(none.Notes, ""), "does not exist yet") {
		t.Errorf("a stack without a file: %+v, err %v", none, err)
	}
	if _, err := redact.Load(filepath.Join(folder, "nowhere"), "acme"); err == nil || !strings.Contains(err.Error(), "state export --all --redacted") {
		t.Errorf("no folder: err = %v", err)
	}
	for text, want := range map[string]string{
		"{":                                  "damaged",
		`{"version":2,"stack":"acme"}`:       "version 2",
		`{"version":1,"stack":"globex"}`:     `of stack "globex"`,
		`{"version":1,"stack":"acme"}`:       "holds no state",
		strings.Repeat("x", 20):              "damaged",
		string(written[:len(written)/2]):     "damaged",
		`{"version":1,"stack":["not text"]}`: "damaged",
	} {
		if _, err := redact.Parse("file", []byte(text), "acme"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: err = %v, want %q in it", text, err, want)
		} else if errors.Unwrap(err) == nil && want == "damaged" {
			t.Errorf("%.40q: the cause is lost", text)
		}
	}
}
