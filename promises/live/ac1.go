package live

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// The longest life of a machine, and the time that a group may take to replace it after that.
const (
	machineLife  = 30 * 24 * time.Hour
	machineGrace = 24 * time.Hour
)

const (
	tokenInstance = "aws:ec2/instance:Instance"
	tokenTemplate = "aws:ec2/launchTemplate:LaunchTemplate"
	tokenFleet    = "aws:autoscaling/group:Group"
	tokenFirewall = "aws:ec2/securityGroup:SecurityGroup"
)

// signInPorts are those by which somebody signs in to a machine, works on its screen or moves files.
var signInPorts = []struct {
	first, last int32
	what        string
}{
	{20, 23, "FTP, SSH and Telnet"}, {69, 69, "TFTP"}, {115, 115, "SFTP"}, {135, 139, "Windows administration"}, {445, 445, "file shares"}, {512, 514, "rlogin and rsh"},
	{873, 873, "rsync"}, {989, 992, "FTP and Telnet over TLS"}, {2049, 2049, "NFS"}, {2222, 2222, "SSH"}, {3389, 3389, "remote desktop"}, {5800, 5999, "VNC"}, {5985, 5986, "WinRM"},
}

// signIn names what a range of ports opens; empty: nothing by which somebody signs in. No ports at all are all of them.
func signIn(protocol string, first, last *int32) string {
	switch strings.ToLower(protocol) {
	case "-1", "all", "":
		return "all protocols"
	case "tcp", "udp", "6", "17":
	default:
		return ""
	}
	if first == nil || last == nil || *first < 0 {
		return "all ports"
	}
	for _, p := range signInPorts {
		if p.first <= *last && *first <= p.last {
			return p.what
		}
	}
	return ""
}

// noSignIn is the look at AC-1.
func noSignIn(ctx context.Context, l *look) error {
	var errs []error
	for _, region := range l.regions() {
		for _, step := range []func(context.Context, string) error{l.closedFirewalls, l.machines, l.waysIn, l.agentsAndSessions} {
			errs = append(errs, step(ctx, region))
		}
	}
	return errors.Join(append(errs, l.noSessionRoles(ctx))...)
}

// closedFirewalls judges every security group: what it lets in wherever it is, what it lets out where a machine has it.
func (l *look) closedFirewalls(ctx context.Context, region string) error {
	const fix = "remove the rule, and find out who made it"
	groups, err := l.securityGroups(ctx, region)
	if err != nil {
		return err
	}
	machines, err := l.instances(ctx, region)
	if err != nil {
		return err
	}
	used := map[string]bool{}
	for _, m := range machines {
		for _, g := range m.SecurityGroups {
			used[aws.ToString(g.GroupId)] = true
		}
	}
	own := 0
	for _, g := range groups {
		ours := l.ours(ec2Tags(g.Tags))
		if ours {
			own++
		}
		id := aws.ToString(g.GroupId)
		if !ours && !used[id] && untouched(g) {
			continue // AWS's own default, which nothing uses
		}
		in := opens(g.IpPermissions)
		l.want(object{tokenFirewall, id}, len(in) == 0, "ingress", "lets in "+inOrder(in), "no port by which somebody signs in or moves files, such as 21, 22 or 3389", fix)
		if ours || used[id] {
			out := opens(g.IpPermissionsEgress)
			l.want(object{tokenFirewall, id}, len(out) == 0, "egress", "lets out "+inOrder(out), "no port by which somebody signs in or moves files", fix)
		}
	}
	if own == 0 && region == l.home {
		l.missing("security group of the stack", "machines behind security groups with rules of their own", "run `berth up` for the stack")
	}
	balancers, err := l.balancers(ctx, region)
	if err != nil {
		return err
	}
	for _, b := range balancers {
		for _, listener := range b.listeners {
			open := signIn("tcp", listener.Port, listener.Port)
			l.want(object{"aws:lb/listener:Listener", aws.ToString(listener.ListenerArn)}, open == "", "port", aws.ToInt32(listener.Port), "no port by which somebody signs in or moves files", "remove the listener")
		}
	}
	return nil
}

