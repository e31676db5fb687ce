package hosts

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

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
