package report

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/berth-iac/berth/fleet"
	"github.com/invopop/jsonschema"
)

// JSON writes an answer as programs read it: the Answer itself, as docs/fleet.schema.json describes it.
func JSON(w io.Writer, a *fleet.Answer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(a); err != nil {
		return fmt.Errorf("write the fleet's answer as JSON: %w", err)
	}
	return nil
}

// Schema is the JSON Schema of an Answer, as docs/fleet.schema.json holds it.
func Schema() ([]byte, error) {
	reflector := &jsonschema.Reflector{DoNotReference: false, ExpandedStruct: true}
	schema := reflector.Reflect(&fleet.Answer{})
	schema.ID = "https://berth.example/schemas/fleet.schema.json"
	schema.Title = "What berth fleet prints with --output json"
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the schema of a fleet's answer: %w", err)
	}
	return append(text, '\n'), nil
}
