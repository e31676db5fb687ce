package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/berth-iac/berth/engine/cli"
	"github.com/pulumi/pulumi/sdk/v3/go/auto"
)

// begin makes the session ready for a run.
func (s *Stack) begin(ctx context.Context, operation Operation) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := s.fromAllows(operation); err != nil {
		return err
	}
	if s.stack != nil {
		s.lock.run.Operation = operation
		if err := s.lock.write(); err != nil {
			return err
		}
		return s.settle(ctx, operation)
	}
	lock, interrupted, err := s.acquire(ctx, operation)
	if err != nil {
		return err
	}
	s.lock, s.interrupted, s.settled = lock, interrupted, false
	standIns, err := s.prepare(ctx)
	if err != nil {
		return err
	}
	if err := s.unlockState(interrupted); err != nil {
		return err
	}
	if err := s.selectStack(ctx); err != nil {
		return err
	}
	if err := s.setStandIns(ctx, standIns); err != nil {
		return err
	}
	if s.options.Local {
		if err := s.recover(ctx); err != nil {
			return err
		}
		s.settled = true
	}
	return s.settle(ctx, operation)
}

// settle has the state of a real stack in order before a run that needs it so.
func (s *Stack) settle(ctx context.Context, operation Operation) error {
	if s.options.Local || !operation.settles() {
		return nil
	}
	return s.settleReal(ctx, operation)
}

// dyingFor is how long providers that outlive a killed run's two processes are waited for: they notice their end,
// or are being taken down with them.
const dyingFor = 20 * time.Second

// acquire takes the stack's lock, and waits a while where only the providers of a killed run are left to hold it.
func (s *Stack) acquire(ctx context.Context, operation Operation) (*runLock, *Run, error) {
	began := s.options.Clock()
	for {
		lock, interrupted, err := acquire(s.dirs.lock, s.options.Stack,
			Run{PID: os.Getpid(), Operation: operation, Started: s.options.Clock()})
		var busy *BusyError
		if !errors.As(err, &busy) || alive(busy.Run.PID) || alive(busy.Run.CLI) || s.options.Clock().Sub(began) > dyingFor {
			return lock, interrupted, err
		}
		select {
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// The CLI writes the whole state twice for each resource, which makes much garbage. Collecting it less often saves
// a sixth of an update's processor time, within a bound on memory.
const (
	lazyCollector = "GOGC=400"
	memoryLimit   = "GOMEMLIMIT=300MiB"
)

// prepare makes what a run needs: for a stack that is kept apart its folders and files, for a local one the
// embedded cloud, and the CLI's environment. It returns the configuration's secrets that need a stand-in.
func (s *Stack) prepare(ctx context.Context) (standIns []string, err error) {
	env := append(slices.Clone(s.options.Env), "PULUMI_SKIP_UPDATE_CHECK=true")
	if s.options.From != nil {
		if err := os.RemoveAll(s.dirs.base); err != nil { // what a killed run left
			return nil, fmt.Errorf("make a stack of the exported state: %w", err)
		}
	}
	if s.options.Local {
		if err := makeFolders(s.dirs.home, s.dirs.cloud); err != nil {
			return nil, err
		}
		if err := withoutLog(s.dirs.home); err != nil {
			return nil, err
		}
		if s.cloud, err = startEmbedded(ctx, s.dirs.cloud, s.options.Cloud, s.options.Clock); err != nil {
			return nil, err
		}
		env = append(localEnvironment(s.options.Env), "PULUMI_SKIP_UPDATE_CHECK=true",
			debugProviders+"="+s.cloud.Providers(), "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true",
			lazyCollector, memoryLimit)
	}
	if !s.options.Local && s.options.Attach != nil {
		// As with the embedded cloud: what is under way when the user interrupts is finished first.
		if s.attached, err = s.options.Attach(context.WithoutCancel(ctx)); err != nil {
			return nil, fmt.Errorf("attach providers: %w", err)
		}
		env = append(env, debugProviders+"="+beside(value(env, debugProviders), s.attached.Providers()))
	}
	backend := s.options.Backend
	if s.apart() {
		if err := makeFolders(s.dirs.work, s.dirs.state); err != nil {
			return nil, err
		}
		project := fmt.Sprintf("name: %s\nruntime: go\ndescription: Copy, made anew by every run.\n", s.project)
		if err := replaceFile(filepath.Join(s.dirs.work, "Pulumi.yaml"), []byte(project), 0o600); err != nil {
			return nil, err
		}
		if s.options.From != nil {
			err = s.writeExported(ctx)
		} else {
			standIns, err = s.writeConfig()
		}
		if err != nil {
			return nil, err
		}
		if !s.options.Local && len(standIns) > 0 {
			return nil, fmt.Errorf("stack %s is kept apart, and its secrets cannot be read there: %s\nset them once it has its own backend",
				s.options.Stack, strings.Join(standIns, ", "))
		}
		passphrase, err := s.passphraseFile()
		if err != nil {
			return nil, err
		}
		// Without the files beside it that hold attributes: they are not written in one piece, so that a
		// killed CLI can leave one that nobody can read.
		backend = "file://" + s.dirs.state + "?metadata=skip"
		env = append(env, "PULUMI_CONFIG_PASSPHRASE_FILE="+passphrase)
	}
	if s.dirs.home != "" {
		env = append(env, "PULUMI_HOME="+s.dirs.home)
	}
	if backend != "" {
		env = append(env, "PULUMI_BACKEND_URL="+backend)
	}
	s.useCommand(env)
	return standIns, nil
}

func makeFolders(dirs ...string) error {
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make the stack's folders: %w", err)
		}
	}
	return nil
}

func (s *Stack) useCommand(env []string) {
	s.command = &cli.Command{Path: s.options.CLI, Env: env, Kill: s.options.Kill, Held: s.lock.file,
		Started: func(pid int, _ []string) { s.lock.started(pid) }}
}

// writeConfig writes the local copy of the stack's file.
func (s *Stack) writeConfig() ([]string, error) {
	original, err := os.ReadFile(stackFile(s.options.Root, s.options.Stack))
	if err != nil {
		return nil, fmt.Errorf("read the stack's file: %w", err)
	}
	path := stackFile(s.dirs.work, s.options.Stack)
	previous, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the local copy of the stack's file: %w", err)
	}
	text, standIns, err := localConfig(original, previous, s.options.Edits)
	if err != nil {
		return nil, err
	}
	return standIns, replaceFile(path, text, 0o600)
}

