package markdown

import "strings"

// The most that a text may be nested, opened and marked, so that goldmark's work and the HTML stay in proportion to its length:
// some of its rules look at everything that was opened before, and a table's rows are as wide as its head.
const (
	maxContainers = 12     // of > and list marks at the start of one line
	maxIndent     = 60     // columns at the start of a line, code aside
	maxBrackets   = 250    // of [ in one paragraph
	maxMarks      = 1000   // of * _ ~ ` in one paragraph
	maxCells      = 40_000 // a paragraph's lines times the most | in one of them, of all paragraphs
)

// tangled tells whether a text is made to keep a parser busy, and not to be read. A paragraph here is what stands between empty
// lines, a whole list for instance.
func tangled(source string) bool {
	lines, pipes, brackets, marks, cells := 0, 0, 0, 0, 0
	for line := range strings.Lines(source) {
		content := strings.TrimSpace(line)
		if content == "" {
			cells += lines * pipes
			lines, pipes, brackets, marks = 0, 0, 0, 0
			continue
		}
		if nested(line) {
			return true
		}
		lines++
		pipes = max(pipes, strings.Count(content, "|"))
		brackets += strings.Count(content, "[")
		for i := range len(content) {
			switch content[i] {
			case '*', '_', '~', '`':
				if i == 0 || content[i-1] != content[i] { // a run is one mark
					marks++
				}
			}
		}
		if brackets > maxBrackets || marks > maxMarks || cells+lines*pipes > maxCells {
			return true
		}
	}
	return false
}

// nested tells whether a line begins with more containers than anybody can see.
func nested(line string) bool {
	containers, indent := 0, 0
	for i := range len(line) {
		switch c := line[i]; {
		case c == ' ':
			indent++
		case c == '\t':
			indent += 4
		case c == '>':
			containers++
		case (c == '-' || c == '+' || c == '*') && i+1 < len(line) && (line[i+1] == ' ' || line[i+1] == '\t'):
			containers++
		case c >= '0' && c <= '9':
		case (c == '.' || c == ')') && i > 0 && line[i-1] >= '0' && line[i-1] <= '9':
			containers++
		default:
			return containers > maxContainers || indent > maxIndent && containers > 0
		}
	}
	return containers > maxContainers
}
