package exchange_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/task"
	"github.com/berth-iac/berth/app/exchange"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/storetest"
	"github.com/berth-iac/berth/app/work"
)

func (p *place) look(t testing.TB, key, text string) exchange.Preview {
	t.Helper()
	got, err := p.Look(t.Context(), p.ada, exchange.Source{Project: key, Name: "a.csv", Data: []byte(text)})
	must(t, err)
	return got
}

func (p *place) take(t testing.TB, key, text string) exchange.Imported {
	t.Helper()
	got, err := p.Import(t.Context(), p.ada, exchange.Source{Project: key, Name: "a.csv", Data: []byte(text)})
	must(t, err)
	return got
}

func (p *place) count(t testing.TB) int {
	t.Helper()
	n, err := p.store.Client().Task.Query().Count(t.Context())
	must(t, err)
	return n
}

// told is a preview's problems, one on each line.
func told(p exchange.Preview) string {
	var all []string
	for _, one := range p.Problems {
		all = append(all, one.String())
	}
	return strings.Join(all, "\n")
}

// nasty are words that are hard on every format between here and there.
func nasty() []string {
	return []string{"=1+1", "+1", "-1", "@SUM(A1)", "'=1", "''-", "'", "'quoted'", "\"", "a\"b", "a,b;c|d e", "<script>alert(1)</script>", "＝1+1", "ünï © 漢字 🙂", "sep=;", "NULL", "0012", "1e9", "[x] no step",
		"=cmd|' /C calc'!A0", "\u202etxt.exe"}
}

