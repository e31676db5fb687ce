package server_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/server"
	"github.com/berth-iac/berth/app/tenancy"
)

func TestClientsAreOpenedOnceAndMakeRoomForOthers(t *testing.T) {
	p := open(t, func(c *config.Config, _ *server.Options) { c.Tenants.MaxOpen = 3 })
	for i := range 8 {
		p.create(fmt.Sprintf("c%d", i))
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if status := p.ask(asked{host: "c0.example.org"}).StatusCode; status != http.StatusOK {
				t.Errorf("answered with %d", status)
			}
		})
	}
	all.Wait()
	if p.made["c0"] != 1 {
		t.Errorf("20 requests at once opened the client %d times", p.made["c0"])
	}
	for round := range 2 {
		for i := range 8 {
			if answer := p.ask(asked{host: fmt.Sprintf("c%d.example.org", i)}); answer.StatusCode != http.StatusOK {
				t.Errorf("round %d, client %d: %d %s", round, i, answer.StatusCode, text(t, answer))
			}
		}
	}
	if n := p.parts.Directory.Opened(); n > 3 {
		t.Errorf("%d clients are open, 3 may be", n)
	}
}

func TestAClientInUseIsNeverClosed(t *testing.T) {
	p := open(t, func(c *config.Config, _ *server.Options) { c.Tenants.MaxOpen = 1 })
	p.create("acme")
	p.create("zeta")
	entered, leave := make(chan struct{}), make(chan struct{})
	p.hook = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/slow" {
			return false
		}
		close(entered)
		<-leave
		return false
	}
	got := make(chan string, 1)
	go func() { got <- text(t, p.ask(asked{host: "acme.example.org", path: "/slow"})) }()
	<-entered
	answer := p.ask(asked{host: "zeta.example.org"})
	if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
		t.Errorf("while the only place is in use another client is answered with %d", answer.StatusCode)
	}
	close(leave)
	if body := <-got; !strings.HasPrefix(body, "acme ") {
		t.Errorf("the client in use answered %q", body)
	}
	if answer := p.ask(asked{host: "zeta.example.org"}); answer.StatusCode != http.StatusOK {
		t.Errorf("afterwards the other is answered with %d", answer.StatusCode)
	}
}

func TestUnusedClientsAreClosed(t *testing.T) {
	p := open(t)
	p.create("acme")
	p.ask(asked{host: "acme.example.org"})
	p.Sweep()
	if n := p.parts.Directory.Opened(); n != 1 {
		t.Fatalf("%d clients are open, want 1", n)
	}
	p.later(p.c.Tenants.IdleClose.D() + time.Second)
	deadline := time.Now().Add(time.Minute)
	for p.parts.Directory.Opened() > 0 && time.Now().Before(deadline) {
		p.Sweep()
		p.later(2 * time.Second)
		time.Sleep(10 * time.Millisecond)
	}
	if n := p.parts.Directory.Opened(); n != 0 {
		t.Fatalf("%d clients are open after nobody used them", n)
	}
	if answer := p.ask(asked{host: "acme.example.org"}); answer.StatusCode != http.StatusOK || p.made["acme"] != 2 {
		t.Errorf("asked again: %d, opened %d times", answer.StatusCode, p.made["acme"])
	}
}

func TestASuspendedClientIsNotServed(t *testing.T) {
	p := open(t)
	p.create("acme")
	p.ask(asked{host: "acme.example.org"})
	must(t, p.parts.Directory.Suspend(t.Context(), "acme"))
	p.later(2 * time.Second)
	answer := p.ask(asked{host: "acme.example.org"})
	if answer.StatusCode != http.StatusForbidden || !strings.Contains(text(t, answer), "suspended") {
		t.Errorf("suspended: %d", answer.StatusCode)
	}
	p.Sweep()
	deadline := time.Now().Add(time.Minute)
	for p.parts.Directory.Opened() > 0 && time.Now().Before(deadline) {
		p.Sweep()
		p.later(2 * time.Second)
		time.Sleep(10 * time.Millisecond)
	}
	if n := p.parts.Directory.Opened(); n != 0 {
		t.Errorf("%d clients are open although the only one is suspended", n)
	}
	must(t, p.parts.Directory.Resume(t.Context(), "acme"))
	p.later(2 * time.Second)
	if answer := p.ask(asked{host: "acme.example.org"}); answer.StatusCode != http.StatusOK {
		t.Errorf("resumed: %d", answer.StatusCode)
	}
}

func TestADeletedClientIsUnknown(t *testing.T) {
	p := open(t)
	p.create("acme")
	p.ask(asked{host: "acme.example.org"})
	must(t, p.parts.Directory.Delete(t.Context(), "acme", eraseNothing))
	p.later(2 * time.Second)
	if answer := p.ask(asked{host: "acme.example.org"}); answer.StatusCode != http.StatusNotFound || text(t, answer) != "404 page not found\n" {
		t.Errorf("deleted: %d", answer.StatusCode)
	}
}

func eraseNothing(context.Context, tenancy.Record) error { return nil }
