package localcloud_test

import (
	"strings"
	"testing"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"github.com/berth-iac/berth/localcloud"
)

// What the real provider refuses before it asks the cloud.
func TestLimits(t *testing.T) {
	aws := london(t, start(t, localcloud.Options{}))
	key := props{"description": "d"}
	for name, tc := range map[string]struct {
		typ      string
		news     props
		property string
		want     string
	}{
		"none of the values":   {keyType, with(key, props{"keyUsage": "SING"}), "keyUsage", "to be one of"},
		"out of range":         {keyType, with(key, props{"deletionWindowInDays": 3}), "deletionWindowInDays", "in the range (7 - 30)"},
		"no JSON":              {keyType, with(key, props{"policy": "{"}), "policy", "not a valid json"},
		"no ARN":               {"aws:backup/vault:Vault", props{"name": "v", "kmsKeyArn": "key"}, "kmsKeyArn", "not a valid arn"},
		"a sign in a name":     {"aws:iam/role:Role", props{"name": "a b", "assumeRolePolicy": "{}"}, "name", "is allowed"},
		"together":             {vpcType, props{"cidrBlock": "10.0.0.0/16", "assignGeneratedIpv6CidrBlock": true, "ipv6IpamPoolId": "p"}, "assignGeneratedIpv6CidrBlock", "conflicts with ipv6IpamPoolId"},
		"none of two":          {"aws:autoscaling/group:Group", props{"minSize": 1, "maxSize": 1}, "launchConfiguration", "must be specified"},
		"a number in a text":   {"aws:lb/listenerRule:ListenerRule", props{"listenerArn": "arn:aws:a:b:c:d", "actions": []any{props{"type": "forward"}}, "conditions": []any{props{}}, "priority": 0}, "priority", "must match"},
		"a list with no items": {"aws:backup/plan:Plan", props{"name": "p", "rules": []any{}}, "rules", "not enough list items"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, failures := aws.check(tc.typ, "x", nil, tc.news); !strings.Contains(failures[tc.property], tc.want) {
				t.Errorf("failures = %q, want %q at %s", failures, tc.want, tc.property)
			}
		})
	}
	t.Run("what is unknown yet passes", func(t *testing.T) {
		if _, failures := aws.check(keyType, "x", nil, props{"keyUsage": unknown(), "policy": unknown()}); len(failures) > 0 {
			t.Errorf("failures = %q", failures)
		}
	})
}

// Where a change of the inputs is none to the provider, or replaces under a condition only.
func TestDiffAsTheProviderSeesIt(t *testing.T) {
	aws := london(t, start(t, localcloud.Options{}))
	balancer := func(kind string, subnets ...any) props {
		return props{"name": "b", "loadBalancerType": kind, "subnets": subnets}
	}
	for name, tc := range map[string]struct {
		typ          string
		olds, news   props
		replaces     string
		changedNames string
	}{
		"a set in another order": {"aws:rds/subnetGroup:SubnetGroup", props{"name": "g", "subnetIds": []any{"a", "b"}}, props{"name": "g", "subnetIds": []any{"b", "a"}}, "", ""},
		"an item more in a set":  {"aws:rds/subnetGroup:SubnetGroup", props{"name": "g", "subnetIds": []any{"a", "b"}}, props{"name": "g", "subnetIds": []any{"c", "b", "a"}}, "", "subnetIds"},
		"JSON in other words": {keyType, props{"policy": `{"Version":"2012-10-17","Statement":[]}`},
			props{"policy": "{ \"Statement\": [],\n \"Version\": \"2012-10-17\" }"}, "", ""},
		"false is not set":              {"aws:docdb/cluster:Cluster", props{"applyImmediately": false}, props{}, "", ""},
		"a subnet less of a network LB": {"aws:lb/loadBalancer:LoadBalancer", balancer("network", "a", "b"), balancer("network", "a"), "subnets", "subnets"},
		"a subnet more of a network LB": {"aws:lb/loadBalancer:LoadBalancer", balancer("network", "a"), balancer("network", "a", "b"), "", "subnets"},
		"a subnet less of another LB":   {"aws:lb/loadBalancer:LoadBalancer", balancer("application", "a", "b"), balancer("application", "a"), "", "subnets"},
		"what another kind of action has": {"aws:lb/listener:Listener",
			props{"defaultActions": []any{props{"type": "redirect", "redirect": props{"statusCode": "HTTP_301"}}}},
			props{"defaultActions": []any{props{"type": "redirect", "redirect": props{"statusCode": "HTTP_301"}, "targetGroupArn": "arn"}}}, "", ""},
		"what a network LB has not": {"aws:lb/loadBalancer:LoadBalancer", balancer("network", "a"),
			with(balancer("network", "a"), props{"preserveHostHeader": true}), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := aws.client.Diff(t.Context(), &pulumirpc.DiffRequest{
				Id: "id", Urn: urn(tc.typ, "x"), OldInputs: aws.marshal(tc.olds), Olds: aws.marshal(tc.olds), News: aws.marshal(tc.news),
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(resp.GetReplaces(), " "); got != tc.replaces {
				t.Errorf("replaces %q, want %q", got, tc.replaces)
			}
			if got := strings.Join(resp.GetDiffs(), " "); got != tc.changedNames {
				t.Errorf("changes %q, want %q", got, tc.changedNames)
			}
		})
	}
}

// The real provider foresees few of the values that an update changes; a launch template's version is one.
func TestPreviewOfAnUpdate(t *testing.T) {
	aws := london(t, start(t, localcloud.Options{}))
	const template = "aws:ec2/launchTemplate:LaunchTemplate"
	o := aws.mustCreate(template, "t", props{"name": "machines", "instanceType": "m6i.large"})
	for name, tc := range map[string]struct {
		news    props
		unknown bool
	}{
		"another machine":     {props{"name": "machines", "instanceType": "m6i.xlarge"}, true},
		"another description": {props{"name": "machines", "instanceType": "m6i.large", "description": "d"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := aws.client.Update(t.Context(), &pulumirpc.UpdateRequest{
				Id: o.id, Urn: urn(template, "t"), OldInputs: o.inputs, Olds: o.state, News: aws.marshal(tc.news), Preview: true,
			})
			if err != nil {
				t.Fatal(err)
			}
			after := aws.unmarshal(resp.GetProperties())
			if got := after["latestVersion"].IsComputed(); got != tc.unknown {
				t.Errorf("latestVersion = %v, want it unknown: %v", after["latestVersion"], tc.unknown)
			}
			if after["arn"].IsComputed() {
				t.Error("the ARN is unknown; it stays")
			}
		})
	}
}
