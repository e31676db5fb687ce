package render

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/evidence"
)

// The tables begin with a byte order mark, without which spreadsheets misread what is not ASCII.
const byteOrderMark = "\ufeff"

// StandingCSV is a table with a row for each promise and each control, as they stand at a time.
func StandingCSV(d *evidence.Document, now time.Time) ([]byte, error) {
	d = d.Printable()
	rows := [][]string{{"kind", "id", "group", "title", "sentence", "duty", "parameters", "severity", "references", "verdict", "stale", "why",
		"level", "proved at", "counts until", "levels to reach", "findings", "findings that fail", "waived findings", "stack", "cloud", "made", "as of"}}
	row := func(kind, id, group, title, sentence, duty, parameters, severity, references string, s evidence.Standing, reach []promises.Level, all []promises.Finding) {
		fail, waived := 0, 0
		for _, f := range all {
			switch {
			case !f.Holds && f.Waiver != nil:
				waived++
			case !f.Holds:
				fail++
			}
		}
		rows = append(rows, []string{kind, id, group, title, sentence, duty, parameters, severity, references, string(s.Verdict),
			yes(state{Standing: s}.IsStale()), s.Why, string(s.Level), instant(s.At), instant(s.ValidUntil), levels(reach),
			strconv.Itoa(len(all)), strconv.Itoa(fail), strconv.Itoa(waived), d.Subject.Stack, string(d.Subject.Cloud), instant(d.Made), instant(now)})
	}
	for _, p := range d.Promises {
		var parameters []string
		for _, one := range p.Parameters {
			parameters = append(parameters, one.Name+": "+one.Value)
		}
		var reach []promises.Level
		for _, one := range p.ToReach {
			reach = append(reach, one.Level)
		}
		row("promise", p.ID, p.Group, p.Title, p.Sentence, string(p.Duty), strings.Join(parameters, "; "), "", "", p.At(now), reach, p.Findings())
	}
	for _, c := range d.Baseline {
		row("control", c.ID, "", c.Title, "", "", "", c.Severity, strings.Join(c.References, "; "), c.At(now), nil, c.Findings())
	}
	return table(rows)
}

// FindingsCSV is a table with a row for each finding of every proof.
func FindingsCSV(d *evidence.Document) ([]byte, error) {
	d = d.Printable()
	rows := [][]string{{"kind", "id", "title", "level", "looked at", "counts until", "by", "result", "resource", "type", "property", "found", "expected",
		"to mend it", "waiver reason", "waiver owner", "waiver expires", "stack", "cloud"}}
	add := func(kind, id, title string, all []evidence.Proof) {
		for _, p := range all {
			for _, f := range p.Findings {
				waiver := promises.Waived{}
				if f.Waiver != nil {
					waiver = *f.Waiver
				}
				rows = append(rows, []string{kind, id, title, string(p.Level), instant(p.At), instant(p.ValidUntil), p.By, lookWord(look{Finding: f}),
					f.Resource, f.Type, f.Property, f.Found, f.Expected, f.Fix, waiver.Reason, waiver.Owner, waiver.Expires, d.Subject.Stack, string(d.Subject.Cloud)})
			}
		}
	}
	for _, p := range d.Promises {
		add("promise", p.ID, p.Title, p.Proofs)
	}
	for _, c := range d.Baseline {
		add("control", c.ID, c.Title, c.Proofs)
	}
	return table(rows)
}

func table(rows [][]string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(byteOrderMark)
	w := csv.NewWriter(&b)
	for _, row := range rows {
		for i := range row {
			row[i] = inert(row[i])
		}
		if err := w.Write(row); err != nil {
			return nil, fmt.Errorf("write evidence as CSV: %w", err)
		}
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return nil, fmt.Errorf("write evidence as CSV: %w", err)
	}
	return b.Bytes(), nil
}

// inert keeps a spreadsheet from taking a text for a formula: an apostrophe before it says that it is a text. Besides
// ASCII's signs those of full width count, which some spreadsheets read alike.
func inert(text string) string {
	if text != "" && strings.ContainsAny(string([]rune(text)[0]), "=+-@\t\r\n＝＋－＠") {
		return "'" + text
	}
	return text
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}
