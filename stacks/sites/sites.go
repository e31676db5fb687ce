// Package sites is the program of a pair of data-centre sites that clients
// share: two machines, adopted or made at Hetzner Cloud, each hardened, with a
// mirror of two disks, a database cluster of its own, a standby of the other's,
// and backups in three places. It composes components and has no logic of its
// own beyond who is told about whom.
//
// Clients are stacks of their own (package siteclient). They know a pair by what
// this stack hands out as its output "pair".
package sites

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

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

// pair carries what the steps share.
type pair struct {
	ctx     *pulumi.Context
	spec    *spec.Sites
	scope   scope.Scope
	secrets secrets.Source

	machines *machine.Provider
	shared   *site.Pair // nil where machines are adopted
	sites    [2]*site.Site
	bundles  [2]*machine.Bundle
}

// Program registers both sites.
func Program(ctx *pulumi.Context, s *spec.Sites, source secrets.Source) error {
	if len(s.Sites) != 2 {
		return fmt.Errorf("the pair %s has %d sites: it needs two", s.Name, len(s.Sites))
	}
	p := &pair{ctx: ctx, spec: s, secrets: source, scope: scope.Scope{
		Client: s.Name, Environment: string(s.Environment), Stack: ctx.Stack(),
		Protect: s.Environment == spec.Production && s.Leaving == nil,
	}}
	for _, step := range []func() error{p.ground, p.keys, p.install} {
		if err := step(); err != nil {
			return err
		}
	}
	return output.Export(ctx, p.outputs())
}

// ground is the way to the machines and, at Hetzner Cloud, what both share.
func (p *pair) ground() (err error) {
	if p.machines, err = providers.Machines(p.ctx, p.secrets); err != nil {
		return err
	}
	if cidr := p.spec.NetworkCIDR(); cidr.IsValid() {
		p.shared, err = site.NewPair(p.ctx, "pair", site.PairArgs{Scope: p.scope, CIDR: cidr, DeployKeys: p.spec.DeployKeys})
	}
	return err
}

// keys makes or adopts both machines, each of which makes its keys.
func (p *pair) keys() (err error) {
	for i, described := range p.spec.Sites {
		if p.sites[i], err = site.New(p.ctx, described.Name, site.Args{
			Scope: p.scope, Site: described, Pair: p.shared, DeployKeys: p.spec.DeployKeys,
			OfficeCIDRs: p.spec.OfficeCIDRs, WebFrom: origin.Ranges(), TunnelPort: p.spec.Tunnel.Port,
		}, pulumi.Providers(p.machines)); err != nil {
			return err
		}
	}
	return nil
}

