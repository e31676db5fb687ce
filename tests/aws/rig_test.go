package aws_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/goccy/go-yaml"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/localcloud"
	"github.com/berth-iac/berth/tests/aws/emulator"
)

// settings are changes to a spec: values by dotted path; nil takes the path away.
type settings map[string]any

// deployed is one stack in an account of its own, with a backend, a project and a home of its own.
type deployed struct {
	stack   string
	account *emulator.Server
	cloud   *localcloud.Cloud // Cloudflare
	tools   *tools
	project string
	report  string // what the plugin found when it tried what moto lacks
	env     []string
	leaving bool // up, as of a client who leaves
}

// unbroken is for a stack whose runs nobody kills: Pulumi writes its state at the end of a run, and not after each step,
// which is a third of its work.
func (d *deployed) unbroken() {
	d.env = append(d.env, "PULUMI_EXPERIMENTAL=true", "PULUMI_SKIP_CHECKPOINTS=true")
}

// newStack prepares a stack; nothing is up yet. Each program that it runs sees this environment and no other.
func newStack(t *testing.T, made *tools, stack string, o emulator.Options, changes settings) *deployed {
	t.Helper()
	dir := t.TempDir()
	d := &deployed{stack: stack, tools: made, project: filepath.Join(dir, "project"), report: filepath.Join(dir, "report")}
	home, state, passphrase := filepath.Join(dir, "home"), filepath.Join(dir, "state"), filepath.Join(dir, "passphrase")
	for _, folder := range []string{filepath.Join(d.project, "stacks"), filepath.Join(home, "plugins"), state, filepath.Join(dir, "tmp"),
		filepath.Join(d.project, "cmd", "pulumi-resource-machine", "plugin"), // Pulumi.yaml names it
	} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(passphrase, []byte("of this test alone\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Pulumi.yaml", d.file()} {
		text, err := os.ReadFile(filepath.Join(repository, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d.project, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d.configure(t, map[string]any{
		"aws:s3UsePathStyle": "true", "aws:skipMetadataApiCheck": "true",
		"aws:maxRetries": "2", // the provider's own 25 go on for minutes where moto lacks a call
	})
	d.edit(t, changes)
	var err error
	if d.cloud, err = localcloud.Start(t.Context(), localcloud.Options{Dir: filepath.Join(dir, "cloudflare")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.cloud.Close(); err != nil {
			t.Error(err)
		}
	})
	if deadline, bounded := t.Deadline(); bounded {
		o.Life = time.Until(deadline)
	}
	d.account = emulator.New(t, o)
	path := os.Getenv("PATH")
	if made.installed != "" {
		t.Logf("AWS's provider is Pulumi's own plugin: %s", made.installed)
		if err := os.Symlink(made.installed, filepath.Join(home, "plugins", filepath.Base(made.installed))); err != nil {
			t.Fatal(err)
		}
	} else {
		t.Logf("AWS's provider is %s, by the plugin of tests/pulumi-resource-aws", made.provider)
		path = made.plugin + string(os.PathListSeparator) + path
	}
	gaps, err := filepath.Abs("gaps.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d.env = append(d.account.Environment(),
		"PATH="+path, "HOME="+dir, "TMPDIR="+filepath.Join(dir, "tmp"), "BERTH_PULUMI="+made.pulumi,
		"PULUMI_HOME="+home, "PULUMI_BACKEND_URL=file://"+state, "PULUMI_CONFIG_PASSPHRASE_FILE="+passphrase,
		"PULUMI_SKIP_UPDATE_CHECK=true", "GOGC=400", "GOMEMLIMIT=700MiB", // a sixth of the plugins' time would go into collecting
		"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true", "PULUMI_DEBUG_PROVIDERS="+cloudflare(t, d.cloud),
		"TF_AWS_PROVIDER="+made.provider, "BERTH_PLUGIN_CACHE="+filepath.Join(made.cache, "schema"), "BERTH_PLUGIN_GAPS="+gaps)
	return d
}

// cloudflare is the part of the embedded cloud's providers that AWS's real one is not to be replaced by.
func cloudflare(t *testing.T, cloud *localcloud.Cloud) string {
	t.Helper()
	for provider := range strings.SplitSeq(cloud.Providers(), ",") {
		if strings.HasPrefix(provider, "cloudflare:") {
			return provider
		}
	}
	t.Fatalf("the embedded cloud has no Cloudflare: %s", cloud.Providers())
	return ""
}

func (d *deployed) file() string { return "Pulumi." + d.stack + ".yaml" }

func (d *deployed) config(region string) aws.Config { return d.account.Config(region) }

// configure writes settings into the stack's file, beside its spec.
func (d *deployed) configure(t *testing.T, values map[string]any) {
	t.Helper()
	d.rewrite(t, func(config map[string]any) { maps.Copy(config, values) })
}

// edit writes changes into the stack's spec.
func (d *deployed) edit(t *testing.T, changes settings) {
	t.Helper()
	d.rewrite(t, func(config map[string]any) {
		for dotted, value := range changes {
			at := config["berth:spec"].(map[string]any)
			keys := strings.Split(dotted, ".")
			for _, key := range keys[:len(keys)-1] {
				if at[key] == nil {
					at[key] = map[string]any{}
				}
				at = at[key].(map[string]any)
			}
			if last := keys[len(keys)-1]; value == nil {
				delete(at, last)
			} else {
				at[last] = value
			}
		}
	})
}

func (d *deployed) rewrite(t *testing.T, change func(config map[string]any)) {
	t.Helper()
	path := filepath.Join(d.project, d.file())
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]any
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	change(file["config"].(map[string]any))
	if text, err = yaml.Marshal(file); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// ran is how a run of berth ended.
type ran struct {
	*engine.Result // nil where berth printed none
	said           string
	code           int
	took           time.Duration
}

// command is berth as a process, in a process group of its own.
func (d *deployed) command(t *testing.T, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), d.tools.berth, args...)
	cmd.Dir, cmd.Env = d.project, d.env
	apart(cmd)
	return cmd
}

// try runs berth on the stack and gives what came of it.
func (d *deployed) try(t *testing.T, operation string, args ...string) ran {
	t.Helper()
	var out, said bytes.Buffer
	cmd := d.command(t, append([]string{operation, d.stack, "--output", "json"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &said
	began := time.Now()
	err := cmd.Run()
	r := ran{said: said.String(), code: cmd.ProcessState.ExitCode(), took: time.Since(began).Round(100 * time.Millisecond)}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("berth %s: %v", operation, err)
	}
	if out.Len() > 0 {
		if err := json.Unmarshal(out.Bytes(), &r.Result); err != nil {
			t.Fatalf("berth %s printed no result: %v\n%s\n%s", operation, err, out.String(), r.said)
		}
		t.Logf("berth %s %s: exit code %d after %s, %v", operation, strings.Join(args, " "), r.code, r.took, r.Counts)
	}
	return r
}

// run runs berth on the stack and ends the test when that fails.
func (d *deployed) run(t *testing.T, operation string, args ...string) ran {
	t.Helper()
	r := d.try(t, operation, args...)
	if r.code != 0 || r.Result == nil {
		t.Fatalf("berth %s %s ended with %d:\n%s%s", operation, strings.Join(args, " "), r.code, r.said, r.errors())
	}
	return r
}

// errors are what the run's diagnostics hold of errors and warnings.
func (r ran) errors() string {
	if r.Result == nil {
		return ""
	}
	var b strings.Builder
	for _, d := range r.Diagnostics {
		if d.Severity != "info" {
			fmt.Fprintf(&b, "\n%s %s: %s", d.Severity, d.URN, d.Message)
		}
	}
	return b.String()
}

// changes are the resources that a run changes, components aside, as "op type name", sorted.
func (r ran) changes() []string {
	var all []string
	for _, s := range r.Steps {
		if s.Op.Changes() && !s.Group {
			all = append(all, fmt.Sprintf("%s %s %s", s.Op, s.Type, s.Name))
		}
	}
	slices.Sort(all)
	return all
}

func (r ran) wantNoChanges(t *testing.T) {
	t.Helper()
	for _, s := range r.Steps {
		if s.Op.Changes() {
			t.Errorf("%s: %s %s, want no change: %v", r.Operation, s.Op, s.URN, s.Diffs)
		}
	}
}

func (r ran) wantChanges(t *testing.T, want ...string) {
	t.Helper()
	slices.Sort(want)
	got := r.changes()
	if slices.Equal(got, want) {
		return
	}
	t.Errorf("%s changes\n  %s\nwant\n  %s", r.Operation, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	for _, s := range r.Steps {
		if line := fmt.Sprintf("%s %s %s", s.Op, s.Type, s.Name); s.Op.Changes() && !s.Group && !slices.Contains(want, line) {
			t.Logf("%s: %+v", line, s.Diffs)
		}
	}
}

// pulumi runs the stock CLI on the stack, for what berth has no command for.
func (d *deployed) pulumi(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), d.tools.pulumi, append(args, "--stack", d.stack, "--non-interactive", "--color=never")...)
	cmd.Dir, cmd.Env = d.project, d.env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("pulumi %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// up brings the stack up and ends the test when that fails.
func (d *deployed) up(t *testing.T, args ...string) ran {
	t.Helper()
	return d.run(t, "up", append([]string{"--yes"}, args...)...)
}
