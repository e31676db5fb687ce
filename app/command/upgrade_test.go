package command_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ariga.io/atlas/sql/migrate"
	atlasmysql "ariga.io/atlas/sql/mysql"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"

	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/storetest"
)

const (
	upgradeHost = "acme.example.org"
	nextStep    = "20991231000000" // what the next release adds to the schema
)

// AV-6: the next release migrates and takes over while people read and write. No request fails, and no write that was acknowledged is
// lost. Both are real programs of this source; the next one has one more expand step.
func TestUpgradeUnderLoad_AV_6(t *testing.T) {
	previous, next := releases(t)
	engines := map[store.Engine]storetest.Engine{}
	for _, e := range storetest.Engines() {
		engines[e.Kind] = e
	}
	for _, tc := range []struct {
		engine    store.Engine
		tls       bool
		activated bool // systemd holds the socket, and the one release ends before the other starts
	}{
		{store.SQLite, false, false}, {store.SQLite, true, false}, {store.SQLite, false, true},
		{store.PostgreSQL, false, false}, {store.PostgreSQL, true, false}, {store.MySQL, true, false},
	} {
		name := engines[tc.engine].Name + map[bool]string{false: "/plain", true: "/TLS"}[tc.tls] + map[bool]string{true: "/systemd"}[tc.activated]
		t.Run(name, func(t *testing.T) {
			u := newUpgrade(t, engines[tc.engine], tc.tls, previous)
			door := filepath.Join(u.folder, "next.sock")
			begin := func(program string) *process { return u.serve(program, "--hand-over", door) }
			if tc.activated {
				file := u.socket()
				begin = func(program string) *process { return u.activated(file, program, "--settle", "1s") }
			}
			old := begin(previous)
			u.address = old.address
			u.signUp()
			stop := u.load()
			time.Sleep(time.Second)

			u.migrate(next)
			time.Sleep(500 * time.Millisecond) // the previous release serves with the next one's schema
			var taken *process
			if tc.activated {
				must(t, old.cmd.Process.Signal(syscall.SIGTERM))
				u.ends(old)
				taken = begin(next)
			} else {
				taken = begin(next)
				u.ends(old)
			}
			before := u.answered.Load()
			for deadline := time.Now().Add(30 * time.Second); u.answered.Load() == before && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			}
			time.Sleep(time.Second) // some more
			if u.answered.Load() == before {
				t.Error("nobody was answered by the next release")
			}
			stop()
			if said := taken.said(); !strings.Contains(said, `"version":"next"`) {
				t.Errorf("the next release says:\n%s", said)
			}
			u.check()
			taken.stop()
		})
	}
}

