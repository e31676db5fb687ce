package browser_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// visitor is somebody whose browser has no script: plain HTTP to the real service, forms as the pages have them.
type visitor struct {
	t    *testing.T
	s    *service
	http *http.Client
	last *answer
}

// answer is a page.
type answer struct {
	t      *testing.T
	path   string
	status int
	header http.Header
	body   string
	root   *html.Node
}

func newVisitor(t *testing.T, s *service) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) { // not every machine knows *.localhost
		return new(net.Dialer).DialContext(ctx, network, s.address)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &visitor{t: t, s: s, http: &http.Client{Jar: jar, Timeout: time.Minute, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (v *visitor) do(method, path string, form url.Values) *answer {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.s.site+path, strings.NewReader(form.Encode()))
	must(v.t, err)
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", v.s.site)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		if v.last != nil {
			r.Header.Set("Referer", v.s.site+v.last.path)
		}
	}
	response, err := v.http.Do(r)
	must(v.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	must(v.t, err)
	a := &answer{t: v.t, path: path, status: response.StatusCode, header: response.Header, body: string(body)}
	if strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") {
		a.root, err = html.Parse(strings.NewReader(a.body))
		must(v.t, err)
		v.last = a
	}
	return a
}

// get opens a page, and follows where it leads.
func (v *visitor) get(path string) *answer {
	v.t.Helper()
	a := v.do(http.MethodGet, path, nil)
	for range 5 {
		where, leads := a.leads()
		if !leads {
			break
		}
		a = v.do(http.MethodGet, where, nil)
	}
	return a
}

// leads is where an answer leads, without the part after #.
func (a *answer) leads() (string, bool) {
	if a.status < 300 || a.status > 399 {
		return "", false
	}
	where, _, _ := strings.Cut(a.header.Get("Location"), "#")
	return where, true
}

// send fills in the form of the last page that goes to this path, or begins so, and sends it: names and values in turn. A name beginning
// with ! is a button's.
func (v *visitor) send(action string, fields ...string) *answer {
	v.t.Helper()
	form := v.last.form(action)
	if form == nil {
		v.t.Fatalf("%s has no form to %s: %.800s", v.last.path, action, text(v.last.root))
	}
	values := url.Values{}
	for n := range form.Descendants() {
		if n.Type != html.ElementNode || attr(n, "name") == "" {
			continue
		}
		switch n.Data {
		case "input":
			_, checked := given(n, "checked")
			if kind := attr(n, "type"); (kind == "checkbox" || kind == "radio") && !checked {
				continue
			}
			values.Add(attr(n, "name"), attr(n, "value"))
		case "select":
			values.Set(attr(n, "name"), chosen(n))
		case "textarea":
			values.Set(attr(n, "name"), strings.TrimPrefix(text(n), "\n"))
		}
	}
	for i := 0; i+1 < len(fields); i += 2 {
		name, button := strings.CutPrefix(fields[i], "!")
		if !button && !named(form, name) {
			v.t.Errorf("the form to %s has no field %s", action, name)
		}
		values.Set(name, fields[i+1])
	}
	return v.do(http.MethodPost, attr(form, "action"), values)
}

func named(form *html.Node, name string) bool {
	for n := range form.Descendants() {
		if n.Type == html.ElementNode && attr(n, "name") == name {
			return true
		}
	}
	return false
}

func chosen(list *html.Node) string {
	value, first := "", true
	for n := range list.Descendants() {
		if n.Data != "option" {
			continue
		}
		if _, selected := given(n, "selected"); selected || first {
			value, first = attr(n, "value"), false
		}
	}
	return value
}

func given(n *html.Node, name string) (string, bool) {
	for _, one := range n.Attr {
		if one.Key == name {
			return one.Val, true
		}
	}
	return "", false
}

func attr(n *html.Node, name string) string {
	value, _ := given(n, name)
	return value
}

// text is what a page shows, without markup.
func text(root *html.Node) string {
	if root == nil {
		return ""
	}
	var b strings.Builder
	for n := range root.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "script" {
			b.WriteString(n.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func (a *answer) form(action string) *html.Node {
	if a.root == nil {
		return nil
	}
	for n := range a.root.Descendants() {
		if n.Data == "form" && attr(n, "method") == "post" && strings.HasPrefix(attr(n, "action"), action) {
			return n
		}
	}
	return nil
}

// element is the first with this class or id.
func (a *answer) element(mark string) *html.Node {
	for n := range a.root.Descendants() {
		if n.Type == html.ElementNode && (attr(n, "id") == mark || slices.Contains(strings.Fields(attr(n, "class")), mark)) {
			return n
		}
	}
	a.t.Fatalf("%s has no %s: %.800s", a.path, mark, text(a.root))
	return nil
}

// want checks an answer's status, and that it shows these words.
func (a *answer) want(status int, words ...string) *answer {
	a.t.Helper()
	shown := a.body
	if a.root != nil {
		shown = text(a.root)
	}
	if a.status != status {
		a.t.Fatalf("%s gave %d, want %d: %.800s", a.path, a.status, status, shown)
	}
	for _, one := range words {
		if !strings.Contains(shown, one) {
			a.t.Errorf("%s does not show %q: %.1500s", a.path, one, shown)
		}
	}
	return a
}

// to checks that a change led to a page whose address begins so.
func (a *answer) to(path string) *answer {
	a.t.Helper()
	where := a.header.Get("Location")
	if a.status != http.StatusSeeOther || !strings.HasPrefix(where, path) {
		a.t.Fatalf("%s gave %d to %q, want 303 to %q: %.800s", a.path, a.status, where, path, text(a.root))
	}
	return a
}
