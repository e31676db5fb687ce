package live

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/chatbot"
	chatbottypes "github.com/aws/aws-sdk-go-v2/service/chatbot/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticache"
	cachetypes "github.com/aws/aws-sdk-go-v2/service/elasticache/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	route53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	"github.com/berth-iac/berth/promises/catalogue"
)

const (
	arnELB       = "arn:aws:elasticloadbalancing:eu-west-2:123456789012:"
	doorARN      = arnELB + "loadbalancer/app/acme-production-service/50dc6c495c0c9188"
	doorMetric   = "app/acme-production-service/50dc6c495c0c9188"
	secureARN    = arnELB + "listener/app/acme-production-service/50dc6c495c0c9188/f2f7dc8efc522ab2"
	plainARN     = arnELB + "listener/app/acme-production-service/50dc6c495c0c9188/0467ef3c8400ae65"
	hostRuleARN  = arnELB + "listener-rule/app/acme-production-service/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee"
	targetsARN   = arnELB + "targetgroup/acme-production-8443/73e2d6bc24d8a067"
	trustARN     = arnELB + "truststore/acme-production-edge/73e2d6bc24d8a067"
	databaseARN  = "arn:aws:rds:eu-west-2:123456789012:db:acme-production"
	documentsARN = "arn:aws:rds:eu-west-2:123456789012:cluster:acme-production-documents"
	cacheARN     = "arn:aws:elasticache:eu-west-2:123456789012:replicationgroup:acme-production"
	firewallARN  = "arn:aws:wafv2:eu-west-2:123456789012:regional/webacl/acme-production/a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"
	fleetName    = "acme-production-service"
	templateID   = "lt-0a20c965061f64abc"
	probeID      = "abcdef11-2222-3333-4444-555555fedcba"
)

func topicIn(region string) string {
	return "arn:aws:sns:" + region + ":123456789012:acme-production-alerts"
}

func alarmNamed(region, name string) string {
	return "arn:aws:cloudwatch:" + region + ":123456789012:alarm:acme-production-" + name
}

// site is a good account, as its services answer; a test changes one thing in it.
type site struct {
	balancers   []elbtypes.LoadBalancer
	tags        []elbtypes.Tag
	failOpen    string
	listeners   []elbtypes.Listener
	rules       map[string][]elbtypes.Rule // by listener
	groups      []elbtypes.TargetGroup
	health      []elbtypes.TargetHealthDescription
	trust       []elbtypes.TrustStore
	fleets      []asgtypes.AutoScalingGroup
	policies    []asgtypes.ScalingPolicy
	refreshes   []asgtypes.InstanceRefresh
	machines    []ec2types.Instance
	subnets     []ec2types.Subnet
	tables      []ec2types.RouteTable
	gateways    []ec2types.NatGateway
	endpoints   []ec2types.VpcEndpoint
	versions    []ec2types.LaunchTemplateVersion
	firewalls   []ec2types.SecurityGroup
	ranges      map[string][]string // by prefix list
	databases   []rdstypes.DBInstance
	clusters    []rdstypes.DBCluster
	dbGroups    []rdstypes.DBSubnetGroup
	dbEvents    []rdstypes.EventSubscription
	caches      []cachetypes.ReplicationGroup
	nodes       []cachetypes.CacheCluster
	cacheGroups []cachetypes.CacheSubnetGroup
	acl         *waftypes.WebACL
	aclLogs     []waftypes.LoggingConfiguration
	probes      []route53types.HealthCheck
	alarms      map[string][]cwtypes.MetricAlarm // by region
	composite   []cwtypes.CompositeAlarm
	filters     []logtypes.MetricFilter
	topics      map[string]map[string]string       // attributes, by region
	subscribed  map[string][]snstypes.Subscription // by region
	filtered    map[string]string                  // filter policies of subscriptions
	sandbox     bool                               // of SMS
	verified    []string                           // phones there
	optedOut    []string                           // phones
	channels    []chatbottypes.SlackChannelConfiguration
	keyState    kmstypes.KeyState
	events      []eventtypes.Rule
	told        string // ARN that the rules for events speak to
	history     history
}

func goodSite() *site {
	s := &site{
		failOpen: "false", rules: map[string][]elbtypes.Rule{}, ranges: map[string][]string{"pl-4": catalogue.EdgeRanges("IPv4"), "pl-6": catalogue.EdgeRanges("IPv6")},
		alarms: map[string][]cwtypes.MetricAlarm{}, topics: map[string]map[string]string{}, subscribed: map[string][]snstypes.Subscription{}, filtered: map[string]string{},
		keyState: kmstypes.KeyStateEnabled,
	}
	s.front()
	s.behind()
	s.data()
	s.watched()
	s.history = history{born: now.AddDate(0, -6, 0)}
	return s
}

