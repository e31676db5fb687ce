package pages_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/berth-iac/berth/app/pages"
	"github.com/berth-iac/berth/app/pages/pagestest"
)

// site serves the samples as the service does: with the content security policy, below the same paths.
type site struct {
	mu    sync.Mutex
	board pages.Board
	moves []url.Values
	fail  int // the status that the next change is answered with
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Security-Policy", pages.ContentSecurityPolicy)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if name, asset := strings.CutPrefix(r.URL.Path, pages.AssetPrefix); asset {
		a, found := pages.Assets()[name]
		if !found {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", a.Type)
		w.Header().Set("Cache-Control", pages.AssetCacheControl)
		_, _ = w.Write(a.Body)
		return
	}
	if r.URL.Path == "/me/second-factor/qr.png" {
		_, _ = w.Write(picture())
		return
	}
	if r.Method == http.MethodPost {
		s.change(w, r)
		return
	}
	page := pages.Page(s.board)
	if name, sample := strings.CutPrefix(r.URL.Path, "/sample/"); sample {
		i := slices.IndexFunc(pagestest.All(), func(one pagestest.Sample) bool { return one.Name == name })
		page = pagestest.All()[i].Page
	}
	for _, one := range pagestest.All() {
		if (r.URL.Path == "/tasks/WEB-29/edit" && one.Name == "task-edit") || (r.URL.Path == "/comments/2/edit" && one.Name == "comment-edit") || (r.URL.Path == "/tasks/WEB-29" && one.Name == "task") {
			page = one.Page
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = pages.Render(w, page)
}

func (s *site) change(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseMultipartForm(1 << 20)
	if file, head, err := r.FormFile("file"); err == nil {
		_ = file.Close()
		r.PostForm.Set("file", head.Filename)
	}
	if r.PostForm.Get("csrf") != s.board.CSRF || r.URL.RawQuery != "" {
		http.Error(w, "no token", http.StatusForbidden)
		return
	}
	if s.fail != 0 {
		w.WriteHeader(s.fail)
		s.fail = 0
		return
	}
	r.PostForm.Set("path", r.URL.Path)
	s.moves = append(s.moves, r.PostForm)
	if key, moved := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/tasks/"), "/move"); moved {
		s.move(key, r.PostForm.Get("status"), r.PostForm.Get("before"))
	}
	to := "/projects/WEB"
	if strings.HasSuffix(r.URL.Path, "/attachments") || strings.HasSuffix(r.URL.Path, "/comments") {
		to = "/tasks/WEB-29"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (s *site) move(key, status, before string) {
	var card pages.Card
	for i := range s.board.Columns {
		column := &s.board.Columns[i]
		if at := slices.IndexFunc(column.Cards, func(c pages.Card) bool { return c.Key == key }); at >= 0 {
			card = column.Cards[at]
			column.Cards = slices.Delete(column.Cards, at, at+1)
		}
	}
	for i := range s.board.Columns {
		column := &s.board.Columns[i]
		if column.ID != status {
			continue
		}
		at := slices.IndexFunc(column.Cards, func(c pages.Card) bool { return c.Key == before })
		if at < 0 {
			at = len(column.Cards)
		}
		column.Cards = slices.Insert(column.Cards, at, card)
	}
}

func (s *site) last() url.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.moves) == 0 {
		return nil
	}
	return s.moves[len(s.moves)-1]
}

// picture stands for a QR code.
func picture() []byte {
	img := image.NewGray(image.Rect(0, 0, 29, 29))
	for i := range img.Pix {
		img.Pix[i] = 255
		if (i*i/7+i*3/5)%3 == 0 {
			img.Pix[i] = 0
		}
	}
	img.Set(0, 0, color.Black)
	var buf bytes.Buffer
	_ = png.Encode(&buf, img)
	return buf.Bytes()
}

// browser starts one, or says why it cannot.
func browser(t *testing.T) (context.Context, *site, string, func() []string) {
	t.Helper()
	if testing.Short() {
		t.Skipf("%s is skipped: a browser is too slow for -short", t.Name())
	}
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "headless-shell"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		t.Skipf("%s is skipped: there is no Chromium on the PATH", t.Name())
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(program), chromedp.NoSandbox,
		chromedp.Flag("hide-scrollbars", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("force-color-profile", "srgb"))
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stop := chromedp.NewContext(allocator)
	ctx, stopTime := context.WithTimeout(ctx, 35*time.Minute)
	t.Cleanup(func() { stopTime(); stop(); stopAllocator() })

	var mu sync.Mutex
	var complaints []string
	complain := func(text string) {
		mu.Lock()
		defer mu.Unlock()
		complaints = append(complaints, text)
	}
	if err := chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *log.EventEntryAdded:
			complain(fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		case *runtime.EventConsoleAPICalled:
			if e.Type == "error" || e.Type == "warning" || e.Type == "assert" {
				complain(fmt.Sprintf("console: %s", e.Args[0].Value))
			}
		case *runtime.EventExceptionThrown:
			complain("exception: " + e.ExceptionDetails.Text)
		case *network.EventRequestWillBeSent:
			if u, err := url.Parse(e.Request.URL); err != nil || (u.Scheme != "data" && u.Hostname() != "127.0.0.1") {
				complain("asks for " + e.Request.URL)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	s := &site{board: pagestest.Board()}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return ctx, s, server.URL, func() []string {
		mu.Lock()
		defer mu.Unlock()
		all := complaints
		complaints = nil
		return all
	}
}

// prefer makes the machine one that has light or dark themes, without motion.
func prefer(ctx context.Context, t *testing.T, theme string) {
	t.Helper()
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}}); err != nil {
		t.Fatal(err)
	}
}

func TestEveryPageInTheBrowser(t *testing.T) {
	ctx, _, base, complaints := browser(t)
	shots := os.Getenv("TASKFLOW_SHOTS") // a folder: pictures of everything are put there
	only := os.Getenv("TASKFLOW_SHOTS_OF")
	if shots != "" {
		if err := os.MkdirAll(shots, 0o750); err != nil {
			t.Fatal(err)
		}
	}
	for _, sample := range pagestest.All() {
		if only != "" && !slices.Contains(strings.Split(only, ","), sample.Name) {
			continue
		}
		t.Run(sample.Name, func(t *testing.T) {
			for _, theme := range []string{"light", "dark"} {
				prefer(ctx, t, theme)
				if err := chromedp.Do(ctx, chromedp.EmulateViewport(360, 800), chromedp.Navigate(base+"/sample/"+sample.Name)); err != nil {
					t.Fatal(err)
				}
				widths := []int64{360, 820, 1040, 1440}
				if theme == "dark" && shots == "" {
					widths = widths[:1] // only colours differ
				}
				for _, width := range widths {
					if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 900), chromedp.Sleep(20*time.Millisecond)); err != nil {
						t.Fatal(err)
					}
					found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](pagestest.Look()))
					if err != nil {
						t.Fatal(err)
					}
					for _, f := range found {
						t.Errorf("%d %s: %s", width, theme, f)
					}
					if shots == "" {
						continue
					}
					picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
					if err != nil {
						t.Fatal(err)
					}
					name := fmt.Sprintf("%s-%d-%s.png", sample.Name, width, theme)
					if err := os.WriteFile(filepath.Join(shots, name), picture, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			for _, c := range complaints() {
				t.Errorf("the browser complains: %s", c)
			}
		})
	}
}
