package engine

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"testing"
)

// The key is what Pulumi derives from the passphrase and the salt.
func TestScratchKey(t *testing.T) {
	key, err := pbkdf2.Key(sha256.New, scratchPassphrase, []byte(scratchSalt), 1_000_000, 32)
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(key); got != scratchKey {
		t.Errorf("scratchKey is %s, want %s", scratchKey, got)
	}
}

func TestSecretsOf(t *testing.T) {
	file := []byte(`config:
  berth:key:
    secure: v1:a
  berth:nested:
    inner:
      secure: v1:b
    list:
      - plain
      - secure: v1:c
    "with.dot":
      secure: v1:d
  berth:spec:
    kind: awsclient
`)
	got, err := secretsOf(file)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"berth:key": "v1:a", "berth:nested.inner": "v1:b", "berth:nested.list[1]": "v1:c", `berth:nested["with.dot"]`: "v1:d"}
	if !maps.Equal(got, want) {
		t.Errorf("secrets are %v, want %v", got, want)
	}
	values := map[string]string{"berth:key": "A", "berth:nested": `{"inner":"B","list":["plain","C"],"with.dot":"D"}`}
	for path, value := range map[string]string{"berth:key": "A", "berth:nested.inner": "B", "berth:nested.list[1]": "C", `berth:nested["with.dot"]`: "D"} {
		found, err := configured(func(key string) (string, bool) { v, ok := values[key]; return v, ok }, path, file)
		if err != nil || found != value {
			t.Errorf("%s is %q (%v), want %q", path, found, err, value)
		}
	}
	if _, err := configured(func(string) (string, bool) { return "", false }, "berth:none", file); err == nil {
		t.Error("a secret without a value is no error")
	}
}
