package seal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/berth-iac/berth/app/seal"
)

func keys(t testing.TB, client string, all ...seal.Key) *seal.Keys {
	t.Helper()
	k, err := seal.New(client, all...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestWhatIsSealedOpensOnlyAsItWas_DP_1(t *testing.T) {
	mine, other := seal.NewKey(), seal.NewKey()
	k := keys(t, "acme", mine)
	sealed := k.Seal([]byte("JBSWY3DP"), "users.totp_secret/1")
	if bytes.Contains(sealed, []byte("JBSWY3DP")) {
		t.Fatal("the secret lies open")
	}
	if again := k.Seal([]byte("JBSWY3DP"), "users.totp_secret/1"); bytes.Equal(sealed, again) {
		t.Error("sealed twice alike: who reads the table sees that two secrets are the same")
	}
	if got, err := k.Open(sealed, "users.totp_secret/1"); err != nil || string(got) != "JBSWY3DP" {
		t.Fatalf("%q, %v", got, err)
	}
	for name, test := range map[string]struct {
		keys  *seal.Keys
		about string
	}{
		"another row":            {k, "users.totp_secret/2"},
		"another field":          {k, "users.totp_secret"},
		"another client":         {keys(t, "umbrella", mine), "users.totp_secret/1"},
		"another key":            {keys(t, "acme", other), "users.totp_secret/1"},
		"a shifted border":       {keys(t, "acmeusers", mine), ".totp_secret/1"},
		"no purpose":             {k, ""},
		"both, in another order": {keys(t, "users.totp_secret/1", mine), "acme"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := test.keys.Open(sealed, test.about); !errors.Is(err, seal.ErrNotOurs) || got != nil {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	for i := range sealed {
		for _, bit := range []byte{1, 0x80} {
			altered := bytes.Clone(sealed)
			altered[i] ^= bit
			if _, err := k.Open(altered, "users.totp_secret/1"); err == nil {
				t.Fatalf("opened with byte %d altered", i)
			}
		}
		if _, err := k.Open(sealed[:i], "users.totp_secret/1"); err == nil {
			t.Fatalf("opened when cut to %d bytes", i)
		}
	}
}

func TestKeysAreRotated(t *testing.T) {
	before, after := seal.NewKey(), seal.NewKey()
	sealed := keys(t, "acme", before).Seal([]byte("secret"), "x")
	both := keys(t, "acme", after, before)
	got, err := both.Open(sealed, "x")
	if err != nil || string(got) != "secret" || !both.Old(sealed) {
		t.Fatalf("%q, %v, old: %v", got, err, both.Old(sealed))
	}
	renewed := both.Seal(got, "x")
	if both.Old(renewed) {
		t.Error("what was just sealed is old")
	}
	only := keys(t, "acme", after)
	if _, err := only.Open(renewed, "x"); err != nil {
		t.Errorf("without the old key: %v", err)
	}
	if _, err := only.Open(sealed, "x"); err == nil {
		t.Error("opened without its key")
	}
}

func TestAKeyIsNeverPrinted(t *testing.T) {
	key := seal.NewKey()
	secret := key.Encode()
	k := keys(t, "acme", key)
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	logger.Info("x", "key", key, "keys", k, "pointer", &key, "in", struct{ K seal.Key }{key})
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", key, "keys", k)
	text, err := json.Marshal(map[string]any{"key": key, "keys": k, "list": []seal.Key{key}})
	if err != nil {
		t.Fatal(err)
	}
	all := log.String() + string(text)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%o", "%c", "%U"} {
		all += fmt.Sprintf(verb, key) + fmt.Sprintf(verb, k) + fmt.Sprintf(verb, []seal.Key{key}) + fmt.Sprintf(verb, map[string]*seal.Keys{"a": k})
	}
	// Its bytes as numbers would be longer than all of this.
	if strings.Contains(all, secret) || strings.Contains(all, strings.TrimRight(secret, "=")) || strings.Count(all, "(a key)") < 50 {
		t.Errorf("printed: %s", all)
	}
	raw, _ := seal.ParseKey(secret)
	if raw != key {
		t.Error("the key does not come back")
	}
	if hex := fmt.Sprintf("%x", []byte(secret)); strings.Contains(all, hex) {
		t.Error("printed in hexadecimal")
	}
}

func TestKeysThatAreNone(t *testing.T) {
	good := seal.NewKey().Encode()
	for _, text := range []string{"", "x", good[:40], good + good, strings.Repeat("A", 43) + "=", strings.Repeat("!", 44)} {
		if _, err := seal.ParseKey(text); err == nil {
			t.Errorf("%q is a key", text)
		} else if text != "" && text != "x" && strings.Contains(err.Error(), text) {
			t.Errorf("the error repeats it: %v", err)
		}
	}
	if _, err := seal.ParseKey(" " + strings.TrimRight(good, "=") + "\n"); err != nil {
		t.Errorf("a key from a file: %v", err)
	}
	same := seal.NewKey()
	for name, make := range map[string]func() error{
		"no client": func() error { _, err := seal.New("", same); return err },
		"no key":    func() error { _, err := seal.New("acme"); return err },
		"empty key": func() error { _, err := seal.New("acme", seal.Key{}); return err },
		"twice":     func() error { _, err := seal.New("acme", same, same); return err },
	} {
		if make() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestAKeyIsMadeOfALongRandomText(t *testing.T) {
	long := strings.Repeat("aB3dE6gH", 8)
	key, err := seal.ReadKey(long + "\n")
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := seal.ReadKey(long); again != key {
		t.Error("the same text makes another key")
	}
	if other, _ := seal.ReadKey(long + "x"); other == key {
		t.Error("another text makes the same key")
	}
	whole := seal.NewKey()
	if read, err := seal.ReadKey(whole.Encode()); err != nil || read != whole {
		t.Errorf("a key is no longer itself: %v", err)
	}
	for _, short := range []string{"", "hunter2", long[:40], strings.Repeat("word ", 20)} {
		if _, err := seal.ReadKey(short); err == nil {
			t.Errorf("%q makes a key", short)
		}
	}
}

func TestDerivedKeysDiffer(t *testing.T) {
	key := seal.NewKey()
	a := keys(t, "acme", key)
	if bytes.Equal(a.Derive("forms"), a.Derive("cookies")) || bytes.Equal(a.Derive("forms"), keys(t, "umbrella", key).Derive("forms")) {
		t.Error("two purposes or two clients share a key")
	}
	if !bytes.Equal(a.Derive("forms"), keys(t, "acme", key).Derive("forms")) || len(a.Derive("forms")) != seal.KeySize {
		t.Error("a purpose's key is not the same after a restart")
	}
}

func FuzzOpen(f *testing.F) {
	k := keys(f, "acme", seal.NewKey())
	f.Add(k.Seal([]byte("x"), "y"), "y")
	f.Add([]byte{1}, "")
	f.Fuzz(func(t *testing.T, sealed []byte, about string) {
		if secret, err := k.Open(sealed, about); err == nil && string(secret) != "x" {
			t.Errorf("opened %q", secret)
		}
	})
}
