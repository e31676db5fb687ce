package fidelity

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"google.golang.org/protobuf/types/known/structpb"
)

// Base is a resource as a stack makes it.
type Base struct {
	Type   string `json:"type"`
	Name   string `json:"name"` // in the program; unique among the bases of a type
	Region string `json:"region"`
	ID     string `json:"id"`
	Inputs Values `json:"inputs"` // as the program gives them
	// Outputs are what the cloud computed, in the real formats; they stand for what a recorded creation leaves unknown.
	Outputs Values `json:"outputs"`
}

// URN is what both providers are told that the resource is called.
func (b *Base) URN() resource.URN {
	return resource.NewURN("fidelity", "fidelity", "", tokens.Type(b.Type), b.Name)
}

// Values are properties that read and write as JSON in the form that Pulumi sends them in.
type Values resource.PropertyMap

// MarshalJSON writes the wire form, keys sorted.
func (v Values) MarshalJSON() ([]byte, error) {
	s, err := wire(resource.PropertyMap(v))
	if err != nil {
		return nil, err
	}
	return compact(s.AsMap())
}

// UnmarshalJSON reads the wire form.
func (v *Values) UnmarshalJSON(text []byte) error {
	fields := map[string]any{}
	if err := json.Unmarshal(text, &fields); err != nil {
		return err
	}
	s, err := structpb.NewStruct(fields)
	if err != nil {
		return err
	}
	props, err := Plain(s)
	*v = Values(props)
	return err
}

// compact is JSON as people read it in a diff: no escapes for HTML.
func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

// ReadLines reads a file of one JSON document a line.
func ReadLines[T any](path string) ([]T, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all []T
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<24)
	for n := 1; lines.Scan(); n++ {
		var one T
		d := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		d.DisallowUnknownFields()
		if err := d.Decode(&one); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, n, err)
		}
		all = append(all, one)
	}
	return all, lines.Err()
}

// Lines is what ReadLines reads.
func Lines[T any](all []T) ([]byte, error) {
	var b bytes.Buffer
	for _, one := range all {
		text, err := compact(one)
		if err != nil {
			return nil, err
		}
		b.Write(text)
		b.WriteByte('\n')
	}
	return b.Bytes(), nil
}

// Shapes lists the properties that are set, nested ones too, without positions in lists and without the keys of maps
// that are a program's own choice, sorted.
func Shapes(props resource.PropertyMap) []string {
	var shapes []string
	walk(resource.NewObjectProperty(props), nil, func(path []string, v resource.PropertyValue) {
		if !v.IsNull() && !slices.Contains([]string{"tags", "tagsAll", "variables", "dimensions"}, path[max(0, len(path)-2)]) {
			shapes = append(shapes, Shape(path))
		}
	})
	slices.Sort(shapes)
	return slices.Compact(shapes)
}

// walk visits every value below v, outer ones first, lists by position.
func walk(v resource.PropertyValue, at []string, visit func(path []string, v resource.PropertyValue)) {
	if len(at) > 0 {
		visit(at, v)
	}
	switch {
	case v.IsObject():
		for _, k := range v.ObjectValue().StableKeys() {
			if !strings.HasPrefix(string(k), "__") {
				walk(v.ObjectValue()[k], append(slices.Clone(at), string(k)), visit)
			}
		}
	case v.IsArray():
		for i, item := range v.ArrayValue() {
			walk(item, append(slices.Clone(at), strconv.Itoa(i)), visit)
		}
	}
}

// Shape is a path without positions in lists.
func Shape(path []string) string {
	var steps []string
	for _, step := range path {
		if _, err := strconv.Atoi(step); err != nil {
			steps = append(steps, step)
		}
	}
	return strings.Join(steps, ".")
}
