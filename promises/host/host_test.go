package host_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/promises/host"
	"github.com/google/go-cmp/cmp"
)

func TestSSHD(t *testing.T) {
	c := host.ReadSSHD(host.Files{
		"/etc/ssh/sshd_config.d/10-berth.conf": {Content: "PasswordAuthentication no\nPermitRootLogin=no\nAllowUsers ada ben\nAllowUsers berth\n"},
		"/etc/ssh/sshd_config.d/20-later.conf": {Content: "PasswordAuthentication yes # too late\nMatch User ben\n  PermitRootLogin yes\n  X11Forwarding no\n"},
	})
	if !c.Always("passwordauthentication", "no") || c.Always("PermitRootLogin", "no") {
		t.Error("the first value counts, and what a block says otherwise is seen")
	}
	if got := c.Values("AllowUsers"); !slices.Equal(got, []string{"ada", "ben", "berth"}) {
		t.Errorf("users are %v", got)
	}
	if c.Value("X11Forwarding") != "yes" || c.Value("nothing") != "" || c.Matches[0].Value("x11forwarding") != "no" {
		t.Error("what Debian says comes after, and a block's options are its own")
	}
	own := host.ReadSSHD(host.Files{"/etc/ssh/sshd_config": {Content: "Port 22\n"}, "/etc/ssh/sshd_config.d/a.conf": {Content: "PasswordAuthentication no\n"}})
	if own.Value("PasswordAuthentication") != "" {
		t.Error("a folder that nobody includes counts")
	}
}

func TestSections(t *testing.T) {
	files := host.Files{
		"/etc/systemd/system/x@.service":                  {Content: "[Service]\nExecStart=/bin/a \\\n  b\nUser=one\n# no\n"},
		"/etc/systemd/system/x@.service.d/50-berth.conf":  {Content: "[Service]\nExecStart=\nExecStart=/bin/c\n"},
		"/etc/systemd/system/x@y.service.d/50-berth.conf": {Content: "[Service]\nUser=two\n"},
	}
	unit := host.ReadUnit(files, "x@y.service")
	if got := unit.Values("Service", "ExecStart"); !slices.Equal(got, []string{"/bin/c"}) || unit.Value("Service", "User") != "two" {
		t.Errorf("ExecStart %q, User %q", got, unit.Value("Service", "User"))
	}
	if host.ReadUnit(files, "z.service") != nil {
		t.Error("there is a unit that nobody wrote")
	}
	conf := host.ReadSections("[global]\nrepo1-path=/a=b\n[global:archive-push]\nflag\n")
	if conf.Value("global", "repo1-path") != "/a=b" || !slices.Equal(conf.Names(), []string{"global", "global:archive-push"}) {
		t.Errorf("%+v", conf)
	}
}

