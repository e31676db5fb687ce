package browser_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/command"
	"github.com/berth-iac/berth/app/web"
)

const host = "demo.localhost"

// service is the whole program, as "taskflow serve" runs it in an empty folder.
type service struct {
	t       *testing.T
	address string // 127.0.0.1:port
	site    string // http://demo.localhost:port
	link    string // the invitation that the terminal shows
	out     *words
	log     *words
	mu      sync.Mutex
	ahead   time.Duration
}

// words are what a program says.
type words struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all.Write(p)
}

func (w *words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all.String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// now is the service's clock. It can be put ahead, so that nobody waits for the next code of an authenticator.
func (s *service) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.ahead)
}

func (s *service) later(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead += d
}

// code is what an authenticator app shows.
func (s *service) code(secret string) string {
	s.t.Helper()
	code, err := totp.GenerateCode(strings.ReplaceAll(secret, " ", ""), s.now())
	must(s.t, err)
	return code
}

var (
	serving    = regexp.MustCompile(`"msg":"serving","address":"([^"]+)"`)
	invitation = regexp.MustCompile(`(http://demo\.localhost:\d+)/invitation/[\w-]{43}`)
)

// start serves from an empty folder, with nothing but these variables.
func start(t *testing.T, environ ...string) *service {
	t.Helper()
	t.Chdir(t.TempDir())
	s := &service{t: t, out: &words{}, log: &words{}}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan int, 1)
	go func() {
		ended <- command.Run(ctx, command.Env{
			Out: s.out, Err: s.log, Environ: environ, LookupEnv: func(string) (string, bool) { return "", false }, ReadFile: os.ReadFile,
			Clock: s.now, Random: rand.Reader, Version: "test", Transfers: web.Transfers,
			Web: func(c *client.Client) (http.Handler, error) { return web.New(c, web.Options{}) },
		}, []string{"serve", "--listen", "127.0.0.1:0"})
	}()
	t.Cleanup(func() {
		stop()
		select {
		case code := <-ended:
			if code != command.Done {
				t.Errorf("the service ended with %d:\n%s", code, s.log)
			}
		case <-time.After(time.Minute):
			t.Errorf("the service does not end:\n%s", s.log)
		}
		for line := range strings.Lines(s.log.String()) {
			if strings.Contains(line, `"level":"ERROR"`) || strings.Contains(line, `"level":"WARN"`) {
				t.Errorf("the service complains: %s", line)
			}
		}
	})
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		link, address := invitation.FindStringSubmatch(s.out.String()), serving.FindStringSubmatch(s.log.String())
		if link != nil && address != nil {
			s.link, s.site, s.address = link[0], link[1], address[1]
			return s
		}
		select {
		case code := <-ended:
			ended <- code
			t.Fatalf("the service ended with %d:\n%s%s", code, s.out, s.log)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("the service does not serve:\n%s%s", s.out, s.log)
		}
	}
}
