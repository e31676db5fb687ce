package localcloud

import (
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// bare takes the wrappers (secret, output, reference to a resource) off a value and tells whether one was a secret.
func bare(v resource.PropertyValue) (resource.PropertyValue, bool) {
	secret := false
	for {
		switch {
		case v.IsSecret():
			secret, v = true, v.SecretValue().Element
		case v.IsOutput():
			o := v.OutputValue()
			secret = secret || o.Secret
			if !o.Known {
				return unknown(), secret
			}
			v = o.Element
		case v.IsResourceReference():
			v = v.ResourceReferenceValue().ID
		default:
			return v, secret
		}
	}
}

func unknown() resource.PropertyValue { return resource.MakeComputed(resource.NewStringProperty("")) }

// absent is what a missing property reads as.
var absent = resource.NewNullProperty()

// deepBare takes the wrappers off a value and everything in it.
func deepBare(v resource.PropertyValue) resource.PropertyValue {
	v, _ = bare(v)
	switch {
	case v.IsArray():
		items := make([]resource.PropertyValue, len(v.ArrayValue()))
		for i, item := range v.ArrayValue() {
			items[i] = deepBare(item)
		}
		return resource.NewArrayProperty(items)
	case v.IsObject():
		fields := resource.PropertyMap{}
		for name, field := range v.ObjectValue() {
			fields[name] = deepBare(field)
		}
		return resource.NewObjectProperty(fields)
	}
	return v
}

// lookup follows a path such as "rules[0].name"; what is not there is null. A secret on the way makes the result secret.
func lookup(props resource.PropertyMap, path string) (resource.PropertyValue, bool) {
	v, secret := resource.NewObjectProperty(props), false
	for _, step := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		inner, s := bare(v)
		secret = secret || s
		switch {
		case inner.IsComputed():
			return inner, secret
		case inner.IsObject():
			v = inner.ObjectValue()[resource.PropertyKey(step)]
		case inner.IsArray():
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(inner.ArrayValue()) {
				return absent, secret
			}
			v = inner.ArrayValue()[i]
		default:
			return absent, secret
		}
	}
	v, s := bare(v)
	return v, secret || s
}

// gather collects the values at a path, walking every array on the way: "listeners.certificateArns".
func gather(v resource.PropertyValue, path string) []resource.PropertyValue {
	v, _ = bare(v)
	if v.IsArray() {
		var all []resource.PropertyValue
		for _, item := range v.ArrayValue() {
			all = append(all, gather(item, path)...)
		}
		return all
	}
	if path == "" {
		if v.IsNull() {
			return nil
		}
		return []resource.PropertyValue{v}
	}
	if !v.IsObject() {
		return nil
	}
	step, rest, _ := strings.Cut(path, ".")
	return gather(v.ObjectValue()[resource.PropertyKey(step)], rest)
}

// text is a scalar as a string.
func text(v resource.PropertyValue) string {
	v, _ = bare(v)
	switch {
	case v.IsString():
		return v.StringValue()
	case v.IsNumber():
		return strconv.FormatFloat(v.NumberValue(), 'f', -1, 64)
	case v.IsBool():
		return strconv.FormatBool(v.BoolValue())
	}
	return ""
}

// empty tells whether a value is absent for the purposes of a rule: null, "", an empty list or map.
func empty(v resource.PropertyValue) bool {
	switch {
	case v.IsNull():
		return true
	case v.IsString():
		return v.StringValue() == ""
	case v.IsArray():
		return len(v.ArrayValue()) == 0
	case v.IsObject():
		return len(v.ObjectValue()) == 0
	}
	return false
}
