package localcloud

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/berth-iac/berth/localcloud/catalogue"
)

// Object is one thing that exists in the cloud.
type Object struct {
	Provider   string         // package: aws, cloudflare, hcloud, command, machine
	Type       string         // such as aws:ec2/vpc:Vpc
	ID         string         //
	Name       string         // what people call it; the id when it has no name
	URN        string         // of the resource that made it
	Region     string         // empty where there are none
	Account    string         // empty where there are none
	Deleted    *time.Time     // when a deletion that waits takes effect; nil: it lives
	Properties map[string]any // inputs and outputs; a secret is "[secret]"
}

// Objects lists what exists, sorted by type, account, region and id.
func (c *Cloud) Objects(ctx context.Context) ([]Object, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	return c.store.list(c.options.Clock()), nil
}

// ObjectsIn lists what exists in a directory that no cloud runs on.
func ObjectsIn(ctx context.Context, dir string) ([]Object, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, err := openStore(dir, catalogue.Embedded())
	if err != nil {
		return nil, err
	}
	return s.list(systemClock()), s.close()
}

func (s *store) list(now time.Time) []Object {
	var objects []Object
	for _, o := range s.sorted() {
		if o.pending() && !now.Before(o.until) {
			continue
		}
		object := Object{
			Provider: packageOf(o.key.Type), Type: o.key.Type, ID: o.key.ID, Name: o.name(), URN: o.urn,
			Region: o.region, Account: o.account, Properties: map[string]any{},
		}
		if o.pending() {
			object.Deleted = &o.until
		}
		for name, v := range o.state {
			object.Properties[string(name)] = reveal(v)
		}
		objects = append(objects, object)
	}
	return objects
}

// Change is what somebody does to an object behind Pulumi's back, with a console or a script. The cloud's
// protections do not apply: whoever did it got past them.
type Change struct {
	Type   string         // required
	ID     string         // the object's id, or
	Name   string         // its name in the cloud or in the program
	Region string         // narrows the search; empty: any
	Delete bool           // the object goes
	Set    map[string]any // properties to set
	Unset  []string       // properties to take away
}

// Drift changes or deletes an object behind Pulumi's back.
func (c *Cloud) Drift(ctx context.Context, change Change) error {
	return c.store.drift(ctx, change)
}

// DriftIn is Drift for a directory that no cloud runs on.
func DriftIn(ctx context.Context, dir string, change Change) error {
	s, err := openStore(dir, catalogue.Embedded())
	if err != nil {
		return err
	}
	return errors.Join(s.drift(ctx, change), s.close())
}

func (s *store) drift(ctx context.Context, change Change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.alter(change); err != nil {
		return fmt.Errorf("drift of %s %s%s: %w", change.Type, change.ID, change.Name, err)
	}
	return nil
}

func (s *store) alter(change Change) error {
	shape, _, err := s.cat.Type(change.Type)
	if err != nil {
		return err
	}
	o, err := s.sought(change)
	if err != nil {
		return err
	}
	if change.Delete {
		return s.delete(o.key)
	}
	changed := *o
	changed.inputs, changed.state, changed.refs = o.inputs.Copy(), o.state.Copy(), nil
	changed.generation++
	for _, name := range sortedKeys(change.Set) {
		p := shape.Property(name)
		if p == nil {
			return fmt.Errorf("there is no property %q%s", name, suggestion(name, sortedKeys(properties(shape))))
		}
		v := resource.NewPropertyValue(change.Set[name])
		if p.Secret || changed.state[resource.PropertyKey(name)].IsSecret() {
			v = s.seal.seal(resource.MakeSecret(v))
		}
		if name == "tags" {
			retag(&changed, v)
		}
		if shape.Inputs[name] != nil {
			changed.inputs[resource.PropertyKey(name)] = v
		}
		changed.state[resource.PropertyKey(name)] = v
	}
	for _, name := range change.Unset {
		if shape.Property(name) == nil {
			return fmt.Errorf("there is no property %q%s", name, suggestion(name, sortedKeys(properties(shape))))
		}
		if name == "tags" {
			retag(&changed, resource.NewObjectProperty(resource.PropertyMap{}))
		}
		delete(changed.inputs, resource.PropertyKey(name))
		delete(changed.state, resource.PropertyKey(name))
	}
	return s.put(&changed)
}

// retag keeps tagsAll in step with tags: what came from the provider's defaults stays.
func retag(o *object, tags resource.PropertyValue) {
	all, had := o.state[tagsAllProperty]
	if !had || !all.IsObject() || !tags.IsObject() {
		return
	}
	merged := all.ObjectValue().Copy()
	if old := o.state["tags"]; old.IsObject() {
		for name := range old.ObjectValue() {
			delete(merged, name)
		}
	}
	for name, v := range tags.ObjectValue() {
		merged[name] = v
	}
	o.state[tagsAllProperty] = resource.NewObjectProperty(merged)
}

// sought is the one object that a change means.
func (s *store) sought(change Change) (*object, error) {
	if (change.ID == "") == (change.Name == "") {
		return nil, errors.New("give the id or the name of the object, and not both")
	}
	var found *object
	for _, o := range s.sorted() {
		named := o.key.ID == change.ID || change.Name != "" && (o.name() == change.Name || resource.URN(o.urn).Name() == change.Name)
		if o.key.Type != change.Type || !named || o.pending() || change.Region != "" && o.region != change.Region {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("there are several: %s in %s and %s in %s; give an id and a region",
				found.key.ID, found.region, o.key.ID, o.region)
		}
		found = o
	}
	if found == nil {
		return nil, errors.New("there is no such object")
	}
	return found, nil
}
