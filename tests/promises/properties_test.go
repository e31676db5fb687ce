package promises_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	shapes "github.com/berth-iac/berth/localcloud/catalogue"
)

// Each property that a check reads is one that the provider's resource type has: a misspelt name would find
// nothing, and say so for ever.
func TestChecksReadWhatExists(t *testing.T) {
	known := shapes.Embedded()
	read := map[string]bool{}
	for _, name := range order {
		s := subject(t, name)
		s.Graph = s.Graph.Traced(func(typeToken, path string) { read[typeToken+" "+path] = true })
		assess(t, s)
	}
	if len(read) < 100 {
		t.Fatalf("the checks read %d properties; are they traced?", len(read))
	}
	for _, place := range slices.Sorted(maps.Keys(read)) {
		typeToken, path, _ := strings.Cut(place, " ")
		if strings.HasPrefix(typeToken, "pulumi:") || strings.HasPrefix(typeToken, "berth:") {
			continue // the engine's own, which the catalogue of clouds does not have
		}
		if err := exists(known, typeToken, path); err != nil {
			t.Error(err)
		}
	}
}

// exists tells whether a type has a property at a path as graph.Resource reads it.
func exists(known *shapes.Catalogue, typeToken, path string) error {
	shape, _, err := known.Type(typeToken)
	if err != nil {
		return err
	}
	keys := strings.Split(path, ".")
	property := shape.Inputs[keys[0]]
	for _, key := range keys[1:] {
		if property == nil {
			break
		}
		_, position := strconv.Atoi(key)
		switch {
		case property.Type == "any":
			return nil
		case property.Type == "map":
			property = property.Elem
		case key == "*" || position == nil:
			if property.Elem != nil { // a single object counts as a list of one
				property = property.Elem
			}
		default:
			property = property.Properties[key]
		}
	}
	if property == nil {
		return fmt.Errorf("a check reads %s of %s, which has no such property", path, typeToken)
	}
	return nil
}
