package localcloud

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/berth-iac/berth/localcloud/catalogue"
)

// scene prepares the evaluation of one object's rule.
func (c *Cloud) scene(t typed, inputs resource.PropertyMap) *scene {
	s := &scene{
		store: c.store, rules: t.rules, rule: t.rule, settings: t.settings, token: t.token, urnName: t.urn.Name(),
		now: c.options.Clock(), generation: 1, inputs: inputs, templates: templatesOf(t),
		done: map[string]result{}, busy: map[string]bool{},
	}
	return s
}

// templatesOf are the templates for the computed properties that a type has: its own, and its package's.
func templatesOf(t typed) map[string]any {
	templates := maps.Clone(t.rule.Outputs)
	if templates == nil {
		templates = map[string]any{}
	}
	if p := t.rules.Packages[t.settings.pkg]; p != nil {
		for name, source := range p.Outputs {
			if _, own := templates[name]; !own && t.shape.Property(name) != nil {
				templates[name] = source
			}
		}
	}
	return templates
}

// refusal is what the cloud says no with. The text is the service's own: "InvalidSubnet.Conflict: …".
type refusal string

func (r refusal) Error() string { return string(r) }

// create makes an object out of inputs, or says why the cloud refuses. The caller holds the store's lock.
func (c *Cloud) create(t typed, inputs resource.PropertyMap) (*object, resource.PropertyMap, error) {
	s := c.scene(t, inputs)
	birth := c.store.births[string(t.urn)] + 1
	s.salt = c.salt(t, birth)
	id, err := s.at("id", t.rule.ID)
	if err != nil {
		return nil, nil, err
	}
	if s.id = text(id.value); s.id == "" {
		return nil, nil, fmt.Errorf("catalogue/rules: %s: the id %q gives nothing", t.token, t.rule.ID)
	}
	k := c.store.keyOf(t.token, t.settings.account, t.settings.region, s.id)
	if err := s.vacant(k); err != nil {
		return nil, nil, err
	}
	state, err := c.admit(s, t, inputs)
	if err != nil {
		return nil, nil, err
	}
	o := &object{
		key: k, urn: string(t.urn), account: t.settings.account, region: t.settings.region, salt: s.salt,
		birth: birth, generation: 1, created: s.now,
		inputs: c.store.seal.sealMap(inputs), state: c.store.seal.sealMap(state),
	}
	return o, state, c.store.put(o)
}

// salt is what an object's random values come from.
func (c *Cloud) salt(t typed, birth int) string {
	if c.options.Seed == 0 {
		return rand32()
	}
	return fmt.Sprintf("%x", seeded(c.options.Seed, "salt", string(t.urn), birth)[:16])
}

// vacant refuses an id that is in use.
func (s *scene) vacant(k key) error {
	o := s.store.objects[k]
	switch {
	case o == nil, o.pending() && !s.now.Before(o.until):
		return nil
	case o.pending() && s.rule.Deletion != nil:
		return refusal(s.message(s.rule.Deletion.Error, "id", s.id))
	case s.rule.Upsert:
		return nil
	case s.rule.Exists != "":
		return refusal(s.message(s.rule.Exists, "id", s.id))
	}
	return refusal("AlreadyExists: " + s.id + " already exists")
}

