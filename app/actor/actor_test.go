package actor_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/fault"
)

func TestRolesAreOrdered(t *testing.T) {
	roles := actor.Roles()
	for i, one := range roles {
		for j, other := range roles {
			if one.AtLeast(other) != (i <= j) || one.Above(other) != (i < j) {
				t.Errorf("%s and %s", one, other)
			}
		}
		for _, none := range []actor.Role{"", "king", "Owner"} {
			if none.AtLeast(one) || one.AtLeast(none) || none.AtLeast(none) || len(none.Allows()) > 0 {
				t.Errorf("%q counts for something", none)
			}
		}
		if got, err := actor.ParseRole(string(one)); err != nil || got != one {
			t.Errorf("%s: %v", one, err)
		}
	}
	if _, err := actor.ParseRole("root"); !fault.Is(err, fault.Invalid) {
		t.Errorf("root: %v", err)
	}
}

func TestMayIsWhatScopesAndRoleBothAllow(t *testing.T) {
	granted := &actor.Grant{ID: uuid.New()}
	for name, tc := range map[string]struct {
		who  actor.Actor
		want []actor.Scope
	}{
		"nobody":                  {actor.Actor{}, nil},
		"a visitor":               {actor.Nobody("192.0.2.1", ""), nil},
		"a visitor with scopes":   {actor.Actor{Kind: actor.Anonymous, Role: actor.Owner, Scopes: actor.Scopes()}, nil},
		"an empty list":           {actor.Actor{Kind: actor.Person, Role: actor.Owner}, nil},
		"an owner":                {actor.Actor{Kind: actor.Person, Role: actor.Owner, Scopes: actor.Scopes()}, actor.Scopes()},
		"a member":                {actor.Actor{Kind: actor.Person, Role: actor.Member, Scopes: actor.Scopes()}, []actor.Scope{actor.Read, actor.Write}},
		"a member's export token": {actor.Actor{Kind: actor.Person, Role: actor.Member, Scopes: []actor.Scope{actor.Export}}, nil},
		"no role":                 {actor.Actor{Kind: actor.Person, Scopes: actor.Scopes()}, nil},
		"provider without grant":  {actor.Actor{Kind: actor.Provider, Role: actor.Administrator, Scopes: actor.Scopes()}, nil},
		"provider with grant":     {actor.Actor{Kind: actor.Provider, Role: actor.Administrator, Scopes: actor.Scopes(), Grant: granted}, actor.Scopes()},
		"a rule":                  {actor.Rule("r", actor.Owner), []actor.Scope{actor.Read, actor.Write}},
		"the service":             {actor.Service("operator"), actor.Scopes()},
	} {
		t.Run(name, func(t *testing.T) {
			allowed := map[actor.Scope]bool{}
			for _, scope := range tc.want {
				allowed[scope] = true
			}
			for _, scope := range append(actor.Scopes(), "", "root") {
				if tc.who.May(scope) != allowed[scope] || (tc.who.Need(scope) == nil) != allowed[scope] {
					t.Errorf("%q: %v", scope, tc.who.May(scope))
				}
			}
		})
	}
	if err := actor.Nobody("", "").Need(actor.Read); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("a visitor gets %v", err)
	}
}

func TestConfirmationsAreShortAndOfSessions(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	session := uuid.New()
	for name, tc := range map[string]struct {
		who  actor.Actor
		want bool
	}{
		"just now":      {actor.Actor{SessionID: session, ConfirmedAt: now}, true},
		"at the end":    {actor.Actor{SessionID: session, ConfirmedAt: now.Add(-actor.Fresh)}, true},
		"too old":       {actor.Actor{SessionID: session, ConfirmedAt: now.Add(-actor.Fresh - 1)}, false},
		"in the future": {actor.Actor{SessionID: session, ConfirmedAt: now.Add(1)}, false},
		"never":         {actor.Actor{SessionID: session}, false},
		"a token":       {actor.Actor{TokenID: session, ConfirmedAt: now}, false},
	} {
		err := tc.who.NeedConfirmed(now)
		if tc.who.Confirmed(now) != tc.want || (err == nil) != tc.want {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && errors.Is(err, actor.ErrConfirm) == (tc.who.SessionID == uuid.Nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseScopes(f *testing.F) {
	f.Add("read", "admin")
	f.Fuzz(func(t *testing.T, one, two string) {
		scopes, err := actor.ParseScopes([]string{one, two})
		if err == nil && (len(scopes) == 0 || len(scopes) > 2) {
			t.Errorf("%q, %q: %v", one, two, scopes)
		}
	})
}
