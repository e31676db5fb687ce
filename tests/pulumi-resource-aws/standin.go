package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
)

// defaultAccount is whose account an emulator's is, unless the provider is bound to one.
const defaultAccount = "123456789012"

// place is where a provider works.
type place struct{ account, region string }

// placeOf takes account and region from a provider's configuration.
func placeOf(config tftypes.Value) place {
	p := place{account: defaultAccount}
	if v, err := fieldOf(config, "region"); err == nil && v.IsFullyKnown() && !v.IsNull() {
		_ = v.As(&p.region)
	}
	if v, err := fieldOf(config, "allowed_account_ids"); err == nil && v.IsFullyKnown() && !v.IsNull() {
		var list []tftypes.Value
		if v.As(&list) == nil && len(list) > 0 {
			_ = list[0].As(&p.account)
		}
	}
	return p
}

// complete fills a plan's unknown values: with the gap's own, with what an earlier state had, with nothing.
func (p place) complete(planned, prior tftypes.Value, values map[string]any) (tftypes.Value, error) {
	fields, err := fieldsOf(planned)
	if err != nil {
		return planned, err
	}
	typ := planned.Type().(tftypes.Object)
	open := map[string]any{} // templates that are still to be filled in
	for field, v := range fields {
		if v.IsFullyKnown() {
			continue
		}
		if old, err := fieldOf(prior, field); err == nil && !v.IsKnown() && !prior.IsNull() && !old.IsNull() {
			fields[field] = old
			continue
		}
		if template, ok := values[field]; ok && !v.IsKnown() {
			open[field] = template
			continue
		}
		if fields[field], err = known(v); err != nil {
			return planned, fmt.Errorf("%s: %w", field, err)
		}
	}
	for len(open) > 0 { // one may name another, so that the order counts
		var failed error
		before := len(open)
		for _, field := range sortedKeys(open) {
			made, err := p.value(typ.AttributeTypes[field], open[field], fields)
			if err != nil {
				failed = fmt.Errorf("%s: %w", field, err)
				continue
			}
			fields[field] = made
			delete(open, field)
		}
		if len(open) == before {
			return planned, failed
		}
	}
	if id := fields["id"]; id.IsNull() && id.Type() != nil {
		fields["id"] = tftypes.NewValue(tftypes.String, digits(17))
	}
	return tftypes.NewValue(typ, fields), nil
}

// known is a value with nothing where it was unknown.
func known(v tftypes.Value) (tftypes.Value, error) {
	return tftypes.Transform(v, func(_ *tftypes.AttributePath, v tftypes.Value) (tftypes.Value, error) {
		if !v.IsKnown() {
			return nothing(v.Type()), nil
		}
		return v, nil
	})
}

// nothing is what stands for a value that nobody gave: no element, or null.
func nothing(typ tftypes.Type) tftypes.Value {
	switch typ.(type) {
	case tftypes.List, tftypes.Set:
		return tftypes.NewValue(typ, []tftypes.Value{})
	case tftypes.Map:
		return tftypes.NewValue(typ, map[string]tftypes.Value{})
	}
	return tftypes.NewValue(typ, nil)
}

// answer makes up what a function returns.
func (p place) answer(config tftypes.Value, values map[string]any) (tftypes.Value, error) {
	fields, err := fieldsOf(config)
	if err != nil {
		return config, err
	}
	typ := config.Type().(tftypes.Object)
	for field, template := range values {
		made, err := p.value(typ.AttributeTypes[field], template, fields)
		if err != nil {
			return config, fmt.Errorf("%s: %w", field, err)
		}
		fields[field] = made
	}
	return tftypes.NewValue(typ, fields), nil
}

