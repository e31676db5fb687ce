package live

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	"github.com/berth-iac/berth/promises"
)

// world is what takes connections, and where they go.
type world map[string]string

func (w world) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if to, open := w[address]; open {
		return (&net.Dialer{}).DialContext(ctx, network, to)
	}
	return nil, errors.New("connection timed out")
}

// listening is a place that takes connections and says nothing.
func listening(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

func TestOnlyTheEdge(t *testing.T) {
	site443 := listening(t)
	outside := func(*site) Outside { return Outside{Dial: world{"acme.taskflow.example:443": site443}.Dial} }
	rule := func(i int, change func(*waftypes.Rule)) func(*site) { return func(s *site) { change(&s.acl.Rules[i]) } }
	acl := func(property string) []string { return []string{firewallARN + "." + property} }
	ingress := func(p ec2types.IpPermission) func(*site) {
		return func(s *site) { s.firewalls[0].IpPermissions = append(s.firewalls[0].IpPermissions, p) }
	}
	tcp := func(port int32) ec2types.IpPermission {
		return ec2types.IpPermission{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(port), ToPort: aws.Int32(port)}
	}
	from := func(p ec2types.IpPermission, cidr string) ec2types.IpPermission {
		p.IpRanges = []ec2types.IpRange{{CidrIp: aws.String(cidr)}}
		return p
	}
	mutated(t, "AV-12", outside, []mutation{
		{"no load balancer", func(s *site) { s.balancers = nil }, []string{promises.StackName}},
		{"let in from everywhere", ingress(from(tcp(443), "0.0.0.0/0")), []string{"sg-door.ingress"}},
		{"let in from IPv6", ingress(ec2types.IpPermission{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(443), ToPort: aws.Int32(443), Ipv6Ranges: []ec2types.Ipv6Range{{CidrIpv6: aws.String("::/0")}}}), []string{"sg-door.ingress"}},
		{"another port", ingress(tcp(22)), []string{"sg-door.ingress"}},
		{"no security group", func(s *site) { s.balancers[0].SecurityGroups = nil }, []string{doorARN + ".securityGroups", "sg-machines.ingress"}},
		{"Cloudflare is let in nowhere", func(s *site) { s.firewalls[0].IpPermissions = nil }, []string{doorARN + ".securityGroups"}},
		{"a range too many", func(s *site) { s.ranges["pl-4"] = append(s.ranges["pl-4"], "198.51.100.0/24") }, []string{"pl-4.entries"}},
		{"a range is missing", func(s *site) { s.ranges["pl-6"] = s.ranges["pl-6"][1:] }, []string{"pl-6.entries"}},
		{"no mutual TLS", func(s *site) { s.listeners[0].MutualAuthentication.Mode = aws.String("off") }, []string{secureARN + ".mutualAuthentication.mode"}},
		{"certificates pass unseen", func(s *site) { s.listeners[0].MutualAuthentication.Mode = aws.String("passthrough") }, []string{secureARN + ".mutualAuthentication.mode"}},
		{"expired certificates", func(s *site) { s.listeners[0].MutualAuthentication.IgnoreClientCertificateExpiry = aws.Bool(true) }, []string{secureARN + ".mutualAuthentication.ignoreClientCertificateExpiry"}},
		{"no such trust store", func(s *site) { s.trust = nil }, []string{secureARN + ".mutualAuthentication.trustStoreArn"}},
		{"two authorities", func(s *site) { s.trust[0].NumberOfCaCertificates = aws.Int32(2) }, []string{trustARN + ".status"}},
		{"another port of the listener", func(s *site) { s.listeners[0].Port = aws.Int32(8443) }, []string{secureARN + ".port"}},
		{"any host is served", func(s *site) { s.listeners[0].DefaultActions[0].Type = elbtypes.ActionTypeEnumForward }, []string{secureARN + ".defaultActions"}},
		{"another host is served", func(s *site) { s.rules[secureARN][0].Conditions[0].HostHeaderConfig.Values = []string{"*.example"} }, []string{hostRuleARN + ".conditions"}},
		{"served in plain text", func(s *site) {
			s.listeners[1].DefaultActions = []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: aws.String(targetsARN)}}
		}, []string{plainARN + ".defaultActions"}},
		{"a second way in that nobody declared", func(s *site) {
			s.balancers = append(s.balancers, elbtypes.LoadBalancer{LoadBalancerArn: aws.String("arn:stray"), Type: elbtypes.LoadBalancerTypeEnumNetwork, Scheme: elbtypes.LoadBalancerSchemeEnumInternetFacing})
		}, []string{"arn:stray.internal"}},
		{"a machine with a public address", func(s *site) { s.machines[0].PublicIpAddress = aws.String("203.0.113.9") }, []string{"i-a.publicIp"}},
		{"machines reached by others", func(s *site) {
			s.firewalls[1].IpPermissions = append(s.firewalls[1].IpPermissions, from(tcp(22), "10.0.0.0/8"))
		}, []string{"sg-machines.ingress"}},
		{"the firewall fails open", func(s *site) { s.failOpen = "true" }, []string{doorARN + ".enableWafFailOpen"}},
		{"no firewall", func(s *site) { s.acl = nil }, []string{doorARN + ".webAclArn"}},
		{"the firewall allows the rest", func(s *site) { s.acl.DefaultAction = &waftypes.DefaultAction{Allow: &waftypes.AllowAction{}} }, acl("defaultAction")},
		{"nothing is counted", func(s *site) { s.acl.VisibilityConfig.CloudWatchMetricsEnabled = false }, acl("visibilityConfig.cloudwatchMetricsEnabled")},
		{"no rate rule", func(s *site) { s.acl.Rules = s.acl.Rules[1:] }, acl("rules.rateBasedStatement")},
		{"another limit", rule(0, func(r *waftypes.Rule) { r.Statement.RateBasedStatement.Limit = aws.Int64(60000) }), acl("rules.rate.limit")},
		{"another window", rule(0, func(r *waftypes.Rule) { r.Statement.RateBasedStatement.EvaluationWindowSec = 300 }), acl("rules.rate.evaluationWindowSec")},
		{"counted by the edge's address", rule(0, func(r *waftypes.Rule) {
			r.Statement.RateBasedStatement.AggregateKeyType = waftypes.RateBasedStatementAggregateKeyTypeIp
		}), acl("rules.rate.aggregateKeyType")},
		{"counted by a header of anybody's", rule(0, func(r *waftypes.Rule) {
			r.Statement.RateBasedStatement.ForwardedIPConfig.HeaderName = aws.String("X-Forwarded-For")
		}), acl("rules.rate.aggregateKeyType")},
		{"the rate is only counted", rule(0, func(r *waftypes.Rule) { r.Action = &waftypes.RuleAction{Count: &waftypes.CountAction{}} }), acl("rules.rate.action")},
		{"some requests do not count", rule(0, func(r *waftypes.Rule) { r.Statement.RateBasedStatement.ScopeDownStatement = &waftypes.Statement{} }), acl("rules.rate.scopeDownStatement")},
		{"known attacks only counted", rule(2, func(r *waftypes.Rule) { r.OverrideAction = &waftypes.OverrideAction{Count: &waftypes.CountAction{}} }), acl("rules.AWSManagedRulesCommonRuleSet")},
		{"one attack let through", rule(4, func(r *waftypes.Rule) {
			r.Statement.ManagedRuleGroupStatement.RuleActionOverrides = []waftypes.RuleActionOverride{{Name: aws.String("SQLi_BODY"), ActionToUse: &waftypes.RuleAction{Count: &waftypes.CountAction{}}}}
		}), acl("rules.AWSManagedRulesSQLiRuleSet")},
		{"a list of attacks is missing", func(s *site) { s.acl.Rules = append(s.acl.Rules[:3:3], s.acl.Rules[4:]...) }, acl("rules.AWSManagedRulesKnownBadInputsRuleSet")},
		{"another host allowed", rule(6, func(r *waftypes.Rule) { r.Statement.ByteMatchStatement.SearchString = []byte("example") }), acl("rules.host.byteMatchStatement")},
		{"allowed before it is judged", rule(6, func(r *waftypes.Rule) { r.Priority = -1 }), acl("rules.allow")},
		{"no log", func(s *site) { s.aclLogs = nil }, acl("logging")},
		{"credentials in the log", func(s *site) { s.aclLogs[0].RedactedFields = s.aclLogs[0].RedactedFields[:1] }, acl("logging.redactedFields")},
	})
	unreadable(t, "AV-12", outside(nil), "EC2:DescribeSecurityGroups", "EC2:DescribeManagedPrefixLists", "EC2:GetManagedPrefixListEntries", "ElasticLoadBalancingv2:DescribeListeners",
		"ElasticLoadBalancingv2:DescribeTrustStores", "WAFV2:GetWebACLForResource", "WAFV2:GetWebACL", "WAFV2:ListLoggingConfigurations")
}

