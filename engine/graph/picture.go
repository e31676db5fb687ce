package graph

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/berth-iac/berth/engine"
)

// Subject is what the picture is titled with.
type Subject struct {
	Stack        string
	Title        string // the client's name as people write it
	Detail       string
	Region       string
	SecondRegion string
	// Place is what the frame around the stack is called, By whose place it is. Empty: the region, AWS.
	Place, By string
}

// frame is what the frame around the stack says.
func (s Subject) frame() (title, note string) {
	return cmp.Or(s.Place, "Region "+s.Region), cmp.Or(s.By, "AWS")
}

// Picture is what is drawn.
type Picture struct {
	Subject
	Resources int   // all of them, providers left out
	Boxes     []Box // by zone, in the order of the table
	Network   Net
}

// Box is a part of the stack that does one thing.
type Box struct {
	ID         string
	Zone       Zone
	Title      string
	Facts      []string // such as "PostgreSQL 16"
	Kinds      []Kind   // most frequent first
	Components []string // that its resources come from
	Count      int
	column     int
}

// Kind is a type of resource and how many there are.
type Kind struct {
	Name  string
	Count int
}

// Net is the network that the zones lie in; empty for a stack without one.
type Net struct {
	CIDR    string
	Subnets map[Zone][]string // availability zones of each kind of subnet
	Rules   int               // security group rules
	Count   int               // resources of the network itself
}

// From makes a picture of a preview's result.
func From(r *engine.Result, subject Subject) Picture {
	p := Picture{Subject: subject, Network: Net{Subnets: map[Zone][]string{}}}
	regions := map[string]string{} // by provider
	for _, step := range r.Steps {
		if step.Type == "pulumi:providers:aws" {
			regions[step.Name], _ = step.Input("region").(string)
		}
	}
	steps := map[string][]engine.Step{}
	for _, step := range r.Steps {
		if step.Group || step.Op == engine.OpDelete || step.Op == engine.OpForget || strings.HasPrefix(step.Type, "pulumi:") {
			continue
		}
		id := place(step, regions[step.Provider], subject)
		steps[id] = append(steps[id], step)
		p.Resources++
	}
	for _, role := range roles {
		own := steps[role.id]
		if len(own) == 0 {
			continue
		}
		if role.zone == Network {
			p.Network.take(own)
			continue
		}
		p.Boxes = append(p.Boxes, newBox(role, own))
	}
	return p
}

// place finds the box for a resource.
func place(step engine.Step, region string, subject Subject) string {
	id, longest := "other", -1
	for prefix, role := range places {
		if strings.HasPrefix(step.Type, prefix) && len(prefix) > longest {
			id, longest = role, len(prefix)
		}
	}
	for _, move := range byComponent {
		if id == move.from && strings.Contains(step.Component, move.part) {
			id = move.to
			break
		}
	}
	if region != "" && region == subject.SecondRegion && region != subject.Region {
		if there, known := second[id]; known {
			return there
		}
		return "secondOther"
	}
	return id
}

func newBox(r role, steps []engine.Step) Box {
	b := Box{ID: r.id, Zone: r.zone, Title: r.title, column: r.column, Count: len(steps)}
	kinds, components := map[string]int{}, map[string]bool{}
	for _, step := range steps {
		kinds[strings.TrimSuffix(step.Type[strings.LastIndex(step.Type, ":")+1:], "V2")]++
		if step.Component != "" {
			components[step.Component] = true
		}
	}
	for name, count := range kinds {
		b.Kinds = append(b.Kinds, Kind{name, count})
	}
	slices.SortFunc(b.Kinds, func(a, c Kind) int {
		// Of equally many the shorter name comes first: it is the thing itself, the longer ones are its settings.
		return cmp.Or(cmp.Compare(c.Count, a.Count), cmp.Compare(len(a.Name), len(c.Name)), strings.Compare(a.Name, c.Name))
	})
	b.Components = slices.Sorted(maps.Keys(components))
	for _, f := range facts {
		if f.role == r.id {
			b.Facts = appendFact(b.Facts, f, steps)
		}
	}
	return b
}

func appendFact(said []string, f fact, steps []engine.Step) []string {
	count := 0
	var value any
	for _, step := range steps {
		if step.Type != f.typeToken {
			continue
		}
		count++
		if value == nil && f.input != "" {
			value = step.Input(f.input)
		}
	}
	switch {
	case count == 0:
		return said
	case f.sum:
		text := fmt.Sprintf(f.format, count)
		if count == 1 { // "1 vaults"
			text = strings.TrimSuffix(text, "s")
		}
		return append(said, text)
	case value == nil || value == "[unknown]" || value == "[secret]":
		return said
	}
	text := fmt.Sprint(value)
	if word, known := f.words[text]; known {
		text = word
	}
	if text == "" {
		return said
	}
	text = fmt.Sprintf(f.format, text)
	if n := len(said); f.joined && n > 0 {
		said[n-1] += " " + text
		return said
	}
	return append(said, text)
}

// take reads the network's own resources.
func (n *Net) take(steps []engine.Step) {
	for _, step := range steps {
		n.Count++
		switch {
		case step.Type == "aws:ec2/vpc:Vpc":
			n.CIDR, _ = step.Input("cidrBlock").(string)
		case step.Type == "aws:ec2/subnet:Subnet":
			az, _ := step.Input("availabilityZone").(string)
			for _, zone := range []Zone{Public, Private, Isolated} {
				if strings.Contains(step.Name, string(zone)) {
					n.Subnets[zone] = append(n.Subnets[zone], az)
				}
			}
		case strings.Contains(step.Type, "GroupEgressRule") || strings.Contains(step.Type, "GroupIngressRule"):
			n.Rules++
		}
	}
	for _, zones := range n.Subnets {
		slices.Sort(zones)
	}
}

// in are a zone's boxes.
func (p Picture) in(zone Zone) []Box {
	var boxes []Box
	for _, b := range p.Boxes {
		if b.Zone == zone {
			boxes = append(boxes, b)
		}
	}
	return boxes
}

func (p Picture) has(id string) bool {
	return slices.ContainsFunc(p.Boxes, func(b Box) bool { return b.ID == id })
}

// ways are the arrows between boxes that are there.
func (p Picture) ways() []arrow {
	var found []arrow
	for _, a := range arrows {
		if (p.has(a.from) || a.from == "clients" || a.from == "edge" && len(p.in(Edge)) > 0) &&
			(p.has(a.to) || a.to == "edge" && len(p.in(Edge)) > 0) {
			found = append(found, a)
		}
	}
	return found
}

// kindText is "Subnet ×9, Vpc" for a box.
func kindText(kinds []Kind) []string {
	var words []string
	for _, k := range kinds {
		word := k.Name
		if k.Count > 1 {
			word = fmt.Sprintf("%s ×%d", k.Name, k.Count)
		}
		words = append(words, word)
	}
	return words
}
