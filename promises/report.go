package promises

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/berth-iac/berth/promises/graph"
)

// StackName stands, in findings and waivers, for the stack as a whole: what is missing belongs to no resource.
const StackName = "stack"

// Finding is one thing that a check looked at and what it found there.
type Finding struct {
	Resource string  `json:"resource"`           // its name, or StackName
	Type     string  `json:"type,omitempty"`     // its type token
	Property string  `json:"property,omitempty"` // path of the property that was read
	Found    string  `json:"found"`              // what was there, shortened; never a secret
	Expected string  `json:"expected"`           // what must be there, in words
	Fix      string  `json:"fix,omitempty"`      // what would mend it; only where it does not hold
	Holds    bool    `json:"holds"`
	Waiver   *Waived `json:"waiver,omitempty"` // the deviation that the client's spec records
}

// Report collects what a check found.
type Report struct {
	findings []Finding
}

// Findings are all findings so far, in the order in which they were made.
func (r *Report) Findings() []Finding { return r.findings }

// Want reports that a property of a resource was looked at, and whether it is as expected. expected is a
// phrase such as "true, for a standby in a second zone"; fix says what to change where, and is dropped when
// the property is as it should be.
func (r *Report) Want(resource *graph.Resource, holds bool, property, expected, fix string) {
	found := "absent"
	if value := resource.At(property); value != nil {
		found = Show(value)
	}
	r.add(resource, holds, property, found, expected, fix)
}

// Note reports that a part of a property was looked at, such as a line of a file that a resource places: property says which,
// and found is what stands there.
func (r *Report) Note(resource *graph.Resource, holds bool, property, found, expected, fix string) {
	r.add(resource, holds, property, Show(found), expected, fix)
}

// Say reports on a resource in words, where no single property tells.
func (r *Report) Say(resource *graph.Resource, holds bool, found, expected, fix string) {
	r.add(resource, holds, "", found, expected, fix)
}

func (r *Report) add(resource *graph.Resource, holds bool, property, found, expected, fix string) {
	f := Finding{Resource: resource.Name, Type: resource.Type, Property: property, Found: found, Expected: expected, Holds: holds}
	if !holds {
		f.Fix = fix
	}
	r.findings = append(r.findings, f)
}

// Missing reports that the stack lacks something that it must have. what completes "no …".
func (r *Report) Missing(what, expected, fix string) {
	r.findings = append(r.findings, Finding{Resource: StackName, Found: "no " + what, Expected: expected, Fix: fix})
}

// Must is Missing where there are none of resources; it returns them.
func (r *Report) Must(resources []*graph.Resource, what, expected, fix string) []*graph.Resource {
	if len(resources) == 0 {
		r.Missing(what, expected, fix)
	}
	return resources
}

const maxFound = 120 // characters of a value that a finding repeats

// Show writes a value for a finding: in one line, shortened. The caller sees to it that it is no secret.
func Show(value any) string {
	text, isText := value.(string)
	if !isText {
		encoded, err := json.Marshal(value)
		if err != nil {
			return "?"
		}
		text = string(encoded)
	}
	text = strings.Join(strings.Fields(text), " ")
	if text == "" {
		return `""`
	}
	if utf8.RuneCountInString(text) > maxFound {
		text = string([]rune(text)[:maxFound-1]) + "…"
	}
	return text
}
