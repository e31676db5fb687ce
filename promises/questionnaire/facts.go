package questionnaire

import (
	"errors"
	"slices"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/evidence"
)

// fact is how one promise stands in one stack.
type fact struct {
	stack      string
	standing   evidence.Standing
	parameters []promises.Parameter
	waivers    []promises.Waived
	embedded   bool // it was shown on the embedded cloud
	planned    bool // it was shown of what would be made; nothing exists yet
}

// facts are how promises stand, by ID: a promise may stand in several stacks.
type facts map[string][]fact

// gather reads evidence as it counts at a time.
func gather(now time.Time, documents []*evidence.Document) (facts, error) {
	all := facts{}
	if len(documents) == 0 {
		return nil, errors.New("answer a questionnaire: no evidence was given; make it with berth evidence")
	}
	for _, d := range documents {
		for _, p := range d.Promises {
			f := fact{
				stack: d.Subject.Stack, standing: p.At(now), parameters: p.Parameters,
				embedded: d.Subject.Cloud == evidence.Embedded, planned: d.Source.Kind == evidence.FromProgram,
			}
			for _, finding := range p.Findings() {
				if w := finding.Waiver; w != nil && !finding.Holds && !slices.Contains(f.waivers, *w) {
					f.waivers = append(f.waivers, *w)
				}
			}
			all[p.ID] = append(all[p.ID], f)
		}
	}
	return all, nil
}

// gravity orders verdicts: of several stacks' the gravest counts. What does not apply to one says nothing.
var gravity = []promises.Verdict{
	promises.NotApplicable, promises.Kept, promises.WaivedVerdict, promises.ClientsDuty, promises.NotShown, promises.Broken,
}

// of is how a promise stands in all stacks together.
func (all facts) of(id string) (fact, bool) {
	if len(all[id]) == 0 {
		return fact{}, false
	}
	grave := func(f fact) int { return slices.Index(gravity, f.standing.Verdict) }
	gravest := slices.MaxFunc(all[id], func(a, b fact) int { return grave(a) - grave(b) })
	gravest.parameters = all[id][0].parameters // those of the client's own stack, which comes first
	for _, f := range all[id] {
		gravest.embedded = gravest.embedded || f.embedded
		gravest.planned = gravest.planned || f.planned
	}
	return gravest, true
}
