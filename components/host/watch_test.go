package host

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-iac/berth/spec"
)

// need skips a test by name where a program is missing.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed: tests/needs installs it", p)
		}
	}
}

// place writes the files of a bundle below a root.
func place(t *testing.T, root string, files ...string) {
	t.Helper()
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(root, files[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

type ran struct {
	code     int
	out, err string
}

// call runs a program of the machine with its root somewhere else.
func call(t *testing.T, root string, env []string, name string, args ...string) ran {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), append([]string{"BERTH_ROOT=" + root}, env...)...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return ran{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// sink is a mail server that keeps what it is given; while it is away it turns everybody off.
type sink struct {
	mu    sync.Mutex
	mails []string
	away  bool
	never string // what is in mails that are never taken
	no    string // who is no recipient here
	port  int
}

func newSink(t *testing.T) *sink {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{port: l.Addr().(*net.TCPAddr).Port}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return s
}

func (s *sink) serve(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	s.mu.Lock()
	away := s.away
	s.mu.Unlock()
	if away {
		_, _ = io.WriteString(conn, "421 away\r\n")
		return
	}
	in := bufio.NewReader(conn)
	_, _ = io.WriteString(conn, "220 sink\r\n")
	var mail strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch word := strings.ToUpper(strings.TrimSpace(line)); {
		case strings.HasPrefix(word, "EHLO"), strings.HasPrefix(word, "HELO"):
			_, _ = io.WriteString(conn, "250 sink\r\n")
		case strings.HasPrefix(word, "DATA"):
			_, _ = io.WriteString(conn, "354 go\r\n")
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				mail.WriteString(strings.ReplaceAll(line, "\r", ""))
			}
			s.mu.Lock()
			answer := "250 taken\r\n"
			if s.never != "" && strings.Contains(mail.String(), s.never) {
				answer = "550 not this one\r\n"
			} else {
				s.mails = append(s.mails, mail.String())
			}
			s.mu.Unlock()
			mail.Reset()
			_, _ = io.WriteString(conn, answer)
		case strings.HasPrefix(word, "QUIT"):
			_, _ = io.WriteString(conn, "221 bye\r\n")
			return
		default:
			if strings.HasPrefix(word, "RCPT") {
				if s.no != "" && strings.Contains(line, s.no) {
					_, _ = io.WriteString(conn, "550 nobody of that name\r\n")
					continue
				}
				mail.WriteString(line)
			}
			_, _ = io.WriteString(conn, "250 ok\r\n")
		}
	}
}

func (s *sink) setAway(away bool) { s.mu.Lock(); s.away = away; s.mu.Unlock() }

func (s *sink) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.mails
	s.mails = nil
	return got
}

// watchRoot is the root of a machine that watches.
func watchRoot(t *testing.T, d Description, mail *sink) string {
	t.Helper()
	root := t.TempDir()
	for _, f := range d.watch().Files {
		place(t, root, f.Path, f.Content)
	}
	msmtprc := filepath.Join(root, "etc/berth/msmtprc")
	place(t, root, "etc/berth/msmtprc", fmt.Sprintf("defaults\nauth off\ntls off\ntimeout 5\naccount relay\nhost 127.0.0.1\nport %d\nfrom machines@northwind.example\naccount default : relay\n", mail.port))
	if err := os.Chmod(msmtprc, 0o600); err != nil {
		t.Fatal(err)
	}
	return root
}

func watching() Description {
	return Description{
		Name: "jnb", Domain: "southern",
		Watch:  spec.Watch{Mail: spec.Relay{Host: "smtp.northwind.example", Port: 587, From: "machines@northwind.example", TLS: "starttls"}},
		Alerts: spec.Alerts{Emails: []string{"ops@northwind.example"}, Phones: []string{"+27115550100"}},
		Disks:  &Disks{Filesystem: "ext4"},
	}
}

func TestAlertIsToldOnceAndTakenBack_AV_7(t *testing.T) {
	need(t, "bash", "jq", "msmtp", "flock")
	mail := newSink(t)
	root := watchRoot(t, watching(), mail)
	alert := filepath.Join(root, "usr/local/sbin/berth-alert")
	step := func(name string, code, mails int, has string, args ...string) {
		t.Helper()
		got := call(t, root, nil, alert, args...)
		if got.code != code {
			t.Errorf("%s: exit %d, want %d: %s%s", name, got.code, code, got.out, got.err)
		}
		texts := mail.take()
		if len(texts) != mails || !strings.Contains(strings.Join(texts, "\n"), has) {
			t.Errorf("%s: %d mails, want %d with %q: %v", name, len(texts), mails, has, texts)
		}
	}
	step("all is well", 0, 0, "", "raid", "ok", "md0 whole")
	step("a warning", 0, 1, "Subject: [jnb.southern] warning: raid", "raid", "warning", "md0 is rebuilt: 3%")
	step("the same again", 0, 0, "", "raid", "warning", "md0 is rebuilt: 5%")
	step("worse", 0, 1, "RCPT TO:<ops@northwind.example>", "raid", "critical", "md0 has 1 of 2 disks;\nSubject: forged")
	step("better, not well", 0, 0, "", "raid", "warning", "md0 is rebuilt: 1%")
	step("well again", 0, 1, "Subject: [jnb.southern] recovered: raid", "raid", "ok", "md0 whole")
	step("still well", 0, 0, "", "raid", "ok", "md0 whole")
	step("wrong severity", 2, 0, "", "raid", "terrible", "x")
	step("a check that is a path", 2, 0, "", "../../x", "critical", "x")
	step("a unit's name", 0, 1, "critical: unit-taskflow@globex.service", "unit-taskflow@globex.service", "critical", "it failed")
	if got := call(t, root, []string{"BERTH_ALERT_AGAIN=0"}, alert, "unit-taskflow@globex.service", "critical", "it failed"); got.code != 0 || len(mail.take()) != 1 {
		t.Errorf("after the time it is not said again: %+v", got)
	}
	step("a test", 0, 1, "Subject: [jnb.southern] test", "--test")
}

func TestAlertIsNotLostWhileMailIsAway_AV_7(t *testing.T) {
	need(t, "bash", "jq", "msmtp", "flock")
	mail := newSink(t)
	root := watchRoot(t, watching(), mail)
	alert := filepath.Join(root, "usr/local/sbin/berth-alert")
	mail.setAway(true)
	for _, name := range []string{"raid", "clock"} {
		if got := call(t, root, nil, alert, name, "critical", "it is bad"); got.code != 1 {
			t.Errorf("%s: exit %d while mail is away, want 1: %s", name, got.code, got.err)
		}
	}
	if got := call(t, root, nil, alert, "--deliver"); got.code != 1 {
		t.Errorf("exit %d of a delivery that fails, want 1", got.code)
	}
	mail.setAway(false)
	if got := call(t, root, nil, alert, "--deliver"); got.code != 0 {
		t.Errorf("exit %d: %s", got.code, got.err)
	}
	if all := strings.Join(mail.take(), "\n"); strings.Count(all, "Subject:") != 2 || !strings.Contains(all, "raid") || !strings.Contains(all, "clock") {
		t.Errorf("what waited did not come: %s", all)
	}
	if got := call(t, root, nil, alert, "--deliver"); got.code != 0 || len(mail.take()) != 0 {
		t.Error("it came a second time")
	}
	// A folder that takes nothing: it is told at once, and the exit code says that nothing waits.
	if err := os.RemoveAll(filepath.Join(root, "var/lib/berth/alerts")); err != nil {
		t.Fatal(err)
	}
	place(t, root, "var/lib/berth/alerts", "a file where a folder should be")
	if got := call(t, root, nil, alert, "disk-space", "critical", "no room"); got.code != 3 || !strings.Contains(strings.Join(mail.take(), ""), "could not be queued: no room") {
		t.Errorf("an alert that cannot be queued: %+v", got)
	}
}

func TestARefusedRecipientKeepsNoMailFromOthers_AV_7(t *testing.T) {
	need(t, "bash", "jq", "msmtp", "flock")
	mail := newSink(t)
	mail.no = "left@northwind.example"
	d := watching()
	d.Alerts.Emails = []string{"left@northwind.example", "ops@northwind.example", "ada@northwind.example"}
	root := watchRoot(t, d, mail)
	alert := filepath.Join(root, "usr/local/sbin/berth-alert")
	for i := range 5 { // what waits for one address holds up no later mail to the others
		if got := call(t, root, nil, alert, fmt.Sprintf("raid-%d", i), "critical", "a disk is lost"); got.code != 1 {
			t.Errorf("exit %d while one mail waits: %s", got.code, got.err)
		}
		all := strings.Join(mail.take(), "\n")
		for _, to := range []string{"ops", "ada"} {
			if want := "RCPT TO:<" + to + "@northwind.example>"; strings.Count(all, want) != 1 {
				t.Errorf("alert %d: %s is not told once: %s", i, to, all)
			}
		}
	}
	waiting := func() int {
		files, err := filepath.Glob(filepath.Join(root, "var/lib/berth/alerts/queue/*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	if n := waiting(); n != 5 {
		t.Errorf("%d mails wait for the address that is refused, want 5", n)
	}
	d.Alerts.Emails = d.Alerts.Emails[1:] // somebody mends the file: what waited for nobody goes
	place(t, root, "etc/berth/watch.conf", d.watchConfiguration())
	if got := call(t, root, nil, alert, "--deliver"); got.code != 0 || waiting() != 0 {
		t.Errorf("exit %d, %d wait", got.code, waiting())
	}
}

func TestAnotherFailureIsToldThoughTheCheckWasBad_AV_7(t *testing.T) {
	need(t, "bash", "jq", "msmtp", "flock")
	mail := newSink(t)
	root := watchRoot(t, watching(), mail)
	alert := filepath.Join(root, "usr/local/sbin/berth-alert")
	now := []string{"BERTH_ALERT_PAUSE=0"}
	for _, step := range []struct {
		name, severity, text string
		env                  []string
		mails                int
	}{
		{"a disk", "critical", "md0 has 1 of 2 disks", nil, 1},
		{"the same with other numbers", "critical", "md7 has 3 of 8 disks", now, 0},
		{"another array, within ten minutes", "critical", "md0 is inactive", nil, 0},
		{"another array", "critical", "md0 is inactive", now, 1},
		{"the same again", "critical", "md0 is inactive", now, 0},
		{"better", "warning", "md0 is rebuilt: 1%", now, 0},
		{"still better", "warning", "md0 is rebuilt: 2%", now, 0},
		{"wrong in another way", "warning", "md0 has a spare too few", now, 1},
	} {
		call(t, root, step.env, alert, "raid", step.severity, step.text)
		if mails := mail.take(); len(mails) != step.mails {
			t.Errorf("%s: %d mails, want %d", step.name, len(mails), step.mails)
		}
	}
}

func TestAlertGoesPastOneThatNobodyTakes_AV_7(t *testing.T) {
	need(t, "bash", "jq", "msmtp", "flock")
	mail := newSink(t)
	mail.never = "poison"
	root := watchRoot(t, watching(), mail)
	alert := filepath.Join(root, "usr/local/sbin/berth-alert")
	for _, name := range []string{"a", "b", "c", "d"} {
		call(t, root, []string{"BERTH_ALERT_LATER=1"}, alert, name, "critical", "poison")
	}
	call(t, root, []string{"BERTH_ALERT_LATER=1"}, alert, "good", "critical", "it is bad")
	if len(mail.take()) != 0 {
		t.Error("what is for later was sent")
	}
	for range 100 { // each run begins somewhere else
		if got := call(t, root, nil, alert, "--deliver"); got.code != 1 {
			t.Fatalf("exit %d while messages wait", got.code)
		}
		if mails := mail.take(); len(mails) == 1 && strings.Contains(mails[0], "critical: good") {
			return
		}
	}
	t.Error("a message that nobody takes holds up the one behind it")
}

func TestAlertGoesToSlackAndBySMS_AV_7(t *testing.T) {
	need(t, "bash", "jq", "msmtp", "curl", "flock")
	type post struct{ path, auth, body string }
	var mu sync.Mutex
	var posts []post
	broken := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if broken && r.URL.Path == "/slack/secret" {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		posts = append(posts, post{r.URL.Path, r.Header.Get("Authorization"), string(body)})
	}))
	defer server.Close()
	mail := newSink(t)
	d := watching()
	d.Watch.SlackWebhook, d.Watch.SMSGateway = true, server.URL+"/sms"
	root := watchRoot(t, d, mail)
	place(t, root, "etc/berth/host/secrets/slack-webhook", server.URL+"/slack/secret\n", "etc/berth/host/secrets/sms-token", "token-1")
	alert := filepath.Join(root, "usr/local/sbin/berth-alert")
	if got := call(t, root, nil, alert, "clock", "warning", `it is "off"`); got.code != 1 {
		t.Errorf("exit %d while Slack is away, want 1", got.code)
	}
	mu.Lock()
	if len(posts) != 0 {
		t.Errorf("a warning went by SMS: %v", posts)
	}
	broken = false
	mu.Unlock()
	if got := call(t, root, nil, alert, "clock", "critical", `it is "off"`); got.code != 0 {
		t.Errorf("exit %d: %s", got.code, got.err)
	}
	if len(mail.take()) != 2 {
		t.Error("mail waited for Slack")
	}
	counts := map[string]int{}
	for _, p := range posts {
		counts[p.path]++
		var body map[string]string
		if err := json.Unmarshal([]byte(p.body), &body); err != nil || body["text"] == "" {
			t.Errorf("%s got %q: %v", p.path, p.body, err)
		}
		if p.path == "/sms" && (p.auth != "Bearer token-1" || body["to"] != "+27115550100") {
			t.Errorf("SMS: %+v", p)
		}
	}
	if counts["/slack/secret"] != 2 || counts["/sms"] != 1 {
		t.Errorf("posts: %v", counts)
	}
	if b := d.watch(); strings.Join(b.Secrets, " ") != "slack-webhook sms-token" {
		t.Errorf("secrets: %v", b.Secrets)
	}
}

func TestChecksAreRunNotedAndTold_BK_9(t *testing.T) {
	need(t, "bash", "jq", "msmtp", "flock", "timeout")
	mail := newSink(t)
	root := watchRoot(t, watching(), mail)
	if err := os.RemoveAll(filepath.Join(root, "usr/local/lib/berth/host/checks")); err != nil {
		t.Fatal(err)
	}
	lib := "usr/local/lib/berth/"
	place(t, root,
		lib+"host/checks/fine", "#!/bin/sh\necho all is well\n",
		lib+"host/checks/so-so", "#!/bin/sh\necho so so\nexit 1\n",
		lib+"client-globex/checks/bad", "#!/bin/sh\necho 'it is \"bad\"'\nexit 2\n",
		lib+"client-globex/checks/broken", "#!/bin/sh\necho oops >&2\nexit 7\n",
		lib+"client-globex/checks/stuck", "#!/bin/sh\nsleep 60\n")
	check := filepath.Join(root, "usr/local/sbin/berth-check")
	if got := call(t, root, []string{"BERTH_CHECK_SECONDS=2"}, check); got.code != 0 {
		t.Fatalf("%+v", got)
	}
	want := map[string]string{
		"fine": "ok all is well", "so-so": "warning so so", "bad": `critical it is "bad"`, "broken": "critical the check failed (7): oops",
		"stuck": "critical the check did not end within 2 seconds",
	}
	for name, text := range want {
		raw, err := os.ReadFile(filepath.Join(root, "var/lib/berth/checks", name+".json"))
		var result struct {
			Name, Severity, Text string
			At, Since            int64
		}
		if err != nil || json.Unmarshal(raw, &result) != nil || result.Severity+" "+result.Text != text || result.Since == 0 || result.At < result.Since {
			t.Errorf("%s: %s %v", name, raw, err)
		}
	}
	if mails := mail.take(); len(mails) != 4 {
		t.Errorf("%d mails, want 4: %v", len(mails), mails)
	}
	if err := os.RemoveAll(filepath.Join(root, lib+"client-globex")); err != nil {
		t.Fatal(err)
	}
	place(t, root, lib+"host/checks/so-so", "#!/bin/sh\necho good now\n")
	call(t, root, nil, check)
	all := strings.Join(mail.take(), "\n")
	for _, text := range []string{"recovered: so-so", "recovered: bad", "recovered: stuck", "not watched any more"} {
		if !strings.Contains(all, text) {
			t.Errorf("no mail says %q: %s", text, all)
		}
	}
	if got := call(t, root, nil, check, "--list"); !strings.Contains(got.out, "ok\tfine\tall is well") || strings.Contains(got.out, "stuck") {
		t.Errorf("list: %s", got.out)
	}
	if _, err := os.Stat(filepath.Join(root, "var/lib/berth/watch/last")); err != nil {
		t.Error("the sister site cannot see that checks run:", err)
	}
	beat := call(t, root, nil, filepath.Join(root, "usr/local/sbin/berth-heartbeat"), "--daily")
	if mails := mail.take(); beat.code != 0 || len(mails) != 1 || !strings.Contains(mails[0], "All 2 checks have run; none is critical") {
		t.Errorf("the daily mail: %+v %v", beat, mails)
	}
}

func TestChecks(t *testing.T) {
	need(t, "bash", "openssl")
	for name, tc := range map[string]struct {
		check string
		files []string
		code  int
		says  string
	}{
		"AV-10 two disks":           {"raid", []string{"proc/mdstat", "Personalities : [raid1]\nmd0 : active raid1 sdb[1] sda[0]\n      1046528 blocks super 1.2 [2/2] [UU]\n\nunused devices: <none>\n"}, 0, "md0 whole"},
		"AV-10 a disk is lost":      {"raid", []string{"proc/mdstat", "md0 : active raid1 sdb[1](F) sda[0]\n      1046528 blocks super 1.2 [2/1] [U_]\n"}, 2, "md0 has 1 of 2 disks"},
		"AV-10 a disk is rebuilt":   {"raid", []string{"proc/mdstat", "md0 : active raid1 sdb[2] sda[0]\n      1046528 blocks super 1.2 [2/1] [U_]\n      [==>..]  recovery = 12.6% (132096/1046528) finish=0.1min\n"}, 2, "rebuilt: 12.6%"},
		"AV-10 the monthly check":   {"raid", []string{"proc/mdstat", "md127 : active raid1 sdb[1] sda[0]\n      10 blocks [2/2] [UU]\n      [=>...]  check =  5.0% (1/2)\n"}, 0, "checked: 5.0%"},
		"AV-10 it was just made":    {"raid", []string{"proc/mdstat", "md0 : active raid1 sdb[1] sda[0]\n      10 blocks [2/2] [UU]\n      [=>...]  resync =  5.0% (1/2)\n"}, 1, "rebuilt: 5.0%"},
		"AV-10 inactive":            {"raid", []string{"proc/mdstat", "md0 : inactive sda[0](S)\n      10 blocks super 1.2\n"}, 2, "md0 is inactive"},
		"AV-10 no array":            {"raid", []string{"proc/mdstat", "Personalities :\nunused devices: <none>\n"}, 2, "no array"},
		"room":                      {"disk-space", []string{"df", "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/md0 10 1 9 10% /srv/data\nFilesystem Inodes IUsed IFree IUse% Mounted on\n/dev/md0 10 1 9 30% /srv/data\n"}, 0, "at most 30%"},
		"little room":               {"disk-space", []string{"df", "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/md0 10 8 2 85% /srv/data\n"}, 1, "/srv/data has used 85% of its space"},
		"no room":                   {"disk-space", []string{"df", "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/md0 10 8 2 85% /srv/data\nFilesystem Inodes IUsed IFree IUse% Mounted on\n/dev/sda 10 1 9 99% /\n"}, 2, "/ has used 99% of its inodes"},
		"no alert waits":            {"alerts", nil, 0, "delivered"},
		"no websites":               {"website-certificates", nil, 0, "0 certificates"},
		"a certificate is no one":   {"website-certificates", []string{"etc/nginx/berth.d/globex.crt", "nonsense"}, 2, "globex: cannot be read"},
		"bundles":                   {"bundles", []string{"var/lib/berth/bundles/host/state", ""}, 0, "whole"},
		"updates have not been due": {"updates", []string{"proc/uptime", "100.0 1.0"}, 0, "not been due"},
		"updates were never made":   {"updates", []string{"proc/uptime", "999999.0 1.0"}, 1, "never installed"},
		"updates are young":         {"updates", []string{"var/lib/apt/periodic/upgrade-stamp", "", "run/reboot-required", ""}, 0, "a new start is due"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			place(t, root, append(tc.files, "check", serviceRaw("watch/checks/"+tc.check))...)
			got := call(t, root, []string{"BERTH_DF=" + filepath.Join(root, "df")}, filepath.Join(root, "check"))
			if got.code != tc.code || !strings.Contains(got.out, tc.says) || strings.Count(got.out, "\n") != 1 {
				t.Errorf("%+v, want %d and %q in one line", got, tc.code, tc.says)
			}
		})
	}
}

