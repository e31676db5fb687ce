// Package siteclient is the program of one client on a pair of sites: a
// database, a role and an instance of its own on the machine of its home site, a
// standby instance on the other's, and Cloudflare in front, which asks the
// standby when home does not answer. It composes components and has no logic of
// its own.
//
// The machines themselves, their clusters and their backups are the pair's own
// stack (package sites); what this stack has to know of them stands in the
// client's file.
package siteclient

import (
	"errors"
	"fmt"

	"github.com/berth-iac/berth/components/edge"
	"github.com/berth-iac/berth/components/host"
	"github.com/berth-iac/berth/components/origin"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/components/site"
	"github.com/berth-iac/berth/machine"
	"github.com/berth-iac/berth/machine/bundle"
	"github.com/berth-iac/berth/spec"
	"github.com/berth-iac/berth/stacks/output"
	"github.com/berth-iac/berth/stacks/providers"
	"github.com/berth-iac/berth/stacks/secrets"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// checkRegions are Cloudflare's regions that probe origins in a country; elsewhere it is Western Europe.
var checkRegions = map[string][]string{
	"ZA": {"SAF"}, "NA": {"SAF"}, "BW": {"SAF"}, "US": {"ENAM"}, "CA": {"ENAM"}, "SG": {"SEAS"}, "AU": {"OC"}, "IN": {"SAS"},
}

// client carries what the steps share.
type client struct {
	ctx     *pulumi.Context
	spec    *spec.SiteClient
	scope   scope.Scope
	secrets secrets.Source

	home, standby *machine.Bundle
	edge          *edge.Edge
}

// Program registers everything that one client on a pair of sites has.
func Program(ctx *pulumi.Context, s *spec.SiteClient, source secrets.Source) error {
	c := &client{ctx: ctx, spec: s, secrets: source, scope: scope.Scope{
		Client: s.Client.Name, Environment: string(s.Environment), Stack: ctx.Stack(),
		Protect: s.Environment == spec.Production && s.Leaving == nil,
	}}
	for _, step := range []func() error{c.instances, c.outside} {
		if err := step(); err != nil {
			return err
		}
	}
	return output.Export(ctx, c.outputs())
}

// instances are the client's parts of both machines. The standby's comes second: it follows what home has.
func (c *client) instances() error {
	machines, err := providers.Machines(c.ctx, c.secrets)
	if err != nil {
		return err
	}
	rendered, err := Bundles(c.spec)
	if err != nil {
		return err
	}
	values, err := c.secrets.Get(append(rendered[0].Secrets, rendered[1].Secrets...))
	if err != nil {
		return fmt.Errorf("secrets of the client %s:\n%w", c.spec.Client.Name, err)
	}
	// Named after the site and not after what it is to the client: a client that moves to the other site changes both, and
	// replaces neither.
	install := func(on spec.ClientSite, b bundle.Bundle, opts ...pulumi.ResourceOption) (*machine.Bundle, error) {
		settings, err := site.Settings(b, map[string]pulumi.StringInput{"origin-pull-authority": pulumi.String(origin.Authority())})
		if err != nil {
			return nil, err
		}
		// Taking the bundle off keeps the client's data; protection keeps the service from being taken off by mistake.
		return machine.NewBundle(c.ctx, on.Name+"-client", machine.BundleArgs{
			Connection: site.Connection(on.Machine), Bundle: b, Settings: settings, Secrets: secrets.Of(values, b.Secrets),
		}, append(c.scope.Stateful(opts...), pulumi.Provider(machines))...)
	}
	if c.home, err = install(c.spec.Pair.Home, rendered[0]); err != nil {
		return err
	}
	c.standby, err = install(c.spec.Pair.Standby, rendered[1], pulumi.DependsOn([]pulumi.Resource{c.home}))
	return err
}

// Bundles are the client's parts of the machines at home and at the standby.
func Bundles(s *spec.SiteClient) ([2]bundle.Bundle, error) {
	var all [2]bundle.Bundle
	var errs []error
	for i, standing := range []host.Standing{host.Home, host.Standby} {
		b, err := host.RenderClient(host.Client{
			Role: host.Site, Standing: standing, Name: s.Client.Name, DisplayName: s.Client.DisplayName, Hostname: s.Edge.Hostname,
			Environment: s.Environment, Release: s.Release, Connections: s.Database.Connections, RateLimit: s.Edge.RateLimit,
			Maintenance: s.Maintenance, Countries: s.Countries, BI: s.Access.BI, BreakGlass: s.Access.BreakGlass, OriginPulls: true,
		})
		all[i], errs = b, append(errs, err)
	}
	return all, errors.Join(errs...)
}

// outside is Cloudflare, which asks home first.
func (c *client) outside() (err error) {
	p := c.spec.Pair
	c.edge, err = edge.New(c.ctx, "edge", edge.Args{
		Scope: c.scope, Edge: c.spec.Edge, Emails: c.spec.Alerts.Emails, CheckRegions: checkRegions[p.Home.Country],
		Origins: []edge.Origin{
			{Name: p.Home.Name, Host: pulumi.String(p.Home.Serves())},
			{Name: p.Standby.Name, Host: pulumi.String(p.Standby.Serves()), Standby: true},
		},
	})
	return err
}

// outputs are what the stack hands out.
func (c *client) outputs() []output.Output {
	p := c.spec.Pair
	all := []output.Output{
		{Name: "url", Purpose: "where the client's people go", Value: pulumi.Sprintf("https://%s", c.edge.Hostname)},
		{Name: "home", Purpose: "the site that serves the client", Value: pulumi.String(p.Home.Name)},
		{Name: "standby", Purpose: "the site that takes over, with `berth-promote` on its machine", Value: pulumi.String(p.Standby.Name)},
		{Name: "bundleVersions", Purpose: "what lies on each machine for the client, by digest",
			Value: pulumi.StringMap{p.Home.Name: c.home.Version, p.Standby.Name: c.standby.Version}},
	}
	if bi := c.spec.Access.BI; bi != nil {
		all = append(all, output.Output{Name: "biHost", Purpose: "where the client's BI tools connect, until " + bi.Until.String(), Value: pulumi.String(p.Home.Machine.Address)})
	}
	if c.edge.DNSSECRecord != nil {
		all = append(all, output.Output{Name: "dnssecRecord", Purpose: "the DS record to give to the registrar of the domain, once", Value: *c.edge.DNSSECRecord})
	}
	return all
}
