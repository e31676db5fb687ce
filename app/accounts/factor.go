package accounts

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"image/png"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/recoverycode"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/ent/user"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store"
)

const (
	period        = 30 // seconds
	secretBytes   = 20 // RFC 4226 recommends 160 bits
	recoveryCodes = 10
	pictureSize   = 256
)

var (
	codeForm     = regexp.MustCompile(`^[0-9]{6}$`)
	recoveryForm = regexp.MustCompile(`^[a-z2-7]{16}$`)
	letters      = base32.StdEncoding.WithPadding(base32.NoPadding)
)

// Setup is a second factor that waits for its first code.
type Setup struct {
	Secret string // to be typed in by hand
	URL    string // otpauth://
	PNG    []byte // the URL as a QR code
}

// FactorState is a visitor's second factor.
type FactorState struct {
	On        bool
	Since     time.Time
	CodesLeft int
	Required  bool
}

func sealedSecret(id uuid.UUID) string { return "users.totp_secret/" + id.String() }

// FactorState tells about a visitor's second factor.
func (a *Accounts) FactorState(ctx context.Context, v Visit) (FactorState, error) {
	if err := v.has(Full, NeedsFactor); err != nil {
		return FactorState{}, err
	}
	rules, err := a.Rules(ctx)
	if err != nil {
		return FactorState{}, err
	}
	left, err := a.options.Store.Client().RecoveryCode.Query().Where(recoverycode.UserID(v.user.ID), recoverycode.UsedAtIsNil()).Count(ctx)
	if err != nil {
		return FactorState{}, fmt.Errorf("count recovery codes: %w", store.Translate(err))
	}
	state := FactorState{On: v.user.TotpConfirmedAt != nil, CodesLeft: left, Required: rules.needsFactor(v.user)}
	if state.On {
		state.Since = *v.user.TotpConfirmedAt
	}
	return state, nil
}

// StartFactor makes a new secret, which counts for nothing until ConfirmFactor.
func (a *Accounts) StartFactor(ctx context.Context, v Visit) (Setup, error) {
	if err := errors.Join(v.has(Full, NeedsFactor), a.confirmed(v.Actor)); err != nil {
		return Setup{}, err
	}
	if v.user.TotpConfirmedAt != nil {
		return Setup{}, errFactorOn()
	}
	secret := make([]byte, secretBytes)
	if _, err := io.ReadFull(a.options.Random, secret); err != nil {
		return Setup{}, fmt.Errorf("read random bytes: %w", err)
	}
	n, err := a.options.Store.Client().User.Update().Where(user.ID(v.user.ID), user.TotpConfirmedAtIsNil()).
		SetTotpSecret(a.options.Keys.Seal(secret, sealedSecret(v.user.ID))).SetUpdatedAt(a.now()).Save(ctx)
	if err != nil {
		return Setup{}, fmt.Errorf("keep a second factor: %w", store.Translate(err))
	}
	if n == 0 {
		return Setup{}, errFactorOn()
	}
	return a.setup(v.user.Email, secret)
}

func errFactorOn() error {
	return fault.Clash("the second step is on already", "remove it first to set up another device")
}

// PendingFactor shows a started set-up once more.
func (a *Accounts) PendingFactor(_ context.Context, v Visit) (Setup, error) {
	if err := v.has(Full, NeedsFactor); err != nil {
		return Setup{}, err
	}
	if v.user.TotpConfirmedAt != nil || len(v.user.TotpSecret) == 0 {
		return Setup{}, fault.Missing("set-up")
	}
	secret, err := a.options.Keys.Open(v.user.TotpSecret, sealedSecret(v.user.ID))
	if err != nil {
		return Setup{}, fmt.Errorf("open a second factor: %w", err)
	}
	return a.setup(v.user.Email, secret)
}

func (a *Accounts) setup(email string, secret []byte) (Setup, error) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: strings.ReplaceAll(a.options.Client, ":", " "), AccountName: email, Secret: secret, Period: period})
	if err != nil {
		return Setup{}, fmt.Errorf("describe a second factor: %w", err)
	}
	picture, err := key.Image(pictureSize, pictureSize)
	if err != nil {
		return Setup{}, fmt.Errorf("draw a second factor: %w", err)
	}
	var file bytes.Buffer
	if err := png.Encode(&file, picture); err != nil {
		return Setup{}, fmt.Errorf("draw a second factor: %w", err)
	}
	return Setup{Secret: key.Secret(), URL: key.URL(), PNG: file.Bytes()}, nil
}

