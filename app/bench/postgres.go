package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// postgres is a PostgreSQL server of the benchmark's own, with the settings that it is installed with: every commit reaches the disk.
type postgres struct {
	bin, dir string
	cmd      *exec.Cmd
	ended    chan error
	who      *syscall.Credential
}

var errNoPostgreSQL = errors.New("PostgreSQL is not installed (package postgresql)")

func startPostgres(ctx context.Context, dir string) (*postgres, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return nil, errNoPostgreSQL
	}
	slices.Sort(found)
	p := &postgres{bin: filepath.Dir(found[len(found)-1]), dir: dir, ended: make(chan error, 1)}
	if os.Getuid() == 0 { // it does not run as root
		nobody, err := user.Lookup("nobody")
		if err != nil {
			return nil, err
		}
		uid, err1 := strconv.ParseUint(nobody.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(nobody.Gid, 10, 32)
		if err := errors.Join(err1, err2, os.MkdirAll(dir, 0o700), os.Chown(dir, int(uid), int(gid))); err != nil {
			return nil, err
		}
		p.who = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	data := filepath.Join(dir, "data")
	if out, err := p.tool(ctx, "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8").CombinedOutput(); err != nil {
		return nil, errors.Join(err, errors.New(string(out)))
	}
	p.cmd = p.tool(context.WithoutCancel(ctx), "postgres", "-D", data, "-k", dir, "-c", "listen_addresses=")
	p.cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { p.ended <- p.cmd.Wait() }()
	for range 600 {
		if p.tool(ctx, "createdb", "-h", dir, "-U", "postgres", "bench").Run() == nil {
			return p, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.stop()
	return nil, errors.New("PostgreSQL does not answer")
}

func (p *postgres) tool(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, name), args...)
	cmd.Dir = p.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.who}
	return cmd
}

func (p *postgres) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	<-p.ended //nolint:errcheck // how it ends says nothing any more
}
