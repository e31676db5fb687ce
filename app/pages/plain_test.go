package pages_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/berth-iac/berth/app/pages"
	"github.com/berth-iac/berth/app/pages/pagestest"
)

// Everything can be done without a script: the browser of this test runs none.
func TestWithoutAnyScript(t *testing.T) {
	ctx, s, base, complaints := browser(t)
	act(ctx, t, chromedp.EmulateViewport(360, 800))
	if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	visible := func(selector string) bool {
		return evaluate[bool](ctx, t, `(() => { const e = document.querySelector("`+selector+`"); return e.checkVisibility({ visibilityProperty: true }) && +getComputedStyle(e).opacity > 0; })()`)
	}
	hasNoScript := func() {
		t.Helper()
		if evaluate[bool](ctx, t, `typeof htmx !== "undefined"`) {
			t.Fatal("a script runs")
		}
	}

	// The menu of a phone opens by its address.
	act(ctx, t, chromedp.Navigate(base+"/sample/board"))
	hasNoScript()
	if visible("#nav") {
		t.Error("the menu is open from the start")
	}
	act(ctx, t, chromedp.Click(chromedp.CSS(".bar-menu")))
	until(ctx, t, `getComputedStyle(document.querySelector("#nav")).visibility === "visible"`)

	// A card leads to a form that moves it.
	act(ctx, t, chromedp.Navigate(base+"/sample/board"))
	if !visible("[data-card=WEB-29] .card-move") {
		t.Error("the way to move a card is not to be seen")
	}
	if href := evaluate[string](ctx, t, `document.querySelector("[data-card=WEB-29] .card-move").getAttribute("href")`); href != "/tasks/WEB-29/move" {
		t.Errorf("it leads to %s", href)
	}
	act(ctx, t, chromedp.Navigate(base+"/sample/move-task"), chromedp.Click(chromedp.CSS("#in-status-2")), chromedp.Click(chromedp.CSS(".panel .button.primary")))
	until(ctx, t, `location.pathname === "/projects/WEB"`)
	if got := s.last(); got.Get("path") != "/tasks/WEB-29/move" || got.Get("status") != "v2" || got.Get("csrf") == "" {
		t.Errorf("what is sent is %v", got)
	}

	// Fields have a button to save them, filters one to apply them; what only a script could do is not offered.
	act(ctx, t, chromedp.Navigate(base+"/sample/task"))
	if !visible("[data-autosave] .button") {
		t.Error("there is no button to save a task")
	}
	act(ctx, t, chromedp.Click(chromedp.CSS("[data-autosave] .button")))
	until(ctx, t, `location.pathname === "/projects/WEB"`)
	if got := s.last().Get("path"); got != "/tasks/WEB-29/fields" {
		t.Errorf("what is sent goes to %s", got)
	}
	act(ctx, t, chromedp.Navigate(base+"/sample/list"))
	if !visible(".filters .button") {
		t.Error("there is no button to filter")
	}
	act(ctx, t, chromedp.Navigate(base+"/sample/tokens"))
	if visible("[data-copy]") {
		t.Error("a button is shown that does nothing")
	}

	// A task is written down on the board.
	act(ctx, t, chromedp.Navigate(base+"/sample/board"), chromedp.Focus(chromedp.CSS("#quick-c1")), chromedp.KeyEvent("By hand"), chromedp.KeyEvent(kb.Enter))
	until(ctx, t, `location.pathname === "/projects/WEB"`)
	if got := s.last().Get("title"); got != "By hand" {
		t.Errorf("what is sent is %v", s.last())
	}
	for _, c := range complaints() {
		t.Error(c)
	}
}

// On paper there is the work, and nothing to press.
func TestPrinted(t *testing.T) {
	ctx, _, base, _ := browser(t)
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print", Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"task", "board", "list"} {
		act(ctx, t, chromedp.EmulateViewport(800, 1100), chromedp.Navigate(base+"/sample/"+name))
		if shown := evaluate[[]string](ctx, t, `[...document.querySelectorAll(".bar, .nav, .tabs, .quick, .comment-form")].filter((e) => e.checkVisibility()).map((e) => e.className)`); len(shown) > 0 {
			t.Errorf("%s: %v is printed", name, shown)
		}
		if ink := evaluate[string](ctx, t, `getComputedStyle(document.body).backgroundColor`); ink != "rgb(255, 255, 255)" {
			t.Errorf("%s: the paper is %s", name, ink)
		}
		if shots := os.Getenv("TASKFLOW_SHOTS"); shots != "" {
			picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(shots, "print-"+name+".png"), picture, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Every colour that a client may choose can be read, by day and by night.
func TestEveryAccentCanBeRead(t *testing.T) {
	ctx, _, base, _ := browser(t)
	for _, theme := range []string{"light", "dark"} {
		prefer(ctx, t, theme)
		for _, name := range []string{"task", "rules", "sign-in"} {
			act(ctx, t, chromedp.EmulateViewport(1440, 900), chromedp.Navigate(base+"/sample/"+name))
			for _, accent := range pages.Accents() {
				evaluate[string](ctx, t, `document.documentElement.dataset.accent = "`+string(accent)+`"`)
				for _, fault := range evaluate[[]string](ctx, t, pagestest.Look()) {
					t.Errorf("%s, %s, %s: %s", name, accent, theme, fault)
				}
			}
		}
	}
	// What the reader chose outweighs what the machine prefers.
	prefer(ctx, t, "light")
	act(ctx, t, chromedp.Navigate(base+"/sample/projects-empty"))
	if got := evaluate[string](ctx, t, `getComputedStyle(document.body).backgroundColor`); got != "rgb(19, 20, 22)" {
		t.Errorf("the dark theme was chosen, and the page is %s", got)
	}
}
