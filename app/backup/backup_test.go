package backup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/backup"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/outgoingmail"
	"github.com/berth-iac/berth/app/ent/project"
	"github.com/berth-iac/berth/app/ent/task"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/files"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/storetest"
)

// BK-1, BK-10: what is backed up on one engine is restored on each, and is the same.
func TestABackupIsRestoredOnEveryEngine_BK_1(t *testing.T) {
	for _, from := range storetest.Engines() {
		t.Run("from "+from.Name, func(t *testing.T) {
			from.Need(t)
			src := newSource(t, from.Open(t), "acme")
			o, identity := options(t, folder(t))
			made, err := backup.Run(t.Context(), src.Source, o)
			must(t, err)
			content, err := os.ReadFile(made.Where)
			must(t, err)
			if int64(len(content)) != made.Size || made.Files != 3 || made.Missing != 0 || made.Tables["tasks"].Rows != 449 {
				t.Fatalf("made %+v of %d bytes", made, len(content))
			}
			for _, to := range storetest.Engines() {
				t.Run("to "+to.Name, func(t *testing.T) {
					to.Need(t)
					s := to.Open(t)
					into, keys := target(t, s, "other-name")
					sum, err := backup.Restore(t.Context(), into, stored(content, identity))
					must(t, err)
					if sum.ID != made.ID || sum.Rows != made.Rows {
						t.Errorf("restored %+v, made %+v", sum, made.Summary)
					}
					same(t, src, s, into.Files)
					settled(t, s)
					bob := s.Client().User.GetX(t.Context(), src.bob.ID)
					secret, err := keys.Open(bob.TotpSecret, "users.totp_secret/"+bob.ID.String())
					if err != nil || string(secret) != src.secret {
						t.Errorf("the second factor opens as %q, %v with the keys of the client that it was restored to", secret, err)
					}
				})
			}
		})
	}
}

// same compares what people would.
func same(t *testing.T, src source, s *store.Store, f files.Store) {
	t.Helper()
	ctx := t.Context()
	a := src.Store.Client().Task.Query().Order(ent.Asc(task.FieldNumber)).WithLabels().WithComments().WithAttachments().AllX(ctx)
	b := s.Client().Task.Query().Order(ent.Asc(task.FieldNumber)).WithLabels().WithComments().WithAttachments().AllX(ctx)
	if len(a) != len(b) {
		t.Fatalf("%d tasks of %d", len(b), len(a))
	}
	for i := range a {
		if a[i].String() != b[i].String() || len(a[i].Edges.Labels) != len(b[i].Edges.Labels) || len(a[i].Edges.Attachments) != len(b[i].Edges.Attachments) {
			t.Errorf("task is %v; was %v", b[i], a[i])
		}
	}
	if got, want := b[0].Edges.Comments[0].Body, a[0].Edges.Comments[0].Body; got != want {
		t.Errorf("a comment has %d letters of %d", len(got), len(want))
	}
	bob, was := s.Client().User.GetX(ctx, src.bob.ID), src.bob
	if bob.PasswordHash != was.PasswordHash || !slices.Equal(bob.PreviousHashes, was.PreviousHashes) || bob.MailChoices != was.MailChoices || !bob.LastLoginAt.Equal(*was.LastLoginAt) {
		t.Errorf("Bob is %v; was %v", bob, was)
	}
	for key, want := range src.content {
		file, err := f.Open(ctx, key)
		must(t, err)
		got, err := io.ReadAll(file)
		if err = errors.Join(err, file.Close()); err != nil || !bytes.Equal(got, want) {
			t.Errorf("file %s has %d bytes of %d, %v", key, len(got), len(want), err)
		}
	}
	report, err := audit.New(s).Verify(ctx)
	must(t, err)
	if n := s.Client().AuditEntry.Query().CountX(ctx); len(fmt.Sprint(report)) == 0 || n < 6 {
		t.Errorf("the audit log has %d entries: %+v", n, report)
	}
}

// settled sees that nothing of the past is open.
func settled(t *testing.T, s *store.Store) {
	t.Helper()
	ctx, c := t.Context(), s.Client()
	last := c.AuditEntry.Query().Order(ent.Desc("seq")).FirstX(ctx)
	if n := c.Session.Query().CountX(ctx) + c.Lock.Query().CountX(ctx) + c.BIGrant.Query().CountX(ctx); n != 0 {
		t.Errorf("%d sessions, locks and roles came along", n)
	}
	if c.APIToken.Query().OnlyX(ctx).RevokedAt == nil {
		t.Error("a token still works")
	}
	if c.ProviderGrant.Query().OnlyX(ctx).ClosedAt == nil {
		t.Error("the provider may come in by a grant of the past (AC-8)")
	}
	if l := c.Link.Query().OnlyX(ctx); l.Kind != "invite" {
		t.Errorf("a link of kind %s is left", l.Kind)
	} else if l.ExpiresAt.After(last.At) {
		t.Errorf("an invitation that may have been taken back opens an account until %s", l.ExpiresAt)
	}
	if m := c.OutgoingMail.Query().OnlyX(ctx); m.State != outgoingmail.StateFailed || len(m.Body) != 0 || m.LastError == "" {
		t.Errorf("a mail waits to be sent again: %v", m)
	}
	if last.Action != "client.restored" || last.ActorName != "taskflow restore" {
		t.Errorf("the last entry of the audit log is %v", last)
	}
}

