// Package site is one machine of a pair of data-centre sites: a server made at
// Hetzner Cloud with an address and two volumes that outlive it, or a machine
// that exists and is adopted by its address. Either way it comes with the keys
// that it made for itself, and takes the bundle "host".
//
// Two sites need each other's public keys, so that both are made first and their
// bundles are put on them afterwards. It knows what a machine is reached by and
// has, and nothing of what its bundle says.
package site

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/machine"
	"github.com/berth-iac/berth/machine/bundle"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Args describe one site. Providers: machine, and hcloud where the server is made.
type Args struct {
	Scope scope.Scope
	Site  spec.Site
	// Pair is what servers at Hetzner Cloud share; nil for an adopted machine.
	Pair *Pair
	// DeployKeys may sign in before anything is applied. Only for a server that is made.
	DeployKeys []string
	// OfficeCIDRs are who may sign in by SSH, WebFrom who may reach 443. Only for a server that is made: the firewall of an
	// adopted machine is its own.
	OfficeCIDRs, WebFrom []netip.Prefix
	// TunnelPort is the UDP port of WireGuard.
	TunnelPort int
}

// Site is one machine with the keys that it made.
type Site struct {
	pulumi.ResourceState

	// Connection is how bundles reach it.
	Connection machine.Connection
	// Origin is the address that Cloudflare asks.
	Origin pulumi.StringOutput
	// Endpoint is the address and port of its end of the tunnel.
	Endpoint pulumi.StringOutput
	// DiskA and DiskB are the devices of the mirror.
	DiskA, DiskB pulumi.StringOutput
	// Keys are the public halves of its keys.
	Keys *machine.Keys

	name  string
	scope scope.Scope
	after []pulumi.Resource // what a bundle needs besides the machine
}

func (a Args) check() error {
	var errs []error
	switch {
	case a.Site.Machine == nil && a.Site.Hetzner == nil:
		errs = append(errs, errors.New("it has neither a machine nor a server at Hetzner Cloud: describe one of them"))
	case a.Site.Machine != nil && a.Site.Hetzner != nil:
		errs = append(errs, errors.New("it has a machine and a server at Hetzner Cloud: describe one of them"))
	case a.Site.Hetzner != nil:
		if a.Pair == nil {
			errs = append(errs, errors.New("no pair is given: its server has no network"))
		}
		if len(a.OfficeCIDRs) == 0 || len(a.WebFrom) == 0 || len(a.DeployKeys) == 0 {
			errs = append(errs, errors.New("addresses for SSH and for 443 and deploy keys are needed: an empty list never means everyone"))
		}
	case len(a.Site.Disks.Devices) != 2:
		errs = append(errs, fmt.Errorf("%d disks are named: an adopted machine has two", len(a.Site.Disks.Devices)))
	}
	if a.TunnelPort == 0 {
		errs = append(errs, errors.New("the tunnel's port is 0: pass the spec's"))
	}
	return errors.Join(errs...)
}

// New makes a site's server, or adopts its machine, and makes it make its keys.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*Site, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("site %q: %w", name, err)
	}
	s := &Site{name: name, scope: args.Scope}
	inputs := pulumi.Map{"country": pulumi.String(args.Site.Country), "adopted": pulumi.Bool(args.Site.Machine != nil)}
	if err := ctx.RegisterComponentResourceV2("berth:site:Site", name, inputs, s, opts...); err != nil {
		return nil, err
	}
	if args.Site.Machine != nil {
		s.adopt(args)
	} else if err := s.make(ctx, args); err != nil {
		return nil, fmt.Errorf("site %q: %w", name, err)
	}
	var err error
	if s.Keys, err = machine.NewKeys(ctx, name+"-keys", machine.KeysArgs{Connection: s.Connection, Generation: max(args.Site.KeyGeneration, 1)},
		pulumi.Parent(s), pulumi.DependsOn(s.after)); err != nil {
		return nil, err
	}
	// Whom the keys were made by is whom the bundle, with all its secrets, goes to: there is one first contact and not two.
	s.Connection = s.Connection.With(s.Keys.HostKey)
	return s, ctx.RegisterResourceOutputs(s, pulumi.Map{"origin": s.Origin, "endpoint": s.Endpoint})
}

// adopt takes a machine that exists as the file describes it.
func (s *Site) adopt(args Args) {
	m := args.Site.Machine
	s.Connection = Connection(*m)
	s.Origin = pulumi.String(m.Address).ToStringOutput()
	s.Endpoint = pulumi.String(m.Address + ":" + strconv.Itoa(args.TunnelPort)).ToStringOutput()
	s.DiskA, s.DiskB = pulumi.String(args.Site.Disks.Devices[0]).ToStringOutput(), pulumi.String(args.Site.Disks.Devices[1]).ToStringOutput()
}

// Connection is how a machine of a file is reached.
func Connection(m spec.Machine) machine.Connection {
	c := machine.Connection{Address: pulumi.String(m.Address), Port: m.Port, User: m.User, HostKey: machine.Pinned(m.HostKey)}
	if b := m.Bastion; b != nil {
		c.Bastion = &machine.Bastion{Address: b.Address, Port: b.Port, User: b.User, HostKey: b.HostKey}
	}
	return c
}

// Install puts the site's bundle on it. Protection keeps it from being taken off a machine that serves clients. Settings and secrets are
// those that the bundle asks for; the disks' devices and what the sister's keys say are added.
func (s *Site) Install(ctx *pulumi.Context, b bundle.Bundle, sister *Site, secrets map[string]pulumi.StringInput) (*machine.Bundle, error) {
	settings, err := Settings(b, map[string]pulumi.StringInput{
		"disk-a": s.DiskA, "disk-b": s.DiskB,
		"sister-wireguard-key": sister.Keys.WireGuard, "sister-authority": sister.Keys.Authority, "sister-endpoint": sister.Endpoint,
	})
	if err != nil {
		return nil, fmt.Errorf("site %q: %w", s.name, err)
	}
	return machine.NewBundle(ctx, s.name+"-host", machine.BundleArgs{
		Connection: s.Connection, Bundle: b, Settings: settings, Secrets: secrets,
	}, s.scope.Stateful(pulumi.Parent(s), pulumi.DependsOn(append([]pulumi.Resource{s.Keys}, s.after...)))...)
}

// Settings are the values that a bundle asks for, of those that are known.
func Settings(b bundle.Bundle, known map[string]pulumi.StringInput) (map[string]pulumi.StringInput, error) {
	var errs []error
	values := map[string]pulumi.StringInput{}
	for _, name := range b.Settings {
		if known[name] == nil {
			errs = append(errs, fmt.Errorf("bundle %s asks for the setting %q, which nobody has", b.Name, name))
			continue
		}
		values[name] = known[name]
	}
	return values, errors.Join(errs...)
}
