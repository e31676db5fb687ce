package spec

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	invopop "github.com/invopop/jsonschema"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "rewrite descriptions.json and the schema")

const schemaFile = "../docs/schema/berth-spec.schema.json"

// golden compares a generated file with what is there, or rewrites it.
func golden(t *testing.T, file string, want []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is out of date: run `go test ./spec -update`", file)
	}
}

func TestDescriptions(t *testing.T) {
	var r invopop.Reflector
	if err := r.AddGoComments("github.com/berth-iac/berth/spec", "."); err != nil {
		t.Fatal(err)
	}
	used := map[string]string{}
	for _, kind := range kinds {
		eachStruct(kind, func(s reflect.Type) {
			for _, name := range append([]string{""}, fieldNames(s)...) {
				key := "github.com/berth-iac/berth/spec." + strings.TrimSuffix(s.Name()+"."+name, ".")
				comment := strings.Join(strings.Fields(r.CommentMap[key]), " ")
				if name != "" {
					comment = inKeys(s, comment)
				}
				if comment == "" {
					t.Errorf("%s has no doc comment: the schema needs one", key)
				}
				used[key] = comment
			}
		})
	}
	text, err := json.MarshalIndent(used, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		descriptions = text // the schema that is written next has them already
	}
	golden(t, "descriptions.json", append(text, '\n'))
}

// inKeys writes the fields that a comment speaks of as their keys, for that is what the reader of a file knows.
func inKeys(t reflect.Type, comment string) string {
	for i, key := range keysOf(t) {
		comment = regexp.MustCompile(`\b`+t.Field(i).Name+`\b`).ReplaceAllLiteralString(comment, key)
	}
	return comment
}

// eachStruct calls f for every struct below a type.
func eachStruct(t reflect.Type, f func(reflect.Type)) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || schemaOf(t) != nil {
		return
	}
	f(t)
	for i := range t.NumField() {
		eachStruct(t.Field(i).Type, f)
	}
}

func fieldNames(t reflect.Type) []string {
	names := make([]string, t.NumField())
	for i := range names {
		names[i] = t.Field(i).Name
	}
	return names
}

func TestSchemaFile(t *testing.T) {
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, schemaFile, text)
}

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("berth.json", document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("berth.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// instance is a YAML text as the schema's validator reads it.
func instance(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := yaml.UnmarshalWithOptions([]byte(text), &v, yaml.AllowDuplicateMapKey()); err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSchemaAcceptsReferenceFiles(t *testing.T) {
	s := compiledSchema(t)
	for _, name := range referenceFiles {
		if err := s.Validate(instance(t, readFile(t, name))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSchemaRefuses shows that what a schema can say, it says; and that the cases which are left to Decode are those that it cannot.
func TestSchemaRefuses(t *testing.T) {
	s := compiledSchema(t)
	for _, c := range malformedCases {
		t.Run(c.name, func(t *testing.T) {
			err := s.Validate(map[string]any{"config": map[string]any{root: instance(t, c.text(t))}})
			if err == nil && !c.beyondSchema {
				t.Error("the schema accepts it")
			}
			if err != nil && c.beyondSchema {
				t.Errorf("the schema refuses it as well, so that the case belongs to the others: %v", err)
			}
		})
	}
}
