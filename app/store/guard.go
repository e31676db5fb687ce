package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/schema"
)

// guard puts in front of every write what must hold however it is written: times are UTC with microseconds, addresses are folded, the
// audit log is only appended to (AC-5).
func guard(c *ent.Client) {
	c.Use(wholeMicroseconds)
	c.User.Use(foldEmail)
	c.AuditEntry.Use(appendOnly)
}

func wholeMicroseconds(next ent.Mutator) ent.Mutator {
	return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
		for _, name := range m.Fields() {
			value, _ := m.Field(name)
			at, ok := value.(time.Time)
			if !ok {
				continue
			}
			if err := m.SetField(name, Moment(at)); err != nil {
				return nil, fmt.Errorf("write %s: %w", name, err)
			}
		}
		return next.Mutate(ctx, m)
	})
}

// Moment is a time as every engine keeps it: UTC, in whole microseconds.
func Moment(at time.Time) time.Time { return at.UTC().Truncate(time.Microsecond) }

func foldEmail(next ent.Mutator) ent.Mutator {
	return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
		if user, ok := m.(*ent.UserMutation); ok {
			if email, ok := user.Email(); ok {
				user.SetEmail(schema.FoldEmail(email))
			}
		}
		return next.Mutate(ctx, m)
	})
}

func appendOnly(next ent.Mutator) ent.Mutator {
	return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
		if !m.Op().Is(ent.OpCreate) {
			return nil, errors.New("the audit log is appended to and never changed")
		}
		return next.Mutate(ctx, m)
	})
}
