package store

import (
	"context"
	"fmt"
	"time"

	"github.com/berth-iac/berth/app/ent"
)

// DataMigration fills what an expand step added, while both releases serve. Batch changes some rows from a cursor on ("" at first) and
// says where to go on; "" says that all is done. A batch and its record are one transaction, so a run that was killed goes on where
// the last batch ended. It must bear rows that the other release writes meanwhile.
type DataMigration struct {
	Name  string
	Batch func(ctx context.Context, tx *ent.Tx, cursor string) (next string, changed int, err error)
}

// dataMigrations are this release's, the oldest first. There are none yet.
func dataMigrations() []DataMigration { return nil }

// RunData runs those that are not finished. Migrate does it, under its lock.
func (s *Store) RunData(ctx context.Context, now func() time.Time, list ...DataMigration) error {
	for _, m := range list {
		for finished := false; !finished; {
			if err := s.Tx(ctx, func(tx *ent.Tx) (err error) {
				finished, err = batch(ctx, tx, now(), m)
				return err
			}); err != nil {
				return fmt.Errorf("change of data %s: %w", m.Name, err)
			}
		}
	}
	return nil
}

func batch(ctx context.Context, tx *ent.Tx, now time.Time, m DataMigration) (finished bool, err error) {
	record, err := tx.DataMigration.Get(ctx, m.Name)
	if ent.IsNotFound(err) {
		record, err = tx.DataMigration.Create().SetID(m.Name).SetStartedAt(now).Save(ctx)
	}
	if err != nil {
		return false, fmt.Errorf("read how far it is: %w", err)
	}
	if record.FinishedAt != nil {
		return true, nil
	}
	next, changed, err := m.Batch(ctx, tx, record.Cursor)
	if err != nil {
		return false, fmt.Errorf("from %q on: %w", record.Cursor, err)
	}
	update := record.Update().SetCursor(next).AddChanged(int64(changed))
	if next == "" {
		update.SetFinishedAt(now)
	}
	if err := update.Exec(ctx); err != nil {
		return false, fmt.Errorf("record how far it is: %w", err)
	}
	return next == "", nil
}
