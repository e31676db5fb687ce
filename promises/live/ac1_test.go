package live

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// fleetAccount is a client's account with two machines behind a load balancer.
type fleetAccount struct {
	*accessFixture
	groups    []ec2types.SecurityGroup
	listener  int32
	fleet     asgtypes.AutoScalingGroup
	refreshes []asgtypes.InstanceRefresh
	versions  []ec2types.LaunchTemplateVersion
	machines  []ec2types.Instance
	pairs     []ec2types.KeyPairInfo
	endpoints []ec2types.VpcEndpoint
	console   bool
	connect   []ec2types.Ec2InstanceConnectEndpoint
	vpns      []ec2types.ClientVpnEndpoint
	agents    []ssmtypes.InstanceInformation
	sessions  []ssmtypes.Session
	manager   string
}

func oursTags(more ...string) []ec2types.Tag {
	tags := []ec2types.Tag{{Key: aws.String("stack"), Value: aws.String("prod")}, {Key: aws.String("managed-by"), Value: aws.String("berth")}}
	for i := 0; i < len(more); i += 2 {
		tags = append(tags, ec2types.Tag{Key: &more[i], Value: &more[i+1]})
	}
	return tags
}

func tcp(from, to int32) ec2types.IpPermission {
	return ec2types.IpPermission{IpProtocol: aws.String("tcp"), FromPort: &from, ToPort: &to, IpRanges: []ec2types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}}
}

const goodBoot = "for unit in sshd.socket sshd.service amazon-ssm-agent.service; do systemctl disable --now $unit; systemctl mask $unit; systemctl is-active $unit; done"

func fleets(t *testing.T) *fleetAccount {
	every := ec2types.IpPermission{IpProtocol: aws.String("-1"), UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: aws.String("sg-default")}}}
	out := ec2types.IpPermission{IpProtocol: aws.String("-1"), IpRanges: []ec2types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}}
	a := &fleetAccount{
		accessFixture: readAccess(t, "prod"), listener: 443,
		groups: []ec2types.SecurityGroup{
			{GroupId: aws.String("sg-1"), Tags: oursTags(), IpPermissions: []ec2types.IpPermission{tcp(8080, 8080)}, IpPermissionsEgress: []ec2types.IpPermission{tcp(443, 443)}},
			{GroupId: aws.String("sg-default"), GroupName: aws.String("default"), IpPermissions: []ec2types.IpPermission{every}, IpPermissionsEgress: []ec2types.IpPermission{out}},
			{GroupId: aws.String("sg-other"), GroupName: aws.String("unused"), IpPermissionsEgress: []ec2types.IpPermission{out}},
		},
		versions:  []ec2types.LaunchTemplateVersion{{LaunchTemplateId: aws.String("lt-1"), VersionNumber: aws.Int64(1), DefaultVersion: aws.Bool(true)}, {LaunchTemplateId: aws.String("lt-1"), VersionNumber: aws.Int64(2)}},
		endpoints: []ec2types.VpcEndpoint{{VpcEndpointId: aws.String("vpce-1"), ServiceName: aws.String("com.amazonaws.eu-west-2.logs")}},
	}
	for i := range a.versions {
		a.versions[i].LaunchTemplateData = &ec2types.ResponseLaunchTemplateData{InstanceInitiatedShutdownBehavior: ec2types.ShutdownBehaviorTerminate, UserData: aws.String(base64.StdEncoding.EncodeToString([]byte(goodBoot))),
			MetadataOptions: &ec2types.LaunchTemplateInstanceMetadataOptions{HttpTokens: ec2types.LaunchTemplateHttpTokensStateRequired, HttpPutResponseHopLimit: aws.Int32(1)}}
	}
	a.fleet = asgtypes.AutoScalingGroup{AutoScalingGroupName: aws.String("fleet"), MaxInstanceLifetime: aws.Int32(30 * 86400), TargetGroupARNs: []string{"tg"},
		LaunchTemplate: &asgtypes.LaunchTemplateSpecification{LaunchTemplateId: aws.String("lt-1"), Version: aws.String("2")}}
	for _, id := range []string{"i-1", "i-2"} {
		a.fleet.Instances = append(a.fleet.Instances, asgtypes.Instance{InstanceId: &id, LifecycleState: asgtypes.LifecycleStateInService, LaunchTemplate: &asgtypes.LaunchTemplateSpecification{LaunchTemplateId: aws.String("lt-1"), Version: aws.String("2")}})
		a.machines = append(a.machines, ec2types.Instance{InstanceId: &id, VpcId: aws.String("vpc-1"), LaunchTime: aws.Time(now.AddDate(0, 0, -29)), Tags: oursTags("aws:autoscaling:groupName", "fleet"),
			SecurityGroups: []ec2types.GroupIdentifier{{GroupId: aws.String("sg-1")}}, State: &ec2types.InstanceState{Name: ec2types.InstanceStateNameRunning},
			MetadataOptions: &ec2types.InstanceMetadataOptionsResponse{HttpTokens: ec2types.HttpTokensStateRequired, HttpPutResponseHopLimit: aws.Int32(1)}})
	}
	return a
}

