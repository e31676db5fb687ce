package verifier_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/components/verifier"
	"github.com/berth-iac/berth/components/verifier/actions"
	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const preview, auditor = "arn:aws:iam::111122223333:role/northwind-pipeline-preview", "arn:aws:iam::444455556666:user/audit/eve.marsh"

// reference has a short list of actions, so that golden files do not change with each look that is added.
func reference() verifier.Args {
	return verifier.Args{
		Scope:     scope.Scope{Client: "acme", Environment: "production", Stack: "prod", Account: "123456789012", Region: "eu-west-2", Protect: true},
		Verifiers: []string{preview},
		Actions:   []string{"iam:GenerateCredentialReport", "rds:DescribeDBInstances", "s3:GetBucketObjectLockConfiguration", "sts:GetCallerIdentity"},
	}
}

func withPeople() verifier.Args {
	args := reference()
	args.Verifiers = []string{auditor, preview}
	args.OfficeCIDRs = []netip.Prefix{netip.MustParsePrefix("203.0.113.16/29")}
	return args
}

func program(args verifier.Args) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		_, err := verifier.New(ctx, "verifier", args)
		return err
	}
}

func TestNew(t *testing.T) {
	t.Run("pipeline", func(t *testing.T) { graphtest.Golden(t, "", program(reference())) })
	t.Run("people", func(t *testing.T) { graphtest.Golden(t, "", program(withPeople())) })
}

func TestNobodyNamedMakesNothing(t *testing.T) {
	args := reference()
	args.Verifiers = nil
	resources, err := graphtest.Run(graphtest.Update, program(args))
	if err != nil || len(resources) > 0 {
		t.Errorf("%d resources, error %v: want none", len(resources), err)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		edit func(*verifier.Args)
		want string
	}{
		"no account":           {func(a *verifier.Args) { a.Scope.Account = "" }, "the account is missing"},
		"an account's root":    {func(a *verifier.Args) { a.Verifiers = []string{"arn:aws:iam::111122223333:root"} }, `"arn:aws:iam::111122223333:root" is no IAM role or user`},
		"any role":             {func(a *verifier.Args) { a.Verifiers = []string{"arn:aws:iam::111122223333:role/*"} }, "without wildcards"},
		"everybody":            {func(a *verifier.Args) { a.Verifiers = []string{"*"} }, `"*" is no IAM role or user`},
		"a session":            {func(a *verifier.Args) { a.Verifiers = []string{"arn:aws:sts::111122223333:assumed-role/x/y"} }, "is no IAM role or user"},
		"an action of a kind":  {func(a *verifier.Args) { a.Actions = []string{"rds:Describe*"} }, "rds:Describe* is not known to only look"},
		"an action of change":  {func(a *verifier.Args) { a.Actions = []string{"rds:DeleteDBInstance"} }, "rds:DeleteDBInstance is not known to only look"},
		"an action on secrets": {func(a *verifier.Args) { a.Actions = []string{"secretsmanager:GetSecretValue"} }, "secretsmanager:GetSecretValue shows data or secrets"},
		"an action on objects": {func(a *verifier.Args) { a.Actions = []string{"s3:GetObjectVersion"} }, "is denied as s3:GetObjectVersion*"},
		"more than IAM takes": {func(a *verifier.Args) {
			for i := range 200 {
				a.Actions = append(a.Actions, fmt.Sprintf("rds:DescribeDBInstanceAutomatedBackups%d", i))
			}
		}, "and IAM takes 6144"},
	} {
		t.Run(name, func(t *testing.T) {
			args := reference()
			tc.edit(&args)
			if _, err := graphtest.Run(graphtest.Preview, program(args)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("err = %v, want %s", err, tc.want)
			}
		})
	}
}

type statement struct {
	Sid, Effect      string
	Action, Resource any
	Principal        map[string]any
	Condition        map[string]map[string]any
}

func statements(t *testing.T, text any) map[string]statement {
	t.Helper()
	var document struct{ Statement []statement }
	if err := json.Unmarshal([]byte(text.(string)), &document); err != nil {
		t.Fatal(err)
	}
	found := map[string]statement{}
	for _, s := range document.Statement {
		found[s.Sid] = s
	}
	if len(found) != len(document.Statement) {
		t.Fatalf("two statements of one name in %s", text)
	}
	return found
}

// texts are one text or a list of them.
func texts(v any) []string {
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	all := make([]string, len(list))
	for i, one := range list {
		all[i], _ = one.(string)
	}
	return all
}

