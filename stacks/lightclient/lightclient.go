// Package lightclient is the program of one client on AWS, light tier: one
// Lightsail server with TaskFlow, one Lightsail database, and Cloudflare in
// front. It composes components and has no logic of its own.
//
// What the tier does not have is no part of it: several machines, a second
// region, alarms of AWS's. The server watches itself and its backups.
package lightclient

import (
	"errors"
	"fmt"
	"strings"

	"github.com/berth-iac/berth/components/edge"
	"github.com/berth-iac/berth/components/host"
	"github.com/berth-iac/berth/components/light"
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

// passwordSecret is the database's password.
const passwordSecret = "database-password"

// client carries what the steps share.
type client struct {
	ctx     *pulumi.Context
	spec    *spec.LightClient
	scope   scope.Scope
	secrets secrets.Source

	bundles      []bundle.Bundle
	values       map[string]pulumi.StringInput // of secrets
	light        *light.Light
	host, client *machine.Bundle
	edge         *edge.Edge
}

// Program registers everything that one client of the light tier has.
func Program(ctx *pulumi.Context, s *spec.LightClient, source secrets.Source) error {
	c := &client{ctx: ctx, spec: s, secrets: source, scope: scope.Scope{
		Client: s.Client.Name, Environment: string(s.Environment), Stack: ctx.Stack(), Account: s.AWS.Account, Region: s.AWS.Region,
		Protect: s.Environment == spec.Production && s.Leaving == nil,
	}}
	for _, step := range []func() error{c.render, c.lightsail, c.install, c.outside} {
		if err := step(); err != nil {
			return err
		}
	}
	return output.Export(ctx, c.outputs())
}

// render makes the bundles, and gets the secrets that they ask for before anything is registered.
func (c *client) render() (err error) {
	if c.bundles, err = Bundles(c.spec); err != nil {
		return err
	}
	names := []string{passwordSecret}
	for _, b := range c.bundles {
		names = append(names, b.Secrets...)
	}
	if c.values, err = c.secrets.Get(names); err != nil {
		return fmt.Errorf("secrets of the client %s:\n%w", c.spec.Client.Name, err)
	}
	return nil
}

// lightsail makes the server and the database.
func (c *client) lightsail() error {
	s := c.spec
	aws, err := providers.AWS(c.ctx, "aws", c.scope.Region, c.scope, s.AWS.DeployRoleArn)
	if err != nil {
		return err
	}
	c.light, err = light.New(c.ctx, "light", light.Args{
		Scope: c.scope, Server: s.Server, Database: s.Database, DatabaseName: strings.ReplaceAll(s.Client.Name, "-", "_"),
		Password: c.values[passwordSecret], Maintenance: s.Maintenance, DeployKeys: s.DeployKeys,
		OfficeCIDRs: s.OfficeCIDRs, WebFrom: origin.Ranges(),
	}, pulumi.Providers(aws))
	return err
}

// install puts the machine's bundle and the client's on the server.
func (c *client) install() error {
	machines, err := providers.Machines(c.ctx, c.secrets)
	if err != nil {
		return err
	}
	var made []*machine.Bundle
	before, connection := c.light.After, c.light.Connection
	for i, name := range []string{"host", "client"} {
		b := c.bundles[i]
		settings, err := site.Settings(b, map[string]pulumi.StringInput{
			"origin-pull-authority": pulumi.String(origin.Authority()),
			"database-host":         c.light.DatabaseHost, "database-port": c.light.DatabasePort,
		})
		if err != nil {
			return err
		}
		resource, err := machine.NewBundle(c.ctx, name, machine.BundleArgs{
			Connection: connection, Bundle: b, Settings: settings, Secrets: secrets.Of(c.values, b.Secrets),
		}, append(c.scope.Stateful(pulumi.DependsOn(before)), pulumi.Provider(machines))...)
		if err != nil {
			return err
		}
		// Whom the first bundle went to is whom the second goes to: there is one first contact and not two.
		connection = connection.With(resource.HostKey)
		made, before = append(made, resource), append(before[:len(before):len(before)], resource)
	}
	c.host, c.client = made[0], made[1]
	return nil
}

// countries are where a residency's data may be kept, as the service shows them.
var countries = map[spec.Residency][]string{spec.UnitedKingdom: {"GB"}, spec.EuropeanUnion: {"IE"}}

// timeZone of the server: light clients have no site of their own.
const timeZone = "UTC"

// Bundles are what lies on the server, in the order in which they are applied.
func Bundles(s *spec.LightClient) ([]bundle.Bundle, error) {
	reboot := s.Reboot.Time
	if s.Reboot.Automatic != nil && !*s.Reboot.Automatic {
		reboot = ""
	}
	own, errHost := host.Render(host.Description{
		Role: host.Light, Name: s.Client.Name, Domain: "light", TimeZone: timeZone,
		Administrators: s.Administrators, DeployKeys: s.DeployKeys, SSHFrom: s.OfficeCIDRs, WebFrom: origin.Ranges(), OriginPulls: true,
		Watch: s.Watch, Alerts: s.Alerts, Reboot: reboot,
	})
	client, errClient := host.RenderClient(host.Client{
		Role: host.Light, Standing: host.Home, Name: s.Client.Name, DisplayName: s.Client.DisplayName, Hostname: s.Edge.Hostname,
		Environment: s.Environment, Release: s.Release, Connections: connections[s.Database.Bundle], RateLimit: s.Edge.RateLimit,
		Maintenance: s.Maintenance, Countries: countries[s.Residency], RemoteDatabase: true, OriginPulls: true,
	})
	if err := errors.Join(errHost, errClient); err != nil {
		return nil, err
	}
	return []bundle.Bundle{own, client}, nil
}

// connections that the service may hold at once, by the database's size: its memory bounds them.
var connections = map[string]int{
	"micro_2_0": 20, "micro_ha_2_0": 20, "small_2_0": 40, "small_ha_2_0": 40, "medium_2_0": 80, "medium_ha_2_0": 80,
}

// outside is Cloudflare in front of it.
func (c *client) outside() (err error) {
	c.edge, err = edge.New(c.ctx, "edge", edge.Args{
		Scope: c.scope, Edge: c.spec.Edge, Emails: c.spec.Alerts.Emails,
		Origins: []edge.Origin{{Name: "light-" + c.scope.Region, Host: c.light.Address}},
	})
	return err
}

// outputs are what the stack hands out.
func (c *client) outputs() []output.Output {
	all := []output.Output{
		{Name: "url", Purpose: "where the client's people go", Value: pulumi.Sprintf("https://%s", c.edge.Hostname)},
		{Name: "address", Purpose: "the origin that Cloudflare asks; SSH answers there, from the office alone", Value: c.light.Address},
		{Name: "instance", Purpose: "the Lightsail server, for snapshots and drills", Value: c.light.InstanceID},
		{Name: "databaseIdentifier", Purpose: "the Lightsail database, for restores and drills", Value: c.light.DatabaseID},
		{Name: "databaseEndpoint", Purpose: "the database's host name inside Lightsail's network", Value: c.light.DatabaseHost},
		{Name: "bundleVersions", Purpose: "what lies on the server, by digest", Value: pulumi.StringMap{"host": c.host.Version, "client": c.client.Version}},
	}
	if c.edge.DNSSECRecord != nil {
		all = append(all, output.Output{Name: "dnssecRecord", Purpose: "the DS record to give to the registrar of the domain, once", Value: *c.edge.DNSSECRecord})
	}
	return all
}
