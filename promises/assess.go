package promises

import (
	"fmt"
	"slices"
	"strings"
)

// Verdict is how a promise or control stands in one stack.
type Verdict string

// The verdicts.
const (
	Kept          Verdict = "kept"
	Broken        Verdict = "broken"
	WaivedVerdict Verdict = "waived"         // broken, and every deviation is recorded in the client's spec
	NotShown      Verdict = "not shown"      // nothing was looked at that would show it
	ClientsDuty   Verdict = "client's duty"  // the client keeps it, not we
	NotApplicable Verdict = "not applicable" // it is not made for this environment
)

// Waived is a waiver as it applies to a finding.
type Waived struct {
	Reason  string `json:"reason"`
	Owner   string `json:"owner"`
	Expires string `json:"expires"` // the last day on which it holds, such as 2027-01-31
}

// Result is how one promise or control stands.
type Result struct {
	ID       string    `json:"id"`
	Title    string    `json:"title"`
	Verdict  Verdict   `json:"verdict"`
	Why      string    `json:"why,omitempty"` // of a verdict that has no findings
	Findings []Finding `json:"findings"`
	// From are other stacks that findings were taken over from; their resources are named with the stack before them.
	From []string `json:"from,omitempty"`
}

// Broken are the findings that do not hold and are not waived.
func (r Result) Broken() []Finding {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return f.Holds || f.Waiver != nil })
}

// Assessment is how all promises and controls stand in one stack.
type Assessment struct {
	Promises []Result
	Baseline []Result
	Warnings []string // about waivers: ended, soon to end, or needed by nothing
}

// expiringDays is how long before its last day a waiver is warned of.
const expiringDays = 30

// Assess judges a subject. The error is about the spec's waivers: one that names no promise or control counts
// for nothing.
func Assess(s Subject, promises []Promise, controls []Control) (*Assessment, error) {
	waivers, err := readWaivers(s, promises, controls)
	if err != nil {
		return nil, err
	}
	a := &Assessment{}
	hostings := s.Hostings()
	for _, p := range promises {
		duty := NotOffered
		for _, h := range hostings {
			if p.Duties[h] != NotOffered {
				duty = p.Duties[h]
				break
			}
		}
		if duty == NotOffered {
			continue
		}
		result := Result{ID: p.ID, Title: p.Title, Findings: []Finding{}}
		switch {
		case duty == Clients:
			result.Verdict, result.Why = ClientsDuty, "the client keeps this; the tooling for it is supplied"
			supplied(&result, s, p.Checks[s.Hosting()], waivers.take)
		case p.ProductionOnly && !s.Production():
			result.Verdict, result.Why = NotApplicable, "promised for production; this environment holds test data"
		case p.CheckOf(s.Hosting()) == nil:
			result.Verdict, result.Why = NotShown, "no proof exists yet"
		default:
			judge(&result, s, p.CheckOf(s.Hosting()), waivers.take)
		}
		a.Promises = append(a.Promises, result)
	}
	for _, c := range controls {
		result := Result{ID: c.ID, Title: c.Title, Findings: []Finding{}}
		judge(&result, s, c.Check, func(id string, f Finding) *Waived {
			if own := waivers.take(id, f); own != nil {
				return own
			}
			return a.agreed(f)
		})
		if result.Verdict == NotShown { // the stack has nothing that the control is about
			result.Verdict = NotApplicable
		}
		a.Baseline = append(a.Baseline, result)
	}
	a.Warnings = waivers.warnings(s)
	return a, nil
}

// supplied holds what we supply for a duty of the client's against the graph. It is never reported as kept: the duty stays the
// client's. Only what is not as it should be is said.
func supplied(result *Result, s Subject, check Check, waiver func(id string, f Finding) *Waived) {
	if check == nil {
		return
	}
	ours := Result{ID: result.ID, Title: result.Title, Findings: []Finding{}}
	judge(&ours, s, check, waiver)
	if ours.Verdict == Broken || ours.Verdict == WaivedVerdict {
		*result = ours
	}
}

// agreed is the waiver of a promise that covers the same property of the same resource: one deviation needs one waiver.
func (a *Assessment) agreed(f Finding) *Waived {
	if f.Property == "" {
		return nil
	}
	for _, result := range a.Promises {
		for _, other := range result.Findings {
			if other.Waiver != nil && other.Resource == f.Resource && other.Type == f.Type && other.Property == f.Property {
				return other.Waiver
			}
		}
	}
	return nil
}

func judge(result *Result, s Subject, check Check, waiver func(id string, f Finding) *Waived) {
	var report Report
	if s.Graph.Exists() { // nothing can be missing from a stack that does not exist
		check(s, &report)
	}
	result.Findings = append(result.Findings, report.findings...)
	result.Verdict = NotShown
	for i := range result.Findings {
		f := &result.Findings[i]
		if !f.Holds {
			f.Waiver = waiver(result.ID, *f)
		}
		switch {
		case f.Holds:
			if result.Verdict == NotShown {
				result.Verdict = Kept
			}
		case f.Waiver == nil:
			result.Verdict = Broken
		case result.Verdict != Broken:
			result.Verdict = WaivedVerdict
		}
	}
	if result.Verdict == NotShown {
		result.Why = "the stack has no resource that would show it"
	}
}

// Refusal says that a stack breaks promises and why it does not go up. Nothing was registered.
type Refusal struct {
	Stack  string
	Broken []Result // promises first
}

func (e *Refusal) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "stack %s breaks what is promised and does not go up; nothing was done", e.Stack)
	for _, result := range e.Broken {
		fmt.Fprintf(&b, "\n%s %s:", result.ID, result.Title)
		for _, f := range result.Broken() {
			where := f.Resource
			if f.Property != "" {
				where += "." + f.Property
			}
			fmt.Fprintf(&b, "\n  %s: found %s; expected %s", where, f.Found, f.Expected)
			if f.Fix != "" {
				fmt.Fprintf(&b, "\n    to mend it: %s", f.Fix)
			}
		}
	}
	b.WriteString("\nwhere a deviation is agreed with the client, record it under waivers: in the stack's file, with promise, resource, reason, owner and expires")
	return b.String()
}

// Refusal is nil when nothing is broken; then the stack may go up.
func (a *Assessment) Refusal(stack string) error {
	refusal := &Refusal{Stack: stack}
	for _, result := range slices.Concat(a.Promises, a.Baseline) {
		if result.Verdict == Broken {
			refusal.Broken = append(refusal.Broken, result)
		}
	}
	if len(refusal.Broken) == 0 {
		return nil
	}
	return refusal
}

// Result is the result with that ID.
func (a *Assessment) Result(id string) (Result, bool) {
	for _, result := range slices.Concat(a.Promises, a.Baseline) {
		if result.ID == id {
			return result, true
		}
	}
	return Result{}, false
}

// Count is how many promises stand so.
func (a *Assessment) Count(v Verdict) int {
	n := 0
	for _, result := range a.Promises {
		if result.Verdict == v {
			n++
		}
	}
	return n
}
