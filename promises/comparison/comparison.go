package comparison

import (
	"slices"

	"github.com/berth-iac/berth/promises"
)

// Comparison is all kinds of hosting side by side.
type Comparison struct {
	// Kinds of hosting, in the order of the cells of each row.
	Kinds []Kind `json:"kinds"`
	// Different are the promises in which the kinds differ, group by group.
	Different []Group `json:"different"`
	// Same are the promises that all kinds have alike.
	Same []Group `json:"same"`
	// Company are the promises that the provider's own organisation keeps for every client; their rows have no cells.
	Company []Group `json:"company"`
}

// Kind is one kind of hosting.
type Kind struct {
	Hosting promises.Hosting `json:"hosting"` // its letter
	Title   string           `json:"title"`
	For     string           `json:"for"`      // what it is and whom it is for
	YourOwn []string         `json:"yourPart"` // what the client must do
	Counts  map[Keeper]int   `json:"counts"`   // how many promises are kept by whom
	Limits  []string         `json:"limits"`   // what the kind cannot do, said plainly
	// Shown is how many of the promises that we keep or share have a proof today, and Ours how many there are.
	Shown int `json:"shown"`
	Ours  int `json:"ours"`
}

// Keeper says who keeps a promise for a kind of hosting.
type Keeper string

// The keepers.
const (
	We         Keeper = "we"
	Shared     Keeper = "shared"  // each side keeps its part; the promise's sentence says which
	InPart     Keeper = "in part" // the service does its part wherever it runs; for what is around it there is no promise
	You        Keeper = "you"     // the client
	NotOffered Keeper = "no"      // no such promise is made
)

// Keepers are all of them, in the order in which they are explained.
func Keepers() []Keeper { return []Keeper{We, Shared, InPart, You, NotOffered} }

// Meaning is what the keeper means, for a client.
func (k Keeper) Meaning() string {
	return map[Keeper]string{
		We:         "we keep it for you",
		Shared:     "each of us keeps a part; the promise says which",
		InPart:     "the service does its part, as everywhere; for what is around it, no such promise is made",
		You:        "you keep it yourself; where there is tooling for it, we supply it",
		NotOffered: "no such promise is made",
	}[k]
}

// Group is some promises under a title.
type Group struct {
	Title string `json:"title"`
	Rows  []Row  `json:"rows"`
}

// Row is one promise.
type Row struct {
	ID       string `json:"id"`
	Title    string `json:"title"`
	Sentence string `json:"sentence"`
	// Cells, one for each kind of hosting, in their order.
	Cells []Cell `json:"cells,omitempty"`
	// Parameters of a row without cells, or that all its cells have alike.
	Parameters []promises.Parameter `json:"parameters,omitempty"`
	// Shown is the strongest level at which a proof exists today; absent: none does.
	Shown promises.Level `json:"shown,omitempty"`
	// ToReach are the levels at which the promise is to be shown, the weakest first.
	ToReach []promises.Level `json:"toReach"`
	// Company tells that the provider's organisation keeps it in its own accounts and staff too.
	Company bool `json:"company"`
}

// Cell is how a promise stands for one kind of hosting.
type Cell struct {
	Hosting promises.Hosting `json:"hosting"`
	Keeper  Keeper           `json:"keeper"`
	// Shown is the strongest level at which a proof exists today for that kind; absent: none does.
	Shown promises.Level `json:"shown,omitempty"`
	// Parameters for that kind, with their defaults; absent where all cells of the row have them alike.
	Parameters []promises.Parameter `json:"parameters,omitempty"`
}

// compared are the kinds that a client can choose from.
var compared = []promises.Hosting{promises.OnAWS, promises.OnLightsail, promises.OnSites, promises.OnPremises}

// limits are what a kind of hosting cannot do.
func limits(h promises.Hosting) []string {
	switch h {
	case promises.OnLightsail:
		return []string{
			"one machine in one data centre: when it fails, you are away until another is made from a snapshot",
			"no standby of the database unless you ask for the larger one with high availability",
			"the database's newest restorable state is up to 5 minutes old, and goes back 7 days at most",
			"no disks in RAID 1 that we could show: Amazon keeps them",
			"no network of your own inside the account, and no firewall for web requests in Amazon's cloud: Cloudflare's stands in front",
			"no second region",
		}
	case promises.OnSites:
		return []string{
			"the switch to the other site is made by a person, within 4 hours, and not by itself",
			"on a pair that several clients share, machines are shared; databases, accounts and files are not",
		}
	case promises.OnPremises:
		return []string{
			"one machine, unless you set up a second one",
			"copies leave the machine only where you name a folder or a bucket for them",
			"nobody measures the uptime from outside but you",
		}
	}
	return []string{}
}

