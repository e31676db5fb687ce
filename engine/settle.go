package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optrefresh"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Pending is a creation that was begun and whose end is not in the state.
type Pending struct {
	URN, Type, Name string
	Inputs          map[string]any // as the provider got them; secrets are in plain text
	Provider        map[string]any // the inputs of its provider
	Known           []string       // the ids of everything that the state has
}

// Verdict is what is known of a creation, or of an object that may have come of it.
type Verdict string

// The verdicts.
const (
	Absent     Verdict = "absent"     // there is no such object: up creates it
	Repeat     Verdict = "repeat"     // creating once more is right whether it exists or not
	Candidate  Verdict = "candidate"  // the provider shall look at ID
	Ours       Verdict = "ours"       // it came of this creation
	Unfinished Verdict = "unfinished" // it did, and the cloud still works on it
	Unknown    Verdict = "unknown"    // a person has to look; Why says why
)

// Finding is a verdict with what belongs to it.
type Finding struct {
	Verdict Verdict
	ID      string // of a candidate, as the provider imports it
	Why     string // in words for a person
}

// Finder knows what one cloud has. It changes nothing but in Finish.
type Finder interface {
	// Find says of each creation what is known without its provider: Absent, Repeat, Candidate or Unknown.
	Find(ctx context.Context, pending []Pending) ([]Finding, error)
	// Judge looks at the object as the provider reads it: Ours, Unfinished or Unknown.
	Judge(p Pending, read map[string]any) Finding
	// Gone tells whether a provider's error says that there is no such object.
	Gone(p Pending, message string) bool
	// Finish does to an object that is ours what its creation had yet to do and no later difference would
	// show. It returns what it did in words, or nothing.
	Finish(ctx context.Context, p Pending, id string) (string, error)
}

// Settling says how creations that a killed run left in the state of a real stack are settled.
type Settling struct {
	Finder Finder // nil: nothing is known, a person has to look
	// Pauses before a search that found nothing is believed.
	Pauses []time.Duration
	// Always settles also what a run on another machine left. The caller makes sure that it is no longer under way.
	Always bool
	// Exists and Absent are a person's answers: ids by a resource's name or URN, and names or URNs.
	Exists map[string]string
	Absent []string
	// Changing makes creations that are left open an error at once, in a preview too.
	Changing bool
}

// answer is what a person said of a creation.
func (o Settling) answer(urn string) (Finding, bool) {
	for _, key := range []string{urn, nameOf(urn)} {
		if id, ok := o.Exists[key]; ok {
			return Finding{Verdict: Candidate, ID: id}, true
		}
		if slices.Contains(o.Absent, key) {
			return Finding{Verdict: Absent}, true
		}
	}
	return Finding{}, false
}

// PendingError says that a real stack's state has creations whose end nobody knows.
type PendingError struct {
	Stack   string
	Creates []OpenCreation // those that a person has to look at
	// Elsewhere is set when no run on this machine left them: somebody's run may be under way.
	Elsewhere bool
}

// OpenCreation is one creation that could not be settled.
type OpenCreation struct{ URN, Why string }

func (e *PendingError) Error() string {
	var b strings.Builder
	if e.Elsewhere {
		fmt.Fprintf(&b, "the state of stack %s has creations that were begun and not ended, and no run on this machine left them; nothing was done:", e.Stack)
	} else {
		fmt.Fprintf(&b, "an earlier run of stack %s was killed while it created these, and whether they exist could not be found out; nothing was done:", e.Stack)
	}
	for _, open := range e.Creates {
		fmt.Fprintf(&b, "\n  %s", open.URN)
		if open.Why != "" {
			fmt.Fprintf(&b, "\n    %s", open.Why)
		}
	}
	if e.Elsewhere {
		fmt.Fprintf(&b, "\neither somebody's run is under way: wait for it. Or it was killed on another machine: when nobody works on "+
			"the stack, settle them with\n  berth up %s --settle", e.Stack)
		return b.String()
	}
	fmt.Fprintf(&b, "\nlook each up in the cloud's console, and say what is there, by name or by the whole URN:\n  berth up %s", e.Stack)
	for i, open := range e.Creates {
		if i == 0 {
			fmt.Fprintf(&b, " --exists %s=<id>", nameOf(open.URN))
			continue
		}
		fmt.Fprintf(&b, " --absent %s", nameOf(open.URN))
	}
	if len(e.Creates) == 1 {
		fmt.Fprintf(&b, "\n  berth up %s --absent %s", e.Stack, nameOf(e.Creates[0].URN))
	}
	return b.String()
}

// settles tells whether an operation is one before which the state has to be in order.
func (o Operation) settles() bool {
	return slices.Contains([]Operation{Preview, PreviewDestroy, Up, Refresh, Destroy}, o)
}

