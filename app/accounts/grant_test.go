package accounts_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/actor/trail"
	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/ent/auditentry"
	"github.com/berth-iac/berth/app/fault"
)

// AC-8: the provider's account is shut unless a grant is open, ends with it, and every doing under it is marked in the client's log.
func TestAC8TheProviderComesInUnderAGrantOnly(t *testing.T) {
	everySort(t, func(t *testing.T, c *client) {
		owner := c.join("ada@example.com", actor.Owner)
		sam := c.staff()
		_, err := c.SignIn(t.Context(), home, sam.Email, second)
		wants(t, err, fault.Unauthenticated)
		grant, err := c.OpenGrant(t.Context(), owner.Visit.Actor, "ticket 4711", 2*time.Hour)
		must(t, err)
		in := c.signIn(sam.Email, second)
		in, secret, _ := c.factor(in)
		a := in.Visit.Actor
		if a.Kind != actor.Provider || a.Grant == nil || a.Grant.ID != grant.ID || !a.May(actor.Admin) {
			t.Fatalf("%+v", a)
		}
		team, err := c.NewTeam(t.Context(), a, "Made by the provider", "", nil)
		must(t, err)
		_ = team
		for _, action := range []string{"sign-in", "second-factor.on", "team.create"} {
			all := c.entries(action)
			e := all[len(all)-1]
			if e.ActorKind != auditentry.ActorKindProvider || e.GrantID == nil || *e.GrantID != grant.ID || !strings.Contains(e.Detail, "ticket 4711") {
				t.Errorf("%s is logged without its mark: %v", action, e)
			}
		}
		// It lets nobody stay: no grant of its own, no token, no role above.
		_, err = c.OpenGrant(t.Context(), a, "let me stay", time.Hour)
		wants(t, err, fault.Forbidden)
		wants(t, c.CloseGrant(t.Context(), a, grant.ID), fault.Forbidden)
		_, _, err = c.NewToken(t.Context(), in.Visit, "stay", []actor.Scope{actor.Read}, c.now.Add(time.Hour))
		wants(t, err, fault.Forbidden)
		_, err = c.Invite(t.Context(), a, accounts.Invitation{Email: "x@provider.example", Role: actor.Owner}, c.letter)
		wants(t, err, fault.Forbidden)
		wants(t, c.ChangeRole(t.Context(), operator, sam.ID, actor.Owner), fault.Forbidden)

		must(t, c.CloseGrant(t.Context(), owner.Visit.Actor, grant.ID))
		if c.alive(in.Cookie) {
			t.Error("a session outlived its grant, which was closed")
		}
		_, err = c.OpenGrant(t.Context(), operator, "incident 9", time.Hour)
		must(t, err)
		if c.alive(in.Cookie) {
			t.Error("a session came back with another grant")
		}
		c.later(time.Minute)
		in, err = c.Code(t.Context(), home, c.signIn(sam.Email, second).Visit, c.code(secret))
		must(t, err)
		for range 3 { // in use
			c.later(19 * time.Minute)
			if !c.alive(in.Cookie) {
				t.Fatal("it ended before its time")
			}
		}
		c.later(3 * time.Minute)
		if c.alive(in.Cookie) {
			t.Error("a session outlived its grant, whose time is over")
		}
		visits, err := c.ProviderVisits(t.Context(), owner.Visit.Actor, 10)
		must(t, err)
		if len(visits) != 2 || visits[0].Reason != "incident 9" || visits[1].Reason != "ticket 4711" || visits[0].Name != "Sam" || visits[0].Address != "192.0.2.1" {
			t.Errorf("the client sees %+v", visits)
		}
		grants, err := c.Grants(t.Context(), owner.Visit.Actor, 10)
		must(t, err)
		if len(grants) != 2 || grants[0].ByClient || grants[0].Open(c.now) || !grants[1].ByClient || grants[1].By != "ada" || grants[1].Closed.IsZero() {
			t.Errorf("the client sees %+v", grants)
		}
		c.whole()
	})
}

