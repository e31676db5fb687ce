package reference_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/engine/cli"
	"github.com/berth-iac/berth/localcloud"
	"github.com/berth-iac/berth/stacks/program"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"gopkg.in/yaml.v3"
)

// today is the day on which the stacks' files are judged.
func today() time.Time { return time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC) }

// repository is where the stacks' files are, seen from this folder.
const repository = "../.."

// leaving is what `berth destroy --local` writes into its copy of the reference client's file.
var leaving = []engine.Edit{{Key: "berth:spec", Path: []string{"leaving"}, Value: map[string]string{
	"confirm": "acme", "reason": "berth destroy --local",
}}}

// settings are changes to a spec: values by dotted path; nil takes the path away.
type settings map[string]any

func findCLI(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = "" // there is no home; the CLI is named then, or on PATH
	}
	return cli.Find(ctx, os.Getenv("BERTH_PULUMI"), cache, os.Getenv("PATH"))
}

// pulumiCLI is the CLI's path; without one the test is skipped.
func pulumiCLI(t *testing.T) string {
	t.Helper()
	path, err := findCLI(t.Context())
	if err != nil {
		t.Skipf("%s is skipped, run `make pulumi`: %v", t.Name(), err)
	}
	return path
}

func options(root, stack, cliPath string) engine.Options {
	return engine.Options{Root: root, Stack: stack, Program: program.At(today), CLI: cliPath, Env: os.Environ(), Local: true}
}

// newRoot is a folder with the project and the stacks' files as the repository has them.
func newRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := copyStacks(root); err != nil {
		t.Fatal(err)
	}
	return root
}

func copyStacks(root string) error {
	files, err := filepath.Glob(filepath.Join(repository, "Pulumi*.yaml"))
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(root, filepath.Base(file)), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// edit writes changes into a stack's file in root, which is as the repository has it besides.
func edit(t *testing.T, root, stack string, changes settings) {
	t.Helper()
	path := filepath.Join(root, "Pulumi."+stack+".yaml")
	text, err := os.ReadFile(filepath.Join(repository, filepath.Base(path)))
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]any
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for dotted, value := range changes {
		at := file["config"].(map[string]any)["berth:spec"].(map[string]any)
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
	if text, err = yaml.Marshal(file); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// open opens a stack in root and closes it at the test's end.
func open(t *testing.T, root, stack string, change ...func(*engine.Options)) *engine.Stack {
	t.Helper()
	o := options(root, stack, pulumiCLI(t))
	for _, c := range change {
		c(&o)
	}
	s, err := engine.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, s) })
	return s
}

// closed ends a stack's session; what the cloud has is on the disk then. It may be called twice.
func closed(t *testing.T, s *engine.Stack) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// faults lets things go wrong in the embedded cloud.
func faults(t *testing.T, texts ...string) func(*engine.Options) {
	t.Helper()
	return func(o *engine.Options) {
		for _, text := range texts {
			f, err := localcloud.ParseFault(text)
			if err != nil {
				t.Fatal(err)
			}
			o.Cloud.Faults = append(o.Cloud.Faults, f)
		}
	}
}

func preview(t *testing.T, s *engine.Stack) *engine.Result {
	t.Helper()
	r, err := s.Preview(t.Context(), engine.RunOptions{})
	return done(t, r, err)
}

// up makes changes that need no consent, without a preview of its own.
func up(t *testing.T, s *engine.Stack) *engine.Result {
	t.Helper()
	r, err := s.Up(t.Context(), engine.ChangeOptions{Reviewed: &engine.Result{}})
	return done(t, r, err)
}

func refresh(t *testing.T, s *engine.Stack) *engine.Result {
	t.Helper()
	r, err := s.Refresh(t.Context(), engine.RunOptions{})
	return done(t, r, err)
}

// destroy takes a stack down as `berth destroy --local` does.
func destroy(t *testing.T, s *engine.Stack, lift []engine.Edit) *engine.Result {
	t.Helper()
	r, err := s.Destroy(t.Context(), engine.ChangeOptions{Confirm: []string{s.Name()}, Lift: lift})
	return done(t, r, err)
}

// done ends the test when a run failed, with all that was said.
func done(t *testing.T, r *engine.Result, err error) *engine.Result {
	t.Helper()
	if err == nil {
		t.Logf("%s of %s: %v in %.1f s", r.Operation, r.Stack, r.Counts, r.DurationSeconds)
		return r
	}
	if r != nil {
		for _, d := range r.Diagnostics {
			t.Logf("%s %s: %s", d.Severity, d.URN, d.Message)
		}
	}
	t.Fatal(err)
	return nil
}

// changes are the resources that a run changes, components aside, as "op type name", sorted.
func changes(r *engine.Result) []string {
	var all []string
	for _, s := range r.Steps {
		if s.Op.Changes() && !s.Group {
			all = append(all, fmt.Sprintf("%s %s %s", s.Op, s.Type, s.Name))
		}
	}
	slices.Sort(all)
	return all
}

func wantNoChanges(t *testing.T, r *engine.Result) {
	t.Helper()
	for _, s := range r.Steps {
		if s.Op.Changes() {
			t.Errorf("%s: %s %s, want no change: %v", r.Operation, s.Op, s.URN, s.Diffs)
		}
	}
}

