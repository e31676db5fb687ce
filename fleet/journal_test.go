package fleet_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/fleet"
)

// child is set in processes that a test begins to be killed: the folder that they work in.
const child = "BERTH_TEST_FLEET_CHILD"

func TestMain(m *testing.M) {
	if root := os.Getenv(child); root != "" {
		if err := workAndDie(root); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// inputs are the same for all stacks but those named.
func inputs(all []fleet.Member, changed ...string) map[string]string {
	digests := map[string]string{}
	for _, m := range all {
		digests[m.Stack] = "v1"
		if slices.Contains(changed, m.Stack) {
			digests[m.Stack] = "v2"
		}
	}
	return digests
}

func planned(n int) fleet.Plan {
	all := members(n)
	return fleet.Plan{Operation: fleet.Preview, Basis: "embedded", Revision: "abc", Members: all, Inputs: inputs(all)}
}

// workAndDie resumes or begins a run in a folder, and notes there which stacks it works on.
func workAndDie(root string) error {
	plan := planned(60)
	j, err := fleet.Resume(root, "", plan, time.Now())
	var none *fleet.NoRunError
	if errors.As(err, &none) {
		j, err = fleet.NewJournal(root, plan, time.Now())
	}
	if err != nil {
		return err
	}
	o := options(3)
	o.Journal = j
	log, err := os.OpenFile(filepath.Join(root, "worked"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fleet.Run(context.Background(), plan, o,
		func(_ context.Context, m fleet.Member, _ <-chan struct{}, _ engine.Progress) (fleet.Outcome, error) {
			_, err := fmt.Fprintln(log, m.Stack)
			time.Sleep(5 * time.Millisecond)
			return changing("x", m.Stack), err
		})
	return err
}

// lines are a file's; none when it is not there.
func lines(path string) (all []string) {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer func() { _ = file.Close() }()
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		all = append(all, scanner.Text())
	}
	return all
}

// TestKilledAndResumed kills a run again and again, and has it resumed until it is through.
func TestKilledAndResumed(t *testing.T) {
	root := t.TempDir()
	kills := 0
	for done := false; !done; {
		if kills > 40 {
			t.Fatal("the run does not come to an end")
		}
		finished := map[string]bool{} // that reached the disk before this process began
		for _, path := range glob(t, root) {
			for _, text := range lines(path) {
				for _, m := range members(60) {
					if strings.Contains(text, `"stack":{"inputs":"v1","entry":{"stack":"`+m.Stack+`"`) && strings.HasSuffix(text, "}}}") {
						finished[m.Stack] = true
					}
				}
			}
		}
		before := len(lines(filepath.Join(root, "worked")))
		command := exec.Command(os.Args[0], "-test.run=NoTest")
		command.Env = append(os.Environ(), child+"="+root)
		command.Stderr = os.Stderr
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- command.Wait() }()
		for killed := false; !killed; {
			select {
			case err := <-ended:
				if err != nil {
					t.Fatalf("the run failed: %v", err)
				}
				done, killed = true, true
			case <-time.After(2 * time.Millisecond):
				if n := len(lines(filepath.Join(root, "worked"))) - before; n > 12 {
					if err := command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
						t.Fatal(err)
					}
					killed = true
					done = <-ended == nil
					kills++
				}
			}
		}
		for _, stack := range lines(filepath.Join(root, "worked"))[before:] {
			if finished[stack] {
				t.Errorf("after %d kills %s was done again though its answer was kept", kills, stack)
			}
		}
	}
	if kills < 2 {
		t.Errorf("the run was killed %d times: this test shows nothing", kills)
	}
	if ids := glob(t, root); len(ids) != 1 {
		t.Errorf("one run has the journals %v", ids)
	}

	// All of it is there: resumed by its name, nothing is left to do, and the answer is that of a run that nobody killed.
	plan := planned(60)
	id := filepath.Base(filepath.Dir(glob(t, root)[0]))
	j, err := fleet.Resume(root, id, plan, today)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	o := options(3)
	o.Journal = j
	a := run(t, plan, o, func(_ context.Context, m fleet.Member, _ <-chan struct{}, _ engine.Progress) (fleet.Outcome, error) {
		t.Errorf("%s is done again", m.Stack)
		return same(), nil
	})
	if a.Statuses[fleet.Changed] != 60 || len(a.Groups) != 61 || len(a.Groups[0].Stacks) != 60 || !strings.Contains(strings.Join(a.Notes, "\n"), "60 stacks were not done again: run "+id) {
		t.Errorf("statuses %v, %d groups, notes %q", a.Statuses, len(a.Groups), a.Notes)
	}
	if _, err := fleet.Resume(root, "", plan, today); !errors.As(err, new(*fleet.NoRunError)) {
		t.Errorf("err = %v, want that nothing is left to resume", err)
	}
}

// glob are the journals below a folder.
func glob(t *testing.T, root string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(fleet.Folder(root), "*", "journal.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// journaled runs a plan with a journal. It returns what was worked on.
func journaled(t *testing.T, j *fleet.Journal, plan fleet.Plan, work fleet.Work) (*fleet.Answer, []string) {
	t.Helper()
	var mu sync.Mutex
	var worked []string
	o := options(2)
	o.Journal = j
	a := run(t, plan, o, func(ctx context.Context, m fleet.Member, kill <-chan struct{}, p engine.Progress) (fleet.Outcome, error) {
		mu.Lock()
		worked = append(worked, m.Stack)
		mu.Unlock()
		return work(ctx, m, kill, p)
	})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(worked)
	return a, worked
}

func outcomesAtOnce(ctx context.Context, m fleet.Member, kill <-chan struct{}, p engine.Progress) (fleet.Outcome, error) {
	if m.Stack == "client-001" {
		return fleet.Outcome{}, errors.New("no")
	}
	return changing("x"), nil
}

func begin(t *testing.T, root string, plan fleet.Plan) *fleet.Journal {
	t.Helper()
	j, err := fleet.NewJournal(root, plan, today)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// TestResume repeats what failed, what changed and what is new, and nothing else.
func TestResume(t *testing.T) {
	root, plan := t.TempDir(), planned(5)
	first := begin(t, root, plan)
	if a, worked := journaled(t, first, plan, outcomesAtOnce); len(worked) != 5 || a.Run != first.ID() || a.Run == "" {
		t.Fatalf("worked on %q, run %q", worked, a.Run)
	}
	next := planned(6)
	next.Inputs = inputs(next.Members, "client-003")
	delete(next.Inputs, "client-004") // of which nobody knows what it depends on
	j, err := fleet.Resume(root, "", next, today.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	a, worked := journaled(t, j, next, func(context.Context, fleet.Member, <-chan struct{}, engine.Progress) (fleet.Outcome, error) {
		return same(), nil
	})
	if strings.Join(worked, " ") != "client-001 client-003 client-004 client-005" || a.Run != first.ID() {
		t.Errorf("worked on %q in run %s, want run %s", worked, a.Run, first.ID())
	}
	if a.Statuses[fleet.Changed] != 2 || a.Statuses[fleet.Unchanged] != 4 || len(a.Groups) != 1 || !slices.Equal(a.Groups[0].Stacks, []string{"client-000", "client-002"}) {
		t.Errorf("statuses %v, groups %+v", a.Statuses, a.Groups)
	}
	if _, err := fleet.Resume(root, "", next, today); !errors.As(err, new(*fleet.NoRunError)) {
		t.Errorf("err = %v: all stacks came to an answer, nothing is to be resumed", err)
	}
}

// TestResumeKnowsWhich takes up no run that did something else.
func TestResumeKnowsWhich(t *testing.T) {
	root, plan := t.TempDir(), planned(5)
	journaled(t, begin(t, root, plan), plan, outcomesAtOnce)
	for name, change := range map[string]func(*fleet.Plan){
		"other_operation": func(p *fleet.Plan) { p.Operation = fleet.Verify },
		"other_basis":     func(p *fleet.Plan) { p.Basis = "real" },
		"other_shard":     func(p *fleet.Plan) { p.Shard = &fleet.Shard{Index: 1, Of: 2} },
		"other_stacks":    func(p *fleet.Plan) { p.Members = []fleet.Member{member("other", 4)} },
	} {
		other := planned(5)
		change(&other)
		_, err := fleet.Resume(root, "", other, today)
		if !errors.As(err, new(*fleet.NoRunError)) || !strings.Contains(err.Error(), "nothing to resume") {
			t.Errorf("%s: err = %v", name, err)
		}
	}
	for _, id := range []string{"20200101T000000Z", "../x", "."} {
		if _, err := fleet.Resume(root, id, plan, today); !errors.As(err, new(*fleet.NoRunError)) {
			t.Errorf("%s: err = %v", id, err)
		}
	}
	if _, err := fleet.Resume(t.TempDir(), "", plan, today); !errors.As(err, new(*fleet.NoRunError)) {
		t.Errorf("no folder: err = %v", err)
	}
}

// TestTwoAtOneRun: the second is told who has it.
func TestTwoAtOneRun(t *testing.T) {
	root, plan := t.TempDir(), planned(2)
	j := begin(t, root, plan)
	var running *fleet.RunningError
	_, err := fleet.Resume(root, "", plan, today)
	if !errors.As(err, &running) || running.PID != os.Getpid() || running.ID != j.ID() || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("err = %v", err)
	}
	other := begin(t, root, plan) // a new run at the same second
	if other.ID() == j.ID() {
		t.Errorf("two runs are %s", j.ID())
	}
	for _, open := range []*fleet.Journal{j, other} {
		if err := open.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTornLine cuts a journal at every place, as a kill or a power failure may: what was whole is kept, and the run goes on.
func TestTornLine(t *testing.T) {
	root, plan := t.TempDir(), planned(3)
	j := begin(t, root, plan)
	journaled(t, j, plan, func(context.Context, fleet.Member, <-chan struct{}, engine.Progress) (fleet.Outcome, error) {
		return same(), nil
	})
	path := glob(t, root)[0]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head := strings.Index(string(whole), "\n") + 1
	for cut := head; cut < len(whole); cut += 7 {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		kept := max(0, strings.Count(string(whole[:cut]), "\n")-1)
		j, err := fleet.Resume(root, "", plan, today)
		if err != nil && kept == 3 && strings.HasPrefix(`{"ended":true}`, string(whole[strings.LastIndex(string(whole[:cut]), "\n")+1:cut])) {
			continue // the end was there as a whole, but for its newline
		}
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		a, worked := journaled(t, j, plan, func(context.Context, fleet.Member, <-chan struct{}, engine.Progress) (fleet.Outcome, error) {
			return same(), nil
		})
		if n := len(worked); n > 3-kept || n < 3-kept-1 || a.Statuses[fleet.Unchanged] != 3 {
			t.Errorf("cut at %d: %d were kept, worked on %q, statuses %v", cut, kept, worked, a.Statuses)
		}
		j, err = fleet.Resume(root, filepath.Base(filepath.Dir(path)), plan, today) // what was written after the torn line counts
		if err != nil {
			t.Fatal(err)
		}
		if _, again := journaled(t, j, plan, outcomesAtOnce); len(again) != 0 {
			t.Errorf("cut at %d: %q are done once more", cut, again)
		}
	}
	// Before the first line is whole there is nothing to resume, and nothing in the way of a new run.
	for _, cut := range []int{0, 1, head / 2} {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := fleet.Resume(root, "", plan, today); !errors.As(err, new(*fleet.NoRunError)) {
			t.Errorf("cut at %d: err = %v", cut, err)
		}
	}
}

// TestJournalCannotBeWritten: an answer that cannot be kept is still given.
func TestJournalCannotBeWritten(t *testing.T) {
	root, plan := t.TempDir(), planned(3)
	j := begin(t, root, plan)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	o := options(2)
	o.Journal = j
	a := run(t, plan, o, outcomesAtOnce)
	if a.Statuses[fleet.Changed] != 2 || !strings.Contains(strings.Join(a.Notes, "\n"), "is not kept for --resume") {
		t.Errorf("statuses %v, notes %q", a.Statuses, a.Notes)
	}
}

// TestOldRunsGo keeps the folder from growing.
func TestOldRunsGo(t *testing.T) {
	root, plan := t.TempDir(), planned(1)
	var open *fleet.Journal
	for i := range 40 {
		j, err := fleet.NewJournal(root, plan, today.Add(time.Duration(i)*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			open = j // still at work: it stays
			continue
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(glob(t, root)); n < 30 || n > 32 {
		t.Errorf("%d journals are kept", n)
	}
	if _, err := os.Stat(filepath.Join(fleet.Folder(root), open.ID(), "journal.jsonl")); err != nil {
		t.Errorf("the journal of a run that goes on: %v", err)
	}
	if err := open.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestResumedWaves: what an earlier run brought to an answer counts for the waves as if it had been done now.
func TestResumedWaves(t *testing.T) {
	root := t.TempDir()
	all := []fleet.Member{member("dev", 2), member("prod", 4)}
	plan := fleet.Plan{Operation: fleet.Up, Basis: "real", Members: all, Inputs: inputs(all)}
	broken := true
	work := func(_ context.Context, m fleet.Member, _ <-chan struct{}, _ engine.Progress) (fleet.Outcome, error) {
		if m.Stack == "dev" && broken {
			return fleet.Outcome{}, errors.New("no")
		}
		return changing("x"), nil
	}
	a, worked := journaled(t, begin(t, root, plan), plan, work)
	if a.Statuses[fleet.Held] != 1 || strings.Join(worked, " ") != "dev" {
		t.Fatalf("statuses %v, worked on %q", a.Statuses, worked)
	}
	for _, want := range []string{"dev prod", ""} {
		broken = false
		j, err := fleet.Resume(root, a.Run, plan, today)
		if err != nil {
			t.Fatal(err)
		}
		again, worked := journaled(t, j, plan, work)
		if again.Statuses[fleet.Changed] != 2 || strings.Join(worked, " ") != want {
			t.Errorf("statuses %v, worked on %q, want %q", again.Statuses, worked, want)
		}
	}
}
