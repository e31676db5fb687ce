package securitygroup_test

import (
	"testing"

	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/components/securitygroup"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func TestNewLetsOneClientInAndNothingOut(t *testing.T) {
	resources, err := graphtest.Run(graphtest.Update, func(ctx *pulumi.Context) error {
		_, err := securitygroup.New(ctx, "store", securitygroup.Args{
			Scope: scope.Scope{Client: "acme", Environment: "production", Stack: "prod", Account: "123456789012", Region: "eu-west-2"},
			Part:  "store", What: "The store", Peer: "The store", Port: 5432,
			VPCID: pulumi.String("vpc-1"), ClientSecurityGroupID: pulumi.String("sg-machines"),
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(resources) != 3 {
		t.Errorf("%d resources, want the group and one rule at each end", len(resources))
	}
	const own = "store-firewall-id"
	in := graphtest.Find(t, resources, "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "store-from-client")
	if in.Inputs["securityGroupId"] != own || in.Inputs["referencedSecurityGroupId"] != "sg-machines" || in.Inputs["fromPort"] != 5432.0 || in.Inputs["toPort"] != 5432.0 {
		t.Errorf("DP-2: the way in = %v, want the machines on the one port", in.Inputs)
	}
	out := graphtest.Find(t, resources, "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", "store-client-egress")
	if out.Inputs["securityGroupId"] != "sg-machines" || out.Inputs["referencedSecurityGroupId"] != own {
		t.Errorf("DP-2: the way out = %v, want the machines' own, to the store only", out.Inputs)
	}
}
