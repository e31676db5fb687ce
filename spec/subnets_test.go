package spec

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestSubnetPlan(t *testing.T) {
	plan, err := SubnetPlan(netip.MustParsePrefix("10.20.0.0/16"), 3)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		got  []netip.Prefix
		want string
	}{
		"private":  {plan.Private, "10.20.0.0/18 10.20.64.0/18 10.20.128.0/18"},
		"public":   {plan.Public, "10.20.192.0/21 10.20.200.0/21 10.20.208.0/21"},
		"isolated": {plan.Isolated, "10.20.224.0/21 10.20.232.0/21 10.20.240.0/21"},
	} {
		if got := words(c.got); got != c.want {
			t.Errorf("%s = %s, want %s", name, got, c.want)
		}
	}
}

func words(prefixes []netip.Prefix) string {
	texts := make([]string, len(prefixes))
	for i, p := range prefixes {
		texts[i] = p.String()
	}
	return strings.Join(texts, " ")
}

func TestSubnetPlanOfEverySize(t *testing.T) {
	for _, text := range []string{"10.0.0.0/16", "172.16.0.0/17", "192.168.128.0/18", "10.255.224.0/19", "192.168.240.0/20"} {
		cidr := netip.MustParsePrefix(text)
		three, err := SubnetPlan(cidr, 3)
		if err != nil {
			t.Fatal(err)
		}
		two, err := SubnetPlan(cidr, 2)
		if err != nil {
			t.Fatal(err)
		}
		all := slices.Concat(three.Public, three.Private, three.Isolated)
		for i, p := range all {
			if p != p.Masked() || !cidr.Contains(p.Addr()) || p.Bits() <= cidr.Bits() || p.Bits() > 25 {
				t.Errorf("%s: %s does not fit", cidr, p)
			}
			for _, other := range all[:i] {
				if p.Overlaps(other) {
					t.Errorf("%s: %s overlaps %s", cidr, p, other)
				}
			}
		}
		if !slices.Equal(two.Public, three.Public[:2]) || !slices.Equal(two.Private, three.Private[:2]) || !slices.Equal(two.Isolated, three.Isolated[:2]) {
			t.Errorf("%s: a third zone moves the others' subnets", cidr)
		}
	}
}

func TestSubnetPlanRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.0/21":  "plan subnets: 10.0.0.0/21 is no IPv4 range from /16 to /20 without host bits",
		"10.0.0.0/15":  "plan subnets: 10.0.0.0/15 is no IPv4 range from /16 to /20 without host bits",
		"10.0.0.1/16":  "plan subnets: 10.0.0.1/16 is no IPv4 range from /16 to /20 without host bits",
		"fd00::/20":    "plan subnets: fd00::/20 is no IPv4 range from /16 to /20 without host bits",
		"10.20.0.0/16": "plan subnets: 4 zones: use 2 or 3",
	} {
		if _, err := SubnetPlan(netip.MustParsePrefix(text), 4); err == nil || err.Error() != want {
			t.Errorf("%s: err = %v, want %s", text, err, want)
		}
	}
}

func TestClientPlaces(t *testing.T) {
	a := decoded(t, validClient).AWSClient
	if got := strings.Join(a.ZoneNames(), " "); got != "eu-west-2a eu-west-2b eu-west-2c" {
		t.Errorf("zones = %s", got)
	}
	plan, err := a.Subnets()
	if err != nil || len(plan.Public) != 3 {
		t.Errorf("subnets = %v, %v", plan, err)
	}
}

func TestResidency(t *testing.T) {
	for _, c := range []struct {
		residency Residency
		region    string
		want      bool
	}{
		{UnitedKingdom, "eu-west-2", true}, {UnitedKingdom, "eu-west-1", false},
		{EuropeanUnion, "eu-west-1", true}, {EuropeanUnion, "eu-central-1", true},
		{EuropeanUnion, "eu-west-2", false}, {EuropeanUnion, "eu-central-2", false}, {"za", "af-south-1", false},
	} {
		if got := c.residency.Holds(c.region); got != c.want {
			t.Errorf("AV-9 %s holds %s = %t, want %t", c.residency, c.region, got, c.want)
		}
	}
	if got := RegionFor(UnitedKingdom) + RegionFor(EuropeanUnion) + RegionFor("za"); got != "eu-west-2eu-west-1" {
		t.Errorf("regions = %s", got)
	}
}