func (s *site) front() {
	s.tags = []elbtypes.Tag{{Key: aws.String("stack"), Value: aws.String("prod")}, {Key: aws.String("managed-by"), Value: aws.String("berth")}}
	var zones []elbtypes.AvailabilityZone
	for _, zone := range []string{"a", "b", "c"} {
		zones = append(zones, elbtypes.AvailabilityZone{ZoneName: aws.String("eu-west-2" + zone), SubnetId: aws.String("subnet-public-" + zone)})
	}
	s.balancers = []elbtypes.LoadBalancer{{
		LoadBalancerArn: aws.String(doorARN), LoadBalancerName: aws.String("acme-production-service"), DNSName: aws.String("origin.elb.example"), VpcId: aws.String("vpc-1"),
		Type: elbtypes.LoadBalancerTypeEnumApplication, Scheme: elbtypes.LoadBalancerSchemeEnumInternetFacing, State: &elbtypes.LoadBalancerState{Code: elbtypes.LoadBalancerStateEnumActive},
		AvailabilityZones: zones, SecurityGroups: []string{"sg-door"}, CreatedTime: aws.Time(now.AddDate(0, -6, 0)),
	}}
	refuse := elbtypes.Action{Type: elbtypes.ActionTypeEnumFixedResponse, FixedResponseConfig: &elbtypes.FixedResponseActionConfig{StatusCode: aws.String("404")}}
	s.listeners = []elbtypes.Listener{
		{ListenerArn: aws.String(secureARN), Port: aws.Int32(443), Protocol: elbtypes.ProtocolEnumHttps, DefaultActions: []elbtypes.Action{refuse},
			Certificates:         []elbtypes.Certificate{{CertificateArn: aws.String("arn:certificate")}},
			MutualAuthentication: &elbtypes.MutualAuthenticationAttributes{Mode: aws.String("verify"), TrustStoreArn: aws.String(trustARN)}},
		{ListenerArn: aws.String(plainARN), Port: aws.Int32(80), Protocol: elbtypes.ProtocolEnumHttp, DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumRedirect}}},
	}
	s.rules[secureARN] = []elbtypes.Rule{
		{RuleArn: aws.String(hostRuleARN), Actions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: aws.String(targetsARN)}},
			Conditions: []elbtypes.RuleCondition{{Field: aws.String("host-header"), HostHeaderConfig: &elbtypes.HostHeaderConditionConfig{Values: []string{"acme.taskflow.example"}}}}},
		{RuleArn: aws.String(secureARN + "/default"), IsDefault: aws.Bool(true), Actions: []elbtypes.Action{refuse}},
	}
	s.groups = []elbtypes.TargetGroup{{
		TargetGroupArn: aws.String(targetsARN), VpcId: aws.String("vpc-1"), Protocol: elbtypes.ProtocolEnumHttps, HealthCheckEnabled: aws.Bool(true), HealthCheckPath: aws.String("/healthz"),
		HealthCheckIntervalSeconds: aws.Int32(10), HealthCheckTimeoutSeconds: aws.Int32(5), HealthyThresholdCount: aws.Int32(2), UnhealthyThresholdCount: aws.Int32(3),
		HealthCheckProtocol: elbtypes.ProtocolEnumHttps, HealthCheckPort: aws.String("traffic-port"), Matcher: &elbtypes.Matcher{HttpCode: aws.String("200")},
	}}
	s.trust = []elbtypes.TrustStore{{TrustStoreArn: aws.String(trustARN), Status: elbtypes.TrustStoreStatusActive, NumberOfCaCertificates: aws.Int32(1)}}
	rule := func(list string, port int32) ec2types.IpPermission {
		return ec2types.IpPermission{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(port), ToPort: aws.Int32(port), PrefixListIds: []ec2types.PrefixListId{{PrefixListId: aws.String(list)}}}
	}
	s.firewalls = []ec2types.SecurityGroup{
		{GroupId: aws.String("sg-door"), IpPermissions: []ec2types.IpPermission{rule("pl-4", 443), rule("pl-6", 443), rule("pl-4", 80), rule("pl-6", 80)}},
		{GroupId: aws.String("sg-machines"), IpPermissions: []ec2types.IpPermission{{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(8443), ToPort: aws.Int32(8443),
			UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: aws.String("sg-door")}}}}},
		{GroupId: aws.String("sg-default"), GroupName: aws.String("default"), IpPermissions: []ec2types.IpPermission{{IpProtocol: aws.String("-1"),
			UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: aws.String("sg-default")}}}}}, // AWS's own, of the VPC that nobody uses
	}
	block := &waftypes.RuleAction{Block: &waftypes.BlockAction{CustomResponse: &waftypes.CustomResponse{ResponseCode: aws.Int32(429)}}}
	rules := []waftypes.Rule{{Name: aws.String("rate"), Priority: 0, Action: block, Statement: &waftypes.Statement{RateBasedStatement: &waftypes.RateBasedStatement{
		Limit: aws.Int64(600), EvaluationWindowSec: 60, AggregateKeyType: waftypes.RateBasedStatementAggregateKeyTypeForwardedIp,
		ForwardedIPConfig: &waftypes.ForwardedIPConfig{HeaderName: aws.String("CF-Connecting-IP"), FallbackBehavior: waftypes.FallbackBehaviorMatch}}}}}
	for i, name := range []string{"AmazonIpReputationList", "CommonRuleSet", "KnownBadInputsRuleSet", "SQLiRuleSet", "LinuxRuleSet"} {
		one := waftypes.Rule{Name: aws.String(name), Priority: int32(i + 1), OverrideAction: &waftypes.OverrideAction{None: &waftypes.NoneAction{}},
			Statement: &waftypes.Statement{ManagedRuleGroupStatement: &waftypes.ManagedRuleGroupStatement{Name: aws.String("AWSManagedRules" + name), VendorName: aws.String("AWS")}}}
		if i == 0 {
			one.OverrideAction = &waftypes.OverrideAction{Count: &waftypes.CountAction{}}
		}
		rules = append(rules, one)
	}
	rules = append(rules, waftypes.Rule{Name: aws.String("host"), Priority: 9, Action: &waftypes.RuleAction{Allow: &waftypes.AllowAction{}}, Statement: &waftypes.Statement{
		ByteMatchStatement: &waftypes.ByteMatchStatement{SearchString: []byte("acme.taskflow.example"), PositionalConstraint: waftypes.PositionalConstraintExactly,
			FieldToMatch: &waftypes.FieldToMatch{SingleHeader: &waftypes.SingleHeader{Name: aws.String("host")}}}}})
	s.acl = &waftypes.WebACL{ARN: aws.String(firewallARN), Name: aws.String("acme-production"), Id: aws.String("a1b2"), Rules: rules, DefaultAction: &waftypes.DefaultAction{Block: &waftypes.BlockAction{}},
		VisibilityConfig: &waftypes.VisibilityConfig{MetricName: aws.String("acme-production"), CloudWatchMetricsEnabled: true}}
	header := func(name string) waftypes.FieldToMatch {
		return waftypes.FieldToMatch{SingleHeader: &waftypes.SingleHeader{Name: aws.String(name)}}
	}
	s.aclLogs = []waftypes.LoggingConfiguration{{ResourceArn: aws.String(firewallARN), LogDestinationConfigs: []string{"arn:aws:logs:eu-west-2:123456789012:log-group:aws-waf-logs-acme"},
		RedactedFields: []waftypes.FieldToMatch{header("authorization"), header("cookie")}}}
}