// untouched tells whether a group is a network's default group as AWS makes it: its members reach each other, and everybody.
func untouched(g ec2types.SecurityGroup) bool {
	self := func(p ec2types.IpPermission) bool {
		return len(p.IpRanges)+len(p.Ipv6Ranges)+len(p.PrefixListIds) == 0 &&
			!slices.ContainsFunc(p.UserIdGroupPairs, func(pair ec2types.UserIdGroupPair) bool { return aws.ToString(pair.GroupId) != aws.ToString(g.GroupId) })
	}
	return aws.ToString(g.GroupName) == "default" && !slices.ContainsFunc(g.IpPermissions, func(p ec2types.IpPermission) bool { return !self(p) })
}

// opens are the ways to sign in that rules open, each with its ports.
func opens(rules []ec2types.IpPermission) []string {
	var all []string
	for _, r := range rules {
		what := signIn(aws.ToString(r.IpProtocol), r.FromPort, r.ToPort)
		switch {
		case what == "":
		case r.FromPort == nil || r.ToPort == nil:
			all = append(all, what)
		default:
			all = append(all, fmt.Sprintf("%s (%s %d to %d)", what, aws.ToString(r.IpProtocol), *r.FromPort, *r.ToPort))
		}
	}
	return all
}

// machines judges what runs: no key, guarded credentials, in a group that replaces it, of the version in force, and young.
func (l *look) machines(ctx context.Context, region string) error {
	fleets, err := l.fleets(ctx, region)
	if err != nil {
		return err
	}
	if len(fleets) == 0 && region == l.home {
		l.missing("auto-scaling group", "machines in a group that replaces them", "run `berth up` for the stack")
	}
	versions, err := l.templateVersions(ctx, region)
	if err != nil {
		return err
	}
	http, err := l.httpTargets(ctx, region)
	if err != nil {
		return err
	}
	judged := map[string]bool{}
	for _, f := range fleets {
		serves := slices.ContainsFunc(f.TargetGroupARNs, func(arn string) bool { return http[arn] })
		current := l.fleet(f, versions, serves)
		if current != nil {
			judged[aws.ToString(current.LaunchTemplateId)+" "+strconv.FormatInt(aws.ToInt64(current.VersionNumber), 10)] = true
			l.template(*current, serves)
		}
		if err := l.members(ctx, region, f, current); err != nil {
			return err
		}
	}
	for _, v := range versions {
		latest := aws.ToInt64(v.VersionNumber) == newestVersion(versions, aws.ToString(v.LaunchTemplateId))
		if latest && !judged[aws.ToString(v.LaunchTemplateId)+" "+strconv.FormatInt(aws.ToInt64(v.VersionNumber), 10)] {
			l.template(v, false)
		}
	}
	machines, err := l.instances(ctx, region)
	if err != nil {
		return err
	}
	for _, m := range machines {
		if m.State == nil || m.State.Name != ec2types.InstanceStateNameShuttingDown {
			l.machine(m)
		}
	}
	return nil
}

// httpTargets are the target groups whose machines answer requests. A gateway for a client's BI tools only passes connections on.
func (l *look) httpTargets(ctx context.Context, region string) (map[string]bool, error) {
	groups, err := l.targetGroups(ctx, region)
	if err != nil {
		return nil, err
	}
	http := map[string]bool{}
	for _, g := range groups {
		http[aws.ToString(g.TargetGroupArn)] = g.Protocol == elbtypes.ProtocolEnumHttp || g.Protocol == elbtypes.ProtocolEnumHttps
	}
	return http, nil
}

func newestVersion(versions []ec2types.LaunchTemplateVersion, template string) (latest int64) {
	for _, v := range versions {
		if aws.ToString(v.LaunchTemplateId) == template {
			latest = max(latest, aws.ToInt64(v.VersionNumber))
		}
	}
	return latest
}

// versionOf is the version of a launch template that a specification means, or nil.
func versionOf(versions []ec2types.LaunchTemplateVersion, s *asgtypes.LaunchTemplateSpecification) *ec2types.LaunchTemplateVersion {
	if s == nil {
		return nil
	}
	want := aws.ToString(s.Version)
	for i, v := range versions {
		if aws.ToString(v.LaunchTemplateId) != aws.ToString(s.LaunchTemplateId) {
			continue
		}
		number := strconv.FormatInt(aws.ToInt64(v.VersionNumber), 10)
		if want == number || want == "$Latest" && aws.ToInt64(v.VersionNumber) == newestVersion(versions, aws.ToString(v.LaunchTemplateId)) ||
			(want == "$Default" || want == "") && aws.ToBool(v.DefaultVersion) {
			return &versions[i]
		}
	}
	return nil
}

