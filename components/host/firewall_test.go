package host

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The script makes two network namespaces: a machine with the rules of its bundle, and a world with the addresses of whoever may knock.
// Nobody listens on the machine: what the rules let in is refused by the kernel at once, what they drop is not answered.
const knocking = `
set -eu
unshare --net sleep 300 &
world=$!
trap 'kill $world' EXIT
until [ "$(readlink /proc/$world/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
w() { nsenter --net=/proc/$world/ns/net "$@"; }
ip link set lo up
for link in eth0:198.51.100.10 berth:10.255.0.1; do
	name=${link%%:*} address=${link#*:}
	ip link add "$name" type veth peer name "to-$name" netns $world
	ip address add "$address/32" dev "$name"
	ip link set "$name" up
	w ip link set "to-$name" up
done
w ip link set lo up
for source in 192.0.2.1 203.0.113.17 104.16.0.1 198.51.100.11 192.0.2.50; do
	w ip address add $source/32 dev to-eth0
	ip route add $source dev eth0
done
w ip address add 10.255.0.2/32 dev to-berth
w ip address add 10.255.0.3/32 dev to-berth
ip route add 10.255.0.2 dev berth
ip route add 10.255.0.3 dev berth
nft -f "$1"
nft 'add element inet berth sister { 198.51.100.11 }'
nft 'add element inet berth bi { 192.0.2.50 timeout 60s }'
nft 'table ip doors { chain pre { type nat hook prerouting priority dstnat; ip saddr 192.0.2.50 tcp dport 5432 dnat to 10.255.0.1:5432; }; }'
# knock WHO SOURCE DEVICE ADDRESS: at all ports at once.
knock() {
	w ip route replace "$4" dev "$3" src "$2"
	for port in 22 25 53 80 443 873 5432 5433 8432 9100 9187 19532 51820; do
		(case $(w timeout 2 bash -c "exec 3<>/dev/tcp/$4/$port" 2>&1) in *refused*) echo "$1 $port" ;; esac) &
		knocks="${knocks:-} $!"
	done
	wait $knocks
	knocks=
}
knock internet 192.0.2.1 to-eth0 198.51.100.10
knock office 203.0.113.17 to-eth0 198.51.100.10
knock edge 104.16.0.1 to-eth0 198.51.100.10
knock sister 198.51.100.11 to-eth0 198.51.100.10
knock tunnel 10.255.0.2 to-berth 10.255.0.1
knock stranger-in-tunnel 10.255.0.3 to-berth 10.255.0.1
knock tools 192.0.2.50 to-eth0 198.51.100.10
`

func TestFirewallLetsInWhatIsNamed(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make network namespaces")
	}
	for _, program := range []string{"unshare", "nsenter", "ip", "nft", "timeout"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed: the rules were not tried", program)
		}
	}
	rules := filepath.Join(t.TempDir(), "nftables.conf")
	if err := os.WriteFile(rules, []byte(fileOf(t, johannesburg().firewall(), "/etc/nftables.conf")), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("unshare", "--net", "bash", "-c", knocking, "knocking", rules).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got := strings.Fields(strings.ReplaceAll(strings.TrimSpace(string(out)), " ", ":"))
	slices.Sort(got)
	want := []string{
		"edge:443", "office:22", "tools:5432", "tunnel:19532", "tunnel:5432", "tunnel:5433", "tunnel:8432", "tunnel:873", "tunnel:9100", "tunnel:9187",
	}
	if !slices.Equal(got, want) {
		t.Errorf("open is %v, want %v", got, want)
	}
}

// check tries a configuration with the program that is to read it.
func check(t *testing.T, content string, mode os.FileMode, program string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not installed: its configuration was not tried", program)
	}
	file := filepath.Join(t.TempDir(), "conf")
	if err := os.WriteFile(file, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(path, append(args, file)...).CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", program, err, out)
	}
}

func TestConfigurationsAreTakenByTheirPrograms(t *testing.T) {
	content := func(d Description, path string) string {
		b, err := Render(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range b.Files {
			if f.Path == path {
				return f.Content
			}
		}
		t.Fatalf("there is no file %s", path)
		return ""
	}
	for name, d := range map[string]Description{"site": johannesburg(), "premises": onPremises(), "light": lightsail()} {
		t.Run(name, func(t *testing.T) {
			t.Run("nft", func(t *testing.T) {
				if os.Geteuid() != 0 {
					t.Skip("only root can try rules")
				}
				check(t, content(d, "/etc/nftables.conf"), 0o600, "unshare", "--net", "nft", "--check", "--file")
			})
			t.Run("sudo", func(t *testing.T) {
				check(t, content(d, "/etc/sudoers.d/90-berth"), 0o440, "visudo", "--check", "--quiet", "--file")
			})
			t.Run("sshd", func(t *testing.T) {
				if os.Geteuid() != 0 {
					t.Skip("sshd tries a configuration for root alone")
				}
				key := filepath.Join(t.TempDir(), "key")
				if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
					t.Skipf("no host key can be made: %v %s", err, out)
				}
				if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
					t.Skip("there is no /run/sshd")
				}
				conf := strings.Replace(content(d, "/etc/ssh/sshd_config.d/00-berth.conf"), "/etc/ssh/ssh_host_ed25519_key", key, 1)
				check(t, conf, 0o600, "sshd", "-t", "-f")
			})
		})
	}
}