func (s *site) behind() {
	version := &asgtypes.LaunchTemplateSpecification{LaunchTemplateId: aws.String(templateID), Version: aws.String("7")}
	var instances []asgtypes.Instance
	for _, zone := range []string{"a", "b", "c"} {
		name, id := "eu-west-2"+zone, "i-"+zone
		instances = append(instances, asgtypes.Instance{InstanceId: aws.String(id), AvailabilityZone: aws.String(name), LifecycleState: asgtypes.LifecycleStateInService,
			HealthStatus: aws.String("Healthy"), LaunchTemplate: version})
		s.machines = append(s.machines, ec2types.Instance{InstanceId: aws.String(id), ImageId: aws.String("ami-0a1b2c3d4e5f60718"), InstanceType: "t3.medium",
			State: &ec2types.InstanceState{Name: ec2types.InstanceStateNameRunning}, LaunchTime: aws.Time(now.AddDate(0, 0, -9)), SecurityGroups: []ec2types.GroupIdentifier{{GroupId: aws.String("sg-machines")}}})
		s.health = append(s.health, elbtypes.TargetHealthDescription{Target: &elbtypes.TargetDescription{Id: aws.String(id)}, TargetHealth: &elbtypes.TargetHealth{State: elbtypes.TargetHealthStateEnumHealthy}})
		for _, kind := range []string{"public", "private"} {
			s.subnets = append(s.subnets, ec2types.Subnet{SubnetId: aws.String("subnet-" + kind + "-" + zone), AvailabilityZone: aws.String(name)})
		}
		s.tables = append(s.tables, ec2types.RouteTable{VpcId: aws.String("vpc-1"), Associations: []ec2types.RouteTableAssociation{{SubnetId: aws.String("subnet-private-" + zone)}},
			Routes: []ec2types.Route{{DestinationCidrBlock: aws.String("0.0.0.0/0"), NatGatewayId: aws.String("nat-" + zone), State: ec2types.RouteStateActive}}})
		s.gateways = append(s.gateways, ec2types.NatGateway{NatGatewayId: aws.String("nat-" + zone), SubnetId: aws.String("subnet-public-" + zone), State: ec2types.NatGatewayStateAvailable,
			NatGatewayAddresses: []ec2types.NatGatewayAddress{{PublicIp: aws.String("198.51.100.7")}}})
	}
	s.tables = append(s.tables, ec2types.RouteTable{VpcId: aws.String("vpc-1"), Associations: []ec2types.RouteTableAssociation{
		{SubnetId: aws.String("subnet-public-a")}, {SubnetId: aws.String("subnet-public-b")}, {SubnetId: aws.String("subnet-public-c")}},
		Routes: []ec2types.Route{{DestinationCidrBlock: aws.String("0.0.0.0/0"), GatewayId: aws.String("igw-1"), State: ec2types.RouteStateActive}}})
	private := []string{"subnet-private-a", "subnet-private-b", "subnet-private-c"}
	for _, service := range append(slices.Clone(bootServices), "s3") {
		e := ec2types.VpcEndpoint{VpcEndpointId: aws.String("vpce-" + service), ServiceName: aws.String("com.amazonaws.eu-west-2." + service), VpcId: aws.String("vpc-1"), State: ec2types.StateAvailable}
		if service == "s3" {
			e.VpcEndpointType = ec2types.VpcEndpointTypeGateway
		} else {
			e.VpcEndpointType, e.PrivateDnsEnabled, e.SubnetIds = ec2types.VpcEndpointTypeInterface, aws.Bool(true), private
		}
		s.endpoints = append(s.endpoints, e)
	}
	s.fleets = []asgtypes.AutoScalingGroup{{
		AutoScalingGroupName: aws.String(fleetName), MinSize: aws.Int32(3), MaxSize: aws.Int32(9), DesiredCapacity: aws.Int32(3), HealthCheckType: aws.String("ELB"), HealthCheckGracePeriod: aws.Int32(300),
		TargetGroupARNs: []string{targetsARN}, VPCZoneIdentifier: aws.String(strings.Join(private, ",")), Instances: instances, LaunchTemplate: version, CreatedTime: aws.Time(now.AddDate(0, -6, 0)),
		InstanceMaintenancePolicy: &asgtypes.InstanceMaintenancePolicy{MinHealthyPercentage: aws.Int32(100)},
	}}
	tracking := func(name string, metric asgtypes.MetricType, target float64, label *string) asgtypes.ScalingPolicy {
		return asgtypes.ScalingPolicy{PolicyARN: aws.String("policy-" + name), AutoScalingGroupName: aws.String(fleetName), TargetTrackingConfiguration: &asgtypes.TargetTrackingConfiguration{
			TargetValue: aws.Float64(target), PredefinedMetricSpecification: &asgtypes.PredefinedMetricSpecification{PredefinedMetricType: metric, ResourceLabel: label}}}
	}
	s.policies = []asgtypes.ScalingPolicy{tracking("cpu", asgtypes.MetricTypeASGAverageCPUUtilization, 60, nil),
		tracking("requests", asgtypes.MetricTypeALBRequestCountPerTarget, 1500, aws.String(doorMetric+"/targetgroup/acme-production-8443/73e2d6bc24d8a067"))}
	s.versions = []ec2types.LaunchTemplateVersion{
		{LaunchTemplateId: aws.String(templateID), VersionNumber: aws.Int64(6)}, {LaunchTemplateId: aws.String(templateID), VersionNumber: aws.Int64(7), DefaultVersion: aws.Bool(true)}}
}

