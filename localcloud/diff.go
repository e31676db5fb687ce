package localcloud

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"github.com/berth-iac/berth/localcloud/catalogue"
)

// Diff tells what new inputs mean for an object: nothing, an update, or a replacement.
func (p *provider) Diff(ctx context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	t, err := p.typed(ctx, req.GetUrn())
	if err != nil {
		return nil, err
	}
	olds, err := unmarshal(req.GetOldInputs())
	if err != nil {
		return nil, err
	}
	news, err := unmarshal(req.GetNews())
	if err != nil {
		return nil, err
	}
	state, err := unmarshal(req.GetOlds())
	if err != nil {
		return nil, err
	}
	d := differ{found: map[string]*pulumirpc.PropertyDiff{}, state: state}
	d.properties("", olds, news, t.shape.Inputs)
	d.conditional(p.cloud.scene(t, news), t.rule)
	d.ignore(p.cloud.scene(t, news), t.rule)
	if err := d.tags(p.cloud.scene(t, news), t, state); err != nil {
		return nil, err
	}
	for path := range d.found {
		if slices.ContainsFunc(req.GetIgnoreChanges(), func(ignored string) bool { return within(path, ignored) }) {
			delete(d.found, path)
		}
	}
	return d.response(t, olds, news), nil
}

// within tells whether a path is another or lies under it.
func within(path, outer string) bool {
	return path == outer || strings.HasPrefix(path, outer+".") || strings.HasPrefix(path, outer+"[")
}

func (d *differ) response(t typed, olds, news resource.PropertyMap) *pulumirpc.DiffResponse {
	resp := &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE, HasDetailedDiff: true, DetailedDiff: d.found}
	for _, path := range sortedKeys(d.found) {
		resp.Changes = pulumirpc.DiffResponse_DIFF_SOME
		top, _, _ := strings.Cut(path, ".")
		top, _, _ = strings.Cut(top, "[")
		if !slices.Contains(resp.Diffs, top) {
			resp.Diffs = append(resp.Diffs, top)
		}
		switch d.found[path].Kind {
		case pulumirpc.PropertyDiff_ADD_REPLACE, pulumirpc.PropertyDiff_DELETE_REPLACE, pulumirpc.PropertyDiff_UPDATE_REPLACE:
			if !slices.Contains(resp.Replaces, top) {
				resp.Replaces = append(resp.Replaces, top)
			}
		}
	}
	resp.DeleteBeforeReplace = len(resp.Replaces) > 0 && clashes(t, olds, news)
	return resp
}

// clashes tells whether a replacement would have the name of what it replaces, so that the old one has to go first.
func clashes(t typed, olds, news resource.PropertyMap) bool {
	if t.rule.Upsert {
		return false
	}
	groups := [][]string{}
	for _, u := range t.rule.Unique {
		groups = append(groups, u.Keys)
	}
	for _, c := range t.rule.Checks {
		if c.CIDR != nil && c.CIDR.Siblings != "" {
			groups = append(groups, []string{c.CIDR.Siblings, c.Property})
		}
	}
	if names := namesIn(t.rule.ID); len(names) > 0 {
		groups = append(groups, names)
	}
	for _, names := range groups {
		if slices.ContainsFunc(names, func(name string) bool {
			before, _ := lookup(olds, name)
			after, _ := lookup(news, name)
			return empty(before) || !before.DeepEquals(after) || chosen(news, name)
		}) {
			continue
		}
		return true
	}
	return false
}

// namesIn are the properties that an id is made of; none when there is anything random about it.
func namesIn(id string) []string {
	parts, err := parseTemplate(id)
	if err != nil {
		return nil
	}
	var names []string
	for _, p := range parts {
		for _, a := range p.alternatives {
			switch {
			case a.path == "arn", a.function != "" && a.function != "last":
				return nil
			case a.path != "" && a.path != "account" && a.path != "region" && a.path != "partition":
				names = append(names, a.path)
			}
		}
	}
	return names
}

// chosen tells whether the provider chose a property, so that a replacement gets another.
func chosen(inputs resource.PropertyMap, name string) bool {
	return slices.ContainsFunc(gather(inputs[defaultsKey], ""), func(v resource.PropertyValue) bool { return text(v) == name })
}

// differ collects differences by path.
type differ struct {
	found map[string]*pulumirpc.PropertyDiff
	state resource.PropertyMap // what the cloud has; may be empty
	// element tells that it compares elements of a set: one that lacks something is another one, for nothing says which it was.
	element bool
}

// unsettles tells whether one of the inputs that a rule names has changed: by name, or "*" for any but those that
// follow with a minus sign.
func (d *differ) unsettles(names []string) bool {
	for path := range d.found {
		top, _, _ := strings.Cut(path, ".")
		top, _, _ = strings.Cut(top, "[")
		if slices.Contains(names, top) || slices.Contains(names, "*") && !slices.Contains(names, "-"+top) {
			return true
		}
	}
	return false
}

