package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/berth-iac/berth/fleet"
	"github.com/berth-iac/berth/promises"
)

// The form that CI systems read, after Jenkins' schema of Ant's reports.
type (
	testSuites struct {
		XMLName  xml.Name    `xml:"testsuites"`
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Suites   []testSuite `xml:"testsuite"`
	}
	testSuite struct {
		Name       string      `xml:"name,attr"`
		Tests      int         `xml:"tests,attr"`
		Failures   int         `xml:"failures,attr"`
		Errors     int         `xml:"errors,attr"`
		Skipped    int         `xml:"skipped,attr"`
		Time       string      `xml:"time,attr"`
		Timestamp  string      `xml:"timestamp,attr,omitempty"`
		Properties *properties `xml:"properties"`
		Cases      []testCase  `xml:"testcase"`
	}
	properties struct {
		Property []property `xml:"property"`
	}
	property struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	testCase struct {
		Name       string      `xml:"name,attr"`
		ClassName  string      `xml:"classname,attr"`
		Time       string      `xml:"time,attr"`
		Properties *properties `xml:"properties"`
		Skipped    *result     `xml:"skipped"`
		Error      *result     `xml:"error"`
		Failure    *result     `xml:"failure"`
		Out        string      `xml:"system-out,omitempty"`
	}
	result struct {
		Message string `xml:"message,attr,omitempty"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes an answer as test results: a suite for each wave, a case for each stack. What failed, was refused or is dangerous is a
// failure, what was interrupted an error, and what was not begun is skipped.
func JUnit(w io.Writer, a *fleet.Answer) error {
	happens := map[string][]string{}
	for _, g := range a.Groups {
		for _, stack := range g.Stacks {
			happens[stack] = append(happens[stack], g.Title)
		}
	}
	byWave := map[int]*testSuite{}
	seconds := map[int]float64{}
	all := testSuites{Name: "berth fleet " + string(a.Operation), Time: decimal(a.DurationSeconds)}
	var waves []int
	for _, e := range a.Stacks {
		suite := byWave[e.Wave]
		if suite == nil {
			suite = &testSuite{Name: waveName(e.Wave), Properties: &properties{[]property{
				{"operation", string(a.Operation)}, {"basis", plain(a.Basis, false)}, {"revision", plain(a.Revision, false)}, {"verdict", string(a.Verdict)}}}}
			if !a.Began.IsZero() {
				suite.Timestamp = a.Began.UTC().Format("2006-01-02T15:04:05")
			}
			byWave[e.Wave] = suite
			waves = append(waves, e.Wave)
		}
		c := caseOf(e, happens[e.Stack])
		suite.Cases = append(suite.Cases, c)
		suite.Tests++
		seconds[e.Wave] += e.DurationSeconds
		switch {
		case c.Failure != nil:
			suite.Failures++
		case c.Error != nil:
			suite.Errors++
		case c.Skipped != nil:
			suite.Skipped++
		}
	}
	slices.Sort(waves)
	for _, wave := range waves {
		suite := byWave[wave]
		suite.Time = decimal(seconds[wave])
		all.Tests, all.Failures, all.Errors, all.Skipped = all.Tests+suite.Tests, all.Failures+suite.Failures, all.Errors+suite.Errors, all.Skipped+suite.Skipped
		all.Suites = append(all.Suites, *suite)
	}
	text, err := xml.MarshalIndent(all, "", "  ")
	if err == nil {
		_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
	}
	if err != nil {
		return fmt.Errorf("write the fleet's answer as JUnit XML: %w", err)
	}
	return nil
}

func caseOf(e fleet.Entry, happens []string) testCase {
	c := testCase{Name: plain(e.Stack, false), ClassName: "berth." + string(e.Kind), Time: decimal(e.DurationSeconds), Out: plain(strings.Join(happens, "\n"), true)}
	if e.Kind == "" {
		c.ClassName = "berth.unknown"
	}
	c.Properties = &properties{[]property{{"status", string(e.Status)}}}
	if e.Changes > 0 {
		c.Properties.Property = append(c.Properties.Property, property{"changes", strconv.Itoa(e.Changes)})
	}
	if len(e.Standing) > 0 {
		c.Properties.Property = append(c.Properties.Property, property{"promises", standingOf(e)})
	}
	because := func(text string) *result {
		return &result{Message: plain(oneLine(text, 300), false), Type: string(e.Status), Text: plain(text, true)}
	}
	switch {
	case e.Status == fleet.Failed, e.Status == fleet.Refused:
		c.Failure = because(problemText(e))
	case e.Status == fleet.Interrupted:
		c.Error = because(problemText(e))
	case e.Status == fleet.Held:
		c.Skipped = &result{Message: "not begun"}
	case e.Status == fleet.Risky:
		c.Failure = because(strings.Join(risks(e), "\n"))
	case e.Standing[promises.Broken] > 0:
		c.Failure = because(standingOf(e))
		c.Failure.Type = "broken promises"
	}
	return c
}

// risks are what makes a stack's change dangerous, in sentences.
func risks(e fleet.Entry) []string {
	var found []string
	for _, d := range e.Dangers {
		text := fmt.Sprintf("%s %s would be lost with a %s: it holds %s", d.Type, d.Name, d.Op, d.Holds)
		if len(d.Because) > 0 {
			text += "; because of " + strings.Join(d.Because, ", ")
		}
		found = append(found, text)
	}
	for _, p := range e.Promises {
		if p.Kind == promises.Breaks || p.Kind == promises.Weakens {
			found = append(found, fmt.Sprintf("the change %s %s %s", p.Kind, p.ID, p.Title))
		}
	}
	if len(found) == 0 {
		found = append(found, "the change is dangerous")
	}
	return found
}

func waveName(wave int) string {
	if wave == 0 {
		return "no wave"
	}
	return "wave " + strconv.Itoa(wave)
}

func decimal(seconds float64) string { return strconv.FormatFloat(seconds, 'f', 3, 64) }