func (s *site) data() {
	var subnets []rdstypes.Subnet
	var cacheSubnets []cachetypes.Subnet
	for _, zone := range []string{"eu-west-2a", "eu-west-2b", "eu-west-2c"} {
		subnets = append(subnets, rdstypes.Subnet{SubnetAvailabilityZone: &rdstypes.AvailabilityZone{Name: aws.String(zone)}, SubnetStatus: aws.String("Active")})
		cacheSubnets = append(cacheSubnets, cachetypes.Subnet{SubnetAvailabilityZone: &cachetypes.AvailabilityZone{Name: aws.String(zone)}})
	}
	group := rdstypes.DBSubnetGroup{DBSubnetGroupName: aws.String("acme-production"), Subnets: subnets}
	s.dbGroups = []rdstypes.DBSubnetGroup{group}
	member := func(id, zone string) rdstypes.DBInstance {
		return rdstypes.DBInstance{DBInstanceIdentifier: aws.String(id), DBInstanceArn: aws.String("arn:aws:rds:eu-west-2:123456789012:db:" + id), DBClusterIdentifier: aws.String("acme-production-documents"),
			Engine: aws.String("docdb"), DBInstanceStatus: aws.String("available"), AvailabilityZone: aws.String(zone)}
	}
	s.databases = []rdstypes.DBInstance{
		{DBInstanceIdentifier: aws.String("acme-production"), DBInstanceArn: aws.String(databaseARN), Engine: aws.String("postgres"), DBInstanceStatus: aws.String("available"), MultiAZ: aws.Bool(true),
			AvailabilityZone: aws.String("eu-west-2a"), SecondaryAvailabilityZone: aws.String("eu-west-2b"), DBSubnetGroup: &group, AllocatedStorage: aws.Int32(80), InstanceCreateTime: aws.Time(now.AddDate(0, -6, 0))},
		member("documents-1", "eu-west-2a"), member("documents-2", "eu-west-2c"),
	}
	s.clusters = []rdstypes.DBCluster{{DBClusterIdentifier: aws.String("acme-production-documents"), DBClusterArn: aws.String(documentsARN), Engine: aws.String("docdb"), Status: aws.String("available"),
		DBSubnetGroup: aws.String("acme-production"), DBClusterMembers: []rdstypes.DBClusterMember{{DBInstanceIdentifier: aws.String("documents-1")}, {DBInstanceIdentifier: aws.String("documents-2")}}}}
	s.dbEvents = []rdstypes.EventSubscription{
		{SourceType: aws.String("db-instance"), SourceIdsList: []string{"acme-production"}, Enabled: aws.Bool(true), SnsTopicArn: aws.String(topicIn("eu-west-2")),
			EventCategoriesList: []string{"availability", "configuration change", "failover", "failure", "low storage", "maintenance", "notification"}},
		{SourceType: aws.String("db-cluster"), SourceIdsList: []string{"acme-production-documents"}, Enabled: aws.Bool(true), SnsTopicArn: aws.String(topicIn("eu-west-2"))},
	}
	s.caches = []cachetypes.ReplicationGroup{{ReplicationGroupId: aws.String("acme-production"), ARN: aws.String(cacheARN), Status: aws.String("available"), MemberClusters: []string{"acme-production-001", "acme-production-002"},
		AutomaticFailover: cachetypes.AutomaticFailoverStatusEnabled, MultiAZ: cachetypes.MultiAZStatusEnabled}}
	for i, zone := range []string{"eu-west-2a", "eu-west-2b"} {
		s.nodes = append(s.nodes, cachetypes.CacheCluster{CacheClusterId: aws.String(fmt.Sprintf("acme-production-%03d", i+1)), ReplicationGroupId: aws.String("acme-production"),
			PreferredAvailabilityZone: aws.String(zone), CacheSubnetGroupName: aws.String("acme-production"), ARN: aws.String("arn:node")})
	}
	s.cacheGroups = []cachetypes.CacheSubnetGroup{{CacheSubnetGroupName: aws.String("acme-production"), Subnets: cacheSubnets}}
}

