package promises

import (
	"fmt"
	"slices"
)

// Effect is what a change does to one promise.
type Effect struct {
	ID     string     `json:"id"`
	Title  string     `json:"title"`
	Kind   EffectKind `json:"effect" jsonschema:"enum=breaks,enum=weakens,enum=strengthens,enum=touches"`
	Before Verdict    `json:"before"` // as the state stands; not shown where nothing exists yet
	After  Verdict    `json:"after"`
	// Points are what changes under the promise, such as "database-instance.multiAz: false → true".
	Points []string `json:"points"`
}

// EffectKind says which way a promise goes.
type EffectKind string

// The kinds of effect, the gravest first.
const (
	Breaks      EffectKind = "breaks"
	Weakens     EffectKind = "weakens"
	Strengthens EffectKind = "strengthens"
	Touches     EffectKind = "touches" // it stands as before, on changed ground
)

// strength orders verdicts that a check can reach.
var strength = map[Verdict]int{Broken: 0, NotShown: 1, WaivedVerdict: 2, Kept: 3}

// Effects compares how the promises stand before and after a change. touched tells whether the change alters
// what a finding read; what it does not alter is left out. Promises that stand as before, on the same ground,
// are left out too.
func Effects(before, after *Assessment, touched func(Finding) bool) []Effect {
	var effects []Effect
	for _, now := range after.Promises {
		was := Result{Verdict: NotShown}
		if found, known := before.Result(now.ID); known {
			was = found
		}
		if now.Verdict == NotApplicable || now.Verdict == ClientsDuty || was.Verdict == NotApplicable {
			continue
		}
		e := Effect{ID: now.ID, Title: now.Title, Before: was.Verdict, After: now.Verdict, Points: points(was, now, touched)}
		switch from, to := strength[was.Verdict], strength[now.Verdict]; {
		case to < from && now.Verdict == Broken:
			e.Kind = Breaks
		case to < from:
			e.Kind = Weakens
		case to > from:
			e.Kind = Strengthens
		case len(e.Points) > 0:
			e.Kind = Touches
		default:
			continue
		}
		effects = append(effects, e)
	}
	order := []EffectKind{Breaks, Weakens, Strengthens, Touches}
	slices.SortStableFunc(effects, func(a, b Effect) int { return slices.Index(order, a.Kind) - slices.Index(order, b.Kind) })
	return effects
}

// points are the findings that differ, in words.
func points(was, now Result, touched func(Finding) bool) []string {
	type place struct{ resource, typeToken, property, expected string }
	at := func(f Finding) place { return place{f.Resource, f.Type, f.Property, f.Expected} }
	old := map[place]Finding{}
	for _, f := range was.Findings {
		old[at(f)] = f
	}
	out := []string{}
	add := func(text string) {
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	for _, f := range now.Findings {
		name := f.Resource
		if f.Property != "" {
			name += "." + f.Property
		}
		previous, known := old[at(f)]
		delete(old, at(f))
		switch {
		case !known && (!f.Holds || touched(f)):
			add(fmt.Sprintf("%s: %s", name, f.Found))
		case known && previous.Found != f.Found && (previous.Holds != f.Holds || touched(f)):
			add(fmt.Sprintf("%s: %s → %s", name, previous.Found, f.Found))
		}
	}
	for _, f := range was.Findings { // what is no longer looked at, in its old order
		if _, gone := old[at(f)]; gone && (!f.Holds || touched(f)) {
			add(fmt.Sprintf("%s: no longer %s", f.Resource, f.Found))
		}
	}
	return out
}
