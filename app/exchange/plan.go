package exchange

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/ent/task"
	"github.com/berth-iac/berth/app/ent/user"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/work"
)

// How a step of a checklist begins, done or not.
const (
	stepDone = "[x] "
	stepOpen = "[ ] "
)

// newTask is a task that a row becomes.
type newTask struct {
	line        int
	id          uuid.UUID // follows from the project and from what the row is called elsewhere: the same row is the same task
	other       uuid.UUID // the row's own identifier, where it is one of ours
	title       string
	description string
	column      uuid.UUID
	done        bool
	priority    schema.Priority
	assignee    uuid.UUID
	due         string
	labels      []string
	steps       []step
}

type step struct {
	text string
	done bool
}

// draft is what a file would become.
type draft struct {
	sheet
	problems
	targets []Target
	tasks   []newTask
	fresh   []string // labels that are not there yet
	there   int      // rows that were imported before
	choices work.Choices
	emails  map[string]uuid.UUID
	names   map[string]uuid.UUID // uuid.Nil for namesakes
	labels  map[string]string    // by their names, after an equals sign, and by their folded names
	seen    map[uuid.UUID]int    // lines
	like    map[string]int       // rows without an identifier that are alike
}

// draft works out what a file would become. Problems with the file are in the draft; an error says that it cannot be looked at at all.
func (x *Exchange) draft(ctx context.Context, choices work.Choices, data []byte, targets []Target) (*draft, error) {
	d := &draft{choices: choices, targets: targets, labels: map[string]string{}, seen: map[uuid.UUID]int{}, like: map[string]int{}}
	var err error
	if d.sheet, err = readSheet(data, &d.problems); err != nil {
		if len(d.all) > 0 {
			return d, nil
		}
		return nil, err
	}
	if len(d.targets) == 0 {
		d.targets = Guess(d.heads)
	}
	d.checkTargets()
	if err := d.people(ctx, x.o.Store.Client()); err != nil {
		return nil, err
	}
	project := 0
	for _, l := range choices.Labels {
		d.labels[foldLabel(l.Name)], d.labels["="+l.Name] = l.Name, l.Name
		if !l.Shared {
			project++
		}
	}
	for _, row := range d.rows {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		d.row(row)
	}
	if project+len(d.fresh) > maxLabels && len(d.fresh) > 0 {
		d.add(0, d.head(Labels), "the project would have more than %d labels: leave this column out, or use fewer", maxLabels)
	}
	if len(d.rows) == 0 && len(d.all) == 0 {
		d.add(0, "", "there is no row below the names of the columns")
	}
	if err := d.known(ctx, x.o.Store.Client().Task); err != nil {
		return nil, err
	}
	return d, nil
}

const maxLabels = 200 // of a project, as package work has it

func (d *draft) checkTargets() {
	if len(d.targets) != len(d.heads) {
		d.add(1, "", "the file has %d columns, and it is said of %d what they become", len(d.heads), len(d.targets))
		d.targets = append(d.targets, make([]Target, len(d.heads))...)[:len(d.heads)]
	}
	taken := map[Target]string{}
	for i, t := range d.targets {
		if t != LeftOut && !slices.Contains(Targets(), t) {
			d.add(1, d.nameOf(i), "there is nothing that is called %q", shorten(string(t), 30))
			d.targets[i] = LeftOut
			continue
		}
		if before, twice := taken[t]; twice && !t.several() {
			d.add(1, d.nameOf(i), "the column %q becomes the %s already: leave one of them out", before, t)
			continue
		}
		taken[t] = d.nameOf(i)
	}
	if _, there := taken[Title]; !there {
		d.add(1, "", "no column becomes the title: choose one")
	}
}

// nameOf is a column as people find it.
func (d *draft) nameOf(i int) string {
	if i < len(d.heads) && d.heads[i] != "" {
		return d.heads[i]
	}
	return fmt.Sprintf("column %d", i+1)
}

func (d *draft) head(t Target) string {
	if i := slices.Index(d.targets, t); i >= 0 {
		return d.nameOf(i)
	}
	return ""
}

// people are those whom a task of the project can be given to, by what a file may call them.
func (d *draft) people(ctx context.Context, db *ent.Client) error {
	d.emails, d.names = map[string]uuid.UUID{}, map[string]uuid.UUID{}
	var ids []uuid.UUID
	for _, p := range d.choices.People {
		ids = append(ids, p.ID)
		for _, called := range uniq(foldName(p.Name), p.Handle) {
			if _, namesake := d.names[called]; namesake {
				d.names[called] = uuid.Nil
				continue
			}
			d.names[called] = p.ID
		}
	}
	for some := range slices.Chunk(ids, 500) {
		rows, err := db.User.Query().Where(user.IDIn(some...)).Select(user.FieldID, user.FieldEmail).All(ctx)
		if err != nil {
			return store.Translate(fmt.Errorf("read people: %w", err))
		}
		for _, one := range rows {
			d.emails[one.Email] = one.ID
		}
	}
	return nil
}

