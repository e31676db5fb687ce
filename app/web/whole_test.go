package web_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/server"
	"github.com/berth-iac/berth/app/web"
)

// whole is the server with the real pages of some clients, on a socket of its own.
type whole struct {
	t       *testing.T
	parts   *server.Parts
	address string
	hold    chan struct{} // requests for /held wait for it
	mu      sync.Mutex
	held    map[string]int
	ahead   time.Duration
}

func (w *whole) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.ahead)
}

// later puts the clock ahead.
func (w *whole) later(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead += d
}

func newWhole(t *testing.T, change func(*config.Config), clients ...config.Client) *whole {
	t.Helper()
	c := config.Default()
	folder := t.TempDir()
	c.Tenants.Directory, c.Storage.Directory, c.Public.Scheme = filepath.Join(folder, "tenants"), filepath.Join(folder, "files"), "https"
	change(c)
	must(t, os.MkdirAll(c.Tenants.Directory, 0o700))
	w := &whole{t: t, hold: make(chan struct{}), held: map[string]int{}}
	log := slog.New(slog.DiscardHandler)
	var err error
	w.parts, err = server.NewParts(t.Context(), server.PartsOptions{Config: c, Clock: w.now, Random: rand.Reader, Log: log,
		Resolve: config.Resolver{ReadFile: os.ReadFile, LookupEnv: os.LookupEnv}.Resolve})
	must(t, err)
	for _, one := range clients {
		_, err := w.parts.Directory.Create(t.Context(), one, time.Now())
		must(t, err)
	}
	s, err := server.New(server.Options{Config: c, Directory: w.parts.Directory, Process: w.parts.Process, Web: w.pages, Transfers: web.Transfers, Version: "test",
		Log: log, Clock: w.now, Random: rand.Reader})
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	w.address = l.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, server.Listeners{Public: []net.Listener{l}}) }()
	t.Cleanup(func() {
		stop()
		must(t, <-ended)
		must(t, w.parts.Close(context.Background()))
	})
	return w
}

// pages are the real ones, and one more on which requests wait.
func (w *whole) pages(c *client.Client) (http.Handler, error) {
	site, err := web.New(c, web.Options{})
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/held" {
			w.count(c.Name, 1)
			select {
			case <-w.hold:
			case <-r.Context().Done():
			}
			w.count(c.Name, -1)
			return
		}
		site.ServeHTTP(out, r)
	}), err
}

func (w *whole) count(name string, by int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held[name] += by
	return w.held[name]
}

// visitor is somebody at a client, with connections of their own.
func (w *whole) visitor() *http.Client {
	jar, err := cookiejar.New(nil)
	must(w.t, err)
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, w.address)
	}}
	w.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Jar: jar, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func get(v *http.Client, host, path string) (status int, header http.Header, body string, err error) {
	r, err := v.Get("http://" + host + path)
	if err != nil {
		return 0, nil, "", err
	}
	defer r.Body.Close()
	all, err := io.ReadAll(r.Body)
	return r.StatusCode, r.Header, string(all), err
}

func named(name string) config.Client {
	return config.Client{Name: name, DisplayName: "The " + name + " company", Hosts: []string{name + ".example.org"}}
}

// TestABurstIsLimitedAndTheNeighbourIsServed_AS_6_AV_12: a client that is flooded until it is limited is told when to come back; meanwhile
// not one request of its neighbour fails.
func TestABurstIsLimitedAndTheNeighbourIsServed_AS_6_AV_12(t *testing.T) {
	w := newWhole(t, func(c *config.Config) {
		c.Rates.Client = config.Rate{Requests: 200, Period: config.Duration(time.Minute)}
		c.Rates.Address = config.Rate{Requests: 1_000_000, Period: config.Duration(time.Minute)}
	}, named("acme"), named("blue"))
	stop := make(chan struct{})
	limited := make(chan struct{})
	var flood sync.WaitGroup
	var once sync.Once
	var mu sync.Mutex
	count, wrong := map[int]int{}, []string{}
	for range 8 {
		flood.Go(func() {
			v := w.visitor()
			for {
				select {
				case <-stop:
					return
				default:
				}
				status, header, body, err := get(v, "acme.example.org", "/sign-in")
				mu.Lock()
				count[status]++
				if err != nil || status != 200 && status != 429 {
					wrong = append(wrong, fmt.Sprint(status, err))
				}
				if status == 429 {
					seconds, err := strconv.Atoi(header.Get("Retry-After"))
					if err != nil || seconds < 1 || seconds > 60 || strings.Contains(body, "acme") {
						wrong = append(wrong, fmt.Sprintf("429 with Retry-After %q: %.200s", header.Get("Retry-After"), body))
					}
					once.Do(func() { close(limited) })
				}
				mu.Unlock()
			}
		})
	}
	<-limited
	neighbour := w.visitor()
	for i := range 60 {
		if status, _, body, err := get(neighbour, "blue.example.org", "/sign-in"); err != nil || status != 200 {
			t.Errorf("request %d of the neighbour gave %d %v: %.200s", i, status, err, body)
		}
	}
	close(stop)
	flood.Wait()
	if len(wrong) > 0 || count[200] < 200 || count[429] < 50 {
		t.Errorf("the flood got %v; wrong: %.1000q", count, wrong)
	}
	t.Logf("the flood got %v, the neighbour 60 times 200", count)
}

