package aws_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/google/go-cmp/cmp"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/evidence"
)

var updateGolden = flag.Bool("update", false, "write the golden files anew")

// whileUp are further things to do with a stack while it is up, by the stack's name.
var whileUp = map[string][]hook{
	"prod":         {{"berth verify reads the account back, and notices what is changed there", func(t *testing.T, d *deployed) { verified(t, d, clientDamage()) }}},
	"organisation": {{"berth verify reads the account back, and notices what is changed there", func(t *testing.T, d *deployed) { verified(t, d, organisationDamage()) }}},
}

// damage is a change of the account that a promise's look must notice.
type damage struct {
	promise  string
	property string // that the finding is to be about
	do       func(t *testing.T, d *deployed) (undo func())
}

// verified holds what `berth verify` says of an account against what it is known to be, damages the account, and holds
// that every look notices.
func verified(t *testing.T, d *deployed, all []damage) {
	whole := d.verify(t)
	compareGolden(t, "verify-"+d.stack+".golden", standings(whole))
	var undo []func()
	defer func() {
		for _, f := range slices.Backward(undo) {
			f()
		}
	}()
	for _, one := range all {
		undo = append(undo, one.do(t, d))
	}
	damaged := d.verify(t)
	for _, one := range all {
		t.Run(one.promise+" "+one.property, func(t *testing.T) {
			before, after := brokenLive(whole, one.promise), brokenLive(damaged, one.promise)
			for where := range after {
				if !before[where] && strings.HasSuffix(where, "."+one.property) {
					return
				}
			}
			t.Errorf("the look noticed nothing new about %s: %v", one.property, after)
		})
	}
}

// verify reads the account back as a person would, and gives the evidence that it wrote.
func (d *deployed) verify(t *testing.T) *evidence.Document {
	t.Helper()
	cmd := d.command(t, "verify", d.stack, "--output", "json")
	cmd.Env = append(cmd.Env, "AWS_MAX_ATTEMPTS=2") // moto answers 500 to what it lacks, and never throttles
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	began := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatalf("berth verify: %v\n%s", err, said.String())
	}
	t.Logf("berth verify: %s", time.Since(began).Round(100*time.Millisecond))
	doc, err := evidence.Decode(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range doc.Promises {
		for _, proof := range p.Proofs {
			if proof.Level == promises.Live && (proof.At.Before(began.Add(-time.Minute)) || !strings.Contains(proof.By, "berth-verify")) {
				t.Errorf("%s was looked at on %s by %q, want now, as the stack's own role", p.ID, proof.At, proof.By)
			}
		}
	}
	return doc
}

// inventedID is an id that is another one each time.
var inventedID = regexp.MustCompile(`\b(i|vol)-[0-9a-f]{17}\b`)

// standings are what each look came to: a line a promise, and one for each thing that it found not to hold.
func standings(doc *evidence.Document) string {
	var b strings.Builder
	for _, p := range doc.Promises {
		read := false
		for _, proof := range p.Proofs {
			if proof.Level == promises.Live {
				read = true
				fmt.Fprintf(&b, "%s %s\n", p.ID, proof.Verdict)
			}
		}
		named := map[string]bool{}
		for where := range brokenLive(doc, p.ID) {
			named[inventedID.ReplaceAllString(where, "$1-…")] = true
		}
		for _, where := range sortedKeys(named) {
			fmt.Fprintf(&b, "    %s\n", where)
		}
		if reaches := slices.ContainsFunc(p.ToReach, func(r evidence.ToReach) bool { return r.Level == promises.Live }); reaches && !read {
			fmt.Fprintf(&b, "%s not shown live\n", p.ID)
		}
	}
	return b.String()
}

func sortedKeys(set map[string]bool) []string {
	var all []string
	for key := range set {
		all = append(all, key)
	}
	slices.Sort(all)
	return all
}

// brokenLive are the things that a promise's look found not to hold, as resource.property.
func brokenLive(doc *evidence.Document, promise string) map[string]bool {
	all := map[string]bool{}
	for _, p := range doc.Promises {
		for _, proof := range p.Proofs {
			for _, f := range proof.Findings {
				if p.ID == promise && proof.Level == promises.Live && !f.Holds {
					all[f.Resource+"."+f.Property] = true
				}
			}
		}
	}
	return all
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *updateGolden {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (run with -update to accept):\n%s", path, diff)
	}
}