func TestTheOriginIsAskedPastTheEdge(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	defer server.Close()
	answers, silent := server.Listener.Addr().String(), listening(t)
	for name, tc := range map[string]struct {
		world world
		found string
	}{
		"takes connections":   {world{"acme.taskflow.example:443": silent, "origin.elb.example:80": silent}, "port 80: takes connections"},
		"answers anybody":     {world{"acme.taskflow.example:443": silent, "origin.elb.example:443": answers}, "port 443: answers 200 without a client certificate"},
		"refuses without one": {world{"acme.taskflow.example:443": silent, "origin.elb.example:443": refusing(t)}, "port 443: takes connections, but no request without a client certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			r := makeLook(t, "AV-12", subjectOf(t, "prod"), goodSite().answers(), Outside{Dial: tc.world.Dial})
			var found []string
			for _, f := range r.Findings {
				if !f.Holds {
					found = append(found, f.Found)
				}
			}
			if got := strings.Join(found, "; "); got != tc.found || r.Verdict != promises.Broken {
				t.Errorf("%s: %s", r.Verdict, got)
			}
		})
	}
	if why := notShown(t, "AV-12", goodSite(), nil, Outside{}); why != "could not be read back: the site was not asked from outside" {
		t.Error(why)
	}
	if why := notShown(t, "AV-12", goodSite(), nil, Outside{Dial: world{}.Dial}); !strings.Contains(why, "the origin's silence says nothing: the site itself is not reached from here: connection timed out") {
		t.Error(why)
	}
}

// refusing takes connections and ends each at once, as a listener does that misses a certificate.
func refusing(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}

func TestFirewallLogsOnTheSecondPage(t *testing.T) {
	s := goodSite()
	pages := func(_ string, in any) (any, error) {
		if in.(*wafv2.ListLoggingConfigurationsInput).NextMarker == nil {
			return &wafv2.ListLoggingConfigurationsOutput{NextMarker: aws.String("more")}, nil
		}
		return &wafv2.ListLoggingConfigurationsOutput{LoggingConfigurations: s.aclLogs}, nil
	}
	r := makeLook(t, "AV-12", subjectOf(t, "prod"), s.answers().with(answers{"WAFV2:ListLoggingConfigurations": pages}), Outside{Dial: world{"acme.taskflow.example:443": listening(t)}.Dial})
	if r.Verdict != promises.Kept {
		t.Errorf("%s: %s, %v", r.Verdict, r.Why, brokenAt(r))
	}
}