// conditional makes replacing those changes that replace under a condition only.
func (d *differ) conditional(s *scene, rule *catalogue.Rule) {
	for _, r := range rule.Replaces {
		holds, known, err := s.when(r.When)
		if err != nil || !known || !holds {
			continue
		}
		for path, found := range d.found {
			if !within(path, r.Property) {
				continue
			}
			switch found.Kind {
			case pulumirpc.PropertyDiff_ADD:
				if !r.ExceptAdded {
					found.Kind++
				}
			case pulumirpc.PropertyDiff_DELETE, pulumirpc.PropertyDiff_UPDATE:
				found.Kind++
			}
		}
	}
}

func (d *differ) add(path string, kind pulumirpc.PropertyDiff_Kind, replace bool) {
	if replace {
		kind++ // every kind is followed by its replacing form
	}
	d.found[path] = &pulumirpc.PropertyDiff{Kind: kind, InputDiff: true}
}

func (d *differ) properties(path string, olds, news resource.PropertyMap, shapes map[string]*catalogue.Property) {
	names := slices.Collect(maps.Keys(olds))
	names = append(names, slices.Collect(maps.Keys(news))...)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if strings.HasPrefix(string(name), "__") {
			continue
		}
		d.value(join(path, string(name)), olds[name], news[name], shapes[string(name)], false)
	}
}

// value compares two values. Replace is inherited: what lies within a property that replaces, replaces.
func (d *differ) value(path string, before, after resource.PropertyValue, shape *catalogue.Property, replace bool) {
	before, _ = bare(before)
	after, _ = bare(after)
	if shape == nil {
		shape = &catalogue.Property{}
	}
	replace = replace || shape.Replace
	switch {
	case before.IsNull() && after.IsNull():
	case after.IsNull() && shape.Computed && !d.element:
		// The program leaves it to the cloud: whatever the cloud has is right.
	case before.IsNull():
		if !empty(after) && !d.has(path, after, shape) {
			d.add(path, pulumirpc.PropertyDiff_ADD, replace || replaces(after, shape))
		}
	case after.IsNull() && zero(before) && shape.Default == nil:
		// Not set is as good as false, 0 or "".
	case after.IsNull():
		if !empty(before) {
			d.add(path, pulumirpc.PropertyDiff_DELETE, replace || replaces(before, shape))
		}
	case before.IsObject() && after.IsObject():
		d.objects(path, before.ObjectValue(), after.ObjectValue(), shape, replace)
	case before.IsArray() && after.IsArray() && shape.Set:
		d.sets(path, before.ArrayValue(), after.ArrayValue(), shape, replace)
	case before.IsArray() && after.IsArray():
		d.arrays(path, before.ArrayValue(), after.ArrayValue(), shape, replace)
	case shape.Form == formJSON && sameJSON(text(before), text(after)):
	case !same(before, after):
		d.add(path, pulumirpc.PropertyDiff_UPDATE, replace)
	}
}

func (d *differ) objects(path string, before, after resource.PropertyMap, shape *catalogue.Property, replace bool) {
	names := slices.Collect(maps.Keys(before))
	names = append(names, slices.Collect(maps.Keys(after))...)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if strings.HasPrefix(string(name), "__") {
			continue
		}
		inner := shape.Elem
		if shape.Properties != nil {
			inner = shape.Properties[string(name)]
		}
		d.value(join(path, string(name)), before[name], after[name], inner, replace)
	}
}

func (d *differ) arrays(path string, before, after []resource.PropertyValue, shape *catalogue.Property, replace bool) {
	for i := range max(len(before), len(after)) {
		b, a := absent, absent
		if i < len(before) {
			b = before[i]
		}
		if i < len(after) {
			a = after[i]
		}
		d.value(fmt.Sprintf("%s[%d]", path, i), b, a, shape.Elem, replace)
	}
}

func zero(v resource.PropertyValue) bool {
	return v.IsBool() && !v.BoolValue() || v.IsNumber() && v.NumberValue() == 0
}

// has tells whether the cloud has a value already that the program did not give so far.
func (d *differ) has(path string, value resource.PropertyValue, shape *catalogue.Property) bool {
	state, _ := lookup(d.state, path)
	return !state.IsNull() && !state.IsComputed() && equal(state, value, shape)
}

// ignore drops changes of properties that mean nothing under a condition.
func (d *differ) ignore(s *scene, rule *catalogue.Rule) {
	for path := range d.found {
		top, _, _ := strings.Cut(path, ".")
		if top, _, _ = strings.Cut(top, "["); s.ignored(rule, top) {
			delete(d.found, path)
		}
		for _, v := range rule.Variants {
			item, name, inside := strings.Cut(path, "].")
			if name, _, _ = strings.Cut(name, "."); !inside || !strings.HasPrefix(item, v.List+"[") || v.Kinds[name] == "" {
				continue
			}
			if kind, _ := lookup(s.inputs, item+"]."+v.By); text(kind) != v.Kinds[name] {
				delete(d.found, path)
			}
		}
	}
}

