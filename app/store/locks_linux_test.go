package store_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/storetest"
)

// To close any descriptor of a file takes away what locks a process has on it. Without SQLite's locks another process would take the
// database for unused when it has read it, and remove the log that this one writes to.
func TestOpeningADatabaseAgainKeepsItsLocks(t *testing.T) {
	o := storetest.Engine{Name: "SQLite", Kind: store.SQLite}.Migrated(t)
	s := storetest.Reopen(t, o)
	if _, err := s.Client().Setting.Query().Count(t.Context()); err != nil {
		t.Fatal(err)
	}
	held := locksOn(t, o.Path)
	if held == 0 {
		t.Fatal("an open database has no lock: this shows nothing")
	}
	again, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Migrate(t.Context(), clock); err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if left := locksOn(t, o.Path); left == 0 {
		t.Error("another process may take the database for unused")
	}
}

// locksOn counts the locks on a file, of whomever they are.
func locksOn(t *testing.T, path string) int {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	all, err := os.ReadFile("/proc/locks")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(all), fmt.Sprintf(":%d ", info.Sys().(*syscall.Stat_t).Ino))
}
