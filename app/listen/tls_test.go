package listen_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/listen"
)

// writePair writes a certificate and its key, and returns the certificate.
func writePair(t *testing.T, folder string, serial int64) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "test"}, DNSNames: []string{"app.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Duration(serial) * time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"tls.crt": {Type: "CERTIFICATE", Bytes: der}, "tls.key": {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestCertificateReloads(t *testing.T) {
	folder := t.TempDir()
	first := writePair(t, folder, 1)
	c, err := listen.NewCertificate(filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", c.Config())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = conn.(*tls.Conn).Handshake(); _ = conn.Close() }()
		}
	}()
	serial := func(config *tls.Config) int64 {
		config.InsecureSkipVerify = true
		conn, err := tls.Dial("tcp", l.Addr().String(), config)
		if err != nil {
			return -1
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if got := serial(&tls.Config{}); got != 1 || !c.Expires().Equal(first.NotAfter) {
		t.Errorf("serial %d, expires %v", got, c.Expires())
	}
	if changed, err := c.Reload(); changed || err != nil {
		t.Errorf("nothing changed: %v, %v", changed, err)
	}
	writePair(t, folder, 2)
	if changed, err := c.Reload(); !changed || err != nil {
		t.Errorf("%v, %v", changed, err)
	}
	if got := serial(&tls.Config{}); got != 2 {
		t.Errorf("serial %d after the reload", got)
	}
	if err := os.WriteFile(filepath.Join(folder, "tls.key"), []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if changed, err := c.Reload(); changed || err == nil {
		t.Errorf("a broken key: %v, %v", changed, err)
	}
	if got := serial(&tls.Config{}); got != 2 {
		t.Errorf("serial %d after a reload that failed", got)
	}

	ctx, cancel := context.WithCancel(t.Context())
	said := make(chan error, 100)
	done := make(chan struct{})
	go func() { c.Watch(ctx, 5*time.Millisecond, func(err error) { said <- err }); close(done) }()
	if err := <-said; err == nil {
		t.Error("the broken key was not told of")
	}
	time.Sleep(30 * time.Millisecond) // it is not told of again
	writePair(t, folder, 3)
	for err := range said {
		if err == nil {
			break
		}
	}
	if got := serial(&tls.Config{}); got != 3 {
		t.Errorf("serial %d after the files changed", got)
	}
	cancel()
	<-done

	if got := serial(&tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}); got != -1 {
		t.Error("TLS 1.1 is spoken")
	}
	if got := serial(&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}); got != -1 {
		t.Error("CBC is spoken")
	}
	if got := serial(&tls.Config{MaxVersion: tls.VersionTLS12}); got != 3 {
		t.Error("TLS 1.2 is not spoken")
	}
	if _, err := listen.NewCertificate("/nonexistent", "/nonexistent"); err == nil {
		t.Error("a certificate of nothing")
	}
}
