package aws_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	terratest "github.com/gruntwork-io/terratest/modules/aws"
	"github.com/gruntwork-io/terratest/modules/retry"
)

// terratestProofs look at the same account with eyes that are not ours.
func terratestProofs() []proof[client] {
	return []proof[client]{
		{"DP-2 terratest: the subnets of the database and the machines are not public", func(t *testing.T, d *deployed, _ client) {
			vpc := aws.ToString(balancer(t, d.in(first)).VpcId)
			public := map[string]bool{}
			for _, subnet := range terratest.GetSubnetsForVpc(t, vpc, first) {
				name := subnet.Tags["Name"]
				public[name] = terratest.IsPublicSubnet(t, subnet.Id, first)
				if want := strings.Contains(name, "public"); public[name] != want {
					t.Errorf("subnet %s is public: %t", name, public[name])
				}
			}
			if len(public) != 9 {
				t.Errorf("the network has the subnets %v, want three in each of three zones", public)
			}
		}},
		{"DP-4 terratest: the database forces TLS on its port", func(t *testing.T, _ *deployed, want client) {
			id := want.name + "-database"
			if got := terratest.GetPortOfRdsInstance(t, id, first); got != want.port {
				t.Errorf("the database's port is %d, want %d", got, want.port)
			}
			if got := terratest.GetParameterValueForParameterOfRdsInstance(t, "rds.force_ssl", id, first); got != "1" {
				t.Errorf("rds.force_ssl = %q", got)
			}
		}},
		{"BK-5 terratest: backups are versioned, with a policy, their accesses logged", func(t *testing.T, d *deployed, want client) {
			for _, region := range want.regions() {
				buckets := bucketsByRegion(t, d)[region]
				i := slices.IndexFunc(buckets, func(name string) bool { return strings.Contains(name, "-backup-") })
				if i < 0 {
					t.Fatalf("%s has no bucket for backups: %v", region, buckets)
				}
				terratest.AssertS3BucketVersioningExists(t, region, buckets[i])
				terratest.AssertS3BucketPolicyExists(t, region, buckets[i])
				if got := terratest.GetS3BucketOwnershipControls(t, region, buckets[i]); !slices.Equal(got, []string{"BucketOwnerEnforced"}) {
					t.Errorf("%s: owners are %v", buckets[i], got)
				}
			}
		}},
		{"AV-2 terratest: the group has the machines that it is to have", func(t *testing.T, d *deployed, want client) {
			group := d.group(t, want)
			said := retry.DoWithRetry(t, "wait for the group's capacity", 10, 3*time.Second, func() (string, error) {
				info, err := terratest.GetCapacityInfoForAsgE(t, group, first)
				if err == nil && (info.CurrentCapacity < info.DesiredCapacity || info.DesiredCapacity < int64(want.machines)) {
					err = fmt.Errorf("%+v, want %d or more", info, want.machines)
				}
				return "", err
			})
			if said != "" || len(terratest.GetInstanceIdsForAsg(t, group, first)) < int(want.machines) {
				t.Errorf("the group has fewer than %d machines", want.machines)
			}
		}},
	}
}
