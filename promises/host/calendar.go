package host

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Calendar is when a timer goes off, of the forms that are read here. What is of no such form goes off never.
type Calendar struct {
	// Every is the time between two; 0 where it is not known.
	Every time.Duration
	// At is the time of day in minutes, of one that goes off once a day or less often.
	At int
	// Zone is the time zone, where the expression has one of its own.
	Zone string
}

var (
	clockTime  = regexp.MustCompile(`^([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?$`)
	eachHour   = regexp.MustCompile(`^\*:([0-9]{1,2})(?:/([0-9]{1,2}))?(?::[0-9]{1,2})?$`)
	eachMinute = regexp.MustCompile(`^\*:\*(?::[0-9]{1,2})?$`)
	weekday    = regexp.MustCompile(`^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)$`)
	zoneName   = regexp.MustCompile(`^([A-Z][A-Za-z]+/[A-Za-z_/-]+|UTC)$`)
	oncePer    = map[string]Calendar{
		"minutely": {Every: time.Minute}, "hourly": {Every: time.Hour}, "daily": {Every: 24 * time.Hour}, "weekly": {Every: 7 * 24 * time.Hour},
	}
)

// ReadCalendar reads a systemd calendar expression: hourly, daily, weekly, a time of day with or without a weekday, and
// every so many minutes.
func ReadCalendar(expression string) Calendar {
	words := strings.Fields(expression)
	zone := ""
	if n := len(words); n > 1 && zoneName.MatchString(words[n-1]) {
		zone, words = words[n-1], words[:n-1]
	}
	if len(words) == 1 {
		if c, known := oncePer[words[0]]; known {
			c.Zone = zone
			return c
		}
	}
	every := 24 * time.Hour
	if len(words) > 1 && weekday.MatchString(words[0]) {
		every, words = 7*24*time.Hour, words[1:]
	}
	if len(words) > 1 && words[0] == "*-*-*" {
		words = words[1:]
	}
	if len(words) != 1 {
		return Calendar{}
	}
	if eachMinute.MatchString(words[0]) && every == 24*time.Hour {
		return Calendar{Every: time.Minute, Zone: zone}
	}
	if m := eachHour.FindStringSubmatch(words[0]); m != nil && every == 24*time.Hour {
		begin, _ := strconv.Atoi(m[1]) // digits, by the pattern
		if m[2] == "" {
			return Calendar{Every: time.Hour, Zone: zone}
		}
		step, _ := strconv.Atoi(m[2])
		if step == 0 || begin >= step {
			return Calendar{}
		}
		return Calendar{Every: time.Duration(step) * time.Minute, Zone: zone}
	}
	m := clockTime.FindStringSubmatch(words[0])
	if m == nil {
		return Calendar{}
	}
	hour, _ := strconv.Atoi(m[1])
	minute, _ := strconv.Atoi(m[2])
	if hour > 23 || minute > 59 {
		return Calendar{}
	}
	return Calendar{Every: every, At: hour*60 + minute, Zone: zone}
}

// Timer is how often a timer unit goes off and when: by its calendar, or by the time since it went off last. The zero
// Calendar is never.
func Timer(unit Sections) Calendar {
	if calendars := unit.Values("Timer", "OnCalendar"); len(calendars) > 0 {
		best := Calendar{}
		for _, expression := range calendars {
			if c := ReadCalendar(expression); c.Every > 0 && (best.Every == 0 || c.Every < best.Every) {
				best = c
			}
		}
		return best
	}
	for _, key := range []string{"OnUnitActiveSec", "OnUnitInactiveSec"} {
		if every := span(unit.Value("Timer", key)); every > 0 {
			return Calendar{Every: every}
		}
	}
	return Calendar{}
}

var (
	spanPart  = regexp.MustCompile(`^([0-9]{1,9}) *([a-z]*)`)
	spanUnits = map[string]time.Duration{
		"": time.Second, "s": time.Second, "sec": time.Second, "m": time.Minute, "min": time.Minute, "h": time.Hour, "hour": time.Hour,
		"hours": time.Hour, "d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
	}
)

// span is a time as systemd writes it, such as "5min" or "1h 30min"; 0 where it cannot be read.
func span(text string) time.Duration {
	total := time.Duration(0)
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		m := spanPart.FindStringSubmatch(text)
		if m == nil {
			return 0
		}
		unit, known := spanUnits[m[2]]
		if !known {
			return 0
		}
		n, _ := strconv.Atoi(m[1]) // digits, by the pattern
		total += time.Duration(n) * unit
		text = text[len(m[0]):]
	}
	return total
}
