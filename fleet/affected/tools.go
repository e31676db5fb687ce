package affected

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Run starts a program, waits for its end, and returns what it printed on its output.
type Run func(ctx context.Context, name string, args ...string) (string, error)

// Tools asks git and the Go tool, in a folder. It is a Git and a Packages.
type Tools struct {
	Root string // the folder that holds Pulumi.yaml
	Run  Run
}

// NewTools asks git and the Go tool about a folder. The second is nil where the folder has no source of programs.
func NewTools(root string, run Run) (Git, Packages) {
	t := &Tools{Root: root, Run: run}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		return t, nil
	}
	if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(entry))); err != nil {
		return t, nil
	}
	return t, t
}

// RevisionError says that there is nothing to compare with.
type RevisionError struct {
	Root, Revision string
	Problem, Fix   string
	Err            error // what git said; may be nil
}

func (e *RevisionError) Error() string {
	return fmt.Sprintf("compare %s with revision %s: %s\n%s", e.Root, e.Revision, e.Problem, e.Fix)
}

func (e *RevisionError) Unwrap() error { return e.Err }

func (t *Tools) git(ctx context.Context, args ...string) (string, error) {
	return t.Run(ctx, "git", append([]string{"-C", t.Root, "-c", "core.quotePath=false"}, args...)...)
}

// commit is the commit that a revision names.
func (t *Tools) commit(ctx context.Context, revision string) (string, error) {
	fail := func(problem, fix string, err error) error {
		return &RevisionError{Root: t.Root, Revision: revision, Problem: problem, Fix: fix, Err: err}
	}
	if revision == "" || strings.HasPrefix(revision, "-") {
		return "", fail("that is no name of a revision", "name a branch, a tag or a commit, such as origin/main", nil)
	}
	shallow, err := t.git(ctx, "rev-parse", "--is-shallow-repository")
	if err != nil {
		return "", fail("it is not in a git repository, or git is not installed",
			"run berth in a clone of the repository, or select the stacks by name", err)
	}
	commit, err := t.git(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", revision+"^{commit}")
	if err == nil {
		return strings.TrimSpace(commit), nil
	}
	if strings.TrimSpace(shallow) == "true" {
		return "", fail("the clone is shallow and does not reach back to it",
			"fetch the rest with `git fetch --unshallow origin` (in GitHub Actions: fetch-depth: 0 for actions/checkout)", err)
	}
	return "", fail("git knows no such revision", "fetch it with `git fetch origin`, or look it up with `git log --oneline`", err)
}

// Changed are the files that differ between a revision and the working tree, those that are not tracked included. A file
// that git is told to ignore does not count.
func (t *Tools) Changed(ctx context.Context, revision string) ([]string, error) {
	commit, err := t.commit(ctx, revision)
	if err != nil {
		return nil, err
	}
	tracked, err := t.git(ctx, "diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--relative", commit, "--", ".")
	if err != nil {
		return nil, fmt.Errorf("list what differs from revision %s: %w", revision, err)
	}
	others, err := t.git(ctx, "ls-files", "--others", "--exclude-standard", "-z", "--", ".")
	if err != nil {
		return nil, fmt.Errorf("list the files that git does not track yet: %w", err)
	}
	var files []string
	for file := range strings.SplitSeq(tracked+"\x00"+others, "\x00") {
		if file != "" {
			files = append(files, file)
		}
	}
	return files, nil
}

// Old is a file as the revision has it, and nil where it has none.
func (t *Tools) Old(ctx context.Context, revision, path string) ([]byte, error) {
	commit, err := t.commit(ctx, revision)
	if err != nil {
		return nil, err
	}
	listed, err := t.git(ctx, "ls-tree", "--name-only", "-z", commit, "--", path)
	if err != nil {
		return nil, fmt.Errorf("look for %s in revision %s: %w", path, revision, err)
	}
	if listed == "" {
		return nil, nil
	}
	text, err := t.git(ctx, "show", commit+":./"+path)
	if err != nil {
		return nil, fmt.Errorf("read %s of revision %s: %w", path, revision, err)
	}
	return []byte(text), nil
}

// Now is a file as the working tree has it, and nil where it has none.
func (t *Tools) Now(_ context.Context, path string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(t.Root, filepath.FromSlash(path)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return text, nil
}

// listed is what `go list` says of a package.
type listed struct {
	ImportPath    string
	Dir           string
	Standard      bool
	Imports       []string
	EmbedFiles    []string
	EmbedPatterns []string
	Module        *struct {
		Path string
		Main bool
	}
	Error *struct{ Err string }
}

// Closure are a package of the repository and all that it imports, without Go's own.
func (t *Tools) Closure(ctx context.Context, pkg string) ([]Package, error) {
	text, err := t.Run(ctx, "go", "-C", t.Root, "list", "-e", "-deps",
		"-json=ImportPath,Dir,Standard,Imports,EmbedFiles,EmbedPatterns,Module,Error", "./"+pkg)
	if err != nil {
		return nil, fmt.Errorf("ask Go what stacks are built of: %w\n--since needs the Go toolchain (and, once, the modules that go.mod names)", err)
	}
	root, err := filepath.Abs(t.Root)
	if err != nil {
		return nil, fmt.Errorf("find out what stacks are built of: %w", err)
	}
	if resolved, err := filepath.EvalSymlinks(root); err == nil {
		root = resolved
	}
	var all []Package
	for d := json.NewDecoder(strings.NewReader(text)); ; {
		var l listed
		switch err := d.Decode(&l); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("read what Go says that stacks are built of: %w", err)
		}
		if l.Error != nil {
			return nil, fmt.Errorf("find out what stacks are built of: %s: %s", l.ImportPath, strings.TrimSpace(l.Error.Err))
		}
		if l.Standard {
			continue
		}
		p := Package{ImportPath: l.ImportPath, Imports: l.Imports, Embedded: l.EmbedFiles, Embeds: len(l.EmbedPatterns) > 0}
		if l.Module != nil {
			p.Module, p.Own = l.Module.Path, l.Module.Main
		}
		if p.Own {
			relative, err := filepath.Rel(root, l.Dir)
			if err != nil || strings.HasPrefix(relative, "..") {
				return nil, fmt.Errorf("find out what stacks are built of: package %s lies in %s, outside of %s", l.ImportPath, l.Dir, root)
			}
			p.Dir = filepath.ToSlash(relative)
		}
		all = append(all, p)
	}
}
