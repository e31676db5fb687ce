package aws_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/tests/aws/emulator"
)

// strike ends a run with SIGKILL at the worst moment: AWS has carried a call out, and nobody has heard of it.
type strike struct {
	name            string
	service, action string // of the call; the action may be its beginning
	nth             int    // call of that kind in the run
	all             bool   // the CLI and the providers die too; otherwise only berth
}

var strikes = []strike{
	{name: "all processes, when a key was made", service: "kms", action: "CreateKey", nth: 3, all: true},
	{name: "berth alone, when a role was made", service: "iam", action: "CreateRole", nth: 4},
	{name: "all processes, when a bucket was made", service: "s3", action: "PUT /berth-northwind-", nth: 2, all: true},
}

// killer carries strikes out. It sees each call before its answer is passed on.
type killer struct {
	mutex sync.Mutex
	armed *strike
	left  int
	kill  func(all bool)
}

func (k *killer) watch(call emulator.Call) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if k.armed == nil || call.Service != k.armed.service || !strings.HasPrefix(call.Action, k.armed.action) || call.Status >= 300 {
		return
	}
	if k.left--; k.left == 0 {
		k.kill(k.armed.all)
		k.armed = nil
	}
}

func (k *killer) arm(s *strike, kill func(all bool)) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.armed, k.kill = s, kill
	if s != nil {
		k.left = s.nth
	}
}

// A run is killed, and the next one carries on until the stack is up: nothing is made twice, nothing is forgotten.
// The organisation serves for it, since it has no database to wait for.
func TestKilledUp(t *testing.T) {
	t.Parallel()
	made := needTools(t)
	k := &killer{}
	d := newStack(t, made, "organisation", emulator.Options{Account: organisationAccount, Watch: k.watch}, nil)
	regions := []string{first, second, global}
	before := map[string]things{}
	for _, region := range regions {
		before[region] = d.inventory(t, region)
	}
	for _, s := range strikes {
		phase(t, s.name, func(t *testing.T) { d.struck(t, k, s) })
	}
	phase(t, "the next up carries on by itself", func(t *testing.T) {
		r := d.up(t)
		t.Logf("notes: %q", r.Notes)
	})
	t.Run("a second preview has no changes", func(t *testing.T) {
		d.run(t, "preview", "--expect-no-changes").wantNoChanges(t)
	})
	t.Run("nothing was made twice", func(t *testing.T) {
		for _, region := range regions {
			c, aliased, n := d.in(region), map[string]bool{}, 0
			for _, alias := range of(c.kms.ListAliases(t.Context(), nil))(t).Aliases {
				aliased[aws.ToString(alias.TargetKeyId)] = true
			}
			for _, key := range of(c.kms.ListKeys(t.Context(), nil))(t).Keys {
				is := of(c.kms.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: key.KeyId}))(t).KeyMetadata
				if n++; is.KeyManager == "CUSTOMER" && is.KeyState != "PendingDeletion" && !aliased[*key.KeyId] {
					t.Errorf("%s: key %s %q has no alias: nobody knows it", region, *key.KeyId, aws.ToString(is.Description))
				}
			}
			if n == 0 {
				t.Errorf("%s has no keys: this shows nothing", region)
			}
		}
	})
	prove(t, d, organisation, organisationProofs())
	phase(t, "the stack is taken down", func(t *testing.T) { d.leave(t) })
	t.Run("nothing is left", func(t *testing.T) {
		after := map[string]things{}
		for _, region := range regions {
			after[region] = d.inventory(t, region)
		}
		wantLeft(t, before, after, organisationStays)
	})
}

// struck runs up, ends it by a strike, and waits until all that is left of it has ended.
func (d *deployed) struck(t *testing.T, k *killer, s strike) {
	t.Helper()
	var said bytes.Buffer
	cmd := d.command(t, "up", d.stack, "--yes", "--output", "json")
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	k.arm(&s, func(all bool) {
		victims := []int{pid}
		if all {
			victims = append(descendants(pid), pid)
		}
		for _, victim := range victims {
			_ = syscall.Kill(victim, syscall.SIGKILL) // one that has just ended by itself is as dead
		}
	})
	defer k.arm(nil, nil)
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("berth up ended with %v, want it killed at call %d of %s:\n%s", err, s.nth, s.action, said.String())
	}
	var run engine.Run
	text, err := os.ReadFile(filepath.Join(d.project, ".berth", "run", d.stack+".lock"))
	if err == nil {
		err = json.Unmarshal(text, &run)
	}
	if err != nil || run.CLI <= 0 {
		t.Fatalf("the lock of a killed run names no CLI: %s %v", text, err)
	}
	for began := time.Now(); running(run.CLI); time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > 3*time.Minute {
			t.Fatalf("the CLI, process %d, still runs three minutes after its parent was killed", run.CLI)
		}
	}
	if err := d.account.Quiet(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// running tells whether a process is there and has not ended; a killed one that nobody has waited for has ended.
func running(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// descendants are all processes that a process has started, and those that they have.
func descendants(pid int) []int {
	parents := map[int][]int{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well formed
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// pid (name) state parent …; a name may hold anything, a parenthesis too.
		child, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if err != nil || len(fields) < 2 {
			continue
		}
		if parent, err := strconv.Atoi(fields[1]); err == nil {
			parents[parent] = append(parents[parent], child)
		}
	}
	var all []int
	for next := parents[pid]; len(next) > 0; {
		child := next[0]
		all = append(all, child)
		next = append(next[1:], parents[child]...)
	}
	return all
}
