package evidence

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

var sha256Hex = regexp.MustCompile(`^[0-9a-f]{64}$`)

// check holds a document against itself: values that it may take, and what it counts and concludes.
func (d *Document) check() error {
	c := &checker{}
	one(c, "format", d.Format, Format)
	one(c, "subject.kind", d.Subject.Kind, spec.KindAWSClient, spec.KindLightClient, spec.KindSites, spec.KindSiteClient, spec.KindOnPremises, spec.KindOrganisation)
	one(c, "subject.environment", d.Subject.Environment, "", spec.Production, spec.Staging, spec.Development)
	one(c, "subject.cloud", d.Subject.Cloud, Embedded, Real)
	inAWS := d.Subject.Kind == spec.KindAWSClient || d.Subject.Kind == spec.KindLightClient || d.Subject.Kind == spec.KindOrganisation
	c.want(!inAWS || d.Subject.Account != "", "subject.account", "is missing: a stack of kind %s belongs in an account", d.Subject.Kind)
	for i, h := range d.Subject.Hosting {
		c.want(h.Kind.Title() != "", fmt.Sprintf("subject.hosting[%d].kind", i), "%q is no kind of hosting", h.Kind)
	}
	c.want(d.Subject.Stack != "", "subject.stack", "is empty: the document has to say what it is about")
	c.want((d.Subject.Cloud == Embedded) == (d.Subject.Statement != ""), "subject.statement", "a stack on the embedded cloud has to say so, and no other may")
	one(c, "source.kind", d.Source.Kind, FromState, FromProgram)
	c.want((d.Source.Kind == FromState) == (d.Source.State != nil), "source.state", "evidence from a state has to say which, and no other may")
	c.want((d.Source.Kind == FromProgram) == (d.Source.Statement != ""), "source.statement", "evidence from a program has to say that nothing is deployed, and no other may")
	c.want(d.Source.Resources >= 0, "source.resources", "is negative")
	if s := d.Source.State; s != nil {
		c.want(s.Serial >= 0, "source.state.serial", "is negative")
		c.want(sha256Hex.MatchString(s.SHA256), "source.state.sha256", "%q is no SHA-256: 64 digits from 0 to f", s.SHA256)
		c.want(!s.Updated.IsZero(), "source.state.updated", "is missing: the state has to say when it was last updated")
		c.want(!s.Updated.After(d.Made), "source.state.updated", "%s is after the document was made", stamp(s.Updated))
	}
	c.want(d.Release.Version != "", "release.version", "is empty: the document has to say which release looked")
	c.want(d.Signer == "" || sha256Hex.MatchString(d.Signer), "signer", "%q is no SHA-256: 64 digits from 0 to f", d.Signer)
	seen := map[string]bool{}
	for i, p := range d.Promises {
		path := fmt.Sprintf("promises[%d]", i)
		c.id(path, p.ID, seen)
		one(c, path+".duty", p.Duty, promises.Ours, promises.Shared, promises.Clients)
		// What we supply for the client's duty may be missing; it is never what keeps the promise.
		lacking := p.Standing.Verdict == promises.Broken || p.Standing.Verdict == promises.WaivedVerdict || p.Standing.Verdict == promises.NotShown
		c.want((p.Duty == promises.Clients) == (p.Standing.Verdict == promises.ClientsDuty) || p.Duty == promises.Clients && len(p.Proofs) > 0 && lacking, path+".standing.verdict",
			"%s stands as %q, and its duty is %q: what the client keeps is the client's duty, and nothing else is", p.ID, p.Standing.Verdict, p.Duty)
		for j, r := range p.ToReach {
			one(c, fmt.Sprintf("%s.toReach[%d].level", path, j), r.Level, promises.Levels()...)
		}
		c.proofs(path, p.ID, p.Proofs, d.Made)
		c.standing(path, p.ID, p.Standing, p.Proofs, d.Made)
	}
	for i, control := range d.Baseline {
		path := fmt.Sprintf("baseline[%d]", i)
		c.id(path, control.ID, seen)
		one(c, path+".severity", control.Severity, "low", "medium", "high", "critical")
		c.proofs(path, control.ID, control.Proofs, d.Made)
		c.standing(path, control.ID, control.Standing, control.Proofs, d.Made)
	}
	for i, w := range d.Waivers {
		c.date(fmt.Sprintf("waivers[%d].expires", i), w.Expires)
		c.want(w.Promise != "", fmt.Sprintf("waivers[%d].promise", i), "is empty")
	}
	c.want(d.Summary == d.At(d.Made), "summary", "it does not count what the document holds: found %v, counted %v", d.Summary, d.At(d.Made))
	return errors.Join(c.errs...)
}