// withoutLog keeps the CLI from its automatic log, for which it has no setting: it writes every property of every
// resource, encrypted, which is a third of a preview's time. A file where it wants its folder makes it go without.
func withoutLog(home string) error {
	path := filepath.Join(home, "logs")
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		return nil
	}
	if err := os.RemoveAll(path); err != nil {
		return fmt.Errorf("remove the CLI's logs: %w", err)
	}
	return replaceFile(path, []byte("The CLI keeps no logs of a local stack.\n"), 0o600)
}

// passphraseFile is the file with the passphrase that encrypts the local stack's secrets.
func (s *Stack) passphraseFile() (string, error) {
	path := filepath.Join(s.dirs.base, "passphrase")
	if s.options.From != nil {
		return path, replaceFile(path, []byte(scratchPassphrase+"\n"), 0o600)
	}
	if text, err := os.ReadFile(path); err == nil && len(text) > 0 {
		return path, nil
	}
	return path, replaceFile(path, []byte(rand.Text()+"\n"), 0o600)
}

// selectStack opens the stack in its backend, or creates it.
func (s *Stack) selectStack(ctx context.Context) error {
	workspace, err := auto.NewLocalWorkspace(ctx, auto.WorkDir(s.dirs.work), auto.Program(s.options.Program),
		auto.Pulumi(s.command), auto.SecretsProvider(s.options.SecretsProvider))
	if err != nil {
		return fmt.Errorf("open the workspace of stack %s: %w", s.options.Stack, err)
	}
	_, err = os.Stat(s.stateFile()) // only a stack that is kept apart has one
	workspace = &lean{Workspace: workspace, known: s.apart() && err == nil, busy: &s.busy}
	stack, err := auto.SelectStack(ctx, s.options.Stack, workspace)
	if auto.IsSelectStack404Error(err) {
		s.fresh = true
		stack, err = auto.NewStack(ctx, s.options.Stack, workspace)
	}
	if err != nil {
		return fmt.Errorf("open stack %s: %w", s.options.Stack, plain(err))
	}
	s.stack = &stack
	return nil
}

// lean is a workspace that does not ask the CLI for what is known: each question costs a third of a second.
type lean struct {
	auto.Workspace
	known bool  // the stack's file is in the local backend
	busy  *bool // a run is under way: its outputs come with its events
}

func (w *lean) SelectStack(ctx context.Context, name string) error {
	if w.known {
		return nil
	}
	return w.Workspace.SelectStack(ctx, name)
}

func (w *lean) StackOutputs(ctx context.Context, name string) (auto.OutputMap, error) {
	if *w.busy {
		return nil, nil
	}
	return w.Workspace.StackOutputs(ctx, name)
}

// stateFile is where the local file backend keeps the stack's state.
func (s *Stack) stateFile() string {
	return filepath.Join(s.dirs.state, ".pulumi", "stacks", s.project, s.options.Stack+".json")
}

// setStandIns gives each secret of the configuration a local value of its own. The real ones cannot be
// read here, and are not to be. One call of the CLI sets all: each costs a third of a second.
func (s *Stack) setStandIns(ctx context.Context, paths []string) error {
	if len(paths) == 0 {
		return nil
	}
	values := auto.ConfigMap{}
	for _, path := range paths {
		values[path] = auto.ConfigValue{Value: "local-stand-in-" + rand.Text(), Secret: true}
		s.notes = append(s.notes, "the secret "+path+" is a local stand-in")
	}
	if err := s.stack.SetAllConfigWithOptions(ctx, values, &auto.ConfigOptions{Path: true}); err != nil {
		return fmt.Errorf("set stand-ins for the secrets %s: %w", strings.Join(paths, ", "), plain(err))
	}
	return nil
}

// plain takes what the CLI said out of the Automation API's error, which also repeats everything it printed.
func plain(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	_, said, found := strings.Cut(text, "\nstderr: ")
	said = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(said), "error: "))
	if !found || said == "" {
		return err
	}
	return errors.New(said)
}
