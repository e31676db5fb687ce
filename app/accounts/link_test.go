package accounts_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent/outgoingmail"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/outbox"
)

func mails(c *client, to string) int {
	return c.store.Client().OutgoingMail.Query().Where(outgoingmail.Recipient(to)).CountX(c.t.Context())
}

// AC-9: a lost password is replaced by reset instructions only; whether there is an account does not show.
func TestAC9ResetLinks(t *testing.T) {
	everySort(t, func(t *testing.T, c *client) {
		in, secret, _ := c.factor(c.join("ada@example.com", actor.Owner))
		c.later(time.Minute)
		for _, email := range []string{"nobody@example.com", "ADA@example.com"} {
			must(t, c.Forgotten(t.Context(), home, email, c.letter))
		}
		if mails(c, "nobody@example.com") != 0 || mails(c, "ada@example.com") != 2 { // with the invitation
			t.Error("the wrong people got mail")
		}
		link := c.secret
		for _, row := range c.store.Client().Link.Query().AllX(t.Context()) {
			if row.Hash == link || len(row.Hash) != 64 {
				t.Errorf("stored: %q", row.Hash)
			}
		}
		p, err := c.ResetOf(t.Context(), link)
		must(t, err)
		if p.Email != "ada@example.com" {
			t.Errorf("it is the link of %s", p.Email)
		}
		_, _, err = c.Reset(t.Context(), home, link, "short")
		wants(t, err, fault.Invalid) // and the link is still good
		_, _, err = c.Reset(t.Context(), home, link, first)
		wants(t, err, fault.Invalid) // the same again is no new one
		_, device, err := c.Reset(t.Context(), home, link, second)
		must(t, err)
		if n := c.store.Client().Session.Query().CountX(t.Context()); n != 0 {
			t.Errorf("%d sessions are still kept", n)
		}
		if c.alive(in.Cookie) {
			t.Error("a session outlived the reset")
		}
		if device == "" {
			t.Error("who holds the mailbox has no way past those who guess")
		}
		_, _, err = c.Reset(t.Context(), home, link, "yet-another-one-55")
		wants(t, err, fault.NotFound)
		waiting := c.signIn("ada@example.com", second)
		if waiting.Visit.Stage != accounts.NeedsCode {
			t.Errorf("the second factor is gone: %s", waiting.Visit.Stage)
		}
		_, err = c.Code(t.Context(), home, waiting.Visit, c.code(secret))
		must(t, err)
		c.whole()
	})
}

func TestResetLinksEnd(t *testing.T) {
	c := open(t)
	in := c.join("ada@example.com", actor.Owner)
	must(t, c.Forgotten(t.Context(), home, "ada@example.com", c.letter))
	one := c.secret
	c.later(accounts.ResetLasts)
	_, _, err := c.Reset(t.Context(), home, one, second)
	wants(t, err, fault.NotFound)
	must(t, c.Forgotten(t.Context(), home, "ada@example.com", c.letter))
	two := c.secret
	v, err := c.visit(in.Cookie)
	must(t, err)
	_, err = c.ChangePassword(t.Context(), home, v, first, second)
	must(t, err)
	_, _, err = c.Reset(t.Context(), home, two, "yet-another-one-55")
	wants(t, err, fault.NotFound)
	for _, none := range []string{"", "x", strings.Repeat("A", 43), strings.Repeat("A", 100000)} {
		_, err := c.ResetOf(t.Context(), none)
		wants(t, err, fault.NotFound)
		_, err = c.InvitationOf(t.Context(), none)
		wants(t, err, fault.NotFound)
	}
	_, err = c.InvitationOf(t.Context(), two) // of another kind
	wants(t, err, fault.NotFound)
}

func TestALinkIsUsedOnceEvenAtOnce(t *testing.T) {
	c := open(t)
	c.join("ada@example.com", actor.Owner)
	must(t, c.Forgotten(t.Context(), home, "ada@example.com", c.letter))
	link := c.secret
	var done atomic.Int32
	var all sync.WaitGroup
	for _, chosen := range []string{"first-of-the-two-11", "other-of-the-two-22", "third-of-the-two-33"} {
		all.Go(func() {
			if _, _, err := c.Reset(t.Context(), home, link, chosen); err == nil {
				done.Add(1)
			}
		})
	}
	all.Wait()
	if done.Load() != 1 {
		t.Errorf("used %d times", done.Load())
	}
}

func TestResetsAreLimitedPerAccountAndAddress(t *testing.T) {
	c := open(t)
	c.join("ada@example.com", actor.Owner)
	before := mails(c, "ada@example.com")
	for i := range 8 {
		must(t, c.Forgotten(t.Context(), at("203.0.113."+string(rune('1'+i))), "ada@example.com", c.letter))
	}
	if n := mails(c, "ada@example.com") - before; n != 3 {
		t.Errorf("%d mails", n)
	}
	var err error
	for range 12 {
		err = c.Forgotten(t.Context(), home, "nobody@example.com", c.letter)
	}
	wants(t, err, fault.TooMany)
	broken := errors.New("no template")
	bad := func(accounts.Person, string, time.Time) (outbox.Mail, error) { return outbox.Mail{}, broken }
	for _, email := range []string{"ada@example.com", "nobody@example.com"} {
		if err := c.Forgotten(t.Context(), at("198.51.100.7"), email, bad); !errors.Is(err, broken) {
			t.Errorf("a failure tells who exists: %s: %v", email, err)
		}
	}
}

