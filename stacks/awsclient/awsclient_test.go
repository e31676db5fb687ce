package awsclient_test

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/spec"
	"github.com/berth-iac/berth/stacks/awsclient"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// reference is the reference client, changed by edit.
func reference(t *testing.T, edit func(*spec.AWSClient)) *spec.AWSClient {
	t.Helper()
	text, err := os.ReadFile("../../Pulumi.prod.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s, err := spec.DecodeFile("Pulumi.prod.yaml", text, spec.Options{Now: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	if edit != nil {
		edit(s.AWSClient)
	}
	return s.AWSClient
}

func program(s *spec.AWSClient) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error { return awsclient.Program(ctx, s) }
}

// computed are outputs that are no plain strings.
func computed(typeToken, name string, _ resource.PropertyMap) map[string]any {
	secret := []any{map[string]any{"secretArn": "arn:aws:secretsmanager:eu-west-2:123456789012:secret:" + name, "kmsKeyId": "k", "secretStatus": "active"}}
	switch typeToken {
	case "aws:rds/instance:Instance", "aws:docdb/cluster:Cluster":
		return map[string]any{"masterUserSecrets": secret}
	case "aws:ec2/launchTemplate:LaunchTemplate":
		return map[string]any{"latestVersion": 1}
	case "aws:acm/certificate:Certificate":
		return map[string]any{"domainValidationOptions": []any{map[string]any{
			"domainName": "acme.taskflow.example", "resourceRecordName": "_x.acme.taskflow.example.", "resourceRecordType": "CNAME",
			"resourceRecordValue": "_y.acm-validations.aws."}}}
	}
	return nil
}

func TestProgram(t *testing.T) {
	for name, edit := range map[string]func(*spec.AWSClient){
		"reference": nil,
		"dedicated_mysql_documents": func(s *spec.AWSClient) {
			yes := true
			s.Tier, s.Database.Engine, s.Database.Version, s.Database.InstanceClass, s.Database.ReadReplica = spec.Dedicated, spec.MySQL, "8.4", "db.r6g.large", &yes
			s.Service.InstanceType = "m6i.xlarge"
			s.Documents = &spec.Documents{InstanceClass: "db.r6g.large", Instances: 2}
		},
		"staging_minimal": func(s *spec.AWSClient) {
			no := false
			s.Environment, s.AWS.Zones, s.Network.NATGateways = spec.Staging, 2, "single"
			s.Cache, s.Backup.SecondRegion, s.Backup.CopiesAbroad, s.Database.MultiAZ = nil, "", "", &no
		},
	} {
		t.Run(name, func(t *testing.T) { graphtest.Outline(t, program(reference(t, edit)), computed) })
	}
}

func TestReferenceClient(t *testing.T) {
	resources, err := graphtest.Run(graphtest.Update, program(reference(t, nil)), computed)
	if err != nil {
		t.Fatal(err)
	}
	real := 0
	for _, r := range resources {
		if !strings.HasPrefix(r.Type, "berth:") && !strings.HasPrefix(r.Type, "pulumi:") {
			real++
		}
	}
	if real < 150 {
		t.Errorf("%d resources, want a complete production environment of 150 or more", real)
	}
	t.Logf("%d cloud resources, %d with components and providers", real, len(resources))

	t.Run("every taggable resource says whose it is and what it holds", func(t *testing.T) {
		for _, r := range resources {
			tags, has := r.Inputs["tags"].(map[string]any)
			if !has {
				continue
			}
			for _, key := range []string{"client", "environment", "stack", "managed-by", "data-class"} {
				if text, _ := tags[key].(string); text == "" {
					t.Errorf("%s %s has no tag %s", r.Type, r.Name, key)
				}
			}
		}
	})
	t.Run("AC-1 AV-12 nothing lets the whole internet in", func(t *testing.T) {
		for _, r := range resources {
			if r.Type != "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule" {
				continue
			}
			if r.Inputs["cidrIpv4"] == "0.0.0.0/0" || r.Inputs["cidrIpv6"] == "::/0" {
				t.Errorf("%s is open to everyone", r.Name)
			}
			if r.Inputs["fromPort"] == 22.0 || r.Inputs["fromPort"] == 21.0 {
				t.Errorf("%s opens SSH or FTP", r.Name)
			}
		}
	})
	t.Run("DP-2 no database has a public address", func(t *testing.T) {
		for _, r := range resources {
			if r.Inputs["publiclyAccessible"] == true {
				t.Errorf("%s %s is public", r.Type, r.Name)
			}
		}
	})
}

func TestDoorsLeaveNothingBehindWhenClosed(t *testing.T) {
	count := func(edit func(*spec.AWSClient)) int {
		resources, err := graphtest.Run(graphtest.Update, program(reference(t, edit)), computed)
		if err != nil {
			t.Fatal(err)
		}
		return len(resources)
	}
	closed := count(nil)
	at := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	for promise, open := range map[string]func(*spec.AWSClient){
		"DP-5 BI access": func(s *spec.AWSClient) {
			s.Access.BI = &spec.BIAccess{Reason: "asked for by mail", Until: spec.Date{Time: at.AddDate(0, 1, 0)}}
			s.Access.BI.From = append(s.Access.BI.From, netip.MustParsePrefix("198.51.100.8/32"))
		},
		"AC-4 break glass": func(s *spec.AWSClient) {
			s.Access.BreakGlass = &spec.BreakGlass{Incident: "INC-7", Reason: "index is corrupt", People: []string{"arn:aws:iam::111122223333:user/ben.adeyemi"},
				Opens: spec.Instant{Time: at}, Closes: spec.Instant{Time: at.Add(time.Hour)}}
		},
	} {
		if n := count(open); n <= closed {
			t.Errorf("%s: %d resources open, %d closed: opening it should add some", promise, n, closed)
		}
	}
	if n := count(nil); n != closed {
		t.Errorf("%d resources after closing, want %d", n, closed)
	}
}

func TestLeavingLiftsDeletionProtection(t *testing.T) {
	for want, edit := range map[bool]func(*spec.AWSClient){
		true:  nil,
		false: func(s *spec.AWSClient) { s.Leaving = &spec.Leaving{Confirm: "acme", Reason: "contract ends"} },
	} {
		resources, err := graphtest.Run(graphtest.Update, program(reference(t, edit)), computed)
		if err != nil {
			t.Fatal(err)
		}
		db := graphtest.Find(t, resources, "aws:rds/instance:Instance", "database-instance")
		if db.Inputs["deletionProtection"] != want {
			t.Errorf("deletionProtection = %v, want %v", db.Inputs["deletionProtection"], want)
		}
		for _, r := range resources {
			if !want && r.Options["protect"] == true {
				t.Errorf("%s %s is still protected for a client who leaves", r.Type, r.Name)
			}
		}
	}
}
