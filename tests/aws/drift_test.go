package aws_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/s3control"

	"github.com/berth-iac/berth/engine"
)

// drift is a change behind Pulumi's back.
type drift struct {
	name   string
	change func(t *testing.T, d *deployed)
	found  string // by refresh: "op type name"
	repair string // by up; "": as found, with what is gone made again
}

// wish is a change of the spec.
type wish struct {
	settings settings
	changes  []string // "op type name"
}

// drifted makes all the changes, and wants each of them found and nothing else (what up made is read back as it was made),
// and all of them repaired by the up that makes a change of the spec come true as well.
func drifted(t *testing.T, d *deployed, all []drift, also wish) {
	var found, repairs []string
	for _, one := range all {
		one.change(t, d)
		found = append(found, one.found)
		if one.repair == "" {
			one.repair = strings.Replace(one.found, "delete ", "create ", 1)
		}
		repairs = append(repairs, one.repair)
	}
	refreshed := d.run(t, "refresh")
	if d.tools.installed == "" {
		refreshed.Steps = slices.DeleteFunc(refreshed.Steps, reordered)
	}
	refreshed.wantChanges(t, found...)
	d.edit(t, also.settings)
	d.up(t).wantChanges(t, append(repairs, also.changes...)...)
	_, d.leaving = also.settings["leaving"]
	d.run(t, "refresh", "--expect-no-changes").wantNoChanges(t)
}

// reordered tells of the one resource whose unordered rules our plugin may give in another order than before, which a
// refresh shows and up does not act on. Pulumi's own plugin keeps the program's order.
func reordered(s engine.Step) bool { return s.Name == "firewall-acl" && s.Op == engine.OpUpdate }

// bucket is the client's bucket for something, in a region.
func (d *deployed) bucket(t *testing.T, region, part string) string {
	t.Helper()
	buckets := bucketsByRegion(t, d)[region]
	i := slices.IndexFunc(buckets, func(name string) bool { return strings.Contains(name, part) })
	if i < 0 {
		t.Fatalf("%s has no bucket %s: %v", region, part, buckets)
	}
	return buckets[i]
}

// unprotected is all that changes of a client who leaves: what holds data may go.
var unprotected = []string{
	"update aws:backup/vault:Vault backup-second-vault",
	"update aws:backup/vault:Vault backup-vault",
	"update aws:backup/vaultPolicy:VaultPolicy backup-second-vault-policy",
	"update aws:backup/vaultPolicy:VaultPolicy backup-vault-policy",
	"update aws:elasticache/replicationGroup:ReplicationGroup cache-group",
	"update aws:lb/loadBalancer:LoadBalancer load-balancer-balancer",
	"update aws:rds/instance:Instance database-instance",
	"update aws:s3/bucketPolicy:BucketPolicy backup-bucket-policy",
	"update aws:s3/bucketPolicy:BucketPolicy backup-second-bucket-policy",
	"update aws:s3/bucketV2:BucketV2 backup-bucket-bucket",
	"update aws:s3/bucketV2:BucketV2 backup-second-bucket-bucket",
	"update aws:s3/bucketV2:BucketV2 load-balancer-logs-bucket",
	"update aws:secretsmanager/secret:Secret configuration-secret",
}

// leaves is a wish of a client who leaves as well. The database is slow to change, so that the two go together.
func (w wish) leaves(changes ...string) wish {
	w.settings = maps.Clone(w.settings)
	maps.Copy(w.settings, leaving)
	w.changes = append(w.changes, changes...)
	return w
}

func clientDrift(t *testing.T, d *deployed) {
	drifted(t, d, []drift{
		{"DP-2 the database opened to the world", openDatabase,
			"update aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule database-from-client",
			"replace aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule database-from-client"}, // another kind of source is another rule
		{"BK-5 a bucket's public access block removed", func(t *testing.T, d *deployed) {
			of(d.in(first).s3.DeletePublicAccessBlock(t.Context(), &s3.DeletePublicAccessBlockInput{Bucket: aws.String(d.bucket(t, first, "-backup-"))}))(t)
		}, "delete aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock backup-bucket-public-access-block", ""},
		{"DP-8 backups deleted sooner", func(t *testing.T, d *deployed) {
			shorten(t, d, second, d.bucket(t, second, "-backup-"))
		}, "update aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2 backup-second-bucket-lifecycle", ""},
		otherTag,
	}, wish{settings{"alerts.emails": []string{operations, duty}}, moreSubscriptions("create", production)}.leaves(unprotected...))
	proof[client]{show: databaseApart}.show(t, d, production)
	proof[client]{show: safeBuckets}.show(t, d, production)
	proof[client]{show: backupBuckets}.show(t, d, production)
}

