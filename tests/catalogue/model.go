// Package catalogue makes the embedded cloud's catalogues: the data files that
// say which resource types and functions a cloud has, what may be set on each,
// what the cloud computes, and which changes replace a resource.
//
// Names and types are read from the source of the Pulumi SDKs, which are only
// parsed, never compiled. What the AWS SDK's source does not say (what forces a
// replacement, what is computed, what is secret) is asked of the real Terraform
// AWS provider, by planning one change after the other. It is a module of its
// own so that the main one needs neither SDK sources nor plugin libraries.
//
// It must not know what the embedded cloud does with the data.
package catalogue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Kinds of a property's value.
const (
	String  = "string"
	Boolean = "boolean"
	Integer = "integer"
	Number  = "number"
	Array   = "array"
	Map     = "map"
	Object  = "object"
	Any     = "any"
)

// Property describes one value: an input, an output, or a part of one.
type Property struct {
	Type     string `json:"type"`
	Required bool   `json:"required,omitempty"`
	Computed bool   `json:"computed,omitempty"` // the cloud fills it in when unset
	Replace  bool   `json:"replace,omitempty"`  // changing it replaces the resource
	Secret   bool   `json:"secret,omitempty"`
	Default  any    `json:"default,omitempty"`
	// Set: an array without order.
	Set bool `json:"set,omitempty"`
	// OneOf, Min, Max, Form and Without say which values are taken; Form is account, arn, cidr, ip, json or time, and Without
	// the signs that a text must not have. Min is also how many items a list needs.
	OneOf   []any    `json:"oneOf,omitempty"`
	Min     *float64 `json:"min,omitempty"`
	Max     *float64 `json:"max,omitempty"`
	Form    string   `json:"form,omitempty"`
	Match   string   `json:"match,omitempty"` // a regular expression for the whole value; by hand only
	Without string   `json:"without,omitempty"`
	// ReadOnly: the SDK offers it, and the provider refuses it.
	ReadOnly bool `json:"readOnly,omitempty"`
	// Conflicts are properties of the resource that cannot be set as well.
	Conflicts  []string   `json:"conflicts,omitempty"`
	Elem       *Property  `json:"elem,omitempty"`       // of an array or a map
	Properties Properties `json:"properties,omitempty"` // of an object; none: anything goes
}

// Properties maps property names to their descriptions.
type Properties map[string]*Property

// Member is a resource type or a function.
type Member struct {
	Inputs  Properties `json:"inputs"`
	Outputs Properties `json:"outputs"`
	// Needs are groups of inputs of which one at least has to be set.
	Needs [][]string `json:"needs,omitempty"`
}

// Catalogue is the content of one data file.
type Catalogue struct {
	Source    string             `json:"source"`
	Types     map[string]*Member `json:"types"`
	Functions map[string]*Member `json:"functions"`
}

// Encode writes a catalogue with one member a line, sorted, so that the file is
// the same for the same content and its changes can be read as a diff.
func (c *Catalogue) Encode() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("{\n\"source\":")
	if err := write(&b, c.Source); err != nil {
		return nil, err
	}
	for _, part := range []struct {
		name    string
		members map[string]*Member
	}{{"types", c.Types}, {"functions", c.Functions}} {
		fmt.Fprintf(&b, ",\n%q:{", part.name)
		for i, token := range slices.Sorted(maps.Keys(part.members)) {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "\n %q:", token)
			if err := write(&b, part.members[token]); err != nil {
				return nil, fmt.Errorf("writing %s: %w", token, err)
			}
		}
		b.WriteString("\n}")
	}
	b.WriteString("\n}\n")
	return b.Bytes(), nil
}

// write adds a value's JSON without a line break and without HTML escapes.
func write(b *bytes.Buffer, v any) error {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1)
	return nil
}

// Walk calls f for every property below ps, parents first, with its path:
// names joined with dots; array and map elements add nothing to it.
func (ps Properties) Walk(f func(path string, p *Property)) {
	ps.walk("", f)
}

func (ps Properties) walk(at string, f func(string, *Property)) {
	for _, name := range slices.Sorted(maps.Keys(ps)) {
		path := name
		if at != "" {
			path = at + "." + name
		}
		f(path, ps[name])
		ps[name].inner().walk(path, f)
	}
}

// inner finds the properties of an object or of the objects in arrays and maps.
func (p *Property) inner() Properties {
	for p.Elem != nil {
		p = p.Elem
	}
	return p.Properties
}

// Find follows a path as Walk gives it; nil when there is no such property.
func (ps Properties) Find(path ...string) *Property {
	p := ps[path[0]]
	if p == nil || len(path) == 1 {
		return p
	}
	return p.inner().Find(path[1:]...)
}
