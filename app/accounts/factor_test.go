package accounts_test

import (
	"bytes"
	"image/png"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/password"
)

func TestSettingUpASecondFactor(t *testing.T) {
	c := open(t)
	in := c.join("ada@example.com", actor.Owner)
	setup, err := c.StartFactor(t.Context(), in.Visit)
	must(t, err)
	key, err := otp.NewKeyFromURL(setup.URL)
	must(t, err)
	if key.Secret() != setup.Secret || key.Issuer() != "Acme" || key.AccountName() != "ada@example.com" || key.Period() != 30 || len(setup.Secret) != 32 {
		t.Errorf("the URL is %s", setup.URL)
	}
	picture, err := png.Decode(bytes.NewReader(setup.PNG))
	must(t, err)
	if picture.Bounds().Dx() < 200 {
		t.Errorf("the picture is %v", picture.Bounds())
	}
	stored := c.store.Client().User.Query().OnlyX(t.Context()).TotpSecret
	if bytes.Contains(stored, []byte(setup.Secret)) || len(stored) < 30 {
		t.Error("the secret lies in the clear")
	}
	v, err := c.visit(in.Cookie)
	must(t, err)
	again, err := c.PendingFactor(t.Context(), v)
	must(t, err)
	if again.Secret != setup.Secret {
		t.Error("the picture is of another secret")
	}
	if got := c.signIn("ada@example.com", first).Visit.Stage; got != accounts.Full {
		t.Errorf("a factor that is not confirmed is asked for: %s", got)
	}
	_, _, err = c.ConfirmFactor(t.Context(), home, v, "000000")
	if code := c.code(setup.Secret); code != "000000" {
		wants(t, err, fault.Invalid)
	}
	code := c.code(setup.Secret)
	in, codes, err := c.ConfirmFactor(t.Context(), home, v, code[:3]+" "+code[3:])
	must(t, err)
	if !in.Visit.Actor.SecondFactor || in.Visit.Stage != accounts.Full || len(codes) != 10 {
		t.Errorf("%+v, %d codes", in.Visit.Actor, len(codes))
	}
	form := regexp.MustCompile(`^([a-z2-7]{4}-){3}[a-z2-7]{4}$`)
	for _, code := range codes {
		if !form.MatchString(code) {
			t.Errorf("a recovery code is %q", code)
		}
	}
	for _, row := range c.store.Client().RecoveryCode.Query().AllX(t.Context()) {
		if len(row.Hash) != 64 {
			t.Errorf("stored: %q", row.Hash)
		}
	}
	_, err = c.StartFactor(t.Context(), in.Visit)
	wants(t, err, fault.Conflict)
}

func TestACodeIsGoodOnceAndForAShortWhile(t *testing.T) {
	c := open(t)
	in, secret, _ := c.factor(c.join("ada@example.com", actor.Owner))
	_ = in
	try := func(code string) error {
		waiting := c.signIn("ada@example.com", first)
		if waiting.Visit.Stage != accounts.NeedsCode || waiting.Visit.Actor.May(actor.Read) || waiting.Device != "" {
			t.Fatalf("without a code the stage is %s", waiting.Visit.Stage)
		}
		_, err := c.Code(t.Context(), home, waiting.Visit, code)
		return err
	}
	wants(t, try(c.code(secret)), fault.Unauthenticated) // the one that set it up
	c.later(time.Minute)
	early := c.code(secret)
	must(t, try(early))
	wants(t, try(early), fault.Unauthenticated)
	c.later(30 * time.Second)
	next := c.code(secret)
	must(t, try(next))
	wants(t, try(early), fault.Unauthenticated) // older than the newest
	c.later(30 * time.Second)
	late := c.code(secret)
	c.later(30 * time.Second)
	must(t, try(late)) // one step late is a clock that differs
	old := c.code(secret)
	c.later(90 * time.Second)
	wants(t, try(old), fault.Unauthenticated)
	for _, none := range []string{"", "12345", "1234567", "١٢٣٤٥٦", strings.Repeat("1", 100000)} {
		if err := try(none); !fault.Is(err, fault.Unauthenticated) && !fault.Is(err, fault.TooMany) {
			t.Errorf("%.10q: %v", none, err)
		}
	}
}

func TestOneOfTwoWhoGiveACodeAtOnceComesIn(t *testing.T) {
	c := open(t)
	_, secret, codes := c.factor(c.join("ada@example.com", actor.Owner))
	c.later(time.Minute)
	for name, code := range map[string]string{"of the device": c.code(secret), "of recovery": strings.ToUpper(codes[3])} {
		t.Run(name, func(t *testing.T) {
			var in atomic.Int32
			var all sync.WaitGroup
			for range 4 {
				waiting := c.signIn("ada@example.com", first)
				all.Go(func() {
					if _, err := c.Code(t.Context(), home, waiting.Visit, code); err == nil {
						in.Add(1)
					}
				})
			}
			all.Wait()
			if in.Load() != 1 {
				t.Errorf("%d came in", in.Load())
			}
		})
	}
}

