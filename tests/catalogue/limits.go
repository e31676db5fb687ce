package catalogue

import (
	"cmp"
	"context"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/vendored/tfplugin5"
)

// What the provider says of values that are hardly right is how it tells which are.
var (
	saysOneOf = regexp.MustCompile(`one of:? \[([^\]]*)\]`)
	// Of enumerations that are types of their own.
	saysValid = regexp.MustCompile(`Valid Values: \[([^\]]*)\]`)
	saysRange = regexp.MustCompile(`(?:in the range \(| between )(-?\d+)(?: - | and )(-?\d+)`)
	saysLeast = regexp.MustCompile(`at least \(?(-?\d+)`)
	saysMost  = regexp.MustCompile(`at most \(?(-?\d+)`)
	quoted    = regexp.MustCompile(`"([^"]*)"`)
	// Of properties that cannot be set together; what follows names the other.
	saysConflict   = regexp.MustCompile(`^"([a-z0-9_.]+)": conflicts with ([a-z0-9_.]+)`)
	saysOnlyOne    = regexp.MustCompile("only one of `([^`]+)` can be specified")
	saysNeedsOne   = regexp.MustCompile("one of `([^`]+)` must be specified")
	saysExactlyOne = regexp.MustCompile(`Exactly one of these attributes must be configured: \[([^\]]+)\]`)
	// These speak of other properties, not of the value.
	saysOthers = regexp.MustCompile("conflicts with|one of `|all of `|is required|required argument|[Cc]annot be specified when|must be specified")
)

// forms are the kinds of text that the provider names in its complaints.
var forms = []struct {
	name string
	says *regexp.Regexp
}{
	{"arn", regexp.MustCompile(`an invalid ARN|parsed as an ARN|valid ARN`)},
	{"json", regexp.MustCompile(`invalid JSON|valid JSON`)},
	{"cidr", regexp.MustCompile(`CIDR`)},
	{"time", regexp.MustCompile(`RFC3339`)},
	{"account", regexp.MustCompile(`AWS Account ID`)},
	{"ip", regexp.MustCompile(`valid (?:IPv[46]|IP) (?:address|IP)`)},
}

// wrong is a text that little takes.
const wrong = "no such value!"

// limits finds out which values an attribute takes.
func (r *refiner) limits(ctx context.Context, prop *Property, path []string, typ tftypes.Type) {
	wrap := func(v any) any { return v }
	switch t := typ.(type) {
	case tftypes.List:
		prop, typ, wrap = prop.Elem, t.ElementType, func(v any) any { return []any{v} }
	case tftypes.Set:
		prop, typ, wrap = prop.Elem, t.ElementType, func(v any) any { return []any{v} }
	}
	if prop == nil {
		return
	}
	switch {
	case typ.Is(tftypes.String) && (prop.Type == String || prop.Type == Any):
		said := r.complaint(ctx, path, wrap(wrong))
		if strings.Contains(said, alternatively) {
			return
		}
		if prop.OneOf = oneOf(said); prop.OneOf != nil || said == "" {
			return
		}
		for _, f := range forms {
			if f.says.MatchString(said) {
				prop.Form = f.name
				return
			}
		}
		prop.Without = r.without(ctx, path, wrap)
	case typ.Is(tftypes.Number) && (prop.Type == Integer || prop.Type == Number):
		for _, n := range []float64{-7, 123456789} {
			said := r.complaint(ctx, path, wrap(n))
			if said == "" || strings.Contains(said, alternatively) {
				continue
			}
			if all := oneOf(said); all != nil {
				prop.OneOf = all
				return
			}
			low, high := bounds(said)
			prop.Min, prop.Max = cmp.Or(prop.Min, low), cmp.Or(prop.Max, high)
		}
	}
}

