package fleet_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/cmd/berth/command"
	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/fleet"
	"github.com/berth-iac/berth/stacks/program"
)

func stateFile(root, stack string) string {
	return filepath.Join(engine.LocalFolder(root, stack), "state", ".pulumi", "stacks", "berth", stack+".json")
}

// Of ten clients seven are in trouble, each in another way. The three others must come out as if they were alone.
func TestTroubledClientsHideNoOthers(t *testing.T) {
	root := newFleet(t, map[string]string{
		"healthy-a": onSites, "healthy-b": light, "corrupt": onPremises, "locked": onPremises,
	})
	berth(t, root, "up", "--all", "--yes").wantCode(t, command.ExitOK)
	for stack, model := range map[string]string{"healthy-c": onPremises, "failing": onPremises, "hanging": onPremises, "crashing": light,
		"slow": onPremises, "invalid": onPremises} {
		copyFile(t, filepath.Join(repository, "Pulumi."+model+".yaml"), filepath.Join(root, "Pulumi."+stack+".yaml"))
	}
	replace(t, root, "kind: onpremises", "kind: somewhere", "invalid")
	write(t, stateFile(root, "corrupt"), "{ this is no state")
	if err := os.Remove(filepath.Join(engine.LocalFolder(root, "locked"), "passphrase")); err != nil {
		t.Fatal(err)
	}

	a := berth(t, root, "up", "--all", "--yes", "--keep-going", "--timeout", "20s")
	a.wantCode(t, command.ExitFailure)
	a.want(t, fleet.Unchanged, "", "healthy-a", "healthy-b")
	a.want(t, fleet.Changed, "", "healthy-c", "slow")
	a.want(t, fleet.Failed, "fail", "failing")
	a.want(t, fleet.Failed, "20s", "hanging")
	a.want(t, fleet.Failed, "", "crashing")
	a.want(t, fleet.Failed, "read the local state", "corrupt")
	a.want(t, fleet.Failed, "passphrase", "locked")
	a.want(t, fleet.Refused, "somewhere", "invalid")

	// The same once more: what is healthy has nothing to do, and what went wrong can go on.
	t.Setenv("BERTH_FLEET_HEALED", "yes")
	a = berth(t, root, "up", "healthy-*", "slow", "failing", "hanging", "crashing", "--yes")
	a.wantCode(t, command.ExitOK)
	a.want(t, fleet.Unchanged, "", "healthy-a", "healthy-b", "healthy-c", "slow")
	a.want(t, fleet.Changed, "", "failing", "hanging", "crashing")
	berth(t, root, "preview", "healthy-*", "slow", "failing", "hanging", "crashing").wantCode(t, command.ExitOK)
}

// The whole berth dies of SIGKILL while it brings up a fleet. The next one goes on where it was.
func TestKilledAndResumed(t *testing.T) {
	stacks := map[string]string{}
	for _, name := range []string{"dawdling-a", "dawdling-b", "dawdling-c", "dawdling-d", "dawdling-e", "dawdling-f"} {
		stacks[name] = onPremises
	}
	root := newFleet(t, stacks)
	var said bytes.Buffer
	child := exec.Command(os.Args[0], arguments(root, []string{"up", "--all", "--yes", "--cpus", "1"})...)
	child.Env = append(os.Environ(), childVariable+"=yes")
	child.Stderr = &said
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	ended := func() int {
		files, _ := filepath.Glob(filepath.Join(fleet.Folder(root), "*", "journal.jsonl"))
		n := 0
		for _, file := range files {
			text, _ := os.ReadFile(file)
			n += strings.Count(string(text), `"inputs"`)
		}
		return n
	}
	for deadline := time.Now().Add(time.Minute); ended() < 2; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no two stacks came to an end in a minute\n%s", &said)
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	before := ended()
	if before >= len(stacks) {
		t.Fatal("all was done before the kill")
	}
	a := berth(t, root, "up", "--all", "--yes", "--resume")
	a.wantCode(t, command.ExitOK)
	if len(a.Stacks) != len(stacks) || a.Statuses[fleet.Changed] != len(stacks) {
		t.Errorf("statuses = %v, want %d changed\n%s", a.Statuses, len(stacks), a.errors())
	}
	if !slices.ContainsFunc(a.Notes, func(note string) bool { return strings.Contains(note, "not done again") }) {
		t.Errorf("notes = %q, want one that says what was not done again", a.Notes)
	}
	berth(t, root, "preview").wantCode(t, command.ExitOK)
	// Nothing is left to resume.
	if a := berth(t, root, "up", "--all", "--yes", "--resume"); a.code == command.ExitOK || !strings.Contains(a.said, "nothing to resume") {
		t.Errorf("exit code %d, want a refusal to resume\n%s", a.code, a.said)
	}
}

