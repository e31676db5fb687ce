package accounts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/password"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/storetest"
)

func TestSessionsOnEveryEngine(t *testing.T) {
	storetest.Each(t, func(t *testing.T, openStore func(*testing.T) *store.Store) {
		c := openOn(t, openStore(t))
		in := c.join("ada@example.com", actor.Owner)
		in, secret, codes := c.factor(in)
		c.later(30 * time.Second)
		waiting := c.signIn("ada@example.com", first)
		done, err := c.Code(t.Context(), home, waiting.Visit, c.code(secret))
		must(t, err)
		_, err = c.Code(t.Context(), home, c.signIn("ada@example.com", first).Visit, c.code(secret))
		wants(t, err, fault.Unauthenticated)
		again, err := c.Code(t.Context(), home, c.signIn("ada@example.com", first).Visit, codes[0])
		must(t, err)
		own, err := c.Sessions(t.Context(), done.Visit)
		must(t, err)
		if len(own) != 4 { // with the one that waits for a code
			t.Errorf("%d sessions", len(own))
		}
		must(t, c.RevokeOthers(t.Context(), done.Visit))
		if c.alive(in.Cookie) || c.alive(again.Cookie) || !c.alive(done.Cookie) {
			t.Error("the others did not end, or the present one did")
		}
		bob := c.join("bob@example.com", actor.Owner)
		must(t, c.ChangeRole(t.Context(), operator, bob.Visit.Person.ID, actor.Member))
		wants(t, c.ChangeRole(t.Context(), operator, done.Visit.Person.ID, actor.Member), fault.Conflict)
		team, err := c.NewTeam(t.Context(), done.Visit.Actor, "Crew", "", []uuid.UUID{bob.Visit.Person.ID})
		must(t, err)
		must(t, c.ChangeTeam(t.Context(), done.Visit.Actor, team.ID, "Crew", "none", nil))
		teams, err := c.Teams(t.Context(), done.Visit.Actor)
		must(t, err)
		if len(teams) != 1 || len(teams[0].Members) != 0 || teams[0].Description != "none" {
			t.Errorf("%+v", teams)
		}
		must(t, c.SetRules(t.Context(), operator, accounts.Rules{Password: password.Default(), Factor: accounts.FactorEveryone}))
		must(t, c.SetRules(t.Context(), operator, accounts.Rules{Password: password.Default(), Factor: accounts.FactorOptional}))
		must(t, c.Sweep(t.Context()))
		c.whole()
	})
}

func TestASessionsValueIsRandomAndStoredNowhere(t *testing.T) {
	c := open(t)
	in := c.join("ada@example.com", actor.Owner)
	if len(in.Cookie) != 43 {
		t.Errorf("%d characters", len(in.Cookie))
	}
	row := c.store.Client().Session.Query().OnlyX(t.Context())
	if row.Hash == in.Cookie || len(row.Hash) != 64 {
		t.Errorf("stored: %q", row.Hash)
	}
	for _, wrong := range []string{"", row.Hash, in.Cookie[:42], in.Cookie + "x", row.ID.String(), strings.Repeat("A", 43)} {
		if c.alive(wrong) {
			t.Errorf("%q opens it", wrong)
		}
	}
	if !c.alive(in.Cookie) {
		t.Error("its own value does not")
	}
}

// Session fixation: whatever a browser had before it signed in, or rose, opens nothing afterwards.
func TestSessionsGetANewValueWhenRightsChange(t *testing.T) {
	everySort(t, func(t *testing.T, c *client) {
		planted := c.join("mallory@example.com", actor.Member)
		c.join("ada@example.com", actor.Owner)
		from := home
		from.Cookie = planted.Cookie
		in, err := c.SignIn(t.Context(), from, "ada@example.com", first)
		must(t, err)
		if in.Cookie == planted.Cookie || c.alive(planted.Cookie) {
			t.Error("sign-in kept the value")
		}
		confirmed, err := c.Confirm(t.Context(), home, in.Visit, first, "")
		must(t, err)
		if c.alive(in.Cookie) || !c.alive(confirmed.Cookie) {
			t.Error("a confirmation kept the value")
		}
		_, err = c.Confirm(t.Context(), home, in.Visit, first, "")
		wants(t, err, fault.Unauthenticated) // a value that is over rises no more
		on, secret, _ := c.factor(confirmed)
		if c.alive(confirmed.Cookie) {
			t.Error("setting up the second factor kept the value")
		}
		c.later(time.Minute)
		waiting := c.signIn("ada@example.com", first)
		full, err := c.Code(t.Context(), home, waiting.Visit, c.code(secret))
		must(t, err)
		if c.alive(waiting.Cookie) || !c.alive(full.Cookie) || !c.alive(on.Cookie) {
			t.Error("the second factor kept the value")
		}
		bob := c.join("bob@example.com", actor.Member)
		must(t, c.ChangeRole(t.Context(), operator, bob.Visit.Person.ID, actor.Administrator))
		if c.alive(bob.Cookie) {
			t.Error("a new role kept the session")
		}
	})
}