func uniq(a, b string) []string {
	if a == b {
		return []string{a}
	}
	return []string{a, b}
}

func foldName(name string) string { return strings.ToLower(strings.Join(strings.Fields(name), " ")) }

func foldLabel(name string) string { return strings.ToLower(name) }

// row makes a task of a row.
func (d *draft) row(r record) {
	t := newTask{line: r.line, priority: schema.PriorityMedium}
	before := len(d.all) + d.more
	if len(d.choices.Columns) > 0 {
		d.status(&t, d.choices.Columns[0])
	}
	external := ""
	var what strings.Builder
	for i, cell := range r.cells {
		if d.targets[i] == LeftOut {
			continue
		}
		fmt.Fprintf(&what, "%s\x00%s\x00", d.targets[i], cell)
		bad := func(words string, args ...any) { d.add(r.line, d.nameOf(i), words, args...) }
		if len(cell) > schema.MaxMarkdown {
			bad("it holds more than 64 kB")
			continue
		}
		switch d.targets[i] {
		case Title:
			t.title = d.title(cell, bad)
		case Description:
			t.description = strings.ReplaceAll(cell, "\r\n", "\n")
		case Status:
			d.findStatus(&t, strings.TrimSpace(cell), bad)
		case Priority:
			d.priority(&t, cell, bad)
		case Assignee:
			d.assignee(&t, strings.TrimSpace(cell), bad)
		case Due:
			d.due(&t, strings.TrimSpace(cell), bad)
		case Labels:
			d.label(&t, splitList(cell), bad)
		case Steps:
			d.steps(&t, cell, bad)
		case ID:
			external = strings.TrimSpace(cell)
		}
	}
	if len(t.labels) > schema.MaxLabelsPerTask {
		d.add(r.line, d.head(Labels), "a task has at most %d labels", schema.MaxLabelsPerTask)
	}
	if len(t.steps) > schema.MaxChecklistPerTask {
		d.add(r.line, d.head(Steps), "a checklist has at most %d steps", schema.MaxChecklistPerTask)
	}
	d.identify(&t, external, what.String())
	if len(d.all)+d.more == before {
		d.tasks = append(d.tasks, t)
	}
}

// identify finds what a row is called. Without an identifier it is known by what it says, and by how many before it say the same.
func (d *draft) identify(t *newTask, external, what string) {
	called := "id\x00" + external
	if external == "" {
		d.like[what]++
		called = "row\x00" + strconv.Itoa(d.like[what]) + "\x00" + what
	} else if id, err := uuid.Parse(external); err == nil {
		t.other = id
	}
	t.id = uuid.NewHash(sha256.New(), d.choices.Project.ID, []byte(called), 8)
	if line, twice := d.seen[t.id]; twice {
		d.add(t.line, d.head(ID), "line %d has the same identifier", line)
	}
	d.seen[t.id] = t.line
}

func (d *draft) title(cell string, bad func(string, ...any)) string {
	title := strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == '\t' {
			return ' '
		}
		return r
	}, cell))
	switch {
	case title == "":
		bad("it is empty: a task needs a title")
	case strings.ContainsFunc(title, func(r rune) bool { return r < ' ' || r == 0x7f }):
		bad("it holds control characters")
	case utf8.RuneCountInString(title) > schema.MaxTitle:
		bad("it is longer than %d letters", schema.MaxTitle)
	}
	return title
}

func (d *draft) status(t *newTask, c work.Column) { t.column, t.done = c.ID, c.Kind == "done" }

func (d *draft) findStatus(t *newTask, cell string, bad func(string, ...any)) {
	if cell == "" {
		return
	}
	wanted := folded(cell)
	var names []string
	for _, c := range d.choices.Columns {
		if folded(c.Name) == wanted || c.Name == cell {
			d.status(t, c)
			return
		}
		names = append(names, c.Name)
	}
	kind := map[string]string{"todo": "todo", "open": "todo", "new": "todo", "backlog": "todo", "notstarted": "todo",
		"doing": "doing", "inprogress": "doing", "active": "doing", "started": "doing", "wip": "doing",
		"done": "done", "closed": "done", "complete": "done", "completed": "done", "resolved": "done", "finished": "done"}[wanted]
	for _, c := range d.choices.Columns {
		if kind != "" && c.Kind == kind {
			d.status(t, c)
			return
		}
	}
	bad("“%s” is none of the project’s columns: use %s", shorten(cell, 40), strings.Join(names, ", "))
}

func (d *draft) priority(t *newTask, cell string, bad func(string, ...any)) {
	var found bool
	t.priority, found = map[string]schema.Priority{
		"": schema.PriorityMedium, "none": schema.PriorityMedium, "normal": schema.PriorityMedium, "medium": schema.PriorityMedium, "p3": schema.PriorityMedium,
		"low": schema.PriorityLow, "lowest": schema.PriorityLow, "minor": schema.PriorityLow, "trivial": schema.PriorityLow, "p4": schema.PriorityLow,
		"high": schema.PriorityHigh, "major": schema.PriorityHigh, "important": schema.PriorityHigh, "p2": schema.PriorityHigh,
		"urgent": schema.PriorityUrgent, "highest": schema.PriorityUrgent, "critical": schema.PriorityUrgent, "blocker": schema.PriorityUrgent, "p1": schema.PriorityUrgent,
	}[folded(cell)]
	if !found || strings.TrimSpace(cell) != "" && folded(cell) == "" {
		bad("“%s” is no priority: use low, normal, high or urgent", shorten(cell, 40))
	}
}

func (d *draft) assignee(t *newTask, cell string, bad func(string, ...any)) {
	if cell == "" {
		return
	}
	id, found := d.emails[schema.FoldEmail(cell)]
	if !found {
		id, found = d.names[foldName(strings.TrimPrefix(cell, "@"))]
	}
	switch {
	case !found:
		bad("“%s” is nobody who sees the project: write the e-mail address of somebody who does, or invite them first", shorten(cell, 60))
	case id == uuid.Nil:
		bad("more than one person is called “%s”: write the e-mail address", shorten(cell, 60))
	}
	t.assignee = id
}

// due reads a day as programs write it, where there is one way to read it.
func (d *draft) due(t *newTask, cell string, bad func(string, ...any)) {
	if cell == "" {
		return
	}
	for _, form := range []string{time.DateOnly, time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006/01/02", "2.1.2006", "2 Jan 2006", "2 January 2006", "Jan 2, 2006", "January 2, 2006"} {
		if day, err := time.Parse(form, cell); err == nil && day.Year() >= 1900 && day.Year() <= 9999 {
			t.due = day.Format(time.DateOnly)
			return
		}
	}
	bad("“%s” is no date: write it like 2026-11-30", shorten(cell, 40))
}

func (d *draft) label(t *newTask, words []string, bad func(string, ...any)) {
	for _, word := range words {
		if len(t.labels) > schema.MaxLabelsPerTask || len(d.fresh) > maxLabels {
			return // too many already, which is told of the row, or of the file
		}
		if utf8.RuneCountInString(word) > schema.MaxName || strings.ContainsFunc(word, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			bad("“%s” is too long for a label, or holds control characters", shorten(strings.ToValidUTF8(word, ""), 40))
			continue
		}
		called, there := d.labels["="+word]
		if !there {
			called, there = d.labels[foldLabel(word)]
		}
		if !there {
			if !d.choices.MayManage {
				bad("the project has no label “%s”, and you may not add one", shorten(word, 40))
				continue
			}
			called = word
			d.labels[foldLabel(word)] = word
			d.fresh = append(d.fresh, word)
		}
		if !slices.Contains(t.labels, called) {
			t.labels = append(t.labels, called)
		}
	}
}

func (d *draft) steps(t *newTask, cell string, bad func(string, ...any)) {
	for line := range strings.Lines(cell) {
		text := strings.TrimSpace(line)
		one := step{text: text}
		low := strings.ToLower(text)
		for _, mark := range []string{"[x]", "[ ]", "- [x]", "- [ ]", "* [x]", "* [ ]"} {
			if strings.HasPrefix(low, mark) {
				one = step{strings.TrimSpace(text[len(mark):]), strings.HasSuffix(mark, "[x]")}
			}
		}
		if one.text == "" {
			continue
		}
		if utf8.RuneCountInString(one.text) > schema.MaxChecklist || strings.ContainsFunc(one.text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			bad("the step “%s” is too long, or holds control characters", shorten(one.text, 40))
			continue
		}
		t.steps = append(t.steps, one)
	}
}

// known takes out the tasks that are there already: imported before, or exported from here.
func (d *draft) known(ctx context.Context, tasks *ent.TaskClient) error {
	there := map[uuid.UUID]bool{}
	for some := range slices.Chunk(d.tasks, 250) {
		var ids []uuid.UUID
		for _, t := range some {
			ids = append(ids, t.id)
			if t.other != uuid.Nil {
				ids = append(ids, t.other)
			}
		}
		found, err := tasks.Query().Where(task.ProjectID(d.choices.Project.ID), task.IDIn(ids...)).IDs(ctx)
		if err != nil {
			return store.Translate(fmt.Errorf("look for tasks that were imported before: %w", err))
		}
		for _, id := range found {
			there[id] = true
		}
	}
	before := len(d.tasks)
	d.tasks = slices.DeleteFunc(d.tasks, func(t newTask) bool { return there[t.id] || there[t.other] })
	d.there += before - len(d.tasks)
	return nil
}

// digest is what a file is known by in the log.
func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
