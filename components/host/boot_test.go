package host

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// booted calls a machine's program in a network of its own, which has no rules yet, and then shows what rules it has.
const booted = `"$@"
code=$?
nft list table inet berth >/dev/null 2>&1 && echo loaded
exit $code
`

func TestAFirewallThatNftRefusesIsTheLastGoodOne_AC_10(t *testing.T) {
	need(t, "bash", "unshare", "nft")
	if os.Geteuid() != 0 {
		t.Skip("only root can load rules")
	}
	root := t.TempDir()
	for _, f := range johannesburg().firewall().Files {
		place(t, root, f.Path, f.Content)
	}
	place(t, root, "etc/berth/nftables.d/sister.nft", "add element inet berth sister { 198.51.100.11 }\n", "run/keep", "")
	rules, good := filepath.Join(root, "etc/nftables.conf"), filepath.Join(root, "var/lib/berth/firewall/good.nft")
	whole, err := os.ReadFile(rules)
	if err != nil {
		t.Fatal(err)
	}
	step := func(name string, code int, loaded bool, says, check string, args ...string) {
		t.Helper()
		line := append([]string{"--net", "bash", "-c", booted, "booted", filepath.Join(root, "usr/local/lib/berth/host/firewall")}, args...)
		got := call(t, root, nil, "unshare", line...)
		if got.code != code || strings.Contains(got.out, "loaded\n") != loaded || !strings.Contains(got.err, says) {
			t.Errorf("%s: %+v, want exit %d, rules %v, and %q", name, got, code, loaded, says)
		}
		both := call(t, root, nil, "unshare", "--net", "bash", "-c", `nft --file "$BERTH_ROOT/var/lib/berth/firewall/good.nft" 2>/dev/null; "$0"`, filepath.Join(root, "usr/local/lib/berth/host/checks/firewall"))
		if !strings.Contains(both.out, check) || strings.Count(both.out, "\n") != 1 {
			t.Errorf("%s: the check says %+v, want %q", name, both, check)
		}
	}
	broken := string(whole) + "add rule inet berth nowhere accept\n"
	place(t, root, "etc/nftables.conf", broken)
	step("nothing was ever good", 1, false, "does not take", "no firewall is loaded")
	place(t, root, "etc/nftables.conf", string(whole))
	step("good rules", 0, true, "", "the rules are loaded")
	kept, err := os.ReadFile(good)
	if err != nil || !strings.Contains(string(kept), "198.51.100.11") || strings.Contains(string(kept), "include") {
		t.Errorf("what is kept is not in one piece: %s %v", kept, err)
	}
	place(t, root, "etc/nftables.conf", broken)
	step("a boot with bad rules", 0, true, "the last rules that it took are loaded instead", "older ones hold")
	step("bad rules while it runs", 1, false, "does not take", "older ones hold", "--reload")
	place(t, root, "etc/nftables.conf", string(whole))
	step("mended", 0, true, "", "the rules are loaded", "--reload")
	if again, err := os.ReadFile(good); err != nil || string(again) != string(kept) {
		t.Errorf("bad rules were kept: %s %v", again, err)
	}
}

func TestWebsitesAndSSHWaitForTheFirewall_AC_10(t *testing.T) {
	d := johannesburg()
	front, firewall := fileOf(t, d.front(), unitFolder+"nginx.service.d/berth.conf"), fileOf(t, d.firewall(), unitFolder+"ssh.service.d/berth.conf")
	if !strings.Contains(front, "Requires=nftables.service\nAfter=nftables.service\n") || !strings.Contains(firewall, "After=nftables.service\n") {
		t.Errorf("they answer before the rules are loaded:\n%s\n%s", front, firewall)
	}
}

// programs are stand-ins for programs of the system, before the real ones.
func programs(t *testing.T, scripts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, script := range scripts {
		place(t, dir, name, "#!/bin/bash\n"+script+"\n")
	}
	return "PATH=" + dir + ":" + os.Getenv("PATH")
}

func TestTheSistersLogsAreNeverDroppedForWantOfRoom_AC_5(t *testing.T) {
	need(t, "bash")
	d := johannesburg()
	for name, tc := range map[string]struct {
		free   int // KiB
		active bool
		want   string
	}{
		"room":               {9 << 20, true, ""},
		"no room":            {1 << 20, true, "stop systemd-journal-remote.socket systemd-journal-remote.service\n"},
		"room again":         {9 << 20, false, "start systemd-journal-remote.socket\n"},
		"hardly room again":  {3 << 20, false, ""},
		"no room, and still": {1 << 20, false, "stop systemd-journal-remote.socket systemd-journal-remote.service\n"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			place(t, root, "sister-logs", fileOf(t, d.logs(), hostLib+"sister-logs"), "check", fileOf(t, d.logs(), hostLib+"checks/sister-logs"), "var/log/journal/remote/x.journal", "")
			active := "exit 3"
			if tc.active {
				active = "exit 0"
			}
			path := programs(t, map[string]string{
				"journalctl": `echo "$*" >>"$BERTH_ROOT/vacuumed"`,
				"systemctl":  `case "$1" in is-active) ` + active + ` ;; esac; echo "$*" >>"$BERTH_ROOT/told"`,
				"df":         fmt.Sprintf("echo 'Filesystem 1024-blocks Used Available Capacity Mounted on'; echo '/dev/vda1 9 9 %d 9%% /'", tc.free),
				"du":         "echo '5000000 x' | tr ' ' '\\t'",
			})
			if got := call(t, root, []string{path}, filepath.Join(root, "sister-logs")); got.code != 0 {
				t.Errorf("%+v", got)
			}
			told, _ := os.ReadFile(filepath.Join(root, "told"))
			vacuumed, _ := os.ReadFile(filepath.Join(root, "vacuumed"))
			if string(told) != tc.want || !strings.Contains(string(vacuumed), "--vacuum-time=180d") || strings.Contains(string(vacuumed), "size") {
				t.Errorf("told systemd %q, want %q; vacuumed %q, want by age alone", told, tc.want, vacuumed)
			}
			code, says := 1, "take 4882 MiB"
			if !tc.active {
				code, says = 2, "are not taken"
			}
			if got := call(t, root, []string{path}, filepath.Join(root, "check")); got.code != code || !strings.Contains(got.out, says) {
				t.Errorf("the check: %+v, want %d and %q", got, code, says)
			}
		})
	}
}