// fleet judges a group, and returns the version of the launch template that it makes machines from.
func (l *look) fleet(f asgtypes.AutoScalingGroup, versions []ec2types.LaunchTemplateVersion, serves bool) *ec2types.LaunchTemplateVersion {
	const fix = "run `berth up` for the stack"
	at := object{tokenFleet, aws.ToString(f.AutoScalingGroupName)}
	current := versionOf(versions, f.LaunchTemplate)
	if current == nil {
		l.want(at, false, "launchTemplate.version", "none that can be read", "a launch template of the account, by number", fix)
		return nil
	}
	latest := newestVersion(versions, aws.ToString(current.LaunchTemplateId))
	l.want(at, aws.ToInt64(current.VersionNumber) == latest, "launchTemplate.version", aws.ToInt64(current.VersionNumber), fmt.Sprintf("%d, the template's latest: each change of it replaces the machines", latest), fix)
	if serves {
		life := time.Duration(aws.ToInt32(f.MaxInstanceLifetime)) * time.Second
		l.want(at, life > 0 && life <= machineLife, "maxInstanceLifetime", int(life.Seconds()), "at most 30 days (2592000 seconds)", fix)
	}
	return current
}

// members judges whether a group's machines are of the version in force. While they are being replaced they may not be.
func (l *look) members(ctx context.Context, region string, f asgtypes.AutoScalingGroup, current *ec2types.LaunchTemplateVersion) error {
	if current == nil {
		return nil
	}
	want := strconv.FormatInt(aws.ToInt64(current.VersionNumber), 10)
	var old []asgtypes.Instance
	for _, i := range f.Instances {
		if i.LifecycleState != asgtypes.LifecycleStateInService && i.LifecycleState != asgtypes.LifecycleStateStandby {
			continue
		}
		version := ""
		if i.LaunchTemplate != nil && aws.ToString(i.LaunchTemplate.LaunchTemplateId) == aws.ToString(current.LaunchTemplateId) {
			version = aws.ToString(i.LaunchTemplate.Version)
		}
		if version == want {
			l.want(object{tokenInstance, aws.ToString(i.InstanceId)}, true, "launchTemplate.version", version, want+", the version in force", "")
			continue
		}
		old = append(old, i)
	}
	if len(old) == 0 {
		return nil
	}
	refreshes, err := l.refreshes(ctx, region, aws.ToString(f.AutoScalingGroupName))
	if err != nil {
		return err
	}
	if len(refreshes) > 0 && slices.Contains([]asgtypes.InstanceRefreshStatus{asgtypes.InstanceRefreshStatusPending, asgtypes.InstanceRefreshStatusInProgress, asgtypes.InstanceRefreshStatusBaking}, refreshes[0].Status) {
		l.tooEarly("the machines of %s are being replaced (%d%% done): look again when that is over", aws.ToString(f.AutoScalingGroupName), aws.ToInt32(refreshes[0].PercentageComplete))
		return nil
	}
	for _, i := range old {
		found := "none"
		if i.LaunchTemplate != nil {
			found = aws.ToString(i.LaunchTemplate.Version)
		}
		l.want(object{tokenInstance, aws.ToString(i.InstanceId)}, false, "launchTemplate.version", found, want+", the version in force", "start an instance refresh of "+aws.ToString(f.AutoScalingGroupName))
	}
	return nil
}

