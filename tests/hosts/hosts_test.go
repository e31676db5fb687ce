package hosts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-iac/berth/components/host"
	"github.com/berth-iac/berth/machine/bundle"
)

// lab is two sites with a machine each, what is around them, and what was measured.
type lab struct {
	networks *networks
	world    *world
	image    image
	people   people
	release  release
	applier  *applier
	jnb, cpt *server
	premises *server

	origin  *authority // Cloudflare's, for origin pulls
	clients map[string]map[string]string
	scan    string

	mu      sync.Mutex
	figures []string
}

// figure keeps a measurement for the end.
func (l *lab) figure(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.figures = append(l.figures, fmt.Sprintf(format, args...))
}

// The clients of the lab: globex and initrode live in jnb, hooli in cpt. Only the site that is lost has its clients standing by at the
// other: each bundle takes a minute, and hooli's would show nothing that these do not.
var homes = []struct{ name, home, standby string }{{"globex", "jnb", "cpt"}, {"initrode", "jnb", "cpt"}, {"hooli", "cpt", ""}}

func TestHosts(t *testing.T) {
	if os.Getenv("BERTH_HOSTS") != "1" {
		t.Skip("machines are emulated for an hour, as root: run `make test-hosts`")
	}
	if os.Geteuid() != 0 {
		t.Fatal("the lab makes network namespaces and a machine's disk: run `sudo make test-hosts`")
	}
	for _, program := range []string{"qemu-system-x86_64", "qemu-img", "debootstrap", "ip", "mke2fs"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is missing: run tests/needs, or install qemu-system-x86, qemu-utils, debootstrap, iproute2 and e2fsprogs", program)
		}
	}
	lock(t)
	removeLeftovers() // before the image is built: what was left takes time from it
	began := time.Now()
	l := &lab{people: people{newKeyPair(t), newKeyPair(t), newKeyPair(t)}}
	t.Cleanup(func() {
		t.Logf("measured, under software emulation on this machine:\n  %s\n  the whole: %s", strings.Join(l.figures, "\n  "), time.Since(began).Round(time.Second))
	})
	l.prepare(t)
	must(t, "OP-1 a release is built and signed", l.released)
	must(t, "BK-10 machines are made from the repository alone", l.build)
	must(t, "D clients are put on their sites", l.settle)
	t.Run("D applied again nothing changes", l.same)
	t.Run("AV-10 data lies on a mirror", l.mirrored)
	t.Run("DP-3 AV-4 sites stream to each other", l.streamed)
	t.Run("AC-10 DP-2 ports are closed but for what is promised", l.scanned)
	t.Run("AC-2 only named keys sign in, from the office", l.signedIn)
	t.Run("DP-4 AV-12 clients are served to Cloudflare alone", l.served)
	t.Run("AC-10 services and machine are hardened", l.hardened)
	t.Run("DP-1 a client reaches its own data alone", l.apart)
	t.Run("BK-1 BK-2 a full backup lands in three places", l.backedUp)
	t.Run("BK-4 the rows of a named second come back", l.restored)
	t.Run("BK-9 AV-7 a broken backup is told", l.broken)
	t.Run("AV-10 a disk is pulled under load", l.pulled)
	t.Run("BK-8 a machine that starts anew serves again", l.rebooted)
	if t.Run("AV-5 BK-7 BK-8 a site is lost", l.lost) {
		t.Run("AV-5 BK-8 the lost site comes back", l.returned)
	}
	l.jnb.kill()
	l.premises.start("initech-a", "initech-b")
	// Each has a processor of its own.
	t.Run("machines apart", func(t *testing.T) {
		t.Run("AC-10 lynis", func(t *testing.T) {
			t.Parallel()
			l.lynis(t, l.cpt)
		})
		t.Run("AC-11 AV-10 a client's machine is installed without network", func(t *testing.T) {
			t.Parallel()
			l.onPremises(t)
		})
	})
}

