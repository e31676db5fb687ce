package baseline

import (
	"regexp"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
)

// Section 4 of the CIS benchmark: what a filter must find in the audit trail, and an alarm must tell people at once.

const (
	filterType  = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
	inBenchmark = "components/trail, benchmark.go"
)

// watch is one thing that the trail is watched for. A filter for it compares exactly what any and all name, and may narrow
// itself to a source or by excuses, and by nothing else.
type watch struct {
	what    string
	events  []string // names of calls, any of which counts
	source  string   // the service whose calls these are; a filter may name it
	any     []string // comparisons without spaces and quotes, any of which counts
	all     []string // comparisons, all of which must hold
	excuses []string // comparisons that a filter may add to leave out noise
	most    float64  // calls within 5 minutes that may pass before the alarm; 0: none
}

var comparison = regexp.MustCompile(`\$\.[A-Za-z.]+(?:!=|=|NOTEXISTS|EXISTS)[^\s()&|]*`)

// finds tells whether a filter's pattern finds what is watched for, whatever order and brackets it has.
func (w watch) finds(pattern string) bool {
	text := strings.NewReplacer(" ", "", "\t", "", "\n", "", `"`, "").Replace(pattern)
	compared := comparison.FindAllString(text, -1)
	needed, joint := slices.Concat(w.any, w.all), "&&"
	for _, event := range w.events {
		needed = append(needed, "$.eventName="+event)
	}
	if len(w.all) == 0 {
		joint = "||"
	}
	allowed := w.excuses
	if w.source != "" {
		allowed = append(slices.Clone(allowed), "$.eventSource="+w.source)
	}
	narrowed := 0
	for _, c := range compared {
		switch {
		case slices.Contains(needed, c):
		case slices.Contains(allowed, c):
			narrowed++
		default:
			return false
		}
	}
	complete := !slices.ContainsFunc(needed, func(c string) bool { return !slices.Contains(compared, c) })
	if joint == "&&" {
		return complete && !strings.Contains(text, "||")
	}
	return complete && strings.Count(text, "&&") == narrowed
}

// rings tells whether an alarm goes off as soon as a filter finds something, and somebody hears it.
func (w watch) rings(alarm *graph.Resource) bool {
	threshold, ok := alarm.Number("threshold")
	limit := max(w.most, 1)
	if alarm.Text("comparisonOperator") == "GreaterThanThreshold" {
		threshold++
	} else if alarm.Text("comparisonOperator") != "GreaterThanOrEqualToThreshold" {
		return false
	}
	periods, _ := alarm.Number("evaluationPeriods")
	seconds, _ := alarm.Number("period")
	return ok && threshold <= limit && periods == 1 && seconds <= 300 && alarm.Text("statistic") == "Sum" && on(alarm, "actionsEnabled") &&
		slices.ContainsFunc(alarm.Refs("alarmActions", topicType), reaches)
}

// check judges whether each trail is watched.
func (w watch) check(s promises.Subject, r *promises.Report) {
	expected := "a filter on the trail's log group that finds " + w.what + ", and an alarm on it that tells people"
	const fix = "put the filter and its alarm back as CIS has them (" + inBenchmark + ")"
	for _, trail := range inAccount(s, r, trailType, "audit trail that could be watched", expected, fix) {
		found, holds := "no filter finds it", false
		for _, filter := range s.Graph.OfType(filterType) {
			group := groupOf(s, trail)
			if group == nil || filter.Ref("logGroupName", logGroupType) != group || !w.finds(filter.Text("pattern")) || filter.Text("metricTransformation.value") != "1" {
				continue
			}
			found = filter.Name + " finds it, and no alarm tells anybody at once"
			for _, alarm := range s.Graph.OfType(alarmType) {
				same := alarm.Text("metricName") == filter.Text("metricTransformation.name") && alarm.Text("namespace") == filter.Text("metricTransformation.namespace")
				if same && w.rings(alarm) && everyCall(trail) {
					found, holds = filter.Name+" finds it, "+alarm.Name+" tells people", true
				}
			}
			if holds {
				break
			}
		}
		r.Say(trail, holds, found, expected, fix)
	}
}

