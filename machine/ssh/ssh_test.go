package ssh_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	xssh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/berth-iac/berth/machine/ssh"
)

// server is an SSH server in this process. What it does with a command is the test's.
type server struct {
	t        *testing.T
	config   *xssh.ServerConfig
	listener net.Listener
	silent   atomic.Bool // takes connections and questions, and answers none

	mu    sync.Mutex
	conns []net.Conn
	run   func(line string, ch xssh.Channel) uint32
}

func signer(t *testing.T) (xssh.Signer, string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := xssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	s, err := xssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return s, string(pem.EncodeToMemory(block))
}

func line(s xssh.Signer) string {
	return strings.TrimSpace(string(xssh.MarshalAuthorizedKey(s.PublicKey())))
}

// newServer lets one key in.
func newServer(t *testing.T, lets xssh.PublicKey, hostKeys ...xssh.Signer) *server {
	t.Helper()
	s := &server{t: t, config: &xssh.ServerConfig{PublicKeyCallback: func(_ xssh.ConnMetadata, key xssh.PublicKey) (*xssh.Permissions, error) {
		if string(key.Marshal()) == string(lets.Marshal()) {
			return nil, nil
		}
		return nil, errors.New("no")
	}}}
	s.run = func(line string, ch xssh.Channel) uint32 {
		in, _ := io.ReadAll(ch)
		fmt.Fprintf(ch, "%s\n%s", line, in)
		return 0
	}
	for _, k := range hostKeys {
		s.config.AddHostKey(k)
	}
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.listener.Close(); s.drop() })
	go func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, conn)
			s.mu.Unlock()
			go s.serve(conn)
		}
	}()
	return s
}

// does says what commands do from now on.
func (s *server) does(run func(line string, ch xssh.Channel) uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run = run
}

func (s *server) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.Close()
	}
}

func (s *server) serve(conn net.Conn) {
	c, channels, requests, err := xssh.NewServerConn(conn, s.config)
	if err != nil {
		return
	}
	defer c.Close()
	go func() {
		for r := range requests {
			if !s.silent.Load() && r.WantReply {
				_ = r.Reply(true, nil)
			}
		}
	}()
	for n := range channels {
		switch n.ChannelType() {
		case "direct-tcpip": // a bastion
			var to struct {
				Host  string
				Port  uint32
				From  string
				Fport uint32
			}
			_ = xssh.Unmarshal(n.ExtraData(), &to)
			onward, err := net.Dial("tcp", net.JoinHostPort(to.Host, strconv.Itoa(int(to.Port))))
			if err != nil {
				_ = n.Reject(xssh.ConnectionFailed, err.Error())
				continue
			}
			ch, reqs, err := n.Accept()
			if err != nil {
				return
			}
			go xssh.DiscardRequests(reqs)
			go func() { _, _ = io.Copy(ch, onward); ch.Close() }()
			go func() { _, _ = io.Copy(onward, ch); onward.Close() }()
		case "session":
			ch, reqs, err := n.Accept()
			if err != nil {
				return
			}
			go s.session(ch, reqs)
		}
	}
}

func (s *server) session(ch xssh.Channel, requests <-chan *xssh.Request) {
	for r := range requests {
		if r.Type != "exec" {
			_ = r.Reply(false, nil)
			continue
		}
		var exec struct{ Line string }
		_ = xssh.Unmarshal(r.Payload, &exec)
		s.mu.Lock()
		run := s.run
		s.mu.Unlock()
		_ = r.Reply(true, nil)
		go func() {
			code := run(exec.Line, ch)
			_, _ = ch.SendRequest("exit-status", false, xssh.Marshal(struct{ Code uint32 }{code}))
			ch.Close()
		}()
	}
}

func (s *server) hop(user, hostKey string) ssh.Hop {
	return ssh.Hop{Address: "127.0.0.1", Port: s.listener.Addr().(*net.TCPAddr).Port, User: user, HostKey: hostKey}
}

func connect(t *testing.T, target ssh.Target, options ssh.Options) (*ssh.Machine, error) {
	t.Helper()
	m, err := ssh.Connect(t.Context(), target, options)
	if err == nil {
		t.Cleanup(func() { _ = m.Close() })
	}
	return m, err
}

func mustConnect(t *testing.T, target ssh.Target, options ssh.Options) *ssh.Machine {
	t.Helper()
	m, err := connect(t, target, options)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func wantError(t *testing.T, err error, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v, want one with %q", err, want)
		}
	}
}

