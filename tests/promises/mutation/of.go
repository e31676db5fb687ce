package mutation

import (
	"reflect"
	"strings"

	"github.com/berth-iac/berth/localcloud/catalogue"
	"github.com/berth-iac/berth/promises/graph"
)

// study is a graph that mutants are made of.
type study struct {
	graph  *graph.Graph
	shapes *catalogue.Catalogue
	names  map[string][]*graph.Resource
	used   map[*graph.Resource]bool
	found  []*Mutant
}

// change is one thing that can be done to a value.
type change struct {
	operator string
	after    any // gone{}: taken away
	before   any // what is shown as the value before; nil: the value itself
	edit     func(*graph.Resource)
	path     string // below the value: inside a document
	property string // the same, where it is not path
}

// operator makes changes to a value; none where it has nothing to do with it.
type operator func(*study, place) []change

// operators are all operators on values. The order is that of the mutants.
func operators() []operator {
	return []operator{taken, flipped, resized, worded, pointed, opened, ported, shortened, actions, documents, patterns}
}

// Of are all mutants of a graph. The catalogue knows what the provider demands and what it takes by default.
func Of(g *graph.Graph, shapes *catalogue.Catalogue) []*Mutant {
	s := &study{graph: g, shapes: shapes, names: index(g)}
	s.used = s.mentions()
	all := operators()
	for i, r := range g.Resources {
		provider := strings.HasPrefix(r.Type, "pulumi:providers:")
		if !r.Cloud() && !provider {
			continue
		}
		walk(r, func(p place) {
			if p.value == graph.Secret || p.value == graph.Unknown {
				return
			}
			for _, operate := range all {
				for _, c := range operate(s, p) {
					s.add(i, p, c)
				}
			}
		})
		if provider {
			s.provider(i, r)
		} else {
			s.whole(i, r)
		}
	}
	return s.found
}

func (s *study) add(i int, p place, c change) {
	m := &Mutant{Type: p.resource.Type, Name: p.resource.Name, Path: p.path + c.path, Property: p.property + c.path, Operator: c.operator, After: show(c.after), index: i, edit: c.edit}
	if c.property != "" {
		m.Property = p.property + c.property
	}
	before := c.before
	if before == nil {
		before = p.value
	}
	m.Before = show(before)
	if m.edit == nil {
		m.edit = p.put(c.after)
	}
	if _, drop := c.after.(gone); drop && c.edit == nil {
		if shape := s.shape(p); shape != nil {
			m.Refused = shape.Required
			m.Default = shape.Default != nil && reflect.DeepEqual(shape.Default, p.value)
		}
	}
	s.found = append(s.found, m)
}

// shape is what the provider says of a value; nil where the catalogue has nothing.
func (s *study) shape(p place) *catalogue.Property {
	t, _, err := s.shapes.Type(p.resource.Type)
	if err != nil {
		return nil
	}
	first, _ := p.steps[0].(string)
	shape := t.Inputs[first]
	for _, step := range p.steps[1:] {
		if shape == nil {
			return nil
		}
		key, named := step.(string)
		switch {
		case !named || shape.Type == "map":
			shape = shape.Elem
		case shape.Properties[key] != nil:
			shape = shape.Properties[key]
		case shape.Elem != nil:
			shape = shape.Elem.Properties[key]
		default:
			return nil
		}
	}
	return shape
}
