package evidence

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/berth-iac/berth/promises"
)

// At is how the promise stands at a time at or after the document was made, if no proof is added.
func (p Promise) At(now time.Time) Standing { return stand(p.Standing, p.Proofs, now) }

// At is how the control stands at a time at or after the document was made, if no proof is added.
func (c Control) At(now time.Time) Standing { return stand(c.Standing, c.Proofs, now) }

// Turns are the instants after now at which the standing changes, earliest first.
func (p Promise) Turns(now time.Time) []time.Time { return turns(p.At, p.Proofs, now) }

// Turns are the instants after now at which the standing changes, earliest first.
func (c Control) Turns(now time.Time) []time.Time { return turns(c.At, c.Proofs, now) }

// Findings are those of all proofs.
func (p Promise) Findings() []promises.Finding { return findings(p.Proofs) }

// Findings are those of all proofs.
func (c Control) Findings() []promises.Finding { return findings(c.Proofs) }

// At counts how everything stands at a time at or after the document was made.
func (d *Document) At(now time.Time) Summary {
	var s Summary
	for _, p := range d.Promises {
		s.Promises.add(p.At(now))
	}
	for _, c := range d.Baseline {
		s.Baseline.add(c.At(now))
	}
	return s
}

// Turns are the instants after now at which anything's standing changes, earliest first.
func (d *Document) Turns(now time.Time) []time.Time {
	var all []time.Time
	for _, p := range d.Promises {
		all = append(all, p.Turns(now)...)
	}
	for _, c := range d.Baseline {
		all = append(all, c.Turns(now)...)
	}
	return ordered(all)
}

// Total is how many there are.
func (c Counts) Total() int {
	return c.Kept + c.Broken + c.Waived + c.NotShown + c.ClientsDuty + c.NotApplicable
}

func (c *Counts) add(s Standing) {
	switch s.Verdict {
	case promises.Kept:
		c.Kept++
	case promises.Broken:
		c.Broken++
	case promises.WaivedVerdict:
		c.Waived++
	case promises.ClientsDuty:
		c.ClientsDuty++
	case promises.NotApplicable:
		c.NotApplicable++
	default:
		c.NotShown++
		if len(s.Stale) > 0 {
			c.Stale++
		}
	}
}

// covered tells whether a finding holds, or a waiver that has not expired by now stands for it.
func covered(f promises.Finding, now time.Time) bool {
	return f.Holds || f.Waiver != nil && now.Before(waiverEnd(*f.Waiver))
}

// waiverEnd is the first instant after a waiver's last day. One whose date cannot be read covers nothing.
func waiverEnd(w promises.Waived) time.Time {
	day, err := time.Parse(time.DateOnly, w.Expires)
	if err != nil {
		return time.Time{}
	}
	return day.AddDate(0, 0, 1)
}

// verdictAt is the verdict of findings at a time: a waiver counts until its last day has ended.
func verdictAt(findings []promises.Finding, now time.Time) promises.Verdict {
	verdict := promises.NotShown
	for _, f := range findings {
		switch {
		case !covered(f, now):
			return promises.Broken
		case !f.Holds:
			verdict = promises.WaivedVerdict
		case verdict == promises.NotShown:
			verdict = promises.Kept
		}
	}
	return verdict
}

func (p Proof) fresh(now time.Time) bool { return now.Before(p.ValidUntil) }

// counting are the proofs that count: of each level and each who looked, the newest.
func counting(proofs []Proof) []Proof {
	var counted []Proof
	for _, p := range proofs {
		i := slices.IndexFunc(counted, func(c Proof) bool { return c.Level == p.Level && c.By == p.By })
		switch {
		case i < 0:
			counted = append(counted, p)
		case p.At.After(counted[i].At):
			counted[i] = p
		}
	}
	return counted
}

// stand judges proofs at a time. A proof that does not hold outweighs all that do, and when it grows stale, the
// promise is not shown: age heals nothing. Of the others, those that are fresh count, and the strongest names the level.
func stand(recorded Standing, proofs []Proof, now time.Time) Standing {
	if len(proofs) == 0 || recorded.Verdict == promises.ClientsDuty || recorded.Verdict == promises.NotApplicable {
		return recorded
	}
	var s Standing
	var broken, best, last *Proof
	verdict := promises.Kept
	counted := counting(proofs)
	for i := range counted {
		p := &counted[i]
		v := verdictAt(p.Findings, now)
		if last == nil || !p.ValidUntil.Before(last.ValidUntil) {
			last = p
		}
		if !p.fresh(now) && !slices.ContainsFunc(counted, func(c Proof) bool { return c.Level == p.Level && c.fresh(now) }) {
			s.Stale = append(s.Stale, p.Level)
		}
		switch {
		case v == promises.Broken:
			if broken == nil || p.ValidUntil.After(broken.ValidUntil) {
				broken = p
			}
		case p.fresh(now):
			if v == promises.WaivedVerdict {
				verdict = v
			}
			if best == nil || strength(p.Level) >= strength(best.Level) {
				best = p
			}
		}
	}
	slices.SortFunc(s.Stale, func(a, b promises.Level) int { return strength(a) - strength(b) })
	s.Stale = slices.Compact(s.Stale)
	switch {
	case broken != nil && broken.fresh(now):
		s.Verdict, s.At, s.ValidUntil = promises.Broken, broken.At, broken.ValidUntil
	case broken != nil:
		s.Verdict, s.At, s.ValidUntil = promises.NotShown, broken.At, broken.ValidUntil
		s.Why = "it did not hold when it was last looked at, and that is too long ago"
	case best != nil:
		s.Verdict, s.Level, s.At, s.ValidUntil = verdict, best.Level, best.At, best.ValidUntil
	default:
		s.Verdict, s.At, s.ValidUntil = promises.NotShown, last.At, last.ValidUntil
		s.Why = fmt.Sprintf("the last proof is stale: it counted until %s", last.ValidUntil.Format("2 January 2006"))
	}
	return s
}

// strength orders levels, the weakest first.
func strength(l promises.Level) int { return slices.Index(promises.Levels(), l) }

func turns(at func(time.Time) Standing, proofs []Proof, now time.Time) []time.Time {
	var possible []time.Time
	for _, p := range proofs {
		possible = append(possible, p.ValidUntil)
		for _, f := range p.Findings {
			if f.Waiver != nil {
				possible = append(possible, waiverEnd(*f.Waiver))
			}
		}
	}
	var real []time.Time
	stands := at(now)
	for _, t := range ordered(possible) {
		if !t.After(now) {
			continue
		}
		if next := at(t); !reflect.DeepEqual(next, stands) {
			real, stands = append(real, t), next
		}
	}
	return real
}

func ordered(times []time.Time) []time.Time {
	slices.SortFunc(times, time.Time.Compare)
	return slices.CompactFunc(times, time.Time.Equal)
}

func findings(proofs []Proof) []promises.Finding {
	var all []promises.Finding
	for _, p := range proofs {
		all = append(all, p.Findings...)
	}
	return all
}
