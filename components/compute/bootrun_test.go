package compute

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// bootRun runs a boot script on a copy of this machine's file system that vanishes with it: an overlay
// in a mount namespace. What the script would change outside is played by stand-ins, which write down
// what they are told.
const bootRun = `
set -eu
mount -t tmpfs tmpfs "$SPACE" || exit 99
mkdir "$SPACE/upper" "$SPACE/work" "$SPACE/machine"
mount -t overlay overlay -o "lowerdir=/,upperdir=$SPACE/upper,workdir=$SPACE/work" "$SPACE/machine" || exit 99
mount --rbind /proc "$SPACE/machine/proc" || exit 99
mount --rbind /dev "$SPACE/machine/dev" || exit 99
cp -r "$FILES" "$SPACE/machine/boot-test"
chroot "$SPACE/machine" /bin/bash -c '
export PATH=/boot-test/bin:$PATH CALLS=/calls
touch $CALLS
/bin/bash /boot-test/boot.sh
echo "exit $?"
cat $CALLS
stat -c "%a %U:%G %n" /etc/taskflow /etc/taskflow/* 2>/dev/null
cat /etc/taskflow/config.json 2>/dev/null
cd /etc/systemd/system
[ -e taskflow-serve.service ] || exit 0
systemd-analyze verify ./taskflow-serve.service ./taskflow-backup.service ./taskflow-backup.timer ./berth-replace.service && echo "units are valid"
systemd-analyze security --offline=true --threshold=20 ./taskflow-serve.service >/dev/null && echo "service is hardened"
true' 2>&1
`

// standIns are the programs that reach outside, by name.
var standIns = map[string]string{
	"dnf":       `mkdir -p /opt/aws/amazon-cloudwatch-agent/bin /opt/aws/amazon-cloudwatch-agent/etc; cp /boot-test/bin/agent /opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl`,
	"agent":     `jq -e .logs /opt/aws/amazon-cloudwatch-agent/etc/berth.json >/dev/null`,
	"sleep":     ``,
	"systemctl": `if [ "$1" = is-active ]; then [ -e /boot-test/sshd-stays ]; fi`,
	"curl": `case "$*" in
*api/token*) echo token ;;
*instance-id*) echo i-0123 ;;
*healthz*) [ ! -e /boot-test/never-healthy ] ;;
*) exit 22 ;;
esac`,
	"aws": `case "$1 $2" in
"s3 cp") cp /boot-test/release.tar.gz "${!#}" ;;
"ssm get-parameters-by-path") cat /boot-test/parameters.json ;;
"secretsmanager get-secret-value") cat /boot-test/secret.json ;;
"autoscaling set-instance-health") ;;
*) exit 252 ;;
esac`,
}

