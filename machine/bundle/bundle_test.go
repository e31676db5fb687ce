package bundle_test

import (
	"strings"
	"testing"

	"github.com/berth-iac/berth/machine/bundle"
)

func sample() bundle.Bundle {
	return bundle.Bundle{
		Name:     "host",
		Packages: []string{"chrony", "nftables"},
		Files: []bundle.File{
			{Path: "/etc/app/a.conf", Content: "one\n", Mode: 0o644},
			{Path: "/etc/app/empty", Mode: 0o600},
			{Path: "/etc/app/hello world's \\ \"$(id)\" file.conf", Content: "quoted\n", Mode: 0o640},
		},
		Units: []bundle.Unit{
			{Name: "app.service", State: bundle.Running, Reload: true, RestartOn: []string{"/etc/app/", "/etc/other"}},
			{Name: "chrony.service", State: bundle.Running},
			{Name: "telnet.socket", State: bundle.Masked},
		},
		Steps:    []bundle.Step{{Name: "20-disks", Script: "setting disk-a >/dev/null\n"}, {Name: "60-last", Script: "true\n"}},
		Settings: []string{"disk-a"},
		Secrets:  []string{"mail-password"},
	}
}

func TestArchiveComesBackAsItWas(t *testing.T) {
	b := sample()
	one, err := b.Archive()
	if err != nil {
		t.Fatal(err)
	}
	two, err := sample().Archive()
	if err != nil {
		t.Fatal(err)
	}
	if string(one) != string(two) {
		t.Error("the same bundle gave two archives")
	}
	back, err := bundle.Open(one)
	if err != nil {
		t.Fatal(err)
	}
	if back.Version() != b.Version() {
		t.Errorf("read back %+v, want %+v", back, b)
	}
}

func TestVersionTellsBundlesApart(t *testing.T) {
	seen := map[string]string{sample().Version(): "the sample"}
	for what, change := range map[string]func(*bundle.Bundle){
		"name":      func(b *bundle.Bundle) { b.Name = "other" },
		"package":   func(b *bundle.Bundle) { b.Packages = b.Packages[:1] },
		"content":   func(b *bundle.Bundle) { b.Files[0].Content = "two\n" },
		"path":      func(b *bundle.Bundle) { b.Files[0].Path = "/etc/app/b.conf" },
		"mode":      func(b *bundle.Bundle) { b.Files[0].Mode = 0o600 },
		"owner":     func(b *bundle.Bundle) { b.Files[0].Owner = "root:adm" },
		"unit":      func(b *bundle.Bundle) { b.Units[1].State = bundle.Enabled },
		"reload":    func(b *bundle.Bundle) { b.Units[0].Reload = false },
		"restartOn": func(b *bundle.Bundle) { b.Units[0].RestartOn = b.Units[0].RestartOn[:1] },
		"step":      func(b *bundle.Bundle) { b.Steps[0].Script = "false\n" },
		"setting":   func(b *bundle.Bundle) { b.Settings = nil },
		"secret":    func(b *bundle.Bundle) { b.Secrets = []string{"mail-passwort"} },
		"moved":     func(b *bundle.Bundle) { b.Settings, b.Secrets = b.Secrets, b.Settings },
	} {
		b := sample()
		change(&b)
		v := b.Version()
		if before, ok := seen[v]; ok {
			t.Errorf("a change of %s has the version of %s", what, before)
		}
		seen[v] = what
	}
	owned := sample()
	owned.Files[0].Owner = "root:root"
	if owned.Version() != sample().Version() {
		t.Error("root:root is the default, and changed the version")
	}
}

func TestCheckReportsEverythingAtOnce(t *testing.T) {
	b := bundle.Bundle{
		Name:     "Host!",
		Packages: []string{"zsh", "bash", "bash", "no package"},
		Files: []bundle.File{
			{Path: "/etc/a/../b", Mode: 0o644},
			{Path: "/etc/berth/client-x/secrets/y", Mode: 0o644},
			{Path: "/etc/berth/keys/wireguard.key", Mode: 0o600},
			{Path: "/etc/line\nbreak", Mode: 0o644},
			{Path: "/etc/x", Mode: 0o666, Owner: "nobody"},
			{Path: "/etc/x/y", Mode: 0o644, Content: "\xff\x00"},
			{Path: "relative", Mode: 0o644},
		},
		Units:    []bundle.Unit{{Name: "a@.service", State: "idle"}, {Name: "b", State: bundle.Masked, RestartOn: []string{"x"}}},
		Steps:    []bundle.Step{{Name: "disks"}},
		Settings: []string{"UPPER"}, Secrets: []string{"b", "a"},
	}
	err := b.Check()
	if err == nil {
		t.Fatal("a bundle with faults passed")
	}
	for _, want := range []string{
		`bundle name "Host!"`, `package "bash" stands after "zsh"`, `package "bash" stands twice`, `"no package"`, `"/etc/a/../b": the path`,
		`settings and secrets, here of bundle client-x`, `below /etc/berth/keys`, `control character`, `mode 0666`, `owner "nobody"`,
		`"/etc/x" is a folder`, `no text in UTF-8`, `"relative"`, `"a@.service" is a template`, `state "idle"`, `unit "b"`, `is masked`,
		`step "disks"`, `setting "UPPER"`, `secret "a" stands after "b"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the report lacks %q:\n%v", want, err)
		}
	}
	if err := sample().Check(); err != nil {
		t.Errorf("the sample is refused: %v", err)
	}
	if _, err := b.Archive(); err == nil {
		t.Error("a bundle with faults went into an archive")
	}
}

func TestParseState(t *testing.T) {
	all, err := bundle.ParseState(strings.NewReader(`bundle client-x abc applying
setting port NTQzMg==
setting region missing
secret mail-password present
secret sms-token missing
package chrony 4.3-2+deb12u1
package aide missing
file 0644 root:root L2V0Yy9hIGI= b25lCg==
file 0600 root:root L2V0Yy9lbXB0eQ== 
file missing L2V0Yy9nb25l
unit chrony.service running
step 20-disks 
step 40-tunnel d3JpdGUgL2V0Yy93aXJlZ3VhcmQvYmVydGguY29uZg==
novelty of later
end client-x
`))
	if err != nil {
		t.Fatal(err)
	}
	s := all[0]
	if s.Name != "client-x" || s.Version != "abc" || s.Applied || s.Settings["port"] != "5432" || len(s.Settings) != 1 || len(s.Secrets) != 1 ||
		s.Packages["chrony"] != "4.3-2+deb12u1" || s.Packages["aide"] != "" || s.Files["/etc/a b"].Content != "one\n" || s.Files["/etc/a b"].Mode != 0o644 ||
		s.Files["/etc/empty"].Mode != 0o600 || s.Missing[0] != "/etc/gone" || s.Units["chrony.service"] != bundle.Running ||
		s.Steps["20-disks"] != "" || s.Steps["40-tunnel"] != "write /etc/wireguard/berth.conf" {
		t.Errorf("read %+v", s)
	}
	for name, text := range map[string]string{
		"cut off": "bundle host abc applied\nunit a.service running\n",
		"foreign": "Welcome to Debian\n",
		"shape":   "bundle host abc applied\nfile 0644 root:root\nend host\n",
		"base64":  "bundle host abc applied\nstep 20-a ***\nend host\n",
		"mode":    "bundle host abc applied\nfile 9999 root:root L2E= L2E=\nend host\n",
	} {
		if _, err := bundle.ParseState(strings.NewReader(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
