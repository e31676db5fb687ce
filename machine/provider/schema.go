package provider

import _ "embed"

//go:embed schema.json
var schema string