func TestTheMirrorStartsWithOneDisk_AV_10(t *testing.T) {
	need(t, "bash")
	const uuid = "01234567:89abcdef:01234567:89abcdef"
	for name, tc := range map[string]struct {
		files []string
		want  string
	}{
		"no mirror yet":      {[]string{"etc/mdadm/mdadm.conf", "HOMEHOST <ignore>\n"}, ""},
		"whole":              {[]string{"sys/block/md127/slaves/vdb", uuid, "sys/block/md127/md/array_state", "active\n"}, ""},
		"half":               {[]string{"sys/block/md127/slaves/vdb", uuid, "sys/block/md127/md/array_state", "inactive\n"}, "--run /dev/md127\n"},
		"not assembled":      {nil, "--assemble --scan --run\n"},
		"another's, waiting": {[]string{"sys/block/md1/slaves/vdc", "else", "sys/block/md1/md/array_state", "inactive\n"}, "--assemble --scan --run\n"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			place(t, root, "start-array", fileOf(t, johannesburg().disks(), hostLib+"start-array"), "etc/mdadm/mdadm.conf", "HOMEHOST <ignore>\nARRAY /dev/md/berth metadata=1.2 UUID="+uuid+"\n")
			place(t, root, tc.files...)
			path := programs(t, map[string]string{"mdadm": `case "$1" in --examine) echo "MD_UUID=$(cat "$BERTH_ROOT"/sys/block/*/slaves/"${3##*/}")" ;; *) echo "$*" >>"$BERTH_ROOT/told" ;; esac`})
			if got := call(t, root, []string{path, "BERTH_ARRAY_PATIENCE=1"}, filepath.Join(root, "start-array")); got.code != 0 {
				t.Errorf("%+v", got)
			}
			if told, _ := os.ReadFile(filepath.Join(root, "told")); string(told) != tc.want {
				t.Errorf("told mdadm %q, want %q", told, tc.want)
			}
		})
	}
	for _, s := range johannesburg().disks().Steps {
		if !strings.Contains(s.Script, "\nARRAY /dev/md/berth metadata=1.2 UUID=$uuid\n") {
			t.Error("the array has another name in mdadm.conf when it was found by another this time")
		}
	}
}

func TestANameIsOneClientsAlone(t *testing.T) {
	need(t, "bash", "openssl")
	c := globex(Home)
	own := certificate(t, c.Hostname, nil)
	root := t.TempDir()
	script := ""
	for _, s := range c.website().Steps {
		if s.Name == "45-website" {
			script = strings.ReplaceAll(s.Script, "/etc/nginx/berth.d", root+"/berth.d")
		}
	}
	place(t, root, "step", script, "secrets/certificate", string(pemOf(own.cert.Raw)), "secrets/certificate-key", own.keyPEM(t), "settings", "origin-pull-authority=eA==\n",
		"berth.d/"+c.Name+".conf", "\tserver_name "+c.Hostname+";\n", "berth.d/acme.conf", "\tserver_name acme."+c.Hostname+";\n")
	try := func() ran {
		cmd := exec.CommandContext(t.Context(), "bash", "-c", `set -Eeuo pipefail; . ../../machine/bundle/lib.sh; . "$0"`, filepath.Join(root, "step"))
		cmd.Env = append(os.Environ(), "BERTH_ACTION=check", "BERTH_BUNDLE=client-globex", "BERTH_ETC="+root, "BERTH_LIB="+root, "BERTH_SECRETS="+root+"/secrets", "BERTH_SETTINGS="+root+"/settings")
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return ran{cmd.ProcessState.ExitCode(), string(out), ""}
	}
	if got := try(); got.code != 0 {
		t.Fatalf("its own name is refused: %+v", got)
	}
	place(t, root, "berth.d/initech.conf", "server {\n\tlisten 443;\n\tserver_name "+c.Hostname+";\n}\n")
	if got := try(); got.code == 0 || !strings.Contains(got.out, "is the name of another client's site already, initech.conf") {
		t.Errorf("two sites of one name: %+v", got)
	}
}
