package store

import (
	"context"
	"fmt"
	"time"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/lock"
	"github.com/berth-iac/berth/app/fault"
)

// Take takes the lock of a name for a while, so that one of several machines does a thing. It tells whether holder has it now; whoever
// has it may take it again to keep it longer. Who dies holding it loses it when the time is over.
func (s *Store) Take(ctx context.Context, name, holder string, now time.Time, keep time.Duration) (bool, error) {
	taken := false
	err := s.Tx(ctx, func(tx *ent.Tx) error {
		taken = false
		n, err := tx.Lock.Update().
			Where(lock.ID(name), lock.Or(lock.Holder(holder), lock.UntilLTE(Moment(now)))).
			SetHolder(holder).SetTakenAt(now).SetUntil(now.Add(keep)).Save(ctx)
		if err != nil {
			return fmt.Errorf("take lock %s: %w", name, err)
		}
		if n > 0 {
			taken = true
			return nil
		}
		there, err := tx.Lock.Query().Where(lock.ID(name)).Exist(ctx)
		if err != nil || there {
			return err
		}
		if err := tx.Lock.Create().SetID(name).SetHolder(holder).SetTakenAt(now).SetUntil(now.Add(keep)).Exec(ctx); err != nil {
			return fmt.Errorf("make lock %s: %w", name, err)
		}
		taken = true
		return nil
	})
	if fault.Is(err, fault.Conflict) {
		return false, nil // another machine made it at the same moment
	}
	return taken && err == nil, err
}

// Release gives a lock back before its time is over.
func (s *Store) Release(ctx context.Context, name, holder string) error {
	if _, err := s.client.Lock.Delete().Where(lock.ID(name), lock.Holder(holder)).Exec(ctx); err != nil {
		return Translate(fmt.Errorf("release lock %s: %w", name, err))
	}
	return nil
}
