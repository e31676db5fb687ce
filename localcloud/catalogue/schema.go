package catalogue

import (
	"encoding/json"
	"maps"
	"slices"
)

// Property is the shape of one input or output.
type Property struct {
	Type       string               `json:"type"` // string, boolean, integer, number, array, map, object, any
	Replace    bool                 `json:"replace"`
	Required   bool                 `json:"required"`
	Computed   bool                 `json:"computed"` // the cloud chooses a value when the program does not
	Secret     bool                 `json:"secret"`
	Default    any                  `json:"default"`
	Set        bool                 `json:"set"`       // an array without order
	OneOf      []any                `json:"oneOf"`     // the values that are taken; empty: any
	Min        *float64             `json:"min"`       // of a number, or of the items of an array
	Max        *float64             `json:"max"`       // of a number
	Form       string               `json:"form"`      // of a text: account, arn, cidr, ip, json, time; empty: any
	Match      string               `json:"match"`     // a regular expression for the whole of a text or number
	Without    string               `json:"without"`   // signs that a text must not have
	ReadOnly   bool                 `json:"readOnly"`  // offered as an input, and refused
	Conflicts  []string             `json:"conflicts"` // properties of the resource that cannot be set as well
	MaxItems1  bool                 `json:"maxItems1"`
	Elem       *Property            `json:"elem"`
	Properties map[string]*Property `json:"properties"`
}

// Type is the shape of a resource type.
type Type struct {
	Inputs  map[string]*Property `json:"inputs"`  // what a program may set
	Outputs map[string]*Property `json:"outputs"` // what only the cloud computes
	Needs   [][]string           `json:"needs"`   // groups of inputs of which one at least has to be set
}

// Property finds an input or output by name; nil when there is none.
func (t *Type) Property(name string) *Property {
	if p := t.Inputs[name]; p != nil {
		return p
	}
	return t.Outputs[name]
}

// Computed lists the properties that the cloud fills when the program does not, sorted.
func (t *Type) Computed() []string {
	var names []string
	for name, p := range t.Inputs {
		if p.Computed {
			names = append(names, name)
		}
	}
	names = append(names, slices.Collect(maps.Keys(t.Outputs))...)
	slices.Sort(names)
	return slices.Compact(names)
}

// Function is the shape of a function (an invoke).
type Function struct {
	Inputs  map[string]*Property `json:"inputs"`
	Outputs map[string]*Property `json:"outputs"`
}

// schema is one generated file. Types stay undecoded until somebody asks for them.
type schema struct {
	Source    string                     `json:"source"`
	Version   string                     `json:"version"`
	Types     map[string]json.RawMessage `json:"types"`
	Functions map[string]json.RawMessage `json:"functions"`
}
