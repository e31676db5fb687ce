package live

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// availability are the looks at the promises AV-*.
func availability() []Look {
	return []Look{
		{"AV-1", uptime}, {"AV-2", severalMachines}, {"AV-3", databaseZones}, {"AV-7", teamIsAlerted},
		{"AV-9", dataStays}, {"AV-11", edgeInFront}, {"AV-12", onlyTheEdge},
	}
}

// The types of what the looks at availability find, as Pulumi calls them.
const (
	alarmType         = "aws:cloudwatch/metricAlarm:MetricAlarm"
	balancerType      = "aws:lb/loadBalancer:LoadBalancer"
	cacheType         = "aws:elasticache/replicationGroup:ReplicationGroup"
	cacheNodeType     = "aws:elasticache/cluster:Cluster"
	chatType          = "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration"
	compositeType     = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
	databaseType      = "aws:rds/instance:Instance"
	documentsType     = "aws:docdb/cluster:Cluster"
	documentType      = "aws:docdb/clusterInstance:ClusterInstance"
	edgeType          = "cloudflare:index/loadBalancer:LoadBalancer"
	endpointType      = "aws:ec2/vpcEndpoint:VpcEndpoint"
	fleetType         = "aws:autoscaling/group:Group"
	listenerType      = "aws:lb/listener:Listener"
	listenerRuleType  = "aws:lb/listenerRule:ListenerRule"
	machineType       = "aws:ec2/instance:Instance"
	natType           = "aws:ec2/natGateway:NatGateway"
	prefixListType    = "aws:ec2/managedPrefixList:ManagedPrefixList"
	probeType         = "aws:route53/healthCheck:HealthCheck"
	scalingType       = "aws:autoscaling/policy:Policy"
	securityGroupType = "aws:ec2/securityGroup:SecurityGroup"
	subnetType        = "aws:ec2/subnet:Subnet"
	targetGroupType   = "aws:lb/targetGroup:TargetGroup"
	templateType      = "aws:ec2/launchTemplate:LaunchTemplate"
	topicType         = "aws:sns/topic:Topic"
	trustStoreType    = "aws:lb/trustStore:TrustStore"
	webFirewallType   = "aws:wafv2/webAcl:WebAcl"
)

// healthPath answers 200 while the service can serve.
const healthPath = "/healthz"

// born is when the first of the stack's load balancers was made: the stack's own age. Zero: there is none yet.
func (a *account) born(ctx context.Context) (time.Time, error) {
	doors, err := a.frontDoors(ctx)
	var first time.Time
	for _, door := range doors {
		if made := aws.ToTime(door.CreatedTime); !made.IsZero() && (first.IsZero() || made.Before(first)) {
			first = made
		}
	}
	return first, err
}

// younger tells whether something was made less than so long ago. What has no date is not young.
func (a *account) younger(made *time.Time, than time.Duration) bool {
	return made != nil && !made.IsZero() && a.subject.Now.Sub(*made) < than
}

// when writes a time for people.
func when(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// several writes a number with its noun, such as "1 zone" or "3 zones".
func several(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// joined are names in order, each once; "none" where there are none.
func joined(all []string) string {
	all = distinct(all)
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}

func distinct(all []string) []string {
	all = slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == "" })
	slices.Sort(all)
	return slices.Compact(all)
}

// inZones are the zones of subnets, each once and in order.
func inZones(zones map[string]string, subnets []string) []string {
	var all []string
	for _, s := range subnets {
		all = append(all, zones[s])
	}
	return distinct(all)
}