// alarm adds an alarm on one metric to the site's, with the dimensions as name and value by turns.
func (s *site) alarm(region, name, namespace, metric, statistic, comparison string, threshold float64, period, points, periods int32, missing string, dimensions ...string) {
	a := cwtypes.MetricAlarm{AlarmName: aws.String("acme-production-" + name), AlarmArn: aws.String(alarmNamed(region, name)), Namespace: aws.String(namespace), MetricName: aws.String(metric),
		ComparisonOperator: cwtypes.ComparisonOperator(comparison + "Threshold"), Threshold: aws.Float64(threshold), Period: aws.Int32(period), EvaluationPeriods: aws.Int32(periods),
		TreatMissingData: aws.String(missing), ActionsEnabled: aws.Bool(true), AlarmActions: []string{topicIn(region)}, StateValue: cwtypes.StateValueOk, StateUpdatedTimestamp: aws.Time(now.AddDate(0, -1, 0))}
	if points > 0 {
		a.DatapointsToAlarm = aws.Int32(points)
	}
	if strings.HasPrefix(statistic, "p") {
		a.ExtendedStatistic = aws.String(statistic)
	} else {
		a.Statistic = cwtypes.Statistic(statistic)
	}
	for i := 0; i < len(dimensions); i += 2 {
		a.Dimensions = append(a.Dimensions, cwtypes.Dimension{Name: aws.String(dimensions[i]), Value: aws.String(dimensions[i+1])})
	}
	s.alarms[region] = append(s.alarms[region], a)
}