func (f *fleetAccount) answers() answers {
	home := func(region string, out, none any) (any, error) {
		if region == "eu-west-2" {
			return out, nil
		}
		return none, nil
	}
	return f.accessFixture.answers().with(answers{
		"EC2:DescribeSecurityGroups": func(region string, in any) (any, error) { // of two pages
			if in.(*ec2.DescribeSecurityGroupsInput).NextToken == nil {
				return home(region, &ec2.DescribeSecurityGroupsOutput{SecurityGroups: f.groups[:1], NextToken: aws.String("more")}, &ec2.DescribeSecurityGroupsOutput{})
			}
			return &ec2.DescribeSecurityGroupsOutput{SecurityGroups: f.groups[1:]}, nil
		},
		"EC2:DescribeInstances": func(region string, _ any) (any, error) {
			return home(region, &ec2.DescribeInstancesOutput{Reservations: []ec2types.Reservation{{Instances: f.machines}}}, &ec2.DescribeInstancesOutput{})
		},
		"ElasticLoadBalancingv2:DescribeLoadBalancers": func(region string, _ any) (any, error) {
			return home(region, &elb.DescribeLoadBalancersOutput{LoadBalancers: []elbtypes.LoadBalancer{{LoadBalancerArn: aws.String("lb"), Type: elbtypes.LoadBalancerTypeEnumApplication}}}, &elb.DescribeLoadBalancersOutput{})
		},
		"ElasticLoadBalancingv2:DescribeTags":                   &elb.DescribeTagsOutput{},
		"ElasticLoadBalancingv2:DescribeLoadBalancerAttributes": &elb.DescribeLoadBalancerAttributesOutput{},
		"ElasticLoadBalancingv2:DescribeListeners":              &elb.DescribeListenersOutput{Listeners: []elbtypes.Listener{{ListenerArn: aws.String("listener"), Port: &f.listener}}},
		"ElasticLoadBalancingv2:DescribeRules":                  &elb.DescribeRulesOutput{},
		"ElasticLoadBalancingv2:DescribeTargetGroups":           &elb.DescribeTargetGroupsOutput{TargetGroups: []elbtypes.TargetGroup{{TargetGroupArn: aws.String("tg"), Protocol: elbtypes.ProtocolEnumHttp}}},
		"AutoScaling:DescribeAutoScalingGroups": func(region string, _ any) (any, error) {
			return home(region, &autoscaling.DescribeAutoScalingGroupsOutput{AutoScalingGroups: []asgtypes.AutoScalingGroup{f.fleet}}, &autoscaling.DescribeAutoScalingGroupsOutput{})
		},
		"AutoScaling:DescribeInstanceRefreshes": &autoscaling.DescribeInstanceRefreshesOutput{InstanceRefreshes: f.refreshes},
		"EC2:DescribeLaunchTemplates": func(region string, _ any) (any, error) {
			return home(region, &ec2.DescribeLaunchTemplatesOutput{LaunchTemplates: []ec2types.LaunchTemplate{{LaunchTemplateId: aws.String("lt-1")}}}, &ec2.DescribeLaunchTemplatesOutput{})
		},
		"EC2:DescribeLaunchTemplateVersions":   &ec2.DescribeLaunchTemplateVersionsOutput{LaunchTemplateVersions: f.versions},
		"EC2:DescribeKeyPairs":                 &ec2.DescribeKeyPairsOutput{KeyPairs: f.pairs},
		"EC2:DescribeVpcEndpoints":             &ec2.DescribeVpcEndpointsOutput{VpcEndpoints: f.endpoints},
		"EC2:GetSerialConsoleAccessStatus":     &ec2.GetSerialConsoleAccessStatusOutput{SerialConsoleAccessEnabled: &f.console},
		"EC2:DescribeInstanceConnectEndpoints": &ec2.DescribeInstanceConnectEndpointsOutput{InstanceConnectEndpoints: f.connect},
		"EC2:DescribeClientVpnEndpoints":       &ec2.DescribeClientVpnEndpointsOutput{ClientVpnEndpoints: f.vpns},
		"SSM:DescribeInstanceInformation": func(region string, _ any) (any, error) {
			return home(region, &ssm.DescribeInstanceInformationOutput{InstanceInformationList: f.agents}, &ssm.DescribeInstanceInformationOutput{})
		},
		"SSM:DescribeSessions": func(region string, _ any) (any, error) {
			return home(region, &ssm.DescribeSessionsOutput{Sessions: f.sessions}, &ssm.DescribeSessionsOutput{})
		},
		"SSM:GetServiceSetting": &ssm.GetServiceSettingOutput{ServiceSetting: &ssmtypes.ServiceSetting{SettingValue: &f.manager}},
	})
}

