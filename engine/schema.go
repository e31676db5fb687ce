package engine

import (
	"encoding/json"
	"fmt"

	"github.com/invopop/jsonschema"
)

// Schema is the JSON Schema of a Result, as docs/preview.schema.json holds it.
func Schema() ([]byte, error) {
	reflector := &jsonschema.Reflector{DoNotReference: false, ExpandedStruct: true}
	schema := reflector.Reflect(&Result{})
	schema.ID = "https://berth.example/schemas/preview.schema.json"
	schema.Title = "What berth preview, up, refresh and destroy print with --output json"
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the schema of a result: %w", err)
	}
	return append(text, '\n'), nil
}
