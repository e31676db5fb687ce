package live

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/berth-iac/berth/promises"
)

var errDenied = errors.New("AccessDenied: not for this role")

// mutation is one thing that goes wrong in the good account, and what a look must find broken: nothing else.
type mutation struct {
	name   string
	change func(*site)
	want   []string // resource.property, as brokenAt tells
}

// mutated makes a look at the good account and at one for each mutation.
func mutated(t *testing.T, id string, outside func(*site) Outside, mutations []mutation) {
	t.Helper()
	look := func(s *site) Result {
		o := Outside{}
		if outside != nil {
			o = outside(s)
		}
		return makeLook(t, id, subjectOf(t, "prod"), s.answers(), o)
	}
	good := look(goodSite())
	if good.Verdict != promises.Kept || len(good.Findings) == 0 {
		t.Fatalf("the good account: %s, %s, broken at %v", good.Verdict, good.Why, brokenAt(good))
	}
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			s := goodSite()
			m.change(s)
			r := look(s)
			if got := brokenAt(r); !slices.Equal(got, m.want) || r.Verdict != promises.Broken {
				t.Errorf("%s (%s), broken at %q, want %q", r.Verdict, r.Why, got, m.want)
			}
			for _, f := range r.Findings {
				if !f.Holds && (f.Fix == "" || f.Expected == "" || f.Found == "") {
					t.Errorf("a finding that does not say enough: %+v", f)
				}
			}
		})
	}
}

// notShown makes a look that can tell neither way, and gives why.
func notShown(t *testing.T, id string, s *site, changes answers, outside Outside) string {
	t.Helper()
	r := makeLook(t, id, subjectOf(t, "prod"), s.answers().with(changes), outside)
	if r.Verdict != promises.NotShown {
		t.Errorf("%s is %s, broken at %v", id, r.Verdict, brokenAt(r))
	}
	return r.Why
}

// unreadable tests that a call which is denied leaves the promise unshown, and that the reason names it.
func unreadable(t *testing.T, id string, outside Outside, calls ...string) {
	t.Helper()
	for _, call := range calls {
		why := notShown(t, id, goodSite(), answers{call: errDenied}, outside)
		if !strings.HasPrefix(why, "could not be read back: ") || !strings.Contains(why, errDenied.Error()) {
			t.Errorf("%s without %s: %s", id, call, why)
		}
	}
}

func daysAgo(n float64) *time.Time {
	return aws.Time(now.Add(-time.Duration(n * 24 * float64(time.Hour))))
}
