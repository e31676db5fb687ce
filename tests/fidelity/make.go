package fidelity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/berth-iac/berth/localcloud/catalogue"
)

// Maker makes up cases for bases and asks the real provider. It goes by its answers: a value that is refused is
// followed by another, and what it says would be right is tried.
type Maker struct {
	Catalogue *catalogue.Catalogue
	Bases     []*Base
	Real      *instances
}

// tries is how many values a change is tried with.
const tries = 8

// Make gives all cases of a base, with their answers.
func (m *Maker) Make(ctx context.Context, b *Base) ([]Case, error) {
	session, err := m.Real.session(ctx, b.Region)
	if err != nil {
		return nil, err
	}
	shape, _, err := m.Catalogue.Type(b.Type)
	if err != nil {
		return nil, err
	}
	sub, err := prepare(ctx, session, b, shape, false)
	if err != nil {
		return nil, err
	}
	r := &round{maker: m, subject: sub, seen: map[string]bool{}}
	if _, err := r.ask(ctx, Creation, Edit{}); err != nil {
		return nil, err
	}
	if sub.refused != nil {
		return r.cases, nil
	}
	same, err := r.ask(ctx, Same, Edit{})
	if err != nil {
		return nil, err
	}
	if same.Refused == gone { // its code for states of the first form cannot do with this one
		sub.pretend(`{"schema_version":"1"}`)
		if _, err := r.ask(ctx, Same, Edit{}); err != nil {
			return nil, err
		}
	}
	if err := r.object(ctx, nil, resource.PropertyMap(b.Inputs), shape.Inputs); err != nil {
		return nil, err
	}
	quieten(r.cases)
	return r.cases, nil
}

// quieten takes out of the answers what has nothing to do with the questions. The objects are made up, and a few of
// their values are not as the real cloud would have them: the provider would mend these with any update.
func quieten(cases []Case) {
	named, outside := map[string]int{}, map[string]int{} // updates that name a property without being about it, and all those that are not
	for _, c := range cases {
		if c.Change == Update {
			for _, name := range c.Of {
				if name != top(c.Path) {
					named[name]++
				}
			}
		}
	}
	for name := range named {
		outside[name] = count(cases, func(c Case) bool { return c.Change == Update && top(c.Path) != name })
	}
	for i, c := range cases {
		if c.Change != Update {
			continue
		}
		c.Of = slices.DeleteFunc(c.Of, func(name string) bool { return name != top(c.Path) && named[name]*2 > outside[name] })
		if len(c.Of) == 0 {
			c.Change, c.Of, c.Unknown = None, nil, nil
		}
		cases[i] = c
	}
}

// round is the work on one base.
type round struct {
	maker   *Maker
	subject *subject
	cases   []Case
	seen    map[string]bool
}

func (r *round) ask(ctx context.Context, kind string, e Edit) (Answer, error) {
	c, err := r.try(ctx, kind, e)
	r.keep(c)
	return c.Answer, err
}

func (r *round) try(ctx context.Context, kind string, e Edit) (Case, error) {
	s := r.subject
	c := Case{Type: s.base.Type, Base: s.base.Name, Kind: kind, Edit: e}
	a, err := s.ask(ctx, kind, e)
	if err != nil {
		return c, fmt.Errorf("%s: %w", c.Key(), err)
	}
	if c.Answer = a; died.MatchString(a.Reason) {
		// A panic is no answer: the case is left out, and another instance asked for the next.
		c.Refused = gone
		err = r.maker.Real.end(s.base.Region)
		var again error
		s.session, again = r.maker.Real.session(ctx, s.base.Region)
		return c, errors.Join(again, err)
	}
	return c, nil
}

// gone stands for the refusal of a provider that ended over the question.
const gone = "gone"

func (r *round) keep(c Case) {
	if !r.seen[c.Key()] && c.Refused != gone && c.Change != kept {
		c.Reason = short(c.Reason)
		r.seen[c.Key()] = true
		r.cases = append(r.cases, c)
	}
}

// short is as much of a reason as a reader of the recorded answers needs.
func short(reason string) string {
	reason, _, _ = strings.Cut(strings.TrimPrefix(reason, ": "), " Examine values at")
	if len(reason) > 120 {
		reason = reason[:120] + "…"
	}
	return strings.ToValidUTF8(reason, "")
}

func to(v any) *Value { return &Value{resource.NewPropertyValue(v)} }

func join(path []string, step string) []string { return append(slices.Clone(path), step) }

