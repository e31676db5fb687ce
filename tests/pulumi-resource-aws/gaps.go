package main

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
	"gopkg.in/yaml.v3"
)

// What is done about a gap.
const (
	doStandIn = "stand-in" // checked and planned, never sent: the state gets the plan with made-up computed values
	doKeep    = "keep"     // sent; the named properties keep what was planned, whatever comes back
	doSend    = "send"     // sent with other values of the named properties; the state keeps the program's
	doLeave   = "leave"    // sent, but for its deletion: what was made stays behind
)

// gap is one thing that the emulator lacks in a resource type, or in a function.
type gap struct {
	token  string // aws:module/name:Name
	lacks  string // what is lacking, in words or as the name of an operation
	answer string // the emulator's own words; "…" stands for any text
	do     string
	costly bool              // not tried, as the answer takes minutes
	late   bool              // with send: the deletion only is sent with other values
	where  map[string]string // Terraform fields whose texts decide whether the gap is there; "…" stands for any text
	keep   []string          // Terraform fields whose planned value stays: with keep and send
	send   map[string]any
	values map[string]any // made-up computed values by Terraform field: with stand-in
}

// gapSet is what the gaps file holds, by Terraform type.
type gapSet struct{ resources, functions map[string][]gap }

// matches tells whether an answer is the one that the gap is known by.
func (g gap) matches(answer string) bool { return holds(answer, g.answer) }

// concerns tells whether the gap is there for a resource of such a value.
func (g gap) concerns(v tftypes.Value) bool {
	for field, pattern := range g.where {
		var text string
		if f, err := fieldOf(v, field); err != nil || !f.IsKnown() || f.IsNull() || f.As(&text) != nil || !holds(text, pattern) {
			return false
		}
	}
	return true
}

// holds tells whether a text holds the parts of a pattern, which "…" parts, in their order.
func holds(answer, pattern string) bool {
	for part := range strings.SplitSeq(pattern, "…") {
		_, rest, ok := strings.Cut(answer, strings.TrimSpace(part))
		if !ok {
			return false
		}
		answer = rest
	}
	return true
}

// gapDecoder gathers every problem of a gaps file, with its place.
type gapDecoder struct {
	file     string
	types    map[string]shim.ValueType // of the fields of the type that is being read
	problems []error
}

func (d *gapDecoder) problem(n *yaml.Node, format string, args ...any) {
	d.problems = append(d.problems, fmt.Errorf("%s:%d: %s", d.file, n.Line, fmt.Sprintf(format, args...)))
}

// decodeGaps reads a gaps file. It is strict, and reports all problems at once.
func decodeGaps(file string, text []byte, t tables, info tfbridge.ProviderInfo) (gapSet, error) {
	set, d := gapSet{map[string][]gap{}, map[string][]gap{}}, &gapDecoder{file: file, types: map[string]shim.ValueType{}}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return set, fmt.Errorf("%s: %w", file, err)
	}
	if len(document.Content) == 0 {
		return set, nil
	}
	resources, functions := map[string]string{}, map[string]string{}
	for tf, token := range t.resources {
		resources[string(token)] = tf
	}
	for tf, token := range t.functions {
		functions[string(token)] = tf
	}
	for token, list := range d.mapping(document.Content[0], "tokens to lists of gaps") {
		switch tf, isFunction := functions[token.Value], functions[token.Value] != ""; {
		case isFunction:
			set.functions[tf] = d.gaps(token, list, info.P.DataSourcesMap().Get(tf).Schema(), info.DataSources[tf].Fields)
		case resources[token.Value] != "":
			tf = resources[token.Value]
			set.resources[tf] = d.gaps(token, list, info.P.ResourcesMap().Get(tf).Schema(), info.Resources[tf].Fields)
		default:
			d.problem(token, "%q is no token that this plugin serves; write it as aws:ec2/vpc:Vpc", token.Value)
		}
	}
	return set, errors.Join(d.problems...)
}

// mapping ranges over the keys and values of a mapping, each key once.
func (d *gapDecoder) mapping(n *yaml.Node, of string) func(func(*yaml.Node, *yaml.Node) bool) {
	return func(yield func(*yaml.Node, *yaml.Node) bool) {
		if n.Kind != yaml.MappingNode {
			d.problem(n, "want a mapping of %s", of)
			return
		}
		seen := map[string]bool{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if seen[key.Value] {
				d.problem(key, "%q stands here twice", key.Value)
				continue
			}
			seen[key.Value] = true
			if !yield(key, n.Content[i+1]) {
				return
			}
		}
	}
}

