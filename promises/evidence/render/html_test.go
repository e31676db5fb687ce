package render_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/evidence"
	"github.com/berth-iac/berth/promises/evidence/render"
)

func parsed(t *testing.T, page string) *html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func attribute(n *html.Node, key string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val, true
		}
	}
	return "", false
}

func elements(root *html.Node, names ...string) []*html.Node {
	var found []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && (len(names) == 0 || slices.Contains(names, n.Data)) {
			found = append(found, n)
		}
	}
	return found
}

func content(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// pages are the example, an unsigned one, and one with hostile texts, at several times.
func pages(t *testing.T) map[string]string {
	d, text := exampleDocument(t)
	unsigned, _ := exampleDocument(t)
	unsigned.Signer = ""
	return map[string]string{
		"example":       page(t, d, render.Options{JSON: text}),
		"grown stale":   page(t, d, render.Options{JSON: text, Now: d.Made.AddDate(0, 3, 0)}),
		"unsigned":      page(t, unsigned, render.Options{}),
		"hostile":       page(t, hostile(t), render.Options{Name: "<b>.json"}),
		"one of 2000":   page(t, large(t), render.Options{}),
		"waiver at end": page(t, d, render.Options{JSON: text, Now: time.Date(2026, 12, 6, 0, 0, 0, 0, time.UTC)}),
	}
}

// TestNothingFromOutside holds that a page can ask for nothing and run nothing but its own script.
func TestNothingFromOutside(t *testing.T) {
	for name, text := range pages(t) {
		root := parsed(t, text)
		for _, n := range elements(root) {
			for _, a := range n.Attr {
				switch {
				case a.Key == "href" && strings.HasPrefix(a.Val, "#"):
				case slices.Contains([]string{"src", "href", "srcset", "action", "formaction", "data", "poster", "background", "ping", "style", "xlink:href"}, a.Key), strings.HasPrefix(a.Key, "on"):
					t.Errorf("%s: <%s %s=%q>", name, n.Data, a.Key, a.Val)
				}
			}
			if slices.Contains([]string{"link", "img", "iframe", "object", "embed", "base", "form", "video", "audio", "svg", "math", "b64"}, n.Data) {
				t.Errorf("%s: there is a <%s>", name, n.Data)
			}
		}
		styles, scripts := elements(root, "style"), elements(root, "script")
		if len(styles) != 1 || len(scripts) != 1 {
			t.Fatalf("%s: %d styles and %d scripts", name, len(styles), len(scripts))
		}
		for _, word := range []string{"http:", "https:", "url(", "@import", "fetch", "XMLHttpRequest", "innerHTML", "eval"} {
			if strings.Contains(content(styles[0])+content(scripts[0]), word) {
				t.Errorf("%s: style or script have %q", name, word)
			}
		}
		policy := ""
		for _, n := range elements(root, "meta") {
			if kind, _ := attribute(n, "http-equiv"); kind == "Content-Security-Policy" {
				policy, _ = attribute(n, "content")
			}
		}
		hash := func(text string) string {
			sum := sha256.Sum256([]byte(text))
			return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
		}
		want := "default-src 'none'; style-src " + hash(content(styles[0])) + "; script-src " + hash(content(scripts[0])) + "; base-uri 'none'; form-action 'none'"
		if policy != want {
			t.Errorf("%s: the policy is %q, the page needs %q", name, policy, want)
		}
	}
}

// TestStructure holds what a reader without eyes, or with a small screen, needs.
func TestStructure(t *testing.T) {
	for name, text := range pages(t) {
		root := parsed(t, text)
		level := 0
		for _, n := range elements(root, "h1", "h2", "h3", "h4", "h5", "h6") {
			next := int(n.Data[1] - '0')
			if next > level+1 || next == 1 && level != 0 {
				t.Errorf("%s: <%s>%s follows level %d", name, n.Data, content(n), level)
			}
			level = next
		}
		ids := map[string]bool{}
		for _, n := range elements(root) {
			if id, has := attribute(n, "id"); has {
				if ids[id] {
					t.Errorf("%s: id %q comes twice", name, id)
				}
				ids[id] = true
			}
		}
		for _, n := range elements(root, "a") {
			if to, _ := attribute(n, "href"); !ids[strings.TrimPrefix(to, "#")] {
				t.Errorf("%s: the link %s leads nowhere", name, to)
			}
		}
		for _, n := range elements(root, "th") {
			scope, _ := attribute(n, "scope")
			role, _ := attribute(n, "role")
			if scope != "col" && scope != "row" || role != map[string]string{"col": "columnheader", "row": "rowheader"}[scope] {
				t.Errorf("%s: a table header %q has scope %q and role %q", name, content(n), scope, role)
			}
		}
		for _, table := range elements(root, "table") {
			width := len(elements(elements(table, "thead")[0], "th"))
			for _, row := range elements(elements(table, "tbody")[0], "tr") {
				if got := len(elements(row, "th", "td")); got != width {
					t.Errorf("%s: a row of %d cells under %d headers: %s", name, got, width, content(row))
				}
			}
			for _, n := range elements(table, "td") { // what names the cell where headers are out of sight
				if label, _ := attribute(n, "data-label"); label == "" {
					t.Errorf("%s: a cell without a label: %s", name, content(n))
				}
			}
		}
		for _, n := range elements(root, "details") {
			if first := n.FirstChild; first == nil || first.Data != "summary" {
				t.Errorf("%s: details without a summary first", name)
			}
		}
		for _, n := range elements(root, "span") { // never by colour alone
			if style, _ := attribute(n, "class"); strings.HasPrefix(style, "v") && len(strings.Fields(content(n))) < 2 {
				t.Errorf("%s: a verdict without a word: %q", name, content(n))
			}
		}
		if lang, _ := attribute(elements(root, "html")[0], "lang"); lang != "en-GB" {
			t.Errorf("%s: the language is %q", name, lang)
		}
	}
}

// TestStaleByItself plays the script's part: at any time exactly what stands then is shown.
func TestStaleByItself(t *testing.T) {
	d, text := exampleDocument(t)
	root := parsed(t, page(t, d, render.Options{JSON: text}))
	shownAt := func(n *html.Node, now time.Time) bool {
		for ; n != nil; n = n.Parent {
			if from, has := attribute(n, "data-from"); has && stamp(t, from).After(now) {
				return false
			}
			if until, has := attribute(n, "data-until"); has && !now.Before(stamp(t, until)) {
				return false
			}
		}
		return true
	}
	for _, now := range append(d.Turns(d.Made), d.Made, d.Made.AddDate(5, 0, 0)) {
		var rows []*html.Node
		for _, table := range elements(root, "table") {
			if style, _ := attribute(table, "class"); style == "promises" {
				rows = append(rows, elements(elements(table, "tbody")[0], "tr")...)
			}
		}
		if len(rows) != len(d.Promises) {
			t.Fatalf("%d rows for %d promises", len(rows), len(d.Promises))
		}
		for i, row := range rows {
			var shown []string
			for _, n := range elements(row, "span") {
				if style, _ := attribute(n, "class"); strings.HasPrefix(style, "v ") && shownAt(n, now) {
					shown = append(shown, strings.Fields(strings.ReplaceAll(content(n), "’", "'"))[1])
				}
			}
			standing := d.Promises[i].At(now)
			want := strings.Fields(string(standing.Verdict))[0]
			if standing.Verdict == promises.NotShown && len(standing.Stale) > 0 {
				want = "stale"
			}
			if !slices.Equal(shown, []string{want}) {
				t.Errorf("%v: %s is shown as %q, want %q", now, d.Promises[i].ID, shown, want)
			}
		}
		warned := 0
		for _, n := range elements(root, "p") {
			if strings.Contains(content(n), "Part of this evidence is too old") && shownAt(n, now) {
				warned++
			}
		}
		if stale := !now.Before(d.Turns(d.Made)[0]); stale != (warned == 1) {
			t.Errorf("%v: %d warnings, stale %v", now, warned, stale)
		}
	}
	// Without scripts the first of each is shown, and only that.
	for _, n := range elements(root) {
		_, later := attribute(n, "data-from")
		if _, hidden := attribute(n, "hidden"); hidden != later {
			t.Errorf("<%s> %q: hidden %v, later %v", n.Data, content(n), hidden, later)
		}
	}
}

func stamp(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestSize(t *testing.T) {
	d := large(t)
	if got := len(page(t, d, render.Options{})); got > 1_500_000 {
		t.Errorf("a page of 50 promises, 100 controls and 2000 findings that are all different has %d bytes", got)
	}
}

// large is as much as the largest stacks have, and no two findings alike.
func large(t *testing.T) *evidence.Document {
	d, _ := exampleDocument(t)
	finding := func(i, j int) promises.Finding {
		return promises.Finding{
			Resource: fmt.Sprintf("monitoring-database-read-latency-%d-%d", i, j), Type: "aws:cloudwatch/metricAlarm:MetricAlarm", Property: "alarmActions",
			Found: fmt.Sprintf(`["arn:aws:sns:eu-west-2:123456789012:acme-production-alerting-%d-%d"]`, i, j), Expected: fmt.Sprintf("actions on, and topic %d of the alarm's own region, at place %d", i, j), Holds: true,
		}
	}
	model := d.Promises[1]
	proof := func(i, n int) []evidence.Proof {
		p := model.Proofs[0]
		p.Findings = nil
		for j := range n {
			p.Findings = append(p.Findings, finding(i, j))
		}
		return []evidence.Proof{p}
	}
	kept := evidence.Standing{Verdict: promises.Kept, Level: promises.Design, At: d.Made, ValidUntil: d.Made.AddDate(0, 0, 31)}
	d.Promises, d.Baseline = nil, nil
	for i := range 50 {
		p := model
		p.ID, p.Standing, p.Proofs = fmt.Sprintf("AV-%d", i+1), kept, proof(i, 20)
		d.Promises = append(d.Promises, p)
	}
	for i := range 100 {
		d.Baseline = append(d.Baseline, evidence.Control{ID: fmt.Sprintf("S3.%d", i+1), Title: "Buckets block public access", Severity: "high",
			References: []string{"AWS FSBP S3.1"}, Standing: kept, Proofs: proof(100+i, 10)})
	}
	d.Summary = d.At(d.Made)
	return d
}

// TestContrast computes WCAG 2.2's contrast of everything that is read, in every palette.
func TestContrast(t *testing.T) {
	css, err := os.ReadFile("page.css")
	if err != nil {
		t.Fatal(err)
	}
	palettes := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(string(css), -1)
	if len(palettes) != 3 { // light, dark, print
		t.Fatalf("%d palettes", len(palettes))
	}
	for i, palette := range palettes {
		colours := map[string]string{}
		for _, c := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`).FindAllStringSubmatch(palette[1], -1) {
			colours[c[1]] = c[2]
		}
		pairs := [][2]string{{"text", "page"}, {"text", "panel"}, {"quiet", "page"}, {"quiet", "panel"}, {"link", "page"}, {"link", "panel"}}
		for _, verdict := range []string{"kept", "broken", "waived", "open", "client", "stale"} {
			pairs = append(pairs, [2]string{verdict, verdict + "-back"})
		}
		for _, pair := range pairs {
			if got := contrast(t, colours[pair[0]], colours[pair[1]]); got < 4.5 {
				t.Errorf("palette %d: %s on %s has contrast %.2f, want 4.5", i, pair[0], pair[1], got)
			}
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	if len(colour) != 7 {
		t.Fatalf("%q is no colour", colour)
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		value, err := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(value) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}