// Two runs meet on the same stacks: the second waits, or refuses where it may not wait, and says for whom.
func TestTwoRunsAtOnce(t *testing.T) {
	root := newFleet(t, map[string]string{"a": onPremises, "b": onPremises, "c": light})
	berth(t, root, "up", "--all", "--yes").wantCode(t, command.ExitOK)
	var both [2]struct {
		*exec.Cmd
		out, said bytes.Buffer
	}
	for i := range both {
		both[i].Cmd = exec.Command(os.Args[0], arguments(root, []string{"preview", "--wait", "1m"})...)
		both[i].Env = append(os.Environ(), childVariable+"=yes")
		both[i].Stdout, both[i].Stderr = &both[i].out, &both[i].said
		if err := both[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range both {
		_ = both[i].Wait() // its exit code tells
		a := read(t, both[i].ProcessState.ExitCode(), both[i].out.Bytes(), both[i].said.String())
		a.wantCode(t, command.ExitOK)
		a.want(t, fleet.Unchanged, "", "a", "b", "c")
	}

	path, err := findCLI(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	held, err := engine.Open(t.Context(), engine.Options{Root: root, Stack: "b", Program: program.At(now), CLI: path, Env: os.Environ(), Local: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := held.Preview(t.Context(), engine.RunOptions{}); err != nil {
		t.Fatal(err)
	}
	a := berth(t, root, "preview", "--wait", "0s")
	a.wantCode(t, command.ExitFailure)
	a.want(t, fleet.Unchanged, "", "a", "c")
	a.want(t, fleet.Refused, "is being worked on", "b")
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
}

// What every client's file says anew is one change with all clients, in every form of the answer.
func TestOneChangeToManyStandsOnce(t *testing.T) {
	clients := []string{"a", "b", "c", "d", "e", "f"}
	stacks := map[string]string{"other": light}
	for _, name := range clients {
		stacks[name] = onPremises
	}
	root := newFleet(t, stacks)
	berth(t, root, "up", "--all", "--yes").wantCode(t, command.ExitOK)
	replace(t, root, "version: 1.0.0", "version: 1.0.1", clients...)
	comment := filepath.Join(root, "comment.md")
	a := berth(t, root, "preview", "--report", "markdown="+comment, "--report", "junit="+filepath.Join(root, "junit.xml"))
	a.wantCode(t, command.ExitChanges)
	a.want(t, fleet.Changed, "", clients...)
	a.want(t, fleet.Unchanged, "", "other")
	if len(a.Groups) == 0 {
		t.Fatal("the answer has no groups")
	}
	for _, g := range a.Groups {
		if !slices.Equal(g.Stacks, clients) {
			t.Errorf("%q happens to %v, want all of %v in one group", g.Title, g.Stacks, clients)
		}
	}
	text, err := os.ReadFile(comment)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range a.Groups { // further on a title may hold signs that mean something in Markdown
		if first, _, _ := strings.Cut(g.Title, ":"); strings.Count(string(text), "<b>6 stacks</b>: "+first) != 1 {
			t.Errorf("the comment does not say %q of 6 stacks once\n%s", first, text)
		}
	}
	// In two parts and put together, the answer is the same.
	parts := []string{filepath.Join(root, "1.json"), filepath.Join(root, "2.json")}
	for i, part := range parts {
		berth(t, root, "preview", "--shard", []string{"1/2", "2/2"}[i], "--report", "json="+part)
	}
	var out, said bytes.Buffer
	code := command.Run(t.Context(), environment(&out, &said), append([]string{"--root", root, "--output", "json", "fleet", "merge"}, parts...))
	merged := read(t, code, out.Bytes(), said.String())
	merged.wantCode(t, command.ExitChanges)
	if len(merged.Groups) != len(a.Groups) || len(merged.Stacks) != len(stacks) {
		t.Errorf("put together, the parts have %d groups and %d stacks, want %d and %d", len(merged.Groups), len(merged.Stacks), len(a.Groups), len(stacks))
	}
}
