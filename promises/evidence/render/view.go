package render

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/evidence"
	"github.com/berth-iac/berth/spec"
)

// Options say what a rendering cannot know from the document.
type Options struct {
	// Now is the time for which things are shown. Zero: when the document was made.
	Now time.Time
	// JSON are the bytes of the document's file, for their hash. Nil: as Encode writes them.
	JSON []byte
	// Name of the document's file. Empty: evidence.json.
	Name string
}

func (o Options) complete(d *evidence.Document) (Options, error) {
	if o.Now.IsZero() {
		o.Now = d.Made
	}
	if o.Name == "" {
		o.Name = "evidence.json"
	}
	if o.JSON == nil {
		text, err := d.Encode()
		if err != nil {
			return o, err
		}
		o.JSON = text
	}
	return o, nil
}

// view is a document as it is shown at one time.
type view struct {
	*evidence.Document
	Now       time.Time
	Name      string // of the document's file
	SHA256    string // of its bytes
	Summaries []summary
	Groups    []group
	Controls  []control
	Findings  int
	FirstTurn time.Time // when, after the document was made, the first thing becomes stale or ends; zero: never
}

// period is a time during which something is shown; a zero time is open.
type period struct{ From, Until time.Time }

// summary is what is counted during a period.
type summary struct {
	period
	evidence.Summary
}

// group is promises under one title.
type group struct {
	Title    string
	Promises []promise
}

type promise struct {
	evidence.Promise
	States []state
	Proofs []proof
	Next   []promises.Level // levels that are still to be reached, from what is shown first
}

type control struct {
	evidence.Control
	States []state
	Proofs []proof
	Looked int
}

// merged are the states of which one aspect is shown: neighbours that show the same become one.
func merged(states []state, aspect func(state) any) []state {
	var all []state
	for _, s := range states {
		if n := len(all); n > 0 && reflect.DeepEqual(aspect(all[n-1]), aspect(s)) {
			all[n-1].Until = s.Until
			continue
		}
		all = append(all, s)
	}
	return all
}

// state is how something stands during a period.
type state struct {
	period
	evidence.Standing
}

// IsStale tells whether it is not shown because its proofs are too old.
func (s state) IsStale() bool { return s.Verdict == promises.NotShown && len(s.Stale) > 0 }

type proof struct {
	evidence.Proof
	Looks []look
}

// look is findings that are alike in what is expected of what: at one resource or at several.
type look struct {
	promises.Finding // without the resource and what was found
	Found            []found
}

// found is what was found, and where.
type found struct {
	Value     string
	Resources []string
}

func newView(d *evidence.Document, o Options) (*view, error) {
	o, err := o.complete(d)
	if err != nil {
		return nil, err
	}
	d = d.Printable()
	sum := sha256.Sum256(o.JSON)
	v := &view{Document: d, Now: o.Now.UTC(), Name: o.Name, SHA256: hex.EncodeToString(sum[:])}
	if since := d.Turns(d.Made); len(since) > 0 {
		v.FirstTurn = since[0]
	}
	turns := d.Turns(v.Now)
	for _, p := range periods(turns) {
		v.Summaries = append(v.Summaries, summary{p, d.At(at(p, v.Now))})
	}
	for _, p := range d.Promises {
		one := promise{Promise: p, States: states(p.At, p.Turns(v.Now), v.Now), Proofs: proofs(p.Proofs)}
		for _, r := range p.ToReach {
			settled := one.States[0].Verdict == promises.ClientsDuty || one.States[0].Verdict == promises.NotApplicable
			if rank(r.Level) > rank(one.States[0].Level) && !slices.Contains(one.Next, r.Level) && !settled {
				one.Next = append(one.Next, r.Level)
			}
		}
		v.Findings += len(p.Findings())
		if n := len(v.Groups); n == 0 || v.Groups[n-1].Title != p.Group {
			v.Groups = append(v.Groups, group{Title: p.Group})
		}
		last := &v.Groups[len(v.Groups)-1]
		last.Promises = append(last.Promises, one)
	}
	for _, c := range d.Baseline {
		looked := len(c.Findings())
		v.Findings += looked
		v.Controls = append(v.Controls, control{Control: c, States: states(c.At, c.Turns(v.Now), v.Now), Proofs: proofs(c.Proofs), Looked: looked})
	}
	return v, nil
}