func TestNoSignInToServers(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(t *testing.T, f *fleetAccount)
		broken []string
	}{
		"as the stack makes it":    {func(*testing.T, *fleetAccount) {}, nil},
		"none for host management": {func(_ *testing.T, f *fleetAccount) { f.manager = "$None" }, nil},
		"SSH": {func(_ *testing.T, f *fleetAccount) {
			f.groups[0].IpPermissions = append(f.groups[0].IpPermissions, tcp(22, 22))
		}, []string{"sg-1.ingress"}},
		"a wide range": {func(_ *testing.T, f *fleetAccount) {
			f.groups[0].IpPermissions = []ec2types.IpPermission{tcp(3000, 4000)}
		}, []string{"sg-1.ingress"}},
		"a group nobody declared": {func(_ *testing.T, f *fleetAccount) {
			f.groups[2].IpPermissions = []ec2types.IpPermission{tcp(3389, 3389)}
		}, []string{"sg-other.ingress"}},
		"out to everything": {func(_ *testing.T, f *fleetAccount) { f.groups[0].IpPermissionsEgress = f.groups[1].IpPermissionsEgress }, []string{"sg-1.egress"}},
		"the default group in use": {func(_ *testing.T, f *fleetAccount) {
			f.machines[0].SecurityGroups[0].GroupId = aws.String("sg-default")
		}, []string{"sg-default.egress", "sg-default.ingress"}},
		"an open default group":  {func(_ *testing.T, f *fleetAccount) { f.groups[1].IpPermissions = []ec2types.IpPermission{tcp(22, 22)} }, []string{"sg-default.ingress"}},
		"no group":               {func(_ *testing.T, f *fleetAccount) { f.groups[0].Tags = nil }, []string{"stack"}},
		"a listener for FTP":     {func(_ *testing.T, f *fleetAccount) { f.listener = 21 }, []string{"listener.port"}},
		"an old version":         {func(_ *testing.T, f *fleetAccount) { f.fleet.Instances[0].LaunchTemplate.Version = aws.String("1") }, []string{"i-1.launchTemplate.version"}},
		"made by something else": {func(_ *testing.T, f *fleetAccount) { f.fleet.Instances[0].LaunchTemplate = nil }, []string{"i-1.launchTemplate.version"}},
		"the group stays behind": {func(_ *testing.T, f *fleetAccount) { f.fleet.LaunchTemplate.Version = aws.String("$Default") }, []string{"fleet.launchTemplate.version", "i-1.launchTemplate.version", "i-2.launchTemplate.version"}},
		"the latest, by name":    {func(_ *testing.T, f *fleetAccount) { f.fleet.LaunchTemplate.Version = aws.String("$Latest") }, nil},
		"no template":            {func(_ *testing.T, f *fleetAccount) { f.fleet.LaunchTemplate = nil }, []string{"fleet.launchTemplate.version"}},
		"machines for ever":      {func(_ *testing.T, f *fleetAccount) { f.fleet.MaxInstanceLifetime = nil }, []string{"fleet.maxInstanceLifetime"}},
		"an old machine":         {func(_ *testing.T, f *fleetAccount) { f.machines[1].LaunchTime = aws.Time(now.AddDate(0, 0, -32)) }, []string{"i-2.launchTime"}},
		"a machine of its own":   {func(_ *testing.T, f *fleetAccount) { f.machines[1].Tags = oursTags() }, []string{"i-2.autoScalingGroup"}},
		"a machine's key":        {func(_ *testing.T, f *fleetAccount) { f.machines[1].KeyName = aws.String("k") }, []string{"i-2.keyName"}},
		"a machine's credentials": {func(_ *testing.T, f *fleetAccount) {
			f.machines[1].MetadataOptions.HttpTokens = ec2types.HttpTokensStateOptional
		}, []string{"i-2.metadataOptions.httpTokens"}},
		"they travel": {func(_ *testing.T, f *fleetAccount) {
			f.machines[1].MetadataOptions.HttpPutResponseHopLimit = aws.Int32(2)
		}, []string{"i-2.metadataOptions.httpPutResponseHopLimit"}},
		"a template's key":         {func(_ *testing.T, f *fleetAccount) { f.versions[1].LaunchTemplateData.KeyName = aws.String("k") }, []string{"lt-1.keyName"}},
		"a template's credentials": {func(_ *testing.T, f *fleetAccount) { f.versions[1].LaunchTemplateData.MetadataOptions = nil }, []string{"lt-1.metadataOptions.httpPutResponseHopLimit", "lt-1.metadataOptions.httpTokens"}},
		"a machine that rests": {func(_ *testing.T, f *fleetAccount) {
			f.versions[1].LaunchTemplateData.InstanceInitiatedShutdownBehavior = ec2types.ShutdownBehaviorStop
		}, []string{"lt-1.instanceInitiatedShutdownBehavior"}},
		"a boot that leaves SSH on": {func(_ *testing.T, f *fleetAccount) {
			f.versions[1].LaunchTemplateData.UserData = aws.String(base64.StdEncoding.EncodeToString([]byte("echo")))
		}, []string{"lt-1.userData"}},
		"a key pair":       {func(_ *testing.T, f *fleetAccount) { f.pairs = []ec2types.KeyPairInfo{{KeyName: aws.String("k")}} }, []string{"k.keyName"}},
		"a serial console": {func(_ *testing.T, f *fleetAccount) { f.console = true }, []string{"eu-west-1.enabled", "eu-west-2.enabled"}},
		"a connect endpoint": {func(_ *testing.T, f *fleetAccount) {
			f.connect = []ec2types.Ec2InstanceConnectEndpoint{{InstanceConnectEndpointId: aws.String("eice-1")}}
		}, []string{"eice-1.state"}},
		"a client VPN": {func(_ *testing.T, f *fleetAccount) {
			f.vpns = []ec2types.ClientVpnEndpoint{{ClientVpnEndpointId: aws.String("cvpn-1")}}
		}, []string{"cvpn-1.id"}},
		"an endpoint for sessions": {func(_ *testing.T, f *fleetAccount) {
			f.endpoints[0].ServiceName = aws.String("com.amazonaws.eu-west-2.ssmmessages")
		}, []string{"vpce-1.serviceName"}},
		"an agent": {func(_ *testing.T, f *fleetAccount) {
			f.agents = []ssmtypes.InstanceInformation{{InstanceId: aws.String("i-1")}}
		}, []string{"i-1.agent"}},
		"a session":       {func(_ *testing.T, f *fleetAccount) { f.sessions = []ssmtypes.Session{{Target: aws.String("i-1")}} }, []string{"i-1.sessions"}},
		"host management": {func(_ *testing.T, f *fleetAccount) { f.manager = "service-role/x" }, []string{"eu-west-1.settingValue", "eu-west-2.settingValue"}},
		"a role for sessions": {func(t *testing.T, f *fleetAccount) {
			f.role(t, "acme-production-machines").Inline["more"] = raw(`{"Statement":{"Effect":"Allow","Action":"ssmmessages:*","Resource":"*"}}`)
		}, []string{"acme-production-machines.policies"}},
		"AWS's policy for sessions": {func(t *testing.T, f *fleetAccount) {
			r := f.role(t, "acme-production-machines")
			r.Attached = append(r.Attached, "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore")
		}, []string{"acme-production-machines.policies"}},
		"no role": {func(_ *testing.T, f *fleetAccount) {
			f.Roles = slices.DeleteFunc(f.Roles, func(h fixtureHolder) bool { return strings.Contains(string(h.Trust), "ec2.amazonaws.com") })
		}, []string{"stack"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := fleets(t)
			tc.change(t, f)
			wantLook(t, makeLook(t, "AC-1", subjectOf(t, "prod"), f.answers(), Outside{}), tc.broken)
		})
	}
}

