package server_test

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/outbox"
	"github.com/berth-iac/berth/app/rpc"
	"github.com/berth-iac/berth/app/server"
)

// withCalls mounts what programs call, as the process does.
func withCalls(_ *config.Config, o *server.Options) {
	o.RPC = func(c *client.Client) (http.Handler, error) { return rpc.New(c, rpc.Options{}) }
	o.Transfers = rpc.Transfers
}

// token is that of a new owner of a client.
func (p *place) token(name string) string {
	p.t.Helper()
	c, release, err := p.parts.Open(p.t.Context(), name)
	must(p.t, err)
	defer release()
	link := ""
	_, err = c.Accounts.Invite(p.t.Context(), actor.Service("operator"), accounts.Invitation{Email: "owner@" + name + ".example.org", Role: actor.Owner},
		func(to accounts.Person, secret string, _ time.Time) (outbox.Mail, error) {
			link = secret
			return outbox.Mail{To: to.Email, Subject: "A link", Text: secret}, nil
		})
	must(p.t, err)
	in, err := c.Accounts.Accept(p.t.Context(), accounts.From{Address: netip.MustParseAddr("192.0.2.7")}, link, "Olivia Owner", "correct-horse-battery-7")
	must(p.t, err)
	_, text, err := c.Accounts.NewToken(p.t.Context(), in.Visit, "A program", actor.Scopes(), p.clock().AddDate(0, 0, 7))
	must(p.t, err)
	return text
}

func (p *place) call(host, token, procedure, body string) (int, string, http.Header) {
	p.t.Helper()
	answer := p.ask(asked{method: http.MethodPost, host: host, path: rpc.Prefix + procedure, body: body,
		header: map[string]string{"Content-Type": "application/json", "Authorization": "Bearer " + token}})
	return answer.StatusCode, text(p.t, answer), answer.Header
}

// TestCallsAreMountedBesideThePages: below /rpc/, of the client whose host it is and of no other (DP-1), under the server's headers, in its
// log by the name of the method, and within its limits (AS-6).
func TestCallsAreMountedBesideThePages_DP_1_AS_3_AS_6(t *testing.T) {
	p := open(t, withCalls, func(c *config.Config, _ *server.Options) {
		c.Rates.Client = config.Rate{Requests: 60, Period: config.Duration(time.Minute)}
	})
	p.create("acme")
	p.create("zeta")
	acme := p.token("acme")
	const account = "/taskflow.v1.AccountService/GetAccount"
	status, body, header := p.call("acme.example.org", acme, account, `{}`)
	if status != http.StatusOK || !strings.Contains(body, "owner@acme.example.org") || header.Get("X-Request-Id") == "" || header.Get("Content-Security-Policy") == "" {
		t.Errorf("a call gave %d %s %v", status, body, header)
	}
	if status, body, _ := p.call("zeta.example.org", acme, account, `{}`); status != http.StatusUnauthorized || strings.Contains(body, "acme") {
		t.Errorf("acme's token gave %d %s at zeta", status, body)
	}
	if status, body, _ := p.call("nobody.example.org", acme, account, `{}`); status != http.StatusNotFound || body != "404 page not found\n" {
		t.Errorf("a call at an unknown host gave %d %s", status, body)
	}
	for _, path := range []string{"/taskflow.v1.AccountService/secret-name", "/", "/../audit", "/x"} {
		if status, body, _ := p.call("acme.example.org", acme, path, `{}`); status != http.StatusNotFound || body != "404 page not found\n" {
			t.Errorf("%s gave %d %q", path, status, body)
		}
	}
	if answer := p.ask(asked{host: "acme.example.org", path: "/rpc"}); text(t, answer) != "acme 192.0.2.7" {
		t.Error("/rpc itself is not the pages'")
	}
	log := p.log.text()
	if !strings.Contains(log, `"route":"/rpc/taskflow.v1.AccountService/GetAccount"`) || strings.Contains(log, "secret-name") || strings.Contains(log, acme) {
		t.Errorf("the log says %s", log)
	}
	// The id that an error names is the one in the log.
	_, body, header = p.call("acme.example.org", acme, "/taskflow.v1.TaskService/GetTask", `{"key":"OPS-1"}`)
	if id := header.Get("X-Request-Id"); !strings.Contains(body, id) || !strings.Contains(p.log.text(), id) {
		t.Errorf("an error without its number %s: %s", id, body)
	}
	// What streams goes through all that the server puts around it.
	answer := p.ask(asked{method: http.MethodPost, host: "acme.example.org", path: rpc.Prefix + "/taskflow.v1.AttachmentService/DownloadAttachment", body: "\x00\x00\x00\x00\x02{}",
		header: map[string]string{"Content-Type": "application/connect+json", "Authorization": "Bearer " + acme}})
	if body := text(t, answer); answer.StatusCode != http.StatusOK || !strings.Contains(body, `"code":"not_found"`) {
		t.Errorf("a stream gave %d %s", answer.StatusCode, body)
	}
	limited := 0
	for range 80 {
		status, _, header := p.call("acme.example.org", acme, account, `{}`)
		if status == http.StatusTooManyRequests {
			limited++
			if header.Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
		}
	}
	if limited < 20 {
		t.Errorf("of a burst of 80 calls %d were refused", limited)
	}
	zeta := p.token("zeta")
	if status, body, _ := p.call("zeta.example.org", zeta, account, `{}`); status != http.StatusOK {
		t.Errorf("the neighbour's call gave %d %s", status, body)
	}
}

// TestACallsBodyIsBound: by the server for all calls, and for uploads at the limit of uploads.
func TestACallsBodyIsBound(t *testing.T) {
	p := open(t, withCalls, func(c *config.Config, _ *server.Options) { c.Limits.Body, c.Limits.Upload = 1000, 3000 })
	p.create("acme")
	token := p.token("acme")
	status, body, _ := p.call("acme.example.org", token, "/taskflow.v1.TaskService/ListTasks", `{"pageToken":"`+strings.Repeat("x", 2000)+`"}`)
	if status != http.StatusTooManyRequests || !strings.Contains(body, "resource_exhausted") {
		t.Errorf("a large call gave %d %s", status, body)
	}
	up := func(n int) string {
		message := func(text string) string {
			return fmt.Sprintf("\x00\x00\x00%c%c%s", len(text)>>8, len(text)&255, text)
		}
		answer := p.ask(asked{method: http.MethodPost, host: "acme.example.org", path: rpc.Prefix + "/taskflow.v1.AttachmentService/UploadAttachment",
			body:   message(`{"file":{"taskKey":"X-1","name":"a.txt"}}`) + strings.Repeat(message(`{"chunk":"QUJD"}`), n),
			header: map[string]string{"Content-Type": "application/connect+json", "Authorization": "Bearer " + token}})
		all, err := io.ReadAll(answer.Body)
		must(t, err)
		return string(all)
	}
	if got := up(100); !strings.Contains(got, "not_found") {
		t.Errorf("an upload that is longer than a call may be gave %s", got)
	}
}
