package space_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/space"
)

func dial(t testing.TB, o space.RedisOptions) *space.Redis {
	t.Helper()
	r, err := space.NewRedis(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func TestMiniredis(t *testing.T) {
	contract(t, func(t *testing.T) house {
		server := miniredis.RunT(t)
		var c clock
		server.SetTime(c.now())
		return house{dial(t, space.RedisOptions{Address: server.Addr()}), func(d time.Duration) {
			c.advance(d)
			server.SetTime(c.now())
			server.FastForward(d)
		}, time.Second}
	})
}

func TestRedisServer(t *testing.T) {
	address, flush := startRedis(t)
	contract(t, func(t *testing.T) house {
		r := dial(t, space.RedisOptions{Address: address})
		flush()
		return house{r, time.Sleep, 500 * time.Millisecond}
	})
}

// startRedis starts an installed redis-server on a free loopback port, and stops it when the test ends.
func startRedis(t testing.TB) (address string, flush func()) {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skipf("%s is skipped: redis-server is not installed", t.Name())
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = free.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	_ = free.Close()
	server := exec.Command(program, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	ask := func(command string) error {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		defer conn.Close()
		_, _ = conn.Write([]byte(command + "\r\n"))
		answer, err := bufio.NewReader(conn).ReadString('\n')
		if err == nil && !strings.HasPrefix(answer, "+") {
			err = errors.New(answer)
		}
		return err
	}
	for i := 0; ; i++ {
		if err := ask("PING"); err == nil {
			break
		} else if i > 200 {
			t.Fatalf("redis-server did not start: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return address, func() {
		if err := ask("FLUSHALL"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRedisGoesAwayAndComesBack(t *testing.T) {
	server := miniredis.RunT(t)
	h := house{store: dial(t, space.RedisOptions{Address: server.Addr(), Timeout: 5 * time.Second})}
	s := h.space(t, "acme")
	if err := s.Set(t.Context(), "k", []byte("x"), time.Hour); err != nil {
		t.Fatal(err)
	}
	server.Close()
	rate := space.Rate{PerSecond: 1, Burst: 1}
	for name, call := range map[string]func() error{
		"get":       func() error { _, _, err := s.Get(t.Context(), "k"); return err },
		"set":       func() error { return s.Set(t.Context(), "k", nil, time.Hour) },
		"absent":    func() error { _, err := s.SetIfAbsent(t.Context(), "k", nil, time.Hour); return err },
		"pop":       func() error { _, _, err := s.Pop(t.Context(), "k"); return err },
		"delete":    func() error { return s.Delete(t.Context(), "k") },
		"increment": func() error { _, err := s.Increment(t.Context(), "k", 1, time.Hour); return err },
		"take":      func() error { taken, err := s.Take(t.Context(), "k", rate, 1); return not(taken.OK, err) },
		"add":       func() error { return s.Add(t.Context(), "k", "m", time.Hour) },
		"remove":    func() error { return s.Remove(t.Context(), "k", "m") },
		"members":   func() error { _, err := s.Members(t.Context(), "k"); return err },
		"clear":     func() error { return s.Clear(t.Context()) },
		"ping":      func() error { return s.Ping(t.Context()) },
	} {
		began := time.Now()
		if err := call(); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s failed after %v", name, took)
		}
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	var err error
	for range 100 {
		if err = s.Set(t.Context(), "k", nil, time.Hour); err == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("it did not recover: %v", err)
}

func not(ok bool, err error) error {
	if ok {
		return errors.New("it let through what it could not count")
	}
	return err
}

// A server that accepts and says nothing is the worst way of being away.
func TestRedisThatSaysNothing(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	s := house{store: dial(t, space.RedisOptions{Address: silent.Addr().String(), Timeout: 100 * time.Millisecond})}.space(t, "acme")
	began := time.Now()
	if _, _, err := s.Get(t.Context(), "k"); !fault.Is(err, fault.Unavailable) {
		t.Error(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestRedisCredentialsAreAskedForEveryConnection(t *testing.T) {
	web := httptest.NewUnstartedServer(nil) // for its certificate
	web.StartTLS()
	defer web.Close()
	server, err := miniredis.RunTLS(&tls.Config{Certificates: web.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	server.RequireUserAuth("taskflow", "token-2")
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	var asked atomic.Int64
	store := dial(t, space.RedisOptions{
		Address: server.Addr(), TLS: &tls.Config{RootCAs: roots, ServerName: "example.com"}, PoolSize: 1,
		Credentials: func(context.Context) (string, string, error) {
			if asked.Add(1) == 1 {
				return "taskflow", "token-1", nil // it has expired
			}
			return "taskflow", "token-2", nil
		},
	})
	s := house{store: store}.space(t, "acme")
	err = s.Set(t.Context(), "k", nil, time.Hour)
	if !fault.Is(err, fault.Unavailable) || strings.Contains(err.Error(), "token-1") {
		t.Errorf("with an expired token: %v", err)
	}
	if err := s.Set(t.Context(), "k", nil, time.Hour); err != nil || asked.Load() != 2 {
		t.Errorf("with a new one: %v, asked %d times", err, asked.Load())
	}
	plain := house{store: dial(t, space.RedisOptions{Address: server.Addr(), TLS: &tls.Config{ServerName: "example.com"}})}.space(t, "acme")
	if err := plain.Ping(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a server of an unknown authority: %v", err)
	}
}
