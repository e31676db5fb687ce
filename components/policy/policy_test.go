package policy_test

import (
	"testing"

	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/policy"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// render runs a program that does nothing but write the document.
func render(t *testing.T, statements ...policy.Statement) string {
	t.Helper()
	got := make(chan string, 1)
	if _, err := graphtest.Run(graphtest.Update, func(ctx *pulumi.Context) error {
		policy.Document(statements...).ApplyT(func(text string) string { got <- text; return text })
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return <-got
}

func TestDocument(t *testing.T) {
	for name, tc := range map[string]struct {
		statement policy.Statement
		want      string
	}{
		"service with confused-deputy conditions": {
			policy.Statement{Sid: "S", Principals: policy.Service("logs.eu-west-2.amazonaws.com"), Actions: []string{"kms:Decrypt"},
				Resources: policy.Strings("*"), Conditions: policy.OnlyFor("123456789012", pulumi.String("arn:aws:logs:eu-west-2:123456789012:*"))},
			`{"Statement":[{"Action":"kms:Decrypt","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:logs:eu-west-2:123456789012:*"},` +
				`"StringEquals":{"aws:SourceAccount":"123456789012"}},"Effect":"Allow","Principal":{"Service":"logs.eu-west-2.amazonaws.com"},` +
				`"Resource":"*","Sid":"S"}],"Version":"2012-10-17"}`},
		"anyone is a star, not an empty list": {
			policy.Statement{Effect: policy.Deny, Principals: policy.Anyone(), Actions: []string{"s3:GetObject", "s3:PutObject"}, Resources: policy.Strings("a", "b")},
			`{"Statement":[{"Action":["s3:GetObject","s3:PutObject"],"Effect":"Deny","Principal":"*","Resource":["a","b"]}],"Version":"2012-10-17"}`},
		"two conditions of one operator stand together": {
			policy.Statement{Principals: policy.AWS(pulumi.String("arn:aws:iam::123456789012:root")), Actions: []string{"sts:AssumeRole"},
				Conditions: []policy.Condition{policy.Is("StringEquals", "a", "1"), policy.Is("StringEquals", "b", "2", "3")}},
			`{"Statement":[{"Action":"sts:AssumeRole","Condition":{"StringEquals":{"a":"1","b":["2","3"]}},"Effect":"Allow",` +
				`"Principal":{"AWS":"arn:aws:iam::123456789012:root"}}],"Version":"2012-10-17"}`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := render(t, tc.statement); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}
