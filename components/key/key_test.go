package key_test

import (
	"strings"
	"testing"

	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/key"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

var organisation = scope.Scope{Client: "northwind", Environment: "organisation", Stack: "organisation", Account: "111122223333", Region: "eu-west-2", Protect: true}

func TestNew(t *testing.T) {
	for name, args := range map[string]key.Args{
		"encrypting": {Services: []string{"s3"}},
		"signing": {Signing: true, Statements: []policy.Statement{{Sid: "Sign", Principals: key.Root("111122223333"),
			Actions: []string{"kms:Sign"}, Resources: key.This(), Conditions: []policy.Condition{policy.Is("ArnEquals", "aws:PrincipalArn", "arn:aws:iam::111122223333:role/signer")}}}},
	} {
		t.Run(name, func(t *testing.T) {
			args.Scope, args.Region, args.Alias, args.Description = organisation, "eu-west-2", "alias/northwind-"+name, "For "+name
			graphtest.Golden(t, "", func(ctx *pulumi.Context) error {
				_, err := key.New(ctx, name, args)
				return err
			})
		})
	}
}

func TestReplica(t *testing.T) {
	graphtest.Golden(t, "", func(ctx *pulumi.Context) error {
		args := key.Args{Scope: organisation, Region: "eu-west-2", Alias: "alias/northwind-state", Description: "State", Services: []string{"s3"}, MultiRegion: true, Transient: true}
		primary, err := key.New(ctx, "state", args)
		if err != nil {
			return err
		}
		args.Region = "eu-west-1"
		_, err = key.Replica(ctx, "state-second", primary, args)
		return err
	})
}

func TestNewRefuses(t *testing.T) {
	_, err := graphtest.Run(graphtest.Preview, func(ctx *pulumi.Context) error {
		_, err := key.New(ctx, "k", key.Args{})
		return err
	})
	want := `key "k": the account or the region is missing: the key's policy names them
a key needs an alias and a description
nobody may use the key: name services or add statements`
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("err = %v, want %s", err, want)
	}
}
