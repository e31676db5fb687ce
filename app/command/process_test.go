package command_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is taskflow serve as a process of its own.
type process struct {
	t       *testing.T
	cmd     *exec.Cmd
	address string
	out     strings.Builder
	mu      sync.Mutex
	ended   chan error
}

var serving = regexp.MustCompile(`"msg":"serving","address":"([^"]+)"`)

// start starts the program in a folder and, if wait, waits until it serves.
func start(t *testing.T, folder string, wait bool, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.Command(self, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "TASKFLOW_TEST_PROGRAM=1")
	return launch(t, cmd, wait)
}

// launch starts a program that serves and, if wait, waits until it does.
func launch(t *testing.T, cmd *exec.Cmd, wait bool) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, ended: make(chan error, 1)}
	reader, writer, err := os.Pipe()
	must(t, err)
	p.cmd.Stdout, p.cmd.Stderr = writer, writer
	must(t, p.cmd.Start())
	_ = writer.Close()
	found := make(chan string, 10)
	go func() {
		lines := bufio.NewScanner(reader)
		for lines.Scan() {
			p.mu.Lock()
			p.out.WriteString(lines.Text() + "\n")
			p.mu.Unlock()
			if m := serving.FindStringSubmatch(lines.Text()); m != nil {
				found <- m[1]
			}
		}
		_ = reader.Close()
		p.ended <- p.cmd.Wait()
	}()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	if !wait {
		return p
	}
	select {
	case p.address = <-found:
	case err := <-p.ended:
		t.Fatalf("it ended: %v\n%s", err, p.said())
	case <-time.After(2 * time.Minute):
		t.Fatalf("it does not serve:\n%s", p.said())
	}
	return p
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

func (p *process) get(path string) (string, error) {
	r, err := http.NewRequest(http.MethodGet, "http://"+p.address+path, nil)
	if err != nil {
		return "", err
	}
	r.Host = "demo.localhost"
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}).Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	all, err := io.ReadAll(answer.Body)
	return string(all), err
}

func (p *process) stop() {
	p.t.Helper()
	must(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-p.ended:
		if err != nil {
			p.t.Errorf("it ended with %v\n%s", err, p.said())
		}
	case <-time.After(time.Minute):
		p.t.Fatalf("it does not end:\n%s", p.said())
	}
}

func (p *process) waitFor(words string) {
	p.t.Helper()
	for deadline := time.Now().Add(time.Minute); !strings.Contains(p.said(), words); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("it does not say %q:\n%s", words, p.said())
		}
	}
}

func TestTheFirstStartExplainsItselfAndTheSecondSaysWhere(t *testing.T) {
	folder := t.TempDir()
	p := start(t, folder, true)
	p.waitFor("/invitation/")
	if body, err := p.get("/tasks"); err != nil || body != "48 <nil>" {
		t.Errorf("the demonstration has %q tasks, %v", body, err)
	}
	port := p.address[strings.LastIndex(p.address, ":")+1:]
	if !strings.Contains(p.said(), "http://demo.localhost:"+port+"/invitation/") {
		t.Errorf("the first start says:\n%s", p.said())
	}
	p.stop()
	if left, _ := filepath.Glob(filepath.Join(folder, "taskflow-data", "tenants", "demo.unfinished")); len(left) > 0 {
		t.Error("it is noted as unfinished")
	}
	p = start(t, folder, true)
	p.waitFor("TaskFlow is at http://demo.localhost:")
	if body, err := p.get("/tasks"); err != nil || body != "48 <nil>" {
		t.Errorf("after the second start it has %q tasks, %v", body, err)
	}
	p.stop()
}

// A first start that is killed at any moment leaves nothing half made for the next.
func TestAKilledFirstStartIsBegunAnew(t *testing.T) {
	folder := t.TempDir()
	for _, after := range []time.Duration{50, 150, 300, 600, 1000, 1500} {
		p := start(t, folder, false)
		time.Sleep(after * time.Millisecond)
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
	p := start(t, folder, true)
	p.waitFor("TaskFlow is at")
	if body, err := p.get("/tasks"); err != nil || body != "48 <nil>" {
		t.Errorf("after it was killed and started again it has %q tasks, %v", body, err)
	}
	p.stop()
}

// AV-6: SIGTERM finishes what is in flight; SIGHUP reads the configuration anew and keeps serving.
func TestSignals_AV_6(t *testing.T) {
	folder := t.TempDir()
	p := start(t, folder, true)
	must(t, p.cmd.Process.Signal(syscall.SIGHUP))
	p.waitFor("read the configuration anew")
	r, err := http.NewRequest(http.MethodGet, "http://"+p.address+"/slow", nil)
	must(t, err)
	r.Host = "demo.localhost"
	answer, err := (&http.Client{Transport: &http.Transport{}, Timeout: time.Minute}).Do(r) // its header is here: it is in flight
	must(t, err)
	defer answer.Body.Close()
	p.stop()
	if body, err := io.ReadAll(answer.Body); err != nil || string(body) != "finished" {
		t.Errorf("the request in flight got %q, %v", body, err)
	}
}

// AV-6: the next release takes the sockets, and no request is lost meanwhile.
func TestHandOverLosesNoRequest_AV_6(t *testing.T) {
	folder := t.TempDir()
	door := filepath.Join(folder, "next.sock")
	old := start(t, folder, true, "--hand-over", door)
	stop := make(chan struct{})
	var failed []string
	count := 0
	var all sync.WaitGroup
	all.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			count++
			if body, err := old.get("/"); err != nil || body != "demo" {
				failed = append(failed, fmt.Sprint(body, err))
			}
		}
	})
	next := start(t, folder, true, "--hand-over", door)
	select {
	case err := <-old.ended:
		must(t, err)
	case <-time.After(time.Minute):
		t.Fatalf("the old one does not end:\n%s", old.said())
	}
	time.Sleep(200 * time.Millisecond)
	close(stop)
	all.Wait()
	if len(failed) > 0 || count == 0 || next.address != old.address {
		t.Errorf("%d of %d requests failed: %v", len(failed), count, failed[:min(3, len(failed))])
	}
	t.Logf("%d requests, none failed", count)
	next.stop()
}
