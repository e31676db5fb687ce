package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/engine/cli"
	"github.com/berth-iac/berth/localcloud"
)

// compared measures some of the clients with berth and with plain pulumi, one after the other.
func (b bench) compared(ctx context.Context, root string) ([]row, error) {
	all, err := engine.Stacks(root)
	if err != nil {
		return nil, err
	}
	var stacks []string
	for i := range min(b.compare, len(all)) { // spread over all kinds, which the names do not sort by
		stacks = append(stacks, all[i*len(all)/min(b.compare, len(all))])
	}
	ours, err := b.preview(ctx, root, stacks...)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "berth-bench-fleet-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	plain, err := newPlain(ctx, dir)
	if err != nil {
		return nil, err
	}
	theirs := row{name: "pulumi preview, one by one", stacks: len(stacks)}
	for _, stack := range stacks {
		c, err := plain.preview(ctx, root, stack)
		if err != nil {
			return nil, fmt.Errorf("plain pulumi preview of %s: %w", stack, err)
		}
		theirs.wall, theirs.processor = theirs.wall+c.wall, theirs.processor+c.processor
		theirs.resident, theirs.proportional = max(theirs.resident, c.resident), max(theirs.proportional, c.proportional)
	}
	return []row{ours, theirs}, nil
}

// plain is Pulumi as a user without berth has it: its CLI, the language host, and the program, each a process.
type plain struct {
	pulumi, project string
	env             []string
}

func newPlain(ctx context.Context, dir string) (*plain, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	pulumi, err := cli.Find(ctx, os.Getenv("BERTH_PULUMI"), cache, os.Getenv("PATH"))
	if err != nil {
		return nil, err
	}
	bin := filepath.Join(dir, "bin")
	for pkg, to := range map[string]string{"./stacks": "program", "./tests/bare/languagehost": "pulumi-language-go"} {
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(bin, to), pkg).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build %s (run bench-fleet in the repository's root): %w\n%s", pkg, err, out)
		}
	}
	p := &plain{pulumi: pulumi, project: filepath.Join(dir, "project")}
	for _, folder := range []string{"stacks", "cmd/pulumi-resource-machine/plugin"} { // what Pulumi.yaml names
		if err := os.MkdirAll(filepath.Join(p.project, folder), 0o700); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(filepath.Join(p.project, "stacks", "main.go"), []byte("package main\n"), 0o600); err != nil {
		return nil, err
	}
	text, err := os.ReadFile("Pulumi.yaml")
	if err != nil {
		return nil, err
	}
	p.env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + dir, "BERTH_PROGRAM=" + filepath.Join(bin, "program"),
		"PULUMI_HOME=" + filepath.Join(dir, "home"), "PULUMI_SKIP_UPDATE_CHECK=true", "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true"}
	return p, os.WriteFile(filepath.Join(p.project, "Pulumi.yaml"), text, 0o600)
}

// preview runs the stack that berth brought up, with its state, its configuration and its embedded cloud.
func (p *plain) preview(ctx context.Context, root, stack string) (cost, error) {
	folder := engine.LocalFolder(root, stack)
	text, err := os.ReadFile(filepath.Join(folder, "work", "Pulumi."+stack+".yaml"))
	if err != nil {
		return cost{}, err
	}
	if err := os.WriteFile(filepath.Join(p.project, "Pulumi."+stack+".yaml"), text, 0o600); err != nil {
		return cost{}, err
	}
	before := used()
	cloud, err := localcloud.Start(context.WithoutCancel(ctx), localcloud.Options{Dir: filepath.Join(folder, "cloud")})
	if err != nil {
		return cost{}, err
	}
	defer func() { _ = cloud.Close() }()
	cmd := exec.CommandContext(ctx, p.pulumi, "preview", "--stack", stack, "--expect-no-changes", "--non-interactive", "--color=never")
	cmd.Dir = p.project
	cmd.Env = append(p.env, "PULUMI_BACKEND_URL=file://"+filepath.Join(folder, "state")+"?metadata=skip",
		"PULUMI_CONFIG_PASSPHRASE_FILE="+filepath.Join(folder, "passphrase"), "PULUMI_DEBUG_PROVIDERS="+cloud.Providers())
	c, out, err := measure(cmd)
	if err != nil {
		return c, fmt.Errorf("%w\n%s", err, out)
	}
	c.processor += used() - before // the cloud is in this process
	return c, nil
}

func used() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
