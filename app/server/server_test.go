package server_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/server"
)

// place is a server over clients in a temporary folder, with pages that tell what they were asked.
type place struct {
	*server.Server
	t     *testing.T
	c     *config.Config
	parts *server.Parts
	log   *buffer
	mu    sync.Mutex
	now   time.Time
	hook  func(w http.ResponseWriter, r *http.Request) bool
	made  map[string]int
}

type buffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *buffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.String()
}

func (p *place) clock() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

func (p *place) later(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.now.Add(d)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func options(t testing.TB) *config.Config {
	t.Helper()
	c := config.Default()
	folder := t.TempDir()
	c.Tenants.Directory, c.Storage.Directory = filepath.Join(folder, "tenants"), filepath.Join(folder, "files")
	must(t, os.MkdirAll(c.Tenants.Directory, 0o700))
	return c
}

func open(t *testing.T, change ...func(*config.Config, *server.Options)) *place {
	t.Helper()
	c := options(t)
	p := &place{t: t, c: c, log: &buffer{}, now: time.Now(), made: map[string]int{}}
	o := server.Options{Config: c, Version: "test", Clock: p.clock, Random: rand.Reader}
	for _, set := range change {
		set(c, &o)
	}
	o.Log = slog.New(slog.NewJSONHandler(p.log, nil))
	resolve := config.Resolver{ReadFile: os.ReadFile, LookupEnv: os.LookupEnv}
	var err error
	p.parts, err = server.NewParts(t.Context(), server.PartsOptions{Config: c, Resolve: resolve.Resolve, Clock: p.clock, Random: rand.Reader, Log: o.Log})
	must(t, err)
	o.Directory, o.Process = p.parts.Directory, p.parts.Process
	o.Web = func(on *client.Client) (http.Handler, error) {
		p.mu.Lock()
		p.made[on.Name]++
		p.mu.Unlock()
		return p.pages(on), nil
	}
	p.Server, err = server.New(o)
	must(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		must(t, p.Close(ctx))
		must(t, p.parts.Close(ctx))
	})
	return p
}

// pages tell which client answers, as whom it sees the visitor.
func (p *place) pages(on *client.Client) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /invitation/{token}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "welcome") })
	mux.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if long, found := errors.AsType[*http.MaxBytesError](err); found {
			http.Error(w, fmt.Sprint(long.Limit), http.StatusRequestEntityTooLarge)
			return
		}
		_, _ = fmt.Fprint(w, n)
	})
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("secret-in-panic") })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if p.hook != nil && p.hook(w, r) {
			return
		}
		_, _ = fmt.Fprintf(w, "%s %s", on.Name, client.AddressOf(r.Context()))
	})
	return mux
}

func (p *place) create(name string, change ...func(*config.Client)) {
	p.t.Helper()
	one := config.Client{Name: name, DisplayName: strings.ToUpper(name), Hosts: []string{name + ".example.org"}}
	for _, set := range change {
		set(&one)
	}
	_, err := p.parts.Directory.Create(p.t.Context(), one, p.clock())
	must(p.t, err)
}

type asked struct {
	method, host, path, from string
	header                   map[string]string
	body                     string
}

func (p *place) ask(a asked) *http.Response {
	p.t.Helper()
	if a.method == "" {
		a.method = http.MethodGet
	}
	if a.path == "" {
		a.path = "/"
	}
	r := httptest.NewRequest(a.method, a.path, strings.NewReader(a.body))
	r.Host = a.host
	r.RemoteAddr = "192.0.2.7:4711"
	if a.from != "" {
		r.RemoteAddr = a.from + ":4711"
	}
	for name, value := range a.header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, r)
	return w.Result()
}

func text(t testing.TB, r *http.Response) string {
	t.Helper()
	all, err := io.ReadAll(r.Body)
	must(t, err)
	return string(all)
}

