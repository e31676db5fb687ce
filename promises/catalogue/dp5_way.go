package catalogue

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
	"github.com/berth-iac/berth/spec"
)

// How DP-5 follows the way of a client's tools, from the gateway to the replica, and to its end in time.

const fixTools = "components/access, bi.go and bigateway.go, makes the way; the spec's access.bi says for whom and until when"

// tools judges DP-5 while access is asked for.
type tools struct {
	s  promises.Subject
	g  *graph.Graph
	r  *promises.Report
	bi *spec.BIAccess

	replica, primary *graph.Resource
	port             float64
}

// replicaIsThere finds the read replica. It takes no writes, whoever asks, and no connection without TLS.
func (t *tools) replicaIsThere() bool {
	for _, db := range t.g.OfType(typeDatabase) {
		if source := db.Ref("replicateSourceDb", typeDatabase); source != nil {
			t.replica, t.primary = db, source
		}
	}
	if t.replica == nil {
		t.r.Missing("read replica", "a read replica for the client's tools, so that they can change nothing", "components/database makes it when access.bi is set")
		return false
	}
	t.r.Want(t.replica, true, "replicateSourceDb", "the client's own database: a replica takes no writes", fixTools)
	forcesTLS(t.r, t.replica)
	t.port, _ = t.replica.Number("port")
	return true
}

// way follows one gateway to the replica.
func (t *tools) way(gateway *graph.Resource) {
	doors := gateway.Refs("securityGroups", typeSecurityGroup)
	t.r.Want(gateway, len(doors) == 1 && len(gateway.Texts("securityGroups")) == 1, "securityGroups", "one security group, which admits the client's addresses", fixTools)
	if len(doors) != 1 {
		return
	}
	t.r.Want(gateway, !gateway.Bool("internal"), "internal", "false: the tools come from outside the network", fixTools)
	t.admitted(doors[0])
	for _, listener := range t.r.Must(listenersOf(gateway), "listener of the gateway", "a listener on the database's port", fixTools) {
		t.r.Want(listener, t.isPort(listener, "port"), "port", "the database's port "+t.portText(), fixTools)
		t.r.Want(listener, listener.Text("protocol") == "TCP", "protocol", "TCP: TLS goes through to the database, nothing between decrypts it", fixTools)
		for _, group := range t.r.Must(forwards(listener, "defaultActions"), "target of the gateway", "forwarders that the gateway leads to", fixTools) {
			t.r.Want(group, t.isPort(group, "port"), "port", "the database's port "+t.portText(), fixTools)
			t.r.Want(group, group.Text("protocol") == "TCP", "protocol", "TCP", fixTools)
			t.r.Want(group, group.Bool("preserveClientIp"), "preserveClientIp", "true: the log says who connected", fixTools)
			for _, fleet := range t.r.Must(fleetsOf(group), "forwarder", "forwarders that the gateway leads to", fixTools) {
				t.forwarders(fleet, doors[0])
			}
		}
	}
}

func (t *tools) portText() string { return strconv.FormatFloat(t.port, 'f', -1, 64) }

func (t *tools) isPort(of *graph.Resource, property string) bool {
	port, given := of.Number(property)
	return given && port == t.port
}

// only reports whether a rule opens the database's port over TCP and nothing else.
func (t *tools) only(rule *graph.Resource, holds bool, expected string) {
	exact := rule.Text("ipProtocol") == "tcp" && t.isPort(rule, "fromPort") && t.isPort(rule, "toPort")
	t.r.Say(rule, holds && exact, span(rule), expected+", on port "+t.portText()+" only", fixTools)
}

// admitted are the spec's addresses and no others, each until the last day.
func (t *tools) admitted(door *graph.Resource) {
	named := addresses(t.bi)
	let := map[string]int{}
	ends := t.ends("ec2:revokeSecurityGroupIngress")
	for _, rule := range door.Referrers("securityGroupId", typeIngress) {
		cidr := rule.Text("cidrIpv4")
		alone := !rule.Has("cidrIpv6") && !rule.Has("prefixListId") && !rule.Has("referencedSecurityGroupId")
		t.only(rule, alone && slices.Contains(named, cidr), "an address of access.bi.from")
		let[cidr]++
		t.revoked(door, rule, &ends)
	}
	for _, cidr := range named {
		if let[cidr] != 1 {
			t.r.Say(door, false, fmt.Sprintf("%s for %s", howMany(let[cidr], "rule"), cidr), "one rule for each address of access.bi.from", fixTools)
		}
	}
}