func TestCheckOfCertificates(t *testing.T) {
	need(t, "bash", "openssl")
	for days, code := range map[string]int{"400": 0, "20": 1, "3": 2} {
		root := t.TempDir()
		place(t, root, "check", serviceRaw("watch/checks/website-certificates"), "etc/nginx/berth.d/x", "")
		make := exec.CommandContext(t.Context(), "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", days, "-subj", "/CN=x",
			"-keyout", filepath.Join(root, "key"), "-out", filepath.Join(root, "etc/nginx/berth.d/globex.crt"))
		if out, err := make.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if got := call(t, root, nil, filepath.Join(root, "check")); got.code != code {
			t.Errorf("%s days: %+v, want %d", days, got, code)
		}
	}
}

func TestHeartbeatOnlyWhileAllIsWell_AV_7(t *testing.T) {
	need(t, "bash", "jq", "curl")
	var mu sync.Mutex
	beats := 0
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { mu.Lock(); beats++; mu.Unlock() }))
	defer server.Close()
	d := watching()
	d.Watch.HeartbeatURL = server.URL + "/jnb"
	root := watchRoot(t, d, newSink(t))
	if !strings.Contains(serviceRaw("watch/berth-heartbeat"), "curl --config -") {
		t.Error("the address is an argument, which everybody on the machine can read")
	}
	for _, f := range d.watch().Files {
		if f.Path == "/etc/berth/watch.conf" && f.Mode != 0o600 {
			t.Errorf("%s, which has the address, is %o", f.Path, f.Mode)
		}
	}
	place(t, root, "authority.pem", string(pemOf(server.Certificate().Raw)))
	env := []string{"CURL_CA_BUNDLE=" + filepath.Join(root, "authority.pem")}
	result := func(severity string, age time.Duration) string {
		return fmt.Sprintf(`{"name": "raid", "severity": %q, "text": "x", "at": %d, "since": 1}`, severity, time.Now().Add(-age).Unix())
	}
	for _, tc := range []struct {
		name, result string
		beats        int
	}{
		{"no check has run", "", 0}, {"all is well", result("ok", 0), 1}, {"a warning", result("warning", 0), 1},
		{"critical", result("critical", 0), 0}, {"old", result("ok", time.Hour), 0},
	} {
		beats = 0
		if tc.result != "" {
			place(t, root, "var/lib/berth/checks/raid.json", tc.result)
		}
		if got := call(t, root, env, filepath.Join(root, "usr/local/sbin/berth-heartbeat")); got.code != 0 || beats != tc.beats {
			t.Errorf("%s: %d beats, want %d: %+v", tc.name, beats, tc.beats, got)
		}
	}
}