// What is exported and imported into an empty project is what it was (DP-7), with every word that makes trouble, on every engine.
func TestRoundTrip_DP_7(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(*testing.T) *store.Store) {
		p := newPlace(t, "acme", open(t))
		ctx := t.Context()
		must(t, p.work.SaveSharedLabels(ctx, p.admin, []work.LabelEdit{{Name: "legal"}}))
		_, err := p.work.CreateProject(ctx, p.ada, work.ProjectEdit{Key: "OLD", Name: "Old", Everyone: true,
			Columns: []work.ColumnEdit{{Name: "-Later"}, {Name: "Now, or soon"}, {Name: "\"Done\"", Done: true}}, Labels: []work.LabelEdit{{Name: "=bug"}, {Name: "a, b"}, {Name: "\"c\""}, {Name: "d"}}})
		must(t, err)
		_, err = p.work.CreateProject(ctx, p.ada, work.ProjectEdit{Key: "NEW", Name: "New", Everyone: true,
			Columns: []work.ColumnEdit{{Name: "First"}, {Name: "-Later"}, {Name: "Now, or soon"}, {Name: "\"Done\"", Done: true}}})
		must(t, err)
		c, err := p.work.Choices(ctx, p.ada, "OLD")
		must(t, err)
		for i, words := range nasty() {
			n := work.NewTask{Project: "OLD", Title: words, Description: words + "\n\n" + words + "\n\tx \n", Status: c.Columns[i%3].ID, Priority: work.Priorities()[i%4]}
			for j, l := range c.Labels {
				if i>>j&1 == 1 {
					n.Labels = append(n.Labels, l.ID)
				}
			}
			if i%2 == 1 {
				n.Assignee, n.Due = p.ada.ID, fmt.Sprintf("2026-04-%02d", i+1)
			}
			key := p.task(t, n)
			for _, step := range []string{words, "second"} {
				id, err := p.work.AddStep(ctx, p.ada, key, step)
				must(t, err)
				if step == "second" {
					must(t, p.work.ChangeStep(ctx, p.ada, key, id, work.StepDone))
				}
			}
		}
		_, data := p.export(t, exchange.Order{Format: exchange.CSV, Project: "OLD"})
		seen := p.look(t, "NEW", string(data))
		if !seen.Ready() || seen.Tasks != len(nasty()) || len(seen.Labels) != 4 {
			t.Fatalf("%+v", seen)
		}
		if n := p.count(t); n != len(nasty()) {
			t.Fatalf("looking made %d tasks", n)
		}
		made := p.take(t, "NEW", string(data))
		if made.Tasks != len(nasty()) || made.Labels != 4 || made.First != "NEW-1" || made.Last != fmt.Sprintf("NEW-%d", len(nasty())) {
			t.Errorf("%+v", made)
		}
		old, now := p.shapes(t, "OLD"), p.shapes(t, "NEW")
		for i := range old {
			if i >= len(now) || old[i] != now[i] {
				t.Errorf("task %d was\n%q, and is\n%q", i+1, old[i], now[min(i, len(now)-1)])
			}
		}
		// The same file once more, and the file of what is there already, make nothing.
		for _, key := range []string{"NEW", "OLD"} {
			if again := p.take(t, key, string(data)); again.Tasks != 0 || again.There != len(nasty()) {
				t.Errorf("once more into %s: %+v", key, again)
			}
		}
		d, err := p.work.Task(ctx, p.ada, "NEW-2")
		must(t, err)
		if d.Assignee.ID != p.ada.ID {
			t.Errorf("%+v", d)
		}
		if found, err := p.work.Search(ctx, p.ada, "calc", ""); err != nil || len(found.Tasks) != 2 {
			t.Errorf("search finds %+v, %v", found, err)
		}
		// People go on working with what was imported.
		if ref, err := p.work.CreateTask(ctx, p.ada, work.NewTask{Project: "NEW", Title: "next"}); err != nil || ref.Key != fmt.Sprintf("NEW-%d", len(nasty())+1) {
			t.Errorf("%+v, %v", ref, err)
		}
		if report, err := p.audit.Verify(ctx); err != nil || !report.OK() {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

// shapes are a project's tasks with all that an import brings over.
func (p *place) shapes(t testing.TB, key string) []string {
	t.Helper()
	id := p.store.Client().Project.Query().AllX(t.Context())
	at := slices.IndexFunc(id, func(one *ent.Project) bool { return one.Key == key })
	rows, err := p.store.Client().Task.Query().Where(task.ProjectID(id[at].ID)).Order(task.ByNumber()).WithState().WithLabels().WithChecklist().WithAssignee().All(t.Context())
	must(t, err)
	var all []string
	for _, one := range rows {
		var more []string
		for _, l := range one.Edges.Labels {
			more = append(more, l.Name)
		}
		slices.Sort(more)
		for _, s := range one.Edges.Checklist {
			more = append(more, fmt.Sprint(s.Text, s.DoneAt != nil, s.Position))
		}
		slices.Sort(more)
		due, who := "", ""
		if one.DueOn != nil {
			due = *one.DueOn
		}
		if one.Edges.Assignee != nil {
			who = one.Edges.Assignee.Name
		}
		all = append(all, fmt.Sprintf("%d %q %q %s %s %s %s %v %q", one.Number, one.Title, one.Description, one.Edges.State.Name, one.Priority, due, who, one.DoneAt != nil, more))
	}
	return all
}

// Files are read as people's programs write them.
func TestManyKindsOfFiles(t *testing.T) {
	p, key := newPlace(t, "acme", storetest.SQLite(t)), 0
	utf16le := "\xff\xfe"
	for _, u := range utf16.Encode([]rune("Title\tTags\nÄpfel\tred\n")) {
		utf16le += string([]byte{byte(u), byte(u >> 8)})
	}
	for name, tc := range map[string]struct {
		file  string
		want  string // the first row
		tasks int
	}{
		"our own names":   {"id,key,title,status\nx,OPS-1,One,Done\n", "One", 1},
		"a mark":          {"\xef\xbb\xbfTitle\nOne\n", "One", 1},
		"semicolons":      {"Title;Status;Labels\r\n\"One; and more\";To do;bug\r\n", "One; and more", 1},
		"tabs":            {"Summary\tPriority\nOne\tHighest\n", "One", 1},
		"a spreadsheet":   {"sep=;\r\nTitle;Due\r\nOne;31.12.2026\r\n;;\r\n;\r\n", "One", 1},
		"UTF-16":          {utf16le, "Äpfel", 1},
		"old line ends":   {"Title,Status\rOne,Done\rTwo,Done\r", "One", 2},
		"an issue list":   {"Issue key,Summary,Assignee,Labels,Labels,Due Date\nA-1,One,ada.lovelace@example.org,bug,idea,2026-01-02T10:00:00Z\n", "One", 1},
		"a board":         {"Card Name,Card Description,List Name,Members,Labels,Due\nOne,words,In Progress,Ada  Lovelace,\"bug, red\",2026-01-02 10:00\n", "One", 1},
		"the last line":   {"Title\nOne", "One", 1},
		"quotes in words": {"Title,Tags\n\"say \"\"hi\"\"\",\"x \"\"y\"\" z\"\n", `say "hi"`, 1},
		"lines in a cell": {"Title,Notes\n\"One\nline\",\"a\r\nb\"\n", "One line", 1},
		"short rows":      {"Title,Status,Due\nOne\n", "One", 1},
		"long rows":       {"Title\nOne,,,\n", "One", 1},
	} {
		t.Run(name, func(t *testing.T) {
			key++
			into := fmt.Sprintf("P%d", key)
			p.project(t, into)
			seen := p.look(t, into, tc.file)
			if !seen.Ready() || seen.Tasks != tc.tasks {
				t.Errorf("%+v", seen)
			}
			made := p.take(t, into, tc.file)
			d, err := p.work.Task(t.Context(), p.ada, made.First)
			if err != nil || d.Title != tc.want {
				t.Errorf("%q, %v", d.Title, err)
			}
			if again := p.take(t, into, tc.file); again.Tasks != 0 || again.There != tc.tasks {
				t.Errorf("the same file once more: %+v", again)
			}
		})
	}
}

// Every problem is told at once, with its line and column, and nothing is made.
func TestEveryProblemIsTold(t *testing.T) {
	p := newPlace(t, "acme", storetest.SQLite(t))
	p.project(t, "OPS")
	p.person(t, "Ada  Twin", actor.Member)
	double := p.person(t, "Twin", actor.Member)
	must(t, p.store.Client().User.UpdateOneID(double.ID).SetName("Ada Twin").Exec(t.Context()))
	file := "Title,Status,Priority,Assignee,Due,Labels,Id\n" +
		"Fine,,,,,,1\n" +
		",Nowhere,so-so,nobody@example.org,soon,,1\n" +
		strings.Repeat("x", 201) + ",,,Ada Twin,31/12/2026," + strings.Repeat("l", 101) + ",2\n" +
		"\"Two\nlines\",,,,,,3\n" +
		"a,b,c,d,e,f,g,h\n" +
		"\x01,,,,,,5\n"
	seen := p.look(t, "OPS", file)
	want := []string{
		"line 3, Title: it is empty", "line 3, Status: “Nowhere” is none of the project’s columns: use To do, In progress, Done", "line 3, Priority: “so-so” is no priority",
		"line 3, Assignee: “nobody@example.org” is nobody", "line 3, Due: “soon” is no date", "line 3, Id: line 2 has the same identifier",
		"line 4, Title: it is longer than 200", "line 4, Assignee: more than one person", "line 4, Due: “31/12/2026” is no date", "line 4, Labels: ",
		"line 7, it has 8 cells", "line 8, Title: it holds control characters",
	}
	got := told(seen)
	for _, one := range want {
		if !strings.Contains(got, one) {
			t.Errorf("%q is not told", one)
		}
	}
	if len(seen.Problems) != len(want) || seen.Ready() || seen.Tasks != 2 {
		t.Errorf("%d problems, %d tasks:\n%s", len(seen.Problems), seen.Tasks, got)
	}
	_, err := p.Import(t.Context(), p.ada, exchange.Source{Project: "OPS", Name: "a.csv", Data: []byte(file)})
	if !fault.Is(err, fault.Invalid) || len(fault.Problems(err)) != len(want) || p.count(t) != 0 {
		t.Errorf("%v; %d tasks", err, p.count(t))
	}
	for file, want := range map[string]string{
		"Status\nDone\n":               "no column becomes the title",
		"Title\n":                      "there is no row below",
		"Title,Due\n\"a\"b\",x\n":      "quote",
		"Title\n\"never closed\nx\n":   "never closed",
		"Title\na\"b\n":                "quote where none can be",
		"Title\nfine\nlatin \xe9\n":    "line 3, it holds letters in another encoding",
		"Title\nnul \x00 here\n":       "line 2, it holds a NUL",
		"Title\n\xff\xff\n\xc3\x28x\n": "line 3, it holds letters",
	} {
		if seen := p.look(t, "OPS", file); !strings.Contains(told(seen), want) || seen.Ready() {
			t.Errorf("%q: %s", file, told(seen))
		}
	}
	// What columns become can be said otherwise.
	targets := []exchange.Target{"nonsense", exchange.Title, exchange.Title}
	again, err := p.Look(t.Context(), p.ada, exchange.Source{Project: "OPS", Data: []byte("a,b,c\n1,2,3\n"), Targets: targets})
	if err != nil || !strings.Contains(told(again), "nothing that is called") || !strings.Contains(told(again), "already") {
		t.Errorf("%v: %s", err, told(again))
	}
	again, err = p.Look(t.Context(), p.ada, exchange.Source{Project: "OPS", Data: []byte("a,b,c\n1,2,3\n"), Targets: targets[1:2]})
	if err != nil || !strings.Contains(told(again), "3 columns, and it is said of 1") {
		t.Errorf("%v: %s", err, told(again))
	}
}

// What is too large is refused as a whole, before it is taken apart.
func TestHostileFilesAreBounded(t *testing.T) {
	p := newPlace(t, "acme", storetest.SQLite(t))
	p.project(t, "OPS")
	for name, file := range map[string]string{
		"too large":           "Title\n" + strings.Repeat("x", exchange.MaxBytes),
		"a million columns":   strings.Repeat(",", 1_000_000) + "\n",
		"columns further on":  "Title\nx\n" + strings.Repeat(",", 101) + "\n",
		"too many rows":       "Title\n" + strings.Repeat("x\n", exchange.MaxRows+2),
		"a huge line":         "Title\n" + strings.Repeat("x", 2<<20) + "\n",
		"a quote never ended": "Title\n\"" + strings.Repeat("x\n", 1<<20),
	} {
		if _, err := p.Look(t.Context(), p.ada, exchange.Source{Project: "OPS", Data: []byte(file)}); !fault.Is(err, fault.TooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, file := range map[string]string{"nothing": "", "spaces": " \n \n", "only a mark": "\xef\xbb\xbf"} {
		if _, err := p.Look(t.Context(), p.ada, exchange.Source{Project: "OPS", Data: []byte(file)}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	many := p.look(t, "OPS", "Title,Due\n"+strings.Repeat("x,never\n", 2000))
	if len(many.Problems) != 500 || many.More != 1500 {
		t.Errorf("%d problems and %d more", len(many.Problems), many.More)
	}
	words := make([]string, 20_000)
	for i := range words {
		words[i] = fmt.Sprintf("%x", i)
	}
	columns := slices.Repeat([]string{"Labels"}, 8)
	crowded := p.look(t, "OPS", "Title,"+strings.Join(columns, ",")+"\nx"+strings.Repeat(","+strconv.Quote(strings.Join(words[:9000], ",")), len(columns))+"\n")
	if !strings.Contains(told(crowded), "a task has at most") {
		t.Errorf("a task with thousands of labels: %.300s", told(crowded))
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := p.Look(ended, p.ada, exchange.Source{Project: "OPS", Data: []byte("Title\nx\n")}); !errors.Is(err, context.Canceled) {
		t.Errorf("it goes on when nobody waits any more: %v", err)
	}
	cell := p.look(t, "OPS", "Title,Notes\nx,"+strings.Repeat("y", 65<<10)+"\n")
	if !strings.Contains(told(cell), "line 2, Notes: it holds more than 64 kB") {
		t.Errorf("%s", told(cell))
	}
	wide := p.look(t, "OPS", "Title,Labels,Checklist\nx,\""+strings.Join(strings.Split("abcdefghijklmnopqrstuvwxyz", ""), ",")+"\",\""+strings.Repeat("step\n", 101)+"\"\n")
	if got := told(wide); !strings.Contains(got, "at most 20 labels") || !strings.Contains(got, "at most 100 steps") {
		t.Errorf("%s", got)
	}
}

// An import makes all tasks or none: here it fails in the last batch, when somebody who gets a task leaves, and when it is broken off.
func TestAllOrNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(*testing.T) *store.Store) {
		p := newPlace(t, "acme", open(t))
		p.project(t, "OPS")
		file := "Title,Labels,Assignee\n" + strings.Repeat("x,new,ada.lovelace@example.org\n", 700)
		before := len(p.entries(t, ""))
		failing := func(do func(n int) error) {
			n := 0
			p.store.Client().Task.Use(func(next ent.Mutator) ent.Mutator {
				return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
					n++
					if err := do(n); err != nil {
						return nil, err
					}
					return next.Mutate(ctx, m)
				})
			})
		}
		ctx, stop := context.WithCancel(t.Context())
		broken := true
		failing(func(n int) error {
			switch {
			case broken && n == 650:
				return fmt.Errorf("task %d cannot be written", n)
			case !broken && n == 1300:
				stop()
			}
			return nil
		})
		for _, c := range []context.Context{t.Context(), ctx} {
			if made, err := p.Import(c, p.ada, exchange.Source{Project: "OPS", Name: "a.csv", Data: []byte(file)}); err == nil {
				t.Errorf("it made %+v", made)
			}
			broken = false
		}
		labels, err := p.work.Choices(t.Context(), p.ada, "OPS")
		must(t, err)
		if n := p.count(t); n != 0 || len(p.entries(t, "")) != before || len(labels.Labels) != 2 {
			t.Errorf("%d tasks, %d entries, labels %v are left of what failed", n, len(p.entries(t, ""))-before, labels.Labels)
		}
		// Now it works, from number 1 on.
		if made := p.take(t, "OPS", file); made.Tasks != 700 || made.First != "OPS-1" || made.Labels != 1 {
			t.Errorf("%+v", made)
		}
		e := p.entries(t, "data.import")[0]
		if e.Outcome != "ok" || e.Target != "project OPS" || !strings.Contains(e.Detail, `"tasks":"700"`) || !strings.Contains(e.Detail, `"last":"OPS-700"`) || !strings.Contains(e.Detail, `"file":"a.csv"`) {
			t.Errorf("the log says %v", e)
		}
		page, err := p.work.Activity(t.Context(), p.ada, "OPS", "", 1)
		if err != nil || page.Lines[0].Subject != "OPS 700 tasks from a.csv" {
			t.Errorf("the feed says %+v, %v", page.Lines, err)
		}
		must(t, p.store.Client().User.UpdateOneID(p.ada.ID).SetStatus("disabled").Exec(t.Context()))
		if _, err := p.Import(t.Context(), p.owner, exchange.Source{Project: "OPS", Data: []byte("Title,Assignee\ny,ada.lovelace@example.org\n")}); !fault.Is(err, fault.Invalid) {
			t.Errorf("a task for somebody who left: %v", err)
		}
		if _, err := p.Import(t.Context(), p.ada, exchange.Source{Project: "OPS", Data: []byte("Title\ny\n")}); !fault.Is(err, fault.Forbidden) {
			t.Errorf("by somebody who left: %v", err)
		}
	})
}

// Who gets tasks, and who imports, may leave between looking and writing: then nothing is made.
func TestSomebodyLeavesInBetween(t *testing.T) {
	for name, tc := range map[string]struct {
		leave func(p *place) error
		kind  fault.Kind
	}{
		"who gets a task": {func(p *place) error {
			return p.store.Client().User.UpdateOneID(p.admin.ID).SetStatus("disabled").Exec(context.Background())
		}, fault.Conflict},
		"who imports": {func(p *place) error {
			return p.store.Client().User.UpdateOneID(p.ada.ID).SetStatus("disabled").Exec(context.Background())
		}, fault.Forbidden},
		"their role": {func(p *place) error {
			return p.store.Client().User.UpdateOneID(p.ada.ID).SetRole("guest").Exec(context.Background())
		}, fault.Forbidden},
		"the project": {func(p *place) error { return p.work.ArchiveProject(context.Background(), p.ada, "OPS", true) }, fault.Conflict},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, "acme", storetest.SQLite(t))
			p.project(t, "OPS")
			// The last thing that is read before the transaction is which tasks are there.
			once := false
			p.store.Client().Task.Intercept(ent.InterceptFunc(func(next ent.Querier) ent.Querier {
				return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
					v, err := next.Query(ctx, q)
					if !once {
						once = true
						must(t, tc.leave(p))
					}
					return v, err
				})
			}))
			_, err := p.Import(t.Context(), p.ada, exchange.Source{Project: "OPS", Data: []byte("Title,Assignee\ny,anna.admin@example.org\n")})
			if !fault.Is(err, tc.kind) || p.count(t) != 0 || !once {
				t.Errorf("%v; %d tasks", err, p.count(t))
			}
		})
	}
}