// ignored tells whether a property means nothing to an object such as this.
func (s *scene) ignored(rule *catalogue.Rule, name string) bool {
	return slices.ContainsFunc(rule.Ignores, func(i catalogue.Ignored) bool {
		holds, known, err := s.when(i.When)
		return err == nil && known && holds && slices.Contains(i.Properties, name)
	})
}

// sets compares arrays whose order says nothing. What both have is left out; the rest is paired as it stands.
func (d *differ) sets(path string, before, after []resource.PropertyValue, shape *catalogue.Property, replace bool) {
	var gone, come []int
	in := func(v resource.PropertyValue, items []resource.PropertyValue) bool {
		return slices.ContainsFunc(items, func(item resource.PropertyValue) bool {
			one := differ{found: map[string]*pulumirpc.PropertyDiff{}, element: true}
			one.value("", v, item, shape.Elem, false)
			return len(one.found) == 0
		})
	}
	defer func(outer bool) { d.element = outer }(d.element)
	d.element = true
	for i, b := range before {
		if !in(b, after) && !in(b, before[:i]) {
			gone = append(gone, i)
		}
	}
	for j, a := range after {
		if !in(a, before) && !in(a, after[:j]) {
			come = append(come, j)
		}
	}
	for n := range max(len(gone), len(come)) {
		switch {
		case n >= len(come):
			d.value(fmt.Sprintf("%s[%d]", path, gone[n]), before[gone[n]], absent, shape.Elem, replace)
		case n >= len(gone):
			d.value(fmt.Sprintf("%s[%d]", path, come[n]), absent, after[come[n]], shape.Elem, replace)
		default:
			d.value(fmt.Sprintf("%s[%d]", path, come[n]), before[gone[n]], after[come[n]], shape.Elem, replace)
		}
	}
}

// equal tells whether two values are the same to the cloud.
func equal(a, b resource.PropertyValue, shape *catalogue.Property) bool {
	d := differ{found: map[string]*pulumirpc.PropertyDiff{}}
	d.value("", a, b, shape, false)
	return len(d.found) == 0
}

// sameJSON tells whether two texts are the same JSON document in other words.
func sameJSON(a, b string) bool {
	var before, after any
	return json.Unmarshal([]byte(a), &before) == nil && json.Unmarshal([]byte(b), &after) == nil && reflect.DeepEqual(before, after)
}

// replaces tells whether a whole value that comes or goes has a part that replaces.
func replaces(v resource.PropertyValue, shape *catalogue.Property) bool {
	v, _ = bare(v)
	switch {
	case shape == nil:
		return false
	case shape.Replace:
		return true
	case v.IsObject():
		for name, field := range v.ObjectValue() {
			if replaces(field, shape.Properties[string(name)]) {
				return true
			}
		}
	case v.IsArray():
		return slices.ContainsFunc(v.ArrayValue(), func(item resource.PropertyValue) bool { return replaces(item, shape.Elem) })
	}
	return false
}

// same compares scalars; a number and its text are the same to a cloud, and so is an asset with the same content.
func same(a, b resource.PropertyValue) bool {
	switch {
	case a.IsComputed() || b.IsComputed():
		return a.IsComputed() && b.IsComputed()
	case a.IsAsset() && b.IsAsset():
		return a.AssetValue().Hash == b.AssetValue().Hash
	case a.IsArchive() && b.IsArchive():
		return a.ArchiveValue().Hash == b.ArchiveValue().Hash
	case text(a) != "" || text(b) != "":
		return text(a) == text(b)
	}
	return a.DeepEquals(b)
}

// tags finds changes of the provider's default tags, which are no inputs of the resource.
func (d *differ) tags(s *scene, t typed, state resource.PropertyMap) error {
	if t.shape.Property(tagsAllProperty) == nil {
		return nil
	}
	r, err := s.computed(tagsAllProperty)
	if err != nil || r.value.IsNull() {
		return err
	}
	old := deepBare(state[tagsAllProperty])
	if old.IsNull() || r.value.IsComputed() || old.DeepEquals(deepBare(r.value)) {
		return nil
	}
	if _, already := d.found["tags"]; !already && !d.under("tags") {
		d.found[tagsAllProperty] = &pulumirpc.PropertyDiff{Kind: pulumirpc.PropertyDiff_UPDATE}
	}
	return nil
}

func (d *differ) under(outer string) bool {
	for path := range d.found {
		if within(path, outer) {
			return true
		}
	}
	return false
}
