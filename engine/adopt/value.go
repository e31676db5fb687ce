package adopt

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// text is a plain value as text; empty for what is none.
func text(v any) string {
	switch value := v.(type) {
	case string:
		return value
	case bool:
		return strconv.FormatBool(value)
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64)
	case nil, map[string]any, []any:
		return ""
	default:
		return fmt.Sprint(value)
	}
}

// structure is a provider's input, which the engine keeps as JSON in a text when it is no text itself.
func structure(v any) any {
	if s, ok := v.(string); ok {
		var parsed any
		if json.Unmarshal([]byte(s), &parsed) == nil {
			return parsed
		}
	}
	return v
}
