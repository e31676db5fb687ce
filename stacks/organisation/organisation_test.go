package organisation_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/statebackend"
	"github.com/berth-iac/berth/spec"
	"github.com/berth-iac/berth/stacks/organisation"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// reference is the reference organisation, changed by edit.
func reference(t *testing.T, edit func(*spec.Organisation)) *spec.Organisation {
	t.Helper()
	text, err := os.ReadFile("../../Pulumi.organisation.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s, err := spec.DecodeFile("Pulumi.organisation.yaml", text, spec.Options{Now: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	if edit != nil {
		edit(s.Organisation)
	}
	return s.Organisation
}

func program(s *spec.Organisation) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error { return organisation.Program(ctx, s) }
}

func TestProgram(t *testing.T) {
	for name, edit := range map[string]func(*spec.Organisation){
		"reference": nil,
		"small_circleci": func(s *spec.Organisation) {
			s.Alerts.Slack, s.Alerts.Phones = nil, nil
			s.Pipeline = spec.Pipeline{Provider: "circleci", Repository: "0b1c2d3e-4f50-4162-8374-95a6b7c8d9e0/11111111-2222-4333-8444-555555555555"}
		},
	} {
		t.Run(name, func(t *testing.T) { graphtest.Outline(t, program(reference(t, edit))) })
	}
}

func TestReference(t *testing.T) {
	s := reference(t, nil)
	resources, err := graphtest.Run(graphtest.Update, program(s))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("every resource is made by a provider that is bound to the account", func(t *testing.T) {
		for _, r := range resources {
			if !strings.HasPrefix(r.Type, "aws:") {
				continue
			}
			if provider, _ := r.Options["provider"].(string); !strings.HasPrefix(provider, "pulumi:providers:aws::aws") {
				t.Errorf("%s %q has the provider %q", r.Type, r.Name, provider)
			}
		}
		for _, name := range []string{"aws", "aws-second", "aws-global"} {
			if got := graphtest.Find(t, resources, "pulumi:providers:aws", name).Inputs["allowedAccountIds"]; got == nil {
				t.Errorf("provider %s may act on any account", name)
			}
		}
	})
	t.Run("everything that takes tags is tagged", func(t *testing.T) {
		for _, r := range resources {
			tags, ok := r.Inputs["tags"].(map[string]any)
			if !ok {
				continue
			}
			for _, key := range []string{"client", "environment", "stack", "managed-by", "data-class"} {
				if tags[key] == nil {
					t.Errorf("%s %q has no tag %s", r.Type, r.Name, key)
				}
			}
		}
	})
	t.Run("what holds data is protected", func(t *testing.T) {
		for _, r := range resources {
			switch r.Type {
			case "aws:s3/bucketV2:BucketV2", "aws:backup/vault:Vault", "aws:cloudtrail/trail:Trail", "aws:kms/replicaKey:ReplicaKey":
				if r.Options["protect"] != true {
					t.Errorf("%s %q is not protected", r.Type, r.Name)
				}
			}
		}
	})
	t.Run("clients fetch releases from where the organisation keeps them", func(t *testing.T) {
		text, err := os.ReadFile("../../Pulumi.prod.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if name := statebackend.ReleaseBucket(organisation.Scope(s, "organisation")); !strings.Contains(string(text), "bucket: "+name) {
			t.Errorf("Pulumi.prod.yaml does not name %s", name)
		}
	})
	t.Run("no two resources of a type have one physical name in one region", func(t *testing.T) {
		seen := map[string]string{}
		for _, r := range resources {
			for _, key := range []string{"name", "bucket", "alarmName", "analyzerName"} {
				name, ok := r.Inputs[key].(string)
				if !ok || strings.HasPrefix(r.Type, "berth:") || key == "bucket" && r.Type != "aws:s3/bucketV2:BucketV2" ||
					r.Type == "aws:iam/rolePolicy:RolePolicy" || r.Type == "aws:iam/groupPolicy:GroupPolicy" || r.Type == "aws:guardduty/detectorFeature:DetectorFeature" ||
					r.Type == "aws:ssmcontacts/contactChannel:ContactChannel" {
					continue // named within their parent
				}
				id := r.Type + " " + name + " " + r.Options["provider"].(string)
				if other, found := seen[id]; found {
					t.Errorf("%s: both %q and %q", id, other, r.Name)
				}
				seen[id] = r.Name
			}
		}
	})
}
