package comparison

import (
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
)

// The titles and explanations that all forms share.
const (
	title        = "Kinds of hosting, side by side"
	lead         = "What we promise for each kind of hosting, who keeps it, and with which figures where nothing else is agreed."
	differTitle  = "Where the kinds differ"
	sameTitle    = "What all kinds have in common"
	companyTitle = "What our company keeps for every client"
	companyLead  = "These promises are about our own accounts, staff and process, wherever your service runs."
	companyNote  = "also kept in our company's own accounts and staff"
	youTitle     = "What you have to do"
	// proofNote has to change when stacks of further kinds exist.
	proofNote = "Proofs exist so far for SaaS on AWS and for our own company; those for the other kinds come with their stacks."
)

// section is one part of the comparison: its title and groups.
type section struct {
	Title, Lead string
	Groups      []Group
}

func (c *Comparison) sections() []section {
	var all []section
	for _, s := range []section{{differTitle, "", c.Different}, {sameTitle, "", c.Same}, {companyTitle, companyLead, c.Company}} {
		if len(s.Groups) > 0 {
			all = append(all, s)
		}
	}
	return all
}

// figure is a parameter in words.
func figure(p promises.Parameter) string { return p.Name + ": " + p.Value }

func figures(list []promises.Parameter) string {
	texts := make([]string, len(list))
	for i, p := range list {
		texts[i] = figure(p)
	}
	return strings.Join(texts, "; ")
}

// shared are the figures of the kinds that have them alike.
type shared struct {
	hostings, text string // such as "L, D"
}

// byFigures are the figures of a row's cells, each once.
func (r Row) byFigures() []shared {
	var all []shared
	for _, cell := range r.Cells {
		text := figures(cell.Parameters)
		i := slices.IndexFunc(all, func(s shared) bool { return s.text == text })
		switch {
		case text == "":
		case i < 0:
			all = append(all, shared{string(cell.Hosting), text})
		default:
			all[i].hostings += ", " + string(cell.Hosting)
		}
	}
	return all
}

// proofs says how a promise is shown today and is going to be shown.
func (r Row) proofs() string {
	var later []string
	for _, level := range r.ToReach {
		if slices.Index(promises.Levels(), level) > slices.Index(promises.Levels(), r.Shown) {
			later = append(later, string(level))
		}
	}
	text := "shown today: " + string(r.Shown)
	if r.Shown == promises.None {
		text = "not shown yet"
	}
	if len(later) > 0 {
		text += "; to come: " + strings.Join(later, ", ")
	}
	return text
}

// sign stands beside the keeper's word, for whoever looks for it on a page. The word says all that it says.
func (k Keeper) sign() string {
	return map[Keeper]string{We: "✓", Shared: "+", InPart: "~", You: "→", NotOffered: "–"}[k]
}
