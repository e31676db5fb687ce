package engine

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/berth-iac/berth/promises/graph"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
)

// Progress is told what happens while it happens, from one goroutine at a time.
type Progress func(Event)

// Event is one thing that happened during a run. Exactly one of its pointers, or Phase, is set.
type Event struct {
	Phase      string      // the run goes on to something else, such as "previewing"
	Began      *Step       // work on a resource began
	Ended      *Step       // it ended; see Status
	Diagnostic *Diagnostic // somebody has something to say
	Expected   int         // with Phase: how many resources will change, 0 when that is not known
}

const stackType = "pulumi:pulumi:Stack"

// reader turns the engine's event stream into steps.
type reader struct {
	operation Operation
	now       func() time.Time
	progress  Progress

	steps       map[string]*record
	parents     map[string]string // every resource's parent
	groups      map[string]bool   // components
	diagnostics []Diagnostic
	outputs     map[string]any
	summary     *apitype.SummaryEvent
}

// record is a step with what it takes to merge the several steps of a replacement.
type record struct {
	Step
	open  int // steps that began and have not ended
	began time.Time
	old   *apitype.StepEventStateMetadata // as the state has it; nil for what is new
}

func newReader(operation Operation, now func() time.Time, progress Progress) *reader {
	if progress == nil {
		progress = func(Event) {}
	}
	return &reader{operation: operation, now: now, progress: progress,
		steps: map[string]*record{}, parents: map[string]string{}, groups: map[string]bool{}}
}

// read takes events until the stream is closed, or until stop is closed: a CLI that dies before it
// connects leaves the stream open for ever.
func (r *reader) read(stream <-chan events.EngineEvent, stop <-chan struct{}) {
	for {
		select {
		case e, open := <-stream:
			if !open {
				return
			}
			r.take(e)
		case <-stop:
			for { // what is there already is still taken
				select {
				case e, open := <-stream:
					if !open {
						return
					}
					r.take(e)
				default:
					return
				}
			}
		}
	}
}

func (r *reader) take(e events.EngineEvent) {
	switch {
	case e.Error != nil:
		// The stream broke: the CLI was killed. How the run ended is told by its exit, not here.
	case e.ResourcePreEvent != nil:
		r.begin(e.ResourcePreEvent.Metadata)
	case e.ResOutputsEvent != nil:
		r.end(e.ResOutputsEvent.Metadata, Done)
	case e.ResOpFailedEvent != nil:
		r.end(e.ResOpFailedEvent.Metadata, Failed)
	case e.DiagnosticEvent != nil:
		r.diagnose(*e.DiagnosticEvent)
	case e.ErrorEvent != nil:
		r.diagnose(apitype.DiagnosticEvent{Severity: "error", Message: e.ErrorEvent.Error})
	case e.SummaryEvent != nil:
		r.summary = e.SummaryEvent
	}
}

func (r *reader) diagnose(d apitype.DiagnosticEvent) {
	severity := strings.TrimSuffix(d.Severity, "#err") // "info#err" is what the program wrote to its error output
	message := strings.TrimSpace(colors.Never.Colorize(d.Message))
	if d.Ephemeral || message == "" || severity == "debug" {
		return
	}
	diagnostic := Diagnostic{Severity: severity, URN: d.URN, Message: message}
	if slices.Contains(r.diagnostics, diagnostic) {
		return // the engine says some things once a resource and once more at the end
	}
	r.diagnostics = append(r.diagnostics, diagnostic)
	r.progress(Event{Diagnostic: &diagnostic})
}

func (r *reader) begin(m apitype.StepEventMetadata) {
	step := r.record(m)
	if step.open == 0 {
		step.began = r.now()
	}
	step.open++
	r.merge(step, m)
	copied := step.Step
	r.progress(Event{Began: &copied})
}

func (r *reader) end(m apitype.StepEventMetadata, status Status) {
	if m.Type == stackType && m.New != nil && m.New.Outputs != nil {
		r.outputs = m.New.Outputs
	}
	step := r.record(m)
	r.merge(step, m)
	if step.open > 0 {
		step.open--
	}
	if step.Status != Failed {
		step.Status = status
	}
	if r.operation == Preview || r.operation == PreviewDestroy {
		if status == Done {
			step.Status = Planned
		}
	} else if !step.began.IsZero() {
		step.DurationSeconds = r.now().Sub(step.began).Round(time.Millisecond).Seconds()
	}
	copied := step.Step
	r.progress(Event{Ended: &copied})
}

// record finds the step that an event belongs to. The deletion of what an earlier, interrupted replacement
// left behind is a step of its own beside that of the resource in use.
func (r *reader) record(m apitype.StepEventMetadata) *record {
	key := m.URN
	if m.Old != nil && m.Old.Delete && (m.Op == apitype.OpDelete || m.Op == apitype.OpDiscardReplaced) {
		key += "#" + m.Old.ID
	}
	step, known := r.steps[key]
	if !known {
		step = &record{Step: Step{URN: m.URN, Type: m.Type, Name: nameOf(m.URN), Status: Interrupted}}
		r.steps[key] = step
	}
	return step
}

// merge adds what an event says to its step. A parent's events come before its children's.
func (r *reader) merge(s *record, m apitype.StepEventMetadata) {
	s.merge(m)
	r.parents[s.URN], r.groups[s.URN] = s.Parent, s.Group
	s.Component = r.component(s.Step)
}