func TestInvitations(t *testing.T) {
	c := open(t)
	ada := c.join("ada@example.com", actor.Administrator)
	who := ada.Visit.Actor
	team, err := c.NewTeam(t.Context(), who, "Crew", "", nil)
	must(t, err)
	_, err = c.Invite(t.Context(), who, accounts.Invitation{Email: "no address", Role: "king"}, c.letter)
	if len(fault.Problems(err)) != 2 {
		t.Errorf("not all problems at once: %v", err)
	}
	_, err = c.Invite(t.Context(), who, accounts.Invitation{Email: "boss@example.com", Role: actor.Owner}, c.letter)
	wants(t, err, fault.Forbidden)
	p, err := c.Invite(t.Context(), who, accounts.Invitation{Email: "Bob@Example.com", Role: actor.Member, Teams: []uuid.UUID{team.ID}}, c.letter)
	must(t, err)
	one := c.secret
	_, err = c.Invite(t.Context(), who, accounts.Invitation{Email: "bob@example.com", Role: actor.Member}, c.letter)
	wants(t, err, fault.Conflict)
	pending, err := c.Invitations(t.Context(), who)
	must(t, err)
	if len(pending) != 1 || pending[0].Person.ID != p.ID || pending[0].By != who.ID || !pending[0].Expires.Equal(c.now.Add(accounts.InvitationLasts)) {
		t.Errorf("%+v", pending)
	}
	must(t, c.InviteAgain(t.Context(), who, p.ID, c.letter))
	_, err = c.Accept(t.Context(), home, one, "Bob", first)
	wants(t, err, fault.NotFound)
	two := c.secret
	_, err = c.Accept(t.Context(), home, two, "", "short")
	fields := []string{}
	for _, problem := range fault.Problems(err) {
		fields = append(fields, problem.Field)
	}
	if !slices.Contains(fields, "name") || !slices.Contains(fields, "password") {
		t.Errorf("not all problems at once: %v", err)
	}
	in, err := c.Accept(t.Context(), home, two, "Bob Bobson", first)
	must(t, err)
	if in.Visit.Person.Name != "Bob Bobson" || in.Visit.Actor.Role != actor.Member || !c.alive(in.Cookie) || in.Visit.Stage != accounts.Full {
		t.Errorf("%+v", in.Visit.Person)
	}
	_, err = c.Accept(t.Context(), home, two, "Bob", first)
	wants(t, err, fault.NotFound)
	teams, err := c.Teams(t.Context(), who)
	must(t, err)
	if len(teams) != 1 || len(teams[0].Members) != 1 || teams[0].Members[0].ID != p.ID {
		t.Errorf("teams: %+v", teams)
	}

	late, err := c.Invite(t.Context(), who, accounts.Invitation{Email: "late@example.com", Role: actor.Guest}, c.letter)
	must(t, err)
	link := c.secret
	c.later(accounts.InvitationLasts)
	_, err = c.Accept(t.Context(), home, link, "Late", first)
	wants(t, err, fault.NotFound)
	must(t, c.InviteAgain(t.Context(), who, late.ID, c.letter))
	must(t, c.Uninvite(t.Context(), who, late.ID))
	_, err = c.Accept(t.Context(), home, c.secret, "Late", first)
	wants(t, err, fault.NotFound)
	for _, e := range c.entries("person.invite") {
		if strings.Contains(e.Detail, link) {
			t.Error("the log holds a link")
		}
	}
}

func TestMembersGuestsAndTokensInviteNobody(t *testing.T) {
	c := open(t)
	for role, email := range map[actor.Role]string{actor.Member: "m@example.com", actor.Guest: "g@example.com"} {
		who := c.join(email, role).Visit.Actor
		_, err := c.Invite(t.Context(), who, accounts.Invitation{Email: "x@example.com", Role: actor.Guest}, c.letter)
		wants(t, err, fault.Forbidden)
		_, err = c.InviteStaff(t.Context(), who, "x@example.com", "X", c.letter)
		wants(t, err, fault.Forbidden)
		wants(t, c.SendReset(t.Context(), who, uuid.New(), c.letter), map[actor.Role]fault.Kind{actor.Member: fault.NotFound, actor.Guest: fault.NotFound}[role])
	}
	_, err := c.Invite(t.Context(), actor.Actor{}, accounts.Invitation{Email: "x@example.com", Role: actor.Guest}, c.letter)
	wants(t, err, fault.Unauthenticated)
}