func TestCodesCannotBeGuessed(t *testing.T) {
	c := open(t)
	_, secret, _ := c.factor(c.join("ada@example.com", actor.Owner))
	c.later(time.Minute)
	var err error
	for range 8 { // a new sign-in for each is no way around
		_, err = c.Code(t.Context(), at("203.0.113.9"), c.signIn("ada@example.com", first).Visit, "999999")
	}
	wants(t, err, fault.TooMany)
	if len(c.entries("sign-in.code")) == 0 {
		t.Error("AC-5: refusals are not logged")
	}
	// The one at home is not kept out by it.
	if _, err := c.Code(t.Context(), home, c.signIn("ada@example.com", first).Visit, c.code(secret)); err != nil {
		t.Error(err)
	}
}

func TestAWaitingSessionDoesNothingAndDoesNotLast(t *testing.T) {
	everySort(t, func(t *testing.T, c *client) {
		c.factor(c.join("ada@example.com", actor.Owner))
		waiting := c.signIn("ada@example.com", first)
		v := waiting.Visit
		for name, err := range map[string]error{
			"sessions": func() error { _, err := c.Sessions(t.Context(), v); return err }(),
			"password": func() error { _, err := c.ChangePassword(t.Context(), home, v, first, second); return err }(),
			"confirm":  func() error { _, err := c.Confirm(t.Context(), home, v, first, ""); return err }(),
			"factor":   c.RemoveFactor(t.Context(), v),
			"codes":    func() error { _, err := c.NewRecoveryCodes(t.Context(), v); return err }(),
			"token": func() error {
				_, _, err := c.NewToken(t.Context(), v, "x", []actor.Scope{actor.Read}, c.now.Add(time.Hour))
				return err
			}(),
			"theme":  c.SetTheme(t.Context(), v, "dark"),
			"people": func() error { _, _, err := c.People(t.Context(), v.Actor, accounts.Search{}); return err }(),
			"others": c.RevokeOthers(t.Context(), v),
		} {
			if err == nil {
				t.Errorf("%s: allowed", name)
			}
		}
		c.later(accounts.Unfinished + time.Second)
		if c.alive(waiting.Cookie) {
			t.Error("it lasts")
		}
	})
}

func TestRemovingASecondFactor(t *testing.T) {
	c := open(t)
	in, secret, codes := c.factor(c.join("ada@example.com", actor.Owner))
	c.later(actor.Fresh + time.Second)
	v, err := c.visit(in.Cookie)
	must(t, err)
	if err := c.RemoveFactor(t.Context(), v); !isConfirm(err) {
		t.Fatalf("without a confirmation: %v", err)
	}
	_, err = c.Confirm(t.Context(), home, v, first, "") // the password is not enough
	wants(t, err, fault.Invalid)
	in, err = c.Confirm(t.Context(), home, v, first, c.code(secret))
	must(t, err)
	fresh, err := c.NewRecoveryCodes(t.Context(), in.Visit)
	must(t, err)
	if _, err := c.Code(t.Context(), home, c.signIn("ada@example.com", first).Visit, codes[0]); err == nil {
		t.Error("an earlier recovery code is good")
	}
	if _, err := c.Code(t.Context(), home, c.signIn("ada@example.com", first).Visit, fresh[0]); err != nil {
		t.Errorf("a new recovery code: %v", err)
	}
	state, err := c.FactorState(t.Context(), in.Visit)
	must(t, err)
	if !state.On || state.CodesLeft != 9 || state.Required {
		t.Errorf("%+v", state)
	}
	must(t, c.SetRules(t.Context(), operator, accounts.Rules{Password: password.Default(), Factor: accounts.FactorEveryone}))
	wants(t, c.RemoveFactor(t.Context(), in.Visit), fault.Forbidden)
	must(t, c.SetRules(t.Context(), operator, accounts.Rules{Password: password.Default(), Factor: accounts.FactorOptional}))
	must(t, c.RemoveFactor(t.Context(), in.Visit))
	if got := c.signIn("ada@example.com", first).Visit.Stage; got != accounts.Full {
		t.Errorf("removed, and the stage is %s", got)
	}
	if n := c.store.Client().RecoveryCode.Query().CountX(t.Context()); n != 0 {
		t.Errorf("%d recovery codes stay", n)
	}
}
