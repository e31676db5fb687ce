package catalogue

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/vendored/tfplugin5"
)

// prober asks the provider about one resource type.
type prober struct {
	provider *Provider
	name     string
	block    *tfplugin5.Schema_Block
	typ      tftypes.Object
	samples  *sampler
	// plainCreation tells that the planned creation has none of the values that
	// the samples set besides the required ones.
	plainCreation bool
}

func (p *Provider) prober(name string) (*prober, error) {
	schema := p.resources[name]
	if schema == nil {
		return nil, fmt.Errorf("the Terraform provider has no resource type %s", name)
	}
	typ, err := blockType(schema.Block)
	if err != nil {
		return nil, fmt.Errorf("reading the schema of %s: %w", name, err)
	}
	s, err := newSampler(name)
	if err != nil {
		return nil, err
	}
	return &prober{provider: p, name: name, block: schema.Block, typ: typ, samples: s}, nil
}

// verdict is what was found out about a change.
type verdict struct {
	replaces  bool
	inPlace   bool  // a change was seen that does not replace
	err       error // why nothing was found out
	unchanged bool  // all changes tried were taken for none
}

// change plans every change of one attribute that the samples offer, until one is seen.
func (p *prober) change(ctx context.Context, path []string) verdict {
	return p.either(func() verdict { return p.changeOnce(ctx, path) })
}

// add plans that a block which was not there is there.
func (p *prober) add(ctx context.Context, path []string) verdict {
	return p.either(func() verdict { return p.addOnce(ctx, path) })
}

// either asks, and asks again with the alternative samples when that told nothing.
func (p *prober) either(ask func() verdict) verdict {
	v := ask()
	// One complaint may hide the next; what can be learnt is bounded by the fields.
	for !v.told() && v.err != nil && p.samples.learn(v.err) {
		v = ask()
	}
	if v.told() {
		return v
	}
	p.samples.instead(func() bool {
		if w := ask(); w.told() {
			v = w
		}
		return v.told()
	})
	return v
}

func (v verdict) told() bool { return v.replaces || v.inPlace }

func (p *prober) changeOnce(ctx context.Context, path []string) verdict {
	attr, err := p.find(path)
	if err != nil {
		return verdict{err: err}
	}
	typ, err := tftypes.ParseJSONType(attr.Type) //nolint:staticcheck // the only parser there is
	if err != nil {
		return verdict{err: err}
	}
	v := verdict{}
	for _, group := range p.samples.candidates(path, typ) {
		for i := range group {
			before, err := p.build(path, group[i])
			if err != nil {
				return verdict{err: err}
			}
			after, err := p.build(path, group[(i+1)%len(group)])
			if err != nil {
				return verdict{err: err}
			}
			p.compare(ctx, path, before, after, &v)
		}
		if v.told() {
			v.err = nil
			break
		}
	}
	return v
}

func (p *prober) addOnce(ctx context.Context, path []string) verdict {
	v := verdict{}
	before, err := p.build(path, nil)
	if err != nil {
		return verdict{err: err}
	}
	after, err := p.build(append(path[:len(path):len(path)], ""), nil)
	if err != nil {
		return verdict{err: err}
	}
	p.compare(ctx, path, before, after, &v)
	if v.told() {
		v.err = nil
	}
	return v
}

func (p *prober) compare(ctx context.Context, path []string, before, after map[string]any, v *verdict) {
	// What the cloud gave the resource when it was made.
	made := map[string]any{"id": "id-0123456789abcdef0"}
	if _, ok := p.typ.AttributeTypes["arn"]; ok && before["arn"] == nil && after["arn"] == nil {
		made["arn"] = "arn:aws:service:eu-central-1:123456789012:thing/id-0123456789abcdef0"
	}
	prior, proposed := with(before, made), with(after, made)
	plan, err := p.provider.plan(ctx, p.name, p.typ, prior, p.settable(after), proposed)
	if err != nil {
		v.err = err
		return
	}
	target := strings.Join(path, ".")
	hit := slices.ContainsFunc(plan.replace, func(r string) bool {
		return r == target || strings.HasPrefix(target, r+".") || strings.HasPrefix(r, target+".")
	})
	switch {
	case hit:
		v.replaces = true
	case reflect.DeepEqual(at(plan.planned, path), at(prior, path)):
		v.unchanged = true
	default:
		v.inPlace = true
	}
}

