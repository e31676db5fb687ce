package encryption_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/berth-iac/berth/components/encryption"
	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	keyType   = "aws:kms/key:Key"
	aliasType = "aws:kms/alias:Alias"
)

var production = scope.Scope{
	Client: "acme", Environment: "production", Stack: "prod", Account: "123456789012", Region: "eu-west-2", Protect: true,
}

func keys(s scope.Scope, secondRegion string) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		args := encryption.Args{Scope: s, SecondRegion: secondRegion}
		if secondRegion != "" {
			second, err := aws.NewProvider(ctx, "second", &aws.ProviderArgs{Region: pulumi.String(secondRegion)})
			if err != nil {
				return err
			}
			args.Second = second
		}
		_, err := encryption.New(ctx, "keys", args)
		return err
	}
}

func TestNew(t *testing.T) {
	development := production
	development.Environment, development.Stack, development.Protect = "development", "dev", false
	t.Run("two_regions", func(t *testing.T) { graphtest.Golden(t, "", keys(production, "eu-west-1")) })
	t.Run("one_region", func(t *testing.T) { graphtest.Golden(t, "", keys(development, "")) })
}

func TestNewRefuses(t *testing.T) {
	nowhere := production
	nowhere.Account = ""
	for name, tc := range map[string]struct {
		program pulumi.RunFunc
		want    string
	}{
		"no account":      {keys(nowhere, ""), "the scope has no account or no region: give both, key policies name them"},
		"the same region": {keys(production, "eu-west-2"), "the second region is eu-west-2, as is the first: choose another"},
		"region without provider": {func(ctx *pulumi.Context) error {
			_, err := encryption.New(ctx, "keys", encryption.Args{Scope: production, SecondRegion: "eu-west-1"})
			return err
		}, "only one of Second and SecondRegion is given: set both or neither"},
	} {
		t.Run(name, func(t *testing.T) { graphtest.Golden(t, tc.want, tc.program) })
	}
}

func TestEveryKey(t *testing.T) {
	resources, err := graphtest.Run(graphtest.Update, keys(production, "eu-west-1"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, r := range resources {
		if r.Type != keyType {
			continue
		}
		found++
		t.Run("DP-4 "+r.Name, func(t *testing.T) {
			if r.Inputs["enableKeyRotation"] != true || r.Inputs["deletionWindowInDays"] != 30.0 {
				t.Errorf("rotation %v, deletion window %v, want true and 30", r.Inputs["enableKeyRotation"], r.Inputs["deletionWindowInDays"])
			}
			if transient := strings.HasSuffix(r.Name, "alerts"); transient == (r.Options["protect"] == true) {
				t.Errorf("protect = %v", r.Options["protect"])
			}
			graphtest.Find(t, resources, aliasType, r.Name+"-alias")
			checkPolicy(t, r.Inputs["policy"].(string))
		})
		t.Run("AV-9 "+r.Name+" lies in its region", func(t *testing.T) {
			inSecond := r.Options["provider"] == "pulumi:providers:aws::second"
			if inSecond != strings.HasPrefix(r.Name, "keys-second-") {
				t.Errorf("provider = %v", r.Options["provider"])
			}
		})
	}
	if found != 10 {
		t.Errorf("%d keys, want 10", found)
	}
}

// checkPolicy wants every statement that is not administration to be narrowed to this account, its
// resources or a named role.
func checkPolicy(t *testing.T, text string) {
	t.Helper()
	var document struct {
		Statement []struct {
			Sid       string
			Principal any
			Action    any
			Condition map[string]map[string]any
		}
	}
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	if len(document.Statement) < 2 {
		t.Errorf("%d statements: nobody may use the key", len(document.Statement))
	}
	for _, s := range document.Statement {
		actions, ok := s.Action.([]any)
		if !ok {
			actions = []any{s.Action}
		}
		for _, action := range actions {
			if strings.Contains(action.(string), "*") {
				t.Errorf("%s allows %s: name the actions", s.Sid, action)
			}
		}
		if s.Principal == "*" {
			t.Errorf("%s is for anyone", s.Sid)
		}
		switch s.Sid {
		case "AdministrationThroughIAM":
			for _, use := range []string{"kms:Decrypt", "kms:GenerateDataKey", "kms:CreateGrant"} {
				if slices.Contains(actions, any(use)) {
					t.Errorf("administration allows %s", use)
				}
			}
		case "AutoScaling": // names one role
		default:
			if len(s.Condition) == 0 {
				t.Errorf("%s has no condition", s.Sid)
			}
		}
	}
}

func TestNamesStayLegal(t *testing.T) {
	long := production
	long.Client, long.Environment = "a-client-of-24-character", "development"
	resources, err := graphtest.Run(graphtest.Update, keys(long, "eu-west-1"))
	if err != nil {
		t.Fatal(err)
	}
	suffix := graphtest.Find(t, resources, "aws:iam/serviceLinkedRole:ServiceLinkedRole", "keys-autoscaling-role").Inputs["customSuffix"].(string)
	if role := "AWSServiceRoleForAutoScaling_" + suffix; len(role) > 64 {
		t.Errorf("%s has %d characters, IAM takes 64", role, len(role))
	}
	for _, r := range resources {
		if r.Type == aliasType {
			if alias := r.Inputs["name"].(string); len(alias) > 256 || !strings.HasPrefix(alias, "alias/a-client") {
				t.Errorf("alias %q", alias)
			}
		}
	}
}
