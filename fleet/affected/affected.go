package affected

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/berth-iac/berth/spec"
)

// Git tells what differs from a revision. Paths are relative to the folder that holds Pulumi.yaml, with slashes.
type Git interface {
	// Changed are the files that differ between a revision and the working tree: changed, added and not yet tracked, deleted.
	Changed(ctx context.Context, revision string) ([]string, error)
	// Old is a file as the revision has it, and nil where it has none.
	Old(ctx context.Context, revision, path string) ([]byte, error)
	// Now is a file as the working tree has it, and nil where it has none.
	Now(ctx context.Context, path string) ([]byte, error)
}

// Packages tells what a program is built of.
type Packages interface {
	// Closure are a package and all that it imports, directly or not, without Go's own.
	Closure(ctx context.Context, pkg string) ([]Package, error)
}

// Package is one Go package of a program.
type Package struct {
	ImportPath string
	Imports    []string // import paths, Go's own included
	Module     string   // path of the module that it is from
	// Dir is its folder relative to the root, with slashes; only of the repository's own.
	Dir string
	Own bool // it is from the repository's own module
	// Embedded are the files that it embeds, relative to Dir. Embeds tells that it embeds any, present or not.
	Embedded []string
	Embeds   bool
}

// Input is what Since works on.
type Input struct {
	Revision string
	// Stacks are those to judge, each with its kind; "" where its file cannot be read.
	Stacks   map[string]spec.Kind
	Git      Git
	Packages Packages // nil: the programs' source is not here, as where only stacks' files and berth itself are
}

// Answer is what a difference can change.
type Answer struct {
	Since  string  `json:"since"`
	Stacks []Stack `json:"stacks"` // those that may change, sorted
	// Removed are stacks whose file is gone: nobody previews them, and what they made goes on.
	Removed []string `json:"removed,omitempty"`
	Changed int      `json:"changed"` // files that differ
	Notes   []string `json:"notes,omitempty"`
}

// Stack is one that may change.
type Stack struct {
	Name    string   `json:"name"`
	Reasons []Reason `json:"reasons"` // by file
}

// Reason is why a stack may change.
type Reason struct {
	File string `json:"file"` // relative to the root
	Why  string `json:"why"`
}

// Names are the names of the stacks that may change, sorted.
func (a *Answer) Names() []string {
	names := []string{}
	for _, s := range a.Stacks {
		names = append(names, s.Name)
	}
	return names
}

// Has tells whether a stack may change.
func (a *Answer) Has(stack string) bool {
	return slices.ContainsFunc(a.Stacks, func(s Stack) bool { return s.Name == stack })
}

// entry is the package that every stack begins in, and stacks are below this folder.
const entry = "stacks/program"

// programs are where the program of each kind is. One that is missing here counts as part of the entry, and so for all.
var programs = map[spec.Kind]string{
	spec.KindAWSClient:    "stacks/awsclient",
	spec.KindLightClient:  "stacks/lightclient",
	spec.KindSites:        "stacks/sites",
	spec.KindSiteClient:   "stacks/siteclient",
	spec.KindOnPremises:   "stacks/onpremises",
	spec.KindOrganisation: "stacks/organisation",
}

// Since says which stacks the difference between a revision and the working tree can change, and why.
func Since(ctx context.Context, in Input) (*Answer, error) {
	changed, err := in.Git.Changed(ctx, in.Revision)
	if err != nil {
		return nil, err
	}
	slices.Sort(changed)
	changed = slices.Compact(changed)
	j := &judge{in: in, answer: &Answer{Since: in.Revision, Stacks: []Stack{}, Changed: len(changed)}, reasons: map[string][]Reason{}}
	source := false
	for _, file := range changed {
		if !j.config(ctx, file) {
			source = true
		}
	}
	if source && in.Packages == nil {
		j.answer.Notes = append(j.answer.Notes, "the programs' source is not in this repository: another release of berth is not seen here")
	}
	if source && in.Packages != nil {
		if err := j.source(ctx, changed); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(j.reasons)) {
		j.answer.Stacks = append(j.answer.Stacks, Stack{Name: name, Reasons: j.reasons[name]})
	}
	return j.answer, nil
}

// judge collects reasons.
type judge struct {
	in      Input
	answer  *Answer
	reasons map[string][]Reason // by stack

	packages map[string]Package                // by import path
	uses     map[string]map[spec.Kind]struct{} // which kinds' programs a package is in
	byDir    map[string]Package                // the repository's own
}

func (j *judge) add(stack string, reason Reason) {
	if !slices.Contains(j.reasons[stack], reason) {
		j.reasons[stack] = append(j.reasons[stack], reason)
	}
}

// all takes a reason for every stack.
func (j *judge) all(reason Reason) {
	for stack := range j.in.Stacks {
		j.add(stack, reason)
	}
}

// kinds takes a reason for the stacks of some kinds. One whose kind is not known, or has no program, might be of any.
func (j *judge) kinds(kinds map[spec.Kind]struct{}, reason Reason) {
	for stack, kind := range j.in.Stacks {
		_, uses := kinds[kind]
		if _, known := programs[kind]; uses || !known {
			j.add(stack, reason)
		}
	}
}

// config judges a file of Pulumi's, and tells whether it was one.
func (j *judge) config(_ context.Context, file string) bool {
	if file == "Pulumi.yaml" {
		j.all(Reason{file, "the project is what all stacks belong to"})
		return true
	}
	stack, ok := strings.CutPrefix(file, "Pulumi.")
	if !ok {
		return false
	}
	if stack, ok = strings.CutSuffix(stack, ".yaml"); !ok || strings.Contains(file, "/") {
		return false
	}
	if _, ok := j.in.Stacks[stack]; ok {
		j.add(stack, Reason{file, "it is the stack's own file"})
	} else {
		j.answer.Removed = append(j.answer.Removed, stack)
	}
	return true
}