// must runs a subtest that the others build on.
func must(t *testing.T, name string, f func(*testing.T)) {
	t.Helper()
	if !t.Run(name, f) {
		t.FailNow()
	}
}

// side runs things side by side, as subtests.
func side(t *testing.T, things map[string]func(*testing.T)) {
	t.Helper()
	if !t.Run("side by side", func(t *testing.T) {
		for name, f := range things {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f(t)
			})
		}
	}) {
		t.FailNow()
	}
}

// prepare makes all that machines need around them, and the machines, switched off.
func (l *lab) prepare(t *testing.T) {
	example := release{version: "1.0.0", checksum: strings.Repeat("0", 64), public: "RW" + strings.Repeat("A", 54)}
	whole, err := host.Render(site(l.people, "jnb"))
	if err != nil {
		t.Fatal(err)
	}
	one, err := host.RenderClient(client(example, "globex", host.Home))
	if err != nil {
		t.Fatal(err)
	}
	l.image = newImage(t, packagesOf(whole, one))
	l.networks = newNetworks(t)
	l.release = release{version: "1.0.0", folder: t.TempDir()}
	l.world = newWorld(t, l.networks.outside, l.release.folder, l.image)
	l.origin = newAuthority(t, "Origin pull")
	l.applier = newApplier(t, l.networks.office, l.people.deploy.private)
	l.scan = filepath.Join(t.TempDir(), "scan")
	build := exec.Command("go", "build", "-o", l.scan, "./scan")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build scan: %v\n%s", err, out)
	}
	l.jnb = l.machine(t, "jnb", addressJNB, "52:54:00:00:01:01")
	l.cpt = l.machine(t, "cpt", addressCPT, "52:54:00:00:02:01")
	l.premises = newServer(t, &server{
		name: "initech", address: addressPremises, mac: "52:54:00:00:03:01", network: l.networks.premises, from: l.networks.premises, image: l.image, memory: 1024,
		key: l.people.deploy.private,
	}, "", l.userData(t), "initech-a", "initech-b")
	// To look at machines after a failure: BERTH_HOSTS_PAUSE names a file, and the lab waits as long as it is there.
	if pause := os.Getenv("BERTH_HOSTS_PAUSE"); pause != "" {
		key := filepath.Join(filepath.Dir(pause), "lab-key")
		if err := os.WriteFile(key, []byte(l.people.deploy.private), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			for t.Failed() {
				if _, err := os.Stat(pause); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		})
	}
}

func (l *lab) machine(t *testing.T, name, address, mac string) *server {
	return newServer(t, &server{
		name: name, address: address, mac: mac, network: l.networks.wan, from: l.networks.office, image: l.image, memory: 1280, key: l.people.deploy.private,
	}, addressMail, l.userData(t), name+"-a", name+"-b")
}