// undoing is an undo that ends the test when it fails.
func undoing[T any](t *testing.T, do func() (T, error)) func() {
	return func() {
		t.Helper()
		if _, err := do(); err != nil {
			t.Errorf("undo: %v", err)
		}
	}
}

// bucketNamed is the client's bucket with that part in its name, in a region.
func bucketNamed(t *testing.T, d *deployed, part, region string) string {
	t.Helper()
	for _, b := range of(d.in(region).s3.ListBuckets(t.Context(), nil))(t).Buckets {
		if name := aws.ToString(b.Name); strings.Contains(name, part) && strings.HasSuffix(name, region) {
			return name
		}
	}
	t.Fatalf("there is no bucket %s in %s", part, region)
	return ""
}

func clientDamage() []damage {
	return []damage{
		{"AV-2", "minSize", func(t *testing.T, d *deployed) func() {
			c := d.in(first).autoscaling
			group := of(c.DescribeAutoScalingGroups(t.Context(), nil))(t).AutoScalingGroups[0]
			set := func(least *int32) (*autoscaling.UpdateAutoScalingGroupOutput, error) {
				return c.UpdateAutoScalingGroup(t.Context(), &autoscaling.UpdateAutoScalingGroupInput{AutoScalingGroupName: group.AutoScalingGroupName, MinSize: least})
			}
			of(set(aws.Int32(1)))(t)
			return undoing(t, func() (*autoscaling.UpdateAutoScalingGroupOutput, error) { return set(group.MinSize) })
		}},
		{"AV-3", "multiAz", modified(func(in *rds.ModifyDBInstanceInput, damaged bool) { in.MultiAZ = aws.Bool(!damaged) })},
		{"DP-2", "publiclyAccessible", modified(func(in *rds.ModifyDBInstanceInput, damaged bool) { in.PubliclyAccessible = aws.Bool(damaged) })},
		{"BK-4", "deletionProtection", modified(func(in *rds.ModifyDBInstanceInput, damaged bool) { in.DeletionProtection = aws.Bool(!damaged) })},
		{"AV-7", "state", func(t *testing.T, d *deployed) func() {
			c := d.in(first).events
			rules := of(c.ListRules(t.Context(), nil))(t).Rules
			i := slices.IndexFunc(rules, func(r eventbridgetypes.Rule) bool {
				return strings.Contains(aws.ToString(r.EventPattern), "aws.health")
			})
			if i < 0 {
				t.Fatal("there is no rule about AWS's own troubles")
			}
			of(c.DisableRule(t.Context(), &eventbridge.DisableRuleInput{Name: rules[i].Name}))(t)
			return undoing(t, func() (*eventbridge.EnableRuleOutput, error) {
				return c.EnableRule(t.Context(), &eventbridge.EnableRuleInput{Name: rules[i].Name})
			})
		}},
		{"AV-9", "region", func(t *testing.T, d *deployed) func() {
			c, name := d.in("us-west-2").s3, aws.String("somebody-s-copy-us-west-2")
			of(c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: name, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: "us-west-2"}}))(t)
			return undoing(t, func() (*s3.DeleteBucketOutput, error) {
				return c.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: name})
			})
		}},
		{"AV-12", "ingress", func(t *testing.T, d *deployed) func() {
			c := d.in(first)
			balancer := of(c.elb.DescribeLoadBalancers(t.Context(), nil))(t).LoadBalancers[0]
			open := []ec2types.IpPermission{{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(443), ToPort: aws.Int32(443), IpRanges: []ec2types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}}}
			group := aws.String(balancer.SecurityGroups[0])
			of(c.ec2.AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{GroupId: group, IpPermissions: open}))(t)
			return undoing(t, func() (*ec2.RevokeSecurityGroupIngressOutput, error) {
				return c.ec2.RevokeSecurityGroupIngress(t.Context(), &ec2.RevokeSecurityGroupIngressInput{GroupId: group, IpPermissions: open})
			})
		}},
		{"BK-3", "versioningConfiguration.status", func(t *testing.T, d *deployed) func() {
			c, name := d.in(first).s3, aws.String(bucketNamed(t, d, "-files-", first))
			set := func(status s3types.BucketVersioningStatus) (*s3.PutBucketVersioningOutput, error) {
				return c.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: name, VersioningConfiguration: &s3types.VersioningConfiguration{Status: status}})
			}
			of(set(s3types.BucketVersioningStatusSuspended))(t)
			return undoing(t, func() (*s3.PutBucketVersioningOutput, error) { return set(s3types.BucketVersioningStatusEnabled) })
		}},
		{"BK-5", "blockPublicPolicy", func(t *testing.T, d *deployed) func() {
			c, name := d.in(first).s3, aws.String(bucketNamed(t, d, "-backup-", first))
			set := func(block bool) (*s3.PutPublicAccessBlockOutput, error) {
				return c.PutPublicAccessBlock(t.Context(), &s3.PutPublicAccessBlockInput{Bucket: name, PublicAccessBlockConfiguration: &s3types.PublicAccessBlockConfiguration{
					BlockPublicAcls: aws.Bool(true), IgnorePublicAcls: aws.Bool(true), RestrictPublicBuckets: aws.Bool(true), BlockPublicPolicy: aws.Bool(block)}})
			}
			of(set(false))(t)
			return undoing(t, func() (*s3.PutPublicAccessBlockOutput, error) { return set(true) })
		}},
		{"DP-4", "enableKeyRotation", func(t *testing.T, d *deployed) func() {
			c := d.in(first).kms
			for _, alias := range of(c.ListAliases(t.Context(), nil))(t).Aliases {
				if strings.Contains(aws.ToString(alias.AliasName), "acme") {
					of(c.DisableKeyRotation(t.Context(), &kms.DisableKeyRotationInput{KeyId: alias.TargetKeyId}))(t)
					return undoing(t, func() (*kms.EnableKeyRotationOutput, error) {
						return c.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: alias.TargetKeyId})
					})
				}
			}
			t.Fatal("the client has no key")
			return nil
		}},
		{"DP-5", "", func(t *testing.T, d *deployed) func() {
			c := d.in(first)
			subnets := of(c.ec2.DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{Filters: []ec2types.Filter{{Name: aws.String("tag:stack"), Values: []string{"prod"}}}}))(t).Subnets
			made := of(c.elb.CreateLoadBalancer(t.Context(), &elb.CreateLoadBalancerInput{Name: aws.String("somebody-s-way-in"), Type: elbtypes.LoadBalancerTypeEnumNetwork,
				Subnets: []string{aws.ToString(subnets[0].SubnetId)}}))(t).LoadBalancers[0]
			return undoing(t, func() (*elb.DeleteLoadBalancerOutput, error) {
				return c.elb.DeleteLoadBalancer(t.Context(), &elb.DeleteLoadBalancerInput{LoadBalancerArn: made.LoadBalancerArn})
			})
		}},
		{"AC-1", "keyName", func(t *testing.T, d *deployed) func() {
			c, name := d.in(first).ec2, aws.String("somebody-s-key")
			of(c.CreateKeyPair(t.Context(), &ec2.CreateKeyPairInput{KeyName: name}))(t)
			return undoing(t, func() (*ec2.DeleteKeyPairOutput, error) {
				return c.DeleteKeyPair(t.Context(), &ec2.DeleteKeyPairInput{KeyName: name})
			})
		}},
		{"AC-3", "name", func(t *testing.T, d *deployed) func() {
			c, name := d.in(first).iam, aws.String("mallory")
			of(c.CreateUser(t.Context(), &iam.CreateUserInput{UserName: name}))(t)
			return undoing(t, func() (*iam.DeleteUserOutput, error) {
				return c.DeleteUser(t.Context(), &iam.DeleteUserInput{UserName: name})
			})
		}},
		{"AC-5", "retentionInDays", func(t *testing.T, d *deployed) func() {
			c := d.in(first).logs
			for _, group := range of(c.DescribeLogGroups(t.Context(), nil))(t).LogGroups {
				if !strings.Contains(aws.ToString(group.LogGroupName), "trail") {
					continue
				}
				set := func(days *int32) (*cloudwatchlogs.PutRetentionPolicyOutput, error) {
					return c.PutRetentionPolicy(t.Context(), &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: group.LogGroupName, RetentionInDays: days})
				}
				of(set(aws.Int32(7)))(t)
				return undoing(t, func() (*cloudwatchlogs.PutRetentionPolicyOutput, error) { return set(group.RetentionInDays) })
			}
			t.Fatal("the trail has no log group")
			return nil
		}},
	}
}