// Whoever runs the service may choose shorter times.
func TestSessionsEndByTheTimesGiven(t *testing.T) {
	c := open(t, func(o *accounts.Options) {
		o.Idle, o.Absolute, o.Fresh = time.Hour, 3*time.Hour, time.Minute
	})
	in := c.join("ada@example.com", actor.Owner)
	c.later(time.Hour + time.Second)
	if c.alive(in.Cookie) {
		t.Error("unused for longer than an hour, it did not end")
	}
	in = c.signIn("ada@example.com", first)
	if !in.Visit.Actor.Confirmed(c.now.Add(time.Minute)) || in.Visit.Actor.Confirmed(c.now.Add(time.Minute+time.Second)) {
		t.Errorf("a confirmation is good for another time than a minute: %+v", in.Visit.Actor)
	}
	start := c.now
	for c.now.Sub(start) < 3*time.Hour-50*time.Minute {
		c.later(50 * time.Minute)
		if !c.alive(in.Cookie) {
			t.Fatalf("in use, it ended after %v", c.now.Sub(start))
		}
	}
	c.now = start.Add(3 * time.Hour)
	if c.alive(in.Cookie) {
		t.Error("it is good for longer than three hours")
	}
}

func TestSessionsEndByTime(t *testing.T) {
	everySort(t, func(t *testing.T, c *client) {
		in := c.join("ada@example.com", actor.Owner)
		start := c.now
		for c.now.Sub(start) < accounts.Absolute-accounts.Idle {
			c.later(accounts.Idle - time.Hour)
			if !c.alive(in.Cookie) {
				t.Fatalf("in use, it ended after %v", c.now.Sub(start))
			}
		}
		c.now = start.Add(accounts.Absolute)
		if c.alive(in.Cookie) {
			t.Error("it is good for longer than allowed")
		}
		in = c.signIn("ada@example.com", first)
		c.later(accounts.Idle + time.Second)
		if c.alive(in.Cookie) {
			t.Error("unused, it did not end")
		}
	})
}

func TestUseIsWrittenDownOnceAMinute(t *testing.T) {
	c := open(t)
	in := c.join("ada@example.com", actor.Owner)
	seen := func() time.Time { return c.store.Client().Session.Query().OnlyX(t.Context()).LastSeenAt }
	before := seen()
	c.later(59 * time.Second)
	c.alive(in.Cookie)
	if !seen().Equal(before) {
		t.Error("written within the minute")
	}
	c.later(time.Second)
	c.alive(in.Cookie)
	if !seen().Equal(c.now) {
		t.Error("not written after a minute")
	}
}

func TestEverySessionEndsWithThePasswordAndTheAccount(t *testing.T) {
	everySort(t, func(t *testing.T, c *client) {
		c.join("boss@example.com", actor.Owner)
		c.join("ada@example.com", actor.Member)
		c.later(time.Second)
		one, two := c.signIn("ada@example.com", first), c.signIn("ada@example.com", first)
		c.later(time.Second)
		changed, err := c.ChangePassword(t.Context(), home, one.Visit, first, second)
		must(t, err)
		if c.alive(one.Cookie) || c.alive(two.Cookie) || !c.alive(changed.Cookie) {
			t.Error("a session outlived the password")
		}
		if _, err := c.SignIn(t.Context(), home, "ada@example.com", first); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("the old password: %v", err)
		}
		must(t, c.Disable(t.Context(), operator, changed.Visit.Person.ID))
		if c.alive(changed.Cookie) {
			t.Error("a session outlived the account")
		}
		must(t, c.Enable(t.Context(), operator, changed.Visit.Person.ID))
		if c.alive(changed.Cookie) {
			t.Error("a session came back with the account")
		}
		if !c.alive(c.signIn("ada@example.com", second).Cookie) {
			t.Error("who is enabled does not come in")
		}
	})
}

