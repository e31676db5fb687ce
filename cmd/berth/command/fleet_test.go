package command_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/berth-iac/berth/cmd/berth/command"
	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/fleet"
)

// crowd is a folder with several stacks, each of which answers for itself.
type crowd struct {
	*shell
	mu     sync.Mutex
	stacks map[string]*fakeStack
}

func newCrowd(t *testing.T, stacks map[string]*fakeStack) *crowd {
	t.Helper()
	c := &crowd{shell: newShell(t, nil), stacks: stacks}
	text, err := os.ReadFile(filepath.Join(repository, "Pulumi.prod.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Pulumi.prod.yaml", "Pulumi.organisation.yaml"} {
		if err := os.Remove(filepath.Join(c.root, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name := range stacks {
		if err := os.WriteFile(filepath.Join(c.root, "Pulumi."+name+".yaml"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.env.Open = func(_ context.Context, o engine.Options) (command.Stack, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		s := c.stacks[o.Stack]
		s.options = o
		return s, nil
	}
	return c
}

func named(r *engine.Result, stack string) *engine.Result {
	r.Stack = stack
	return r
}

// harmless is a change that loses no data.
func harmless(stack string) *engine.Result {
	r := change()
	r.Dangers = nil
	r.Steps = slices.DeleteFunc(r.Steps, func(s engine.Step) bool { return s.Stateful != "" })
	return named(r, stack)
}

func (c *crowd) answer(t *testing.T) *fleet.Answer {
	t.Helper()
	a := &fleet.Answer{}
	if err := json.Unmarshal(c.out.Bytes(), a); err != nil {
		t.Fatalf("%v\n%s\n%s", err, &c.out, &c.err)
	}
	return a
}

func TestFleetPreviewTellsByItsExitCode(t *testing.T) {
	for name, tc := range map[string]struct {
		b    *fakeStack
		want int
	}{
		"no changes": {&fakeStack{preview: named(unchanged(), "b")}, command.ExitOK},
		"changes":    {&fakeStack{preview: harmless("b")}, command.ExitChanges},
		"dangerous":  {&fakeStack{preview: named(change(), "b")}, command.ExitRefused},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCrowd(t, map[string]*fakeStack{"a": {preview: named(unchanged(), "a")}, "b": tc.b})
			c.want(t, tc.want, c.run(t, "fleet", "preview", "--local", "--output", "json"))
			if a := c.answer(t); len(a.Stacks) != 2 || a.Exit() != tc.want {
				t.Errorf("answer of %d stacks, %s", len(a.Stacks), a.Verdict)
			}
			if !c.shed || !tc.b.options.Local {
				t.Error("a local preview kept the credentials, or was not local")
			}
		})
	}
}

func TestFleetRefusesWrongUse(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		says string
	}{
		"up of nobody":       {[]string{"up", "--yes"}, "--all means every one"},
		"unknown stack":      {[]string{"preview", "acne"}, "acne"},
		"unknown report":     {[]string{"preview", "--report", "pdf=a.pdf"}, "markdown"},
		"confirm of nobody":  {[]string{"up", "a", "--yes", "--confirm", "database"}, "a stack and a resource"},
		"memory of nothing":  {[]string{"preview", "--memory", "much"}, "1500MiB"},
		"shard out of range": {[]string{"preview", "--shard", "3/2"}, "2/5"},
		"unknown command":    {[]string{"prevew"}, "preview"},
		"merge of nothing":   {[]string{"merge"}, "all shards"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCrowd(t, map[string]*fakeStack{"a": {preview: unchanged()}})
			c.want(t, command.ExitUsage, c.run(t, append([]string{"fleet"}, tc.args...)...))
			c.says(t, tc.says)
		})
	}
}

func TestFleetUpNeedsConsent(t *testing.T) {
	c := newCrowd(t, map[string]*fakeStack{"a": {preview: harmless("a"), result: harmless("a")}})
	c.want(t, command.ExitRefused, c.run(t, "fleet", "up", "--all"))
	c.says(t, "--yes")
	if slices.Contains(c.stacks["a"].asked, "up") {
		t.Error("it was brought up without consent")
	}
	c.env.Terminal, c.env.In = true, strings.NewReader("n\n")
	c.want(t, command.ExitRefused, c.run(t, "fleet", "up", "--all", "--quiet"))
	if slices.Contains(c.stacks["a"].asked, "up") {
		t.Error("it was brought up after a no")
	}
	c.env.In = strings.NewReader("y\n")
	c.want(t, command.ExitOK, c.run(t, "fleet", "up", "--all", "--quiet"))
	if !slices.Contains(c.stacks["a"].asked, "up") {
		t.Error("it was not brought up after a yes")
	}
	c.says(t, "Make these changes to 1 stack")
}

// What was previewed for consent is all that may be done.
func TestFleetUpDoesWhatWasAgreedTo(t *testing.T) {
	c := newCrowd(t, map[string]*fakeStack{"a": {preview: harmless("a"), result: harmless("a")}})
	c.env.Terminal = true
	c.env.In = readerFunc(func(p []byte) (int, error) { // the change becomes another while somebody thinks about it
		c.stacks["a"].preview = named(change(), "a")
		return copy(p, "y\n"), nil
	})
	c.want(t, command.ExitRefused, c.run(t, "fleet", "up", "--all", "--quiet"))
	c.says(t, "otherwise than was agreed to")
	if slices.Contains(c.stacks["a"].asked, "up") {
		t.Error("another change was made than the one that was agreed to")
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestFleetUpPassesConfirmations(t *testing.T) {
	lost := func(stack string) *fakeStack {
		preview := named(change(), stack)
		return &fakeStack{preview: preview, result: preview,
			err: &engine.RefusedError{Operation: engine.Up, Stack: stack, Dangers: preview.Dangers}}
	}
	c := newCrowd(t, map[string]*fakeStack{"a": lost("a"), "b": {preview: named(change(), "b"), result: named(done(), "b")}})
	c.want(t, command.ExitRefused, c.run(t, "fleet", "up", "--all", "--yes", "--keep-going", "--confirm", "b/database"))
	c.says(t, "--confirm a/database")
	if got := c.stacks["b"].changed.Confirm; !slices.Equal(got, []string{"database"}) {
		t.Errorf("b was confirmed %q, want database", got)
	}
	if got := c.stacks["a"].changed.Confirm; len(got) > 0 {
		t.Errorf("a was confirmed %q, want nothing", got)
	}
}

func TestFleetLeavesAloneWhatDoesNotChange(t *testing.T) {
	c := newCrowd(t, map[string]*fakeStack{"a": {preview: named(unchanged(), "a")}})
	c.want(t, command.ExitOK, c.run(t, "fleet", "up", "--all", "--yes"))
	if slices.Contains(c.stacks["a"].asked, "up") {
		t.Error("a stack without changes was brought up")
	}
}

func TestFleetWritesReportsAndMergesShards(t *testing.T) {
	c := newCrowd(t, map[string]*fakeStack{"a": {preview: harmless("a")}, "b": {preview: harmless("b")}, "c": {preview: named(unchanged(), "c")}})
	dir := t.TempDir()
	args := []string{"fleet", "preview", "--local"}
	for _, form := range []string{"markdown", "html", "junit", "sarif", "json", "text"} {
		args = append(args, "--report", form+"="+filepath.Join(dir, "in", "it."+form))
	}
	c.want(t, command.ExitChanges, c.run(t, args...))
	for _, form := range []string{"markdown", "html", "junit", "sarif", "json", "text"} {
		if text, err := os.ReadFile(filepath.Join(dir, "in", "it."+form)); err != nil || len(text) == 0 {
			t.Errorf("%s: %d bytes, %v", form, len(text), err)
		}
	}
	parts := []string{filepath.Join(dir, "1.json"), filepath.Join(dir, "2.json")}
	for i, part := range parts {
		c.run(t, "fleet", "preview", "--local", "--shard", []string{"1/2", "2/2"}[i], "--report", "json="+part)
	}
	c.want(t, command.ExitFailure, c.run(t, "fleet", "merge", parts[0]))
	c.says(t, "missing")
	c.want(t, command.ExitChanges, c.run(t, append([]string{"fleet", "merge", "--output", "json"}, parts...)...))
	if a := c.answer(t); len(a.Stacks) != 3 || len(a.Groups) == 0 || !slices.Equal(a.Groups[0].Stacks, []string{"a", "b"}) {
		t.Errorf("answer = %+v", a)
	}
	c.want(t, command.ExitFailure, c.run(t, "fleet", "merge", filepath.Join(dir, "in", "it.markdown")))
	c.says(t, "is no answer of")
}

func TestFleetInterrupted(t *testing.T) {
	c := newCrowd(t, map[string]*fakeStack{"a": {preview: harmless("a")}})
	ctx, cancel := context.WithCancel(t.Context())
	open := c.env.Open
	c.env.Open = func(inner context.Context, o engine.Options) (command.Stack, error) {
		cancel()
		s, err := open(inner, o)
		return &interruptible{s}, err
	}
	if code := command.Run(ctx, c.env, []string{"--root", c.root, "fleet", "preview", "--local"}); code != command.ExitInterrupted {
		t.Errorf("exit code %d, want %d\n%s", code, command.ExitInterrupted, &c.err)
	}
	c.says(t, "--resume")
	c.want(t, command.ExitChanges, c.run(t, "fleet", "preview", "--local", "--resume"))
}

// interruptible ends with its context.
type interruptible struct{ command.Stack }

func (interruptible) Preview(ctx context.Context, _ engine.RunOptions) (*engine.Result, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return harmless("a"), nil
}