// ConfirmFactor turns the second factor on with its first code, and gives the recovery codes: they are shown this once. The session gets
// a new value, and the person's others end.
func (a *Accounts) ConfirmFactor(ctx context.Context, from From, v Visit, code string) (SignedIn, []string, error) {
	if err := errors.Join(v.has(Full, NeedsFactor), a.confirmed(v.Actor)); err != nil {
		return SignedIn{}, nil, err
	}
	if v.user.TotpConfirmedAt != nil || len(v.user.TotpSecret) == 0 {
		return SignedIn{}, nil, fault.Missing("set-up")
	}
	step, err := a.step(v.user, clean(code))
	if err != nil {
		return SignedIn{}, nil, err
	}
	if step == 0 {
		return SignedIn{}, nil, fault.BadInput("code", "the code is not right", "look whether the clock of your device is right, and give the newest code")
	}
	codes, hashes, err := a.newCodes()
	if err != nil {
		return SignedIn{}, nil, err
	}
	s := v.session
	s.SecondFactor = true
	in, err := a.rise(ctx, from, v, s, "second-factor.on", func(c *change) error {
		n, err := c.User.Update().Where(user.ID(v.user.ID), user.TotpConfirmedAtIsNil(), user.TotpSecret(v.user.TotpSecret), user.TotpLastStepLT(step)).
			SetTotpConfirmedAt(a.now()).SetTotpLastStep(step).SetUpdatedAt(a.now()).Save(ctx)
		if err != nil {
			return fmt.Errorf("turn a second factor on: %w", err)
		}
		if n == 0 {
			return fault.Clash("the set-up was begun anew", "start again")
		}
		if err := putCodes(ctx, c, v.user.ID, hashes, a.now()); err != nil {
			return err
		}
		return c.keep(func(k keeper) error { return k.dropAll(ctx, v.user.ID, v.session.Hash) })
	})
	if err != nil {
		return SignedIn{}, nil, err
	}
	return in, codes, nil
}

// RemoveFactor turns it off, where nothing requires it. It has to be confirmed who does it.
func (a *Accounts) RemoveFactor(ctx context.Context, v Visit) error {
	if err := errors.Join(v.has(Full), a.confirmed(v.Actor)); err != nil {
		return err
	}
	rules, err := a.Rules(ctx)
	if err != nil {
		return err
	}
	if rules.needsFactor(v.user) {
		return fault.Refused("a second step is required here")
	}
	return a.tx(ctx, func(c *change) error {
		if err := a.dropFactor(ctx, c, v.user.ID); err != nil {
			return err
		}
		if err := c.keep(func(k keeper) error { return k.dropAll(ctx, v.user.ID, v.session.Hash) }); err != nil {
			return err
		}
		return c.log(ctx, v.Actor, "second-factor.off")
	})
}

// ResetFactor takes the second factor from somebody who has lost it, codes and all. Their sessions end.
func (a *Accounts) ResetFactor(ctx context.Context, who actor.Actor, id uuid.UUID) error {
	if err := a.confirmed(who); err != nil {
		return err
	}
	return a.administer(ctx, who, id, "second-factor.reset", func(c *change, u *ent.User) error {
		if err := a.dropFactor(ctx, c, u.ID); err != nil {
			return err
		}
		return c.keep(func(k keeper) error { return k.dropAll(ctx, u.ID, "") })
	})
}

// dropFactor leaves the newest step, so that no code that was used comes back.
func (a *Accounts) dropFactor(ctx context.Context, c *change, id uuid.UUID) error {
	if err := c.User.UpdateOneID(id).ClearTotpSecret().ClearTotpConfirmedAt().SetUpdatedAt(a.now()).Exec(ctx); err != nil {
		return fmt.Errorf("remove a second factor: %w", err)
	}
	if _, err := c.RecoveryCode.Delete().Where(recoverycode.UserID(id)).Exec(ctx); err != nil {
		return fmt.Errorf("remove recovery codes: %w", err)
	}
	return nil
}