func TestMachinesThatAreBeingReplaced(t *testing.T) {
	f := fleets(t)
	f.fleet.Instances[0].LaunchTemplate.Version = aws.String("1")
	f.refreshes = []asgtypes.InstanceRefresh{{Status: asgtypes.InstanceRefreshStatusInProgress, PercentageComplete: aws.Int32(50)}}
	got := makeLook(t, "AC-1", subjectOf(t, "prod"), f.answers(), Outside{})
	if got.Verdict != promises.NotShown || !strings.Contains(got.Why, "50% done") {
		t.Errorf("while machines are replaced: %s (%s) %v", got.Verdict, got.Why, brokenAt(got))
	}
	f.refreshes[0].Status = asgtypes.InstanceRefreshStatusFailed
	wantLook(t, makeLook(t, "AC-1", subjectOf(t, "prod"), f.answers(), Outside{}), []string{"i-1.launchTemplate.version"})
}

func TestTheEmergencyRelayIsReachedWhileTheDoorIsOpen(t *testing.T) {
	f := fleets(t)
	f.machines = append(f.machines, ec2types.Instance{InstanceId: aws.String("i-relay"), LaunchTime: aws.Time(now), Tags: oursTags(), MetadataOptions: f.machines[0].MetadataOptions})
	f.agents = []ssmtypes.InstanceInformation{{InstanceId: aws.String("i-relay")}}
	f.sessions = []ssmtypes.Session{{Target: aws.String("i-relay")}}
	f.endpoints = append(f.endpoints, ec2types.VpcEndpoint{VpcEndpointId: aws.String("vpce-2"), ServiceName: aws.String("com.amazonaws.eu-west-2.ssmmessages"), Tags: oursTags()})
	subject := subjectOf(t, "prod")
	subject.Spec.AWSClient.Access.BreakGlass = &spec.BreakGlass{Opens: spec.Instant{Time: now.Add(-time.Minute)}, Closes: spec.Instant{Time: now.Add(time.Hour)}}
	wantLook(t, makeLook(t, "AC-1", subject, f.answers(), Outside{}), nil)
	wantLook(t, makeLook(t, "AC-1", subjectOf(t, "prod"), f.answers(), Outside{}), []string{"i-relay.agent", "i-relay.autoScalingGroup", "i-relay.sessions", "vpce-2.serviceName"})
}

