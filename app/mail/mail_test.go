package mail_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/mail"
)

// server is an SMTP server that does as a test says.
type server struct {
	port    int
	roots   *x509.CertPool
	mu      sync.Mutex
	answers map[string]string // to a command, in place of the usual
	heard   []string
	data    string
	user    string
}

func start(t *testing.T, mode string, answers map[string]string) *server {
	t.Helper()
	web := httptest.NewUnstartedServer(nil) // for its certificate
	web.StartTLS()
	t.Cleanup(web.Close)
	config := &tls.Config{Certificates: web.TLS.Certificates}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	s := &server{port: l.Addr().(*net.TCPAddr).Port, roots: x509.NewCertPool(), answers: answers}
	s.roots.AddCert(web.Certificate())
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if mode == mail.TLSImplicit {
				conn = tls.Server(conn, config)
			}
			go s.talk(conn, config, mode)
		}
	}()
	return s
}

func (s *server) talk(conn net.Conn, config *tls.Config, mode string) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	in := bufio.NewReader(conn)
	encrypted := mode == mail.TLSImplicit
	_, _ = fmt.Fprint(conn, "220 test ESMTP\r\n")
	for {
		text, err := in.ReadString('\n')
		if err != nil {
			return
		}
		text = strings.TrimRight(text, "\r\n")
		verb := strings.ToUpper(strings.SplitN(text, " ", 2)[0])
		s.mu.Lock()
		s.heard = append(s.heard, text)
		special := s.answers[verb]
		s.mu.Unlock()
		if special == "hang" {
			time.Sleep(5 * time.Second)
			return
		}
		if special != "" {
			_, _ = fmt.Fprint(conn, special+"\r\n")
			if verb == "DATA" || strings.HasPrefix(special, "421") {
				return
			}
			continue
		}
		switch verb {
		case "EHLO":
			answer := "250-test\r\n250-ENHANCEDSTATUSCODES\r\n"
			if mode == mail.TLSStart && !encrypted {
				answer += "250-STARTTLS\r\n"
			}
			_, _ = fmt.Fprint(conn, answer+"250 AUTH PLAIN LOGIN\r\n")
		case "STARTTLS":
			_, _ = fmt.Fprint(conn, "220 go\r\n")
			conn = tls.Server(conn, config)
			in, encrypted = bufio.NewReader(conn), true
		case "AUTH":
			plain, _ := base64.StdEncoding.DecodeString(text[strings.LastIndex(text, " ")+1:])
			s.mu.Lock()
			s.user = strings.ReplaceAll(string(plain), "\x00", " ")
			s.mu.Unlock()
			_, _ = fmt.Fprint(conn, "235 welcome\r\n")
		case "DATA":
			_, _ = fmt.Fprint(conn, "354 go\r\n")
			var all strings.Builder
			for {
				text, err := in.ReadString('\n')
				if err != nil || text == ".\r\n" {
					break
				}
				all.WriteString(text)
			}
			s.mu.Lock()
			s.data = all.String()
			after := s.answers["."]
			s.mu.Unlock()
			if after == "" {
				after = "250 2.0.0 kept"
			}
			_, _ = fmt.Fprint(conn, after+"\r\n")
		case "QUIT":
			_, _ = fmt.Fprint(conn, "221 bye\r\n")
			return
		default:
			_, _ = fmt.Fprint(conn, "250 2.0.0 fine\r\n")
		}
	}
}