// admit checks what an object is to be against the rules and the rest of the cloud, and computes its state.
func (c *Cloud) admit(s *scene, t typed, inputs resource.PropertyMap) (resource.PropertyMap, error) {
	var errs []error
	for _, p := range s.checks(true) {
		errs = append(errs, refusal(p.text))
	}
	_, lost := c.store.resolve(t.rule, t.settings.account, t.settings.region, inputs)
	for _, m := range lost {
		errs = append(errs, refusal(m.error(t.rules)))
	}
	if o, message := s.taken(); o != nil {
		if o.pending() && s.rule.Deletion != nil {
			message = s.message(s.rule.Deletion.Error, "name", o.name())
		}
		if !o.pending() || s.now.Before(o.until) {
			errs = append(errs, refusal(message))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return s.state(t)
}

// state is all that the cloud says about an object: the inputs, and the computed properties.
func (s *scene) state(t typed) (resource.PropertyMap, error) {
	state := resource.PropertyMap{}
	for name, v := range s.inputs {
		if !strings.HasPrefix(string(name), "__") {
			state[name] = v
		}
	}
	for _, name := range sortedKeys(s.templates) {
		if v, ok := state[resource.PropertyKey(name)]; ok && !v.IsNull() {
			continue
		}
		r, err := s.computed(name)
		if err != nil {
			return nil, err
		}
		if !r.value.IsNull() {
			r.value = fitted(r.value, t.shape.Property(name))
			state[resource.PropertyKey(name)] = r.wrapped()
		}
	}
	return markSecrets(state, properties(t.shape)), nil
}

// fitted turns a number into text where the shape wants text.
func fitted(v resource.PropertyValue, shape *catalogue.Property) resource.PropertyValue {
	if shape != nil && shape.Type == "string" && v.IsNumber() {
		return resource.NewStringProperty(text(v))
	}
	return v
}

func properties(shape *catalogue.Type) map[string]*catalogue.Property {
	all := maps.Clone(shape.Outputs)
	if all == nil {
		all = map[string]*catalogue.Property{}
	}
	maps.Copy(all, shape.Inputs)
	return all
}

// update gives an object new inputs. It keeps its id and whatever was random about it.
func (c *Cloud) update(t typed, o *object, inputs resource.PropertyMap) (resource.PropertyMap, error) {
	s := c.scene(t, inputs)
	s.salt, s.id, s.generation, s.now = o.salt, o.key.ID, o.generation+1, o.created
	state, err := c.admit(s, t, inputs)
	if err != nil {
		return nil, err
	}
	changed := *o
	changed.generation, changed.refs = s.generation, nil
	changed.inputs, changed.state = c.store.seal.sealMap(inputs), c.store.seal.sealMap(state)
	return state, c.store.put(&changed)
}

// delete removes an object, and those that go with it, or says why the cloud refuses.
func (c *Cloud) delete(t typed, o *object) error {
	s := c.scene(t, o.state)
	s.salt, s.id = o.salt, o.key.ID
	for _, protection := range t.rule.Protections {
		holds, known, err := s.when(protection.When)
		if err != nil {
			return err
		}
		if holds && known {
			return refusal(s.message(protection.Error, "id", o.key.ID))
		}
	}
	cascade, err := c.dependents(s, o)
	if err != nil {
		return err
	}
	for _, k := range cascade {
		err = errors.Join(err, c.store.delete(k))
	}
	if err != nil {
		return err
	}
	if t.rule.Deletion != nil {
		r, err := s.text(t.rule.Deletion.Window)
		if err != nil {
			return err
		}
		if days, err := strconv.ParseFloat(text(r.value), 64); err == nil && days > 0 {
			lingering := *o
			lingering.until = c.options.Clock().Add(time.Duration(days*24) * time.Hour)
			return c.store.put(&lingering)
		}
	}
	return c.store.delete(o.key)
}

// dependents finds who refers to an object: those that go with it, or one that keeps it from going.
func (c *Cloud) dependents(s *scene, o *object) ([]key, error) {
	var cascade []key
	for _, k := range sortedReferrers(c.store.referrers[o.key]) {
		referrer := c.store.referrers[o.key][k]
		if referrer.pending() {
			continue
		}
		for _, r := range referrer.refs {
			if r.target != o.key {
				continue
			}
			lifted := false
			if r.rule.UnlessTarget != "" {
				v, _ := lookup(o.state, r.rule.UnlessTarget)
				lifted = v.IsBool() && v.BoolValue()
			}
			switch {
			case r.rule.OnDelete == "cascade", r.rule.OnDelete == "refuse" && lifted:
				cascade = append(cascade, k)
			case r.rule.OnDelete == "refuse":
				message := strings.ReplaceAll(r.rule.Refusal, "{referrer}", referrer.key.ID)
				return nil, refusal(s.message(message, "id", o.key.ID))
			}
		}
	}
	return cascade, nil
}
