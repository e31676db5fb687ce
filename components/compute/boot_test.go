package compute

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sample() boot {
	groups := map[string]string{
		serviceLogs: "berth/acme/production/service", systemLogs: "berth/acme/production/system", bootLogs: "berth/acme/production/boot",
	}
	return boot{
		Region: "eu-west-2", Version: "1.0.0", SHA256: strings.Repeat("9f", 32),
		Artefact:      "s3://berth-northwind-releases-111122223333-eu-west-2/taskflow/1.0.0/taskflow-linux-amd64.tar.gz",
		ParameterPath: "/berth/acme/production", Keys: []string{"database-host", "hostname"},
		SecretName: "berth/acme/production/service", Digest: "0123456789abcdef",
		AgentConfig: agentConfig("eu-west-2", "acme-production-service", groups), Port: 8443, HealthPath: "/healthz",
	}
}

func render(t *testing.T, b boot) string {
	t.Helper()
	script, err := b.render()
	if err != nil {
		t.Fatal(err)
	}
	return script
}

func TestBootScript(t *testing.T) {
	script := render(t, sample())
	golden := filepath.Join("testdata", "boot.sh.golden")
	if flag.Lookup("update").Value.String() == "true" { // graphtest's flag
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(script), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatalf("%v\nrun the test with -update to write it", err)
	}
	if diff := cmp.Diff(string(want), script); diff != "" {
		t.Errorf("%s differs (-want +got); if it should, run with -update:\n%s", golden, diff)
	}
}

func TestBootScriptIsGoodShell(t *testing.T) {
	script := filepath.Join(t.TempDir(), "boot.sh")
	if err := os.WriteFile(script, []byte(render(t, sample())), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, checker := range [][]string{{"bash", "-n"}, {"shellcheck", "--severity=info"}} {
		t.Run(checker[0], func(t *testing.T) {
			if _, err := exec.LookPath(checker[0]); err != nil {
				t.Skipf("%s is not installed: install the package %s to run this check", checker[0], checker[0])
			}
			if out, err := exec.CommandContext(t.Context(), checker[0], append(checker[1:], script)...).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func TestBootScriptKeepsToEC2sLimit(t *testing.T) {
	b := sample()
	b.Keys = nil
	for i := range 1000 {
		b.Keys = append(b.Keys, fmt.Sprintf("one-more-key-%d", i))
	}
	_, err := b.render()
	if err == nil || !strings.Contains(err.Error(), "and EC2 takes 16384: shorten boot.sh.tmpl or pass fewer configuration keys (1000)") {
		t.Errorf("err = %v", err)
	}
}

func TestShellQuote(t *testing.T) {
	const hostile = `it's $(reboot) "now" \`
	out, err := exec.CommandContext(t.Context(), "bash", "-c", "printf %s "+shellQuote(hostile)).Output()
	if err != nil || string(out) != hostile {
		t.Errorf("bash reads %q (%v), want %q", out, err, hostile)
	}
}
