package server_test

import (
	"context"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/server"
	"github.com/berth-iac/berth/app/store/storetest"
	"github.com/berth-iac/berth/app/tenancy"
)

// BK-1: a client's security page knows how old its newest backup is, and that it is late after a night without one.
func TestBackupsAreKnownToTheClient_BK_1(t *testing.T) {
	s := storetest.SQLite(t)
	created := storetest.Now
	now := created.Add(time.Hour)
	c := config.Default()
	look := func() []string {
		t.Helper()
		all, err := server.Backups(c, func() time.Time { return now })(&tenancy.Tenant{Name: "acme", Store: s, Created: created})(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		var words []string
		for _, one := range all {
			state := "in time"
			if one.Late {
				state = "late"
			}
			words = append(words, one.Where, one.Kept, state, one.At.Format(time.RFC3339), one.Restored.Format(time.RFC3339))
		}
		return words
	}
	want := func(words ...string) {
		t.Helper()
		got := look()
		for i := range max(len(got), len(words)) {
			if i >= len(got) || i >= len(words) || got[i] != words[i] {
				t.Fatalf("it says %q; want %q", got, words)
			}
		}
	}
	const never = "0001-01-01T00:00:00Z"
	want() // a service that makes none says nothing
	c.Backups.Recipients = []string{"age1"}
	want("the service's own disk", "the newest 14", "in time", never, never)
	now = created.Add(27 * time.Hour)
	want("the service's own disk", "the newest 14", "late", never, never)
	made, recorded := created.Add(24*time.Hour), created.Add(24*time.Hour+time.Minute)
	if err := audit.New(s).Record(t.Context(), audit.Entry{At: recorded, ActorKind: audit.System, Action: "backup.made", Detail: map[string]string{
		"made": made.Format(time.RFC3339Nano), "where": "s3://b/taskflow/acme/x.age", "size": "12",
	}}); err != nil {
		t.Fatal(err)
	}
	want("the service's own disk", "the newest 14", "in time", made.Format(time.RFC3339), recorded.Format(time.RFC3339))
	now = created.Add(51 * time.Hour)
	if age := server.OldestBackup(now, made, now.Add(-time.Minute)); age != 27*time.Hour {
		t.Errorf("the metric says %s", age)
	}
	if age := server.OldestBackup(now, made, now.Add(-24*time.Hour)); age != 0 {
		t.Errorf("of a client that is gone the metric says %s", age)
	}
	c.Backups.Bucket = "berth-backups"
	want("bucket berth-backups", "by the bucket's own rule", "late", made.Format(time.RFC3339), recorded.Format(time.RFC3339))
}
