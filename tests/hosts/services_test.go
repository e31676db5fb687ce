package hosts

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"golang.org/x/net/dns/dnsmessage"
)

// The names of what is outside of the machines; all of zone are at one address.
const (
	zone         = ".northwind.example."
	hostMail     = "smtp.northwind.example"
	hostReleases = "releases.northwind.example"
	hostObjects  = "s3.northwind.example"
	bucket       = "berth-lab-backups"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newAuthority(t testing.TB, name string) *authority {
	a := &authority{key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(2100 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pem = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return a
}

// authority is the one that the image's machines trust.
func (i image) authority(t testing.TB) *authority {
	pair, err := tls.LoadX509KeyPair(filepath.Join(string(i), "authority.crt"), filepath.Join(string(i), "authority.key"))
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert: pair.Leaf, key: pair.PrivateKey.(*ecdsa.PrivateKey)}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue makes a certificate for names, and its key, both in PEM.
func (a *authority) issue(t testing.TB, names ...string) (certificate, key string) {
	private := newKey(t)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(2000 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, private.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

func (a *authority) keyPair(t testing.TB, names ...string) tls.Certificate {
	pair, err := tls.X509KeyPair(bytesOf(a.issue(t, names...)))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func bytesOf(certificate, key string) ([]byte, []byte) { return []byte(certificate), []byte(key) }

// world is what the machines find outside: names, mail, objects, releases, packages.
type world struct {
	authority *authority
	objects   *s3mem.Backend

	mu    sync.Mutex
	mails []mail
}

// mail is one that arrived.
type mail struct {
	at   time.Time
	to   string
	text string
}

// newWorld serves releases from a folder, and the image's packages.
func newWorld(t *testing.T, at *network, releases string, i image) *world {
	w := &world{authority: i.authority(t), objects: s3mem.New()}
	if err := w.objects.CreateBucket(bucket); err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{w.authority.keyPair(t, "*.northwind.example", "*."+hostObjects)}, MinVersion: tls.VersionTLS12}
	objects := gofakes3.New(w.objects, gofakes3.WithHostBucketBase(hostObjects), gofakes3.WithAutoBucket(false)).Server()
	folders := http.FileServer(http.Dir(releases))
	quiet := log.New(io.Discard, "", 0)
	outside := &http.Server{ErrorLog: quiet, ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch name := r.Host; {
		case name == hostReleases:
			folders.ServeHTTP(rw, r)
		case name == hostObjects || strings.HasSuffix(name, "."+hostObjects):
			objects.ServeHTTP(rw, r)
		default:
			http.NotFound(rw, r)
		}
	})}
	mirror := &http.Server{ErrorLog: quiet, ReadHeaderTimeout: time.Minute, Handler: http.FileServer(http.Dir(i.packages()))}
	https, plain, smtp := tls.NewListener(at.listen(t, addressMail+":443"), config), at.listen(t, addressMail+":80"), at.listen(t, addressMail+":587")
	go func() { _ = outside.Serve(https) }()
	go func() { _ = mirror.Serve(plain) }()
	t.Cleanup(func() { _ = errors.Join(outside.Close(), mirror.Close()) })
	go w.takeMails(smtp, config)
	w.answerNames(t, at)
	return w
}

// answerNames is a name server that knows the zone.
func (w *world) answerNames(t *testing.T, at *network) {
	var conn net.PacketConn
	if err := at.do(func() (err error) { conn, err = net.ListenPacket("udp", addressMail+":53"); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			if reply := answerName(buffer[:n]); reply != nil {
				_, _ = conn.WriteTo(reply, from)
			}
		}
	}()
}

func answerName(question []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(question) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	if !strings.HasSuffix(strings.ToLower(q.Name.String()), zone) {
		m.RCode = dnsmessage.RCodeNameError
	} else if q.Type == dnsmessage.TypeA {
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: 60},
			Body:   &dnsmessage.AResource{A: [4]byte(net.ParseIP(addressMail).To4())},
		}}
	}
	reply, err := m.Pack()
	if err != nil {
		return nil
	}
	return reply
}

// takeMails is the server that machines send their alerts through: it takes nothing before STARTTLS.
func (w *world) takeMails(l net.Listener, config *tls.Config) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go w.takeMail(conn, config)
	}
}

func (w *world) takeMail(conn net.Conn, config *tls.Config) {
	defer func() { _ = conn.Close() }()
	in, secure := bufio.NewReader(conn), false
	say := func(line string) { _, _ = io.WriteString(conn, line+"\r\n") }
	var to []string
	say("220 " + hostMail)
	for {
		_ = conn.SetDeadline(time.Now().Add(2 * time.Minute))
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		verb := strings.ToUpper(strings.TrimSpace(line))
		switch {
		case strings.HasPrefix(verb, "EHLO") && !secure:
			say("250-" + hostMail + "\r\n250 STARTTLS")
		case strings.HasPrefix(verb, "EHLO"), strings.HasPrefix(verb, "HELO"):
			say("250 " + hostMail)
		case verb == "STARTTLS" && !secure:
			say("220 go on")
			conn = tls.Server(conn, config)
			in, secure = bufio.NewReader(conn), true
		case verb == "QUIT":
			say("221 bye")
			return
		case !secure:
			say("530 STARTTLS first")
		case strings.HasPrefix(verb, "RCPT TO:"):
			to = append(to, strings.Trim(line[8:], " <>\r\n"))
			say("250 ok")
		case verb == "DATA":
			say("354 go on")
			var text strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				text.WriteString(strings.TrimPrefix(line, "."))
			}
			w.mu.Lock()
			w.mails = append(w.mails, mail{at: time.Now(), to: strings.Join(to, " "), text: text.String()})
			w.mu.Unlock()
			to = nil
			say("250 taken")
		default: // MAIL FROM, RSET, NOOP
			say("250 ok")
		}
	}
}

// awaitMail waits for a mail since a time that has all the words, and gives it.
func (w *world) awaitMail(ctx context.Context, t testing.TB, since time.Time, within time.Duration, words ...string) mail {
	t.Helper()
	until := time.After(within)
	for {
		w.mu.Lock()
		var subjects []string
		for _, m := range w.mails {
			if m.at.Before(since) {
				continue
			}
			all := true
			for _, word := range words {
				all = all && strings.Contains(strings.ToLower(m.text), strings.ToLower(word))
			}
			if all {
				w.mu.Unlock()
				return m
			}
			subjects = append(subjects, subject(m.text))
		}
		w.mu.Unlock()
		select {
		case <-until:
			t.Fatalf("no mail with %q within %s; those that came:\n%s", words, within, strings.Join(subjects, "\n"))
		case <-ctx.Done():
			t.Fatalf("no mail with %q: %v", words, ctx.Err())
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func subject(text string) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.ToLower(line), "subject:") {
			return strings.TrimSpace(line)
		}
	}
	return "(no subject)"
}

// keys are the names of what lies in the bucket below a prefix.
func (w *world) keys(t testing.TB, below string) (names []string) {
	list, err := w.objects.ListBucket(bucket, &gofakes3.Prefix{Prefix: below, HasPrefix: true}, gofakes3.ListBucketPage{})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range list.Contents {
		names = append(names, o.Key)
	}
	return names
}
