package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/berth-iac/berth/machine/bundle"
	"github.com/berth-iac/berth/machine/ssh"
)

func (p *provider) makeBundle(ctx context.Context, a asked, id, known string, inputs resource.PropertyMap) (string, resource.PropertyMap, error) {
	in, found := readBundle(inputs)
	if err := found.err(in.known); err != nil {
		return "", nil, err
	}
	target := pinned(in.target, known)
	doing := fmt.Sprintf("apply bundle %s to %s", in.bundle.Name, target.Address)
	done, err := p.pool.turn(ctx, target)
	if err != nil {
		return "", nil, fmt.Errorf("%s: wait for another bundle on that machine: %w", doing, err)
	}
	defer done()
	if id == "" {
		id = identity(in.bundle.Name, target)
	}
	state := inputs.Copy()
	begun := false
	err = p.pool.with(ctx, target, a.login, func(m *ssh.Machine) error {
		state["hostKey"] = resource.NewStringProperty(m.HostKey())
		a.say(ctx, "applying to "+target.Address, false)
		begun = true
		changes, err := apply(ctx, m, in, func(line string) { a.say(ctx, target.Address+": "+line, false) })
		if err == nil && len(changes) > 0 {
			a.say(ctx, summary(target, changes), true)
		}
		return err
	})
	if err == nil {
		state["version"] = resource.NewStringProperty(in.bundle.Version())
		return id, state, nil
	}
	if errors.Is(err, ssh.ErrLost) {
		err = fmt.Errorf("%w\nthe machine may have gone on for a while, and nothing is half written: run up again, and it goes on from there", err)
	}
	err = fmt.Errorf("%s: %w", doing, err)
	var refused *ssh.SudoError
	if !begun || errors.As(err, &refused) {
		return "", nil, err // nothing was sent: the resource is what it was
	}
	state["version"] = resource.NewStringProperty("")
	return "", nil, partial(id, state, inputs, err)
}

// summary is one message with what an apply has changed.
func summary(t ssh.Target, changes []string) string {
	const most = 12
	text := fmt.Sprintf("%s: %d changed: ", t.Address, len(changes))
	if len(changes) <= most {
		return text + strings.Join(changes, "; ")
	}
	return text + strings.Join(changes[:most], "; ") + fmt.Sprintf("; and %d more", len(changes)-most)
}

func (p *provider) deleteBundle(ctx context.Context, a asked, state, inputs resource.PropertyMap) error {
	in, found := readBundle(inputs)
	target, known := found.target(inputs["connection"])
	if !known || in.bundle.Name == "" {
		return errors.New("the state does not say which bundle lies where: take the resource out of it with `pulumi state delete`")
	}
	key, _ := found.text("hostKey", state["hostKey"])
	if key != "" {
		target.HostKey = key // what the machine showed when the bundle was put there
	}
	done, err := p.pool.turn(ctx, target)
	if err != nil {
		return err
	}
	defer done()
	err = p.pool.with(ctx, target, a.login, func(m *ssh.Machine) error {
		return remove(ctx, m, in.bundle.Name, func(line string) { a.say(ctx, target.Address+": "+line, false) })
	})
	if err != nil {
		return fmt.Errorf("take bundle %s off %s: %w\nif the machine is gone for good, forget the bundle: pulumi state delete '%s'", in.bundle.Name, target.Address, err, a.urn)
	}
	return nil
}

