// Package ocsf writes a document of evidence as compliance findings (class
// 2003) of OCSF, the Open Cybersecurity Schema Framework: one JSON object a
// line, as security lakes and SIEMs take them in.
//
// There is one event for each promise or control and each resource that was
// looked at for it, with a check for each finding; one without a resource for a
// promise that is not shown or is the client's duty; and none for what does not
// apply. An event's finding keeps its uid from document to document.
package ocsf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/evidence"
	"github.com/berth-iac/berth/spec"
)

// Version of OCSF that Findings writes.
const Version = "1.7.0"

// The types below are the attributes of OCSF that Findings uses. Times are in milliseconds since 1970.

type event struct {
	ActivityID   int          `json:"activity_id"`
	ActivityName string       `json:"activity_name"`
	CategoryUID  int          `json:"category_uid"`
	CategoryName string       `json:"category_name"`
	ClassUID     int          `json:"class_uid"`
	ClassName    string       `json:"class_name"`
	TypeUID      int          `json:"type_uid"`
	TypeName     string       `json:"type_name"`
	Time         int64        `json:"time"`
	SeverityID   int          `json:"severity_id"`
	Severity     string       `json:"severity"`
	StatusID     int          `json:"status_id"`
	Status       string       `json:"status"`
	Message      string       `json:"message"`
	Metadata     metadata     `json:"metadata"`
	Cloud        cloud        `json:"cloud"`
	FindingInfo  findingInfo  `json:"finding_info"`
	Compliance   compliance   `json:"compliance"`
	Remediation  *remediation `json:"remediation,omitempty"`
	Resources    []resource   `json:"resources,omitempty"`
	Unmapped     unmapped     `json:"unmapped"`
}

type metadata struct {
	Version  string   `json:"version"`
	UID      string   `json:"uid"`
	Product  product  `json:"product"`
	Profiles []string `json:"profiles"`
	Labels   []string `json:"labels"`
}

type product struct {
	Name       string `json:"name"`
	VendorName string `json:"vendor_name"`
	Version    string `json:"version"`
}

type cloud struct {
	Provider string   `json:"provider"`
	Region   string   `json:"region,omitempty"`
	Account  *account `json:"account,omitempty"`
}

type account struct {
	UID string `json:"uid"`
}

type findingInfo struct {
	UID          string   `json:"uid"`
	Title        string   `json:"title"`
	Desc         string   `json:"desc"`
	CreatedTime  int64    `json:"created_time"`
	LastSeenTime int64    `json:"last_seen_time"`
	Types        []string `json:"types"`
}

type compliance struct {
	Control           string      `json:"control"`
	Desc              string      `json:"desc"`
	Standards         []string    `json:"standards"`
	Requirements      []string    `json:"requirements,omitempty"`
	ControlParameters []parameter `json:"control_parameters,omitempty"`
	StatusID          int         `json:"status_id"`
	Status            string      `json:"status"`
	StatusDetails     []string    `json:"status_details,omitempty"`
	Checks            []check     `json:"checks,omitempty"`
}

type parameter struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type check struct {
	UID      string `json:"uid"`
	Name     string `json:"name"`
	Desc     string `json:"desc"`
	StatusID int    `json:"status_id"`
	Status   string `json:"status"`
}

type remediation struct {
	Desc string `json:"desc"`
}

type resource struct {
	UID  string `json:"uid"`
	Name string `json:"name"`
	Type string `json:"type"`
}

// unmapped is what OCSF has no place for.
type unmapped struct {
	Stack       string `json:"stack"`
	Verdict     string `json:"verdict"` // of the promise or control as a whole
	Duty        string `json:"duty,omitempty"`
	Level       string `json:"proof_level,omitempty"`
	ValidUntil  string `json:"valid_until,omitempty"`
	StateSerial *int   `json:"state_serial,omitempty"`
	StateSHA256 string `json:"state_sha256,omitempty"`
}

// promiseStandard is what promises are named as among standards.
const promiseStandard = "Promises to clients"

// one is a promise or a control.
type one struct {
	id, title, text, kind, severity string
	standards, requirements         []string
	parameters                      []parameter
	duty                            promises.Duty
	standing                        evidence.Standing
	proofs                          []evidence.Proof
}

