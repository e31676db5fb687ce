package evidence_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/berth-iac/berth/promises/evidence"
)

var update = flag.Bool("update", false, "rewrite the golden files and docs/evidence.schema.json")

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v\nrun the test with -update to write it", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); if it should, run with -update:\n%s", path, diff)
	}
}

func encode(t testing.TB, d *evidence.Document) []byte {
	t.Helper()
	text, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestMakeGolden(t *testing.T) {
	text := encode(t, exampleDocument(t))
	golden(t, "testdata/example.json", text)
	if again := encode(t, exampleDocument(t)); !bytes.Equal(text, again) {
		t.Error("the same input gives other bytes")
	}
	back, err := evidence.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(exampleDocument(t), back); diff != "" {
		t.Errorf("decoded differs from encoded (-want +got):\n%s", diff)
	}
}

// borrowed describes the fields of types that are shared with other forms, where their own comments do not serve here.
var borrowed = map[string]string{
	"Finding.Resource": "Resource is its name in the stack, or stack for the stack as a whole.",
	"Finding.Type":     "Type of the resource, such as aws:rds/instance:Instance; absent for the stack as a whole.",
	"Finding.Property": "Property that was read; absent where no single one tells.",
	"Finding.Found":    "Found is what was there, shortened; never a secret.",
	"Finding.Expected": "Expected is what must be there, in words.",
	"Finding.Fix":      "Fix is what would mend it; absent where it holds.",
	"Finding.Holds":    "Holds tells whether what was found is as expected.",
	"Finding.Waiver":   "Waiver is the deviation that the stack's file records; absent where there is none.",
	"Waived.Reason":    "Reason for the deviation.",
	"Waived.Owner":     "Owner answers for it.",
	"Waived.Expires":   "Expires is the last day on which it holds, such as 2027-01-31; it ends at midnight UTC.",
	"Parameter.Name":   "Name such as point-in-time window.",
	"Parameter.Value":  "Value with its unit, such as 7 days.",
	"Parameter.Key":    "Key where the stack's file sets it, such as database.pointInTimeDays; empty: the same for everyone.",
}

const schemaFile = "../../docs/evidence.schema.json"

// TestSchema writes the schema from the types and their comments, and holds a document against it.
func TestSchema(t *testing.T) {
	reflector := &jsonschema.Reflector{ExpandedStruct: true, CommentMap: map[string]string{}, LookupComment: func(t reflect.Type, field string) string {
		return borrowed[t.Name()+"."+field]
	}}
	if err := reflector.AddGoComments("github.com/berth-iac/berth/promises/evidence", "document.go", jsonschema.WithFullComment()); err != nil {
		t.Fatal(err)
	}
	schema := reflector.Reflect(&evidence.Document{})
	schema.ID = "https://berth.example/schemas/evidence.schema.json"
	schema.Title = "Evidence about one stack, as berth evidence writes it"
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, schemaFile, append(text, '\n'))

	for name, definition := range schema.Definitions {
		for property := definition.Properties.Oldest(); property != nil; property = property.Next() {
			if property.Value.Description == "" && property.Value.Ref == "" {
				t.Errorf("%s.%s has no description: give the field a comment", name, property.Key)
			}
		}
	}
	compiled := compile(t, text)
	if err := compiled.Validate(instance(t, encode(t, exampleDocument(t)))); err != nil {
		t.Errorf("the example does not fit the schema: %v", err)
	}
	wrong := bytes.Replace(encode(t, exampleDocument(t)), []byte(`"verdict": "kept"`), []byte(`"verdict": "fine"`), 1)
	if err := compiled.Validate(instance(t, wrong)); err == nil {
		t.Error("a verdict that does not exist fits the schema")
	}
}

func compile(t *testing.T, text []byte) *validator.Schema {
	t.Helper()
	compiler := validator.NewCompiler()
	if err := compiler.AddResource("schema.json", instance(t, text)); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func instance(t *testing.T, text []byte) any {
	t.Helper()
	value, err := validator.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return value
}
