package spec

import (
	"encoding"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Date is a calendar day in UTC, written 2006-01-02.
type Date struct{ time.Time }

// UnmarshalText reads a date written 2006-01-02.
func (d *Date) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.DateOnly, string(text))
	if err != nil {
		// YAML has a type for dates: Pulumi hands one that stands without quotes over as Go prints it.
		var whole bool
		if t, whole = printedTime(string(text)); !whole || !t.Equal(t.Truncate(24*time.Hour)) {
			return fmt.Errorf("%q is no date written YYYY-MM-DD", text)
		}
	}
	d.Time = t
	return nil
}

// MarshalText writes the date as 2006-01-02.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// MarshalJSON and UnmarshalJSON hide time.Time's own, which know another form.
func (d Date) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads a date from a JSON string.
func (d *Date) UnmarshalJSON(text []byte) error { return unquoted(text, d) }

func (d Date) String() string { return d.Format(time.DateOnly) }

// End is the first instant after the day.
func (d Date) End() time.Time { return d.AddDate(0, 0, 1) }

// Instant is a point in time to the second, written in RFC 3339 with its zone.
type Instant struct{ time.Time }

// UnmarshalText reads an instant in RFC 3339.
func (i *Instant) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		var ok bool
		if t, ok = printedTime(string(text)); !ok {
			return fmt.Errorf("%q is no time written in RFC 3339, such as 2026-05-01T09:00:00Z", text)
		}
	}
	i.Time = t.UTC().Truncate(time.Second)
	return nil
}

// MarshalText writes the instant in RFC 3339.
func (i Instant) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// MarshalJSON writes the instant as a JSON string.
func (i Instant) MarshalJSON() ([]byte, error) { return json.Marshal(i.String()) }

// UnmarshalJSON reads an instant from a JSON string.
func (i *Instant) UnmarshalJSON(text []byte) error { return unquoted(text, i) }

func (i Instant) String() string { return i.UTC().Format(time.RFC3339) }

func unquoted(text []byte, into encoding.TextUnmarshaler) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	return into.UnmarshalText([]byte(s))
}

// printedTime reads what time.Time.String writes, such as "2026-05-01 00:00:00 +0000 UTC".
// The zone's name, the last word, says nothing that its offset does not.
func printedTime(text string) (time.Time, bool) {
	words := strings.Fields(text)
	if len(words) != 4 {
		return time.Time{}, false
	}
	t, err := time.Parse("2006-01-02 15:04:05 -0700", strings.Join(words[:3], " "))
	return t.UTC(), err == nil
}
