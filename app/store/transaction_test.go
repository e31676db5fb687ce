package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/task"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store"
)

func atomic(t *testing.T, s *store.Store) {
	ctx, w := t.Context(), makeWorld(t, s)
	err := s.Tx(ctx, func(tx *ent.Tx) error {
		w.task(tx.Task, 1).SaveX(ctx)
		if n := tx.Task.Query().CountX(ctx); n != 1 {
			t.Errorf("the transaction itself sees %d tasks", n)
		}
		if n := s.Client().Task.Query().CountX(ctx); n != 0 {
			t.Errorf("others see %d tasks already", n)
		}
		return errStop
	})
	if !errors.Is(err, errStop) {
		t.Fatalf("error is %v", err)
	}
	if n := s.Client().Task.Query().CountX(ctx); n != 0 {
		t.Errorf("%d tasks are left", n)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is gone")
			}
		}()
		_ = s.Tx(ctx, func(tx *ent.Tx) error { w.task(tx.Task, 1).SaveX(ctx); panic("amid it") })
	}()
	if err := s.Tx(ctx, func(tx *ent.Tx) error { return w.task(tx.Task, 1).Exec(ctx) }); err != nil {
		t.Fatalf("after a panic: %v", err)
	}
}

func undone(t *testing.T, s *store.Store) {
	ctx, w := t.Context(), makeWorld(t, s)
	w.task(s.Client().Task, 1).ExecX(ctx)
	err := s.Tx(ctx, func(tx *ent.Tx) error {
		w.task(tx.Task, 2).ExecX(ctx)
		return w.task(tx.Task, 1).Exec(ctx)
	})
	wantKind(t, err, fault.Conflict)
	if n := s.Client().Task.Query().CountX(ctx); n != 1 {
		t.Errorf("%d tasks are there; want 1", n)
	}
}

func numbers(t *testing.T, s *store.Store) {
	ctx, w := t.Context(), makeWorld(t, s)
	const writers, each = 8, 5
	var wait sync.WaitGroup
	failures := make(chan error, writers*each)
	for range writers {
		wait.Go(func() {
			for range each {
				failures <- s.Tx(ctx, func(tx *ent.Tx) error {
					p, err := tx.Project.UpdateOneID(w.project.ID).AddNextNumber(1).Save(ctx)
					if err != nil {
						return err
					}
					return w.task(tx.Task, p.NextNumber-1).Exec(ctx)
				})
			}
		})
	}
	wait.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			t.Error(err)
		}
	}
	all := s.Client().Task.Query().Order(task.ByNumber()).AllX(ctx)
	if len(all) != writers*each {
		t.Fatalf("%d tasks; want %d", len(all), writers*each)
	}
	for i, one := range all {
		if one.Number != i+1 {
			t.Fatalf("number %d comes at %d", one.Number, i+1)
		}
	}
}

func versions(t *testing.T, s *store.Store) {
	ctx, w := t.Context(), makeWorld(t, s)
	read := w.task(s.Client().Task, 1).SaveX(ctx)
	change := func(title string) error {
		return s.Client().Task.UpdateOne(read).Where(task.Version(read.Version)).SetTitle(title).AddVersion(1).Exec(ctx)
	}
	var wait sync.WaitGroup
	results := make([]error, 6)
	for i := range results {
		wait.Go(func() { results[i] = change(fmt.Sprintf("mine %d", i)) })
	}
	wait.Wait()
	won := 0
	for _, err := range results {
		switch {
		case err == nil:
			won++
		case !ent.IsNotFound(err):
			t.Errorf("the loser hears %v", err)
		}
	}
	if after := s.Client().Task.GetX(ctx, read.ID); won != 1 || after.Version != 2 {
		t.Errorf("%d won and the version is %d", won, after.Version)
	}
}

func deadlock(t *testing.T, s *store.Store) {
	ctx, w := t.Context(), makeWorld(t, s)
	a, b := w.task(s.Client().Task, 1).SaveX(ctx), w.task(s.Client().Task, 2).SaveX(ctx)
	var met sync.WaitGroup
	met.Add(2)
	cross := func(first, second uuid.UUID) error {
		tries := 0
		return s.Tx(ctx, func(tx *ent.Tx) error {
			tries++
			if err := tx.Task.UpdateOneID(first).AddVersion(1).Exec(ctx); err != nil {
				return err
			}
			if tries == 1 && s.Engine() != store.SQLite { // where one writes at a time, they cannot meet
				met.Done()
				met.Wait()
			}
			return tx.Task.UpdateOneID(second).AddVersion(1).Exec(ctx)
		})
	}
	results := make(chan error, 2)
	go func() { results <- cross(a.ID, b.ID) }()
	go func() { results <- cross(b.ID, a.ID) }()
	for range 2 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	for _, id := range []uuid.UUID{a.ID, b.ID} {
		if got := s.Client().Task.GetX(ctx, id).Version; got != 3 {
			t.Errorf("version %d; want 3: each was changed twice, and once only by each", got)
		}
	}
}

func view(t *testing.T, s *store.Store) {
	ctx, w := t.Context(), makeWorld(t, s)
	w.task(s.Client().Task, 1).ExecX(ctx)
	err := s.View(ctx, func(tx *ent.Tx) error {
		before := tx.Task.Query().CountX(ctx)
		w.task(s.Client().Task, 2).ExecX(ctx) // nobody waits for a view
		if after := tx.Task.Query().CountX(ctx); before != 1 || after != 1 {
			t.Errorf("a view saw %d and then %d", before, after)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.View(ctx, func(tx *ent.Tx) error { return w.task(tx.Task, 3).Exec(ctx) }); err == nil {
		t.Error("a view wrote")
	}
}

func locks(t *testing.T, s *store.Store) {
	ctx := t.Context()
	var wait sync.WaitGroup
	var mu sync.Mutex
	var holders []string
	for i := range 6 {
		wait.Go(func() {
			holder := fmt.Sprintf("machine %d", i)
			taken, err := s.Take(ctx, "backup", holder, now, time.Hour)
			if err != nil {
				t.Error(err)
			}
			if taken {
				mu.Lock()
				defer mu.Unlock()
				holders = append(holders, holder)
			}
		})
	}
	wait.Wait()
	if len(holders) != 1 {
		t.Fatalf("%v hold it", holders)
	}
	take := func(holder string, at time.Time) bool {
		t.Helper()
		taken, err := s.Take(ctx, "backup", holder, at, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return taken
	}
	if !take(holders[0], now.Add(time.Minute)) {
		t.Error("the holder could not keep it")
	}
	if take("late", now.Add(time.Hour)) {
		t.Error("it was taken before its time was over")
	}
	if !take("late", now.Add(2*time.Hour)) {
		t.Error("it was not free when its time was over")
	}
	if err := s.Release(ctx, "backup", holders[0]); err != nil || take("third", now.Add(2*time.Hour)) {
		t.Errorf("somebody else gave it back: %v", err)
	}
	if err := s.Release(ctx, "backup", "late"); err != nil || !take("third", now.Add(2*time.Hour)) {
		t.Errorf("it was not given back: %v", err)
	}
}
