package client_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	netmail "net/mail"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/expression"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/files"
	"github.com/berth-iac/berth/app/limits"
	"github.com/berth-iac/berth/app/mail"
	"github.com/berth-iac/berth/app/markdown"
	"github.com/berth-iac/berth/app/outbox"
	"github.com/berth-iac/berth/app/password"
	"github.com/berth-iac/berth/app/seal"
	"github.com/berth-iac/berth/app/space"
	"github.com/berth-iac/berth/app/store/storetest"
	"github.com/berth-iac/berth/app/tenancy"
)

const secret = "correct-horse-battery-7"

var operator = actor.Service("operator")

// place is what clients are opened in: a process, and a clock that tests move.
type place struct {
	t       *testing.T
	process client.Process
	logged  bytes.Buffer
	mu      sync.Mutex
	time    time.Time
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wants(t testing.TB, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("got %v, want %s", err, kind)
	}
}

func (p *place) now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.time
}

func (p *place) later(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.time = p.time.Add(d)
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{t: t, time: storetest.Now}
	sandbox, err := expression.New()
	must(t, err)
	gate, err := limits.NewGate(limits.GateOptions{Slots: 10})
	must(t, err)
	p.process = client.Process{Hasher: password.NewTestHasher(), Sandbox: sandbox, Renderer: markdown.New(), Gate: gate,
		Memory: space.NewMemory(space.MemoryOptions{Clock: p.now}), Clock: p.now, Random: rand.Reader, Log: slog.New(slog.NewTextHandler(&p.logged, nil)), Scheme: "https"}
	return p
}

// tenant is one that can be opened.
func (p *place) tenant(name string) *tenancy.Tenant {
	p.t.Helper()
	disk, err := files.NewDisk(p.t.TempDir(), name, p.now())
	must(p.t, err)
	p.t.Cleanup(func() { _ = disk.Close() })
	keys, err := seal.New(name, seal.NewKey())
	must(p.t, err)
	room, err := space.New(p.process.Memory, name)
	must(p.t, err)
	many := config.Rate{Requests: 1000, Period: config.Duration(time.Minute)}
	return &tenancy.Tenant{Name: name, DisplayName: "The " + name + " company", Hosts: []string{name + ".example.org", "www." + name + ".example.org"}, Created: p.now(),
		Store: storetest.SQLite(p.t), Seal: keys, Space: room, Files: disk, Rates: config.Rates{Client: many, User: many, Address: many, Login: many},
		Passwords: config.Passwords{Minimum: 10}}
}

func (p *place) open(t *tenancy.Tenant) *client.Client {
	p.t.Helper()
	c, err := client.Open(p.t.Context(), t, p.process)
	must(p.t, err)
	return c
}

// join is somebody new.
func join(t *testing.T, c *client.Client, role actor.Role, name string) accounts.Visit {
	t.Helper()
	link := ""
	_, err := c.Accounts.Invite(t.Context(), operator, accounts.Invitation{Email: uuid.NewString()[:8] + "@example.org", Role: role},
		func(to accounts.Person, secret string, _ time.Time) (outbox.Mail, error) {
			link = secret
			return outbox.Mail{To: to.Email, Subject: "An invitation", Text: "-", NotBefore: c.Now().AddDate(10, 0, 0)}, nil
		})
	must(t, err)
	in, err := c.Accounts.Accept(t.Context(), accounts.From{Address: netip.MustParseAddr("192.0.2.7"), Agent: "test"}, link, name, secret)
	must(t, err)
	return in.Visit
}

// post is a mail server that keeps what it gets, and answers RCPT as it is told.
type post struct {
	mu     sync.Mutex
	answer string
	got    []string
}

// sender gives the process a mail server.
func (p *place) sender() *post {
	p.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(p.t, err)
	p.t.Cleanup(func() { _ = l.Close() })
	s := &post{answer: "250 fine"}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.talk(c)
		}
	}()
	p.process.Mail, err = mail.NewSender(mail.Options{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, TLS: mail.TLSNone, From: netmail.Address{Address: "taskflow@acme.example"}})
	must(p.t, err)
	return s
}

func (s *post) talk(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	in := bufio.NewReader(c)
	_, _ = fmt.Fprint(c, "220 post ESMTP\r\n")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		s.mu.Lock()
		answer := s.answer
		s.mu.Unlock()
		switch verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " "); verb {
		case "RCPT":
			_, _ = fmt.Fprint(c, answer+"\r\n")
		case "DATA":
			_, _ = fmt.Fprint(c, "354 go on\r\n")
			var all strings.Builder
			for line != ".\r\n" {
				if line, err = in.ReadString('\n'); err != nil {
					return
				}
				all.WriteString(line)
			}
			s.mu.Lock()
			s.got = append(s.got, all.String())
			s.mu.Unlock()
			_, _ = fmt.Fprint(c, "250 kept\r\n")
		case "QUIT":
			_, _ = fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			_, _ = fmt.Fprint(c, "250 fine\r\n")
		}
	}
}

func (s *post) say(answer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *post) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.got...)
}
