package spec

import (
	"fmt"
	"time"
)

// How far ahead access may be arranged, and a deviation waived.
const (
	longestBI         = 366 * 24 * time.Hour
	longestBreakGlass = time.Hour          // AC-4
	earliestOpening   = 7 * 24 * time.Hour // an incident is now, not some day
	longestAssignment = 366 * 24 * time.Hour
	longestWaiver     = 366 * 24 * time.Hour
)

// bi judges the door for a client's own tools.
func (r *report) bi(bi *BIAccess, now time.Time) {
	if bi == nil {
		return
	}
	r.allowList("access.bi.from", bi.From, "DP-5")
	for i, p := range bi.From {
		if path := fmt.Sprintf("access.bi.from[%d]", i); r.sound(path) && !p.Addr().Is4() {
			r.add(path, p.String(), "IPv4 addresses: the client's network has no others (DP-5)", "name the IPv4 addresses that the tools come from")
		}
	}
	r.until("access.bi.until", bi.Until, now, longestBI, "DP-5", "agree on a new date with the client, or remove access.bi")
}

// until judges the last day of something that ends by itself; promise, which may be empty, is what asks for the end.
func (r *report) until(path string, last Date, now time.Time, longest time.Duration, promise, fix string) {
	if promise != "" {
		promise = " (" + promise + ")"
	}
	switch {
	case !last.End().After(now):
		r.add(path, last.String(), "a date that is not past"+promise, fix)
	case last.Sub(now) > longest:
		r.add(path, last.String(), fmt.Sprintf("at most %d days ahead%s", int(longest.Hours()/24), promise),
			"choose a date up to "+now.Add(longest).UTC().Format(time.DateOnly)+", and renew it then")
	}
}

func (c *clientCheck) breakGlass() {
	b := c.Access.BreakGlass
	if b == nil {
		return
	}
	seen := map[string]string{}
	for i, person := range b.People {
		c.once(seen, fmt.Sprintf("access.breakGlass.people[%d]", i), person)
	}
	c.hour(b.Opens, b.Closes, c.now)
}

// hour judges how long access for an incident lasts, and when (AC-4).
func (r *report) hour(from, to Instant, now time.Time) {
	const opens, closes = "access.breakGlass.opens", "access.breakGlass.closes"
	if !r.sound(opens, closes) {
		return
	}
	switch length := to.Sub(from.Time); {
	case length <= 0:
		r.add(closes, to.String(), "later than opens, "+from.String(), "correct one of them")
	case length > longestBreakGlass:
		r.add(closes, to.String(), "at most one hour after opens (AC-4)", "write "+Instant{from.Add(longestBreakGlass)}.String()+" or earlier")
	case !to.After(now):
		r.add(closes, to.String(), "a time that is not past (AC-4)", "remove access.breakGlass: the access is over")
	case from.Sub(now) > earliestOpening:
		r.add(opens, from.String(), "at most 7 days ahead (AC-4)", "open it when the incident needs it")
	}
}
