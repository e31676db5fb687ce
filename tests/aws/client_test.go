package aws_test

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
)

// client is what one shape of a client's stack is to be like.
type client struct {
	name      string // "acme-production"; begins the names of all that is the client's
	machines  int32  // at least
	zones     int
	multiAZ   bool
	second    string // the second region; "" for none
	engine    string
	port      int32
	parameter map[string]string // of the database, so that it takes TLS only
	phones    bool
	kept      int32 // days that a backup bucket's objects are locked and old versions kept
	restore   int32 // days of point-in-time recovery
}

// production is the reference client, as Pulumi.prod.yaml has it.
var production = client{
	name: "acme-production", machines: 2, zones: 3, multiAZ: true, second: second, engine: "postgres", port: 5432,
	parameter: map[string]string{"rds.force_ssl": "1", "ssl_min_protocol_version": "TLSv1.2"}, phones: true, kept: 90, restore: 7,
}

// regions are those that hold the client's data.
func (c client) regions() []string {
	if c.second == "" {
		return []string{first}
	}
	return []string{first, c.second}
}

// proof is one thing that AWS's API has to say of a stack that is up.
type proof[S any] struct {
	name string // begins with the promises that it is about
	show func(t *testing.T, d *deployed, want S)
}

// prove reads a stack's account back, one subtest a proof.
func prove[S any](t *testing.T, d *deployed, want S, proofs []proof[S]) {
	for _, p := range proofs {
		t.Run(p.name, func(t *testing.T) { p.show(t, d, want) })
	}
}

// clientProofs hold for every client on AWS.
func clientProofs() []proof[client] {
	return []proof[client]{
		{"AV-2 machines run in several zones behind the load balancer", machinesInZones},
		{"AV-3 the database has a standby in another zone", standbyDatabase},
		{"AV-7 alarms reach people by the channels of the client's file", alarmsReachPeople},
		{"AV-9 data is in the regions agreed and in no other", dataStays},
		{"AV-12 only Cloudflare's ranges reach the load balancer", onlyCloudflare},
		{"AV-12 the firewall refuses whoever asks too often", firewallRate},
		{"BK-3 BK-4 the database can be restored to any second of the past days", restorable},
		{"BK-5 DP-8 snapshots are made at midnight, locked and kept for 90 days", snapshots},
		{"BK-5 BK-6 DP-8 backups in S3 are locked, archived on day 90 and deleted on schedule", backupBuckets},
		{"DP-2 the database is reached from the machines alone", databaseApart},
		{"DP-4 the database is encrypted and takes TLS only", databaseEncrypted},
		{"DP-4 the load balancer serves TLS 1.2 and later, and redirects all else", balancerTLS},
		{"DP-4 BK-5 every bucket is encrypted, versioned, private and takes TLS only", safeBuckets},
		{"DP-4 machines' disks are encrypted with the client's key", encryptedDisks},
		{"AC-1 there is no way to sign in to a machine", noSignIn},
		{"AC-4 no door to the database is open", noOpenDoor},
		{"AC-5 every call is recorded, in a bucket that is locked", recorded},
		{"AC-5 the network's traffic is recorded", flowLogged},
		{"everything says whose it is", tagged},
	}
}

func (d *deployed) group(t *testing.T, want client) (name string) {
	t.Helper()
	all := of(d.in(first).autoscaling.DescribeAutoScalingGroups(t.Context(), nil))(t)
	if len(all.AutoScalingGroups) != 1 || !strings.HasPrefix(*all.AutoScalingGroups[0].AutoScalingGroupName, want.name) {
		t.Fatalf("there are %d groups of machines, want the client's", len(all.AutoScalingGroups))
	}
	return *all.AutoScalingGroups[0].AutoScalingGroupName
}