func sender(t *testing.T, s *server, o mail.Options) *mail.Sender {
	t.Helper()
	o.Host, o.Port, o.Roots, o.From = "127.0.0.1", s.port, s.roots, netmail.Address{Name: "TaskFlow of Acme", Address: "taskflow@acme.example"}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	out, err := mail.NewSender(o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func message() mail.Message {
	return mail.Message{To: netmail.Address{Name: "Ada Ünal", Address: "ada@x.example"}, Subject: "OPS-12: Pumpe überprüft", Text: "Hello Ada,\n.\nit drips — again.\n", HTML: "<p>Hello Ada</p>",
		ID: "018f-aa", Date: time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC), Unsubscribe: "https://acme.example/stop/abc"}
}

func TestSend(t *testing.T) {
	for _, mode := range []string{mail.TLSNone, mail.TLSStart, mail.TLSImplicit} {
		t.Run(mode, func(t *testing.T) {
			s := start(t, mode, nil)
			o := mail.Options{TLS: mode}
			if mode != mail.TLSNone {
				o.User, o.Password = "acme", "secret"
			}
			if err := sender(t, s, o).Send(t.Context(), message()); err != nil {
				t.Fatal(err)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if o.User != "" && s.user != " acme secret" {
				t.Errorf("signed in as %q", s.user)
			}
			all := strings.Join(s.heard, "\n")
			if !strings.Contains(all, "EHLO acme.example") || !strings.Contains(all, "MAIL FROM:<taskflow@acme.example>") || !strings.Contains(all, "RCPT TO:<ada@x.example>") {
				t.Errorf("it said %q", all)
			}
			// A dot at the start of a line is doubled on the way.
			read(t, strings.ReplaceAll(s.data, "\r\n..", "\r\n."), message())
		})
	}
}

// read checks a message as a mail program reads it.
func read(t *testing.T, raw string, want mail.Message) {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatalf("%v in %q", err, raw)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != want.Subject {
		t.Errorf("subject %q, %v", subject, err)
	}
	to, err := m.Header.AddressList("To")
	if err != nil || len(to) != 1 || *to[0] != want.To {
		t.Errorf("to %v, %v", to, err)
	}
	if got := m.Header.Get("Message-ID"); got != "<"+want.ID+"@acme.example>" {
		t.Errorf("ID %q", got)
	}
	if date, err := m.Header.Date(); err != nil || !date.Equal(want.Date) {
		t.Errorf("date %v, %v", date, err)
	}
	if m.Header.Get("Auto-Submitted") != "auto-generated" || m.Header.Get("List-Unsubscribe") != "<"+want.Unsubscribe+">" || m.Header.Get("Bcc") != "" {
		t.Errorf("%v", m.Header)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s, %v", kind, err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for _, want := range []struct{ kind, text string }{{"text/plain", want.Text}, {"text/html", want.HTML}} {
		p, err := parts.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(p))
		if got := strings.TrimSpace(strings.ReplaceAll(string(body), "\r\n", "\n")); err != nil || got != strings.TrimSpace(want.text) || !strings.HasPrefix(p.Header.Get("Content-Type"), want.kind) {
			t.Errorf("%s: %q, %v", p.Header.Get("Content-Type"), got, err)
		}
	}
}

func TestFailuresAreSorted(t *testing.T) {
	for name, tc := range map[string]struct {
		mode      string
		answers   map[string]string
		options   mail.Options
		temporary bool
		says      string
	}{
		"no such person":      {mail.TLSNone, map[string]string{"RCPT": "550 5.1.1 <ada@x.example> is unknown"}, mail.Options{}, false, "recipient's address failed with 550 5.1.1"},
		"come again":          {mail.TLSNone, map[string]string{"RCPT": "451 4.7.1 ada@x.example: grey"}, mail.Options{}, true, "451 4.7.1"},
		"refused content":     {mail.TLSNone, map[string]string{".": "554 5.7.1 spam for ada"}, mail.Options{}, false, "554 5.7.1"},
		"full":                {mail.TLSNone, map[string]string{".": "452 4.2.2 full"}, mail.Options{}, true, "452"},
		"closing":             {mail.TLSNone, map[string]string{"MAIL": "421 4.3.2 closing"}, mail.Options{}, true, "421"},
		"sender refused":      {mail.TLSNone, map[string]string{"MAIL": "553 5.7.1 not yours"}, mail.Options{}, true, "From"},
		"wrong password":      {mail.TLSStart, map[string]string{"AUTH": "535 5.7.8 wrong"}, mail.Options{User: "acme", Password: "secret"}, true, "sign in"},
		"no STARTTLS":         {mail.TLSNone, nil, mail.Options{TLS: mail.TLSStart}, true, "STARTTLS"},
		"says nothing":        {mail.TLSNone, map[string]string{"MAIL": "hang"}, mail.Options{Timeout: 2 * time.Second}, true, "send"},
		"not the right proto": {mail.TLSNone, nil, mail.Options{TLS: mail.TLSImplicit}, true, "connect"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, tc.mode, tc.answers)
			if tc.options.TLS == "" {
				tc.options.TLS = tc.mode
			}
			err := sender(t, s, tc.options).Send(t.Context(), message())
			if err == nil || mail.Temporary(err) != tc.temporary || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("temporary %v: %v", mail.Temporary(err), err)
			}
			for _, private := range []string{"ada", "Ada", "secret", "Pump", "drips"} {
				if err != nil && strings.Contains(err.Error(), private) {
					t.Errorf("the error tells %q: %v", private, err)
				}
			}
		})
	}
	s := start(t, mail.TLSImplicit, nil)
	s.roots = x509.NewCertPool()
	if err := sender(t, s, mail.Options{TLS: mail.TLSImplicit}).Send(t.Context(), message()); err == nil || !strings.Contains(err.Error(), "certificate") || !mail.Temporary(err) {
		t.Errorf("a server of an unknown authority: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := sender(t, s, mail.Options{}).Send(gone, message()); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestHeadersCannotBeInjected(t *testing.T) {
	s := sender(t, &server{port: 25}, mail.Options{})
	m := message()
	m.Subject, m.To.Name = "a\r\nBcc: eve@x.example\r\n\r\nbody", "x\r\nBcc: eve@x.example\u2028"
	raw, err := s.Compose(m)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := netmail.ReadMessage(strings.NewReader(string(raw)))
	if err != nil || parsed.Header.Get("Bcc") != "" || parsed.Header.Get("Subject") != "a Bcc: eve@x.example body" {
		t.Errorf("%v, %v", parsed.Header, err)
	}
	for _, address := range []string{"", "ada", "ada@", "@x", "a@x.example\r\nBcc: eve@x.example", "a@x.example, b@x.example", "Ada <ada@x.example>", "a b@x.example", "a@x.example>", strings.Repeat("a", 300) + "@x.example"} {
		m := message()
		m.To.Address = address
		if _, err := s.Compose(m); err == nil || mail.Temporary(err) {
			t.Errorf("%q: %v", address, err)
		}
	}
	for _, change := range []func(*mail.Message){
		func(m *mail.Message) { m.ID = "a>\r\nBcc: x" }, func(m *mail.Message) { m.ID = "" }, func(m *mail.Message) { m.Text = "" }, func(m *mail.Message) { m.Date = time.Time{} },
		func(m *mail.Message) { m.Unsubscribe = "javascript:x" }, func(m *mail.Message) { m.Unsubscribe = "https://x\r\nBcc: y" },
	} {
		m := message()
		change(&m)
		if _, err := s.Compose(m); err == nil || mail.Temporary(err) {
			t.Errorf("%+v: %v", m, err)
		}
	}
}

func FuzzCompose(f *testing.F) {
	f.Add("a\r\nBcc: x", "b", "c", "<p>", "ada@x.example")
	f.Add("=?utf-8?q?=0d=0aBcc:_x?=", "\"", "\r\n.\r\n", "", "ada@x.example")
	s, err := mail.NewSender(mail.Options{Host: "x", From: netmail.Address{Address: "taskflow@acme.example"}})
	if err != nil {
		f.Fatal(err)
	}
	allowed := map[string]bool{"Date": true, "Mime-Version": true, "Message-Id": true, "Subject": true, "From": true, "To": true, "Content-Type": true, "Content-Transfer-Encoding": true, "Auto-Submitted": true}
	f.Fuzz(func(t *testing.T, subject, name, text, html, to string) {
		raw, err := s.Compose(mail.Message{To: netmail.Address{Name: name, Address: to}, Subject: subject, Text: text, HTML: html, ID: "1", Date: time.Unix(1, 0)})
		if err != nil {
			return
		}
		m, err := netmail.ReadMessage(strings.NewReader(string(raw)))
		if err != nil {
			t.Fatalf("%v in %q", err, raw)
		}
		for key, values := range m.Header {
			if !allowed[key] || len(values) != 1 {
				t.Errorf("%s: %q in %q", key, values, raw)
			}
		}
		if list, err := m.Header.AddressList("To"); err != nil || len(list) != 1 || list[0].Address != to {
			t.Errorf("to %v, %v in %q", list, err, raw)
		}
	})
}

func TestNewSender(t *testing.T) {
	for _, tc := range []struct {
		o        mail.Options
		problems int
	}{
		{mail.Options{}, 2},
		{mail.Options{Host: "x", From: netmail.Address{Address: "a@b.example"}}, 0},
		{mail.Options{Host: "x\r\ny", Port: 99999, TLS: "ssl", User: "u", From: netmail.Address{Address: "a"}}, 5},
		{mail.Options{Host: "x", TLS: mail.TLSNone, User: "u", Password: "p", From: netmail.Address{Address: "a@b.example"}}, 1},
	} {
		if _, err := mail.NewSender(tc.o); len(fault.Problems(err)) != tc.problems {
			t.Errorf("%+v: %v", tc.o, err)
		}
	}
}

func TestNext(t *testing.T) {
	total, last := time.Duration(0), time.Duration(0)
	attempt := 1
	for ; ; attempt++ {
		wait, again := mail.Next(attempt)
		if !again {
			break
		}
		if wait < last {
			t.Errorf("attempt %d waits %v after %v", attempt, wait, last)
		}
		total, last = total+wait, wait
	}
	if attempt < 5 || total < 48*time.Hour || total > 96*time.Hour {
		t.Errorf("it gives up after %d attempts and %v", attempt, total)
	}
	if _, again := mail.Next(0); again {
		t.Error("there is no attempt 0")
	}
}
