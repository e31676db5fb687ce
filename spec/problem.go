package spec

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Problem is one thing that is wrong with a spec and how to mend it.
type Problem struct {
	// Path is the key, such as berth:spec.database.pointInTimeDays.
	Path string
	// Value is what was found, shortened; never a value that looks like a secret.
	Value    string
	Expected string
	Fix      string
	// File and Line say where; empty and 0 when unknown.
	File string
	Line int
}

func (p Problem) String() string {
	where := ""
	if p.File != "" {
		where = p.File + ":"
		if p.Line > 0 {
			where += strconv.Itoa(p.Line) + ":"
		}
		where += " "
	}
	return where + strings.Join([]string{p.Path, p.Value, p.Expected, p.Fix}, ": ")
}

// Problems are all that is wrong with a spec, sorted by path.
type Problems []Problem

// Error lists the problems, one per line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].String()
	}
	return strings.Join(lines, "\n")
}

// root is the path of the spec itself.
const root = "berth:spec"

// report collects problems. A path that is refused while the text is read is
// not judged again by the checks that follow, for they would judge a value that
// nobody wrote.
type report struct {
	file     string
	lines    map[string]int
	problems Problems
	refused  map[string]bool
}

func newReport(file string) *report {
	return &report{file: file, lines: map[string]int{}, refused: map[string]bool{}}
}

// refuse reports a value that could not be read.
func (r *report) refuse(path, value, expected, fix string) {
	if !r.good(path) {
		return
	}
	r.refused[path] = true
	r.append(path, value, expected, fix)
}

// add reports a value that was read but cannot stand. The path is relative to the spec.
func (r *report) add(path, value, expected, fix string) {
	if path = root + "." + path; r.good(path) {
		r.append(path, value, expected, fix)
	}
}

// sound tells whether all paths, relative to the spec, were read, so that a check may compare them.
func (r *report) sound(paths ...string) bool {
	return !slices.ContainsFunc(paths, func(path string) bool { return !r.good(root + "." + path) })
}

// good tells whether neither the path nor anything it is part of was refused.
func (r *report) good(path string) bool {
	for {
		if r.refused[path] {
			return false
		}
		i := strings.LastIndexAny(path, ".[")
		if i < 0 {
			return true
		}
		path = path[:i]
	}
}

func (r *report) append(path, value, expected, fix string) {
	p := Problem{Path: path, Value: value, Expected: expected, Fix: fix, File: r.file}
	if r.file != "" {
		p.Line = r.line(path)
	}
	for _, text := range []*string{&p.Path, &p.Value, &p.Expected, &p.Fix} {
		*text = secretPattern.ReplaceAllString(*text, hidden)
	}
	r.problems = append(r.problems, p)
}

// line is where a key stands, or what it would be part of.
func (r *report) line(path string) int {
	for {
		if n, ok := r.lines[path]; ok {
			return n
		}
		i := strings.LastIndexAny(path, ".[")
		if i < 0 {
			return 0
		}
		path = path[:i]
	}
}

// err is every problem in order, or nil.
func (r *report) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(r.problems, func(a, b Problem) int {
		return cmp.Or(comparePaths(a.Path, b.Path), cmp.Compare(a.Expected, b.Expected))
	})
	return r.problems
}

var pathParts = regexp.MustCompile(`[0-9]+|[^0-9]+`)

// comparePaths orders paths so that element 10 of a list comes after element 9.
func comparePaths(a, b string) int {
	as, bs := pathParts.FindAllString(a, -1), pathParts.FindAllString(b, -1)
	for i := range min(len(as), len(bs)) {
		m, errA := strconv.Atoi(as[i])
		n, errB := strconv.Atoi(bs[i])
		if errA == nil && errB == nil && m != n {
			return cmp.Compare(m, n)
		}
		if c := cmp.Compare(as[i], bs[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(as), len(bs))
}

const maxShown = 60 // characters of a value that a message repeats

// show prints a value for a message: text in quotes, everything else as it is written.
func show(value any) string {
	text, ok := value.(string)
	if !ok {
		return shorten(fmt.Sprint(value))
	}
	if looksSecret(text) {
		return hidden
	}
	return strconv.Quote(shorten(text))
}

func shorten(text string) string {
	if runes := []rune(text); len(runes) > maxShown {
		return string(runes[:maxShown]) + "…"
	}
	return text
}

// segment is a key as a path shows it.
func segment(key string) string {
	odd := func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("_-:", c)
	}
	switch {
	case looksSecret(key):
		return hidden
	case key == "" || strings.ContainsFunc(key, odd):
		return strconv.Quote(shorten(key))
	}
	return shorten(key)
}

// list joins words as a sentence does: a, b or c.
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
