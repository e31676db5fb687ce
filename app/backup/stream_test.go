package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/berth-iac/berth/app/ent/project"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/seal"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/storetest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Every table is in a backup, or left out on purpose, and comes after those that it points to.
func TestEveryTableIsInABackup(t *testing.T) {
	all, err := tables()
	must(t, err)
	var names []string
	for _, one := range all {
		names = append(names, one.name)
	}
	for _, table := range store.Tables() {
		if !slices.Contains(names, table.Name) && !slices.Contains(leftOut(), table.Name) {
			t.Errorf("table %s is in no backup", table.Name)
		}
		for _, key := range table.ForeignKeys {
			if from, to := slices.Index(names, table.Name), slices.Index(names, key.RefTable.Name); from >= 0 && to > from {
				t.Errorf("%s comes before %s", table.Name, key.RefTable.Name)
			}
		}
	}
	if len(names)+len(leftOut()) != len(store.Tables()) || len(entities()) != len(names) {
		t.Errorf("%d tables are in a backup, and %d left out, of %d", len(names), len(leftOut()), len(store.Tables()))
	}
}

func plainBackup(t testing.TB, s *store.Store) []byte {
	t.Helper()
	var b bytes.Buffer
	src := Source{Client: "acme", Display: "Acme", Hosts: []string{"acme.example.org"}, Keys: []seal.Key{seal.NewKey()}, Store: s}
	_, err := write(context.Background(), &b, src, newID(), storetest.Now)
	must(t, err)
	return b.Bytes()
}

func small(t testing.TB) *store.Store {
	t.Helper()
	s := storetest.SQLite(t)
	s.Client().Project.Create().SetKey("OPS").SetName("Operations").SetDescription("of all").SetCreatedAt(storetest.Now).SetUpdatedAt(storetest.Now).ExecX(context.Background())
	s.Client().Setting.Create().SetID("x").SetValue([]byte(`{"a":1}`)).SetUpdatedAt(storetest.Now).ExecX(context.Background())
	return s
}

func restorePlain(t testing.TB, s *store.Store, content []byte) error {
	t.Helper()
	_, err := Restore(context.Background(), Target{Store: s, By: "test", Now: func() time.Time { return storetest.Now }}, func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	})
	return err
}

// rewrite writes a stream anew with some parts changed: as another release would have written it, sums and all.
func rewrite(t testing.TB, content []byte, change func(f frame) []frame) []byte {
	t.Helper()
	var b bytes.Buffer
	in, out := newFrameReader(bytes.NewReader(content)), newFrameWriter(&b)
	counts := map[string]Count{}
	var name string
	var n counter
	for {
		f, err := in.next()
		must(t, err)
		f.content = bytes.Clone(f.content)
		if f.kind == kindEnd {
			var end trailer
			must(t, f.decode(&end))
			end.Tables = counts
			must(t, out.end(end))
			return b.Bytes()
		}
		for _, f := range change(f) {
			switch f.kind {
			case kindTable:
				var head tableHead
				must(t, f.decode(&head))
				name, n = head.Name, counter{}
			case kindRow:
				n.add(f.content)
			case kindTableEnd:
				counts[name] = n.count()
				must(t, out.json(kindTableEnd, n.count()))
				continue
			}
			must(t, out.raw(f.kind, f.content))
		}
	}
}

// A backup of an earlier schema lacks what later expand steps added: that takes its defaults. What this release has no place for is
// refused, and so is what a newer release made.
func TestBackupsOfOtherSchemas(t *testing.T) {
	whole := plainBackup(t, small(t))
	version := func(f frame, schema string) frame {
		var h Header
		must(t, f.decode(&h))
		h.Schema = schema
		text, err := json.Marshal(h)
		must(t, err)
		return frame{kindHeader, text}
	}
	var inside string
	without := func(schema string, tables []string, columns map[string][]string) []byte {
		at := []int{}
		return rewrite(t, whole, func(f frame) []frame {
			switch f.kind {
			case kindHeader:
				return []frame{version(f, schema)}
			case kindTable:
				var head tableHead
				must(t, f.decode(&head))
				inside, at = head.Name, nil
				for _, c := range columns[head.Name] {
					at = append(at, slices.Index(head.Columns, c))
				}
				head.Columns = slices.DeleteFunc(head.Columns, func(c string) bool { return slices.Contains(columns[inside], c) })
				text, err := json.Marshal(head)
				must(t, err)
				f.content = text
			case kindRow:
				var row []json.RawMessage
				must(t, json.Unmarshal(f.content, &row))
				slices.Sort(at)
				for _, i := range slices.Backward(at) {
					row = slices.Delete(row, i, i+1)
				}
				text, err := json.Marshal(row)
				must(t, err)
				f.content = text
			}
			if strings.ContainsRune("TRt", rune(f.kind)) && slices.Contains(tables, inside) {
				return nil
			}
			return []frame{f}
		})
	}
	status, err := storetest.SQLite(t).MigrationStatus(t.Context())
	must(t, err)
	earlier := without("20200101000000", []string{"saved_filters", "mentions"}, map[string][]string{"projects": {"description", "color", "archived_at"}})
	s := storetest.SQLite(t)
	must(t, restorePlain(t, s, earlier))
	p := s.Client().Project.Query().OnlyX(t.Context())
	if p.Name != "Operations" || p.Color != project.DefaultColor || p.ArchivedAt != nil {
		t.Errorf("the project is %v", p)
	}
	if err := restorePlain(t, storetest.SQLite(t), without(status.Newest(), []string{"mentions"}, nil)); !errors.Is(err, ErrDamaged) {
		t.Errorf("a table is missing that this schema has: %v", err)
	}
	if err := restorePlain(t, storetest.SQLite(t), without("20990101000000", nil, nil)); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "newer") {
		t.Errorf("of a newer release: %v", err)
	}
	more := rewrite(t, whole, func(f frame) []frame {
		if f.kind == kindTable {
			f.content = bytes.Replace(f.content, []byte(`"visibility"`), []byte(`"sight"`), 1)
		}
		return []frame{f}
	})
	if err := restorePlain(t, storetest.SQLite(t), more); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "projects.sight") {
		t.Errorf("with a column that is gone: %v", err)
	}
}

