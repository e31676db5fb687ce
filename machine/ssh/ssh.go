// Package ssh reaches machines: one connection to one machine, whose host key is
// known or is kept from the first contact, by a private key or the user's agent,
// through a bastion where there is one. Commands run over it as root, with bounds
// on time and on what they may print, and end when their context does.
//
// It knows no Pulumi and no bundles, and reads neither environment nor files:
// keys and the agent's address are handed to it.
package ssh

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// Target is a machine and the way to it.
type Target struct {
	Hop
	// Bastion is a machine that the connection goes through; nil: straight.
	Bastion *Hop
	// Instance tells machines apart that have one address after the other; a connection to one serves no other. May be empty.
	Instance string
}

// Hop is one SSH server.
type Hop struct {
	Address string // IP address or host name
	Port    int    // default 22
	User    string
	// HostKey that is taken and no other, as in known_hosts: "ssh-ed25519 AAAA…". Empty: the key of this first contact is taken.
	HostKey string
}

// String is how messages call a hop.
func (h Hop) String() string {
	return fmt.Sprintf("%s@%s", h.User, h.endpoint())
}

func (h Hop) endpoint() string {
	return net.JoinHostPort(h.Address, strconv.Itoa(cmp.Or(h.Port, 22)))
}

// Options say how to sign in and how long to wait. The zero value has no way to sign in.
type Options struct {
	// PrivateKey in OpenSSH's or PEM format. Empty: the keys of the agent.
	PrivateKey string
	// Agent is the socket of an SSH agent, as SSH_AUTH_SOCK names it.
	Agent string
	// Dial opens the first connection; nil: the system's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Connect bounds each hop, from the first packet to being signed in. Default 30 s.
	Connect time.Duration
	// Silence is how long a machine may leave a question unanswered before its connection is given up. Default 60 s.
	Silence time.Duration
}

// Machine is a connection to a machine. It is safe for concurrent use. Close it.
type Machine struct {
	target  Target
	client  *ssh.Client
	hostKey string
	options Options
	closers []func() error // in the order of closing

	close   sync.Once
	gone    chan struct{} // closed when the connection is
	silent  atomic.Bool   // it was given up because it did not answer
	running sync.WaitGroup
}

// Connect opens a connection. The context bounds the opening only.
func Connect(ctx context.Context, target Target, options Options) (*Machine, error) {
	options.Connect = cmp.Or(options.Connect, 30*time.Second)
	options.Silence = cmp.Or(options.Silence, time.Minute)
	if options.Dial == nil {
		options.Dial = (&net.Dialer{}).DialContext
	}
	m := &Machine{target: target, options: options, gone: make(chan struct{})}
	auth, err := m.auth(ctx)
	if err != nil {
		return nil, errors.Join(err, m.shut())
	}
	dial := options.Dial
	if b := target.Bastion; b != nil {
		bastion, _, err := m.hop(ctx, *b, auth, dial)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("reach %s through the bastion %s: %w", target.Hop, *b, err), m.shut())
		}
		m.closers = append([]func() error{bastion.Close}, m.closers...)
		dial = bastion.DialContext
	}
	if m.client, m.hostKey, err = m.hop(ctx, target.Hop, auth, dial); err != nil {
		return nil, errors.Join(fmt.Errorf("reach %s: %w", target.Hop, err), m.shut())
	}
	m.closers = append([]func() error{m.client.Close}, m.closers...)
	m.running.Go(m.watch)
	m.running.Go(m.keepAlive)
	return m, nil
}

// HostKey is the key that the machine showed, as Target has it.
func (m *Machine) HostKey() string { return m.hostKey }

// Close ends the connection and all that runs over it.
func (m *Machine) Close() error {
	err := m.shut()
	m.running.Wait()
	return err
}

func (m *Machine) shut() (err error) {
	m.close.Do(func() {
		for _, closer := range m.closers {
			if e := closer(); e != nil && !errors.Is(e, net.ErrClosed) && !strings.Contains(e.Error(), "EOF") {
				err = errors.Join(err, e)
			}
		}
	})
	return err
}

// hop signs in to one server over a connection that dial opens.
func (m *Machine) hop(ctx context.Context, h Hop, auth []ssh.AuthMethod, dial func(context.Context, string, string) (net.Conn, error)) (*ssh.Client, string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, m.options.Connect, fmt.Errorf("no answer within %s", m.options.Connect))
	defer cancel()
	check, algorithms, err := hostKeyCheck(h.HostKey)
	if err != nil {
		return nil, "", err
	}
	conn, err := dial(ctx, "tcp", h.endpoint())
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, "", fmt.Errorf("%w\nsee that the machine runs, that its firewall lets this address in to port %d, and that address and port are right",
			err, cmp.Or(h.Port, 22))
	}
	// The handshake knows no context: closing the connection ends it.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	met := ""
	config := &ssh.ClientConfig{
		User: h.User, Auth: auth, HostKeyAlgorithms: algorithms, ClientVersion: "SSH-2.0-Berth",
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			met = marshal(key)
			return check(key)
		},
	}
	c, channels, requests, err := ssh.NewClientConn(conn, h.endpoint(), config)
	if err != nil {
		_ = conn.Close()
		if cause := context.Cause(ctx); cause != nil {
			return nil, "", cause
		}
		return nil, "", m.signInError(h, met, err)
	}
	return ssh.NewClient(c, channels, requests), met, nil
}

// watch notices that the connection has ended.
func (m *Machine) watch() {
	_ = m.client.Wait()
	close(m.gone)
}

// keepAlive asks the machine from time to time whether it is there, so that one that vanished is not waited for without end.
func (m *Machine) keepAlive() {
	tick := time.NewTicker(m.options.Silence / 4)
	defer tick.Stop()
	for {
		select {
		case <-m.gone:
			return
		case <-tick.C:
		}
		if !m.answers(m.options.Silence) {
			m.silent.Store(true)
			_ = m.shut()
			return
		}
	}
}

// answers tells whether the machine answers a question within the time.
func (m *Machine) answers(within time.Duration) bool {
	answered := make(chan error, 1)
	go func() {
		_, _, err := m.client.SendRequest("keepalive@openssh.com", true, nil)
		answered <- err
	}()
	select {
	case err := <-answered:
		return err == nil
	case <-m.gone:
		return false
	case <-time.After(within):
		return false
	}
}

// Alive tells whether the connection still serves. It asks the machine.
func (m *Machine) Alive() bool { return m.answers(min(m.options.Silence, 10*time.Second)) }
