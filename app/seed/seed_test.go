package seed_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/expression"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/files"
	"github.com/berth-iac/berth/app/limits"
	"github.com/berth-iac/berth/app/markdown"
	"github.com/berth-iac/berth/app/outbox"
	"github.com/berth-iac/berth/app/password"
	"github.com/berth-iac/berth/app/seal"
	"github.com/berth-iac/berth/app/seed"
	"github.com/berth-iac/berth/app/space"
	"github.com/berth-iac/berth/app/store/storetest"
	"github.com/berth-iac/berth/app/tenancy"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func clock() time.Time { return storetest.Now }

// open is a client with nothing in it.
func open(t *testing.T) (*client.Client, seed.Into) {
	t.Helper()
	disk, err := files.NewDisk(t.TempDir(), "acme", clock())
	must(t, err)
	t.Cleanup(func() { _ = disk.Close() })
	keys, err := seal.New("acme", seal.NewKey())
	must(t, err)
	memory := space.NewMemory(space.MemoryOptions{Clock: clock})
	room, err := space.New(memory, "acme")
	must(t, err)
	sandbox, err := expression.New()
	must(t, err)
	gate, err := limits.NewGate(limits.GateOptions{Slots: 10})
	must(t, err)
	many := config.Rate{Requests: 1000, Period: config.Duration(time.Minute)}
	c, err := client.Open(t.Context(), &tenancy.Tenant{Name: "acme", DisplayName: "Acme", Hosts: []string{"acme.example.org"}, Store: storetest.SQLite(t), Seal: keys, Space: room,
		Files: disk, Rates: config.Rates{Client: many, User: many, Address: many, Login: many}, Passwords: config.Passwords{Minimum: 12}},
		client.Process{Hasher: password.NewTestHasher(), Sandbox: sandbox, Renderer: markdown.New(), Gate: gate, Memory: memory, Clock: clock, Random: rand.Reader,
			Log: slog.New(slog.DiscardHandler), Scheme: "https"})
	must(t, err)
	return c, seed.Into{Accounts: c.Accounts, Work: c.Work, Clock: clock, Random: rand.Reader, Domain: "people.example"}
}

// told is all that a client holds, without ids and times.
func told(t *testing.T, c *client.Client) []string {
	t.Helper()
	var all []string
	db := c.Store.Client()
	names := map[string]string{}
	people, err := db.User.Query().All(t.Context())
	must(t, err)
	for _, one := range people {
		names[one.ID.String()] = one.Name
		all = append(all, fmt.Sprint("person ", one.Name, one.Email, one.Role, one.Status))
	}
	tasks, err := db.Task.Query().WithProject().WithState().WithLabels().All(t.Context())
	must(t, err)
	keys := map[string]string{}
	for _, one := range tasks {
		key := fmt.Sprint(one.Edges.Project.Key, "-", one.Number)
		keys[one.ID.String()] = key
		assignee, due := "", ""
		if one.AssigneeID != nil {
			assignee = names[one.AssigneeID.String()]
		}
		if one.DueOn != nil {
			due = *one.DueOn
		}
		var labels []string
		for _, label := range one.Edges.Labels {
			labels = append(labels, label.Name)
		}
		slices.Sort(labels)
		all = append(all, fmt.Sprint("task ", key, one.Title, one.Description, one.Priority, one.Edges.State.Name, assignee, due, labels))
	}
	comments, err := db.Comment.Query().All(t.Context())
	must(t, err)
	for _, one := range comments {
		all = append(all, fmt.Sprint("comment ", keys[one.TaskID.String()], one.Body))
	}
	relations, err := db.TaskRelation.Query().Count(t.Context())
	must(t, err)
	rules, err := db.AutomationRule.Query().Count(t.Context())
	must(t, err)
	all = append(all, fmt.Sprint("relations ", relations, " rules ", rules))
	slices.Sort(all)
	return all
}

// The same options give the same data; another number gives other data.
func TestTheSameSeedGivesTheSameData(t *testing.T) {
	much := seed.Amount{People: 7, Projects: 4, Tasks: 37, Seed: 4711}
	fill := func(much seed.Amount) []string {
		c, into := open(t)
		made, err := seed.Fill(t.Context(), into, much)
		must(t, err)
		if made.People != much.People || made.Projects != much.Projects || made.Tasks != much.Tasks {
			t.Errorf("%+v was asked for, %+v was made", much, made)
		}
		return told(t, c)
	}
	first, second := fill(much), fill(much)
	if !slices.Equal(first, second) {
		for i := range min(len(first), len(second)) {
			if first[i] != second[i] {
				t.Fatalf("they differ:\n%s\n%s", first[i], second[i])
			}
		}
		t.Fatalf("they are %d and %d", len(first), len(second))
	}
	much.Seed++
	if slices.Equal(first, fill(much)) {
		t.Error("another number gives the same data")
	}
}

// DP-6: nothing in it is of a real person: addresses that nobody can have, names that are made up, and nobody who can sign in.
func TestWhatIsMadeUpIsNobodys_DP_6(t *testing.T) {
	c, into := open(t)
	_, err := seed.Fill(t.Context(), into, seed.Amount{People: 45, Projects: 1, Tasks: 10, Seed: 1})
	must(t, err)
	people, err := c.Store.Client().User.Query().All(t.Context())
	must(t, err)
	seen := map[string]bool{}
	for _, one := range people {
		if !strings.HasSuffix(one.Email, "@people.example") || seen[one.Email] || seen[one.Name] && len(people) < 300 {
			t.Errorf("somebody is %s, %s", one.Name, one.Email)
		}
		seen[one.Email], seen[one.Name] = true, true
		if one.Role == "owner" {
			t.Errorf("%s is an owner", one.Name)
		}
		for _, guess := range []string{"", "password", one.Name, "Aa1-", "correct-horse-battery-7"} {
			if _, err := c.Accounts.SignIn(t.Context(), accounts.From{Agent: "test"}, one.Email, guess); err == nil {
				t.Errorf("%s signs in with %q", one.Name, guess)
			}
			if len(seen) > 6 {
				break // the first of them had all guesses
			}
		}
	}
	done, err := c.Outbox.Deliver(t.Context(), func(_ context.Context, m outbox.Mail) error {
		t.Errorf("a mail goes out to %s", m.To)
		return nil
	})
	if err != nil || done.Sent > 0 {
		t.Errorf("%+v %v", done, err)
	}
	report, err := c.Audit.Verify(t.Context())
	if err != nil || !report.OK() || report.Entries < 45 {
		t.Errorf("the log of it is %+v %v", report, err)
	}
}

// What is there already stays.
func TestFillingTwiceChangesNothing(t *testing.T) {
	c, into := open(t)
	much := seed.Amount{People: 4, Projects: 2, Tasks: 9, Seed: 3}
	_, err := seed.Fill(t.Context(), into, much)
	must(t, err)
	owner, err := c.Accounts.Invite(t.Context(), actor.Service("operator"), accounts.Invitation{Email: "owner@acme.example", Role: actor.Owner},
		func(to accounts.Person, _ string, _ time.Time) (outbox.Mail, error) {
			return outbox.Mail{To: to.Email, Subject: "An invitation", Text: "-"}, nil
		})
	must(t, err)
	before := told(t, c)
	made, err := seed.Fill(t.Context(), into, much)
	must(t, err)
	if made != (seed.Made{}) || !slices.Equal(before, told(t, c)) {
		t.Errorf("the second time made %+v, and %s is there", made, owner.Email)
	}
}

func TestAmountsAreChecked(t *testing.T) {
	must(t, seed.Demo().Check())
	err := seed.Amount{People: 0, Projects: -1, Tasks: 2_000_000}.Check()
	for _, word := range []string{"people from 1 to 5000", "projects from 0 to 500", "tasks from 0 to 1000000"} {
		if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Problems(err)[0].Fix, word) {
			t.Errorf("%v does not say %q", err, word)
		}
	}
	if err := (seed.Amount{People: 1, Tasks: 1}).Check(); !fault.Is(err, fault.Invalid) {
		t.Errorf("tasks without a project: %v", err)
	}
	_, into := open(t)
	if _, err := seed.Fill(t.Context(), into, seed.Amount{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("nothing was filled in: %v", err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := seed.Fill(over, into, seed.Demo()); err == nil {
		t.Error("it does not stop when it is told to")
	}
}
