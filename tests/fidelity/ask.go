package fidelity

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"github.com/berth-iac/berth/localcloud/catalogue"
)

// Kinds of case.
const (
	Creation   = "create" // which outputs are known in a preview, and their values
	Same       = "same"   // the same inputs once more
	Changing   = "change" // another value
	Reordering = "order"  // the same items of a list in another order
	Rewording  = "reword" // the same JSON document in other words
	Removing   = "remove" // a value that was set is no longer
	Adding     = "add"    // a value that was not set is
	Breaking   = "break"  // a creation with a value that is hardly right
)

// Case is a question, and an answer to it.
type Case struct {
	Type string `json:"type"`
	Base string `json:"base"`
	Kind string `json:"kind"`
	Edit
	Answer
}

// Key names a case among all.
func (c Case) Key() string {
	to := ""
	if c.To != nil {
		text, _ := c.To.MarshalJSON() // cannot fail for what was read
		to = "=" + string(text)
	}
	return strings.Join([]string{c.Type, c.Base, c.Kind, c.Path + to}, " ")
}

// Answer is what a provider said.
type Answer struct {
	Refused string   `json:"refused,omitempty"` // check or plan
	Reason  string   `json:"reason,omitempty"`
	Change  string   `json:"is,omitempty"` // none, update or replace
	Of      []string `json:"of,omitempty"` // the properties that replace, or else those that change
	// Unknown are the outputs that a preview of the creation or update does not know.
	Unknown []string `json:"unknown,omitempty"`
	// Known are outputs of a creation that the program did not set.
	Known Values `json:"known,omitempty"`
}

// Changes of an object.
const (
	None    = "none"
	Update  = "update"
	Replace = "replace"
)

// subject is a base as one provider sees it.
type subject struct {
	base    *Base
	shape   *catalogue.Type
	session *Session
	object  Object
	preview resource.PropertyMap
	refused *Refusal
	real    bool // the object was really made: on the embedded cloud
}

// kept is the change of a value that the bridge kept although the program no longer gives it: a name. It says nothing
// about the provider.
const kept = "kept"

// prepare asks for the creation and makes up the object that comes of it, or really makes it, where that is possible.
func prepare(ctx context.Context, s *Session, b *Base, shape *catalogue.Type, really bool) (*subject, error) {
	sub := &subject{base: b, session: s, shape: shape, real: really}
	inputs, refusal, err := s.Check(ctx, b.URN(), nil, resource.PropertyMap(b.Inputs))
	if err != nil || refusal != nil {
		sub.refused = refusal
		return sub, err
	}
	sub.preview, sub.refused, err = s.PreviewCreate(ctx, b.URN(), inputs)
	if err != nil || sub.refused != nil {
		return sub, err
	}
	if really {
		id, state, err := s.Create(ctx, b.URN(), inputs)
		sub.object = Object{URN: b.URN(), ID: id, Inputs: inputs, State: state}
		return sub, err
	}
	sub.object = Object{URN: b.URN(), ID: b.ID, Inputs: inputs}
	sub.pretend("")
	return sub, nil
}

// pretend makes the state of an object up. Texts that nobody has set are unset, which is how most services answer.
// meta is what the bridge notes about a state: which form it has. Without, the provider brings it up from its first.
func (s *subject) pretend(meta string) {
	state := resource.PropertyMap{}
	if meta != "" {
		state["__meta"] = resource.NewProperty(meta)
	}
	for name, v := range s.preview {
		text := ""
		if s.shape.Outputs[string(name)] != nil {
			text = "made-up"
		}
		state[name] = known(v, resource.PropertyMap(s.base.Outputs)[name], s.shape.Property(string(name)), text)
	}
	state["id"] = resource.NewProperty(s.base.ID)
	s.object.State = state
}

// known puts something plausible in the place of what is unknown: the embedded cloud's value where there is one.
func known(v, plausible resource.PropertyValue, shape *catalogue.Property, text string) resource.PropertyValue {
	if shape == nil {
		shape = &catalogue.Property{}
	}
	switch {
	case v.IsComputed() || v.IsOutput():
		if !plausible.IsNull() {
			return plausible
		}
		switch shape.Type {
		case "boolean":
			return resource.NewProperty(false)
		case "integer", "number":
			return resource.NewProperty(1.0)
		case "array":
			return resource.NewProperty([]resource.PropertyValue{})
		case "string":
			return resource.NewProperty(text)
		}
		return resource.NewNullProperty()
	case v.IsObject():
		fields := resource.PropertyMap{}
		for key, field := range v.ObjectValue() {
			inner := shape.Properties[string(key)]
			if shape.Properties == nil {
				inner = shape.Elem
			}
			fields[key] = known(field, at(plausible, []string{string(key)}), inner, text)
		}
		return resource.NewProperty(fields)
	case v.IsArray():
		items := make([]resource.PropertyValue, len(v.ArrayValue()))
		for i, item := range v.ArrayValue() {
			items[i] = known(item, at(plausible, []string{fmt.Sprint(i)}), shape.Elem, text)
		}
		return resource.NewProperty(items)
	}
	return v
}

