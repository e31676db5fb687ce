package outbox_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/outgoingmail"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/outbox"
	"github.com/berth-iac/berth/app/seal"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/storetest"
)

type box struct {
	*outbox.Outbox
	store *store.Store
	now   time.Time
}

func open(t *testing.T, s *store.Store) *box {
	keys, err := seal.New("acme", seal.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	b := &box{store: s, now: storetest.Now}
	b.Outbox = outbox.New(s, keys, func() time.Time { return b.now })
	return b
}

func (b *box) queue(t *testing.T, m outbox.Mail) {
	t.Helper()
	if err := b.store.Tx(t.Context(), func(tx *ent.Tx) error { return b.Queue(t.Context(), tx, m) }); err != nil {
		t.Fatal(err)
	}
}

func (b *box) deliver(t *testing.T, send func(context.Context, outbox.Mail) error) outbox.Delivered {
	t.Helper()
	done, err := b.Deliver(t.Context(), send)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

var letter = outbox.Mail{To: "ada@example.com", Subject: "Hello", Text: "the link is s3cret", HTML: "<p>s3cret</p>"}

func TestMailIsSentOnceAndItsBodyIsSealedThenGone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, openStore func(*testing.T) *store.Store) {
		b := open(t, openStore(t))
		b.queue(t, letter)
		row := b.store.Client().OutgoingMail.Query().OnlyX(t.Context())
		if bytes.Contains(row.Body, []byte("s3cret")) {
			t.Error("the body lies in the clear")
		}
		var got []outbox.Mail
		keep := func(_ context.Context, m outbox.Mail) error { got = append(got, m); return nil }
		if done := b.deliver(t, keep); done.Sent != 1 {
			t.Fatalf("%+v", done)
		}
		b.now = b.now.Add(48 * time.Hour)
		if done := b.deliver(t, keep); done != (outbox.Delivered{}) {
			t.Fatalf("a second round did %+v", done)
		}
		if len(got) != 1 || got[0].Text != letter.Text || got[0].HTML != letter.HTML || got[0].To != letter.To || got[0].ID != row.ID {
			t.Errorf("sent %+v", got)
		}
		row = b.store.Client().OutgoingMail.GetX(t.Context(), row.ID)
		if len(row.Body) != 0 || row.State != outgoingmail.StateSent {
			t.Errorf("%d bytes stay of a mail that is %s", len(row.Body), row.State)
		}
		letter := letter
		letter.Once = "digest 1"
		b.queue(t, letter)
		b.queue(t, letter)
		if done := b.deliver(t, keep); done.Sent != 1 {
			t.Errorf("a mail that may be there once: %+v", done)
		}
	})
}

func TestNothingIsSentOfATransactionThatFails(t *testing.T) {
	b := open(t, storetest.SQLite(t))
	boom := errors.New("boom")
	err := b.store.Tx(t.Context(), func(tx *ent.Tx) error {
		return errors.Join(b.Queue(t.Context(), tx, letter), boom)
	})
	if !errors.Is(err, boom) {
		t.Fatal(err)
	}
	if waiting, _, err := b.Waiting(t.Context()); err != nil || waiting != 0 {
		t.Errorf("%d wait, %v", waiting, err)
	}
}

func TestFailuresAreTriedAgainByScheduleAndGivenUp(t *testing.T) {
	b := open(t, storetest.SQLite(t))
	b.queue(t, letter)
	tries := 0
	down := func(context.Context, outbox.Mail) error { tries++; return errors.New("421 try\r\nlater") }
	for range 40 {
		b.deliver(t, down)
		if done := b.deliver(t, down); done != (outbox.Delivered{}) {
			t.Fatalf("tried again at once: %+v", done)
		}
		b.now = b.now.Add(time.Hour)
	}
	row := b.store.Client().OutgoingMail.Query().OnlyX(t.Context())
	if tries != 8 || row.State != outgoingmail.StateFailed || len(row.Body) != 0 || row.LastError != "421 try  later" {
		t.Errorf("after %d tries it is %s with %d bytes, %q", tries, row.State, len(row.Body), row.LastError)
	}
	b.queue(t, letter)
	done := b.deliver(t, func(context.Context, outbox.Mail) error { return outbox.Permanent(errors.New("550 no such user")) })
	if done.GivenUp != 1 {
		t.Errorf("what cannot succeed: %+v", done)
	}
}

// A machine dies after it took the mail: nobody else sends it before the lease is over, and it is not lost.
func TestACrashLosesNothingAndSendsAgainOnlyAfterTheLease(t *testing.T) {
	b := open(t, storetest.SQLite(t))
	b.queue(t, letter)
	func() {
		defer func() { _ = recover() }()
		_, _ = b.Deliver(t.Context(), func(context.Context, outbox.Mail) error { panic("killed") })
	}()
	sent := 0
	keep := func(_ context.Context, m outbox.Mail) error { sent += m.Attempt; return nil }
	b.now = b.now.Add(outbox.Lease - time.Second)
	b.deliver(t, keep)
	if sent != 0 {
		t.Fatal("sent while another machine had it")
	}
	b.now = b.now.Add(2 * time.Second)
	b.deliver(t, keep)
	if sent != 2 {
		t.Errorf("the second attempt was not made: %d", sent)
	}
}

func TestTwoMachinesSendEachMailOnce(t *testing.T) {
	b := open(t, storetest.SQLite(t))
	for range 15 {
		b.queue(t, letter)
	}
	var sent atomic.Int32
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, err := b.Deliver(context.Background(), func(context.Context, outbox.Mail) error { sent.Add(1); return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if sent.Load() != 15 {
		t.Errorf("15 mails were sent %d times", sent.Load())
	}
}

func TestBadMailIsRefused(t *testing.T) {
	for name, m := range map[string]outbox.Mail{
		"no address":           {Subject: "s", Text: "t"},
		"two addresses":        {To: "a@example.com, b@example.com", Subject: "s", Text: "t"},
		"a header in the name": {To: "a@example.com\r\nBcc: b@example.com", Subject: "s", Text: "t"},
		"a header in subject":  {To: "a@example.com", Subject: "s\r\nBcc: b@example.com", Text: "t"},
		"no text":              {To: "a@example.com", Subject: "s"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := m.Check(); !fault.Is(err, fault.Invalid) {
				t.Errorf("got %v", err)
			}
		})
	}
	if err := letter.Check(); err != nil {
		t.Error(err)
	}
}
