package machines_test

import (
	"strings"
	"testing"

	shapes "github.com/berth-iac/berth/localcloud/catalogue"
)

// Each property that a check reads is one that the provider's resource type has: a misspelt name would find nothing, and say so
// for ever.
func TestChecksReadWhatExists(t *testing.T) {
	known, read := shapes.Embedded(), map[string]bool{}
	for _, stack := range []string{"sites", "sites-hetzner", "globex", "initech", "hooli"} {
		s := load(t, stack, nil)
		s.Graph = s.Graph.Traced(func(typeToken, path string) {
			first, _, _ := strings.Cut(path, ".")
			read[typeToken+" "+first] = true
		})
		assess(t, s)
	}
	if len(read) < 60 {
		t.Fatalf("the checks read %d properties; are they traced?", len(read))
	}
	for place := range read {
		typeToken, property, _ := strings.Cut(place, " ")
		if strings.HasPrefix(typeToken, "pulumi:") || strings.HasPrefix(typeToken, "berth:") {
			continue
		}
		shape, _, err := known.Type(typeToken)
		if err != nil {
			t.Error(err)
			continue
		}
		if shape.Inputs[property] == nil {
			t.Errorf("a check reads %s of %s, which has no such property", property, typeToken)
		}
	}
}
