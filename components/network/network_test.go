package network_test

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/network"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

var production = scope.Scope{
	Client: "acme", Environment: "production", Stack: "prod", Account: "123456789012", Region: "eu-west-2", Protect: true,
}

// valid are the arguments of the reference client.
func valid() network.Args {
	return network.Args{
		Scope: production, CIDR: netip.MustParsePrefix("10.20.0.0/16"),
		Zones: []string{"eu-west-2a", "eu-west-2b", "eu-west-2c"}, NATGateways: network.PerZone,
		DatabasePorts: []int{5432, 6379}, ReleaseBucket: "berth-northwind-releases-111122223333-eu-west-2",
		FlowLogDays: 365, LogsKeyArn: pulumi.String("arn:aws:kms:eu-west-2:123456789012:key/logs"),
	}
}

func program(args network.Args) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		_, err := network.New(ctx, "network", args)
		return err
	}
}

func TestNew(t *testing.T) {
	small := valid()
	small.CIDR, small.Zones, small.NATGateways = netip.MustParsePrefix("10.30.0.0/20"), small.Zones[:2], network.Single
	small.DatabasePorts = []int{3306}
	t.Run("three_zones", func(t *testing.T) { graphtest.Golden(t, "", program(valid())) })
	t.Run("two_zones_single_nat", func(t *testing.T) { graphtest.Golden(t, "", program(small)) })
}

func TestNewRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*network.Args)
		want   string
	}{
		"one zone":      {func(a *network.Args) { a.Zones = a.Zones[:1] }, "plan subnets: 1 zones: use 2 or 3"},
		"a zone abroad": {func(a *network.Args) { a.Zones[1] = "eu-west-1b" }, `zone "eu-west-1b" is none of region eu-west-2: use names such as eu-west-2a`},
		"a small range": {func(a *network.Args) { a.CIDR = netip.MustParsePrefix("10.0.0.0/24") },
			"plan subnets: 10.0.0.0/24 is no IPv4 range from /16 to /20 without host bits"},
		"NAT gateways":   {func(a *network.Args) { a.NATGateways = "two" }, `NAT gateways are "two": use "perZone" or "single"`},
		"no port":        {func(a *network.Args) { a.DatabasePorts = nil }, "0 database ports: give 1 to 5, one for each engine in use"},
		"no releases":    {func(a *network.Args) { a.ReleaseBucket = "" }, "no release bucket: name the one that machines fetch TaskFlow from"},
		"no retention":   {func(a *network.Args) { a.FlowLogDays = 0 }, "flow logs are kept for 0 days: keep them at least one day"},
		"no key":         {func(a *network.Args) { a.LogsKeyArn = nil }, "no key for the flow logs: pass the ARN of the logs key"},
		"all in one run": {func(a *network.Args) { a.FlowLogDays, a.LogsKeyArn = 0, nil }, "keep them at least one day\nno key for the flow logs"},
	} {
		t.Run(name, func(t *testing.T) {
			args := valid()
			tc.change(&args)
			graphtest.Golden(t, tc.want, program(args))
		})
	}
}

