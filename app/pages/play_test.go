package pages_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// act does things in the browser, one after the other.
func act(ctx context.Context, t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

func evaluate[T any](ctx context.Context, t *testing.T, script string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return v
}

// press presses a key as a keyboard does: what a script prevents is not typed.
func press(ctx context.Context, t *testing.T, keys ...string) {
	t.Helper()
	for _, key := range keys {
		words := key
		if key == "Enter" {
			words = "\r"
		}
		for _, kind := range []input.DispatchKeyEventType{"keyDown", "keyUp"} {
			event := input.DispatchKeyEventParams{Type: kind, Key: key}
			if kind == "keyDown" {
				event.Text = words
			}
			if _, err := chromedp.Call(ctx, input.DispatchKeyEvent, event); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// until waits for something to be so.
func until(ctx context.Context, t *testing.T, script string) {
	t.Helper()
	// While a page is on its way in, what is asked for is not there yet, or not the page it was asked of.
	var last error
	for range 1000 {
		came, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("(() => { try { return "+script+" } catch { return false } })()"))
		if came {
			return
		}
		last = err
		time.Sleep(30 * time.Millisecond)
	}
	t.Fatalf("it did not come to %s (%v): the focus is on %q", script, last, evaluate[string](ctx, t, `document.activeElement.id + " " + document.activeElement.value + " " + document.querySelector("#live").textContent`))
}

const cardsOf = `(id) => [...document.querySelectorAll(".column[data-column=" + id + "] .card")].map((c) => c.dataset.card).join(" ")`

func TestTheBoardByKeyboard(t *testing.T) {
	ctx, s, base, complaints := browser(t)
	act(ctx, t, chromedp.EmulateViewport(1440, 900), chromedp.Navigate(base+"/sample/board"), chromedp.Focus(chromedp.CSS("#card-WEB-41")))

	act(ctx, t, chromedp.KeyEvent("m"))
	until(ctx, t, `document.querySelector("#live").textContent.includes("WEB-41 is picked up, in To do, place 1 of 4")`)
	act(ctx, t, chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowRight))
	until(ctx, t, `document.querySelector("#live").textContent === "In progress, place 2 of 4"`)
	act(ctx, t, chromedp.KeyEvent(kb.Escape))
	if got := evaluate[string](ctx, t, "("+cardsOf+`)("c1")`); !strings.HasPrefix(got, "WEB-41 WEB-44") || s.last() != nil {
		t.Errorf("Escape leaves %q and sends %v", got, s.last())
	}

	act(ctx, t, chromedp.KeyEvent("m"), chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.Enter))
	until(ctx, t, "("+cardsOf+`)("c2") === "WEB-29 WEB-41 WEB-33 WEB-36" && document.querySelector("#board").dataset.board !== undefined`)
	until(ctx, t, `document.activeElement.id === "card-WEB-41"`)
	got := s.last()
	if got.Get("path") != "/tasks/WEB-41/move" || got.Get("status") != "c2" || got.Get("before") != "WEB-33" || got.Get("csrf") == "" {
		t.Errorf("what is sent is %v", got)
	}
	act(ctx, t, chromedp.KeyEvent(kb.ArrowUp))
	until(ctx, t, `document.activeElement.id === "card-WEB-29"`)
	act(ctx, t, chromedp.KeyEvent(kb.ArrowLeft))
	until(ctx, t, `document.activeElement.id === "card-WEB-44"`)
	for _, c := range complaints() {
		t.Error(c)
	}
}

func TestTheBoardByMouse(t *testing.T) {
	ctx, s, base, complaints := browser(t)
	act(ctx, t, chromedp.EmulateViewport(1440, 900), chromedp.Navigate(base+"/sample/board"))
	from := evaluate[[]float64](ctx, t, `(() => { const b = document.querySelector("[data-card=WEB-47]").getBoundingClientRect(); return [b.left + 60, b.top + 20]; })()`)
	to := evaluate[[]float64](ctx, t, `(() => { const b = document.querySelector("[data-card=WEB-31]").getBoundingClientRect(); return [b.left + 60, b.top + 4]; })()`)
	act(ctx, t, chromedp.DragAndDropXY(from[0], from[1], to[0], to[1], 12))
	until(ctx, t, "("+cardsOf+`)("c3") === "WEB-27 WEB-47 WEB-31"`)
	until(ctx, t, `!document.querySelector(".ghost, .gap, .dragging")`)
	until(ctx, t, `location.pathname === "/sample/board"`) // and no link was followed
	for range 1500 {
		if s.last() != nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if got := s.last(); got.Get("status") != "c3" || got.Get("before") != "WEB-31" {
		t.Errorf("what is sent is %v", got)
	}

	// A refusal puts it back.
	s.mu.Lock()
	s.fail = http.StatusForbidden
	s.mu.Unlock()
	act(ctx, t, chromedp.Sleep(200*time.Millisecond), chromedp.DragAndDropXY(from[0], from[1]-200, to[0], to[1], 12))
	until(ctx, t, `[...document.querySelectorAll(".toast")].some((e) => e.textContent === "You may not do that.")`)
	until(ctx, t, "("+cardsOf+`)("c3") === "WEB-27 WEB-47 WEB-31"`)
	for _, c := range complaints() {
		if !strings.Contains(c, "403") {
			t.Error(c)
		}
	}
}

func TestTheBoardByTheSmallButton(t *testing.T) {
	ctx, s, base, complaints := browser(t)
	act(ctx, t, chromedp.EmulateViewport(360, 800), chromedp.Navigate(base+"/sample/board"))
	evaluate[bool](ctx, t, `document.querySelector("[data-card=WEB-44] [data-move]").click() || true`)
	until(ctx, t, `document.querySelector("#move").open && document.querySelector("[data-move-key]").textContent === "WEB-44"`)
	evaluate[bool](ctx, t, `document.querySelector("#move [data-to=c4]").click() || true`)
	until(ctx, t, "("+cardsOf+`)("c4") === "WEB-19 WEB-22 WEB-44"`)
	until(ctx, t, `!document.querySelector("#move").open`)
	for range 1500 {
		if s.last() != nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if got := s.last(); got.Get("status") != "c4" || got.Get("before") != "" {
		t.Errorf("what is sent is %v", got)
	}
	for _, c := range complaints() {
		t.Error(c)
	}
}

// A finger scrolls at once, and takes a card along after a short rest.
func TestTheBoardByTouch(t *testing.T) {
	ctx, s, base, complaints := browser(t)
	act(ctx, t, chromedp.EmulateViewport(900, 800, chromedp.EmulateTouch), chromedp.Navigate(base+"/sample/board"))
	touch := func(kind input.DispatchTouchEventType, at ...float64) {
		t.Helper()
		event := input.DispatchTouchEventParams{Type: kind, TouchPoints: []*input.TouchPoint{}}
		if len(at) == 2 {
			event.TouchPoints = append(event.TouchPoints, &input.TouchPoint{X: at[0], Y: at[1]})
		}
		if _, err := chromedp.Call(ctx, input.DispatchTouchEvent, event); err != nil {
			t.Fatal(err)
		}
	}
	from := evaluate[[]float64](ctx, t, `(() => { const b = document.querySelector("[data-card=WEB-41]").getBoundingClientRect(); return [b.left + 60, b.top + 40]; })()`)
	to := evaluate[[]float64](ctx, t, `(() => { const b = document.querySelector("[data-card=WEB-33]").getBoundingClientRect(); return [b.left + 60, b.top + 10]; })()`)

	touch("touchStart", from...)
	touch("touchMove", from[0], from[1]-40)
	touch("touchMove", from[0], from[1]-90)
	until(ctx, t, `!document.querySelector(".ghost")`)
	touch("touchEnd")
	act(ctx, t, chromedp.Sleep(500*time.Millisecond))
	if evaluate[bool](ctx, t, `!!document.querySelector(".ghost, .gap")`) || s.last() != nil {
		t.Error("scrolling takes a card along")
	}
	evaluate[bool](ctx, t, `(window.scrollTo(0, 0), true)`)

	touch("touchStart", from...)
	until(ctx, t, `document.querySelector(".ghost") !== null`)
	for i := range 10 {
		k := float64(i+1) / 10
		touch("touchMove", from[0]+(to[0]-from[0])*k, from[1]+(to[1]-from[1])*k)
	}
	until(ctx, t, "("+cardsOf+`)("c2").includes("WEB-41 WEB-33")`)
	touch("touchEnd")
	for range 1500 {
		if s.last() != nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if got := s.last(); got.Get("status") != "c2" || got.Get("before") != "WEB-33" {
		t.Errorf("what is sent is %v", got)
	}
	for _, c := range complaints() {
		t.Error(c)
	}
}

func TestKeys(t *testing.T) {
	ctx, _, base, complaints := browser(t)
	open := func(name string) {
		act(ctx, t, chromedp.EmulateViewport(1440, 900), chromedp.Navigate(base+"/sample/"+name))
	}
	open("list")
	act(ctx, t, chromedp.KeyEvent("?"))
	until(ctx, t, `document.querySelector("#help").open`)
	act(ctx, t, chromedp.KeyEvent("c"), chromedp.KeyEvent(kb.Escape)) // nothing happens behind a dialog
	until(ctx, t, `!document.querySelector("#help").open && location.pathname === "/sample/list"`)
	act(ctx, t, chromedp.KeyEvent("j"), chromedp.KeyEvent("j"), chromedp.KeyEvent("k"), chromedp.KeyEvent("j"))
	until(ctx, t, `document.activeElement === document.querySelectorAll("[data-item]")[1]`)
	press(ctx, t, "/", "g", "c", "?")
	until(ctx, t, `document.activeElement.id === "q" && document.activeElement.value === "gc?"`)

	for keys, path := range map[string]string{"c": "/tasks/new", "gb": "/projects/WEB", "gh": "/", "gp": "/projects", "gn": "/notifications"} {
		open("task")
		act(ctx, t, chromedp.KeyEvent(keys))
		until(ctx, t, `location.pathname === "`+path+`"`)
	}
	for _, c := range complaints() {
		t.Error(c)
	}
}

func TestMentionsQuestionsAndMenus(t *testing.T) {
	ctx, s, base, complaints := browser(t)
	act(ctx, t, chromedp.EmulateViewport(360, 800), chromedp.Navigate(base+"/sample/task"))
	act(ctx, t, chromedp.Focus(chromedp.CSS("#in-body")), chromedp.KeyEvent("Thanks @ba"))
	until(ctx, t, `document.querySelector("#suggest [aria-selected=true]").textContent === "Bashir Khan @bashir"`)
	press(ctx, t, "Enter")
	until(ctx, t, `document.querySelector("#in-body").value === "Thanks @bashir " && !document.querySelector("#suggest")`)

	// What is dangerous asks first.
	evaluate[bool](ctx, t, `document.querySelector("form.delete button").click() || true`)
	until(ctx, t, `document.querySelector("dialog[open] h2").textContent.startsWith("Delete WEB-29")`)
	press(ctx, t, "Enter") // the first choice is to leave it
	until(ctx, t, `!document.querySelector("dialog[open]")`)
	if s.last() != nil {
		t.Errorf("it was sent: %v", s.last())
	}
	evaluate[bool](ctx, t, `document.querySelector("form.delete button").click() || true`)
	until(ctx, t, `document.querySelector("dialog[open]") !== null`)
	evaluate[bool](ctx, t, `document.querySelector("dialog[open] button[value=yes]").click() || true`)
	until(ctx, t, `location.pathname === "/projects/WEB"`)
	if got := s.last().Get("path"); got != "/tasks/WEB-29/delete" {
		t.Errorf("what is sent goes to %s", got)
	}

	// The navigation of a phone
	until(ctx, t, `getComputedStyle(document.querySelector("#nav")).visibility === "hidden"`)
	evaluate[bool](ctx, t, `document.querySelector("[data-menu]").click() || true`)
	until(ctx, t, `getComputedStyle(document.querySelector("#nav")).visibility === "visible" && document.querySelector("#nav").contains(document.activeElement)`)
	act(ctx, t, chromedp.KeyEvent(kb.Escape))
	until(ctx, t, `!document.querySelector("#nav.open")`)
	for _, c := range complaints() {
		t.Error(c)
	}
}

// A text is edited where it stands, a comment and a file appear without a reload.
func TestEditingInPlaceAndUploading(t *testing.T) {
	ctx, s, base, complaints := browser(t)
	act(ctx, t, chromedp.EmulateViewport(1440, 900), chromedp.Navigate(base+"/sample/task"), chromedp.Click(chromedp.CSS("[data-key=e]")))
	until(ctx, t, `document.querySelector("#description #in-description") !== null && location.pathname === "/sample/task"`)
	act(ctx, t, chromedp.Click(chromedp.CSS("#comment-2 .comment-do a")))
	until(ctx, t, `document.querySelector("#comment-2 .bubble form[action='/comments/2/edit'] textarea") !== null`)

	act(ctx, t, chromedp.Navigate(base+"/sample/task"), chromedp.Focus(chromedp.CSS("#in-body")), chromedp.KeyEvent("Fine by me"))
	act(ctx, t, chromedp.Click(chromedp.CSS(".comment-form .button.primary")))
	until(ctx, t, `document.querySelector("#in-body").value === ""`)
	if got := s.last(); got.Get("path") != "/tasks/WEB-29/comments" || got.Get("body") != "Fine by me" {
		t.Errorf("what is sent is %v", got)
	}

	file := filepath.Join(t.TempDir(), "a picture.png")
	if err := os.WriteFile(file, picture(), 0o600); err != nil {
		t.Fatal(err)
	}
	act(ctx, t, chromedp.SetUploadFiles(chromedp.CSS("#in-file"), []string{file}), chromedp.Click(chromedp.CSS("[data-upload] .button")))
	until(ctx, t, `document.querySelector("#in-file").files.length === 0 && location.pathname === "/sample/task"`)
	if got := s.last(); got.Get("path") != "/tasks/WEB-29/attachments" || got.Get("file") != "a picture.png" {
		t.Errorf("what is sent is %v", got)
	}
	for _, c := range complaints() {
		t.Error(c)
	}
}

// Fields of a task are saved as soon as they are changed.
func TestSavingInPlace(t *testing.T) {
	ctx, s, base, complaints := browser(t)
	act(ctx, t, chromedp.EmulateViewport(1440, 900), chromedp.Navigate(base+"/sample/task"))
	evaluate[bool](ctx, t, `(() => { const e = document.querySelector("#in-status"); e.selectedIndex = 2; e.dispatchEvent(new Event("change", { bubbles: true })); return true; })()`)
	until(ctx, t, `document.querySelector(".toast")?.textContent === "Saved"`)
	if got := s.last(); got.Get("path") != "/tasks/WEB-29/fields" || got.Get("status") != "v2" || got.Get("version") != "7" {
		t.Errorf("what is sent is %v", got)
	}
	act(ctx, t, chromedp.Navigate(base+"/sample/board"), chromedp.Focus(chromedp.CSS("#quick-c1")), chromedp.KeyEvent("A new one"), chromedp.KeyEvent(kb.Enter))
	for range 1500 {
		if s.last().Get("title") != "" {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if got := s.last(); got.Get("path") != "/projects/WEB/tasks" || got.Get("title") != "A new one" || got.Get("status") != "c1" {
		t.Errorf("what is sent is %v", got)
	}
	until(ctx, t, `location.pathname === "/sample/board" && document.querySelector("#quick-c1").value === ""`)
	for _, c := range complaints() {
		t.Error(c)
	}
}