func TestRun(t *testing.T) {
	mine, private := signer(t)
	host, _ := signer(t)
	s := newServer(t, mine.PublicKey(), host)
	for user, wrapped := range map[string]string{"root": `echo it's "me"`, "berth": `sudo -n -- /bin/sh -c 'echo it'\''s "me"'`} {
		m := mustConnect(t, ssh.Target{Hop: s.hop(user, "")}, ssh.Options{PrivateKey: private})
		if m.HostKey() != line(host) {
			t.Errorf("host key %q, want %q", m.HostKey(), line(host))
		}
		var said []string
		r, err := m.Run(t.Context(), ssh.Command{Line: `echo it's "me"`, Stdin: strings.NewReader("input\nrest"), Said: func(l string) { said = append(said, l) }})
		if err != nil || string(r.Stdout) != wrapped+"\ninput\nrest" || strings.Join(said, "|") != wrapped+"|input" {
			t.Errorf("%s: %q, said %q, %v", user, r.Stdout, said, err)
		}
		if !m.Alive() {
			t.Error("a connection that serves is taken for dead")
		}
	}
	s.does(func(_ string, ch xssh.Channel) uint32 {
		fmt.Fprint(ch.Stderr(), "disk is full\n")
		return 3
	})
	m := mustConnect(t, ssh.Target{Hop: s.hop("root", line(host))}, ssh.Options{PrivateKey: private})
	r, err := m.Run(t.Context(), ssh.Command{Line: "x"})
	if err != nil || r.Exit != 3 || string(r.Stderr) != "disk is full\n" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestHostKeys(t *testing.T) {
	mine, private := signer(t)
	host, _ := signer(t)
	other, _ := signer(t)
	raw, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	second, err := xssh.NewSignerFromKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, mine.PublicKey(), host, second)
	options := ssh.Options{PrivateKey: private}

	// A machine has several keys: the one that is pinned is asked for, also where it is not the best.
	for _, pinned := range []xssh.Signer{host, second} {
		if m := mustConnect(t, ssh.Target{Hop: s.hop("root", line(pinned)+" a comment")}, options); m.HostKey() != line(pinned) {
			t.Errorf("met %s, want %s", m.HostKey(), line(pinned))
		}
	}
	_, err = connect(t, ssh.Target{Hop: s.hop("root", line(other))}, options)
	wantError(t, err, xssh.FingerprintSHA256(host.PublicKey()), xssh.FingerprintSHA256(other.PublicKey()), line(host), "nothing was sent to it")
	var known *ssh.HostKeyError
	if !errors.As(err, &known) || known.Key != line(host) {
		t.Errorf("err = %v, want the key that was met in it", err)
	}
	only := newServer(t, mine.PublicKey(), second)
	_, err = connect(t, ssh.Target{Hop: only.hop("root", line(host))}, options)
	wantError(t, err, "no host key of the kind that is known (ssh-ed25519)")
	_, err = connect(t, ssh.Target{Hop: s.hop("root", "ssh-ed25519 nonsense")}, options)
	wantError(t, err, "cannot be read")
	if !ssh.SameHostKey(line(host), line(host)+" x") || ssh.SameHostKey(line(host), line(other)) || !ssh.SameHostKey("", line(host)) {
		t.Error("host keys are compared wrongly")
	}
}

func TestSigningIn(t *testing.T) {
	mine, private := signer(t)
	stranger, strangers := signer(t)
	host, _ := signer(t)
	s := newServer(t, mine.PublicKey(), host)
	target := ssh.Target{Hop: s.hop("berth", "")}
	_, err := connect(t, target, ssh.Options{PrivateKey: strangers})
	wantError(t, err, `does not let "berth" in with the private key`, "authorized_keys")
	_, err = connect(t, target, ssh.Options{})
	wantError(t, err, "no key to sign in with", "ssh-add")
	_, err = connect(t, target, ssh.Options{PrivateKey: "-----BEGIN NONSENSE"})
	wantError(t, err, "cannot be read")
	if strings.Contains(err.Error(), "NONSENSE") {
		t.Error("the error quotes the key")
	}
	_, raw, _ := ed25519.GenerateKey(rand.Reader)
	locked, err := xssh.MarshalPrivateKeyWithPassphrase(raw, "", []byte("hush"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = connect(t, target, ssh.Options{PrivateKey: string(pem.EncodeToMemory(locked))})
	wantError(t, err, "protected by a passphrase", "ssh-add")
	_, err = connect(t, target, ssh.Options{Agent: filepath.Join(t.TempDir(), "none")})
	wantError(t, err, "SSH agent")

	// An agent with the key and another one.
	ring := agent.NewKeyring()
	socket := filepath.Join(t.TempDir(), "agent")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(ring, c) }()
		}
	}()
	_, err = connect(t, target, ssh.Options{Agent: socket})
	wantError(t, err, "the SSH agent has no key")
	for _, text := range []string{strangers, private} {
		key, err := xssh.ParseRawPrivateKey([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
			t.Fatal(err)
		}
	}
	mustConnect(t, target, ssh.Options{Agent: socket})
	_ = stranger
}

