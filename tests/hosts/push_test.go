package hosts

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"github.com/berth-iac/berth/components/host"
)

func TestPush(t *testing.T) {
	out := "/tmp/labw/out/"
	os.MkdirAll(out, 0o755)
	raw, _ := os.ReadFile("/tmp/labw/lab-key")
	signer, err := ssh.ParsePrivateKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	p := people{ada: newKeyPair(t)}
	p.deploy.public = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	for _, m := range []string{"jnb", "cpt"} {
		b, err := host.Render(site(p, m))
		if err != nil {
			t.Fatal(err)
		}
		a, err := b.Archive()
		if err != nil {
			t.Fatal(err)
		}
		os.WriteFile(out+m+"-host.tar.gz", a, 0o600)
		if rel := os.Getenv("REL"); rel != "" {
			tgz, _ := os.ReadFile(rel + "/1.0.0/taskflow-linux-amd64.tar.gz")
			sum := sha256.Sum256(tgz)
			pub, _ := os.ReadFile("/tmp/labw/rel.pub")
			f := strings.Fields(string(pub))
			r := release{version: "1.0.0", checksum: hex.EncodeToString(sum[:]), public: f[len(f)-1]}
			for _, c := range homes {
				standing := host.Home
				if c.home != m {
					standing = host.Standby
				}
				b, err := host.RenderClient(client(r, c.name, standing))
				if err != nil {
					t.Fatal(err)
				}
				a, err := b.Archive()
				if err != nil {
					t.Fatal(err)
				}
				os.WriteFile(out+m+"-client-"+c.name+".tar.gz", a, 0o600)
			}
		}
	}
}

func TestImage(t *testing.T) {
	p := people{newKeyPair(t), newKeyPair(t), newKeyPair(t)}
	example := release{version: "1.0.0", checksum: strings.Repeat("0", 64), public: "RW" + strings.Repeat("A", 54)}
	whole, err := host.Render(site(p, "jnb"))
	if err != nil {
		t.Fatal(err)
	}
	one, err := host.RenderClient(client(example, "globex", host.Home))
	if err != nil {
		t.Fatal(err)
	}
	t.Log(newImage(t, packagesOf(whole, one)))
}

func attachNetwork(t *testing.T, name string) *network {
	n := &network{name: prefix + name}
	fd, err := unix.Open("/run/netns/"+n.name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	n.fd = fd
	return n
}

func TestAttach(t *testing.T) {
	raw, _ := os.ReadFile("/tmp/labw/lab-key")
	l := &lab{scan: "/tmp/labw/scan"}
	l.people.deploy.private = string(raw)
	l.people.stranger, l.people.ada = newKeyPair(t), newKeyPair(t)
	l.networks = &networks{wan: attachNetwork(t, "wan"), office: attachNetwork(t, "office"), edge: attachNetwork(t, "edge"), anybody: attachNetwork(t, "anybody")}
	l.jnb = &server{t: t, name: "jnb", address: addressJNB, from: l.networks.office, key: string(raw), folder: os.Getenv("LABDIR") + "/jnb", ended: make(chan struct{})}
	l.cpt = &server{t: t, name: "cpt", address: addressCPT, from: l.networks.office, key: string(raw), folder: os.Getenv("LABDIR") + "/cpt", ended: make(chan struct{})}
	for _, f := range []struct {
		name string
		f    func(*testing.T)
	}{{"same", l.same}, {"mirrored", l.mirrored}, {"streamed", l.streamed}, {"scanned", l.scanned}, {"signedIn", l.signedIn}, {"hardened", l.hardened}, {"apart", l.apart}, {"backedUp", l.backedUp}, {"restored", l.restored}, {"lynis", func(t *testing.T) { l.lynis(t, l.jnb) }}, {"rebooted", l.rebooted}} {
		t.Run(f.name, f.f)
	}
	t.Log(strings.Join(l.figures, "\n"))
}