// unfinishedFor bounds how long a cloud is waited for that still works on what a killed run had ordered.
const (
	unfinishedFor   = 40 * time.Minute
	unfinishedPause = 15 * time.Second
)

// settleReal puts a real stack's state in order before a run: each creation that a killed run left is looked
// up and either taken over as its provider reads it, or dropped, so that up makes it. The state is written
// once, when all of them are known; until then nothing is changed.
func (s *Stack) settleReal(ctx context.Context, operation Operation) error {
	if s.settled || s.fresh {
		s.settled = true
		return nil
	}
	ours := s.interrupted != nil || s.options.Settling.Always || len(s.options.Settling.Exists)+len(s.options.Settling.Absent) > 0
	if !ours && !operation.changes() && !s.options.Settling.Changing {
		return nil // what others do while this one only looks is for the engine to warn of
	}
	untyped, state, err := s.export(ctx)
	if err != nil {
		return err
	}
	var creates []apitype.ResourceV3
	var others []string
	for _, op := range state.PendingOperations {
		switch {
		case op.Type == apitype.OperationTypeCreating && op.Resource.Custom:
			creates = append(creates, op.Resource)
		case op.Type != apitype.OperationTypeCreating && !slices.Contains(others, string(op.Resource.URN)):
			others = append(others, string(op.Resource.URN))
		}
	}
	if !ours {
		if len(creates) > 0 {
			return &PendingError{Stack: s.options.Stack, Creates: openAll(creates, ""), Elsewhere: true}
		}
		s.settled = true
		return nil
	}
	if len(creates) > 0 {
		if err := s.settleCreates(ctx, untyped, state, creates); err != nil {
			return err
		}
	}
	if err := s.refreshAgain(ctx, state, others); err != nil {
		return err
	}
	s.settled = true
	return nil
}

func (o Operation) changes() bool { return o == Up || o == Destroy }

func openAll(creates []apitype.ResourceV3, why string) []OpenCreation {
	var open []OpenCreation
	for _, r := range creates {
		open = append(open, OpenCreation{URN: string(r.URN), Why: why})
	}
	return sortedOpen(open)
}

func sortedOpen(open []OpenCreation) []OpenCreation {
	slices.SortFunc(open, func(a, b OpenCreation) int { return strings.Compare(a.URN, b.URN) })
	return open
}

func (s *Stack) export(ctx context.Context) (apitype.UntypedDeployment, *apitype.DeploymentV3, error) {
	untyped, err := s.stack.Export(ctx)
	if err != nil {
		return untyped, nil, fmt.Errorf("read the state: %w", plain(err))
	}
	var state apitype.DeploymentV3
	if len(untyped.Deployment) > 0 {
		if err := json.Unmarshal(untyped.Deployment, &state); err != nil {
			return untyped, nil, fmt.Errorf("read the state: %w", err)
		}
	}
	return untyped, &state, nil
}

// settleCreates settles all creations, or none.
func (s *Stack) settleCreates(ctx context.Context, untyped apitype.UntypedDeployment, state *apitype.DeploymentV3, creates []apitype.ResourceV3) error {
	pending := pendingOf(state, creates)
	findings, read, err := s.search(ctx, state, creates, pending)
	if err != nil {
		return err
	}
	var open []OpenCreation
	for i, finding := range findings {
		if finding.Verdict == Unknown {
			open = append(open, OpenCreation{URN: pending[i].URN, Why: finding.Why})
		}
	}
	if len(open) > 0 {
		return &PendingError{Stack: s.options.Stack, Creates: sortedOpen(open)}
	}
	var adopted, made []string
	for i, finding := range findings {
		name := nameOf(pending[i].URN)
		if finding.Verdict != Ours {
			made = append(made, name)
			continue
		}
		object := read[i]
		if s.options.Settling.Finder != nil {
			did, err := s.options.Settling.Finder.Finish(ctx, pending[i], string(object.ID))
			if err != nil {
				return fmt.Errorf("finish what a killed run began to create: %s: %w", name, err)
			}
			if did != "" {
				s.notes = append(s.notes, name+": "+did)
			}
		}
		created := creates[i]
		created.ID, created.Inputs, created.Outputs = object.ID, object.Inputs, object.Outputs
		state.Resources = takeOver(state.Resources, created)
		adopted = append(adopted, name)
	}
	state.Resources = inOrder(state.Resources)
	state.PendingOperations = nil
	// Nobody may have worked on the stack in the meantime; during the writing the backend's own lock sees to it.
	now, _, err := s.export(ctx)
	if err != nil {
		return err
	}
	if !bytes.Equal(now.Deployment, untyped.Deployment) {
		return fmt.Errorf("settle what a killed run left in stack %s: its state was changed meanwhile, by somebody else's run; "+
			"run the same command again when that has ended", s.options.Stack)
	}
	if untyped.Deployment, err = json.Marshal(state); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	if err := s.stack.Import(ctx, untyped); err != nil {
		return fmt.Errorf("write the state: %w", plain(err))
	}
	note := fmt.Sprintf("an earlier run was killed while it created %d resources; the cloud was asked for each", len(creates))
	if len(adopted) > 0 {
		slices.Sort(adopted)
		note += "; taken over: " + strings.Join(adopted, ", ")
	}
	if len(made) > 0 {
		slices.Sort(made)
		note += "; to be created: " + strings.Join(made, ", ")
	}
	s.notes = append(s.notes, note)
	return nil
}

