package evidence_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-iac/berth/promises/evidence"
)

func signed(t testing.TB) (text, signature []byte, key ed25519.PublicKey) {
	text = encode(t, exampleDocument(t))
	signature, err := evidence.Sign(text, testKey())
	if err != nil {
		t.Fatal(err)
	}
	return text, signature, testKey().Public().(ed25519.PublicKey)
}

func TestSignAndVerify(t *testing.T) {
	text, signature, key := signed(t)
	if err := evidence.Verify(text, signature, key); err != nil {
		t.Fatal(err)
	}
	if len(signature) != 64 {
		t.Errorf("the signature has %d bytes", len(signature))
	}
}

// TestEveryByteCounts changes every byte of a document and of its signature, in every bit.
func TestEveryByteCounts(t *testing.T) {
	d := exampleDocument(t)
	d.Promises, d.Baseline = d.Promises[:1], nil // small: every byte costs a check
	text, key := encode(t, d), testKey().Public().(ed25519.PublicKey)
	signature, err := evidence.Sign(text, testKey())
	if err != nil {
		t.Fatal(err)
	}
	caught := func(what string, at int, document, signature []byte) {
		err := evidence.Verify(document, signature, key)
		if !errors.Is(err, evidence.ErrTampered) && !errors.Is(err, evidence.ErrWrongKey) && !errors.Is(err, evidence.ErrNotSignature) {
			t.Errorf("byte %d of the %s changed: %v", at, what, err)
		}
	}
	for i := range text {
		changed := bytes.Clone(text)
		changed[i] ^= 1 << (i % 8)
		caught("document", i, changed, signature)
	}
	for i := range signature {
		for bit := range 8 {
			changed := bytes.Clone(signature)
			changed[i] ^= 1 << bit
			caught("signature", i, text, changed)
		}
	}
	for _, other := range [][]byte{text[:len(text)-1], append(bytes.Clone(text), '\n'), nil} {
		caught("document's length", len(other), other, signature)
	}
}

func TestVerifyErrors(t *testing.T) {
	text, signature, key := signed(t)
	other, err := evidence.GenerateKey(strings.NewReader(strings.Repeat("o", 32)))
	if err != nil {
		t.Fatal(err)
	}
	otherKey := other.Public().(ed25519.PublicKey)
	resigned := ed25519.Sign(other, text)
	tooHigh := bytes.Clone(signature)
	tooHigh[63] = 0xff
	changed := bytes.Replace(text, []byte(`"verdict": "broken"`), []byte(`"verdict": "kept"`), 1)
	for name, tc := range map[string]struct {
		text, signature []byte
		key             ed25519.PublicKey
		want            error
		says            string
	}{
		"changed":                 {changed, signature, key, evidence.ErrTampered, "fetch it again"},
		"another_key_given":       {text, signature, otherKey, evidence.ErrWrongKey, "b67d 45dc"},
		"signed_by_another":       {text, resigned, key, evidence.ErrTampered, "signature does not fit"},
		"signed_by_another_named": {text, resigned, otherKey, evidence.ErrWrongKey, "names the key"},
		"empty":                   {text, nil, key, evidence.ErrNotSignature, "0 bytes"},
		"hex":                     {text, []byte(strings.Repeat("ab", 64)), key, evidence.ErrNotSignature, "128 bytes"},
		"a_key_file":              {text, []byte("-----BEGIN PUBLIC KEY-----\n"), key, evidence.ErrNotSignature, "PEM"},
		"no_such_number":          {text, tooHigh, key, evidence.ErrNotSignature, "no ed25519 signature"},
		"short_key":               {text, signature, key[:31], evidence.ErrWrongKey, "31 bytes"},
		"unsigned_document":       {[]byte("{}"), signature, key, evidence.ErrTampered, "does not name its signer"},
	} {
		t.Run(name, func(t *testing.T) {
			err := evidence.Verify(tc.text, tc.signature, tc.key)
			if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("err = %v, want %v with %q", err, tc.want, tc.says)
			}
		})
	}
	if _, err := evidence.Sign(text, other); err == nil || !strings.Contains(err.Error(), "make the document for this key") {
		t.Errorf("signed with a key that the document does not name: %v", err)
	}
	if _, err := evidence.Sign(text, nil); err == nil {
		t.Error("signed without a key")
	}
}