// complaint is what the provider says of a value, apart from all else.
func (p *prober) complaint(ctx context.Context, path []string, value any) string {
	config, err := p.build(path, value)
	if err != nil {
		return ""
	}
	said, err := p.provider.validate(ctx, p.name, p.typ, p.settable(config))
	if err != nil {
		return ""
	}
	var texts []string
	for _, d := range said {
		text := d.Summary + " " + d.Detail
		if !saysOthers.MatchString(text) && concerns(d, text, path) && !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, alternatively)
}

// alternatively stands between complaints of which a value has to avoid one only: an ARN or a name, say. Nothing is
// learnt from these.
const alternatively = "\n---\n"

// concerns tells whether a diagnostic is about an attribute. What it names is to be relied on at the top only: inside
// of sets it is the set, and three blocks down it is often a neighbour, as the provider's paths overwrite each other.
// There, what the text names counts.
func concerns(d *tfplugin5.Diagnostic, text string, path []string) bool {
	about, whole, last := concerned(d), strings.Join(path, "."), len(path)-1
	switch {
	case about == whole && len(path) <= 3:
		return true
	case strings.Contains(subscript.ReplaceAllString(placeInList.ReplaceAllString(text, "."), ""), whole+" "):
		return true
	case about == "" || !strings.Contains(text, "expected "+path[last]+" "):
		return false
	}
	neighbour := last > 0 && about[:max(0, strings.LastIndex(about, "."))] == strings.Join(path[:last], ".")
	return strings.HasPrefix(whole, about+".") || neighbour
}

// placeInList is a place in a list, as the provider writes paths.
var placeInList = regexp.MustCompile(`\.\d+\.`)

// concerned is the attribute that a diagnostic is about; some only write its path in their text.
func concerned(d *tfplugin5.Diagnostic) string {
	if d.Attribute != nil {
		return attributePath(d.Attribute)
	}
	return subscript.ReplaceAllString(first(saysPath, d.Detail), "")
}

var saysPath = regexp.MustCompile(`Path: (\S+)`)

// signs are those that names are often not allowed to have.
const signs = " !\"#$%&'()*+,./:;<=>?@[]^_`{|}~"

// without tells which signs a text must not have: those that make a text wrong which is right without.
func (r *refiner) without(ctx context.Context, path []string, wrap func(any) any) string {
	right := ""
	for _, group := range r.samples.candidates(path, tftypes.String) {
		if s, ok := group[0].(string); ok && r.complaint(ctx, path, wrap(s)) == "" {
			right = s
			break
		}
	}
	half := (len(right) + 1) / 2
	// Of what has a structure, such as a time, nothing can be said sign by sign.
	if right == "" || r.complaint(ctx, path, wrap(right[:half]+"a"+right[half:])) != "" {
		return ""
	}
	var out strings.Builder
	for _, sign := range signs {
		if r.complaint(ctx, path, wrap(right[:half]+string(sign)+right[half:])) != "" {
			out.WriteRune(sign)
		}
	}
	return out.String()
}

func oneOf(said string) []any {
	m := cmp.Or(first(saysOneOf, said), first(saysValid, said))
	if strings.Count(m, " ") == 0 {
		return nil // one value only: there is another way to be right
	}
	var all []any
	if items := quoted.FindAllStringSubmatch(m, -1); items != nil {
		for _, item := range items {
			all = append(all, item[1])
		}
		return all
	}
	for _, item := range strings.FieldsFunc(m, func(r rune) bool { return r == ' ' || r == ',' }) {
		if n, err := strconv.ParseFloat(item, 64); err == nil {
			all = append(all, n)
		} else {
			all = append(all, item)
		}
	}
	return all
}

func first(form *regexp.Regexp, text string) string {
	if m := form.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

func bounds(said string) (low, high *float64) {
	number := func(s string) *float64 {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return nil
		}
		return &n
	}
	if m := saysRange.FindStringSubmatch(said); m != nil {
		return number(m[1]), number(m[2])
	}
	return number(first(saysLeast, said)), number(first(saysMost, said))
}