// DP-1: a client's backup has nothing of another's in it.
func TestABackupHasOneClientOnly_DP_1(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(*testing.T) *store.Store) {
		acme, other := newSource(t, open(t), "acme"), newSource(t, open(t), "zenith")
		place := folder(t)
		o, identity := options(t, place)
		made, err := backup.Run(t.Context(), acme.Source, o)
		must(t, err)
		_, err = backup.Run(t.Context(), other.Source, o)
		must(t, err)
		file, err := place.Open(t.Context(), made.Where)
		must(t, err)
		plain, err := backup.Open(file, []age.Identity{identity})
		must(t, err)
		all, err := io.ReadAll(plain)
		must(t, err)
		if !bytes.Contains(all, []byte("acme")) || bytes.Contains(all, []byte("zenith")) || bytes.Contains(all, []byte("ZENITH")) {
			t.Error("it holds something of the other client")
		}
		list, err := place.List(t.Context(), "acme")
		must(t, err)
		if len(list) != 1 || list[0].Where != made.Where {
			t.Errorf("acme's backups are %v", list)
		}
	})
}

// BK-1: a backup is of one moment, whatever is written meanwhile.
func TestABackupIsOfOneMoment(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(*testing.T) *store.Store) {
		src := newSource(t, open(t), "acme")
		// What holds at every moment: the project's next number is one more than its newest task's, and the first two tasks' positions
		// add up to zero.
		p := src.Store.Client().Project.Query().OnlyX(t.Context())
		pair := src.Store.Client().Task.Query().Where(task.NumberIn(1, 2)).Order(ent.Asc(task.FieldNumber)).AllX(t.Context())
		p.Update().SetNextNumber(450).ExecX(t.Context())
		stop, began := make(chan struct{}), make(chan struct{})
		var writers sync.WaitGroup
		writes := 0
		defer func() { t.Logf("%d transactions meanwhile", writes) }()
		writers.Go(func() {
			for {
				err := src.Store.Tx(context.Background(), func(tx *ent.Tx) error {
					ctx := context.Background()
					now, err := tx.Project.UpdateOneID(p.ID).AddNextNumber(1).Save(ctx)
					if err != nil {
						return err
					}
					if err := tx.Task.Create().SetProjectID(p.ID).SetStateID(pair[0].StateID).SetReporterID(pair[0].ReporterID).SetNumber(now.NextNumber - 1).
						SetTitle("written meanwhile").SetCreatedAt(storetest.Now).SetUpdatedAt(storetest.Now).Exec(ctx); err != nil {
						return err
					}
					if err := tx.Task.UpdateOneID(pair[0].ID).AddPosition(5).Exec(ctx); err != nil {
						return err
					}
					return tx.Task.UpdateOneID(pair[1].ID).AddPosition(-5).Exec(ctx)
				})
				if err != nil {
					t.Error(err)
					return
				}
				if writes++; writes == 1 {
					close(began)
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
		<-began
		defer writers.Wait()
		defer close(stop)
		for range 3 {
			o, identity := options(t, folder(t))
			made, err := backup.Run(t.Context(), src.Source, o)
			must(t, err)
			content, err := os.ReadFile(made.Where)
			must(t, err)
			into, _ := target(t, storetest.SQLite(t), "copy")
			_, err = backup.Restore(t.Context(), into, stored(content, identity))
			must(t, err)
			c := into.Store.Client()
			newest := c.Task.Query().Order(ent.Desc(task.FieldNumber)).FirstX(t.Context()).Number
			next := c.Project.Query().Where(project.ID(p.ID)).OnlyX(t.Context()).NextNumber
			sum := c.Task.GetX(t.Context(), pair[0].ID).Position + c.Task.GetX(t.Context(), pair[1].ID).Position
			if next != newest+1 || sum != 0 {
				t.Errorf("the next number is %d after %d, and the sum is %d", next, newest, sum)
			}
		}
	})
}

func TestNothingIsWrittenUnencrypted(t *testing.T) {
	if _, err := backup.Recipients(nil, ""); fault.KindOf(err) != fault.Invalid {
		t.Errorf("without recipients: %v", err)
	}
	if _, err := backup.Recipients([]string{"age1nonsense"}, ""); fault.KindOf(err) != fault.Invalid {
		t.Errorf("with a wrong recipient: %v", err)
	}
	if _, err := backup.Recipients(nil, "short"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("with a short passphrase: %v", err)
	}
	src := newSource(t, storetest.SQLite(t), "acme")
	place := folder(t)
	o, _ := options(t, place)
	o.Recipients = nil
	if _, err := backup.Run(t.Context(), src.Source, o); err == nil {
		t.Error("a backup was written for nobody")
	}
	empty(t, filepath.Join(place.Directory, "acme"))
	if last := src.Store.Client().AuditEntry.Query().Order(ent.Desc("seq")).FirstX(t.Context()); last.Action != "backup.made" || last.Outcome != audit.Failed {
		t.Errorf("the failure is not in the audit log: %v", last)
	}
}

func TestAMachineReadsItsOwnWithAPassphrase(t *testing.T) {
	src := newSource(t, storetest.SQLite(t), "acme")
	o, _ := options(t, folder(t))
	passphrase := strings.Repeat("k3y", 16)
	var err error
	o.Recipients, err = backup.Recipients(nil, passphrase)
	must(t, err)
	made, err := backup.Run(t.Context(), src.Source, o)
	must(t, err)
	content, err := os.ReadFile(made.Where)
	must(t, err)
	for text, right := range map[string]bool{passphrase: true, passphrase + "x": false} {
		with, err := backup.Identities(nil, text)
		must(t, err)
		into, _ := target(t, storetest.SQLite(t), "acme")
		if _, err := backup.Restore(t.Context(), into, stored(content, with...)); (err == nil) != right {
			t.Errorf("with the right passphrase (%v): %v", right, err)
		}
	}
}

func empty(t *testing.T, folder string) {
	t.Helper()
	left, err := os.ReadDir(folder)
	must(t, err)
	for _, one := range left {
		t.Errorf("%s is left", one.Name())
	}
}

// What was altered, cut, swapped or belongs to another identity is refused, and leaves nothing behind.
func TestADamagedBackupIsRefused(t *testing.T) {
	src := newSource(t, storetest.SQLite(t), "acme")
	o, identity := options(t, folder(t))
	made, err := backup.Run(t.Context(), src.Source, o)
	must(t, err)
	whole, err := os.ReadFile(made.Where)
	must(t, err)
	s := storetest.SQLite(t)
	into, _ := target(t, s, "acme")
	refuse := func(what string, content []byte, with age.Identity) {
		t.Helper()
		_, err := backup.Restore(t.Context(), into, stored(content, with))
		if err == nil {
			t.Fatalf("%s: it was restored", what)
		}
		if !errors.Is(err, backup.ErrDamaged) && fault.KindOf(err) != fault.Forbidden {
			t.Errorf("%s: %v", what, err)
		}
		if n := s.Client().User.Query().CountX(t.Context()) + s.Client().AuditEntry.Query().CountX(t.Context()); n != 0 {
			t.Fatalf("%s: %d rows are left", what, n)
		}
		must(t, into.Files.Walk(t.Context(), func(info files.Info) error { return fmt.Errorf("%s: file %s is left", what, info.Key) }))
	}
	stranger, err := age.GenerateX25519Identity()
	must(t, err)
	refuse("another identity", whole, stranger)
	refuse("nothing", nil, identity)
	refuse("something else", bytes.Repeat([]byte("no backup\n"), 1000), identity)
	for i := range 60 {
		at := i * (len(whole) - 1) / 59
		altered := bytes.Clone(whole)
		altered[at] ^= 0x20
		refuse(fmt.Sprintf("byte %d of %d altered", at, len(whole)), altered, identity)
		refuse(fmt.Sprintf("cut at %d of %d", at, len(whole)), whole[:at], identity)
	}
	refuse("something appended", append(bytes.Clone(whole), 'x'), identity)
	const chunk = 64<<10 + 16
	header := bytes.Index(whole, []byte("\n---")) + 1
	header += bytes.IndexByte(whole[header:], '\n') + 1 + 16
	if len(whole) > header+2*chunk {
		swapped := bytes.Clone(whole)
		copy(swapped[header:], whole[header+chunk:header+2*chunk])
		copy(swapped[header+chunk:], whole[header:header+chunk])
		refuse("chunks swapped", swapped, identity)
	}
	_, err = backup.Restore(t.Context(), into, stored(whole, identity)) // and the whole one is not
	must(t, err)
}

// AC-5: a client that is replaced keeps its audit log, which goes on.
func TestReplacing_AC_5(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(*testing.T) *store.Store) {
		src := newSource(t, open(t), "acme")
		o, identity := options(t, folder(t))
		made, err := backup.Run(t.Context(), src.Source, o)
		must(t, err)
		content, err := os.ReadFile(made.Where)
		must(t, err)
		c := src.Store.Client()
		c.Task.Update().SetTitle("spoilt").ExecX(t.Context())
		before := c.AuditEntry.Query().CountX(t.Context())
		into := backup.Target{Store: src.Store, Files: src.Files, Keys: src.keys, By: "taskflow restore", Now: clock()}
		if _, err := backup.Restore(t.Context(), into, stored(content, identity)); fault.KindOf(err) != fault.Conflict {
			t.Fatalf("what is there is overwritten without being asked: %v", err)
		}
		into.Replace = true
		if _, err := backup.Restore(t.Context(), into, stored(content[:len(content)-5], identity)); err == nil {
			t.Fatal("half a backup was restored")
		}
		if n := c.Task.Query().Where(task.Title("spoilt")).CountX(t.Context()); n != 449 {
			t.Errorf("a restore that failed changed something: %d tasks are as before", n)
		}
		_, err = backup.Restore(t.Context(), into, stored(content, identity))
		must(t, err)
		if n := c.Task.Query().Where(task.Title("spoilt")).CountX(t.Context()); n != 0 {
			t.Errorf("%d tasks are still spoilt", n)
		}
		if n := c.AuditEntry.Query().CountX(t.Context()); n != before+1 {
			t.Errorf("the audit log has %d entries after %d", n, before)
		}
		settledBut := c.BIGrant.Query().CountX(t.Context())
		if settledBut != 1 {
			t.Error("the database's roles are forgotten, and are still there")
		}
		other := newSource(t, open(t), "acme") // with a history of its own
		into = backup.Target{Store: other.Store, Files: other.Files, Keys: other.keys, By: "taskflow restore", Now: clock(), Replace: true}
		if _, err := backup.Restore(t.Context(), into, stored(content, identity)); fault.KindOf(err) != fault.Conflict {
			t.Errorf("another history was replaced: %v", err)
		}
	})
}

