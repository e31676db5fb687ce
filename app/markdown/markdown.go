// Package markdown makes safe HTML of what people write: CommonMark with tables, strikethrough, task lists and bare links. It knows
// nothing else: what @ada or OPS-12 stand for it asks the caller.
//
// HTML in the text is shown as text. Links lead to http, https and mailto only, and say nothing of where they were followed from; an
// image is a link to it, for a page makes no requests elsewhere. The output carries no style, script, id or event, and passes a
// policy of allowed elements once more before it is given out, so that a mistake in the first does not show.
package markdown

import (
	"bytes"
	"fmt"
	"html"
	"html/template"
	"slices"
	"strings"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/util"

	"github.com/berth-iac/berth/app/fault"
)

const (
	// MaxBytes is how long a text may be.
	MaxBytes = 64 << 10
	// maxLookups is how many different names and keys of one text are asked for.
	maxLookups = 100
)

// Kind says what a reference is to.
type Kind int

// The kinds of reference.
const (
	Person Kind = iota // @ada: the name is ada
	Task               // OPS-12: the name is OPS-12
)

// Link is what a reference leads to.
type Link struct {
	Path  string // on this site, such as /tasks/OPS-12; another is ignored
	Title string // shown in place of the name, if not empty
}

// Resolver tells what a reference leads to; false leaves it as text. Whoever may not see a thing must not get a link to it.
type Resolver func(kind Kind, name string) (Link, bool)

// Renderer makes HTML of Markdown. One is enough for a process.
type Renderer struct {
	markdown goldmark.Markdown
	policy   *bluemonday.Policy
}

// New makes one.
func New() *Renderer {
	blocks := slices.DeleteFunc(parser.DefaultBlockParsers(), func(v util.PrioritizedValue) bool { return v.Priority == priority(parser.NewHTMLBlockParser()) })
	inlines := slices.DeleteFunc(parser.DefaultInlineParsers(), func(v util.PrioritizedValue) bool { return same(v.Value, parser.NewRawHTMLParser()) })
	inlines = append(inlines, util.Prioritized(personParser{}, 90)) //nolint:misspell // goldmark's word
	p := parser.NewParser(
		parser.WithBlockParsers(blocks...), parser.WithInlineParsers(inlines...), parser.WithParagraphTransformers(parser.DefaultParagraphTransformers()...),
		parser.WithASTTransformers(util.Prioritized(safeLinks{}, 1000)), //nolint:misspell // goldmark's word
	)
	return &Renderer{
		markdown: goldmark.New(
			goldmark.WithParser(p),
			goldmark.WithExtensions(
				extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignNone)),
				extension.Strikethrough, extension.TaskList,
				extension.NewLinkify(extension.WithLinkifyAllowedProtocols([]string{"http:", "https:", "mailto:"})),
			),
			goldmark.WithRendererOptions(renderer.WithNodeRenderers(util.Prioritized(nodes{}, 100))), //nolint:misspell // goldmark's word
		),
		policy: policy(),
	}
}

// Render gives the HTML. resolve may be nil. The only error is fault.TooLarge; a text that is nested beyond reason is shown as it
// was written.
func (r *Renderer) Render(source string, resolve Resolver) (template.HTML, error) {
	if len(source) > MaxBytes {
		return "", fault.Oversize("text", fmt.Sprintf("it is longer than %d KiB", MaxBytes>>10), "make it shorter, or attach it as a file")
	}
	source = strings.ToValidUTF8(source, "\uFFFD")
	if tangled(source) {
		return plain(source), nil
	}
	var out bytes.Buffer
	if err := r.convert(source, resolve, &out); err != nil {
		return plain(source), nil //nolint:nilerr // a text that cannot be made into HTML is shown as it is
	}
	return template.HTML(r.policy.SanitizeBytes(out.Bytes())), nil //nolint:gosec // that is what the policy is for
}

func (r *Renderer) convert(source string, resolve Resolver, out *bytes.Buffer) (err error) {
	defer func() {
		if p := recover(); p != nil { // a text must not take the page down
			err = fmt.Errorf("make HTML of Markdown: %v", p)
		}
	}()
	state := parser.NewContext()
	state.Set(lookupsKey, &lookups{resolve: resolve, known: map[reference]*Link{}})
	return r.markdown.Convert([]byte(source), out, parser.WithContext(state))
}

// References gives the people and tasks that a text names outside of code, each once, in order.
func (r *Renderer) References(source string) (people, tasks []string) {
	_, err := r.Render(source, func(kind Kind, name string) (Link, bool) {
		if kind == Person {
			people = append(people, name)
		} else {
			tasks = append(tasks, name)
		}
		return Link{}, false
	})
	if err != nil {
		return nil, nil
	}
	return people, tasks
}

func plain(source string) template.HTML {
	return template.HTML("<pre>" + html.EscapeString(source) + "</pre>\n") //nolint:gosec // it is escaped
}
