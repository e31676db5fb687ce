package fault_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/fault"
)

func TestKindOf(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want fault.Kind
	}{
		"a fault":                  {fault.Missing("task"), fault.NotFound},
		"wrapped":                  {fmt.Errorf("show task: %w", fault.Refused("guests may not")), fault.Forbidden},
		"joined":                   {errors.Join(fault.BadInput("title", "it is empty", ""), fault.BadInput("due", "it is no date", "")), fault.Invalid},
		"of nothing that it knows": {errors.New("disk full"), fault.Internal},
		"out of time":              {fmt.Errorf("query: %w", context.DeadlineExceeded), fault.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			if got := fault.KindOf(tc.err); got != tc.want || !fault.Is(tc.err, tc.want) {
				t.Errorf("kind is %v, want %v", got, tc.want)
			}
		})
	}
	if fault.Is(nil, fault.Internal) {
		t.Error("no error is a fault")
	}
}

func TestProblemsGivesAllOfThem(t *testing.T) {
	err := fmt.Errorf("new task: %w", errors.Join(
		fault.BadInput("title", "it is empty", "give it one"),
		fmt.Errorf("dates: %w", errors.Join(fault.BadInput("due", "it is no date", "write 2026-11-30"))),
	))
	got := fault.Problems(err)
	if len(got) != 2 || got[0].Field != "title" || got[1].Field != "due" {
		t.Fatalf("problems are %v, want those of title and due", got)
	}
	if len(fault.Problems(errors.New("other"))) != 0 {
		t.Error("an error of another package is a problem of the input")
	}
}

func TestTheCauseIsLoggedAndNotShown(t *testing.T) {
	e := fault.Away("the database", errors.New("dial 10.0.0.7: refused"))
	if got, want := e.Error(), "the database does not answer: try again in a moment: dial 10.0.0.7: refused"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
	if got, want := e.Shown(), "the database does not answer: try again in a moment"; got != want {
		t.Errorf("Shown() = %q, want %q", got, want)
	}
	if got := fault.Limited("too many requests", time.Minute); got.RetryAfter != time.Minute || got.Kind != fault.TooMany {
		t.Errorf("%+v", got)
	}
}