func (d *gapDecoder) gaps(token, list *yaml.Node, sm shim.SchemaMap, infos map[string]*tfbridge.SchemaInfo) []gap {
	if list.Kind != yaml.SequenceNode || len(list.Content) == 0 {
		d.problem(list, "%s: want a list of gaps", token.Value)
		return nil
	}
	clear(d.types)
	names := map[string]string{"id": "id"} // Terraform field by Pulumi property
	sm.Range(func(k string, s shim.Schema) bool {
		names[tfbridge.TerraformToPulumiNameV2(k, sm, infos)] = k
		d.types[k] = s.Type()
		return true
	})
	var out []gap
	for _, n := range list.Content {
		g := gap{token: token.Value}
		var properties *yaml.Node
		for key, value := range d.mapping(n, "a gap: lacks, answer, do") {
			switch key.Value {
			case "lacks":
				g.lacks = d.text(value, "lacks")
			case "answer":
				g.answer = d.text(value, "answer")
			case "do":
				g.do = d.text(value, "do")
			case "costly":
				if err := value.Decode(&g.costly); err != nil {
					d.problem(value, "costly: want true or false")
				}
			case "on":
				if g.late = value.Value == "delete"; !g.late {
					d.problem(value, "on: want delete, or leave it out")
				}
			case "properties":
				properties = value
			case "where":
				g.where = map[string]string{}
				for name, pattern := range d.values(value, names) {
					g.where[name], _ = pattern.(string)
				}
			case "values":
				g.values = d.values(value, names)
			default:
				d.problem(key, "unknown key %q; a gap has lacks, answer, where, do, on, costly, properties and values", key.Value)
			}
		}
		d.complete(n, &g, properties, names)
		out = append(out, g)
	}
	for i := range out {
		if out[i].do == doStandIn && len(out) > 1 && out[i].where == nil {
			d.problem(list.Content[i], "a stand-in is never sent, so it is the only gap of its type, or has a where")
		}
	}
	return out
}

// complete reads what depends on what is to be done, and demands what is missing.
func (d *gapDecoder) complete(n *yaml.Node, g *gap, properties *yaml.Node, names map[string]string) {
	if g.lacks == "" {
		d.problem(n, "lacks is missing: say what the emulator lacks")
	}
	if g.answer == "" {
		d.problem(n, "answer is missing: give the emulator's own words")
	}
	known := []string{doStandIn, doKeep, doSend, doLeave}
	if !slices.Contains(known, g.do) {
		d.problem(n, "do: %q is none of %s", g.do, strings.Join(known, ", "))
		return
	}
	switch {
	case (g.do == doKeep || g.do == doSend) && properties == nil:
		d.problem(n, "do: %s needs properties", g.do)
	case g.do == doKeep:
		var list []string
		if err := properties.Decode(&list); err != nil || len(list) == 0 {
			d.problem(properties, "properties: want a list of names with do: keep")
		}
		for i, name := range list {
			if names[name] == "" {
				d.problem(properties.Content[i], "%s has no property %q", g.token, name)
			}
			g.keep = append(g.keep, names[name])
		}
	case g.do == doSend:
		g.send = d.values(properties, names)
		g.keep = slices.Sorted(maps.Keys(g.send))
	case properties != nil:
		d.problem(properties, "properties have no meaning with do: %s", g.do)
	}
	if g.late && g.do != doSend {
		d.problem(n, "on has a meaning with do: send only")
	}
	if g.do != doStandIn && g.values != nil {
		d.problem(n, "values have a meaning with do: stand-in only")
	}
}

func (d *gapDecoder) text(n *yaml.Node, key string) string {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" || strings.TrimSpace(n.Value) == "" {
		d.problem(n, "%s: want a text", key)
	}
	return strings.TrimSpace(n.Value)
}

// values reads a mapping of property names to values, and names it as Terraform does.
func (d *gapDecoder) values(n *yaml.Node, names map[string]string) map[string]any {
	out := map[string]any{}
	for key, value := range d.mapping(n, "properties to values") {
		if names[key.Value] == "" {
			d.problem(key, "no property %q here", key.Value)
			continue
		}
		var v any
		if err := value.Decode(&v); err != nil {
			d.problem(value, "%s: %v", key.Value, err)
		}
		if kind := scalars[d.types[names[key.Value]]]; kind.name != "" && !slices.Contains(kind.tags, value.Tag) {
			d.problem(value, "%s: want a %s", key.Value, kind.name)
		}
		out[names[key.Value]] = d.template(value, v, names)
	}
	return out
}

// template gives what stands in ${…} in a value's texts Terraform's names.
func (d *gapDecoder) template(n *yaml.Node, v any, names map[string]string) any {
	switch v := v.(type) {
	case string:
		return inText.ReplaceAllStringFunc(v, func(m string) string {
			name := m[2 : len(m)-1]
			if hexDigits.MatchString(name) || slices.Contains([]string{"account", "region", "uuid"}, name) {
				return m
			}
			if names[name] == "" {
				d.problem(n, "%s: want a property, account, region, uuid, or a number of digits such as ${hex 17}", m)
			}
			return "${" + names[name] + "}"
		})
	case []any:
		for i := range v {
			v[i] = d.template(n, v[i], names)
		}
	case map[string]any:
		for k := range v {
			v[k] = d.template(n, v[k], names)
		}
	}
	return v
}

var hexDigits = regexp.MustCompile(`^hex [1-9][0-9]?$`)

// scalars are the names of kinds of single values, and the YAML tags that they may have.
var scalars = map[shim.ValueType]struct {
	name string
	tags []string
}{
	shim.TypeBool: {"boolean", []string{"!!bool", "!!null"}}, shim.TypeString: {"text", []string{"!!str", "!!null"}},
	shim.TypeInt: {"number", []string{"!!int", "!!null"}}, shim.TypeFloat: {"number", []string{"!!int", "!!float", "!!null"}},
}
