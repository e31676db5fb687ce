package group_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/fleet"
	"github.com/berth-iac/berth/fleet/group"
	"github.com/berth-iac/berth/promises"
)

// The answer must not depend on who was done first, nor on whether it was divided.
func TestTheOrderOfResultsDoesNotMatter(t *testing.T) {
	members, results := crafted(60)
	want := encode(t, group.Changes(members, results))
	stacks := make([]string, 0, len(results))
	for stack := range results {
		stacks = append(stacks, stack)
	}
	for seed := range uint64(5) {
		rand.New(rand.NewPCG(seed, 1)).Shuffle(len(stacks), func(i, j int) { stacks[i], stacks[j] = stacks[j], stacks[i] })
		c := group.New()
		var adding sync.WaitGroup
		for _, stack := range stacks {
			adding.Go(func() { c.Add(members[stack], results[stack]) })
		}
		adding.Wait()
		if got := encode(t, c.Groups()); got != want {
			t.Fatalf("order %d gives\n%s\nwant\n%s", seed, got, want)
		}
	}
}

func encode(t *testing.T, v any) string {
	t.Helper()
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// crafted is a fleet with every kind of change, and 12 unchanged steps for each that changes.
func crafted(n int) (map[string]fleet.Member, map[string]*engine.Result) {
	members, results := map[string]fleet.Member{}, map[string]*engine.Result{}
	for i := range n {
		m := client(i)
		steps := []engine.Step{
			update("aws:ec2/launchTemplate:LaunchTemplate", "machines-template", set("userData", rendered(i, m, "1.0.0"), rendered(i, m, "1.1.0"))),
			update("aws:kms/alias:Alias", "alias", set("targetKeyId", uuid(i), uuid(i+n))),
			update("aws:s3/bucketPolicy:BucketPolicy", "policy", set("bucket", "berth-"+m.Client+"-a", "berth-"+m.Client+"-b"), set("imageId", id(i%5, "ami"), id(i%3, "ami"))),
			{Type: "aws:ec2/vpc:Vpc", Name: m.Client + "-vpc", Op: engine.OpCreate},
		}
		if i%20 == 7 {
			steps = append(steps, engine.Step{Type: "aws:rds/parameterGroup:ParameterGroup", Name: "database-parameters", Op: engine.OpReplace, Replaces: []string{"family"}})
		}
		for k := range 12 * len(steps) {
			steps = append(steps, engine.Step{Type: "t:i:T", Name: fmt.Sprint(k), Op: engine.OpSame})
		}
		members[m.Stack], results[m.Stack] = m, &engine.Result{Stack: m.Stack, Steps: steps}
	}
	return members, results
}

func TestNilResultsAddNothing(t *testing.T) {
	if groups := group.Changes(nil, map[string]*engine.Result{"a": nil}); len(groups) != 0 {
		t.Errorf("groups = %v, want none", groups)
	}
}

func TestPromises(t *testing.T) {
	entry := func(i int, effects ...promises.Effect) fleet.Entry {
		return fleet.Entry{Member: client(i), Promises: effects}
	}
	weakens := func(point string) promises.Effect {
		return promises.Effect{ID: "AV-1", Title: "A database fails over", Kind: promises.Weakens, Points: []string{point}}
	}
	got := group.Promises([]fleet.Entry{
		entry(2, promises.Effect{ID: "DP-3", Title: "Data is encrypted", Kind: promises.Touches, Points: []string{"key.arn: a → b"}}),
		entry(1, weakens("client-001-db.multiAz: true → false")),
		entry(0, weakens("client-000-db.multiAz: true → false"), promises.Effect{ID: "DP-9", Title: "t", Kind: promises.Breaks, Points: []string{"x"}}),
		entry(3, promises.Effect{ID: "AV-1", Title: "A database fails over", Kind: promises.Strengthens, Points: []string{"client-003-db.multiAz: false → true"}}),
		entry(4),
	})
	want := []fleet.PromiseGroup{
		{ID: "DP-9", Title: "t", Effect: promises.Breaks, Stacks: []string{"client-000-production"}, Points: []string{"x"}},
		{ID: "AV-1", Title: "A database fails over", Effect: promises.Weakens, Stacks: []string{"client-000-production", "client-001-production"}, Points: []string{"{client}-db.multiAz: true → false"}},
		{ID: "AV-1", Title: "A database fails over", Effect: promises.Strengthens, Stacks: []string{"client-003-production"}, Points: []string{"{client}-db.multiAz: false → true"}},
		{ID: "DP-3", Title: "Data is encrypted", Effect: promises.Touches, Stacks: []string{"client-002-production"}, Points: []string{"key.arn: a → b"}},
	}
	if encode(t, got) != encode(t, want) {
		t.Errorf("promises are %s\nwant %s", encode(t, got), encode(t, want))
	}
}

// Nothing that happens may get lost, whatever the values are.
func FuzzEveryChangeStaysInSomeGroup(f *testing.F) {
	f.Add("client-000", "arn:aws:kms:eu-west-2:123456789012:key/x", "[\"a\"]", "{\"a\":1}")
	f.Add("a", "\xff\xfe", "\ue000\ue001", "10.0.0.0/8")
	f.Add("", "!", "-!-", "::ffff:1.2.3.4/96")
	f.Fuzz(func(t *testing.T, name, a, b, c string) {
		m := fleet.Member{Stack: "one", Client: name, Own: map[string]string{"zone": a}}
		other := fleet.Member{Stack: "two", Client: "x", Own: map[string]string{"zone": "y"}}
		step := func(x, y string) engine.Step { return update("t:i:T", name, set(a, x, y), set("p", b, c)) }
		groups := group.Changes(map[string]fleet.Member{"one": m, "two": other}, map[string]*engine.Result{
			"one": {Steps: []engine.Step{step(b, c), step(c, b)}}, "two": {Steps: []engine.Step{step(b, a)}}})
		seen := map[string]bool{}
		for _, g := range groups {
			for _, stack := range g.Stacks {
				seen[stack] = true
			}
			if len(g.Diffs) == 0 || g.Title == "" || g.Key == "" {
				t.Errorf("group %+v says nothing", g)
			}
		}
		if !seen["one"] || !seen["two"] {
			t.Errorf("groups are of %v, want of both", seen)
		}
	})
}

// What a collector keeps must not grow with what results hold besides: unchanged steps, and texts.
func TestACollectorKeepsDigestsAndNotResults(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	c := group.New()
	before := heap()
	for i := range 500 {
		m := client(i)
		r := &engine.Result{Stack: m.Stack}
		for k := range 40 {
			text := rendered(i*40+k, m, "1.0.0") + strings.Repeat("\nfill", 200)
			r.Steps = append(r.Steps, update("t:i:T", fmt.Sprintf("r%02d", k), set("text", text, text+"\nby "+person(i*k))),
				engine.Step{Type: "t:i:T", Name: fmt.Sprintf("same %d of %d", k, i), Op: engine.OpSame})
		}
		c.Add(m, r)
	}
	kept := heap() - before
	if len(c.Groups()) < 40 {
		t.Errorf("%d groups, want 40 or more", len(c.Groups()))
	}
	// 20,000 changes of about 3,000 bytes each have come in.
	if most := uint64(5 << 20); kept > most {
		t.Errorf("%d bytes are kept, more than %d", kept, most)
	}
	runtime.KeepAlive(c)
}

// BenchmarkGroup groups 1,000 stacks of 400 steps, of which 40 change, among them long texts.
func BenchmarkGroup(b *testing.B) {
	members, results := map[string]fleet.Member{}, map[string]*engine.Result{}
	for i := range 1000 {
		m := client(i)
		var steps []engine.Step
		for k := range 400 {
			step := engine.Step{Type: "aws:rds/instance:Instance", Name: fmt.Sprintf("resource-%d", k), Op: engine.OpSame}
			if k%10 == 0 {
				step.Op = engine.OpUpdate
				step.Diffs = []engine.Diff{set("kmsKeyId", "arn:aws:kms:"+m.Where+":"+account(i)+":key/"+uuid(i), "arn:aws:kms:"+m.Where+":"+account(i)+":key/"+uuid(i+k)), set("multiAz", false, true)}
			}
			if k == 5 {
				step.Op = engine.OpUpdate
				step.Diffs = []engine.Diff{set("userData", rendered(i, m, "1.0.0"), rendered(i, m, "1.1.0"))}
			}
			steps = append(steps, step)
		}
		members[m.Stack], results[m.Stack] = m, &engine.Result{Steps: steps}
	}
	b.ReportAllocs()
	for b.Loop() {
		if groups := group.Changes(members, results); len(groups) != 41 {
			b.Fatalf("%d groups, want 41", len(groups))
		}
	}
}
