package pages_test

import (
	"strings"
	"testing"
)

// The checks of every page find what they are for.
func TestTheChecksFindWhatIsWrong(t *testing.T) {
	const head, foot = `<!doctype html><html lang="en-GB"><body><main><h1>x</h1>`, `</main></body></html>`
	for name, c := range map[string]struct{ source, want string }{
		"nothing":         {"", ""},
		"inline script":   {`<script>alert(1)</script>`, "script"},
		"foreign script":  {`<script src="https://cdn.example/x.js"></script>`, "leads outward"},
		"style":           {`<p style="color:red">x</p>`, "attribute style"},
		"style element":   {`<style>p{}</style>`, "<style>"},
		"event":           {`<p onclick="x()">x</p>`, "attribute onclick"},
		"htmx event":      {`<p hx-on:click="x()">x</p>`, "hx-on:click"},
		"no token":        {`<form method="post" action="/x"></form>`, "AS-5"},
		"wrong token":     {`<form method="post" action="/x"><input type="hidden" name="csrf" value="other"></form>`, "AS-5"},
		"token in a GET":  {`<form method="get" role="search" action="/x"><input type="hidden" name="csrf" value="t"></form>`, "into the address"},
		"changing by GET": {`<form method="get" action="/x"></form>`, "is no search"},
		"no method":       {`<form action="/x"></form>`, "no method"},
		"form outward":    {`<form method="post" action="//evil.example"><input type="hidden" name="csrf" value="t"></form>`, "outward"},
		"no label":        {`<form method="post" action="/x"><input type="hidden" name="csrf" value="t"><input name="a" id="a"></form>`, "no label"},
		"id twice":        {`<p id="a">x</p><p id="a">x</p>`, "used twice"},
		"two h1":          {`<h1>x</h1>`, "2 h1"},
		"no alt":          {`<img src="/x.png">`, "no words"},
		"icon button":     {`<form method="post" action="/x"><input type="hidden" name="csrf" value="t"><button></button></form>`, "has no name"},
		"nameless region": {`<section>x</section>`, "has no name"},
		"javascript":      {`<a href="javascript:x()">x</a>`, "outward"},
		"lost anchor":     {`<a href="#gone">x</a>`, "not there"},
		"lost reference":  {`<p aria-describedby="gone">x</p>`, "gone"},
		"closed p":        {`<p>x<form method="post" action="/x"><input type="hidden" name="csrf" value="t"></form></p>`, "paragraph"},
		"no datetime":     {`<time>today</time>`, "datetime"},
	} {
		t.Run(name, func(t *testing.T) {
			_, root := parse(t, head+c.source+foot)
			found := strings.Join(problems(root, "csrf", "t"), "; ")
			if (c.want == "") != (found == "") || !strings.Contains(found, c.want) {
				t.Errorf("found %q, want %q", found, c.want)
			}
		})
	}
}