func TestAC8GrantsAreBoxedInTimeAndHaveAReason(t *testing.T) {
	c := open(t)
	owner, member := c.join("ada@example.com", actor.Owner).Visit.Actor, c.join("bob@example.com", actor.Member).Visit.Actor
	for name, tc := range map[string]struct {
		who    actor.Actor
		reason string
		length time.Duration
		want   fault.Kind
	}{
		"the operator for longer than 72 hours": {operator, "because", accounts.OperatorGrant + time.Second, fault.Invalid},
		"the operator without a reason":         {operator, "  ", time.Hour, fault.Invalid},
		"no time":                               {operator, "because", 0, fault.Invalid},
		"an owner for longer than 30 days":      {owner, "because", accounts.ClientGrant + time.Second, fault.Invalid},
		"a member":                              {member, "because", time.Hour, fault.Forbidden},
		"nobody":                                {actor.Actor{}, "because", time.Hour, fault.Unauthenticated},
		"a rule":                                {actor.Rule("r", actor.Owner), "because", time.Hour, fault.Forbidden},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.OpenGrant(t.Context(), tc.who, tc.reason, tc.length)
			wants(t, err, tc.want)
		})
	}
	for _, who := range []actor.Actor{operator, owner} {
		if _, err := c.OpenGrant(t.Context(), who, "because", accounts.OperatorGrant); err != nil {
			t.Error(err)
		}
	}
}

func TestAC8UnusedSessionsOfTheStaffEndSoon(t *testing.T) {
	c := open(t)
	sam := c.staff()
	_, err := c.OpenGrant(t.Context(), operator, "incident 9", 72*time.Hour)
	must(t, err)
	in := c.signIn(sam.Email, second)
	c.later(accounts.StaffIdle + time.Second)
	if c.alive(in.Cookie) {
		t.Error("unused, it did not end")
	}
	in = c.signIn(sam.Email, second)
	for range int(accounts.StaffAbsolute/(20*time.Minute)) - 1 {
		c.later(20 * time.Minute)
		if !c.alive(in.Cookie) {
			t.Fatal("in use, it ended")
		}
	}
	c.later(20 * time.Minute)
	if c.alive(in.Cookie) {
		t.Error("it is good for longer than a working day")
	}
}

func TestAC8EveryEntryUnderAGrantIsMarked(t *testing.T) {
	grant := &actor.Grant{Reason: "ticket 1"}
	for name, who := range map[string]actor.Actor{
		"session":                {Kind: actor.Provider, Grant: grant},
		"whatever the kind says": {Kind: actor.Person, Grant: grant},
	} {
		if e := trail.Entry(who, time.Time{}, "x"); e.ActorKind != audit.Provider || e.Detail["grant reason"] != "ticket 1" {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if (actor.Actor{Kind: actor.Provider, Role: actor.Administrator, Scopes: actor.Scopes()}).May(actor.Read) {
		t.Error("the provider may do something without a grant")
	}
}

func TestAC8ATokenOfTheStaffIsNotGoodWhereverItComesFrom(t *testing.T) {
	c := open(t)
	sam := c.staff()
	secret := "tfp_" + strings.Repeat("A", 43)
	sum := sha256.Sum256([]byte(secret))
	must(t, c.store.Client().APIToken.Create().SetUserID(sam.ID).SetName("x").SetHash(hex.EncodeToString(sum[:])).SetEnding("AAAA").
		SetScopes([]string{"read"}).SetCreatedAt(c.now).SetExpiresAt(c.now.Add(time.Hour)).Exec(t.Context()))
	_, err := c.OpenGrant(t.Context(), operator, "incident 9", time.Hour)
	must(t, err)
	_, err = c.ByToken(t.Context(), home, secret)
	wants(t, err, fault.Unauthenticated)
}
