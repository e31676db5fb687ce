package site_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/components/site"
	"github.com/berth-iac/berth/machine"
	"github.com/berth-iac/berth/machine/bundle"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

var (
	nordic = scope.Scope{Client: "nordic", Environment: "production", Stack: "sites-hetzner", Protect: true}
	office = []netip.Prefix{netip.MustParsePrefix("203.0.113.16/29")}
	edge   = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	key    = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKLCEyUbnl3zXTJ0UFh+aV3n4gu/pc5It14p7sQ1hBl6 pipeline"
)

func made(balancer bool) spec.Site {
	return spec.Site{Name: "fsn", Country: "DE", Hetzner: &spec.Hetzner{
		Location: "fsn1", ServerType: "ccx23", CIDR: netip.MustParsePrefix("10.30.1.0/24"), LoadBalancer: balancer,
	}, Disks: spec.Disks{SizeGiB: 100}}
}

func adopted() spec.Site {
	return spec.Site{Name: "jnb", Country: "ZA", Machine: &spec.Machine{
		Address: "198.51.100.10", Port: 22, User: "berth", HostKey: "ssh-ed25519 AAAA",
		Bastion: &spec.Bastion{Address: "203.0.113.9", Port: 22, User: "berth", HostKey: "ssh-ed25519 BBBB"},
	}, Disks: spec.Disks{Devices: []string{"/dev/disk/by-id/one", "/dev/disk/by-id/two"}}}
}

// small is a bundle that asks for all that a site knows.
var small = bundle.Bundle{
	Name: "host", Packages: []string{"mdadm"}, Files: []bundle.File{{Path: "/etc/motd", Content: "Berth\n", Mode: 0o644}},
	Settings: []string{"disk-a", "disk-b", "sister-authority", "sister-endpoint", "sister-wireguard-key"}, Secrets: []string{"mail-password"},
}

// program makes a site and puts a bundle on it that knows the site itself as its sister.
func program(described spec.Site, change func(*site.Args)) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		machines, err := machine.NewProvider(ctx, "machines", nil)
		if err != nil {
			return err
		}
		args := site.Args{Scope: nordic, Site: described, DeployKeys: []string{key}, OfficeCIDRs: office, WebFrom: edge, TunnelPort: 51820}
		if described.Hetzner != nil {
			if args.Pair, err = site.NewPair(ctx, "pair", site.PairArgs{Scope: nordic, CIDR: netip.MustParsePrefix("10.30.0.0/22"), DeployKeys: []string{key}}); err != nil {
				return err
			}
		}
		if change != nil {
			change(&args)
		}
		s, err := site.New(ctx, described.Name, args, pulumi.Providers(machines))
		if err != nil {
			return err
		}
		_, err = s.Install(ctx, small, s, map[string]pulumi.StringInput{"mail-password": pulumi.String("hunter2")})
		return err
	}
}

func TestNew(t *testing.T) {
	for name, described := range map[string]spec.Site{"hetzner": made(false), "hetzner_balanced": made(true), "adopted": adopted()} {
		t.Run(name, func(t *testing.T) { graphtest.Golden(t, "", program(described, nil)) })
	}
}

func TestArgsAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		site   spec.Site
		change func(*site.Args)
		want   string
	}{
		"no machine":      {spec.Site{Name: "jnb"}, nil, "neither a machine nor a server"},
		"two machines":    {spec.Site{Name: "jnb", Machine: adopted().Machine, Hetzner: made(false).Hetzner}, nil, "describe one of them"},
		"no pair":         {made(false), func(a *site.Args) { a.Pair = nil }, "no pair is given"},
		"open to all":     {made(false), func(a *site.Args) { a.OfficeCIDRs = nil }, "an empty list never means everyone"},
		"one disk":        {adopted(), func(a *site.Args) { a.Site.Disks.Devices = a.Site.Disks.Devices[:1] }, "1 disks are named"},
		"no tunnel":       {adopted(), func(a *site.Args) { a.TunnelPort = 0 }, "the tunnel's port is 0"},
		"several at once": {made(false), func(a *site.Args) { a.Pair, a.TunnelPort = nil, 0 }, "no pair is given: its server has no network\nthe tunnel's port is 0"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := graphtest.Run(graphtest.Preview, program(c.site, c.change))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("err = %v, want %q", err, c.want)
			}
		})
	}
	_, err := graphtest.Run(graphtest.Preview, func(ctx *pulumi.Context) error {
		_, err := site.NewPair(ctx, "pair", site.PairArgs{Scope: nordic})
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "no IPv4 range") || !strings.Contains(err.Error(), "no deploy key") {
		t.Errorf("err = %v", err)
	}
}

func TestASettingThatNobodyHasIsNamed(t *testing.T) {
	_, err := site.Settings(bundle.Bundle{Name: "host", Settings: []string{"disk-a", "disk-c"}}, map[string]pulumi.StringInput{"disk-a": pulumi.String("/dev/a")})
	if err == nil || !strings.Contains(err.Error(), `bundle host asks for the setting "disk-c"`) {
		t.Errorf("err = %v", err)
	}
}