func TestTodaysList(t *testing.T) {
	args := reference()
	args.Actions = actions.All()
	resources, err := graphtest.Run(graphtest.Update, program(args))
	if err != nil {
		t.Fatal(err)
	}
	may := graphtest.Find(t, resources, "aws:iam/policy:Policy", "verifier-policy").Inputs["policy"].(string)
	t.Logf("%d actions make a policy of %d characters; IAM takes 6144", len(args.Actions), len(may))
	if len(may) > 6144 {
		t.Errorf("the policy has %d characters, and IAM takes 6144", len(may))
	}
	if len(args.Actions) == 0 {
		t.Skip("the list of actions is empty: no look makes a call yet")
	}
	look := statements(t, may)["Look"]
	if diff := cmp.Diff(args.Actions, texts(look.Action)); diff != "" || look.Effect != "Allow" || len(statements(t, may)) != 2 {
		t.Errorf("the role may do something else than the list says: %s\n%s", diff, may)
	}
}

// A hundred and twenty actions of 31 characters, which is much for an action, fit; the refusal above is for more.
func TestThereIsRoomForMoreLooks(t *testing.T) {
	args := reference()
	for i := range 120 {
		args.Actions = append(args.Actions, fmt.Sprintf("elasticache:DescribeReplicas%03d", i))
	}
	if _, err := graphtest.Run(graphtest.Preview, program(args)); err != nil {
		t.Error(err)
	}
}

func TestPromises(t *testing.T) {
	resources, err := graphtest.Run(graphtest.Update, program(withPeople()))
	if err != nil {
		t.Fatal(err)
	}
	role := graphtest.Find(t, resources, "aws:iam/role:Role", "verifier-role")
	made := graphtest.Find(t, resources, "aws:iam/policy:Policy", "verifier-policy")
	t.Run("AC-3 it trusts those who are named, people with a second factor and under their own name", func(t *testing.T) {
		trust := statements(t, role.Inputs["assumeRolePolicy"])
		if len(trust) != 2 || !slices.Equal(texts(trust["Roles"].Principal["AWS"]), []string{preview}) || !slices.Equal(texts(trust["People"].Principal["AWS"]), []string{auditor}) {
			t.Errorf("trust = %v", trust)
		}
		want := map[string]map[string]any{
			"Bool":            {"aws:MultiFactorAuthPresent": "true"},
			"NumericLessThan": {"aws:MultiFactorAuthAge": "3600"},
			"StringEquals":    {"sts:RoleSessionName": "${aws:username}"},
			"IpAddress":       {"aws:SourceIp": "203.0.113.16/29"},
		}
		if diff := cmp.Diff(want, trust["People"].Condition); diff != "" {
			t.Error(diff)
		}
		if role.Inputs["maxSessionDuration"] != 3600.0 {
			t.Errorf("a session lasts %v s", role.Inputs["maxSessionDuration"])
		}
	})
	t.Run("AC-3 what it may do is also the most that it can do", func(t *testing.T) {
		attached := graphtest.Find(t, resources, "aws:iam/rolePolicyAttachment:RolePolicyAttachment", "verifier-may-look")
		if role.Inputs["permissionsBoundary"] == nil || role.Inputs["permissionsBoundary"] != attached.Inputs["policyArn"] {
			t.Errorf("boundary %v, policy %v", role.Inputs["permissionsBoundary"], attached.Inputs["policyArn"])
		}
	})
	t.Run("AC-3 data and secrets are denied besides", func(t *testing.T) {
		denied := statements(t, made.Inputs["policy"])["NoData"]
		if denied.Effect != "Deny" || denied.Resource != "*" || denied.Condition != nil {
			t.Fatalf("denial = %v", denied)
		}
		for _, action := range []string{
			"kms:Decrypt", "logs:FilterLogEvents", "logs:GetLogEvents", "rds:DownloadDBLogFilePortion", "rds:DownloadCompleteDBLogFile", "s3:GetObject", "s3:GetObjectAttributes", "s3:GetObjectTagging", "s3:GetObjectTorrent", "s3:GetObjectVersion",
			"secretsmanager:GetSecretValue", "ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath", "ssm:GetParameterHistory", "rds-db:connect", "sts:AssumeRole",
		} {
			if !slices.ContainsFunc(texts(denied.Action), func(pattern string) bool {
				prefix, open := strings.CutSuffix(pattern, "*")
				return pattern == action || open && strings.HasPrefix(action, prefix)
			}) {
				t.Errorf("%s is not denied", action)
			}
		}
	})
}