// watched makes the control of something watched for. Security Hub has numbers for all but one.
func watched(id, title, number string, w watch) promises.Control {
	references := []string{cis(number)}
	if strings.HasPrefix(id, "CloudWatch.") {
		references = append(references, hub(id))
	}
	return promises.Control{ID: id, Title: title, Severity: "low", References: references, Check: w.check}
}

// CloudWatch1 is use of the root user.
func (baseline) CloudWatch1() promises.Control {
	return watched("CloudWatch.1", "Use of the root user raises an alarm", "4.3", watch{what: "calls of the root user",
		all: []string{"$.userIdentity.type=Root", "$.userIdentity.invokedByNOTEXISTS", "$.eventType!=AwsServiceEvent"}})
}

// CloudWatch2 is calls that are refused.
func (baseline) CloudWatch2() promises.Control {
	return watched("CloudWatch.2", "Many refused calls raise an alarm", "4.1", watch{what: "calls that are refused", most: 20,
		any:     []string{"$.errorCode=*UnauthorizedOperation", "$.errorCode=AccessDenied*"},
		excuses: []string{"$.sourceIPAddress!=delivery.logs.amazonaws.com", "$.eventName!=HeadBucket"}})
}

// CloudWatch3 is sign-ins without a second factor.
func (baseline) CloudWatch3() promises.Control {
	return watched("CloudWatch.3", "Signing in without a second factor raises an alarm", "4.2", watch{what: "sign-ins without a second factor",
		all:     []string{"$.eventName=ConsoleLogin", "$.additionalEventData.MFAUsed!=Yes"},
		excuses: []string{"$.userIdentity.type=IAMUser", "$.responseElements.ConsoleLogin=Success"}})
}

// CloudWatch4 is changes to policies.
func (baseline) CloudWatch4() promises.Control {
	return watched("CloudWatch.4", "Changes to IAM's policies raise an alarm", "4.4", watch{what: "changes to policies", source: "iam.amazonaws.com",
		events: []string{"DeleteGroupPolicy", "DeleteRolePolicy", "DeleteUserPolicy", "PutGroupPolicy", "PutRolePolicy", "PutUserPolicy", "CreatePolicy", "DeletePolicy",
			"CreatePolicyVersion", "DeletePolicyVersion", "AttachRolePolicy", "DetachRolePolicy", "AttachUserPolicy", "DetachUserPolicy", "AttachGroupPolicy", "DetachGroupPolicy"}})
}

// CloudWatch5 is changes to trails.
func (baseline) CloudWatch5() promises.Control {
	return watched("CloudWatch.5", "Changes to the audit trail raise an alarm", "4.5", watch{what: "changes to trails",
		source: "cloudtrail.amazonaws.com", events: []string{"CreateTrail", "UpdateTrail", "DeleteTrail", "StartLogging", "StopLogging"}})
}

// CloudWatch6 is sign-ins that fail.
func (baseline) CloudWatch6() promises.Control {
	return watched("CloudWatch.6", "Failed sign-ins raise an alarm", "4.6", watch{what: "sign-ins that fail", most: 5,
		all: []string{"$.eventName=ConsoleLogin", "$.errorMessage=Failedauthentication"}})
}

// CloudWatch7 is keys that are about to go.
func (baseline) CloudWatch7() promises.Control {
	return watched("CloudWatch.7", "Disabling or deleting a key raises an alarm", "4.7", watch{what: "keys that are disabled or about to be deleted",
		source: "kms.amazonaws.com", events: []string{"DisableKey", "ScheduleKeyDeletion"}})
}

// CloudWatch8 is changes to buckets' policies.
func (baseline) CloudWatch8() promises.Control {
	return watched("CloudWatch.8", "Changes to buckets' policies raise an alarm", "4.8", watch{what: "changes to buckets' policies", source: "s3.amazonaws.com",
		events: []string{"PutBucketAcl", "PutBucketPolicy", "PutBucketCors", "PutBucketLifecycle", "PutBucketReplication",
			"DeleteBucketPolicy", "DeleteBucketCors", "DeleteBucketLifecycle", "DeleteBucketReplication"}})
}

