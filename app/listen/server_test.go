package listen_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/listen"
)

// start serves on a loopback socket.
func start(t *testing.T, h http.Handler, l listen.Limits, connections int) (*http.Server, net.Listener, string) {
	t.Helper()
	raw, err := listen.Open(t.Context(), "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	s := listen.NewServer(h, l, slog.New(slog.DiscardHandler))
	limited := raw[0]
	if connections > 0 {
		limited = listen.AtMost(limited, connections)
	}
	go func() {
		if err := listen.Serve(s, limited); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { _ = s.Close() })
	return s, raw[0], raw[0].Addr().String()
}

// closes waits until nobody listens at an address any more.
func closes(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		_ = conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("connections are still accepted")
		}
	}
}

func exchange(t *testing.T, address, send string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	_, _ = io.WriteString(conn, send)
	all, err := io.ReadAll(conn)
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		return "still open"
	}
	return string(all)
}

func TestSlowAndLargeRequestsAreCutOff(t *testing.T) {
	pace := listen.Pace{Clock: time.Now, BytesPerSecond: 1000, Grace: time.Second, MaxBody: 5000}
	_, _, address := start(t, pace.Steady(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var large *http.MaxBytesError
		switch {
		case errors.As(err, &large):
			http.Error(w, "large", http.StatusRequestEntityTooLarge)
		case err != nil:
			http.Error(w, "slow", http.StatusRequestTimeout)
		default:
			w.Header().Set("Got", strings.Repeat("x", len(body)%10))
			_, _ = w.Write(body)
		}
	})), listen.Limits{Header: time.Second, Handler: 2 * time.Second, Idle: time.Second, HeaderBytes: 2048}, 0)
	for name, tc := range map[string]struct{ send, want string }{
		"a request":               {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200 OK"},
		"half a header":           {"GET / HTTP/1.1\r\nHost: x\r\n", ""},
		"nothing":                 {"", ""},
		"a large header":          {"GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 20_000) + "\r\n\r\n", "431"},
		"a large body, declared":  {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\n", "413"},
		"a large body, in chunks": {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("400\r\n"+strings.Repeat("x", 1024)+"\r\n", 6) + "0\r\n\r\n", "413"},
		"a body that stops":       {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc", "408"},
		"a body":                  {"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc", "\r\n\r\nabc"},
		"two lengths":             {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", "400"},
	} {
		if got := exchange(t, address, tc.send); got == "still open" || !strings.Contains(got, tc.want) || tc.want == "" && strings.Contains(got, "200") {
			t.Errorf("%s: %.200q, want %q", name, got, tc.want)
		}
	}

	// Steady but long: longer than the handler's time.
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4000\r\n\r\n")
	for range 10 {
		_, _ = conn.Write(bytes.Repeat([]byte("x"), 400))
		time.Sleep(300 * time.Millisecond)
	}
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if all, _ := io.ReadAll(conn); !strings.Contains(string(all), "200 OK") || strings.Count(string(all), "x") < 4000 {
		t.Errorf("who is steady is cut off: %.200q", all)
	}
}

// Who does not read the answer does not keep the handler for ever.
func TestSlowReaderIsCutOff(t *testing.T) {
	ended := make(chan error, 1)
	pace := listen.Pace{Clock: time.Now, BytesPerSecond: 1 << 20, Grace: 200 * time.Millisecond}
	_, _, address := start(t, pace.Steady(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		var err error
		for i := 0; i < 1000 && err == nil; i++ {
			_, err = w.Write(make([]byte, 1<<20))
		}
		ended <- err
	})), listen.Limits{}, 0)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	select {
	case err := <-ended:
		if err == nil {
			t.Error("a gigabyte was written to somebody who reads nothing")
		}
	case <-time.After(20 * time.Second):
		t.Error("the handler waits for ever")
	}
}

func TestConnectionsAreLimited(t *testing.T) {
	release := make(chan struct{})
	var inside, peak atomic.Int64
	_, _, address := start(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if now := inside.Add(1); now > peak.Load() {
			peak.Store(now)
		}
		<-release
		inside.Add(-1)
	}), listen.Limits{}, 3)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if got := exchange(t, address, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); !strings.Contains(got, "200 OK") {
				t.Errorf("%q", got)
			}
		})
	}
	for inside.Load() < 3 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond)
	close(release)
	all.Wait()
	if peak.Load() != 3 {
		t.Errorf("%d connections at once, want 3", peak.Load())
	}
}

func TestDrainFinishesWhatIsInFlight(t *testing.T) {
	var d listen.Drain
	arrived, release := make(chan struct{}, 10), make(chan struct{})
	s, _, address := start(t, d.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			arrived <- struct{}{}
			<-release
		}
		_, _ = io.WriteString(w, "done")
	})), listen.Limits{}, 0)
	if !d.Ready() {
		t.Error("not ready at first")
	}
	slow := make(chan string, 1)
	go func() { slow <- exchange(t, address, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n") }()
	<-arrived
	drained := make(chan error, 1)
	go func() { drained <- d.Run(t.Context(), listen.How{Settle: 3 * time.Second}, s) }()
	for d.Ready() {
		time.Sleep(time.Millisecond)
	}
	if got := exchange(t, address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); !strings.Contains(got, "200 OK") || !strings.Contains(got, "Connection: close") {
		t.Errorf("while it settles: %q", got)
	}
	closes(t, address)
	select {
	case err := <-drained:
		t.Errorf("drained before the request in flight was finished: %v", err)
	default:
	}
	close(release)
	if err := <-drained; err != nil {
		t.Error(err)
	}
	if got := <-slow; !strings.Contains(got, "200 OK") || !strings.HasSuffix(got, "done") {
		t.Errorf("the request in flight got %q", got)
	}
}

func TestDrainEndsInTime(t *testing.T) {
	var d listen.Drain
	arrived := make(chan struct{}, 1)
	s, _, address := start(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	}), listen.Limits{}, 0)
	got := make(chan string, 1)
	go func() { got <- exchange(t, address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n") }()
	<-arrived
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := d.Run(ctx, listen.How{}, s); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if answer := <-got; strings.Contains(answer, "200") || answer == "still open" {
		t.Errorf("%q", answer)
	}
}

// AV-6: a request on a connection that was open before the end is answered, even if it comes only then. Shutdown alone drops it.
func TestDrainAnswersWhatComesOnOpenConnections_AV_6(t *testing.T) {
	var d listen.Drain
	s := listen.NewServer(d.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "answered") })), listen.Limits{}, slog.New(slog.DiscardHandler))
	d.Watch(s)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = listen.Serve(s, l) }()
	ask := func(c net.Conn) (*http.Response, error) {
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			return nil, err
		}
		return http.ReadResponse(bufio.NewReader(c), nil)
	}
	var open []net.Conn // one that is new, one that has been used
	for i := range 2 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		open = append(open, c)
		if i == 1 {
			if answer, err := ask(c); err != nil || answer.Close {
				t.Fatalf("before: %v, %v", answer, err)
			}
		}
	}
	drained := make(chan error, 1)
	go func() {
		drained <- d.Run(t.Context(), listen.How{Accepting: []net.Listener{l}, Linger: time.Minute, Replaced: true}, s)
	}()
	closes(t, l.Addr().String())
	if !d.Ready() {
		t.Error("it is not ready, and the next release is")
	}
	for i, c := range open {
		if answer, err := ask(c); err != nil || answer.StatusCode != http.StatusOK || !answer.Close {
			t.Errorf("connection %d: %v, %v", i, answer, err)
		}
	}
	select {
	case err := <-drained:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Error("it waits though nobody is there any more")
	}
}
