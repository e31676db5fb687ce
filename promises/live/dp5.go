package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/berth-iac/berth/spec"
)

const fixDoor = "let the next update remove it, or set access.bi in the client's spec"

// toolsRead is the look at DP-5.
func toolsRead(ctx context.Context, l *look) error {
	bi := l.subject.Client().Access.BI
	if bi == nil || l.subject.Now.After(bi.Until.End()) {
		return nothingOpen(ctx, l, bi)
	}
	d := &toolsDoor{look: l, bi: bi}
	return errors.Join(d.replicaIsThere(ctx), d.gatewayIsThere(ctx), d.credentialsAreThere(ctx))
}

// gateways are the load balancers that are no front doors: the ways of clients' tools.
func (a *account) gateways(ctx context.Context) ([]balancer, error) {
	all, err := a.balancers(ctx, a.home)
	return slices.DeleteFunc(slices.Clone(all), func(b balancer) bool { return b.application() }), err
}

// toolsSecret tells whether a secret holds the credentials of a client's tools.
func toolsSecret(s secret) bool { return strings.HasSuffix(aws.ToString(s.Name), "/database/bi") }

// nothingOpen reports whether no way leads to the database while none is asked for, or once its last day is over: the gateway may
// still stand then, but admits nobody and has no machines behind it.
func nothingOpen(ctx context.Context, l *look, bi *spec.BIAccess) error {
	const expected = "nothing: access.bi is not set"
	over := bi != nil
	gateways, err := l.gateways(ctx)
	if err != nil {
		return err
	}
	for _, g := range gateways {
		o := object{balancerType, g.arn()}
		if !over {
			l.want(o, false, "", "a load balancer of type "+string(g.Type), expected, fixDoor)
			continue
		}
		rules, err := l.admittedTo(ctx, g)
		if err != nil {
			return err
		}
		l.want(o, len(rules) == 0, "securityGroups", "admitted: "+orNone(rules), "nobody: the access ended on "+bi.Until.String(), "revoke the rules; see why the schedules in the account did not")
	}
	fleets, err := l.fleets(ctx, l.home)
	if err != nil {
		return err
	}
	targets, err := l.doorTargets(ctx)
	if err != nil {
		return err
	}
	for _, f := range fleets {
		if slices.ContainsFunc(f.TargetGroupARNs, func(arn string) bool { return slices.Contains(targets, arn) }) {
			continue // the service's own
		}
		forwards := strings.HasSuffix(aws.ToString(f.AutoScalingGroupName), "-bi")
		if forwards || over {
			l.want(object{fleetType, aws.ToString(f.AutoScalingGroupARN)}, over && aws.ToInt32(f.DesiredCapacity) == 0 && len(f.Instances) == 0, "desiredCapacity", aws.ToInt32(f.DesiredCapacity),
				map[bool]string{true: "0: connections that are open end with their machine", false: expected}[over], fixDoor)
		}
	}
	secrets, err := l.secrets(ctx, l.home)
	for _, s := range secrets {
		if toolsSecret(s) && !over {
			l.want(s.object(), false, "", "credentials of the client's tools", expected, fixDoor)
		}
	}
	if err == nil {
		what := map[bool]string{true: "no way is open to the client's tools: the last day is over", false: "no way is open to the client's tools"}[over]
		l.want(object{}, true, "", fmt.Sprintf("%d load balancers, %d groups of machines and %d secrets were looked at", len(gateways), len(fleets), len(secrets)), what, "")
	}
	return err
}

// doorTargets are the target groups of the front doors.
func (l *look) doorTargets(ctx context.Context) ([]string, error) {
	doors, err := l.frontDoors(ctx)
	var all []string
	for _, d := range doors {
		all = append(all, d.targets()...)
	}
	return all, err
}

// admittedTo are the addresses and groups that a load balancer's security groups let in.
func (l *look) admittedTo(ctx context.Context, b balancer) ([]string, error) {
	groups, err := l.securityGroups(ctx, l.home)
	if err != nil {
		return nil, err
	}
	if len(b.SecurityGroups) == 0 {
		return []string{"everyone: it has no security group"}, nil
	}
	var all []string
	for _, g := range groups {
		if !slices.Contains(b.SecurityGroups, aws.ToString(g.GroupId)) {
			continue
		}
		for _, rule := range g.IpPermissions {
			all = append(all, ranges(rule)...)
			for _, peer := range rule.UserIdGroupPairs {
				all = append(all, aws.ToString(peer.GroupId))
			}
		}
	}
	return all, nil
}

// toolsDoor is the way of a client's tools while it is open.
type toolsDoor struct {
	*look
	bi      *spec.BIAccess
	replica rdstypes.DBInstance
}

