package markdown

import (
	"net/url"
	"reflect"
	"regexp"
	"strings"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

const rel = "nofollow noopener noreferrer ugc"

// policy is what may be in the output at all.
func policy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "hr", "h3", "h4", "h5", "h6", "ul", "li", "blockquote", "pre", "code", "em", "strong", "del",
		"table", "thead", "tbody", "tr", "th", "td", "a")
	p.AllowAttrs("start").Matching(regexp.MustCompile(`^[0-9]{1,9}$`)).OnElements("ol")
	p.AllowElements("ol")
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^language-[A-Za-z0-9+#_-]{1,40}$`)).OnElements("code")
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^align-(left|center|right)$`)).OnElements("th", "td") //nolint:misspell // HTML's word
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^(person|task)$`)).OnElements("a")
	p.AllowAttrs("href").Matching(regexp.MustCompile(`^(https?://|mailto:|/[^/\\]|/$)`)).OnElements("a")
	p.AllowAttrs("rel").Matching(regexp.MustCompile(`^` + rel + `$`)).OnElements("a")
	p.AllowAttrs("type").Matching(regexp.MustCompile(`^checkbox$`)).OnElements("input")
	p.AllowAttrs("checked", "disabled").Matching(regexp.MustCompile(`^$`)).OnElements("input")
	p.AllowAttrs("aria-label").Matching(regexp.MustCompile(`^(done|open)$`)).OnElements("input")
	p.AllowURLSchemes("http", "https", "mailto")
	p.AllowRelativeURLs(true)
	p.RequireParseableURLs(true)
	return p
}

// outside tells whether a link that somebody wrote may lead there.
func outside(destination string) bool {
	u, err := url.Parse(destination)
	if err != nil {
		return false
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https":
		return u.Host != "" && u.User == nil
	case "mailto":
		return u.Opaque != "" && u.RawQuery == "" && !strings.ContainsAny(u.Opaque, "?\r\n")
	default:
		return false
	}
}

// inside tells whether a resolver's path stays on this site.
func inside(path string) bool {
	u, err := url.Parse(path)
	return err == nil && strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//") && !strings.ContainsAny(path, "\\\r\n\t ") && u.Host == "" && u.Scheme == ""
}

// safeLinks makes of the tree what may be shown.
type safeLinks struct{}

// Transform is goldmark's.
func (safeLinks) Transform(doc *ast.Document, reader text.Reader, state parser.Context) {
	source := reader.Source()
	all, _ := state.Get(lookupsKey).(*lookups)
	var replace []func()
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading: // a page has headings of its own above
			n.Level = min(n.Level+2, 6)
		case *ast.Link:
			n.Title = nil
			if !outside(string(n.Destination)) {
				replace = append(replace, func() { unwrap(n) })
				break
			}
			n.SetAttributeString("rel", []byte(rel))
		case *ast.AutoLink:
			if !outside(autoURL(n, source)) {
				replace = append(replace, func() { n.Parent().ReplaceChild(n.Parent(), n, ast.NewString(n.Label(source))) })
				break
			}
			n.SetAttributeString("rel", []byte(rel))
		case *ast.Image:
			replace = append(replace, func() { imageToLink(n) })
		case *extast.TableCell:
			if n.Alignment != extast.AlignNone {
				n.SetAttributeString("class", []byte("align-"+n.Alignment.String()))
			}
		case *ast.Text:
			if all != nil && !n.IsRaw() && !within(n) && !inCode(n) {
				replace = append(replace, func() { linkTasks(n, source, all) })
			}
		case *mention:
			if within(n) {
				n.link = nil
			}
		}
		return ast.WalkContinue, nil
	})
	for _, do := range replace {
		do()
	}
}

func autoURL(n *ast.AutoLink, source []byte) string {
	destination := string(n.URL(source))
	if n.AutoLinkType == ast.AutoLinkEmail && !strings.HasPrefix(strings.ToLower(destination), "mailto:") {
		return "mailto:" + destination
	}
	return destination
}

// within tells whether a node is in a link already.
func within(n ast.Node) bool {
	for p := n.Parent(); p != nil; p = p.Parent() {
		switch p.(type) {
		case *ast.Link, *ast.Image:
			return true
		}
	}
	return false
}

func inCode(n ast.Node) bool {
	_, code := n.Parent().(*ast.CodeSpan)
	return code
}

// unwrap leaves a link's text without the link.
func unwrap(n ast.Node) {
	parent := n.Parent()
	for child := n.FirstChild(); child != nil; {
		next := child.NextSibling()
		parent.InsertBefore(parent, n, child)
		child = next
	}
	parent.RemoveChild(parent, n)
}

// imageToLink leaves a link to the image, unless it is in a link, or leads nowhere that is allowed.
func imageToLink(n *ast.Image) {
	if !n.HasChildren() {
		n.AppendChild(n, ast.NewString([]byte("image")))
	}
	if within(n) || !outside(string(n.Destination)) {
		unwrap(n)
		return
	}
	link := ast.NewLink()
	link.Destination = n.Destination
	link.SetAttributeString("rel", []byte(rel))
	for child := n.FirstChild(); child != nil; {
		next := child.NextSibling()
		link.AppendChild(link, child)
		child = next
	}
	n.Parent().ReplaceChild(n.Parent(), n, link)
}

// nodes renders what goldmark does not know, or not so that it can be read to somebody.
type nodes struct{}

// RegisterFuncs is goldmark's.
func (nodes) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(extast.KindTaskCheckBox, func(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			box := `<input type="checkbox" disabled="" aria-label="open"> `
			if n.(*extast.TaskCheckBox).IsChecked {
				box = `<input type="checkbox" checked="" disabled="" aria-label="done"> `
			}
			_, _ = w.WriteString(box)
		}
		return ast.WalkContinue, nil
	})
	r.Register(kindMention, func(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			n.(*mention).write(w)
		}
		return ast.WalkContinue, nil
	})
}

func same(a, b any) bool { return reflect.TypeOf(a) == reflect.TypeOf(b) }

// priority is where goldmark has a block parser by default.
func priority(p parser.BlockParser) int {
	for _, v := range parser.DefaultBlockParsers() {
		if same(v.Value, p) {
			return v.Priority
		}
	}
	return -1
}