func TestRetentionAndNewest(t *testing.T) {
	src := newSource(t, storetest.SQLite(t), "acme")
	place := folder(t)
	if newest, err := backup.Latest(t.Context(), src.Store); newest != nil || err != nil {
		t.Fatalf("before the first: %v, %v", newest, err)
	}
	var last backup.Made
	for day := range 5 {
		o, _ := options(t, place)
		base := o.Now
		o.Now = func() time.Time { return base().Add(time.Duration(day) * 24 * time.Hour) }
		var err error
		last, err = backup.Run(t.Context(), src.Source, o)
		must(t, err)
	}
	list, err := place.List(t.Context(), "acme")
	must(t, err)
	if len(list) != 3 || list[0].Where != last.Where || len(last.Removed) != 1 {
		t.Errorf("%d are kept: %v, removed last: %v", len(list), list, last.Removed)
	}
	newest, err := backup.Latest(t.Context(), src.Store)
	must(t, err)
	if newest.Where != last.Where || !newest.At.Equal(last.Made) || newest.Size != last.Size || newest.SHA256 != last.SHA256 || newest.Verified != "restored" {
		t.Errorf("the newest is %+v; made was %+v", newest, last)
	}
}

// One machine makes the backup; another that was told to at the same time takes it for done.
func TestTwoRunsMakeOneBackup(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(*testing.T) *store.Store) {
		src := newSource(t, open(t), "acme")
		place := folder(t)
		var all sync.WaitGroup
		results := make([]backup.Made, 3)
		for i := range results {
			o, _ := options(t, place)
			o.Now, o.Wait = time.Now, 10*time.Minute
			all.Go(func() {
				var err error
				if results[i], err = backup.Run(context.Background(), src.Source, o); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		others := 0
		for _, r := range results {
			if r.Other {
				others++
			}
			if r.Where != results[0].Where {
				t.Errorf("one is at %s, another at %s", r.Where, results[0].Where)
			}
		}
		list, err := place.List(t.Context(), "acme")
		if err != nil || len(list) != 1 || others != 2 {
			t.Errorf("%d backups, %d runs content with another's, %v", len(list), others, err)
		}
		o, _ := options(t, place)
		o.Now = time.Now
		taken, err := src.Store.Take(t.Context(), "backup", "somebody", time.Now(), time.Minute)
		if err != nil || !taken {
			t.Fatal(taken, err)
		}
		if _, err := backup.Run(t.Context(), src.Source, o); fault.KindOf(err) != fault.Conflict {
			t.Errorf("without waiting: %v", err)
		}
	})
}
