package store

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/berth-iac/berth/app/store/internal/connect"
)

// MigrateFrom migrates with the steps of a directory.
func (s *Store) MigrateFrom(ctx context.Context, now func() time.Time, dir migrate.Dir, data ...DataMigration) error {
	return s.migrate(ctx, now, dir, data)
}

// OpenDriver gives ent's driver without what Store puts in front of it.
func OpenDriver(t testing.TB, o Options) *entsql.Driver {
	t.Helper()
	handles, err := connect.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = handles.Close() })
	probe := &Store{options: o, driver: entDriver(o.Engine, handles, nil)}
	return entsql.OpenDB(probe.dialect(), handles.Write)
}

// Differences are the changes that would make the second database's schema the first one's, and the other way round.
func Differences(t testing.TB, one, other Options) []string {
	t.Helper()
	at := &Store{options: one, driver: OpenDriver(t, one)}
	inspect := func(o Options) (migrate.Driver, *schema.Schema) {
		drv, err := at.atlas(OpenDriver(t, o).DB())
		if err != nil {
			t.Fatal(err)
		}
		found, err := drv.InspectSchema(t.Context(), "", nil)
		if err != nil {
			t.Fatal(err)
		}
		found.Name = ""
		return drv, found
	}
	drv, first := inspect(one)
	_, second := inspect(other)
	var all []string
	for _, pair := range [][2]*schema.Schema{{first, second}, {second, first}} {
		changes, err := drv.SchemaDiff(pair[0], pair[1])
		if err != nil {
			t.Fatal(err)
		}
		for _, change := range changes {
			all = append(all, fmt.Sprintf("%T %+v", change, change))
		}
	}
	return all
}

// Uncount makes the record of a step say that only some of its statements were done.
func Uncount(t testing.TB, s *Store, version string, total int, done []string) {
	t.Helper()
	var hashes []string
	sum := sha256.New()
	for _, statement := range done {
		sum.Write([]byte(statement))
		hashes = append(hashes, "h1:"+base64.StdEncoding.EncodeToString(sum.Sum(nil)))
	}
	s.client.SchemaRevision.UpdateOneID(version).SetApplied(len(done)).SetTotal(total).SetPartialHashes(hashes).ExecX(t.Context())
}

// Flushes is how often what was written was flushed.
func (s *Store) Flushes() int { return int(s.driver.(*split).flusher.count.Load()) }

// HoldFlushes keeps every flush waiting.
func (s *Store) HoldFlushes() (release func()) {
	f := s.driver.(*split).flusher
	f.one.Lock()
	return f.one.Unlock
}

// FlushFrom makes another file the log.
func (s *Store) FlushFrom(path string) { s.driver.(*split).flusher.log = path }

// FlushedFile is the number of the file that was flushed last.
func (s *Store) FlushedFile() uint64 { return s.driver.(*split).flusher.seen }
