package catalogue

import (
	"strings"
	"testing"

	"github.com/berth-iac/berth/promises/graph"
)

// A service's call passes only by a statement whose conditions it can meet: with what the service says of itself.
func TestPolicyCallGranted(t *testing.T) {
	const topic = "arn:aws:sns:eu-west-2:123456789012:alerts"
	cloudWatch := policyCall{service: "cloudwatch.amazonaws.com", action: "sns:Publish", on: func(pattern string) bool { return pattern == topic },
		context: map[string]string{"aws:SourceAccount": "123456789012", "aws:SourceArn": "arn:aws:cloudwatch:eu-west-2:123456789012:alarm:down", "aws:SecureTransport": "true"}}
	// EventBridge sends no account: a condition on it drops every message.
	eventBridge := policyCall{service: "events.amazonaws.com", action: "sns:Publish", on: cloudWatch.on,
		context: map[string]string{"aws:SourceArn": "arn:aws:events:eu-west-2:123456789012:rule/health", "aws:SecureTransport": "true"}}
	allow := func(service, conditions string) string {
		if conditions != "" {
			conditions = `,"Condition":` + conditions
		}
		return `{"Effect":"Allow","Principal":{"Service":"` + service + `"},"Action":"sns:Publish","Resource":"` + topic + `"` + conditions + `}`
	}
	const byAccount, byArn = `{"StringEquals":{"aws:SourceAccount":"123456789012"}}`, `{"ArnLike":{"aws:SourceArn":"arn:aws:*:eu-west-2:123456789012:*"}}`
	const plainHTTP = `{"Effect":"Deny","Principal":"*","Action":"sns:Publish","Resource":"` + topic + `","Condition":{"Bool":{"aws:SecureTransport":"false"}}}`
	for name, c := range map[string]struct {
		call       policyCall
		statements []string
		want       bool
	}{
		"by account":                          {cloudWatch, []string{plainHTTP, allow("cloudwatch.amazonaws.com", byAccount)}, true},
		"by source":                           {cloudWatch, []string{allow("cloudwatch.amazonaws.com", byArn)}, true},
		"without condition":                   {cloudWatch, []string{allow("cloudwatch.amazonaws.com", "")}, true},
		"another service":                     {cloudWatch, []string{allow("events.amazonaws.com", "")}, false},
		"another account":                     {cloudWatch, []string{allow("cloudwatch.amazonaws.com", `{"StringEquals":{"aws:SourceAccount":"999999999999"}}`)}, false},
		"events by source":                    {eventBridge, []string{allow("events.amazonaws.com", byArn)}, true},
		"events by account, which is unsent":  {eventBridge, []string{allow("events.amazonaws.com", byAccount)}, false},
		"events by account if there is one":   {eventBridge, []string{allow("events.amazonaws.com", `{"StringEqualsIfExists":{"aws:SourceAccount":"123456789012"}}`)}, true},
		"not from another account":            {eventBridge, []string{allow("events.amazonaws.com", `{"StringNotEquals":{"aws:SourceAccount":"999999999999"}}`)}, true},
		"not from this account":               {cloudWatch, []string{allow("cloudwatch.amazonaws.com", `{"StringNotEquals":{"aws:SourceAccount":"123456789012"}}`)}, false},
		"a comparison that is not known here": {cloudWatch, []string{allow("cloudwatch.amazonaws.com", `{"NumericLessThan":{"aws:MultiFactorAuthAge":"1"}}`)}, false},
		"denied to all":                       {cloudWatch, []string{allow("cloudwatch.amazonaws.com", ""), strings.Replace(plainHTTP, "false", "true", 1)}, false},
		"another topic":                       {cloudWatch, []string{strings.Replace(allow("cloudwatch.amazonaws.com", ""), topic, topic+"-other", 1)}, false},
		"every topic but this one":            {cloudWatch, []string{strings.Replace(allow("cloudwatch.amazonaws.com", ""), `"Resource"`, `"NotResource"`, 1)}, false},
		"no statement":                        {cloudWatch, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.call.granted(`{"Statement":[` + strings.Join(c.statements, ",") + `]}`); got != c.want {
				t.Errorf("granted = %t, want %t", got, c.want)
			}
		})
	}
	if cloudWatch.granted(graph.Secret) {
		t.Error("a policy that cannot be read grants nothing")
	}
}

func TestPercentOf(t *testing.T) {
	for expression, want := range map[string]bool{
		"IF(whole>20,100*(FILL(elb,0)+FILL(service,0))/whole,0)":   true,
		"IF(whole>2000,100*(FILL(elb,0)+FILL(service,0))/whole,0)": false, // a small client's failures would never count
		"IF(whole>20,(FILL(elb,0)+FILL(service,0))/whole,0)":       false, // no percent
		"IF(whole>20,100*(FILL(elb,0)+FILL(elb,0))/whole,0)":       false,
		"": false,
	} {
		if got := percentOf(expression, "whole", "elb", "service"); got != want {
			t.Errorf("%q = %t, want %t", expression, got, want)
		}
	}
}

func TestStepwise(t *testing.T) {
	for shares, want := range map[string]bool{"34 100": true, "10 50 100": true, "100": false, "34 50": false, "0 100": false, "50 34 100": false, "a 100": false, "": false} {
		if got := stepwise(strings.Fields(shares)); got != want {
			t.Errorf("%q = %t, want %t", shares, got, want)
		}
	}
}
