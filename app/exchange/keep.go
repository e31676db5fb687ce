package exchange

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/files"
)

// Keeps is how long a file that was sent waits to be imported. What is left of it then is swept away with stray attachments.
const Keeps = time.Hour

// Kept is a file that waits to be imported by whoever sent it.
type Kept struct {
	ID      uuid.UUID `json:"-"`
	Person  uuid.UUID `json:"person"`
	Project string    `json:"project"`
	Name    string    `json:"name"`
	Targets []Target  `json:"targets"` // what its columns become; nil: by their names
}

func keptName(id uuid.UUID) string { return "exchange.import." + id.String() }

func keptOf(person uuid.UUID) string { return "exchange.import.of." + person.String() }

// Keep takes a file in that is to become tasks of a project. It takes the place of the one that the same person sent before.
func (x *Exchange) Keep(ctx context.Context, who actor.Actor, project, name string, r io.Reader) (id uuid.UUID, err error) {
	if _, err := x.mayImport(ctx, who, project); err != nil {
		return uuid.Nil, err
	}
	err = x.alone(ctx, func() error {
		id, err = x.keep(ctx, who, project, name, r)
		return err
	})
	return id, err
}

// alone lets one file of a client be in memory at a time, on all machines that share its space.
func (x *Exchange) alone(ctx context.Context, do func() error) error {
	const name = "exchange.file"
	holder := uuid.NewString()
	first, err := x.o.Store.Take(ctx, name, holder, x.now(), time.Minute)
	if err != nil {
		return fmt.Errorf("wait for other files: %w", err)
	}
	if !first {
		return fault.Limited("another file is being looked at: try again in a moment", 5*time.Second)
	}
	defer func() { _ = x.o.Store.Release(context.WithoutCancel(ctx), name, holder) }() // it ends by itself
	return do()
}

func (x *Exchange) keep(ctx context.Context, who actor.Actor, project, name string, r io.Reader) (uuid.UUID, error) {
	data, err := io.ReadAll(io.LimitReader(&whileWanted{ctx, r}, MaxBytes+1))
	if err != nil {
		return uuid.Nil, fmt.Errorf("take in a file: %w", err)
	}
	if _, err := readSheet(data, &problems{}); fault.Is(err, fault.Invalid) || fault.Is(err, fault.TooLarge) {
		return uuid.Nil, err // it will never become anything
	}
	if before, found, err := x.o.Space.Get(ctx, keptOf(who.ID)); err == nil && found {
		if id, err := uuid.ParseBytes(before); err == nil {
			if err := x.forget(ctx, who.ID, id); err != nil {
				return uuid.Nil, err
			}
		}
	}
	k := Kept{ID: uuid.New(), Person: who.ID, Project: project, Name: files.CleanName(name)}
	if _, err := x.o.Files.Put(ctx, k.ID.String(), bytes.NewReader(data), MaxBytes); err != nil {
		return uuid.Nil, fmt.Errorf("keep the file: %w", err)
	}
	if err := x.remember(ctx, k); err != nil {
		return uuid.Nil, err
	}
	return k.ID, nil
}

func (x *Exchange) remember(ctx context.Context, k Kept) error {
	text, err := json.Marshal(k)
	if err == nil {
		err = x.o.Space.Set(ctx, keptName(k.ID), text, Keeps)
	}
	if err == nil {
		err = x.o.Space.Set(ctx, keptOf(k.Person), []byte(k.ID.String()), Keeps)
	}
	if err != nil {
		return fmt.Errorf("remember the file: %w", err)
	}
	return nil
}

// kept finds a file that waits: only for who sent it.
func (x *Exchange) kept(ctx context.Context, who actor.Actor, id uuid.UUID) (Kept, []byte, error) {
	if err := who.Need(actor.Write); err != nil {
		return Kept{}, nil, err
	}
	text, found, err := x.o.Space.Get(ctx, keptName(id))
	if err != nil {
		return Kept{}, nil, fmt.Errorf("find the file: %w", err)
	}
	k := Kept{ID: id}
	if !found || json.Unmarshal(text, &k) != nil || k.Person != who.ID || who.ID == uuid.Nil {
		return Kept{}, nil, fault.Missing("import")
	}
	content, err := x.o.Files.Open(ctx, id.String())
	if err != nil {
		return Kept{}, nil, fmt.Errorf("open the file: %w", err)
	}
	defer func() { _ = content.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(&whileWanted{ctx, content}, MaxBytes+1))
	if err != nil {
		return Kept{}, nil, fmt.Errorf("read the file: %w", err)
	}
	return k, data, nil
}

// LookAt is Look for a file that waits. Targets that are not nil are remembered with it.
func (x *Exchange) LookAt(ctx context.Context, who actor.Actor, id uuid.UUID, targets []Target) (k Kept, p Preview, err error) {
	if err := who.Need(actor.Write); err != nil {
		return k, p, err
	}
	err = x.alone(ctx, func() error {
		var data []byte
		if k, data, err = x.kept(ctx, who, id); err != nil {
			return err
		}
		if targets != nil {
			k.Targets = targets
		}
		p, err = x.Look(ctx, who, Source{k.Project, k.Name, data, k.Targets})
		if err == nil && targets != nil {
			err = x.remember(ctx, k)
		}
		return err
	})
	return k, p, err
}

// ImportKept is Import for a file that waits. It is forgotten once it is imported.
func (x *Exchange) ImportKept(ctx context.Context, who actor.Actor, id uuid.UUID, targets []Target) (made Imported, err error) {
	if err := who.Need(actor.Write); err != nil {
		return made, err
	}
	err = x.alone(ctx, func() error {
		k, data, err := x.kept(ctx, who, id)
		if err != nil {
			return err
		}
		if targets == nil {
			targets = k.Targets
		}
		made, err = x.Import(ctx, who, Source{k.Project, k.Name, data, targets})
		return err
	})
	if err != nil {
		return made, err
	}
	_ = x.forget(ctx, who.ID, id) // it ends by itself, and the same rows are not imported twice
	return made, nil
}

// Discard forgets a file that waits.
func (x *Exchange) Discard(ctx context.Context, who actor.Actor, id uuid.UUID) error {
	if _, _, err := x.kept(ctx, who, id); err != nil {
		return err
	}
	return x.forget(ctx, who.ID, id)
}

func (x *Exchange) forget(ctx context.Context, person, id uuid.UUID) error {
	if err := x.o.Space.Delete(ctx, keptName(id), keptOf(person)); err != nil {
		return fmt.Errorf("forget the file: %w", err)
	}
	if err := x.o.Files.Delete(ctx, id.String()); err != nil {
		return fmt.Errorf("remove the file: %w", err)
	}
	return nil
}
