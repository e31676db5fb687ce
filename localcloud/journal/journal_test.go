package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// writerEnv makes the test binary a writer that goes on until it is killed.
const writerEnv = "LOCALCLOUD_JOURNAL_WRITER"

func TestMain(m *testing.M) {
	if path := os.Getenv(writerEnv); path != "" {
		writeForever(path)
	}
	os.Exit(m.Run())
}

// writeForever appends records from eight goroutines and prints each number once it is acknowledged.
func writeForever(path string) {
	j, err := Open(path, func([]byte) error { return nil })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := g; ; i += 8 {
				if err := j.Append([]byte(strconv.Itoa(i) + strings.Repeat("x", i%3000))); err != nil {
					return
				}
				mu.Lock()
				fmt.Println(i)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func open(t *testing.T, path string) (*Journal, []string) {
	t.Helper()
	var got []string
	j, err := Open(path, func(p []byte) error { got = append(got, string(p)); return nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j, got
}

func write(t *testing.T, path string, records ...string) {
	t.Helper()
	j, _ := open(t, path)
	for _, r := range records {
		if err := j.Append([]byte(r)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	write(t, path, "one", "two")
	write(t, path, "three")
	if _, got := open(t, path); strings.Join(got, ",") != "one,two,three" {
		t.Errorf("records = %v", got)
	}
}

func TestTornTail(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "j")
	write(t, whole, "one", "two", "three")
	data, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	for size := range data {
		path := filepath.Join(t.TempDir(), "torn")
		if err := os.WriteFile(path, data[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		_, got := open(t, path)
		if want := strings.Split("one,two,three", ",")[:len(got)]; strings.Join(got, ",") != strings.Join(want, ",") {
			t.Fatalf("cut at %d: records = %v", size, got)
		}
	}
	t.Run("what is appended after a torn tail is read back", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "j")
		if err := os.WriteFile(path, data[:len(data)-3], 0o600); err != nil {
			t.Fatal(err)
		}
		write(t, path, "four")
		if _, got := open(t, path); strings.Join(got, ",") != "one,two,four" {
			t.Errorf("records = %v", got)
		}
	})
	t.Run("a tail of zeros is dropped", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "j")
		if err := os.WriteFile(path, append(bytes.Clone(data), make([]byte, 4096)...), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, got := open(t, path); len(got) != 3 {
			t.Errorf("records = %v", got)
		}
	})
}

func TestDamageIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	write(t, path, "one", "two", "three")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[bytes.Index(data, []byte("two"))] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, func([]byte) error { return nil }); !errors.Is(err, ErrDamaged) {
		t.Errorf("err = %v, want ErrDamaged", err)
	}
	if err := os.WriteFile(path, []byte("localcloud journal 9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, func([]byte) error { return nil }); !errors.Is(err, ErrVersion) {
		t.Errorf("err = %v, want ErrVersion", err)
	}
}

func TestKilledWriterLosesNothingAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	acknowledged := map[string]bool{}
	for round := range 3 {
		var out bytes.Buffer
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), writerEnv+"="+path)
		cmd.Stdout = &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(60+37*round) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed: the error is the point
		lines := strings.Split(out.String(), "\n")
		for _, line := range lines[:len(lines)-1] { // the last may be torn
			acknowledged[line] = true
		}
		j, got := open(t, path)
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for _, r := range got {
			found[strings.TrimRight(r, "x")] = true
		}
		for number := range acknowledged {
			if !found[number] {
				t.Fatalf("round %d: record %s was acknowledged and is gone", round, number)
			}
		}
	}
	if len(acknowledged) == 0 {
		t.Fatal("the writer acknowledged nothing: the test shows nothing")
	}
}

func TestLockNamesTheHolder(t *testing.T) {
	dir := t.TempDir()
	release, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Lock(dir)
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) {
		t.Errorf("err = %v, want ErrLocked with our pid", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if release, err = Lock(dir); err != nil {
		t.Fatal(err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}

func TestRewrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	write(t, path, "one", "two")
	if err := Rewrite(path, [][]byte{[]byte("two")}); err != nil {
		t.Fatal(err)
	}
	if _, got := open(t, path); strings.Join(got, ",") != "two" {
		t.Errorf("records = %v", got)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(appendRecord(appendRecord([]byte(header), []byte("one")), []byte("two")))
	f.Add([]byte(header + "00000000 x\n\x00\x00"))
	f.Add([]byte("local"))
	f.Fuzz(func(t *testing.T, data []byte) {
		rebuilt := []byte(header)
		sound, err := decode(data, func(p []byte) error { rebuilt = appendRecord(rebuilt, p); return nil })
		if sound > len(data) {
			t.Fatalf("%d sound bytes of %d", sound, len(data))
		}
		if err == nil && sound > 0 && !bytes.Equal(rebuilt, data[:sound]) {
			t.Fatalf("what was read is not what was written: %q from %q", rebuilt, data)
		}
	})
}
