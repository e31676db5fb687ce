package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/berth-iac/berth/engine/cli"
	"github.com/berth-iac/berth/engine/redact"
	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"gopkg.in/yaml.v3"
)

// Options say which stack to open, and how.
type Options struct {
	Root    string         // folder with Pulumi.yaml and Pulumi.<stack>.yaml; required
	Stack   string         // required
	Program pulumi.RunFunc // required
	CLI     string         // path of the Pulumi CLI, as cli.Find returns it; required
	Env     []string       // environment of the CLI; a local stack sees a few harmless variables of it only
	Home    string         // Pulumi's home; empty: Pulumi's own default. A local stack has a home of its own.
	Local   bool           // work on the embedded cloud, apart from all real state
	Cloud   CloudOptions   // how the embedded cloud behaves; only with Local
	Edits   []Edit         // changes to the configuration; only with Local, in its own copy
	// Folder keeps everything of the stack apart in a folder: its copy of the files, its state, its
	// passphrase. Default for a local stack: LocalFolder. A stack on the real cloud is kept apart only while
	// the backend that will hold its state does not exist yet.
	Folder string
	// Backend is the URL of the backend that holds the state. Empty: the user's own, or the folder's. With a
	// folder it is a file:// URL.
	Backend string
	// SecretsProvider encrypts the secrets in the state of a stack that is created now. Empty: the backend's default.
	SecretsProvider string
	Settling        Settling // of what a killed run left in a real cloud
	// Attach names running providers for real stacks: such as run inside this process, for which a user needs no plugin, and such as
	// several stacks share. Nil: none.
	Attach Attach
	Clock  func() time.Time // default time.Now
	From   *redact.Export   // preview against this exported state, in a scratch stack; only with Local
	Kill   <-chan struct{}  // closed: the CLI is killed at once; a cancelled context lets it finish its steps
}

// Stack is one open stack. It is not safe for use by several goroutines at once. Close it.
type Stack struct {
	options Options
	project string
	dirs    dirs
	notes   []string // what was put right on the way, until a result takes them

	// What a session holds, from the first run until Close.
	lock        *runLock
	interrupted *Run        // the run before, when it was killed
	settled     bool        // what it left is in order, or is none of ours
	read        readObjects // nil: readInScratch
	cloud       embedded
	attached    Attached // nil: none
	command     *cli.Command
	stack       *auto.Stack
	busy        bool // a run is under way
	peak        uint64
	fresh       bool // the stack was created by this session: there is nothing to lose
}

// dirs are the places of a stack on disk.
type dirs struct {
	base  string // of a stack that is kept apart
	work  string // where the CLI runs
	state string // file backend
	home  string // Pulumi's home
	cloud string // the embedded cloud's own state
	lock  string
}

// Open prepares to work on a stack. It touches nothing yet: the first run takes the stack's lock, starts
// the embedded cloud, creates the stack where it is new, and puts right what a killed run left.
func Open(_ context.Context, options Options) (*Stack, error) {
	switch {
	case options.Program == nil:
		return nil, errors.New("open a stack: no program is given")
	case options.Stack == "":
		return nil, errors.New("open a stack: no name is given")
	case !options.Local && len(options.Edits) > 0:
		return nil, errors.New("open a stack: a real stack's file is edited by people, not here")
	case (options.Local || options.Folder != "") && options.Backend != "" && !strings.HasPrefix(options.Backend, "file://"):
		return nil, errors.New("open a stack: a stack that is kept apart has its state on this machine")
	}
	root, err := filepath.Abs(options.Root)
	if err != nil {
		return nil, fmt.Errorf("open stack %s: %w", options.Stack, err)
	}
	options.Root = root
	if options.Clock == nil {
		options.Clock = time.Now
	}
	project, err := projectName(root)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(stackFile(root, options.Stack)); err != nil {
		known, _ := Stacks(root) // the list only helps the message
		return nil, &NoStackError{Stack: options.Stack, Root: root, Known: known}
	}
	s := &Stack{options: options, project: project}
	if err := options.checkFrom(project); err != nil {
		return nil, err
	}
	lock := options.Stack
	switch {
	case options.From != nil:
		lock = "from-" + lock
	case options.Local:
		lock = "local-" + lock
	}
	s.dirs = dirs{work: root, home: options.Home, lock: filepath.Join(root, ".berth", "run", lock+".lock")}
	if !s.apart() {
		return s, nil
	}
	base := options.Folder
	switch {
	case base != "":
	case options.From != nil:
		base = exportedFolder(root, options.Stack)
	default:
		base = LocalFolder(root, options.Stack)
	}
	if base, err = filepath.Abs(base); err != nil {
		return nil, fmt.Errorf("open stack %s: %w", options.Stack, err)
	}
	s.dirs.base, s.dirs.work, s.dirs.state = base, filepath.Join(base, "work"), filepath.Join(base, "state")
	if options.Backend != "" {
		s.dirs.state = strings.TrimPrefix(options.Backend, "file://")
	}
	if options.Local {
		s.dirs.home, s.dirs.cloud = filepath.Join(base, "home"), filepath.Join(base, "cloud")
	}
	return s, nil
}

// apart tells whether the stack's files and state are kept apart from the user's own.
func (s *Stack) apart() bool { return s.options.Local || s.options.Folder != "" }

// LocalFolder is where everything of a local stack lives, besides its lock.
func LocalFolder(root, stack string) string { return filepath.Join(root, ".berth", "local", stack) }

// Name is the stack's name.
func (s *Stack) Name() string { return s.options.Stack }

// Peak is what the CLI held at most, in bytes, over all sessions so far, and the stack's share of attached providers; 0 when that is
// not known.
func (s *Stack) Peak() uint64 {
	held := uint64(0)
	if s.command != nil {
		held = s.command.Peak()
	}
	if attached, ok := s.attached.(interface{ Peak() uint64 }); ok {
		held += attached.Peak()
	}
	return max(s.peak, held)
}

// Close ends the session: the embedded cloud stops and the lock is released.
func (s *Stack) Close() error {
	var err error
	if s.cloud != nil {
		err = s.cloud.Close()
	}
	if s.attached != nil {
		err = errors.Join(err, s.attached.Close())
	}
	s.peak = s.Peak()
	if s.options.From != nil && s.lock != nil { // a scratch stack is made anew by every session
		err = errors.Join(err, os.RemoveAll(s.dirs.base))
	}
	switch {
	case s.lock == nil:
	case s.command != nil && s.command.Killed(), s.interrupted != nil && !s.settled:
		err = errors.Join(err, s.lock.abandon()) // the next run looks after what is left
	default:
		err = errors.Join(err, s.lock.release())
	}
	s.cloud, s.attached, s.lock, s.stack, s.command, s.interrupted = nil, nil, nil, nil, nil, nil
	if err != nil {
		return fmt.Errorf("close stack %s: %w", s.options.Stack, err)
	}
	return nil
}

func projectName(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "Pulumi.yaml"))
	if err != nil {
		return "", fmt.Errorf("read the project: %w\nrun berth in the folder that holds Pulumi.yaml, or name it with --root", err)
	}
	var project struct {
		Name string `yaml:"name"`
	}
	if err := yaml.Unmarshal(text, &project); err != nil || project.Name == "" {
		return "", fmt.Errorf("read the project: %s has no name", filepath.Join(root, "Pulumi.yaml"))
	}
	return project.Name, nil
}

// cloudKind tells results which cloud they speak of.
func (s *Stack) cloudKind() Cloud {
	if s.options.Local {
		return EmbeddedCloud
	}
	return RealCloud
}
