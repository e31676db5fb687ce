package rpc

import (
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/fault"
	taskflowv1 "github.com/berth-iac/berth/app/rpc/gen/taskflow/v1"
	"github.com/berth-iac/berth/app/work"
)

// calls are all services of one client. Each method maps what was sent, calls accounts, work or exchange as whoever asks, and maps what comes back.
type calls struct {
	client    *client.Client
	accounts  *accounts.Accounts
	work      *work.Work
	temporary string
}

// named is the id of the thing that a call is about: what is no id is not there.
func named(what, text string) (uuid.UUID, error) {
	id, ok := parse(text)
	if !ok || id == uuid.Nil {
		return uuid.Nil, fault.Missing(what)
	}
	return id, nil
}

// parse reads an id in the one way in which ids are written here.
func parse(text string) (uuid.UUID, bool) {
	id, err := uuid.Parse(text)
	return id, err == nil && len(text) == 36
}

// fields reads the fields of a message, and collects what is wrong with them.
type fields struct{ problems []error }

// id is an id, or uuid.Nil where there is none.
func (f *fields) id(field, text string) uuid.UUID {
	if text == "" {
		return uuid.Nil
	}
	id, ok := parse(text)
	if !ok {
		f.bad(field, "it is no id", "give a UUID such as 01938d3c-7a00-7000-8000-000000000000")
	}
	return id
}

// optional is an id that may be left out.
func (f *fields) optional(field string, text *string) *uuid.UUID {
	if text == nil {
		return nil
	}
	id := f.id(field, *text)
	return &id
}

func (f *fields) ids(field string, texts []string) []uuid.UUID {
	all := make([]uuid.UUID, 0, len(texts))
	for i, text := range texts {
		if text == "" {
			text = "-" // an empty one is a mistake here, and not nobody
		}
		all = append(all, f.id(field+"["+strconv.Itoa(i)+"]", text))
	}
	return all
}

// list is a list that may be left out, which is nil.
func (f *fields) list(field string, l *taskflowv1.IdList) []uuid.UUID {
	if l == nil {
		return nil
	}
	return f.ids(field+".ids", l.GetIds())
}

func (f *fields) bad(field, msg, fix string) {
	f.problems = append(f.problems, fault.BadInput(field, msg, fix))
}

func (f *fields) err() error { return errors.Join(f.problems...) }

// given is what was sent, or else what there was.
func given[T any](sent *T, was T) T {
	if sent != nil {
		return *sent
	}
	return was
}

// mapped makes a list of another.
func mapped[From, To any](all []From, do func(From) To) []To {
	out := make([]To, len(all))
	for i, one := range all {
		out[i] = do(one)
	}
	return out
}

// text is an id as it is written; nothing for none.
func text(id uuid.UUID) string {
	if id == uuid.Nil {
		return ""
	}
	return id.String()
}

// stamp is a moment; nothing for none.
func stamp(at time.Time) *timestamppb.Timestamp {
	if at.IsZero() {
		return nil
	}
	return timestamppb.New(at)
}

func personOf(p work.Person) *taskflowv1.Person {
	if p.ID == uuid.Nil {
		return nil
	}
	return &taskflowv1.Person{Id: p.ID.String(), Name: p.Name, Handle: p.Handle, Role: string(p.Role), Provider: p.Visit}
}

// account is a person of accounts, as others see them.
func account(p accounts.Person) *taskflowv1.Person {
	return &taskflowv1.Person{Id: p.ID.String(), Name: p.Name, Handle: work.Handle(p.Name), Role: string(p.Role), Provider: p.Staff}
}

func labelOf(l work.Label) *taskflowv1.Label {
	return &taskflowv1.Label{Id: l.ID.String(), Name: l.Name, Hue: int32(l.Hue), Shared: l.Shared}
}

func columnOf(c work.Column) *taskflowv1.Column {
	return &taskflowv1.Column{Id: c.ID.String(), Name: c.Name, Kind: c.Kind, Limit: int32(c.Limit)}
}
