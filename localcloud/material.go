package localcloud

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Public keys and certificates that nobody has the private half of: they have the real forms, so that programs that read them can.

// material are 32 bytes that depend on the object and on a value, such as the count of a rotation.
func (s *scene) material(value string) []byte {
	mac := hmac.New(sha256.New, []byte(s.salt))
	_, _ = fmt.Fprintf(mac, "%s\x00material\x00%s", s.seat, value) // a hash takes everything
	return mac.Sum(nil)
}

// publicKey is a Curve25519 key in base64, another one for each value of a property.
func publicKey(s *scene, path string) (result, error) {
	r, err := s.property(path)
	if err != nil || r.value.IsComputed() {
		return r, err
	}
	return result{value: resource.NewStringProperty(base64.StdEncoding.EncodeToString(s.material(text(r.value))))}, nil
}

// hostKey is an SSH host key that depends on a property's value only: all who reach one address meet the same key.
func hostKey(s *scene, path string) (result, error) {
	return ofText(func(t string) (string, error) {
		sum := sha256.Sum256([]byte("host key of " + t))
		var wire []byte
		for _, part := range [][]byte{[]byte("ssh-ed25519"), sum[:]} {
			wire = binary.BigEndian.AppendUint32(wire, uint32(len(part)))
			wire = append(wire, part...)
		}
		return "ssh-ed25519 " + base64.StdEncoding.EncodeToString(wire), nil
	})(s, path)
}

// authority is base64 of the PEM certificate of an authority, another one for each value of a property that counts from 1; behind it
// stands the one before.
func authority(s *scene, path string) (result, error) {
	r, err := s.property(path)
	if err != nil || r.value.IsComputed() || !r.value.IsNumber() {
		return result{value: r.value}, err
	}
	var all bytes.Buffer
	for n := int(r.value.NumberValue()); n > 0 && n > int(r.value.NumberValue())-2; n-- {
		der, err := s.certificate(n)
		if err != nil {
			return result{}, err
		}
		if err := pem.Encode(&all, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
			return result{}, fmt.Errorf("embedded cloud: write a certificate: %w", err)
		}
	}
	return result{value: resource.NewStringProperty(base64.StdEncoding.EncodeToString(all.Bytes()))}, nil
}

func (s *scene) certificate(n int) ([]byte, error) {
	key := ed25519.NewKeyFromSeed(s.material(fmt.Sprint(n)))
	name := pkix.Name{CommonName: "Berth embedded cloud", OrganizationalUnit: []string{fmt.Sprintf("generation %d", n)}}
	from := s.now.UTC().Truncate(time.Second)
	// These signatures take no randomness: the same object shows the same certificate.
	der, err := x509.CreateCertificate(nil, &x509.Certificate{
		SerialNumber: big.NewInt(int64(n)), Subject: name, NotBefore: from, NotAfter: from.AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}, &x509.Certificate{Subject: name}, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("embedded cloud: make a certificate: %w", err)
	}
	return der, nil
}

// says is the digest of several properties, with commas between their names: it changes when one of them does.
func says(s *scene, argument string) (result, error) {
	var values []any
	for _, name := range strings.Split(argument, ",") {
		r, err := s.property(name)
		if err != nil || r.value.ContainsUnknowns() {
			return result{value: unknown()}, err
		}
		values = append(values, name, deepBare(r.value).Mappable())
	}
	plain, err := json.Marshal(values)
	sum := sha256.Sum256(plain)
	return result{value: resource.NewStringProperty(hex.EncodeToString(sum[:]))}, err
}
