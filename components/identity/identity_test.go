package identity_test

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/identity"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func until(day string) spec.Date {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic(err)
	}
	return spec.Date{Time: t}
}

func reference() identity.Args {
	return identity.Args{
		Scope: scope.Scope{Client: "northwind", Environment: "organisation", Stack: "organisation", Account: "111122223333", Region: "eu-west-2", Protect: true},
		Staff: []spec.Person{
			{Name: "ada.lindqvist", Email: "ada@northwind.example", Assignments: []spec.Assignment{{Role: "administrator", Until: until("2027-06-30")}}},
			{Name: "ben.adeyemi", Email: "ben@northwind.example", Assignments: []spec.Assignment{
				{Role: "engineer", Until: until("2027-06-30")}, {Role: "breakGlassDatabase", Until: until("2027-01-31")}}},
			{Name: "chiara.rossi", Email: "chiara@northwind.example", Assignments: []spec.Assignment{{Role: "engineer", Until: until("2027-03-31")}}},
			{Name: "dev.patel", Email: "dev@northwind.example"},
		},
		OfficeCIDRs:     []netip.Prefix{netip.MustParsePrefix("203.0.113.16/29")},
		Clients:         []spec.ClientAccount{{Name: "acme", Account: "123456789012"}},
		EvidenceBuckets: []string{"arn:aws:s3:::berth-northwind-trail-111122223333-eu-west-2"},
		StateKeyArn:     pulumi.String("arn:aws:kms:eu-west-2:111122223333:key/state"),
		StateBucketArn:  pulumi.String("arn:aws:s3:::berth-northwind-pulumi-state-111122223333-eu-west-2"),
	}
}

func program(args identity.Args, second bool) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		if second {
			provider, err := aws.NewProvider(ctx, "second", &aws.ProviderArgs{Region: pulumi.String("eu-west-1")})
			if err != nil {
				return err
			}
			args.Second = provider
		}
		_, err := identity.New(ctx, "identity", args)
		return err
	}
}

func TestNew(t *testing.T) { graphtest.Golden(t, "", program(reference(), true)) }

func TestNewRefuses(t *testing.T) {
	args := reference()
	args.Staff[1].Name = "ada.lindqvist"
	args.Staff[0].Assignments = []spec.Assignment{{Role: "owner", Until: until("2027-06-30")}, {Role: "engineer"}}
	args.OfficeCIDRs = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}
	args.StateKeyArn = nil
	_, err := graphtest.Run(graphtest.Preview, program(args, false))
	want := `identity "identity": office address 0.0.0.0/0 is no range
no state is given: pass its bucket and its key
ada.lindqvist has the assignment "owner", which is no role
ada.lindqvist is engineer without end: every assignment has a last day
two people are called "ada.lindqvist": every account is personal`
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("err = %v, want %s", err, want)
	}
	_, err = graphtest.Run(graphtest.Preview, program(identity.Args{}, false))
	want = "no staff: name at least one person\nno office addresses: staff could sign in from anywhere, or from nowhere"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("err = %v, want %s", err, want)
	}
}

type statement struct {
	Sid, Effect string
	Principal   struct{ AWS any }
	Action      any
	Condition   map[string]map[string]any
}

func statements(t *testing.T, text any) []statement {
	t.Helper()
	var document struct{ Statement []statement }
	if err := json.Unmarshal([]byte(text.(string)), &document); err != nil {
		t.Fatal(err)
	}
	return document.Statement
}