// object asks about everything in an object.
func (r *round) object(ctx context.Context, path []string, props resource.PropertyMap, shapes map[string]*catalogue.Property) error {
	for _, name := range sorted(shapes) {
		shape, here := shapes[name], join(path, name)
		v := props[resource.PropertyKey(name)]
		var err error
		if v.IsNull() {
			err = r.absent(ctx, here, shape)
		} else {
			err = r.present(ctx, here, v, shape)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// present asks about a value that the base sets.
func (r *round) present(ctx context.Context, path []string, v resource.PropertyValue, shape *catalogue.Property) error {
	if shape == nil {
		shape = &catalogue.Property{Type: "any"}
	}
	if len(path) > 1 && Costly(r.subject.base.Type) {
		return nil
	}
	at := strings.Join(path, "/")
	kind := Removing
	if shape.Required {
		kind = Breaking
	}
	if _, err := r.ask(ctx, kind, Edit{Path: at}); err != nil {
		return err
	}
	for _, wrong := range wrongs(shape) {
		if _, err := r.ask(ctx, Breaking, Edit{Path: at, To: to(wrong)}); err != nil {
			return err
		}
	}
	switch {
	case v.IsObject() && shape.Properties != nil:
		return r.object(ctx, path, v.ObjectValue(), shape.Properties)
	case v.IsObject():
		for i, key := range v.ObjectValue().StableKeys() {
			if i == 1 {
				break // one entry tells about all
			}
			if err := r.present(ctx, join(path, string(key)), v.ObjectValue()[key], shape.Elem); err != nil {
				return err
			}
		}
		return r.tryOne(ctx, Adding, join(path, "one-more"), r.candidates(path, resource.NewProperty("one-more"), shape.Elem))
	case v.IsArray():
		return r.list(ctx, path, v.ArrayValue(), shape)
	case v.IsAsset(), v.IsArchive():
		return nil
	}
	if other := reworded(v); !other.IsNull() {
		if _, err := r.ask(ctx, Rewording, Edit{Path: at, To: &Value{other}}); err != nil {
			return err
		}
	}
	return r.tryOne(ctx, Changing, path, r.candidates(path, v, shape))
}

// list asks about the items of a list: the first one in depth, and the list as a whole.
func (r *round) list(ctx context.Context, path []string, items []resource.PropertyValue, shape *catalogue.Property) error {
	if len(items) > 1 {
		turned := slices.Clone(items)
		slices.Reverse(turned)
		e := Edit{Path: strings.Join(path, "/"), To: &Value{resource.NewProperty(turned)}}
		if _, err := r.ask(ctx, Reordering, e); err != nil {
			return err
		}
		if _, err := r.ask(ctx, Removing, Edit{Path: strings.Join(join(path, "0"), "/")}); err != nil {
			return err
		}
	}
	done := map[string]bool{}
	for i, item := range items {
		// Items of one form tell the same.
		form := item.TypeString()
		if item.IsObject() {
			form = strings.Join(Shapes(item.ObjectValue()), " ")
		}
		if done[form] {
			continue
		}
		done[form] = true
		if err := r.present(ctx, join(path, strconv.Itoa(i)), item, shape.Elem); err != nil {
			return err
		}
		if item.IsString() {
			if err := r.tryOne(ctx, Adding, join(path, strconv.Itoa(len(items))), r.candidates(join(path, strconv.Itoa(i)), item, shape.Elem)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Costly tells of a type of which each plan takes half a minute: its schema has firewall rules within rules. Only what
// the stacks set at its top is asked about.
func Costly(token string) bool { return token == "aws:wafv2/webAcl:WebAcl" }

// absent asks about a value that the base does not set, unless it lies deep.
func (r *round) absent(ctx context.Context, path []string, shape *catalogue.Property) error {
	if strings.Count(Shape(path), ".") > 2 || Costly(r.subject.base.Type) {
		return nil
	}
	var values []resource.PropertyValue
	switch {
	case shape.Type == "object" && shape.Properties != nil, shape.Type == "array" && shape.Elem != nil && shape.Elem.Properties != nil:
		v, ok := r.least(path, shape)
		if !ok {
			return nil
		}
		values = []resource.PropertyValue{v}
	default:
		values = r.candidates(path, resource.NewNullProperty(), shape)
	}
	return r.tryOne(ctx, Adding, path, values)
}

// least is the smallest value of a shape.
func (r *round) least(path []string, shape *catalogue.Property) (resource.PropertyValue, bool) {
	switch {
	case shape == nil:
		return resource.NewNullProperty(), false
	case shape.Type == "object" && shape.Properties != nil:
		fields := resource.PropertyMap{}
		for _, name := range sorted(shape.Properties) {
			if !shape.Properties[name].Required {
				continue
			}
			v, ok := r.least(join(path, name), shape.Properties[name])
			if !ok {
				return v, false
			}
			fields[resource.PropertyKey(name)] = v
		}
		return resource.NewProperty(fields), len(fields) > 0
	case shape.Type == "array":
		v, ok := r.least(path, shape.Elem)
		return resource.NewProperty([]resource.PropertyValue{v}), ok
	}
	candidates := r.candidates(path, resource.NewNullProperty(), shape)
	if len(candidates) == 0 {
		return resource.NewNullProperty(), false
	}
	return candidates[0], true
}

// tryOne asks with one value after the other until one is taken. That one is kept, and the first that was refused.
func (r *round) tryOne(ctx context.Context, kind string, path []string, values []resource.PropertyValue) error {
	for n := 0; n < len(values) && n < tries; n++ {
		c, err := r.try(ctx, kind, Edit{Path: strings.Join(path, "/"), To: &Value{values[n]}})
		if err != nil {
			return err
		}
		if n == 0 || c.Refused == "" {
			r.keep(c)
		}
		if c.Refused == "" {
			return nil
		}
		values = slices.Insert(values, n+1, told(c.Reason, values[n])...)
	}
	return nil
}

// wrongs are values that are of the wrong type, or that hardly anything takes.
func wrongs(shape *catalogue.Property) []any {
	switch shape.Type {
	case "string":
		return []any{"no such value!"} // the bridge makes text of anything else
	case "boolean":
		return []any{"perhaps"}
	case "integer", "number":
		return []any{"many", -7.0, 123456789.0}
	case "array", "map", "object":
		return []any{"text"}
	}
	return nil
}

// candidates are values to try in the place of v, the likeliest first.
func (r *round) candidates(path []string, v resource.PropertyValue, shape *catalogue.Property) []resource.PropertyValue {
	var all []resource.PropertyValue
	add := func(values ...any) {
		for _, value := range values {
			p := resource.NewPropertyValue(value)
			if !p.DeepEquals(v) && !slices.ContainsFunc(all, p.DeepEquals) {
				all = append(all, p)
			}
		}
	}
	if shape == nil {
		shape = &catalogue.Property{Type: "string"}
	}
	elem := shape
	list := shape.Type == "array" && shape.Elem != nil
	if list {
		elem = shape.Elem
	}
	for _, other := range r.maker.others(r.subject.base.Type, path) {
		add(other)
	}
	plain := slices.Clone(elem.OneOf[:min(3, len(elem.OneOf))])
	switch elem.Type {
	case "boolean":
		if v.IsBool() {
			plain = append(plain, !v.BoolValue())
		} else if v.IsString() {
			plain = append(plain, v.StringValue() != "true")
		} else {
			plain = append(plain, true, false)
		}
	case "integer", "number":
		n := 1.0
		if v.IsNumber() {
			n = v.NumberValue()
		}
		plain = append(plain, n+1, n*2, n-1, 1.0, 30.0, 60.0, 1000.0)
	case "map":
		plain = append(plain, map[string]any{"key": "value"})
	case "string", "any":
		if v.IsString() {
			plain = append(plain, turned(v.StringValue())...)
		} else if v.IsNull() {
			plain = append(plain, plausible(path[len(path)-1])...)
		}
	}
	for _, p := range plain {
		if list {
			p = []any{p}
		}
		add(p)
	}
	return all
}

// others are the values that bases of a type have at a place.
func (m *Maker) others(token string, path []string) []resource.PropertyValue {
	var all []resource.PropertyValue
	for _, b := range m.Bases {
		if b.Type != token {
			continue
		}
		walk(resource.NewObjectProperty(resource.PropertyMap(b.Inputs)), nil, func(there []string, v resource.PropertyValue) {
			if Shape(there) == Shape(path) && len(there) == len(path) && !v.IsObject() && !v.IsArray() {
				all = append(all, v)
			}
		})
	}
	return all
}

// turned are texts that are much like another and differ from it.
func turned(s string) []any {
	var all []any
	if p, err := netip.ParsePrefix(s); err == nil {
		octets := p.Addr().AsSlice()
		octets[(p.Bits()-1)/8] ^= 1 << (7 - (p.Bits()-1)%8)
		addr, _ := netip.AddrFromSlice(octets)
		return append(all, netip.PrefixFrom(addr, p.Bits()).String())
	}
	if json.Valid([]byte(s)) && strings.HasPrefix(s, "{") {
		for _, swap := range [][2]string{{`"Allow"`, `"Deny"`}, {`"Deny"`, `"Allow"`}, {`"schemaVersion": "2.2"`, `"schemaVersion": "0.3"`}} {
			if strings.Contains(s, swap[0]) {
				return append(all, strings.Replace(s, swap[0], swap[1], 1))
			}
		}
		var document map[string]any
		if json.Unmarshal([]byte(s), &document) == nil {
			document["more"] = "value"
			if text, err := json.Marshal(document); err == nil {
				all = append(all, string(text))
			}
		}
		return all
	}
	if n, err := strconv.Atoi(s); err == nil {
		all = append(all, strconv.Itoa(n+1), strconv.Itoa(n*2), strconv.Itoa(max(0, n-1)))
	}
	switch s {
	case "true":
		return append(all, "false")
	case "false":
		return append(all, "true")
	}
	if loc := lastSign.FindStringIndex(s); loc != nil {
		next := map[byte]byte{'9': '0', 'z': 'a', 'Z': 'A', 'f': 'a'}[s[loc[0]]]
		if next == 0 {
			next = s[loc[0]] + 1
		}
		all = append(all, s[:loc[0]]+string(next)+s[loc[0]+1:])
	}
	return append(append(all, s+"2"), plausible("")...)
}

var lastSign = regexp.MustCompile(`[0-9A-Za-z][^0-9A-Za-z]*$`)

// plausible are texts for a property of a name.
func plausible(name string) []any {
	lower := strings.ToLower(name)
	all := []any{}
	switch {
	case strings.HasSuffix(lower, "arn"), strings.HasSuffix(lower, "arns"):
		all = append(all, "arn:aws:sns:eu-west-2:123456789012:example")
	case strings.Contains(lower, "kmskey"):
		all = append(all, "arn:aws:kms:eu-west-2:123456789012:key/1f0c3c4e-7d5a-4b0a-9d0e-0a1b2c3d4e5f")
	case strings.Contains(lower, "cidr"):
		all = append(all, "10.99.0.0/24")
	case strings.Contains(lower, "policy"):
		all = append(all, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`)
	}
	return append(all, "example", "arn:aws:sns:eu-west-2:123456789012:example", "10.99.0.0/24", "10.99.0.9", "11",
		`{"Version":"2012-10-17","Statement":[]}`, "2031-01-02T03:04:05Z", "cron(0 5 * * ? *)", "mon:03:00-mon:04:00", "02:00-03:00", "true")
}

// reworded is a JSON document that says the same in another form; null for anything else.
func reworded(v resource.PropertyValue) resource.PropertyValue {
	if !v.IsString() || !strings.HasPrefix(v.StringValue(), "{") {
		return resource.NewNullProperty()
	}
	var b bytes.Buffer
	if json.Indent(&b, []byte(v.StringValue()), "", "     ") != nil {
		return resource.NewNullProperty()
	}
	return resource.NewProperty(b.String())
}

var (
	enumeration = regexp.MustCompile(`one of:? \[([^\]]+)\]`)
	inRange     = regexp.MustCompile(`in the range \((-?\d+) - (-?\d+)\)`)
	atLeast     = regexp.MustCompile(`at least \((-?\d+)\)`)
	quotedItem  = regexp.MustCompile(`"([^"]+)"`)
)

// told are the values that a refusal says would be right.
func told(reason string, was resource.PropertyValue) []resource.PropertyValue {
	var values []any
	if m := enumeration.FindStringSubmatch(reason); m != nil {
		items := quotedItem.FindAllStringSubmatch(m[1], -1)
		for _, item := range items {
			values = append(values, item[1])
		}
		if len(items) == 0 {
			for _, item := range strings.FieldsFunc(m[1], func(r rune) bool { return r == ' ' || r == ',' }) {
				if n, err := strconv.ParseFloat(item, 64); err == nil {
					values = append(values, n)
				}
			}
		}
	}
	if m := inRange.FindStringSubmatch(reason); m != nil {
		low, _ := strconv.ParseFloat(m[1], 64)
		high, _ := strconv.ParseFloat(m[2], 64)
		values = append(values, low, high)
	}
	if m := atLeast.FindStringSubmatch(reason); m != nil {
		low, _ := strconv.ParseFloat(m[1], 64)
		values = append(values, low)
	}
	var all []resource.PropertyValue
	for _, value := range values {
		if was.IsArray() {
			value = []any{value}
		}
		all = append(all, resource.NewPropertyValue(value))
	}
	return all[:min(len(all), 4)]
}

func sorted[K ~string, V any](m map[K]V) []string {
	var names []string
	for name := range m {
		names = append(names, string(name))
	}
	slices.Sort(names)
	return names
}
