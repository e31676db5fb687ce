// Package listen is what a server stands on: sockets that it opens, is given by systemd or takes over from the release before; TLS
// with a certificate that changes while it runs; who a request really comes from when proxies stand in front; limits that slow and
// large requests run into; and an end in which nobody's request is lost. It knows no route and no client.
package listen

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Certificate is a TLS certificate in two PEM files that may be replaced while the server runs.
type Certificate struct {
	certFile, keyFile string
	mu                sync.Mutex
	pem               []byte // of what is in use
	current           atomic.Pointer[tls.Certificate]
}

// NewCertificate reads the files.
func NewCertificate(certFile, keyFile string) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile}
	if _, err := c.Reload(); err != nil {
		return nil, err
	}
	return c, nil
}

// Reload reads the files again and tells whether they changed. Where they cannot be used the certificate stays as it was.
func (c *Certificate) Reload() (changed bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cert, err1 := os.ReadFile(c.certFile)
	key, err2 := os.ReadFile(c.keyFile)
	if err := errors.Join(err1, err2); err != nil {
		return false, fmt.Errorf("read the TLS certificate: %w", err)
	}
	both := bytes.Join([][]byte{cert, key}, []byte{0})
	if bytes.Equal(both, c.pem) {
		return false, nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return false, fmt.Errorf("the TLS certificate %s and its key %s do not belong together or cannot be read: %w", c.certFile, c.keyFile, err)
	}
	if pair.Leaf == nil {
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return false, fmt.Errorf("read the TLS certificate %s: %w", c.certFile, err)
		}
	}
	c.pem = both
	c.current.Store(&pair)
	return true, nil
}

// Expires is when the certificate in use ends.
func (c *Certificate) Expires() time.Time { return c.current.Load().Leaf.NotAfter }

// Watch reloads when the files change, looking every so often, until ctx ends. said hears of each reload: nil, or why the old one
// stays; the same trouble is told once.
func (c *Certificate) Watch(ctx context.Context, every time.Duration, said func(error)) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	last := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		changed, err := c.Reload()
		switch {
		case err != nil && err.Error() != last:
			last = err.Error()
			said(err)
		case err == nil:
			last = ""
			if changed {
				said(nil)
			}
		}
	}
}

// Config is TLS as a server of today speaks it: 1.2 with forward secrecy and authenticated encryption, or 1.3.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{ // of 1.2; those of 1.3 are all good
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}