// conflicts finds out which properties of the whole resource cannot be set together, by setting all of them.
func (r *refiner) conflicts(ctx context.Context) {
	config, err := r.everyBlock(r.block, nil, 0)
	if err != nil {
		return
	}
	for _, a := range r.block.Attributes {
		typ, err := tftypes.ParseJSONType(a.Type) //nolint:staticcheck // the only parser there is
		if err != nil || !a.Optional {
			continue
		}
		config[a.Name] = r.samples.candidates([]string{a.Name}, typ)[0][0]
	}
	for _, n := range r.block.BlockTypes {
		if n.TypeName == "timeouts" {
			continue
		}
		if inner, err := r.samples.smallest(n.Block, []string{n.TypeName}); err == nil {
			config[n.TypeName] = place(n, inner)
		}
	}
	said, err := r.provider.validate(ctx, r.name, r.typ, r.settable(config))
	if err != nil {
		return
	}
	found := map[string][]string{}
	exclude := func(first, second string) {
		one, _ := r.match([]string{first}, r.member.Inputs)
		other, _ := r.match([]string{strings.SplitN(second, ".", 2)[0]}, r.member.Inputs)
		if one != "" && other != "" && one != other {
			found[one] = append(found[one], other)
		}
	}
	for _, d := range said {
		if m := saysConflict.FindStringSubmatch(d.Detail); m != nil {
			exclude(m[1], m[2])
		}
		group := strings.Split(cmp.Or(first(saysOnlyOne, d.Detail), first(saysExactlyOne, d.Detail)), ",")
		for _, one := range group {
			for _, other := range group {
				exclude(one, other)
			}
		}
	}
	r.needs(ctx)
	for _, name := range slices.Sorted(maps.Keys(found)) {
		slices.Sort(found[name])
		if p := r.member.Inputs[name]; p != nil {
			p.Conflicts = slices.Compact(found[name])
		}
	}
}

// needs finds out of which properties one has to be set, by setting none.
func (r *refiner) needs(ctx context.Context) {
	always := r.samples.set
	defer func() { r.samples.set = always }()
	r.samples.set = nil
	config, err := r.samples.smallest(r.block, nil)
	if err != nil {
		return
	}
	said, err := r.provider.validate(ctx, r.name, r.typ, r.settable(config))
	if err != nil {
		return
	}
	for _, d := range said {
		var group []string
		for _, name := range strings.Split(cmp.Or(first(saysNeedsOne, d.Detail), first(saysExactlyOne, d.Detail)), ",") {
			if n, p := r.match([]string{strings.TrimSpace(name)}, r.member.Inputs); p != nil {
				group = append(group, n)
			}
		}
		slices.Sort(group)
		if len(group) > 1 && !slices.ContainsFunc(r.member.Needs, func(had []string) bool { return slices.Equal(had, group) }) {
			r.member.Needs = append(r.member.Needs, group)
		}
	}
	slices.SortFunc(r.member.Needs, slices.Compare[[]string])
}

// validate asks what is wrong with a configuration.
func (p *Provider) validate(ctx context.Context, name string, typ tftypes.Type, config map[string]any) ([]*tfplugin5.Diagnostic, error) {
	c, err := pack(config, typ)
	if err != nil {
		return nil, err
	}
	a, err := p.client.ValidateResourceTypeConfig(ctx, &tfplugin5.ValidateResourceTypeConfig_Request{
		TypeName: name, Config: c, ClientCapabilities: &tfplugin5.ClientCapabilities{WriteOnlyAttributesAllowed: true},
	})
	if err != nil {
		p.plugin.Kill() // it panicked
		if again := p.start(ctx); again != nil {
			return nil, again
		}
		return nil, err
	}
	var errs []*tfplugin5.Diagnostic
	for _, d := range a.Diagnostics {
		if d.Severity == tfplugin5.Diagnostic_ERROR {
			errs = append(errs, d)
		}
	}
	return errs, nil
}