// NewRecoveryCodes makes all codes anew; those from before are void.
func (a *Accounts) NewRecoveryCodes(ctx context.Context, v Visit) ([]string, error) {
	if err := errors.Join(v.has(Full), a.confirmed(v.Actor)); err != nil {
		return nil, err
	}
	if v.user.TotpConfirmedAt == nil {
		return nil, fault.Clash("there is no second step", "set one up first")
	}
	codes, hashes, err := a.newCodes()
	if err != nil {
		return nil, err
	}
	return codes, a.tx(ctx, func(c *change) error {
		if err := putCodes(ctx, c, v.user.ID, hashes, a.now()); err != nil {
			return err
		}
		return c.log(ctx, v.Actor, "second-factor.codes")
	})
}

// Reseal seals with the client's first key what was sealed with an older one, and tells how many secrets that were.
func (a *Accounts) Reseal(ctx context.Context) (int, error) {
	people, err := a.options.Store.Client().User.Query().Where(user.TotpSecretNotNil()).All(ctx)
	if err != nil {
		return 0, fmt.Errorf("read second factors: %w", store.Translate(err))
	}
	done := 0
	for _, u := range people {
		if len(u.TotpSecret) == 0 || !a.options.Keys.Old(u.TotpSecret) {
			continue
		}
		secret, err := a.options.Keys.Open(u.TotpSecret, sealedSecret(u.ID))
		if err != nil {
			return done, fmt.Errorf("open the second factor of person %s: %w", u.ID, err)
		}
		n, err := a.options.Store.Client().User.Update().Where(user.ID(u.ID), user.TotpSecret(u.TotpSecret)).
			SetTotpSecret(a.options.Keys.Seal(secret, sealedSecret(u.ID))).Save(ctx)
		if err != nil {
			return done, fmt.Errorf("seal a second factor again: %w", store.Translate(err))
		}
		done += n
	}
	return done, nil
}

func (a *Accounts) newCodes() (codes, hashes []string, err error) {
	for range recoveryCodes {
		var random [10]byte
		if _, err := io.ReadFull(a.options.Random, random[:]); err != nil {
			return nil, nil, fmt.Errorf("read random bytes: %w", err)
		}
		code := strings.ToLower(letters.EncodeToString(random[:]))
		codes = append(codes, code[:4]+"-"+code[4:8]+"-"+code[8:12]+"-"+code[12:])
		hashes = append(hashes, digest(code))
	}
	return codes, hashes, nil
}

func putCodes(ctx context.Context, c *change, id uuid.UUID, hashes []string, now time.Time) error {
	if _, err := c.RecoveryCode.Delete().Where(recoverycode.UserID(id)).Exec(ctx); err != nil {
		return fmt.Errorf("remove recovery codes: %w", err)
	}
	for _, hash := range hashes {
		if err := c.RecoveryCode.Create().SetID(schema.NewID()).SetUserID(id).SetHash(hash).SetCreatedAt(now).Exec(ctx); err != nil {
			return fmt.Errorf("keep recovery codes: %w", err)
		}
	}
	return nil
}

// clean takes out of a code what people put in between.
func clean(code string) string {
	if len(code) > 64 {
		return ""
	}
	return strings.NewReplacer(" ", "", "-", "", "\t", "").Replace(strings.ToLower(strings.TrimSpace(code)))
}

