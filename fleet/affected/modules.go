package affected

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/berth-iac/berth/spec"
	"golang.org/x/mod/modfile"
)

// modules judges a change of go.mod by the modules whose version or place it changes.
func (j *judge) modules(ctx context.Context) error {
	before, err := j.modFile(ctx, j.in.Git.Old)
	if err != nil {
		return err
	}
	after, err := j.modFile(ctx, func(ctx context.Context, _, path string) ([]byte, error) { return j.in.Git.Now(ctx, path) })
	if err != nil {
		return err
	}
	if before == nil || after == nil {
		j.all(Reason{"go.mod", "one of the two sides has none: there is no telling which modules differ"})
		return nil
	}
	if what := language(before, after); what != "" {
		j.all(Reason{"go.mod", what + " differs, which everything is compiled with"})
		return nil
	}
	was, is := versions(before), versions(after)
	for _, module := range slices.Sorted(maps.Keys(is)) {
		if was[module] != is[module] {
			j.module(module, "go.mod", fmt.Sprintf("module %s goes from %s to %s", module, or(was[module], "none"), is[module]))
		}
	}
	for _, module := range slices.Sorted(maps.Keys(was)) {
		if is[module] == "" {
			j.module(module, "go.mod", fmt.Sprintf("module %s is no longer required", module))
		}
	}
	return nil
}

func (j *judge) modFile(ctx context.Context, read func(context.Context, string, string) ([]byte, error)) (*modfile.File, error) {
	text, err := read(ctx, j.in.Revision, "go.mod")
	if err != nil || text == nil {
		return nil, err
	}
	file, err := modfile.ParseLax("go.mod", text, nil)
	if err != nil {
		return nil, fmt.Errorf("compare go.mod with revision %s: %w", j.in.Revision, err)
	}
	// A lax reading leaves out what says where modules are.
	if strict, err := modfile.Parse("go.mod", text, nil); err == nil {
		file = strict
	}
	return file, nil
}

// language says what of two go.mod decides how everything is compiled, and differs.
func language(before, after *modfile.File) string {
	goVersion := func(f *modfile.File) string {
		if f.Go == nil {
			return ""
		}
		return f.Go.Version
	}
	toolchain := func(f *modfile.File) string {
		if f.Toolchain == nil {
			return ""
		}
		return f.Toolchain.Name
	}
	debug := func(f *modfile.File) string {
		var all []string
		for _, g := range f.Godebug {
			all = append(all, g.Key+"="+g.Value)
		}
		slices.Sort(all)
		return strings.Join(all, ",")
	}
	switch {
	case goVersion(before) != goVersion(after):
		return "the version of Go"
	case toolchain(before) != toolchain(after):
		return "the toolchain"
	case debug(before) != debug(after):
		return "a godebug setting"
	case before.Module != nil && after.Module != nil && before.Module.Mod.Path != after.Module.Mod.Path:
		return "the module's own name"
	}
	return ""
}

// versions are where each module comes from: its version, and what replaces it.
func versions(f *modfile.File) map[string]string {
	all := map[string]string{}
	for _, r := range f.Require {
		all[r.Mod.Path] = r.Mod.Version
	}
	for _, r := range f.Replace {
		all[r.Old.Path] = strings.TrimSpace(fmt.Sprintf("%s (%s => %s %s)", all[r.Old.Path], r.Old.Version, r.New.Path, r.New.Version))
	}
	return all
}

// module takes a reason for the kinds whose programs have packages of a module.
func (j *judge) module(module, file, what string) {
	kinds := map[spec.Kind]struct{}{}
	for importPath, p := range j.packages {
		if p.Module == module {
			maps.Copy(kinds, j.uses[importPath])
		}
	}
	if len(kinds) > 0 {
		j.kinds(kinds, Reason{file, what})
	}
}

// sums judges a change of go.sum: the same version with another content is another module.
func (j *judge) sums(ctx context.Context) error {
	before, err := j.in.Git.Old(ctx, j.in.Revision, "go.sum")
	if err != nil {
		return err
	}
	after, err := j.in.Git.Now(ctx, "go.sum")
	if err != nil {
		return err
	}
	was, is := sums(before), sums(after)
	for _, module := range slices.Sorted(maps.Keys(is)) {
		if old, ok := was[module]; ok && old != is[module] {
			name, version, _ := strings.Cut(module, " ")
			j.module(name, "go.sum", fmt.Sprintf("module %s %s has another content than before", name, version))
		}
	}
	return nil
}

// sums are the digests of go.sum by "module version".
func sums(text []byte) map[string]string {
	all := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) == 3 && !strings.HasSuffix(fields[1], "/go.mod") {
			all[fields[0]+" "+fields[1]] = fields[2]
		}
	}
	return all
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
