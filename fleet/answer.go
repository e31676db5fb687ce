package fleet

import (
	"time"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/promises"
)

// AnswerVersion is the version of the form of Answer.
const AnswerVersion = 1

// Operation is what is done to each stack.
type Operation string

// The operations on a fleet.
const (
	Preview  Operation = "preview"
	Up       Operation = "up"
	Refresh  Operation = "refresh"
	Verify   Operation = "verify"
	Evidence Operation = "evidence"
)

// Changes tells whether the operation changes clouds or states: only then do waves wait for each other.
func (o Operation) Changes() bool { return o == Up || o == Refresh }

// Verdict is what an answer comes to: the gravest of its stacks.
type Verdict string

// The verdicts, the mildest first.
const (
	NoChange  Verdict = "no change"
	Changes   Verdict = "changes"
	Dangerous Verdict = "dangerous changes" // data would be lost, or a promise weakened or broken
	Failures  Verdict = "failures"          // at least one stack has no answer
)

// Status is how one stack came out.
type Status string

// The statuses.
const (
	Unchanged   Status = "unchanged"
	Changed     Status = "changed"     // it would change, or was changed
	Risky       Status = "dangerous"   // it would lose data or weaken a promise
	Failed      Status = "failed"      // the run failed, hung, crashed, or its state cannot be read
	Refused     Status = "refused"     // its file is not valid, it breaks a promise, or nobody confirmed: nothing was done
	Interrupted Status = "interrupted" // it was under way when the fleet's run was interrupted
	Held        Status = "held"        // it was not begun: a wave before it was stopped, or the run was interrupted
	Shown       Status = "shown"       // verify and evidence: judged, see Standing
)

// Answer is what came out of one operation on a fleet, or on one shard of it.
type Answer struct {
	Version   int       `json:"version" jsonschema:"description=Version of this form. 1."`
	Operation Operation `json:"operation" jsonschema:"enum=preview,enum=up,enum=refresh,enum=verify,enum=evidence"`
	// Basis says what was compared with: real clouds, the embedded one, or exported states without secrets.
	Basis           string    `json:"basis"`
	Verdict         Verdict   `json:"verdict" jsonschema:"enum=no change,enum=changes,enum=dangerous changes,enum=failures"`
	Began           time.Time `json:"began"`
	DurationSeconds float64   `json:"durationSeconds" jsonschema:"minimum=0"`
	Revision        string    `json:"revision,omitempty" jsonschema:"description=The git revision that was run."`
	Since           string    `json:"since,omitempty" jsonschema:"description=The git revision whose difference selected the stacks."`
	// Run is the run's id, below .berth/fleet; empty when it kept no journal, and in a merged answer.
	Run string `json:"run,omitempty"`
	// Shards are the parts that the answer is made of; empty for an undivided run.
	Shards []Shard `json:"shards,omitempty"`
	// Statuses counts the stacks by how they came out; zero counts are left out.
	Statuses map[Status]int `json:"statuses"`
	// Stacks are all that were selected, by wave and name.
	Stacks []Entry `json:"stacks"`
	// Groups are the changes, each once with all stacks that it happens to, the gravest first.
	Groups []Group `json:"groups"`
	// Promises are those that the changes strengthen or weaken, the gravest first.
	Promises []PromiseGroup `json:"promises"`
	// Notes are what was done besides, or is left to do, in sentences.
	Notes []string `json:"notes"`
	// Results are the changes stack by stack, without secrets and without what stays the same. Only the answer of one shard has them:
	// the parts are grouped anew when they are put together.
	Results map[string]*engine.Result `json:"results,omitempty"`
}

// Shard is one part of a fleet that is run on several machines.
type Shard struct {
	Index int `json:"index" jsonschema:"minimum=1"` // of the shard, from 1
	Of    int `json:"of" jsonschema:"minimum=1"`
	// Selection is a digest of the names of all stacks that the shards share out among them, and Stacks their number.
	Selection string `json:"selection" jsonschema:"description=Digest of the names of all stacks that the shards share out."`
	Stacks    int    `json:"stacks" jsonschema:"minimum=0,description=Number of all stacks that the shards share out."`
}

// Entry is one stack in an answer.
type Entry struct {
	Member
	Status Status `json:"status"`
	// Error is why it has no answer, in the words of the run.
	Error string `json:"error,omitempty"`
	// Counts are its resources by what happens to them, components included; zero counts are left out.
	Counts  map[engine.Op]int `json:"counts,omitempty"`
	Changes int               `json:"changes,omitempty" jsonschema:"description=Resources that change, without components."`
	Dangers []engine.Danger   `json:"dangers,omitempty"`
	// Promises are those that its change touches.
	Promises []promises.Effect `json:"promises,omitempty"`
	// Standing counts its promises by verdict; for verify and evidence.
	Standing        map[promises.Verdict]int `json:"standing,omitempty"`
	DurationSeconds float64                  `json:"durationSeconds" jsonschema:"minimum=0"`
	// MemoryBytes is what its processes held at most; absent when that is not known.
	MemoryBytes uint64 `json:"memoryBytes,omitempty" jsonschema:"description=What its processes held at most."`
}

// Group is one change that happens to one or more stacks.
type Group struct {
	// Key is the same wherever the same change happens: a digest of what makes it up.
	Key string `json:"key"`
	// Title says it in one line, such as "launch template machines-template is updated: userData".
	Title     string    `json:"title"`
	Op        engine.Op `json:"op"`
	Type      string    `json:"type"`
	Name      string    `json:"name" jsonschema:"description=Name in the program, with what differs between clients left out."`
	Component string    `json:"component"`
	// Stateful is what data the resource holds; empty for one that can be made again without loss.
	Stateful string `json:"stateful,omitempty"`
	// Danger is set when data would be lost.
	Danger bool `json:"danger,omitempty"`
	// Replaces are the properties that force a replacement.
	Replaces []string `json:"replaces,omitempty"`
	// Diffs are the properties that change; what differs from client to client stands as a placeholder such as "{client}".
	Diffs []engine.Diff `json:"diffs,omitempty"`
	// Stacks are whom it happens to, sorted.
	Stacks []string `json:"stacks"`
}

// PromiseGroup is one promise that changes of one or more stacks touch in the same way.
type PromiseGroup struct {
	ID     string              `json:"id"`
	Title  string              `json:"title"`
	Effect promises.EffectKind `json:"effect" jsonschema:"enum=breaks,enum=weakens,enum=strengthens,enum=touches"`
	Stacks []string            `json:"stacks"`
	Points []string            `json:"points"` // what changes under the promise, each once
}