func TestNoSignInUnread(t *testing.T) {
	for _, call := range []string{"EC2:DescribeSecurityGroups", "EC2:DescribeInstances", "AutoScaling:DescribeAutoScalingGroups", "EC2:DescribeLaunchTemplateVersions", "EC2:DescribeKeyPairs", "EC2:GetSerialConsoleAccessStatus",
		"EC2:DescribeInstanceConnectEndpoints", "EC2:DescribeClientVpnEndpoints", "SSM:DescribeInstanceInformation", "SSM:DescribeSessions", "SSM:GetServiceSetting", "IAM:GetAccountAuthorizationDetails"} {
		f := fleets(t)
		got := makeLook(t, "AC-1", subjectOf(t, "prod"), f.answers().with(answers{call: errors.New("api error AccessDenied: no")}), Outside{})
		if got.Verdict != promises.NotShown || !strings.Contains(got.Why, "AccessDenied") {
			t.Errorf("without %s: %s (%s) %v", call, got.Verdict, got.Why, brokenAt(got))
		}
		f.console = true // what was found broken stays so
		if got := makeLook(t, "AC-1", subjectOf(t, "prod"), f.answers().with(answers{call: errors.New("api error AccessDenied: no")}), Outside{}); got.Verdict != promises.Broken && call != "EC2:GetSerialConsoleAccessStatus" {
			t.Errorf("without %s, with a console: %s (%s)", call, got.Verdict, got.Why)
		}
	}
}
