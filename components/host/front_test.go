package host

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func pemOf(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}) }

type signed struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func certificate(t *testing.T, name string, by *signed) signed {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IsCA: by == nil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return signed{cert, key}
}

func (s signed) keyPEM(t *testing.T) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// frontRoot writes nginx's files as steps would, with another root and another port.
func frontRoot(t *testing.T, d Description, c Client, port int, authority, own signed) string {
	t.Helper()
	root := t.TempDir()
	move := strings.NewReplacer("/etc/nginx/berth.d", root+"/berth.d", "listen 443", fmt.Sprintf("listen 127.0.0.1:%d", port), "/run/taskflow/", root+"/",
		"pid /run/nginx.pid", "pid "+root+"/pid", "syslog:server=unix:/dev/log,nohostname,tag=nginx,severity=info", root+"/access.log",
		"syslog:server=unix:/dev/log,nohostname,tag=nginx", root+"/error.log",
		// This test is Cloudflare.
		"real_ip_header", "set_real_ip_from 127.0.0.1; real_ip_header")
	place(t, root, "berth.conf", move.Replace(fileOf(t, d.front(), "/etc/nginx/berth.conf")),
		"berth.d/"+c.Name+".conf", move.Replace(fileOf(t, c.website(), "/usr/local/lib/berth/client-"+c.Name+"/site.conf")),
		"berth.d/"+c.Name+".crt", string(pemOf(own.cert.Raw)), "berth.d/"+c.Name+".key", own.keyPEM(t), "berth.d/"+c.Name+".pulls", string(pemOf(authority.cert.Raw)))
	return root
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestFrontLetsOnlyTheEdgeIn_AV_12(t *testing.T) {
	need(t, "nginx")
	authority, own := certificate(t, "Origin Pull", nil), certificate(t, "globex.northwind.example", nil)
	edge, stranger := certificate(t, "edge", &authority), certificate(t, "stranger", nil)
	port := freePort(t)
	d, c := siteMachine(), globex(Home)
	root := frontRoot(t, d, c, port, authority, own)
	if err := os.Chmod(root, 0o755); err != nil { // nginx's workers are another user
		t.Fatal(err)
	}
	for folder := root; folder != "/tmp" && folder != "/"; folder = filepath.Dir(folder) {
		if err := os.Chmod(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "nginx", "-t", "-c", root+"/berth.conf").CombinedOutput(); err != nil || bytes.Contains(out, []byte("[warn]")) {
		t.Fatalf("nginx refuses the configuration: %v: %s", err, out)
	}
	nginx := exec.CommandContext(t.Context(), "nginx", "-c", root+"/berth.conf", "-g", "daemon off;")
	nginx.Cancel = func() error { return nginx.Process.Signal(os.Interrupt) }
	if err := nginx.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nginx.Process.Signal(os.Interrupt); _ = nginx.Wait() })

	ask := func(name string, client *signed, path string, body io.Reader, header ...string) (int, string, http.Header, error) {
		pool := x509.NewCertPool()
		pool.AddCert(own.cert)
		config := &tls.Config{RootCAs: pool, ServerName: name, MinVersion: tls.VersionTLS12}
		if client != nil {
			config.Certificates = []tls.Certificate{{Certificate: [][]byte{client.cert.Raw}, PrivateKey: client.key}}
		}
		transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		}}
		method := http.MethodGet
		if body != nil {
			method = http.MethodPost
		}
		r, err := http.NewRequestWithContext(t.Context(), method, "https://"+name+path, body)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		answer, err := transport.RoundTrip(r)
		if err != nil {
			return 0, "", nil, err
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		return answer.StatusCode, string(text), answer.Header, err
	}
	const host = "globex.northwind.example"
	var code int
	var text string
	var header http.Header
	var err error
	for range 100 { // until nginx listens
		if code, text, header, err = ask(host, &edge, "/healthz", nil); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil || code != http.StatusServiceUnavailable || text != "away\n" || header.Get("Retry-After") != "30" || header.Get("Strict-Transport-Security") == "" {
		t.Errorf("without a socket: %d %q %v %v", code, text, header, err)
	}

	l, err := net.Listen("unix", root+"/"+c.Name+".sock")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(root+"/"+c.Name+".sock", 0o666); err != nil {
		t.Fatal(err)
	}
	service := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		w.Header().Set("Strict-Transport-Security", "max-age=1")
		fmt.Fprintf(w, "%s %s|%s|%s|%s|%d|%t", r.URL.Path, r.Host, r.Header.Values("X-Forwarded-For"), r.Header.Get("X-Forwarded-Proto"), r.Header.Get("Forwarded"), n, len(r.Header.Get("X-Request-Id")) == 32)
	})}
	go func() { _ = service.Serve(l) }()
	t.Cleanup(func() { _ = service.Close() })

	code, text, header, err = ask(host, &edge, "/projects?q=secret", nil, "CF-Connecting-IP", "203.0.113.9", "X-Forwarded-For", "1.2.3.4", "X-Forwarded-Proto", "http", "Forwarded", "for=1.2.3.4")
	if err != nil || code != http.StatusOK || text != "/projects "+host+"|[203.0.113.9]|https||0|true" {
		t.Errorf("through the edge: %d %q %v", code, text, err)
	}
	if hsts := header.Values("Strict-Transport-Security"); len(hsts) != 1 || hsts[0] != "max-age=63072000" || header.Get("Server") != "nginx" {
		t.Errorf("headers: %v", header)
	}
	if code, text, _, err = ask(host, &edge, "/healthz", nil); err != nil || !strings.HasPrefix(text, "/readyz ") {
		t.Errorf("health: %d %q %v", code, text, err)
	}
	if code, text, _, err = ask(host, &edge, "/upload", bytes.NewReader(make([]byte, 25<<20))); err != nil || !strings.Contains(text, "|26214400|") {
		t.Errorf("25 MiB: %d %q %v", code, text, err)
	}
	if code, _, _, _ = ask(host, &edge, "/upload", bytes.NewReader(make([]byte, 27<<20))); code != http.StatusRequestEntityTooLarge {
		t.Errorf("27 MiB: %d", code)
	}
	if _, _, _, err := ask(host, &edge, "/reset/sesame", nil); err != nil {
		t.Error(err)
	}
	for name, client := range map[string]*signed{"nobody": nil, "a stranger": &stranger} {
		if code, text, _, err := ask(host, client, "/", nil); err == nil && code != http.StatusBadRequest {
			t.Errorf("%s gets %d %q", name, code, text)
		}
	}
	if _, _, _, err := ask("elsewhere.example", &edge, "/", nil); err == nil {
		t.Error("a name that is nobody's gets a handshake")
	}
	old := &tls.Config{InsecureSkipVerify: true, ServerName: host, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11} //nolint:gosec // it is to be refused
	if conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port), old); err == nil {
		_ = conn.Close()
		t.Error("TLS 1.1 is spoken (DP-4)")
	}
	log, err := os.ReadFile(root + "/access.log")
	if err != nil || !bytes.Contains(log, []byte(`"path":"/projects"`)) || bytes.Contains(log, []byte("secret")) || bytes.Contains(log, []byte("sesame")) {
		t.Errorf("the log: %s %v", log, err)
	}
}

func TestFrontWithoutEdge(t *testing.T) {
	need(t, "nginx")
	authority, own := certificate(t, "Origin Pull", nil), certificate(t, "taskflow.initech.example", nil)
	d, c := siteMachine(), globex(Home)
	d.OriginPulls, c.OriginPulls, c.Hostname = false, false, "taskflow.initech.example"
	root := frontRoot(t, d, c, freePort(t), authority, own)
	text, err := os.ReadFile(root + "/berth.conf")
	if err != nil || bytes.Contains(text, []byte("real_ip")) {
		t.Errorf("a header that anybody can write is believed: %v", err)
	}
	if out, err := exec.CommandContext(t.Context(), "nginx", "-t", "-c", root+"/berth.conf").CombinedOutput(); err != nil {
		t.Errorf("nginx refuses the configuration: %v: %s", err, out)
	}
	if got := c.website().Settings; len(got) != 0 {
		t.Errorf("settings: %v", got)
	}
}
