package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
)

// Command is run by the machine's shell, as root.
type Command struct {
	// Line is a line of the Bourne shell. Never a secret: a machine's process list shows it.
	Line  string
	Stdin io.Reader // nil: empty
	// Said is called for each line of standard output as it comes, without its end. May be nil.
	Said func(line string)
	// Limit bounds standard output; default 32 MiB. Of standard error the last 64 KiB are kept.
	Limit int
}

// Result is what a command left.
type Result struct {
	Stdout []byte
	Stderr []byte
	Exit   int // 0 is success
}

const (
	stdoutLimit = 32 << 20
	stderrKept  = 64 << 10
)

// SudoError says that a machine's user may not become root.
type SudoError struct {
	User, Said string
}

func (e *SudoError) Error() string {
	return fmt.Sprintf("%s may not use sudo without a password (%s)\nallow it on the machine: echo '%s ALL=(ALL) NOPASSWD: ALL' | EDITOR='tee -a' visudo -f /etc/sudoers.d/%s",
		e.User, e.Said, e.User, e.User)
}

// ErrLost is in errors of commands whose connection ended before they did: whether they went on is not known.
var ErrLost = errors.New("the connection was lost")

// Run runs a command as root and waits for it. An exit code other than 0 is no error. When ctx ends the session is closed, and the command
// finds its streams closed.
func (m *Machine) Run(ctx context.Context, c Command) (Result, error) {
	session, err := m.client.NewSession()
	if err != nil {
		return Result{}, m.lost(fmt.Errorf("open a session on %s: %w", m.target.Hop, err))
	}
	// Ends the command's streams; it may have ended already.
	defer func() { _ = session.Close() }()
	limit := c.Limit
	if limit == 0 {
		limit = stdoutLimit
	}
	// A command that prints too much is not listened to any longer; without this it would wait for ever to be.
	out := &lines{limit: limit, said: c.Said, overflow: func() { _ = session.Close() }}
	errOut := &tail{keep: stderrKept}
	session.Stdout, session.Stderr = out, errOut
	if c.Stdin != nil {
		session.Stdin = c.Stdin
	}
	line := c.Line
	if m.target.User != "root" {
		line = "sudo -n -- /bin/sh -c " + Quote(c.Line)
	}
	if err := session.Start(line); err != nil {
		return Result{}, m.lost(fmt.Errorf("start a command on %s: %w", m.target.Hop, err))
	}
	ended := make(chan error, 1)
	go func() { ended <- session.Wait() }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		_ = session.Close()
		return Result{Stdout: out.bytes(), Stderr: errOut.bytes()}, fmt.Errorf("a command on %s was interrupted: %w", m.target.Hop, context.Cause(ctx))
	}
	result := Result{Stdout: out.bytes(), Stderr: errOut.bytes()}
	var exit *ssh.ExitError
	switch {
	case out.full():
		return result, fmt.Errorf("a command on %s printed more than %d bytes", m.target.Hop, limit)
	case errors.As(err, &exit) && exit.Signal() != "":
		return result, fmt.Errorf("a command on %s was ended by signal %s", m.target.Hop, exit.Signal())
	case errors.As(err, &exit):
		result.Exit = exit.ExitStatus()
	case err != nil:
		return result, m.lost(fmt.Errorf("a command on %s: %w", m.target.Hop, err))
	}
	if said, refused := sudoRefusal(string(result.Stderr)); refused && result.Exit != 0 && len(result.Stdout) == 0 {
		return result, &SudoError{User: m.target.User, Said: said}
	}
	return result, nil
}

// lost says why a connection ended, where that is known.
func (m *Machine) lost(err error) error {
	if m.silent.Load() {
		err = fmt.Errorf("%s has not answered for %s", m.target.Hop, m.options.Silence)
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}

// sudoRefusal finds what sudo says when it does not run a command.
func sudoRefusal(stderr string) (string, bool) {
	for line := range strings.Lines(stderr) {
		line = strings.TrimSpace(line)
		for _, sign := range []string{"sudo: a password is required", "sudo: a terminal is required", "is not in the sudoers file", "is not allowed to execute",
			"sudo: not found", "sudo: command not found", "sudo: sorry, you must have a tty"} {
			if strings.Contains(line, sign) {
				return line, true
			}
		}
	}
	return "", false
}

// Quote makes one word of a text for the Bourne shell.
func Quote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// lines keeps what is written up to a limit and hands on each whole line.
type lines struct {
	mu    sync.Mutex
	limit int
	said  func(string)
	all   bytes.Buffer
	begun int // where the line that is not yet whole begins

	overflow func()
	over     bool
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all.Len()+len(p) > l.limit {
		l.over = true
		l.overflow()
		return 0, errors.New("too much output")
	}
	l.all.Write(p)
	for l.said != nil {
		line, _, whole := bytes.Cut(l.all.Bytes()[l.begun:], []byte("\n"))
		if !whole {
			break
		}
		l.begun += len(line) + 1
		l.said(string(bytes.TrimSuffix(line, []byte("\r"))))
	}
	return len(p), nil
}

func (l *lines) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.all.Bytes())
}

func (l *lines) full() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}

// tail keeps the end of what is written.
type tail struct {
	mu   sync.Mutex
	keep int
	last []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = append(t.last, p...)
	if over := len(t.last) - t.keep; over > 0 {
		t.last = append([]byte(nil), t.last[over:]...)
	}
	return len(p), nil
}

func (t *tail) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.last)
}