// userData is what a new machine is told: who may sign in.
func (l *lab) userData(t *testing.T) string {
	doc, err := bundle.CloudInit(bundle.Cloud{Users: []bundle.CloudUser{{Name: "berth", Keys: []string{l.people.deploy.public}}}, HostKeyTypes: []string{"ed25519"}})
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func diskOf(name string) string { return "/dev/disk/by-id/virtio-" + name }

// released builds and signs a release of TaskFlow.
func (l *lab) released(t *testing.T) {
	began := time.Now()
	folder, checksum, public := newRelease(t, l.release.version)
	l.release.checksum, l.release.public = checksum, public
	run(t, "cp", "-a", folder+"/.", l.release.folder)
	l.figure("release built and signed: %s", time.Since(began).Round(time.Second))
}

// build boots two empty machines and makes them sites.
func (l *lab) build(t *testing.T) {
	side(t, map[string]func(*testing.T){
		"jnb boots": func(t *testing.T) { l.boot(t, l.jnb) },
		"cpt boots": func(t *testing.T) { l.boot(t, l.cpt) },
	})
	began := time.Now()
	var jnb, cpt [2]string
	for m, into := range map[*server]*[2]string{l.jnb: &jnb, l.cpt: &cpt} {
		wireguard, authority, err := l.applier.keys(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		*into = [2]string{wireguard, authority}
	}
	side(t, map[string]func(*testing.T){
		"jnb": func(t *testing.T) { l.host(t, l.jnb, cpt, addressCPT) },
		"cpt": func(t *testing.T) { l.host(t, l.cpt, jnb, addressJNB) },
	})
	l.figure("from two empty machines to two sites: %s", time.Since(began).Round(time.Second))
}

func (l *lab) boot(t *testing.T, m *server) {
	m.start(m.name+"-a", m.name+"-b")
	l.figure("%s: from power on to cloud-init's end: %s", m.name, m.up(t, 5*time.Minute).Round(time.Second))
	m.must(t, calmer)
}

// calmer has the emulated machine look after itself less often, since a round of all checks takes its one processor a minute: what a
// test waits for it starts by its unit.
const calmer = `calm() { mkdir -p "/etc/systemd/system/$1.timer.d"; printf '[Timer]\nOnCalendar=\nOnCalendar=%s\n' "$2" >"/etc/systemd/system/$1.timer.d/lab.conf"; }
calm berth-check '*:7/20'
calm berth-integrity yearly
calm berth-doors '*:3/10'
calm berth-heartbeat '*:9/15'
calm taskflow-attachments@ '*:5/15'
`

// host applies the machine's bundle.
func (l *lab) host(t *testing.T, m *server, sister [2]string, endpoint string) {
	b, err := host.Render(site(l.people, m.name))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	err = l.applier.bundle(t.Context(), m, b, map[string]string{
		"disk-a": diskOf(m.name + "-a"), "disk-b": diskOf(m.name + "-b"),
		"sister-wireguard-key": sister[0], "sister-authority": sister[1], "sister-endpoint": endpoint + ":51820",
	}, map[string]string{"backup-access-key": "AKIALABLABLABLABLAB1", "backup-secret-key": "lab-secret-of-the-bucket", "backup-passphrase": "lab passphrase of the third place"})
	if err != nil {
		l.autopsy(t, m)
		t.Fatal(err)
	}
	l.figure("%s: host bundle applied: %s", m.name, time.Since(began).Round(time.Second))
}

// autopsy shows what the machine says of itself.
func (l *lab) autopsy(t *testing.T, m *server) {
	out, err := m.run(t.Context(), "systemctl --failed --no-legend --plain || true; journalctl -p warning -n 60 --no-pager || true")
	t.Logf("on %s: %s%v\nconsole: %s", m.name, out, err, m.said())
}

// settle puts the clients on their sites: at home first, then where they stand by.
func (l *lab) settle(t *testing.T) {
	l.clients = map[string]map[string]string{}
	for _, c := range homes {
		certificate, key := l.world.authority.issue(t, c.name+".northwind.example")
		l.clients[c.name] = map[string]string{"application-key": random(), "backup-key": random(), "certificate": certificate, "certificate-key": key}
	}
	machines := map[string]func(*testing.T){}
	for _, m := range []*server{l.jnb, l.cpt} {
		machines[m.name] = func(t *testing.T) {
			for _, standing := range []host.Standing{host.Home, host.Standby} {
				for _, c := range homes {
					if m.name == map[host.Standing]string{host.Home: c.home, host.Standby: c.standby}[standing] {
						l.settleOne(t, m, c.name, standing)
					}
				}
			}
		}
	}
	side(t, machines)
}

func (l *lab) settleOne(t *testing.T, m *server, name string, standing host.Standing) {
	b, err := host.RenderClient(client(l.release, name, standing))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := l.applier.bundle(t.Context(), m, b, map[string]string{"origin-pull-authority": encode(l.origin.pem)}, l.clients[name]); err != nil {
		l.autopsy(t, m)
		t.Fatal(err)
	}
	l.figure("%s: client %s (%s) applied: %s", m.name, name, standing, time.Since(began).Round(time.Second))
}
