package provider

import (
	"context"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/berth-iac/berth/machine/ssh"
)

func (p *provider) makeKeys(ctx context.Context, a asked, id, known string, inputs resource.PropertyMap) (string, resource.PropertyMap, error) {
	in, found := readKeys(inputs)
	if err := found.err(in.known); err != nil {
		return "", nil, err
	}
	target := pinned(in.target, known)
	done, err := p.pool.turn(ctx, target)
	if err != nil {
		return "", nil, err
	}
	defer done()
	a.say(ctx, "asking "+target.Address+" for its keys", false)
	state := inputs.Copy()
	err = p.pool.with(ctx, target, a.login, func(m *ssh.Machine) error {
		k, err := makeKeys(ctx, m, in.generation)
		if err != nil {
			return err
		}
		k.into(state, m.HostKey())
		return nil
	})
	if err != nil {
		return "", nil, fmt.Errorf("make the keys of %s: %w", target.Address, err)
	}
	if id == "" {
		id = identity("keys", target)
	}
	return id, state, nil
}

func (k keys) into(state resource.PropertyMap, hostKey string) {
	state["wireguard"] = resource.NewStringProperty(k.wireguard)
	state["authority"] = resource.NewStringProperty(k.authority)
	state["hostKey"] = resource.NewStringProperty(hostKey)
}

func (p *provider) readKeys(ctx context.Context, a asked, state, inputs resource.PropertyMap) (bool, error) {
	in, found := readKeys(inputs)
	if err := found.err(in.known); err != nil {
		return false, err
	}
	known, _ := found.text("hostKey", state["hostKey"])
	target := pinned(in.target, known)
	there := false
	err := p.pool.with(ctx, target, a.login, func(m *ssh.Machine) error {
		k, has, err := readKeysOf(ctx, m)
		if err != nil || !has {
			return err
		}
		there = true
		k.into(state, m.HostKey())
		inputs["generation"] = resource.NewNumberProperty(float64(k.generation))
		state["generation"] = inputs["generation"]
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("read the keys of %s: %w", target.Address, err)
	}
	return there, nil
}

// err is everything that was found, for calls that come after Check.
func (p *problems) err(known bool) error {
	if len(p.list) > 0 {
		return fmt.Errorf("%s: %s", p.list[0].GetProperty(), p.list[0].GetReason())
	}
	if !known {
		return fmt.Errorf("an input is not known yet")
	}
	return nil
}
