package evidence

import (
	"cmp"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/berth-iac/berth/promises"
)

// Input is everything that a document is made of.
type Input struct {
	Subject    promises.Subject // its Now is when the document is made
	Assessment *promises.Assessment
	Promises   []promises.Promise // those that were assessed, in the order of the document
	Controls   []promises.Control // likewise
	Group      func(promiseID string) string
	Source     Source // Resources and Statement are filled in
	Release    Release
	Cloud      Cloud
	Signer     ed25519.PublicKey // of the key that the document will be signed with; nil: unsigned
	// Proofs are looks by other tools, by ID of promise or control: at levels live and drill, or a document. Their
	// Verdict and ValidUntil are filled in. May be nil.
	Proofs map[string][]Proof
}

// What a document says of what does not exist.
const (
	embeddedStatement = "This stack lives on the embedded cloud, a stand-in inside one process for trials and tests. Nothing of it exists for a client: " +
		"no account, no machine, no data. The evidence shows what the same description would come to in a real account."
	programStatement = "Nothing of this stack is deployed yet. The evidence is about the resources that its program would make."
)

// Make makes a document. The same input gives the same document. The error names everything that is missing or does
// not fit together.
func Make(in Input) (*Document, error) {
	if err := in.check(); err != nil {
		return nil, fmt.Errorf("make evidence of stack %s: %w", in.Subject.Stack, err)
	}
	d := &Document{
		Format: Format, Subject: in.subject(), Source: in.Source, Release: in.Release, Made: second(in.Subject.Now),
		Promises: []Promise{}, Baseline: []Control{}, Waivers: in.waivers(), Warnings: append([]string{}, in.Assessment.Warnings...),
	}
	d.Source.Resources = len(in.Subject.Graph.Clouds())
	d.Source.Statement = ""
	if d.Source.Kind == FromProgram {
		d.Source.Statement = programStatement
	}
	if d.Source.State != nil {
		state := *d.Source.State
		state.Updated = second(state.Updated)
		d.Source.State = &state
	}
	if in.Signer != nil {
		d.Signer = string(FingerprintOf(in.Signer))
	}
	for _, p := range in.Promises {
		result, assessed := find(in.Assessment.Promises, p.ID)
		if !assessed {
			continue // not promised for this kind of hosting
		}
		one := Promise{
			ID: p.ID, Group: in.Group(p.ID), Title: p.Title, Sentence: p.Sentence, Duty: in.duty(p), Parameters: []promises.Parameter{},
			ToReach: []ToReach{}, Proofs: in.proofs(result),
		}
		if p.Parameters != nil {
			one.Parameters = append(one.Parameters, p.Parameters(in.hosting(p), in.Subject.Spec)...)
		}
		for _, proof := range p.Proofs {
			one.ToReach = append(one.ToReach, ToReach{Level: proof.Level, How: proof.How})
		}
		slices.SortStableFunc(one.ToReach, func(a, b ToReach) int { return strength(a.Level) - strength(b.Level) })
		one.Standing = stand(Standing{Verdict: result.Verdict, Why: result.Why}, one.Proofs, d.Made)
		d.Promises = append(d.Promises, one)
	}
	for _, c := range in.Controls {
		result, assessed := find(in.Assessment.Baseline, c.ID)
		if !assessed {
			continue
		}
		one := Control{ID: c.ID, Title: c.Title, References: append([]string{}, c.References...), Severity: c.Severity, Proofs: in.proofs(result)}
		one.Standing = stand(Standing{Verdict: result.Verdict, Why: result.Why}, one.Proofs, d.Made)
		d.Baseline = append(d.Baseline, one)
	}
	d.Summary = d.At(d.Made)
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("make evidence of stack %s: %w", in.Subject.Stack, err)
	}
	return d, nil
}

func (in Input) check() error {
	var errs []error
	missing := func(is bool, what string) {
		if is {
			errs = append(errs, errors.New(what))
		}
	}
	missing(in.Subject.Spec == nil || in.Subject.Graph == nil, "the subject has no spec or no graph")
	missing(in.Subject.Now.IsZero(), "the subject does not say when it was looked at")
	missing(in.Assessment == nil, "there is no assessment")
	missing(in.Group == nil, "nothing tells the groups of promises")
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, r := range in.Assessment.Promises {
		missing(!slices.ContainsFunc(in.Promises, func(p promises.Promise) bool { return p.ID == r.ID }), r.ID+" was assessed but is not among the promises that were given")
	}
	for _, r := range in.Assessment.Baseline {
		missing(!slices.ContainsFunc(in.Controls, func(c promises.Control) bool { return c.ID == r.ID }), r.ID+" was assessed but is not among the controls that were given")
	}
	for _, id := range slices.Sorted(maps.Keys(in.Proofs)) {
		r, assessed := in.Assessment.Result(id)
		missing(!assessed, "there is a proof of "+id+", which was not assessed: use the ID of a promise that is made for this stack, or of a control")
		missing(assessed && (r.Verdict == promises.ClientsDuty || r.Verdict == promises.NotApplicable), "there is a proof of "+id+", which stands as "+string(r.Verdict)+": leave it out")
		for _, p := range in.Proofs[id] {
			missing(p.Level == promises.Design, "there is a proof of "+id+" at level design, which only the assessment makes: use document, live or drill")
			missing(p.At.After(in.Subject.Now), fmt.Sprintf("a proof of %s says that it was made on %s, after the evidence: check the clocks", id, p.At.UTC().Format(time.RFC3339)))
		}
	}
	return errors.Join(errs...)
}