func machinesInZones(t *testing.T, d *deployed, want client) {
	c := d.in(first)
	groups := of(c.autoscaling.DescribeAutoScalingGroups(t.Context(),
		&autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{d.group(t, want)}}))(t)
	group := groups.AutoScalingGroups[0]
	if *group.MinSize < want.machines || *group.MaxSize < *group.MinSize || aws.ToString(group.HealthCheckType) != "ELB" || len(group.TargetGroupARNs) != 1 {
		t.Errorf("%d to %d machines, judged by %s, in %d target groups; want at least %d, judged by the load balancer, in one",
			*group.MinSize, *group.MaxSize, aws.ToString(group.HealthCheckType), len(group.TargetGroupARNs), want.machines)
	}
	zones := map[string]bool{}
	for _, subnet := range subnets(t, c, strings.Split(aws.ToString(group.VPCZoneIdentifier), ",")...) {
		zones[*subnet.AvailabilityZone] = true
		if aws.ToBool(subnet.MapPublicIpOnLaunch) {
			t.Errorf("subnet %s gives machines public addresses", *subnet.SubnetId)
		}
	}
	if len(zones) != want.zones || len(zones) < 2 {
		t.Errorf("the group spans %v, want %d zones", slices.Sorted(maps.Keys(zones)), want.zones)
	}
	running := 0
	for _, machine := range group.Instances {
		if machine.LifecycleState == "InService" && zones[aws.ToString(machine.AvailabilityZone)] {
			running++
		}
	}
	if running < int(want.machines) {
		t.Errorf("%d machines run in those zones, want %d", running, want.machines)
	}
	targets := of(c.elb.DescribeTargetGroups(t.Context(), &elb.DescribeTargetGroupsInput{TargetGroupArns: group.TargetGroupARNs}))(t)
	if g := targets.TargetGroups[0]; g.Protocol != elbtypes.ProtocolEnumHttps || aws.ToString(g.HealthCheckPath) == "" || len(g.LoadBalancerArns) != 1 {
		t.Errorf("the target group speaks %s, asks %q, and belongs to %d load balancers; want HTTPS, a health check and one",
			g.Protocol, aws.ToString(g.HealthCheckPath), len(g.LoadBalancerArns))
	}
	if n := len(balancer(t, c).AvailabilityZones); n != want.zones {
		t.Errorf("the load balancer is in %d zones, want %d", n, want.zones)
	}
}

func subnets(t *testing.T, c *clients, ids ...string) []ec2types.Subnet {
	t.Helper()
	got := of(c.ec2.DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{SubnetIds: ids}))(t)
	if len(got.Subnets) != len(ids) {
		t.Fatalf("%d of the subnets %v are there", len(got.Subnets), ids)
	}
	return got.Subnets
}

func balancer(t *testing.T, c *clients) elbtypes.LoadBalancer {
	t.Helper()
	all := of(c.elb.DescribeLoadBalancers(t.Context(), nil))(t)
	if len(all.LoadBalancers) != 1 {
		t.Fatalf("there are %d load balancers, want one", len(all.LoadBalancers))
	}
	return all.LoadBalancers[0]
}

// database is the client's primary.
func database(t *testing.T, c *clients, want client) rdstypes.DBInstance {
	t.Helper()
	got := of(c.rds.DescribeDBInstances(t.Context(),
		&rds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String(want.name + "-database")}))(t)
	return got.DBInstances[0]
}

func standbyDatabase(t *testing.T, d *deployed, want client) {
	c := d.in(first)
	db := database(t, c, want)
	if aws.ToBool(db.MultiAZ) != want.multiAZ || aws.ToString(db.Engine) != want.engine {
		t.Errorf("the database is %s, with a standby: %t; want %s, %t", aws.ToString(db.Engine), aws.ToBool(db.MultiAZ), want.engine, want.multiAZ)
	}
	group := of(c.rds.DescribeDBSubnetGroups(t.Context(),
		&rds.DescribeDBSubnetGroupsInput{DBSubnetGroupName: db.DBSubnetGroup.DBSubnetGroupName}))(t)
	zones := map[string]bool{}
	for _, subnet := range group.DBSubnetGroups[0].Subnets {
		zones[aws.ToString(subnet.SubnetAvailabilityZone.Name)] = true
	}
	if len(zones) != want.zones {
		t.Errorf("the database may be in %v, want %d zones", slices.Sorted(maps.Keys(zones)), want.zones)
	}
}

func alarmsReachPeople(t *testing.T, d *deployed, want client) {
	for _, region := range append(want.regions(), global) {
		c := d.in(region)
		subscribed := map[string]map[string]bool{} // protocols by topic
		for _, s := range of(c.sns.ListSubscriptions(t.Context(), nil))(t).Subscriptions {
			if subscribed[*s.TopicArn] == nil {
				subscribed[*s.TopicArn] = map[string]bool{}
			}
			subscribed[*s.TopicArn][*s.Protocol] = true
		}
		alarms := of(c.cloudwatch.DescribeAlarms(t.Context(), nil))(t).MetricAlarms
		if len(alarms) == 0 {
			t.Errorf("%s has no alarm", region)
		}
		for _, alarm := range alarms {
			for _, topic := range alarm.AlarmActions {
				if !subscribed[topic]["email"] || subscribed[topic]["sms"] != want.phones {
					t.Errorf("%s: alarm %s tells topic %s, which reaches %v", region, *alarm.AlarmName, topic, subscribed[topic])
				}
			}
			if len(alarm.AlarmActions) == 0 && !strings.Contains(*alarm.AlarmName, "service") && len(alarm.OKActions) > 0 {
				t.Errorf("%s: alarm %s tells nobody", region, *alarm.AlarmName)
			}
		}
	}
}

func dataStays(t *testing.T, d *deployed, want client) {
	for region, buckets := range bucketsByRegion(t, d) {
		if !slices.Contains(want.regions(), region) {
			t.Errorf("buckets in %s: %v; the client's regions are %v", region, buckets, want.regions())
		}
	}
	// What belongs to no region is watched from us-east-1. Neither there nor in a neighbouring region is there data.
	for _, region := range []string{global, "eu-central-1", second, first} {
		got := d.inventory(t, region)
		for _, kind := range []string{"rds instance", "ec2 instance", "ec2 volume", "backup vault", "ssm parameter", "secret", "log group"} {
			n, wanted := len(got[kind]), slices.Contains(want.regions(), region)
			if n > 0 && !wanted {
				t.Errorf("%s has %d of %s: %v", region, n, kind, got[kind])
			}
		}
	}
	if n := len(d.inventory(t, first)["rds instance"]); n == 0 {
		t.Errorf("no database was found in %s: the comparison above shows nothing", first)
	}
}

// cloudflareRanges are the addresses that Cloudflare publishes.
var cloudflareRanges = []string{
	"103.21.244.0/22", "103.22.200.0/22", "103.31.4.0/22", "104.16.0.0/13", "104.24.0.0/14", "108.162.192.0/18", "131.0.72.0/22",
	"141.101.64.0/18", "162.158.0.0/15", "172.64.0.0/13", "173.245.48.0/20", "188.114.96.0/20", "190.93.240.0/20", "197.234.240.0/22",
	"198.41.128.0/17", "2400:cb00::/32", "2405:8100::/32", "2405:b500::/32", "2606:4700::/32", "2803:f800::/32", "2a06:98c0::/29", "2c0f:f248::/32",
}

// securityGroups are the client's: those of the VPC that the load balancer is in.
func securityGroups(t *testing.T, c *clients) map[string]ec2types.SecurityGroup {
	t.Helper()
	got := of(c.ec2.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{
		Filters: []ec2types.Filter{{Name: aws.String("vpc-id"), Values: []string{*balancer(t, c).VpcId}}}}))(t)
	all := map[string]ec2types.SecurityGroup{}
	for _, g := range got.SecurityGroups {
		all[*g.GroupId] = g
	}
	return all
}

func onlyCloudflare(t *testing.T, d *deployed, _ client) {
	c := d.in(first)
	groups, b := securityGroups(t, c), balancer(t, c)
	if len(b.SecurityGroups) != 1 {
		t.Fatalf("the load balancer has groups %v, want one", b.SecurityGroups)
	}
	ports := map[int32]bool{}
	reached := map[string]bool{}
	for _, rule := range groups[b.SecurityGroups[0]].IpPermissions {
		ports[aws.ToInt32(rule.FromPort)] = true
		if len(rule.IpRanges)+len(rule.Ipv6Ranges)+len(rule.UserIdGroupPairs) > 0 || aws.ToString(rule.IpProtocol) != "tcp" ||
			aws.ToInt32(rule.FromPort) != aws.ToInt32(rule.ToPort) {
			t.Errorf("a rule besides those for Cloudflare: %+v", rule)
		}
		for _, list := range rule.PrefixListIds {
			got := of(c.ec2.GetManagedPrefixListEntries(t.Context(),
				&ec2.GetManagedPrefixListEntriesInput{PrefixListId: list.PrefixListId}))(t)
			for _, entry := range got.Entries {
				reached[*entry.Cidr] = true
			}
		}
	}
	if got := slices.Sorted(maps.Keys(reached)); !slices.Equal(got, slices.Sorted(slices.Values(cloudflareRanges))) {
		t.Errorf("reached from %v, want Cloudflare's ranges", got)
	}
	if got := slices.Sorted(maps.Keys(ports)); !slices.Equal(got, []int32{80, 443}) {
		t.Errorf("reached on ports %v, want 80 and 443", got)
	}
	for id, group := range groups {
		for _, rule := range group.IpPermissions {
			for _, r := range rule.IpRanges {
				if prefix, err := netip.ParsePrefix(*r.CidrIp); err != nil || !prefix.Addr().IsPrivate() {
					t.Errorf("group %s %s lets %s in", id, *group.GroupName, *r.CidrIp)
				}
			}
			for _, r := range rule.Ipv6Ranges {
				t.Errorf("group %s %s lets %s in", id, *group.GroupName, *r.CidrIpv6)
			}
		}
	}
}

func firewallRate(t *testing.T, d *deployed, _ client) {
	c := d.in(first)
	got := of(c.waf.GetWebACLForResource(t.Context(),
		&wafv2.GetWebACLForResourceInput{ResourceArn: balancer(t, c).LoadBalancerArn}))(t)
	if got.WebACL == nil || got.WebACL.DefaultAction.Block == nil {
		t.Fatalf("the load balancer's firewall is %+v, want one that blocks what no rule allows", got.WebACL)
	}
	for _, rule := range got.WebACL.Rules {
		if r := rule.Statement.RateBasedStatement; r != nil {
			if r.AggregateKeyType != waftypes.RateBasedStatementAggregateKeyTypeForwardedIp || aws.ToInt64(r.Limit) != 600 || rule.Action.Block == nil ||
				rule.Action.Block.CustomResponse == nil || aws.ToInt32(rule.Action.Block.CustomResponse.ResponseCode) != 429 {
				t.Errorf("the rate rule is %+v by %+v, want 600 by forwarded address answered with 429", r, rule.Action)
			}
			return
		}
	}
	t.Error("the firewall has no rate rule")
}

func restorable(t *testing.T, d *deployed, want client) {
	db := database(t, d.in(first), want)
	if got := aws.ToInt32(db.BackupRetentionPeriod); got != want.restore {
		t.Errorf("kept for point-in-time recovery: %d days, want %d", got, want.restore)
	}
	if !strings.HasPrefix(aws.ToString(db.PreferredBackupWindow), "00:00-") {
		t.Errorf("backup window %s, want it to begin at midnight", aws.ToString(db.PreferredBackupWindow))
	}
}

func snapshots(t *testing.T, d *deployed, want client) {
	c := d.in(first)
	plans := of(c.backup.ListBackupPlans(t.Context(), nil))(t).BackupPlansList
	if len(plans) != 1 {
		t.Fatalf("there are %d backup plans, want one", len(plans))
	}
	plan := of(c.backup.GetBackupPlan(t.Context(), &backup.GetBackupPlanInput{BackupPlanId: plans[0].BackupPlanId}))(t).BackupPlan
	daily := slices.IndexFunc(plan.Rules, func(r backuptypes.BackupRule) bool { return aws.ToString(r.ScheduleExpression) == "cron(0 0 * * ? *)" })
	if daily < 0 {
		t.Fatalf("the plan has no rule for midnight: %+v", plan.Rules)
	}
	rule := plan.Rules[daily]
	if rule.Lifecycle == nil || aws.ToInt64(rule.Lifecycle.DeleteAfterDays) != int64(want.kept) {
		t.Errorf("snapshots are kept by %+v, want %d days", rule.Lifecycle, want.kept)
	}
	if copies := len(rule.CopyActions); copies != len(want.regions())-1 {
		t.Errorf("snapshots are copied %d times, want it for each region of %v but the first", copies, want.regions())
	}
	for _, region := range want.regions() {
		got := of(d.in(region).backup.DescribeBackupVault(t.Context(),
			&backup.DescribeBackupVaultInput{BackupVaultName: aws.String(want.name + "-backup")}))(t)
		if !aws.ToBool(got.Locked) || aws.ToInt64(got.MinRetentionDays) != int64(want.kept) || !strings.Contains(aws.ToString(got.EncryptionKeyArn), ":kms:"+region+":") {
			t.Errorf("%s: the vault is locked: %t for %d days, with key %s; want a lock for %d days and a key of the region",
				region, aws.ToBool(got.Locked), aws.ToInt64(got.MinRetentionDays), aws.ToString(got.EncryptionKeyArn), want.kept)
		}
	}
}

