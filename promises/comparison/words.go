package comparison

import (
	"fmt"
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
	limitsTitle  = "What it cannot do"
)

// proofNote says how far proofs are, for each kind.
func (c *Comparison) proofNote() string {
	var counts []string
	for _, k := range c.Kinds {
		counts = append(counts, fmt.Sprintf("%s %d of %d", k.Hosting, k.Shown, k.Ours))
	}
	own, shown := 0, 0
	for _, g := range c.Company {
		for _, row := range g.Rows {
			own++
			if row.Shown != promises.None {
				shown++
			}
		}
	}
	text := "Proofs exist so far, of the promises that we keep or share: " + strings.Join(counts, ", ")
	if own > 0 {
		text += fmt.Sprintf(", our own company %d of %d", shown, own)
	}
	return text + "."
}

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

// proofs says how a promise is shown today, for which kinds where they differ, and is going to be shown.
func (r Row) proofs() string {
	var today []string
	byLevel := map[promises.Level][]string{}
	differ := false
	for _, cell := range r.Cells {
		if cell.Keeper == NotOffered || cell.Keeper == InPart || cell.Keeper == You && cell.Shown == promises.None {
			continue
		}
		byLevel[cell.Shown] = append(byLevel[cell.Shown], string(cell.Hosting))
		differ = differ || cell.Shown != r.Shown
	}
	for _, level := range append(promises.Levels(), promises.None) {
		if kinds := byLevel[level]; differ && len(kinds) > 0 {
			word := string(level)
			if level == promises.None {
				word = "not yet"
			}
			today = append(today, word+" for "+strings.Join(kinds, ", "))
		}
	}
	text := "shown today: " + string(r.Shown)
	switch {
	case r.Shown == promises.None:
		text = "not shown yet"
	case differ:
		text = "shown today: " + strings.Join(today, "; ")
	}
	var later []string
	for _, level := range r.ToReach {
		if slices.Index(promises.Levels(), level) > slices.Index(promises.Levels(), r.Shown) {
			later = append(later, string(level))
		}
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
