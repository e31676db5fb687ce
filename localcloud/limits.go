package localcloud

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/berth-iac/berth/localcloud/catalogue"
)

// The forms of a text that the catalogue knows.
const (
	formAccount = "account"
	formARN     = "arn"
	formCIDR    = "cidr"
	formIP      = "ip"
	formJSON    = "json"
	formTime    = "time"
)

// limits refuses what the real provider refuses of a scalar before it asks the cloud. An empty text is one that is
// not set.
func (v *validator) limits(path string, value resource.PropertyValue, shape *catalogue.Property) {
	if shape.ReadOnly && !empty(value) {
		v.fail(path, "can't configure a value for %q: its value will be decided automatically based on the result of applying this configuration", path)
	}
	if value.IsArray() && shape.Min != nil && float64(len(value.ArrayValue())) < *shape.Min {
		v.fail(path, "not enough list items: %s requires %v item minimum, but config has only %d declared", path, *shape.Min, len(value.ArrayValue()))
	}
	if !value.IsString() && !value.IsNumber() || empty(value) {
		return
	}
	s := text(value)
	if len(shape.OneOf) > 0 && !slices.ContainsFunc(shape.OneOf, func(one any) bool { return fmt.Sprint(one) == s }) {
		v.fail(path, "expected %s to be one of %v, got %s", path, shape.OneOf, s)
	}
	if n, err := strconv.ParseFloat(s, 64); err == nil {
		switch {
		case shape.Min != nil && shape.Max != nil && (n < *shape.Min || n > *shape.Max):
			v.fail(path, "expected %s to be in the range (%v - %v), got %s", path, *shape.Min, *shape.Max, s)
		case shape.Min != nil && n < *shape.Min:
			v.fail(path, "expected %s to be at least (%v), got %s", path, *shape.Min, s)
		case shape.Max != nil && n > *shape.Max:
			v.fail(path, "expected %s to be at most (%v), got %s", path, *shape.Max, s)
		}
	}
	if strings.ContainsAny(s, shape.Without) {
		v.fail(path, "invalid value for %s (none of %s is allowed), got %s", path, shape.Without, s)
	}
	if shape.Match != "" && !matchesAll(shape.Match, s) {
		v.fail(path, "invalid value for %s (must match %s), got %s", path, shape.Match, s)
	}
	if !hasForm(s, shape.Form) {
		v.fail(path, "%q (%s) is not a valid %s", path, s, shape.Form)
	}
}

// hasForm tells whether a text has a form. An unknown form is any.
func hasForm(s, form string) bool {
	var err error
	switch form {
	case formAccount:
		return len(s) == 12 && strings.Trim(s, "0123456789") == ""
	case formARN:
		return strings.HasPrefix(s, "arn:") && strings.Count(s, ":") >= 5
	case formCIDR:
		_, err = netip.ParsePrefix(s)
	case formIP:
		_, err = netip.ParseAddr(s)
	case formJSON:
		return json.Valid([]byte(s))
	case formTime:
		_, err = time.Parse(time.RFC3339, s)
	}
	return err == nil
}

// together refuses properties that cannot be set together, where what only the provider set does not count, and
// groups of which none is set.
func (v *validator) together(props resource.PropertyMap, shapes map[string]*catalogue.Property, needs [][]string) {
	set := func(name string) bool {
		value, _ := bare(props[resource.PropertyKey(name)])
		return !empty(value) && !chosen(props, name) && !isDefault(value, shapes[name])
	}
	for _, group := range needs {
		given := func(name string) bool { return !props[resource.PropertyKey(name)].IsNull() }
		if !slices.ContainsFunc(group, given) {
			v.fail(group[0], "one of `%s` must be specified", strings.Join(group, ","))
		}
	}
	for _, name := range sortedKeys(shapes) {
		for _, other := range shapes[name].Conflicts {
			if set(name) && set(other) {
				v.fail(name, "%q: conflicts with %s", name, other)
			}
		}
	}
}

func isDefault(value resource.PropertyValue, shape *catalogue.Property) bool {
	return shape != nil && shape.Default != nil && fmt.Sprint(shape.Default) == text(value)
}