// replicaIsThere finds the read replica that the tools read: it takes no writes, whoever asks.
func (d *toolsDoor) replicaIsThere(ctx context.Context) error {
	instances, err := d.dbInstances(ctx, d.home)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(instances, func(db rdstypes.DBInstance) bool {
		return aws.ToString(db.ReadReplicaSourceDBInstanceIdentifier) != "" && d.ours(rdsTags(db.TagList))
	})
	if i < 0 {
		d.missing("read replica in "+d.home, "a read replica for the client's tools, so that they can change nothing", fixByUpdate)
		return nil
	}
	d.replica = instances[i]
	o := dbObject(d.replica)
	d.want(o, true, "replicateSourceDb", aws.ToString(d.replica.ReadReplicaSourceDBInstanceIdentifier), "the client's own database: a replica takes no writes", fixByUpdate)
	replicating := d.replica.ReplicaMode != rdstypes.ReplicaModeMounted && !slices.ContainsFunc(d.replica.StatusInfos, func(s rdstypes.DBInstanceStatusInfo) bool {
		return aws.ToString(s.StatusType) == "read replication" && aws.ToString(s.Status) != "replicating"
	})
	d.want(o, replicating, "", "status "+orAbsent(aws.ToString(d.replica.DBInstanceStatus)), "it replicates", "see RDS's events of the replica")
	return forcesTLS(ctx, d.look, d.replica)
}

func (d *toolsDoor) port() int32 {
	if d.replica.Endpoint == nil {
		return 0
	}
	return aws.ToInt32(d.replica.Endpoint.Port)
}

// gatewayIsThere follows the gateway: whom it admits, until when, and where it leads.
func (d *toolsDoor) gatewayIsThere(ctx context.Context) error {
	gateways, err := d.gateways(ctx)
	if err != nil {
		return err
	}
	if len(gateways) == 0 {
		d.missing("gateway in "+d.home, "a gateway for the client's tools, as access.bi asks for", fixByUpdate)
	}
	var errs []error
	for _, g := range gateways {
		o := object{balancerType, g.arn()}
		state := elbtypes.LoadBalancerStateEnum("")
		if g.State != nil {
			state = g.State.Code
		}
		d.want(o, state == elbtypes.LoadBalancerStateEnumActive, "", "state "+orAbsent(string(state)), "active", "see the load balancer in the account")
		d.want(o, len(g.SecurityGroups) == 1, "securityGroups", g.SecurityGroups, "one security group, which admits the client's addresses", fixByUpdate)
		for _, at := range g.listeners {
			d.want(object{listenerType, aws.ToString(at.ListenerArn)}, aws.ToInt32(at.Port) == d.port() && at.Protocol == elbtypes.ProtocolEnumTcp, "port",
				fmt.Sprintf("%s on port %d", at.Protocol, aws.ToInt32(at.Port)), fmt.Sprintf("TCP on the database's port %d: TLS goes through to the database", d.port()), fixByUpdate)
		}
		errs = append(errs, d.admits(ctx, g), d.ends(ctx, g), d.refusesOthers(ctx, g))
	}
	return errors.Join(errs...)
}

// admits reports whether the gateway lets in the spec's addresses, and no others.
func (d *toolsDoor) admits(ctx context.Context, g balancer) error {
	groups, err := d.securityGroups(ctx, d.home)
	if err != nil {
		return err
	}
	var named []string
	for _, from := range d.bi.From {
		named = append(named, from.String())
	}
	for _, group := range groups {
		if !slices.Contains(g.SecurityGroups, aws.ToString(group.GroupId)) {
			continue
		}
		var let, wrong []string
		for _, rule := range group.IpPermissions {
			exact := aws.ToString(rule.IpProtocol) == "tcp" && aws.ToInt32(rule.FromPort) == d.port() && aws.ToInt32(rule.ToPort) == d.port()
			for _, r := range ranges(rule) {
				if let = append(let, r); !exact || !slices.Contains(named, r) {
					wrong = append(wrong, r)
				}
			}
			for _, peer := range rule.UserIdGroupPairs {
				wrong = append(wrong, aws.ToString(peer.GroupId))
			}
		}
		lacks := slices.DeleteFunc(slices.Clone(named), func(n string) bool { return slices.Contains(let, n) })
		d.want(object{securityGroupType, aws.ToString(group.GroupId)}, len(wrong) == 0 && len(lacks) == 0, "ingress",
			"admitted: "+orNone(let)+"; against the spec: "+orNone(wrong), fmt.Sprintf("%s on port %d, and nobody else", strings.Join(named, ", "), d.port()), fixByUpdate)
	}
	return nil
}

