package localcloud

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/berth-iac/berth/localcloud/catalogue"
)

// problem is a value that the cloud refuses.
type problem struct{ property, text string }

// checks runs the rule's checks. Without others, only values are looked at, which a preview can do; with others,
// also what is in the cloud already. What is unknown yet passes.
func (s *scene) checks(others bool) []problem {
	var problems []problem
	for i := range s.rule.Checks {
		c := &s.rule.Checks[i]
		holds, known, err := s.when(c.When)
		if err != nil {
			problems = append(problems, problem{c.Property, err.Error()})
		}
		if err != nil || !known || !holds {
			continue
		}
		problems = append(problems, s.check(c, others)...)
	}
	return problems
}

func (s *scene) check(c *catalogue.Check, others bool) []problem {
	complain := func(value string) []problem { return []problem{{c.Property, s.message(c.Error, c.Property, value)}} }
	switch {
	case c.Refuse:
		return complain("")
	case c.Require != nil:
		for _, path := range c.Require {
			if r, err := s.property(path); err == nil && empty(r.value) {
				return []problem{{path, s.message(c.Error, path, "")}}
			}
		}
		return nil
	case c.Ascend != nil:
		return s.ascend(c, complain)
	}
	var problems []problem
	for _, v := range gather(resource.NewObjectProperty(s.inputs), c.Property) {
		if v.IsComputed() || v.IsNull() {
			continue
		}
		switch {
		case c.CIDR != nil:
			problems = append(problems, s.cidr(c, text(v), others)...)
		case !s.permitted(c, v):
			problems = append(problems, complain(text(v))...)
		}
	}
	return problems
}

func (s *scene) permitted(c *catalogue.Check, v resource.PropertyValue) bool {
	match := strings.ReplaceAll(c.Match, "{region}", s.settings.region)
	if match != "" && !matchesAll(match, text(v)) || c.Never != "" && matchesAny(c.Never, text(v)) {
		return false
	}
	if c.OneOf != nil && !slices.ContainsFunc(c.OneOf, func(want any) bool { return text(v) == fmt.Sprint(want) }) {
		return false
	}
	if c.Min != nil || c.Max != nil {
		n, err := strconv.ParseFloat(text(v), 64)
		return err == nil && (c.Min == nil || n >= *c.Min) && (c.Max == nil || n <= *c.Max)
	}
	return true
}

func matchesAll(form, s string) bool { return matchesAny("^(?:"+form+")$", s) }

func matchesAny(form, s string) bool {
	re, err := regexp.Compile(form)
	return err != nil || re.MatchString(s) // a broken form is found by the catalogue's own test
}

func (s *scene) ascend(c *catalogue.Check, complain func(string) []problem) []problem {
	var previous *float64
	for _, path := range c.Ascend {
		r, err := s.property(path)
		if err != nil || !r.value.IsNumber() {
			continue
		}
		n := r.value.NumberValue()
		if previous != nil && n < *previous {
			return complain(text(r.value))
		}
		previous = &n
	}
	return nil
}

func (s *scene) cidr(c *catalogue.Check, value string, others bool) []problem {
	complain := func(message string) []problem { return []problem{{c.Property, s.message(message, c.Property, value)}} }
	prefix, err := netip.ParsePrefix(value)
	if err != nil || prefix.Masked() != prefix {
		return complain(c.CIDR.Invalid)
	}
	if c.CIDR.Largest > 0 && prefix.Bits() < c.CIDR.Largest || c.CIDR.Smallest > 0 && prefix.Bits() > c.CIDR.Smallest {
		return complain(c.CIDR.Invalid)
	}
	if !others {
		return nil
	}
	if c.CIDR.Within != "" {
		if r, err := s.text(c.CIDR.Within); err == nil && r.value.IsString() {
			outer, err := netip.ParsePrefix(r.value.StringValue())
			if err == nil && (!outer.Contains(prefix.Addr()) || outer.Bits() > prefix.Bits()) {
				return complain(c.CIDR.Outside)
			}
		}
	}
	if c.CIDR.Siblings != "" {
		parent, err := s.property(c.CIDR.Siblings)
		if err != nil || empty(parent.value) {
			return nil
		}
		for _, o := range s.store.values[indexed{s.token, c.CIDR.Siblings, text(parent.value)}] {
			if o.key.ID == s.id || o.account != s.settings.account || o.region != s.settings.region {
				continue
			}
			v, _ := lookup(o.state, c.Property)
			if taken, err := netip.ParsePrefix(text(v)); err == nil && taken.Overlaps(prefix) {
				return complain(c.CIDR.Conflict)
			}
		}
	}
	return nil
}

// message fills an error's template; {value} and {property} stand for what was wrong.
func (s *scene) message(source, property, value string) string {
	source = strings.ReplaceAll(source, "{property}", property)
	before, after, found := strings.Cut(source, "{value}")
	if found {
		return s.message(before, property, "") + value + s.message(after, property, value)
	}
	if source == "" {
		return ""
	}
	r, err := s.text(source)
	if err != nil || !r.value.IsString() || r.secret {
		return source
	}
	return r.value.StringValue()
}

// taken tells which object, if any, already has values that have to be unique.
func (s *scene) taken() (*object, string) {
	for i := range s.rule.Unique {
		u := &s.rule.Unique[i]
		holds, known, err := s.when(u.When)
		if err != nil || !holds || !known {
			continue
		}
		values := make([]string, len(u.Keys))
		for i, k := range u.Keys {
			if r, err := s.property(k); err == nil {
				values[i] = text(r.value)
			}
		}
		if values[0] == "" {
			continue
		}
		for _, o := range s.store.values[indexed{s.token, u.Keys[0], values[0]}] {
			if o.key.ID != s.id && s.sharesScope(o, u.Scope) && sameValues(o, u.Keys, values) {
				return o, s.message(u.Error, u.Keys[0], values[0])
			}
		}
	}
	return nil, ""
}

func (s *scene) sharesScope(o *object, scope catalogue.Scope) bool {
	if scope == "" {
		scope = s.store.cat.Scope(s.token)
	}
	switch scope {
	case catalogue.Global:
		return true
	case catalogue.Account:
		return o.account == s.settings.account
	}
	return o.account == s.settings.account && o.region == s.settings.region
}

func sameValues(o *object, keys, values []string) bool {
	for i, k := range keys {
		v, _ := lookup(o.state, k)
		if text(v) != values[i] {
			return false
		}
	}
	return true
}