func databaseApart(t *testing.T, d *deployed, want client) {
	c := d.in(first)
	db := database(t, c, want)
	if aws.ToBool(db.PubliclyAccessible) {
		t.Error("the database has a public address")
	}
	group := of(c.rds.DescribeDBSubnetGroups(t.Context(),
		&rds.DescribeDBSubnetGroupsInput{DBSubnetGroupName: db.DBSubnetGroup.DBSubnetGroupName}))(t)
	for _, subnet := range group.DBSubnetGroups[0].Subnets {
		tables := of(c.ec2.DescribeRouteTables(t.Context(), &ec2.DescribeRouteTablesInput{
			Filters: []ec2types.Filter{{Name: aws.String("association.subnet-id"), Values: []string{*subnet.SubnetIdentifier}}}}))(t).RouteTables
		if len(tables) != 1 {
			t.Errorf("subnet %s has %d route tables of its own, want one", *subnet.SubnetIdentifier, len(tables))
			continue
		}
		for _, route := range tables[0].Routes {
			if aws.ToString(route.GatewayId) != "local" && !strings.HasPrefix(aws.ToString(route.GatewayId), "vpce-") {
				t.Errorf("subnet %s has a way out: %+v", *subnet.SubnetIdentifier, route)
			}
		}
	}
	// In: from the machines' group, on the database's port. Nothing else, and nothing out.
	groups := securityGroups(t, c)
	for _, member := range db.VpcSecurityGroups {
		g := groups[*member.VpcSecurityGroupId]
		if len(g.IpPermissions) != 1 || len(g.IpPermissionsEgress) != 0 {
			t.Errorf("group %s has rules %+v in and %+v out; want one in and none out", aws.ToString(g.GroupName), g.IpPermissions, g.IpPermissionsEgress)
			continue
		}
		rule := g.IpPermissions[0]
		if aws.ToInt32(rule.FromPort) != want.port || aws.ToInt32(rule.ToPort) != want.port || len(rule.UserIdGroupPairs) != 1 ||
			aws.ToString(groups[*rule.UserIdGroupPairs[0].GroupId].GroupName) != want.name+"-machines" {
			t.Errorf("the database is reached by %+v, want the machines' group on port %d", rule, want.port)
		}
	}
	if len(db.VpcSecurityGroups) != 1 {
		t.Errorf("the database has %d groups, want one", len(db.VpcSecurityGroups))
	}
}

func databaseEncrypted(t *testing.T, d *deployed, want client) {
	c := d.in(first)
	db := database(t, c, want)
	if !aws.ToBool(db.StorageEncrypted) || !strings.Contains(aws.ToString(db.KmsKeyId), ":key/") {
		t.Errorf("encrypted: %t with key %s", aws.ToBool(db.StorageEncrypted), aws.ToString(db.KmsKeyId))
	}
	if db.MasterUserSecret == nil || aws.ToString(db.MasterUserSecret.SecretArn) == "" {
		t.Error("AWS does not keep and rotate the master password")
	}
	got := map[string]string{}
	for _, p := range of(c.rds.DescribeDBParameters(t.Context(),
		&rds.DescribeDBParametersInput{DBParameterGroupName: db.DBParameterGroups[0].DBParameterGroupName}))(t).Parameters {
		got[*p.ParameterName] = aws.ToString(p.ParameterValue)
	}
	for name, value := range want.parameter {
		if got[name] != value {
			t.Errorf("%s = %q, want %q", name, got[name], value)
		}
	}
}

func balancerTLS(t *testing.T, d *deployed, _ client) {
	c := d.in(first)
	listeners := of(c.elb.DescribeListeners(t.Context(), &elb.DescribeListenersInput{LoadBalancerArn: balancer(t, c).LoadBalancerArn}))(t).Listeners
	for _, l := range listeners {
		switch aws.ToInt32(l.Port) {
		case 443:
			if l.Protocol != elbtypes.ProtocolEnumHttps || !strings.HasPrefix(aws.ToString(l.SslPolicy), "ELBSecurityPolicy-TLS13-1-2-") || len(l.Certificates) == 0 {
				t.Errorf("443 is %s with %s and %d certificates", l.Protocol, aws.ToString(l.SslPolicy), len(l.Certificates))
			}
		case 80:
			if redirect := l.DefaultActions[0].RedirectConfig; redirect == nil || aws.ToString(redirect.Protocol) != "HTTPS" {
				t.Errorf("80 does %+v, want a redirect to HTTPS", l.DefaultActions)
			}
		default:
			t.Errorf("a listener on port %d", aws.ToInt32(l.Port))
		}
	}
	if len(listeners) != 2 {
		t.Errorf("there are %d listeners, want two", len(listeners))
	}
	attributes := map[string]string{}
	for _, a := range of(c.elb.DescribeLoadBalancerAttributes(t.Context(),
		&elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: balancer(t, c).LoadBalancerArn}))(t).Attributes {
		attributes[*a.Key] = aws.ToString(a.Value)
	}
	if attributes["access_logs.s3.enabled"] != "true" || attributes["routing.http.drop_invalid_header_fields.enabled"] != "true" {
		t.Errorf("attributes %v, want access logs and invalid headers dropped", attributes)
	}
}

