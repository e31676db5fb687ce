package expression_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/expression"
	"github.com/berth-iac/berth/app/fault"
)

var now = time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC) // a Monday

func facts() expression.Facts {
	return expression.Facts{
		Now: now, Event: "task.changed", Changed: []string{"status", "labels"}, Comment: "Ship IT",
		Actor: expression.Actor{ID: "u1", Name: "Ada", Role: "member", Teams: []string{"design"}},
		Task: expression.Task{Key: "OPS-12", Project: "OPS", Title: "Mend the pump", Description: "It drips.", Status: "done", Priority: "high",
			Assignee: "u1", Author: "u2", Labels: []string{"bug", "customer/acme"}, Due: now.Add(24 * time.Hour), Created: now.Add(-72 * time.Hour), Open: 1, Done: 3, Comments: 2},
		Before: expression.Task{Key: "OPS-12", Status: "doing", Labels: []string{"bug"}},
	}
}

func sandbox(t testing.TB) *expression.Sandbox {
	t.Helper()
	s, err := expression.New()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestHolds(t *testing.T) {
	s := sandbox(t)
	for source, want := range map[string]bool{
		"true":                         true,
		"task.status == 'done'":        true,
		"'status' in changed":          true,
		"'title' in changed":           false,
		"before.status != task.status": true,
		"event == 'task.changed' && actor.role in ['member', 'owner']": true,
		"task.labels.exists(l, l.startsWith('customer/'))":             true,
		"task.labels.all(l, l == 'bug')":                               false,
		"task.labels.exists_one(l, l == 'bug')":                        true,
		"size(task.labels.filter(l, !(l in before.labels))) == 1":      true,
		"task.due - now < duration('48h')":                             true,
		"before.has_due || before.due < now":                           false,
		"now.getDayOfWeek() == 1 && now.getHours() >= 9":               true,
		"now.getDate() == 23 && now.getMonth() == 10":                  true,
		"task.title.matches('^Mend .*pump$')":                          true,
		"comment.lower().contains('ship it')":                          true,
		"task.done * 100 / (task.done + task.open) >= 75":              true,
		"task.key + '!' == 'OPS-12!'":                                  true,
		"task.created < timestamp('2026-11-22T00:00:00Z')":             true,
		"task.assignee == actor.id ? task.comments > 1 : false":        true,
		"{'high': 3, 'low': 1}[task.priority] >= 2":                    true,
		"actor.teams == ['design'] && size(actor.name) == 3":           true,
		"int('7') + 1 == 8 && string(8) == '8' && double('1.5') > 1.0": true,
	} {
		c, err := s.Compile(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if got, err := c.Holds(t.Context(), facts()); got != want || err != nil {
			t.Errorf("%s: %v, %v, want %v", source, got, err, want)
		}
	}
}

func TestCompileTellsPlaceAndFix(t *testing.T) {
	s := sandbox(t)
	for source, want := range map[string]string{
		"":                                 "empty",
		"task.titel == 'x'":                `"task.titel"`,
		"task.status = 'done'":             "line 1, column 13",
		"true &&\n  task.status == 7":      "line 2, column 15",
		"task.title":                       "it gives string",
		"task":                             `"task"`,
		"task.status == 'done":             "Syntax error",
		"nothing":                          `"nothing"`,
		"x\x00":                            "not valid text",
		"\xff":                             "not valid text",
		"task.title.matches('(')":          "matches",
		"task.labels.map(l, l) == []":      "map",
		"now.getHours('Europe/Oslo') == 9": "no matching overload",
	} {
		_, err := s.Compile(source)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%q: %v, want %s", source, err, want)
		}
		for _, p := range fault.Problems(err) {
			if p.Field != "condition" || p.Fix == "" {
				t.Errorf("%q: %+v", source, p)
			}
		}
	}
	_, err := s.Compile("task.titel == task.stats || actr.id == 1")
	if n := len(fault.Problems(err)); n < 3 {
		t.Errorf("%d problems of three: %v", n, err)
	}
	if !strings.Contains(fmt.Sprint(err), "task.title") {
		t.Errorf("what may have been meant is not named: %v", err)
	}
}

// hostile are conditions that try to take time or memory, or to get out.
func hostile() map[string]string {
	many := func(n int, s string) string { return strings.Repeat(s, n) }
	return map[string]string{
		"nested loops":                "task.labels.all(a, task.labels.all(b, task.labels.all(c, task.labels.all(d, a != b))))",
		"two loops nested":            "changed.exists(a, task.labels.exists(b, a == b))",
		"a loop in a loop's range":    "task.labels.filter(a, a != '').all(b, b in task.labels.filter(c, task.labels.exists(d, d == c)))",
		"growing by map":              "[1,2,3].map(a, [1,2,3].map(b, [1,2,3])).size() > 0",
		"growing by a ternary map":    "task.labels.map(a, a != '', task.labels + task.labels).size() > 0",
		"long":                        "task.title == '" + many(5000, "x") + "'",
		"deep brackets":               many(500, "(") + "true" + many(500, ")"),
		"deep lists":                  many(500, "[") + many(500, "]") + " == []",
		"deep maps":                   many(200, "{'a':") + "1" + many(200, "}") + " == {}",
		"deep not":                    many(60, "!(") + "true" + many(60, ")"),
		"deep minus":                  many(60, "-(") + "1" + many(60, ")") + " == 1",
		"deep ternary":                many(150, "true?") + "true" + many(150, ":true"),
		"many nodes":                  "true" + many(400, "&&1<2"),
		"a huge literal list":         "1 in [" + many(900, "1,") + "1]",
		"huge regular expression":     "comment.matches('(((a{100}){100}){100})')",
		"wide regular expression":     "comment.matches('" + many(30, "(a|b|c|ab|bc)*") + "')",
		"pattern from a task":         "task.title.matches(task.description)",
		"pattern from a task, joined": "task.title.matches('a' + task.description)",
		"global matches":              "matches(task.title, task.description)",
		"a time zone's file":          "now.getHours('../../../../etc/passwd') == 1",
		"a message":                   "google.protobuf.Struct{fields: {}} == google.protobuf.Struct{}",
		"a type":                      "type(task.title) == string",
		"dynamic types":               "dyn(task.title) == 1",
		"bytes":                       "bytes(task.title) == b'x'",
		"the loop's own variable":     "__result__ == 1",
		"the loop's hidden variable":  "@result == 1",
		"internal function":           "@in('a', changed)",
		"format":                      "'%s'.format([task.title]) == ''",
		"bind":                        "cel.bind(x, task.title + task.title, x + x == '')",
		"has":                         "has(task.title)",
		"environment":                 "env('HOME') == ''",
		"costly":                      many(60, "task.description.matches('(x+x+)+y') || ") + "false",
		"costly contains":             many(60, "task.description.contains(comment) || ") + "false",
		"doubling":                    "(" + many(100, "task.description+") + "'') == ''",
	}
}

func TestHostileConditionsAreRefusedAS5(t *testing.T) {
	s := sandbox(t)
	for name, source := range hostile() {
		began := time.Now()
		_, err := s.Compile(source)
		if err == nil {
			t.Errorf("%s: %.80s goes through", name, source)
		} else if k := fault.KindOf(err); k != fault.Invalid && k != fault.TooLarge {
			t.Errorf("%s: %v is of kind %v", name, err, k)
		}
		if len(fmt.Sprint(err)) > 3000 {
			t.Errorf("%s: the error has %d characters", name, len(fmt.Sprint(err)))
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("%s: refused after %v", name, took)
		}
	}
}

// The most costly that go through must stay bounded with the largest facts.
func TestTheCostliestConditionsStayBoundedAS5(t *testing.T) {
	s := sandbox(t)
	f := facts()
	big := strings.Repeat("x", 10<<20)
	f.Task.Description, f.Comment, f.Task.Title = big, big, big
	f.Task.Labels = make([]string, 100_000)
	for i := range f.Task.Labels {
		f.Task.Labels[i] = big[:1000]
	}
	passed := 0
	for _, source := range []string{
		"task.description.matches('(x+x+)+y')",
		"task.description.matches('(x*)*(x*)*(x*)*y')",
		"task.description.contains('" + strings.Repeat("x", 200) + "y')",
		"task.labels.all(l, l.matches('^x+$') || l.contains('xxxxxxxy') || l.lower() == task.title)",
		"task.labels.exists(l, l + l + l + l == task.title)",
		"task.description + task.description + task.description == comment + comment",
		"size(task.labels + task.labels + task.labels) > 1000",
		"task.description.lower().lower().lower() == ''",
	} {
		c, err := s.Compile(source)
		if err != nil {
			if !fault.Is(err, fault.TooLarge) {
				t.Errorf("%s: %v", source, err)
			}
			continue
		}
		passed++
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		_, err = c.Holds(t.Context(), f)
		took := time.Since(began)
		runtime.ReadMemStats(&after)
		if err != nil && !fault.Is(err, fault.TooLarge) {
			t.Errorf("%.60s: %v", source, err)
		}
		if allocated := after.TotalAlloc - before.TotalAlloc; took > 2*time.Second || allocated > 16<<20 {
			t.Errorf("%.60s took %v and %d bytes", source, took, allocated)
		}
		t.Logf("%.60s: %v, %d KiB", source, took, (after.TotalAlloc-before.TotalAlloc)>>10)
	}
	if passed < 5 {
		t.Errorf("only %d went through: the limits refuse what people need", passed)
	}
}

func TestFailuresWhileRunning(t *testing.T) {
	s := sandbox(t)
	for _, source := range []string{"1 / task.open == 1", "task.labels[99] == 'x'", "int(task.title) == 1", "{'a': 1}[task.title] == 1",
		"timestamp(task.title) < now", "9223372036854775807 + task.done > 0", "duration(task.title) < duration('1h')"} {
		c, err := s.Compile(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		f := facts()
		f.Task.Open = 0
		got, err := c.Holds(t.Context(), f)
		if got || !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v, %v", source, got, err)
		}
		if e, found := errors.AsType[*fault.Error](err); found && strings.Contains(e.Shown(), "Mend") {
			t.Errorf("%s shows the task's text: %s", source, e.Shown())
		}
	}
	c, err := s.Compile("task.labels.all(l, l != '')")
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Holds(gone, facts()); !errors.Is(err, context.Canceled) {
		t.Errorf("after the caller went away: %v", err)
	}
}

func TestOneConditionMayBeUsedByMany(t *testing.T) {
	c, err := sandbox(t).Compile("task.labels.exists(l, l == 'bug') && task.title.matches('pump')")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				if ok, err := c.Holds(t.Context(), facts()); !ok || err != nil {
					t.Error(ok, err)
				}
			}
		})
	}
	all.Wait()
}

func FuzzCompile(f *testing.F) {
	for _, source := range hostile() {
		f.Add(source)
	}
	f.Add("task.status == 'done' && 'status' in changed")
	f.Add("task.labels.exists(l, l.startsWith('customer/')) ? now < task.due : 1 < 2")
	s := sandbox(f)
	f.Fuzz(func(t *testing.T, source string) {
		c, err := s.Compile(source)
		if err != nil {
			if k := fault.KindOf(err); k != fault.Invalid && k != fault.TooLarge {
				t.Fatalf("%q: %v", source, err)
			}
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := c.Holds(ctx, facts()); err != nil {
			if k := fault.KindOf(err); k != fault.Invalid && k != fault.TooLarge {
				t.Fatalf("%q: %v", source, err)
			}
		}
	})
}

func BenchmarkHolds(b *testing.B) {
	c, err := sandbox(b).Compile("event == 'task.changed' && 'status' in changed && task.labels.exists(l, l.startsWith('customer/'))")
	if err != nil {
		b.Fatal(err)
	}
	f := facts()
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := c.Holds(b.Context(), f); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
