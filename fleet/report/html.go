package report

import (
	_ "embed" // the page
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/berth-iac/berth/fleet"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

// tones are the classes that statuses are coloured by.
var tones = map[fleet.Status]string{fleet.Failed: "failed", fleet.Refused: "failed", fleet.Interrupted: "failed", fleet.Risky: "dangerous",
	fleet.Changed: "changed", fleet.Shown: "unchanged", fleet.Held: "held", fleet.Unchanged: "unchanged"}

type page struct {
	Heading, About, Counts, Tone string
	Style                        template.CSS
	Bars                         []bars
	Sections                     []pageSection
	Notes                        []string
	Stacks                       []pageStack
}

type bars struct {
	Title string
	Rows  []barRow
}

type barRow struct {
	Name, Label string
	Pieces      []barPiece
}

type barPiece struct{ X, Width, Tone, Label string }

type pageSection struct {
	Title  string
	Points []pagePoint
}

type pagePoint struct{ Tone, Who, Line, Detail, Names string }

type pageStack struct{ Stack, Status, Tone, Kind, Where, Wave, Release, Changes, Time string }

// HTML writes an answer as one page that needs nothing else: no script, no font, no picture from anywhere.
func HTML(w io.Writer, a *fleet.Answer) error {
	v := newView(a)
	p := page{Heading: v.heading(), About: plain(v.about(), false), Counts: v.counts(), Style: template.CSS(pageStyle)}
	for _, note := range v.Notes {
		p.Notes = append(p.Notes, plain(note, false))
	}
	p.Tone = map[fleet.Verdict]string{fleet.Failures: "failed", fleet.Dangerous: "dangerous", fleet.Changes: "changed", fleet.NoChange: "unchanged"}[v.Verdict]
	p.Bars = []bars{
		{"By wave", rows(v.Stacks, func(e fleet.Entry) string { return fmt.Sprintf("%04d", e.Wave) }, func(key string) string {
			wave, _ := strconv.Atoi(key)
			return waveName(wave)
		})},
		{"By kind", rows(v.Stacks, func(e fleet.Entry) string { return string(e.Kind) }, func(key string) string {
			if key == "" {
				return "unknown"
			}
			return plain(key, false)
		})},
	}
	p.section("Data is lost", v.changePoints(v.dangers, "dangerous"))
	p.section("Without an answer", v.problemPoints())
	p.section("Promises weakened", v.promisePoints(v.grave, "dangerous"))
	var standing []pagePoint
	for _, e := range v.standing {
		standing = append(standing, pagePoint{Tone: "dangerous", Who: plain(e.Stack, false), Line: ": " + standingOf(e)})
	}
	p.section("Promises broken", standing)
	p.section("Changes", v.changePoints(v.changes, "changed"))
	p.section("Promises otherwise", v.promisePoints(v.mild, ""))
	if len(v.held) > 0 {
		p.section("Not begun", []pagePoint{{Tone: "held", Who: v.people(v.held), Names: plain(strings.Join(v.held, ", "), false)}})
	}
	for _, e := range v.Stacks {
		row := pageStack{Stack: plain(e.Stack, false), Status: string(e.Status), Tone: tones[e.Status], Kind: string(e.Kind), Where: plain(e.Where, false),
			Release: plain(e.Release, false), Time: seconds(e.DurationSeconds)}
		if e.Wave > 0 {
			row.Wave = strconv.Itoa(e.Wave)
		}
		if e.Changes > 0 {
			row.Changes = strconv.Itoa(e.Changes)
		}
		p.Stacks = append(p.Stacks, row)
	}
	parsed, err := template.New("page").Parse(pageText)
	if err == nil {
		err = parsed.Execute(w, p)
	}
	if err != nil {
		return fmt.Errorf("write the fleet's answer as HTML: %w", err)
	}
	return nil
}

func (p *page) section(title string, points []pagePoint) {
	if len(points) > 0 {
		p.Sections = append(p.Sections, pageSection{title, points})
	}
}

func (v *view) changePoints(changes []change, tone string) []pagePoint {
	var points []pagePoint
	for _, c := range changes {
		line := ": " + c.title()
		if c.Danger {
			line += " (holds " + c.Stateful + ")"
		}
		points = append(points, pagePoint{tone, v.people(c.Stacks), plain(line, false), plain(c.detail(), true), plain(strings.Join(c.Stacks, ", "), false)})
	}
	return points
}

func (v *view) problemPoints() []pagePoint {
	var points []pagePoint
	for _, x := range v.problems {
		points = append(points, pagePoint{"failed", v.people(x.stacks), " " + string(x.status) + ": " + plain(oneLine(x.text, maxTitle), false),
			plain(x.text, true), plain(strings.Join(x.stacks, ", "), false)})
	}
	return points
}

func (v *view) promisePoints(groups []fleet.PromiseGroup, tone string) []pagePoint {
	var points []pagePoint
	for _, g := range groups {
		points = append(points, pagePoint{tone, v.people(g.Stacks), plain(": "+string(g.Effect)+" "+g.ID+" "+g.Title, false),
			plain(strings.Join(g.Points, "\n"), true), plain(strings.Join(g.Stacks, ", "), false)})
	}
	return points
}

// rows are bars of statuses, one for each key, each as long as its share of the longest.
func rows(entries []fleet.Entry, key func(fleet.Entry) string, name func(key string) string) []barRow {
	counts := map[string]map[fleet.Status]int{}
	total := map[string]int{}
	longest := 1
	for _, e := range entries {
		k := key(e)
		if counts[k] == nil {
			counts[k] = map[fleet.Status]int{}
		}
		counts[k][e.Status]++
		total[k]++
		longest = max(longest, total[k])
	}
	var found []barRow
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		row := barRow{Name: name(k)}
		x := 0.0
		var labels []string
		for _, status := range statuses {
			n := counts[k][status]
			if n == 0 {
				continue
			}
			label := fmt.Sprintf("%d %s", n, words[status])
			width := 100 * float64(n) / float64(longest)
			row.Pieces = append(row.Pieces, barPiece{X: short(x), Width: short(width), Tone: tones[status], Label: label})
			labels = append(labels, label)
			x += width
		}
		row.Label = strings.Join(labels, ", ")
		found = append(found, row)
	}
	return found
}

func short(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) }
