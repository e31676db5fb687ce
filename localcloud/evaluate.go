package localcloud

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/berth-iac/berth/localcloud/catalogue"
)

// scene is everything that the templates of one object may speak of.
type scene struct {
	store      *store
	rules      *catalogue.Rules
	rule       *catalogue.Rule
	settings   settings
	token      string
	urnName    string
	id         string
	salt       string
	generation int
	now        time.Time
	inputs     resource.PropertyMap
	templates  map[string]any

	done map[string]result // computed properties
	busy map[string]bool
	item resource.PropertyValue // inside $each
	seat string                 // where the running template stands; keeps its random values apart from others'
	seen int                    // random values given to it so far
}

// result is a value and whether it is secret.
type result struct {
	value  resource.PropertyValue
	secret bool
}

func (r result) wrapped() resource.PropertyValue {
	if r.secret && !r.value.IsNull() {
		return resource.MakeSecret(r.value)
	}
	return r.value
}

// property is what a path gives: an input, a computed property, or a fact about the object.
func (s *scene) property(path string) (result, error) {
	if reference, rest, ok := strings.Cut(path, "->"); ok {
		return s.referred(reference, rest)
	}
	first, _, _ := strings.Cut(path, ".")
	first, _, _ = strings.Cut(first, "[")
	switch first {
	case "item":
		v, secret := lookup(resource.PropertyMap{"item": s.item}, path)
		return result{v, secret}, nil
	case "id":
		return result{value: textOrAbsent(s.id)}, nil
	case "urnName":
		return result{value: textOrAbsent(s.urnName)}, nil
	}
	if v, ok := s.inputs[resource.PropertyKey(first)]; ok && !v.IsNull() {
		v, secret := lookup(s.inputs, path)
		if !v.IsNull() || secret {
			return result{v, secret}, nil
		}
	}
	switch first {
	case "account":
		return result{value: textOrAbsent(s.settings.account)}, nil
	case "region":
		return result{value: textOrAbsent(s.settings.region)}, nil
	case "partition":
		return result{value: textOrAbsent(s.settings.partition)}, nil
	}
	computed, err := s.computed(first)
	if err != nil {
		return result{}, err
	}
	v, secret := lookup(resource.PropertyMap{resource.PropertyKey(first): computed.value}, path)
	return result{v, secret || computed.secret}, nil
}

// computed is a computed property, worked out once.
func (s *scene) computed(name string) (result, error) {
	if r, ok := s.done[name]; ok {
		return r, nil
	}
	source, ok := s.templates[name]
	if !ok {
		return result{value: absent}, nil
	}
	if s.busy[name] {
		return result{}, fmt.Errorf("catalogue/rules: %s: %s is computed from itself", s.token, name)
	}
	s.busy[name] = true
	defer delete(s.busy, name)
	r, err := s.at(name, source)
	if err == nil {
		s.done[name] = r
	}
	return r, err
}

// at evaluates a template that stands in its own place, so that its random values are its own.
func (s *scene) at(seat string, source any) (result, error) {
	outer, seen := s.seat, s.seen
	s.seat, s.seen = seat, 0
	defer func() { s.seat, s.seen = outer, seen }()
	return s.evaluate(source)
}

func (s *scene) evaluate(source any) (result, error) {
	switch source := source.(type) {
	case string:
		return s.text(source)
	case []any:
		return s.list(source)
	case map[string]any:
		return s.object(source)
	}
	v, err := literal(source)
	return result{value: v}, err
}

func (s *scene) list(source []any) (result, error) {
	var items []resource.PropertyValue
	secret := false
	for _, item := range source {
		r, err := s.evaluate(item)
		if err != nil {
			return result{}, err
		}
		if r.value.IsNull() {
			continue
		}
		secret = secret || r.secret
		items = append(items, r.value)
	}
	return result{resource.NewArrayProperty(items), secret}, nil
}

func (s *scene) object(source map[string]any) (result, error) {
	if when, ok := source["$when"]; ok {
		conditions, ok := when.(map[string]any)
		if !ok {
			return result{}, fmt.Errorf("catalogue/rules: %s: $when is no map", s.token)
		}
		holds, known, err := s.when(conditions)
		switch {
		case err != nil:
			return result{}, err
		case !known:
			return result{value: unknown()}, nil
		case holds:
			return s.evaluate(source["$value"])
		}
		return s.evaluate(source["$else"])
	}
	if each, ok := source["$each"]; ok {
		return s.each(each, source["$value"])
	}
	fields, secret := resource.PropertyMap{}, false
	for _, name := range sortedKeys(source) {
		r, err := s.evaluate(source[name])
		if err != nil {
			return result{}, err
		}
		if r.value.IsNull() {
			continue
		}
		secret = secret || r.secret
		fields[resource.PropertyKey(name)] = r.value
	}
	return result{resource.NewObjectProperty(fields), secret}, nil
}

