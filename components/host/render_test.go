package host

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/components/cloudflare"
	"github.com/berth-iac/berth/machine/bundle"
	"github.com/berth-iac/berth/spec"
)

var update = flag.Bool("update", false, "write golden files anew")

const (
	adaKey  = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE2qLbnFqOYFQAKhVXLCWyPmXgO2nW9fwGZ3yDnJ4Vwc ada"
	pipeKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDkq1UoJgJqfx1h9rjQ2sV7aRr1mDq2FzJ8f7o7yJmWn pipeline"
)

func prefixes(all ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range all {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

// johannesburg is Johannesburg, with all that a machine can have.
func johannesburg() Description {
	return Description{
		Role: Site, Name: "jnb", Domain: "southern", TimeZone: "Africa/Johannesburg",
		Administrators: []spec.Administrator{
			{Name: "ada-lindqvist", Email: "ada.lindqvist@northwind.example", Keys: []string{adaKey}, Until: spec.Date{Time: time.Date(2027, 6, 30, 0, 0, 0, 0, time.UTC)}},
			{Name: "ben", Email: "ben@northwind.example", Keys: []string{adaKey, pipeKey}, Until: spec.Date{Time: time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)}},
		},
		DeployKeys: []string{pipeKey},
		SSHFrom:    prefixes("203.0.113.16/29"), WebFrom: prefixes(append(cloudflare.IPv4(), cloudflare.IPv6()...)...), OriginPulls: true,
		Disks: &Disks{Filesystem: "ext4", Encrypt: true, Erase: []string{"/dev/disk/by-id/ata-OLD_1"}},
		Sister: &Sister{
			Name: "cpt", Address: netip.MustParseAddr("10.255.0.2"), Own: netip.MustParseAddr("10.255.0.1"),
			Tunnel: netip.MustParsePrefix("10.255.0.0/29"), Port: 51820,
		},
		PostgreSQL: &PostgreSQL{Version: "15", MaxConnections: 200, SlotGiB: 20},
		Backup: &Backup{KeepDays: 7, ThirdPlace: &spec.ObjectStore{
			Endpoint: "s3.af-south-1.amazonaws.com", Region: "af-south-1", Bucket: "berth-southern-backups", Country: "ZA",
		}},
		Watch: spec.Watch{
			Mail:         spec.Relay{Host: "smtp.northwind.example", Port: 587, User: "machines", From: "machines@northwind.example", TLS: "starttls"},
			SlackWebhook: true, SMSGateway: "https://sms.northwind.example/send", HeartbeatURL: "https://heartbeat.northwind.example/jnb", Exporters: true,
			ReplicationLagSeconds: 60, BackupAgeHours: 26,
		},
		Alerts: spec.Alerts{Emails: []string{"operations@northwind.example"}, Phones: []string{"+27215550100"}},
		Reboot: "03:30",
	}
}

// onPremises is a client's own machine, with as little as a machine can have.
func onPremises() Description {
	d := johannesburg()
	d.Role, d.Name, d.Domain, d.TimeZone = Premises, "initech", "premises", "Europe/Berlin"
	d.Administrators, d.DeployKeys = d.Administrators[:1], nil
	d.SSHFrom, d.WebFrom, d.OriginPulls = prefixes("192.168.10.0/24"), prefixes("192.168.0.0/16", "fd00:10::/32"), false
	d.Disks, d.Sister = &Disks{Filesystem: "xfs"}, nil
	d.Backup = &Backup{KeepDays: 7, Folder: "/mnt/backup"}
	d.Watch = spec.Watch{Mail: spec.Relay{Host: "mail.initech.example", Port: 25, From: "taskflow@initech.example", TLS: "starttls"}, ReplicationLagSeconds: 60, BackupAgeHours: 26}
	d.Alerts, d.Reboot = spec.Alerts{Emails: []string{"it@initech.example"}}, ""
	return d
}

// lightsail is a Lightsail server.
func lightsail() Description {
	d := johannesburg()
	d.Role, d.Name, d.Domain, d.TimeZone = Light, "hooli", "light", "Europe/London"
	d.Disks, d.Sister, d.PostgreSQL, d.Backup = nil, nil, nil, nil
	d.Watch.Exporters = false
	return d
}

func someClient() Client {
	return Client{
		Role: Site, Standing: Home, Name: "globex-two", DisplayName: "Globex 'Two' & Sons", Hostname: "globex.northwind.example", Environment: spec.Production,
		Release: spec.MachineRelease{Version: "1.0.0", SHA256: strings.Repeat("0123456789abcdef", 4), Source: spec.ReleaseSource{
			URL: "https://releases.northwind.example/taskflow", PublicKey: "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3",
		}},
		Connections: 20, RateLimit: spec.RateLimit{Requests: 600, PeriodSeconds: 60}, Countries: []string{"ZA"}, OriginPulls: true,
	}
}

func lightsailClient() Client {
	c := someClient()
	c.Role, c.Name, c.RemoteDatabase, c.Countries = Light, "hooli", true, []string{"GB"}
	return c
}

func standbyClient() Client {
	c := someClient()
	c.Standing = Standby
	return c
}

func premisesClient() Client {
	c := someClient()
	c.Role, c.Name, c.OriginPulls = Premises, "initech", false
	return c
}

// rendered are all bundles that the golden files show.
func rendered(t *testing.T) map[string]bundle.Bundle {
	t.Helper()
	out := map[string]bundle.Bundle{}
	for name, d := range map[string]Description{"site": johannesburg(), "premises": onPremises(), "light": lightsail()} {
		b, err := Render(d)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = b
	}
	for name, c := range map[string]Client{"site-client": someClient(), "site-client-standby": standbyClient(), "premises-client": premisesClient(), "light-client": lightsailClient()} {
		b, err := RenderClient(c)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = b
	}
	return out
}

// The golden files show every line that lies on a machine: a change of one is a change to review.
func TestBundlesAreAsTheGoldenFilesShow(t *testing.T) {
	for name, b := range rendered(t) {
		t.Run(name, func(t *testing.T) {
			if err := b.Check(); err != nil {
				t.Error(err)
			}
			got, file := show(b), filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs: go test -update writes it anew. %s", file, firstDifference(string(want), got))
			}
		})
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("Line %d is\n\t%s\nand was\n\t%s", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("%d lines, and there were %d", len(g), len(w))
}

// show writes a bundle out for reading.
func show(b bundle.Bundle) string {
	var s strings.Builder
	fmt.Fprintf(&s, "bundle %s\npackages %s\nsettings %s\nsecrets %s\n", b.Name, strings.Join(b.Packages, " "), strings.Join(b.Settings, " "), strings.Join(b.Secrets, " "))
	for _, u := range b.Units {
		how := ""
		if u.Reload {
			how = ", reloaded"
		}
		fmt.Fprintf(&s, "unit %s %s%s %s\n", u.Name, u.State, how, strings.Join(u.RestartOn, " "))
	}
	for _, f := range b.Files {
		fmt.Fprintf(&s, "\n==== %s %04o %s\n%s", f.Path, f.Mode, f.Owner, f.Content)
	}
	for _, step := range b.Steps {
		fmt.Fprintf(&s, "\n==== step %s\n%s", step.Name, step.Script)
	}
	return s.String()
}

func TestSameDescriptionGivesTheSameArchive(t *testing.T) {
	one, two := rendered(t), rendered(t)
	for name := range one {
		a, err := one[name].Archive()
		if err != nil {
			t.Fatal(err)
		}
		b, err := two[name].Archive()
		if err != nil {
			t.Fatal(err)
		}
		if string(a) != string(b) {
			t.Errorf("%s: two archives differ", name)
		}
		t.Logf("%s: %d files, %d steps, %d bytes of archive", name, len(one[name].Files), len(one[name].Steps), len(a))
	}
}

// Every file of the bundle that begins as a shell script, and every step with what the applier puts before it, passes shellcheck.
func TestScriptsPassShellcheck(t *testing.T) {
	if _, err := exec.LookPath("shellcheck"); err != nil {
		t.Skip("shellcheck is not installed")
	}
	for name, b := range rendered(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			var files []string
			put := func(name, text string) {
				file := filepath.Join(dir, strings.ReplaceAll(strings.Trim(name, "/"), "/", "_"))
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				files = append(files, file)
			}
			for _, f := range b.Files {
				if strings.HasPrefix(f.Content, "#!/bin/bash") || strings.HasPrefix(f.Content, "#!/usr/bin/env bash") || strings.HasPrefix(f.Content, "#!/bin/sh") {
					put(f.Path, f.Content)
				}
			}
			for _, s := range b.Steps {
				put("step-"+s.Name, "#!/bin/bash\nset -Eeuo pipefail\n: \"$BERTH_ACTION\" \"$BERTH_ETC\" \"$BERTH_LIB\" \"$BERTH_BUNDLE\"\n"+s.Script)
			}
			// SC1090, SC1091, SC2153: what is sourced, and the variables that come from there, exist on machines alone.
			if out, err := exec.Command("shellcheck", append([]string{"--severity=info", "--exclude=SC1090,SC1091,SC2153"}, files...)...).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func TestDescriptionsAreCheckedAllAtOnce(t *testing.T) {
	d := johannesburg()
	d.Role, d.Name, d.Domain, d.TimeZone, d.Reboot = "space", "jnb'; reboot", "a b", "$(id)", "25:00"
	d.Administrators = []spec.Administrator{{Name: "root", Email: "x", Keys: []string{"ssh-rsa AAAA", adaKey + "\nevil"}}, {Name: "Ada!"}}
	d.DeployKeys = []string{"command=\"x\" " + pipeKey}
	d.SSHFrom, d.WebFrom = prefixes("0.0.0.0/0"), nil
	d.Disks = &Disks{Filesystem: "btrfs", Erase: []string{"/dev/../etc/passwd", "sda'"}}
	d.Sister.Own, d.Sister.Port = netip.MustParseAddr("10.0.0.1"), 0
	d.PostgreSQL = nil
	d.Backup.KeepDays, d.Backup.Folder = 0, "/mnt/a b"
	d.Watch.Mail.Host, d.Watch.Mail.Port, d.Watch.Mail.From, d.Watch.Mail.User = "a;b", 0, "nobody", "x\ny"
	d.Watch.SMSGateway = "http://plain.example"
	d.Alerts = spec.Alerts{Phones: []string{"911"}}
	_, err := Render(d)
	if err == nil {
		t.Fatal("a description with faults was taken")
	}
	for _, want := range []string{
		`role is "space"`, `name is "jnb'; reboot"`, `domain is "a b"`, `time zone is "$(id)"`, `reboot is "25:00"`, `"root" has the name of a user`, `"ssh-rsa AAAA"`,
		`evil`, `"Ada!"`, `"Ada!" has no key`, `for ever`, `a deploy key is`, `open to everybody`, `nobody can reach 443`, `"btrfs"`, `"/dev/../etc/passwd"`, `"sda'"`,
		`tunnel addresses`, `tunnel's port is 0`, `a cluster has backups`, `kept for 0 days`, `"/mnt/a b"`, `mail server is "a;b"`, `port is 0`, `sender of alerts`,
		`user is "x\ny"`, `http://plain.example`, `nobody is told`, `"911"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the report lacks %q:\n%v", want, err)
		}
	}
	c := someClient()
	c.Role, c.Standing, c.Name, c.DisplayName, c.Hostname, c.Environment = Premises, Standby, "a/b", "x\ny", "-", "live"
	c.Release, c.Connections, c.RemoteDatabase = spec.MachineRelease{Version: "v1"}, 0, true
	_, err = RenderClient(c)
	if err == nil {
		t.Fatal("a client's description with faults was taken")
	}
	for _, want := range []string{`stands by for nobody`, `name is "a/b"`, `display name`, `host name is "-"`, `environment is "live"`, `version is "v1"`, `checksum`, `URL`, `public key`, `remote on a light machine`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the report lacks %q:\n%v", want, err)
		}
	}
}

func TestMachineWithoutDeployKeysHasNoSuchUser(t *testing.T) {
	b, err := Render(onPremises())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range b.Files {
		if f.Path == keyFolder+"berth" || f.Path == "/etc/sudoers.d/90-berth" && strings.Contains(f.Content, "berth ALL") {
			t.Errorf("%s lets the user berth in", f.Path)
		}
	}
}

func TestExpiryIsTheDayAfterTheLast(t *testing.T) {
	b := johannesburg().accounts()
	// 2027-07-01, the day after Until, is day 21000 since 1970.
	if want := "person 'ada-lindqvist' 'ada.lindqvist@northwind.example' berth-admins 21000\n"; !strings.Contains(b.Steps[0].Script, want) {
		t.Errorf("the step lacks %q:\n%s", want, b.Steps[0].Script)
	}
	if day := time.Unix(21000*86400, 0).UTC().Format(time.DateOnly); day != "2027-07-01" {
		t.Errorf("day 21000 is %s", day)
	}
}