// ends reports whether schedules in the account revoke the rules and stop the forwarders when the last day is over.
func (d *toolsDoor) ends(ctx context.Context, g balancer) error {
	schedules, err := d.schedules(ctx, d.home)
	if err != nil {
		return err
	}
	fleets, err := d.fleets(ctx, d.home)
	if err != nil {
		return err
	}
	targets := g.targets()
	forwarders := slices.DeleteFunc(slices.Clone(fleets), func(f asgtypes.AutoScalingGroup) bool {
		return !slices.ContainsFunc(f.TargetGroupARNs, func(arn string) bool { return slices.Contains(targets, arn) })
	})
	revoked := map[string]bool{}
	stopped := map[string]bool{}
	for _, s := range schedules {
		if s.Target == nil || s.State == "DISABLED" || !d.inTime(aws.ToString(s.ScheduleExpression), aws.ToString(s.ScheduleExpressionTimezone)) {
			continue
		}
		var call struct {
			GroupID                           string   `json:"GroupId"`
			Rules                             []string `json:"SecurityGroupRuleIds"`
			AutoScalingGroupName              string
			MinSize, MaxSize, DesiredCapacity *int
		}
		if json.Unmarshal([]byte(aws.ToString(s.Target.Input)), &call) != nil {
			continue
		}
		switch to := aws.ToString(s.Target.Arn); {
		case strings.HasSuffix(to, ":aws-sdk:ec2:revokeSecurityGroupIngress"):
			for _, rule := range call.Rules {
				revoked[rule] = true
			}
		case strings.HasSuffix(to, ":aws-sdk:autoscaling:updateAutoScalingGroup") && call.MaxSize != nil && *call.MaxSize == 0:
			stopped[call.AutoScalingGroupName] = true
		}
	}
	rules, err := d.ingressRules(ctx, d.home)
	if err != nil {
		return err
	}
	until := d.bi.Until.String()
	for _, r := range rules {
		if slices.Contains(g.SecurityGroups, aws.ToString(r.GroupId)) {
			id := aws.ToString(r.SecurityGroupRuleId)
			d.want(object{"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", id}, revoked[id], "", "revoked by a schedule: "+strconv.FormatBool(revoked[id]),
				"a schedule revokes the rule when "+until+" is over", fixByUpdate)
		}
	}
	for _, f := range forwarders {
		name := aws.ToString(f.AutoScalingGroupName)
		d.want(object{fleetType, aws.ToString(f.AutoScalingGroupARN)}, stopped[name], "", "stopped by a schedule: "+strconv.FormatBool(stopped[name]),
			"a schedule stops the forwarders when "+until+" is over", fixByUpdate)
	}
	if len(forwarders) == 0 {
		d.want(object{balancerType, g.arn()}, false, "", "no forwarders behind it", "forwarders that lead to the read replica", fixByUpdate)
	}
	return nil
}

// inTime tells whether a schedule comes true at the end of the last day, at the latest.
func (d *toolsDoor) inTime(expression, zone string) bool {
	text := strings.TrimSuffix(strings.TrimPrefix(expression, "at("), ")")
	at, err := time.Parse("2006-01-02T15:04:05", text)
	return err == nil && !at.After(d.bi.Until.End()) && (zone == "" || zone == "UTC" || zone == "Etc/UTC")
}

// refusesOthers tries the gateway from here, which is none of the client's addresses.
func (d *toolsDoor) refusesOthers(ctx context.Context, g balancer) error {
	if d.outside.Dial == nil {
		return errNotAsked
	}
	patience, cancel := context.WithTimeout(ctx, dialPatience)
	defer cancel()
	connection, err := d.outside.Dial(patience, "tcp", net.JoinHostPort(aws.ToString(g.DNSName), strconv.Itoa(int(d.port()))))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil {
		_ = connection.Close() // it was opened to see whether it opens
	}
	d.want(object{balancerType, g.arn()}, err != nil, "", map[bool]string{true: "not reached from an address that is not the client's", false: "takes connections from an address that is not the client's"}[err != nil],
		"reached from the client's addresses only", fixByUpdate)
	return nil
}

// credentialsAreThere: the tools have a secret of their own.
func (d *toolsDoor) credentialsAreThere(ctx context.Context) error {
	secrets, err := d.secrets(ctx, d.home)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(secrets, func(s secret) bool { return toolsSecret(s) && d.ours(s.tags) })
	if i < 0 {
		d.missing("secret /database/bi in "+d.home, "credentials of their own for the client's tools", fixByUpdate)
		return nil
	}
	d.want(secrets[i].object(), true, "", "a secret of their own", "user and password of the client's tools, in no other secret", "")
	return nil
}
