// Package host reads the configuration of a machine as data: what its firewall
// lets in and from whom, who may sign in and how, where its database keeps
// copies. It reads texts as the programs do that they are for, with one
// difference: what it does not understand never counts as a restriction, so that
// a rule which nobody can read is a rule that lets everything through.
//
// The package knows no promise, no graph and nothing of who wrote the texts.
package host

import (
	"path"
	"slices"
	"strings"
)

// File is one file of a machine.
type File struct {
	Content string
	Mode    string // octal, such as 0644
	Owner   string // user:group; "" is root:root
}

// Files are a machine's files by path: those that somebody placed there, not those that come with packages.
type Files map[string]File

// Matching are the paths that fit a pattern of path.Match, in order.
func (f Files) Matching(pattern string) []string {
	var found []string
	begins := pattern
	if i := strings.IndexAny(pattern, `*?[\`); i >= 0 {
		begins = pattern[:i]
	}
	for name := range f {
		if !strings.HasPrefix(name, begins) {
			continue // most are told apart without reading the pattern
		}
		if fits, err := path.Match(pattern, name); err == nil && fits {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

// Writable tells whether others than the owner may write a file, by its mode; a mode that cannot be read is taken for open.
func (f File) Writable() bool { return f.bits()&0o022 != 0 }

// Readable tells whether everybody may read a file.
func (f File) Readable() bool { return f.bits()&0o004 != 0 }

func (f File) bits() int {
	if f.Mode == "" || len(f.Mode) > 5 {
		return 0o777
	}
	bits := 0
	for _, digit := range f.Mode {
		if digit < '0' || digit > '7' {
			return 0o777
		}
		bits = bits<<3 | int(digit-'0')
	}
	return bits
}

// lines are a text's lines without comments and empty ones, with those that end in a backslash joined to the next. Comments
// begin a line; comment lists the characters that begin one.
func lines(text, comment string) []string {
	var all []string
	joined := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if joined == "" && (line == "" || strings.ContainsRune(comment, rune(line[0]))) {
			continue
		}
		if before, more := strings.CutSuffix(line, `\`); more {
			joined += before + " "
			continue
		}
		all = append(all, joined+line)
		joined = ""
	}
	if joined != "" {
		all = append(all, strings.TrimSpace(joined))
	}
	return all
}
