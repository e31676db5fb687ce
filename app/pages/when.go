package pages

import (
	"strconv"
	"strings"
	"time"
)

// moment is a point in time as a page shows it.
type moment struct {
	ISO  string // for machines
	Text string // for people
	Full string // for people who want to know exactly
}

func (c Clock) in(t time.Time) time.Time {
	if c.Zone == nil {
		return t.UTC()
	}
	return t.In(c.Zone)
}

// ago tells how long ago something was; what is older than a week gets its date.
func ago(c Clock, t time.Time) moment {
	t = c.in(t)
	now := c.in(c.Now)
	m := moment{ISO: t.Format(time.RFC3339), Full: t.Format("Monday 2 January 2006 at 15:04 MST")}
	passed := now.Sub(t)
	days := daysBetween(t, now)
	switch {
	case passed < 0 || days > 6:
		m.Text = shortDate(now, t)
	case passed < time.Minute:
		m.Text = "just now"
	case passed < time.Hour:
		m.Text = plural(int(passed/time.Minute), "minute") + " ago"
	case days == 0:
		m.Text = plural(int(passed/time.Hour), "hour") + " ago"
	case days == 1:
		m.Text = "yesterday at " + t.Format("15:04")
	default:
		m.Text = t.Format("Monday at 15:04")
	}
	return m
}

// exact tells date and time.
func exact(c Clock, t time.Time) moment {
	t = c.in(t)
	full := t.Format("2 January 2006 at 15:04 MST")
	return moment{ISO: t.Format(time.RFC3339), Text: full, Full: full}
}

// precise tells date and time to the second, for a log.
func precise(c Clock, t time.Time) moment {
	t = c.in(t)
	return moment{ISO: t.Format(time.RFC3339Nano), Text: t.Format("2 Jan 2006, 15:04:05"), Full: t.Format("2 January 2006, 15:04:05.000000 MST")}
}

// date tells a day. Days have no zone: they are kept as midnight UTC.
func date(t time.Time) moment {
	t = t.UTC()
	return moment{ISO: t.Format(time.DateOnly), Text: t.Format("2 January 2006"), Full: t.Format("Monday 2 January 2006")}
}

func shortDate(now, t time.Time) string {
	if now.Year() == t.Year() {
		return t.Format("2 January")
	}
	return t.Format("2 January 2006")
}

// deadline is a due date and how near it is.
type deadline struct {
	ISO   string
	Text  string
	State string // overdue, today, soon, later, done
	Words string // the state for who cannot see its colour
}

// due judges a due date, a day without a zone, as its reader's calendar has it.
func due(c Clock, day time.Time, done bool) deadline {
	now := c.in(c.Now)
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
	day = day.UTC()
	left := int(day.Sub(today) / (24 * time.Hour))
	d := deadline{ISO: day.Format(time.DateOnly), Text: day.Format("2 Jan")}
	if day.Year() != now.Year() {
		d.Text = day.Format("2 Jan 2006")
	}
	switch {
	case done:
		d.State, d.Words = "done", "Was due"
	case left < 0:
		d.State, d.Words = "overdue", "Overdue"
	case left == 0:
		d.State, d.Words, d.Text = "today", "Due", "Today"
	case left == 1:
		d.State, d.Words, d.Text = "soon", "Due", "Tomorrow"
	case left <= 3:
		d.State, d.Words = "soon", "Due"
	default:
		d.State, d.Words = "later", "Due"
	}
	return d
}

func daysBetween(a, b time.Time) int {
	start := time.Date(a.Year(), a.Month(), a.Day(), 0, 0, 0, 0, time.UTC)
	end := time.Date(b.Year(), b.Month(), b.Day(), 0, 0, 0, 0, time.UTC)
	return int(end.Sub(start) / (24 * time.Hour))
}

// plural counts: "1 task", "2 tasks".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// size tells how many bytes in words, counted as the limits are: 25 MiB is 25 MB to people.
func size(bytes int64) string {
	const unit = 1024
	switch {
	case bytes < unit:
		return plural(int(bytes), "byte")
	case bytes < unit*unit:
		return strconv.FormatInt((bytes+unit/2)/unit, 10) + " KB"
	case bytes < unit*unit*unit:
		return tenths(bytes, unit*unit) + " MB"
	default:
		return tenths(bytes, unit*unit*unit) + " GB"
	}
}

func tenths(bytes, unit int64) string {
	return strings.TrimSuffix(strconv.FormatFloat(float64(bytes)/float64(unit), 'f', 1, 64), ".0")
}