func TestBastion(t *testing.T) {
	mine, private := signer(t)
	host, _ := signer(t)
	door, _ := signer(t)
	inner, outer := newServer(t, mine.PublicKey(), host), newServer(t, mine.PublicKey(), door)
	b := outer.hop("jump", line(door))
	m := mustConnect(t, ssh.Target{Hop: inner.hop("root", line(host)), Bastion: &b}, ssh.Options{PrivateKey: private})
	if r, err := m.Run(t.Context(), ssh.Command{Line: "id"}); err != nil || string(r.Stdout) != "id\n" {
		t.Errorf("%q, %v", r.Stdout, err)
	}
	if m.HostKey() != line(host) {
		t.Errorf("host key %q, want the machine's, not the bastion's", m.HostKey())
	}
	b.HostKey = line(host)
	_, err := connect(t, ssh.Target{Hop: inner.hop("root", line(host)), Bastion: &b}, ssh.Options{PrivateKey: private})
	wantError(t, err, "through the bastion jump@127.0.0.1", "nothing was sent to it")
}

func TestWhatGoesWrong(t *testing.T) {
	mine, private := signer(t)
	host, _ := signer(t)
	s := newServer(t, mine.PublicKey(), host)
	options := ssh.Options{PrivateKey: private, Silence: 2 * time.Second, Connect: 2 * time.Second}
	fresh := func(user string) *ssh.Machine { return mustConnect(t, ssh.Target{Hop: s.hop(user, "")}, options) }

	t.Run("sudo wants a password", func(t *testing.T) {
		s.does(func(_ string, ch xssh.Channel) uint32 {
			fmt.Fprintln(ch.Stderr(), "sudo: a password is required")
			return 1
		})
		_, err := fresh("berth").Run(t.Context(), ssh.Command{Line: "id", Stdin: strings.NewReader(strings.Repeat("x", 1<<20))})
		wantError(t, err, "berth may not use sudo without a password", "NOPASSWD")
	})
	t.Run("too much output", func(t *testing.T) {
		s.does(func(_ string, ch xssh.Channel) uint32 {
			for {
				if _, err := ch.Write(make([]byte, 4096)); err != nil {
					return 1
				}
			}
		})
		_, err := fresh("root").Run(t.Context(), ssh.Command{Line: "yes", Limit: 1 << 16})
		wantError(t, err, "printed more than 65536 bytes")
	})
	t.Run("the context ends", func(t *testing.T) {
		closed := make(chan bool)
		s.does(func(_ string, ch xssh.Channel) uint32 {
			_, _ = io.Copy(io.Discard, ch) // ends when the session does
			close(closed)
			return 0
		})
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(100*time.Millisecond, func() { cancel(errors.New("enough")) })
		r, w := io.Pipe()
		defer w.Close()
		_, err := fresh("root").Run(ctx, ssh.Command{Line: "sleep", Stdin: r})
		wantError(t, err, "was interrupted: enough")
		select {
		case <-closed:
		case <-time.After(5 * time.Second):
			t.Error("the session went on")
		}
	})
	t.Run("the connection drops", func(t *testing.T) {
		s.does(func(_ string, ch xssh.Channel) uint32 { s.drop(); return 0 })
		m := fresh("root")
		_, err := m.Run(t.Context(), ssh.Command{Line: "apply"})
		if !errors.Is(err, ssh.ErrLost) {
			t.Errorf("err = %v, want it lost", err)
		}
		if m.Alive() {
			t.Error("a dead connection is taken for one that serves")
		}
	})
	t.Run("the machine falls silent", func(t *testing.T) {
		s.does(func(_ string, ch xssh.Channel) uint32 { time.Sleep(time.Minute); return 0 })
		m := fresh("root")
		s.silent.Store(true)
		defer func() { s.silent.Store(false) }()
		began := time.Now()
		_, err := m.Run(t.Context(), ssh.Command{Line: "apply"})
		if !errors.Is(err, ssh.ErrLost) || time.Since(began) > 20*time.Second {
			t.Errorf("err = %v after %s, want it given up", err, time.Since(began))
		}
		wantError(t, err, "has not answered for 2s")
	})
	t.Run("nobody is there", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		l.Close()
		_, err = connect(t, ssh.Target{Hop: ssh.Hop{Address: "127.0.0.1", Port: port, User: "root"}}, options)
		wantError(t, err, fmt.Sprintf("reach root@127.0.0.1:%d", port), "firewall")
	})
	t.Run("no SSH server is there", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, err = connect(t, ssh.Target{Hop: ssh.Hop{Address: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, User: "root"}}, options)
		wantError(t, err, "no answer within 2s")
	})
}
