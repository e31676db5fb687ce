package backup_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/backup"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/feed"
	"github.com/berth-iac/berth/app/store/storetest"
)

// What is lost in the storage is not passed over in silence, and what somebody removes meanwhile is no loss.
func TestLostFilesAreNoticed(t *testing.T) {
	src := newSource(t, storetest.SQLite(t), "acme")
	o, identity := options(t, folder(t))
	var key string
	for k, content := range src.content {
		if len(content) == 1_200_000 {
			key = k
		}
	}
	must(t, src.Files.Delete(t.Context(), key))
	if _, err := backup.Run(t.Context(), src.Source, o); err == nil || !strings.Contains(err.Error(), "not in the storage") {
		t.Fatalf("a lost file: %v", err)
	}
	// Its content goes after the snapshot was taken, together with its row.
	lost := &losing{Store: src.Files, at: key, then: func() {
		src.Store.Client().Attachment.Update().Where(func(s *attachmentSelector) { s.Where(keyIs(s, key)) }).SetState("removed").ExecX(context.Background())
	}}
	src.Files = lost
	made, err := backup.Run(t.Context(), src.Source, o)
	must(t, err)
	if made.Missing != 1 || made.Files != 3 {
		t.Errorf("made %+v", made)
	}
	content, err := os.ReadFile(made.Where)
	must(t, err)
	into, _ := target(t, storetest.SQLite(t), "acme")
	_, err = backup.Restore(t.Context(), into, stored(content, identity))
	must(t, err)
	if n := into.Store.Client().Attachment.Query().Where(func(s *attachmentSelector) { s.Where(keyIs(s, key)) }).OnlyX(t.Context()).State; n != "removed" {
		t.Errorf("the file that is gone is %s", n)
	}
	wrong := src.Source
	wrong.Files = disk(t, "acme")
	for k := range src.content {
		if _, err := wrong.Files.Put(t.Context(), k, strings.NewReader("something else"), 100); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := backup.Run(t.Context(), wrong, o); err == nil || !strings.Contains(err.Error(), "not what was stored") {
		t.Errorf("content that was altered in the storage: %v", err)
	}
}

// elsewhere is a feed that lies outside of the database; only its reading is asked for.
type elsewhere struct {
	feed.Feed
	lines []feed.Line
}

func (f elsewhere) Page(_ context.Context, filter feed.Filter) (feed.Page, error) {
	at := 0
	if filter.After != "" {
		_, _ = fmt.Sscan(filter.After, &at)
	}
	var page feed.Page
	for at < len(f.lines) && len(page.Lines) < filter.Limit {
		if slices.Contains(filter.Projects, f.lines[at].ProjectID) {
			page.Lines = append(page.Lines, f.lines[at])
		}
		at++
	}
	if at < len(f.lines) {
		page.Next = fmt.Sprint(at)
	}
	return page, nil
}

// The lines of a feed that lies elsewhere come along, those that are on their way there once.
func TestAFeedThatLiesElsewhereIsInTheBackup(t *testing.T) {
	src := newSource(t, storetest.SQLite(t), "acme")
	c := src.Store.Client()
	waits := c.Activity.Query().OnlyX(t.Context())
	f := elsewhere{}
	for n := range 450 {
		f.lines = append(f.lines, feed.Line{
			ID: schema.NewID(), At: now.Add(time.Duration(n) * time.Second), ActorName: "Bob", Verb: "task.moved", ProjectID: *waits.ProjectID, TaskID: *waits.TaskID,
			Subject: "OPS-1", Detail: map[string]string{"n": fmt.Sprint(n)},
		})
	}
	f.lines = append(f.lines, feed.Line{ID: waits.ID, At: waits.At, Verb: waits.Verb, ProjectID: *waits.ProjectID})
	src.Feed = f
	o, identity := options(t, folder(t))
	made, err := backup.Run(t.Context(), src.Source, o)
	must(t, err)
	content, err := os.ReadFile(made.Where)
	must(t, err)
	into, _ := target(t, storetest.SQLite(t), "acme")
	_, err = backup.Restore(t.Context(), into, stored(content, identity))
	must(t, err)
	row := into.Store.Client().Activity.GetX(t.Context(), f.lines[449].ID)
	if n := into.Store.Client().Activity.Query().CountX(t.Context()); n != 451 || row.Detail["n"] != "449" || !row.At.Equal(f.lines[449].At) || *row.TaskID != *waits.TaskID {
		t.Errorf("%d lines came along, the last as %v", n, row)
	}
}
