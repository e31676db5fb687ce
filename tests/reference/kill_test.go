package reference_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/berth-iac/berth/engine"
)

// Each operation is killed this often before it is let through to its end, after so many changes each time.
const (
	kills       = 4
	fewestSteps = 25
	mostSteps   = 75
)

// moments are after how many changes runs are killed: random, and the same in each run of the test.
func moments(seed uint64) []int {
	random := rand.New(rand.NewPCG(seed, 0))
	all := make([]int, kills)
	for i := range all {
		all[i] = fewestSteps + random.IntN(mostSteps-fewestSteps)
	}
	return all
}

// killing is the part of the two tests that they share: an operation is killed and begun again, and again.
func killing(t *testing.T, seed uint64, shape settings, killed func(t *testing.T, root string, operation engine.Operation, after int)) {
	pulumiCLI(t)
	t.Run("up", func(t *testing.T) {
		t.Parallel()
		began := time.Now()
		root := newRoot(t)
		edit(t, root, "prod", shape)
		for _, after := range moments(seed) {
			killed(t, root, engine.Up, after)
			w := look(t, root, "prod") // whatever happened, the state and the cloud can be read
			t.Logf("killed after %d changes: %d objects, %d in the state, %d unfinished", after, len(w.objects), len(w.resources), len(w.pending))
		}
		s := open(t, root, "prod")
		r := up(t, s)
		t.Logf("notes: %q", r.Notes)
		wantAgreement(t, root, "prod")
		wantNoChanges(t, preview(t, s))
		wantNoChanges(t, refresh(t, s))
		t.Logf("took %s", time.Since(began).Round(time.Millisecond))
	})
	t.Run("destroy", func(t *testing.T) {
		t.Parallel()
		began := time.Now()
		root := shapedRoot(t, shape)
		for _, after := range moments(seed + 1) {
			killed(t, root, engine.Destroy, after)
			w := look(t, root, "prod")
			t.Logf("killed after %d changes: %d objects, %d in the state, %d unfinished", after, len(w.objects), len(w.resources), len(w.pending))
		}
		destroy(t, open(t, root, "prod"), leaving)
		wantNothing(t, root, "prod")
		t.Logf("took %s", time.Since(began).Round(time.Millisecond))
	})
}

// shapedRoot is a folder in which the reference client is up, in a shape of its own; nil is production's.
func shapedRoot(t *testing.T, shape settings) string {
	t.Helper()
	if shape == nil {
		root, _, _ := upRoot(t)
		return root
	}
	root := newRoot(t)
	edit(t, root, "prod", shape)
	s := open(t, root, "prod")
	up(t, s)
	closed(t, s)
	return root
}

// The Pulumi CLI dies of SIGKILL; the process with the cloud in it lives and says so.
func TestKilledCLI(t *testing.T) {
	killing(t, 3, sample, func(t *testing.T, root string, operation engine.Operation, after int) {
		s := open(t, root, "prod")
		defer closed(t, s)
		n := 0
		run := engine.RunOptions{Progress: func(e engine.Event) {
			if e.Ended == nil || !e.Ended.Op.Changes() {
				return
			}
			if n++; n == after {
				if err := syscall.Kill(cliOf(t, root), syscall.SIGKILL); err != nil {
					t.Errorf("kill the CLI: %v", err)
				}
			}
		}}
		var err error
		if operation == engine.Up {
			_, err = s.Up(t.Context(), engine.ChangeOptions{RunOptions: run, Reviewed: &engine.Result{}})
		} else {
			_, err = s.Destroy(t.Context(), engine.ChangeOptions{RunOptions: run, Confirm: []string{"prod"}, Lift: leaving})
		}
		if err == nil {
			t.Fatalf("%s succeeded although its CLI was killed after %d changes; %d were seen", operation, after, n)
		}
	})
}

// The whole process dies of SIGKILL, and with it the program, the engine and the cloud. Its CLI finds everybody
// gone and ends by itself.
func TestKilledProcess(t *testing.T) {
	killing(t, 11, nil, func(t *testing.T, root string, operation engine.Operation, after int) {
		var said bytes.Buffer
		cmd := childProcess(t, root, operation)
		cmd.Stderr = &said
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		n := 0
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			op, _, _ := strings.Cut(lines.Text(), " ")
			if !engine.Op(op).Changes() {
				continue
			}
			if n++; n == after {
				if err := cmd.Process.Kill(); err != nil {
					t.Errorf("kill the process: %v", err)
				}
				break
			}
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("%s ended with %v after %d changes, want it killed after %d:\n%s", operation, err, n, after, said.String())
		}
		waitForCLI(t, root)
	})
}

// The process dies at the worst moment: the cloud has done what it was asked, and nobody has heard of it.
func TestProcessKilledBeforeTheAnswer(t *testing.T) {
	pulumiCLI(t)
	crash := func(t *testing.T, root string, operation engine.Operation, fault string) {
		t.Helper()
		cmd := childProcess(t, root, operation)
		cmd.Env = append(cmd.Env, faultVariable+"="+fault)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("%s with %s ended with %v, want it killed:\n%s", operation, fault, err, out)
		}
		waitForCLI(t, root)
		w := look(t, root, "prod")
		t.Logf("%s: not in the state %q, not in the cloud %q, unfinished %q",
			fault, without(w.objects, w.resources), without(w.resources, w.objects), w.pending)
	}
	t.Run("up", func(t *testing.T) {
		// The one has an id of the cloud's own, and is made twice if nobody looks; the other's name is taken then.
		for _, typ := range []string{"aws:ec2/vpc:Vpc", "aws:iam/role:Role"} {
			t.Run(typ, func(t *testing.T) {
				t.Parallel()
				root := newRoot(t)
				edit(t, root, "prod", minimal)
				crash(t, root, engine.Up, "create:"+typ+":crash-after@1")
				s := open(t, root, "prod")
				r, err := s.Up(t.Context(), engine.ChangeOptions{Reviewed: &engine.Result{}})
				if err != nil {
					t.Errorf("the next run: %v", err)
				} else {
					t.Logf("notes: %q", r.Notes)
				}
				wantAgreement(t, root, "prod")
			})
		}
	})
	t.Run("destroy", func(t *testing.T) {
		root, _, _ := upRoot(t)
		crash(t, root, engine.Destroy, "delete:aws:elasticache/replicationGroup:ReplicationGroup:crash-after@1")
		destroy(t, open(t, root, "prod"), leaving)
		wantNothing(t, root, "prod")
	})
}

// waitForCLI waits until the CLI of a killed process has ended by itself.
func waitForCLI(t *testing.T, root string) {
	t.Helper()
	began := time.Now()
	for pid := cliOf(t, root); syscall.Kill(pid, 0) == nil; time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatalf("the CLI, process %d, still runs a minute after its parent was killed", pid)
		}
	}
	t.Logf("the CLI ended %s after its parent", time.Since(began).Round(time.Millisecond))
}

// childProcess is this test binary, made to do one run on the stack prod in root.
func childProcess(t *testing.T, root string, operation engine.Operation) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Dir, cmd.Env = root, append(os.Environ(), childVariable+"="+string(operation))
	return cmd
}

// cliOf is the process id of the CLI that works on the stack prod, as the stack's lock tells it.
func cliOf(t *testing.T, root string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, ".berth", "run", "local-prod.lock"))
	if err != nil {
		t.Fatal(err)
	}
	var run engine.Run
	if err := json.Unmarshal(text, &run); err != nil || run.CLI <= 0 {
		t.Fatalf("the lock names no CLI: %s", text)
	}
	return run.CLI
}