func TestPromises(t *testing.T) {
	resources, err := graphtest.Run(graphtest.Update, program(reference(), true))
	if err != nil {
		t.Fatal(err)
	}
	trust := func(role string) []statement {
		return statements(t, graphtest.Find(t, resources, "aws:iam/role:Role", "identity-role-"+role).Inputs["assumeRolePolicy"])
	}
	t.Run("AC-3 a role trusts those who hold the assignment, until their last day, from the office, with a second factor", func(t *testing.T) {
		ends := map[string]any{}
		for _, s := range trust("engineer") {
			ends[s.Condition["DateLessThan"]["aws:CurrentTime"].(string)] = s.Principal.AWS
			if s.Condition["Bool"]["aws:MultiFactorAuthPresent"] != "true" || s.Condition["IpAddress"]["aws:SourceIp"] != "203.0.113.16/29" ||
				s.Condition["StringEquals"]["sts:RoleSessionName"] != "${aws:username}" {
				t.Errorf("conditions = %v", s.Condition)
			}
		}
		if len(ends) != 2 || ends["2027-07-01T00:00:00Z"] != "arn:aws:test:eu-west-2:123456789012:User/identity-user-ben.adeyemi" ||
			ends["2027-04-01T00:00:00Z"] != "arn:aws:test:eu-west-2:123456789012:User/identity-user-chiara.rossi" {
			t.Errorf("engineers = %v", ends)
		}
	})
	t.Run("AC-3 a role that nobody holds trusts nobody", func(t *testing.T) {
		if s := trust("support"); len(s) != 1 || s[0].Effect != "Deny" {
			t.Errorf("support trusts %v", s)
		}
	})
	t.Run("AC-3 support and auditors cannot read data", func(t *testing.T) {
		for _, role := range []string{"support", "read-only"} {
			denied := false
			for _, s := range statements(t, graphtest.Find(t, resources, "aws:iam/rolePolicy:RolePolicy", "identity-role-"+role+"-policy").Inputs["policy"]) {
				actions, _ := s.Action.([]any)
				denied = denied || s.Effect == "Deny" && slices.Contains(actions, any("s3:GetObject")) && slices.Contains(actions, any("secretsmanager:GetSecretValue"))
			}
			if !denied {
				t.Errorf("%s may read data", role)
			}
		}
	})
	t.Run("AC-4 the emergency role does nothing by itself and lasts an hour", func(t *testing.T) {
		role := graphtest.Find(t, resources, "aws:iam/role:Role", "identity-role-break-glass-database")
		if role.Inputs["maxSessionDuration"] != 3600.0 {
			t.Errorf("a session lasts %v s", role.Inputs["maxSessionDuration"])
		}
	})
	t.Run("AC-5 accounts are personal, and nobody has access keys", func(t *testing.T) {
		users := 0
		for _, r := range resources {
			switch r.Type {
			case "aws:iam/user:User":
				users++
				if r.Inputs["permissionsBoundary"] == nil {
					t.Errorf("%s has no boundary", r.Name)
				}
			case "aws:iam/accessKey:AccessKey", "aws:iam/userPolicy:UserPolicy", "aws:iam/userLoginProfile:UserLoginProfile":
				t.Errorf("%s %s", r.Type, r.Name)
			}
		}
		if users != 4 {
			t.Errorf("%d users, want 4", users)
		}
	})
	t.Run("AC-6 a leaver's user goes with all that hangs on it", func(t *testing.T) {
		if graphtest.Find(t, resources, "aws:iam/user:User", "identity-user-dev.patel").Inputs["forceDestroy"] != true {
			t.Error("a user with a second factor could not be deleted")
		}
	})
	t.Run("AC-7 passwords and second factor", func(t *testing.T) {
		p := graphtest.Find(t, resources, "aws:iam/accountPasswordPolicy:AccountPasswordPolicy", "identity-passwords").Inputs
		for key, want := range map[string]any{"maxPasswordAge": 30.0, "requireUppercaseCharacters": true, "requireLowercaseCharacters": true,
			"requireNumbers": true, "requireSymbols": true, "passwordReusePrevention": 24.0} {
			if p[key] != want {
				t.Errorf("%s = %v, want %v", key, p[key], want)
			}
		}
		if p["minimumPasswordLength"].(float64) < 12 {
			t.Errorf("length %v", p["minimumPasswordLength"])
		}
		denied := false
		for _, s := range statements(t, graphtest.Find(t, resources, "aws:iam/groupPolicy:GroupPolicy", "identity-group-staff-policy").Inputs["policy"]) {
			denied = denied || s.Effect == "Deny" && s.Condition["BoolIfExists"]["aws:MultiFactorAuthPresent"] == "false"
		}
		if !denied {
			t.Error("people can do without a second factor")
		}
	})
	t.Run("every trust policy fits into 2,048 characters", func(t *testing.T) {
		for _, r := range resources {
			if r.Type == "aws:iam/role:Role" && len(r.Inputs["assumeRolePolicy"].(string)) > 2048 {
				t.Errorf("%s: %d characters", r.Name, len(r.Inputs["assumeRolePolicy"].(string)))
			}
			if text, ok := r.Inputs["policy"].(string); ok && r.Type == "aws:iam/policy:Policy" && len(text) > 6144 {
				t.Errorf("%s: %d characters", r.Name, len(text))
			}
		}
	})
}
