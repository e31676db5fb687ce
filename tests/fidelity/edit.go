package fidelity

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Value is one value of an edit, in the wire form.
type Value struct{ resource.PropertyValue }

// MarshalJSON writes the wire form.
func (v Value) MarshalJSON() ([]byte, error) {
	s, err := wire(resource.PropertyMap{"v": v.PropertyValue})
	if err != nil {
		return nil, err
	}
	return compact(s.AsMap()["v"])
}

// UnmarshalJSON reads the wire form.
func (v *Value) UnmarshalJSON(text []byte) error {
	var whole Values
	if err := json.Unmarshal(slices.Concat([]byte(`{"v":`), text, []byte("}")), &whole); err != nil {
		return err
	}
	v.PropertyValue = whole["v"]
	return nil
}

// steps splits a path: names and positions joined with slashes, as keys may have dots.
func steps(path string) []string {
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// top is the property that a path lies in.
func top(path string) string {
	name, _, _ := strings.Cut(path, "/")
	return name
}

// at gives the value at a path; null where there is none.
func at(v resource.PropertyValue, path []string) resource.PropertyValue {
	for _, step := range path {
		switch {
		case v.IsObject():
			v = v.ObjectValue()[resource.PropertyKey(step)]
		case v.IsArray():
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(v.ArrayValue()) {
				return resource.NewNullProperty()
			}
			v = v.ArrayValue()[i]
		default:
			return resource.NewNullProperty()
		}
	}
	return v
}

func valueAt(props resource.PropertyMap, path string) resource.PropertyValue {
	return at(resource.NewProperty(props), steps(path))
}

// put is a copy of v with another value at a path; null takes it out.
func put(v resource.PropertyValue, path []string, value resource.PropertyValue) resource.PropertyValue {
	if len(path) == 0 {
		return value
	}
	switch {
	case v.IsObject():
		fields := v.ObjectValue().Copy()
		key := resource.PropertyKey(path[0])
		if inner := put(fields[key], path[1:], value); inner.IsNull() {
			delete(fields, key)
		} else {
			fields[key] = inner
		}
		return resource.NewObjectProperty(fields)
	case v.IsArray():
		items := slices.Clone(v.ArrayValue())
		i, err := strconv.Atoi(path[0])
		if err != nil || i > len(items) {
			return v
		}
		if i == len(items) {
			return resource.NewArrayProperty(append(items, value))
		}
		if inner := put(items[i], path[1:], value); inner.IsNull() {
			items = slices.Delete(items, i, i+1)
		} else {
			items[i] = inner
		}
		return resource.NewArrayProperty(items)
	}
	return v
}

// Edit changes one value of a base's inputs.
type Edit struct {
	Path string `json:"path,omitempty"` // steps joined with slashes
	To   *Value `json:"to,omitempty"`   // nil takes the value out
}

func (e Edit) apply(inputs resource.PropertyMap) resource.PropertyMap {
	if e.Path == "" {
		return inputs
	}
	to := resource.NewNullProperty()
	if e.To != nil {
		to = e.To.PropertyValue
	}
	return put(resource.NewObjectProperty(inputs), steps(e.Path), to).ObjectValue()
}