// TestWhoeverWaitsIsInALineOfTheirOwn_AV_12: requests that do not end fill the places and the line of one client, and no more: what does not
// fit is told to come back, and the neighbour finds a place each time.
func TestWhoeverWaitsIsInALineOfTheirOwn_AV_12(t *testing.T) {
	const places, line = 4, 16 // the line is four times as long
	w := newWhole(t, func(c *config.Config) {
		c.Limits.Concurrent, c.Limits.PerClient = 6, places
		many := config.Rate{Requests: 1_000_000, Period: config.Duration(time.Minute)}
		c.Rates.Client, c.Rates.Address = many, many
	}, named("acme"), named("blue"))
	gate := w.parts.Process.Gate
	answers := make(chan string, 200)
	var all sync.WaitGroup
	ask := func(n int) {
		for range n {
			all.Go(func() {
				status, header, _, err := get(w.visitor(), "acme.example.org", "/held")
				answers <- fmt.Sprint(status, " ", header.Get("Retry-After") != "", " ", err)
			})
		}
	}
	settled := func(running, waiting int) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); gate.Running() != running || gate.Waiting() != waiting; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d run and %d wait, want %d and %d", gate.Running(), gate.Waiting(), running, waiting)
			}
		}
	}
	ask(places + line)
	settled(places, line)
	ask(20)
	for range 20 {
		if got := <-answers; got != "429 true <nil>" {
			t.Errorf("one that found no room got %s", got)
		}
	}
	settled(places, line)
	neighbour := w.visitor()
	for i := range 30 {
		if status, _, _, err := get(neighbour, "blue.example.org", "/sign-in"); err != nil || status != 200 {
			t.Errorf("request %d of the neighbour gave %d %v", i, status, err)
		}
	}
	if w.count("acme", 0) != places {
		t.Errorf("%d requests of one client ran at once", w.count("acme", 0))
	}
	close(w.hold)
	all.Wait()
	close(answers)
	for got := range answers {
		if got != "200 false <nil>" {
			t.Errorf("one that waited got %s", got)
		}
	}
	settled(0, 0)
}

// TestASuspendedClientIsNotServed: within a second, by every route, without a word of what is in it; and as before when it is resumed.
func TestASuspendedClientIsNotServed(t *testing.T) {
	w := newWhole(t, func(*config.Config) {}, named("acme"), named("blue"))
	v := w.visitor()
	if status, _, body, err := get(v, "acme.example.org", "/sign-in"); err != nil || status != 200 || !strings.Contains(body, "The acme company") {
		t.Fatalf("%d %v", status, err)
	}
	must(t, w.parts.Directory.Suspend(t.Context(), "acme"))
	w.later(time.Second)
	for _, route := range web.Routes() {
		r, err := http.NewRequestWithContext(t.Context(), route.Method, "http://acme.example.org"+strings.NewReplacer("{$}", "", "{", "", "}", "").Replace(route.Pattern), nil)
		must(t, err)
		response, err := v.Do(r)
		must(t, err)
		body, err := io.ReadAll(response.Body)
		must(t, err)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusForbidden || strings.Contains(string(body), "acme") || len(response.Header.Values("Set-Cookie")) > 0 {
			t.Errorf("%s %s gave %d %s", route.Method, route.Pattern, response.StatusCode, body)
		}
	}
	if status, _, _, err := get(v, "blue.example.org", "/sign-in"); err != nil || status != 200 {
		t.Errorf("the neighbour gave %d %v", status, err)
	}
	must(t, w.parts.Directory.Resume(t.Context(), "acme"))
	w.later(time.Second)
	if status, _, _, err := get(v, "acme.example.org", "/sign-in"); err != nil || status != 200 {
		t.Errorf("resumed, it gave %d %v", status, err)
	}
}