// search finds and reads what there is. That something is not there is believed only after the pauses: what the killed
// run had sent may still be on its way, and clouds list an object a while after they have made it.
func (s *Stack) search(ctx context.Context, state *apitype.DeploymentV3, creates []apitype.ResourceV3, pending []Pending) ([]Finding, map[int]apitype.ResourceV3, error) {
	findings := make([]Finding, len(pending))
	read := map[int]apitype.ResourceV3{}
	var at []int
	for i := range pending {
		at = append(at, i)
	}
	for pause := 0; ; pause++ {
		var some []Pending
		var theirs []apitype.ResourceV3
		for _, i := range at {
			some, theirs = append(some, pending[i]), append(theirs, creates[i])
		}
		found, err := s.find(ctx, some)
		if err != nil {
			return nil, nil, err
		}
		objects, err := s.look(ctx, state, theirs, some, found)
		if err != nil {
			return nil, nil, err
		}
		var absent []int
		for j, i := range at {
			findings[i] = found[j]
			if object, ok := objects[j]; ok {
				read[i] = object
			}
			if _, said := s.options.Settling.answer(pending[i].URN); found[j].Verdict == Absent && !said {
				absent = append(absent, i)
			}
		}
		if len(absent) == 0 || pause >= len(s.options.Settling.Pauses) {
			return findings, read, nil
		}
		at = absent
		select {
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		case <-time.After(s.options.Settling.Pauses[pause]):
		}
	}
}

// pendingOf describes creations to a finder.
func pendingOf(state *apitype.DeploymentV3, creates []apitype.ResourceV3) []Pending {
	providers := map[string]map[string]any{}
	var known []string
	for _, r := range state.Resources {
		providers[string(r.URN)+"::"+string(r.ID)], _ = bare(r.Inputs).(map[string]any)
		if r.Custom && !r.PendingReplacement { // what waits to be made again is deleted already
			known = append(known, string(r.ID))
		}
	}
	var pending []Pending
	for _, r := range creates {
		inputs, _ := bare(r.Inputs).(map[string]any)
		pending = append(pending, Pending{URN: string(r.URN), Type: string(r.Type), Name: nameOf(string(r.URN)),
			Inputs: inputs, Provider: providers[r.Provider], Known: known})
	}
	return pending
}

// find asks the person's answers first, and then the finder.
func (s *Stack) find(ctx context.Context, pending []Pending) ([]Finding, error) {
	findings := make([]Finding, len(pending))
	var ask []Pending
	var at []int
	for i, p := range pending {
		if finding, ok := s.options.Settling.answer(p.URN); ok {
			findings[i] = finding
			continue
		}
		ask, at = append(ask, p), append(at, i)
	}
	if len(ask) == 0 {
		return findings, nil
	}
	if s.options.Settling.Finder == nil {
		for _, i := range at {
			findings[i] = Finding{Verdict: Unknown, Why: "nobody told berth how to look into this cloud"}
		}
		return findings, nil
	}
	found, err := s.options.Settling.Finder.Find(ctx, ask)
	if err != nil {
		return nil, fmt.Errorf("look for what a killed run created: %w", err)
	}
	for j, i := range at {
		findings[i] = found[j]
	}
	return findings, nil
}

