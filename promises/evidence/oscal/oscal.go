package oscal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/evidence"
)

// namespace of the properties that OSCAL does not know.
const namespace = "https://berth.example/ns/oscal"

// Results are the assessment results of a document, as things stand at a time.
func Results(d *evidence.Document, now time.Time) ([]byte, error) {
	text, err := d.Encode()
	if err != nil {
		return nil, fmt.Errorf("write evidence as OSCAL: %w", err)
	}
	sum := sha256.Sum256(text)
	w := &writer{d: d.Printable(), now: now.UTC(), digest: hex.EncodeToString(sum[:]), items: map[string]string{}}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(file{w.assessment()}); err != nil {
		return nil, fmt.Errorf("write evidence as OSCAL: %w", err)
	}
	return b.Bytes(), nil
}

type writer struct {
	d      *evidence.Document
	now    time.Time
	digest string            // SHA-256 of the document's file
	items  map[string]string // UUIDs of resources that have an inventory item

	result result
}

// own is the UUID of something that belongs to this document at this time.
func (w *writer) own(parts ...string) string {
	return identifier(append([]string{w.digest, stamp(w.now)}, parts...)...)
}

// component is the UUID of the release of Berth.
func (w *writer) component() string {
	return identifier("release", w.d.Release.Version, w.d.Release.Commit)
}

func (w *writer) assessment() assessmentResults {
	d := w.d
	plan := w.own("plan")
	w.result = result{
		UUID: w.own("result"), Title: "Promises and baseline of stack " + markup(d.Subject.Stack), Start: stamp(d.Made), End: stamp(w.now),
		Description: fmt.Sprintf("What %s of %s comes to, held against every promise that is made for it and against the baseline of good practice.",
			count(d.Source.Resources, "resource", "resources"), markup(d.Subject.DisplayName)),
		Definitions: definitions{Assets: assets{
			Components: []component{{UUID: w.component(), Type: "software", Title: "Berth", Description: "Looks at the stack's resource graph.",
				Props: props("version", d.Release.Version, "commit", d.Release.Commit), Status: stateOnly{"operational"}}},
			Platforms: []platform{{UUID: identifier("platform"), Title: "Berth", Uses: []componentUUID{{w.component()}}}},
		}},
	}
	offered := selection{Description: "The promises that are made for the stack. Left out is what the client keeps and what is not made for the environment."}
	objectives := []objective{}
	for _, p := range d.Promises {
		objectives = append(objectives, objective{ControlID: p.ID, Description: markup(p.Title), Props: props("group", p.Group, "duty", string(p.Duty)),
			Parts: []part{{ID: objectiveID(p.ID), Name: "objective", Props: parameters(p.Parameters), Prose: markup(p.Sentence)}}})
		w.judged(p.ID, p.Title, p.Sentence, p.At(w.now), p.Proofs, &offered, props("duty", string(p.Duty)))
	}
	baseline := selection{Description: "The baseline of good practice. Left out is what the stack has nothing for."}
	for _, c := range d.Baseline {
		objectives = append(objectives, objective{ControlID: c.ID, Description: markup(strings.Join(c.References, "; ")), Props: props("severity", c.Severity),
			Parts: []part{{ID: objectiveID(c.ID), Name: "objective", Prose: markup(c.Title)}}})
		w.judged(c.ID, c.Title, c.Title, c.At(w.now), c.Proofs, &baseline, props("severity", c.Severity))
	}
	w.result.Reviewed.Selections = []selection{offered, baseline}
	results := assessmentResults{
		UUID: w.own("assessment results"),
		Metadata: metadata{
			Title: "Evidence about stack " + markup(d.Subject.Stack) + " of " + markup(d.Subject.DisplayName), LastModified: stamp(w.now), Version: stamp(d.Made), OSCALVersion: Version,
			Props: w.about(), Remarks: markup(strings.TrimSpace(d.Subject.Statement + " " + d.Source.Statement)),
		},
		ImportAP: href{Href: "#" + plan, Remarks: "There is no assessment plan in OSCAL: the resource says what is looked at, and when."},
		Results:  []result{w.result},
		BackMatter: backMatter{Resources: []resource{
			{UUID: plan, Title: "The promises and the baseline", Description: "Every promise and control, its objective and its proofs, as this release of Berth has them. " +
				"All that need no more than the resource graph are looked at before every change."},
			{UUID: identifier("document", w.digest), Title: "The evidence that these results are made from", Description: "The signed document, in the form " + d.Format + ".",
				Rlinks: []rlink{{Href: "./evidence.json", MediaType: "application/json", Hashes: []hash{{"SHA-256", w.digest}}}}},
		}},
	}
	if len(objectives) > 0 {
		results.Definitions = &planDefinitions{objectives}
	}
	return results
}

