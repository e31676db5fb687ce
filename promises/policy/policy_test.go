package policy_test

import (
	"testing"

	"github.com/berth-iac/berth/promises/policy"
)

const text = `{"Version":"2012-10-17","Statement":[
 {"Sid":"read","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::1:role/a"},"Action":"s3:Get*","Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"],
  "Condition":{"StringEquals":{"aws:SourceAccount":"1"},"Bool":{"aws:SecureTransport":true}}},
 {"Effect":"Deny","Principal":"*","NotAction":["s3:GetObject"],"Resource":"*"}]}`

func TestParse(t *testing.T) {
	d, err := policy.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	allow, deny := d.Allows(), d.Denies()
	if len(allow) != 1 || len(deny) != 1 {
		t.Fatalf("%d allow, %d deny", len(allow), len(deny))
	}
	if allow[0].Everyone() || !deny[0].Everyone() {
		t.Error("only the second speaks of everyone")
	}
	for action, want := range map[string]bool{"s3:GetObject": true, "s3:getobject": true, "s3:PutObject": false, "kms:GetKey": false} {
		if got := allow[0].Covers(action); got != want {
			t.Errorf("the first covers %s: %v", action, got)
		}
	}
	if deny[0].Covers("s3:GetObject") || !deny[0].Covers("s3:PutObject") {
		t.Error("NotAction covers all but what it names")
	}
	if values, ok := allow[0].Condition("Bool", "AWS:secureTransport"); !ok || values[0] != "true" {
		t.Errorf("condition %v %v", values, ok)
	}
	if !allow[0].ConditionOn("aws:SourceAccount") || allow[0].ConditionOn("aws:SourceArn") {
		t.Error("conditions by key")
	}
}

func TestParseOneStatementAndNonsense(t *testing.T) {
	d, err := policy.Parse(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)
	if err != nil || len(d.Statements) != 1 || !d.Statements[0].Covers("iam:CreateUser") {
		t.Errorf("%+v, %v", d, err)
	}
	for _, bad := range []string{"", "[]", `{"Statement":7}`, "[secret]"} {
		if _, err := policy.Parse(bad); err == nil {
			t.Errorf("%q is read as a policy", bad)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, tc := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "arn:aws:s3:::b/a/c", true}, {"arn:aws:s3:::b/*", "arn:aws:s3:::b/a/c", true}, {"arn:aws:s3:::b", "arn:aws:s3:::bb", false},
		{"s3:Get?bject", "s3:GetObject", true}, {"[a]", "[a]", true}, {"[a]", "a", false},
	} {
		if got := policy.Matches(tc.pattern, tc.name); got != tc.want {
			t.Errorf("%s covers %s: %v", tc.pattern, tc.name, got)
		}
	}
}