// look has the providers read all candidates, and judges what they read: the findings become Ours, Absent or Unknown.
func (s *Stack) look(ctx context.Context, state *apitype.DeploymentV3, creates []apitype.ResourceV3, pending []Pending, findings []Finding) (map[int]apitype.ResourceV3, error) {
	read := map[int]apitype.ResourceV3{}
	open := map[int]bool{}
	for i, finding := range findings {
		open[i] = finding.Verdict == Candidate
	}
	began := s.options.Clock()
	for {
		var asked []int
		var stubs []apitype.ResourceV3
		for i := range findings {
			if open[i] {
				asked = append(asked, i)
				stubs = append(stubs, stub(creates[i], findings[i].ID))
			}
		}
		if len(stubs) == 0 {
			return read, nil
		}
		answers, err := s.reader()(ctx, state, stubs)
		if err != nil {
			return nil, err
		}
		var unfinished []int
		for j, i := range asked {
			open[i] = false
			finding := s.judge(pending[i], findings[i], answers[j])
			switch finding.Verdict {
			case Unfinished:
				findings[i].Why = finding.Why
				unfinished = append(unfinished, i)
				continue
			case Ours:
				read[i] = *answers[j].Resource
			}
			findings[i] = finding
		}
		if len(unfinished) == 0 {
			return read, nil
		}
		if s.options.Clock().Sub(began) > unfinishedFor {
			for _, i := range unfinished {
				findings[i].Verdict = Unknown
			}
			return read, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(unfinishedPause):
		}
		for _, i := range unfinished {
			open[i] = true
		}
	}
}

func (s *Stack) judge(p Pending, asked Finding, answer reading) Finding {
	_, said := s.options.Settling.answer(p.URN)
	finder := s.options.Settling.Finder
	switch {
	case answer.Err != nil && finder != nil && !said && finder.Gone(p, answer.Err.Error()), answer.Err == nil && answer.Resource == nil && !said:
		return Finding{Verdict: Absent}
	case answer.Err != nil:
		return Finding{Verdict: Unknown, Why: fmt.Sprintf("its provider cannot read %s: %v", asked.ID, answer.Err)}
	case answer.Resource == nil:
		return Finding{Verdict: Unknown, Why: fmt.Sprintf("its provider finds nothing with the id %s", asked.ID)}
	case slices.Contains(p.Known, string(answer.Resource.ID)):
		if said {
			return Finding{Verdict: Unknown, Why: fmt.Sprintf("the state has %s already", answer.Resource.ID)}
		}
		return Finding{Verdict: Absent} // what it shall replace
	case finder == nil || said: // the person knows whose it is; that it is finished is looked at all the same
		if finder != nil {
			if values, ok := bare(answer.Resource.Outputs).(map[string]any); ok {
				if finding := finder.Judge(p, values); finding.Verdict == Unfinished {
					return finding
				}
			}
		}
		return Finding{Verdict: Ours, ID: asked.ID}
	}
	values, _ := bare(answer.Resource.Outputs).(map[string]any)
	finding := finder.Judge(p, values)
	finding.ID = asked.ID
	return finding
}

// takeOver puts a resource among others as the end of its creation would have.
func takeOver(resources []apitype.ResourceV3, created apitype.ResourceV3) []apitype.ResourceV3 {
	var kept []apitype.ResourceV3
	for _, r := range resources {
		if r.URN == created.URN && r.PendingReplacement {
			continue // deleted already, to make room for the one that is adopted
		}
		if r.URN == created.URN {
			r.Delete = true // replaced by the one that is adopted
		}
		kept = append(kept, r)
	}
	return append(kept, created)
}

// refreshAgain looks again at what a killed run was about to change or delete.
func (s *Stack) refreshAgain(ctx context.Context, state *apitype.DeploymentV3, urns []string) error {
	var there []string
	for _, urn := range urns {
		if slices.ContainsFunc(state.Resources, func(r apitype.ResourceV3) bool { return string(r.URN) == urn }) {
			there = append(there, urn)
		}
	}
	if len(there) == 0 {
		return nil
	}
	_, err := s.stack.Refresh(ctx, optrefresh.Target(there), optrefresh.SuppressProgress(), optrefresh.SuppressOutputs(),
		optrefresh.ShowSecrets(false))
	if err != nil {
		return fmt.Errorf("look again at what a killed run was about to change: %w", plain(err))
	}
	names := make([]string, len(there))
	for i, urn := range there {
		names[i] = nameOf(urn)
	}
	slices.Sort(names)
	s.notes = append(s.notes, "an earlier run was killed while it changed or deleted these; they were looked at again: "+strings.Join(names, ", "))
	return nil
}

// bare takes the wrapping off secrets in properties of an exported state.
func bare(v any) any {
	switch value := v.(type) {
	case map[string]any:
		if value[resource.SigKey] == resource.SecretSig {
			text, ok := value["plaintext"].(string)
			var plain any
			if ok && json.Unmarshal([]byte(text), &plain) == nil {
				return bare(plain)
			}
			return nil
		}
		m := make(map[string]any, len(value))
		for k, e := range value {
			m[k] = bare(e)
		}
		return m
	case []any:
		l := make([]any, len(value))
		for i, e := range value {
			l[i] = bare(e)
		}
		return l
	default:
		return v
	}
}