func (s *site) watched() {
	const home, above, below = "eu-west-2", "GreaterThan", "LessThan"
	lb, tg := []string{"LoadBalancer", doorMetric}, []string{"LoadBalancer", doorMetric, "TargetGroup", "targetgroup/acme-production-8443/73e2d6bc24d8a067"}
	asg := []string{"AutoScalingGroupName", fleetName}
	query := func(id, name string) cwtypes.MetricDataQuery {
		return cwtypes.MetricDataQuery{Id: aws.String(id), MetricStat: &cwtypes.MetricStat{Period: aws.Int32(60), Stat: aws.String("Sum"), Metric: &cwtypes.Metric{
			Namespace: aws.String("AWS/ApplicationELB"), MetricName: aws.String(name), Dimensions: []cwtypes.Dimension{{Name: aws.String("LoadBalancer"), Value: aws.String(doorMetric)}}}}}
	}
	s.alarm(home, "error-rate", "", "", "", above, 5, 0, 3, 5, "notBreaching")
	rate := &s.alarms[home][0]
	rate.Period, rate.Metrics = nil, []cwtypes.MetricDataQuery{query("whole", "RequestCount"), query("part1", "HTTPCode_ELB_5XX_Count"), query("part2", "HTTPCode_Target_5XX_Count")}
	const elbMetrics, ec2Metrics = "AWS/ApplicationELB", "AWS/EC2"
	s.alarm(home, "no-healthy-machine", elbMetrics, "HealthyHostCount", "Maximum", below, 1, 60, 0, 2, "breaching", tg...)
	s.alarm(home, "few-healthy-machines", elbMetrics, "HealthyHostCount", "Minimum", below, 3, 60, 10, 15, "breaching", tg...)
	s.alarm(home, "unhealthy-machines", elbMetrics, "UnHealthyHostCount", "Maximum", above, 0, 60, 0, 5, "notBreaching", tg...)
	s.alarm(home, "service-errors", elbMetrics, "HTTPCode_Target_5XX_Count", "Sum", above, 25, 300, 0, 1, "notBreaching", tg...)
	s.alarm(home, "latency", elbMetrics, "TargetResponseTime", "p95", above, 2, 60, 5, 10, "notBreaching", tg...)
	s.alarm(home, "refused-connections", elbMetrics, "TargetConnectionErrorCount", "Sum", above, 10, 300, 0, 1, "notBreaching", lb...)
	s.alarm(home, "machines-cpu", ec2Metrics, "CPUUtilization", "Average", above, 80, 300, 0, 3, "notBreaching", asg...)
	s.alarm(home, "machines-status", ec2Metrics, "StatusCheckFailed", "Maximum", above, 0, 60, 0, 5, "notBreaching", asg...)
	s.alarm(home, "logged-errors", "Berth", "acme-production-logged-errors", "Sum", above, 10, 300, 0, 2, "notBreaching")
	s.alarm(home, "firewall-blocked", "AWS/WAFV2", "BlockedRequests", "Sum", above, 1000, 300, 0, 1, "notBreaching", "WebACL", "acme-production", "Region", home, "Rule", "ALL")
	for _, zone := range []string{"a", "b", "c"} {
		s.alarm(home, "nat-"+zone, "AWS/NATGateway", "ErrorPortAllocation", "Sum", above, 0, 300, 0, 1, "notBreaching", "NatGatewayId", "nat-"+zone)
	}
	for _, d := range []struct {
		name, metric, statistic, comparison string
		threshold                           float64
		periods                             int32
		missing                             string
	}{
		{"cpu", "CPUUtilization", "Average", above, 80, 3, "breaching"}, {"storage", "FreeStorageSpace", "Minimum", below, 50 * gibi / 10, 1, "missing"},
		{"memory", "FreeableMemory", "Minimum", below, 256 * mebi, 3, "missing"}, {"write-latency", "WriteLatency", "Average", above, 0.05, 3, "notBreaching"},
		{"read-latency", "ReadLatency", "Average", above, 0.05, 3, "notBreaching"},
	} {
		s.alarm(home, "database-"+d.name, "AWS/RDS", d.metric, d.statistic, d.comparison, d.threshold, 300, 0, d.periods, d.missing, "DBInstanceIdentifier", "acme-production")
	}
	s.alarm(home, "documents-cpu", "AWS/DocDB", "CPUUtilization", "Average", above, 80, 300, 0, 3, "missing", "DBClusterIdentifier", "acme-production-documents")
	s.alarm(home, "documents-memory", "AWS/DocDB", "FreeableMemory", "Minimum", below, 256*mebi, 300, 0, 3, "missing", "DBClusterIdentifier", "acme-production-documents")
	for _, node := range []string{"acme-production-001", "acme-production-002"} {
		s.alarm(home, node+"-cpu", "AWS/ElastiCache", "EngineCPUUtilization", "Average", above, 80, 300, 0, 2, "missing", "CacheClusterId", node)
		s.alarm(home, node+"-memory", "AWS/ElastiCache", "DatabaseMemoryUsagePercentage", "Maximum", above, 85, 300, 0, 2, "missing", "CacheClusterId", node)
		s.alarm(home, node+"-evictions", "AWS/ElastiCache", "Evictions", "Sum", above, 100, 300, 0, 2, "missing", "CacheClusterId", node)
	}
	s.alarm(home, "trail-root", "CloudTrail", "RootUsage", "Sum", above, 0, 300, 0, 1, "notBreaching")
	s.alarm(home, "backup-failed", "AWS/Backup", "NumberOfBackupJobsFailed", "Sum", above, 0, 3600, 0, 1, "notBreaching")
	s.alarm("us-east-1", "outside", "AWS/Route53", "HealthCheckStatus", "Minimum", below, 1, 60, 0, 2, "breaching", "HealthCheckId", probeID)
	s.alarm("us-east-1", "outside-slow", "AWS/Route53", "TimeToFirstByte", "Average", above, 3000, 300, 0, 3, "missing", "HealthCheckId", probeID)
	s.alarms[home] = append(s.alarms[home], cwtypes.MetricAlarm{AlarmName: aws.String("TargetTracking-high"), AlarmArn: aws.String("arn:tracking"), Namespace: aws.String(ec2Metrics), MetricName: aws.String("CPUUtilization"),
		ActionsEnabled: aws.Bool(true), AlarmActions: []string{"arn:aws:autoscaling:eu-west-2:123456789012:scalingPolicy:x"}}) // AWS's own, of the scaling policy
	s.composite = []cwtypes.CompositeAlarm{{AlarmName: aws.String("acme-production-service-down"), AlarmArn: aws.String(alarmNamed(home, "service-down")), ActionsEnabled: aws.Bool(true),
		AlarmActions: []string{topicIn(home)}, AlarmRule: aws.String(`ALARM("acme-production-error-rate") OR ALARM("acme-production-no-healthy-machine")`)}}
	s.filters = []logtypes.MetricFilter{{LogGroupName: aws.String("/berth/acme/production/service"), FilterPattern: aws.String(`{ $.level = "ERROR" }`),
		MetricTransformations: []logtypes.MetricTransformation{{MetricNamespace: aws.String("Berth"), MetricName: aws.String("acme-production-logged-errors"), MetricValue: aws.String("1")}}}}
	s.probes = []route53types.HealthCheck{{Id: aws.String(probeID), HealthCheckConfig: &route53types.HealthCheckConfig{
		Type: route53types.HealthCheckTypeHttps, FullyQualifiedDomainName: aws.String("acme.taskflow.example"), Port: aws.Int32(443), ResourcePath: aws.String("/healthz"), EnableSNI: aws.Bool(true),
		RequestInterval: aws.Int32(30), FailureThreshold: aws.Int32(2), MeasureLatency: aws.Bool(true), Regions: []route53types.HealthCheckRegion{"eu-west-1", "us-east-1", "us-west-2", "ap-southeast-1"}}}}
	for _, region := range []string{home, "eu-west-1", "us-east-1"} {
		s.topics[region] = map[string]string{"KmsMasterKeyId": "arn:aws:kms:" + region + ":123456789012:key/1", "Policy": `{"Statement":[
			{"Sid":"DenyPlainHTTP","Effect":"Deny","Principal":"*","Action":"sns:Publish","Resource":"` + topicIn(region) + `","Condition":{"Bool":{"aws:SecureTransport":"false"}}},
			{"Sid":"Alarms","Effect":"Allow","Principal":{"Service":"cloudwatch.amazonaws.com"},"Action":"sns:Publish","Resource":"` + topicIn(region) + `","Condition":{"StringEquals":{"aws:SourceAccount":"123456789012"}}}]}`}
		s.subscribed[region] = []snstypes.Subscription{
			{SubscriptionArn: aws.String(topicIn(region) + ":mail"), Protocol: aws.String("email"), Endpoint: aws.String("operations@northwind.example")},
			{SubscriptionArn: aws.String(topicIn(region) + ":phone"), Protocol: aws.String("sms"), Endpoint: aws.String("+442079460123")},
		}
	}
	s.told = topicIn(home)
	for name, pattern := range map[string]string{
		"machines": `{"source":["aws.autoscaling"],"detail-type":["EC2 Instance Launch Unsuccessful","EC2 Instance Terminate Unsuccessful","EC2 Auto Scaling Instance Refresh Failed","EC2 Auto Scaling Instance Refresh Cancelled"],"detail":{"AutoScalingGroupName":["acme-production-service"]}}`,
		"health":   `{"source":["aws.health"],"detail-type":["AWS Health Event"],"detail":{"eventTypeCategory":["issue","scheduledChange","investigation"]}}`,
		"keys": `{"source":["aws.kms"],"detail-type":["AWS API Call via CloudTrail"],"detail":{"eventSource":["kms.amazonaws.com"],` +
			`"eventName":["DisableKey","DisableKeyRotation","PutKeyPolicy","ScheduleKeyDeletion","DeleteImportedKeyMaterial"]}}`,
		"certificate": `{"source":["aws.acm"],"detail-type":["ACM Certificate Approaching Expiration","ACM Certificate Expired","ACM Certificate Renewal Action Required"],"resources":["arn:certificate"]}`,
		"other":       `{"source":[{"prefix":"aws."}]}`,
	} {
		s.events = append(s.events, eventtypes.Rule{Name: aws.String(name), Arn: aws.String("rule/" + name), State: eventtypes.RuleStateEnabled, EventPattern: aws.String(pattern)})
	}
	slices.SortFunc(s.events, func(a, b eventtypes.Rule) int { return strings.Compare(*a.Name, *b.Name) })
	s.channels = []chatbottypes.SlackChannelConfiguration{{ChatConfigurationArn: aws.String("arn:aws:chatbot::123456789012:chat-configuration/slack-channel/acme"), SlackTeamId: aws.String("T0123ABCD"),
		SlackChannelId: aws.String("C0456EFGH"), State: aws.String("ENABLED"), SnsTopicArns: []string{topicIn(home), topicIn("eu-west-1"), topicIn("us-east-1")}}}
}