func (s *record) merge(m apitype.StepEventMetadata) {
	if m.Old != nil && !m.Old.Delete && !m.Old.External {
		s.old = m.Old
	}
	op := opOf(m.Op)
	switch {
	case s.Op == OpReplace:
	case op == OpReplace || s.Op == "" || s.Op == OpRefresh:
		s.Op = op
	case s.Op == OpSame && op != OpRefresh:
		s.Op = op
	}
	for _, state := range []*apitype.StepEventStateMetadata{m.Old, m.New} {
		if state == nil {
			continue
		}
		s.Parent, s.Group = state.Parent, !state.Custom
		if state.ID != "" && (m.Op != apitype.OpDeleteReplaced || s.ID == "") {
			s.ID = state.ID
		}
		s.Protected, s.Provider = state.Protect, providerOf(state.Provider)
		s.inputs, _ = mask(state.Inputs).(map[string]any)
	}
	if found := diffs(m, s.Op); len(found) > 0 && len(s.Diffs) == 0 {
		s.Diffs = found
	}
	for _, d := range s.Diffs {
		if d.Replaces && !slices.Contains(s.Replaces, d.Property) {
			s.Replaces = append(s.Replaces, d.Property)
		}
	}
	if s.Op == OpReplace && len(s.Replaces) == 0 {
		s.Replaces = slices.Sorted(slices.Values(m.Keys))
	}
	slices.Sort(s.Replaces)
}

// complete ends what has no end of its own in the stream: a component that registers no outputs.
func (r *reader) complete() {
	for _, step := range r.steps {
		if step.Status != Interrupted {
			continue
		}
		step.Status = Done
		if r.operation == Preview || r.operation == PreviewDestroy {
			step.Status = Planned
		}
	}
}

// fill puts everything that was read into the result.
func (r *reader) fill(result *Result) {
	for _, step := range r.steps {
		r.parents[step.URN], r.groups[step.URN] = step.Parent, step.Group
	}
	result.Counts = map[Op]int{}
	for _, key := range slices.Sorted(maps.Keys(r.steps)) {
		step := r.steps[key].Step
		if step.Type == stackType {
			continue
		}
		if old := r.steps[key].old; old != nil {
			result.before = append(result.before, old)
		}
		step.Component = r.component(step)
		if !step.Group {
			step.Stateful = holds[step.Type]
		}
		result.Counts[step.Op]++
		result.Steps = append(result.Steps, step)
		if step.Stateful != "" && (step.Op == OpReplace || step.Op == OpDelete) {
			result.Dangers = append(result.Dangers, Danger{
				URN: step.URN, Type: step.Type, Name: step.Name, Op: step.Op, Holds: step.Stateful, Because: step.Replaces})
		}
	}
	result.Diagnostics = append(result.Diagnostics, r.diagnostics...)
	result.Outputs = map[string]Output{}
	for name, value := range r.outputs {
		value = mask(value)
		output := Output{Value: value}
		switch value {
		case secretText:
			output = Output{Secret: true}
		case unknownText:
			output = Output{}
		}
		result.Outputs[name] = output
	}
	purposes(result.Outputs)
}

// resourceOf is a resource as the state has it. The events hold its secrets blinded.
func resourceOf(old *apitype.StepEventStateMetadata) *graph.Resource {
	return &graph.Resource{Type: old.Type, Name: nameOf(old.URN), ID: old.ID, URN: old.URN, Parent: old.Parent,
		Provider: graph.ProviderURN(old.Provider), Inputs: masked(old.Inputs), Outputs: masked(old.Outputs),
		Protect: old.Protect, Retain: old.RetainOnDelete}
}

// component is the path of the components around a step; a component is part of its own path.
func (r *reader) component(s Step) string {
	var names []string
	if s.Group {
		names = append(names, s.Name)
	}
	for urn := s.Parent; urn != ""; urn = r.parents[urn] {
		if group, known := r.groups[urn]; (known && !group) || strings.Contains(urn, "::"+stackType+"::") {
			continue
		}
		names = append(names, nameOf(urn))
	}
	slices.Reverse(names)
	return strings.Join(names, "/")
}

// nameOf is the last part of a URN, the name that the program gave.
func nameOf(urn string) string {
	if i := strings.LastIndex(urn, "::"); i >= 0 {
		return urn[i+2:]
	}
	return urn
}

// providerOf is the name in a reference to a provider, which is its URN and its id.
func providerOf(reference string) string {
	if i := strings.LastIndex(reference, "::"); i >= 0 {
		return nameOf(reference[:i])
	}
	return ""
}

func opOf(op apitype.OpType) Op {
	switch op {
	case apitype.OpSame:
		return OpSame
	case apitype.OpCreate:
		return OpCreate
	case apitype.OpUpdate:
		return OpUpdate
	case apitype.OpDelete:
		return OpDelete
	case apitype.OpRefresh:
		return OpRefresh
	case apitype.OpRead, apitype.OpReadReplacement:
		return OpRead
	case apitype.OpImport, apitype.OpImportReplacement:
		return OpImport
	case apitype.OpReadDiscard, apitype.OpDiscardReplaced:
		return OpForget
	default: // replace, create-replacement, delete-replaced, remove-pending-replace
		return OpReplace
	}
}