// Findings are the events of a document, as things stand at a time, one a line.
func Findings(d *evidence.Document, now time.Time) ([]byte, error) {
	d = d.Printable()
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	for _, o := range all(d, now) {
		for _, e := range o.events(d, now) {
			if err := encoder.Encode(e); err != nil {
				return nil, fmt.Errorf("write evidence as OCSF: %w", err)
			}
		}
	}
	return b.Bytes(), nil
}

func all(d *evidence.Document, now time.Time) []one {
	var ones []one
	for _, p := range d.Promises {
		o := one{id: p.ID, title: p.Title, text: p.Sentence, kind: "promise", severity: "high", standards: []string{promiseStandard}, duty: p.Duty, standing: p.At(now), proofs: p.Proofs}
		for _, v := range p.Parameters {
			o.parameters = append(o.parameters, parameter{v.Name, v.Value})
		}
		ones = append(ones, o)
	}
	for _, c := range d.Baseline {
		o := one{id: c.ID, title: c.Title, text: c.Title, kind: "control", severity: c.Severity, requirements: c.References, standing: c.At(now), proofs: c.Proofs}
		for _, r := range c.References {
			o.standards = append(o.standards, standard(r))
		}
		if len(o.standards) == 0 {
			o.standards = []string{"Baseline of good practice"}
		}
		ones = append(ones, o)
	}
	return ones
}

// standard is the source of a reference, without the number in it: AWS FSBP of AWS FSBP S3.5.
func standard(reference string) string {
	if i := strings.LastIndex(reference, " "); i > 0 && strings.ContainsAny(reference[i:], "0123456789") {
		return reference[:i]
	}
	return reference
}

// looked is what was looked at at one resource: of every proof its part.
type looked struct {
	name, typeToken string
	proofs          []evidence.Proof
}

func (o one) events(d *evidence.Document, now time.Time) []event {
	switch {
	case o.standing.Verdict == promises.NotApplicable:
		return nil
	case len(o.proofs) == 0:
		return []event{o.event(d, nil, now)}
	}
	var places []*looked
	at := map[string]*looked{}
	for _, p := range o.proofs {
		for _, f := range p.Findings {
			key := f.Type + "\x00" + f.Resource
			place := at[key]
			if place == nil {
				place = &looked{name: f.Resource, typeToken: f.Type}
				at[key], places = place, append(places, place)
			}
			if n := len(place.proofs); n == 0 || place.proofs[n-1].Level != p.Level || place.proofs[n-1].By != p.By || !place.proofs[n-1].At.Equal(p.At) {
				part := p
				part.Findings = nil
				place.proofs = append(place.proofs, part)
			}
			last := &place.proofs[len(place.proofs)-1]
			last.Findings = append(last.Findings, f)
		}
	}
	var events []event
	for _, place := range places {
		events = append(events, o.event(d, place, now))
	}
	return events
}

// cloudOf is where the subject is: an account of AWS, or machines that belong to none.
func cloudOf(s evidence.Subject) cloud {
	c := cloud{Provider: "AWS"}
	switch {
	case s.Account != "":
		c.Account = &account{s.Account}
	case s.Kind == spec.KindOnPremises:
		c.Provider = "the client's premises"
	default:
		c.Provider = "data-centre sites"
	}
	if s.Cloud == evidence.Embedded {
		c.Provider = "Berth embedded cloud" // nothing of it is AWS's
	}
	if len(s.Regions) > 0 {
		c.Region = s.Regions[0]
	} else if len(s.Places) > 0 {
		c.Region = s.Places[0].Name
	}
	return c
}

