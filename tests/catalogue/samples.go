package catalogue

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/vendored/tfplugin5"
)

// sampler makes up values that a provider takes for plausible. What cannot be
// guessed from a type is written down in overrides/samples.json.
type sampler struct {
	// Values, by "type.block.attribute" or by attribute name alone: values of it
	// that differ from each other.
	Values map[string][]any `json:"values"`
	// Always, by type: what is set besides what is required, so that the rest makes sense.
	Always map[string]map[string]any `json:"always"`
	// Alternatives, by type: what to set instead, in turn, where a change came to nothing.
	Alternatives map[string][]map[string]any `json:"alternatives"`

	resource string         // the Terraform type that is sampled
	set      map[string]any // the values that are set now, by path
}

func newSampler(resource string) (*sampler, error) {
	text, err := data.ReadFile("overrides/samples.json")
	if err != nil {
		return nil, err
	}
	s := &sampler{resource: resource}
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("reading overrides/samples.json: %w", err)
	}
	s.set = s.Always[resource]
	return s, nil
}

// instead runs f with each alternative until it is satisfied.
func (s *sampler) instead(f func() bool) {
	defer func(set map[string]any) { s.set = set }(s.set)
	for _, alternative := range s.Alternatives[s.resource] {
		s.set = maps.Clone(s.Always[s.resource])
		if s.set == nil {
			s.set = map[string]any{}
		}
		maps.Copy(s.set, alternative)
		if f() {
			return
		}
	}
}

// strings that suit the most common checks: of ARNs, documents, networks,
// numbers, times, addresses.
var genericStrings = [][]any{
	{"value-one", "value-two"},
	{"arn:aws:sns:eu-central-1:123456789012:one", "arn:aws:sns:eu-central-1:123456789012:two"},
	{`{"Version":"2012-10-17","Statement":[]}`, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`},
	{"10.0.0.0/24", "10.0.1.0/24"},
	{"11", "12"},
	{"true", "false"},
	{"2031-01-02T03:04:05Z", "2032-01-02T03:04:05Z"},
	{"10.0.0.1", "10.0.0.2"},
	{"cron(0 5 * * ? *)", "cron(0 6 * * ? *)"},
	{"mon:03:00-mon:04:00", "tue:03:00-tue:04:00"},
}

// candidates lists values of an attribute, in groups whose members differ.
func (s *sampler) candidates(path []string, typ tftypes.Type) [][]any {
	name := path[len(path)-1]
	for _, key := range []string{s.resource + "." + strings.Join(path, "."), name} {
		if values, ok := s.Values[key]; ok {
			return [][]any{s.shape(values, typ)}
		}
	}
	return s.generic(path, typ)
}

func (s *sampler) generic(path []string, typ tftypes.Type) [][]any {
	switch t := typ.(type) {
	case tftypes.List:
		return each(s.generic(path, t.ElementType), func(v any) any { return []any{v} })
	case tftypes.Set:
		return each(s.generic(path, t.ElementType), func(v any) any { return []any{v} })
	case tftypes.Map:
		return each(s.generic(path, t.ElementType), func(v any) any { return map[string]any{"key": v} })
	case tftypes.Object:
		// Every field of an object changes at once.
		first, second := map[string]any{}, map[string]any{}
		for name, at := range t.AttributeTypes {
			c := s.candidates(append(path[:len(path):len(path)], name), at)[0]
			first[name], second[name] = c[0], c[1]
		}
		return [][]any{{first, second}}
	}
	switch {
	case typ.Is(tftypes.Bool):
		return [][]any{{true, false}}
	case typ.Is(tftypes.Number):
		return [][]any{{float64(1), float64(2)}, {float64(30), float64(60)}, {float64(1000), float64(2000)}}
	}
	return genericStrings
}

// shape turns listed scalars into lists or maps where the attribute is one.
func (s *sampler) shape(values []any, typ tftypes.Type) []any {
	wrap := func(v any) any { return v }
	switch typ.(type) {
	case tftypes.List, tftypes.Set:
		wrap = func(v any) any {
			if _, ok := v.([]any); ok {
				return v
			}
			return []any{v}
		}
	case tftypes.Map:
		wrap = func(v any) any {
			if _, ok := v.(map[string]any); ok {
				return v
			}
			return map[string]any{"key": v}
		}
	}
	return each([][]any{values}, wrap)[0]
}

func each(groups [][]any, f func(any) any) [][]any {
	out := make([][]any, len(groups))
	for i, g := range groups {
		for _, v := range g {
			out[i] = append(out[i], f(v))
		}
	}
	return out
}

// emptyBlock is a block in which nothing is set.
func emptyBlock(b *tfplugin5.Schema_Block) map[string]any {
	out := map[string]any{}
	for _, n := range b.BlockTypes {
		if n.Nesting == tfplugin5.Schema_NestedBlock_LIST || n.Nesting == tfplugin5.Schema_NestedBlock_SET {
			out[n.TypeName] = []any{} // never null
		}
	}
	return out
}

// with copies a map and sets some of its keys.
func with(m, more map[string]any) map[string]any {
	out := maps.Clone(m)
	maps.Copy(out, more)
	return out
}

// smallest is a block with what it requires and no more.
func (s *sampler) smallest(b *tfplugin5.Schema_Block, path []string) (map[string]any, error) {
	out := emptyBlock(b)
	for _, a := range b.Attributes {
		at := append(path[:len(path):len(path)], a.Name)
		fixed, isSet := s.set[strings.Join(at, ".")]
		if !a.Required && (!isSet || fixed == nil) {
			continue
		}
		typ, err := tftypes.ParseJSONType(a.Type) //nolint:staticcheck // the only parser there is
		if err != nil {
			return nil, err
		}
		if isSet {
			out[a.Name] = fixed
			continue
		}
		out[a.Name] = s.candidates(at, typ)[0][0]
	}
	for _, n := range b.BlockTypes {
		at := strings.Join(append(path[:len(path):len(path)], n.TypeName), ".")
		_, isSet := s.set[at]
		if n.MinItems == 0 && !isSet {
			continue
		}
		inner, err := s.smallest(n.Block, append(path[:len(path):len(path)], n.TypeName))
		if err != nil {
			return nil, err
		}
		out[n.TypeName] = place(n, inner)
	}
	return out, nil
}

// place puts an inner block's value where its nesting wants it.
func place(n *tfplugin5.Schema_NestedBlock, inner ...map[string]any) any {
	switch n.Nesting {
	case tfplugin5.Schema_NestedBlock_LIST, tfplugin5.Schema_NestedBlock_SET:
		out := []any{}
		for _, i := range inner {
			out = append(out, i)
		}
		return out
	case tfplugin5.Schema_NestedBlock_MAP:
		return map[string]any{"key": inner[0]}
	}
	return inner[0]
}
