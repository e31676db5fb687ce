package accounts

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/limits"
)

// Attempts to guess are counted in four lanes. Each lets a few through freely, then one after a wait, which doubles from one to the next.
//
//   - of one account from one address: what an honest person who forgot meets;
//   - of one address, whatever the account: one password tried on many accounts;
//   - of one account, from wherever: many addresses that try one account. It lets slowly through what would otherwise be a way to
//     lock somebody out;
//   - of one account from one device that has signed in to it before (it has a mark): such a device meets this lane only. So whoever
//     fails on purpose, from wherever, keeps nobody out who comes with their own browser.
//
// All are counted by what was typed, so that they tell nothing of which accounts exist.
type lane struct {
	name        string
	free        int64
	window      time.Duration // how long an attempt counts
	first, most time.Duration // the waits
}

var (
	pairLane    = lane{"pair", 5, 24 * time.Hour, 15 * time.Second, 15 * time.Minute}
	addressLane = lane{"address", 40, time.Hour, 5 * time.Second, 5 * time.Minute}
	accountLane = lane{"account", 20, 24 * time.Hour, 15 * time.Second, 5 * time.Minute}
	deviceLane  = lane{"device", 10, 24 * time.Hour, 15 * time.Second, 15 * time.Minute}
)

// attempt is one try, counted before its secret is compared, so that many at once are no way around.
type attempt struct {
	lanes []lane
	keys  []string
}

// DeviceLasts is how long a device's mark is good.
const DeviceLasts = 180 * 24 * time.Hour

// attempts gives the lanes of a try: what is what is guessed, account is whose, person is known where there is one.
func (a *Accounts) attempt(what, account string, person uuid.UUID, from From) attempt {
	if random, ok := a.knows(from.Device, person); ok {
		return attempt{[]lane{deviceLane}, []string{a.fingerprint(what, "device", account, random)}}
	}
	address := limits.Key(from.Address)
	return attempt{
		[]lane{pairLane, addressLane, accountLane},
		[]string{a.fingerprint(what, "pair", account, address), a.fingerprint(what, "address", address), a.fingerprint(what, "account", account)},
	}
}

func (t attempt) tries(i int) string { return "tries/" + t.lanes[i].name + "/" + t.keys[i] }
func (t attempt) wait(i int) string  { return "wait/" + t.lanes[i].name + "/" + t.keys[i] }

// enter lets a try through or says when to come back.
func (a *Accounts) enter(ctx context.Context, t attempt) error {
	for i := range t.lanes {
		if err := a.waits(ctx, t, i); err != nil {
			return err
		}
	}
	for i, l := range t.lanes {
		n, err := a.options.Space.Increment(ctx, t.tries(i), 1, l.window)
		if err != nil {
			return fmt.Errorf("count an attempt: %w", err)
		}
		if n <= l.free {
			continue
		}
		pause := l.most
		if doublings := n - l.free - 1; doublings < 16 {
			pause = min(l.first<<doublings, l.most)
		}
		until := a.now().Add(pause)
		won, err := a.options.Space.SetIfAbsent(ctx, t.wait(i), binary.BigEndian.AppendUint64(nil, uint64(until.UnixMicro())), pause)
		if err != nil {
			return fmt.Errorf("count an attempt: %w", err)
		}
		if !won { // somebody came in the same moment: this one was no try
			for j := range i + 1 {
				if err := a.uncount(ctx, t, j); err != nil {
					return err
				}
			}
			return tooMany(pause)
		}
	}
	return nil
}

func (a *Accounts) waits(ctx context.Context, t attempt, i int) error {
	value, found, err := a.options.Space.Get(ctx, t.wait(i))
	if err != nil {
		return fmt.Errorf("look for a wait: %w", err)
	}
	if !found || len(value) != 8 {
		return nil
	}
	until := time.UnixMicro(int64(binary.BigEndian.Uint64(value)))
	if left := until.Sub(a.now()); left > 0 {
		return tooMany(left)
	}
	return nil
}

func tooMany(after time.Duration) error {
	return fault.Limited("too many attempts: wait a little and try again", max(after.Round(time.Second), time.Second))
}

func (a *Accounts) uncount(ctx context.Context, t attempt, i int) error {
	if _, err := a.options.Space.Increment(ctx, t.tries(i), -1, t.lanes[i].window); err != nil {
		return fmt.Errorf("take back an attempt: %w", err)
	}
	return nil
}

// succeeded takes back a try that was right. What others tried stays counted, but for this account from this address or device.
func (a *Accounts) succeeded(ctx context.Context, t attempt) error {
	for i, l := range t.lanes {
		if l.name == pairLane.name || l.name == deviceLane.name {
			if err := a.options.Space.Delete(ctx, t.tries(i), t.wait(i)); err != nil {
				return fmt.Errorf("forget attempts: %w", err)
			}
			continue
		}
		if err := a.uncount(ctx, t, i); err != nil {
			return err
		}
	}
	return nil
}

// blocked logs that a try was not let through: once a minute for each sort of try, or a flood of them would be a flood of entries.
func (a *Accounts) blocked(ctx context.Context, refusal error, t attempt, who actor.Actor, action string, about ...func(*audit.Entry)) error {
	if !fault.Is(refusal, fault.TooMany) {
		return refusal
	}
	for i := range t.lanes {
		first, err := a.options.Space.SetIfAbsent(ctx, "logged/"+t.lanes[i].name+"/"+t.keys[i], []byte{1}, time.Minute)
		if err != nil {
			return fmt.Errorf("log a refusal: %w", errors.Join(err, refusal))
		}
		if !first {
			return refusal
		}
	}
	return a.refuse(ctx, refusal, who, action, append(about, detail("reason", "too many attempts"))...)
}

// mark makes the mark of a device: some random bytes and a time, signed for one person.
func (a *Accounts) mark(person uuid.UUID) (string, error) {
	body := make([]byte, 16, 24)
	if _, err := io.ReadFull(a.options.Random, body); err != nil {
		return "", fmt.Errorf("read random bytes: %w", err)
	}
	body = binary.BigEndian.AppendUint64(body, uint64(a.now().Unix()))
	return base64.RawURLEncoding.EncodeToString(body) + "." + base64.RawURLEncoding.EncodeToString(a.sign(person, body)), nil
}

func (a *Accounts) sign(person uuid.UUID, body []byte) []byte {
	mac := hmac.New(sha256.New, a.options.Keys.Derive("accounts: device mark"))
	_, _ = mac.Write(person[:]) // a hash never fails to be written to
	_, _ = mac.Write(body)
	return mac.Sum(nil)
}

// knows tells whether a mark is one of this person's, and what distinguishes it.
func (a *Accounts) knows(mark string, person uuid.UUID) (string, bool) {
	if person == uuid.Nil || len(mark) > 100 {
		return "", false
	}
	text, signature, _ := strings.Cut(mark, ".")
	body, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(body) != 24 {
		return "", false
	}
	given, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || !hmac.Equal(given, a.sign(person, body)) {
		return "", false
	}
	age := a.now().Sub(time.Unix(int64(binary.BigEndian.Uint64(body[16:])), 0))
	return text, age >= -time.Minute && age < DeviceLasts
}
