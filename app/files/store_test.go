package files_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/files"
)

// open gives the stores of two clients of the same house.
type open func(t *testing.T) (acme, other files.Store)

func disk(t *testing.T) (files.Store, files.Store) {
	t.Helper()
	folder := t.TempDir()
	var both []files.Store
	for _, client := range []string{"acme", "acme-2"} {
		d, err := files.NewDisk(folder, client, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.Close() })
		both = append(both, d)
	}
	return both[0], both[1]
}

func bucket(t *testing.T) (files.Store, files.Store) {
	t.Helper()
	server := httptest.NewServer(gofakes3.New(s3mem.New(), gofakes3.WithLogger(gofakes3.DiscardLog())).Server())
	t.Cleanup(server.Close)
	plain := s3.New(s3.Options{Region: "us-east-1", BaseEndpoint: &server.URL, UsePathStyle: true, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")})
	if _, err := plain.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("files")}); err != nil {
		t.Fatal(err)
	}
	return s3Store(t, server.URL, "clients/acme"), s3Store(t, server.URL, "clients/acme-2")
}

func s3Store(t *testing.T, endpoint, prefix string) files.Store {
	t.Helper()
	s, err := files.NewS3(files.S3Options{Bucket: "files", Prefix: prefix, Region: "us-east-1", Endpoint: endpoint, PathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), Temporary: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDisk(t *testing.T) { contract(t, disk) }
func TestS3(t *testing.T)   { contract(t, bucket) }

func contract(t *testing.T, open open) {
	for name, test := range map[string]func(t *testing.T, acme, other files.Store){
		"put and open": putAndOpen, "limits": putLimits, "failing readers": failingReaders, "seek": seek, "keys": keysStayInside,
		"DP-1 two clients": twoClients, "walk and delete": walkAndDelete, "at once": atOnce, "received": received,
	} {
		t.Run(name, func(t *testing.T) {
			acme, other := open(t)
			test(t, acme, other)
		})
	}
}

func read(t *testing.T, s files.Store, key string) (string, error) {
	t.Helper()
	f, err := s.Open(t.Context(), key)
	if err != nil {
		return "", err
	}
	defer f.Close()
	all, err := io.ReadAll(f)
	return string(all), err
}

func putAndOpen(t *testing.T, s, _ files.Store) {
	if _, err := read(t, s, "a"); !fault.Is(err, fault.NotFound) {
		t.Errorf("before: %v", err)
	}
	for _, content := range []string{"hello", "", strings.Repeat("x", 300_000), "another"} {
		info, err := s.Put(t.Context(), "a", strings.NewReader(content), 1<<20)
		if err != nil || info.Size != int64(len(content)) || len(info.SHA256) != 64 || info.Key != "a" {
			t.Fatalf("%+v, %v", info, err)
		}
		if got, err := read(t, s, "a"); got != content || err != nil {
			t.Errorf("got %d bytes, %v, want %d", len(got), err, len(content))
		}
	}
	info, _ := s.Put(t.Context(), "b", strings.NewReader("hello"), 5)
	if info.SHA256 != "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" {
		t.Errorf("SHA-256 is %s", info.SHA256)
	}
}

func putLimits(t *testing.T, s, _ files.Store) {
	_, _ = s.Put(t.Context(), "a", strings.NewReader("before"), 100)
	if _, err := s.Put(t.Context(), "a", strings.NewReader("123456"), 5); !fault.Is(err, fault.TooLarge) {
		t.Errorf("one byte too many: %v", err)
	}
	if _, err := s.Put(t.Context(), "new", strings.NewReader("123456"), 5); !fault.Is(err, fault.TooLarge) {
		t.Errorf("one byte too many: %v", err)
	}
	if got, err := read(t, s, "a"); got != "before" || err != nil {
		t.Errorf("what was there is %q, %v", got, err)
	}
	if _, err := read(t, s, "new"); !fault.Is(err, fault.NotFound) {
		t.Errorf("what was refused is there: %v", err)
	}
	if _, err := s.Put(t.Context(), "a", strings.NewReader("12345"), 5); err != nil {
		t.Errorf("exactly the limit: %v", err)
	}
}

func failingReaders(t *testing.T, s, _ files.Store) {
	broken := errors.New("the line broke")
	if _, err := s.Put(t.Context(), "a", io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken)), 100); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	reader := io.MultiReader(strings.NewReader("half"), readerFunc(func([]byte) (int, error) { cancel(); return 0, nil }), strings.NewReader("rest"))
	if _, err := s.Put(gone, "a", reader, 100); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := read(t, s, "a"); !fault.Is(err, fault.NotFound) {
		t.Errorf("half a file is there: %v", err)
	}
	count := 0
	if err := s.Walk(t.Context(), func(files.Info) error { count++; return nil }); count != 0 || err != nil {
		t.Errorf("%d files are there, %v", count, err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func seek(t *testing.T, s, _ files.Store) {
	content := strings.Repeat("0123456789", 1000)
	_, _ = s.Put(t.Context(), "a", strings.NewReader(content), 1<<20)
	f, err := s.Open(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Info().Size != 10000 || time.Since(f.Info().Modified) > time.Hour {
		t.Errorf("%+v", f.Info())
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Range", "bytes=9995-")
	http.ServeContent(w, r, "", time.Time{}, f)
	if w.Code != http.StatusPartialContent || w.Body.String() != "56789" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	if _, err := f.Seek(-1, io.SeekStart); err == nil {
		t.Error("seek before the beginning")
	}
	_, _ = f.Seek(0, io.SeekStart)
	if err := iotest.TestReader(f, []byte(content)); err != nil {
		t.Error(err)
	}
}

func keysStayInside(t *testing.T, s, _ files.Store) {
	for _, key := range []string{"", "..", ".", "../x", "a/b", "a\\b", "/etc/passwd", "a\x00b", "a b", "-a", ".a", "é", strings.Repeat("a", 129), "a\n"} {
		if _, err := s.Put(t.Context(), key, strings.NewReader("x"), 10); err == nil {
			t.Errorf("put %q", key)
		}
		if f, err := s.Open(t.Context(), key); err == nil {
			_ = f.Close()
			t.Errorf("open %q", key)
		}
		if err := s.Delete(t.Context(), key); err == nil {
			t.Errorf("delete %q", key)
		}
	}
}

func twoClients(t *testing.T, acme, other files.Store) {
	_, _ = acme.Put(t.Context(), "a", strings.NewReader("acme"), 10)
	if _, err := read(t, other, "a"); !fault.Is(err, fault.NotFound) {
		t.Errorf("another client's file: %v", err)
	}
	_, _ = other.Put(t.Context(), "a", strings.NewReader("other"), 10)
	_ = other.Delete(t.Context(), "a")
	if got, err := read(t, acme, "a"); got != "acme" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	_ = other.Walk(t.Context(), func(i files.Info) error { t.Errorf("%+v is listed for another client", i); return nil })
}

func walkAndDelete(t *testing.T, s, _ files.Store) {
	var want []string
	for i := range 30 {
		key := fmt.Sprintf("key-%02d", i)
		want = append(want, key)
		if _, err := s.Put(t.Context(), key, strings.NewReader(key), 100); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	if err := s.Walk(t.Context(), func(i files.Info) error {
		if i.Size != 6 || i.Modified.IsZero() {
			t.Errorf("%+v", i)
		}
		got = append(got, i.Key)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	enough := errors.New("enough")
	if err := s.Walk(t.Context(), func(files.Info) error { return enough }); !errors.Is(err, enough) {
		t.Error(err)
	}
	for range 2 {
		if err := s.Delete(t.Context(), "key-00"); err != nil {
			t.Error(err)
		}
	}
	if _, err := read(t, s, "key-00"); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
}

func atOnce(t *testing.T, s, _ files.Store) {
	var all sync.WaitGroup
	contents := map[string]bool{}
	for i := range 8 {
		content := strings.Repeat(fmt.Sprint(i), 50_000)
		contents[content] = true
		all.Go(func() {
			if _, err := s.Put(t.Context(), "same", strings.NewReader(content), 1<<20); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got, err := read(t, s, "same"); !contents[got] || err != nil {
		t.Errorf("a mixture of %d bytes: %v", len(got), err)
	}
}

func received(t *testing.T, s, _ files.Store) {
	folder := t.TempDir()
	u, err := files.Receive(t.Context(), strings.NewReader("hello"), 5, folder)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	if left, _ := os.ReadDir(folder); len(left) != 0 {
		t.Errorf("%d temporary files have names", len(left))
	}
	_, _ = io.ReadAll(u) // a scan read it
	if _, err := u.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	info, err := s.Put(t.Context(), "u", u, 5)
	if err != nil || info.SHA256 != u.SHA256 || info.Size != 5 {
		t.Errorf("%+v, %v", info, err)
	}
	if got, err := read(t, s, "u"); got != "hello" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := files.Receive(t.Context(), strings.NewReader("hello!"), 5, folder); !fault.Is(err, fault.TooLarge) {
		t.Error(err)
	}
}

func TestS3ThatIsAway(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	address := server.URL
	server.Close()
	s := s3Store(t, address, "clients/acme")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := s.Open(ctx, "a"); !fault.Is(err, fault.Unavailable) {
		t.Error(err)
	}
	for _, bad := range []files.S3Options{{}, {Bucket: "b", Prefix: "../x"}, {Bucket: "b", Prefix: "a//b"}, {Bucket: "b", Prefix: "/a"}, {Bucket: "b", Prefix: ""}} {
		if _, err := files.NewS3(bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestDiskIsPrivateAndCannotBeLeftByLinks(t *testing.T) {
	folder := t.TempDir()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := files.NewDisk(folder, "acme", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	_, _ = d.Put(t.Context(), "a", strings.NewReader("x"), 10)
	found := ""
	_ = filepath.WalkDir(folder, func(path string, e os.DirEntry, _ error) error {
		info, _ := e.Info()
		if mode := info.Mode().Perm(); path != folder && mode&0o077 != 0 {
			t.Errorf("%s has mode %o", path, mode)
		}
		if e.Name() == "a" {
			found = path
		}
		return nil
	})
	_ = os.Remove(found)
	if err := os.Symlink(secret, found); err != nil {
		t.Fatal(err)
	}
	if got, err := read(t, d, "a"); err == nil {
		t.Errorf("a link out of the folder is followed: %q", got)
	}
	for _, bad := range []string{"", "..", "a/b", "A", "a b"} {
		if _, err := files.NewDisk(folder, bad, time.Now()); !fault.Is(err, fault.Invalid) {
			t.Errorf("client %q: %v", bad, err)
		}
	}
}

// A process is killed in the middle of Put: nothing is visible, and what is left is removed when it is old.
func TestDiskAfterKill(t *testing.T) {
	if folder := os.Getenv("FILES_TEST_FOLDER"); folder != "" { // the process that is killed
		d, err := files.NewDisk(folder, "acme", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = d.Put(t.Context(), "old", strings.NewReader("complete"), 100)
		_, _ = d.Put(t.Context(), "new", io.MultiReader(bytes.NewReader(make([]byte, 1<<20)), readerFunc(func([]byte) (int, error) {
			fmt.Println("HALF")
			select {}
		})), 1<<30)
		return
	}
	folder := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^TestDiskAfterKill$")
	child.Env = append(os.Environ(), "FILES_TEST_FOLDER="+folder)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4)
	_, err = io.ReadFull(out, buf)
	_ = child.Process.Kill()
	_ = child.Wait()
	if string(buf) != "HALF" {
		t.Fatalf("the child said %q, %v", buf, err)
	}
	left := func() int {
		all, _ := os.ReadDir(filepath.Join(folder, "acme", "incomplete"))
		return len(all)
	}
	for _, tc := range []struct {
		at   time.Time
		want int
	}{{time.Now(), 1}, {time.Now().Add(25 * time.Hour), 0}} {
		d, err := files.NewDisk(folder, "acme", tc.at)
		if err != nil {
			t.Fatal(err)
		}
		if left() != tc.want {
			t.Errorf("%d incomplete files are left, want %d", left(), tc.want)
		}
		if _, err := read(t, d, "new"); !fault.Is(err, fault.NotFound) {
			t.Errorf("half a file is there: %v", err)
		}
		if got, err := read(t, d, "old"); got != "complete" || err != nil {
			t.Errorf("the acknowledged file: %q, %v", got, err)
		}
		_ = d.Close()
	}
}

func TestRoom(t *testing.T) {
	for _, tc := range []struct{ file, client, used, want int64 }{{10, 100, 0, 10}, {10, 100, 95, 5}, {10, 100, 100, 0}, {10, 100, 200, 0}} {
		got, err := files.Room(tc.file, tc.client, tc.used)
		if got != tc.want || (tc.want == 0) != fault.Is(err, fault.TooLarge) {
			t.Errorf("%+v: %d, %v", tc, got, err)
		}
	}
}
