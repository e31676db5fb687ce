package mutation

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises/graph"
)

// Mutant is one change to one resource of a graph.
type Mutant struct {
	Type     string // of the resource
	Name     string // of the resource
	Path     string // of the value that was changed, such as rules[delete].expiration.days; empty: the resource as a whole
	Property string // Path without what differs from stack to stack: positions in lists are *
	Operator string // what was done, such as "shortened"
	Before   string // the value, shortened
	After    string // the value, shortened; empty where it was removed
	Refused  bool   // the provider demands what was removed: such a stack does not get as far as a check
	Default  bool   // what was removed is what the provider takes when nothing is said
	index    int    // of the resource in the graph
	edit     func(*graph.Resource)
	remove   bool
	add      *graph.Resource
}

// ID tells one mutant of a program from another. Stacks of the same program that have the same resource give
// mutants of the same ID.
func (m *Mutant) ID() string {
	parts := []string{m.Type, m.Name, m.Path, m.Operator}
	switch m.Operator {
	case weakened:
		parts = append(parts, m.After)
	case lowered, raised: // another figure in another stack is a mutant of its own
		parts = append(parts, m.Before)
	}
	return strings.Join(parts, " ")
}

func (m *Mutant) String() string {
	where := m.Name
	if m.Path != "" {
		where += "." + m.Path
	}
	text := fmt.Sprintf("%s %s %s", m.Type, where, m.Operator)
	switch {
	case m.Before != "":
		return text + ": " + m.Before + " → " + m.After
	case m.After != "":
		return text + ": " + m.After
	}
	return text
}

// Apply is the graph with the mutant in it. The graph itself stays as it is.
func (m *Mutant) Apply(g *graph.Graph) *graph.Graph {
	resources := make([]*graph.Resource, 0, len(g.Resources)+1)
	for i, r := range g.Resources {
		if i == m.index && m.remove {
			continue
		}
		copied := *r
		if i == m.index && m.edit != nil {
			copied.Inputs, _ = clone(r.Inputs).(map[string]any)
			m.edit(&copied)
		}
		resources = append(resources, &copied)
	}
	if m.add != nil {
		added := *m.add
		resources = append(resources, &added)
	}
	return graph.New(resources)
}

// clone is a deep copy of a JSON value.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		copied := make(map[string]any, len(v))
		for key, element := range v {
			copied[key] = clone(element)
		}
		return copied
	case []any:
		copied := make([]any, len(v))
		for i, element := range v {
			copied[i] = clone(element)
		}
		return copied
	}
	return v
}

// place is one value inside a resource's inputs.
type place struct {
	resource *graph.Resource
	steps    []any  // keys and positions
	path     string // as Mutant.Path
	property string // as Mutant.Property
	key      string // the last key on the way: the property's own name
	value    any
}

// put changes the value there.
func (p place) put(after any) func(*graph.Resource) {
	return func(r *graph.Resource) { r.Inputs, _ = replaced(r.Inputs, p.steps, after).(map[string]any) }
}

// gone is what replaced takes a value away for.
type gone struct{}

// replaced is v with another value at the end of the steps. v is changed on the way.
func replaced(v any, steps []any, after any) any {
	if len(steps) == 0 {
		return after
	}
	_, drop := after.(gone)
	drop = drop && len(steps) == 1
	switch v := v.(type) {
	case map[string]any:
		key, _ := steps[0].(string)
		if drop {
			delete(v, key)
			return v
		}
		v[key] = replaced(v[key], steps[1:], after)
		return v
	case []any:
		i, _ := steps[0].(int)
		if drop {
			return slices.Delete(v, i, i+1)
		}
		v[i] = replaced(v[i], steps[1:], after)
		return v
	}
	return v
}

// walk calls visit with each value inside the resource's inputs, the outer before the inner.
func walk(r *graph.Resource, visit func(place)) {
	for _, key := range slices.Sorted(maps.Keys(r.Inputs)) {
		descend(place{resource: r, steps: []any{key}, path: key, property: key, key: key, value: r.Inputs[key]}, visit)
	}
}

func descend(p place, visit func(place)) {
	visit(p)
	switch v := p.value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			descend(place{resource: p.resource, steps: append(slices.Clone(p.steps), key), path: p.path + "." + key,
				property: p.property + "." + key, key: key, value: v[key]}, visit)
		}
	case []any:
		for i, element := range v {
			path, property := label(p.key, i, element)
			descend(place{resource: p.resource, steps: append(slices.Clone(p.steps), i), path: p.path + path,
				property: p.property + property, key: p.key, value: element}, visit)
		}
	}
}

// titles are the keys by which the elements of a list are told apart, by the list's key. The programs choose
// these names, and they are the same in every stack.
var titles = map[string][]string{
	"rules":                     {"id", "ref", "ruleName", "name"},
	"parameters":                {"name"},
	"additionalConfigurations":  {"name"},
	"metricQueries":             {"id"},
	"options":                   {"optionName"},
	"optionSettings":            {"name"},
	"logDeliveryConfigurations": {"logType"},
	"tagSpecifications":         {"resourceType"},
}

// label is how an element of a list is named: in a path, and in a property.
func label(list string, i int, element any) (path, property string) {
	if object, ok := element.(map[string]any); ok {
		for _, title := range titles[list] {
			if name, ok := object[title].(string); ok && name != "" {
				return "[" + name + "]", "[" + name + "]"
			}
		}
	}
	return fmt.Sprintf("[%d]", i), "[*]"
}

const shown = 60 // characters of a value that a mutant repeats

func show(v any) string {
	var text string
	switch v := v.(type) {
	case nil, gone:
		return ""
	case string:
		text = v
	default:
		encoded, err := json.Marshal(v)
		if err != nil {
			return "?"
		}
		text = string(encoded)
	}
	if runes := []rune(text); len(runes) > shown {
		text = string(runes[:shown-1]) + "…"
	}
	return text
}
