package hosts

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/berth-iac/berth/machine/ssh"
)

// server is one emulated machine.
type server struct {
	t        *testing.T
	name     string
	address  string
	folder   string
	network  *network
	from     *network // where it is signed in from
	tap, mac string
	image    image
	memory   int
	key      string // private, that signs in
	process  *exec.Cmd
	ended    chan struct{}
	mu       sync.Mutex
	conn     *ssh.Machine
}

// newServer prepares a machine: its disks and what cloud-init is told.
func newServer(t *testing.T, m *server, gateway, userData string, disks ...string) *server {
	m.t, m.folder = t, filepath.Join(t.TempDir(), m.name)
	seed := filepath.Join(m.folder, "seed")
	if err := os.MkdirAll(seed, 0o755); err != nil {
		t.Fatal(err)
	}
	m.tap = m.network.tap(t, m.name)
	network := fmt.Sprintf("version: 2\nethernets:\n  wan:\n    match: {macaddress: %q}\n    set-name: eth0\n    addresses: [%s/24]\n", m.mac, m.address)
	if gateway != "" {
		network += fmt.Sprintf("    gateway4: %s\n    nameservers: {addresses: [%s]}\n", gateway, gateway)
	}
	for name, content := range map[string]string{
		"user-data": userData, "meta-data": fmt.Sprintf("instance-id: %s-1\nlocal-hostname: %s\n", m.name, m.name), "network-config": network,
	} {
		if err := os.WriteFile(filepath.Join(seed, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run(t, "qemu-img", "create", "-q", "-f", "qcow2", "-b", m.image.disk(), "-F", "qcow2", m.disk("system"))
	for _, d := range disks {
		m.newDisk(d)
	}
	t.Cleanup(m.kill)
	return m
}

func run(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

func (m *server) disk(name string) string { return filepath.Join(m.folder, name+".disk") }

func (m *server) newDisk(name string) {
	run(m.t, "qemu-img", "create", "-q", "-f", "raw", m.disk(name), "2G")
}

// start switches the machine on with these data disks.
func (m *server) start(disks ...string) {
	m.t.Helper()
	console, err := os.OpenFile(filepath.Join(m.folder, "console"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		m.t.Fatal(err)
	}
	defer func() { _ = console.Close() }()
	_ = os.Remove(filepath.Join(m.folder, "qmp"))
	args := []string{
		"-name", prefix + m.name, "-machine", "q35", "-cpu", processor, "-accel", accelerator(), "-smp", "1", "-m", fmt.Sprint(m.memory),
		"-display", "none", "-nodefaults", "-no-user-config", "-serial", "file:" + filepath.Join(m.folder, "serial"),
		"-qmp", "unix:" + filepath.Join(m.folder, "qmp") + ",server=on,wait=off",
		"-kernel", m.image.kernel(), "-initrd", m.image.initrd(),
		"-append", "root=LABEL=lab ro console=ttyS0 quiet mitigations=off net.ifnames=0 random.trust_cpu=on panic=5",
		"-object", "rng-random,id=entropy,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=entropy",
		"-netdev", "tap,id=wan,ifname=" + m.tap + ",script=no,downscript=no", "-device", "virtio-net-pci,netdev=wan,romfile=,mac=" + m.mac,
		"-drive", "if=none,id=system,format=qcow2,cache=unsafe,file=" + m.disk("system"), "-device", "virtio-blk-pci,drive=system",
		"-drive", "if=none,id=seed,read-only=on,file.driver=vvfat,file.label=CIDATA,file.dir=" + filepath.Join(m.folder, "seed"), "-device", "virtio-blk-pci,drive=seed",
	}
	for i := range 3 { // where a disk can be plugged in
		args = append(args, "-device", fmt.Sprintf("pcie-root-port,id=slot%d,chassis=%d", i, i+1))
	}
	for i, d := range disks {
		args = append(args, "-drive", fmt.Sprintf("if=none,id=%s,format=raw,cache=unsafe,file=%s", d, m.disk(d)),
			"-device", fmt.Sprintf("virtio-blk-pci,drive=%s,id=dev-%s,serial=%s,bus=slot%d", d, d, d, i))
	}
	c := exec.Command("qemu-system-x86_64", args...)
	c.Stdout, c.Stderr = console, console
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := m.network.do(c.Start); err != nil {
		m.t.Fatalf("start machine %s: %v", m.name, err)
	}
	ended := make(chan struct{})
	m.process, m.ended = c, ended
	go func() {
		_ = c.Wait()
		close(ended)
	}()
}

// kill is a loss of power.
func (m *server) kill() {
	m.forget()
	if m.process == nil {
		return
	}
	_ = m.process.Process.Kill()
	<-m.ended
	m.process = nil
}

func (m *server) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conn != nil {
		_ = m.conn.Close()
		m.conn = nil
	}
}

// qmp asks the emulator for something.
func (m *server) qmp(command string, arguments map[string]any) error {
	conn, err := net.Dial("unix", filepath.Join(m.folder, "qmp"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	in := bufio.NewReader(conn)
	if _, err := in.ReadString('\n'); err != nil {
		return err
	}
	for _, q := range []map[string]any{{"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}} {
		if err := json.NewEncoder(conn).Encode(q); err != nil {
			return err
		}
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return err
			}
			if strings.Contains(line, `"error"`) {
				return fmt.Errorf("%s: %s", command, line)
			}
			if strings.Contains(line, `"return"`) {
				break
			}
		}
	}
	return nil
}

// up waits until the machine can be signed in to, and cloud-init is done.
func (m *server) up(t testing.TB, within time.Duration) time.Duration {
	t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	for {
		_, err := m.run(ctx, "cloud-init status --wait >/dev/null 2>&1 || true; cat /run/cloud-init/result.json")
		if err == nil {
			return time.Since(began)
		}
		select {
		case <-m.ended:
			t.Fatalf("machine %s ended: %s", m.name, m.said())
		case <-ctx.Done():
			t.Fatalf("machine %s cannot be reached after %s: %v\n%s", m.name, within, err, m.said())
		case <-time.After(time.Second):
		}
	}
}

// said is the end of what the machine printed on its console.
func (m *server) said() string {
	var all []byte
	for _, name := range []string{"console", "serial"} {
		text, _ := os.ReadFile(filepath.Join(m.folder, name))
		all = append(all, text[max(0, len(text)-3000):]...)
	}
	return string(all)
}

func (m *server) target() ssh.Target {
	return ssh.Target{Hop: ssh.Hop{Address: m.address, Port: 22, User: "berth"}}
}

func (m *server) connection(ctx context.Context) (*ssh.Machine, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conn == nil {
		c, err := ssh.Connect(ctx, m.target(), ssh.Options{PrivateKey: m.key, Dial: m.from.dial, Connect: time.Minute, Silence: 3 * time.Minute})
		if err != nil {
			return nil, err
		}
		m.conn = c
	}
	return m.conn, nil
}

// run runs bash as root and gives what it printed. An exit code other than 0 is an error.
func (m *server) run(ctx context.Context, script string) (string, error) {
	return m.feed(ctx, "bash -Eeuo pipefail -s", strings.NewReader(script))
}

// feed runs a line as root with what it reads.
func (m *server) feed(ctx context.Context, line string, stdin io.Reader) (string, error) {
	c, err := m.connection(ctx)
	if err != nil {
		return "", err
	}
	r, err := c.Run(ctx, ssh.Command{Line: line, Stdin: stdin})
	if err != nil {
		if errors.Is(err, ssh.ErrLost) {
			m.forget()
		}
		return string(r.Stdout), err
	}
	if r.Exit != 0 {
		return string(r.Stdout), fmt.Errorf("exit %d: %s", r.Exit, bytes.TrimSpace(r.Stderr))
	}
	return string(r.Stdout), nil
}

// must is run for what has to work.
func (m *server) must(t testing.TB, script string) string {
	t.Helper()
	out, err := m.run(t.Context(), script)
	if err != nil {
		t.Fatalf("on %s:\n%s\n%s%v", m.name, script, out, err)
	}
	return strings.TrimSpace(out)
}

// until repeats a script until it succeeds, and keeps the last error.
func (m *server) until(t testing.TB, within time.Duration, script string) string {
	t.Helper()
	began := time.Now()
	for {
		out, err := m.run(t.Context(), script)
		if err == nil {
			return strings.TrimSpace(out)
		}
		if time.Since(began) > within {
			t.Fatalf("on %s, for %s:\n%s\n%s%v", m.name, within, script, out, err)
		}
		time.Sleep(2 * time.Second)
	}
}

// processor leaves out what software emulation pays for at each new process: without these a process starts three times as fast.
const processor = "max,la57=off,smap=off,smep=off,pku=off,xsave=off,avx=off,avx2=off"

// accelerator is software emulation, unless the processor can do better.
func accelerator() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	if _, err := os.Stat("/dev/kvm"); err == nil && (bytes.Contains(info, []byte(" vmx ")) || bytes.Contains(info, []byte(" svm "))) {
		return "kvm"
	}
	return "tcg,thread=multi,tb-size=512"
}
