package catalogue

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/vendored/tfplugin5"
)

// askedLevels is how many levels of blocks are asked about. Where the description
// is pruned, fewer: the statements of firewall rules change in place like the rules.
const (
	askedLevels       = 5
	askedLevelsPruned = 1
)

// Finding is something a person should know about one property.
type Finding struct {
	Token, Path string // the path as Properties.Walk gives it; "" for the whole type
	Text        string
}

func (f Finding) String() string {
	return strings.TrimSuffix(f.Token+" "+f.Path, " ") + ": " + f.Text
}

// Report says what the real provider told and what it did not.
type Report struct {
	Asked, Replaces   int
	Defaults, Secrets int
	Undetermined      []Finding // no change could be planned
	Conditional       []Finding // some changes replace, others do not
	Unmatched         []Finding // Terraform fields and SDK properties without a counterpart
}

func (r *Report) sort() {
	for _, list := range [][]Finding{r.Undetermined, r.Conditional, r.Unmatched} {
		slices.SortFunc(list, func(a, b Finding) int { return strings.Compare(a.String(), b.String()) })
	}
}

// refiner adds to one member of a catalogue what its Terraform type says.
type refiner struct {
	*prober
	token         string
	member        *Member
	report        *Report
	names         map[string]string // Terraform path -> property name
	smallest, all map[string]any    // planned creations
	levels        int
}

// refine asks the running provider about every member of a catalogue.
func (p Package) refine(ctx context.Context, c *Catalogue, provider *Provider, names map[string]string) (*Report, error) {
	members, err := p.cover(nil)
	if err != nil {
		return nil, err
	}
	report := &Report{}
	for _, m := range members {
		if m.function {
			refineFunction(c.Functions[m.token], provider.dataSources[m.terraform])
			continue
		}
		pr, err := provider.prober(m.terraform)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.token, err)
		}
		r := &refiner{prober: pr, token: m.token, member: c.Types[m.token], report: report, names: names}
		r.levels = askedLevels
		if p.Prune[m.token] > 0 {
			r.levels = askedLevelsPruned
		}
		r.run(ctx)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	report.sort()
	return report, nil
}

func (r *refiner) run(ctx context.Context) {
	var err error
	if r.smallest, r.all, err = r.create(ctx); err != nil {
		r.note(&r.report.Undetermined, nil, fmt.Errorf("its creation cannot be planned, so defaults are missing: %w", err))
	}
	r.level(ctx, r.block, r.member.Inputs, position{})
	r.conflicts(ctx)
}

func (r *refiner) note(to *[]Finding, property []string, why any) {
	text := strings.Join(strings.Fields(fmt.Sprint(why)), " ")
	if len(text) > 200 {
		text = text[:200] + " …"
	}
	*to = append(*to, Finding{Token: r.token, Path: strings.Join(property, "."), Text: text})
}

// position is where a refiner is: the Terraform path and the property's.
type position struct{ terraform, property []string }

func (p position) below(terraform, property string) position {
	return position{
		append(p.terraform[:len(p.terraform):len(p.terraform)], terraform),
		append(p.property[:len(p.property):len(p.property)], property),
	}
}

// level goes through the fields of a block. It tells whether each of them replaces.
func (r *refiner) level(ctx context.Context, b *tfplugin5.Schema_Block, props Properties, here position) bool {
	taken, every := map[string]bool{}, true
	for _, a := range b.Attributes {
		name, prop := r.match(append(here.terraform[:len(here.terraform):len(here.terraform)], a.Name), props)
		if prop == nil {
			r.unmatched(here.below(a.Name, a.Name), a)
			continue
		}
		taken[name] = true
		r.attribute(ctx, a, prop, here.below(a.Name, name))
		if typ, err := tftypes.ParseJSONType(a.Type); err == nil && (a.Optional || a.Required) { //nolint:staticcheck // the only parser there is
			prop.Set = prop.Type == Array && typ.Is(tftypes.Set{})
			r.limits(ctx, prop, here.below(a.Name, name).terraform, typ)
		}
		every = every && prop.Replace
	}
	for _, n := range b.BlockTypes {
		name, prop := r.match(append(here.terraform[:len(here.terraform):len(here.terraform)], n.TypeName), props)
		if prop == nil {
			if n.TypeName != "timeouts" {
				r.note(&r.report.Unmatched, here.below("", n.TypeName).property, "a Terraform block that the SDK lacks")
			}
			continue
		}
		taken[name] = true
		prop.Set = prop.Type == Array && n.Nesting == tfplugin5.Schema_NestedBlock_SET
		if n.MinItems > 0 && prop.Type == Array {
			least := float64(n.MinItems)
			prop.Min = &least
		}
		if len(here.terraform) > 0 && n.MinItems > 0 {
			prop.Required = true
		}
		inner := prop.inner()
		if inner == nil || len(here.terraform) >= r.levels {
			every = false
			continue
		}
		there := here.below(n.TypeName, name)
		r.whole(ctx, prop, there, r.level(ctx, n.Block, inner, there))
		every = every && prop.Replace
	}
	for _, name := range slices.Sorted(maps.Keys(props)) {
		if !taken[name] {
			r.note(&r.report.Unmatched, here.below("", name).property, "an SDK property that Terraform lacks")
		}
	}
	return every
}

