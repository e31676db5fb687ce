package markdown

import (
	"html"
	"regexp"
	"unicode"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// reference is what a text names.
type reference struct {
	kind Kind
	name string
}

// lookups asks the caller once for each.
type lookups struct {
	resolve Resolver
	known   map[reference]*Link
}

var lookupsKey = parser.NewContextKey()

func (l *lookups) find(r reference) *Link {
	if l.resolve == nil {
		return nil
	}
	link, asked := l.known[r]
	if asked || len(l.known) >= maxLookups {
		return link
	}
	if found, ok := l.resolve(r.kind, r.name); ok && inside(found.Path) {
		link = &found
	}
	l.known[r] = link
	return link
}

// mention is a reference that leads somewhere.
type mention struct {
	ast.BaseInline
	reference
	written string
	link    *Link // nil writes it as it was
}

var kindMention = ast.NewNodeKind("Mention")

// Kind is goldmark's.
func (*mention) Kind() ast.NodeKind { return kindMention }

// Dump is goldmark's.
func (m *mention) Dump(source []byte, level int) {
	ast.DumpHelper(m, source, level, map[string]string{"name": m.name}, nil)
}

func (m *mention) write(w util.BufWriter) {
	if m.link == nil {
		_, _ = w.WriteString(html.EscapeString(m.written))
		return
	}
	class, label := "person", m.link.Title
	if m.kind == Task {
		class = "task"
	}
	if label == "" {
		label = m.written
	}
	_, _ = w.WriteString(`<a class="` + class + `" href="` + html.EscapeString(m.link.Path) + `">` + html.EscapeString(label) + `</a>`)
}

var (
	personPattern = regexp.MustCompile(`^@([\p{L}\p{N}](?:[\p{L}\p{N}._-]{0,61}[\p{L}\p{N}])?)`)
	taskPattern   = regexp.MustCompile(`[A-Z][A-Z0-9]{1,9}-[1-9][0-9]{0,8}`)
)

// personParser finds people where text is, and not code. It has to be a parser, for a name may have an underscore, which would
// otherwise be taken for emphasis.
type personParser struct{}

// Trigger is goldmark's.
func (personParser) Trigger() []byte { return []byte{'@'} }

// Parse is goldmark's.
func (personParser) Parse(_ ast.Node, block text.Reader, state parser.Context) ast.Node {
	if before := block.PrecendingCharacter(); bound(before) {
		return nil
	}
	line, _ := block.PeekLine()
	found := personPattern.FindSubmatch(line)
	all, _ := state.Get(lookupsKey).(*lookups)
	if found == nil || all == nil {
		return nil
	}
	m := &mention{reference: reference{Person, string(found[1])}, written: string(found[0])}
	if m.link = all.find(m.reference); m.link == nil {
		return nil
	}
	block.Advance(len(m.written))
	return m
}

// linkTasks puts links into a piece of text where it names tasks.
func linkTasks(n *ast.Text, source []byte, all *lookups) {
	parent, from := n.Parent(), n.Segment.Start
	for _, at := range taskPattern.FindAllIndex(source[n.Segment.Start:n.Segment.Stop], -1) {
		start, stop := n.Segment.Start+at[0], n.Segment.Start+at[1]
		before, _ := utf8.DecodeLastRune(source[:start])
		after, _ := utf8.DecodeRune(source[stop:])
		if start > 0 && bound(before) || stop < len(source) && (word(after) || after == '-') {
			continue
		}
		m := &mention{reference: reference{Task, string(source[start:stop])}, written: string(source[start:stop])}
		if m.link = all.find(m.reference); m.link == nil {
			continue
		}
		if start > from {
			parent.InsertBefore(parent, n, ast.NewTextSegment(text.NewSegment(from, start)))
		}
		parent.InsertBefore(parent, n, m)
		from = stop
	}
	n.Segment = n.Segment.WithStart(from) // what is left, and the end of the line with it
}

// bound tells whether a character before a reference makes it part of something else: an address, a path, a longer word.
func bound(r rune) bool { return word(r) || r == '@' || r == '/' || r == '-' }

func word(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }
