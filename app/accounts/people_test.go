package accounts_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/ent/user"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/storetest"
)

func TestNobodyRaisesAboveTheirOwnRole(t *testing.T) {
	c := open(t)
	actors, ids := map[actor.Role]actor.Actor{}, map[actor.Role]accounts.Person{}
	for _, role := range actor.Roles() {
		actors[role] = c.join(string(role)+"1@example.com", role).Visit.Actor
	}
	for _, who := range actor.Roles() {
		for _, target := range actor.Roles() {
			for _, to := range actor.Roles() {
				ids[target] = c.join(fmt.Sprintf("%s-%s-%s@example.com", who, target, to), target).Visit.Person
				may := who == actor.Owner || who == actor.Administrator && target != actor.Owner && to != actor.Owner
				err := c.ChangeRole(t.Context(), actors[who], ids[target].ID, to)
				if may != (err == nil) {
					t.Errorf("%s makes a %s a %s: %v", who, target, to, err)
				}
				if err != nil {
					wants(t, err, fault.Forbidden)
				}
			}
		}
	}
	owner := actors[actor.Owner]
	wants(t, c.ChangeRole(t.Context(), owner, owner.ID, actor.Guest), fault.Forbidden)
	wants(t, c.ChangeRole(t.Context(), owner, ids[actor.Guest].ID, "king"), fault.Invalid)
}

func TestTheLastOwnerStays(t *testing.T) {
	c := open(t)
	one, two := c.join("one@example.com", actor.Owner).Visit, c.join("two@example.com", actor.Owner).Visit
	must(t, c.Disable(t.Context(), one.Actor, two.Person.ID))
	wants(t, c.Disable(t.Context(), operator, one.Person.ID), fault.Conflict)
	wants(t, c.ChangeRole(t.Context(), operator, one.Person.ID, actor.Member), fault.Conflict)
	must(t, c.Enable(t.Context(), operator, two.Person.ID))
	must(t, c.ChangeRole(t.Context(), operator, one.Person.ID, actor.Member))
}

func TestTwoOwnersWhoRemoveEachOtherAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, openStore func(*testing.T) *store.Store) {
		c := openOn(t, openStore(t))
		one, two := c.join("one@example.com", actor.Owner).Visit, c.join("two@example.com", actor.Owner).Visit
		var done atomic.Int32
		var all sync.WaitGroup
		for who, whom := range map[*accounts.Visit]*accounts.Visit{&one: &two, &two: &one} {
			all.Go(func() {
				if err := c.ChangeRole(t.Context(), who.Actor, whom.Person.ID, actor.Guest); err == nil {
					done.Add(1)
				}
			})
		}
		all.Wait()
		if n := c.store.Client().User.Query().Where(user.RoleEQ(user.RoleOwner)).CountX(t.Context()); n < 1 || done.Load() > 1 {
			t.Errorf("%d owners are left, %d were removed", n, done.Load())
		}
	})
}

func TestListingPeople(t *testing.T) {
	c := open(t)
	ada := c.join("ada@example.com", actor.Owner).Visit
	for i := range 12 {
		c.join(fmt.Sprintf("person%02d@example.com", i), actor.Member)
	}
	guest := c.join("guest@example.com", actor.Guest).Visit
	for name, tc := range map[string]struct {
		search      accounts.Search
		shown, all  int
		firstPerson string
	}{
		"all":         {accounts.Search{}, 14, 14, "ada"},
		"second page": {accounts.Search{Page: 2, Size: 5}, 5, 14, "person03"},
		"words":       {accounts.Search{Words: "PERSON 1"}, 3, 3, "person01"},
		"role":        {accounts.Search{Role: actor.Guest}, 1, 1, "guest"},
		"status":      {accounts.Search{Status: accounts.Disabled}, 0, 0, ""},
		"wild cards":  {accounts.Search{Words: "%"}, 0, 0, ""},
		"many words":  {accounts.Search{Words: strings.Repeat("person01 ", 5000)}, 1, 1, "person01"},
	} {
		t.Run(name, func(t *testing.T) {
			people, all, err := c.People(t.Context(), ada.Actor, tc.search)
			must(t, err)
			if len(people) != tc.shown || all != tc.all || len(people) > 0 && people[0].Name != tc.firstPerson {
				t.Errorf("%d of %d, %v", len(people), all, people)
			}
		})
	}
	_, _, err := c.People(t.Context(), guest.Actor, accounts.Search{})
	wants(t, err, fault.Forbidden)
	_, err = c.Person(t.Context(), guest.Actor, ada.Person.ID)
	wants(t, err, fault.NotFound)
	_, err = c.ByEmail(t.Context(), guest.Actor, "ada@example.com")
	wants(t, err, fault.Forbidden)
	_, _, err = c.People(t.Context(), actor.Nobody("192.0.2.1", ""), accounts.Search{})
	wants(t, err, fault.Unauthenticated)
}

func TestProfiles(t *testing.T) {
	c := open(t)
	c.join("bob@example.com", actor.Member)
	v := c.join("ada@example.com", actor.Owner).Visit
	err := c.SetProfile(t.Context(), v, accounts.Profile{Name: "a\nb", Email: "x", Timezone: "Mars/Base", Locale: "<x>"})
	if len(fault.Problems(err)) != 4 {
		t.Errorf("not all problems at once: %v", err)
	}
	wants(t, c.SetProfile(t.Context(), v, accounts.Profile{Name: "Ada", Email: "bob@example.com", Timezone: "UTC"}), fault.Invalid)
	must(t, c.SetProfile(t.Context(), v, accounts.Profile{Name: "Ada Lovelace", Email: "Ada@Other.example", Timezone: "Europe/London", Locale: "en-GB"}))
	must(t, c.SetTheme(t.Context(), v, "dark"))
	wants(t, c.SetTheme(t.Context(), v, "red"), fault.Invalid)
	must(t, c.SetMail(t.Context(), v, schema.MailChoices{Mentioned: true}))
	p, err := c.Person(t.Context(), v.Actor, v.Person.ID)
	must(t, err)
	if p.Name != "Ada Lovelace" || p.Email != "ada@other.example" || p.Timezone != "Europe/London" || p.Locale != "en-GB" || p.Theme != "dark" ||
		p.Mail != (schema.MailChoices{Mentioned: true}) {
		t.Errorf("%+v", p)
	}
}

func TestAccountsReachOneClientOnly(t *testing.T) {
	one, other := open(t), open(t)
	in := one.join("ada@example.com", actor.Owner)
	other.join("ada@example.com", actor.Owner)
	if other.alive(in.Cookie) {
		t.Error("DP-1: one client's session opens another")
	}
	_, secret, err := one.NewToken(t.Context(), in.Visit, "x", []actor.Scope{actor.Read}, one.now.Add(time.Hour))
	must(t, err)
	_, err = other.ByToken(t.Context(), home, secret)
	wants(t, err, fault.Unauthenticated)
	from := home
	from.Device = in.Device
	again, err := other.SignIn(t.Context(), from, "ada@example.com", first)
	must(t, err)
	if again.Device == "" {
		t.Error("DP-1: one client's device mark counts at another")
	}
}