func TestPeopleSeeAndEndTheirOwnSessionsOnly(t *testing.T) {
	everySort(t, func(t *testing.T, c *client) {
		bob := c.join("bob@example.com", actor.Member)
		c.join("ada@example.com", actor.Owner)
		c.later(time.Minute)
		here, there := c.signIn("ada@example.com", first), c.signIn("ada@example.com", first)
		own, err := c.Sessions(t.Context(), here.Visit)
		must(t, err)
		current := 0
		for _, s := range own {
			if s.Current {
				current++
			}
			if s.ID == bob.Visit.Session.ID {
				t.Error("somebody else's session is listed")
			}
		}
		if len(own) != 3 || current != 1 {
			t.Errorf("%d sessions, %d current", len(own), current)
		}
		wants(t, c.Revoke(t.Context(), here.Visit, bob.Visit.Session.ID), fault.NotFound)
		must(t, c.Revoke(t.Context(), here.Visit, there.Visit.Session.ID))
		if c.alive(there.Cookie) || !c.alive(here.Cookie) || !c.alive(bob.Cookie) {
			t.Error("the wrong session ended")
		}
		must(t, c.SignOut(t.Context(), here.Visit))
		if c.alive(here.Cookie) {
			t.Error("signing out did not end it")
		}
		must(t, c.SignOutPerson(t.Context(), operator, bob.Visit.Person.ID))
		if c.alive(bob.Cookie) {
			t.Error("an administrator did not end it")
		}
	})
}

func TestDangerousActionsWantConfirmation(t *testing.T) {
	c := open(t)
	in := c.join("ada@example.com", actor.Owner)
	bob := c.join("bob@example.com", actor.Member)
	c.later(actor.Fresh + time.Second)
	v, err := c.visit(in.Cookie)
	must(t, err)
	actions := map[string]func(accounts.Visit) error{
		"token": func(v accounts.Visit) error {
			_, _, err := c.NewToken(t.Context(), v, "x", []actor.Scope{actor.Read}, c.now.Add(time.Hour))
			return err
		},
		"factor": func(v accounts.Visit) error { _, err := c.StartFactor(t.Context(), v); return err },
		"grant": func(v accounts.Visit) error {
			_, err := c.OpenGrant(t.Context(), v.Actor, "because", time.Hour)
			return err
		},
		"rules": func(v accounts.Visit) error {
			return c.SetRules(t.Context(), v.Actor, accounts.Rules{Password: password.Default(), Factor: accounts.FactorOptional})
		},
		"role": func(v accounts.Visit) error {
			return c.ChangeRole(t.Context(), v.Actor, bob.Visit.Person.ID, actor.Guest)
		},
		"address": func(v accounts.Visit) error {
			return c.SetProfile(t.Context(), v, accounts.Profile{Name: "Ada", Email: "ada@other.example", Timezone: "UTC"})
		},
		"another's factor": func(v accounts.Visit) error { return c.ResetFactor(t.Context(), v.Actor, bob.Visit.Person.ID) },
	}
	for name, do := range actions {
		if err := do(v); !isConfirm(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = c.Confirm(t.Context(), home, v, "wrong", "")
	wants(t, err, fault.Invalid)
	sure, err := c.Confirm(t.Context(), home, v, first, "")
	must(t, err)
	for name, do := range actions {
		if err := do(sure.Visit); err != nil {
			t.Errorf("%s, confirmed: %v", name, err)
		}
	}
}

// Should a session be written late, or not be removed (its store was away), it is over all the same.
func TestASessionFromBeforeThePasswordIsOverWhereverItIsFound(t *testing.T) {
	c := open(t)
	in := c.join("ada@example.com", actor.Owner)
	row := c.store.Client().Session.Query().OnlyX(t.Context())
	c.later(time.Second)
	_, err := c.ChangePassword(t.Context(), home, in.Visit, first, second)
	must(t, err)
	must(t, c.store.Client().Session.Create().SetHash(row.Hash).SetUserID(row.UserID).SetCreatedAt(row.CreatedAt).
		SetLastSeenAt(row.LastSeenAt).SetExpiresAt(row.ExpiresAt).Exec(t.Context()))
	if c.alive(in.Cookie) {
		t.Error("it opens the account")
	}
	if n := c.store.Client().Session.Query().CountX(t.Context()); n != 1 {
		t.Errorf("%d sessions are kept", n)
	}
}
