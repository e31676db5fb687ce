package host

import (
	"regexp"
	"strings"
)

// ReadSettings reads a flat file of lines "key value" or "key = value"; the last line of a key counts.
func ReadSettings(text string) Settings {
	all := Settings{}
	for _, line := range lines(text, "#;") {
		end := strings.IndexAny(line, " \t=")
		if end < 0 {
			all[line] = ""
			continue
		}
		all[line[:end]] = strings.TrimLeft(line[end:], " \t=")
	}
	return all
}

// Lines are the lines of a text that say something: no comments, no empty ones, continued ones joined.
func Lines(text string) []string { return lines(text, "#") }

var aptLine = regexp.MustCompile(`^([A-Za-z0-9:_-]+)(?:\s+|\s*=\s*)"([^"]*)"\s*;$`)

// ReadAPT reads what APT is told, of a form that has each setting on a line of its own; lists are left out. The last line of
// a setting counts.
func ReadAPT(text string) Settings {
	all := Settings{}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "//")
		if m := aptLine.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			all[m[1]] = m[2]
		}
	}
	return all
}

// Commands are the simple commands of a shell script, each in words, with quotes taken off: enough to see what a program is
// called with, not what the script decides. Words with variables keep their $.
func Commands(script string) [][]string {
	var all [][]string
	for _, line := range lines(script, "#") {
		var words []string
		var b strings.Builder
		begun := false
		word := func() {
			if begun {
				words = append(words, b.String())
				b.Reset()
				begun = false
			}
		}
		command := func() {
			word()
			if len(words) > 0 {
				all = append(all, words)
			}
			words = nil
		}
		quote := byte(0)
	scan:
		for i := 0; i < len(line); i++ {
			switch c := line[i]; {
			case quote != 0:
				switch {
				case c == quote:
					quote = 0
				case c == '\\' && quote == '"' && i+1 < len(line):
					i++
					b.WriteByte(line[i])
				default:
					b.WriteByte(c)
				}
			case c == '\'' || c == '"':
				quote, begun = c, true
			case c == '\\' && i+1 < len(line):
				i++
				b.WriteByte(line[i])
				begun = true
			case c == ' ' || c == '\t':
				word()
			case c == '#' && !begun:
				break scan
			case c == ';' || c == '|' || c == '&' || c == '(' && !begun || c == ')':
				command()
			default:
				b.WriteByte(c)
				begun = true
			}
		}
		command()
	}
	return all
}
