package report_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/fleet"
	"github.com/berth-iac/berth/fleet/report"
	"github.com/berth-iac/berth/promises"
)

func TestACommentIsFoundByItsMarker(t *testing.T) {
	for marker, want := range map[string]string{"": "<!-- berth:fleet -->", "pr-preview": "<!-- berth:pr-preview -->", "x --> <b>": "<!-- berth:x-b -->", "é": "<!-- berth:fleet -->", strings.Repeat("a", 300): "<!-- berth:" + strings.Repeat("a", 77) + " -->"} {
		if first, _, _ := strings.Cut(report.Markdown(verified(), report.MarkdownOptions{Marker: marker}), "\n"); first != want {
			t.Errorf("marker %q begins with %q, want %q", marker, first, want)
		}
		if len(marker) < 80 && report.MarkerLine(marker) != want {
			t.Errorf("MarkerLine(%q) = %q, want %q", marker, report.MarkerLine(marker), want)
		}
	}
}

// tags are all that a comment may hold of HTML.
var tags = regexp.MustCompile(`</?(details|summary|b|code|pre)>|<br>|<!-- berth:[A-Za-z0-9-]+ -->|<a href="https://[^"<>]*">|</a>`)

// pres are the blocks in which Markdown means nothing.
var pres = regexp.MustCompile(`(?s)<pre>\n.*?\n</pre>`)

// sound checks that a comment holds no markup but its own.
func sound(t *testing.T, text string, limit int) {
	t.Helper()
	if n := len(text); n > limit {
		t.Errorf("%d bytes, more than %d", n, limit)
	}
	if !utf8.ValidString(text) {
		t.Errorf("not UTF-8: %q", text)
	}
	bare := tags.ReplaceAllString(text, "")
	if i := strings.IndexAny(bare, "<>"); i >= 0 {
		t.Errorf("a tag that is not its own: %q", bare[max(0, i-40):min(len(bare), i+40)])
	}
	for _, tag := range []string{"details", "summary", "b", "code", "pre", "a"} {
		if open, shut := strings.Count(text, "<"+tag+">")+strings.Count(text, "<"+tag+" "), strings.Count(text, "</"+tag+">"); open != shut {
			t.Errorf("%d <%s> and %d </%s> in\n%s", open, tag, shut, tag, text)
		}
	}
	for line := range strings.Lines(pres.ReplaceAllString(text, "")) {
		rest := tags.ReplaceAllString(line, "")
		if strings.ContainsAny(rest, "`*[]\\|~@$!") || strings.Contains(rest, "www.") || strings.Contains(rest, "://") {
			t.Errorf("markup in %q", line)
		}
		if head := strings.TrimLeft(line, "#"); len(head) < len(line) && !strings.HasPrefix(line, "## Fleet ") && !strings.HasPrefix(line, "### ") {
			t.Errorf("a heading that is not its own: %q", line)
		}
		if trimmed := strings.TrimSpace(line); trimmed != "" && trimmed[0] != '<' && trimmed[0] != '#' && !strings.Contains(trimmed, " stack") && !strings.HasPrefix(trimmed, "The whole answer is in <code>") {
			t.Errorf("a line that begins with foreign text: %q", line)
		}
	}
	// Nothing before a <pre>'s own end tag ends it, and no blank line ends the HTML around it early.
	for _, pre := range pres.FindAllString(text, -1) {
		if strings.Count(pre, "<") != 2 {
			t.Errorf("a tag inside %q", pre)
		}
	}
}

func TestGoldenCommentsAreSound(t *testing.T) {
	for _, answer := range answers {
		sound(t, report.Markdown(answer(), report.MarkdownOptions{Whole: "https://ci.example/\"><b>"}), report.DefaultLimit)
		sound(t, report.Markdown(answer(), report.MarkdownOptions{Limit: 1, Whole: hostile}), 2000)
	}
}