// template judges how machines are made: without a key to sign in with, and with credentials that only their own
// processes get.
func (l *look) template(v ec2types.LaunchTemplateVersion, serves bool) {
	const fix = "run `berth up` for the stack, or delete the template if nobody needs it"
	at := object{tokenTemplate, aws.ToString(v.LaunchTemplateId)}
	data := v.LaunchTemplateData
	if data == nil {
		data = &ec2types.ResponseLaunchTemplateData{}
	}
	l.want(at, aws.ToString(data.KeyName) == "", "keyName", aws.ToString(data.KeyName), "absent: there is no key pair to sign in with", fix)
	tokens, hops := "", int32(0)
	if m := data.MetadataOptions; m != nil {
		tokens, hops = string(m.HttpTokens), aws.ToInt32(m.HttpPutResponseHopLimit)
	}
	l.want(at, tokens == "required", "metadataOptions.httpTokens", tokens, "required, so that nobody has a machine fetch its credentials for them", fix)
	l.want(at, hops == 1, "metadataOptions.httpPutResponseHopLimit", hops, "1: credentials stay on the machine", fix)
	if !serves {
		return
	}
	l.want(at, data.InstanceInitiatedShutdownBehavior == ec2types.ShutdownBehaviorTerminate, "instanceInitiatedShutdownBehavior", string(data.InstanceInitiatedShutdownBehavior), "terminate: a machine that stops does not come back", fix)
	script, err := base64.StdEncoding.DecodeString(aws.ToString(data.UserData))
	text := string(script)
	closed := err == nil && strings.Contains(text, "sshd.service") && strings.Contains(text, "sshd.socket") && strings.Contains(text, "systemctl disable --now") &&
		strings.Contains(text, "amazon-ssm-agent.service") && strings.Contains(text, "systemctl mask") && strings.Contains(text, "is-active")
	l.want(at, closed, "userData", fmt.Sprintf("the first boot switches SSH and the agent for remote sessions off: %t", closed),
		"a first boot that masks sshd and amazon-ssm-agent, and fails if one still runs", fix)
}

// machine judges one machine that runs.
func (l *look) machine(m ec2types.Instance) {
	const fix = "terminate the machine; its group makes a new one"
	id, tags := aws.ToString(m.InstanceId), ec2Tags(m.Tags)
	at := object{tokenInstance, id}
	l.want(at, aws.ToString(m.KeyName) == "", "keyName", aws.ToString(m.KeyName), "absent: there is no key pair to sign in with", fix)
	tokens, hops := "", int32(0)
	if o := m.MetadataOptions; o != nil {
		tokens, hops = string(o.HttpTokens), aws.ToInt32(o.HttpPutResponseHopLimit)
	}
	l.want(at, tokens == "required", "metadataOptions.httpTokens", tokens, "required", fix)
	l.want(at, hops == 1, "metadataOptions.httpPutResponseHopLimit", hops, "1", fix)
	group, relay := tags["aws:autoscaling:groupName"], l.subject.Client().Access.BreakGlass != nil && l.ours(tags)
	found := "a machine of its own"
	if group != "" {
		found = "in group " + group
	}
	l.want(at, group != "" || relay, "autoScalingGroup", found, "machines in auto-scaling groups only, which replace them", "find out who made it, and terminate it")
	if m.LaunchTime != nil && group != "" {
		age := l.subject.Now.Sub(*m.LaunchTime)
		l.want(at, age <= machineLife+machineGrace, "launchTime", fmt.Sprintf("runs for %d days", int(age.Hours()/24)), "30 days at most, and a day to be replaced in", fix)
	}
}

// waysIn judges that nothing in a region lets people or tools into running machines.
func (l *look) waysIn(ctx context.Context, region string) error {
	var errs []error
	pairs, err := l.keyPairs(ctx, region)
	errs = append(errs, err)
	for _, p := range pairs {
		l.want(object{"aws:ec2/keyPair:KeyPair", aws.ToString(p.KeyName)}, false, "keyName", aws.ToString(p.KeyName), "no key pair in the account: nobody signs in", "delete the key pair")
	}
	open := l.subject.Client().Access.BreakGlass != nil
	endpoints, err := l.endpoints(ctx, region)
	errs = append(errs, err)
	for _, e := range endpoints {
		name := aws.ToString(e.ServiceName)
		session := strings.HasSuffix(name, ".ssmmessages") || strings.HasSuffix(name, ".ec2messages") || strings.HasSuffix(name, ".ec2-instance-connect")
		l.want(object{"aws:ec2/vpcEndpoint:VpcEndpoint", aws.ToString(e.VpcEndpointId)}, !session || open && l.ours(ec2Tags(e.Tags)), "serviceName", name,
			"no service that carries sessions to machines", "delete the endpoint")
	}
	console, err := l.serialConsole(ctx, region)
	errs = append(errs, err)
	if err == nil {
		l.want(object{"aws:ec2/serialConsoleAccess:SerialConsoleAccess", region}, !console, "enabled", console, "false: nobody works at a machine's serial console", "switch access to the serial console off in "+region)
	}
	connect, err := l.connectEndpoints(ctx, region)
	errs = append(errs, err)
	for _, e := range connect {
		if e.State != ec2types.Ec2InstanceConnectEndpointStateDeleteComplete {
			l.want(object{"aws:ec2transitgateway/instanceConnectEndpoint:InstanceConnectEndpoint", aws.ToString(e.InstanceConnectEndpointId)}, false, "state", string(e.State), "no endpoint of EC2 Instance Connect", "delete the endpoint")
		}
	}
	vpns, err := l.clientVPNs(ctx, region)
	errs = append(errs, err)
	for _, v := range vpns {
		l.want(object{"aws:ec2clientvpn/endpoint:Endpoint", aws.ToString(v.ClientVpnEndpointId)}, false, "id", aws.ToString(v.ClientVpnEndpointId), "no client VPN: nobody comes into the machines' network", "delete the endpoint")
	}
	return errors.Join(errs...)
}

