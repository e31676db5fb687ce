package catalogue

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// verifying is a client's stack with the role that reads the account back: trust and policy as statements, separated by commas.
func verifying(t *testing.T, named []string, trust, may string) promises.Subject {
	t.Helper()
	client := *referenceSpec(t, "Pulumi.prod.yaml").AWSClient
	client.AWS.Verifiers = named
	quoted := func(statements string) string {
		text, err := json.Marshal(`{"Statement": [` + statements + `]}`)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	g := graph.New([]*graph.Resource{
		resource(t, typeRole, "role", `{"name": "berth-verify", "maxSessionDuration": 3600, "permissionsBoundary": "arn:aws:test:::policy", "assumeRolePolicy": `+quoted(trust)+`}`),
		resource(t, iamPolicy, "policy", `{"name": "berth-verify", "policy": `+quoted(may)+`}`),
		resource(t, "aws:iam/rolePolicyAttachment:RolePolicyAttachment", "attachment", `{"role": "berth-verify", "policyArn": "arn:aws:test:::policy"}`),
	})
	return promises.Subject{Spec: &spec.Spec{Kind: spec.KindAWSClient, AWSClient: &client}, Graph: g}
}

func TestWhoReadsTheAccountBackOnlyLooks(t *testing.T) {
	const preview, auditor = "arn:aws:iam::111122223333:role/northwind-pipeline-preview", "arn:aws:iam::444455556666:user/eve.marsh"
	allow := func(who, conditions string) string {
		return `{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": ` + who + `}` + conditions + `}`
	}
	const factor = `, "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}, "NumericLessThan": {"aws:MultiFactorAuthAge": "3600"}, "StringEquals": {"sts:RoleSessionName": "${aws:username}"}}`
	pipeline, person := allow(`"`+preview+`"`, ""), allow(`"`+auditor+`"`, factor)
	denial, err := json.Marshal(hidden)
	if err != nil {
		t.Fatal(err)
	}
	noData := `{"Effect": "Deny", "Resource": "*", "Action": ` + string(denial) + `}`
	look := func(actions string) string {
		return `{"Effect": "Allow", "Resource": "*", "Action": [` + actions + `]}, ` + noData
	}
	looks := look(`"rds:DescribeDBInstances", "iam:GenerateCredentialReport", "s3:GetBucketPolicy", "s3:GetObjectRetention", "cloudtrail:LookupEvents"`)
	for name, tc := range map[string]struct {
		named      []string
		trust, may string
		holds      bool
	}{
		"the pipeline":                       {[]string{preview}, pipeline, looks, true},
		"the pipeline and a person":          {[]string{preview, auditor}, pipeline + "," + person, looks, true},
		"nobody is named":                    {nil, pipeline, looks, false},
		"a person who is not named":          {[]string{preview}, pipeline + "," + person, looks, false},
		"one who is named is missing":        {[]string{preview, auditor}, pipeline, looks, false},
		"the account in the role's place":    {[]string{preview}, allow(`"arn:aws:iam::111122223333:root"`, ""), looks, false},
		"a person without second factor":     {[]string{auditor}, allow(`"`+auditor+`"`, ""), looks, false},
		"a person beside a role":             {[]string{preview, auditor}, allow(`["`+preview+`", "`+auditor+`"]`, ""), looks, false},
		"everybody":                          {[]string{preview}, allow(`"*"`, ""), looks, false},
		"a service":                          {[]string{preview}, pipeline + "," + `{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}`, looks, false},
		"more than taking it":                {[]string{preview}, strings.Replace(pipeline, `"sts:AssumeRole"`, `["sts:AssumeRole", "sts:TagSession"]`, 1), looks, false},
		"a change":                           {[]string{preview}, pipeline, look(`"rds:ModifyDBInstance"`), false},
		"everything of a kind":               {[]string{preview}, pipeline, look(`"rds:Describe*"`), false},
		"a service whole":                    {[]string{preview}, pipeline, look(`"rds:*"`), false},
		"secrets":                            {[]string{preview}, pipeline, look(`"secretsmanager:GetSecretValue"`), false},
		"parts of objects":                   {[]string{preview}, pipeline, look(`"s3:GetObjectTorrent"`), false},
		"lines of logs":                      {[]string{preview}, pipeline, look(`"logs:GetLogEvents"`), false},
		"all but a few":                      {[]string{preview}, pipeline, `{"Effect": "Allow", "Resource": "*", "NotAction": "iam:*"}, ` + noData, false},
		"no denial":                          {[]string{preview}, pipeline, `{"Effect": "Allow", "Resource": "*", "Action": "rds:DescribeDBInstances"}`, false},
		"a denial that leaves something out": {[]string{preview}, pipeline, strings.Replace(looks, `"kms:Decrypt",`, "", 1), false},
		"a denial with a way round it":       {[]string{preview}, pipeline, strings.Replace(looks, `"Effect": "Deny",`, `"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}},`, 1), false},
	} {
		t.Run(name, func(t *testing.T) {
			if wrong := broken(verifying(t, tc.named, tc.trust, tc.may), wantVerifier); (len(wrong) == 0) != tc.holds {
				t.Errorf("holds = %t: %v", !tc.holds, wrong)
			}
		})
	}
	t.Run("named, but there is no role", func(t *testing.T) {
		s := verifying(t, []string{preview}, pipeline, looks)
		s.Graph = graph.New(nil)
		if wrong := broken(s, wantVerifier); len(wrong) != 1 {
			t.Errorf("found %v, want the role missing", wrong)
		}
	})
	t.Run("sessions of a day, without a boundary", func(t *testing.T) {
		s := verifying(t, []string{preview}, pipeline, looks)
		role := s.Graph.Resolve("berth-verify", typeRole)
		role.Inputs["maxSessionDuration"], role.Inputs["permissionsBoundary"] = 86400.0, nil
		if wrong := broken(s, wantVerifier); len(wrong) != 2 {
			t.Errorf("found %v, want the session and the boundary", wrong)
		}
	})
}
