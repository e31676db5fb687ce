package catalogue_test

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/berth-iac/berth/localcloud/catalogue"
)

// TestRulesFitShapes walks every rule: its type has a shape, and every property it names is one.
func TestRulesFitShapes(t *testing.T) {
	cat := catalogue.Embedded()
	rules, err := cat.Rules()
	if err != nil {
		t.Fatal(err)
	}
	for token := range rules.Types {
		shape, rule, err := cat.Type(token)
		if err != nil {
			t.Error(err)
			continue
		}
		check := func(what, path string) {
			if path != "id" && !exists(shape, path) {
				t.Errorf("%s: %s names %q, which the type does not have", token, what, path)
			}
		}
		if rule.ID == "" {
			t.Errorf("%s: no id", token)
		}
		if rule.Autoname != nil {
			check("autoname", rule.Autoname.Property)
		}
		for name := range rule.Outputs {
			check("outputs", name)
		}
		for _, u := range rule.Unique {
			for _, k := range u.Keys {
				check("unique", k)
			}
		}
		for _, p := range rule.Protections {
			for path := range p.When {
				check("a protection", path)
			}
		}
		for _, r := range rule.References {
			check("a reference", r.Property)
			for _, target := range r.To {
				to, _, err := cat.Type(target)
				if err != nil {
					t.Errorf("%s: reference %s: %v", token, r.Property, err)
					continue
				}
				for _, by := range append(r.By, r.UnlessTarget) {
					if by != "" && by != "id" && !exists(to, by) {
						t.Errorf("%s: reference %s looks %s up by %q, which it does not have", token, r.Property, target, by)
					}
				}
			}
			if _, err := regexp.Compile(r.Unless); err != nil {
				t.Errorf("%s: reference %s: %v", token, r.Property, err)
			}
			if r.OnDelete == "refuse" && r.Refusal == "" {
				t.Errorf("%s: reference %s refuses without a word", token, r.Property)
			}
			if !slices.Contains([]string{"", "refuse", "cascade"}, r.OnDelete) {
				t.Errorf("%s: reference %s: onDelete %q", token, r.Property, r.OnDelete)
			}
		}
		for _, c := range rule.Checks {
			if c.Property != "" {
				check("a check", c.Property)
			}
			for _, path := range append(slices.Clone(c.Ascend), c.Require...) {
				check("a check", path)
			}
			for path := range c.When {
				if path != "region" {
					check("a check", path)
				}
			}
			for _, form := range []string{c.Match, c.Never} {
				if _, err := regexp.Compile(form); err != nil {
					t.Errorf("%s: check of %s: %v", token, c.Property, err)
				}
			}
			if c.CIDR == nil && c.Error == "" {
				t.Errorf("%s: check of %s refuses without a word", token, c.Property)
			}
		}
	}
	for token := range rules.Functions {
		shape, rule, err := cat.Function(token)
		if err != nil {
			t.Error(err)
			continue
		}
		for name := range rule.Outputs {
			if shape.Outputs[name] == nil && shape.Inputs[name] == nil {
				t.Errorf("%s: answers %q, which the function does not have", token, name)
			}
		}
		if rule.Refusal == "" && len(rule.Outputs) == 0 {
			t.Errorf("%s: neither an answer nor a refusal", token)
		}
	}
}

// exists follows a path through shapes; arrays are walked.
func exists(t *catalogue.Type, path string) bool {
	steps := strings.Split(path, ".")
	p := t.Property(steps[0])
	for _, step := range steps[1:] {
		for p != nil && p.Elem != nil && p.Properties == nil {
			p = p.Elem
		}
		if p == nil {
			return false
		}
		p = p.Properties[step]
	}
	return p != nil
}

// TestArnsAreGiven shows that no type with an ARN leaves it out: programs pass ARNs on.
func TestArnsAreGiven(t *testing.T) {
	cat := catalogue.Embedded()
	rules, err := cat.Rules()
	if err != nil {
		t.Fatal(err)
	}
	for token := range rules.Types {
		shape, rule, err := cat.Type(token)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, name := range []string{"arn", "arnSuffix", "dnsName", "endpoint", "url", "publicIp"} {
			if shape.Outputs[name] != nil && rule.Outputs[name] == nil {
				t.Errorf("%s: the computed property %s has no template", token, name)
			}
		}
	}
}

func TestUnknown(t *testing.T) {
	cat := catalogue.New(fstest.MapFS{
		"aws.json":        {Data: []byte(`{"types":{"aws:x/y:Y":{"inputs":{}}},"functions":{}}`)},
		"rules/some.yaml": {Data: []byte("packages: {aws: {}}\n")},
	})
	for token, want := range map[string]string{
		"aws:x/y:Y":  "has no rule for it: add one",
		"aws:x/z:Z":  "add it to the list that generates catalogue/aws.json",
		"gcp:x/y:Y":  `package "gcp"`,
		"../etc:x:Y": `package "../etc"`,
	} {
		_, _, err := cat.Type(token)
		if !errors.Is(err, catalogue.ErrUnknown) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: err = %v, want one with %q", token, err, want)
		}
	}
	if _, _, err := cat.Function("aws:x/f:f"); !errors.Is(err, catalogue.ErrUnknown) {
		t.Errorf("err = %v", err)
	}
}

func TestRulesAreDecodedStrictly(t *testing.T) {
	cat := catalogue.New(fstest.MapFS{"rules/some.yaml": {Data: []byte("types:\n  aws:x/y:Y: {ids: x}\n")}})
	if _, err := cat.Rules(); err == nil || !strings.Contains(err.Error(), "ids") {
		t.Errorf("err = %v, want one that names the unknown key", err)
	}
}
