package browser_test

import (
	"bufio"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
	"time"
)

// post is a mail server on this machine that keeps what it is given.
type post struct {
	t    *testing.T
	port string
	mu   sync.Mutex
	got  []letter
}

type letter struct{ to, subject, text, html string }

func newPost(t *testing.T) *post {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	p := &post{t: t}
	_, p.port, _ = net.SplitHostPort(l.Addr().String())
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.talk(c)
		}
	}()
	return p
}

// environ is what tells the service of it.
func (p *post) environ() []string {
	return []string{"TASKFLOW_MAIL_HOST=127.0.0.1", "TASKFLOW_MAIL_PORT=" + p.port, "TASKFLOW_MAIL_TLS=off", "TASKFLOW_MAIL_FROM=TaskFlow <taskflow@demo.localhost>"}
}

func (p *post) talk(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	in := bufio.NewReader(c)
	_, _ = fmt.Fprint(c, "220 post ESMTP\r\n")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " "); verb {
		case "EHLO":
			_, _ = fmt.Fprint(c, "250-post\r\n250 8BITMIME\r\n")
		case "DATA":
			_, _ = fmt.Fprint(c, "354 go on\r\n")
			var all strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				all.WriteString(strings.TrimPrefix(line, "."))
			}
			p.keep(all.String())
			_, _ = fmt.Fprint(c, "250 kept\r\n")
		case "QUIT":
			_, _ = fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			_, _ = fmt.Fprint(c, "250 fine\r\n")
		}
	}
}

func (p *post) keep(raw string) {
	m, err := netmail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		p.t.Errorf("a mail cannot be read: %v", err)
		return
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		p.t.Errorf("a mail's subject cannot be read: %v", err)
	}
	one := letter{to: m.Header.Get("To"), subject: subject}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		p.t.Errorf("a mail is %s, want text and HTML: %v", kind, err)
		return
	}
	for parts := multipart.NewReader(m.Body, params["boundary"]); ; {
		part, err := parts.NextRawPart()
		if err != nil {
			break
		}
		all, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			p.t.Errorf("a part of a mail cannot be read: %v", err)
		}
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/html") {
			one.html = string(all)
		} else {
			one.text = string(all)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, one)
}

// to waits for the mail to somebody whose subject holds these words.
func (p *post) to(address, subject string) letter {
	p.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		p.mu.Lock()
		for _, one := range p.got {
			if strings.Contains(one.to, address) && strings.Contains(one.subject, subject) {
				p.mu.Unlock()
				return one
			}
		}
		p.mu.Unlock()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.t.Fatalf("no mail to %s about %q; there are %+v", address, subject, p.got)
	return letter{}
}
