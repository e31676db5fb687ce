package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/blang/semver"
)

// Command runs the CLI. It is what the Automation API calls a PulumiCommand.
type Command struct {
	Path string   // of the CLI, absolute
	Env  []string // the whole environment besides what a call adds
	// Kill ends a running CLI at once when it is closed; a cancelled context only asks it to stop. It may be nil.
	Kill <-chan struct{}
	// Held is a lock that the CLI keeps while it lives, even when this process is killed. It may be nil.
	Held *os.File
	// Started is told the CLI's process id and arguments. It may be nil.
	Started func(pid int, args []string)

	killed bool
	peak   uint64
}

// Killed tells whether a CLI was ended by a signal instead of ending by itself: what it left may be in disorder.
func (c *Command) Killed() bool { return c.killed }

// Peak is what a CLI and its plugins held at most so far, in bytes; 0 when that is not known.
func (c *Command) Peak() uint64 { return c.peak }

// Version is the version that Find made sure of.
func (c *Command) Version() semver.Version { return semver.MustParse(Version) }

// Run runs the CLI and waits for its end. When ctx ends the CLI is interrupted once, and then finishes
// what is under way: a cloud's answer may take minutes, and leaving it unheard would lose a resource.
func (c *Command) Run(ctx context.Context, dir string, stdin io.Reader, moreOut, moreErr []io.Writer, env []string, args ...string) (string, string, int, error) {
	if err := ctx.Err(); err != nil {
		return "", "", -1, err
	}
	// The CLI writes to files: to a pipe, it would die of SIGPIPE when this process is killed.
	scratch, err := os.MkdirTemp("", "berth-pulumi-")
	if err != nil {
		return "", "", -1, fmt.Errorf("make a folder for the CLI's output: %w", err)
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	stdout, err := os.Create(filepath.Join(scratch, "stdout"))
	if err != nil {
		return "", "", -1, err
	}
	defer func() { _ = stdout.Close() }()
	stderr, err := os.Create(filepath.Join(scratch, "stderr"))
	if err != nil {
		return "", "", -1, err
	}
	defer func() { _ = stderr.Close() }()

	if !slices.Contains(args, "--non-interactive") {
		args = append([]string{"--non-interactive"}, args...)
	}
	cmd := exec.Command(c.Path, args...) //nolint:noctx // the end of ctx interrupts it, see wait; it must not be killed
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, stdin, stdout, stderr
	cmd.Env = append(append(slices.Clone(c.Env), env...), "PULUMI_AUTOMATION_API=true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if c.Held != nil {
		cmd.ExtraFiles = []*os.File{c.Held}
	}
	if err := cmd.Start(); err != nil {
		return "", "", -1, fmt.Errorf("start the Pulumi CLI %s: %w", c.Path, err)
	}
	if c.Started != nil {
		c.Started(cmd.Process.Pid, args)
	}
	err = c.wait(ctx, cmd)
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		c.killed = true
	}
	out, readErr := os.ReadFile(stdout.Name())
	errOut, readErr2 := os.ReadFile(stderr.Name())
	if joined := errors.Join(readErr, readErr2); err == nil && joined != nil {
		err = fmt.Errorf("read the CLI's output: %w", joined)
	}
	_, _ = io.Copy(io.MultiWriter(moreOut...), bytes.NewReader(out))
	_, _ = io.Copy(io.MultiWriter(moreErr...), bytes.NewReader(errOut))
	return string(out), string(errOut), cmd.ProcessState.ExitCode(), err
}

func (c *Command) wait(ctx context.Context, cmd *exec.Cmd) error {
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	cancelled := ctx.Done()
	looks := time.NewTicker(lookEvery)
	defer looks.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-looks.C:
			c.peak = max(c.peak, Held(cmd.Process.Pid))
		case <-cancelled:
			cancelled = nil
			_ = cmd.Process.Signal(os.Interrupt) // fails only when it has just ended by itself
		case <-c.Kill:
			_ = cmd.Process.Kill()
			return <-ended
		}
	}
}

// Plain runs the CLI outside the Automation API and returns what it printed; a failure holds its error output.
func (c *Command) Plain(ctx context.Context, dir string, env []string, args ...string) (string, error) {
	out, errOut, _, err := c.Run(ctx, dir, nil, nil, nil, env, args...)
	if err != nil {
		return "", fmt.Errorf("pulumi %s: %w\n%s", strings.Join(args[:min(2, len(args))], " "), err, strings.TrimSpace(errOut))
	}
	return out, nil
}

// lookEvery is how often is looked at what a CLI holds. What the kernel says at its end begins with what this process held when
// it started the CLI.
const lookEvery = 100 * time.Millisecond

// Held is what a process and all that it started have held at most, in bytes; 0 where the kernel does not say.
func Held(pid int) uint64 {
	total := uint64(0)
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	if _, after, ok := bytes.Cut(text, []byte("VmHWM:")); ok {
		var kilobytes uint64
		if _, err := fmt.Sscan(string(after[:min(len(after), 32)]), &kilobytes); err == nil {
			total = kilobytes << 10
		}
	}
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // each names what it started itself
	for _, thread := range threads {
		children, _ := os.ReadFile(thread) // it may just have ended
		for _, child := range strings.Fields(string(children)) {
			if id, err := strconv.Atoi(child); err == nil {
				total += Held(id)
			}
		}
	}
	return total
}