func (o one) event(d *evidence.Document, place *looked, now time.Time) event {
	e := event{
		ActivityID: 1, ActivityName: "Create", CategoryUID: 2, CategoryName: "Findings", ClassUID: 2003, ClassName: "Compliance Finding",
		TypeUID: 200301, TypeName: "Compliance Finding: Create", Time: d.Made.UnixMilli(), Message: o.id + " " + o.title,
		Metadata: metadata{Version: Version, Product: product{"Berth", "Berth", d.Release.Version}, Profiles: []string{"cloud"}, Labels: []string{string(d.Subject.Cloud) + "-cloud"}},
		Cloud:    cloudOf(d.Subject),
		FindingInfo: findingInfo{UID: strings.Join([]string{"berth", d.Subject.Account, d.Subject.Stack, o.id}, ":"), Title: o.id + " " + o.title, Desc: o.text,
			CreatedTime: d.Made.UnixMilli(), LastSeenTime: d.Made.UnixMilli(), Types: []string{o.kind}},
		Compliance: compliance{Control: o.id, Desc: o.text, Standards: o.standards, Requirements: o.requirements, ControlParameters: o.parameters},
		Unmapped:   unmapped{Stack: d.Subject.Stack, Verdict: string(o.standing.Verdict), Duty: string(o.duty), Level: string(o.standing.Level)},
	}
	if !o.standing.ValidUntil.IsZero() {
		e.Unmapped.ValidUntil = o.standing.ValidUntil.Format(time.RFC3339)
	}
	if s := d.Source.State; s != nil {
		e.Unmapped.StateSerial, e.Unmapped.StateSHA256 = &s.Serial, s.SHA256
	}
	verdict := o.standing.Verdict
	if place != nil {
		verdict = o.at(&e, d, place, now)
	}
	o.judge(&e, verdict)
	e.Metadata.UID = e.FindingInfo.UID + "@" + d.Made.Format(time.RFC3339)
	return e
}

// at writes what was found at one resource, and tells the verdict there.
func (o one) at(e *event, d *evidence.Document, place *looked, now time.Time) promises.Verdict {
	local := evidence.Promise{Proofs: place.proofs}
	standing := local.At(now)
	e.Time = standing.At.UnixMilli()
	e.FindingInfo.CreatedTime, e.FindingInfo.LastSeenTime = e.Time, e.Time
	r := resource{UID: strings.Join([]string{d.Subject.Account, d.Subject.Stack, place.typeToken, place.name}, ":"), Name: place.name, Type: place.typeToken}
	if r.Type == "" {
		r.Type = "stack"
	}
	e.Resources = []resource{r}
	e.FindingInfo.UID += ":" + r.Type + ":" + place.name
	var fixes []string
	for i, f := range local.Findings() {
		c := check{UID: fmt.Sprintf("%s.%d", o.id, i+1), Name: f.Property, Desc: "found " + f.Found + "; expected " + f.Expected, StatusID: 1, Status: "Pass"}
		if c.Name == "" {
			c.Name = o.title
		}
		if !f.Holds {
			c.StatusID, c.Status = 3, "Fail"
			detail := c.Desc
			if w := f.Waiver; w != nil {
				detail += fmt.Sprintf("; waived until %s by %s: %s", w.Expires, w.Owner, w.Reason)
			}
			e.Compliance.StatusDetails = append(e.Compliance.StatusDetails, detail)
		}
		if f.Fix != "" {
			fixes = append(fixes, f.Fix)
		}
		e.Compliance.Checks = append(e.Compliance.Checks, c)
	}
	if len(fixes) > 0 {
		e.Remediation = &remediation{Desc: strings.Join(fixes, "; ")}
	}
	return standing.Verdict
}

// judge fills in the states and how grave they are.
func (o one) judge(e *event, verdict promises.Verdict) {
	grave := map[string]int{"low": 2, "medium": 3, "high": 4, "critical": 5}[o.severity]
	severity := 1
	e.StatusID, e.Status = 1, "New"
	e.Compliance.StatusID, e.Compliance.Status = 99, string(verdict)
	switch verdict {
	case promises.Kept:
		e.StatusID, e.Status = 4, "Resolved"
		e.Compliance.StatusID, e.Compliance.Status = 1, "Pass"
	case promises.Broken:
		severity = grave
		e.Compliance.StatusID, e.Compliance.Status = 3, "Fail"
	case promises.WaivedVerdict:
		severity = grave
		e.StatusID, e.Status = 3, "Suppressed"
		e.Compliance.StatusID, e.Compliance.Status = 3, "Fail"
	case promises.NotShown:
		severity = 2
		e.Compliance.StatusID, e.Compliance.Status = 2, "Warning"
	}
	if o.standing.Why != "" {
		e.Compliance.StatusDetails = append(e.Compliance.StatusDetails, o.standing.Why)
	}
	e.SeverityID, e.Severity = severity, [...]string{1: "Informational", 2: "Low", 3: "Medium", 4: "High", 5: "Critical"}[severity]
}