// DP-1: the host name picks the client, and nothing else does.
func TestTheHostNamePicksTheClient_DP_1(t *testing.T) {
	p := open(t)
	p.create("acme")
	p.create("zeta")
	for _, one := range []struct {
		host   string
		header map[string]string
		want   string // the client; "" is the answer that tells nothing
	}{
		{host: "acme.example.org", want: "acme"},
		{host: "ZETA.Example.org", want: "zeta"},
		{host: "acme.example.org:8443", want: "acme"},
		{host: "acme.example.org.", want: "acme"},
		{host: "acme.example.org", header: map[string]string{"X-Forwarded-Host": "zeta.example.org", "Forwarded": "host=zeta.example.org", "X-Host": "zeta.example.org"}, want: "acme"},
		{host: "nobody.example.org", header: map[string]string{"X-Forwarded-Host": "acme.example.org"}},
		{host: "nobody.example.org"}, {host: "127.0.0.1"}, {host: "[::1]:8080"}, {host: ""}, {host: "acme"}, {host: ".acme.example.org"},
		{host: "acme.example.org:"}, {host: "acme.example.org:80:80"}, {host: "acme.example.org@zeta.example.org"}, {host: "acme.example.org/../zeta.example.org"},
		{host: "..%2f..%2fetc"}, {host: "acme.example.org\x00.zeta.example.org"}, {host: strings.Repeat("a.", 200) + "org"}, {host: "xacme.example.org"}, {host: "acme.example.org.evil.test"},
	} {
		answer := p.ask(asked{host: one.host, header: one.header})
		body := text(t, answer)
		switch {
		case one.want == "" && (answer.StatusCode != http.StatusNotFound || body != "404 page not found\n"):
			t.Errorf("host %q is answered with %d %q", one.host, answer.StatusCode, body)
		case one.want != "" && !strings.HasPrefix(body, one.want+" "):
			t.Errorf("host %q leads to %q, want %s", one.host, body, one.want)
		}
	}
}

func TestAnUnknownHostLearnsNothing(t *testing.T) {
	p := open(t)
	p.create("acme")
	seen := map[string]bool{}
	for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"} {
		for _, path := range []string{"/", "/sign-in", "/assets/app.css", "/rpc/taskflow.v1.Tasks/List", "/invitation/abc", "/../etc/passwd", "/metrics"} {
			answer := p.ask(asked{method: method, host: "nobody.example.org", path: path, body: strings.Repeat("x", 100)})
			answer.Header.Del("X-Request-Id")
			seen[fmt.Sprint(answer.StatusCode, answer.Header, text(t, answer))] = true
		}
	}
	if len(seen) != 1 {
		t.Errorf("there are %d different answers: %v", len(seen), seen)
	}
	if answer := p.ask(asked{method: http.MethodPost, host: "nobody.example.org", path: "/healthz"}); answer.StatusCode != http.StatusNotFound {
		t.Errorf("another method on the path of health is answered with %d", answer.StatusCode)
	}
}

func TestHealthIsAnsweredOnEveryHost(t *testing.T) {
	p := open(t)
	p.create("acme")
	for _, host := range []string{"acme.example.org", "10.0.0.7:8443", "nobody.example.org", ""} {
		for path, want := range map[string]string{server.HealthPath: "ok\n", server.ReadyPath: "ready\n"} {
			answer := p.ask(asked{host: host, path: path})
			if body := text(t, answer); answer.StatusCode != http.StatusOK || body != want {
				t.Errorf("%s on host %q is answered with %d %q", path, host, answer.StatusCode, body)
			}
		}
	}
	if strings.Contains(p.log.text(), `"request"`) {
		t.Error("questions for health fill the log")
	}
	must(t, os.RemoveAll(p.c.Tenants.Directory))
	p.later(3 * time.Second)
	if answer := p.ask(asked{path: server.ReadyPath}); answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("without the clients' folder the service says %d to whether it is ready", answer.StatusCode)
	}
}

func TestReadinessOfAnOnlyClient(t *testing.T) {
	folder := t.TempDir()
	key := filepath.Join(folder, "key")
	must(t, os.WriteFile(key, []byte("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="), 0o600))
	only := &config.Client{
		Name: "acme", DisplayName: "Acme", Hosts: []string{"acme.example.org"}, StoragePrefix: "acme", SpacePrefix: "acme",
		SealKeys: []config.Ref{config.Ref("file:" + key)}, Database: config.Database{Engine: "sqlite", Path: filepath.Join(folder, "acme.db")},
	}
	p := open(t, func(c *config.Config, _ *server.Options) { c.Client = only; c.Tenants.Migrate = false })
	if answer := p.ask(asked{path: server.ReadyPath}); answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("before the migrations the service says %d to whether it is ready", answer.StatusCode)
	}
	if !strings.Contains(p.log.text(), "migrat") {
		t.Errorf("the log does not say that migrations are missing: %s", p.log.text())
	}
	if answer := p.ask(asked{path: server.HealthPath}); answer.StatusCode != http.StatusOK {
		t.Errorf("before the migrations the service says %d to whether it is alive", answer.StatusCode)
	}
	p = open(t, func(c *config.Config, _ *server.Options) { c.Client = only })
	if answer := p.ask(asked{path: server.ReadyPath}); answer.StatusCode != http.StatusOK {
		t.Fatalf("with everything there it says %d: %s", answer.StatusCode, p.log.text())
	}
	must(t, os.RemoveAll(filepath.Join(p.c.Storage.Directory, "acme")))
	must(t, os.WriteFile(filepath.Join(p.c.Storage.Directory, "acme"), nil, 0o600))
	p.later(3 * time.Second)
	status := p.ask(asked{path: server.ReadyPath}).StatusCode
	t.Logf("with its storage taken away below an open folder it says %d", status)
}

