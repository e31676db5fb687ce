package provider_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"golang.org/x/crypto/ssh"

	"github.com/berth-iac/berth/machine"
	"github.com/berth-iac/berth/machine/provider"
)

// host is a machine as far as SSH and files go: an OpenSSH server of the test's own on 127.0.0.1, and a folder that the applier takes for
// the root of its files.
type host struct {
	t    *testing.T
	root string
	dir  string // the server's own
	bin  string // programs that come before the system's
	port int
	user string
	key  string // host key
	own  string // private key that is let in
	cmd  *exec.Cmd
}

func newHost(t *testing.T) *host {
	t.Helper()
	sshd := "/usr/sbin/sshd"
	if found, err := exec.LookPath("sshd"); err == nil {
		sshd = found
	}
	for _, tool := range []string{sshd, "ssh-keygen", "openssl", "flock"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s: %v (Debian: openssh-server, openssl)", tool, err)
		}
	}
	who, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, root: t.TempDir(), dir: t.TempDir(), bin: t.TempDir(), user: who.Username}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	h.own = string(pem.EncodeToMemory(block))
	mine, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	h.write(filepath.Join(h.dir, "authorized_keys"), string(ssh.MarshalAuthorizedKey(mine)), 0o600)
	// A user that is not root becomes it by sudo; here everything belongs to the user anyway.
	h.write(filepath.Join(h.bin, "sudo"), "#!/bin/sh\n[ \"$1 $2\" = '-n --' ] || exit 9\nshift 2\nexec \"$@\"\n", 0o755)
	h.write(filepath.Join(h.dir, "bash_env"), "", 0o600) // what bash reads first; a test writes into it
	h.newHostKey()
	if who.Uid == "0" { // OpenSSH wants this folder where it runs as root
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.port = l.Addr().(*net.TCPAddr).Port
	l.Close()
	h.start(sshd)
	return h
}

func (h *host) newHostKey() {
	h.t.Helper()
	path := filepath.Join(h.dir, "host_key")
	os.Remove(path)
	if out, err := exec.CommandContext(h.t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path).CombinedOutput(); err != nil {
		h.t.Fatalf("%v: %s", err, out)
	}
	public, err := os.ReadFile(path + ".pub")
	if err != nil {
		h.t.Fatal(err)
	}
	h.key = strings.TrimSpace(string(public))
}

func (h *host) start(sshd string) {
	h.t.Helper()
	config := fmt.Sprintf(`ListenAddress 127.0.0.1
Port %d
HostKey %s/host_key
AuthorizedKeysFile %s/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
SetEnv BERTH_ROOT=%s BASH_ENV=%s/bash_env PATH=%s:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
`, h.port, h.dir, h.dir, h.root, h.dir, h.bin)
	h.write(filepath.Join(h.dir, "sshd_config"), config, 0o600)
	h.cmd = exec.Command(sshd, "-D", "-E", filepath.Join(h.dir, "log"), "-f", filepath.Join(h.dir, "sshd_config"))
	if err := h.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		h.stop()
		if h.t.Failed() {
			said, _ := os.ReadFile(filepath.Join(h.dir, "log"))
			h.t.Logf("sshd: %s", said[max(0, len(said)-3000):])
		}
	})
	for range 100 {
		if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", h.port)); err == nil {
			c.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	h.t.Fatal("the SSH server did not come up")
}

// stop ends the server and its connections, as a machine that is switched off does.
func (h *host) stop() {
	if h.cmd == nil {
		return
	}
	all := append(descendants(h.cmd.Process.Pid), h.cmd.Process.Pid)
	for _, pid := range all {
		if p, err := os.FindProcess(pid); err == nil {
			_ = p.Kill()
		}
	}
	_ = h.cmd.Wait()
	h.cmd = nil
}

// descendants are the processes that a process has started, and theirs.
func descendants(of int) []int {
	var all []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		var parent int
		if _, err := fmt.Sscanf(string(text[bytes.LastIndexByte(text, ')')+1:]), " %1s %d", new(string), &parent); err != nil || parent != of {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			all = append(append(all, pid), descendants(pid)...)
		}
	}
	return all
}

func (h *host) write(path, text string, mode os.FileMode) {
	h.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		h.t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		h.t.Fatal(err)
	}
}

// put writes a file of the machine, as somebody would by hand.
func (h *host) put(path, text string) { h.write(filepath.Join(h.root, path), text, 0o644) }

func (h *host) read(path string) string {
	h.t.Helper()
	text, err := os.ReadFile(filepath.Join(h.root, path))
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return string(text)
}

func (h *host) owner() string {
	out, err := exec.CommandContext(h.t.Context(), "stat", "-c", "%U:%G", h.dir).Output()
	if err != nil {
		h.t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func (h *host) connection() machine.Connection {
	return machine.Connection{Address: pulumi.String("127.0.0.1"), Port: h.port, User: h.user, HostKey: machine.Pinned(h.key)}
}

func pulumiCLI(t *testing.T) string {
	t.Helper()
	cli := os.Getenv("BERTH_PULUMI")
	if cli == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		cli = filepath.Join(cache, "berth", "pulumi-v3.253.0", "bin", "pulumi")
	}
	if _, err := os.Stat(cli); err != nil {
		t.Skipf("%s needs the Pulumi CLI: %v; name it in BERTH_PULUMI", t.Name(), err)
	}
	return cli
}

// stack is a Pulumi stack of the real engine. Without a server it finds the provider as Pulumi.yaml says.
func stack(t *testing.T, project string, env map[string]string, run pulumi.RunFunc) auto.Stack {
	t.Helper()
	command, err := auto.NewPulumiCommand(&auto.PulumiCommandOptions{Root: filepath.Dir(filepath.Dir(pulumiCLI(t)))})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Pulumi.yaml"), []byte("name: machines\nruntime: go\n"+project), 0o600); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{
		"PULUMI_BACKEND_URL": "file://" + t.TempDir(), "PULUMI_HOME": t.TempDir(), "PULUMI_CONFIG_PASSPHRASE": "test",
		"PULUMI_SKIP_UPDATE_CHECK": "true", "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
	}
	for k, v := range env {
		all[k] = v
	}
	w, err := auto.NewLocalWorkspace(t.Context(), auto.WorkDir(dir), auto.Program(run), auto.Pulumi(command), auto.EnvVars(all))
	if err != nil {
		t.Fatal(err)
	}
	s, err := auto.NewStack(t.Context(), "test", w)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// serve starts the provider in this process.
func serve(t *testing.T, options provider.Options) map[string]string {
	t.Helper()
	s, err := provider.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return map[string]string{"PULUMI_DEBUG_PROVIDERS": s.Providers()}
}
