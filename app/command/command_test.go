package command_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/command"
)

// TestMain lets the test binary be the program itself, so that tests can start, signal and kill real processes.
func TestMain(m *testing.M) {
	if os.Getenv("TASKFLOW_TEST_PROGRAM") == "" {
		os.Exit(m.Run())
	}
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	e := env(os.Stdout, os.Stderr)
	e.Hangups, e.Environ = hangups, os.Environ()
	os.Exit(command.Run(ctx, e, os.Args[1:]))
}

func env(out, err io.Writer) command.Env {
	return command.Env{
		Out: out, Err: err, LookupEnv: os.LookupEnv, ReadFile: os.ReadFile, Clock: time.Now, Random: rand.Reader, Version: "test",
		Web: func(c *client.Client) (http.Handler, error) {
			mux := http.NewServeMux()
			mux.HandleFunc("GET /slow", func(w http.ResponseWriter, r *http.Request) {
				_ = http.NewResponseController(w).Flush()
				time.Sleep(700 * time.Millisecond)
				_, _ = io.WriteString(w, "finished")
			})
			mux.HandleFunc("GET /tasks", func(w http.ResponseWriter, r *http.Request) {
				n, err := c.Store.Client().Task.Query().Count(r.Context())
				_, _ = fmt.Fprint(w, n, err)
			})
			mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, c.Name) })
			return mux, nil
		},
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// desk is where commands are run: a folder with a configuration.
type desk struct {
	t      *testing.T
	folder string
	config string
}

func newDesk(t *testing.T, lines ...string) *desk {
	t.Helper()
	d := &desk{t: t, folder: t.TempDir()}
	d.config = filepath.Join(d.folder, "taskflow.yaml")
	text := fmt.Sprintf("tenants: {directory: %s/tenants, demo: false}\nstorage: {kind: disk, directory: %s/files}\n", d.folder, d.folder)
	must(t, os.WriteFile(d.config, []byte(text+strings.Join(lines, "\n")+"\n"), 0o600))
	return d
}

func (d *desk) run(want int, args ...string) string {
	d.t.Helper()
	var out, problems bytes.Buffer
	code := command.Run(d.t.Context(), env(&out, &problems), append(args, "--config", d.config))
	if code != want {
		d.t.Fatalf("taskflow %s ended with %d, want %d\n%s%s", strings.Join(args, " "), code, want, &out, &problems)
	}
	return out.String() + problems.String()
}

func (d *desk) json(into any, args ...string) {
	d.t.Helper()
	text := d.run(command.Done, append(args, "--output", "json")...)
	if err := json.Unmarshal([]byte(text), into); err != nil {
		d.t.Fatalf("taskflow %v: %v in %s", args, err, text)
	}
}

func TestAClientFromBeginningToEnd(t *testing.T) {
	d := newDesk(t, `provider: {name: Berth, staff: [sam@provider.example]}`)
	var made struct{ Site, OwnerLink string }
	d.json(&made, "tenant", "create", "acme", "--name", "Acme Ltd", "--host", "acme.example.org", "--owner", "ann@acme.example")
	if !strings.HasPrefix(made.OwnerLink, made.Site+"/invitation/") {
		t.Errorf("the owner's link is %q", made.OwnerLink)
	}
	d.run(command.Refused, "tenant", "create", "acme", "--name", "Again", "--host", "other.example.org")
	d.run(command.Wrong, "tenant", "create", "Not A Name", "--name", "X", "--host", "x.example.org")
	d.run(command.Missing, "tenant", "suspend", "nobody")
	var list []struct{ Name, State string }
	d.json(&list, "tenant", "list")
	if len(list) != 1 || list[0].Name != "acme" || list[0].State != "active" {
		t.Errorf("the list is %v", list)
	}
	d.run(command.Done, "tenant", "suspend", "acme")
	d.json(&list, "tenant", "list")
	if list[0].State != "suspended" {
		t.Errorf("it is %s after it was suspended", list[0].State)
	}
	d.run(command.Done, "tenant", "resume", "acme")
	var migrations []struct {
		Applied, Pending int
		Compatible       bool
	}
	d.json(&migrations, "migrate")
	if len(migrations) != 1 || migrations[0].Pending != 0 || migrations[0].Applied == 0 || !migrations[0].Compatible {
		t.Errorf("the migrations are %v", migrations)
	}
	d.run(command.Done, "migrate", "status")
	d.run(command.Missing, "migrate", "up", "--client", "nobody")

	// People: who was invited and has not come gets another link; only named staff gets an account of the provider's (AC-8).
	var first, second struct{ Link string }
	d.json(&first, "user", "invite", "acme", "bob@acme.example", "--role", "member")
	d.json(&second, "user", "invite", "acme", "bob@acme.example", "--role", "member")
	if first.Link == second.Link || second.Link == "" {
		t.Errorf("the links are %q and %q", first.Link, second.Link)
	}
	d.run(command.Wrong, "user", "invite", "acme", "bob@acme.example", "--role", "king")
	d.run(command.Wrong, "user", "invite", "acme", "eve@elsewhere.example", "--staff")
	d.run(command.Done, "user", "invite", "acme", "sam@provider.example", "--staff")
	d.run(command.Done, "user", "disable", "acme", "bob@acme.example")
	d.run(command.Missing, "user", "disable", "acme", "nobody@acme.example")
	d.run(command.Wrong, "access", "open", "acme", "--reason", "ticket 4711", "--hours", "100")
	d.run(command.Wrong, "access", "open", "acme") // the reason is missing
	d.run(command.Done, "access", "open", "acme", "--reason", "ticket 4711", "--hours", "4")
	var closed struct{ Closed []string }
	d.json(&closed, "access", "close", "acme")
	if len(closed.Closed) != 1 {
		t.Errorf("closed: %v", closed.Closed)
	}

	d.run(command.Refused, "seed", "acme") // there are people already
	d.run(command.Done, "seed", "acme", "--add", "--people", "2", "--projects", "1", "--tasks", "6")
	var log struct {
		OK      bool
		Entries int
	}
	d.json(&log, "audit", "verify", "acme")
	anchor := strings.TrimSpace(d.run(command.Done, "audit", "anchor", "acme"))
	if !log.OK || log.Entries < 10 {
		t.Errorf("the audit log: %v", log)
	}
	d.run(command.Done, "audit", "verify", "acme", "--anchor", anchor)
	d.run(command.Wrong, "audit", "verify", "acme", "--anchor", "x")

	// The deletion is certified, and the certificate shows when it was altered.
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	keyFile, file := filepath.Join(d.folder, "key.pem"), filepath.Join(d.folder, "deleted.json")
	must(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	remove := []string{"tenant", "delete", "acme", "--by", "Jo", "--reason", "contract ended", "--certificate", file, "--signing-key", "file:" + keyFile}
	d.run(command.Wrong, remove...)
	d.run(command.Done, append(remove, "--confirm", "acme")...)
	d.run(command.Missing, append(remove, "--confirm", "acme")...)
	text, err := os.ReadFile(file)
	must(t, err)
	for _, want := range []string{`"tasks":6`, `"reason":"contract ended"`, `"auditEnd":"`, `"ed25519"`} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("the certificate lacks %s: %s", want, text)
		}
	}
	d.run(command.Done, "tenant", "certificate", file)
	d.run(command.Unhealthy, "tenant", "certificate", file, "--public-key", "another")
	must(t, os.WriteFile(file, bytes.Replace(text, []byte(`"tasks":6`), []byte(`"tasks":7`), 1), 0o600))
	d.run(command.Unhealthy, "tenant", "certificate", file)
	if left, _ := filepath.Glob(filepath.Join(d.folder, "*", "*", "acme*")); len(left) > 0 {
		t.Errorf("left on the disk: %v", left)
	}
	if left, _ := filepath.Glob(filepath.Join(d.folder, "files", "*")); len(left) > 0 {
		t.Errorf("left of the files: %v", left)
	}
}

func TestMadeUpDataStaysOutOfProduction_DP_6(t *testing.T) {
	d := newDesk(t, "environment: production", "testDataOnly: false", "public: {scheme: https}")
	d.run(command.Done, "tenant", "create", "acme", "--name", "Acme", "--host", "acme.example.org")
	d.run(command.Refused, "seed", "acme", "--add")
}

func TestTheConfigurationIsShownWithoutSecrets(t *testing.T) {
	d := newDesk(t, "mail: {host: smtp.example.org, from: a@example.org, user: u, password: \"file:/run/secrets/mail\"}")
	if text := d.run(command.Done, "config", "show"); !strings.Contains(text, "file:/run/secrets/mail") || !strings.Contains(text, `"drain"`) {
		t.Errorf("config show prints %s", text)
	}
	d.run(command.Done, "config", "check")
	must(t, os.WriteFile(d.config, []byte("mail: {host: h, password: hunter2-secret}\nlisten: {adresses: [x]}\n"), 0o600))
	if text := d.run(command.Wrong, "config", "check"); strings.Contains(text, "hunter2") || !strings.Contains(text, "adresses") {
		t.Errorf("config check prints %s", text)
	}
}

func TestProbeAsksAsALoadBalancerDoes(t *testing.T) {
	status := http.StatusOK
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" && r.URL.Path != "/readyz" {
			status = http.StatusTeapot
		}
		w.WriteHeader(status)
	}))
	defer s.Close()
	d := newDesk(t)
	d.run(command.Done, "probe", s.URL, "--insecure")
	d.run(command.Unhealthy, "probe", s.URL)
	d.run(command.Wrong, "probe", "localhost")
	status = http.StatusServiceUnavailable
	d.run(command.Unhealthy, "probe", s.URL, "--insecure", "--ready")
}

// Every command says what it is for and shows how it is used.
func TestEveryCommandHelps(t *testing.T) {
	d := newDesk(t)
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Short == "" || c.Example == "" {
			t.Errorf("%s has no description or no example", c.CommandPath())
		}
		for _, below := range c.Commands() {
			walk(below)
		}
	}
	walk(command.New(env(io.Discard, io.Discard)))
	d.run(command.Wrong, "tennant")
	d.run(command.Wrong, "tenant", "lst")
	d.run(command.Wrong, "tenant", "list", "--nonsense")
	d.run(command.Wrong, "version", "--output", "xml")
	d.run(command.Done, "version")
	if text := d.run(command.Done, "completion", "bash"); !strings.Contains(text, "taskflow") {
		t.Error("there is no completion")
	}
}
