package evidence

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Extension is what the name of a document's file is continued with to name that of its signature.
const Extension = ".sig"

// Why a signature does not verify. They are wrapped: ask with errors.Is.
var (
	ErrNotSignature = errors.New("not a signature")
	ErrWrongKey     = errors.New("wrong key")
	ErrTampered     = errors.New("tampered with")
)

// Sign signs the exact bytes of a document's file. The document must name the key (Input.Signer): otherwise nobody could
// tell a wrong key from a changed document.
func Sign(document []byte, key ed25519.PrivateKey) ([]byte, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("sign evidence: the key has %d bytes, an ed25519 key has %d", len(key), ed25519.PrivateKeySize)
	}
	if named, own := signer(document), FingerprintOf(key.Public().(ed25519.PublicKey)); named != own {
		return nil, fmt.Errorf("sign evidence: the document names %s as its signer, and the key is %s; make the document for this key", naming(named), naming(own))
	}
	return ed25519.Sign(key, document), nil
}

// Verify tells whether signature is the key's signature of exactly these bytes. The error is one of ErrNotSignature,
// ErrWrongKey and ErrTampered, with what was found and what to do.
func Verify(document, signature []byte, key ed25519.PublicKey) error {
	if len(key) != ed25519.PublicKeySize {
		return fmt.Errorf("%w: the public key has %d bytes, an ed25519 key has %d", ErrWrongKey, len(key), ed25519.PublicKeySize)
	}
	if err := wellFormed(signature); err != nil {
		return err
	}
	named, own := signer(document), FingerprintOf(key)
	holds := ed25519.Verify(key, document, signature)
	switch {
	case holds && (named == own || named == ""):
		return nil
	case named != "" && named != own:
		return fmt.Errorf("%w: the document names %s as its signer, and the key that was given is %s; get the public key from whoever signed it, not from whoever sent it",
			ErrWrongKey, naming(named), naming(own))
	case named == "":
		return fmt.Errorf("%w: the signature does not fit these bytes and this key, and the document does not name its signer; fetch the document, its signature and the key again", ErrTampered)
	}
	return fmt.Errorf("%w: the document names this key as its signer, but the signature does not fit its bytes: at least one of them has changed; trust nothing that it says, and fetch it again from its source", ErrTampered)
}

// order of the group that ed25519 works in (RFC 8032, 5.1). The second half of a signature, a number written from its
// smallest byte on, is below it.
var order = [32]byte{
	0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0x14, 0xde, 0xf9, 0xde, 0xa2, 0xf7, 0x9c, 0xd6, 0x58, 0x12, 0x63, 0x1a, 0x5c, 0xf5, 0xd3, 0xed,
}

func wellFormed(signature []byte) error {
	const how = "give the file whose name ends in " + Extension + ", as it was made: 64 raw bytes"
	if bytes.HasPrefix(bytes.TrimSpace(signature), []byte("-----BEGIN")) {
		return fmt.Errorf("%w: it is a PEM file, perhaps a key; %s", ErrNotSignature, how)
	}
	if len(signature) != ed25519.SignatureSize {
		return fmt.Errorf("%w: it has %d bytes; %s", ErrNotSignature, len(signature), how)
	}
	half := slices.Clone(signature[32:])
	slices.Reverse(half)
	if bytes.Compare(half, order[:]) >= 0 {
		return fmt.Errorf("%w: no ed25519 signature has these bytes; %s", ErrNotSignature, how)
	}
	return nil
}

// signer is the key that a document names; empty where it names none or cannot be read.
func signer(document []byte) Fingerprint {
	var head struct {
		Signer string `json:"signer"`
	}
	if err := json.Unmarshal(document, &head); err != nil || !sha256Hex.MatchString(head.Signer) {
		return ""
	}
	return Fingerprint(head.Signer)
}

func naming(f Fingerprint) string {
	if f == "" {
		return "nobody"
	}
	return "the key " + f.Short()
}
