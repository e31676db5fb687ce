package catalogue

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// AC1 is that nobody signs in to a server or changes one that runs.
func (catalogue) AC1() promises.Promise {
	return promises.Promise{
		ID:    "AC-1",
		Title: "No sign-in to servers",
		Sentence: "Your servers have no SSH, FTP or SFTP, and nobody changes one while it runs, our staff included: " +
			"a server is stripped down and a new one is provisioned in its place.",
		Duties: map[promises.Hosting]promises.Duty{promises.OnAWS: promises.Ours},
		Parameters: func(promises.Hosting, *spec.Spec) []promises.Parameter {
			return []promises.Parameter{{Name: "longest life of a server", Value: "30 days"}}
		},
		ReadBack: true,
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "no firewall rule in the graph opens a port by which somebody signs in or moves files, machines are made without key pair and " +
				"without permission for remote sessions, and every change replaces them"},
			{Level: promises.Live, How: "security groups, listeners, launch templates and running machines are read back from the account: nothing lets anybody sign in " +
				"or move files, machines are of the version in force and 31 days old at most, and there is no key pair, serial console, connect " +
				"endpoint or client VPN, and no open session, nor agent or role for one"},
		},
		Keywords: []string{
			"ssh", "ftp", "running servers replaced", "immutable servers", "log in to servers", "servers provisioned anew",
			"changes to running servers", "ssh production servers", "login to production machines", "configuration drift",
			"changes directly on production servers", "no ssh access", "remote access to servers", "bastion host", "jump server", "rdp", "key pair",
			"session manager", "imdsv2", "telnet", "remote desktop", "golden image", "immutable infrastructure", "sftp", "shell access",
		},
		Check: noSignIn,
	}
}

// ports is a range of TCP or UDP ports.
type ports struct {
	first, last float64
	what        string
}

// signInPorts are those by which somebody signs in to a machine, works on its screen or moves files.
var signInPorts = []ports{
	{20, 23, "FTP, SSH and Telnet"}, {69, 69, "TFTP"}, {115, 115, "SFTP"}, {135, 139, "Windows administration"}, {445, 445, "file shares"}, {512, 514, "rlogin and rsh"},
	{873, 873, "rsync"}, {989, 992, "FTP and Telnet over TLS"}, {2049, 2049, "NFS"}, {2222, 2222, "SSH"}, {3389, 3389, "remote desktop"}, {5800, 5999, "VNC"}, {5985, 5986, "WinRM"},
}

// A subnet's access list has no memory: it has to let answers back in, which come to any port from here up.
const firstAnswerPort, lastPort = 1024, 65535

func noSignIn(s promises.Subject, r *promises.Report) {
	firewallRules(s, r)
	accessLists(s, r)
	for _, listener := range s.Graph.OfType("aws:lb/listener:Listener") {
		port, _ := listener.Number("port")
		open := signIn("tcp", port, port, true)
		r.Want(listener, open == "", "port", "no port by which somebody signs in or moves files", "listen on another port")
	}
	keylessMachines(s, r)
	replacedMachines(s, r)
	noSessions(s, r)
	noTooling(s, r)
}

// signIn names what a range of ports opens; empty: nothing by which somebody signs in.
func signIn(protocol string, first, last float64, given bool) string {
	switch strings.ToLower(protocol) {
	case "-1", "all", "":
		return "all protocols"
	case "tcp", "udp", "6", "17":
	default:
		return ""
	}
	if !given || first < 0 {
		return "all ports"
	}
	for _, p := range signInPorts {
		if p.first <= last && first <= p.last {
			return p.what
		}
	}
	return ""
}

// firewallRule is one line of a firewall: a resource, or an object inside one.
type firewallRule interface {
	Text(path string) string
	Number(path string) (float64, bool)
}

// wantNoSignIn judges one line of a firewall.
func wantNoSignIn(r *promises.Report, of *graph.Resource, rule firewallRule, protocol string) {
	first, ok := rule.Number("fromPort")
	last, given := rule.Number("toPort")
	opens := signIn(rule.Text(protocol), first, last, ok && given)
	found := strings.TrimSpace(fmt.Sprintf("%s %g to %g", rule.Text(protocol), first, last))
	if opens != "" {
		found += ": " + opens
	}
	r.Say(of, opens == "", found, "no port by which somebody signs in or moves files, such as 21, 22 or 3389", "remove the rule, or name the service's own port")
}

