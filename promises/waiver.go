package promises

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/berth-iac/berth/spec"
)

// waivers are the deviations that a spec records, and which of them something needed.
type waivers struct {
	all    []spec.Waiver
	needed []bool
	now    time.Time
}

// readWaivers holds a spec's waivers against the promises. Their form, and that none has expired when the file is
// read, the spec itself checks; one that expired since covers nothing.
func readWaivers(s Subject, promises []Promise, controls []Control) (*waivers, error) {
	var ids []string
	for _, p := range promises {
		ids = append(ids, p.ID)
	}
	for _, c := range controls {
		ids = append(ids, c.ID)
	}
	w := &waivers{all: s.Spec.Waivers(), now: s.Now}
	w.needed = make([]bool, len(w.all))
	var errs []error
	for i, waiver := range w.all {
		place := fmt.Sprintf("berth:spec.waivers[%d]", i)
		if !slices.Contains(ids, waiver.Promise) {
			errs = append(errs, fmt.Errorf("%s.promise: %q is no promise or control; `berth explain --list` lists them%s", place, waiver.Promise, didYouMean(waiver.Promise, ids)))
		}
	}
	return w, errors.Join(errs...)
}

// take is the waiver of a promise for the resource of a finding, while it holds; otherwise nil.
func (w *waivers) take(id string, f Finding) *Waived {
	for i, waiver := range w.all {
		if waiver.Promise == id && waiver.Resource == f.Resource {
			w.needed[i] = true
			if !waiver.Holds(w.now) {
				return nil
			}
			return &Waived{Reason: waiver.Reason, Owner: waiver.Owner, Expires: waiver.Expires.Format(time.DateOnly)}
		}
	}
	return nil
}

// Waive holds findings that were made outside the resource graph against the spec's waivers of one promise, marks those
// that a waiver covers, and tells how the promise stands: kept, broken or waived. What a live look finds is no other
// deviation than what the graph shows; whether a waiver is needed is told by Assess alone.
func Waive(s Subject, id string, findings []Finding) Verdict {
	w := waivers{all: s.Spec.Waivers(), now: s.Now}
	w.needed = make([]bool, len(w.all))
	verdict := Kept
	for i := range findings {
		f := &findings[i]
		if f.Holds {
			continue
		}
		if f.Waiver = w.take(id, *f); f.Waiver == nil {
			verdict = Broken
		} else if verdict == Kept {
			verdict = WaivedVerdict
		}
	}
	return verdict
}

func (w *waivers) warnings(s Subject) []string {
	var warnings []string
	for i, waiver := range w.all {
		last := waiver.Expires.Format(time.DateOnly)
		switch {
		case !waiver.Holds(s.Now):
			warnings = append(warnings, fmt.Sprintf("the waiver of %s for %s ended on %s: mend the deviation, or agree on a new one and record it", waiver.Promise, waiver.Resource, last))
		case !w.needed[i]:
			warnings = append(warnings, fmt.Sprintf("the waiver of %s for %s is needed by nothing: remove it from the stack's file", waiver.Promise, waiver.Resource))
		case waiver.ExpiresWithin(s.Now, expiringDays):
			warnings = append(warnings, fmt.Sprintf("the waiver of %s for %s ends on %s; from then on the stack does not go up (owner: %s)", waiver.Promise, waiver.Resource, last, waiver.Owner))
		}
	}
	return warnings
}

// didYouMean offers the ID that differs only in case or punctuation.
func didYouMean(id string, ids []string) string {
	fold := func(s string) string {
		return strings.ToLower(strings.NewReplacer("-", "", ".", "", " ", "", "_", "").Replace(s))
	}
	for _, known := range ids {
		if fold(known) == fold(id) {
			return "; did you mean " + known + "?"
		}
	}
	return ""
}