// TestOpenSSL holds keys and signatures against another implementation, both ways.
func TestOpenSSL(t *testing.T) {
	program, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not on PATH: install it to see that it verifies our signatures and signs to the same bytes")
	}
	dir := t.TempDir()
	openssl := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	private, public := filepath.Join(dir, "evidence.key"), filepath.Join(dir, "evidence.pub")
	if _, err := evidence.CreateKeys(rand.Reader, private, public); err != nil {
		t.Fatal(err)
	}
	sign := func(private, public string) (file string) {
		t.Helper()
		key, err := evidence.LoadPrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		in := exampleInput(t)
		if in.Signer, err = evidence.LoadPublicKey(public); err != nil {
			t.Fatal(err)
		}
		d, err := evidence.Make(in)
		if err != nil {
			t.Fatal(err)
		}
		text := encode(t, d)
		signature, err := evidence.Sign(text, key)
		if err != nil {
			t.Fatal(err)
		}
		file = filepath.Join(dir, "evidence.json")
		for path, content := range map[string][]byte{file: text, file + evidence.Extension: signature} {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return file
	}
	verify := []string{"pkeyutl", "-verify", "-pubin", "-inkey", "evidence.pub", "-rawin", "-in", "evidence.json", "-sigfile", "evidence.json.sig"}
	sign(private, public)
	openssl(verify...)

	for _, path := range []string{private, public} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	openssl("genpkey", "-algorithm", "ed25519", "-out", "evidence.key")
	openssl("pkey", "-in", "evidence.key", "-pubout", "-out", "evidence.pub")
	if err := os.Chmod(private, 0o600); err != nil {
		t.Fatal(err)
	}
	file := sign(private, public)
	openssl("pkeyutl", "-sign", "-inkey", "evidence.key", "-rawin", "-in", "evidence.json", "-out", "by-openssl.sig")
	ours, err := os.ReadFile(file + evidence.Extension)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := os.ReadFile(filepath.Join(dir, "by-openssl.sig"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(ours, theirs) {
		t.Error("openssl signs otherwise")
	}
}

func TestCreateKeys(t *testing.T) {
	dir := t.TempDir()
	private, public := filepath.Join(dir, "a.key"), filepath.Join(dir, "a.pub")
	made, err := evidence.CreateKeys(rand.Reader, private, public)
	if err != nil {
		t.Fatal(err)
	}
	key, err := evidence.LoadPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := evidence.LoadPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	if !made.Equal(loaded) || !made.Equal(key.Public()) {
		t.Error("the files hold other keys than were made")
	}
	if _, err := evidence.CreateKeys(rand.Reader, private, public); err == nil || !strings.Contains(err.Error(), "not overwritten") {
		t.Errorf("overwrote a key: %v", err)
	}
	other := filepath.Join(dir, "b.key")
	if _, err := evidence.CreateKeys(rand.Reader, other, public); err == nil {
		t.Error("overwrote a public key")
	}
	if _, err := os.Stat(other); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a private key without its public half was left behind: %v", err)
	}
	if _, err := evidence.GenerateKey(strings.NewReader("short")); err == nil {
		t.Error("a key from too little chance")
	}
}

func TestLoadKeyErrors(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	curvePrivate, err := x509.MarshalPKCS8PrivateKey(curve)
	otherPrivate := block("PRIVATE KEY", curvePrivate, err)
	curvePublic, err := x509.MarshalPKIXPublicKey(curve.Public())
	otherPublic := block("PUBLIC KEY", curvePublic, err)
	private, err := evidence.EncodePrivateKey(testKey())
	if err != nil {
		t.Fatal(err)
	}
	public, err := evidence.EncodePublicKey(testKey().Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	loadPrivate := func(path string) error { _, err := evidence.LoadPrivateKey(path); return err }
	loadPublic := func(path string) error { _, err := evidence.LoadPublicKey(path); return err }
	for name, tc := range map[string]struct {
		load func(path string) error
		text string
		mode os.FileMode
		want string
	}{
		"private_not_PEM":     {loadPrivate, "hello", 0o600, "is not PEM"},
		"private_empty":       {loadPrivate, "", 0o600, "is not PEM"},
		"private_is_public":   {loadPrivate, string(public), 0o600, `holds a block "PUBLIC KEY"`},
		"private_other_kind":  {loadPrivate, otherPrivate, 0o600, "*ecdsa.PrivateKey"},
		"private_damaged":     {loadPrivate, block("PRIVATE KEY", []byte("x"), nil), 0o600, "cannot be read"},
		"private_encrypted":   {loadPrivate, block("ENCRYPTED PRIVATE KEY", []byte("x"), nil), 0o600, "passphrase"},
		"private_two":         {loadPrivate, string(private) + string(private), 0o600, "one of several blocks"},
		"private_for_all":     {loadPrivate, string(private), 0o644, "chmod 600"},
		"private_for_a_group": {loadPrivate, string(private), 0o640, "mode 0640"},
		"private_too_long":    {loadPrivate, strings.Repeat("x", 20_000), 0o600, "too long"},
		"public_not_PEM":      {loadPublic, "ssh-ed25519 AAAA", 0o644, "is not PEM"},
		"public_is_private":   {loadPublic, string(private), 0o600, `holds a block "PRIVATE KEY"`},
		"public_other_kind":   {loadPublic, otherPublic, 0o644, "*ecdsa.PublicKey"},
		"public_damaged":      {loadPublic, block("PUBLIC KEY", []byte("x"), nil), 0o644, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key")
			if err := os.WriteFile(path, []byte(tc.text), tc.mode); err != nil {
				t.Fatal(err)
			}
			err := tc.load(path)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("err = %v, want %q and the path", err, tc.want)
			}
		})
	}
	for _, load := range []func(string) error{loadPrivate, loadPublic} {
		if err := load(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("an absent key: %v", err)
		}
		if err := load(t.TempDir()); err == nil || !strings.Contains(err.Error(), "is no file") {
			t.Errorf("a folder for a key: %v", err)
		}
	}
}

func TestFingerprint(t *testing.T) {
	f := evidence.FingerprintOf(testKey().Public().(ed25519.PublicKey))
	if f != "b67d45dc2d72d307cdc1a74ae420fe27dee31c5e818cbd6cf7089739bc85687b" {
		t.Errorf("the fingerprint is %s", f)
	}
	if got := f.Short(); got != "b67d 45dc 2d72 d307 cdc1 a74a e420 fe27" {
		t.Errorf("shortened it is %q", got)
	}
}
