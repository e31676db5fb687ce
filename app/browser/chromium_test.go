package browser_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/berth-iac/berth/app/pages/pagestest"
)

// person is somebody with a browser. What they operate they find by its name, as people do, and operate it with mouse and keyboard.
type person struct {
	t     *testing.T
	ctx   context.Context
	s     *service
	shots string // folder for pictures; "" for none
	count int    // of steps

	mu         sync.Mutex
	complaints []string
}

// browse opens a browser, or says why it cannot.
func browse(t *testing.T, s *service) *person {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "headless-shell"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	switch {
	case testing.Short():
		t.Skipf("%s is skipped: a browser is too slow for -short", t.Name())
	case program == "":
		t.Skipf("%s is skipped: there is no Chromium on the PATH", t.Name())
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(program), chromedp.NoSandbox,
		chromedp.Flag("hide-scrollbars", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("force-color-profile", "srgb"))
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stop := chromedp.NewContext(allocator)
	ctx, stopTime := context.WithTimeout(ctx, 35*time.Minute)
	t.Cleanup(func() { stopTime(); stop(); stopAllocator() })
	p := &person{t: t, ctx: ctx, s: s, shots: os.Getenv("TASKFLOW_SHOTS")}
	if p.shots != "" {
		must(t, os.MkdirAll(p.shots, 0o750))
	}
	must(t, chromedp.Listen(ctx, p.hear))
	call(p, log.Enable, cdp.Empty{})
	call(p, network.Enable, network.EnableParams{})
	call(p, audits.Enable, cdp.Empty{})
	p.window(1280, "light")
	return p
}

func call[In, Out any](p *person, command cdp.Command[In, Out], params In) Out {
	p.t.Helper()
	out, err := chromedp.Call(p.ctx, command, params)
	must(p.t, err)
	return out
}

// hear notes what a browser complains of: errors, what the policy forbids, whatever is asked for elsewhere.
func (p *person) hear(event any) {
	what := ""
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level != "info" && e.Entry.Level != "verbose" {
			what = fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" || e.Type == "assert" {
			what = fmt.Sprintf("console: %s", e.Args[0].Value)
		}
	case *runtime.EventExceptionThrown:
		what = "exception: " + e.ExceptionDetails.Text
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err != nil || u.Scheme != "data" && u.Hostname() != host {
			what = "it asks for " + e.Request.URL
		}
	case *audits.EventIssueAdded:
		details, _ := json.Marshal(e.Issue.Details)
		if !strings.Contains(string(details), "NavigationEntryMarkedSkippable") { // what a script chose, no person did
			what = fmt.Sprintf("issue %s: %s", e.Issue.Code, details)
		}
	}
	if what == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.complaints = append(p.complaints, what)
}

// quiet fails if the browser complained since it was asked last, but for what has one of these words.
func (p *person) quiet(where string, but ...string) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.complaints {
		if !slices.ContainsFunc(but, func(word string) bool { return strings.Contains(one, word) }) {
			p.t.Errorf("%s: the browser complains: %s", where, one)
		}
	}
	p.complaints = nil
}

func (p *person) act(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 2*time.Minute) // what is waited for may never come
	defer cancel()
	must(p.t, chromedp.Do(ctx, steps...))
}

func eval[T any](p *person, script string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](script))
	if err != nil {
		p.t.Fatalf("%s: %v", script, err)
	}
	return v
}

// until waits for something to be so. While a page is on its way in, what is asked for is not there yet.
func (p *person) until(script string) {
	p.t.Helper()
	var last error
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline); time.Sleep(25 * time.Millisecond) {
		came, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool]("(() => { try { return !!("+script+") } catch { return false } })()"))
		if came {
			return
		}
		last = err
	}
	p.picture("failed")
	p.t.Fatalf("it did not come to %s (%v), but to %s: %.1500s", script, last, eval[string](p, "location.href"), eval[string](p, `document.querySelector("main")?.innerText || ""`))
}

func quote(s string) string { b, _ := json.Marshal(s); return string(b) }

// at waits until the page with this path is open and whole.
func (p *person) at(path string) {
	p.t.Helper()
	p.until(`location.pathname === ` + quote(path) + ` && document.readyState === "complete"`)
}