// Neither secrets nor what is a person's is in a log line.
func TestTheLogTellsRoutesOnly(t *testing.T) {
	p := open(t)
	p.create("acme")
	secrets := []string{"tok3n-of-an-invitation", "q-secret", "tfp_abc", "cookie-secret", "Mozilla/9 (somebody's)", "192.0.2.99", "body-secret", "ann@example.org", "BREWx"}
	header := map[string]string{"Authorization": "Bearer tfp_abc", "Cookie": "session=cookie-secret", "User-Agent": "Mozilla/9 (somebody's)", "Referer": "https://x/?ann@example.org"}
	p.ask(asked{host: "acme.example.org", path: "/invitation/tok3n-of-an-invitation?next=q-secret", from: "192.0.2.99", header: header})
	p.ask(asked{host: "acme.example.org", path: "/nowhere/q-secret", from: "192.0.2.99", header: header})
	p.ask(asked{method: "BREWx", host: "acme.example.org", path: "/q-secret", from: "192.0.2.99", header: header})
	p.ask(asked{host: "q-secret.example.org", path: "/q-secret", from: "192.0.2.99", header: header})
	p.ask(asked{method: "POST", host: "acme.example.org", path: "/echo", body: "body-secret", from: "192.0.2.99", header: header})
	p.ask(asked{host: "acme.example.org", path: "/panic", from: "192.0.2.99", header: header})
	log := p.log.text()
	for _, secret := range append(secrets, "secret-in-panic") {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %q:\n%s", secret, log)
		}
	}
	for _, want := range []string{`"route":"/invitation/{token}"`, `"client":"acme"`, `"method":"other"`, `"route":"unknown host"`, `"status":500`, `"msg":"a request failed badly"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s:\n%s", want, log)
		}
	}
}

func TestAPanicEndsOneRequest(t *testing.T) {
	p := open(t)
	p.create("acme")
	answer := p.ask(asked{host: "acme.example.org", path: "/panic"})
	id := answer.Header.Get("X-Request-Id")
	if body := text(t, answer); answer.StatusCode != http.StatusInternalServerError || !strings.Contains(body, id) || strings.Contains(body, "secret") || !strings.Contains(p.log.text(), id) {
		t.Errorf("a panic is answered with %d %q", answer.StatusCode, body)
	}
	if answer := p.ask(asked{host: "acme.example.org"}); answer.StatusCode != http.StatusOK {
		t.Errorf("after a panic the next is answered with %d", answer.StatusCode)
	}
}

// AS-6, AV-12: a burst gets 429 and the time to come back; the neighbour does not notice.
func TestABurstIsLimitedAndTheNeighbourIsNot_AS_6_AV_12(t *testing.T) {
	p := open(t, func(c *config.Config, _ *server.Options) {
		c.Rates.Client = config.Rate{Requests: 20, Period: config.Duration(time.Minute)}
	})
	p.create("acme")
	p.create("zeta")
	limited := 0
	for range 30 {
		if answer := p.ask(asked{host: "acme.example.org"}); answer.StatusCode == http.StatusTooManyRequests {
			limited++
			if answer.Header.Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
		}
	}
	if limited != 10 {
		t.Errorf("%d of 30 requests were refused, want 10", limited)
	}
	if answer := p.ask(asked{host: "zeta.example.org"}); answer.StatusCode != http.StatusOK {
		t.Errorf("the neighbour is answered with %d", answer.StatusCode)
	}
	p.later(time.Minute)
	if answer := p.ask(asked{host: "acme.example.org"}); answer.StatusCode != http.StatusOK {
		t.Errorf("after a minute it is answered with %d", answer.StatusCode)
	}
}

func TestAnAddressIsLimitedByItself_AS_6(t *testing.T) {
	p := open(t, func(c *config.Config, _ *server.Options) {
		c.Rates.Address = config.Rate{Requests: 3, Period: config.Duration(time.Minute)}
	})
	p.create("acme")
	for i := range 5 {
		want := map[bool]int{true: 200, false: 429}[i < 3]
		answer := p.ask(asked{host: "acme.example.org", header: map[string]string{"X-Forwarded-For": fmt.Sprintf("198.51.100.%d", i)}})
		if answer.StatusCode != want {
			t.Errorf("request %d is answered with %d, want %d", i, answer.StatusCode, want)
		}
	}
	if answer := p.ask(asked{host: "acme.example.org", from: "198.51.100.9"}); answer.StatusCode != http.StatusOK {
		t.Errorf("another address is answered with %d", answer.StatusCode)
	}
}

func TestLimitsAreReadAnew(t *testing.T) {
	p := open(t)
	p.create("acme")
	p.create("own", func(c *config.Client) {
		c.Rates = &config.Rates{Client: config.Rate{Requests: 5, Period: config.Duration(time.Minute)}}
	})
	for _, host := range []string{"acme.example.org", "own.example.org"} {
		p.ask(asked{host: host})
	}
	next := *p.c
	next.Rates.Client = config.Rate{Requests: 2, Period: config.Duration(time.Minute)}
	must(t, p.Reload(t.Context(), &next))
	count := func(host string) (n int) {
		for range 10 {
			if p.ask(asked{host: host}).StatusCode == http.StatusOK {
				n++
			}
		}
		return n
	}
	if n := count("acme.example.org"); n > 2 {
		t.Errorf("with a limit of 2, %d were let through", n)
	}
	if n := count("own.example.org"); n != 4 {
		t.Errorf("with a limit of its own of 5, %d more were let through, want 4", n)
	}
}

func TestOnlyTheEdgeSaysWhoAsks_AV_12(t *testing.T) {
	p := open(t, func(c *config.Config, _ *server.Options) {
		c.Listen.TrustedProxies = []config.Network{{Prefix: netip.MustParsePrefix("10.0.0.0/8")}}
		c.Listen.RequestIDFrom = "X-Trace"
	})
	p.create("acme")
	header := map[string]string{"X-Forwarded-For": "203.0.113.5", "X-Trace": "from-the-edge-1"}
	answer := p.ask(asked{host: "acme.example.org", from: "10.1.2.3", header: header})
	if body := text(t, answer); body != "acme 203.0.113.5" || answer.Header.Get("X-Request-Id") != "from-the-edge-1" {
		t.Errorf("behind the edge: %q, %q", body, answer.Header.Get("X-Request-Id"))
	}
	answer = p.ask(asked{host: "acme.example.org", from: "192.0.2.1", header: header})
	if body := text(t, answer); body != "acme 192.0.2.1" || answer.Header.Get("X-Request-Id") == "from-the-edge-1" {
		t.Errorf("past the edge: %q, %q", body, answer.Header.Get("X-Request-Id"))
	}
}

func TestBodiesAreBounded(t *testing.T) {
	p := open(t, func(c *config.Config, o *server.Options) {
		c.Limits.Body, c.Limits.Upload = 1<<10, 10<<10
		o.Transfers = func(r *http.Request) bool { return r.URL.RawQuery == "long" }
	})
	p.create("acme")
	for path, want := range map[string]int{"/echo": http.StatusRequestEntityTooLarge, "/echo?long": http.StatusOK} {
		if answer := p.ask(asked{method: "POST", host: "acme.example.org", path: path, body: strings.Repeat("x", 5<<10)}); answer.StatusCode != want {
			t.Errorf("%s with 5 KiB is answered with %d, want %d", path, answer.StatusCode, want)
		}
	}
}

func TestHeadersAreAFloor_AS_2(t *testing.T) {
	p := open(t, func(c *config.Config, _ *server.Options) { c.Public.Scheme = "https" })
	p.create("acme")
	for _, host := range []string{"acme.example.org", "nobody.example.org", "10.0.0.1"} {
		h := p.ask(asked{host: host}).Header
		for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Strict-Transport-Security", "Referrer-Policy", "X-Request-Id"} {
			if h.Get(name) == "" {
				t.Errorf("host %q is answered without %s", host, name)
			}
		}
	}
}

func TestMetricsNameNoClient(t *testing.T) {
	c := make(chan net.Listener, 1)
	p := open(t)
	for i := range 40 {
		name := fmt.Sprintf("client-%d", i)
		p.create(name)
		p.ask(asked{host: name + ".example.org", path: "/invitation/tok3n"})
	}
	numbers, public := listener(t), listener(t)
	c <- numbers
	stop, ended := p.run(server.Listeners{Public: []net.Listener{public}, Metrics: numbers})
	answer, err := http.Get("http://" + numbers.Addr().String() + "/metrics")
	must(t, err)
	all := text(t, answer)
	_ = answer.Body.Close()
	if strings.Contains(all, "client-1") || strings.Contains(all, "tok3n") {
		t.Error("the metrics name a client or a secret")
	}
	groups := 0
	for line := range strings.Lines(all) {
		if strings.HasPrefix(line, "taskflow_group_requests_total") {
			groups++
		}
	}
	if groups == 0 || groups > 32 {
		t.Errorf("the clients are counted in %d groups", groups)
	}
	for _, want := range []string{`taskflow_requests_total{code="200",method="GET",route="/invitation/{token}"} 40`, "taskflow_clients_open 40", "go_goroutines", `taskflow_build_info{version="test"} 1`} {
		if !strings.Contains(all, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if answer, err := http.Get("http://" + public.Addr().String() + "/metrics"); err != nil || answer.StatusCode != http.StatusNotFound {
		t.Errorf("the public address answers the question for metrics: %v", err)
	}
	stop()
	must(t, <-ended)
}

func listener(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	return l
}

func (p *place) run(l server.Listeners) (stop func(), ended chan error) {
	ctx, cancel := context.WithCancel(context.Background())
	p.t.Cleanup(cancel)
	ended = make(chan error, 1)
	serving := make(chan struct{})
	l.Serving = func() error { close(serving); return nil }
	go func() { ended <- p.Run(ctx, l) }()
	<-serving
	return cancel, ended
}

// AV-6: what is in flight is finished, and readiness goes off first.
func TestDrainFinishesWhatIsInFlight_AV_6(t *testing.T) {
	p := open(t)
	p.create("acme")
	entered, go2 := make(chan struct{}), make(chan struct{})
	p.hook = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/slow" {
			return false
		}
		close(entered)
		<-go2
		_, _ = io.WriteString(w, "finished")
		return true
	}
	l := listener(t)
	stop, ended := p.run(server.Listeners{Public: []net.Listener{l}, Settle: 5 * time.Second})
	ask := func(path string) (string, int, error) {
		r, err := http.NewRequest(http.MethodGet, "http://"+l.Addr().String()+path, nil)
		must(t, err)
		r.Host = "acme.example.org"
		answer, err := (&http.Client{Transport: &http.Transport{}}).Do(r)
		if err != nil {
			return "", 0, err
		}
		defer answer.Body.Close()
		return text(t, answer), answer.StatusCode, nil
	}
	got := make(chan string, 1)
	go func() {
		body, _, err := ask("/slow")
		got <- fmt.Sprint(body, err)
	}()
	<-entered
	stop()
	for {
		_, status, err := ask(server.ReadyPath)
		must(t, err)
		if status == http.StatusServiceUnavailable {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if body, status, err := ask("/"); err != nil || status != http.StatusOK {
		t.Errorf("while it settles a request is answered with %d %q, %v", status, body, err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if _, _, err := ask("/"); err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("after settling a new connection is still taken")
		}
	}
	close(go2)
	if body := <-got; body != "finished<nil>" {
		t.Errorf("the request in flight got %q", body)
	}
	must(t, <-ended)
}

func TestTracesNameRoutesOnly(t *testing.T) {
	got := make(chan string, 10)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		all, _ := io.ReadAll(r.Body)
		got <- r.URL.Path + r.Header.Get("X-Key") + string(all)
	}))
	defer collector.Close()
	spans, err := server.Spans(t.Context(), collector.URL, "X-Key=k1\n")
	must(t, err)
	p := open(t, func(c *config.Config, o *server.Options) {
		o.Spans, c.Telemetry.Sample = spans, 1
	})
	p.create("acme")
	p.ask(asked{host: "acme.example.org", path: "/invitation/tok3n-secret?q=q-secret", header: map[string]string{"Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}})
	must(t, p.Close(t.Context()))
	sent := <-got
	if !strings.HasPrefix(sent, "/v1/tracesk1") || !strings.Contains(sent, "GET /invitation/{token}") || strings.Contains(sent, "secret") {
		t.Errorf("what was sent: %q", sent)
	}
}
