package origin_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"testing"
	"time"

	"github.com/berth-iac/berth/components/origin"
)

func TestAuthorityIsCloudflares(t *testing.T) {
	text, err := base64.StdEncoding.DecodeString(origin.Authority())
	if err != nil {
		t.Fatal(err)
	}
	block, rest := pem.Decode(text)
	if block == nil || len(rest) > 0 {
		t.Fatalf("the file holds more or less than one certificate")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(certificate.Raw)
	if got := hex.EncodeToString(sum[:]); got != "9a1ac2b4be15f9f27eee20a734cba4e9898f61001b3bd7c84b69b56a3e25a2b9" {
		t.Errorf("fingerprint = %s, want the published one", got)
	}
	if certificate.Subject.CommonName != "origin-pull.cloudflare.net" || !certificate.IsCA {
		t.Errorf("subject %s, authority %v", certificate.Subject, certificate.IsCA)
	}
	if err := certificate.CheckSignatureFrom(certificate); err != nil {
		t.Errorf("it is not signed by itself: %v", err)
	}
	if end := time.Date(2029, 11, 1, 17, 0, 0, 0, time.UTC); !certificate.NotAfter.Equal(end) {
		t.Errorf("it ends on %s, want %s: correct the comment", certificate.NotAfter, end)
	}
}