func TestReportHoldsNoSecret_AC_11(t *testing.T) {
	need(t, "bash", "jq", "timeout")
	d := watching()
	d.Watch.Mail.User = "sender"
	root := watchRoot(t, d, newSink(t))
	place(t, root, "report", fileOf(t, d.report(), sbin+"berth-report"), "etc/berth/host/secrets/mail-password", "sesame", "etc/berth/host/secrets/slack-webhook", "sesame",
		"var/lib/berth/checks/raid.json", `{"name": "raid", "severity": "critical", "text": "md0 has 1 of 2 disks", "at": 1, "since": 1}`,
		"srv/data/taskflow/globex/backups/globex/x.age", "sealed", "etc/taskflow/globex/standing", "home\n")
	out := filepath.Join(root, "out")
	if got := call(t, root, nil, filepath.Join(root, "report"), "--out", out); got.code != 0 {
		t.Fatalf("%+v", got)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Report of jnb.southern", "critical\traid\tmd0 has 1 of 2 disks", "globex\tlogical\t1 files", "== accounts"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
	raw, err := os.ReadFile(out + ".json")
	var parsed map[string]any
	if err != nil || json.Unmarshal(raw, &parsed) != nil || parsed["machine"] != "jnb.southern" {
		t.Errorf("JSON: %s %v", raw, err)
	}
	for _, secret := range []string{"sesame", "ops@northwind.example", "sealed"} {
		if strings.Contains(string(text)+string(raw), secret) {
			t.Errorf("it tells %q", secret)
		}
	}
	if info, err := os.Stat(out); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode: %v %v", info.Mode(), err)
	}
}
