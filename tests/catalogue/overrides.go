package catalogue

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// overrides is what is written down by hand about one package.
type overrides struct {
	// Comment says where the knowledge comes from.
	Comment string `json:"comment"`
	// Names are Pulumi's names of Terraform fields where no rule gives them.
	Names map[string]string `json:"names"`
	// Types holds corrections by token.
	Types map[string]correction `json:"types"`
	// Functions holds corrections by token.
	Functions map[string]correction `json:"functions"`
}

// correction changes properties, named by their paths as Properties.Walk gives them.
type correction struct {
	Replace  []string         `json:"replace"`
	InPlace  []string         `json:"inPlace"` // does not replace
	Computed []string         `json:"computed"`
	Secret   []string         `json:"secret"`
	Defaults map[string]any   `json:"defaults"`
	Limits   map[string]limit `json:"limits"`
}

// limit says which values a property takes where the provider's complaints do not tell, or not in a form that is
// understood.
type limit struct {
	OneOf     []any    `json:"oneOf"`
	Min       *float64 `json:"min"`
	Max       *float64 `json:"max"`
	Form      string   `json:"form"`
	Match     string   `json:"match"`
	Conflicts []string `json:"conflicts"`
}

func (l limit) apply(p *Property) {
	for p.Type == Array && l.Min == nil && l.Conflicts == nil {
		p = p.Elem // values of a list, not its length
	}
	if l.OneOf != nil {
		p.OneOf = l.OneOf
	}
	p.Form, p.Match = cmp.Or(l.Form, p.Form), cmp.Or(l.Match, p.Match)
	p.Min, p.Max = cmp.Or(l.Min, p.Min), cmp.Or(l.Max, p.Max)
	if l.Conflicts != nil {
		p.Conflicts = l.Conflicts
	}
}

func (p Package) overrides() (*overrides, error) {
	text, err := data.ReadFile("overrides/" + p.Name + ".json")
	if err != nil {
		return nil, err
	}
	out := &overrides{}
	if err := json.Unmarshal(text, out); err != nil {
		return nil, fmt.Errorf("reading overrides/%s.json: %w", p.Name, err)
	}
	return out, nil
}

// apply makes the corrections. A path that is not there is a mistake.
func (o *overrides) apply(c *Catalogue) error {
	for _, part := range []struct {
		corrections map[string]correction
		members     map[string]*Member
	}{{o.Types, c.Types}, {o.Functions, c.Functions}} {
		for _, token := range slices.Sorted(maps.Keys(part.corrections)) {
			m := part.members[token]
			if m == nil {
				return fmt.Errorf("the overrides name %s, which the catalogue lacks", token)
			}
			if err := part.corrections[token].apply(m); err != nil {
				return fmt.Errorf("the overrides of %s: %w", token, err)
			}
		}
	}
	return nil
}

func (c correction) apply(m *Member) error {
	set := func(paths []string, how func(*Property)) error {
		for _, path := range paths {
			parts := strings.Split(path, ".")
			p := m.Inputs.Find(parts...)
			if p == nil {
				p = m.Outputs.Find(parts...)
			}
			if p == nil {
				return fmt.Errorf("no property %s", path)
			}
			how(p)
		}
		return nil
	}
	for _, s := range []struct {
		paths []string
		how   func(*Property)
	}{
		{c.Replace, func(p *Property) { p.Replace = true }},
		{c.InPlace, func(p *Property) { p.Replace = false }},
		{c.Computed, func(p *Property) { p.Computed = true }},
		{c.Secret, func(p *Property) { p.Secret = true }},
	} {
		if err := set(s.paths, s.how); err != nil {
			return err
		}
	}
	for _, path := range slices.Sorted(maps.Keys(c.Limits)) {
		if err := set([]string{path}, c.Limits[path].apply); err != nil {
			return err
		}
	}
	for path, value := range c.Defaults {
		err := set([]string{path}, func(p *Property) { p.Default, p.Computed = value, false })
		if err != nil {
			return err
		}
	}
	return nil
}

// settle marks the findings that a correction answers.
func (o *overrides) settle(r *Report) {
	for i, f := range r.Undetermined {
		c := o.Types[f.Token]
		if slices.Contains(c.Replace, f.Path) || slices.Contains(c.InPlace, f.Path) {
			r.Undetermined[i].Text = "by hand; " + f.Text
		}
	}
}