// source judges everything else by what programs are built of.
func (j *judge) source(ctx context.Context, changed []string) error {
	if err := j.load(ctx); err != nil {
		return err
	}
	var unused []string
	for _, file := range changed {
		switch {
		case j.isConfig(file):
		case file == "go.mod":
			if err := j.modules(ctx); err != nil {
				return err
			}
		case file == "go.sum":
			if err := j.sums(ctx); err != nil {
				return err
			}
		case file == "go.work", strings.HasPrefix(file, "vendor/"):
			j.all(Reason{file, "it decides where packages come from"})
		default:
			if !j.file(file) {
				unused = append(unused, file)
			}
		}
	}
	for _, folder := range []string{"engine", "localcloud", "machine/provider", "cmd"} {
		if slices.ContainsFunc(unused, func(file string) bool { return strings.HasPrefix(file, folder+"/") && !isTest(file) }) {
			j.answer.Notes = append(j.answer.Notes, folder+"/ differs, which is in no stack's program, but in how stacks are run")
		}
	}
	return nil
}

func (j *judge) isConfig(file string) bool {
	return strings.HasPrefix(file, "Pulumi.") && strings.HasSuffix(file, ".yaml") && !strings.Contains(file, "/")
}

// load asks what programs are built of. A package that the entry imports is in every program, unless only other kinds'
// programs lead to it.
func (j *judge) load(ctx context.Context) error {
	all, err := j.in.Packages.Closure(ctx, entry)
	if err != nil {
		return err
	}
	j.packages, j.byDir, j.uses = map[string]Package{}, map[string]Package{}, map[string]map[spec.Kind]struct{}{}
	start := ""
	at := map[string]string{} // import paths by folder
	for _, p := range all {
		j.packages[p.ImportPath] = p
		if p.Own {
			j.byDir[p.Dir], at[p.Dir] = p, p.ImportPath
		}
		if p.Own && p.Dir == entry {
			start = p.ImportPath
		}
	}
	if start == "" {
		return fmt.Errorf("find out what stacks are built of: %s is no package here", entry)
	}
	for kind := range programs {
		elsewhere := map[string]bool{}
		for other, dir := range programs {
			elsewhere[at[dir]] = other != kind
		}
		seen := map[string]bool{}
		j.walk(start, kind, seen, elsewhere)
		if dir := at[programs[kind]]; dir != "" {
			j.walk(dir, kind, map[string]bool{}, nil) // all of its own, even where that is another kind's
		}
	}
	return nil
}

func (j *judge) walk(importPath string, kind spec.Kind, seen, except map[string]bool) {
	p, known := j.packages[importPath]
	if !known || seen[importPath] || except[importPath] {
		return
	}
	seen[importPath] = true
	if j.uses[importPath] == nil {
		j.uses[importPath] = map[spec.Kind]struct{}{}
	}
	j.uses[importPath][kind] = struct{}{}
	for _, next := range p.Imports {
		j.walk(next, kind, seen, except)
	}
}

// isTest tells whether a file is for tests alone.
func isTest(file string) bool {
	return strings.HasSuffix(file, "_test.go") || slices.Contains(strings.Split(path.Dir(file), "/"), "testdata")
}

// file judges one file of the source, and tells whether any program has it.
func (j *judge) file(file string) bool {
	p, within := j.owner(file)
	if p.ImportPath == "" {
		return false
	}
	reason := Reason{file, "package " + p.Dir + " is in the programs of " + j.who(p.ImportPath)}
	direct := path.Dir(file) == p.Dir
	embedded := slices.Contains(p.Embedded, within)
	switch {
	case embedded:
		reason.Why = "package " + p.Dir + " embeds it, and is in the programs of " + j.who(p.ImportPath)
	case isTest(file):
		return false
	case direct && strings.HasSuffix(file, ".go"):
	case direct && strings.HasSuffix(file, ".s"), direct && strings.HasSuffix(file, ".c"), direct && strings.HasSuffix(file, ".h"):
	case p.Embeds && j.gone(file):
		reason.Why = "it is gone from package " + p.Dir + ", which embeds files and is in the programs of " + j.who(p.ImportPath)
	default:
		return false
	}
	j.kinds(j.uses[p.ImportPath], reason)
	return true
}

// owner is the package whose folder a file is in, or nearest above, with the file's path there.
func (j *judge) owner(file string) (Package, string) {
	for dir := path.Dir(file); ; dir = path.Dir(dir) {
		if p, ok := j.byDir[dir]; ok {
			return p, strings.TrimPrefix(strings.TrimPrefix(file, dir), "/")
		}
		if dir == "." || dir == "/" {
			return Package{}, ""
		}
	}
}

// gone tells whether the working tree has no such file. What cannot be read counts as gone: the careful answer.
func (j *judge) gone(file string) bool {
	text, err := j.in.Git.Now(context.Background(), file)
	return err != nil || text == nil
}

// who names the kinds that a package is in the programs of.
func (j *judge) who(importPath string) string {
	kinds := slices.Sorted(maps.Keys(j.uses[importPath]))
	if len(kinds) == len(programs) {
		return "all kinds"
	}
	var names []string
	for _, kind := range kinds {
		names = append(names, string(kind))
	}
	return strings.Join(names, ", ")
}
