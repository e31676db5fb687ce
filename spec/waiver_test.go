package spec

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func date(t *testing.T, text string) Date {
	t.Helper()
	var d Date
	if err := d.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return d
}

// Both kinds take waivers, keep their order, and write them so that they read the same.
func TestWaivers(t *testing.T) {
	want := []Waiver{
		{Promise: "AV-3", Resource: "database-instance", Reason: "single zone until the move, agreed with the client", Owner: "ada.lindqvist@northwind.example", Expires: date(t, "2027-01-31")},
		{Promise: "AV-3", Resource: "stack", Reason: "single zone until the move, agreed with the client", Owner: "ada.lindqvist@northwind.example", Expires: date(t, "2027-01-31")},
		{Promise: "S3.1", Resource: "database-instance", Reason: "single zone until the move, agreed with the client", Owner: "ada.lindqvist@northwind.example", Expires: date(t, "2027-01-31")},
	}
	text := waivers(waived(), waived("resource", "stack"), waived("promise", "S3.1"))
	for _, base := range []string{validClient, validOrganisation} {
		s := decoded(t, base, "alerts:\n", text)
		if diff := cmp.Diff(want, s.Waivers()); diff != "" {
			t.Errorf("%s: -want +got:\n%s", s.Kind, diff)
		}
		encoded, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, decoded(t, string(encoded)), cmp.Comparer(samePrefix)); diff != "" {
			t.Errorf("%s: -YAML +JSON:\n%s", s.Kind, diff)
		}
		instanceOf := map[string]any{"config": map[string]any{root: instance(t, string(encoded))}}
		if err := compiledSchema(t).Validate(instanceOf); err != nil {
			t.Errorf("%s: the schema refuses it: %v", s.Kind, err)
		}
	}
}

// What is allowed at the edges, in Decode and in the schema.
func TestWaiversAccepted(t *testing.T) {
	schema := compiledSchema(t)
	for name, c := range map[string]struct{ key, value string }{
		"promise":                           {"promise", "BK-10"},
		"control of a service":              {"promise", "CloudTrail.2"},
		"control of a service with a digit": {"promise", "EC2.8"},
		"control of CIS":                    {"promise", "CIS-1.20"},
		"control of CIS, three numbers":     {"promise", "CIS-2.1.1"},
		"stack as a whole":                  {"resource", "stack"},
		"resource with a person's name":     {"resource", "on-call-contact-ada.lindqvist-email"},
		"reason of 10 characters":           {"reason", "agreed now"},
		"reason of 300 characters":          {"reason", strings.Repeat("until the move ends ", 14) + "until the move ends."},
		"last day today":                    {"expires", "2026-11-21"},
		"last day 366 days ahead":           {"expires", "2027-11-22"},
		"date as Pulumi hands it over":      {"expires", `"2027-01-31 00:00:00 +0000 UTC"`},
	} {
		t.Run(name, func(t *testing.T) {
			text := waivers(waived(c.key, c.value))
			if got := decoded(t, validClient, "alerts:\n", text).Waivers(); len(got) != 1 {
				t.Errorf("waivers = %+v, want one", got)
			}
			if name == "date as Pulumi hands it over" {
				return // the schema is for files, where nobody writes this
			}
			edited := malformed{edit: edit{old: "alerts:\n", new: text}, base: validClient}
			if err := schema.Validate(map[string]any{"config": map[string]any{root: instance(t, edited.text(t))}}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWithoutWaivers(t *testing.T) {
	var none *Spec
	for name, s := range map[string]*Spec{
		"nil": none, "no kind": {}, "client": decoded(t, validClient), "organisation": decoded(t, validOrganisation),
		"empty list": decoded(t, validClient, "alerts:\n", "waivers: []\nalerts:\n"),
	} {
		if got := s.Waivers(); got != nil {
			t.Errorf("%s: waivers = %+v, want none", name, got)
		}
	}
}

func TestWaiverEnds(t *testing.T) {
	w := Waiver{Expires: date(t, "2027-01-31")}
	berlin := time.FixedZone("CET", 60*60)
	for name, c := range map[string]struct {
		now    time.Time
		days   int
		holds  bool
		within bool
	}{
		"32 days before":                   {time.Date(2026, 12, 30, 12, 0, 0, 0, time.UTC), 31, true, false},
		"31 days before":                   {time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC), 31, true, true},
		"31 days before, in the evening":   {time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC), 31, true, true},
		"the day before, within none":      {time.Date(2027, 1, 30, 23, 59, 59, 0, time.UTC), 0, true, false},
		"its last day":                     {time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC), 0, true, true},
		"its last second":                  {time.Date(2027, 1, 31, 23, 59, 59, 0, time.UTC), 0, true, true},
		"its last second, seen from CET":   {time.Date(2027, 2, 1, 0, 59, 59, 0, berlin), 0, true, true},
		"the day before, seen from CET":    {time.Date(2027, 1, 31, 0, 59, 59, 0, berlin), 0, true, false},
		"the day after":                    {time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC), 0, false, true},
		"a year later, within three weeks": {time.Date(2028, 2, 1, 0, 0, 0, 0, time.UTC), 21, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := w.Holds(c.now); got != c.holds {
				t.Errorf("holds = %t, want %t", got, c.holds)
			}
			if got := w.ExpiresWithin(c.now, c.days); got != c.within {
				t.Errorf("expires within %d days = %t, want %t", c.days, got, c.within)
			}
		})
	}
}

// A waiver of a promise lifts the checks that stand for it, and no others; the graph is judged instead.
func TestWaiverLiftsTheChecksOfItsPromise(t *testing.T) {
	for promise, edit := range map[string]string{
		"AV-3": "database:\n  multiAz: false\n",
		"BK-4": "database:\n  pointInTimeDays: 2\n",
	} {
		text := strings.Replace(validClient, "database:\n", edit, 1)
		for waiver, want := range map[string]bool{"": false, promise: true, "AV-11": false} {
			given := text
			if waiver != "" {
				given = strings.Replace(text, "alerts:\n", waivers(waived("promise", waiver)), 1)
			}
			if _, err := Decode([]byte(given), Options{Now: now}); (err == nil) != want {
				t.Errorf("%s with a waiver of %q: %v, want it to stand: %v", promise, waiver, err, want)
			}
		}
	}
}
