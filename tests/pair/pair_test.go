package pair

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/components/host"
	"github.com/berth-iac/berth/machine/bundle"
	"github.com/berth-iac/berth/spec"
)

// sites are the two machines of a pair, made and joined, with nothing on them yet.
type sites struct {
	jnb, cpt *machine
	bucket   *bucket
}

func (s sites) description(name string) host.Description {
	addresses := map[string]string{"jnb": s.jnb.address, "cpt": s.cpt.address}
	sister := map[string]string{"jnb": "cpt", "cpt": "jnb"}[name]
	return host.Description{
		Role: host.Site, Name: name, Domain: "southern", TimeZone: "Africa/Johannesburg",
		SSHFrom: []netip.Prefix{netip.MustParsePrefix("203.0.113.16/29")}, WebFrom: []netip.Prefix{netip.MustParsePrefix("173.245.48.0/20")},
		Disks: &host.Disks{Filesystem: "ext4"},
		Sister: &host.Sister{
			Name: sister, Address: netip.MustParseAddr(addresses[sister]), Own: netip.MustParseAddr(addresses[name]),
			Tunnel: netip.MustParsePrefix("10.255.0.0/29"), Port: 51820,
		},
		PostgreSQL: &host.PostgreSQL{Version: "15", MaxConnections: 60, SlotGiB: 1},
		Backup: &host.Backup{KeepDays: 7, ThirdPlace: &spec.ObjectStore{
			Endpoint: bucketHost, Region: "af-south-1", Bucket: bucketName, Country: "ZA",
		}},
		Watch:  spec.Watch{Mail: spec.Relay{Host: "smtp.example", Port: 587, From: "machines@northwind.example", TLS: "starttls"}, ReplicationLagSeconds: 60, BackupAgeHours: 26},
		Alerts: spec.Alerts{Emails: []string{"operations@northwind.example"}},
		Administrators: []spec.Administrator{{
			Name: "ada-lindqvist", Email: "ada.lindqvist@northwind.example", Until: spec.Date{Time: time.Date(2027, 6, 30, 0, 0, 0, 0, time.UTC)},
			Keys: []string{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE2qLbnFqOYFQAKhVXLCWyPmXgO2nW9fwGZ3yDnJ4Vwc ada"},
		}},
		Reboot: "03:30",
	}
}

func client(name string, standing host.Standing) host.Client {
	return host.Client{
		Role: host.Site, Standing: standing, Name: name, DisplayName: name, Hostname: name + ".example.org", Environment: spec.Production,
		Release:     spec.MachineRelease{Version: "1.0.0", SHA256: "0000000000000000000000000000000000000000000000000000000000000000", Source: spec.ReleaseSource{URL: "https://releases.northwind.example/taskflow", PublicKey: "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"}},
		Connections: 7, Countries: []string{"ZA"}, OriginPulls: true,
	}
}

// build makes both machines, the first before the second is there.
func build(t *testing.T) sites {
	t.Helper()
	needs(t)
	s := sites{jnb: start(t, "jnb", "10.255.0.1"), cpt: start(t, "cpt", "10.255.0.2")}
	cable(t, s.jnb, s.cpt)
	s.bucket = newBucket(t, s.jnb, s.cpt)
	both := []*machine{s.jnb, s.cpt}
	for _, m := range both {
		m.place()
	}
	return s
}

// keys makes both machines make their keys, and tells each the other's authority.
func (s sites) keys() {
	authority := func(m *machine) string {
		m.write("/run/berth-keys", bundle.KeysScript, "0755")
		return m.must("/run/berth-keys /etc/berth/keys 1 | sed -n s/^authority=//p")
	}
	jnb, cpt := authority(s.jnb), authority(s.cpt)
	secrets := map[string]string{"backup-access-key": "key", "backup-secret-key": "secret", "backup-passphrase": "correct horse battery staple"}
	s.jnb.settings, s.cpt.settings = map[string]string{"sister-authority": cpt}, map[string]string{"sister-authority": jnb}
	s.jnb.secrets, s.cpt.secrets = secrets, secrets
}

func TestPair(t *testing.T) {
	s := build(t)
	s.keys()
	jnb, cpt := s.jnb, s.cpt
	begin := time.Now()
	lap := func(what string) { t.Logf("%5.1f s  %s", time.Since(begin).Seconds(), what) }

	// The first machine is applied before the second exists.
	jnb.apply(render(t, s.description("jnb")))
	if out := jnb.must("berth-standby"); !strings.Contains(out, "tried again") {
		t.Errorf("without a sister berth-standby says %q", out)
	}
	lap("jnb applied")
	cpt.apply(render(t, s.description("cpt")))
	jnb.must("berth-standby")
	cpt.must("berth-standby")
	lap("cpt applied, both copied")
	for _, name := range []string{"globex", "acme-corp"} {
		jnb.apply(renderClient(t, client(name, host.Home)))
		cpt.apply(renderClient(t, client(name, host.Standby)))
		jnb.must("systemctl enable --now taskflow@" + name + ".socket taskflow@" + name + ".service")
	}
	jnb.serves("globex", "acme-corp")
	cpt.serves("globex", "acme-corp")
	lap("two clients applied")
	for _, part := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"applied again nothing changes", s.again},
		{"DP-3 streaming over TLS with certificates both ways", s.streaming},
		{"DP-3 replication is refused to all others", s.refused},
		{"AV-4 a standby does not write", s.standby},
		{"DP-1 a client's role reaches no other database", s.apart},
		{"DP-5 BI reads and nothing else, until it ends", s.bi},
		{"AC-4 break-glass access ends by itself", s.breakGlass},
		{"BK-1 BK-2 full backups in three places", s.backups},
		{"BK-4 a restore to a named second", s.moment},
		{"BK-4 a restore in place", s.inPlace},
		{"BK-9 a broken backup and a lagging standby are seen", s.watched},
		{"BK-9 write-ahead log that was given up is no recovery", s.givenUp},
		{"BK-1 what is older than seven days expires", s.expiry},
		{"AV-5 the primary is lost, the standby serves", s.failover},
		{"AV-5 a machine that was taken over stays down", s.fenced},
		{"AV-5 what cannot be wound back is copied", s.copied},
		{"AV-5 the way back", s.back},
		{"AV-5 of two primaries the older one stops", s.two},
	} {
		t.Run(part.name, func(t *testing.T) {
			defer func(a, b *testing.T) { jnb.t, cpt.t = a, b }(jnb.t, cpt.t)
			jnb.t, cpt.t = t, t
			part.run(t)
		})
		lap(part.name)
	}
}

func (s sites) again(t *testing.T) {
	for _, m := range []*machine{s.jnb, s.cpt} {
		if changed := m.apply(render(t, s.description(m.name))); len(changed) > 0 {
			t.Errorf("applied again, %s changed %q", m.name, changed)
		}
	}
	for name, m := range map[host.Standing]*machine{host.Home: s.jnb, host.Standby: s.cpt} {
		if changed := m.apply(renderClient(t, client("globex", name))); len(changed) > 0 {
			t.Errorf("applied again, the client changed %q at %s", changed, m.name)
		}
	}
	if out := s.jnb.must("berth-certificates"); out != "" {
		t.Errorf("berth-certificates signed again: %s", out)
	}
}
