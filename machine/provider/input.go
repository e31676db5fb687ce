package provider

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/berth-iac/berth/machine/bundle"
	"github.com/berth-iac/berth/machine/ssh"
)

// target is the machine that a resource's inputs name. Not known is false while its address is not there yet.
func (p *problems) target(v resource.PropertyValue) (t ssh.Target, known bool) {
	m, known := p.object("connection", v)
	if !known {
		return t, false
	}
	p.only("connection", m, "address", "port", "user", "hostKey", "instance", "bastion")
	var told bool
	t.Hop, known = p.hop("connection", m)
	t.Instance, told = p.text("connection.instance", m["instance"])
	if !known || !told {
		return t, false
	}
	if v, there := m["bastion"]; there {
		var b resource.PropertyMap
		if b, known = p.object("connection.bastion", v); known && len(b) > 0 {
			p.only("connection.bastion", b, "address", "port", "user", "hostKey")
			hop, ok := p.hop("connection.bastion", b)
			t.Bastion, known = &hop, ok
		}
	}
	return t, known
}

var (
	userForm    = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)
	addressForm = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.:-]{0,252}$`)
)

func (p *problems) hop(path string, m resource.PropertyMap) (h ssh.Hop, known bool) {
	var knows [4]bool
	h.Address, knows[0] = p.text(at(path, "address"), m["address"])
	h.Port, knows[1] = p.whole(at(path, "port"), m["port"])
	h.User, knows[2] = p.text(at(path, "user"), m["user"])
	h.HostKey, knows[3] = p.text(at(path, "hostKey"), m["hostKey"])
	if knows[0] && !addressForm.MatchString(h.Address) {
		p.add(at(path, "address"), "%q is no address: give an IP address or a host name", h.Address)
	}
	if _, given := m["port"]; !given {
		h.Port = 22
	}
	if knows[1] && (h.Port < 1 || h.Port > 65535) {
		p.add(at(path, "port"), "%d is no port: use 1 to 65535", h.Port)
	}
	if knows[2] && !userForm.MatchString(h.User) {
		p.add(at(path, "user"), "%q is no user name: give one that may use sudo without a password", h.User)
	}
	if knows[3] && h.HostKey != "" {
		if err := ssh.CheckHostKey(h.HostKey); err != nil {
			p.add(at(path, "hostKey"), "%v", err)
		}
	}
	return h, !slices.Contains(knows[:], false)
}

// keysInputs are the inputs of a resource of type Keys.
type keysInputs struct {
	target     ssh.Target
	generation int
	known      bool
}

func readKeys(props resource.PropertyMap) (keysInputs, problems) {
	var in keysInputs
	var found problems
	found.only("", props, "connection", "generation")
	var knowsTarget, knowsGeneration bool
	in.target, knowsTarget = found.target(props["connection"])
	in.generation, knowsGeneration = found.whole("generation", props["generation"])
	if knowsGeneration && (in.generation < 1 || in.generation > 999_999_999) {
		found.add("generation", "%d is no generation: count rotations from 1", in.generation)
	}
	in.known = knowsTarget && knowsGeneration
	return in, found
}

// bundleInputs are the inputs of a resource of type Bundle.
type bundleInputs struct {
	target    ssh.Target
	bundle    bundle.Bundle
	settings  map[string]string
	secrets   map[string]string
	described bool // the bundle itself is known, though settings or the machine may not be
	known     bool // all is
}

func readBundle(props resource.PropertyMap) (bundleInputs, problems) {
	in := bundleInputs{settings: map[string]string{}, secrets: map[string]string{}, described: true}
	var found problems
	found.only("", props, "connection", "name", "packages", "files", "units", "steps", "settings", "secrets")
	described := func(known bool) bool {
		in.described = in.described && known
		return known
	}
	var knowsTarget, known bool
	in.target, knowsTarget = found.target(props["connection"])
	in.bundle.Name, known = found.text("name", props["name"])
	described(known)
	in.bundle.Packages, known = found.texts("packages", props["packages"])
	described(known)
	in.files(&found, props["files"], described)
	in.units(&found, props["units"], described)
	steps, known := found.object("steps", props["steps"])
	described(known)
	for _, name := range sorted(steps) {
		script, known := found.text(at("steps", string(name)), steps[name])
		described(known)
		in.bundle.Steps = append(in.bundle.Steps, bundle.Step{Name: string(name), Script: script})
	}
	in.known = in.described && knowsTarget
	for what, values := range map[string]map[string]string{"settings": in.settings, "secrets": in.secrets} {
		given, known := found.object(what, props[resource.PropertyKey(what)])
		in.known = in.known && known
		for name, v := range given {
			value, known := found.text(at(what, string(name)), v)
			in.known = in.known && known
			values[string(name)] = value
			if what == "settings" && strings.ContainsAny(value, "\n\r\x00") {
				found.add(at(what, string(name)), "a setting is one line; hand longer values over as base64")
			}
		}
	}
	in.bundle.Settings = slices.Sorted(maps.Keys(in.settings))
	in.bundle.Secrets = slices.Sorted(maps.Keys(in.secrets))
	if in.described && len(found.list) == 0 {
		for _, problem := range flatten(in.bundle.Check()) {
			found.add("", "%v", problem)
		}
	}
	return in, found
}

func (in *bundleInputs) files(found *problems, v resource.PropertyValue, described func(bool) bool) {
	files, known := found.object("files", v)
	described(known)
	for _, path := range sorted(files) {
		here := at("files", string(path))
		file, known := found.object(here, files[path])
		if !described(known) {
			continue
		}
		found.only(here, file, "content", "mode", "owner")
		f := bundle.File{Path: string(path)}
		if _, _, hidden := bare(file["content"]); hidden {
			found.add(at(here, "content"), "is a secret: a bundle's files can be read by whoever may see the stack; hand it over in secrets")
		}
		f.Content, known = found.text(at(here, "content"), file["content"])
		described(known)
		f.Owner, known = found.text(at(here, "owner"), file["owner"])
		described(known)
		mode, known := found.text(at(here, "mode"), file["mode"])
		if described(known) {
			bits, err := strconv.ParseUint(cmp.Or(mode, "0644"), 8, 32)
			if err != nil {
				found.add(at(here, "mode"), "%q is no mode: give four octal digits such as 0644", mode)
			}
			f.Mode = uint32(bits)
		}
		in.bundle.Files = append(in.bundle.Files, f)
	}
}

func (in *bundleInputs) units(found *problems, v resource.PropertyValue, described func(bool) bool) {
	units, known := found.object("units", v)
	described(known)
	for _, name := range sorted(units) {
		here := at("units", string(name))
		unit, known := found.object(here, units[name])
		if !described(known) {
			continue
		}
		found.only(here, unit, "state", "reload", "restartOn")
		u := bundle.Unit{Name: string(name)}
		state, known := found.text(at(here, "state"), unit["state"])
		described(known)
		u.State = bundle.UnitState(state)
		u.RestartOn, known = found.texts(at(here, "restartOn"), unit["restartOn"])
		described(known)
		reload, known, _ := bare(unit["reload"])
		described(known)
		switch {
		case reload.IsBool():
			u.Reload = reload.BoolValue()
		case known && !reload.IsNull():
			found.add(at(here, "reload"), "expected true or false")
		}
		in.bundle.Units = append(in.bundle.Units, u)
	}
}

// flatten gives each of several joined errors.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	var many interface{ Unwrap() []error }
	if !errors.As(err, &many) {
		return []error{err}
	}
	var all []error
	for _, e := range many.Unwrap() {
		all = append(all, flatten(e)...)
	}
	return all
}

// identity is a resource's id: what it is and where it was made.
func identity(what string, t ssh.Target) string { return fmt.Sprintf("%s@%s", what, t.Address) }
