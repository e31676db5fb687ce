package hosts

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// prefix of everything that the lab makes in the kernel, by which leftovers are found.
const prefix = "berthlab-"

// The addresses of the lab, from ranges for documentation: none is anybody's.
const (
	addressJNB     = "198.51.100.10"
	addressCPT     = "198.51.100.20"
	addressMail    = "198.51.100.50" // what machines use: names, mail, packages, objects, releases
	addressOffice  = "198.51.100.100"
	addressEdge    = "198.51.100.150" // stands in for Cloudflare
	addressAnybody = "198.51.100.200"
	officeCIDR     = "198.51.100.96/28"
	edgeCIDR       = "198.51.100.144/28"

	addressPremises      = "192.0.2.10" // a network of its own, which leads nowhere
	addressAdministrator = "192.0.2.100"
)

// network is a place that machines and programs are in.
type network struct {
	name string
	fd   int
}

// networks are the lab's.
type networks struct {
	wan, office, edge, anybody, outside, premises *network
}

func ip(t testing.TB, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// removeLeftovers ends what a killed run left: machines in the lab's namespaces, then these.
func removeLeftovers() {
	out, _ := exec.Command("ip", "netns", "list").Output()
	for line := range strings.Lines(string(out)) {
		name := strings.Fields(line)[0]
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		pids, _ := exec.Command("ip", "netns", "pids", name).Output()
		for _, pid := range strings.Fields(string(pids)) {
			_ = exec.Command("kill", "-KILL", pid).Run()
		}
		_ = exec.Command("ip", "netns", "delete", name).Run()
	}
	waiting, _ := filepath.Glob("/sys/class/net/" + "bl-*")
	for _, link := range waiting {
		_ = exec.Command("ip", "link", "delete", filepath.Base(link)).Run()
	}
}

// newNetworks makes the namespaces: a wide-area network with a bridge, and each place with its own address on it.
func newNetworks(t *testing.T) *networks {
	removeLeftovers()
	t.Cleanup(removeLeftovers)
	n := &networks{wan: namespace(t, "wan"), premises: namespace(t, "premises")}
	for _, one := range []*network{n.wan, n.premises} {
		ip(t, "-n", one.name, "link", "add", "bridge", "type", "bridge", "forward_delay", "0")
		ip(t, "-n", one.name, "link", "set", "bridge", "up")
	}
	ip(t, "-n", n.premises.name, "address", "add", addressAdministrator+"/24", "dev", "bridge")
	place := func(name, address string) *network {
		p := namespace(t, name)
		link := "bl-" + name
		ip(t, "link", "add", link, "type", "veth", "peer", "name", link+"-w")
		ip(t, "link", "set", link+"-w", "netns", n.wan.name)
		ip(t, "-n", n.wan.name, "link", "set", link+"-w", "master", "bridge", "up")
		ip(t, "link", "set", link, "netns", p.name)
		ip(t, "-n", p.name, "address", "add", address+"/24", "dev", link)
		ip(t, "-n", p.name, "link", "set", link, "up")
		return p
	}
	n.office, n.edge, n.anybody, n.outside = place("office", addressOffice), place("edge", addressEdge), place("anybody", addressAnybody), place("outside", addressMail)
	return n
}

func namespace(t *testing.T, name string) *network {
	n := &network{name: prefix + name}
	ip(t, "netns", "add", n.name)
	ip(t, "-n", n.name, "link", "set", "lo", "up")
	fd, err := unix.Open("/run/netns/"+n.name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("open namespace %s: %v", n.name, err)
	}
	n.fd = fd
	t.Cleanup(func() { _ = unix.Close(fd) })
	return n
}

// tap makes a network card's other end on the network's bridge.
func (n *network) tap(t *testing.T, name string) string {
	link := "bl-" + name
	ip(t, "-n", n.name, "tuntap", "add", "dev", link, "mode", "tap")
	ip(t, "-n", n.name, "link", "set", link, "master", "bridge", "up")
	return link
}

// do calls f on a thread that is in the network. Sockets and processes that it makes stay there.
func (n *network) do(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		own, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			done <- err
			return // the thread ends with its goroutine
		}
		defer func() { _ = own.Close() }()
		if err := unix.Setns(n.fd, unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("enter namespace %s: %w", n.name, err)
			return
		}
		err = f()
		if unix.Setns(int(own.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}

// dial connects from the network. The address is numeric: names would be asked for elsewhere.
func (n *network) dial(ctx context.Context, proto, address string) (conn net.Conn, err error) {
	err = n.do(func() (err error) {
		conn, err = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: -1}).DialContext(ctx, proto, address)
		return err
	})
	return conn, err
}

func (n *network) listen(t *testing.T, address string) net.Listener {
	var l net.Listener
	if err := n.do(func() (err error) { l, err = net.Listen("tcp", address); return err }); err != nil {
		t.Fatalf("listen on %s in %s: %v", address, n.name, err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// command runs a program in the network.
func (n *network) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", n.name, name}, args...)...)
}
