// Package seed fills a client with synthetic data, to try TaskFlow out and to measure it (DP-6): people, projects, tasks, comments,
// relations, rules. Everything goes through accounts and work, as if people had done it, so that there is nothing in it that could not
// come about. The same options give the same data but for ids, times and passwords, which nobody ever learns.
package seed

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/outbox"
	"github.com/berth-iac/berth/app/work"
)

// Into is what is filled.
type Into struct {
	Accounts *accounts.Accounts
	Work     *work.Work
	Clock    func() time.Time
	Random   io.Reader // of passwords
	Domain   string    // of e-mail addresses; one that nobody has, such as demo.localhost
}

// Amount is how much.
type Amount struct {
	People   int
	Projects int
	Tasks    int // of all projects together
	Seed     uint64
}

// Demo is what a demonstration needs.
func Demo() Amount { return Amount{People: 5, Projects: 3, Tasks: 48, Seed: 1} }

// Check tells whether that much can be made, all problems at once.
func (a Amount) Check() error {
	var wrong []string
	for _, one := range []struct {
		name           string
		n, least, most int
	}{{"people", a.People, 1, 5000}, {"projects", a.Projects, 0, 500}, {"tasks", a.Tasks, 0, 1_000_000}} {
		if one.n < one.least || one.n > one.most {
			wrong = append(wrong, fmt.Sprintf("%s from %d to %d", one.name, one.least, one.most))
		}
	}
	if a.Tasks > 0 && a.Projects == 0 {
		wrong = append(wrong, "a project for the tasks")
	}
	if len(wrong) > 0 {
		return fault.BadInput("amount", "that much cannot be made", "choose "+strings.Join(wrong, ", "))
	}
	return nil
}

// Made is what was made.
type Made struct {
	People, Projects, Tasks, Comments int
}

type filler struct {
	Into
	rng    *rand.Rand
	people []actor.Actor
	made   Made
}

// Fill fills a client. What is there already stays; what has the name of something new is left as it is.
func Fill(ctx context.Context, into Into, much Amount) (Made, error) {
	if err := much.Check(); err != nil {
		return Made{}, err
	}
	f := &filler{Into: into, rng: rand.New(rand.NewPCG(much.Seed, 0x7461736b666c6f77))} //nolint:gosec // it has to be the same each time
	for i := range much.People {
		if err := f.person(ctx, i); err != nil {
			return f.made, fmt.Errorf("make up a person: %w", err)
		}
	}
	for i := range much.Projects {
		tasks := much.Tasks / much.Projects
		if i < much.Tasks%much.Projects {
			tasks++
		}
		if err := f.project(ctx, i, tasks); err != nil {
			return f.made, fmt.Errorf("make up a project: %w", err)
		}
	}
	return f.made, nil
}

func (f *filler) person(ctx context.Context, i int) error {
	name := firstNames[i%len(firstNames)] + " " + lastNames[(i+i/len(firstNames))%len(lastNames)]
	address := work.Handle(name)
	if i >= len(firstNames) {
		address = fmt.Sprintf("%s.%d", address, i)
	}
	role := actor.Member
	switch {
	case i == 0:
		role = actor.Administrator
	case i%9 == 4:
		role = actor.Guest
	}
	var secret string
	p, err := f.Accounts.Invite(ctx, actor.Service("seed"), accounts.Invitation{Email: address + "@" + f.Domain, Name: name, Role: role},
		func(to accounts.Person, s string, _ time.Time) (outbox.Mail, error) {
			secret = s
			return outbox.Mail{To: to.Email, Subject: "You are made up", Text: "Nobody reads this.", NotBefore: f.Clock().AddDate(100, 0, 0)}, nil
		})
	if fault.Is(err, fault.Conflict) {
		known, err := f.Accounts.ByEmail(ctx, actor.Service("seed"), address+"@"+f.Domain)
		if err != nil {
			return err
		}
		f.people = append(f.people, f.acts(known))
		return nil
	}
	if err != nil {
		return err
	}
	var random [24]byte
	if _, err := io.ReadFull(f.Random, random[:]); err != nil {
		return fmt.Errorf("read random bytes: %w", err)
	}
	if _, err := f.Accounts.Accept(ctx, accounts.From{Agent: "seed"}, secret, name, "Aa1-"+base64.RawURLEncoding.EncodeToString(random[:])); err != nil {
		return err
	}
	f.people = append(f.people, f.acts(p))
	f.made.People++
	return nil
}

func (f *filler) acts(p accounts.Person) actor.Actor {
	return actor.Actor{ID: p.ID, Name: p.Name, Role: p.Role, Kind: actor.Person, Scopes: p.Role.Allows(), Agent: "seed"}
}

func (f *filler) project(ctx context.Context, i, tasks int) error {
	plan := plans[i%len(plans)]
	key, name := plan.key, plan.name
	if n := i / len(plans); n > 0 {
		key, name = fmt.Sprintf("%s%d", plan.key, n+1), fmt.Sprintf("%s %d", plan.name, n+1)
	}
	lead := f.people[0]
	if _, err := f.Work.Choices(ctx, lead, key); err == nil {
		return nil // it is there
	} else if !fault.Is(err, fault.NotFound) {
		return err
	}
	members := make([]uuid.UUID, 0, len(f.people))
	for _, p := range f.people[:min(len(f.people), 40)] {
		members = append(members, p.ID)
	}
	labels := make([]work.LabelEdit, len(plan.labels))
	for i, name := range plan.labels {
		labels[i] = work.LabelEdit{Name: name, Hue: (i*3 + 1) % 10}
	}
	_, err := f.Work.CreateProject(ctx, lead, work.ProjectEdit{Key: key, Name: name, Description: plan.about, Everyone: true, Labels: labels, Members: members})
	if err != nil {
		return err
	}
	f.made.Projects++
	choices, err := f.Work.Choices(ctx, lead, key)
	if err != nil {
		return err
	}
	var last string
	for n := range tasks {
		ref, err := f.task(ctx, plan, choices, key, n)
		if err != nil {
			return fmt.Errorf("task %d of %s: %w", n+1, key, err)
		}
		if last != "" && n%8 == 5 {
			if _, err := f.Work.Relate(ctx, lead, ref.Key, "blocked-by", last); err != nil {
				return err
			}
		}
		last = ref.Key
	}
	return f.rule(ctx, lead, key)
}

func (f *filler) task(ctx context.Context, plan plan, choices work.Choices, key string, n int) (work.TaskRef, error) {
	reporter := f.worker(n)
	task := work.NewTask{Project: key, Title: plan.tasks[n%len(plan.tasks)], Priority: []string{"normal", "normal", "low", "high", "normal", "urgent"}[f.rng.IntN(6)]}
	if round := n / len(plan.tasks); round > 0 {
		task.Title = fmt.Sprintf("%s, part %d", task.Title, round+1)
	}
	if len(choices.Columns) > 0 {
		task.Status = choices.Columns[f.rng.IntN(len(choices.Columns))].ID
	}
	if n%4 != 3 {
		task.Assignee = f.worker(f.rng.IntN(1 << 20)).ID
	}
	if n%3 == 0 {
		task.Due = f.Clock().UTC().AddDate(0, 0, f.rng.IntN(30)-6).Format(time.DateOnly)
	}
	for _, label := range choices.Labels {
		if f.rng.IntN(4) == 0 {
			task.Labels = append(task.Labels, label.ID)
		}
	}
	if n%2 == 0 {
		task.Description = descriptions[n/2%len(descriptions)]
	}
	ref, err := f.Work.CreateTask(ctx, reporter, task)
	if err != nil {
		return ref, err
	}
	f.made.Tasks++
	if n%5 == 1 {
		for i, text := range steps {
			id, err := f.Work.AddStep(ctx, reporter, ref.Key, text)
			if err == nil && i == 0 {
				err = f.Work.ChangeStep(ctx, reporter, ref.Key, id, "done")
			}
			if err != nil {
				return ref, err
			}
		}
	}
	for i := range f.rng.IntN(3) {
		body := remarks[f.rng.IntN(len(remarks))]
		if i == 1 {
			body = "@" + work.Handle(reporter.Name) + " " + body
		}
		if _, err := f.Work.AddComment(ctx, f.worker(f.rng.IntN(1<<20)), ref.Key, body); err != nil {
			return ref, err
		}
		f.made.Comments++
	}
	return ref, nil
}

// worker is somebody who may change tasks.
func (f *filler) worker(n int) actor.Actor {
	for i := range f.people {
		if p := f.people[(n+i)%len(f.people)]; p.Role.AtLeast(actor.Member) {
			return p
		}
	}
	return f.people[0]
}

func (f *filler) rule(ctx context.Context, lead actor.Actor, key string) error {
	_, err := f.Work.SaveRule(ctx, lead, work.Rule{
		Project: key, Name: "Urgent things are looked at", When: "task.created", If: `task.priority == "urgent" && task.assignee == ""`,
		Then: []work.Action{{Do: work.DoAssign, Value: work.Handle(lead.Name)}}, Enabled: true,
	})
	return err
}