func (in Input) subject() Subject {
	s := Subject{Stack: in.Subject.Stack, Kind: in.Subject.Spec.Kind, Cloud: in.Cloud, Hosting: []KindOfHosting{}, Regions: []string{}}
	for _, h := range in.Subject.Hostings() {
		s.Hosting = append(s.Hosting, KindOfHosting{Kind: h, Title: h.Title()})
	}
	own := s.describe(in.Subject.Spec)
	for _, r := range in.Subject.Graph.Clouds() {
		if region := r.Region(); region != "" && region != own {
			s.Regions = append(s.Regions, region)
		}
	}
	slices.Sort(s.Regions)
	s.Regions = slices.Compact(s.Regions)
	if own != "" {
		s.Regions = slices.Insert(s.Regions, 0, own)
	}
	if in.Cloud == Embedded {
		s.Statement = embeddedStatement
	}
	return s
}

// hosting is the kind that Assess judged the promise for: the first that has it.
func (in Input) hosting(p promises.Promise) promises.Hosting {
	for _, h := range in.Subject.Hostings() {
		if p.Offered(h) {
			return h
		}
	}
	return ""
}

func (in Input) duty(p promises.Promise) promises.Duty { return p.Duties[in.hosting(p)] }

// proofs are the look that the assessment is, and those of other tools.
func (in Input) proofs(result promises.Result) []Proof {
	proofs := []Proof{}
	if len(result.Findings) > 0 {
		what := "the state's resource graph"
		if in.Source.Kind == FromProgram {
			what = "the program's resource graph"
		}
		if len(result.From) > 0 {
			what += " and that of stack " + strings.Join(result.From, ", ")
		}
		proofs = append(proofs, Proof{Level: promises.Design, At: in.Subject.Now, By: "Berth " + in.Release.Version + ", from " + what, Findings: result.Findings})
	}
	proofs = append(proofs, in.Proofs[result.ID]...)
	for i := range proofs {
		p := &proofs[i]
		p.At = second(p.At)
		p.ValidUntil = p.At.AddDate(0, 0, p.Level.MaxAgeDays())
		p.Findings = slices.SortedStableFunc(slices.Values(p.Findings), compareFindings)
		p.Findings = slices.CompactFunc(p.Findings, func(a, b promises.Finding) bool { return reflect.DeepEqual(a, b) })
		p.Verdict = verdictAt(p.Findings, p.At)
	}
	slices.SortStableFunc(proofs, func(a, b Proof) int {
		return cmp.Or(strength(a.Level)-strength(b.Level), a.At.Compare(b.At), strings.Compare(a.By, b.By))
	})
	return proofs
}

// compareFindings puts what is said of the stack as a whole first.
func compareFindings(a, b promises.Finding) int {
	whole := func(f promises.Finding) int {
		if f.Resource == promises.StackName && f.Type == "" {
			return 0
		}
		return 1
	}
	return cmp.Or(whole(a)-whole(b), strings.Compare(a.Type, b.Type), strings.Compare(a.Resource, b.Resource), strings.Compare(a.Property, b.Property),
		strings.Compare(a.Expected, b.Expected), strings.Compare(a.Found, b.Found))
}

func (in Input) waivers() []Waiver {
	waivers := []Waiver{}
	for _, w := range in.Subject.Spec.Waivers() {
		result, _ := in.Assessment.Result(w.Promise)
		waivers = append(waivers, Waiver{
			Promise: w.Promise, Resource: w.Resource, Reason: w.Reason, Owner: w.Owner, Expires: w.Expires.Format(time.DateOnly),
			Needed: slices.ContainsFunc(result.Findings, func(f promises.Finding) bool { return f.Resource == w.Resource && f.Waiver != nil }),
		})
	}
	return waivers
}

func find(results []promises.Result, id string) (promises.Result, bool) {
	for _, r := range results {
		if r.ID == id {
			return r, true
		}
	}
	return promises.Result{}, false
}

func second(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }
