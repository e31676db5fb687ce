package localcloud

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/berth-iac/berth/localcloud/catalogue"
)

// sample is some value of a shape.
func sample(shape *catalogue.Property) resource.PropertyValue {
	switch shape.Type {
	case "boolean":
		return resource.NewBoolProperty(true)
	case "integer", "number":
		return resource.NewNumberProperty(7)
	case "array":
		if shape.Elem == nil {
			return resource.NewArrayProperty(nil)
		}
		return resource.NewArrayProperty([]resource.PropertyValue{sample(shape.Elem)})
	case "map":
		return resource.NewObjectProperty(resource.PropertyMap{})
	case "object":
		fields := resource.PropertyMap{}
		for name, inner := range shape.Properties {
			if inner.Required {
				fields[resource.PropertyKey(name)] = sample(inner)
			}
		}
		return resource.NewObjectProperty(fields)
	}
	return resource.NewStringProperty("10.0.0.0/16")
}

// TestEveryTypeComputes makes one object of every type out of its required inputs and compares what is computed
// with the shapes: a misspelt template, or a value of the wrong type, shows here and not in somebody's stack.
func TestEveryTypeComputes(t *testing.T) {
	dir := t.TempDir()
	cloud, err := Start(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer cloud.Close()
	rules, err := cloud.cat.Rules()
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range sortedKeys(rules.Types) {
		t.Run(token, func(t *testing.T) {
			pkg := packageOf(token)
			shape, rule, err := cloud.cat.Type(token)
			if err != nil {
				t.Fatal(err)
			}
			inputs := resource.PropertyMap{}
			for name, p := range shape.Inputs {
				if p.Required || slices.Contains(namesIn(rule.ID), name) {
					inputs[resource.PropertyKey(name)] = sample(p)
				}
			}
			ty := typed{settings: settings{pkg: pkg, region: "eu-west-2", account: DefaultAccount, partition: "aws"},
				shape: shape, rule: rule, rules: rules, token: token, urn: resource.URN("urn:pulumi:a::b::" + token + "::name")}
			if auto := ty.autoname(); auto != nil {
				inputs[resource.PropertyKey(auto.Property)] = resource.NewStringProperty("name")
			}
			s := cloud.scene(ty, inputs)
			s.salt, s.now = "salt", time.Unix(1_772_000_000, 0)
			id, err := s.at("id", rule.ID)
			if err != nil {
				t.Fatal(err)
			}
			if s.id = text(id.value); s.id == "" {
				t.Fatalf("the id %q gives nothing from %v", rule.ID, inputs)
			}
			state, err := s.state(ty)
			if err != nil {
				t.Fatal(err)
			}
			var v validator
			v.properties("", state, properties(shape))
			for _, f := range v.failures {
				name, _, _ := strings.Cut(strings.ReplaceAll(f.Property, "[", "."), ".")
				if _, given := inputs[resource.PropertyKey(name)]; !given { // samples need not be values that are taken
					t.Errorf("%s: %s", f.Property, f.Reason)
				}
			}
			for name, value := range state {
				if strings.ContainsAny(text(value), "{}") && !strings.Contains(text(value), `"Statement"`) && name != "logFormat" {
					t.Errorf("%s = %q: a brace is left", name, text(value))
				}
			}
			for _, message := range messagesOf(rule) {
				if _, err := parseTemplate(message); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func messagesOf(rule *catalogue.Rule) []string {
	messages := []string{rule.Exists}
	for _, u := range rule.Unique {
		messages = append(messages, u.Error)
	}
	for _, r := range rule.References {
		messages = append(messages, r.Error, r.Refusal)
	}
	for _, c := range rule.Checks {
		messages = append(messages, c.Error)
	}
	for _, p := range rule.Protections {
		messages = append(messages, p.Error)
	}
	return messages
}

func TestTemplateErrors(t *testing.T) {
	for source, want := range map[string]string{
		"vpc-{hex:17": "not closed", "{}": "empty", "{a|}": "empty", "{hexx:3}": `no function "hexx"`,
	} {
		if _, err := parseTemplate(source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: err = %v, want %q", source, err, want)
		}
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add("arn:{partition}:ec2:{region|'x'}:{{id}}")
	f.Fuzz(func(t *testing.T, source string) {
		parts, err := parseTemplate(source)
		if err == nil && len(parts) == 0 {
			t.Errorf("%q is nothing, without an error", source)
		}
	})
}

func TestReplayRefusesWhatItCannotRead(t *testing.T) {
	s := &store{cat: catalogue.Embedded()}
	s.clear()
	for _, line := range []string{`{`, `{"put":{"inputs":[]}}`} {
		if err := s.replay([]byte(line)); err == nil {
			t.Errorf("%s was read", line)
		}
	}
}

func FuzzReplay(f *testing.F) {
	f.Add([]byte(`{"put":{"key":{"type":"aws:ec2/vpc:Vpc","id":"vpc-1"},"urn":"u","salt":"s","birth":1,"generation":1,"inputs":{"a":{"$secret":"x"}},"state":{"$$b":1}}}`))
	f.Add([]byte(`{"delete":{"type":"a","id":"b"}}`))
	f.Add([]byte(`{"births":{"u":3}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		s := &store{cat: catalogue.Embedded()}
		s.clear()
		if err := s.replay(line); err != nil {
			return
		}
		for _, o := range s.objects {
			again, err := o.stored().object()
			if err != nil || again.key != o.key || !again.state.DeepEquals(o.state) {
				t.Errorf("%s does not survive: %v, %v", line, again, err)
			}
		}
	})
}

func TestSealKeepsTheForm(t *testing.T) {
	s := sealer{key: []byte("key")}
	plain := resource.NewPropertyValue(map[string]any{
		"list": []any{1.0, "two", nil}, "$odd": true, "deep": map[string]any{"secret": resource.MakeSecret(resource.NewStringProperty("x"))},
	})
	sealed := s.seal(plain)
	decoded, err := decode(encode(sealed))
	if err != nil {
		t.Fatal(err)
	}
	if !decoded.DeepEquals(sealed) {
		t.Errorf("%v became %v", sealed, decoded)
	}
	open, ok := s.unseal(decoded, plain)
	if !ok || !open.DeepEquals(plain) {
		t.Errorf("%v opened as %v", plain, open)
	}
}
