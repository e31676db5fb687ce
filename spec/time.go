package spec

import (
	"fmt"
	"time"
)

// Date is a calendar day in UTC, written 2006-01-02.
type Date struct{ time.Time }

// UnmarshalText reads a date written 2006-01-02.
func (d *Date) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.DateOnly, string(text))
	if err != nil {
		return fmt.Errorf("%q is no date written YYYY-MM-DD", text)
	}
	d.Time = t
	return nil
}

// MarshalText writes the date as 2006-01-02.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (d Date) String() string { return d.Format(time.DateOnly) }

// End is the first instant after the day.
func (d Date) End() time.Time { return d.AddDate(0, 0, 1) }

// Instant is a point in time, written in RFC 3339 with its zone.
type Instant struct{ time.Time }

// UnmarshalText reads an instant in RFC 3339.
func (i *Instant) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return fmt.Errorf("%q is no time written in RFC 3339, such as 2026-05-01T09:00:00Z", text)
	}
	i.Time = t
	return nil
}

// MarshalText writes the instant in RFC 3339.
func (i Instant) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

func (i Instant) String() string { return i.UTC().Format(time.RFC3339) }