// otherTag says that the network is somebody else's.
var otherTag = drift{"a tag changed", func(t *testing.T, d *deployed) {
	c := d.in(first)
	of(c.ec2.CreateTags(t.Context(), &ec2.CreateTagsInput{Resources: []string{*balancer(t, c).VpcId},
		Tags: []ec2types.Tag{{Key: aws.String("client"), Value: aws.String("somebody-else")}}}))(t)
}, "update aws:ec2/vpc:Vpc network-vpc", ""}

// openDatabase changes the rule that lets the machines in into one that lets everybody in.
func openDatabase(t *testing.T, d *deployed) {
	t.Helper()
	c := d.in(first)
	group := database(t, c, production).VpcSecurityGroups[0].VpcSecurityGroupId
	rules := of(c.ec2.DescribeSecurityGroupRules(t.Context(), &ec2.DescribeSecurityGroupRulesInput{
		Filters: []ec2types.Filter{{Name: aws.String("group-id"), Values: []string{*group}}}}))(t).SecurityGroupRules
	if len(rules) != 1 {
		t.Fatalf("the database's group has %d rules, want one", len(rules))
	}
	of(c.ec2.ModifySecurityGroupRules(t.Context(), &ec2.ModifySecurityGroupRulesInput{GroupId: group,
		SecurityGroupRules: []ec2types.SecurityGroupRuleUpdate{{SecurityGroupRuleId: rules[0].SecurityGroupRuleId,
			SecurityGroupRule: &ec2types.SecurityGroupRuleRequest{CidrIpv4: aws.String("0.0.0.0/0"), IpProtocol: rules[0].IpProtocol,
				FromPort: rules[0].FromPort, ToPort: rules[0].ToPort, Description: rules[0].Description}}}}))(t)
}

// shorten lets a bucket's objects be deleted after a day.
func shorten(t *testing.T, d *deployed, region, bucket string) {
	t.Helper()
	c := d.in(region)
	rules := of(c.s3.GetBucketLifecycleConfiguration(t.Context(), &s3.GetBucketLifecycleConfigurationInput{Bucket: &bucket}))(t).Rules
	for i, rule := range rules {
		if rule.Expiration != nil && rule.Expiration.Days != nil {
			rules[i].Expiration.Days = aws.Int32(100)
		}
	}
	of(c.s3.PutBucketLifecycleConfiguration(t.Context(), &s3.PutBucketLifecycleConfigurationInput{Bucket: &bucket,
		LifecycleConfiguration: &s3types.BucketLifecycleConfiguration{Rules: rules}}))(t)
}

func organisationDrift(t *testing.T, d *deployed) {
	drifted(t, d, []drift{
		{"AC-7 the password policy loosened", func(t *testing.T, d *deployed) {
			of(d.in(first).iam.UpdateAccountPasswordPolicy(t.Context(), &iam.UpdateAccountPasswordPolicyInput{
				MinimumPasswordLength: aws.Int32(8), MaxPasswordAge: aws.Int32(90), RequireSymbols: true, RequireNumbers: true,
				RequireUppercaseCharacters: true, RequireLowercaseCharacters: true, AllowUsersToChangePassword: true,
				PasswordReusePrevention: aws.Int32(24)}))(t)
		}, "update aws:iam/accountPasswordPolicy:AccountPasswordPolicy identity-passwords", ""},
		{"DP-4 the account's public access block removed", func(t *testing.T, d *deployed) {
			of(d.in(first).s3control.DeletePublicAccessBlock(t.Context(),
				&s3control.DeletePublicAccessBlockInput{AccountId: aws.String(d.account.Account())}))(t)
		}, "delete aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock identity-public-access-block", ""},
		// Pulumi knows of the groups that a person is to be in. One more, added by hand, it does not see; the proof
		// that reads everybody's groups back does.
		{"AC-3 somebody taken out of a group by hand", func(t *testing.T, d *deployed) {
			of(d.in(first).iam.RemoveUserFromGroup(t.Context(),
				&iam.RemoveUserFromGroupInput{UserName: aws.String("dev.patel"), GroupName: d.staffGroup(t, "read-only")}))(t)
		}, "update aws:iam/userGroupMembership:UserGroupMembership identity-groups-dev.patel", ""},
		{"AC-5 records of the trail deleted sooner", func(t *testing.T, d *deployed) {
			shorten(t, d, first, d.bucket(t, first, "-trail-"))
		}, "update aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2 audit-trail-records-lifecycle", ""},
	}, wish{settings{"alerts.emails": []string{operations, duty}}, []string{
		"create aws:sns/topicSubscription:TopicSubscription alerting-email-2", "create aws:sns/topicSubscription:TopicSubscription alerting-second-email-2",
		"create aws:sns/topicSubscription:TopicSubscription alerting-global-email-2"}})
	passwords(t, d, organisation)
	blocked(t, d, organisation)
	personal(t, d, organisation)
}