// forwarders pass on to the replica what comes from the gateway, and nothing else.
func (t *tools) forwarders(fleet, door *graph.Resource) {
	t.stopped(fleet)
	least, _ := fleet.Number("minSize")
	t.r.Want(fleet, least >= 1, "minSize", "at least one forwarder", fixTools)
	template := fleet.Ref("launchTemplate.id", typeTemplate)
	if template == nil {
		t.r.Want(fleet, false, "launchTemplate.id", "a launch template of the stack", fixTools)
		return
	}
	script, err := base64.StdEncoding.DecodeString(template.Text("userData"))
	there := func(db *graph.Resource) bool {
		host := answered(db, "address")
		return err == nil && host != "" && strings.Contains(string(script), " "+host+":")
	}
	leads := there(t.replica) && strings.Contains(string(script), " "+answered(t.replica, "address")+":"+t.portText()) && !there(t.primary)
	t.r.Say(template, leads, map[bool]string{true: "forwards to " + t.replica.Name, false: "does not forward to " + t.replica.Name + " alone"}[leads],
		"forwards to the read replica, and not to the database itself", "components/access, forwarder.sh.tmpl, says where to")

	inside := firewallsOf(template)
	t.r.Say(template, len(inside) == 1, "security groups "+namesOf(inside), "one security group of its own", fixTools)
	if len(inside) != 1 {
		return
	}
	for _, rule := range inside[0].Referrers("securityGroupId", typeIngress) {
		t.only(rule, rule.Ref("referencedSecurityGroupId", typeSecurityGroup) == door, "the gateway")
	}
	for _, rule := range door.Referrers("securityGroupId", typeEgress) {
		t.only(rule, rule.Ref("referencedSecurityGroupId", typeSecurityGroup) == inside[0], "the forwarders")
	}
	reaches := letsThrough([]*graph.Resource{door}, inside, t.port) && letsThrough(inside, t.replica.Refs("vpcSecurityGroupIds", typeSecurityGroup), t.port)
	t.r.Say(template, reaches, map[bool]string{true: "the rules are there", false: "a rule is missing"}[reaches],
		"rules by which the tools come through gateway and forwarders to the replica", fixTools)
}

// ends are the schedules that make a call when the access ends, of those that are in time.
func (t *tools) ends(call string) []*graph.Resource {
	var found []*graph.Resource
	for _, schedule := range t.g.OfType("aws:scheduler/schedule:Schedule") {
		if !strings.HasSuffix(schedule.Text("target.arn"), ":aws-sdk:"+call) || !doorOf(t.g, biComponent)[schedule.Parent] {
			continue
		}
		found = append(found, schedule)
		const at = "scheduleExpression"
		text := strings.TrimSuffix(strings.TrimPrefix(schedule.Text(at), "at("), ")")
		when, err := time.Parse("2006-01-02T15:04:05", text)
		zone := schedule.Text("scheduleExpressionTimezone")
		inTime := err == nil && !when.After(t.bi.Until.End()) && (zone == "UTC" || zone == "")
		t.r.Want(schedule, inTime, at, "when "+t.bi.Until.String()+" is over, in UTC, at the latest", fixTools)
		t.r.Want(schedule, schedule.Text("state") != "DISABLED", "state", "not DISABLED", fixTools)
		t.r.Want(schedule, schedule.Text("flexibleTimeWindow.mode") == "OFF", "flexibleTimeWindow.mode", "OFF: at that minute", fixTools)
		tries, given := schedule.Number("target.retryPolicy.maximumRetryAttempts")
		t.r.Want(schedule, !given || tries > 0, "target.retryPolicy.maximumRetryAttempts", "more than one try", fixTools)
		seconds, given := schedule.Number("target.retryPolicy.maximumEventAgeInSeconds")
		t.r.Want(schedule, !given || seconds >= 3600, "target.retryPolicy.maximumEventAgeInSeconds", "tried again for an hour or longer", fixTools)
		t.r.Want(schedule, mayAct(schedule, t.s.Client().AWS.Account), "groupName", "a group of schedules that may take the role", fixTools)
	}
	return found
}

