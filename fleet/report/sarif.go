package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/berth-iac/berth/fleet"
	"github.com/berth-iac/berth/promises"
)

// The parts of SARIF 2.1.0 that are written.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		ColumnKind  string            `json:"columnKind"`
		Results     []sarifResult     `json:"results"`
		Properties  map[string]any    `json:"properties,omitempty"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID            string         `json:"id"`
		Name          string         `json:"name,omitempty"`
		Short         sarifText      `json:"shortDescription"`
		Configuration map[string]any `json:"defaultConfiguration"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifInvocation struct {
		ExecutionSuccessful bool           `json:"executionSuccessful"`
		StartTimeUTC        string         `json:"startTimeUtc,omitempty"`
		EndTimeUTC          string         `json:"endTimeUtc,omitempty"`
		Notifications       []sarifMessage `json:"toolExecutionNotifications,omitempty"`
	}
	sarifMessage struct {
		Level   string    `json:"level"`
		Message sarifText `json:"message"`
	}
	sarifResult struct {
		RuleID       string            `json:"ruleId"`
		RuleIndex    int               `json:"ruleIndex"`
		Level        string            `json:"level"`
		Message      sarifText         `json:"message"`
		Locations    []sarifLocation   `json:"locations"`
		Fingerprints map[string]string `json:"partialFingerprints"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Of     sarifFile   `json:"artifactLocation"`
		Region sarifRegion `json:"region"`
	}
	sarifFile struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
)

// maxSARIF is how many results a run may have: more are not shown by those who read the form, the first of them here.
const maxSARIF = 5_000

// sarif gathers results by rule.
type sarif struct {
	rules   map[string]sarifRule
	results []sarifFinding
}

type sarifFinding struct {
	sarifResult
	gravity int
}

// SARIF writes what has to be looked at as static analysis' results: data that is lost, promises broken or weakened, and stacks without an
// answer. Each stands at its stack's file. version is berth's own.
func SARIF(w io.Writer, a *fleet.Answer, version string) error {
	s := &sarif{rules: map[string]sarifRule{}}
	for _, e := range a.Stacks {
		s.entry(e)
	}
	slices.SortStableFunc(s.results, func(a, b sarifFinding) int { return cmp.Compare(a.gravity, b.gravity) })
	run := sarifRun{
		Tool:        sarifTool{sarifDriver{Name: "berth", Version: plain(version, false), Rules: []sarifRule{}}},
		Invocations: []sarifInvocation{{ExecutionSuccessful: a.Verdict != fleet.Failures}}, ColumnKind: "utf16CodeUnits", Results: []sarifResult{},
		Properties: map[string]any{"operation": a.Operation, "basis": plain(a.Basis, false), "verdict": a.Verdict, "stacks": len(a.Stacks)},
	}
	if !a.Began.IsZero() {
		const form = "2006-01-02T15:04:05.000Z"
		run.Invocations[0].StartTimeUTC = a.Began.UTC().Format(form)
		run.Invocations[0].EndTimeUTC = a.Began.Add(time.Duration(a.DurationSeconds * float64(time.Second))).UTC().Format(form)
	}
	if more := len(s.results) - maxSARIF; more > 0 {
		s.results = s.results[:maxSARIF]
		run.Invocations[0].Notifications = []sarifMessage{{"warning", sarifText{fmt.Sprintf("%d milder results are left out; the JSON form has them", more)}}}
	}
	index := map[string]int{}
	for _, r := range s.results {
		i, known := index[r.RuleID]
		if !known {
			i = len(run.Tool.Driver.Rules)
			index[r.RuleID] = i
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, s.rules[r.RuleID])
		}
		r.RuleIndex = i
		run.Results = append(run.Results, r.sarifResult)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}}); err != nil {
		return fmt.Errorf("write the fleet's answer as SARIF: %w", err)
	}
	return nil
}

func (s *sarif) entry(e fleet.Entry) {
	for _, d := range e.Dangers {
		text := fmt.Sprintf("%s: %s %s is lost with a %s; it holds %s.", e.Stack, d.Type, d.Name, d.Op, d.Holds)
		if len(d.Because) > 0 {
			text += " Because of " + strings.Join(d.Because, ", ") + "."
		}
		s.add(0, "data-loss", "error", "A resource that holds data is replaced or deleted", e, text, d.URN)
	}
	for _, p := range e.Promises {
		level, gravity := "warning", 3
		switch p.Kind {
		case promises.Breaks:
			level, gravity = "error", 2
		case promises.Weakens:
		default:
			continue
		}
		s.add(gravity, "promise/"+p.ID, level, p.ID+": "+p.Title, e, fmt.Sprintf("%s: the change %s %s %s. %s", e.Stack, p.Kind, p.ID, p.Title, strings.Join(p.Points, "; ")), p.ID)
	}
	switch e.Status {
	case fleet.Failed, fleet.Refused, fleet.Interrupted:
		s.add(1, string(e.Status), "error", "A stack has no answer: "+string(e.Status), e, e.Stack+": "+problemText(e), "")
	}
	if e.Standing[promises.Broken] > 0 {
		s.add(2, "broken-promises", "error", "Promises to a client are broken", e, e.Stack+": "+standingOf(e), "")
	}
}

func (s *sarif) add(gravity int, rule, level, about string, e fleet.Entry, text, what string) {
	rule = "berth/" + plain(rule, false)
	if _, known := s.rules[rule]; !known {
		s.rules[rule] = sarifRule{ID: rule, Name: rule, Short: sarifText{plain(about, false)}, Configuration: map[string]any{"level": level}}
	}
	s.results = append(s.results, sarifFinding{gravity: gravity, sarifResult: sarifResult{
		RuleID: rule, Level: level, Message: sarifText{clip(plain(text, true), 4_000)},
		Locations:    []sarifLocation{{sarifPhysical{sarifFile{url.PathEscape("Pulumi." + plain(e.Stack, false) + ".yaml")}, sarifRegion{1}}}},
		Fingerprints: map[string]string{"berthFleet/v1": digest(rule, e.Stack, what)},
	}})
}

// digest is the same for the same finding on every run.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}
