package bare_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/engine/cli"
	"github.com/berth-iac/berth/localcloud"
)

// TestPulumiAlone runs the stock CLI on the repository's own project, as a user without berth does.
func TestPulumiAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: it links the whole program, about 20 s")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	pulumi, err := cli.Find(t.Context(), "", cache, os.Getenv("PATH"))
	if err != nil {
		t.Skipf("no Pulumi CLI: run `make pulumi` (%v)", err)
	}
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	program := build(t, "../../stacks", filepath.Join(bin, "program"))
	build(t, "./languagehost", filepath.Join(bin, "pulumi-language-go"))

	// The project as it is checked out, without berth, its state or its environment.
	project := filepath.Join(dir, "project")
	for _, name := range []string{"Pulumi.yaml", "Pulumi.prod.yaml"} {
		text, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(project, name), text)
	}
	write(t, filepath.Join(project, "stacks", "main.go"), []byte("package main\n"))
	for _, name := range []string{"state", "home", "project/cmd/pulumi-resource-machine/plugin"} { // the last is named by Pulumi.yaml
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cloud, err := localcloud.Start(context.WithoutCancel(t.Context()), localcloud.Options{Dir: filepath.Join(dir, "cloud")})
	if err != nil {
		t.Fatal(err)
	}
	defer cloud.Close()
	env := []string{
		"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + dir, "BERTH_PROGRAM=" + program,
		"PULUMI_HOME=" + filepath.Join(dir, "home"), "PULUMI_BACKEND_URL=file://" + filepath.Join(dir, "state"),
		"PULUMI_CONFIG_PASSPHRASE=for this test", "PULUMI_SKIP_UPDATE_CHECK=true",
		"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true", "PULUMI_DEBUG_PROVIDERS=" + cloud.Providers(),
	}
	try := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), pulumi, append(args, "--non-interactive", "--color=never")...)
		cmd.Dir, cmd.Env = project, env
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	run := func(args ...string) string {
		t.Helper()
		out, err := try(args...)
		if err != nil {
			t.Fatalf("pulumi %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return out
	}
	run("stack", "init", "prod")
	t.Run("a broken promise does not go up", func(t *testing.T) {
		file := filepath.Join(project, "Pulumi.prod.yaml")
		good, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		defer write(t, file, good)
		write(t, file, []byte(strings.Replace(string(good), "    database:\n", `    waivers:
      - promise: AV-3
        resource: another-resource
        reason: a waiver that covers another resource
        owner: ada.lindqvist@northwind.example
        expires: `+time.Now().AddDate(0, 1, 0).Format(time.DateOnly)+`
    database:
      multiAz: false
`, 1)))
		out, err := try("up", "--stack", "prod", "--yes", "--skip-preview")
		if err == nil || !strings.Contains(out, "AV-3") || !strings.Contains(out, "database-instance.multiAz") {
			t.Errorf("pulumi up: %v\n%s", err, out)
		}
		if objects, err := cloud.Objects(t.Context()); err != nil || len(objects) > 0 {
			t.Errorf("the cloud has %d objects after the refusal (%v)", len(objects), err)
		}
	})
	if out := run("preview", "--stack", "prod"); !strings.Contains(out, "to create") || !strings.Contains(out, "aws:rds:Instance") {
		t.Errorf("the preview does not show the database:\n%s", out)
	}
	run("up", "--stack", "prod", "--yes", "--skip-preview")
	if url := strings.TrimSpace(run("stack", "output", "url", "--stack", "prod")); url != "https://acme.taskflow.example" {
		t.Errorf("url = %q", url)
	}
	if out := run("preview", "--stack", "prod", "--expect-no-changes"); !strings.Contains(out, "unchanged") {
		t.Errorf("a second preview wants changes:\n%s", out)
	}
}

func build(t *testing.T, pkg, to string) string {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", to, pkg).CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", pkg, err, out)
	}
	return to
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