// Who may create no tasks in a project imports none, and whoever does not see it learns nothing of it.
func TestOnlyWhoMayImports_AC_5(t *testing.T) {
	p := newPlace(t, "acme", storetest.SQLite(t))
	p.project(t, "OPS")
	_, err := p.work.CreateProject(t.Context(), p.owner, work.ProjectEdit{Key: "BOARD", Name: "Board", Members: []uuid.UUID{p.gus.ID}})
	must(t, err)
	reader := p.ada
	reader.Scopes = []actor.Scope{actor.Read, actor.Export}
	for name, tc := range map[string]struct {
		who    actor.Actor
		key    string
		kind   fault.Kind
		logged int
	}{
		"nobody":             {actor.Actor{}, "OPS", fault.Unauthenticated, 0},
		"a guest who sees":   {p.gus, "BOARD", fault.Forbidden, 2},
		"a guest":            {p.gus, "OPS", fault.NotFound, 0},
		"a hidden project":   {p.ada, "BOARD", fault.NotFound, 0},
		"no such project":    {p.owner, "NONE", fault.NotFound, 0},
		"a token that reads": {reader, "OPS", fault.Forbidden, 2},
		"the service":        {actor.Service("x"), "OPS", fault.Forbidden, 2},
	} {
		before := len(p.entries(t, "data.import"))
		_, err := p.Look(t.Context(), tc.who, exchange.Source{Project: tc.key, Data: []byte("Title\nx\n")})
		_, err2 := p.Import(t.Context(), tc.who, exchange.Source{Project: tc.key, Data: []byte("Title\nx\n")})
		if !fault.Is(err, tc.kind) || !fault.Is(err2, tc.kind) || p.count(t) != 0 {
			t.Errorf("%s: %v, %v", name, err, err2)
		}
		if got := p.entries(t, "data.import"); len(got)-before != tc.logged || tc.logged > 0 && got[0].Outcome != "refused" {
			t.Errorf("%s: %d entries", name, len(got)-before)
		}
	}
	// A member who may not change the project's settings adds no labels.
	bob := p.person(t, "Bob Builder", actor.Member)
	seen, err := p.Look(t.Context(), bob, exchange.Source{Project: "OPS", Data: []byte("Title,Labels\nx,\"bug, new\"\n")})
	if err != nil || !strings.Contains(told(seen), "you may not add one") {
		t.Errorf("%v: %s", err, told(seen))
	}
}

