package firewall_test

import (
	"testing"

	"github.com/berth-iac/berth/components/firewall"
	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const aclType = "aws:wafv2/webAcl:WebAcl"

func valid() firewall.Args {
	return firewall.Args{
		Scope: scope.Scope{
			Client: "acme", Environment: "production", Stack: "prod", Account: "123456789012", Region: "eu-west-2", Protect: true,
		},
		LoadBalancerArn: pulumi.String("arn:aws:elasticloadbalancing:eu-west-2:123456789012:loadbalancer/app/acme/1"),
		Hostname:        "acme.taskflow.example",
		RateLimit:       spec.RateLimit{Requests: 600, PeriodSeconds: 60},
		LogsKeyArn:      pulumi.String("arn:aws:kms:eu-west-2:123456789012:key/logs"),
		LogDays:         365,
	}
}

func program(args firewall.Args) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		_, err := firewall.New(ctx, "firewall", args)
		return err
	}
}

func TestNew(t *testing.T) { graphtest.Golden(t, "", program(valid())) }

func TestNewRefuses(t *testing.T) {
	odd := valid()
	odd.RateLimit.PeriodSeconds = 45
	for name, tc := range map[string]struct {
		args firewall.Args
		want string
	}{
		"everything": {firewall.Args{}, `firewall "firewall": no load balancer is given: pass its ARN
no host name is given: pass the name that the edge serves
the rate limit is 0 requests in 0 s: give both
no key for the logs: pass the ARN of the logs key
logs are kept for 0 days: keep them at least one day`},
		"period": {odd, "the rate limit's period is 45 s: use 10, 60, 120, 300 or 600"},
	} {
		t.Run(name, func(t *testing.T) { graphtest.Golden(t, tc.want, program(tc.args)) })
	}
}

func rule(t *testing.T, resources []graphtest.Resource, name string) map[string]any {
	t.Helper()
	for _, r := range graphtest.Find(t, resources, aclType, "firewall-acl").Inputs["rules"].([]any) {
		if r := r.(map[string]any); r["name"] == name {
			return r
		}
	}
	t.Fatalf("no rule %q", name)
	return nil
}

func TestRateLimit(t *testing.T) {
	for name, tc := range map[string]struct {
		given        spec.RateLimit
		limit, every float64
	}{
		"AV-12 600 a minute":                           {spec.RateLimit{Requests: 600, PeriodSeconds: 60}, 600, 60},
		"AV-12 50 in 10 s, over WAF's least window":    {spec.RateLimit{Requests: 50, PeriodSeconds: 10}, 300, 60},
		"AV-12 6000 in 10 minutes, the longest window": {spec.RateLimit{Requests: 6000, PeriodSeconds: 600}, 6000, 600},
	} {
		t.Run(name, func(t *testing.T) {
			args := valid()
			args.RateLimit = tc.given
			resources, err := graphtest.Run(graphtest.Update, program(args))
			if err != nil {
				t.Fatal(err)
			}
			r := rule(t, resources, "rate")
			rate := r["statement"].(map[string]any)["rateBasedStatement"].(map[string]any)
			if rate["limit"] != tc.limit || rate["evaluationWindowSec"] != tc.every {
				t.Errorf("%v in %v s, want %v in %v", rate["limit"], rate["evaluationWindowSec"], tc.limit, tc.every)
			}
			block := r["action"].(map[string]any)["block"].(map[string]any)["customResponse"].(map[string]any)
			if block["responseCode"] != 429.0 {
				t.Errorf("answers %v, want 429", block["responseCode"])
			}
		})
	}
}

func TestOnlyTheClientsHostIsLetIn(t *testing.T) {
	resources, err := graphtest.Run(graphtest.Update, program(valid()))
	if err != nil {
		t.Fatal(err)
	}
	acl := graphtest.Find(t, resources, aclType, "firewall-acl")
	t.Run("DP-2 what no rule knows is blocked", func(t *testing.T) {
		if action := acl.Inputs["defaultAction"].(map[string]any); action["block"] == nil || action["allow"] != nil {
			t.Errorf("default action = %v", action)
		}
	})
	t.Run("DP-2 the host rule is the last and the only one that allows", func(t *testing.T) {
		host := rule(t, resources, "host")
		for _, r := range acl.Inputs["rules"].([]any) {
			r := r.(map[string]any)
			if r["name"] == "host" {
				continue
			}
			if r["priority"].(float64) >= host["priority"].(float64) {
				t.Errorf("%v judges after the host rule and is never asked", r["name"])
			}
			if action, ok := r["action"].(map[string]any); ok && action["allow"] != nil {
				t.Errorf("%v allows", r["name"])
			}
		}
	})
	t.Run("AC-5 logs are encrypted and hold no credentials", func(t *testing.T) {
		group := graphtest.Find(t, resources, "aws:cloudwatch/logGroup:LogGroup", "firewall-log-group")
		if group.Inputs["name"] != "aws-waf-logs-acme-production" || group.Inputs["kmsKeyId"] == nil {
			t.Errorf("log group = %v", group.Inputs)
		}
		logging := graphtest.Find(t, resources, "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration", "firewall-logging")
		redacted := map[any]bool{}
		for _, field := range logging.Inputs["redactedFields"].([]any) {
			redacted[field.(map[string]any)["singleHeader"].(map[string]any)["name"]] = true
		}
		if !redacted["authorization"] || !redacted["cookie"] {
			t.Errorf("redacted = %v", redacted)
		}
	})
}

func TestNamesStayLegal(t *testing.T) {
	args := valid()
	args.Scope.Client, args.Scope.Environment = "a-client-of-24-character", "development"
	resources, err := graphtest.Run(graphtest.Update, program(args))
	if err != nil {
		t.Fatal(err)
	}
	acl := graphtest.Find(t, resources, aclType, "firewall-acl")
	if name := acl.Inputs["name"].(string); len(name) > 128 {
		t.Errorf("web ACL %q has %d characters, AWS takes 128", name, len(name))
	}
	for _, r := range acl.Inputs["rules"].([]any) {
		metric := r.(map[string]any)["visibilityConfig"].(map[string]any)["metricName"].(string)
		if len(metric) > 128 {
			t.Errorf("metric %q has %d characters, AWS takes 128", metric, len(metric))
		}
	}
}