// CloudWatch9 is changes to AWS Config.
func (baseline) CloudWatch9() promises.Control {
	return watched("CloudWatch.9", "Changes to AWS Config raise an alarm", "4.9", watch{what: "changes to AWS Config", source: "config.amazonaws.com",
		events: []string{"StopConfigurationRecorder", "DeleteDeliveryChannel", "PutDeliveryChannel", "PutConfigurationRecorder"}})
}

// CloudWatch10 is changes to security groups.
func (baseline) CloudWatch10() promises.Control {
	return watched("CloudWatch.10", "Changes to security groups raise an alarm", "4.10", watch{what: "changes to security groups", source: "ec2.amazonaws.com",
		events: []string{"AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress", "RevokeSecurityGroupIngress", "RevokeSecurityGroupEgress",
			"CreateSecurityGroup", "DeleteSecurityGroup"}})
}

// CloudWatch11 is changes to access lists of networks.
func (baseline) CloudWatch11() promises.Control {
	return watched("CloudWatch.11", "Changes to networks' access lists raise an alarm", "4.11", watch{what: "changes to access lists", source: "ec2.amazonaws.com",
		events: []string{"CreateNetworkAcl", "CreateNetworkAclEntry", "DeleteNetworkAcl", "DeleteNetworkAclEntry", "ReplaceNetworkAclEntry", "ReplaceNetworkAclAssociation"}})
}

// CloudWatch12 is changes to gateways.
func (baseline) CloudWatch12() promises.Control {
	return watched("CloudWatch.12", "Changes to networks' gateways raise an alarm", "4.12", watch{what: "changes to gateways", source: "ec2.amazonaws.com",
		events: []string{"CreateCustomerGateway", "DeleteCustomerGateway", "AttachInternetGateway", "CreateInternetGateway", "DeleteInternetGateway", "DetachInternetGateway"}})
}

// CloudWatch13 is changes to routes.
func (baseline) CloudWatch13() promises.Control {
	return watched("CloudWatch.13", "Changes to routes raise an alarm", "4.13", watch{what: "changes to routes", source: "ec2.amazonaws.com",
		events: []string{"CreateRoute", "CreateRouteTable", "ReplaceRoute", "ReplaceRouteTableAssociation", "DeleteRouteTable", "DeleteRoute", "DisassociateRouteTable"}})
}

// CloudWatch14 is changes to networks.
func (baseline) CloudWatch14() promises.Control {
	return watched("CloudWatch.14", "Changes to networks raise an alarm", "4.14", watch{what: "changes to networks", source: "ec2.amazonaws.com",
		events: []string{"CreateVpc", "DeleteVpc", "ModifyVpcAttribute", "AcceptVpcPeeringConnection", "CreateVpcPeeringConnection", "DeleteVpcPeeringConnection",
			"RejectVpcPeeringConnection", "AttachClassicLinkVpc", "DetachClassicLinkVpc", "DisableVpcClassicLink", "EnableVpcClassicLink"}})
}

// CIS415 is changes to the organisation of accounts.
func (baseline) CIS415() promises.Control {
	return watched("CIS-4.15", "Changes to the organisation of accounts raise an alarm", "4.15", watch{what: "changes to the organisation", source: "organizations.amazonaws.com",
		events: []string{"AcceptHandshake", "AttachPolicy", "CreateAccount", "CreateOrganizationalUnit", "CreatePolicy", "DeclineHandshake", "DeleteOrganization",
			"DeleteOrganizationalUnit", "DeletePolicy", "DetachPolicy", "DisablePolicyType", "EnablePolicyType", "InviteAccountToOrganization", "LeaveOrganization",
			"MoveAccount", "RemoveAccountFromOrganization", "UpdatePolicy", "UpdateOrganizationalUnit"}})
}