// A file waits for whoever sent it, until it is imported, discarded or another is sent.
func TestKeptFiles(t *testing.T) {
	p := newPlace(t, "acme", storetest.SQLite(t))
	p.project(t, "OPS")
	ctx := t.Context()
	keep := func(text string) uuid.UUID {
		id, err := p.Keep(ctx, p.ada, "OPS", "../x\r\ny.csv", strings.NewReader(text))
		must(t, err)
		return id
	}
	first := keep("A,B\none,two\n")
	k, seen, err := p.LookAt(ctx, p.ada, first, nil)
	if err != nil || seen.Ready() || k.Name != "xy.csv" {
		t.Errorf("%+v, %+v, %v", k, seen, err)
	}
	if _, seen, err = p.LookAt(ctx, p.ada, first, []exchange.Target{exchange.LeftOut, exchange.Title}); err != nil || !seen.Ready() {
		t.Errorf("%+v, %v", seen, err)
	}
	for _, who := range []actor.Actor{p.owner, p.gus, actor.Service("x")} {
		if _, _, err := p.LookAt(ctx, who, first, nil); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s looks at another's file: %v", who.Name, err)
		}
		if err := p.Discard(ctx, who, first); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s discards another's file: %v", who.Name, err)
		}
	}
	if made, err := p.ImportKept(ctx, p.ada, first, nil); err != nil || made.Tasks != 1 { // as it was said last
		t.Errorf("%+v, %v", made, err)
	}
	second, third := keep("Title\nx\n"), keep("Title\ny\n")
	for _, id := range []uuid.UUID{first, second, uuid.New(), uuid.Nil} {
		if _, _, err := p.LookAt(ctx, p.ada, id, nil); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s is still there: %v", id, err)
		}
	}
	must(t, p.Discard(ctx, p.ada, third))
	if _, err := p.ImportKept(ctx, p.ada, third, nil); !fault.Is(err, fault.NotFound) {
		t.Errorf("what was discarded: %v", err)
	}
	fourth := keep("Title\nz\n")
	p.later(exchange.Keeps + 1)
	if _, _, err := p.LookAt(ctx, p.ada, fourth, nil); !fault.Is(err, fault.NotFound) {
		t.Errorf("what waited too long: %v", err)
	}
	if _, err := p.Keep(ctx, p.gus, "OPS", "x.csv", strings.NewReader("Title\nx\n")); !fault.Is(err, fault.NotFound) {
		t.Errorf("a guest's: %v", err)
	}
	if _, err := p.Keep(ctx, p.ada, "OPS", "x.csv", strings.NewReader(strings.Repeat(",", exchange.MaxBytes+1))); !fault.Is(err, fault.TooLarge) {
		t.Errorf("too large: %v", err)
	}
}