// value is a value of the gaps file as one of a Terraform type, with what stands in ${…} in its texts filled in.
func (p place) value(typ tftypes.Type, v any, fields map[string]tftypes.Value) (tftypes.Value, error) {
	var err error
	switch v := v.(type) {
	case nil:
		return tftypes.NewValue(typ, nil), nil
	case string:
		if v, err = p.expand(v, fields); err != nil {
			return tftypes.Value{}, err
		}
		return tftypes.NewValue(tftypes.String, v), fits(typ, tftypes.String)
	case bool:
		return tftypes.NewValue(tftypes.Bool, v), fits(typ, tftypes.Bool)
	case int:
		return tftypes.NewValue(tftypes.Number, big.NewFloat(float64(v))), fits(typ, tftypes.Number)
	case float64:
		return tftypes.NewValue(tftypes.Number, big.NewFloat(v)), fits(typ, tftypes.Number)
	case []any:
		var of tftypes.Type
		switch t := typ.(type) {
		case tftypes.List:
			of = t.ElementType
		case tftypes.Set:
			of = t.ElementType
		default:
			return tftypes.Value{}, fmt.Errorf("is a list, want %s", typ)
		}
		list := []tftypes.Value{}
		for i, e := range v {
			made, err := p.value(of, e, fields)
			if err != nil {
				return tftypes.Value{}, fmt.Errorf("[%d]: %w", i, err)
			}
			list = append(list, made)
		}
		return tftypes.NewValue(typ, list), nil
	case map[string]any:
		inner, made := map[string]tftypes.Value{}, error(nil)
		switch t := typ.(type) {
		case tftypes.Object:
			for k, of := range t.AttributeTypes {
				inner[k] = tftypes.NewValue(of, nil)
			}
			for name, e := range v {
				k := tfbridge.PulumiToTerraformName(name, nil, nil)
				of, ok := t.AttributeTypes[k]
				if !ok {
					return tftypes.Value{}, fmt.Errorf("no property %q in %s", name, typ)
				}
				if inner[k], made = p.value(of, e, fields); made != nil {
					return tftypes.Value{}, fmt.Errorf("%s: %w", k, made)
				}
			}
		case tftypes.Map:
			for k, e := range v {
				if inner[k], made = p.value(t.ElementType, e, fields); made != nil {
					return tftypes.Value{}, fmt.Errorf("%s: %w", k, made)
				}
			}
		default:
			return tftypes.Value{}, fmt.Errorf("is a mapping, want %s", typ)
		}
		return tftypes.NewValue(typ, inner), nil
	}
	return tftypes.Value{}, fmt.Errorf("a %T is no value, want %s", v, typ)
}

func fits(want, have tftypes.Type) error {
	if !want.Equal(have) {
		return fmt.Errorf("is a %s, want %s", have, want)
	}
	return nil
}

var inText = regexp.MustCompile(`\$\{([^}]*)\}`)

// expand fills in ${account}, ${region}, ${uuid}, ${hex 17} (so many hexadecimal digits) and ${field}, a
// field of the resource by its Terraform name.
func (p place) expand(text string, fields map[string]tftypes.Value) (string, error) {
	var failed error
	out := inText.ReplaceAllStringFunc(text, func(m string) string {
		name, count, _ := strings.Cut(m[2:len(m)-1], " ")
		switch name {
		case "account":
			return p.account
		case "region":
			return p.region
		case "uuid":
			d := digits(32)
			return strings.Join([]string{d[:8], d[8:12], d[12:16], d[16:20], d[20:]}, "-")
		case "hex":
			n, err := strconv.Atoi(count)
			if err != nil {
				failed = fmt.Errorf("%s: %w", m, err)
			}
			return digits(n)
		}
		var s string
		if v, ok := fields[name]; !ok || !v.IsKnown() || v.IsNull() || v.As(&s) != nil {
			failed = fmt.Errorf("%s: no text that is known", m)
		}
		return s
	})
	return out, failed
}

func digits(n int) string {
	raw := make([]byte, (n+1)/2)
	_, _ = rand.Read(raw) // never fails
	return hex.EncodeToString(raw)[:n]
}

// fieldsOf is a copy of an object's fields: what As gives is the object's own.
func fieldsOf(v tftypes.Value) (map[string]tftypes.Value, error) {
	var fields map[string]tftypes.Value
	if err := v.As(&fields); err != nil {
		return nil, err
	}
	return maps.Clone(fields), nil
}

func fieldOf(v tftypes.Value, field string) (tftypes.Value, error) {
	if v.IsNull() {
		return tftypes.Value{}, nil
	}
	fields, err := fieldsOf(v)
	return fields[field], err
}

func withField(v tftypes.Value, field string, to tftypes.Value) (tftypes.Value, error) {
	fields, err := fieldsOf(v)
	if err != nil {
		return v, err
	}
	fields[field] = to
	return tftypes.NewValue(v.Type(), fields), nil
}

// sent is the value with what the gaps send in place of the program's.
func sent(v tftypes.Value, gaps []gap) (tftypes.Value, error) {
	if v.IsNull() {
		return v, nil
	}
	fields, err := fieldsOf(v)
	if err != nil {
		return v, err
	}
	for _, g := range gaps {
		for field, other := range g.send {
			made, err := place{}.value(v.Type().(tftypes.Object).AttributeTypes[field], other, fields)
			if err != nil {
				return v, fmt.Errorf("%s: %s: %w", g.token, field, err)
			}
			if v, err = withField(v, field, made); err != nil {
				return v, err
			}
		}
	}
	return v, nil
}

// differs tells whether a planned resource has other values than those that would be sent.
func differs(planned tftypes.Value, send map[string]any) bool {
	other, err := sent(planned, []gap{{send: send}})
	return err != nil || !other.Equal(planned)
}

func encoded(typ tftypes.Type, v tftypes.Value) (*tfprotov6.DynamicValue, error) {
	raw, err := tfprotov6.NewDynamicValue(typ, v)
	return &raw, err
}