// crowd is an answer with so many points of each gravity, each with its own number. Sentences come from text.
func crowd(dangers, problems, weakened, changes, strengthened int, text string) *fleet.Answer {
	a := &fleet.Answer{Operation: fleet.Preview, Verdict: fleet.Failures, Basis: text, Revision: text, Statuses: map[fleet.Status]int{fleet.Failed: problems}}
	for i := range dangers + problems + weakened + changes + strengthened {
		e := fleet.Entry{Member: client(i), Status: fleet.Changed}
		point := fmt.Sprintf("point-%06d-", i)
		group := fleet.Group{Title: point + " " + text, Name: point + text, Component: text, Type: text, Stacks: []string{e.Stack, text}, Key: point, Op: engine.OpUpdate,
			Diffs: []engine.Diff{{Property: point, Kind: "update", Old: text, New: text + "\n" + text}}}
		promise := fleet.PromiseGroup{ID: point, Title: text, Stacks: group.Stacks, Points: []string{text}}
		switch {
		case i < dangers:
			group.Danger, group.Op, group.Stateful = true, engine.OpDelete, text
			a.Groups = append(a.Groups, group)
		case i < dangers+problems:
			e.Status, e.Error = fleet.Failed, point+" "+text
		case i < dangers+problems+weakened:
			promise.Effect = promises.Weakens
			a.Promises = append(a.Promises, promise)
		case i < dangers+problems+weakened+changes:
			a.Groups = append(a.Groups, group)
		default:
			promise.Effect = promises.Strengthens
			a.Promises = append(a.Promises, promise)
		}
		a.Stacks = append(a.Stacks, e)
	}
	a.Notes = []string{text}
	return a
}

// gravestFirst checks that what a comment holds are the gravest points, and that what it unfolds are the gravest of them.
func gravestFirst(t *testing.T, text string, all int) {
	t.Helper()
	missing, folded := -1, -1
	for i := range all {
		point := fmt.Sprintf("point-%06d-", i)
		at := strings.Index(text, point)
		switch {
		case at < 0 && missing < 0:
			missing = i
		case at >= 0 && missing >= 0:
			t.Fatalf("point %d is there and the graver %d is not", i, missing)
		}
		if at < 0 {
			continue
		}
		begin := strings.LastIndex(text[:at], "\n") + 1
		unfolds := strings.HasPrefix(text[begin:], "<details>")
		if !unfolds && folded < 0 {
			folded = i
		}
		if unfolds && folded >= 0 {
			t.Fatalf("point %d is unfolded and the graver %d is not", i, folded)
		}
	}
	if missing >= 0 && !strings.Contains(text, "Left out, for length:") {
		t.Errorf("nothing says that points from %d on are left out", missing)
	}
}

func TestAMilderPointNeverTakesTheRoomOfAGraverOne(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		n := [5]int{}
		all := 0
		for i := range n {
			n[i] = r.IntN(40) * r.IntN(12)
			all += n[i]
		}
		// Every point's text is as long as the others', with details: only gravity decides.
		a := crowd(n[0], n[1], n[2], n[3], n[4], strings.Repeat("word and ", 1+r.IntN(20))+"\nand more")
		limit := 2000 + r.IntN(64_000)
		text := report.Markdown(a, report.MarkdownOptions{Limit: limit, Whole: "fleet.json"})
		sound(t, text, limit)
		gravestFirst(t, text, all)
	}
}

// The room is used: a comment that leaves something out is close to its limit.
func TestTheRoomIsUsed(t *testing.T) {
	text := report.Markdown(crowd(3, 3, 3, 4000, 3, "text"), report.MarkdownOptions{})
	if n := len(text); n < report.DefaultLimit-1000 || n > report.DefaultLimit {
		t.Errorf("%d bytes of %d", n, report.DefaultLimit)
	}
	if !strings.Contains(text, "Left out, for length:</b> ") || strings.Contains(text, "The whole answer") {
		t.Error("what is left out is not said, or a whole is named that is nowhere")
	}
}

func FuzzMarkdown(f *testing.F) {
	f.Add(hostile, 1, 2, 3, 4000)
	f.Add("\xff\xfe\x00\u2028", 0, 1, 0, 2000)
	f.Add("```\n</pre>\n\n# h\n---\n- [ ] x\n<!--", 5, 0, 9, 9000)
	f.Add("&lt;b&gt; &#60;script&#62; https://a.b www.c.d a@b.c @d #1 GH-1 !2 $3 %4 ~5 :+1: \\< _x_ __y__", 3, 3, 3, 30000)
	f.Fuzz(func(t *testing.T, text string, dangers, problems, changes, limit int) {
		bounded := func(n, most int) int { return int(uint(n) % uint(most)) }
		limit = 2000 + bounded(limit, 60_000)
		a := crowd(bounded(dangers, 30), bounded(problems, 30), 2, bounded(changes, 60), 2, text)
		for i := range a.Stacks {
			a.Stacks[i].Client, a.Stacks[i].Where = text, text
		}
		sound(t, report.Markdown(a, report.MarkdownOptions{Marker: text, Limit: limit, Whole: text}), limit)
		for form := range forms {
			if out := written(t, form, a); !utf8.ValidString(out) || strings.Contains(out, "\u202e") && form != "json" {
				t.Errorf("%s is not sound: %q", form, out)
			}
		}
	})
}
