package reference_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/localcloud"
)

// What somebody changed with a console shows as exactly that, and the next up repairs it.
func TestDrift(t *testing.T) {
	root, _, _ := upRoot(t)
	name := func(program, property string) string { return propertyOf(t, root, program, property) }
	for _, c := range []struct {
		name    string
		change  localcloud.Change
		found   []string // by refresh
		repairs []string // by up
		dangers []string
	}{
		{
			name: "AV-12 a firewall rule opened to the world",
			change: localcloud.Change{Type: "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", Name: "database-from-client",
				Set: map[string]any{"cidrIpv4": "0.0.0.0/0"}, Unset: []string{"referencedSecurityGroupId"}},
			found:   []string{"update aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule database-from-client"},
			repairs: []string{"update aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule database-from-client"},
		},
		{
			name: "BK-5 a bucket's public access block removed",
			change: localcloud.Change{Type: "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
				Name: "backup-bucket-public-access", Delete: true},
			found:   []string{"delete aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock backup-bucket-public-access"},
			repairs: []string{"create aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock backup-bucket-public-access"},
		},
		{
			name: "DP-4 a public access block loosened",
			change: localcloud.Change{Type: "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
				Name: "files-public-access", Set: map[string]any{"blockPublicAcls": false}},
			found:   []string{"update aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock files-public-access"},
			repairs: []string{"update aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock files-public-access"},
		},
		{
			name: "BK-4 the window for restores shortened",
			change: localcloud.Change{Type: "aws:rds/instance:Instance", Name: "database-instance",
				Set: map[string]any{"backupRetentionPeriod": 1}},
			found:   []string{"update aws:rds/instance:Instance database-instance"},
			repairs: []string{"update aws:rds/instance:Instance database-instance"},
		},
		{
			name: "DP-8 logs kept for a shorter time",
			change: localcloud.Change{Type: "aws:cloudwatch/logGroup:LogGroup", Name: "machines-service-log-group",
				Set: map[string]any{"retentionInDays": 1}},
			found:   []string{"update aws:cloudwatch/logGroup:LogGroup machines-service-log-group"},
			repairs: []string{"update aws:cloudwatch/logGroup:LogGroup machines-service-log-group"},
		},
		{
			name: "a tag changed",
			change: localcloud.Change{Type: "aws:ec2/vpc:Vpc", Name: "network-vpc",
				Set: map[string]any{"tags": map[string]any{"client": "somebody-else"}}},
			found:   []string{"update aws:ec2/vpc:Vpc network-vpc"},
			repairs: []string{"update aws:ec2/vpc:Vpc network-vpc"},
		},
		{
			name: "BK-9 an alarm deleted",
			change: localcloud.Change{Type: "aws:cloudwatch/metricAlarm:MetricAlarm",
				ID: name("monitoring-database-storage", "id"), Delete: true},
			found:   []string{"delete aws:cloudwatch/metricAlarm:MetricAlarm monitoring-database-storage"},
			repairs: []string{"create aws:cloudwatch/metricAlarm:MetricAlarm monitoring-database-storage"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(engine.LocalFolder(root, "prod"), "cloud")
			if err := localcloud.DriftIn(t.Context(), dir, c.change); err != nil {
				t.Fatal(err)
			}
			s := open(t, root, "prod")
			defer closed(t, s)
			wantNoChanges(t, preview(t, s)) // a preview compares with the state, not with the cloud
			if got := changes(refresh(t, s)); !slices.Equal(got, c.found) {
				t.Errorf("refresh found %q, want %q", got, c.found)
			}
			planned := preview(t, s)
			if got := changes(planned); !slices.Equal(got, c.repairs) {
				t.Errorf("preview = %q, want %q", got, c.repairs)
			}
			r, err := s.Up(t.Context(), engine.ChangeOptions{Reviewed: planned})
			if got := changes(done(t, r, err)); !slices.Equal(got, c.repairs) {
				t.Errorf("up = %q, want %q", got, c.repairs)
			}
			wantNoChanges(t, preview(t, s))
			wantNoChanges(t, refresh(t, s))
			wantAgreement(t, root, "prod")
		})
	}
}

// propertyOf is a property that the state has of the program's resource; "id" is its id.
func propertyOf(t *testing.T, root, program, property string) string {
	t.Helper()
	for _, r := range stateOf(t, root, "prod").Resources {
		if r.URN.Name() != program || !r.Custom {
			continue
		}
		if property == "id" {
			return string(r.ID)
		}
		text, _ := r.Outputs[property].(string)
		return text
	}
	t.Fatalf("the state has no resource %s", program)
	return ""
}