// about are the facts about the document's subject and source.
func (w *writer) about() []property {
	d := w.d
	facts := []string{"stack", d.Subject.Stack, "stack-kind", string(d.Subject.Kind), "name", d.Subject.Name, "environment", string(d.Subject.Environment),
		"account", d.Subject.Account, "cloud", string(d.Subject.Cloud), "source", string(d.Source.Kind), "signer", d.Signer}
	for _, h := range d.Subject.Hosting {
		facts = append(facts, "hosting", string(h.Kind))
	}
	for _, r := range d.Subject.Regions {
		facts = append(facts, "region", r)
	}
	for _, p := range d.Subject.Places {
		facts = append(facts, "place", p.Text())
	}
	if s := d.Source.State; s != nil {
		facts = append(facts, "state-serial", strconv.Itoa(s.Serial), "state-sha256", s.SHA256, "state-updated", stamp(s.Updated))
	}
	return props(facts...)
}

// judged writes how one promise or control stands: the finding, with the observations and risks that it rests on.
func (w *writer) judged(id, title, sentence string, s evidence.Standing, proofs []evidence.Proof, among *selection, extra []property) {
	if s.Verdict == promises.ClientsDuty || s.Verdict == promises.NotApplicable {
		among.Exclude = append(among.Exclude, controlID{id})
		return
	}
	among.Include = append(among.Include, controlID{id})
	f := finding{
		UUID: w.own("finding", id), Title: markup(id + " " + title), Description: markup(sentence),
		Props:  append(props("verdict", string(s.Verdict), "level", string(s.Level), "valid-until", stamp(s.ValidUntil), "stale", stale(s)), extra...),
		Target: target{Type: "objective-id", ID: objectiveID(id), Title: markup(title), Status: concluded(s)},
	}
	for i, p := range proofs {
		o := w.observation(id, title, i, p)
		w.result.Observations = append(w.result.Observations, o)
		f.Observations = append(f.Observations, observationUUID{o.UUID})
		for j, one := range p.Findings {
			if one.Holds {
				continue
			}
			r := w.risk(id, title, fmt.Sprint(i, ".", j), one)
			r.Observations = []observationUUID{{o.UUID}}
			w.result.Risks = append(w.result.Risks, r)
			f.Risks = append(f.Risks, riskUUID{r.UUID})
		}
	}
	w.result.Findings = append(w.result.Findings, f)
}

func (w *writer) observation(id, title string, i int, p evidence.Proof) observation {
	o := observation{
		UUID: w.own("observation", id, strconv.Itoa(i)), Title: markup(string(p.Level) + " proof of " + id + " " + title),
		Description: markup(count(len(p.Findings), "finding", "findings") + " by " + p.By), Props: props("level", string(p.Level), "verdict", string(p.Verdict), "by", p.By),
		Methods: []string{"EXAMINE"}, Types: []string{"control-objective"}, Collected: stamp(p.At), Expires: stamp(p.ValidUntil),
	}
	if p.Level == promises.Drill {
		o.Methods = []string{"TEST"}
	}
	if p.Level == promises.Design {
		o.Origins = []origin{{[]actor{{"tool", w.component()}}}}
	}
	seen := map[string]bool{}
	for _, f := range p.Findings {
		item := w.item(f)
		if !seen[item] {
			seen[item] = true
			o.Subjects = append(o.Subjects, subject{UUID: item, Type: "inventory-item", Title: markup(f.Resource)})
		}
		result := "holds"
		switch {
		case !f.Holds && f.Waiver != nil:
			result = "waived"
		case !f.Holds:
			result = "fails"
		}
		o.Evidence = append(o.Evidence, relevant{Description: markup(said(f)), Props: props("result", result, "resource", f.Resource, "property", f.Property)})
	}
	return o
}

