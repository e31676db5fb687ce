package pages_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/berth-iac/berth/app/pages"
	"github.com/berth-iac/berth/app/pages/pagestest"
)

func render(t testing.TB, page pages.Page) (string, *html.Node) {
	t.Helper()
	var buf bytes.Buffer
	if err := pages.Render(&buf, page); err != nil {
		t.Fatal(err)
	}
	return parse(t, buf.String())
}

func parse(t testing.TB, source string) (string, *html.Node) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	return source, root
}

func walk(n *html.Node, visit func(*html.Node)) {
	if n.Type == html.ElementNode {
		visit(n)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		walk(c, visit)
	}
}

func attr(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

func val(n *html.Node, name string) string {
	v, _ := attr(n, name)
	return v
}

func text(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var b strings.Builder
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		b.WriteString(text(c))
	}
	return b.String()
}

func inside(n *html.Node, name string) *html.Node {
	for p := n.Parent; p != nil; p = p.Parent {
		if p.Type == html.ElementNode && p.Data == name {
			return p
		}
	}
	return nil
}

// urlAttributes hold addresses.
var urlAttributes = []string{"href", "src", "action", "formaction", "poster", "cite", "data", "srcset", "background", "ping"}

// problems are the faults of a page that no page may have.
func problems(root *html.Node, csrfField, csrf string) []string {
	var found []string
	say := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	ids := map[string]bool{}
	labels := map[string]bool{}
	var refs []string
	h1, mains := 0, 0
	walk(root, func(n *html.Node) {
		if id, has := attr(n, "id"); has {
			if id == "" || ids[id] || strings.ContainsAny(id, " \t") {
				say("id %q is empty, has a space, or is used twice", id)
			}
			ids[id] = true
		}
		if n.Data == "label" {
			labels[val(n, "for")] = true
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || strings.HasPrefix(a.Key, "hx-on") || a.Key == "style" {
				say("<%s> has the attribute %s", n.Data, a.Key)
			}
			if slices.Contains(urlAttributes, a.Key) && outward(a.Val) {
				say("<%s %s> leads outward: %q", n.Data, a.Key, a.Val)
			}
			if a.Key == "aria-labelledby" || a.Key == "aria-describedby" || a.Key == "aria-controls" {
				refs = append(refs, strings.Fields(a.Val)...)
			}
		}
	})
	for _, ref := range refs {
		if !ids[ref] {
			say("there is no element with the id %q", ref)
		}
	}
	walk(root, func(n *html.Node) {
		switch n.Data {
		case "html":
			if val(n, "lang") != "en-GB" {
				say("the language is %q", val(n, "lang"))
			}
		case "h1":
			h1++
			if strings.TrimSpace(text(n)) == "" {
				say("the h1 is empty")
			}
		case "main":
			mains++
		case "style", "iframe", "object", "embed", "base":
			say("there is a <%s>", n.Data)
		case "script":
			if !strings.HasPrefix(val(n, "src"), pages.AssetPrefix) || strings.TrimSpace(text(n)) != "" {
				say("there is a script that is not one of the assets")
			}
		case "p":
			if n.FirstChild == nil {
				say("a paragraph is empty: something in it closed it")
			}
		case "img":
			if val(n, "alt") == "" {
				say("a picture has no words")
			}
		case "form":
			formProblems(n, csrfField, csrf, say)
		case "input", "select", "textarea":
			if val(n, "type") == "hidden" {
				return
			}
			if !labels[val(n, "id")] && val(n, "aria-label") == "" {
				say("<%s name=%q id=%q> has no label", n.Data, val(n, "name"), val(n, "id"))
			}
			if inside(n, "form") == nil {
				say("<%s name=%q> stands in no form", n.Data, val(n, "name"))
			}
		case "button", "a", "summary":
			if strings.TrimSpace(text(n)) == "" && val(n, "aria-label") == "" && val(n, "aria-labelledby") == "" {
				say("<%s> has no name", n.Data)
			}
		case "section", "nav", "aside", "dialog":
			if val(n, "aria-label") == "" && val(n, "aria-labelledby") == "" {
				say("<%s> has no name", n.Data)
			}
		case "fieldset":
			if n.FirstChild == nil || !hasChild(n, "legend") {
				say("a fieldset has no legend")
			}
		case "table":
			if !hasChild(n, "caption") {
				say("a table has no caption")
			}
		case "time":
			if val(n, "datetime") == "" {
				say("a time has no datetime")
			}
		}
	})
	if h1 != 1 || mains != 1 {
		say("there are %d h1 and %d main", h1, mains)
	}
	for target := range anchors(root) {
		if !ids[target] {
			say("a link leads to #%s, which is not there", target)
		}
	}
	return found
}

func outward(address string) bool {
	return regexp.MustCompile(`(?i)^\s*([a-z][a-z0-9+.-]*:|//|\\)`).MatchString(address)
}

func hasChild(n *html.Node, name string) bool {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == html.ElementNode && c.Data == name {
			return true
		}
	}
	return false
}

func anchors(root *html.Node) map[string]bool {
	all := map[string]bool{}
	walk(root, func(n *html.Node) {
		if target, local := strings.CutPrefix(val(n, "href"), "#"); n.Data == "a" && local {
			all[target] = true
		}
	})
	return all
}

func formProblems(form *html.Node, csrfField, csrf string, say func(string, ...any)) {
	method, action := strings.ToLower(val(form, "method")), val(form, "action")
	if method == "dialog" {
		return
	}
	if !strings.HasPrefix(action, "/") {
		say("a form goes to %q", action)
	}
	token, role := false, val(form, "role")
	walk(form, func(n *html.Node) {
		if n.Data == "input" && val(n, "type") == "hidden" && val(n, "name") == csrfField && val(n, "value") == csrf {
			token = true
		}
	})
	switch {
	case method == "post" && !token:
		say("the form to %s has no CSRF token (AS-5)", action)
	case method == "get" && role != "search":
		say("the form to %s is sent with GET and is no search", action)
	case method == "get" && token:
		say("the form to %s puts the token into the address", action)
	case method != "get" && method != "post":
		say("the form to %s says no method", action)
	}
}

func TestEveryPageKeepsTheRules(t *testing.T) {
	names := map[string]bool{}
	for _, sample := range pagestest.All() {
		if names[sample.Name] {
			t.Errorf("the sample %s is there twice", sample.Name)
		}
		names[sample.Name] = true
		t.Run(sample.Name, func(t *testing.T) {
			source, root := render(t, sample.Page)
			for _, p := range problems(root, "csrf", pagestest.Chrome().CSRF) {
				t.Error(p)
			}
			if !strings.HasPrefix(source, "<!doctype html>") || !strings.HasSuffix(strings.TrimSpace(source), "</html>") {
				t.Error("it is not a whole page")
			}
			if strings.Contains(source, "ZgotmplZ") || strings.Contains(source, "<no value>") || strings.Contains(source, "%!") || strings.Contains(source, "@icon") || strings.Contains(source, "@swap") {
				t.Error("a template did not come out right")
			}
		})
	}
	if len(names) < 70 {
		t.Errorf("there are only %d samples", len(names))
	}
}

// htmx works by configuration alone: nothing is evaluated, nothing is kept in the browser's storage.
func TestAS2_HtmxIsTamed(t *testing.T) {
	_, root := render(t, pagestest.Board())
	walk(root, func(n *html.Node) {
		if val(n, "name") != "htmx-config" {
			return
		}
		var config map[string]any
		if err := json.Unmarshal([]byte(val(n, "content")), &config); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]any{"allowEval": false, "allowScriptTags": false, "includeIndicatorStyles": false, "selfRequestsOnly": true, "historyCacheSize": 0.0} {
			if config[name] != want {
				t.Errorf("%s is %v", name, config[name])
			}
		}
	})
}

func TestAC8_TheBannerIsOnEveryPageOfAVisit(t *testing.T) {
	chrome := pagestest.Chrome()
	chrome.Provider = &pages.Visit{Name: "Jo Marsh", Reason: "a <reason>", Until: pagestest.Now}
	for _, page := range []pages.Page{pages.Home{Chrome: chrome}, pages.Confirm{Chrome: chrome}, pages.Failure{Chrome: chrome, Kind: pages.FailureForbidden}, pages.AuditLog{Chrome: chrome}} {
		source, _ := render(t, page)
		if !strings.Contains(source, "Jo Marsh") || !strings.Contains(source, "a &lt;reason&gt;") {
			t.Errorf("%T does not say that the provider is here", page)
		}
	}
}