// A stream that is put together wrongly is refused even if every part of it is right.
func TestPartsOutOfOrder(t *testing.T) {
	whole := plainBackup(t, small(t))
	must(t, restorePlain(t, storetest.SQLite(t), whole))
	s := storetest.SQLite(t)
	var frames []frame
	in := newFrameReader(bytes.NewReader(whole))
	for {
		f, err := in.next()
		must(t, err)
		frames = append(frames, frame{f.kind, bytes.Clone(f.content)})
		if f.kind == kindEnd {
			break
		}
	}
	for i := range frames {
		for what, changed := range map[string][]frame{
			"left out": slices.Delete(slices.Clone(frames), i, i+1),
			"twice":    slices.Insert(slices.Clone(frames), i, frames[i]),
			"moved":    append(slices.Delete(slices.Clone(frames), i, i+1), frames[i]),
		} {
			if what == "moved" && i == len(frames)-1 {
				continue
			}
			var b bytes.Buffer
			out := newFrameWriter(&b)
			for _, f := range changed {
				must(t, out.raw(f.kind, f.content))
			}
			if err := restorePlain(t, s, b.Bytes()); err == nil {
				t.Fatalf("part %d (%c) %s: it was restored", i, frames[i].kind, what)
			}
		}
	}
	if n := s.Client().Project.Query().CountX(t.Context()); n != 0 {
		t.Errorf("%d projects are left", n)
	}
}

const (
	golden    = "testdata/20261122072822.age"
	goldenKey = "a synthetic passphrase a synthetic passphrase a synthetic passphrase "
)

// A backup of the first schema is restored by every later release. It was made by this test with TASKFLOW_TEST_WRITE_GOLDEN=1.
func TestABackupOfTheFirstSchema(t *testing.T) {
	if os.Getenv("TASKFLOW_TEST_WRITE_GOLDEN") != "" {
		to, err := Recipients(nil, goldenKey)
		must(t, err)
		var b bytes.Buffer
		w, err := newSealing(&b, io.Discard, to)
		must(t, err)
		_, err = w.Write(plainBackup(t, small(t)))
		must(t, err)
		must(t, w.Close())
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(golden, b.Bytes(), 0o644))
	}
	with, err := Identities(nil, goldenKey)
	must(t, err)
	for _, e := range storetest.Engines() {
		t.Run(e.Name, func(t *testing.T) {
			s := e.Open(t)
			_, err = Restore(t.Context(), Target{Store: s, By: "test", Now: func() time.Time { return storetest.Now }}, func() (io.ReadCloser, error) {
				file, err := os.Open(golden)
				if err != nil {
					return nil, err
				}
				return Open(file, with)
			})
			must(t, err)
			if p := s.Client().Project.Query().OnlyX(t.Context()); p.Key != "OPS" || p.Description != "of all" {
				t.Errorf("the project is %v", p)
			}
		})
	}
}

// Whatever a stream is, reading it ends, says that it is damaged, and takes no more memory than the stream is long.
func FuzzFrames(f *testing.F) {
	with, err := Identities(nil, goldenKey)
	must(f, err)
	file, err := os.Open(golden)
	must(f, err)
	defer file.Close()
	stream, err := Open(file, with)
	must(f, err)
	whole, err := io.ReadAll(stream)
	must(f, err)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte("H\x02{}K\x02[]F\xff\xff\xff\x7f"))
	f.Fuzz(func(t *testing.T, content []byte) {
		in := newFrameReader(bytes.NewReader(content))
		for {
			one, err := in.next()
			if err != nil {
				if !errors.Is(err, ErrDamaged) {
					t.Errorf("error is %v", err)
				}
				break
			}
			switch one.kind {
			case kindHeader:
				_, _ = Peek(bytes.NewReader(content))
			case kindTable:
				_ = one.decode(&tableHead{})
			case kindRow:
				_ = one.decode(&[]json.RawMessage{})
			case kindEnd:
				_ = one.decode(&trailer{})
			}
		}
		if cap(in.buffer) > 2*len(content)+2*chunkSize {
			t.Errorf("%d bytes took %d of memory", len(content), cap(in.buffer))
		}
	})
}

func FuzzOpen(f *testing.F) {
	identity, err := age.GenerateX25519Identity()
	must(f, err)
	var b bytes.Buffer
	w, err := newSealing(&b, io.Discard, []age.Recipient{identity.Recipient()})
	must(f, err)
	_, err = w.Write([]byte("content"))
	must(f, err)
	must(f, w.Close())
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, content []byte) {
		r, err := Open(bytes.NewReader(content), []age.Identity{identity})
		if err != nil {
			return
		}
		text, err := io.ReadAll(io.LimitReader(r, 1<<20))
		if err == nil && string(text) != "content" {
			t.Errorf("it opens as %q", text)
		}
	})
}
