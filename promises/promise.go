package promises

import (
	"github.com/berth-iac/berth/spec"
)

// Hosting is where and by whom a client's service is run, or another part of the company's work that
// promises are made about. The letters are those of the list of promises.
type Hosting string

// The kinds of hosting.
const (
	OnAWS        Hosting = "A" // SaaS on AWS
	OnLightsail  Hosting = "L" // SaaS on AWS, light tier
	OnSites      Hosting = "D" // SaaS on pairs of dedicated sites
	OnPremises   Hosting = "P" // the client's own premises
	Organisation Hosting = "O" // the provider's own accounts, staff and process
	Service      Hosting = "S" // the tenant service, wherever it runs
)

// Title is the kind of hosting for people.
func (h Hosting) Title() string {
	return map[Hosting]string{
		OnAWS: "SaaS on AWS", OnLightsail: "SaaS on AWS, light tier", OnSites: "SaaS on dedicated sites",
		OnPremises: "on the client's premises", Organisation: "the provider's organisation", Service: "the TaskFlow service",
	}[h]
}

// Duty says who keeps a promise.
type Duty string

// The duties.
const (
	Ours       Duty = "ours"
	Shared     Duty = "shared" // each side keeps its part; the sentence says which
	Clients    Duty = "client"
	NotOffered Duty = "" // no promise is made for that kind of hosting
)

// Level is how strongly a promise is shown. Of several proofs that hold, the strongest counts.
type Level string

// The levels, the weakest first. A document is what stands in for a proof where a promise is about a document.
const (
	None     Level = ""
	Document Level = "document"
	Design   Level = "design" // holds in the resource graph
	Live     Level = "live"   // read back from what runs
	Drill    Level = "drill"  // exercised end to end, measured and recorded
)

// Levels are all levels, the weakest first.
func Levels() []Level { return []Level{Document, Design, Live, Drill} }

// MaxAgeDays is how old a proof of the level may be before it counts as stale.
func (l Level) MaxAgeDays() int {
	return map[Level]int{Document: 366, Design: 31, Live: 7, Drill: 100}[l]
}

// Parameter is one figure or choice of a promise, as this client's spec sets it.
type Parameter struct {
	Name  string `json:"name"`  // such as "point-in-time window"
	Value string `json:"value"` // with its unit, such as "7 days"
	Key   string `json:"key"`   // where the spec sets it, such as database.pointInTimeDays; empty: the same for everyone
}

// Proof is one way in which a promise is to be shown.
type Proof struct {
	Level Level
	How   string // in words for an auditor, such as "the resource graph is checked before every change"
}

// Promise is one promise to clients. What is empty is not promised or not checked.
type Promise struct {
	ID       string // such as AV-3
	Title    string // a few words, such as "Database in several zones"
	Sentence string // the promise, in words for a client
	// Duties say, by kind of hosting, who keeps the promise. A kind that is absent gets no such promise.
	Duties map[Hosting]Duty
	// Parameters are the promise's figures for a kind of hosting. The spec is that of the stack that is looked
	// at; with nil they are the defaults. May be nil.
	Parameters func(h Hosting, s *spec.Spec) []Parameter
	// Proofs are all ways in which the promise is to be shown. One at the level Design exists exactly when
	// Check or one of Checks does, and one at the level Live exactly when ReadBack is true; what makes the others comes from outside this
	// package.
	Proofs []Proof
	// ReadBack promises have a look in package live, which reads the running account back.
	ReadBack bool
	// ProductionOnly promises are made for production; other environments hold test data and may do with less.
	ProductionOnly bool
	// Keywords are words and short phrases by which a question about the promise is recognised, the most telling first.
	Keywords []string
	// Check looks at the resource graph of a stack on AWS or of the organisation's. May be nil.
	Check Check
	// Checks look at the resource graphs of stacks of other kinds: one that is absent has no proof in the graph.
	Checks map[Hosting]Check
}

// Control is one rule of the baseline of good practice.
type Control struct {
	ID         string   // as the source numbers it, such as S3.5
	Title      string   // what must hold
	References []string // the sources that ask for it, such as "AWS FSBP S3.5" or "CIS AWS 3.0.0 2.1.1"
	Severity   string   // low, medium, high or critical, as the source grades it
	Check      Check
}

// Check looks at a subject and reports what it found. It must report every resource that it judged, also the
// good ones: what nobody looked at was not shown.
type Check func(s Subject, r *Report)

// Offered tells whether the promise is made for a kind of hosting, by whomever it is kept.
func (p Promise) Offered(h Hosting) bool { return p.Duties[h] != NotOffered }

// CheckOf is the look at the resource graph of a stack of that kind of hosting, or nil. What the service promises is judged
// by the look of the kind that it is hosted on.
func (p Promise) CheckOf(h Hosting) Check {
	switch h {
	case OnAWS, Organisation:
		return p.Check
	}
	return p.Checks[h]
}

// Exists tells whether a proof of the promise at a level can be made today, for some kind of hosting.
func (p Promise) Exists(l Level) bool {
	return l == Design && (p.Check != nil || len(p.Checks) > 0) || l == Live && p.ReadBack
}

// ExistsFor tells whether a proof at a level can be made today for that kind of hosting. Accounts of AWS alone are read back.
func (p Promise) ExistsFor(h Hosting, l Level) bool {
	return p.Offered(h) && (l == Design && p.CheckOf(h) != nil || l == Live && p.ReadBack && (h == OnAWS || h == Organisation))
}

// Shown is the strongest level at which a proof of the promise exists today.
func (p Promise) Shown() Level {
	strongest := None
	for _, l := range Levels() {
		if p.Exists(l) {
			strongest = l
		}
	}
	return strongest
}