// firewallRules judges every rule of every security group, in and out, wherever it is written.
func firewallRules(s promises.Subject, r *promises.Report) {
	const group = typeSecurityGroup
	rules := s.Graph.OfType("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
	r.Must(rules, "security group rules", "machines behind security groups with rules of their own", "keep the component compute in the client's stack")
	for _, rule := range rules {
		wantNoSignIn(r, rule, rule, "ipProtocol")
	}
	for _, rule := range s.Graph.OfType("aws:ec2/securityGroupRule:SecurityGroupRule") {
		wantNoSignIn(r, rule, rule, "protocol")
	}
	for _, of := range s.Graph.OfType(group, "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup") {
		for _, rule := range append(of.Items("ingress"), of.Items("egress")...) {
			wantNoSignIn(r, of, rule, "protocol")
		}
	}
}

// accessLists judges what subnets' access lists let in.
func accessLists(s promises.Subject, r *promises.Report) {
	judge := func(of *graph.Resource, rule firewallRule) {
		first, _ := rule.Number("fromPort")
		if last, _ := rule.Number("toPort"); first >= firstAnswerPort && last == lastPort {
			r.Say(of, true, fmt.Sprintf("lets answers in on %g to %g", first, last), "answers only, or no port by which somebody signs in", "")
			return
		}
		wantNoSignIn(r, of, rule, "protocol")
	}
	for _, rule := range s.Graph.OfType("aws:ec2/networkAclRule:NetworkAclRule") {
		if !rule.Bool("egress") && rule.Text("ruleAction") != "deny" {
			judge(rule, rule)
		}
	}
	for _, list := range s.Graph.OfType("aws:ec2/networkAcl:NetworkAcl", "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl") {
		for _, rule := range list.Items("ingress") {
			if rule.Text("action") != "deny" {
				judge(list, rule)
			}
		}
	}
}

// keylessMachines judges how machines are made: without a key to sign in with, and with credentials that only their own
// processes get.
func keylessMachines(s promises.Subject, r *promises.Report) {
	templates := r.Must(s.Graph.OfType("aws:ec2/launchTemplate:LaunchTemplate"), "launch template", "a template that every machine is made from", "keep the component compute in the client's stack")
	for _, machine := range append(templates, s.Graph.OfType("aws:ec2/instance:Instance")...) {
		r.Want(machine, !machine.Has("keyName"), "keyName", "absent: there is no key pair to sign in with", "remove keyName")
		r.Want(machine, machine.Text("metadataOptions.httpTokens") == "required", "metadataOptions.httpTokens", "required, so that nobody has a machine fetch its credentials for them", "set httpTokens to required")
		hops, _ := machine.Number("metadataOptions.httpPutResponseHopLimit")
		r.Want(machine, hops == 1, "metadataOptions.httpPutResponseHopLimit", "1: credentials stay on the machine", "set httpPutResponseHopLimit to 1")
		script := bootScript(machine)
		closed := strings.Contains(script, "systemctl disable --now") && strings.Contains(script, "sshd.service") && strings.Contains(script, "sshd.socket")
		found := "the first boot does not switch SSH off"
		if closed {
			found = "the first boot switches SSH off"
		}
		r.Say(machine, closed, found, "a first boot that disables sshd.service and sshd.socket", "disable both in the machine's boot script")
	}
	if c := s.Client(); c.Access.BreakGlass == nil {
		for _, machine := range s.Graph.OfType("aws:ec2/instance:Instance") {
			r.Say(machine, false, "a machine of its own", "machines in auto-scaling groups only, which replace them", "remove the machine from the stack")
		}
	}
}

// bootScript is what a machine does at its first boot; empty where it cannot be read.
func bootScript(machine *graph.Resource) string {
	encoded := machine.Text("userData")
	if encoded == "" && machine.Type == "aws:ec2/instance:Instance" {
		encoded = machine.Text("userDataBase64")
	}
	script, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return ""
	}
	return string(script)
}

// replacedMachines judges that machines are replaced: by every change of their template, and after a while anyway.
func replacedMachines(s promises.Subject, r *promises.Report) {
	groups := r.Must(s.Graph.OfType("aws:autoscaling/group:Group"), "auto-scaling group", "machines in a group that replaces them", "keep the component compute in the client's stack")
	for _, group := range groups {
		template := group.Ref("launchTemplate.id", "aws:ec2/launchTemplate:LaunchTemplate")
		if template == nil {
			r.Want(group, false, "launchTemplate.id", "a launch template of this stack", "pass the template of the component compute")
			continue
		}
		version, latest := group.Text("launchTemplate.version"), ""
		if number, ok := template.Outputs["latestVersion"].(float64); ok {
			latest = fmt.Sprintf("%g", number)
		}
		r.Want(group, version != "" && version == latest, "launchTemplate.version", "the template's version by number, so that each change of it replaces the machines", "pass the template's LatestVersion")
		r.Want(group, group.Text("instanceRefresh.strategy") == "Rolling", "instanceRefresh.strategy", "Rolling: new machines take the place of the old", "set instanceRefresh in the component that makes the group")
		if !servesRequests(group) {
			continue
		}
		r.Want(template, template.Text("instanceInitiatedShutdownBehavior") == "terminate", "instanceInitiatedShutdownBehavior", "terminate: a machine that stops does not come back", "set it to terminate")
		life, _ := group.Number("maxInstanceLifetime")
		r.Want(group, life > 0 && life <= 30*24*60*60, "maxInstanceLifetime", "at most 30 days (2592000 seconds)", "set maxInstanceLifetime in the component compute")
		script := bootScript(template)
		masked := strings.Contains(script, "amazon-ssm-agent.service") && strings.Contains(script, "systemctl mask") && strings.Contains(script, "is-active")
		found := "the first boot leaves the agent for remote sessions as it is"
		if masked {
			found = "the first boot masks SSH and the agent for remote sessions, and fails if one still runs"
		}
		r.Say(template, masked, found, "a first boot that masks amazon-ssm-agent.service and fails if it still runs", "keep the section in components/compute/boot.sh.tmpl")
	}
}