// template is the newest version of the machines' launch template.
func template(t *testing.T, c *clients) *ec2types.ResponseLaunchTemplateData {
	t.Helper()
	all := of(c.ec2.DescribeLaunchTemplates(t.Context(), nil))(t).LaunchTemplates
	if len(all) != 1 {
		t.Fatalf("there are %d launch templates, want one", len(all))
	}
	got := of(c.ec2.DescribeLaunchTemplateVersions(t.Context(),
		&ec2.DescribeLaunchTemplateVersionsInput{LaunchTemplateId: all[0].LaunchTemplateId, Versions: []string{fmt.Sprint(*all[0].LatestVersionNumber)}}))(t)
	return got.LaunchTemplateVersions[0].LaunchTemplateData
}

func encryptedDisks(t *testing.T, d *deployed, _ client) {
	data := template(t, d.in(first))
	if len(data.BlockDeviceMappings) == 0 {
		t.Error("the template names no disk")
	}
	for _, disk := range data.BlockDeviceMappings {
		if disk.Ebs == nil || !aws.ToBool(disk.Ebs.Encrypted) || !strings.Contains(aws.ToString(disk.Ebs.KmsKeyId), ":key/") {
			t.Errorf("disk %s: %+v, want it encrypted with the client's key", aws.ToString(disk.DeviceName), disk.Ebs)
		}
	}
}

func noSignIn(t *testing.T, d *deployed, _ client) {
	c := d.in(first)
	data := template(t, c)
	if data.KeyName != nil {
		t.Errorf("machines take the key pair %s", *data.KeyName)
	}
	if m := data.MetadataOptions; m == nil || m.HttpTokens != "required" || aws.ToInt32(m.HttpPutResponseHopLimit) != 1 {
		t.Errorf("metadata service: %+v, want tokens and one hop", m)
	}
	if pairs := of(c.ec2.DescribeKeyPairs(t.Context(), nil))(t).KeyPairs; len(pairs) > 0 {
		t.Errorf("there are %d key pairs, want none", len(pairs))
	}
	for _, group := range securityGroups(t, c) {
		for _, rule := range group.IpPermissions {
			for _, port := range []int32{21, 22, 3389} {
				if aws.ToString(rule.IpProtocol) == "-1" || aws.ToInt32(rule.FromPort) <= port && port <= aws.ToInt32(rule.ToPort) {
					t.Errorf("group %s lets port %d in", *group.GroupName, port)
				}
			}
		}
	}
}

func noOpenDoor(t *testing.T, d *deployed, want client) {
	roles := of(d.in(first).iam.ListRoles(t.Context(), &iam.ListRolesInput{MaxItems: aws.Int32(1000)}))(t).Roles
	own := 0
	for _, role := range roles {
		if strings.HasPrefix(*role.RoleName, want.name) {
			own++
		}
		if name := strings.ToLower(*role.RoleName); strings.Contains(name, "break-glass") || strings.Contains(name, "-bi") {
			t.Errorf("the role %s is there, and the client's file opens no door", *role.RoleName)
		}
	}
	if own == 0 {
		t.Errorf("none of %d roles is the client's: the search above shows nothing", len(roles))
	}
}

func flowLogged(t *testing.T, d *deployed, _ client) {
	c := d.in(first)
	for _, log := range of(c.ec2.DescribeFlowLogs(t.Context(), nil))(t).FlowLogs {
		if aws.ToString(log.ResourceId) == *balancer(t, c).VpcId && log.TrafficType == ec2types.TrafficTypeAll {
			return
		}
	}
	t.Error("the network has no flow log of all traffic")
}
