package light_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/light"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func reference() light.Args {
	return light.Args{
		Scope:  scope.Scope{Client: "hooli", Environment: "production", Stack: "hooli", Account: "210987654321", Region: "eu-west-1", Protect: true},
		Server: spec.LightServer{Bundle: "small_3_0"}, Database: spec.LightDatabase{Version: "16", Bundle: "small_2_0"},
		DatabaseName: "hooli", Password: pulumi.ToSecret(pulumi.String("hunter2")).(pulumi.StringOutput),
		Maintenance: spec.Maintenance{Window: "sun:23:45-mon:02:00"},
		DeployKeys:  []string{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKLCEyUbnl3zXTJ0UFh+aV3n4gu/pc5It14p7sQ1hBl6 pipeline"},
		OfficeCIDRs: []netip.Prefix{netip.MustParsePrefix("203.0.113.16/29")},
		WebFrom:     []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")},
	}
}

func program(args light.Args) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		_, err := light.New(ctx, "light", args)
		return err
	}
}

func TestNew(t *testing.T) {
	for name, change := range map[string]func(*light.Args){
		"production": func(*light.Args) {},
		"staging": func(a *light.Args) {
			a.Scope.Environment, a.Scope.Protect, a.Maintenance.Window = "staging", false, "sat:02:00-sat:04:00"
		},
	} {
		t.Run(name, func(t *testing.T) {
			args := reference()
			change(&args)
			graphtest.Golden(t, "", program(args))
		})
	}
}

func TestArgsAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*light.Args)
		want   string
	}{
		"no key":      {func(a *light.Args) { a.DeployKeys = nil }, "no deploy key is given"},
		"no office":   {func(a *light.Args) { a.OfficeCIDRs = nil }, "an empty list never means everyone"},
		"everyone":    {func(a *light.Args) { a.WebFrom = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")} }, "0.0.0.0/0 is everyone"},
		"IPv6 alone":  {func(a *light.Args) { a.OfficeCIDRs = []netip.Prefix{netip.MustParsePrefix("2001:db8::/48")} }, "all addresses for SSH are IPv6"},
		"no password": {func(a *light.Args) { a.Password = nil }, "no name or no password"},
		"no size":     {func(a *light.Args) { a.Server.Bundle = "" }, "a size or a version is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			args := reference()
			c.change(&args)
			resources, err := graphtest.Run(graphtest.Preview, program(args))
			if err == nil || !strings.Contains(err.Error(), c.want) || len(resources) > 0 {
				t.Errorf("err = %v with %d resources, want %q and none", err, len(resources), c.want)
			}
		})
	}
}