// servesRequests tells whether a group's machines answer the service's requests. A gateway for a client's BI tools only
// passes connections on.
func servesRequests(group *graph.Resource) bool {
	for _, target := range group.Refs("targetGroupArns", "aws:lb/targetGroup:TargetGroup") {
		if strings.HasPrefix(target.Text("protocol"), "HTTP") {
			return true
		}
	}
	return false
}

// sessionActions are those by which somebody opens a session on a machine, or has it run something.
var sessionActions = []string{
	"ssm:StartSession", "ssm:ResumeSession", "ssm:SendCommand", "ssm:StartAutomationExecution", "ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel", "ssmmessages:OpenDataChannel",
	"ec2messages:GetMessages", "ec2-instance-connect:SendSSHPublicKey", "ec2-instance-connect:OpenTunnel", "ec2:GetPasswordData", "ec2:ModifyInstanceAttribute",
}

// noSessions judges that no role of the stack can open a session on a machine, nor a machine take part in one. While the
// emergency door is open its role and its relay can; who and how long is AC-4's.
func noSessions(s promises.Subject, r *promises.Report) {
	emergency := map[*graph.Resource]bool{}
	if s.Client().Access.BreakGlass != nil {
		for _, relay := range s.Graph.OfType("aws:ec2/instance:Instance") {
			emergency[roleOfMachine(s.Graph, relay)] = true
		}
	}
	machine := map[*graph.Resource]bool{}
	for _, role := range machineRoles(s.Graph) {
		machine[role] = true
	}
	r.Must(machineRoles(s.Graph), "role of the machines", "machines with a role of their own", "keep the component compute in the client's stack")
	for _, role := range s.Graph.OfType(typeRole) {
		if emergency[role] || s.Client().Access.BreakGlass != nil && takers(role) == takenByPeople {
			continue
		}
		permissions, open := permissionsOf(s.Graph, role), []string{}
		for _, action := range sessionActions {
			if len(allowing(permissions, action)) > 0 {
				open = append(open, action)
			}
		}
		for _, p := range permissions {
			if p.unread {
				open = append(open, "a policy that cannot be read: "+p.source.Name)
			}
			if machine[role] && p.managed != "" {
				open = append(open, p.managed)
			}
		}
		r.Say(role, len(open) == 0, "sessions: "+listed(open), "nothing by which somebody opens a session on a machine", "take the permission out of the role's policy")
	}
}

// waysIn are types of resources by which people or tools reach into machines that run.
var waysIn = map[string]string{
	"aws:ec2/keyPair:KeyPair": "a key pair",
	"aws:ec2transitgateway/instanceConnectEndpoint:InstanceConnectEndpoint": "an EC2 Instance Connect endpoint",
	"aws:ec2clientvpn/endpoint:Endpoint":                                    "a client VPN",
	"aws:transfer/server:Server":                                            "an FTP or SFTP server",
	"aws:ssm/activation:Activation":                                         "an activation for Systems Manager",
	"aws:ssm/association:Association":                                       "a command that Systems Manager runs on machines",
	"aws:ssm/maintenanceWindowTask:MaintenanceWindowTask":                   "a task that Systems Manager runs on machines",
	"aws:ssm/patchGroup:PatchGroup":                                         "patching of machines that run",
	"aws:codedeploy/deploymentGroup:DeploymentGroup":                        "a deployment onto machines that run",
}

// noTooling judges that nothing in the stack reaches into running machines.
func noTooling(s promises.Subject, r *promises.Report) {
	for _, resource := range s.Graph.Clouds() {
		if what := waysIn[resource.Type]; what != "" {
			r.Say(resource, false, what, "nothing by which people or tools reach into a running machine", "remove it from the stack: a change replaces the machine")
		}
	}
	for _, endpoint := range s.Graph.OfType("aws:ec2/vpcEndpoint:VpcEndpoint") {
		name := endpoint.Text("serviceName")
		session := strings.HasSuffix(name, ".ssmmessages") || strings.HasSuffix(name, ".ec2messages") || strings.HasSuffix(name, ".ec2-instance-connect")
		if s.Client().Access.BreakGlass == nil || !session {
			r.Want(endpoint, !session, "serviceName", "no service that carries sessions to machines", "remove the endpoint")
		}
	}
}
