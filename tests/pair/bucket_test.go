package pair

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"golang.org/x/sys/unix"
)

// bucket is an S3 server that both machines reach at 127.0.0.1:9443, each in its own network.
type bucket struct {
	backend *s3mem.Backend
	broken  atomic.Bool // answers nothing but errors
	ca      string
}

const bucketName, bucketHost = "berth-southern-backups", "s3.backup.example"

func newBucket(t *testing.T, machines ...*machine) *bucket {
	t.Helper()
	s := &bucket{backend: s3mem.New()}
	if err := s.backend.CreateBucket(bucketName); err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: bucketHost}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{bucketHost, "127.0.0.1"}, // pgBackRest compares an address with names
		IsCA:     true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	s.ca = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	fake := gofakes3.New(s.backend).Server()
	server := &http.Server{
		ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if s.broken.Load() {
				http.Error(w, "broken", http.StatusForbidden)
				return
			}
			fake.ServeHTTP(w, r)
		}),
	}
	t.Cleanup(func() { _ = server.Close() })
	for _, m := range machines {
		listener, err := listenIn(m)
		if err != nil {
			t.Fatal(err)
		}
		secure := tls.NewListener(listener, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
		go func() { _ = server.Serve(secure) }()
		// What a machine of a test has to know beyond its bundle: where the bucket's name leads to.
		m.write("/etc/pgbackrest/s3-ca.crt", s.ca, "0644")
		for _, folder := range []string{"conf.d", "sister.d"} {
			m.write("/etc/pgbackrest/"+folder+"/repo3-local.conf",
				"[global]\nrepo3-s3-uri-style=path\nrepo3-storage-host=127.0.0.1\nrepo3-storage-port=9443\nrepo3-storage-ca-file=/etc/pgbackrest/s3-ca.crt\n", "0644")
		}
	}
	return s
}

// listenIn opens the port in a machine's network. The thread that went there is given up: it ends with its goroutine.
func listenIn(m *machine) (net.Listener, error) {
	type result struct {
		net.Listener
		error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread()
		ns, err := os.Open("/proc/" + m.pid + "/ns/net")
		if err == nil {
			err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
		}
		if err != nil {
			done <- result{nil, fmt.Errorf("enter the network of %s: %w", m.name, err)}
			return
		}
		l, err := net.Listen("tcp4", "127.0.0.1:9443")
		done <- result{l, err}
	}()
	r := <-done
	return r.Listener, r.error
}

var gofakes3NoPage = gofakes3.ListBucketPage{}

// read gives an object as it lies in the bucket.
func (s *bucket) read(t *testing.T, key string) string {
	t.Helper()
	object, err := s.backend.GetObject(bucketName, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer object.Contents.Close()
	body, err := io.ReadAll(object.Contents)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