// revoked reports whether a schedule takes one address's rule away. ends loses the schedule: it serves one rule.
func (t *tools) revoked(door, rule *graph.Resource, ends *[]*graph.Resource) {
	const expected = "a schedule that revokes the rule when the access ends, and may do so"
	for i, schedule := range *ends {
		var call struct {
			GroupID string   `json:"GroupId"`
			Rules   []string `json:"SecurityGroupRuleIds"`
		}
		err := json.Unmarshal([]byte(schedule.Text("target.input")), &call)
		// AWS makes the rule's id; under mocks it is empty on both sides.
		if err != nil || !door.Goes(call.GroupID) || !slices.Contains(call.Rules, answered(rule, "securityGroupRuleId")) {
			continue
		}
		*ends = slices.Delete(*ends, i, i+1)
		may := t.may(schedule, "ec2:RevokeSecurityGroupIngress", func(arn string) bool { return strings.HasSuffix(arn, ":security-group/"+door.ID) }) &&
			t.may(schedule, "ec2:RevokeSecurityGroupIngress", rule.Goes)
		t.r.Say(rule, may, "revoked by "+schedule.Name, expected, fixTools)
		return
	}
	t.r.Say(rule, false, "no schedule revokes it", expected, fixTools)
}

// stopped reports whether a schedule stops the forwarders: connections that are open outlive the rule that let them in.
func (t *tools) stopped(fleet *graph.Resource) {
	const expected = "a schedule that stops all forwarders when the access ends, and may do so"
	for _, schedule := range t.ends("autoscaling:updateAutoScalingGroup") {
		var call struct {
			AutoScalingGroupName              string
			MinSize, MaxSize, DesiredCapacity *int
		}
		err := json.Unmarshal([]byte(schedule.Text("target.input")), &call)
		zero := func(n *int) bool { return n != nil && *n == 0 }
		if err != nil || !fleet.Goes(call.AutoScalingGroupName) || !zero(call.MinSize) || !zero(call.MaxSize) || !zero(call.DesiredCapacity) {
			continue
		}
		t.r.Say(fleet, t.may(schedule, "autoscaling:UpdateAutoScalingGroup", fleet.Goes), "stopped by "+schedule.Name, expected, fixTools)
		return
	}
	t.r.Say(fleet, false, "no schedule stops them", expected, fixTools)
}

// may tells whether a schedule's role is allowed an action on something.
func (t *tools) may(schedule *graph.Resource, action string, on func(arn string) bool) bool {
	role := schedule.Ref("target.roleArn", typeRole)
	if role == nil {
		return false
	}
	return slices.ContainsFunc(role.Referrers("role", typeRolePolicy), func(holder *graph.Resource) bool {
		document, err := policy.Parse(holder.Text("policy"))
		return err == nil && slices.ContainsFunc(document.Allows(), func(st policy.Statement) bool {
			return st.Covers(action) && len(st.Conditions) == 0 && slices.ContainsFunc(st.Resources, on)
		})
	})
}

// credentials of the tools are a secret of their own, which goes with the access.
func (t *tools) credentials() {
	open := doorOf(t.g, biComponent)
	var own []*graph.Resource
	for _, secret := range t.g.OfType(typeSecret) {
		if open[secret.Parent] {
			own = append(own, secret)
		}
	}
	for _, secret := range t.r.Must(own, "credentials for the client's tools", "a secret of their own for the client's tools", fixTools) {
		values := secret.Referrers("secretId", typeSecretVersion)
		t.r.Say(secret, len(values) > 0, howMany(len(values), "value"), "user and password of the client's tools, in no other secret", fixTools)
	}
}