// each evaluates a template for every item of a list; equal items count once.
func (s *scene) each(list, source any) (result, error) {
	all, err := s.evaluate(list)
	if err != nil || all.value.IsComputed() {
		return all, err
	}
	outer := s.item
	defer func() { s.item = outer }()
	var items []resource.PropertyValue
	var had []string
	for _, item := range gather(all.value, "") {
		if slices.Contains(had, text(item)) && text(item) != "" {
			continue
		}
		had = append(had, text(item))
		s.item = item
		r, err := s.at(s.seat+"/"+strconv.Itoa(len(items)), source)
		if err != nil {
			return result{}, err
		}
		all.secret = all.secret || r.secret
		items = append(items, r.value)
	}
	return result{resource.NewArrayProperty(items), all.secret}, nil
}

func (s *scene) text(source string) (result, error) {
	parts, err := parseTemplate(source)
	if err != nil {
		return result{}, fmt.Errorf("catalogue/rules: %s: %w", s.token, err)
	}
	if len(parts) == 1 && parts[0].alternatives != nil {
		return s.fill(parts[0].alternatives)
	}
	var out strings.Builder
	secret := false
	for _, p := range parts {
		if p.alternatives == nil {
			out.WriteString(p.text)
			continue
		}
		r, err := s.fill(p.alternatives)
		if err != nil || r.value.IsComputed() || r.value.IsNull() {
			return r, err
		}
		secret = secret || r.secret
		out.WriteString(text(r.value))
	}
	return result{resource.NewStringProperty(out.String()), secret}, nil
}

func (s *scene) fill(alternatives []alternative) (result, error) {
	var r result
	for _, a := range alternatives {
		var err error
		switch {
		case a.function != "":
			r, err = functionNamed(a.function)(s, a.argument)
		case a.path != "":
			r, err = s.property(a.path)
		default:
			r.value, err = literal(a.literal)
		}
		if err != nil || !empty(r.value) {
			return r, err
		}
	}
	return result{value: absent}, nil
}

// referred is a property of the object that another property refers to.
func (s *scene) referred(reference, path string) (result, error) {
	value, err := s.property(reference)
	if err != nil || value.value.IsComputed() {
		return value, err
	}
	for _, ref := range s.rule.References {
		if ref.Property != reference {
			continue
		}
		values := gather(value.value, "")
		if len(values) == 0 { // the reference lies in a list: "publicNets.ipv4"
			values = gather(resource.NewObjectProperty(s.inputs), reference)
		}
		for _, v := range values {
			if v.IsComputed() {
				return result{value: v}, nil
			}
			target := s.store.find(ref.To, ref.By, s.settings.account, s.settings.region, strings.TrimSuffix(text(v), ref.Trim))
			if target == nil {
				continue
			}
			if path == "id" {
				return result{value: resource.NewStringProperty(target.key.ID)}, nil
			}
			if v, secret := lookup(target.state, path); !secret {
				return result{value: v}, nil
			}
		}
	}
	return result{value: absent}, nil
}

// when tells whether a condition holds, and whether that can be known yet.
func (s *scene) when(conditions map[string]any) (holds, known bool, err error) {
	for _, path := range sortedKeys(conditions) {
		r, err := s.property(path)
		if err != nil {
			return false, false, err
		}
		if r.value.IsComputed() {
			return false, false, nil
		}
		wanted, ok := conditions[path].([]any)
		if !ok {
			wanted = []any{conditions[path]}
		}
		if !slices.ContainsFunc(wanted, func(w any) bool { return matches(r.value, w) }) {
			return false, true, nil
		}
	}
	return true, true, nil
}

func matches(v resource.PropertyValue, want any) bool {
	switch want {
	case "absent":
		return empty(v)
	case "present":
		return !empty(v)
	}
	return !v.IsNull() && text(v) == fmt.Sprint(want)
}

func literal(v any) (resource.PropertyValue, error) {
	switch v := v.(type) {
	case nil:
		return absent, nil
	case bool:
		return resource.NewBoolProperty(v), nil
	case string:
		return resource.NewStringProperty(v), nil
	case int:
		return resource.NewNumberProperty(float64(v)), nil
	case int64:
		return resource.NewNumberProperty(float64(v)), nil
	case uint64:
		return resource.NewNumberProperty(float64(v)), nil
	case float64:
		return resource.NewNumberProperty(v), nil
	}
	return absent, fmt.Errorf("catalogue/rules: a value of the form %T is no template", v)
}

func textOrAbsent(s string) resource.PropertyValue {
	if s == "" {
		return absent
	}
	return resource.NewStringProperty(s)
}
