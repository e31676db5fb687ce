package spec

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// FuzzDecode: any text gives problems or a spec that survives being written and read again.
func FuzzDecode(f *testing.F) {
	withWaivers := strings.Replace(validClient, "alerts:\n", waivers(waived(), waived("resource", "stack")), 1)
	for _, text := range append(validBases, withWaivers, "", "kind: awsclient", "a: &a [*a]", `{"kind":"organisation"}`, "kind: sites\nsites: [{}, {}, {}]") {
		f.Add([]byte(text))
	}
	for _, name := range referenceFiles {
		var file struct {
			Config map[string]any `yaml:"config"`
		}
		if err := yaml.Unmarshal([]byte(readFile(f, name)), &file); err != nil {
			f.Fatal(err)
		}
		for _, write := range []func(any) ([]byte, error){yaml.Marshal, json.Marshal} {
			text, err := write(file.Config[root])
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Decode(text, Options{Now: now})
		if err != nil {
			var problems Problems
			if !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("the error is no list of problems: %v", err)
			}
			for _, p := range problems {
				if p.Path == "" || p.Value == "" || p.Expected == "" || p.Fix == "" {
					t.Errorf("a problem is half said: %+v", p)
				}
			}
			return
		}
		encoded, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(encoded, Options{Now: now})
		if err != nil {
			t.Fatalf("the spec does not survive: %v\n%s", err, encoded)
		}
		if diff := cmp.Diff(s, again, cmp.Comparer(samePrefix)); diff != "" {
			t.Errorf("the spec changes: -first +second\n%s", diff)
		}
		if _, err := DecodeFile("Pulumi.fuzz.yaml", text, Options{Now: now}); err == nil {
			t.Error("a spec is taken for a whole file")
		}
	})
}