// shows waits for words on the page.
func (p *person) shows(words string) {
	p.t.Helper()
	p.until(`document.body.innerText.includes(` + quote(words) + `)`)
}

func (p *person) open(path string) {
	p.t.Helper()
	p.act(chromedp.Navigate(p.s.site + path))
	p.at(strings.SplitN(path, "?", 2)[0])
}

// find is a script's beginning: the visible thing with this name, by its label, its words or what it says to screen readers.
const find = `
	const shown = (el) => el.checkVisibility({ visibilityProperty: true }) && el.getClientRects().length > 0;
	const plain = (s) => (s || "").replace(/\s+/g, " ").trim();
	const name = (el) => el.getAttribute("aria-label") || document.getElementById(el.getAttribute("aria-labelledby"))?.innerText || [...(el.labels || [])].map((l) => l.querySelector(".optional") ? l.firstChild.textContent : l.textContent).map(plain).join(" ") || plain(el.innerText) || el.placeholder || "";
	const find = (kinds, wanted, root = document) => {
		const all = [...root.querySelectorAll(kinds)].filter((el) => (shown(el) || (el.labels || []).length && shown(el.labels[0])) && !el.disabled);
		return all.find((el) => plain(name(el)) === wanted) || all.find((el) => plain(name(el)).startsWith(wanted));
	};`

// spot is where to click for something with this name; it fails where something else lies above it.
func (p *person) spot(kinds, name string) (x, y float64) {
	p.t.Helper()
	script := `(() => {` + find + `
		const open = document.querySelector("dialog[open]");
		let el = find(` + quote(kinds) + `, ` + quote(name) + `, open || document);
		if (!el) return null;
		if (!shown(el)) el = el.labels[0];
		el.scrollIntoView({ block: "nearest", inline: "nearest" });
		const b = el.getClientRects()[0], x = b.left + b.width / 2, y = b.top + b.height / 2, top = document.elementFromPoint(x, y);
		if (!top || !(el.contains(top) || top.contains(el) || [...(el.labels || [])].some((l) => l.contains(top)))) return ["covered by " + (top ? top.outerHTML.slice(0, 200) : "nothing")];
		return [x, y];
	})()`
	p.until(`(` + strings.TrimSuffix(script, "()") + `)() !== null`)
	got := eval[[]any](p, script)
	if len(got) != 2 {
		p.t.Fatalf("%q cannot be clicked: %v", name, got)
	}
	return got[0].(float64), got[1].(float64)
}

const operable = "a[href], button, summary, input[type=checkbox], input[type=radio], [role=checkbox]"

// click clicks a link, a button, a box by its name.
func (p *person) click(name string) {
	p.t.Helper()
	x, y := p.spot(operable, name)
	p.act(chromedp.MouseClickXY(x, y))
}

// fill types into a field, in place of what is in it.
func (p *person) fill(label, value string) {
	p.t.Helper()
	x, y := p.spot("input:not([type=checkbox], [type=radio], [type=file]), textarea", label)
	p.act(chromedp.MouseClickXY(x, y), chromedp.KeyEvent("a", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	if eval[string](p, `document.activeElement.type`) == "date" { // which is typed part by part, as each country has it
		eval[bool](p, `(() => { const e = document.activeElement; e.value = `+quote(value)+`; e.dispatchEvent(new Event("change", { bubbles: true })); return true; })()`)
		return
	}
	p.keys(value)
}

// keys types. Text that stands on one line is put in at once, as an input method does.
func (p *person) keys(text string) {
	p.t.Helper()
	call(p, input.InsertText, input.InsertTextParams{Text: text})
}

// press presses keys one by one, as a keyboard does: what a script prevents is not typed.
func (p *person) press(keys ...string) {
	p.t.Helper()
	for _, key := range keys {
		event := input.DispatchKeyEventParams{Type: "keyDown", Key: key, Text: key}
		switch key {
		case "Enter":
			event.Text, event.Code, event.WindowsVirtualKeyCode = "\r", "Enter", 13
		case "Tab":
			event.Text, event.Code, event.WindowsVirtualKeyCode = "", "Tab", 9
		case "Escape":
			event.Text, event.Code, event.WindowsVirtualKeyCode = "", "Escape", 27
		case "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown":
			event.Text, event.Code = "", key
		}
		call(p, input.DispatchKeyEvent, event)
		event.Type, event.Text = "keyUp", ""
		call(p, input.DispatchKeyEvent, event)
	}
}

// pick chooses from a list.
func (p *person) pick(label, option string) {
	p.t.Helper()
	p.until(`(() => {` + find + `
		const el = find("select", ` + quote(label) + `), o = el && [...el.options].find((o) => plain(o.textContent) === ` + quote(option) + `);
		if (!o) return false;
		el.focus();
		el.value = o.value;
		el.dispatchEvent(new Event("input", { bubbles: true }));
		el.dispatchEvent(new Event("change", { bubbles: true }));
		return true;
	})()`)
}

// window is a window of this width on a machine with this theme, without motion.
func (p *person) window(width int64, theme string) {
	p.t.Helper()
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	height := int64(900)
	if width < 600 {
		height = 780
	}
	p.act(chromedp.EmulateViewport(width, height))
	_, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](`new Promise((done) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(() => done(true))), 50))`, chromedp.EvalAwaitPromise))
	must(p.t, err)
}

