package evidence

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
)

// The PEM blocks of key files.
const (
	privateBlock = "PRIVATE KEY" // PKCS#8
	publicBlock  = "PUBLIC KEY"  // PKIX
)

// How to make what is missing. openssl makes the same files as CreateKeys.
const (
	howPrivate = "use an ed25519 key in PKCS#8 form, as `openssl genpkey -algorithm ed25519` makes it"
	howPublic  = "use an ed25519 public key in PEM form, as `openssl pkey -in evidence.key -pubout` prints it"
)

// Fingerprint names a public key: the SHA-256 of its PKIX DER form, in hex.
type Fingerprint string

// Short is the beginning of the fingerprint, in groups of four digits: for people to compare, never for a program.
func (f Fingerprint) Short() string {
	if len(f) < 32 {
		return string(f)
	}
	var groups []string
	for i := 0; i < 32; i += 4 {
		groups = append(groups, string(f[i:i+4]))
	}
	return strings.Join(groups, " ")
}

// FingerprintOf names a public key.
func FingerprintOf(key ed25519.PublicKey) Fingerprint {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil { // it knows every ed25519 key
		return ""
	}
	sum := sha256.Sum256(der)
	return Fingerprint(hex.EncodeToString(sum[:]))
}

// GenerateKey makes a key to sign with. random is crypto/rand.Reader outside tests.
func GenerateKey(random io.Reader) (ed25519.PrivateKey, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, fmt.Errorf("generate a key for evidence: %w", err)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// EncodePrivateKey is a private key as its file holds it: PKCS#8 in PEM.
func EncodePrivateKey(key ed25519.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: privateBlock, Bytes: der}), nil
}

// EncodePublicKey is a public key as its file holds it: PKIX in PEM.
func EncodePublicKey(key ed25519.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: der}), nil
}

// CreateKeys makes a key and writes its private half to one file, which only its owner may read, and its public half to
// another. It overwrites neither: a lost key makes all that it signed unverifiable.
func CreateKeys(random io.Reader, private, public string) (ed25519.PublicKey, error) {
	key, err := GenerateKey(random)
	if err != nil {
		return nil, err
	}
	publicKey := key.Public().(ed25519.PublicKey)
	privateText, err := EncodePrivateKey(key)
	if err != nil {
		return nil, err
	}
	publicText, err := EncodePublicKey(publicKey)
	if err != nil {
		return nil, err
	}
	if err := create(private, privateText, 0o600); err != nil {
		return nil, fmt.Errorf("write the private key: %w", err)
	}
	if err := create(public, publicText, 0o644); err != nil {
		return nil, errors.Join(fmt.Errorf("write the public key: %w", err), os.Remove(private))
	}
	return publicKey, nil
}

func create(path string, text []byte, mode fs.FileMode) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already and is not overwritten: name another file, or move it away", path)
	}
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Close())
}

// LoadPrivateKey reads a key to sign with. It refuses a file that others than its owner may read.
func LoadPrivateKey(path string) (ed25519.PrivateKey, error) {
	text, mode, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("read the key to sign with: %w", err)
	}
	if runtime.GOOS != "windows" && mode.Perm()&0o077 != 0 { // Windows has no such bits
		return nil, fmt.Errorf("%s may be read by others than its owner (mode %04o), so that anybody could sign evidence with it: "+
			"run `chmod 600 %s`, and make a new key if somebody may have copied it", path, mode.Perm(), path)
	}
	key, err := ParsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// LoadPublicKey reads a key to verify with.
func LoadPublicKey(path string) (ed25519.PublicKey, error) {
	text, _, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("read the key to verify with: %w", err)
	}
	key, err := ParsePublicKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// longest key file that is read, in bytes: a key's is 119.
const longest = 16 << 10

func read(path string) ([]byte, fs.FileMode, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	info, err := file.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is no file", path)
	}
	text, err := io.ReadAll(io.LimitReader(file, longest+1))
	if err == nil && len(text) > longest {
		err = fmt.Errorf("%s is too long for a key", path)
	}
	return text, info.Mode(), err
}

// ParsePrivateKey reads what EncodePrivateKey writes.
func ParsePrivateKey(text []byte) (ed25519.PrivateKey, error) {
	der, err := block(text, privateBlock, "the private key", howPrivate)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("the private key cannot be read: %w; %s", err, howPrivate)
	}
	key, is := parsed.(ed25519.PrivateKey)
	if !is {
		return nil, fmt.Errorf("the private key is of the kind %s; %s", algorithm(parsed), howPrivate)
	}
	return key, nil
}

// ParsePublicKey reads what EncodePublicKey writes.
func ParsePublicKey(text []byte) (ed25519.PublicKey, error) {
	der, err := block(text, publicBlock, "the public key", howPublic)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, fmt.Errorf("the public key cannot be read: %w; %s", err, howPublic)
	}
	key, is := parsed.(ed25519.PublicKey)
	if !is {
		return nil, fmt.Errorf("the public key is of the kind %s; %s", algorithm(parsed), howPublic)
	}
	return key, nil
}

// block is the content of the one PEM block of a kind.
func block(text []byte, kind, what, how string) ([]byte, error) {
	found, rest := pem.Decode(text)
	switch {
	case found == nil:
		return nil, fmt.Errorf("%s is not PEM: it has no block that begins with -----BEGIN %s-----; %s", what, kind, how)
	case found.Type == "ENCRYPTED PRIVATE KEY":
		return nil, fmt.Errorf("%s is encrypted with a passphrase, which Berth does not ask for; %s and guard the file instead", what, how)
	case found.Type != kind:
		return nil, fmt.Errorf("%s holds a block %q where %q is expected; %s", what, found.Type, kind, how)
	}
	if second, _ := pem.Decode(rest); second != nil {
		return nil, fmt.Errorf("%s is one of several blocks in its file, and which is meant is not clear; keep one key in a file", what)
	}
	return found.Bytes, nil
}

// algorithm names a parsed key's kind, such as *rsa.PublicKey.
func algorithm(key crypto.PrivateKey) string { return fmt.Sprintf("%T", key) }