// settable removes what a program cannot set.
func (p *prober) settable(value map[string]any) map[string]any {
	out := with(value, nil)
	delete(out, "id")
	for _, a := range p.block.Attributes {
		if !a.Optional && !a.Required {
			delete(out, a.Name)
		}
	}
	return out
}

// at follows a path of names, through the first element of lists and maps.
func at(v any, path []string) any {
	for {
		list, ok := v.([]any)
		if !ok || len(path) == 0 {
			break
		}
		if len(list) == 0 {
			return nil
		}
		v = list[0]
	}
	m, ok := v.(map[string]any)
	if len(path) == 0 || !ok {
		return v
	}
	return at(m[path[0]], path[1:])
}

func (p *prober) find(path []string) (*tfplugin5.Schema_Attribute, error) {
	b := p.block
	for _, name := range path[:len(path)-1] {
		n := nested(b, name)
		if n == nil {
			return nil, fmt.Errorf("%s has no block %s", p.name, strings.Join(path, "."))
		}
		b = n.Block
	}
	for _, a := range b.Attributes {
		if a.Name == path[len(path)-1] {
			return a, nil
		}
	}
	return nil, fmt.Errorf("%s has no attribute %s", p.name, strings.Join(path, "."))
}

func nested(b *tfplugin5.Schema_Block, name string) *tfplugin5.Schema_NestedBlock {
	for _, n := range b.BlockTypes {
		if n.TypeName == name {
			return n
		}
	}
	return nil
}

// build makes the smallest resource in which the attribute at path has a value.
// A last name of "" stands for the block itself, with what it requires.
func (p *prober) build(path []string, value any) (map[string]any, error) {
	return p.fill(p.block, nil, path, value)
}

func (p *prober) fill(b *tfplugin5.Schema_Block, done, path []string, value any) (map[string]any, error) {
	out, err := p.samples.smallest(b, done)
	if err != nil {
		return nil, err
	}
	if path[0] == "" {
		return out, nil
	}
	if len(path) == 1 {
		if n := nested(b, path[0]); n != nil && value == nil {
			out[path[0]] = emptyBlock(b)[path[0]]
		} else {
			out[path[0]] = value
		}
		return out, nil
	}
	n := nested(b, path[0])
	if n == nil {
		return nil, fmt.Errorf("%s has no block %s", p.name, path[0])
	}
	inner, err := p.fill(n.Block, append(done[:len(done):len(done)], path[0]), path[1:], value)
	if err != nil {
		return nil, err
	}
	out[path[0]] = place(n, inner)
	return out, nil
}

// create plans a creation: with the required attributes alone, and with one of
// every block on top; each tells defaults and what the cloud fills in.
func (p *prober) create(ctx context.Context) (smallest, full map[string]any, err error) {
	least := func() (map[string]any, error) { return p.samples.smallest(p.block, nil) }
	// What is set besides has defaults too: without it first.
	always := p.samples.set
	p.samples.set = nil
	smallest, err = p.creation(ctx, least)
	p.samples.set = always
	p.plainCreation = err == nil
	if err != nil {
		smallest, err = p.creation(ctx, least)
	}
	if err != nil {
		return nil, nil, err
	}
	ask := func() bool {
		full, err = p.creation(ctx, func() (map[string]any, error) { return p.everyBlock(p.block, nil, 3) })
		return err == nil
	}
	if !ask() {
		p.samples.instead(ask)
	}
	return smallest, full, err
}

func (p *prober) creation(ctx context.Context, value func() (map[string]any, error)) (map[string]any, error) {
	for {
		v, err := value()
		if err != nil {
			return nil, err
		}
		plan, err := p.provider.plan(ctx, p.name, p.typ, nil, v, v)
		if err == nil {
			return plan.planned, nil
		}
		if !p.samples.learn(err) {
			return nil, err
		}
	}
}

func (p *prober) everyBlock(b *tfplugin5.Schema_Block, path []string, levels int) (map[string]any, error) {
	out, err := p.samples.smallest(b, path)
	if err != nil || levels == 0 {
		return out, err
	}
	for _, n := range b.BlockTypes {
		if n.TypeName == "timeouts" {
			continue
		}
		inner, err := p.everyBlock(n.Block, append(path[:len(path):len(path)], n.TypeName), levels-1)
		if err != nil {
			return nil, err
		}
		out[n.TypeName] = place(n, inner)
	}
	return out, nil
}
