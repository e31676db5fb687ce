package provider

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"
)

// bare takes off what says that a value is secret or came from a resource. Not known is false for a value that an apply only will tell.
func bare(v resource.PropertyValue) (value resource.PropertyValue, known, secret bool) {
	for {
		switch {
		case v.IsSecret():
			v, secret = v.SecretValue().Element, true
		case v.IsOutput():
			o := v.OutputValue()
			if !o.Known {
				return resource.NewNullProperty(), false, secret || o.Secret
			}
			v, secret = o.Element, secret || o.Secret
		case v.IsComputed():
			return resource.NewNullProperty(), false, secret
		default:
			return v, true, secret
		}
	}
}

func secret(v resource.PropertyValue) resource.PropertyValue {
	if inner, known, is := bare(v); !is && known {
		return resource.MakeSecret(inner)
	}
	return v
}

// same compares two values, secrecy aside. What is not known is the same as nothing.
func same(a, b resource.PropertyValue) bool {
	x, xKnown, _ := bare(a)
	y, yKnown, _ := bare(b)
	if !xKnown || !yKnown {
		return false
	}
	switch {
	case x.IsObject() && y.IsObject():
		return maps.EqualFunc(x.ObjectValue(), y.ObjectValue(), same)
	case x.IsArray() && y.IsArray():
		return slices.EqualFunc(x.ArrayValue(), y.ArrayValue(), same)
	}
	return x.DeepEquals(y)
}

// problems are all that is wrong with a resource's inputs.
type problems struct{ list []*pulumirpc.CheckFailure }

func (p *problems) add(path, format string, args ...any) {
	p.list = append(p.list, &pulumirpc.CheckFailure{Property: path, Reason: fmt.Sprintf(format, args...)})
}

// text is a text, "" where there is none. Not known is false for one that an apply only will tell.
func (p *problems) text(path string, v resource.PropertyValue) (text string, known bool) {
	v, known, _ = bare(v)
	switch {
	case !known:
		return "", false
	case v.IsNull():
		return "", true
	case v.IsString():
		return v.StringValue(), true
	}
	p.add(path, "expected a text")
	return "", true
}

// whole is a whole number, 0 where there is none.
func (p *problems) whole(path string, v resource.PropertyValue) (n int, known bool) {
	v, known, _ = bare(v)
	switch {
	case !known:
		return 0, false
	case v.IsNull():
		return 0, true
	case v.IsNumber() && v.NumberValue() == float64(int(v.NumberValue())):
		return int(v.NumberValue()), true
	}
	p.add(path, "expected a whole number")
	return 0, true
}

// object is a map, empty where there is none.
func (p *problems) object(path string, v resource.PropertyValue) (m resource.PropertyMap, known bool) {
	v, known, _ = bare(v)
	switch {
	case !known:
		return nil, false
	case v.IsNull():
		return nil, true
	case v.IsObject():
		return v.ObjectValue(), true
	}
	p.add(path, "expected names with values")
	return nil, true
}

// texts is a list of texts.
func (p *problems) texts(path string, v resource.PropertyValue) (list []string, known bool) {
	v, known, _ = bare(v)
	switch {
	case !known:
		return nil, false
	case v.IsNull():
		return nil, true
	case !v.IsArray():
		p.add(path, "expected a list")
		return nil, true
	}
	for i, item := range v.ArrayValue() {
		text, ok := p.text(fmt.Sprintf("%s[%d]", path, i), item)
		known = known && ok
		list = append(list, text)
	}
	return list, known
}

// only names the properties that an object may have.
func (p *problems) only(path string, m resource.PropertyMap, names ...resource.PropertyKey) {
	for _, name := range sorted(m) {
		if !slices.Contains(names, name) {
			p.add(at(path, string(name)), "there is no such property here")
		}
	}
}

func sorted(m resource.PropertyMap) []resource.PropertyKey {
	return slices.Sorted(maps.Keys(m))
}

// at is the path of a property of an object, as Pulumi writes it.
func at(path string, names ...string) string {
	var p resource.PropertyPath
	if path != "" {
		p, _ = resource.ParsePropertyPath(path) // paths are made here
	}
	for _, name := range names {
		p = append(p, name)
	}
	return p.String()
}

func two(a, b *structpb.Struct) (x, y resource.PropertyMap, err error) {
	x, errX := unmarshal(a)
	y, errY := unmarshal(b)
	return x, y, errors.Join(errX, errY)
}

func three(a, b, c *structpb.Struct) (x, y, z resource.PropertyMap, err error) {
	x, y, err = two(a, b)
	z, errZ := unmarshal(c)
	return x, y, z, errors.Join(err, errZ)
}
