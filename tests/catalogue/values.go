package catalogue

import (
	"fmt"
	"math/big"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/vendored/tfplugin5"
)

// unknown stands for a value the provider will only know afterwards. Other
// values are plain: nil, bool, float64, string, []any, map[string]any.
type unknown struct{}

// blockType is the type of the values a schema block describes.
func blockType(b *tfplugin5.Schema_Block) (tftypes.Object, error) {
	out := tftypes.Object{AttributeTypes: map[string]tftypes.Type{}}
	for _, a := range b.Attributes {
		t, err := tftypes.ParseJSONType(a.Type) //nolint:staticcheck // the only parser there is
		if err != nil {
			return out, fmt.Errorf("attribute %s: %w", a.Name, err)
		}
		out.AttributeTypes[a.Name] = t
	}
	for _, n := range b.BlockTypes {
		inner, err := blockType(n.Block)
		if err != nil {
			return out, fmt.Errorf("block %s: %w", n.TypeName, err)
		}
		switch n.Nesting {
		case tfplugin5.Schema_NestedBlock_LIST:
			out.AttributeTypes[n.TypeName] = tftypes.List{ElementType: inner}
		case tfplugin5.Schema_NestedBlock_SET:
			out.AttributeTypes[n.TypeName] = tftypes.Set{ElementType: inner}
		case tfplugin5.Schema_NestedBlock_MAP:
			out.AttributeTypes[n.TypeName] = tftypes.Map{ElementType: inner}
		default:
			out.AttributeTypes[n.TypeName] = inner
		}
	}
	return out, nil
}

// pack encodes a plain value; a nil map is a null resource.
func pack(v map[string]any, typ tftypes.Type) (*tfplugin5.DynamicValue, error) {
	var whole any
	if v != nil {
		whole = v
	}
	tv, err := toTerraform(whole, typ)
	if err != nil {
		return nil, err
	}
	b, err := tv.MarshalMsgPack(typ) //nolint:staticcheck // the only encoder there is
	if err != nil {
		return nil, err
	}
	return &tfplugin5.DynamicValue{Msgpack: b}, nil
}

func unpack(d *tfplugin5.DynamicValue, typ tftypes.Type) (any, error) {
	tv, err := tftypes.ValueFromMsgPack(d.Msgpack, typ) //nolint:staticcheck // the only decoder there is
	if err != nil {
		return nil, err
	}
	return fromTerraform(tv)
}

func toTerraform(v any, typ tftypes.Type) (tftypes.Value, error) {
	if v == nil {
		return tftypes.NewValue(typ, nil), nil
	}
	elements := func(elem tftypes.Type) ([]tftypes.Value, error) {
		list, ok := v.([]any)
		if !ok {
			return nil, fmt.Errorf("%T where a list belongs", v)
		}
		out := make([]tftypes.Value, len(list))
		for i, e := range list {
			var err error
			if out[i], err = toTerraform(e, elem); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	switch t := typ.(type) {
	case tftypes.Object:
		m, ok := v.(map[string]any)
		if !ok {
			return tftypes.Value{}, fmt.Errorf("%T where an object belongs", v)
		}
		out := map[string]tftypes.Value{}
		for name, at := range t.AttributeTypes {
			e, err := toTerraform(m[name], at)
			if err != nil {
				return tftypes.Value{}, fmt.Errorf("%s: %w", name, err)
			}
			out[name] = e
		}
		return tftypes.NewValue(typ, out), nil
	case tftypes.List:
		e, err := elements(t.ElementType)
		return tftypes.NewValue(typ, e), err
	case tftypes.Set:
		e, err := elements(t.ElementType)
		return tftypes.NewValue(typ, e), err
	case tftypes.Map:
		m, ok := v.(map[string]any)
		if !ok {
			return tftypes.Value{}, fmt.Errorf("%T where a map belongs", v)
		}
		out := map[string]tftypes.Value{}
		for k, e := range m {
			var err error
			if out[k], err = toTerraform(e, t.ElementType); err != nil {
				return tftypes.Value{}, err
			}
		}
		return tftypes.NewValue(typ, out), nil
	}
	switch x := v.(type) {
	case unknown:
		return tftypes.NewValue(typ, tftypes.UnknownValue), nil
	case float64:
		if typ.Is(tftypes.Number) {
			return tftypes.NewValue(typ, big.NewFloat(x)), nil
		}
	case string:
		if typ.Is(tftypes.String) {
			return tftypes.NewValue(typ, x), nil
		}
	case bool:
		if typ.Is(tftypes.Bool) {
			return tftypes.NewValue(typ, x), nil
		}
	}
	return tftypes.Value{}, fmt.Errorf("%T where %s belongs", v, typ)
}

func fromTerraform(v tftypes.Value) (any, error) {
	if !v.IsKnown() {
		return unknown{}, nil
	}
	if v.IsNull() {
		return nil, nil
	}
	switch typ := v.Type(); {
	case typ.Is(tftypes.String):
		var s string
		err := v.As(&s)
		return s, err
	case typ.Is(tftypes.Bool):
		var b bool
		err := v.As(&b)
		return b, err
	case typ.Is(tftypes.Number):
		var n big.Float
		err := v.As(&n)
		f, _ := n.Float64()
		return f, err
	case typ.Is(tftypes.Object{}), typ.Is(tftypes.Map{}):
		var m map[string]tftypes.Value
		if err := v.As(&m); err != nil {
			return nil, err
		}
		out := map[string]any{}
		for k, e := range m {
			x, err := fromTerraform(e)
			if err != nil {
				return nil, err
			}
			out[k] = x
		}
		return out, nil
	default:
		var l []tftypes.Value
		if err := v.As(&l); err != nil {
			return nil, err
		}
		out := make([]any, len(l))
		for i, e := range l {
			x, err := fromTerraform(e)
			if err != nil {
				return nil, err
			}
			out[i] = x
		}
		return out, nil
	}
}