func TestNothingComesInAndDataCannotLeave(t *testing.T) {
	resources, err := graphtest.Run(graphtest.Update, program(valid()))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("DP-2 isolated subnets have no route out", func(t *testing.T) {
		for _, r := range resources {
			if r.Type == "aws:ec2/route:Route" && strings.HasPrefix(r.Inputs["routeTableId"].(string), "network-isolated") {
				t.Errorf("%s leads from the isolated subnets to %v", r.Name, r.Inputs["destinationCidrBlock"])
			}
		}
		for _, zone := range []string{"a", "b", "c"} {
			r := graphtest.Find(t, resources, "aws:ec2/routeTableAssociation:RouteTableAssociation", "network-isolated-"+zone+"-association")
			if r.Inputs["routeTableId"] != "network-isolated-routes-id" {
				t.Errorf("isolated subnet %s is on route table %v", zone, r.Inputs["routeTableId"])
			}
		}
	})
	t.Run("DP-2 only machines' subnets reach database ports, and only those", func(t *testing.T) {
		private := []string{"10.20.0.0/18", "10.20.64.0/18", "10.20.128.0/18"}
		rules, numbers := 0, map[any]bool{}
		for _, r := range resources {
			if r.Type != "aws:ec2/networkAclRule:NetworkAclRule" {
				continue
			}
			key := [2]any{r.Inputs["egress"], r.Inputs["ruleNumber"]}
			if numbers[key] {
				t.Errorf("%s: rule number %v is taken", r.Name, key)
			}
			numbers[key] = true
			if slices.Contains(private, r.Inputs["cidrBlock"].(string)) && r.Inputs["egress"] == false {
				rules++
				if from := r.Inputs["fromPort"]; from != r.Inputs["toPort"] || (from != 5432.0 && from != 6379.0) {
					t.Errorf("%s opens %v to %v", r.Name, from, r.Inputs["toPort"])
				}
			}
			if strings.HasSuffix(r.Inputs["cidrBlock"].(string), "/0") {
				t.Errorf("%s is for everybody", r.Name)
			}
		}
		if rules != 6 {
			t.Errorf("%d rules for machines, want one for each of 3 zones and 2 ports", rules)
		}
	})
	t.Run("DP-2 no subnet gives public addresses", func(t *testing.T) {
		for _, r := range resources {
			if r.Type == "aws:ec2/subnet:Subnet" && r.Inputs["mapPublicIpOnLaunch"] != false {
				t.Errorf("%s gives public addresses", r.Name)
			}
		}
	})
	t.Run("DP-2 the default security group and route table are empty", func(t *testing.T) {
		group := graphtest.Find(t, resources, "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "network-default-group")
		table := graphtest.Find(t, resources, "aws:ec2/defaultRouteTable:DefaultRouteTable", "network-default-routes")
		for _, rules := range []any{group.Inputs["ingress"], group.Inputs["egress"], table.Inputs["routes"]} {
			if list, ok := rules.([]any); !ok || len(list) != 0 {
				t.Errorf("rules = %v, want an empty list: without one, AWS's own stay", rules)
			}
		}
	})
	t.Run("AV-2 each zone has a NAT gateway of its own", func(t *testing.T) {
		for _, zone := range []string{"a", "b", "c"} {
			route := graphtest.Find(t, resources, "aws:ec2/route:Route", "network-private-default-"+zone)
			if route.Inputs["natGatewayId"] != "network-nat-"+zone+"-id" {
				t.Errorf("zone %s leaves through %v", zone, route.Inputs["natGatewayId"])
			}
		}
	})
	t.Run("AC-5 every connection is logged, encrypted, for a year", func(t *testing.T) {
		group := graphtest.Find(t, resources, "aws:cloudwatch/logGroup:LogGroup", "network-flow-log-group")
		if group.Inputs["kmsKeyId"] != "arn:aws:kms:eu-west-2:123456789012:key/logs" || group.Inputs["retentionInDays"] != 365.0 {
			t.Errorf("log group = %v", group.Inputs)
		}
		if log := graphtest.Find(t, resources, "aws:ec2/flowLog:FlowLog", "network-flow-log"); log.Inputs["trafficType"] != "ALL" {
			t.Errorf("traffic type = %v", log.Inputs["trafficType"])
		}
	})
	t.Run("DP-4 endpoints serve this account only", func(t *testing.T) {
		endpoints := 0
		for _, r := range resources {
			if r.Type == "aws:ec2/vpcEndpoint:VpcEndpoint" {
				endpoints++
				onlyThisAccount(t, r)
			}
		}
		if endpoints != 7 {
			t.Errorf("%d endpoints, want 7", endpoints)
		}
	})
}

func onlyThisAccount(t *testing.T, endpoint graphtest.Resource) {
	t.Helper()
	var document struct {
		Statement []struct {
			Sid       string
			Action    any
			Condition map[string]map[string]any
		}
	}
	if err := json.Unmarshal([]byte(endpoint.Inputs["policy"].(string)), &document); err != nil {
		t.Fatal(err)
	}
	for _, s := range document.Statement {
		if s.Sid == "AmazonLinuxPackages" {
			if s.Action != "s3:GetObject" {
				t.Errorf("%s: packages allow %v", endpoint.Name, s.Action)
			}
			continue
		}
		if got := s.Condition["StringEquals"]["aws:PrincipalAccount"]; got != "123456789012" {
			t.Errorf("%s %s is for principals of %v", endpoint.Name, s.Sid, got)
		}
	}
}

func TestNamesStayLegal(t *testing.T) {
	args := valid()
	args.Scope.Client, args.Scope.Environment = "a-client-of-24-character", "development"
	resources, err := graphtest.Run(graphtest.Update, program(args))
	if err != nil {
		t.Fatal(err)
	}
	for _, limit := range []struct {
		resource, name string
		max            int
	}{
		{"aws:iam/role:Role", "network-flow-log-role", 64},
		{"aws:ec2/securityGroup:SecurityGroup", "network-endpoints-group", 255},
		{"aws:cloudwatch/logGroup:LogGroup", "network-flow-log-group", 512},
	} {
		if name := graphtest.Find(t, resources, limit.resource, limit.name).Inputs["name"].(string); len(name) > limit.max {
			t.Errorf("%s %q has %d characters, AWS takes %d", limit.name, name, len(name), limit.max)
		}
	}
}