// ask puts a case to the provider.
func (s *subject) ask(ctx context.Context, kind string, e Edit) (Answer, error) {
	if s.refused != nil {
		return refused(s.refused), nil
	}
	if kind == Creation {
		return s.creation(), nil
	}
	raw := e.apply(resource.PropertyMap(s.base.Inputs))
	olds := s.object.Inputs
	if kind == Breaking {
		olds = nil
	}
	news, refusal, err := s.session.Check(ctx, s.base.URN(), olds, raw)
	if err != nil || refusal != nil {
		return refused(refusal), err
	}
	if !s.real && kind == Removing && valueAt(raw, e.Path).IsNull() && !valueAt(news, e.Path).IsNull() && valueAt(news, e.Path).DeepEquals(valueAt(olds, e.Path)) {
		return Answer{Change: kept}, nil
	}
	if kind == Breaking {
		_, refusal, err = s.session.PreviewCreate(ctx, s.base.URN(), news)
		return refused(refusal), err
	}
	diff, refusal, err := s.session.Diff(ctx, s.object, news)
	if err != nil || refusal != nil {
		return refused(refusal), err
	}
	a := change(diff)
	if a.Change == Update {
		after, refusal, err := s.session.PreviewUpdate(ctx, s.object, news)
		if err != nil || refusal != nil {
			return refused(refusal), err
		}
		a.Unknown = s.unknowns(after, news)
	}
	return a, nil
}

func refused(r *Refusal) Answer {
	if r == nil {
		return Answer{}
	}
	reasons := slices.Sorted(slices.Values(r.Reasons)) // the provider gives them in any order
	reason := strings.Join(strings.Fields(strings.Join(reasons, "; ")), " ")
	return Answer{Refused: r.Stage, Reason: reason}
}

func change(d *pulumirpc.DiffResponse) Answer {
	a := Answer{Change: None}
	switch {
	case len(d.GetReplaces()) > 0:
		a.Change, a.Of = Replace, tops(d.GetReplaces())
	case d.GetChanges() == pulumirpc.DiffResponse_DIFF_SOME:
		a.Change, a.Of = Update, tops(d.GetDiffs())
	}
	return a
}

// tops are the properties that paths lie in, in order, each once.
func tops(paths []string) []string {
	var names []string
	for _, path := range paths {
		name := strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' })[0]
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// creation sorts a previewed creation's outputs.
func (s *subject) creation() Answer {
	a := Answer{Known: Values{}}
	for name, v := range s.preview {
		given := resource.PropertyMap(s.base.Inputs)[name]
		switch {
		case strings.HasPrefix(string(name), "__"), name == "id", v.IsNull(), s.shape.Property(string(name)) == nil:
		case v.ContainsUnknowns() && given.IsNull():
			a.Unknown = append(a.Unknown, string(name))
		case given.IsNull() && !blank(v):
			a.Known[name] = v
		}
	}
	slices.Sort(a.Unknown)
	return a
}

// blank tells whether a value says nothing, as the provider's schema fills what is not set.
func blank(v resource.PropertyValue) bool {
	switch {
	case v.IsNull():
		return true
	case v.IsBool():
		return !v.BoolValue()
	case v.IsNumber():
		return v.NumberValue() == 0
	case v.IsString():
		return v.StringValue() == ""
	case v.IsArray():
		return len(v.ArrayValue()) == 0
	case v.IsObject():
		return len(v.ObjectValue()) == 0
	}
	return false
}

// unknowns are the outputs that an update makes unknown, or that a preview leaves out.
func (s *subject) unknowns(after, news resource.PropertyMap) []string {
	var names []string
	for name, before := range s.object.State {
		v := after[name]
		given, was := news[name], s.object.Inputs[name]
		switch {
		case strings.HasPrefix(string(name), "__"), name == "id", blank(before):
		case v.IsComputed(), v.IsOutput(), v.IsNull() && given.IsNull() && was.IsNull():
			names = append(names, string(name))
		}
	}
	slices.Sort(names)
	return names
}
