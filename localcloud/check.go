package localcloud

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"github.com/berth-iac/berth/localcloud/catalogue"
)

// defaultsKey is where inputs record which of them the provider chose, as the real providers do.
const defaultsKey = "__defaults"

// Check validates a program's inputs and fills in what it left to the provider. All problems are reported at once.
func (p *provider) Check(ctx context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	t, err := p.typed(ctx, req.GetUrn())
	if err != nil {
		return nil, err
	}
	news, err := unmarshal(req.GetNews())
	if err != nil {
		return nil, err
	}
	olds, err := unmarshal(req.GetOlds())
	if err != nil {
		return nil, err
	}
	var v validator
	v.properties("", news, t.shape.Inputs)
	if err := p.autoname(t, news, olds, req); err != nil {
		v.fail(t.autoname().Property, "%v", err)
	}
	given := news
	news = withDefaults(news, t.shape.Inputs)
	for i, s := 0, p.cloud.scene(t, news); i < len(t.rule.Ignores); i++ {
		for _, name := range t.rule.Ignores[i].Properties {
			if k := resource.PropertyKey(name); given[k].IsNull() && s.ignored(t.rule, name) {
				delete(news, k)
			}
		}
	}
	v.required("", news, t.shape.Inputs)
	v.together(news, t.shape.Inputs, t.shape.Needs)
	if len(v.failures) == 0 {
		s := p.cloud.scene(t, news)
		p.cloud.store.mu.Lock()
		for _, problem := range s.checks(false) {
			v.fail(problem.property, "%s", problem.text)
		}
		p.cloud.store.mu.Unlock()
	}
	inputs, err := marshal(markSecrets(news, t.shape.Inputs))
	if err != nil {
		return nil, err
	}
	return &pulumirpc.CheckResponse{Inputs: inputs, Failures: v.failures}, nil
}

// autoname chooses a name when the program gives none, and keeps the one it chose before.
func (p *provider) autoname(t typed, news, olds resource.PropertyMap, req *pulumirpc.CheckRequest) error {
	auto := t.autoname()
	if auto == nil {
		return nil
	}
	name := resource.PropertyKey(auto.Property)
	if v, ok := news[name]; ok && !v.IsNull() {
		return nil
	}
	if v, ok := news[name+"Prefix"]; ok && !v.IsNull() {
		return nil
	}
	chosen := gather(olds[defaultsKey], "")
	before := slices.ContainsFunc(chosen, func(v resource.PropertyValue) bool { return text(v) == auto.Property })
	if old, ok := olds[name]; ok && before {
		news[name] = old
	} else {
		prefix := t.urn.Name() + "-"
		if auto.Lower {
			prefix = strings.ToLower(prefix)
		}
		unique, err := resource.NewUniqueName(p.nameSeed(t, req), prefix, 7, auto.Max, nil)
		if err != nil {
			return err
		}
		news[name] = resource.NewStringProperty(unique)
	}
	news[defaultsKey] = resource.NewArrayProperty([]resource.PropertyValue{resource.NewStringProperty(auto.Property)})
	return nil
}

// autoname is how the type's objects get names; nil when they get none.
func (t typed) autoname() *catalogue.Autoname {
	p := t.rules.Packages[t.settings.pkg]
	if t.rule.Autoname != nil || p == nil || !p.Autoname {
		return t.rule.Autoname
	}
	if name := t.shape.Inputs["name"]; name != nil && name.Type == "string" && !name.Required {
		return &catalogue.Autoname{Property: "name", Max: longestName}
	}
	return nil
}

// longestName is the real providers' limit where a type names none.
const longestName = 255

// nameSeed is what a chosen name depends on: the engine's seed, or ours, the urn and how many objects it has had.
func (p *provider) nameSeed(t typed, req *pulumirpc.CheckRequest) []byte {
	if p.cloud.options.Seed == 0 {
		return req.GetRandomSeed()
	}
	p.cloud.store.mu.Lock()
	defer p.cloud.store.mu.Unlock()
	return seeded(p.cloud.options.Seed, "name", string(t.urn), p.cloud.store.births[string(t.urn)])
}

func seeded(seed uint64, purpose, urn string, count int) []byte {
	mac := hmac.New(sha256.New, []byte(strconv.FormatUint(seed, 10)))
	_, _ = fmt.Fprintf(mac, "%s\x00%s\x00%d", purpose, urn, count)
	return mac.Sum(nil)
}

// validator compares values with shapes.
type validator struct{ failures []*pulumirpc.CheckFailure }

func (v *validator) fail(path, format string, args ...any) {
	v.failures = append(v.failures, &pulumirpc.CheckFailure{Property: path, Reason: fmt.Sprintf(format, args...)})
}

// properties refuses what the shape does not have. What is required is looked at when defaults are filled in.
func (v *validator) properties(path string, props resource.PropertyMap, shapes map[string]*catalogue.Property) {
	for _, name := range props.StableKeys() {
		if strings.HasPrefix(string(name), "__") {
			continue
		}
		shape := shapes[string(name)]
		if shape == nil {
			v.fail(join(path, string(name)), "there is no property %q%s", name, suggestion(string(name), sortedKeys(shapes)))
			continue
		}
		v.value(join(path, string(name)), props[name], shape)
	}
}

