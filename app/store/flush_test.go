package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/setting"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/storetest"
)

// What is acknowledged was flushed, once for many who wrote at the same time.
func TestCommitsAreFlushedTogether(t *testing.T) {
	o := storetest.Engine{Name: "SQLite", Kind: store.SQLite}.Migrated(t)
	o.Synchronous = "" // FULL, as it comes
	s := storetest.Reopen(t, o)
	write := func(name string) error {
		return s.Tx(t.Context(), func(tx *ent.Tx) error {
			return tx.Setting.Create().SetID(name).SetValue([]byte(`1`)).SetUpdatedAt(storetest.Now).Exec(t.Context())
		})
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	before := s.Flushes()
	must(write("one"))
	must(s.Client().Setting.Create().SetID("two").SetValue([]byte(`1`)).SetUpdatedAt(storetest.Now).Exec(t.Context()))
	if n := s.Flushes() - before; n != 2 {
		t.Errorf("two writes one after the other were flushed %d times", n)
	}
	if _, err := s.Client().Setting.Query().Count(t.Context()); err != nil || s.Flushes()-before != 2 {
		t.Errorf("who reads flushes, or cannot read: %v", err)
	}
	before = s.Flushes()
	release := s.HoldFlushes()
	const writers = 20
	var all sync.WaitGroup
	errs := make(chan error, writers)
	for i := range writers {
		all.Go(func() { errs <- write(fmt.Sprint("together ", i)) })
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		n, err := s.Client().Setting.Query().Count(t.Context())
		must(err)
		if n == writers+2 { // all are committed
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d are written: a flush keeps writers waiting", n, writers+2)
		}
	}
	if len(errs) > 0 {
		t.Errorf("%d were told that they are done, and nothing is flushed", len(errs))
	}
	release()
	all.Wait()
	for range writers {
		must(<-errs)
	}
	if n := s.Flushes() - before; n < 1 || n > 3 {
		t.Errorf("%d writes at the same time were flushed %d times", writers, n)
	}
}

// Whoever cannot be sure that the disk has it is not told so.
func TestAFlushThatFailsIsTold(t *testing.T) {
	o := storetest.Engine{Name: "SQLite", Kind: store.SQLite}.Migrated(t)
	o.Synchronous = "full"
	s := storetest.Reopen(t, o)
	s.FlushFrom(t.TempDir() + "/" + strings.Repeat("x", 300)) // no file has such a name
	err := s.Client().Setting.Create().SetID("one").SetValue([]byte(`1`)).SetUpdatedAt(storetest.Now).Exec(t.Context())
	if !fault.Is(err, fault.Unavailable) && (err == nil || !strings.Contains(err.Error(), "flush what was written")) {
		t.Errorf("err = %v", err)
	}
}

// A database that is named by a link has its log beside the file that the link leads to.
func TestFlushesFollowLinks(t *testing.T) {
	o := storetest.Engine{Name: "SQLite", Kind: store.SQLite}.Migrated(t)
	file := o.Path
	o.Synchronous, o.Path = "", filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(file, o.Path); err != nil {
		t.Fatal(err)
	}
	s := storetest.Reopen(t, o)
	if err := s.Client().Setting.Create().SetID("one").SetValue([]byte(`1`)).SetUpdatedAt(storetest.Now).Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	var log unix.Stat_t
	if err := unix.Stat(file+"-wal", &log); err != nil || log.Ino != s.FlushedFile() {
		t.Errorf("file %d was flushed, and the log is %d, %v", s.FlushedFile(), log.Ino, err)
	}
}

// A connection keeps its statements for the next time, but not all for ever.
func TestStatementsAreKept(t *testing.T) {
	s := storetest.SQLite(t)
	for round := range 3 {
		for i := range 60 { // more shapes of a statement than are kept
			names := make([]string, i+1)
			for n := range names {
				names[n] = strconv.Itoa(n)
			}
			if _, err := s.Client().Setting.Query().Where(setting.IDIn(names...)).Count(t.Context()); err != nil {
				t.Fatalf("round %d, %d names: %v", round, i, err)
			}
		}
	}
	err := s.Tx(t.Context(), func(tx *ent.Tx) error {
		for i := range 50 {
			name := fmt.Sprint("setting ", i)
			if err := tx.Setting.Create().SetID(name).SetValue([]byte(`1`)).SetUpdatedAt(storetest.Now).Exec(t.Context()); err != nil {
				return err
			}
			if n, err := tx.Setting.Query().Where(setting.ID(name)).Count(t.Context()); err != nil || n != 1 {
				return fmt.Errorf("%d of %s: %w", n, name, err)
			}
			// What fails leaves the next of its kind as it should be.
			if err := tx.Setting.Create().SetID(name).SetValue([]byte(`1`)).SetUpdatedAt(storetest.Now).Exec(t.Context()); !ent.IsConstraintError(err) {
				return fmt.Errorf("twice: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
