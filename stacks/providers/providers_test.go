package providers_test

import (
	"fmt"
	"testing"

	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/stacks/providers"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

var acme = scope.Scope{Client: "acme", Environment: "production", Stack: "prod", Account: "123456789012", Region: "eu-west-2"}

func TestAWSActsOnTheStacksOwnAccountOnly(t *testing.T) {
	resources, err := graphtest.Run(graphtest.Update, func(ctx *pulumi.Context) error {
		_, err := providers.AWS(ctx, "aws-eu-west-2", "eu-west-2", acme, "arn:aws:iam::123456789012:role/berth-deploy")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	p := graphtest.Find(t, resources, "pulumi:providers:aws", "aws-eu-west-2")
	for key, want := range map[string]string{
		"allowedAccountIds": "[123456789012]",
		"region":            "eu-west-2",
		"assumeRole":        "map[roleArn:arn:aws:iam::123456789012:role/berth-deploy sessionName:berth-prod]",
	} {
		if got := fmt.Sprint(p.Inputs[key]); got != want {
			t.Errorf("%s = %v, want %s", key, got, want)
		}
	}
	if p.Inputs["defaultTags"] == nil {
		t.Error("no default tags: resources without tags of their own would go untagged")
	}
}
