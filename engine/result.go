package engine

import (
	"maps"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// ResultVersion is the version of Result's JSON form. It grows when a field changes its meaning or goes.
const ResultVersion = 1

// Operation is what was asked of a stack.
type Operation string

// The operations.
const (
	Preview        Operation = "preview"         // what Up would do
	PreviewDestroy Operation = "preview-destroy" // what Destroy would do
	Up             Operation = "up"
	Refresh        Operation = "refresh"
	Destroy        Operation = "destroy"
)

// Op is what happens to one resource. The several steps of a replacement are one Op.
type Op string

// The Ops.
const (
	OpSame    Op = "same"
	OpCreate  Op = "create"
	OpUpdate  Op = "update"
	OpReplace Op = "replace"
	OpDelete  Op = "delete"
	OpRead    Op = "read"    // read from the cloud, not managed
	OpImport  Op = "import"  // taken over from the cloud
	OpForget  Op = "forget"  // dropped from the state, left in the cloud
	OpRefresh Op = "refresh" // compared with the cloud, no difference
)

// Changes tells whether the Op alters the cloud or the state.
func (o Op) Changes() bool { return o != OpSame && o != OpRead && o != OpRefresh }

// Status says how far a step came.
type Status string

// The statuses.
const (
	Planned     Status = "planned"     // in a preview
	Done        Status = "done"        // in effect
	Failed      Status = "failed"      // the cloud refused; see the diagnostics with its URN
	Interrupted Status = "interrupted" // begun, and its end was not heard of
)

// Outcome is how a run ended.
type Outcome string

// The outcomes.
const (
	Succeeded Outcome = "succeeded"
	Failure   Outcome = "failed"
	Cancelled Outcome = "cancelled"
)

// Cloud tells the embedded cloud from real ones.
type Cloud string

// The clouds.
const (
	EmbeddedCloud Cloud = "embedded" // nothing outside this machine was touched
	RealCloud     Cloud = "real"
)

// Result is what one run did, or would do.
type Result struct {
	Version   int       `json:"version" jsonschema:"description=Version of this form. 1."`
	Operation Operation `json:"operation" jsonschema:"enum=preview,enum=preview-destroy,enum=up,enum=refresh,enum=destroy"`
	Project   string    `json:"project"`
	Stack     string    `json:"stack"`
	Cloud     Cloud     `json:"cloud" jsonschema:"enum=embedded,enum=real,description=The embedded cloud or real ones."`
	Outcome   Outcome   `json:"outcome" jsonschema:"enum=succeeded,enum=failed,enum=cancelled"`
	// Counts are resources by what happens to them, components included; zero counts are left out.
	Counts map[Op]int `json:"counts" jsonschema:"description=Number of resources by what happens to them."`
	// Dangers are the stateful resources among Steps that are replaced or deleted.
	Dangers []Danger `json:"dangers" jsonschema:"description=Resources that hold data and that are replaced or deleted."`
	// Steps are all resources, unchanged ones included, by component, type and name.
	Steps       []Step            `json:"steps" jsonschema:"description=Every resource by component and type and name."`
	Diagnostics []Diagnostic      `json:"diagnostics"`
	Outputs     map[string]Output `json:"outputs" jsonschema:"description=The stack's outputs; secret and unknown values are left out."`
	// Notes are what was done besides, or is left to do, in sentences.
	Notes           []string `json:"notes"`
	DurationSeconds float64  `json:"durationSeconds" jsonschema:"minimum=0"`
	// Promises are those that the change touches. They are filled in by who knows the stack's promises, not here.
	Promises []promises.Effect `json:"promises,omitempty" jsonschema:"description=The promises to the client that the change strengthens or weakens or touches."`

	before []*apitype.StepEventStateMetadata // as the state had everything
}

// Before is the graph of what the state held before the run.
func (r *Result) Before() *graph.Graph {
	resources := make([]*graph.Resource, len(r.before))
	for i, old := range r.before {
		resources[i] = resourceOf(old)
	}
	return graph.New(resources)
}

// Step is what happens to one resource.
type Step struct {
	URN  string `json:"urn"`
	Type string `json:"type" jsonschema:"description=Type token such as aws:rds/instance:Instance."`
	Name string `json:"name" jsonschema:"description=Name in the program."`
	ID   string `json:"id,omitempty" jsonschema:"description=The cloud's own id when it is known."`
	// Parent is the URN of the resource it belongs to.
	Parent string `json:"parent,omitempty"`
	// Component is the names of the components it lies in, outermost first, joined by slashes; empty at the top.
	Component string `json:"component" jsonschema:"description=Names of the components around it, outermost first and joined by slashes."`
	// Provider is the name of the provider resource that manages it.
	Provider string `json:"provider,omitempty" jsonschema:"description=Name of the provider resource that manages it."`
	// Group tells a component, which only groups resources, from a resource of a cloud.
	Group bool `json:"group,omitempty" jsonschema:"description=True for a component."`
	Op    Op   `json:"op" jsonschema:"enum=same,enum=create,enum=update,enum=replace,enum=delete,enum=read,enum=import,enum=forget,enum=refresh"`
	// Replaces are the properties whose change forces the replacement.
	Replaces []string `json:"replaces,omitempty"`
	Diffs    []Diff   `json:"diffs,omitempty"`
	// Stateful is what the resource holds, such as "database"; empty for one that can be made again without loss.
	Stateful  string `json:"stateful,omitempty" jsonschema:"description=What data the resource holds; absent when it holds none."`
	Protected bool   `json:"protected,omitempty" jsonschema:"description=Pulumi refuses to delete it."`
	Status    Status `json:"status" jsonschema:"enum=planned,enum=done,enum=failed,enum=interrupted"`
	// DurationSeconds from its beginning to its end; 0 in a preview.
	DurationSeconds float64 `json:"durationSeconds,omitempty" jsonschema:"minimum=0"`

	inputs map[string]any // for the picture; secrets are masked
}

// Input returns a property that the program set, with secrets masked; nil when there is none.
func (s Step) Input(name string) any { return s.inputs[name] }

// WithInputs is the step with properties that the program set.
func (s Step) WithInputs(inputs map[string]any) Step {
	s.inputs = inputs
	return s
}

// Diff is one property's change.
type Diff struct {
	Property string `json:"property" jsonschema:"description=Path such as tags.Name or rules[0].port."`
	Kind     string `json:"kind" jsonschema:"enum=add,enum=delete,enum=update"`
	// Old and New are the values; absent where there is none, "[secret]" and "[unknown]" for what they say.
	Old any `json:"old,omitempty"`
	New any `json:"new,omitempty"`
	// Replaces is set when this change forces the resource's replacement.
	Replaces bool `json:"replaces,omitempty"`
}

// Danger is a resource that holds data and is to be replaced or deleted.
type Danger struct {
	URN   string `json:"urn"`
	Type  string `json:"type"`
	Name  string `json:"name" jsonschema:"description=The name that has to be confirmed."`
	Op    Op     `json:"op" jsonschema:"enum=replace,enum=delete"`
	Holds string `json:"holds" jsonschema:"description=What data it holds."`
	// Because are the properties that force a replacement.
	Because []string `json:"because,omitempty"`
}

// Diagnostic is what the engine, a provider or the program has to say.
type Diagnostic struct {
	Severity string `json:"severity" jsonschema:"enum=info,enum=warning,enum=error"`
	URN      string `json:"urn,omitempty"`
	Message  string `json:"message"`
}

// Output is one of the stack's outputs.
type Output struct {
	Value   any    `json:"value,omitempty"`
	Secret  bool   `json:"secret,omitempty"`
	Purpose string `json:"purpose,omitempty" jsonschema:"description=What it is for."`
}

// Changes counts the resources that a run changes or would change, without components.
func (r *Result) Changes() int {
	n := 0
	for _, s := range r.Steps {
		if s.Op.Changes() && !s.Group {
			n++
		}
	}
	return n
}

// sort brings everything into the order that does not depend on the run.
func (r *Result) sort() {
	slices.SortFunc(r.Steps, func(a, b Step) int {
		return strings.Compare(a.key(), b.key())
	})
	slices.SortFunc(r.Dangers, func(a, b Danger) int { return strings.Compare(a.URN, b.URN) })
	slices.SortStableFunc(r.Diagnostics, func(a, b Diagnostic) int { return strings.Compare(a.URN, b.URN) })
}

func (s Step) key() string {
	// A component comes before what lies in it, and unit separators keep "a" before "a-b".
	first := "1"
	if s.Group {
		first = "0"
	}
	return strings.ReplaceAll(s.Component, "/", "\x1f") + "\x1e" + first + s.Type + "\x1e" + s.Name
}

// purposes moves what the program says of its outputs to the outputs themselves.
func purposes(outputs map[string]Output) {
	said, ok := outputs["purposes"].Value.(map[string]any)
	if !ok {
		return
	}
	delete(outputs, "purposes")
	for _, name := range slices.Sorted(maps.Keys(said)) {
		if output, ok := outputs[name]; ok {
			output.Purpose, _ = said[name].(string)
			outputs[name] = output
		}
	}
}