// world is what the disk holds of a stack: its state, and the embedded cloud.
type world struct {
	resources []string                     // of the cloud that the state has, as "urn id", sorted
	objects   []string                     // that live in the cloud, as "urn id", sorted
	live      map[string]localcloud.Object // the same by "urn id"
	lingering []string                     // objects that wait for their deletion
	pending   []string                     // operations that the state calls unfinished
	all       int                          // resources in the state, components and providers included
}

// look reads the disk, past the engine. It works while a session is open, between two runs.
func look(t *testing.T, root, stack string) world {
	t.Helper()
	folder := engine.LocalFolder(root, stack)
	w := world{live: map[string]localcloud.Object{}}
	state := stateOf(t, root, stack)
	for _, r := range state.Resources {
		w.all++
		if r.Custom && !r.External && !strings.HasPrefix(string(r.Type), "pulumi:") {
			w.resources = append(w.resources, fmt.Sprintf("%s %s", r.URN, r.ID))
		}
	}
	for _, op := range state.PendingOperations {
		w.pending = append(w.pending, fmt.Sprintf("%s %s", op.Type, op.Resource.URN))
	}
	// A copy, since the running cloud holds the lock on the original.
	dir := t.TempDir()
	if err := copyFolder(filepath.Join(folder, "cloud"), dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	objects, err := localcloud.ObjectsIn(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		line := o.URN + " " + o.ID
		if o.Deleted != nil {
			w.lingering = append(w.lingering, line)
		} else {
			w.objects = append(w.objects, line)
			w.live[line] = o
		}
	}
	slices.Sort(w.resources)
	slices.Sort(w.objects)
	return w
}

func stateFile(root, stack string) string {
	return filepath.Join(engine.LocalFolder(root, stack), "state", ".pulumi", "stacks", "berth", stack+".json")
}

// stateOf reads the state's file; a stack that was never written has an empty one.
func stateOf(t *testing.T, root, stack string) apitype.DeploymentV3 {
	t.Helper()
	text, err := os.ReadFile(stateFile(root, stack))
	if errors.Is(err, fs.ErrNotExist) {
		return apitype.DeploymentV3{}
	}
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Checkpoint struct {
			Latest apitype.DeploymentV3 `json:"latest"`
		} `json:"checkpoint"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatalf("the state cannot be read: %v", err)
	}
	return file.Checkpoint.Latest
}

// wantAgreement wants every object in the state, every resource in the cloud, and nothing unfinished.
func wantAgreement(t *testing.T, root, stack string) world {
	t.Helper()
	w := look(t, root, stack)
	for _, line := range without(w.objects, w.resources) {
		t.Errorf("in the cloud, and not in the state: %s", line)
	}
	for _, line := range without(w.resources, w.objects) {
		t.Errorf("in the state, and not in the cloud: %s", line)
	}
	for _, line := range w.pending {
		t.Errorf("unfinished in the state: %s", line)
	}
	return w
}

// wantNothing wants no object in the cloud and no resource in the state.
func wantNothing(t *testing.T, root, stack string) {
	t.Helper()
	w := wantAgreement(t, root, stack)
	if w.all != 0 {
		t.Errorf("the state holds %d resources after destroy, want none", w.all)
	}
	for _, line := range w.objects {
		t.Errorf("left in the cloud: %s", line)
	}
}

// without is a's entries beyond those of b; equal entries are counted.
func without(a, b []string) []string {
	count := map[string]int{}
	for _, s := range b {
		count[s]++
	}
	var rest []string
	for _, s := range a {
		if count[s]--; count[s] < 0 {
			rest = append(rest, s)
		}
	}
	return rest
}

// brought is the reference client, brought up once for all tests that begin there.
type brought struct {
	root        string
	preview, up *engine.Result
	err         error
}

var (
	sharedFolder string
	broughtUp    = sync.OnceValue(func() (b brought) {
		ctx := context.Background()
		path, err := findCLI(ctx)
		if err != nil {
			return brought{err: err}
		}
		if sharedFolder, b.err = os.MkdirTemp("", "berth-reference-"); b.err != nil {
			return b
		}
		b.root = sharedFolder
		if b.err = copyStacks(b.root); b.err != nil {
			return b
		}
		s, err := engine.Open(ctx, options(b.root, "prod", path))
		if err != nil {
			return brought{err: err}
		}
		if b.preview, b.err = s.Preview(ctx, engine.RunOptions{}); b.err == nil {
			b.up, b.err = s.Up(ctx, engine.ChangeOptions{Reviewed: b.preview})
		}
		b.err = errors.Join(b.err, s.Close())
		return b
	})
)

func removeShared() error {
	if sharedFolder == "" {
		return nil
	}
	return os.RemoveAll(sharedFolder)
}

// upRoot is a folder of the test's own in which the reference client is up.
func upRoot(t *testing.T) (root string, preview, up *engine.Result) {
	t.Helper()
	pulumiCLI(t)
	b := broughtUp()
	if b.err != nil {
		t.Fatal(b.err)
	}
	root = t.TempDir()
	if err := copyFolder(b.root, root); err != nil {
		t.Fatal(err)
	}
	return root, b.preview, b.up
}

// copyFolder copies what from holds into to.
func copyFolder(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		if entry.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		if !entry.Type().IsRegular() {
			return fmt.Errorf("copy %s: it is not a plain file", path)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, text, 0o600)
	})
}