// step gives the step of time that a code is of: the present one or one of its neighbours, for clocks differ. 0 is none.
func (a *Accounts) step(u *ent.User, code string) (int64, error) {
	if !codeForm.MatchString(code) {
		return 0, nil
	}
	secret, err := a.options.Keys.Open(u.TotpSecret, sealedSecret(u.ID))
	if err != nil {
		return 0, fmt.Errorf("open a second factor: %w", err)
	}
	text, found, present := letters.EncodeToString(secret), int64(0), a.now().Unix()/period
	for step := present - 1; step <= present+1; step++ {
		want, err := hotp.GenerateCodeCustom(text, uint64(step), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return 0, fmt.Errorf("make a code: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			found = step
		}
	}
	return found, nil
}

// errCode is the answer to a code that is wrong, old or used.
func errCode() error { return fault.SignIn("the code is not right") }

// spend uses up a code in a transaction: of a code given twice, even in the same moment, one is right. A code of the device is right
// only if it is newer than any before; a recovery code only once.
func spend(ctx context.Context, c *change, u *ent.User, code string, step int64) error {
	n, err := 0, error(nil)
	switch {
	case step > 0:
		n, err = c.User.Update().
			Where(user.ID(u.ID), user.TotpConfirmedAtNotNil(), user.TotpSecret(u.TotpSecret), user.TotpLastStepLT(step), user.StatusEQ(user.StatusActive)).
			SetTotpLastStep(step).Save(ctx)
	case recoveryForm.MatchString(code):
		n, err = c.RecoveryCode.Update().
			Where(recoverycode.UserID(u.ID), recoverycode.Hash(digest(code)), recoverycode.UsedAtIsNil()).SetUsedAt(c.accounts.now()).Save(ctx)
	}
	if err != nil {
		return fmt.Errorf("use a code: %w", err)
	}
	if n == 0 {
		return errCode()
	}
	return nil
}

// Code gives the second factor: a code of the device, or a recovery code. The session gets a new value.
func (a *Accounts) Code(ctx context.Context, from From, v Visit, code string) (SignedIn, error) {
	if err := v.has(NeedsCode); err != nil {
		return SignedIn{}, err
	}
	code = clean(code)
	about := []func(*audit.Entry){target("person "+v.user.Name, v.user.ID)}
	try := a.attempt("code", v.user.ID.String(), v.user.ID, from)
	if err := a.enter(ctx, try); err != nil {
		return SignedIn{}, a.blocked(ctx, err, try, v.Actor, "sign-in.code", about...)
	}
	step, err := a.step(v.user, code)
	if err != nil {
		return SignedIn{}, err
	}
	s := v.session
	s.SecondFactor, s.Confirmed = true, a.now()
	how := "the device"
	if step == 0 {
		how = "a recovery code"
	}
	in, err := a.rise(ctx, from, v, s, "sign-in", func(c *change) error { return spend(ctx, c, v.user, code, step) }, detail("second factor", how))
	if err != nil {
		if fault.Is(err, fault.Unauthenticated) {
			err = a.refuse(ctx, err, v.Actor, "sign-in.code", append(about, detail("reason", "wrong or used code"))...)
		}
		return SignedIn{}, err
	}
	if in.Device, err = a.remember(from, v.user.ID); err != nil {
		return SignedIn{}, err
	}
	return in, a.succeeded(ctx, try)
}

// rise puts a session with a new value and more rights in place of a visit's, in a transaction with do.
func (a *Accounts) rise(ctx context.Context, from From, v Visit, s session, action string, do func(c *change) error, about ...func(*audit.Entry)) (SignedIn, error) {
	rules, err := a.Rules(ctx)
	if err != nil {
		return SignedIn{}, err
	}
	var in SignedIn
	err = a.tx(ctx, func(c *change) error {
		if err := do(c); err != nil {
			return err
		}
		u, err := c.User.Get(ctx, v.user.ID)
		if err != nil {
			return err
		}
		s := s
		s.Seen = a.now()
		switch {
		case u.PasswordSetAt == nil:
		case s.Created.IsZero(): // a new one, by a new password
			s.Created = *u.PasswordSetAt
		case s.Created.Before(*u.PasswordSetAt): // it ended meanwhile
			return errNobody()
		}
		if v.Stage == NeedsCode { // it was to last minutes
			s.Expires = a.end(u, s.SecondFactor, v.Actor.Grant)
		}
		var cookie string
		if cookie, s, err = a.renew(ctx, c, v, s); err != nil {
			return err
		}
		in = SignedIn{Visit: a.visit(u, s, v.Actor.Grant, rules, from), Cookie: cookie}
		return c.log(ctx, in.Visit.Actor, action, append(about, target("person "+u.Name, u.ID))...)
	})
	return in, err
}