// step looks at the page that is open, at three widths, light and dark, and takes pictures if they are wanted.
func (p *person) step(name string, but ...string) {
	p.t.Helper()
	p.count++
	eval[bool](p, `(scrollTo(0, 0), true)`)
	for _, theme := range []string{"light", "dark"} {
		for _, width := range []int64{360, 820, 1280} {
			p.window(width, theme)
			for _, one := range eval[[]string](p, pagestest.Look()) {
				p.t.Errorf("%s at %d, %s: %s", name, width, theme, one)
			}
			p.picture(fmt.Sprintf("%02d-%s-%d-%s", p.count, name, width, theme))
		}
	}
	p.window(1280, "light")
	p.quiet(name, but...)
}

// picture keeps a picture of the whole page.
func (p *person) picture(name string) {
	p.t.Helper()
	if p.shots == "" {
		return
	}
	shot, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	must(p.t, err)
	must(p.t, os.WriteFile(filepath.Join(p.shots, name+".png"), shot, 0o600))
}

// tabs goes through the page with the Tab key, and fails where it cannot be seen what has the focus (WCAG 2.4.7, 2.4.11).
func (p *person) tabs(where string, most int) {
	p.t.Helper()
	eval[bool](p, `(document.activeElement.blur(), scrollTo(0, 0), window.__was = new Set(), true)`)
	reached := 0
	for range most {
		p.press("Tab")
		got := eval[string](p, `(() => {
			const el = document.activeElement;
			if (!el || el === document.body || window.__was.has(el)) return "end";
			window.__was.add(el);
			const what = el.tagName.toLowerCase() + " “" + (el.getAttribute("aria-label") || el.innerText || el.name || "").trim().slice(0, 40) + "”";
			const lined = (e) => { const s = e && getComputedStyle(e); return s && s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2; };
			const label = (el.labels || [])[0];
			if (!lined(el) && !lined(label) && !lined(el.closest(".card, .row, .tile, li"))) return "no outline: " + what;
			let b = el.getBoundingClientRect();
			if (getComputedStyle(el).opacity === "0" && label) b = label.getBoundingClientRect();
			if (b.bottom <= 0 || b.top >= innerHeight || b.right <= 0 || b.left >= innerWidth) return "out of sight: " + what;
			const x = Math.min(Math.max(b.left + b.width / 2, 1), innerWidth - 1), y = Math.min(Math.max(b.top + b.height / 2, 1), innerHeight - 1), top = document.elementFromPoint(x, y);
			if (!top || !(el.contains(top) || top.contains(el) || (label && label.contains(top)))) return "covered: " + what + " by " + (top ? top.outerHTML.slice(0, 120) : "nothing");
			return "";
		})()`)
		if got == "end" {
			break
		}
		reached++
		if got != "" {
			p.t.Errorf("%s: the focus has %s", where, got)
		}
	}
	if reached < 3 {
		p.t.Errorf("%s: only %d things are reached with the Tab key", where, reached)
	}
}
