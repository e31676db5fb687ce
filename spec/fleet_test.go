package spec

import (
	"strings"
	"testing"
	"time"
)

func TestFleet(t *testing.T) {
	place := func(lines string) (*Spec, error) {
		text := strings.Replace(validClient, "alerts:\n", lines+"alerts:\n", 1)
		return Decode([]byte(text), Options{Now: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)})
	}
	for name, c := range map[string]struct {
		lines string
		wave  int
	}{
		"a production client that says nothing goes last": {"", 4},
		"its own wave":                    {"fleet: {wave: 2}\n", 2},
		"labels leave the wave as it was": {"fleet: {labels: [sector=logistics, pilot=yes]}\n", 4},
	} {
		read, err := place(c.lines)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := read.Fleet().Wave; got != c.wave {
			t.Errorf("%s: wave %d, want %d", name, got, c.wave)
		}
	}
	for lines, want := range map[string]string{
		"fleet: {wave: 100}\n":                                 "99",
		"fleet: {labels: [Sector=logistics]}\n":                "fleet.labels[0]",
		"fleet: {labels: [sector=logistics, sector=retail]}\n": "each key once",
	} {
		if _, err := place(lines); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", lines, err, want)
		}
	}
	if got := (&Spec{Sites: &Sites{Environment: Production}}).Fleet().Wave; got != 1 {
		t.Errorf("what clients share has wave %d, want 1", got)
	}
	if got := (&Spec{SiteClient: &SiteClient{Environment: Staging}}).Fleet().Wave; got != 3 {
		t.Errorf("staging has wave %d, want 3", got)
	}
}
