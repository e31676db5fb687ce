package accounts_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/actor/trail"
	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/fault"
)

func TestTokens(t *testing.T) {
	c := open(t)
	in := c.join("ada@example.com", actor.Administrator)
	ends := c.now.Add(24 * time.Hour)
	token, secret, err := c.NewToken(t.Context(), in.Visit, "CI", []actor.Scope{actor.Write, actor.Read, actor.Read}, ends)
	must(t, err)
	if !regexp.MustCompile(`^tfp_[A-Za-z0-9_-]{43}$`).MatchString(secret) || token.Ending != secret[len(secret)-4:] || len(token.Scopes) != 2 {
		t.Errorf("%s, %+v", secret, token)
	}
	if row := c.store.Client().APIToken.Query().OnlyX(t.Context()); len(row.Hash) != 64 || row.Hash == secret {
		t.Errorf("stored: %q", row.Hash)
	}
	v, err := c.ByToken(t.Context(), at("198.51.100.4"), secret)
	must(t, err)
	if a := v.Actor; !a.May(actor.Read) || !a.May(actor.Write) || a.May(actor.Admin) || a.May(actor.Export) || a.TokenID != token.ID || a.Confirmed(c.now) {
		t.Errorf("%+v", a)
	}
	if e := trail.Entry(v.Actor, c.now, "task.update"); e.ActorKind != audit.Token || e.ActorID != in.Visit.Person.ID {
		t.Errorf("AC-5: its doings are logged as %+v", e)
	}
	_, _, err = c.NewToken(t.Context(), v, "more", []actor.Scope{actor.Read}, ends)
	wants(t, err, fault.Forbidden)
	_, err = c.ChangePassword(t.Context(), home, v, first, second)
	wants(t, err, fault.Forbidden)
	all, err := c.Tokens(t.Context(), in.Visit)
	must(t, err)
	if len(all) != 1 || !all[0].LastUsed.Equal(c.now) || all[0].LastAddress != "198.51.100.4" {
		t.Errorf("%+v", all)
	}
	used := c.now
	c.later(59 * time.Second)
	_, err = c.ByToken(t.Context(), home, secret)
	must(t, err)
	if all, _ := c.Tokens(t.Context(), in.Visit); !all[0].LastUsed.Equal(used) {
		t.Error("use is written down more than once a minute")
	}
	bob := c.join("bob@example.com", actor.Member)
	wants(t, c.RevokeToken(t.Context(), bob.Visit, token.ID), fault.NotFound)
	must(t, c.RevokeToken(t.Context(), in.Visit, token.ID))
	_, err = c.ByToken(t.Context(), home, secret)
	wants(t, err, fault.Unauthenticated)
}

func TestATokenDoesWhatScopesAndRoleBothAllow(t *testing.T) {
	c := open(t)
	in := c.join("ada@example.com", actor.Administrator)
	_, secret, err := c.NewToken(t.Context(), in.Visit, "all", actor.Scopes(), c.now.Add(accounts.TokenLasts))
	must(t, err)
	may := func(scope actor.Scope) bool {
		v, err := c.ByToken(t.Context(), home, secret)
		must(t, err)
		return v.Actor.May(scope)
	}
	if !may(actor.Admin) || !may(actor.Export) {
		t.Error("an administrator's token lacks its scopes")
	}
	must(t, c.ChangeRole(t.Context(), operator, in.Visit.Person.ID, actor.Member))
	if may(actor.Admin) || may(actor.Export) || !may(actor.Write) {
		t.Error("a token kept the rights of a role that is gone")
	}
	must(t, c.Disable(t.Context(), operator, in.Visit.Person.ID))
	_, err = c.ByToken(t.Context(), home, secret)
	wants(t, err, fault.Unauthenticated)
	must(t, c.Enable(t.Context(), operator, in.Visit.Person.ID))
	_, err = c.ByToken(t.Context(), home, secret)
	wants(t, err, fault.Unauthenticated)
}

func TestTokensThatCannotBe(t *testing.T) {
	c := open(t)
	in := c.join("ada@example.com", actor.Member)
	for name, tc := range map[string]struct {
		name   string
		scopes []actor.Scope
		ends   time.Duration
		many   int
	}{
		"nothing given":     {"", nil, 0, 3},
		"too far away":      {"x", []actor.Scope{actor.Read}, accounts.TokenLasts + time.Second, 1},
		"past":              {"x", []actor.Scope{actor.Read}, -time.Second, 1},
		"no such scope":     {"x", []actor.Scope{"root"}, time.Hour, 1},
		"beyond one's role": {"x", []actor.Scope{actor.Read, actor.Admin, actor.Export}, time.Hour, 2},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := c.NewToken(t.Context(), in.Visit, tc.name, tc.scopes, c.now.Add(tc.ends))
			if n := len(fault.Problems(err)); n != tc.many {
				t.Errorf("%d problems: %v", n, err)
			}
		})
	}
	_, secret, err := c.NewToken(t.Context(), in.Visit, "short", []actor.Scope{actor.Read}, c.now.Add(time.Hour))
	must(t, err)
	for _, wrong := range []string{"", "tfp_", secret[:46], secret + "x", "Tfp_" + secret[4:], secret[4:]} {
		_, err := c.ByToken(t.Context(), home, wrong)
		wants(t, err, fault.Unauthenticated)
	}
	if n := len(c.entries("access.refused")); n != 1 {
		t.Errorf("AC-5: %d refusals are logged within a minute", n)
	}
	c.later(time.Hour)
	_, err = c.ByToken(t.Context(), home, secret)
	wants(t, err, fault.Unauthenticated)
}
