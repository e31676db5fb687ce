package host

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-iac/berth/spec"
)

func TestAttachmentsComeFromTheSiteThatServes_BK_2(t *testing.T) {
	need(t, "bash", "rsync", "flock")
	d := siteMachine()
	home, standby := t.TempDir(), t.TempDir()
	port := freePort(t)
	conf := strings.NewReplacer("address = 10.255.0.1", "address = 127.0.0.1", "port = 873", fmt.Sprintf("port = %d", port), "hosts allow = 10.255.0.2", "hosts allow = 127.0.0.1",
		"/srv/data", home+"/srv/data", "/var/lib", home+"/var/lib", "/run/berth-attachments", home).Replace(fileOf(t, d.service(), "/etc/berth/attachments.conf"))
	place(t, home, "attachments.conf", "uid = root\ngid = root\n"+conf, "var/lib/berth/watch/last", "1\n", "var/lib/berth/watch/secret", "x")
	data := "srv/data/taskflow/globex-eu/"
	place(t, home, data+"files/.client", "globex-eu\n", data+"files/globex-eu/ab/one", "one", data+"files/globex-eu/two", "two", data+"backups/globex-eu/x.age", "sealed",
		data+"scratch/plain", "what a trial restore left", "srv/data/taskflow/other/files/.client", "other\n")
	place(t, standby, "fetch", serviceRaw("service/fetch-attachments"), "etc/taskflow/sister", fmt.Sprintf("rsync://127.0.0.1:%d\n", port),
		data+"files/gone", "it was removed at home", data+"backups/.keep", "")
	daemon := exec.CommandContext(t.Context(), "rsync", "--daemon", "--no-detach", "--config="+home+"/attachments.conf")
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = daemon.Process.Kill(); _ = daemon.Wait() })
	for range 100 {
		if conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			_ = conn.Close()
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	fetch := filepath.Join(standby, "fetch")
	if got := call(t, standby, nil, fetch, "globex-eu"); got.code != 0 {
		t.Fatalf("%+v", got)
	}
	for path, want := range map[string]string{"files/globex-eu/ab/one": "one", "files/globex-eu/two": "two", "backups/globex-eu/x.age": "sealed", "files/gone": "", "scratch/plain": ""} {
		text, err := os.ReadFile(filepath.Join(standby, data, path))
		if string(text) != want || want == "" && err == nil {
			t.Errorf("%s is %q, %v", path, text, err)
		}
	}
	if text, err := os.ReadFile(filepath.Join(standby, data, ".fetched")); err != nil || len(text) < 10 {
		t.Errorf("when it was fetched is not known: %s %v", text, err)
	}

	list := func(what string) ran {
		return call(t, standby, nil, "rsync", "-r", fmt.Sprintf("rsync://127.0.0.1:%d/%s", port, what))
	}
	if got := list("watch/"); !strings.Contains(got.out, "last") || strings.Contains(got.out, "secret") {
		t.Errorf("of the watch is shown: %+v", got)
	}
	if got := list("clients/globex-eu/"); strings.Contains(got.out, "scratch") || !strings.Contains(got.out, "two") {
		t.Errorf("of a client is shown: %+v", got)
	}
	if got := call(t, standby, nil, "rsync", fetch, fmt.Sprintf("rsync://127.0.0.1:%d/clients/globex-eu/files/x", port)); got.code == 0 {
		t.Error("it can be written to")
	}

	// What is removed is kept aside, and a link in the place of a folder is not followed.
	if text, err := os.ReadFile(filepath.Join(standby, data, "removed", time.Now().UTC().Format(time.DateOnly), "files/gone")); err != nil || len(text) == 0 {
		t.Errorf("what was removed at home: %q, %v", text, err)
	}
	if err := os.RemoveAll(filepath.Join(home, data, "backups")); err != nil {
		t.Fatal(err)
	}
	place(t, home, "srv/data/taskflow/other/files/theirs", "another client's")
	if err := os.Symlink(filepath.Join(home, "srv/data/taskflow/other/files"), filepath.Join(home, data, "backups")); err != nil {
		t.Fatal(err)
	}
	followed := call(t, standby, nil, fetch, "globex-eu")
	if left, _ := filepath.Glob(filepath.Join(standby, data, "*/theirs")); len(left) > 0 {
		t.Errorf("a link was followed to %q: %+v", left, followed)
	}

	// The disk at home is away: an empty folder in its place must not empty this one.
	if err := os.Rename(filepath.Join(home, data, "files"), filepath.Join(home, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(home, data, "files"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := call(t, standby, nil, fetch, "globex-eu"); got.code == 0 || !strings.Contains(got.err, "nothing was changed here") {
		t.Errorf("%+v", got)
	}
	if _, err := os.Stat(filepath.Join(standby, data, "files/globex-eu/two")); err != nil {
		t.Error("what was here is gone:", err)
	}
	if left, _ := filepath.Glob(filepath.Join(standby, data, ".mark.*")); len(left) > 0 {
		t.Error("left behind:", left)
	}
}

// bucket is as much of S3 as copying takes.
type bucket struct {
	mu      sync.Mutex
	objects map[string]time.Time
	refuse  bool
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := strings.TrimPrefix(r.URL.Path, "/copies/")
	switch {
	case b.refuse || !strings.Contains(r.Header.Get("Authorization"), "Credential=access/"):
		w.WriteHeader(http.StatusForbidden)
	case r.Method == http.MethodGet && r.URL.Query().Has("list-type"), r.Method == http.MethodGet && r.URL.Query().Has("prefix"):
		fmt.Fprint(w, `<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated>`)
		for name, at := range b.objects {
			if strings.HasPrefix(name, r.URL.Query().Get("prefix")) {
				fmt.Fprintf(w, "<Contents><Key>%s</Key><LastModified>%s</LastModified><ETag>&quot;x&quot;</ETag><Size>6</Size></Contents>", name, at.UTC().Format(time.RFC3339))
			}
		}
		fmt.Fprint(w, "</ListBucketResult>")
	case r.Method == http.MethodPut:
		_, _ = io.Copy(io.Discard, r.Body)
		b.objects[key] = time.Now()
		w.Header().Set("ETag", `"x"`)
	case r.Method == http.MethodHead:
		at, found := b.objects[key]
		if !found {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Last-Modified", at.UTC().Format(http.TimeFormat))
		w.Header().Set("Content-Length", "6")
		w.Header().Set("ETag", `"x"`)
	case r.Method == http.MethodDelete:
		delete(b.objects, key)
		w.WriteHeader(http.StatusNoContent)
	}
}

func (b *bucket) names() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for name := range b.objects {
		all = append(all, name)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestBackupsAreCopiedToTheThirdPlace_BK_2(t *testing.T) {
	need(t, "bash", "rclone")
	there := &bucket{objects: map[string]time.Time{"taskflow/jnb/globex/globex/old.age": time.Now().Add(-9 * 24 * time.Hour), "taskflow/jnb/quiet/quiet/old.age": time.Now().Add(-9 * 24 * time.Hour)}}
	server := httptest.NewServer(there)
	defer server.Close()
	d := siteMachine()
	d.Backup = &Backup{KeepDays: 7, ThirdPlace: &spec.ObjectStore{Endpoint: "s3.af-south-1.amazonaws.com", Region: "af-south-1", Bucket: "copies", Country: "ZA"}}
	b := d.service()
	script := fileOf(t, b, hostLib+"copy-backups")
	root := t.TempDir()
	place(t, root, "copy", strings.Replace(script, "https://s3.af-south-1.amazonaws.com", server.URL, 1), hostLib+"serves", serviceRaw("service/serves"),
		"etc/berth/host/secrets/backup-access-key", "access\n", "etc/berth/host/secrets/backup-secret-key", "secret\n",
		"etc/taskflow/globex/standing", "home\n", "etc/taskflow/quiet/standing", "home\n", "etc/taskflow/guest/standing", "standby\n",
		"srv/data/taskflow/globex/backups/globex/new.age", "sealed", "srv/data/taskflow/globex/backups/globex/plain.txt", "plain!", "srv/data/taskflow/globex/files/one", "plain!",
		"srv/data/taskflow/quiet/backups/x", "", "srv/data/taskflow/guest/backups/guest/new.age", "sealed")
	copies := filepath.Join(root, "copy")
	clean := []string{"AWS_CA_BUNDLE=", "RCLONE_RETRIES=1", "RCLONE_LOW_LEVEL_RETRIES=1"} // of the machine that tests
	if got := call(t, root, clean, copies); got.code != 0 {
		t.Fatalf("%+v", got)
	}
	if got := there.names(); got != "taskflow/jnb/globex/globex/new.age taskflow/jnb/quiet/quiet/old.age" {
		t.Errorf("in the third place: %s", got)
	}
	there.refuse = true
	place(t, root, "srv/data/taskflow/globex/backups/globex/newer.age", "sealed")
	if got := call(t, root, clean, copies); got.code == 0 || !strings.Contains(got.err, "the backups of globex could not be copied") {
		t.Errorf("a bucket that refuses: %+v", got)
	}
	if strings.Join(b.Secrets, " ") != "backup-access-key backup-secret-key" {
		t.Errorf("secrets: %v", b.Secrets)
	}
}