// answers are what the site's services answer.
func (s *site) answers() answers {
	tags := []snstypes.Tag{{Key: aws.String("stack"), Value: aws.String("prod")}, {Key: aws.String("managed-by"), Value: aws.String("berth")}}
	var described []elbtypes.TagDescription
	for _, b := range s.balancers {
		described = append(described, elbtypes.TagDescription{ResourceArn: b.LoadBalancerArn, Tags: s.tags})
	}
	return answers{
		"ElasticLoadBalancingv2:DescribeLoadBalancers": &elb.DescribeLoadBalancersOutput{LoadBalancers: s.balancers},
		"ElasticLoadBalancingv2:DescribeTags":          &elb.DescribeTagsOutput{TagDescriptions: described},
		"ElasticLoadBalancingv2:DescribeLoadBalancerAttributes": &elb.DescribeLoadBalancerAttributesOutput{Attributes: []elbtypes.LoadBalancerAttribute{
			{Key: aws.String("waf.fail_open.enabled"), Value: aws.String(s.failOpen)}}},
		"ElasticLoadBalancingv2:DescribeListeners": &elb.DescribeListenersOutput{Listeners: s.listeners},
		"ElasticLoadBalancingv2:DescribeRules": func(_ string, in any) (any, error) {
			return &elb.DescribeRulesOutput{Rules: s.rules[*in.(*elb.DescribeRulesInput).ListenerArn]}, nil
		},
		"ElasticLoadBalancingv2:DescribeTargetGroups": &elb.DescribeTargetGroupsOutput{TargetGroups: s.groups},
		"ElasticLoadBalancingv2:DescribeTargetHealth": &elb.DescribeTargetHealthOutput{TargetHealthDescriptions: s.health},
		"ElasticLoadBalancingv2:DescribeTrustStores":  &elb.DescribeTrustStoresOutput{TrustStores: s.trust},
		"AutoScaling:DescribeAutoScalingGroups":       &autoscaling.DescribeAutoScalingGroupsOutput{AutoScalingGroups: s.fleets},
		"AutoScaling:DescribePolicies":                &autoscaling.DescribePoliciesOutput{ScalingPolicies: s.policies},
		"AutoScaling:DescribeInstanceRefreshes":       &autoscaling.DescribeInstanceRefreshesOutput{InstanceRefreshes: s.refreshes},
		"EC2:DescribeInstances":                       &ec2.DescribeInstancesOutput{Reservations: []ec2types.Reservation{{Instances: s.machines}}},
		"EC2:DescribeSubnets":                         &ec2.DescribeSubnetsOutput{Subnets: s.subnets},
		"EC2:DescribeRouteTables":                     &ec2.DescribeRouteTablesOutput{RouteTables: s.tables},
		"EC2:DescribeNatGateways":                     &ec2.DescribeNatGatewaysOutput{NatGateways: s.gateways},
		"EC2:DescribeVpcEndpoints":                    &ec2.DescribeVpcEndpointsOutput{VpcEndpoints: s.endpoints},
		"EC2:DescribeLaunchTemplates":                 &ec2.DescribeLaunchTemplatesOutput{LaunchTemplates: []ec2types.LaunchTemplate{{LaunchTemplateId: aws.String(templateID)}}},
		"EC2:DescribeLaunchTemplateVersions":          &ec2.DescribeLaunchTemplateVersionsOutput{LaunchTemplateVersions: s.versions},
		"EC2:DescribeSecurityGroups":                  &ec2.DescribeSecurityGroupsOutput{SecurityGroups: s.firewalls},
		"EC2:DescribeManagedPrefixLists": &ec2.DescribeManagedPrefixListsOutput{PrefixLists: []ec2types.ManagedPrefixList{
			{PrefixListId: aws.String("pl-4"), AddressFamily: aws.String("IPv4")}, {PrefixListId: aws.String("pl-6"), AddressFamily: aws.String("IPv6")}}},
		"EC2:GetManagedPrefixListEntries": func(_ string, in any) (any, error) {
			out := &ec2.GetManagedPrefixListEntriesOutput{}
			for _, cidr := range s.ranges[*in.(*ec2.GetManagedPrefixListEntriesInput).PrefixListId] {
				out.Entries = append(out.Entries, ec2types.PrefixListEntry{Cidr: aws.String(cidr)})
			}
			return out, nil
		},
		"RDS:DescribeDBInstances":               &rds.DescribeDBInstancesOutput{DBInstances: s.databases},
		"RDS:DescribeDBClusters":                &rds.DescribeDBClustersOutput{DBClusters: s.clusters},
		"RDS:DescribeDBSubnetGroups":            &rds.DescribeDBSubnetGroupsOutput{DBSubnetGroups: s.dbGroups},
		"RDS:DescribeEventSubscriptions":        &rds.DescribeEventSubscriptionsOutput{EventSubscriptionsList: s.dbEvents},
		"ElastiCache:DescribeReplicationGroups": &elasticache.DescribeReplicationGroupsOutput{ReplicationGroups: s.caches},
		"ElastiCache:DescribeCacheClusters":     &elasticache.DescribeCacheClustersOutput{CacheClusters: s.nodes},
		"ElastiCache:DescribeCacheSubnetGroups": &elasticache.DescribeCacheSubnetGroupsOutput{CacheSubnetGroups: s.cacheGroups},
		"WAFV2:GetWebACLForResource":            &wafv2.GetWebACLForResourceOutput{WebACL: s.acl},
		"WAFV2:GetWebACL":                       &wafv2.GetWebACLOutput{WebACL: s.acl},
		"WAFV2:ListLoggingConfigurations":       &wafv2.ListLoggingConfigurationsOutput{LoggingConfigurations: s.aclLogs},
		"Route53:ListHealthChecks":              &route53.ListHealthChecksOutput{HealthChecks: s.probes},
		"CloudWatch:GetMetricData":              func(_ string, in any) (any, error) { return s.history.answer(in.(*cloudwatch.GetMetricDataInput)), nil },
		"CloudWatch:DescribeAlarms": func(region string, _ any) (any, error) {
			out := &cloudwatch.DescribeAlarmsOutput{MetricAlarms: s.alarms[region]}
			if region == "eu-west-2" {
				out.CompositeAlarms = s.composite
			}
			return out, nil
		},
		"CloudWatchLogs:DescribeMetricFilters": &cloudwatchlogs.DescribeMetricFiltersOutput{MetricFilters: s.filters},
		"EventBridge:ListRules":                &eventbridge.ListRulesOutput{Rules: s.events},
		"EventBridge:ListTargetsByRule":        &eventbridge.ListTargetsByRuleOutput{Targets: []eventtypes.Target{{Arn: aws.String(s.told)}}},
		"SNS:ListTopics": func(region string, _ any) (any, error) {
			if s.topics[region] == nil {
				return &sns.ListTopicsOutput{}, nil
			}
			return &sns.ListTopicsOutput{Topics: []snstypes.Topic{{TopicArn: aws.String(topicIn(region))}}}, nil
		},
		"SNS:GetTopicAttributes": func(region string, _ any) (any, error) {
			return &sns.GetTopicAttributesOutput{Attributes: s.topics[region]}, nil
		},
		"SNS:ListTagsForResource": &sns.ListTagsForResourceOutput{Tags: tags},
		"SNS:ListSubscriptionsByTopic": func(region string, _ any) (any, error) {
			return &sns.ListSubscriptionsByTopicOutput{Subscriptions: s.subscribed[region]}, nil
		},
		"SNS:GetSubscriptionAttributes": func(_ string, in any) (any, error) {
			return &sns.GetSubscriptionAttributesOutput{Attributes: map[string]string{"FilterPolicy": s.filtered[*in.(*sns.GetSubscriptionAttributesInput).SubscriptionArn]}}, nil
		},
		"SNS:ListPhoneNumbersOptedOut":               &sns.ListPhoneNumbersOptedOutOutput{PhoneNumbers: s.optedOut},
		"SNS:GetSMSSandboxAccountStatus":             &sns.GetSMSSandboxAccountStatusOutput{IsInSandbox: s.sandbox},
		"SNS:ListSMSSandboxPhoneNumbers":             sandboxed(s.verified),
		"KMS:DescribeKey":                            &kms.DescribeKeyOutput{KeyMetadata: &kmstypes.KeyMetadata{KeyId: aws.String("1"), KeyState: s.keyState}},
		"chatbot:DescribeSlackChannelConfigurations": &chatbot.DescribeSlackChannelConfigurationsOutput{SlackChannelConfigurations: s.channels},
	}
}

func sandboxed(phones []string) *sns.ListSMSSandboxPhoneNumbersOutput {
	out := &sns.ListSMSSandboxPhoneNumbersOutput{}
	for _, phone := range phones {
		out.PhoneNumbers = append(out.PhoneNumbers, snstypes.SMSSandboxPhoneNumber{PhoneNumber: aws.String(phone), Status: snstypes.SMSSandboxPhoneNumberVerificationStatusVerified})
	}
	return out
}