// agentsAndSessions judges that Systems Manager reaches no machine. The emergency relay is reached while the door is open.
func (l *look) agentsAndSessions(ctx context.Context, region string) error {
	const fix = "terminate the machine, and find out how the agent came to run"
	open := l.subject.Client().Access.BreakGlass != nil
	machines, err := l.instances(ctx, region)
	if err != nil {
		return err
	}
	relay := func(id string) bool {
		return open && slices.ContainsFunc(machines, func(m ec2types.Instance) bool {
			tags := ec2Tags(m.Tags)
			return aws.ToString(m.InstanceId) == id && tags["aws:autoscaling:groupName"] == "" && l.ours(tags)
		})
	}
	var errs []error
	agents, err := l.agents(ctx, region)
	errs = append(errs, err)
	for _, agent := range agents {
		id := aws.ToString(agent.InstanceId)
		l.want(object{tokenInstance, id}, relay(id), "agent", "Systems Manager reaches it: "+string(agent.PingStatus), "no agent that takes sessions", fix)
	}
	sessions, err := l.liveSessions(ctx, region)
	errs = append(errs, err)
	for _, s := range sessions {
		target := aws.ToString(s.Target)
		l.want(object{tokenInstance, target}, relay(target), "sessions", "open since "+aws.ToTime(s.StartDate).UTC().Format(time.RFC3339), "nobody works on a machine", "end the session, and terminate the machine")
	}
	role, err := l.hostManagement(ctx, region)
	errs = append(errs, err)
	if err == nil {
		l.want(object{"aws:ssm/serviceSetting:ServiceSetting", region}, role == "", "settingValue", role, "none: Systems Manager takes no machine over by itself", "switch default host management off in "+region)
	}
	return errors.Join(errs...)
}

// sessionActions are those by which somebody opens a session on a machine, or has it run something.
var sessionActions = []string{
	"ssm:StartSession", "ssm:ResumeSession", "ssm:SendCommand", "ssm:StartAutomationExecution", "ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel", "ssmmessages:OpenDataChannel",
	"ec2messages:GetMessages", "ec2-instance-connect:SendSSHPublicKey", "ec2-instance-connect:OpenTunnel", "ec2:GetPasswordData", "ec2:ModifyInstanceAttribute",
}

// noSessionRoles judges that no machine can take part in a session, and no service open one. While the emergency door is
// open its relay can; who takes roles is AC-3's.
func (l *look) noSessionRoles(ctx context.Context) error {
	all, err := l.authority(ctx)
	if err != nil {
		return err
	}
	machines := 0
	for _, role := range all.roles {
		machine := role.takenBy("ec2.amazonaws.com")
		if role.linked() || role.takers() != byServices || l.subject.Client().Access.BreakGlass != nil && machine && strings.Contains(role.name, "break-glass") && l.ours(role.tags) {
			continue
		}
		if machine {
			machines++
		}
		var open []string
		for _, action := range sessionActions {
			if len(role.allowing(action)) > 0 {
				open = append(open, action)
			}
		}
		for _, p := range role.permissions {
			if p.unread || machine && p.managed {
				open = append(open, p.name)
			}
		}
		l.want(role.object, len(open) == 0, "policies", "sessions: "+inOrder(open), "nothing by which somebody opens a session on a machine", "take the permission out of the role's policy")
	}
	if machines == 0 {
		l.missing("role of the machines", "machines with a role of their own", "run `berth up` for the stack")
	}
	return nil
}
