package markdown_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/markdown"
)

func resolve(kind markdown.Kind, name string) (markdown.Link, bool) {
	switch {
	case kind == markdown.Person && name == "ada":
		return markdown.Link{Path: "/people/ada", Title: "Ada <L>"}, true
	case kind == markdown.Task && strings.HasPrefix(name, "OPS-"):
		return markdown.Link{Path: "/tasks/" + name}, true
	case name == "evil":
		return markdown.Link{Path: "//evil.example/"}, true
	}
	return markdown.Link{}, false
}

func render(t testing.TB, source string) string {
	t.Helper()
	out, err := markdown.New().Render(source, resolve)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

const rel = ` rel="nofollow noopener noreferrer ugc"`

func TestRender(t *testing.T) {
	for source, want := range map[string]string{
		"*a* **b** ~~c~~ `d`":                                "<p><em>a</em> <strong>b</strong> <del>c</del> <code>d</code></p>",
		"# Head":                                             "<h3>Head</h3>",
		"###### Head":                                        "<h6>Head</h6>",
		"[a](https://x.example/y?z=1&w=2)":                   `<p><a href="https://x.example/y?z=1&amp;w=2"` + rel + `>a</a></p>`,
		"[a](https://x.example 'a title')":                   `<p><a href="https://x.example"` + rel + `>a</a></p>`,
		"see https://x.example.":                             `<p>see <a href="https://x.example"` + rel + `>https://x.example</a>.</p>`,
		"<ada@x.example>":                                    `<p><a href="mailto:ada@x.example"` + rel + `>ada@x.example</a></p>`,
		"![a cat](https://x.example/c.png)":                  `<p><a href="https://x.example/c.png"` + rel + `>a cat</a></p>`,
		"![](https://x.example/c.png)":                       `<p><a href="https://x.example/c.png"` + rel + `>image</a></p>`,
		"![a cat](/files/1)":                                 `<p>a cat</p>`,
		"[![cat](https://x.example/c)](https://y.example)":   `<p><a href="https://y.example"` + rel + `>cat</a></p>`,
		"[a](javascript:alert(1))":                           "<p>a</p>",
		"[a](/admin)":                                        "<p>a</p>",
		"[a](//x.example)":                                   "<p>a</p>",
		"[a](https://bank.example@x.example)":                "<p>a</p>",
		"<script>alert(1)</script>":                          "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>",
		"a <b onclick='x()'>b</b>":                           "<p>a &lt;b onclick=&#39;x()&#39;&gt;b&lt;/b&gt;</p>",
		"- [ ] open\n- [x] done":                             "<ul>\n<li><input type=\"checkbox\" disabled=\"\" aria-label=\"open\"> open</li>\n<li><input type=\"checkbox\" checked=\"\" disabled=\"\" aria-label=\"done\"> done</li>\n</ul>",
		"|a|b|\n|:-|-:|\n|1|2|":                              "<table>\n<thead>\n<tr>\n<th class=\"align-left\">a</th>\n<th class=\"align-right\">b</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td class=\"align-left\">1</td>\n<td class=\"align-right\">2</td>\n</tr>\n</tbody>\n</table>",
		"```go\nx := 1\n```":                                 "<pre><code class=\"language-go\">x := 1\n</code></pre>",
		"3. a\n4. b":                                         "<ol start=\"3\">\n<li>a</li>\n<li>b</li>\n</ol>",
		"hi @ada, see OPS-12.":                               `<p>hi <a class="person" href="/people/ada">Ada &lt;L&gt;</a>, see <a class="task" href="/tasks/OPS-12">OPS-12</a>.</p>`,
		"[OPS-12] and (OPS-13)":                              `<p>[<a class="task" href="/tasks/OPS-12">OPS-12</a>] and (<a class="task" href="/tasks/OPS-13">OPS-13</a>)</p>`,
		"[see OPS-12](https://x.example)":                    `<p><a href="https://x.example"` + rel + `>see OPS-12</a></p>`,
		"`OPS-12` xOPS-12 OPS-12x OPS-0 a@ada @nobody @evil": "<p><code>OPS-12</code> xOPS-12 OPS-12x OPS-0 a@ada @nobody @evil</p>",
		"a\xffb": "<p>a\uFFFDb</p>",
		"":       "",
		"a\x00b": "<p>a\uFFFDb</p>",
	} {
		if got := render(t, source); got != want {
			t.Errorf("%q\n got %s\nwant %s", source, got, want)
		}
	}
}

func TestReferences(t *testing.T) {
	people, tasks := markdown.New().References("@ada and @bob_b. OPS-1, `@eve OPS-9` @ada\n\n> OPS-2 @grace-h, mail x@y.example")
	if !slices.Equal(people, []string{"ada", "bob_b", "grace-h"}) || !slices.Equal(tasks, []string{"OPS-1", "OPS-2"}) {
		t.Errorf("%q %q", people, tasks)
	}
	asked := 0
	_, _ = markdown.New().Render(func() (s string) {
		for i := range 1000 {
			s += fmt.Sprintf("@p%d ", i)
		}
		return s
	}(), func(markdown.Kind, string) (markdown.Link, bool) { asked++; return markdown.Link{}, false })
	if asked != 100 {
		t.Errorf("%d names were looked up of one text", asked)
	}
}

func TestTooLong(t *testing.T) {
	if _, err := markdown.New().Render(strings.Repeat("a", markdown.MaxBytes+1), nil); !fault.Is(err, fault.TooLarge) {
		t.Error(err)
	}
}

// attacks are texts that try to be more than text.
var attacks = []string{
	"<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>", "<iframe src=javascript:alert(1)>",
	"[x](javascript:alert(1))", "[x](JaVaScRiPt:alert(1))", "[x](java\nscript:alert(1))", "[x](java&#10;script:alert(1))", "[x](&#106;avascript:alert(1))",
	"[x](\x01javascript:alert(1))", "[x]( javascript:alert(1))", "[x](<javascript:alert(1)>)", "[x](data:text/html;base64,PHNjcmlwdD4=)", "[x](vbscript:x)",
	"[x](https://x.example\"onmouseover=\"alert(1))", "[x](https://x.example 'a\"onmouseover=\"alert(1)')", "[x](https://x.example/\" style=\"x)",
	"<javascript:alert(1)>", "<https://x.example/\"onclick=alert(1)>", "[x]: javascript:alert(1)\n\n[x]", "![x](javascript:alert(1))", "![x\" onerror=\"alert(1)](https://x.example)",
	"`<script>`", "```<script>\n</code></pre><script>alert(1)</script>\n```", "```\" onclick=\"alert(1)\nx\n```", "```language-x' style='y\nx\n```",
	"|<script>|\n|-|\n|<img src=x onerror=y>|", "|a|\n|:-:|\n|b|", "- [x] <script>", "# <script> {#id .class onclick=x}", "a {onclick=x}",
	"@ada<script>", "OPS-12<script>", "@<script>", "<a href=\"javascript:alert(1)\">x</a>", "<style>*{}</style>", "<!-- --><script>x</script>", "<![CDATA[<script>x</script>]]>",
	"<?php x ?>", "<math><mi//xlink:href=\"data:x,<script>\">", "<form action=x><input name=attributes>", "[a](https://x.example/%22%3E%3Cscript%3E)", "[a](mailto:x@y.example?bcc=z@y.example)",
	"[a](http://[::1]:80/%zz)", "[a](http:x)", "[a](https:///x)", "[a](HTTPS://X.EXAMPLE)", "[a](\\\\evil.example)", "[a](/\\evil.example)", "http://x.example/<script>", "www.x.example\"onclick=x", "&lt;script&gt;", "&#60;script&#62;",
	"<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">", "<x\x00y>", "\u2028<script>", "<textarea></textarea><script>", "[\u202ea](https://x.example)",
}

var (
	elements  = regexp.MustCompile(`^(html|head|body|p|br|hr|h[3-6]|ul|ol|li|blockquote|pre|code|em|strong|del|table|thead|tbody|tr|th|td|a|input)$`)
	attribute = map[string]*regexp.Regexp{
		"ol start": regexp.MustCompile(`^[0-9]+$`), "code class": regexp.MustCompile(`^language-[A-Za-z0-9+#_-]+$`),
		"th class": regexp.MustCompile(`^align-(left|center|right)$`), "td class": regexp.MustCompile(`^align-(left|center|right)$`), //nolint:misspell // HTML's word
		"a class": regexp.MustCompile(`^(person|task)$`), "a rel": regexp.MustCompile(`^nofollow noopener noreferrer ugc$`),
		"a href":     regexp.MustCompile(`(?i)^(https?://[^"<>\s]+|mailto:[^?"<>\s]+|/(people|tasks)/[A-Za-z0-9-]+)$`),
		"input type": regexp.MustCompile(`^checkbox$`), "input checked": regexp.MustCompile(`^$`), "input disabled": regexp.MustCompile(`^$`),
		"input aria-label": regexp.MustCompile(`^(done|open)$`),
	}
)

// unsafe gives what in a document is not on the list.
func unsafe(out string) (found []string) {
	doc, err := html.Parse(strings.NewReader(out))
	if err != nil {
		return []string{err.Error()}
	}
	for n := range doc.Descendants() {
		switch n.Type {
		case html.ElementNode:
			if !elements.MatchString(n.Data) || n.Namespace != "" {
				found = append(found, "<"+n.Data+">")
			}
			href, internal, marked := "", false, false
			for _, a := range n.Attr {
				if rule := attribute[n.Data+" "+a.Key]; rule == nil || !rule.MatchString(a.Val) || a.Namespace != "" {
					found = append(found, n.Data+" "+a.Key+"="+a.Val)
				}
				if a.Key == "href" {
					href, internal = a.Val, strings.HasPrefix(a.Val, "/")
				}
				marked = marked || a.Key == "rel"
			}
			if href != "" && !internal && !marked {
				found = append(found, "a link without rel to "+href)
			}
		case html.CommentNode, html.DoctypeNode:
			found = append(found, "a comment or doctype")
		}
	}
	return found
}

func TestAttacksAreInertAS2(t *testing.T) {
	for _, attack := range attacks {
		for _, source := range []string{attack, "> " + attack, "- " + attack, "**" + attack + "**", "a " + attack + " b", "# " + attack, "|a|\n|-|\n|" + attack + "|"} {
			if found := unsafe(render(t, source)); len(found) > 0 {
				t.Errorf("%q gives %q\n%s", source, found, render(t, source))
			}
		}
	}
	if unsafe("<p style=x>") == nil || unsafe("<script>") == nil || unsafe(`<a href="https://x.example">`) == nil {
		t.Error("the check finds nothing")
	}
}

// What is made to keep the parser busy is shown as it is, and what comes close stays in proportion.
func TestAbuseIsBounded(t *testing.T) {
	const n = markdown.MaxBytes
	fill := func(s string) string { return strings.Repeat(s, n/len(s)) }
	row := strings.Repeat("|a", 90) + "|\n" + strings.Repeat("|-", 90) + "|\n" + strings.Repeat("|\n", 200)
	for name, source := range map[string]string{
		"quotes": fill(">"), "spaced quotes": fill("> "), "lists": fill("- "), "numbers": fill("1. "), "quoted lists": fill("> - "),
		"12 deep lines": fill("- - - - - - - - - - - - a\n"), "brackets": fill("["), "nested brackets": strings.Repeat("[", n/2) + strings.Repeat("]", n/2),
		"links": fill("[a](b"), "links in paragraphs": fill(strings.Repeat("[a](b", 240) + "\n\n"), "images": fill("!["), "emphasis": fill("**a*"),
		"emphasis in paragraphs": fill(strings.Repeat("**a*", 490) + "\n\n"), "tildes": fill("~a~~b"), "tildes in paragraphs": fill(strings.Repeat("~a~~b", 490) + "\n\n"), "underscores": fill("_a_b"), "code": fill("`a``"),
		"wide tables": row + strings.Repeat("|\n", 20000), "many wide tables": fill(row + "\n"), "entities": fill("&#x41;"), "less than": fill("<"), "links to nowhere": fill("<http://"),
		"bare links": fill("www."), "addresses": fill("a@b.c "), "people": fill(" @ada"), "tasks": fill(" OPS-1"), "definitions": fill("[a]: b\n"), "backslashes": fill("\\"),
		"fences": fill("```\n"), "headings": fill("a\n=\n"), "spaces": strings.Repeat(" ", n-1) + "a", "zero": fill("\x00"), "definitions used": fill("[a]: b\n\n[a]\n"),
	} {
		began := time.Now()
		out := render(t, source)
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("%s took %v", name, took)
		}
		if len(out) > 40*n {
			t.Errorf("%s gives %d bytes", name, len(out))
		}
		if found := unsafe(out); len(found) > 0 {
			t.Errorf("%s gives %.200q", name, found)
		}
	}
	if got := render(t, fill("[")); !strings.HasPrefix(got, "<pre>[[[") {
		t.Errorf("a text that is too tangled is %.40q", got)
	}
}

func FuzzRender(f *testing.F) {
	for _, attack := range attacks {
		f.Add(attack)
	}
	f.Add("# a\n- [x] b @ada\n\n|a|\n|:-|\n|`c`|\n\n> OPS-12 ~~d~~ <http://x.example>\n\n```go\nx\n```\n![a](https://x.example)")
	f.Fuzz(func(t *testing.T, source string) {
		out, err := markdown.New().Render(source, resolve)
		if err != nil && !fault.Is(err, fault.TooLarge) {
			t.Fatal(err)
		}
		if found := unsafe(string(out)); len(found) > 0 {
			t.Errorf("%q gives %q\n%s", source, found, out)
		}
	})
}

func BenchmarkRender(b *testing.B) {
	r := markdown.New()
	source := strings.Repeat("Some **text** with a [link](https://x.example), @ada and OPS-12.\n\n- one\n- [x] two\n\n", 10)
	for b.Loop() {
		if _, err := r.Render(source, resolve); err != nil {
			b.Fatal(err)
		}
	}
}