func (p *provider) readBundle(ctx context.Context, a asked, props, inputs resource.PropertyMap) (bool, error) {
	in, found := readBundle(inputs)
	target, known := found.target(inputs["connection"])
	if !known || in.bundle.Name == "" {
		return false, errors.New("the state does not say which bundle lies where")
	}
	key, _ := found.text("hostKey", props["hostKey"])
	target = pinned(target, key)
	var s *bundle.State
	err := p.pool.with(ctx, target, a.login, func(m *ssh.Machine) (err error) {
		if s, err = state(ctx, m, in.bundle.Name); err == nil {
			props["hostKey"] = resource.NewStringProperty(m.HostKey())
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("read bundle %s on %s: %w", in.bundle.Name, target.Address, err)
	}
	if s == nil {
		return false, nil
	}
	seen(in, *s, props, inputs)
	return true, nil
}

// seen writes what the machine has over what the state says, so that a refresh shows what differs. What is as it should be stays as the
// program wrote it.
func seen(in bundleInputs, s bundle.State, props, inputs resource.PropertyMap) {
	packages := []resource.PropertyValue{}
	for _, name := range in.bundle.Packages {
		if version, told := s.Packages[name]; !told || version != "" {
			packages = append(packages, resource.NewStringProperty(name))
		}
	}
	inputs["packages"] = resource.NewArrayProperty(packages)

	files := objectOf(inputs["files"])
	for _, f := range in.bundle.Files {
		found, told := s.Files[f.Path]
		switch {
		case slices.Contains(s.Missing, f.Path):
			delete(files, resource.PropertyKey(f.Path))
		case told:
			file := objectOf(files[resource.PropertyKey(f.Path)])
			if found.Content != f.Content {
				file["content"] = resource.NewStringProperty(found.Content)
			}
			if found.Mode != f.Mode {
				file["mode"] = resource.NewStringProperty(fmt.Sprintf("%04o", found.Mode))
			}
			if found.Owner != cmp.Or(f.Owner, "root:root") {
				file["owner"] = resource.NewStringProperty(found.Owner)
			}
			files[resource.PropertyKey(f.Path)] = resource.NewObjectProperty(file)
		}
	}
	inputs["files"] = resource.NewObjectProperty(files)

	units := objectOf(inputs["units"])
	for _, u := range in.bundle.Units {
		if is, told := s.Units[u.Name]; told && !fulfils(is, u.State) {
			unit := objectOf(units[resource.PropertyKey(u.Name)])
			unit["state"] = resource.NewStringProperty(string(is))
			units[resource.PropertyKey(u.Name)] = resource.NewObjectProperty(unit)
		}
	}
	inputs["units"] = resource.NewObjectProperty(units)

	settings := objectOf(inputs["settings"])
	for name, want := range in.settings {
		switch is, told := s.Settings[name]; {
		case !told:
			delete(settings, resource.PropertyKey(name))
		case is != want:
			settings[resource.PropertyKey(name)] = resource.NewStringProperty(is)
		}
	}
	inputs["settings"] = resource.NewObjectProperty(settings)

	secrets := objectOf(inputs["secrets"])
	for name := range in.secrets {
		if !slices.Contains(s.Secrets, name) {
			delete(secrets, resource.PropertyKey(name))
		}
	}
	inputs["secrets"] = resource.NewObjectProperty(secrets)

	pending := resource.PropertyMap{}
	for name, text := range s.Steps {
		if text != "" {
			pending[resource.PropertyKey(name)] = resource.NewStringProperty(in.hide(text))
		}
	}
	if !s.Applied {
		pending["apply"] = resource.NewStringProperty("was begun and did not come to its end")
	}
	delete(props, "pending")
	if len(pending) > 0 {
		props["pending"] = resource.NewObjectProperty(pending)
	}
	for name, v := range inputs {
		props[name] = v
	}
	props["version"] = resource.NewStringProperty(s.Version)
}

// objectOf is a copy of an object's properties.
func objectOf(v resource.PropertyValue) resource.PropertyMap {
	v, _, _ = bare(v)
	if !v.IsObject() {
		return resource.PropertyMap{}
	}
	return v.ObjectValue().Copy()
}

// fulfils tells whether an apply would leave a unit as it is.
func fulfils(is, want bundle.UnitState) bool {
	switch want {
	case bundle.Enabled: // whether it runs or has failed is its own matter
		return slices.Contains([]bundle.UnitState{bundle.Enabled, bundle.Running, bundle.Failed, bundle.Static}, is)
	case bundle.Disabled:
		return is == bundle.Disabled || is == bundle.Static
	default:
		return is == want
	}
}