type checker struct{ errs []error }

func (c *checker) want(holds bool, path, format string, args ...any) {
	if !holds {
		c.errs = append(c.errs, errors.New(path+": "+fmt.Sprintf(format, args...)))
	}
}

func (c *checker) id(path, id string, seen map[string]bool) {
	c.want(id != "", path+".id", "is empty")
	c.want(!seen[id], path+".id", "%s comes twice", id)
	seen[id] = true
}

func (c *checker) date(path, text string) {
	_, err := time.Parse(time.DateOnly, text)
	c.want(err == nil, path, "%q is no day such as 2027-01-31", text)
}

// one wants a field to be one of the values that it may take.
func one[T ~string](c *checker, path string, value T, allowed ...T) {
	c.want(slices.Contains(allowed, value), path, "%q is none of %q", value, allowed)
}

func (c *checker) proofs(path, id string, proofs []Proof, made time.Time) {
	for i, p := range proofs {
		path := fmt.Sprintf("%s.proofs[%d]", path, i)
		one(c, path+".level", p.Level, promises.Levels()...)
		c.want(p.By != "", path+".by", "is empty: a proof of %s has to say who looked", id)
		c.want(!p.At.After(made), path+".at", "%s is after the document was made", stamp(p.At))
		c.want(p.ValidUntil.After(p.At), path+".validUntil", "%s is not after %s, when the proof was made", stamp(p.ValidUntil), stamp(p.At))
		c.want(len(p.Findings) > 0, path+".findings", "a proof of %s that looked at nothing shows nothing", id)
		verdict := verdictAt(p.Findings, p.At)
		c.want(len(p.Findings) == 0 || p.Verdict == verdict, path+".verdict", "found %q; the findings make it %q", p.Verdict, verdict)
		for j, f := range p.Findings {
			if f.Waiver != nil {
				c.date(fmt.Sprintf("%s.findings[%d].waiver.expires", path, j), f.Waiver.Expires)
			}
		}
	}
}

func (c *checker) standing(path, id string, s Standing, proofs []Proof, made time.Time) {
	path += ".standing"
	one(c, path+".verdict", s.Verdict, promises.Kept, promises.Broken, promises.WaivedVerdict, promises.NotShown, promises.ClientsDuty, promises.NotApplicable)
	unproven := s.Verdict == promises.NotShown || s.Verdict == promises.ClientsDuty || s.Verdict == promises.NotApplicable
	c.want(len(proofs) > 0 || unproven, path+".verdict", "%s stands as %q without a proof", id, s.Verdict)
	if len(proofs) == 0 {
		c.want(s.Level == "" && s.At.IsZero() && s.ValidUntil.IsZero() && len(s.Stale) == 0, path, "%s has no proof, but its standing speaks of one", id)
		return
	}
	c.want(s.Verdict != promises.ClientsDuty && s.Verdict != promises.NotApplicable, path+".verdict", "%s stands as %q, but has proofs", id, s.Verdict)
	concluded := stand(s, proofs, made)
	c.want(reflect.DeepEqual(s, concluded), path, "the standing of %s does not follow from its proofs: they make it %q at level %q", id, concluded.Verdict, concluded.Level)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
