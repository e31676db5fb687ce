package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// repository is the root, seen from this folder.
const repository = "../.."

// page is a Markdown file.
type page struct {
	path  string // from the root, with slashes
	text  string
	prose string     // text without code
	spans []string   // inline code
	block []codeText // fenced code
}

type codeText struct{ language, text string }

var (
	fence    = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")
	span     = regexp.MustCompile("`([^`\n]+)`")
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	noAnchor = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// pages are all Markdown files of the repository.
func pages(t *testing.T) []page {
	t.Helper()
	var all []page
	err := filepath.WalkDir(repository, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(repository, path)
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && path != repository && (strings.HasPrefix(name, ".") || name == "bin" || name == "testdata") {
			return filepath.SkipDir
		}
		if entry.IsDir() || filepath.Ext(name) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		all = append(all, read(filepath.ToSlash(relative), string(text)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("%d pages found below %s: the search is wrong", len(all), repository)
	}
	return all
}

func read(path, text string) page {
	p := page{path: path, text: text}
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		p.block = append(p.block, codeText{m[1], m[2]})
	}
	p.prose = fence.ReplaceAllString(text, "")
	for _, m := range span.FindAllStringSubmatch(p.prose, -1) {
		p.spans = append(p.spans, m[1])
	}
	p.prose = span.ReplaceAllString(p.prose, "code")
	return p
}

// one is the page at a path.
func one(t *testing.T, path string) page {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, path))
	if err != nil {
		t.Fatal(err)
	}
	return read(path, string(text))
}

// commands are the lines of a page that a reader may type: shell blocks, and inline code.
func (p page) commands() []string {
	lines := append([]string{}, p.spans...)
	for _, b := range p.block {
		if b.language == "sh" {
			for line := range strings.Lines(b.text) {
				line, _, _ = strings.Cut(" "+line, " #") // what follows is for people
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// anchors are the places in a page that a link can name, as GitHub makes them.
func (p page) anchors() map[string]bool {
	all := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(p.text, ""), -1) {
		text := strings.ToLower(strings.ReplaceAll(m[1], "`", ""))
		all[strings.ReplaceAll(noAnchor.ReplaceAllString(text, ""), " ", "-")] = true
	}
	return all
}

func TestLinksLeadSomewhere(t *testing.T) {
	all := pages(t)
	byPath := map[string]page{}
	for _, p := range all {
		byPath[p.path] = p
	}
	links := 0
	for _, p := range all {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(p.text, ""), -1) {
			target := m[1]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			links++
			file, anchor, _ := strings.Cut(target, "#")
			path := p.path
			if file != "" {
				path = filepath.ToSlash(filepath.Join(filepath.Dir(p.path), file))
			}
			if _, err := os.Stat(filepath.Join(repository, path)); err != nil {
				t.Errorf("%s: the link %s leads nowhere", p.path, target)
				continue
			}
			if to, isPage := byPath[path]; anchor != "" && (!isPage || !to.anchors()[anchor]) {
				t.Errorf("%s: the link %s names a place that is not in %s", p.path, target, path)
			}
		}
	}
	if links < 50 {
		t.Errorf("%d links found: the search is wrong", links)
	}
}