// install puts on each machine the bundle that knows the other's keys.
func (p *pair) install() error {
	rendered, err := Bundles(p.spec)
	if err != nil {
		return err
	}
	values, err := p.secrets.Get(append(rendered[0].Secrets, rendered[1].Secrets...))
	if err != nil {
		return fmt.Errorf("secrets of the pair %s:\n%w", p.spec.Name, err)
	}
	var errs []error
	for i, s := range p.sites {
		p.bundles[i], err = s.Install(p.ctx, rendered[i], p.sites[1-i], secrets.Of(values, rendered[i].Secrets))
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Bundles are what lies on the two machines.
func Bundles(s *spec.Sites) ([2]bundle.Bundle, error) {
	var all [2]bundle.Bundle
	var errs []error
	for i := range all {
		b, err := host.Render(describe(s, i))
		all[i], errs = b, append(errs, err)
	}
	return all, errors.Join(errs...)
}

// describe is one machine of the pair.
func describe(s *spec.Sites, i int) host.Description {
	own, other := s.Sites[i], s.Sites[1-i]
	ends := [2]netip.Addr{s.Tunnel.CIDR.Addr().Next(), s.Tunnel.CIDR.Addr().Next().Next()}
	return host.Description{
		Role: host.Site, Name: own.Name, Domain: s.Name, TimeZone: own.TimeZone,
		Administrators: s.Administrators, DeployKeys: s.DeployKeys,
		SSHFrom: sshFrom(s.OfficeCIDRs, own.Machine), WebFrom: webFrom(own), OriginPulls: true,
		Disks: &host.Disks{Filesystem: own.Disks.Filesystem, Encrypt: *own.Disks.Encrypt, Erase: own.Disks.Erase},
		Sister: &host.Sister{
			Name: other.Name, Address: ends[1-i], Own: ends[i], Tunnel: s.Tunnel.CIDR, Port: s.Tunnel.Port,
		},
		PostgreSQL: &host.PostgreSQL{Version: s.PostgreSQL.Version, MaxConnections: s.PostgreSQL.MaxConnections, SlotGiB: s.PostgreSQL.SlotGiB},
		Backup:     &host.Backup{KeepDays: s.Backup.KeepDays, ThirdPlace: s.Backup.ThirdPlace},
		Watch:      s.Watch, Alerts: s.Alerts, Reboot: reboot(s.Reboot, i),
	}
}

// sshFrom adds a bastion to the office: what it passes on comes from its address.
func sshFrom(office []netip.Prefix, m *spec.Machine) []netip.Prefix {
	if m == nil || m.Bastion == nil {
		return office
	}
	address, err := netip.ParseAddr(m.Bastion.Address)
	if err != nil {
		return office // a bastion by name: officeCidrs has its address, or the office reaches machines through it
	}
	return append(append([]netip.Prefix(nil), office...), netip.PrefixFrom(address, address.BitLen()))
}

// webFrom is the edge, or the load balancer that it comes through.
func webFrom(s spec.Site) []netip.Prefix {
	if s.Hetzner != nil && s.Hetzner.LoadBalancer {
		return []netip.Prefix{site.BalancerAddress(s.Hetzner.CIDR)}
	}
	return origin.Ranges()
}

// reboot is the time of a machine's; the second site waits an hour, so that both are never away at once.
func reboot(w spec.RebootWindow, i int) string {
	if w.Automatic != nil && !*w.Automatic {
		return ""
	}
	at, err := time.Parse("15:04", w.Time)
	if err != nil {
		return w.Time
	}
	return at.Add(time.Duration(i) * time.Hour).Format("15:04")
}

// outputs are what clients' files and operators need.
func (p *pair) outputs() []output.Output {
	both := [2]pulumi.Map{}
	hosts, origins := pulumi.StringMap{}, pulumi.StringMap{}
	for i, s := range p.sites {
		described := p.spec.Sites[i]
		hostKey := s.Connection.HostKey.ToStringOutput().ApplyT(twoWords).(pulumi.StringOutput)
		reach := pulumi.Map{"address": s.Connection.Address, "port": pulumi.Int(s.Connection.Port), "user": pulumi.String(s.Connection.User), "hostKey": hostKey}
		if b := s.Connection.Bastion; b != nil {
			reach["bastion"] = pulumi.Map{"address": pulumi.String(b.Address), "port": pulumi.Int(b.Port), "user": pulumi.String(b.User), "hostKey": pulumi.String(b.HostKey)}
		}
		both[i] = pulumi.Map{"name": pulumi.String(described.Name), "country": pulumi.String(described.Country), "machine": reach}
		if described.Hetzner != nil && described.Hetzner.LoadBalancer {
			both[i]["origin"] = s.Origin
		}
		hosts[described.Name], origins[described.Name] = s.Connection.Address, s.Origin
	}
	third := ""
	if o := p.spec.Backup.ThirdPlace; o != nil {
		third = o.Country
	}
	return []output.Output{
		{Name: "pair", Purpose: "the key pair of a client's file, for a client at home in " + p.spec.Sites[0].DisplayName + "; exchange home and standby for one in " + p.spec.Sites[1].DisplayName,
			Value: pulumi.Map{"name": pulumi.String(p.spec.Name), "home": both[0], "standby": both[1], "thirdPlace": pulumi.String(third)}},
		{Name: "machines", Purpose: "where SSH answers, from the office alone", Value: hosts},
		{Name: "origins", Purpose: "the addresses that Cloudflare asks; they answer nobody else", Value: origins},
		{Name: "bundleVersions", Purpose: "what lies on each machine, by digest", Value: pulumi.StringMap{
			p.spec.Sites[0].Name: p.bundles[0].Version, p.spec.Sites[1].Name: p.bundles[1].Version}},
	}
}

// twoWords is a public key without its comment.
func twoWords(key string) string {
	words := strings.Fields(key)
	return strings.Join(words[:min(2, len(words))], " ")
}
