package evidence

import (
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// Format is the form of document that this release writes and reads.
const Format = "berth.evidence/1"

// Cloud says what the stack's resources live on.
type Cloud string

// The clouds.
const (
	Embedded Cloud = "embedded" // the embedded cloud: a stand-in inside one process
	Real     Cloud = "real"
)

// SourceKind says what was looked at.
type SourceKind string

// The sources.
const (
	FromState   SourceKind = "state"   // the stack's state: what exists
	FromProgram SourceKind = "program" // what the program would make; nothing exists yet
)

// Document is evidence about one stack. Every list is in a fixed order; all times are in UTC, to the second.
type Document struct {
	// Format of the document: berth.evidence/1.
	Format string `json:"format" jsonschema:"enum=berth.evidence/1"`
	// Subject is the stack that the document is about.
	Subject Subject `json:"subject"`
	// Source is what was looked at.
	Source Source `json:"source"`
	// Release of Berth that looked.
	Release Release `json:"release"`
	// Made is when the document was made.
	Made time.Time `json:"made"`
	// Signer is the SHA-256 of the public key (its PKIX DER form) that the document is signed with; absent: it is not signed.
	Signer string `json:"signer,omitempty" jsonschema:"pattern=^[0-9a-f]{64}$"`
	// Summary counts how everything stood when the document was made.
	Summary Summary `json:"summary"`
	// Promises are all promises that are made for the stack's kinds of hosting, group by group.
	Promises []Promise `json:"promises"`
	// Baseline are the controls of good practice beyond the promises, by ID.
	Baseline []Control `json:"baseline"`
	// Waivers are all deviations that the stack's file records, in its order.
	Waivers []Waiver `json:"waivers"`
	// Warnings are about waivers: soon to expire, or needed by nothing.
	Warnings []string `json:"warnings"`
}

// Subject is the stack that a document is about.
type Subject struct {
	// Stack is its name.
	Stack string `json:"stack" jsonschema:"minLength=1"`
	// Kind of the stack.
	Kind spec.Kind `json:"kind" jsonschema:"enum=awsclient,enum=lightclient,enum=sites,enum=siteclient,enum=onpremises,enum=organisation"`
	// Hosting are the kinds of hosting whose promises the stack carries.
	Hosting []KindOfHosting `json:"hosting"`
	// Name of the client, or of the organisation, as it goes into names and tags.
	Name string `json:"name"`
	// DisplayName is the client's name as people write it; the organisation's domain; a pair's sites.
	DisplayName string `json:"displayName"`
	// Environment of a client or a pair of sites; absent for the organisation.
	Environment spec.Environment `json:"environment,omitempty" jsonschema:"enum=production,enum=staging,enum=development"`
	// Account is the 12-digit number of the AWS account that the stack belongs in; absent where it belongs in none.
	Account string `json:"account,omitempty"`
	// Regions of AWS that the stack has resources in, its own first; empty where it has none.
	Regions []string `json:"regions"`
	// Places outside AWS's regions where data of the stack is, in the order of the stack's file; absent where there are none.
	Places []Place `json:"places,omitempty"`
	// Cloud tells the embedded cloud from real ones.
	Cloud Cloud `json:"cloud" jsonschema:"enum=embedded,enum=real"`
	// Statement says plainly what the embedded cloud means; absent for real clouds.
	Statement string `json:"statement,omitempty"`
}

// Place is a place where data is.
type Place struct {
	// Name of the site; the bucket's endpoint; the host name of a machine on premises.
	Name string `json:"name"`
	// Role of the place: site, home, standby, third place of backups, or premises.
	Role string `json:"role" jsonschema:"enum=site,enum=home,enum=standby,enum=third place,enum=premises"`
	// Country, two letters (ISO 3166-1); absent where the stack's file does not say it.
	Country string `json:"country,omitempty"`
}

// Text is the place in words.
func (p Place) Text() string {
	text := p.Name + " (" + p.Role + ")"
	if p.Country != "" {
		text = p.Name + ", " + p.Country + " (" + p.Role + ")"
	}
	return text
}

// KindOfHosting is one kind of hosting.
type KindOfHosting struct {
	// Kind is its letter in the list of promises.
	Kind promises.Hosting `json:"kind" jsonschema:"enum=A,enum=L,enum=D,enum=P,enum=O,enum=S"`
	// Title for people.
	Title string `json:"title"`
}

// Source is what was looked at.
type Source struct {
	// Kind is state where the stack has been deployed, program where nothing exists yet.
	Kind SourceKind `json:"kind" jsonschema:"enum=state,enum=program"`
	// State says which state; absent where there is none.
	State *State `json:"state,omitempty"`
	// Statement says plainly what it means that nothing is deployed yet; absent otherwise.
	Statement string `json:"statement,omitempty"`
	// Resources is how many resources of clouds were looked at.
	Resources int `json:"resources" jsonschema:"minimum=0"`
}

// State names one state of a stack.
type State struct {
	// Serial is the number of the stack's last update.
	Serial int `json:"serial" jsonschema:"minimum=0"`
	// SHA256 of the state with secrets masked.
	SHA256 string `json:"sha256" jsonschema:"pattern=^[0-9a-f]{64}$"`
	// Updated is when the last update ended.
	Updated time.Time `json:"updated"`
}

// Release is a release of Berth.
type Release struct {
	// Version of the release.
	Version string `json:"version" jsonschema:"minLength=1"`
	// Commit that it was built from; absent when unknown.
	Commit string `json:"commit,omitempty"`
}

// Summary counts how promises and controls stand.
type Summary struct {
	// Promises by verdict.
	Promises Counts `json:"promises"`
	// Baseline controls by verdict.
	Baseline Counts `json:"baseline"`
}

// Counts are how many stand how.
type Counts struct {
	// Kept: a proof holds.
	Kept int `json:"kept" jsonschema:"minimum=0"`
	// Broken: something does not hold, and no waiver covers it.
	Broken int `json:"broken" jsonschema:"minimum=0"`
	// Waived: what does not hold is recorded as agreed.
	Waived int `json:"waived" jsonschema:"minimum=0"`
	// NotShown: there is no proof that counts.
	NotShown int `json:"notShown" jsonschema:"minimum=0"`
	// Stale is how many of NotShown had a proof that has become too old.
	Stale int `json:"stale" jsonschema:"minimum=0"`
	// ClientsDuty: the client keeps it.
	ClientsDuty int `json:"clientsDuty" jsonschema:"minimum=0"`
	// NotApplicable: it is not made for this environment, or there is nothing that it is about.
	NotApplicable int `json:"notApplicable" jsonschema:"minimum=0"`
}

// Promise is how one promise stands.
type Promise struct {
	// ID of the promise.
	ID string `json:"id" jsonschema:"minLength=1"`
	// Group that it is listed under.
	Group string `json:"group"`
	// Title is a few words.
	Title string `json:"title"`
	// Sentence is the promise in words for a client.
	Sentence string `json:"sentence"`
	// Duty says who keeps it: we, the client, or each a part.
	Duty promises.Duty `json:"duty" jsonschema:"enum=ours,enum=shared,enum=client"`
	// Parameters are the promise's figures and choices for this stack.
	Parameters []promises.Parameter `json:"parameters"`
	// ToReach are all ways in which the promise is to be shown, the weakest level first.
	ToReach []ToReach `json:"toReach"`
	// Standing when the document was made.
	Standing Standing `json:"standing"`
	// Proofs that were made, the weakest level first.
	Proofs []Proof `json:"proofs"`
}

// ToReach is one way in which a promise is to be shown.
type ToReach struct {
	// Level of the proof.
	Level promises.Level `json:"level" jsonschema:"enum=document,enum=design,enum=live,enum=drill"`
	// How it is shown.
	How string `json:"how"`
}

// Control is how one control of the baseline stands.
type Control struct {
	// ID as its source numbers it.
	ID string `json:"id" jsonschema:"minLength=1"`
	// Title is what must hold.
	Title string `json:"title"`
	// References are the sources that ask for it.
	References []string `json:"references"`
	// Severity as the source grades it.
	Severity string `json:"severity" jsonschema:"enum=low,enum=medium,enum=high,enum=critical"`
	// Standing when the document was made.
	Standing Standing `json:"standing"`
	// Proofs that were made, the weakest level first.
	Proofs []Proof `json:"proofs"`
}

// Standing is how a promise or control stands at one time.
type Standing struct {
	// Verdict on it.
	Verdict promises.Verdict `json:"verdict" jsonschema:"enum=kept,enum=broken,enum=waived,enum=not shown,enum=client's duty,enum=not applicable"`
	// Why it stands so, where no finding says it.
	Why string `json:"why,omitempty"`
	// Level of the strongest proof that holds; absent where none does.
	Level promises.Level `json:"level,omitempty" jsonschema:"enum=document,enum=design,enum=live,enum=drill"`
	// At is when the proof that decides was made; absent where there is none.
	At time.Time `json:"at,omitzero"`
	// ValidUntil is the first instant at which that proof counts for nothing any more.
	ValidUntil time.Time `json:"validUntil,omitzero"`
	// Stale are the levels whose proofs have become too old, the weakest first.
	Stale []promises.Level `json:"stale,omitempty"`
}

// Proof is one look at a promise or control, by a person or by a tool.
type Proof struct {
	// Level of the proof: document, design (the resource graph), live (what runs) or drill (exercised).
	Level promises.Level `json:"level" jsonschema:"enum=document,enum=design,enum=live,enum=drill"`
	// Verdict of the look when it was made.
	Verdict promises.Verdict `json:"verdict" jsonschema:"enum=kept,enum=broken,enum=waived"`
	// At is when it was made.
	At time.Time `json:"at"`
	// ValidUntil is the first instant at which it counts for nothing any more.
	ValidUntil time.Time `json:"validUntil"`
	// By says who or what looked.
	By string `json:"by" jsonschema:"minLength=1"`
	// Findings are everything that was looked at. At least one.
	Findings []promises.Finding `json:"findings" jsonschema:"minItems=1"`
}

// Waiver is a deviation that the stack's file records.
type Waiver struct {
	// Promise is the ID of the promise or control.
	Promise string `json:"promise"`
	// Resource that may deviate.
	Resource string `json:"resource"`
	// Reason for it.
	Reason string `json:"reason"`
	// Owner answers for it.
	Owner string `json:"owner"`
	// Expires is the last day on which it holds.
	Expires string `json:"expires" jsonschema:"format=date"`
	// Needed tells whether something deviates that it covers.
	Needed bool `json:"needed"`
}