// modified is a change of the client's database.
func modified(change func(in *rds.ModifyDBInstanceInput, damaged bool)) func(t *testing.T, d *deployed) func() {
	return func(t *testing.T, d *deployed) func() {
		c := d.in(first).rds
		id := of(c.DescribeDBInstances(t.Context(), nil))(t).DBInstances[0].DBInstanceIdentifier
		set := func(damaged bool) (*rds.ModifyDBInstanceOutput, error) {
			in := &rds.ModifyDBInstanceInput{DBInstanceIdentifier: id, ApplyImmediately: aws.Bool(true)}
			change(in, damaged)
			return c.ModifyDBInstance(t.Context(), in)
		}
		of(set(true))(t)
		return undoing(t, func() (*rds.ModifyDBInstanceOutput, error) { return set(false) })
	}
}

func organisationDamage() []damage {
	return []damage{
		{"AC-3", "groups", func(t *testing.T, d *deployed) func() {
			c := d.in(first).iam
			var group, user *string
			for _, g := range of(c.ListGroups(t.Context(), nil))(t).Groups {
				if strings.Contains(aws.ToString(g.GroupName), "administrator") {
					group = g.GroupName
				}
			}
			for _, u := range of(c.ListUsers(t.Context(), nil))(t).Users {
				if strings.HasSuffix(aws.ToString(u.UserName), "dev.patel") {
					user = u.UserName
				}
			}
			of(c.AddUserToGroup(t.Context(), &iam.AddUserToGroupInput{GroupName: group, UserName: user}))(t)
			return undoing(t, func() (*iam.RemoveUserFromGroupOutput, error) {
				return c.RemoveUserFromGroup(t.Context(), &iam.RemoveUserFromGroupInput{GroupName: group, UserName: user})
			})
		}},
		{"AC-7", "accessKeys", func(t *testing.T, d *deployed) func() {
			c := d.in(first).iam
			user := of(c.ListUsers(t.Context(), nil))(t).Users[0].UserName
			key := of(c.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: user}))(t).AccessKey
			return undoing(t, func() (*iam.DeleteAccessKeyOutput, error) {
				return c.DeleteAccessKey(t.Context(), &iam.DeleteAccessKeyInput{UserName: user, AccessKeyId: key.AccessKeyId})
			})
		}},
		{"OP-1", "url", func(t *testing.T, d *deployed) func() {
			c := d.in(first).iam
			made := of(c.CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://login.stranger.example"),
				ThumbprintList: []string{strings.Repeat("ab", 20)}}))(t).OpenIDConnectProviderArn
			return undoing(t, func() (*iam.DeleteOpenIDConnectProviderOutput, error) {
				return c.DeleteOpenIDConnectProvider(t.Context(), &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: made})
			})
		}},
		{"OP-4", "state", func(t *testing.T, d *deployed) func() {
			c := d.in(first).scheduler
			for _, s := range of(c.ListSchedules(t.Context(), nil))(t).Schedules {
				if !strings.Contains(aws.ToString(s.Name), "audit") {
					continue
				}
				whole := of(c.GetSchedule(t.Context(), &scheduler.GetScheduleInput{Name: s.Name, GroupName: s.GroupName}))(t)
				set := func(state schedulertypes.ScheduleState) (*scheduler.UpdateScheduleOutput, error) {
					return c.UpdateSchedule(t.Context(), &scheduler.UpdateScheduleInput{Name: whole.Name, GroupName: whole.GroupName, State: state, Target: whole.Target,
						FlexibleTimeWindow: whole.FlexibleTimeWindow, ScheduleExpression: whole.ScheduleExpression, ScheduleExpressionTimezone: whole.ScheduleExpressionTimezone,
						Description: whole.Description, KmsKeyArn: whole.KmsKeyArn})
				}
				of(set(schedulertypes.ScheduleStateDisabled))(t)
				return undoing(t, func() (*scheduler.UpdateScheduleOutput, error) { return set(schedulertypes.ScheduleStateEnabled) })
			}
			t.Fatal("there is no schedule of audits")
			return nil
		}},
	}
}
