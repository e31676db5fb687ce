package cache

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

var days = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

// windowMinutes is how long a weekly window such as "sun:02:00-sun:04:00" lasts; it may run over the week's end.
func windowMinutes(window string) (int, error) {
	from, to, _ := strings.Cut(window, "-")
	begin, errFrom := minuteOfWeek(from)
	end, errTo := minuteOfWeek(to)
	if errFrom != nil || errTo != nil {
		return 0, fmt.Errorf(`the maintenance window is %q: write it as "sun:02:00-sun:04:00"`, window)
	}
	const week = 7 * 24 * 60
	return (end - begin + week) % week, nil
}

func minuteOfWeek(text string) (int, error) {
	day, clock, _ := strings.Cut(text, ":")
	n := slices.Index(days, day)
	at, err := time.Parse("15:04", clock)
	if n < 0 || err != nil {
		return 0, fmt.Errorf("%q is no time of the week", text)
	}
	return (n*24+at.Hour())*60 + at.Minute(), nil
}
