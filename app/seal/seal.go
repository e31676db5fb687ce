// Package seal keeps secrets at rest under one client's own key: what is sealed for one client, table and row opens nowhere else. It
// knows neither where the key comes from nor where the sealed bytes go.
package seal

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// KeySize is how long a key is, in bytes.
const KeySize = chacha20poly1305.KeySize

const redacted = "(a key)"

// Key is one key. It cannot be printed by accident; Encode gives it away on purpose.
type Key struct{ secret [KeySize]byte }

// NewKey makes a key.
func NewKey() Key {
	var k Key
	if _, err := io.ReadFull(rand.Reader, k.secret[:]); err != nil {
		panic(err) // the system has no randomness: there is nothing to go on with
	}
	return k
}

// ParseKey reads what Encode wrote: base64 of 32 bytes, in either alphabet.
func ParseKey(text string) (Key, error) {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(strings.TrimSpace(text), "="))
	secret, err := base64.RawStdEncoding.Strict().DecodeString(text)
	if err != nil || len(secret) != KeySize {
		return Key{}, errors.New("a key is 32 bytes in base64, as openssl rand -base64 32 makes them") // never the text itself
	}
	k := Key{secret: [KeySize]byte(secret)}
	if k == (Key{}) {
		return Key{}, errors.New("a key of zeroes is none")
	}
	return k, nil
}

// longText is how many letters and digits are worth a key: more than 256 bits.
const longText = 48

// ReadKey reads a key as ParseKey does, or makes one of a random text of at least 48 letters and digits, as secret stores generate them.
func ReadKey(text string) (Key, error) {
	k, err := ParseKey(text)
	if err == nil {
		return k, nil
	}
	text = strings.TrimSpace(text)
	if len(text) < longText || strings.Trim(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") != "" {
		return Key{}, err
	}
	secret, derive := hkdf.Key(sha256.New, []byte(text), nil, "taskflow key from text", KeySize)
	if derive != nil {
		return Key{}, fmt.Errorf("make a key of a text: %w", derive)
	}
	return Key{secret: [KeySize]byte(secret)}, nil
}

// Encode gives the key away, to be written where keys are kept.
func (k Key) Encode() string { return base64.StdEncoding.EncodeToString(k.secret[:]) }

// id tells keys apart in what they sealed and says nothing of them.
func (k Key) id() (id [4]byte) {
	sum := sha256.Sum256(append([]byte("taskflow key id\x00"), k.secret[:]...))
	copy(id[:], sum[:])
	return id
}

// Format prints no key, whatever the verb.
func (Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue logs no key.
func (Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText writes no key, to JSON and YAML too.
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Keys are a client's keys: the first seals, all open. Rotation puts a new one in front, seals again what Old finds, and then drops
// the old one.
type Keys struct {
	client string
	keys   []opened
}

type opened struct {
	id   [4]byte
	aead cipher.AEAD
	key  Key
}

// New gives a client's keys. The client's name is part of everything that is sealed.
func New(client string, keys ...Key) (*Keys, error) {
	if client == "" || len(keys) == 0 {
		return nil, errors.New("to seal takes a client's name and at least one key")
	}
	k := &Keys{client: client}
	for i, key := range keys {
		if key == (Key{}) {
			return nil, fmt.Errorf("key %d is empty", i+1)
		}
		aead, err := chacha20poly1305.NewX(key.secret[:])
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		id := key.id()
		for _, other := range k.keys {
			if other.id == id {
				return nil, fmt.Errorf("key %d is there twice", i+1)
			}
		}
		k.keys = append(k.keys, opened{id, aead, key})
	}
	return k, nil
}

const (
	version = 1
	header  = 1 + 4
)

// ErrNotOurs says that something was not sealed with one of these keys, for this client, for this purpose, or that it was altered.
var ErrNotOurs = errors.New("cannot be opened: sealed with another key, for something else, or altered")

// Seal seals a secret. about says what it belongs to, such as "users.totp_secret/" and the user's id; only the same words open it.
func (k *Keys) Seal(secret []byte, about string) []byte {
	first := k.keys[0]
	out := make([]byte, header+chacha20poly1305.NonceSizeX, header+chacha20poly1305.NonceSizeX+len(secret)+first.aead.Overhead())
	out[0] = version
	copy(out[1:], first.id[:])
	nonce := out[header:]
	if _, err := io.ReadFull(rand.Reader, nonce); err != nil {
		panic(err) // as in NewKey
	}
	return first.aead.Seal(out, nonce, secret, k.bind(out[:header], about))
}

// Open opens what Seal sealed.
func (k *Keys) Open(sealed []byte, about string) ([]byte, error) {
	if len(sealed) < header+chacha20poly1305.NonceSizeX || sealed[0] != version {
		return nil, ErrNotOurs
	}
	nonce, rest := sealed[header:header+chacha20poly1305.NonceSizeX], sealed[header+chacha20poly1305.NonceSizeX:]
	for _, one := range k.keys {
		if !bytes.Equal(one.id[:], sealed[1:header]) {
			continue
		}
		secret, err := one.aead.Open(nil, nonce, rest, k.bind(sealed[:header], about))
		if err != nil {
			return nil, ErrNotOurs
		}
		return secret, nil
	}
	return nil, ErrNotOurs
}

// Old tells whether something was sealed with another key than the first, and should be sealed again.
func (k *Keys) Old(sealed []byte) bool {
	return len(sealed) < header || !bytes.Equal(k.keys[0].id[:], sealed[1:header])
}

// Derive gives a key of its own for a purpose that is not sealing, such as signing a form's token. It changes with the first key.
func (k *Keys) Derive(purpose string) []byte {
	derived, err := hkdf.Key(sha256.New, k.keys[0].key.secret[:], []byte(k.client), "taskflow "+purpose, KeySize)
	if err != nil {
		panic(err) // only for lengths that SHA-256 cannot give
	}
	return derived
}

// bind is what must be the same to open: format, key, client and purpose, each with its length so that none runs into the next.
func (k *Keys) bind(head []byte, about string) []byte {
	data := append([]byte("taskflow seal\x00"), head...)
	for _, part := range []string{k.client, about} {
		data = binary.AppendUvarint(data, uint64(len(part)))
		data = append(data, part...)
	}
	return data
}

// Format prints no key.
func (*Keys) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue logs no key.
func (*Keys) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText writes no key.
func (*Keys) MarshalText() ([]byte, error) { return []byte(redacted), nil }