// about is what a client should know of a kind of hosting before the details.
func about(h promises.Hosting) (is string, yourOwn []string) {
	people := "decide who of your people may sign in, and what they may do"
	switch h {
	case promises.OnAWS:
		return "We run your TaskFlow in Amazon's cloud, in London or Dublin, on several machines with a standby for what can fail. " +
			"It is for clients who want the most taken off their hands.", []string{people}
	case promises.OnLightsail:
		return "We run your TaskFlow on a small server in Amazon's cloud. It is for small teams: it costs least, " +
			"and has no spare machine standing by.", []string{people}
	case promises.OnSites:
		return "We run your TaskFlow on rented machines in two data centres, of which each stands in for the other. " +
				"It is for clients whose data has to stay in a certain country, such as South Africa, or out of Amazon's cloud.",
			[]string{people, "tell us which two sites you want, if not Johannesburg and Cape Town"}
	case promises.OnPremises:
		return "You run TaskFlow on a server of your own, with the tooling that we supply. It is for clients whose data may not leave their house, " +
				"and who have people to look after a server.", []string{
				people,
				"house, power and guard the server, and keep its spare parts",
				"make backups, keep them in another place, and try to restore them",
				"see that the server stays up, and bring it back when it fails",
				"give us access when we are to help",
			}
	}
	return "", nil
}

// New compares. group is the title of the group that a promise is listed under; promises come in the order of
// all.
func New(all []promises.Promise, group func(id string) string) *Comparison {
	c := &Comparison{}
	for _, h := range compared {
		is, yourOwn := about(h)
		c.Kinds = append(c.Kinds, Kind{Hosting: h, Title: h.Title(), For: is, YourOwn: yourOwn, Counts: map[Keeper]int{}, Limits: limits(h)})
	}
	for _, p := range all {
		row := Row{ID: p.ID, Title: p.Title, Sentence: p.Sentence, Shown: p.Shown(), ToReach: levels(p), Company: p.Offered(promises.Organisation)}
		offered := false
		for _, h := range compared {
			cell := cellOf(p, h)
			offered = offered || cell.Keeper != NotOffered
			row.Cells = append(row.Cells, cell)
		}
		into := &c.Different
		switch {
		case !offered:
			row.Cells, row.Parameters = nil, parameters(p, promises.Organisation)
			into = &c.Company
		case alike(row.Cells):
			into = &c.Same
		}
		if offered {
			for i, cell := range row.Cells {
				c.Kinds[i].count(cell)
			}
			row.gather()
		}
		*into = add(*into, group(p.ID), row)
	}
	return c
}

func (k *Kind) count(cell Cell) {
	k.Counts[cell.Keeper]++
	if cell.Keeper != We && cell.Keeper != Shared {
		return
	}
	k.Ours++
	if cell.Shown != promises.None {
		k.Shown++
	}
}

// shownFor is the strongest level at which a proof exists today for a kind of hosting.
func shownFor(p promises.Promise, h promises.Hosting) promises.Level {
	strongest := promises.None
	for _, l := range promises.Levels() {
		if p.ExistsFor(h, l) {
			strongest = l
		}
	}
	return strongest
}

// cellOf is how a promise stands for a kind. What is promised of the service alone holds wherever it runs. Where
// a promise names kinds of hosting beside the service, the other kinds have only the service's part of it.
func cellOf(p promises.Promise, h promises.Hosting) Cell {
	if keeper, known := keepers[p.Duties[h]]; known {
		return Cell{Hosting: h, Keeper: keeper, Shown: shownFor(p, h), Parameters: parameters(p, h)}
	}
	if !p.Offered(promises.Service) {
		return Cell{Hosting: h, Keeper: NotOffered}
	}
	if slices.ContainsFunc(compared, p.Offered) {
		return Cell{Hosting: h, Keeper: InPart}
	}
	return Cell{Hosting: h, Keeper: keepers[p.Duties[promises.Service]], Parameters: parameters(p, promises.Service)}
}

var keepers = map[promises.Duty]Keeper{promises.Ours: We, promises.Shared: Shared, promises.Clients: You}

func parameters(p promises.Promise, h promises.Hosting) []promises.Parameter {
	if p.Parameters == nil {
		return nil
	}
	return p.Parameters(h, nil)
}

// alike tells whether all kinds have the same.
func alike(cells []Cell) bool {
	return !slices.ContainsFunc(cells, func(c Cell) bool {
		return c.Keeper != cells[0].Keeper || !slices.Equal(c.Parameters, cells[0].Parameters)
	})
}

// gather moves parameters that all kinds with the promise have alike to the row.
func (r *Row) gather() {
	var first *Cell
	for i := range r.Cells {
		cell := &r.Cells[i]
		switch {
		case cell.Keeper == NotOffered || cell.Keeper == InPart:
		case first == nil:
			first = cell
		case !slices.Equal(cell.Parameters, first.Parameters):
			return
		}
	}
	r.Parameters = first.Parameters
	for i := range r.Cells {
		r.Cells[i].Parameters = nil
	}
}

// levels at which a promise is to be shown, the weakest first.
func levels(p promises.Promise) []promises.Level {
	all := []promises.Level{}
	for _, level := range promises.Levels() {
		if slices.ContainsFunc(p.Proofs, func(proof promises.Proof) bool { return proof.Level == level }) {
			all = append(all, level)
		}
	}
	return all
}

func add(groups []Group, title string, row Row) []Group {
	i := slices.IndexFunc(groups, func(g Group) bool { return g.Title == title })
	if i < 0 {
		return append(groups, Group{Title: title, Rows: []Row{row}})
	}
	groups[i].Rows = append(groups[i].Rows, row)
	return groups
}