func TestMissingTellsNothing(t *testing.T) {
	source, _ := render(t, pages.Failure{Kind: pages.FailureMissing})
	for _, word := range []string{"Marlow", "sign-in", "Sign in", "TaskFlow", "workspace", "project"} {
		if strings.Contains(source, word) {
			t.Errorf("it says %q", word)
		}
	}
}

type brokenWriter struct{ wrote int }

func (w *brokenWriter) Write(p []byte) (int, error) {
	w.wrote += len(p)
	return 0, io.ErrClosedPipe
}

func TestRenderWritesOnceOrNotAtAll(t *testing.T) {
	w := &brokenWriter{}
	if err := pages.Render(w, pagestest.Board()); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
	if w.wrote == 0 {
		t.Error("nothing was written at all")
	}
}

func TestRenderPartIsThePageWithoutItsFrame(t *testing.T) {
	var buf bytes.Buffer
	if err := pages.RenderPart(&buf, pagestest.Board()); err != nil {
		t.Fatal(err)
	}
	source := buf.String()
	if strings.Contains(source, "<html") || strings.Contains(source, "<nav id=") {
		t.Error("the frame is in it")
	}
	if !strings.Contains(source, `id="board"`) || !strings.Contains(source, `id="flash"`) {
		t.Error("what htmx looks for is missing")
	}
}

// Every id that a form asks htmx to replace is on the page.
func TestSwapTargetsAreThere(t *testing.T) {
	swaps := 0
	for _, sample := range pagestest.All() {
		source, root := render(t, sample.Page)
		walk(root, func(n *html.Node) {
			if target := val(n, "hx-target"); target != "" {
				swaps++
				if strings.HasPrefix(target, "#") && !strings.Contains(source, `id="`+strings.TrimPrefix(target, "#")+`"`) {
					t.Errorf("%s: there is no %s", sample.Name, target)
				}
			}
		})
	}
	if swaps < 20 {
		t.Errorf("only %d forms use htmx", swaps)
	}
}

func TestAssets(t *testing.T) {
	all := pages.Assets()
	for _, plain := range []string{"app.css", "app.js", "htmx.js", "icons.svg", "favicon.svg"} {
		path := pages.AssetPath(plain)
		asset, found := all[strings.TrimPrefix(path, pages.AssetPrefix)]
		if !found || len(asset.Body) == 0 || asset.Type == "" || !strings.Contains(asset.Name, asset.Hash[:12]) {
			t.Errorf("%s at %q: %v, %d bytes of %q", plain, path, found, len(asset.Body), asset.Type)
		}
		if asset.Gzip != nil && len(asset.Gzip) >= len(asset.Body) {
			t.Errorf("%s does not get smaller", plain)
		}
	}
	if pages.AssetPath("nothing.js") != "" {
		t.Error("an asset that is not there has a path")
	}
	if !strings.Contains(string(all[strings.TrimPrefix(pages.AssetPath("htmx.js"), pages.AssetPrefix)].Body), `version:"2.0.11"`) {
		t.Error("htmx is not the version that its licence file names")
	}
	css := string(all[strings.TrimPrefix(pages.AssetPath("app.css"), pages.AssetPrefix)].Body)
	if strings.Contains(css, "url(") || strings.Contains(css, "@import") {
		t.Error("the style sheet asks for something else")
	}
	js := string(all[strings.TrimPrefix(pages.AssetPath("app.js"), pages.AssetPrefix)].Body)
	for _, word := range []string{"innerHTML", "insertAdjacentHTML", "eval(", "new Function", "document.write", "localStorage", "sessionStorage"} {
		if strings.Contains(js, word) {
			t.Errorf("the script uses %s", word)
		}
	}
}

// Icons that a page names are in the sprite.
func TestIconsAreThere(t *testing.T) {
	sprite := string(pages.Assets()[strings.TrimPrefix(pages.AssetPath("icons.svg"), pages.AssetPrefix)].Body)
	for _, sample := range pagestest.All() {
		_, root := render(t, sample.Page)
		walk(root, func(n *html.Node) {
			if _, icon, found := strings.Cut(val(n, "href"), "icons."); n.Data == "use" && found {
				if _, name, _ := strings.Cut(icon, "#"); !strings.Contains(sprite, `id="`+name+`"`) {
					t.Errorf("%s: there is no icon %s", sample.Name, name)
				}
			}
		})
	}
}