func TestPostgreSQL(t *testing.T) {
	got := host.ReadPostgreSQL(host.Files{
		"/etc/postgresql/15/main/postgresql.conf":   {Content: "port = 5432\nssl off\n"},
		"/etc/postgresql/15/main/conf.d/berth.conf": {Content: "ssl = on # yes\narchive_command = 'say ''x'' # %p'\nlisten_addresses = '127.0.0.1'\n"},
		"/etc/postgresql/15/other/postgresql.conf":  {Content: "fsync = off\n"},
	}, "15/main")
	want := host.Settings{"port": "5432", "ssl": "on", "archive_command": "say 'x' # %p", "listen_addresses": "127.0.0.1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestHBA(t *testing.T) {
	all := host.ReadHBA("# who may\nlocal all all peer map=clients\nhostssl replication berth_replication 10.255.0.2/32 cert clientcert=verify-full # sister\nhost \"odd name\" a,b 10.0.0.0 255.0.0.0 md5\nhost all all all reject\nlocal\n")
	if len(all) != 5 {
		t.Fatalf("%d lines", len(all))
	}
	if a := all[1]; !a.Proven() || !a.Encrypted() || a.Option("clientcert") != "verify-full" || a.Address != "10.255.0.2/32" || a.Method != "cert" {
		t.Errorf("%+v", a)
	}
	if a := all[2]; a.Proven() || a.Encrypted() || a.Address != "10.0.0.0/255.0.0.0" || a.Databases[0] != "odd name" || len(a.Users) != 2 {
		t.Errorf("%+v", a)
	}
	if all[3].Admits() || !all[0].Proven() || all[4].Proven() {
		t.Error("peer proves, reject admits nobody, half a line proves nothing")
	}
}

func TestNginx(t *testing.T) {
	all := host.ReadNginx("# x\nserver {\n  listen 443 ssl; # y\n  set $a \"b;{\";\n  location / { proxy_pass http://unix:${s}.sock:; }\n}\nupstream x{server unix:/run/x;}")
	var seen []string
	host.Walk(all, func(around []string, d host.Directive) {
		seen = append(seen, strings.Join(append(around, d.Name), "/")+" "+strings.Join(d.Args, " "))
	})
	want := []string{"server ", "server/listen 443 ssl", "server/set $a b;{", "server/location /", "server/location/proxy_pass http://unix:${s}.sock:", "upstream x", "upstream/server unix:/run/x"}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
	if host.Arg(all[0].Block, "listen") != "443 ssl" {
		t.Error("the argument is lost")
	}
}

func TestSettings(t *testing.T) {
	if got := host.ReadSettings("tls on\nhost = mail.example\n; no\nflag\n"); got["tls"] != "on" || got["host"] != "mail.example" {
		t.Errorf("%v", got)
	}
	got := host.ReadAPT("APT::Periodic::Unattended-Upgrade \"1\"; // yes\nA::B {\n \"x\";\n};\nUnattended-Upgrade::Automatic-Reboot-Time \"03:30\";\n")
	if got["APT::Periodic::Unattended-Upgrade"] != "1" || got["Unattended-Upgrade::Automatic-Reboot-Time"] != "03:30" || len(got) != 2 {
		t.Errorf("%v", got)
	}
	commands := host.Commands("# x\nif ! mdadm --create \"$md\" \\\n  --level=1 'a b' ; then say \"it; is\"; fi # end\nx=$(date)")
	want := [][]string{{"if", "!", "mdadm", "--create", "$md", "--level=1", "a b"}, {"then", "say", "it; is"}, {"fi"}, {"x=$(date"}}
	if diff := cmp.Diff(want, commands); diff != "" {
		t.Error(diff)
	}
}

func TestCalendar(t *testing.T) {
	for expression, want := range map[string]host.Calendar{
		"daily":                           {Every: 24 * time.Hour},
		"*-*-* 00:00:00":                  {Every: 24 * time.Hour},
		"00:00":                           {Every: 24 * time.Hour},
		"*-*-* 03:30 Africa/Johannesburg": {Every: 24 * time.Hour, At: 210, Zone: "Africa/Johannesburg"},
		"Sun *-*-* 04:15:00":              {Every: 7 * 24 * time.Hour, At: 255},
		"*:0/5":                           {Every: 5 * time.Minute},
		"*-*-* *:0/10:00":                 {Every: 10 * time.Minute},
		"*:*:30":                          {Every: time.Minute},
		"*:0/5:40":                        {Every: 5 * time.Minute},
		"minutely":                        {Every: time.Minute},
		"*-*-01 00:00":                    {},
		"25:00":                           {},
		"":                                {},
		"*:5/5":                           {},
	} {
		if got := host.ReadCalendar(expression); got != want {
			t.Errorf("%q: %+v, want %+v", expression, got, want)
		}
	}
	timer := host.ReadSections("[Timer]\nOnBootSec=1min\nOnUnitActiveSec=1h 30min\n")
	if got := host.Timer(timer).Every; got != 90*time.Minute {
		t.Errorf("every %s", got)
	}
	if got := host.Timer(host.ReadSections("[Timer]\nOnBootSec=5min\n")).Every; got != 0 {
		t.Errorf("a timer that goes off once does so every %s", got)
	}
}

func TestModes(t *testing.T) {
	for mode, want := range map[string][2]bool{"0644": {false, true}, "0600": {false, false}, "0777": {true, true}, "0660": {true, false}, "": {true, true}, "8": {true, true}} {
		f := host.File{Mode: mode}
		if f.Writable() != want[0] || f.Readable() != want[1] {
			t.Errorf("%q: writable %v, readable %v", mode, f.Writable(), f.Readable())
		}
	}
}

func FuzzReaders(f *testing.F) {
	f.Add("a b\nInclude *\nMatch all\n[x]\ny=\\\nz {\n'\"")
	f.Fuzz(func(_ *testing.T, text string) {
		host.ReadSSHD(host.Files{"/etc/ssh/sshd_config": {Content: text}})
		host.ReadSections(text)
		host.ReadHBA(text)
		host.ReadAPT(text)
		host.ReadSettings(text)
		host.Commands(text)
		host.ReadCalendar(text)
		host.Timer(host.Sections{{Name: "Timer", Keys: []host.Key{{Name: "OnUnitActiveSec", Value: text}}}})
		host.Walk(host.ReadNginx(text), func([]string, host.Directive) {})
		host.ReadPostgreSQL(host.Files{"/etc/postgresql/15/main/postgresql.conf": {Content: text}}, "15/main")
	})
}
