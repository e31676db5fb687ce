package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/store"
)

// notInstalled is why an engine is left out.
type notInstalled string

func (n notInstalled) Error() string { return string(n) }

// server is a database server that was started for this process.
type server struct {
	dir    string
	engine store.Engine
	user   string
	made   atomic.Int64
	run    func(args ...string) *exec.Cmd // as the server's user

	once        sync.Once
	templateErr error
}

var postgres = sync.OnceValues(func() (*server, error) {
	bin := postgresBin()
	if bin == "" {
		return nil, notInstalled("PostgreSQL is not installed (package postgresql)")
	}
	s, err := newServer(store.PostgreSQL, "postgres")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(s.dir, "data")
	if out, err := s.run(filepath.Join(bin, "initdb"), "-D", data, "-U", s.user, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N").
		CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	// Nothing of this survives the test, so nothing is waited for to reach the disk.
	return s, s.start(s.run(filepath.Join(bin, "postgres"), "-D", data, "-k", s.dir, "-c", "listen_addresses=", "-c", "fsync=off",
		"-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "max_connections=300", "-c", "shared_buffers=64MB"),
		s.options("postgres"))
})

var mariadb = sync.OnceValues(func() (*server, error) {
	daemon, installer := find("mariadbd", "/usr/sbin"), find("mariadb-install-db", "/usr/bin")
	if daemon == "" || installer == "" {
		return nil, notInstalled("MariaDB is not installed (package mariadb-server)")
	}
	s, err := newServer(store.MySQL, "root")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(s.dir, "data")
	if out, err := s.run(installer, "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db").
		CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mariadb-install-db: %w: %s", err, out)
	}
	return s, s.start(s.run(daemon, "--no-defaults", "--datadir="+data, "--socket="+s.dir+"/sock", "--skip-networking",
		"--pid-file="+s.dir+"/pid", "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--innodb-flush-method=nosync",
		"--skip-log-bin", "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=64M", "--max-connections=300"),
		s.options("mysql"))
})

func newServer(engine store.Engine, user string) (*server, error) {
	dir, err := folder(string(engine))
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, engine: engine, user: user}
	who, err := unprivileged()
	if err != nil {
		return nil, err
	}
	if who != nil {
		if err := os.Chown(dir, int(who.Uid), int(who.Gid)); err != nil {
			return nil, err
		}
	}
	s.run = func(args ...string) *exec.Cmd {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=/usr/bin:/bin:/usr/sbin", "HOME=" + dir, "TMPDIR=" + dir, "LC_ALL=C.UTF-8"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who, Setpgid: true}
		return cmd
	}
	return s, nil
}

// unprivileged is whom a server runs as: neither server runs as root. It is nil where this process is not root.
func unprivileged() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	who, err := user.Lookup("nobody")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(who.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(who.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// start starts a server that goes when this process does, however it goes.
func (s *server) start(cmd *exec.Cmd, probe store.Options) error {
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT // at once, for PostgreSQL
	if s.engine == store.MySQL {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	started, gone := make(chan error), make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the signal comes when the thread ends that started it, so it never ends
		err := cmd.Start()
		started <- err
		if err == nil {
			gone <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	deadline := time.Now().Add(time.Minute)
	for {
		db, err := store.Open(context.Background(), probe)
		if err == nil {
			return db.Close()
		}
		select {
		case end := <-gone:
			return fmt.Errorf("%s ended: %w: %s", s.engine, end, &output)
		case <-time.After(30 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s does not answer: %w: %s", s.engine, err, &output)
		}
	}
}

func (s *server) options(name string) store.Options {
	o := store.Options{Engine: s.engine, Host: s.dir, Name: name, User: s.user, TLS: store.Off}
	if s.engine == store.MySQL {
		o.Host = filepath.Join(s.dir, "sock")
	}
	return o
}

// template is a migrated database that others are copied from.
func (s *server) template() (string, error) {
	s.once.Do(func() {
		s.templateErr = s.tool("createdb", "-T", "template0", "template_taskflow")
		if s.templateErr == nil {
			s.templateErr = migrate(s.options("template_taskflow"))
		}
	})
	return "template_taskflow", s.templateErr
}

// database makes a database for one test. It is dropped at the end, or hundreds would fill the disk.
func (s *server) database(t testing.TB, template ...string) store.Options {
	t.Helper()
	name := fmt.Sprintf("test%d", s.made.Add(1))
	var make, drop []string
	if s.engine == store.PostgreSQL {
		make, drop = []string{"createdb", "-T", template[0], name}, []string{"dropdb", "--force", name}
	} else {
		make, drop = []string{"mariadb-admin", "create", name}, []string{"mariadb-admin", "--force", "drop", name}
	}
	if err := s.tool(make...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.tool(drop...); err != nil {
			t.Error(err)
		}
	})
	return s.options(name)
}

// tool runs one of the engine's own tools.
func (s *server) tool(args ...string) error {
	_, err := s.output(nil, args...)
	return err
}

func (s *server) output(input []byte, args ...string) ([]byte, error) {
	full := []string{filepath.Join(postgresBin(), args[0]), "-h", s.dir, "-U", s.user}
	if s.engine == store.MySQL {
		full = []string{find(args[0], "/usr/bin"), "--no-defaults", "--socket=" + s.dir + "/sock", "--user=" + s.user}
	}
	cmd := s.run(append(full, args[1:]...)...)
	cmd.Stdin = bytes.NewReader(input)
	var failure bytes.Buffer
	cmd.Stderr = &failure
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", args[0], err, &failure)
	}
	return out, nil
}

// postgresBin is where PostgreSQL's programs are, which is seldom where the shell looks.
func postgresBin() string {
	var newest string
	number := 0
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	for _, file := range found {
		if n, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(file)))); err == nil && n > number {
			newest, number = filepath.Dir(file), n
		}
	}
	if newest != "" {
		return newest
	}
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		dir := string(bytes.TrimSpace(out))
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
			return dir
		}
	}
	return ""
}

func find(program, otherwise string) string {
	if found, err := exec.LookPath(program); err == nil {
		return found
	}
	if file := filepath.Join(otherwise, program); exec.Command(file, "--version").Run() == nil {
		return file
	}
	return ""
}

var folderName = regexp.MustCompile(`^taskflow-test-([0-9]+)-`)

// folder makes a folder that goes when a later test finds its process gone.
func folder(purpose string) (string, error) {
	old, err := os.ReadDir(os.TempDir())
	if err != nil {
		return "", err
	}
	for _, entry := range old {
		found := folderName.FindStringSubmatch(entry.Name())
		if found == nil {
			continue
		}
		pid, err := strconv.Atoi(found[1])
		if err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			_ = os.RemoveAll(filepath.Join(os.TempDir(), entry.Name())) // the next one tries again
		}
	}
	return os.MkdirTemp("", fmt.Sprintf("taskflow-test-%d-%s-", os.Getpid(), purpose))
}
