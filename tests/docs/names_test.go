package docs

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/spec"
)

var (
	makeWord   = regexp.MustCompile(`(?:^|[\s;&(])make ([a-z][a-z-]*)`)
	makeTarget = regexp.MustCompile(`(?m)^([a-z][a-z-]*):`)
	berthWord  = regexp.MustCompile(`(?:^|[\s;&(/])berth ([a-z]+)(?: ([a-z]+))?`)
	flagWord   = regexp.MustCompile(`(?:^| )--([a-z][a-z-]*)`)
	treePath   = regexp.MustCompile(`^(cmd|components|docs|engine|localcloud|spec|stacks|tests|tools)/[\w./-]*$`)
	resource   = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
)

// handWritten are the pages that people write; the command reference is generated.
func handWritten(t *testing.T) []page {
	t.Helper()
	return slices.DeleteFunc(pages(t), func(p page) bool { return strings.HasPrefix(p.path, "docs/cli/") })
}

func TestCommandsExist(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(repository, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	targets := map[string]bool{}
	for _, m := range makeTarget.FindAllStringSubmatch(string(makefile), -1) {
		targets[m[1]] = true
	}
	common := one(t, "docs/cli/README.md").text
	found := 0
	for _, p := range handWritten(t) {
		for _, line := range p.commands() {
			for _, m := range makeWord.FindAllStringSubmatch(line, -1) {
				found++
				if !targets[m[1]] {
					t.Errorf("%s: `make %s` is not in the Makefile", p.path, m[1])
				}
			}
			for _, m := range berthWord.FindAllStringSubmatch(line, -1) {
				found++
				reference, ok := referenceOf(m[1], m[2])
				if !ok {
					t.Errorf("%s: `berth %s` is not in docs/cli: %q", p.path, m[1], line)
					continue
				}
				_, after, _ := strings.Cut(line, m[0])
				for _, flag := range flagWord.FindAllStringSubmatch(after, -1) {
					if name := "`--" + flag[1]; !strings.Contains(reference+common, name+"`") && !strings.Contains(reference+common, name+" ") &&
						!strings.Contains(reference+common, ", --"+flag[1]+"`") {
						t.Errorf("%s: `berth %s` has no flag --%s: %q", p.path, m[1], flag[1], line)
					}
				}
			}
		}
	}
	if found < 30 {
		t.Errorf("%d commands found: the search is wrong", found)
	}
}

// referenceOf is the page of a command or of its subcommand.
func referenceOf(name, sub string) (string, bool) {
	for _, file := range []string{name + "-" + sub, name} {
		if text, err := os.ReadFile(filepath.Join(repository, "docs/cli", file+".md")); err == nil {
			return string(text), true
		}
	}
	return "", false
}

func TestPathsExist(t *testing.T) {
	for _, p := range handWritten(t) {
		if strings.HasPrefix(p.path, "tests/") {
			continue // its paths are its own folder's
		}
		for _, code := range p.spans {
			if !treePath.MatchString(code) {
				continue
			}
			if _, err := os.Stat(filepath.Join(repository, code)); err != nil {
				t.Errorf("%s: there is no %s", p.path, code)
			}
		}
	}
}

// Whoever looks for a resource starts from ARCHITECTURE.md: nothing may be missing there, and nothing invented.
func TestArchitectureNamesEverything(t *testing.T) {
	architecture := one(t, "ARCHITECTURE.md")
	said := map[string]bool{}
	for _, code := range architecture.spans {
		said[code] = true
	}
	packages, err := os.ReadDir(filepath.Join(repository, "components"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range packages {
		if entry.IsDir() && !said["components/"+entry.Name()] {
			t.Errorf("ARCHITECTURE.md does not name components/%s", entry.Name())
		}
	}
	outlines, err := filepath.Glob(filepath.Join(repository, "stacks/*/testdata/*.outline.golden"))
	if err != nil || len(outlines) < 3 {
		t.Fatalf("outlines %v, %v", outlines, err)
	}
	made, top := map[string]bool{}, map[string]bool{}
	for _, path := range outlines {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			name, _, _ := strings.Cut(strings.TrimLeft(line, " "), "  ")
			made[name] = true
			if !strings.HasPrefix(line, " ") {
				top[name] = true
			}
		}
	}
	for name := range top {
		if !said[name] {
			t.Errorf("ARCHITECTURE.md does not say where %s is made", name)
		}
	}
	for code := range said {
		component := slices.ContainsFunc(slices.Collect(maps.Keys(top)), func(name string) bool { return strings.HasPrefix(code, name+"-") })
		if component && resource.MatchString(code) && !made[code] {
			t.Errorf("ARCHITECTURE.md speaks of %s, which no reference stack makes", code)
		}
	}
}

// A whole stack's file in a page is one that can be used.
func TestStackFilesAreValid(t *testing.T) {
	now := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
	found := 0
	for _, p := range pages(t) {
		for _, b := range p.block {
			if b.language != "yaml" || !strings.HasPrefix(b.text, "config:") {
				continue
			}
			found++
			if _, err := spec.DecodeFile(p.path, []byte(b.text), spec.Options{Now: now}); err != nil {
				t.Errorf("%s: %v", p.path, err)
			}
		}
	}
	if found == 0 {
		t.Error("no stack's file found: docs/spec.md shows one")
	}
}
