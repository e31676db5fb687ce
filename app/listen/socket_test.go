package listen_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-iac/berth/app/listen"
)

func TestOpenTakesTheSocketsThatWereGiven(t *testing.T) {
	first, err := listen.Open(t.Context(), "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	f, err := first[0].(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	given, err := listen.Open(t.Context(), "127.0.0.1:1", []*os.File{f})
	if err != nil || len(given) != 1 || given[0].Addr().String() != first[0].Addr().String() {
		t.Fatalf("%v, %v", given, err)
	}
	_ = given[0].Close()
	if _, err := listen.Open(t.Context(), first[0].Addr().String(), nil); err == nil {
		t.Error("two listen on the same address")
	}
	_ = first[0].Close()
	file, _ := os.Open(os.DevNull)
	if _, err := listen.Open(t.Context(), "", []*os.File{file}); err == nil {
		t.Error("a file is no socket")
	}
	path := filepath.Join(t.TempDir(), "socket")
	local, err := listen.Open(t.Context(), path, nil)
	if err != nil || local[0].Addr().Network() != "unix" {
		t.Fatalf("%v, %v", local, err)
	}
	_ = local[0].Close()
	if n := len(listen.Activated()); n != 0 {
		t.Errorf("%d sockets of systemd", n)
	}
}

// One release after another takes the socket over while requests flow: none fails.
func TestHandOverLosesNoRequestAV6(t *testing.T) {
	path := filepath.Join(t.TempDir(), "handover")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var releases sync.WaitGroup
	errs := make(chan error, 20)
	run := func(release int, listeners []net.Listener) {
		var d listen.Drain
		s := &http.Server{Handler: d.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Millisecond)
			fmt.Fprint(w, release)
		}))}
		d.Watch(s)
		raw := []net.Listener{listeners[0]}
		releases.Go(func() { errs <- listen.Serve(s, listeners[0]) })
		releases.Go(func() {
			if err := listen.HandOver(ctx, path, raw); err != nil && !errors.Is(err, context.Canceled) {
				errs <- err
			}
			errs <- d.Run(context.WithoutCancel(ctx), listen.How{Accepting: raw, Linger: time.Second, Replaced: true}, s)
		})
	}
	first, err := listen.Open(ctx, "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + first[0].Addr().String()
	run(0, first)

	var asked, failed atomic.Int64
	var seen sync.Map
	load, stop := context.WithCancel(t.Context())
	var visitors sync.WaitGroup
	for range 8 {
		visitors.Go(func() {
			client := &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}
			for load.Err() == nil {
				answer, err := client.Post(address, "text/plain", strings.NewReader("x")) // nothing repeats a POST
				asked.Add(1)
				if err != nil {
					failed.Add(1)
					t.Log(err)
					continue
				}
				body, err := io.ReadAll(answer.Body)
				_ = answer.Body.Close()
				if err != nil || answer.StatusCode != http.StatusOK {
					failed.Add(1)
				}
				seen.Store(string(body), true)
			}
		})
	}
	answered := func(release int) {
		for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			if _, ok := seen.Load(fmt.Sprint(release)); ok && asked.Load() > int64(25*(release+1)) {
				return
			}
		}
	}
	answered(0)
	for release := 1; release <= 4; release++ {
		var files []*os.File
		var serving func() error
		for range 200 {
			if files, serving, _, err = listen.TakeOver(ctx, path); !errors.Is(err, listen.ErrNobody) {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files { // the one before must not find its socket in another mode
			nonBlocking(t, f)
		}
		listeners, err := listen.Open(ctx, "", files)
		if err != nil {
			t.Fatal(err)
		}
		if f, err := listeners[0].(*net.TCPListener).File(); err != nil {
			t.Error(err)
		} else {
			nonBlocking(t, f)
			_ = f.Close()
		}
		run(release, listeners)
		if err := serving(); err != nil {
			t.Fatal(err)
		}
		answered(release)
	}
	stop()
	visitors.Wait()
	cancel()
	releases.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	for release := range 5 {
		if _, found := seen.Load(fmt.Sprint(release)); !found {
			t.Errorf("release %d answered nobody", release)
		}
	}
	if failed.Load() != 0 || asked.Load() < 100 {
		t.Errorf("%d of %d requests failed", failed.Load(), asked.Load())
	}
}

// nonBlocking checks that a socket is still what Go's runtime needs it to be, in all processes that have it.
func nonBlocking(t *testing.T, f *os.File) {
	t.Helper()
	raw, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) {
		if flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
			t.Errorf("the socket blocks: %x, %v", flags, err)
		}
	})
}

func TestHandOverToOneThatFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "handover")
	if _, _, _, err := listen.TakeOver(t.Context(), path); !errors.Is(err, listen.ErrNobody) {
		t.Errorf("%v", err)
	}
	l, err := listen.Open(t.Context(), "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l[0].Close()
	ctx, cancel := context.WithCancel(t.Context())
	handed := make(chan error, 1)
	go func() { handed <- listen.HandOver(ctx, path, l) }()
	for range 3 {
		var files []*os.File
		var abandon func()
		for range 200 {
			if files, _, abandon, err = listen.TakeOver(t.Context(), path); err == nil {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			_ = f.Close()
		}
		abandon() // it fails to start
	}
	select {
	case err := <-handed:
		t.Fatalf("a release that failed took the sockets: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if stat, err := os.Stat(path); err != nil || stat.Mode().Perm() != 0o600 {
		t.Errorf("the door is %v, %v", stat.Mode(), err)
	}
	cancel()
	if err := <-handed; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, _, _, err := listen.TakeOver(t.Context(), path); !errors.Is(err, listen.ErrNobody) {
		t.Errorf("after it ended: %v", err)
	}
}

func TestNotify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := listen.Ready.Send(); err != nil {
		t.Errorf("without systemd: %v", err)
	}
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "40000")
	t.Setenv("WATCHDOG_PID", fmt.Sprint(os.Getpid()))
	heard := func() string {
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		buf := make([]byte, 100)
		n, err := conn.Read(buf)
		if err != nil {
			return err.Error()
		}
		return string(buf[:n])
	}
	for want, n := range map[string]listen.Notify{"READY=1": listen.Ready, "STOPPING=1": listen.Stopping, "MAINPID=7": listen.MainPID(7)} {
		if err := n.Send(); err != nil || heard() != want {
			t.Errorf("%s: %v", want, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var asked atomic.Int64
	done := make(chan error, 1)
	go func() { done <- listen.Watchdog(ctx, func(context.Context) bool { return asked.Add(1) <= 2 }) }()
	for range 2 {
		if got := heard(); got != "WATCHDOG=1" {
			t.Errorf("%q", got)
		}
	}
	for asked.Load() < 5 {
		time.Sleep(time.Millisecond)
	}
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if n, err := conn.Read(make([]byte, 10)); err == nil {
		t.Errorf("%d bytes while it is not healthy", n)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
