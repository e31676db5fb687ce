package hosts

import (
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/components/host"
	"github.com/berth-iac/berth/machine/bundle"
	"github.com/berth-iac/berth/spec"
)

// premises describes a client's own machine.
func premises(p people) host.Description {
	return host.Description{
		Role: host.Premises, Name: "initech", Domain: "premises", TimeZone: "Europe/Berlin",
		Administrators: []spec.Administrator{{Name: "ada-lindqvist", Email: "ada@northwind.example", Keys: []string{p.ada.public}, Until: until()}},
		DeployKeys:     []string{p.deploy.public}, SSHFrom: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, WebFrom: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		Disks:      &host.Disks{Filesystem: "ext4", Encrypt: true},
		PostgreSQL: &host.PostgreSQL{Version: "15", MaxConnections: 50, SlotGiB: 1},
		Backup:     &host.Backup{KeepDays: 7},
		Watch:      watch(), Alerts: spec.Alerts{Emails: []string{"it@initech.example"}},
	}
}

// offline writes the archive for the machine, signed, and gives its path.
func (l *lab) offline(t *testing.T) string {
	whole, err := host.Render(premises(l.people))
	if err != nil {
		t.Fatal(err)
	}
	c := client(l.release, "initech", host.Home)
	c.Role, c.OriginPulls, c.Countries = host.Premises, false, []string{"DE"}
	one, err := host.RenderClient(c)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, name := range []string{"manifest.json", "manifest.json.minisig", "taskflow-linux-amd64.tar.gz"} {
		if files[name], err = os.ReadFile(filepath.Join(l.release.folder, l.release.version, name)); err != nil {
			t.Fatal(err)
		}
	}
	folder := t.TempDir()
	path := filepath.Join(folder, "initech.run")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	packages := l.image.fetched(t, slices.Concat(whole.Packages, one.Packages))
	if err := bundle.Offline(f, bundle.OfflineArgs{
		Client: "initech", Version: l.release.version, Bundles: []bundle.Bundle{whole, one},
		Settings:  map[string]string{"disk-a": diskOf("initech-a"), "disk-b": diskOf("initech-b")},
		Questions: host.Questions(), Generated: host.Generated(), Duties: []string{"You guard the machine.", "You copy the backups to another place."},
		Release: files, Packages: os.DirFS(packages),
	}); err != nil {
		t.Fatal(err)
	}
	run(t, "minisign", "-G", "-W", "-p", filepath.Join(folder, "public"), "-s", filepath.Join(folder, "secret"))
	run(t, "minisign", "-S", "-s", filepath.Join(folder, "secret"), "-m", path)
	run(t, "minisign", "-V", "-p", filepath.Join(folder, "public"), "-m", path)
	return path
}

// onPremises has an administrator install a machine that has no network but his own cable.
func (l *lab) onPremises(t *testing.T) {
	m := l.premises
	m.up(t, 5*time.Minute)
	archive := l.offline(t)
	file, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if _, err := m.feed(t.Context(), "cat >/root/initech.run", file); err != nil {
		t.Fatal(err)
	}
	certificate, key := l.world.authority.issue(t, "initech.northwind.example")
	if _, err := m.feed(t.Context(), "cat >/root/certificate.pem", strings.NewReader(certificate)); err != nil {
		t.Fatal(err)
	}
	if _, err := m.feed(t.Context(), "umask 077; cat >/root/key.pem", strings.NewReader(key)); err != nil {
		t.Fatal(err)
	}
	m.must(t, "cd /root && sh initech.run verify && sh initech.run duties | grep 'You guard'; ! ping -c 1 -W 1 "+addressMail)
	if out, err := m.run(t.Context(), "cd /root && sh initech.run plan"); err == nil || !strings.Contains(err.Error(), "exit 3") {
		t.Errorf("a plan without answers: %v %s, want exit 3", err, out)
	}
	m.must(t, "cd /root && sed -i -e 's|^certificate=.*|certificate=@/root/certificate.pem|' -e 's|^certificate-key=.*|certificate-key=@/root/key.pem|' answers && cat answers")
	// One of the disks holds something.
	m.must(t, "mkfs.ext4 -q -L precious "+diskOf("initech-b"))
	if out, err := m.run(t.Context(), "cd /root && sh initech.run apply"); err == nil || !strings.Contains(err.Error()+out, diskOf("initech-b")) || !strings.Contains(err.Error(), "holds") {
		t.Fatalf("a disk that holds data was not refused by name: %v\n%s", err, out)
	}
	if out := m.must(t, "blkid -o value -s LABEL "+diskOf("initech-b")+"; cat /proc/mdstat"); !strings.Contains(out, "precious") || strings.Contains(out, "active") {
		t.Errorf("the disk was touched: %s", out)
	}
	m.must(t, "blkdiscard --force --zeroout "+diskOf("initech-b"))
	if out, err := m.run(t.Context(), "cd /root && sh initech.run plan"); err == nil || !strings.Contains(err.Error(), "exit 10") {
		t.Errorf("a plan of an empty machine: %v %s, want exit 10", err, out)
	}
	began := time.Now()
	m.until(t, 10*time.Second, "cd /root && sh initech.run apply")
	l.figure("premises: applied from one file without network: %s", time.Since(began).Round(time.Second))
	if out, err := m.run(t.Context(), "cd /root && sh initech.run plan"); err != nil {
		t.Errorf("a plan after the apply: %v %s", err, out)
	}
	name := "initech.northwind.example"
	if status, body, err := get(t.Context(), l.web(t, l.networks.premises, addressPremises, name, false), "https://"+name+"/healthz"); err != nil || status != http.StatusOK {
		t.Errorf("the service answers %d %v %s", status, err, body)
	}
	m.must(t, "cd /root && sh initech.run report report.txt >/dev/null && test -s report.txt && ! grep -F \"$(cat /etc/berth/client-initech/secrets/application-key)\" report.txt")
	out, err := l.networks.premises.command(t.Context(), l.scan, addressPremises).CombinedOutput()
	if seen := strings.TrimSpace(string(out)); err != nil || seen != "tcp 22 open\ntcp 443 open\nscanned" {
		t.Errorf("from the client's network the machine shows %q (%v)", seen, err)
	}
	m.kill()
}
