package accounts

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/ent"
	entsession "github.com/berth-iac/berth/app/ent/session"
	"github.com/berth-iac/berth/app/space"
	"github.com/berth-iac/berth/app/store"
)

// rows keeps sessions in the client's database.
type rows struct{ table *ent.SessionClient }

func (r rows) put(ctx context.Context, s session) error {
	create := r.table.Create().SetID(s.ID).SetUserID(s.UserID).SetHash(s.Hash).SetCreatedAt(s.Created).SetLastSeenAt(s.Seen).
		SetExpiresAt(s.Expires).SetSecondFactor(s.SecondFactor).SetAddress(s.Address).SetAgent(s.Agent)
	if s.GrantID != uuid.Nil {
		create.SetGrantID(s.GrantID)
	}
	if !s.Confirmed.IsZero() {
		create.SetReauthenticatedAt(s.Confirmed)
	}
	return store.Translate(create.Exec(ctx))
}

func (r rows) find(ctx context.Context, hash string) (session, bool, error) {
	row, err := r.table.Query().Where(entsession.Hash(hash)).Only(ctx)
	if ent.IsNotFound(err) {
		return session{}, false, nil
	}
	if err != nil {
		return session{}, false, store.Translate(err)
	}
	return fromRow(row), true, nil
}

func fromRow(row *ent.Session) session {
	s := session{
		ID: row.ID, UserID: row.UserID, Hash: row.Hash, Created: row.CreatedAt, Seen: row.LastSeenAt, Expires: row.ExpiresAt,
		SecondFactor: row.SecondFactor, Address: row.Address, Agent: row.Agent,
	}
	if row.GrantID != nil {
		s.GrantID = *row.GrantID
	}
	if row.ReauthenticatedAt != nil {
		s.Confirmed = *row.ReauthenticatedAt
	}
	return s
}

func (r rows) swap(ctx context.Context, hash string, s session) (bool, error) {
	n, err := r.table.Delete().Where(entsession.ID(s.ID), entsession.Hash(hash)).Exec(ctx)
	if err != nil || n == 0 {
		return false, store.Translate(err)
	}
	return true, r.put(ctx, s)
}

func (r rows) seen(ctx context.Context, s session, now time.Time, _ time.Duration) error {
	return store.Translate(r.table.Update().Where(entsession.ID(s.ID), entsession.LastSeenAtLT(now)).SetLastSeenAt(now).Exec(ctx))
}

func (r rows) of(ctx context.Context, person uuid.UUID, now time.Time) ([]session, error) {
	found, err := r.table.Query().Where(entsession.UserID(person), entsession.ExpiresAtGT(now)).All(ctx)
	if err != nil {
		return nil, store.Translate(err)
	}
	all := make([]session, len(found))
	for i, row := range found {
		all[i] = fromRow(row)
	}
	return all, nil
}

func (r rows) drop(ctx context.Context, sessions ...session) error {
	for _, s := range sessions {
		if _, err := r.table.Delete().Where(entsession.ID(s.ID)).Exec(ctx); err != nil {
			return store.Translate(err)
		}
	}
	return nil
}

func (r rows) dropAll(ctx context.Context, person uuid.UUID, except string) error {
	_, err := r.table.Delete().Where(entsession.UserID(person), entsession.HashNEQ(except)).Exec(ctx)
	return store.Translate(err)
}

func (r rows) sweep(ctx context.Context, now time.Time) error {
	_, err := r.table.Delete().Where(entsession.ExpiresAtLT(now)).Exec(ctx)
	return store.Translate(err)
}

// kept keeps sessions in the client's space. When one was last used is a value of its own: a session is never written to after it was
// made, so that no late request brings back one that was ended.
type kept struct{ space *space.Space }

func sessionKey(hash string) string     { return "session/" + hash }
func seenKey(hash string) string        { return "session-seen/" + hash }
func personKey(person uuid.UUID) string { return "sessions-of/" + person.String() }

func (k kept) put(ctx context.Context, s session) error {
	value, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write a session: %w", err)
	}
	// Seen is when it was made or renewed, as is this moment.
	ttl := max(s.Expires.Sub(s.Seen), time.Millisecond)
	if err := k.space.Add(ctx, personKey(s.UserID), s.Hash, ttl); err != nil { // first: what cannot be listed cannot be ended
		return err
	}
	return k.space.Set(ctx, sessionKey(s.Hash), value, ttl)
}

func (k kept) find(ctx context.Context, hash string) (session, bool, error) {
	value, found, err := k.space.Get(ctx, sessionKey(hash))
	if err != nil || !found {
		return session{}, false, err
	}
	s, err := k.read(value, hash)
	if err != nil {
		return session{}, false, err
	}
	seen, found, err := k.space.Get(ctx, seenKey(hash))
	if err != nil {
		return session{}, false, err
	}
	if at, wrong := time.Parse(time.RFC3339Nano, string(seen)); found && wrong == nil && at.After(s.Seen) {
		s.Seen = at
	}
	return s, true, nil
}

func (k kept) read(value []byte, hash string) (session, error) {
	s := session{}
	if err := json.Unmarshal(value, &s); err != nil {
		return session{}, fmt.Errorf("read a session: %w", err)
	}
	s.Hash = hash
	return s, nil
}

func (k kept) swap(ctx context.Context, hash string, s session) (bool, error) {
	_, found, err := k.space.Pop(ctx, sessionKey(hash))
	if err != nil || !found {
		return false, err
	}
	if err := k.space.Remove(ctx, personKey(s.UserID), hash); err != nil {
		return false, err
	}
	return true, k.put(ctx, s)
}

func (k kept) seen(ctx context.Context, s session, now time.Time, idle time.Duration) error {
	return k.space.Set(ctx, seenKey(s.Hash), []byte(now.Format(time.RFC3339Nano)), idle+seenEvery)
}

func (k kept) of(ctx context.Context, person uuid.UUID, now time.Time) ([]session, error) {
	hashes, err := k.space.Members(ctx, personKey(person))
	if err != nil {
		return nil, err
	}
	var all []session
	for _, hash := range hashes {
		s, found, err := k.find(ctx, hash)
		if err != nil {
			return nil, err
		}
		if found && s.UserID == person && now.Before(s.Expires) {
			all = append(all, s)
		}
	}
	return all, nil
}

func (k kept) drop(ctx context.Context, sessions ...session) error {
	for _, s := range sessions {
		if err := k.space.Delete(ctx, sessionKey(s.Hash), seenKey(s.Hash)); err != nil {
			return err
		}
		if err := k.space.Remove(ctx, personKey(s.UserID), s.Hash); err != nil {
			return err
		}
	}
	return nil
}

func (k kept) dropAll(ctx context.Context, person uuid.UUID, except string) error {
	hashes, err := k.space.Members(ctx, personKey(person))
	if err != nil {
		return err
	}
	for _, hash := range hashes {
		if hash == except {
			continue
		}
		if err := k.drop(ctx, session{UserID: person, Hash: hash}); err != nil {
			return err
		}
	}
	return nil
}

func (k kept) sweep(context.Context, time.Time) error { return nil } // they expire by themselves
