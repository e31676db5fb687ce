package pipeline_test

import (
	"strings"
	"testing"

	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/pipeline"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func reference() pipeline.Args {
	key := func(name string) pulumi.StringInput {
		return pulumi.String("arn:aws:kms:eu-west-2:111122223333:key/" + name)
	}
	return pipeline.Args{
		Scope:          scope.Scope{Client: "northwind", Environment: "organisation", Stack: "organisation", Account: "111122223333", Region: "eu-west-2", Protect: true},
		Pipeline:       spec.Pipeline{Provider: "github", Repository: "northwind/berth", Environment: "production"},
		Clients:        []spec.ClientAccount{{Name: "acme", Account: "123456789012"}, {Name: "globex", Account: "210987654321"}},
		SecondRegion:   "eu-west-1",
		StateBucketArn: pulumi.String("arn:aws:s3:::state"), StateKeyArn: key("state"),
		ReleaseBucketArn: pulumi.String("arn:aws:s3:::releases"), ReleaseKeyArn: key("releases"), SigningKeyArn: key("signing"),
	}
}

func circleCI() pipeline.Args {
	args := reference()
	args.Pipeline = spec.Pipeline{Provider: "circleci", Repository: "0b1c2d3e-4f50-4162-8374-95a6b7c8d9e0/11111111-2222-4333-8444-555555555555"}
	args.ReleaseKeyArn = nil
	return args
}

func program(args pipeline.Args) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		_, err := pipeline.New(ctx, "pipeline", args)
		return err
	}
}

func TestNew(t *testing.T) {
	t.Run("github", func(t *testing.T) { graphtest.Golden(t, "", program(reference())) })
	t.Run("circleci", func(t *testing.T) { graphtest.Golden(t, "", program(circleCI())) })
}

func TestNewRefuses(t *testing.T) {
	args := reference()
	args.Pipeline.Environment = ""
	_, err := graphtest.Run(graphtest.Preview, program(args))
	if want := `pipeline "pipeline": no environment: name the one that a reviewer must release`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("err = %v, want %s", err, want)
	}
	_, err = graphtest.Run(graphtest.Preview, program(pipeline.Args{Pipeline: spec.Pipeline{Provider: "jenkins"}}))
	want := `pipeline "pipeline": the account or the region is missing: policies name them
provider "jenkins" is not known: use github or circleci
no clients: there is nothing to deploy
the stores are missing: pass buckets and keys of state and releases`
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("err = %v, want %s", err, want)
	}
	for provider, want := range map[string]string{
		"github":   `repository "northwind/*" is not written as owner/name`,
		"circleci": `repository "northwind/*" is not written as organisation id/project id`,
	} {
		args := reference()
		args.Pipeline.Provider, args.Pipeline.Repository = provider, "northwind/*"
		if _, err := graphtest.Run(graphtest.Preview, program(args)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v, want %s", err, want)
		}
	}
}

func TestPromises(t *testing.T) {
	resources, err := graphtest.Run(graphtest.Update, program(reference()))
	if err != nil {
		t.Fatal(err)
	}
	const roleType = "aws:iam/role:Role"
	t.Run("OP-1 each role trusts one kind of run of one repository", func(t *testing.T) {
		for role, want := range map[string]string{
			"preview": "repo:northwind/berth:pull_request",
			"deploy":  "repo:northwind/berth:environment:production",
			"release": "repo:northwind/berth:environment:production",
		} {
			found := graphtest.Find(t, resources, roleType, "pipeline-"+role)
			if text := graphtest.Format([]graphtest.Resource{found}); !strings.Contains(text, `:sub": "`+want+`"`) || !strings.Contains(text, `:aud": "sts.amazonaws.com"`) {
				t.Errorf("%s trusts %s", role, text)
			}
			if found.Inputs["permissionsBoundary"] == nil {
				t.Errorf("%s has no boundary", role)
			}
		}
	})
	t.Run("OP-1 releases come from tags and from the release role alone", func(t *testing.T) {
		if text := graphtest.Format([]graphtest.Resource{graphtest.Find(t, resources, roleType, "pipeline-release")}); !strings.Contains(text, `:ref": "refs/tags/*"`) {
			t.Errorf("the release role trusts %s", text)
		}
		for _, role := range []string{"preview", "deploy", "release"} {
			text := graphtest.Format([]graphtest.Resource{graphtest.Find(t, resources, "aws:iam/rolePolicy:RolePolicy", "pipeline-"+role+"-policy")})
			if signs := strings.Contains(text, "kms:Sign") || strings.Contains(text, "releases/"); signs != (role == "release") {
				t.Errorf("%s: %s", role, text)
			}
			if reads := strings.Count(text, "role/berth-verify"); reads != map[string]int{"preview": 3}[role] { // two clients', and the organisation's own
				t.Errorf("%s reads %d accounts back: %s", role, reads, text)
			}
			if writes := strings.Contains(text, "Put") || strings.Contains(text, "Delete"); writes && role == "preview" {
				t.Errorf("previewing writes: %s", text)
			}
		}
	})
}
