package reference_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/localcloud"
)

// What somebody changed with a console shows as exactly that, and the next up repairs it.
func TestDrift(t *testing.T) {
	began := time.Now()
	root, _, _ := upRoot(t)
	var found, repairs []string
	for _, c := range []struct {
		name   string
		change localcloud.Change
		found  string // by refresh
	}{
		{
			name: "AV-12 a firewall rule opened to the world",
			change: localcloud.Change{Type: "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", Name: "database-from-client",
				Set: map[string]any{"cidrIpv4": "0.0.0.0/0"}, Unset: []string{"referencedSecurityGroupId"}},
			found: "update aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule database-from-client",
		},
		{
			name: "BK-5 a bucket's public access block removed",
			change: localcloud.Change{Type: "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
				Name: "backup-bucket-public-access-block", Delete: true},
			found: "delete aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock backup-bucket-public-access-block",
		},
		{
			name: "DP-4 a public access block loosened",
			change: localcloud.Change{Type: "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
				Name: "files-public-access-block", Set: map[string]any{"blockPublicAcls": false}},
			found: "update aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock files-public-access-block",
		},
		{
			name: "BK-4 the window for restores shortened",
			change: localcloud.Change{Type: "aws:rds/instance:Instance", Name: "database-instance",
				Set: map[string]any{"backupRetentionPeriod": 1}},
			found: "update aws:rds/instance:Instance database-instance",
		},
		{
			name: "DP-8 logs kept for a shorter time",
			change: localcloud.Change{Type: "aws:cloudwatch/logGroup:LogGroup", Name: "machines-service-log-group",
				Set: map[string]any{"retentionInDays": 1}},
			found: "update aws:cloudwatch/logGroup:LogGroup machines-service-log-group",
		},
		{
			name: "a tag changed",
			change: localcloud.Change{Type: "aws:ec2/vpc:Vpc", Name: "network-vpc",
				Set: map[string]any{"tags": map[string]any{"client": "somebody-else"}}},
			found: "update aws:ec2/vpc:Vpc network-vpc",
		},
		{
			name: "BK-9 an alarm deleted",
			change: localcloud.Change{Type: "aws:cloudwatch/metricAlarm:MetricAlarm",
				ID: idOf(t, root, "monitoring-database-storage"), Delete: true},
			found: "delete aws:cloudwatch/metricAlarm:MetricAlarm monitoring-database-storage",
		},
	} {
		if err := localcloud.DriftIn(t.Context(), filepath.Join(engine.LocalFolder(root, "prod"), "cloud"), c.change); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		found = append(found, c.found)
		// What is gone is made again; what was changed is changed back.
		repairs = append(repairs, strings.Replace(c.found, "delete ", "create ", 1))
	}
	slices.Sort(found)
	slices.Sort(repairs)
	s := open(t, root, "prod")
	wantNoChanges(t, preview(t, s)) // a preview compares with the state, not with the cloud
	if got := changes(refresh(t, s)); !slices.Equal(got, found) {
		t.Errorf("refresh found %q, want %q", got, found)
	}
	planned := preview(t, s)
	if got := changes(planned); !slices.Equal(got, repairs) {
		t.Errorf("preview = %q, want %q", got, repairs)
	}
	if len(planned.Dangers) > 0 {
		t.Errorf("dangers = %v, want none: repairs lose nothing", planned.Dangers)
	}
	r, err := s.Up(t.Context(), engine.ChangeOptions{Reviewed: planned})
	if got := changes(done(t, r, err)); !slices.Equal(got, repairs) {
		t.Errorf("up = %q, want %q", got, repairs)
	}
	wantNoChanges(t, preview(t, s))
	wantNoChanges(t, refresh(t, s))
	wantAgreement(t, root, "prod")
	t.Logf("took %s", time.Since(began).Round(time.Millisecond))
}

// idOf is the id that the state has of the program's resource.
func idOf(t *testing.T, root, name string) string {
	t.Helper()
	for _, r := range stateOf(t, root, "prod").Resources {
		if r.URN.Name() == name && r.Custom {
			return string(r.ID)
		}
	}
	t.Fatalf("the state has no resource %s", name)
	return ""
}
