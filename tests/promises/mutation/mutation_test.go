package mutation_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/berth-iac/berth/localcloud/catalogue"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/tests/promises/mutation"
)

func stack() *graph.Graph {
	return graph.New([]*graph.Resource{
		{Type: "aws:kms/key:Key", Name: "key", ID: "key-id", URN: "urn:key", Inputs: map[string]any{"enableKeyRotation": true}, Outputs: map[string]any{"arn": "arn:key"}},
		{Type: "aws:kms/key:Key", Name: "other", ID: "other-id", URN: "urn:other", Inputs: map[string]any{}, Outputs: map[string]any{"arn": "arn:other"}},
		{Type: "aws:rds/instance:Instance", Name: "database", ID: "database-id", URN: "urn:database", Protect: true,
			Inputs: map[string]any{"kmsKeyId": "arn:key", "backupRetentionPeriod": 7.0, "publiclyAccessible": false, "vpcSecurityGroupIds": []any{"a", "b"}}},
		{Type: "aws:cloudwatch/metricAlarm:MetricAlarm", Name: "alarm", ID: "alarm-id", URN: "urn:alarm",
			Inputs: map[string]any{"threshold": 80.0, "comparisonOperator": "GreaterThanThreshold"}},
		{Type: "aws:s3/bucketPolicy:BucketPolicy", Name: "policy", ID: "policy-id", URN: "urn:policy", Inputs: map[string]any{"policy": `{"Statement":[` +
			`{"Sid":"Plain","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}},` +
			`{"Sid":"Read","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::1:root"},"Action":["s3:GetObject"],"Resource":"arn:bucket/*","Condition":{"StringEquals":{"aws:SourceAccount":"1"}}}]}`}},
		{Type: "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", Name: "rule", ID: "rule-id", URN: "urn:rule",
			Inputs: map[string]any{"ipProtocol": "tcp", "fromPort": 5432.0, "toPort": 5432.0, "cidrIpv4": "10.0.0.0/8"}},
		{Type: "pulumi:providers:aws", Name: "aws", ID: "aws-id", URN: "urn:aws", Inputs: map[string]any{"region": "eu-west-2"}},
		{Type: "berth:database:Database", Name: "component", URN: "urn:component", Inputs: map[string]any{"engine": "postgresql"}},
	})
}

func TestOf(t *testing.T) {
	var found []string
	for _, m := range mutation.Of(stack(), catalogue.Embedded()) {
		found = append(found, m.String())
	}
	all := strings.Join(found, "\n")
	for _, want := range []string{
		"aws:kms/key:Key key.enableKeyRotation switched off: true → false",
		"aws:rds/instance:Instance database.publiclyAccessible switched on: false → true",
		"aws:rds/instance:Instance database.backupRetentionPeriod lowered: 7 → 3",
		"aws:rds/instance:Instance database.backupRetentionPeriod zeroed: 7 → 0",
		"aws:rds/instance:Instance database.kmsKeyId removed: arn:key → ",
		"aws:rds/instance:Instance database.kmsKeyId pointed elsewhere: arn:key → arn:other",
		`aws:rds/instance:Instance database.vpcSecurityGroupIds cut to one: ["a","b"] → ["a"]`,
		"aws:rds/instance:Instance database protection lifted",
		"aws:rds/instance:Instance database resource removed",
		"aws:cloudwatch/metricAlarm:MetricAlarm alarm.threshold raised: 80 → 800",
		"aws:s3/bucketPolicy:BucketPolicy policy.policy[Plain] denial removed",
		"aws:s3/bucketPolicy:BucketPolicy policy.policy[Plain].Condition.Bool.aws:SecureTransport condition changed: false → true",
		"aws:s3/bucketPolicy:BucketPolicy policy.policy[Read].Action action widened to the service: [\"s3:GetObject\"] → s3:*",
		"aws:s3/bucketPolicy:BucketPolicy policy.policy[Read].Condition.StringEquals.aws:SourceAccount condition removed: 1 → ",
		"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule rule opened to everyone: 0.0.0.0/0",
		"pulumi:providers:aws aws.region moved abroad: eu-west-2 → us-east-2",
	} {
		if !slices.Contains(found, want) && !strings.Contains(all, want+"\n") {
			t.Errorf("no mutant %q", want)
		}
	}
	if strings.Contains(all, "resource removed") && strings.Contains(all, "Key key resource removed") {
		t.Error("a key that a database names was removed")
	}
	if strings.Contains(all, "berth:database:Database") {
		t.Error("a component was mutated: no provider makes it")
	}
}

// A mutant changes one resource of a copy, in the way that it says; the stack that it was made of stays as it is.
func TestApply(t *testing.T) {
	g := stack()
	before, err := json.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutation.Of(g, catalogue.Embedded()) {
		changed, err := json.Marshal(m.Apply(g))
		if err != nil {
			t.Fatal(err)
		}
		if string(changed) == string(before) {
			t.Errorf("%s: changes nothing", m)
		}
		if now, err := json.Marshal(g); err != nil || string(now) != string(before) {
			t.Fatalf("%s: changed the stack that it was made of (%v)", m, err)
		}
	}
}

func TestReadRules(t *testing.T) {
	m := &mutation.Mutant{Type: "aws:lb/listener:Listener", Name: "https", Property: "rules[delete].id", Operator: "changed"}
	for rules, want := range map[string]string{
		`harmless: [{type: "aws:lb/*", property: "*.id", reason: identity}]`:                              "identity",
		`harmless: [{property: "name|rules[*].id", reason: identity}]`:                                    "identity",
		`harmless: [{property: "name", reason: identity}]`:                                                "counts",
		`{counts: [{name: https, reason: it matters}], harmless: [{property: "*.id", reason: identity}]}`: "it matters",
		`impossible: [{when: refused, reason: never}]`:                                                    "counts",
		`harmless: [{property: name}]`:                                                                    "error: give a reason",
		`harmless: [{property: name, because: x, reason: y}]`:                                             "error: field because not found",
		`harmless: [{property: name, when: sometimes, reason: it depends}]`:                               "error: when is \"sometimes\"",
	} {
		found, err := mutation.ReadRules([]byte(rules))
		got := "counts"
		if err != nil {
			got = "error: " + err.Error()
			if message, expected := strings.CutPrefix(want, "error: "); expected && strings.Contains(got, message) {
				continue
			}
		} else if r := found.Of(m); r != nil {
			got = r.Reason
		}
		if got != want {
			t.Errorf("%s: %s, want %s", rules, got, want)
		}
	}
}

func TestReadLines(t *testing.T) {
	rules, err := mutation.ReadLines([]byte("# why\n\naws:lb/* | * | port | changed | nobody listens\n"))
	if err != nil || len(rules) != 1 || rules[0].Reason != "nobody listens" {
		t.Fatalf("%v, %v", rules, err)
	}
	if !rules[0].Fits(&mutation.Mutant{Type: "aws:lb/listener:Listener", Name: "https", Property: "port", Operator: "changed"}) {
		t.Error("the line does not fit")
	}
	if _, err := mutation.ReadLines([]byte("aws:lb/* | port | changed | nobody listens\n")); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("err = %v, want one that names line 1", err)
	}
}
