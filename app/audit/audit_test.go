package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/auditentry"
	"github.com/berth-iac/berth/app/ent/audithead"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/storetest"
)

var now = storetest.Now

var ada = uuid.MustParse("01890000-0000-7000-8000-000000000001")

func entry(n int) audit.Entry {
	return audit.Entry{
		At: now.Add(time.Duration(n) * time.Second), ActorKind: audit.Person, ActorID: ada, ActorName: "Ada 👩‍🔧", Action: "task.update",
		Target: fmt.Sprintf("task OPS-%d", n), Address: "2001:db8::1", Agent: "Browser/1.0",
		Detail: map[string]string{"field": "title", "note": "Grüße <b>&\u2028"},
	}
}

func record(t *testing.T, l *audit.Log, n int) {
	t.Helper()
	for i := range n {
		if err := l.Record(t.Context(), entry(i+1)); err != nil {
			t.Fatal(err)
		}
	}
}

func verify(t *testing.T, l *audit.Log, anchors ...audit.Anchor) audit.Report {
	t.Helper()
	r, err := l.Verify(t.Context(), anchors...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTheLogIsWhole_AC_5(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(*testing.T) *store.Store) {
		s := open(t)
		l := audit.New(s)
		if r := verify(t, l); !r.OK() || r.Entries != 0 {
			t.Fatalf("empty: %+v", r)
		}
		var wait sync.WaitGroup
		for machine := range 4 { // the very first entries too are appended at the same moment
			wait.Go(func() {
				for i := range 8 {
					if err := l.Record(t.Context(), entry(machine*100+i)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wait.Wait()
		r := verify(t, l)
		if !r.OK() || r.Entries != 32 || r.End.Seq != 32 {
			t.Fatalf("report is %+v", r)
		}
		end, err := l.End(t.Context())
		if err != nil || end.Seq != 32 || end.Hash != r.End.Hash {
			t.Errorf("end is %+v, %v", end, err)
		}
		if r := verify(t, audit.New(storetest.Reopen(t, s.Options())), r.End); !r.OK() {
			t.Errorf("after a restart: %+v", r)
		}
	})
}

func TestAnEntryComesWithWhatItTellsOf_AC_5(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(*testing.T) *store.Store) {
		s := open(t)
		l := audit.New(s)
		record(t, l, 1)
		stop := errors.New("stop")
		err := s.Tx(t.Context(), func(tx *ent.Tx) error {
			tx.Setting.Create().SetID("x").SetValue(json.RawMessage("1")).SetUpdatedAt(now).ExecX(t.Context())
			if err := audit.Append(t.Context(), tx, entry(2)); err != nil {
				return err
			}
			return stop
		})
		if !errors.Is(err, stop) {
			t.Fatal(err)
		}
		if r := verify(t, l); !r.OK() || r.Entries != 1 || s.Client().Setting.Query().CountX(t.Context()) != 0 {
			t.Errorf("after a change that was undone: %+v", r)
		}
	})
}

// What somebody does who has the database in hand, without TaskFlow in between.
func TestAlterationIsFound_AC_5(t *testing.T) {
	type raw = *ent.Client
	set := func(seq int64, column string, value any) func(context.Context, raw) error {
		return func(ctx context.Context, c raw) error {
			return c.AuditEntry.Update().Where(auditentry.Seq(seq)).Modify(func(u *sql.UpdateBuilder) { u.Set(column, value) }).Exec(ctx)
		}
	}
	remove := func(from, to int64) func(context.Context, raw) error {
		return func(ctx context.Context, c raw) error {
			_, err := c.AuditEntry.Delete().Where(auditentry.SeqGTE(from), auditentry.SeqLTE(to)).Exec(ctx)
			return err
		}
	}
	setHead := func(ctx context.Context, c raw, a audit.Anchor) error {
		return c.AuditHead.Update().Where(audithead.ID("head")).SetSeq(a.Seq).SetHash(a.Hash).Exec(ctx)
	}
	// again makes all hashes anew from an entry on, as somebody would who knows how.
	again := func(ctx context.Context, c raw, from int64) error {
		rows, err := c.AuditEntry.Query().Where(auditentry.SeqGTE(from - 1)).Order(auditentry.BySeq()).All(ctx)
		if err != nil {
			return err
		}
		for i, row := range rows[1:] {
			row.PrevHash = rows[i].Hash
			row.Hash = audit.Hash(row)
			if err := errors.Join(set(row.Seq, "prev_hash", row.PrevHash)(ctx, c), set(row.Seq, "hash", row.Hash)(ctx, c)); err != nil {
				return err
			}
		}
		last := rows[len(rows)-1]
		return setHead(ctx, c, audit.Anchor{Seq: last.Seq, Hash: last.Hash})
	}
	swap := func(ctx context.Context, c raw) error {
		return errors.Join(set(4, "seq", 1000)(ctx, c), set(5, "seq", 4)(ctx, c), set(1000, "seq", 5)(ctx, c))
	}
	other := uuid.New()
	// One of each sort on the servers, where a database takes its time to make; all of them on SQLite.
	everywhere := map[string]bool{
		"an action": true, "a time": true, "no actor": true, "a detail": true, "three removed": true, "the end cut off": true, "two exchanged": true,
		"one appended": true, "one put in front": true, "all hashes made anew": true, "the end cut off with its record": true,
	}
	for name, test := range map[string]struct {
		do   func(context.Context, raw) error
		want string // in the first problem; "" where only the anchor finds it
	}{
		"an action":         {set(4, "action", "task.read"), "4: the entry was altered"},
		"a time":            {set(4, "at", now.Add(4*time.Second+time.Microsecond)), "4: the entry was altered"},
		"an actor":          {set(4, "actor_id", other), "4: the entry was altered"},
		"no actor":          {set(4, "actor_id", nil), "4: the entry was altered"},
		"a name":            {set(4, "actor_name", "Eve"), "4: the entry was altered"},
		"a kind of actor":   {set(4, "actor_kind", "system"), "4: the entry was altered"},
		"a grant":           {set(4, "grant_id", other), "4: the entry was altered"},
		"a target":          {set(4, "target", "task OPS-5"), "4: the entry was altered"},
		"a target's id":     {set(4, "target_id", other), "4: the entry was altered"},
		"an outcome":        {set(4, "outcome", "refused"), "4: the entry was altered"},
		"an address":        {set(4, "address", "192.0.2.9"), "4: the entry was altered"},
		"an agent":          {set(4, "agent", ""), "4: the entry was altered"},
		"a detail":          {set(4, "detail", ""), "4: the entry was altered"},
		"an id":             {set(4, "id", other), "4: the entry was altered"},
		"the first":         {set(1, "target", "x"), "1: the entry was altered"},
		"the last":          {set(9, "target", "x"), "9: the entry was altered"},
		"a hash":            {set(4, "hash", strings.Repeat("a", 64)), "4: the entry was altered"},
		"a link":            {set(4, "prev_hash", strings.Repeat("a", 64)), "4: does not follow"},
		"one removed":       {remove(4, 4), "4: the entry was removed"},
		"three removed":     {remove(4, 6), "4: 3 entries were removed, up to 6"},
		"the first removed": {remove(1, 1), "1: the entry was removed"},
		"the end cut off":   {remove(8, 9), "7: 2 entries were cut off"},
		"all removed":       {remove(1, 9), "0: 9 entries were cut off"},
		"two exchanged":     {swap, "4: does not follow"},
		"the head removed":  {func(ctx context.Context, c raw) error { return c.AuditHead.DeleteOneID("head").Exec(ctx) }, "9: the record of the log's end"},
		"the head elsewhere": {func(ctx context.Context, c raw) error {
			return setHead(ctx, c, audit.Anchor{Seq: 9, Hash: strings.Repeat("b", 64)})
		}, "9: is not the entry"},
		"one appended": {func(ctx context.Context, c raw) error {
			row := &ent.AuditEntry{ID: other, Seq: 10, At: now, ActorKind: "system", Action: "x", Outcome: "ok", PrevHash: c.AuditHead.GetX(ctx, "head").Hash}
			return c.AuditEntry.Create().SetID(row.ID).SetSeq(10).SetAt(now).SetActorKind("system").SetAction("x").SetOutcome("ok").
				SetPrevHash(row.PrevHash).SetHash(audit.Hash(row)).Exec(ctx)
		}, "9: 1 entries were inserted"},
		"one put in front": {func(ctx context.Context, c raw) error {
			return errors.Join(set(4, "seq", 1000)(ctx, c), set(1000, "seq", -1)(ctx, c))
		}, "4: the entry was removed"},
		"all hashes made anew": {func(ctx context.Context, c raw) error {
			return errors.Join(set(4, "action", "task.read")(ctx, c), again(ctx, c, 4))
		}, ""},
		"one removed, and all made anew": {func(ctx context.Context, c raw) error {
			if err := remove(4, 4)(ctx, c); err != nil {
				return err
			}
			for seq := int64(5); seq <= 9; seq++ {
				if err := set(seq, "seq", seq-1)(ctx, c); err != nil {
					return err
				}
			}
			return again(ctx, c, 4)
		}, ""},
		"the end cut off with its record": {func(ctx context.Context, c raw) error {
			last := c.AuditEntry.Query().Where(auditentry.Seq(6)).OnlyX(ctx)
			return errors.Join(remove(7, 9)(ctx, c), setHead(ctx, c, audit.Anchor{Seq: 6, Hash: last.Hash}))
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, open func(*testing.T) *store.Store) {
				if !everywhere[name] && !strings.HasSuffix(t.Name(), "/SQLite") {
					return
				}
				s := open(t)
				l := audit.New(s)
				record(t, l, 9)
				before := verify(t, l)
				anchor, err := audit.ParseAnchor(before.End.String())
				if err != nil || !before.OK() {
					t.Fatalf("%v, %+v", err, before)
				}
				if err := test.do(t.Context(), storetest.Raw(t, s.Options())); err != nil {
					t.Fatal(err)
				}
				alone, anchored := verify(t, l), verify(t, l, anchor)
				if anchored.OK() {
					t.Fatal("not found, with an anchor")
				}
				if test.want == "" {
					if !alone.OK() {
						t.Errorf("found without an anchor: %+v; the test proves nothing of anchors", alone.Problems)
					}
					return
				}
				if alone.OK() {
					t.Fatal("not found")
				}
				if got := fmt.Sprintf("%d: %s", alone.Problems[0].Seq, alone.Problems[0].What); !strings.HasPrefix(got, test.want) {
					t.Errorf("the first problem is %q; want %q", got, test.want)
				}
			})
		})
	}
}

func TestALongLogIsReadInPages(t *testing.T) {
	s := storetest.SQLite(t)
	l := audit.New(s)
	err := s.Tx(t.Context(), func(tx *ent.Tx) error {
		for i := range 1203 {
			e := entry(i + 1)
			if i%3 == 0 {
				e.Action, e.Outcome = "login", audit.Refused
			}
			if err := audit.Append(t.Context(), tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if r := verify(t, l); !r.OK() || r.Entries != 1203 {
		t.Fatalf("report is %+v", r)
	}
	n := 0
	for e, err := range l.All(t.Context(), audit.Filter{}) {
		if n++; err != nil || e.Seq != int64(n) {
			t.Fatalf("%v, %+v", err, e)
		}
	}
	if n != 1203 {
		t.Errorf("%d entries", n)
	}
	seen, before := 0, int64(0)
	for {
		page, next, err := l.Page(t.Context(), audit.Filter{Action: "log", Outcome: audit.Refused, Before: before, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			if before != 0 && e.Seq >= before {
				t.Fatalf("entry %d comes after %d", e.Seq, before)
			}
			before = e.Seq
		}
		seen += len(page)
		if before = next; next == 0 {
			break
		}
	}
	if seen != 401 {
		t.Errorf("%d refusals; want 401", seen)
	}
	page, next, err := l.Page(t.Context(), audit.Filter{ActorID: ada, From: now.Add(10 * time.Second), To: now.Add(13 * time.Second), TargetID: uuid.Nil})
	if err != nil || len(page) != 3 || next != 0 || page[0].Target != "task OPS-12" {
		t.Errorf("%d entries, %d, %v", len(page), next, err)
	}
	if page, _, err := l.Page(t.Context(), audit.Filter{Action: "%"}); err != nil || len(page) != 0 {
		t.Errorf("a wildcard picks %d entries, %v", len(page), err)
	}
}

func TestSecretsAreLeftOut_AC_5(t *testing.T) {
	token := "tfp_" + strings.Repeat("a", 43)
	hostile := map[string]string{
		"password": "hunter2", "newPassword": "hunter2", "api_key": "hunter2", "Authorization": "hunter2", "totp": "123456", "cookie": "hunter2",
		"note": "use " + token, "text": "-----BEGIN PRIVATE KEY-----", "said": "Bearer abcdefgh12345", "from": "$2a$12$abcdef", "aws": "AKIAABCDEFGHIJKLMNOP",
		"session": "hunter2", "title": "plain", "keyboard": "qwerty", "long": strings.Repeat("ä", 400), "lines": "a\nb\r\x00c", "broken": "a\xffb", token: "x",
	}
	safe := audit.Redact(hostile)
	all := fmt.Sprint(safe)
	for _, secret := range []string{"hunter2", token, "PRIVATE KEY", "abcdefgh12345", "$2a$12", "123456", "AKIA"} {
		if strings.Contains(all, secret) {
			t.Errorf("%q is logged: %s", secret, all)
		}
	}
	if safe["title"] != "plain" || safe["keyboard"] != "qwerty" || safe["lines"] != "a b  c" || safe["broken"] != "a\uFFFDb" || len([]rune(safe["long"])) != 300 {
		t.Errorf("what is no secret came out as %q", safe)
	}
	many := map[string]string{}
	for i := range 1000 {
		many[fmt.Sprint(i)] = strings.Repeat("\u2028", 1000)
	}
	storetest.Each(t, func(t *testing.T, open func(*testing.T) *store.Store) {
		l := audit.New(open(t))
		e := entry(1)
		e.Detail, e.Agent, e.Target, e.ActorName = many, strings.Repeat("\u2028🙂", 9999), strings.Repeat("x\n", 9999), strings.Repeat("\xff", 9999)
		e.Address = strings.Repeat("ü", 500)
		if err := l.Record(t.Context(), e); err != nil {
			t.Fatalf("an entry that is too large keeps the log silent: %v", err)
		}
		if r := verify(t, l); !r.OK() {
			t.Errorf("report is %+v", r)
		}
	})
}

func TestAnchorsAreReadStrictly(t *testing.T) {
	good := audit.Anchor{Seq: 12, Hash: strings.Repeat("0a", 32), At: now.Truncate(time.Second)}
	if got, err := audit.ParseAnchor(good.String() + "\n"); err != nil || got.Seq != 12 || got.Hash != good.Hash || !got.At.Equal(good.At) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{"", "x", strings.ToUpper(good.String()), "taskflow-audit:012:" + good.Hash + ":20260302T093015Z",
		"taskflow-audit:-1:" + good.Hash + ":20260302T093015Z", "taskflow-audit:1:" + good.Hash[1:] + ":20260302T093015Z",
		"taskflow-audit:1:" + good.Hash + ":yesterday", good.String() + ":x"} {
		if _, err := audit.ParseAnchor(text); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q is an anchor: %v", text, err)
		}
	}
}

func FuzzParseAnchor(f *testing.F) {
	f.Add(audit.Anchor{Seq: 1, Hash: strings.Repeat("0", 64), At: now}.String())
	f.Fuzz(func(t *testing.T, text string) {
		if a, err := audit.ParseAnchor(text); err == nil && a.String() != strings.TrimSpace(text) {
			t.Errorf("%q is read as %q", text, a)
		}
	})
}

func FuzzRedact(f *testing.F) {
	f.Add("password", "x")
	f.Fuzz(func(t *testing.T, name, value string) {
		for name, value := range audit.Redact(map[string]string{name: value}) {
			if strings.ContainsAny(name+value, "\n\r\x00") || len([]rune(value)) > 300 || len([]rune(name)) > 50 {
				t.Errorf("%q: %q", name, value)
			}
		}
	})
}