// join is the path of a property as the engine writes it: names with its own signs stand in brackets.
func join(path, name string) string {
	if strings.ContainsAny(name, `."[]`) {
		return path + "[" + strconv.Quote(name) + "]"
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

func (v *validator) value(path string, value resource.PropertyValue, shape *catalogue.Property) {
	value, _ = bare(value)
	if value.IsNull() || value.IsComputed() || shape == nil {
		return
	}
	fits := true
	switch shape.Type {
	case "string":
		fits = value.IsString() || value.IsAsset() || value.IsArchive()
	case "boolean":
		fits = value.IsBool() || value.IsString() && (value.StringValue() == "true" || value.StringValue() == "false")
	case "integer", "number":
		if fits = value.IsNumber(); !fits && value.IsString() {
			_, err := strconv.ParseFloat(value.StringValue(), 64)
			fits = err == nil
		}
		if fits && value.IsNumber() && shape.Type == "integer" && value.NumberValue() != float64(int64(value.NumberValue())) {
			v.fail(path, "expected a whole number, got %s", text(value))
		}
	case "array":
		if value.IsObject() && shape.MaxItems1 {
			v.properties(path, value.ObjectValue(), shape.Elem.Properties)
			return
		}
		if fits = value.IsArray(); fits {
			for i, item := range value.ArrayValue() {
				v.value(fmt.Sprintf("%s[%d]", path, i), item, shape.Elem)
			}
		}
	case "map":
		if fits = value.IsObject(); fits {
			for _, name := range value.ObjectValue().StableKeys() {
				v.value(join(path, string(name)), value.ObjectValue()[name], shape.Elem)
			}
		}
	case "object":
		if fits = value.IsObject(); fits && shape.Properties != nil {
			v.properties(path, value.ObjectValue(), shape.Properties)
		}
	}
	if !fits {
		v.fail(path, "expected %s, got %s", shape.Type, value.TypeString())
		return
	}
	v.limits(path, value, shape)
}

// required names what is missing, at every level.
func (v *validator) required(path string, props resource.PropertyMap, shapes map[string]*catalogue.Property) {
	for _, name := range sortedKeys(shapes) {
		shape := shapes[name]
		value, _ := bare(props[resource.PropertyKey(name)])
		at := join(path, name)
		switch {
		case value.IsNull() && shape.Required:
			v.fail(at, "missing required property %q", at)
		case value.IsObject() && shape.Properties != nil:
			v.required(at, value.ObjectValue(), shape.Properties)
		case value.IsArray() && shape.Elem != nil && shape.Elem.Properties != nil:
			for i, item := range value.ArrayValue() {
				if item, _ := bare(item); item.IsObject() {
					v.required(fmt.Sprintf("%s[%d]", at, i), item.ObjectValue(), shape.Elem.Properties)
				}
			}
		}
	}
}

// withDefaults fills in the provider's own defaults, at every level.
func withDefaults(props resource.PropertyMap, shapes map[string]*catalogue.Property) resource.PropertyMap {
	filled := props.Copy()
	for name, shape := range shapes {
		k := resource.PropertyKey(name)
		v, ok := filled[k]
		switch {
		case (!ok || v.IsNull()) && shape.Default != nil:
			filled[k] = resource.NewPropertyValue(shape.Default)
		case ok:
			filled[k] = mapObjects(v, shape, withDefaults)
		}
	}
	return filled
}

// mapObjects applies a change to every object with a shape in a value; wrappers stay on.
func mapObjects(
	v resource.PropertyValue, shape *catalogue.Property,
	change func(resource.PropertyMap, map[string]*catalogue.Property) resource.PropertyMap,
) resource.PropertyValue {
	switch {
	case shape == nil:
		return v
	case v.IsSecret():
		return resource.MakeSecret(mapObjects(v.SecretValue().Element, shape, change))
	case v.IsObject() && shape.Properties != nil:
		return resource.NewObjectProperty(change(v.ObjectValue(), shape.Properties))
	case v.IsObject() && shape.Elem != nil: // a map: each of its values has the same shape
		shapes := map[string]*catalogue.Property{}
		for name := range v.ObjectValue() {
			shapes[string(name)] = shape.Elem
		}
		return resource.NewObjectProperty(change(v.ObjectValue(), shapes))
	case v.IsArray() && shape.Elem != nil:
		items := make([]resource.PropertyValue, len(v.ArrayValue()))
		for i, item := range v.ArrayValue() {
			items[i] = mapObjects(item, shape.Elem, change)
		}
		return resource.NewArrayProperty(items)
	}
	return v
}

// markSecrets makes secrets of what the catalogue says is secret, at every level.
func markSecrets(props resource.PropertyMap, shapes map[string]*catalogue.Property) resource.PropertyMap {
	marked := resource.PropertyMap{}
	for name, v := range props {
		shape := shapes[string(name)]
		switch {
		case shape != nil && shape.Secret && !v.IsSecret() && !v.IsNull() && !v.IsComputed():
			v = resource.MakeSecret(v)
		case shape != nil:
			v = mapObjects(v, shape, markSecrets)
		}
		marked[name] = v
	}
	return marked
}
