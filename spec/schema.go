package spec

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/invopop/jsonschema"
)

// descriptions are the types' doc comments, for a binary has none of them.
// Rewrite the file with `go test ./spec -run TestDescriptions -update`.
//
//go:embed descriptions.json
var descriptions []byte

// Schema is the JSON Schema of a whole Pulumi.<stack>.yaml, for editors. It says
// what one value may be; what values say about each other only Decode checks.
func Schema() ([]byte, error) {
	comments := map[string]string{}
	if err := json.Unmarshal(descriptions, &comments); err != nil {
		return nil, fmt.Errorf("make schema: read the embedded descriptions: %w", err)
	}
	reflector := jsonschema.Reflector{
		Anonymous: true, RequiredFromJSONSchemaTags: true, CommentMap: comments, Mapper: schemaOf,
	}
	value := &jsonschema.Schema{Description: "What the stack is: one client, a pair of sites, or the organisation."}
	definitions := jsonschema.Definitions{}
	for _, kind := range inOrder {
		s := reflector.ReflectFromType(kinds[kind])
		for name, d := range s.Definitions {
			trimText(d)
			definitions[name] = d
		}
		value.OneOf = append(value.OneOf, &jsonschema.Schema{Ref: s.Ref})
	}
	config := object(root, value)
	config.Description = "The stack's configuration. Other keys belong to Pulumi and its providers; secrets among them are encrypted."
	file := object("config", config)
	file.Version, file.Title, file.Definitions = jsonschema.Version, "Pulumi.<stack>.yaml of Berth", definitions
	text, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("make schema: %w", err)
	}
	return append(text, '\n'), nil
}

// trimText says of free text what Decode says of all text: it is not empty, and has no space at its ends.
func trimText(s *jsonschema.Schema) {
	for pair := s.Properties.Oldest(); pair != nil; pair = pair.Next() {
		text := pair.Value
		if text.Items != nil {
			text = text.Items
		}
		if text.Type == "string" && text.Pattern == "" && text.Format == "" && len(text.Enum) == 0 {
			text.Pattern = `^\S(.*\S)?$`
		}
	}
}

// object is a mapping with one required key among others.
func object(key string, value *jsonschema.Schema) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "object", Required: []string{key}, Properties: jsonschema.NewProperties()}
	s.Properties.Set(key, value)
	return s
}

// schemaOf are the types that are written as text.
func schemaOf(t reflect.Type) *jsonschema.Schema {
	switch t {
	case dateType:
		return &jsonschema.Schema{Type: "string", Format: "date"}
	case instantType:
		return &jsonschema.Schema{Type: "string", Format: "date-time"}
	case prefixType:
		return &jsonschema.Schema{Type: "string", Pattern: `^[0-9a-fA-F.:]+/[0-9]{1,3}$`}
	}
	return nil
}