// whole finds out about a block that comes or goes.
func (r *refiner) whole(ctx context.Context, prop *Property, here position, all bool) {
	if _, isUnknown := at(r.smallest, here.terraform).(unknown); isUnknown {
		prop.Computed = true
	}
	v := r.add(ctx, here.terraform)
	r.report.Asked++
	switch {
	case v.replaces && (all || !anyReplaces(prop.inner())):
		prop.Replace = true
		r.report.Replaces++
	case v.replaces:
		// Its fields that replace are marked: they come and go with it.
		r.note(&r.report.Conditional, here.property, "replaces when it comes or goes, but not when any field of it changes")
	case !v.told():
		r.note(&r.report.Undetermined, here.property, reason(v))
	}
}

func anyReplaces(ps Properties) bool {
	found := false
	ps.Walk(func(_ string, p *Property) { found = found || p.Replace })
	return found
}

func reason(v verdict) any {
	if v.err != nil {
		return v.err
	}
	return "the provider takes every change tried for none"
}

func (r *refiner) attribute(ctx context.Context, a *tfplugin5.Schema_Attribute, prop *Property, here position) {
	if !a.Optional && !a.Required {
		// An output that the SDK offers as an input of a nested type; never set.
		prop.Computed, prop.ReadOnly = true, true
		return
	}
	prop.Computed = !prop.Required && (a.Computed || a.Required && len(here.terraform) == 1)
	if len(here.terraform) > 1 && a.Required && (prop.Type == Array || prop.Type == Map || prop.Type == Any) {
		prop.Required = true
	}
	if a.Sensitive {
		prop.Secret = true
		r.report.Secrets++
	}
	if d, ok := r.defaultOf(a, prop, here.terraform); ok {
		prop.Default, prop.Computed = d, false
		r.report.Defaults++
	}
	if a.WriteOnly {
		return // never in a state, so never a change by itself
	}
	v := r.change(ctx, here.terraform)
	r.report.Asked++
	switch {
	case v.replaces && v.inPlace:
		r.note(&r.report.Conditional, here.property, "depends on the values")
	case v.replaces:
		prop.Replace = true
		r.report.Replaces++
	case !v.told():
		r.note(&r.report.Undetermined, here.property, reason(v))
	}
}

// defaultOf reads a scalar default off the planned creations.
func (r *refiner) defaultOf(a *tfplugin5.Schema_Attribute, prop *Property, path []string) (any, bool) {
	if a.Required || prop.Required || prop.Default != nil {
		return nil, false
	}
	var v any
	if len(path) == 1 {
		v = at(r.smallest, path)
	} else {
		v = at(r.all, path)
	}
	if _, set := r.samples.set[strings.Join(path, ".")]; set && (len(path) != 1 || !r.plainCreation) {
		return nil, false // made up, not the provider's
	}
	switch v := v.(type) {
	case bool:
		return v, prop.Type == Boolean
	case float64:
		return v, prop.Type == Integer || prop.Type == Number
	case string:
		if v == "Managed by Terraform" {
			v = "Managed by Pulumi"
		}
		switch prop.Type {
		case Integer, Number, Boolean:
			return parseScalar(v), v != ""
		}
		return v, prop.Type == String && v != ""
	}
	return nil, false
}

// match finds the property for a Terraform field.
func (r *refiner) match(path []string, props Properties) (string, *Property) {
	if n, ok := r.names[r.name+"."+strings.Join(path, ".")]; ok {
		return n, props[n]
	}
	for _, n := range propertyNames(path[len(path)-1]) {
		if p := props[n]; p != nil {
			return n, p
		}
	}
	return "", nil
}

// unmatched notes a field without an input, unless it is an output or of no use to a program.
func (r *refiner) unmatched(here position, a *tfplugin5.Schema_Attribute) {
	if len(here.terraform) == 1 {
		if a.Name == "id" {
			return
		}
		if _, out := r.match(here.terraform, r.member.Outputs); out != nil {
			out.Secret = out.Secret || a.Sensitive
			return
		}
	}
	if a.Optional || a.Required {
		r.note(&r.report.Unmatched, here.property, "a Terraform attribute that the SDK lacks")
	}
}

// refineFunction takes over what is secret in a data source's answer.
func refineFunction(m *Member, schema *tfplugin5.Schema) {
	if m == nil || schema == nil {
		return
	}
	for _, a := range schema.Block.Attributes {
		for _, n := range propertyNames(a.Name) {
			if p := m.Outputs[n]; p != nil {
				p.Secret = p.Secret || a.Sensitive
			}
			if p := m.Inputs[n]; p != nil && !p.Required && a.Computed {
				p.Computed = true
			}
		}
	}
}