// item is the UUID of a resource, which it keeps from document to document.
func (w *writer) item(f promises.Finding) string {
	key := f.Type + "\x00" + f.Resource
	if _, has := w.items[key]; !has {
		w.items[key] = identifier("resource", w.d.Subject.Account, w.d.Subject.Stack, f.Type, f.Resource)
		description := "The stack as a whole"
		if f.Type != "" {
			description = f.Resource + ", of type " + f.Type
		}
		w.result.Definitions.Inventory = append(w.result.Definitions.Inventory, inventoryItem{UUID: w.items[key], Description: markup(description),
			Props: append([]property{{Name: "asset-id", Value: or(f.Resource, "unnamed")}}, props("resource-type", f.Type)...)})
	}
	return w.items[key]
}

func (w *writer) risk(id, title, place string, f promises.Finding) risk {
	r := risk{UUID: w.own("risk", id, place), Title: markup(id + " at " + f.Resource), Description: markup(title), Statement: markup(said(f)), Status: "open"}
	if f.Fix != "" {
		r.Remediations = []remediation{{UUID: w.own("remediation", id, place), Lifecycle: "recommendation", Title: "To mend it", Description: markup(f.Fix)}}
	}
	if f.Waiver != nil {
		r.Props = props("waiver-reason", f.Waiver.Reason, "waiver-owner", f.Waiver.Owner, "waiver-expires", f.Waiver.Expires)
		if last, err := time.Parse(time.DateOnly, f.Waiver.Expires); err == nil {
			end := last.AddDate(0, 0, 1)
			r.Deadline = stamp(end)
			if w.now.Before(end) {
				r.Status = "deviation-approved"
			}
		}
	}
	return r
}

// concluded is a standing in OSCAL's two states. What is not shown is not satisfied, and says why.
func concluded(s evidence.Standing) status {
	switch s.Verdict {
	case promises.Kept:
		return status{State: "satisfied", Reason: "pass"}
	case promises.Broken:
		return status{State: "not-satisfied", Reason: "fail"}
	case promises.WaivedVerdict:
		return status{State: "not-satisfied", Reason: "other", Remarks: "Every deviation is agreed and recorded."}
	}
	return status{State: "not-satisfied", Reason: "other", Remarks: markup("Not shown: " + s.Why + ".")}
}

// said is a finding in a sentence.
func said(f promises.Finding) string {
	where := f.Resource
	if f.Property != "" {
		where += "." + f.Property
	}
	return where + ": found " + f.Found + "; expected " + f.Expected
}

func stale(s evidence.Standing) string {
	if len(s.Stale) == 0 {
		return ""
	}
	return "yes"
}

func parameters(all []promises.Parameter) []property {
	var ps []property
	for _, p := range all {
		ps = append(ps, props("parameter", p.Name+": "+p.Value)...)
	}
	return ps
}

// props makes properties of names and values in turn. OSCAL knows no empty ones.
func props(pairs ...string) []property {
	var all []property
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			all = append(all, property{Name: pairs[i], NS: namespace, Value: pairs[i+1]})
		}
	}
	return all
}

// objectiveID is a token: IDs of promises and controls are, so far as anybody has written one.
func objectiveID(id string) string { return id + "_objective" }

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

func or(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// markup is a text that OSCAL's markup, which is much of Markdown, takes literally.
func markup(text string) string {
	var b strings.Builder
	for _, r := range text {
		if strings.ContainsRune("\\`*_[]<>{}~^$!\"", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