// releases builds the program as it is and the next release: the same source with a step of the schema laid over it, for the build alone.
func releases(t *testing.T) (previous, next string) {
	t.Helper()
	if testing.Short() {
		t.Skipf("%s is skipped: it builds two programs, and -short is given", t.Name())
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skipf("%s is skipped: there is no Go command to build with", t.Name())
	}
	dir := t.TempDir()
	root, err := filepath.Abs("..")
	must(t, err)
	over := map[string]string{}
	for engine, plan := range map[string]migrate.PlanApplier{"sqlite": sqlite.DefaultPlan, "postgresql": postgres.DefaultPlan, "mysql": atlasmysql.DefaultPlan} {
		from, to := filepath.Join(root, "store", "migrations", engine), filepath.Join(dir, engine)
		must(t, os.CopyFS(to, os.DirFS(from)))
		local, err := migrate.NewLocalDir(to)
		must(t, err)
		name := nextStep + "_expand_upgrade.sql"
		must(t, local.WriteFile(name, expansion(t, plan)))
		sum, err := local.Checksum()
		must(t, err)
		must(t, migrate.WriteSumFile(local, sum))
		for _, file := range []string{name, migrate.HashFileName} {
			over[filepath.Join(from, file)] = filepath.Join(to, file)
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": over})
	must(t, err)
	overlay := filepath.Join(dir, "overlay.json")
	must(t, os.WriteFile(overlay, text, 0o600))
	build := func(name string, more ...string) string {
		program := filepath.Join(dir, name)
		args := append([]string{"build", "-ldflags", "-X main.version=" + name, "-o", program}, more...)
		cmd := exec.Command("go", append(args, "./cmd/taskflow")...)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build release %s: %v\n%s", name, err, out)
		}
		return program
	}
	return build("previous"), build("next", "-overlay", overlay)
}

// expansion is a step as releases have them, a column that may be empty and an index, written by atlas like all of them.
func expansion(t *testing.T, plan migrate.PlanApplier) []byte {
	t.Helper()
	var b bytes.Buffer
	parts := func() (*schema.Table, *schema.Column) {
		column := schema.NewNullIntColumn("upgraded", "bigint")
		return schema.NewTable("tasks").SetSchema(schema.New("")).AddColumns(column), column
	}
	// Each by itself, the first with a column that knows of no index: otherwise SQLite's table would be made anew.
	plain, added := parts()
	indexed, of := parts()
	for _, change := range []*schema.ModifyTable{
		{T: plain, Changes: []schema.Change{&schema.AddColumn{C: added}}},
		{T: indexed, Changes: []schema.Change{&schema.AddIndex{I: schema.NewIndex("task_upgraded").SetTable(indexed).AddColumns(of)}}},
	} {
		steps, err := plan.PlanChanges(t.Context(), "expand_upgrade", []schema.Change{change})
		must(t, err)
		for _, step := range steps.Changes {
			fmt.Fprintf(&b, "%s;\n", step.Cmd)
		}
	}
	t.Logf("the next release has one more step:\n%s", &b)
	return b.Bytes()
}

// upgrade is a service with one client, and people who use it.
type upgrade struct {
	t        *testing.T
	folder   string
	config   string
	tls      *tls.Config // of who asks; nil without TLS
	database store.Options
	link     string
	address  string
	cookie   string
	token    string // of forms

	answered atomic.Int64
	mu       sync.Mutex
	failed   []string
	written  []string // titles that were acknowledged
}

func newUpgrade(t *testing.T, engine storetest.Engine, secure bool, program string) *upgrade {
	t.Helper()
	u := &upgrade{t: t, folder: t.TempDir()}
	u.config = filepath.Join(u.folder, "taskflow.yaml")
	many := "{requests: 1000000, period: 1s}"
	text := fmt.Sprintf("tenants: {directory: %s/tenants, demo: false}\nstorage: {kind: disk, directory: %s/files}\nrates: {client: %s, user: %s, address: %s, login: %s}\n",
		u.folder, u.folder, many, many, many, many)
	if secure {
		text += u.certificate()
	}
	must(t, os.WriteFile(u.config, []byte(text), 0o600))
	args := []string{"tenant", "create", "acme", "--name", "Acme Ltd", "--host", upgradeHost, "--owner", "ann@acme.example", "--output", "json"}
	u.database = engine.Empty(t)
	if engine.Kind == store.SQLite {
		u.database.Path = filepath.Join(u.folder, "tenants", "tenants", "acme", "taskflow.db")
	} else {
		args = append(args, "--engine", string(engine.Kind), "--db-host", u.database.Host, "--db-name", u.database.Name, "--db-user", u.database.User, "--db-tls", "off")
	}
	var made struct{ OwnerLink string }
	must(t, json.Unmarshal(u.run(program, args...), &made))
	link, err := url.Parse(made.OwnerLink)
	must(t, err)
	u.link = link.Path
	return u
}

func (u *upgrade) certificate() string {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(u.t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{upgradeHost}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(u.t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	must(u.t, err)
	u.tls = &tls.Config{ServerName: upgradeHost, RootCAs: x509.NewCertPool()}
	parsed, err := x509.ParseCertificate(cert)
	must(u.t, err)
	u.tls.RootCAs.AddCert(parsed)
	for name, block := range map[string]*pem.Block{"tls.crt": {Type: "CERTIFICATE", Bytes: cert}, "tls.key": {Type: "PRIVATE KEY", Bytes: secret}} {
		must(u.t, os.WriteFile(filepath.Join(u.folder, name), pem.EncodeToMemory(block), 0o600))
	}
	return fmt.Sprintf("public: {scheme: https}\nlisten: {certificate: %s/tls.crt, key: %s/tls.key}\n", u.folder, u.folder)
}

func (u *upgrade) run(program string, args ...string) []byte {
	u.t.Helper()
	cmd := exec.Command(program, append(args, "--config", u.config)...)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		u.t.Fatalf("taskflow %s: %v\n%s%s", strings.Join(args, " "), err, out, &problems)
	}
	return out
}

func (u *upgrade) serve(program string, args ...string) *process {
	u.t.Helper()
	return launch(u.t, exec.Command(program, append([]string{"serve", "--listen", "127.0.0.1:0", "--config", u.config}, args...)...), true)
}

// socket is a listening socket as systemd keeps it across restarts.
func (u *upgrade) socket() *os.File {
	u.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(u.t, err)
	defer l.Close()
	file, err := l.(*net.TCPListener).File()
	must(u.t, err)
	u.t.Cleanup(func() { _ = file.Close() })
	return file
}

// activated starts a program as systemd does: the socket is its fourth file, and a variable names its process.
func (u *upgrade) activated(socket *os.File, program string, args ...string) *process {
	u.t.Helper()
	cmd := exec.Command("/bin/sh", append([]string{"-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"`, "sh", program, "serve", "--config", u.config}, args...)...)
	cmd.ExtraFiles = []*os.File{socket}
	return launch(u.t, cmd, true)
}

func (u *upgrade) ends(p *process) {
	u.t.Helper()
	select {
	case err := <-p.ended:
		if err != nil {
			u.t.Errorf("the previous release ended with %v\n%s", err, p.said())
		}
	case <-time.After(40 * time.Second):
		u.t.Fatalf("the previous release does not end:\n%s", p.said())
	}
	if strings.Contains(p.said(), "cut off") {
		u.t.Errorf("the previous release cut requests off:\n%s", p.said())
	}
}

// migrate is what is done before the next release is started.
func (u *upgrade) migrate(program string) {
	u.t.Helper()
	var clients []struct {
		Applied, Pending int
		Compatible       bool
	}
	must(u.t, json.Unmarshal(u.run(program, "migrate", "--output", "json"), &clients))
	if len(clients) != 1 || clients[0].Applied < 2 || clients[0].Pending != 0 || !clients[0].Compatible {
		u.t.Fatalf("after migrating: %+v", clients)
	}
}

func (u *upgrade) dial() (net.Conn, error) {
	if u.tls == nil {
		return net.DialTimeout("tcp", u.address, 10*time.Second)
	}
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", u.address, u.tls)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// client is one that speaks HTTP/2 where there is TLS.
func (u *upgrade) client() *http.Client {
	transport := &http.Transport{TLSClientConfig: u.tls.Clone(), ForceAttemptHTTP2: true}
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, network, u.address)
	}
	u.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// signUp takes the invitation up and makes a project, as the owner does.
func (u *upgrade) signUp() {
	u.t.Helper()
	form := func(path string) string {
		body := u.must(http.StatusOK, "GET", path, nil)
		found := csrfField.FindStringSubmatch(body)
		if found == nil {
			u.t.Fatalf("%s has no form:\n%s", path, body)
		}
		return found[1]
	}
	secret := "upgrade-under-load-7"
	u.must(http.StatusSeeOther, "POST", u.link, url.Values{"csrf": {form(u.link)}, "name": {"Ann Acre"}, "password": {secret}, "password-again": {secret}})
	u.token = form("/projects/new")
	u.must(http.StatusSeeOther, "POST", "/projects", url.Values{"csrf": {u.token}, "key": {"OPS"}, "name": {"Operations"}, "visibility": {"everyone"}})
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// must asks once, on a connection of its own, and keeps the cookies.
func (u *upgrade) must(status int, method, path string, form url.Values) string {
	u.t.Helper()
	c, err := u.dial()
	must(u.t, err)
	defer c.Close()
	answer, body, err := u.ask(c, bufio.NewReader(c), u.request(method, path, form, false))
	must(u.t, err)
	if answer.StatusCode != status {
		u.t.Fatalf("%s %s: %s\n%s", method, path, answer.Status, body)
	}
	for _, one := range answer.Cookies() {
		if one.MaxAge >= 0 {
			u.cookie += one.Name + "=" + one.Value + "; "
		}
	}
	return body
}

func (u *upgrade) request(method, path string, form url.Values, keep bool) string {
	body := form.Encode()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\nSec-Fetch-Site: same-origin\r\n", method, path, upgradeHost, strings.TrimSuffix(u.cookie, "; "))
	if !keep {
		b.WriteString("Connection: close\r\n")
	}
	if method == "POST" {
		fmt.Fprintf(&b, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n", len(body))
	}
	return b.String() + "\r\n" + body
}

func (u *upgrade) ask(c net.Conn, r *bufio.Reader, request string) (*http.Response, string, error) {
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, request); err != nil {
		return nil, "", err
	}
	answer, err := http.ReadResponse(r, nil)
	if err != nil {
		return nil, "", err
	}
	body, err := io.ReadAll(answer.Body)
	return answer, string(body), err
}

// load lets people read and write until stop is called. None of them tries anything twice: what fails once has failed.
func (u *upgrade) load() (stop func()) {
	ending := make(chan struct{})
	var all sync.WaitGroup
	for i, kind := range []struct{ write, keep bool }{{false, true}, {false, false}, {true, true}, {true, false}, {true, true}} {
		all.Go(func() { u.person(i, kind.write, kind.keep, ending) })
	}
	if u.tls != nil {
		all.Go(func() { u.browser(ending) })
	}
	stop = sync.OnceFunc(func() { close(ending); all.Wait() })
	u.t.Cleanup(stop)
	return stop
}

// person asks as fast as answers come, over connections that are kept for as long as the service keeps them, or over a new one each time.
func (u *upgrade) person(number int, write, keep bool, ending chan struct{}) {
	var c net.Conn
	var r *bufio.Reader
	defer func() {
		if c != nil {
			_ = c.Close()
		}
	}()
	for n := 0; !closed(ending); n++ {
		if c == nil {
			var err error
			if c, err = u.dial(); err != nil {
				u.fail("person %d cannot connect: %v", number, err)
				continue
			}
			r = bufio.NewReader(c)
		}
		title := fmt.Sprintf("task %d of person %d", n, number)
		request, want := u.request("GET", "/projects/OPS", nil, keep), http.StatusOK
		if write {
			request, want = u.request("POST", "/projects/OPS/tasks", url.Values{"csrf": {u.token}, "title": {title}}, keep), http.StatusSeeOther
		}
		answer, body, err := u.ask(c, r, request)
		switch {
		case err != nil:
			u.fail("person %d, request %d: %v", number, n, err)
		case answer.StatusCode != want:
			u.fail("person %d, request %d: %s\n%.300s", number, n, answer.Status, body)
		default:
			u.done(write, title)
		}
		if err != nil || answer.Close {
			_ = c.Close()
			c = nil
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// browser writes over HTTP/2, where the service says itself which requests it has not taken.
func (u *upgrade) browser(ending chan struct{}) {
	client := u.client()
	for n := 0; !closed(ending); n++ {
		title := fmt.Sprintf("task %d of a browser", n)
		form := url.Values{"csrf": {u.token}, "title": {title}}.Encode()
		r, err := http.NewRequest(http.MethodPost, "https://"+upgradeHost+"/projects/OPS/tasks", strings.NewReader(form))
		if err != nil {
			u.fail("browser: %v", err)
			return
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Cookie", strings.TrimSuffix(u.cookie, "; "))
		answer, err := client.Do(r)
		if err != nil {
			u.fail("browser, request %d: %v", n, err)
			continue
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusSeeOther || answer.ProtoMajor != 2 {
			u.fail("browser, request %d: %s %s", n, answer.Proto, answer.Status)
		} else {
			u.done(true, title)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (u *upgrade) fail(format string, args ...any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.failed = append(u.failed, time.Now().Format("05.000 ")+fmt.Sprintf(format, args...))
}

func (u *upgrade) done(write bool, title string) {
	u.answered.Add(1)
	if write {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.written = append(u.written, title)
	}
}

// check compares what was acknowledged with what is there.
func (u *upgrade) check() {
	u.t.Helper()
	if len(u.failed) > 0 {
		u.t.Errorf("%d requests failed:\n%s", len(u.failed), strings.Join(u.failed[:min(10, len(u.failed))], "\n"))
	}
	titles, err := storetest.Reopen(u.t, u.database).Client().Task.Query().Select("title").Strings(u.t.Context())
	must(u.t, err)
	times := map[string]int{}
	for _, title := range titles {
		times[title]++
	}
	lost := 0
	for _, title := range u.written {
		if times[title] != 1 {
			lost++
			u.t.Errorf("%q was acknowledged and is there %d times", title, times[title])
		}
	}
	if len(u.written) == 0 || u.answered.Load() == int64(len(u.written)) {
		u.t.Error("nobody wrote, or nobody read")
	}
	u.t.Logf("%d requests, %d failed; %d writes acknowledged, %d lost", u.answered.Load()+int64(len(u.failed)), len(u.failed), len(u.written), lost)
}