// periods are the times between turns: before the first, between two, and after the last.
func periods(turns []time.Time) []period {
	all := []period{{}}
	for _, t := range turns {
		all[len(all)-1].Until = t
		all = append(all, period{From: t})
	}
	return all
}

// at is an instant of the period: its first, and now for the first of all.
func at(p period, now time.Time) time.Time {
	if p.From.IsZero() {
		return now
	}
	return p.From
}

func states(standing func(time.Time) evidence.Standing, turns []time.Time, now time.Time) []state {
	var all []state
	for _, p := range periods(turns) {
		all = append(all, state{p, standing(at(p, now))})
	}
	return all
}

func proofs(all []evidence.Proof) []proof {
	var shown []proof
	for _, p := range slices.Backward(all) { // the strongest first
		shown = append(shown, proof{p, looks(p.Findings)})
	}
	return shown
}

// looks groups findings that differ in nothing but the resource and what was found there. What does not hold comes first.
func looks(findings []promises.Finding) []look {
	var all []look
	for _, f := range findings {
		alike := f
		alike.Resource, alike.Found = "", ""
		i := slices.IndexFunc(all, func(l look) bool { return reflect.DeepEqual(l.Finding, alike) })
		if i < 0 {
			i = len(all)
			all = append(all, look{Finding: alike})
		}
		l := &all[i]
		j := slices.IndexFunc(l.Found, func(same found) bool { return same.Value == f.Found })
		if j < 0 {
			j = len(l.Found)
			l.Found = append(l.Found, found{Value: f.Found})
		}
		l.Found[j].Resources = append(l.Found[j].Resources, f.Resource)
	}
	order := func(l look) int {
		switch {
		case l.Holds:
			return 2
		case l.Waiver != nil:
			return 1
		}
		return 0
	}
	slices.SortStableFunc(all, func(a, b look) int { return order(a) - order(b) })
	return all
}

func rank(l promises.Level) int { return slices.Index(promises.Levels(), l) }

func day(t time.Time) string { return t.UTC().Format("2 Jan 2006") }

func minute(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04 UTC") }

// Turned tells whether something has become stale or ended already.
func (v *view) Turned() bool { return !v.FirstTurn.IsZero() && !v.FirstTurn.After(v.Now) }

// Heading says whose promises to whom: a client's stack carries ours to them, the organisation's carries its own.
func (v *view) Heading() string {
	switch {
	case v.Subject.Kind == spec.KindSites:
		return "How our promises are kept at " + v.Subject.DisplayName
	case v.Subject.Environment == "":
		return "How the promises of " + v.Subject.DisplayName + " are kept"
	}
	return "How our promises to " + v.Subject.DisplayName + " are kept"
}

// Who is the word for whom the document is about.
func (v *view) Who() string {
	switch {
	case v.Subject.Kind == spec.KindSites:
		return "Pair of sites"
	case v.Subject.Environment == "":
		return "Organisation"
	}
	return "Client"
}

// Has tells whether what was looked at for an ID is shown.
func (v *view) Has(id string) bool {
	return slices.ContainsFunc(v.Promises, func(p evidence.Promise) bool { return p.ID == id }) ||
		slices.ContainsFunc(v.Controls, func(c control) bool { return c.ID == id && c.Looked > 0 })
}

// age is how long before now something was, in days.
func age(t, now time.Time) string {
	return count(int(now.Sub(t).Hours()/24), "day old", "days old")
}

// kind is the part of a type token that people use: rds Instance for aws:rds/instance:Instance.
func kind(token string) string {
	parts := strings.Split(token, ":")
	if len(parts) != 3 {
		return token
	}
	module, _, _ := strings.Cut(parts[1], "/")
	return module + " " + parts[2]
}

// count says how many there are of something.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// duty says who keeps a promise.
func duty(d promises.Duty) string {
	return map[promises.Duty]string{promises.Ours: "kept by us", promises.Shared: "each side keeps its part", promises.Clients: "kept by the client"}[d]
}
