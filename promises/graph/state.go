package graph

import (
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// FromState is the graph of what a state says exists. What waits for its deletion, or belongs to somebody else
// and was only read, is left out.
func FromState(state []apitype.ResourceV3) *Graph {
	var resources []*Resource
	for _, r := range state {
		if r.Delete || r.External {
			continue
		}
		inputs, _ := Mask(r.Inputs).(map[string]any)
		outputs, _ := Mask(r.Outputs).(map[string]any)
		one := &Resource{Type: string(r.Type), Name: NameOf(string(r.URN)), ID: string(r.ID), URN: string(r.URN), Parent: string(r.Parent),
			Inputs: inputs, Outputs: outputs, Protect: r.Protect, Retain: r.RetainOnDelete, Provider: ProviderURN(r.Provider),
			IgnoreChanges: r.IgnoreChanges}
		resources = append(resources, one)
	}
	return New(resources)
}

// NameOf is the last part of a URN: the name that the program gave.
func NameOf(urn string) string {
	if i := strings.LastIndex(urn, "::"); i >= 0 {
		return urn[i+2:]
	}
	return urn
}

// ProviderURN takes the id off a reference to a provider, which is its URN and its id.
func ProviderURN(reference string) string {
	if i := strings.LastIndex(reference, "::"); i >= 0 {
		return reference[:i]
	}
	return reference
}

// Mask is a JSON value of a state or of the engine's events without secrets: Secret stands in their place, and
// Unknown in the place of what is not known yet.
func Mask(v any) any {
	switch v := v.(type) {
	case map[string]any:
		switch v[resource.SigKey] {
		case nil:
		case resource.SecretSig:
			return Secret
		case resource.OutputValueSig:
			if secret, _ := v["secret"].(bool); secret {
				return Secret
			}
			return Mask(v["value"])
		default: // an asset, an archive or a reference to a resource: nothing that checks read
			return Unknown
		}
		masked := make(map[string]any, len(v))
		for key, element := range v {
			masked[key] = Mask(element)
		}
		return masked
	case []any:
		masked := make([]any, len(v))
		for i, element := range v {
			masked[i] = Mask(element)
		}
		return masked
	case string:
		switch v {
		case plugin.UnknownStringValue, plugin.UnknownBoolValue, plugin.UnknownNumberValue, plugin.UnknownArrayValue, plugin.UnknownObjectValue:
			return Unknown
		}
		return v
	case int:
		return float64(v)
	default:
		return v
	}
}
