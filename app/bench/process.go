package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server that runs, its output in a file.
type process struct {
	cmd     *exec.Cmd
	address string
	log     string
	ended   chan error
}

// start starts a server and waits until ready answers 200. It tells how long that took.
func start(ctx context.Context, address, ready, log string, args ...string) (*process, time.Duration, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, 0, err
	}
	defer out.Close() //nolint:errcheck // the server has its own
	p := &process{cmd: exec.CommandContext(ctx, args[0], args[1:]...), address: address, log: log, ended: make(chan error, 1)}
	p.cmd.Dir = filepath.Dir(log)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = 10 * time.Second
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, 0, fmt.Errorf("start %s: %w", args[0], err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	asking := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		answer, err := asking.Get("http://" + address + ready)
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return p, time.Since(began), nil
			}
			err = errors.New(answer.Status)
		}
		select {
		case end := <-p.ended:
			return nil, 0, fmt.Errorf("%s ended: %w\n%s", filepath.Base(args[0]), end, tail(log))
		case <-time.After(time.Millisecond):
		}
		if time.Since(began) > time.Minute {
			p.stop()
			return nil, 0, fmt.Errorf("%s is not ready: %w\n%s", filepath.Base(args[0]), err, tail(log))
		}
	}
}

// stop ends the server as a service manager would.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended: //nolint:errcheck // how it ends says nothing any more
	case <-time.After(40 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended //nolint:errcheck // as above
	}
}

// memory is what the process holds now and held at most, in bytes.
func (p *process) memory() (now, most int64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kB, _ := strconv.ParseInt(fields[1], 10, 64)
		switch fields[0] {
		case "VmRSS:":
			now = kB << 10
		case "VmHWM:":
			most = kB << 10
		}
	}
	return now, most
}

// processor is how long the process has kept processors busy.
func (p *process) processor() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ") // the name may hold anything
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond // the kernel counts in hundredths
}

func tail(file string) string {
	text, _ := os.ReadFile(file)
	return string(text[max(0, len(text)-3000):])
}

// freeAddress is one that nobody listens on now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// output runs a program to its end.
func output(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = dir
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s%s", strings.Join(args, " "), err, out, problems.String())
	}
	return out, nil
}
