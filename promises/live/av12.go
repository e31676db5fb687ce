package live

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/berth-iac/berth/promises/catalogue"
	"github.com/berth-iac/berth/spec"
)

const (
	knocking = 8 * time.Second // until a door that says nothing counts as closed

	fixOrigin = "mend components/loadbalancer, securitygroup.go and listeners.go"
)

// onlyTheEdge looks at AV-12: who reaches the origin, and how much.
func onlyTheEdge(ctx context.Context, l *look) error {
	client := l.subject.Client()
	if client == nil {
		return nil
	}
	all, err := l.balancers(ctx, l.home)
	if err != nil {
		return err
	}
	groups, err := l.securityGroups(ctx, l.home)
	if err != nil {
		return err
	}
	lists, err := l.prefixLists(ctx, l.home)
	if err != nil {
		return err
	}
	logs, err := l.webFirewallLogs(ctx, l.home)
	if err != nil {
		return err
	}
	e := originLook{look: l, client: client, groups: groups, lists: lists, logs: logs}
	doors := 0
	for _, b := range all {
		switch {
		case !b.public():
			continue
		case !b.application():
			e.gateway(b)
			continue
		}
		doors++
		if err := e.connections(ctx, b); err != nil {
			return err
		}
		e.listeners(b)
		if err := e.firewall(ctx, b); err != nil {
			return err
		}
	}
	if doors == 0 {
		l.missing("load balancer", "a load balancer that only Cloudflare reaches", fixOrigin)
		return nil
	}
	if err := e.machines(ctx); err != nil {
		return err
	}
	if err := e.trust(ctx); err != nil {
		return err
	}
	for _, b := range all {
		if b.public() && b.application() {
			if err := e.knock(ctx, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// originLook judges who and how much reaches the service.
type originLook struct {
	*look
	client *spec.AWSClient
	groups []ec2types.SecurityGroup
	lists  []ec2types.ManagedPrefixList
	logs   firewallLogs
}

// gateway tells whether a load balancer that is none for people's requests is one that the spec opens (DP-5).
func (e originLook) gateway(b balancer) {
	opened := e.client.Access.BI != nil && e.ours(b.tags)
	e.want(object{balancerType, b.arn()}, opened, "internal", false, "no way in from the internet but Cloudflare's, and what access.bi opens", "delete it, or make it internal")
}

// firewallsOf are security groups by their ids.
func (e originLook) firewallsOf(ids []string) []ec2types.SecurityGroup {
	return slices.DeleteFunc(slices.Clone(e.groups), func(g ec2types.SecurityGroup) bool { return !slices.Contains(ids, aws.ToString(g.GroupId)) })
}

// connections tells whether a load balancer's security groups take connections from Cloudflare's addresses alone.
func (e originLook) connections(ctx context.Context, b balancer) (err error) {
	groups := e.firewallsOf(b.SecurityGroups)
	e.want(object{balancerType, b.arn()}, len(groups) > 0 && len(groups) == len(b.SecurityGroups), "securityGroups", joined(b.SecurityGroups), "security groups, which let only Cloudflare in", fixOrigin)
	families := map[string]bool{} // let in on port 443
	lists := map[string]string{}  // families of the lists that were judged
	for _, g := range groups {
		o := object{securityGroupType, aws.ToString(g.GroupId)}
		for _, p := range g.IpPermissions {
			first, last := aws.ToInt32(p.FromPort), aws.ToInt32(p.ToPort)
			exact := aws.ToString(p.IpProtocol) == "tcp" && first == last && (first == 443 || first == 80)
			e.want(o, exact, "ingress", ports(p), "tcp on port 443, or on port 80 for the redirect", fixOrigin)
			e.want(o, len(p.IpRanges)+len(p.Ipv6Ranges)+len(p.UserIdGroupPairs) == 0, "ingress", "from "+joined(sources(p)), "Cloudflare's addresses by their lists, and nobody else", fixOrigin)
			for _, list := range p.PrefixListIds {
				id := aws.ToString(list.PrefixListId)
				if _, judged := lists[id]; !judged {
					if lists[id], err = e.addresses(ctx, id); err != nil {
						return err
					}
				}
				families[lists[id]] = families[lists[id]] || first <= 443 && 443 <= last
			}
		}
	}
	e.want(object{balancerType, b.arn()}, families["IPv4"], "securityGroups", "Cloudflare's IPv4 addresses let in: "+strconv.FormatBool(families["IPv4"]), "Cloudflare is let in on port 443", fixOrigin)
	return nil
}

// addresses tells whether a prefix list is exactly what Cloudflare publishes, and of which family.
func (e originLook) addresses(ctx context.Context, id string) (family string, err error) {
	o := object{prefixListType, id}
	i := slices.IndexFunc(e.lists, func(l ec2types.ManagedPrefixList) bool { return aws.ToString(l.PrefixListId) == id })
	if i >= 0 {
		family = aws.ToString(e.lists[i].AddressFamily)
	}
	want := catalogue.EdgeRanges(family)
	found, err := e.prefixes(ctx, e.home, id)
	if err != nil {
		return "", err
	}
	odd := slices.DeleteFunc(slices.Clone(found), func(cidr string) bool { return slices.Contains(want, cidr) })
	lost := slices.DeleteFunc(slices.Clone(want), func(cidr string) bool { return slices.Contains(found, cidr) })
	e.want(o, len(want) > 0 && len(odd)+len(lost) == 0, "entries", fmt.Sprintf("%d ranges; too many: %s; missing: %s", len(found), joined(odd), joined(lost)),
		fmt.Sprintf("the %d ranges that Cloudflare publishes, and no other", len(want)), "compare components/loadbalancer, cloudflare.go, with what Cloudflare publishes")
	return family, nil
}

// ports are what a rule of a security group is about.
func ports(p ec2types.IpPermission) string {
	return fmt.Sprintf("%s %d to %d", aws.ToString(p.IpProtocol), aws.ToInt32(p.FromPort), aws.ToInt32(p.ToPort))
}

// sources are who a rule of a security group names.
func sources(p ec2types.IpPermission) []string {
	var all []string
	for _, r := range p.IpRanges {
		all = append(all, aws.ToString(r.CidrIp))
	}
	for _, r := range p.Ipv6Ranges {
		all = append(all, aws.ToString(r.CidrIpv6))
	}
	for _, g := range p.UserIdGroupPairs {
		all = append(all, aws.ToString(g.GroupId))
	}
	for _, l := range p.PrefixListIds {
		all = append(all, aws.ToString(l.PrefixListId))
	}
	return all
}

// listeners tells whether what connects must show Cloudflare's certificate and name the client's host.
func (e originLook) listeners(b balancer) {
	secure := 0
	for _, l := range b.listeners {
		o := object{listenerType, aws.ToString(l.ListenerArn)}
		port := aws.ToInt32(l.Port)
		if l.Protocol != elbtypes.ProtocolEnumHttps {
			sends := len(forwards(l.DefaultActions)) > 0 || slices.ContainsFunc(l.rules, func(r elbtypes.Rule) bool { return len(forwards(r.Actions)) > 0 })
			e.want(o, !sends && port == 80 && l.Protocol == elbtypes.ProtocolEnumHttp && onlyActions(l.DefaultActions, elbtypes.ActionTypeEnumRedirect, elbtypes.ActionTypeEnumFixedResponse), "defaultActions",
				fmt.Sprintf("%s on port %d", kindsOf(l.DefaultActions), port), "requests without the edge's certificate reach no machine: a redirect on port 80 and nothing else", fixOrigin)
			continue
		}
		secure++
		e.want(o, port == 443, "port", port, "443, where Cloudflare connects", fixOrigin)
		mode, expired := "off", false
		if m := l.MutualAuthentication; m != nil {
			mode, expired = aws.ToString(m.Mode), aws.ToBool(m.IgnoreClientCertificateExpiry)
		}
		e.want(o, mode == "verify", "mutualAuthentication.mode", mode, "verify: whoever connects shows a certificate of Cloudflare's", fixOrigin)
		e.want(o, !expired, "mutualAuthentication.ignoreClientCertificateExpiry", expired, "false", fixOrigin)
		refuses := onlyActions(l.DefaultActions, elbtypes.ActionTypeEnumFixedResponse) && l.DefaultActions[0].FixedResponseConfig != nil &&
			strings.HasPrefix(aws.ToString(l.DefaultActions[0].FixedResponseConfig.StatusCode), "4")
		e.want(o, refuses, "defaultActions", kindsOf(l.DefaultActions), "every host but the client's is refused with 404", fixOrigin)
		for _, r := range l.rules {
			if aws.ToBool(r.IsDefault) || len(forwards(r.Actions)) == 0 {
				continue
			}
			hosts := hostsOf(r)
			e.want(object{listenerRuleType, aws.ToString(r.RuleArn)}, slices.Equal(hosts, []string{e.client.Edge.Hostname}), "conditions", "hosts "+joined(hosts),
				"the client's host, "+e.client.Edge.Hostname+", and no other", fixOrigin)
		}
	}
	e.want(object{balancerType, b.arn()}, secure > 0, "listeners", several(secure, "HTTPS listener"), "a listener that asks for Cloudflare's client certificate", fixOrigin)
}

func hostsOf(r elbtypes.Rule) []string {
	var hosts []string
	for _, c := range r.Conditions {
		if aws.ToString(c.Field) != "host-header" {
			continue
		}
		hosts = append(hosts, c.Values...)
		if c.HostHeaderConfig != nil {
			hosts = append(hosts, c.HostHeaderConfig.Values...)
		}
	}
	return distinct(hosts)
}

func onlyActions(actions []elbtypes.Action, kinds ...elbtypes.ActionTypeEnum) bool {
	return len(actions) > 0 && !slices.ContainsFunc(actions, func(a elbtypes.Action) bool { return !slices.Contains(kinds, a.Type) })
}

func kindsOf(actions []elbtypes.Action) string {
	var all []string
	for _, a := range actions {
		all = append(all, string(a.Type))
	}
	return joined(all)
}

// machines tells whether only the load balancer reaches the machines: none has a public address, and what their security
// groups let in comes from the load balancer's.
func (e originLook) machines(ctx context.Context) error {
	const fix = "mend components/compute, identity.go and machines.go"
	fleets, err := e.fleets(ctx, e.home)
	if err != nil {
		return err
	}
	machines, err := e.instances(ctx, e.home)
	if err != nil {
		return err
	}
	doors, err := e.frontDoors(ctx)
	if err != nil {
		return err
	}
	var from, targets []string
	for _, d := range doors {
		from, targets = append(from, d.SecurityGroups...), append(targets, d.targets()...)
	}
	serving := map[string]bool{}
	for _, f := range fleets {
		if !slices.ContainsFunc(f.TargetGroupARNs, func(arn string) bool { return slices.Contains(targets, arn) }) {
			continue
		}
		for _, i := range f.Instances {
			serving[aws.ToString(i.InstanceId)] = true
		}
	}
	behind := map[string]bool{}
	for _, m := range machines {
		if !serving[aws.ToString(m.InstanceId)] {
			continue
		}
		address := aws.ToString(m.PublicIpAddress)
		e.want(object{machineType, aws.ToString(m.InstanceId)}, address == "", "publicIp", joined([]string{address}), "none: machines have no public address", fix)
		for _, g := range m.SecurityGroups {
			behind[aws.ToString(g.GroupId)] = true
		}
	}
	for _, g := range e.groups {
		if !behind[aws.ToString(g.GroupId)] {
			continue
		}
		o := object{securityGroupType, aws.ToString(g.GroupId)}
		for _, p := range g.IpPermissions {
			strangers := slices.DeleteFunc(sources(p), func(s string) bool { return slices.Contains(from, s) })
			e.want(o, len(strangers) == 0, "ingress", ports(p)+" from "+joined(sources(p)), "from the load balancer's security group, and nobody else", fix)
		}
	}
	return nil
}

// trust tells whether the authorities that client certificates are checked against can be used.
func (e originLook) trust(ctx context.Context) error {
	doors, err := e.frontDoors(ctx)
	if err != nil {
		return err
	}
	for _, d := range doors {
		for _, l := range d.listeners {
			if l.MutualAuthentication == nil || aws.ToString(l.MutualAuthentication.Mode) != "verify" {
				continue // that is told already
			}
			stores, err := e.trustStores(ctx, e.home)
			if err != nil {
				return err
			}
			arn := aws.ToString(l.MutualAuthentication.TrustStoreArn)
			i := slices.IndexFunc(stores, func(s elbtypes.TrustStore) bool { return aws.ToString(s.TrustStoreArn) == arn })
			if i < 0 {
				e.want(object{listenerType, aws.ToString(l.ListenerArn)}, false, "mutualAuthentication.trustStoreArn", joined([]string{arn}), "a trust store of the account", fixOrigin)
				continue
			}
			authorities := aws.ToInt32(stores[i].NumberOfCaCertificates)
			e.want(object{trustStoreType, arn}, stores[i].Status == elbtypes.TrustStoreStatusActive && authorities == 1, "status",
				fmt.Sprintf("%s, %d authorities", stores[i].Status, authorities), "active, with the one authority that signs the edge's certificate", fixOrigin)
		}
	}
	return nil
}

// knock asks the origin past Cloudflare, as anybody could who knows its name. Nobody may come through: the connection is
// refused, or is not answered. That the asker reaches the internet at all is shown by the site itself.
func (e originLook) knock(ctx context.Context, b balancer) error {
	if e.outside.Dial == nil {
		return errNotAsked
	}
	if err := e.reaches(ctx, net.JoinHostPort(e.client.Edge.Hostname, "443")); err != nil {
		return fmt.Errorf("the origin's silence says nothing: the site itself is not reached from here: %w", err)
	}
	for _, port := range []string{"443", "80"} {
		found := e.refused(ctx, aws.ToString(b.DNSName), port)
		e.want(object{balancerType, b.arn()}, found == "", "dnsName", "port "+port+": "+joined([]string{found}), "none who comes past Cloudflare gets a connection", fixOrigin)
	}
	return nil
}

func (e originLook) reaches(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, knocking)
	defer cancel()
	connection, err := e.outside.Dial(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return connection.Close()
}

// refused is empty where the origin does not take a connection; otherwise it says how far one came.
func (e originLook) refused(ctx context.Context, name, port string) string {
	ctx, cancel := context.WithTimeout(ctx, knocking)
	defer cancel()
	connection, err := e.outside.Dial(ctx, "tcp", net.JoinHostPort(name, port))
	if err != nil {
		return ""
	}
	defer func() { _ = connection.Close() }()
	if port != "443" {
		return "takes connections"
	}
	// Which certificate it shows does not matter: what matters is whether it asks for ours.
	secure := tls.Client(connection, &tls.Config{ServerName: e.client.Edge.Hostname, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
	if until, set := ctx.Deadline(); set {
		_ = secure.SetDeadline(until)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+e.client.Edge.Hostname+healthPath, http.NoBody)
	if err != nil {
		return "takes connections"
	}
	one := http.Transport{DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return secure, secure.HandshakeContext(ctx) }, DisableKeepAlives: true}
	response, err := one.RoundTrip(request)
	if err != nil {
		return "takes connections, but no request without a client certificate"
	}
	_ = response.Body.Close()
	return fmt.Sprintf("answers %d without a client certificate", response.StatusCode)
}