func TestBootScriptRuns(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("it needs root for a mount namespace: run the tests as root to see the boot script run")
	}
	for _, program := range []string{"unshare", "jq", "openssl", "useradd"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed: install it to see the boot script run", program)
		}
	}
	const (
		parameters = `{"Parameters":[{"Name":"/berth/acme/production/hostname","Value":"acme.example"},{"Name":"/berth/acme/production/database-host","Value":"db.example"}]}`
		secret     = `{"session-key":"s3cr3t"}`
		unhealthy  = "aws autoscaling set-instance-health --region eu-west-2 --instance-id i-0123 --health-status Unhealthy --no-should-respect-grace-period"
	)
	good := []string{
		"== healthy", "exit 0", "systemctl disable --now sshd.service", "systemctl mask sshd.service",
		"systemctl mask amazon-ssm-agent.service", "systemctl enable --now taskflow-serve.service taskflow-backup.timer",
		"750 root:taskflow /etc/taskflow\n", "640 root:taskflow /etc/taskflow/config.json", "640 root:taskflow /etc/taskflow/secrets.json",
		"640 root:taskflow /etc/taskflow/tls.key", `"database-host": "db.example"`,
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Log("systemd-analyze is not installed: the units are not checked")
	} else {
		good = append(good, "units are valid", "service is hardened")
	}
	for name, tc := range map[string]struct {
		change func(b *boot, files map[string]string)
		want   []string
		not    []string
	}{
		"AC-1 a good machine serves": {nil, good, []string{"set-instance-health", "s3cr3t"}},
		"OP-1 a release that is not the signed one": {
			func(b *boot, _ map[string]string) { b.SHA256 = strings.Repeat("0", 64) },
			[]string{"boot failed: the release's checksum is not " + strings.Repeat("0", 64), "exit 1", unhealthy},
			[]string{"taskflow-serve.service"}},
		"a missing parameter": {
			func(b *boot, _ map[string]string) { b.Keys = append(b.Keys, "cache-host") },
			[]string{"boot failed: there is no parameter cache-host", "exit 1", unhealthy}, []string{"taskflow-serve.service"}},
		"an empty secret": {
			func(_ *boot, files map[string]string) { files["secret.json"] = "{}" },
			[]string{"boot failed: the secret holds no keys", "exit 1", unhealthy}, []string{"taskflow-serve.service"}},
		"AC-1 an SSH server that does not stop": {
			func(_ *boot, files map[string]string) { files["sshd-stays"] = "" },
			[]string{"boot failed: sshd.socket still runs", "exit 1", unhealthy}, []string{"aws s3"}},
		"AV-2 a service that never answers": {
			func(_ *boot, files map[string]string) { files["never-healthy"] = "" },
			[]string{"boot failed: TaskFlow does not answer", "exit 1", unhealthy}, nil},
		"a command that fails": {
			func(_ *boot, files map[string]string) { files["parameters.json"] = "no JSON" },
			[]string{"boot failed: line ", "exit 1", unhealthy}, []string{"taskflow-serve.service"}},
	} {
		t.Run(name, func(t *testing.T) {
			release := releaseArchive(t)
			sum := sha256.Sum256(release)
			b := sample()
			b.SHA256 = hex.EncodeToString(sum[:])
			files := map[string]string{"release.tar.gz": string(release), "parameters.json": parameters, "secret.json": secret}
			if tc.change != nil {
				tc.change(&b, files)
			}
			files["boot.sh"] = render(t, b)
			for program, body := range standIns {
				files["bin/"+program] = "#!/bin/bash\necho \"" + program + " $*\" >>\"$CALLS\"\n" + body + "\n"
			}
			out := runBoot(t, files)
			for _, want := range tc.want {
				if !strings.Contains(out, want) {
					t.Errorf("there is no %q in\n%s", want, out)
				}
			}
			for _, not := range tc.not {
				if strings.Contains(out, not) {
					t.Errorf("there is %q in\n%s", not, out)
				}
			}
		})
	}
}

// runBoot runs the script among files and returns all that was said.
func runBoot(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "unshare", "--mount", "bash", "-c", bootRun)
	cmd.Env = append(os.Environ(), "FILES="+dir, "SPACE="+t.TempDir())
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && (exit.ExitCode() == 99 || bytes.Contains(out, []byte("unshare failed"))) {
		t.Skipf("no overlay can be mounted here: run the tests on a machine of its own to see the boot script run\n%s", out)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// releaseArchive is a release that holds a program.
func releaseArchive(t *testing.T) []byte {
	t.Helper()
	var archive bytes.Buffer
	compressed := gzip.NewWriter(&archive)
	files := tar.NewWriter(compressed)
	program := []byte("#!/bin/sh\n")
	if err := files.WriteHeader(&tar.Header{Name: "taskflow", Mode: 0o755, Size: int64(len(program))}); err != nil {
		t.Fatal(err)
	}
	if _, err := files.Write(program); err != nil {
		t.Fatal(err)
	}
	for _, c := range []interface{ Close() error }{files, compressed} {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return archive.Bytes()
}
