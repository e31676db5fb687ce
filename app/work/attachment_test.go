package work_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/files"
	"github.com/berth-iac/berth/app/store/storetest"
	"github.com/berth-iac/berth/app/work"
)

func attach(t testing.TB, c *client, who actor.Actor, key string) (uuid.UUID, error) {
	t.Helper()
	upload, err := files.Receive(t.Context(), strings.NewReader("plain words\n"), 1000, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer upload.Close()
	return c.Attach(t.Context(), who, key, "notes.txt", "text/plain", upload)
}

func TestAttachmentsAreWholeOrNotThere(t *testing.T) {
	c := newClient(t, storetest.SQLite(t))
	ctx := t.Context()
	c.project(t, "OPS", false)
	c.task(t, work.NewTask{Project: "OPS"})
	id, err := attach(t, c, c.ada, "OPS-1")
	if err != nil {
		t.Fatal(err)
	}
	info, content, err := c.OpenAttachment(ctx, c.ada, id)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(content)
	_ = content.Close()
	if string(text) != "plain words\n" || info.Name != "notes.txt" || !strings.HasPrefix(info.Type, "text/plain") {
		t.Errorf("%q, %+v", text, info)
	}
	_, _, err = c.OpenAttachment(ctx, c.bob, id)
	wants(t, "a file of a project that bob does not see", err, fault.NotFound)

	visible := func() int { return len(c.detail(t, "OPS-1").Files) }
	stored := func() (n int) {
		if err := c.files.Walk(ctx, func(files.Info) error { n++; return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, step := range []string{"before put", "after put"} { // the storage fails, or keeps it and does not say so
		c.files.fail = func(at string) error {
			if at == step {
				return errors.New("power cut")
			}
			return nil
		}
		if _, err := attach(t, c, c.ada, "OPS-1"); err == nil {
			t.Fatalf("%s: no error", step)
		}
		if visible() != 1 {
			t.Errorf("%s: a half-made file is shown", step)
		}
	}
	// The process dies after the content is put: nothing of what follows happens.
	c.files.fail = func(at string) error {
		if at == "after put" {
			panic("killed")
		}
		return nil
	}
	func() {
		defer func() { _ = recover() }()
		_, _ = attach(t, c, c.ada, "OPS-1")
	}()
	c.files.fail = nil
	if visible() != 1 {
		t.Error("after a crash a half-made file is shown")
	}
	if stored() != 3 {
		t.Fatalf("%d files are stored; the test proves nothing", stored())
	}
	if _, err := c.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if stored() != 2 {
		t.Errorf("%d files after the first sweep; an upload may still be under way, and it may not be", stored())
	}
	c.later(48 * time.Hour)
	if _, err := c.Sweep(ctx); err != nil || stored() != 1 || visible() != 1 {
		t.Errorf("%d files after a day, %v", stored(), err)
	}
	if err := c.DeleteTask(ctx, c.ada, "OPS-1"); err != nil {
		t.Fatal(err)
	}
	_, _, err = c.OpenAttachment(ctx, c.ada, id)
	wants(t, "a file of a deleted task", err, fault.NotFound)
	if _, err := c.Sweep(ctx); err != nil || stored() != 0 {
		t.Errorf("%d files of a deleted task, %v", stored(), err)
	}
}

func TestTheRoomForAttachmentsIsLimited(t *testing.T) {
	c := newClient(t, storetest.SQLite(t))
	c.SetQuota(20)
	c.project(t, "OPS", false)
	c.task(t, work.NewTask{Project: "OPS"})
	id, err := attach(t, c, c.ada, "OPS-1")
	if err != nil {
		t.Fatal(err)
	}
	_, err = attach(t, c, c.ada, "OPS-1")
	wants(t, "too much", err, fault.TooLarge)
	if _, err := c.DeleteAttachment(t.Context(), c.ada, id); err != nil {
		t.Fatal(err)
	}
	if _, err := attach(t, c, c.ada, "OPS-1"); err != nil {
		t.Errorf("after one was deleted: %v", err)
	}
}
