package catalogue

import (
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
)

// How much a statement of somebody's permissions opens: what least privilege (AC-3) means in a policy's words.

// unscoped are the actions that know no resource, so that a policy can only say "*". None of them reads clients' data
// or changes anything beyond a metric or a query of one's own.
var unscoped = []string{
	"cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics", "cloudwatch:GetMetricWidgetImage", "cloudwatch:ListMetrics", "cloudwatch:PutMetricData",
	"iam:GetAccountPasswordPolicy", "iam:GetAccountSummary", "iam:ListAccountAliases", "iam:ListVirtualMFADevices",
	"logs:GetQueryResults", "logs:StopQuery", "sts:GetCallerIdentity", "sts:GetSessionToken",
}

// accountWide are the actions that may go for all resources of a kind in the own account: they look, or are meant for
// whatever comes, such as the next incident.
var accountWide = []string{
	"cloudwatch:DescribeAlarmHistory", "cloudwatch:DescribeAlarms", "iam:CreateVirtualMFADevice", "logs:DescribeLogGroups", "logs:FilterLogEvents", "logs:GetLogEvents",
	"logs:StartQuery", "ssm-incidents:CreateTimelineEvent", "ssm-incidents:GetIncidentRecord", "ssm-incidents:StartIncident", "ssm-incidents:UpdateIncidentRecord",
}

// changing are the verbs of actions that change how something is set up or guarded.
var changing = []string{
	"Add", "Allocate", "Associate", "Assume", "Attach", "Authorize", "Bypass", "Cancel", "Copy", "Create", "Delete", "Deregister", "Detach", "Disable", "Disassociate", "Enable",
	"Export", "Import", "Invoke", "Modify", "Pass", "Purge", "Put", "Reboot", "Register", "Remove", "Replace", "Reset", "Restore", "Revoke", "Run", "Schedule", "Send", "Set", "Start",
	"Stop", "Tag", "Terminate", "Untag", "Update", "Upload",
}

// daily are changing actions that the work itself consists of; the statement has to name what they are done to.
var daily = []string{
	"autoscaling:SetInstanceHealth", "cloudwatch:PutMetricData", "logs:CreateLogStream", "logs:PutLogEvents", "logs:StartQuery", "logs:StopQuery",
	"s3:DeleteObject", "s3:PutObject", "sns:Publish", "sqs:SendMessage",
	// people, with their own credentials and in incidents
	"iam:CreateVirtualMFADevice", "iam:EnableMFADevice", "sts:AssumeRole", "ssm-incidents:CreateTimelineEvent", "ssm-incidents:StartIncident", "ssm-incidents:UpdateIncidentRecord",
	// what closes a door, and what hands the rota over
	"autoscaling:UpdateAutoScalingGroup", "ec2:RevokeSecurityGroupIngress", "ec2:TerminateInstances", "ssm-contacts:AssociateContact", "ssm-contacts:UpdateContact",
	// what people do through the emergency relay; AC-4 looks at who and when
	"ssm:StartSession", "ssm:TerminateSession", "ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
}

// cipherActions encrypt and decrypt. A role needs them for what a service keeps for it, and names the service.
var cipherActions = []string{"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo"}

// width says what makes statements too wide.
type width struct {
	graph    *graph.Graph
	accounts []string // whose resources may be named
	foreign  []string // resources of other accounts that may be named, such as the bucket of releases
	relay    bool     // the emergency relay's agent knows no resources
	keys     bool     // keys may be used without a service in between: Pulumi's secrets provider does
	narrow   bool     // keys for named things only: what they encrypt is a client's
	machine  bool     // buckets are listed below a prefix only: a machine has its own part of each
}

// excess says in words what a statement opens that it should not; empty: it is as narrow as it can be.
func (w width) excess(s policy.Statement) string {
	if len(s.NotActions) > 0 || len(s.NotResources) > 0 {
		return "allows everything but " + listed(append(s.NotActions, s.NotResources...))
	}
	_, through := s.Condition("StringEquals", "kms:ViaService")
	for _, action := range s.Actions {
		_, verb, _ := strings.Cut(action, ":")
		switch {
		case action == "s3:ListBucket" && w.machine && !belowPrefix(s):
			return "lists whole buckets"
		case slices.Contains(cipherActions, action) && !through && !w.keys:
			return action + " without a service in between"
		case slices.Contains(cipherActions, action) && w.narrow && !slices.ContainsFunc(s.Conditions, func(c policy.Condition) bool { return strings.HasPrefix(c.Key, "kms:EncryptionContext:") }):
			return action + " for whatever the key encrypts"
		case wild(action):
			return "allows " + action
		case slices.ContainsFunc(changing, func(v string) bool { return strings.HasPrefix(verb, v) }) && !slices.Contains(daily, action):
			return "may change what guards the stack: " + action
		}
	}
	for _, resource := range s.Resources {
		for _, action := range s.Actions {
			if problem := w.beyond(action, resource, s); problem != "" {
				return problem
			}
		}
	}
	if len(s.Resources) == 0 {
		return "names no resource"
	}
	return ""
}

// belowPrefix tells whether a statement is for objects below a prefix only.
func belowPrefix(s policy.Statement) bool {
	prefixes, limited := s.Condition("StringLike", "s3:prefix")
	return limited && !slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.Trim(prefix, "*") == "" })
}

// beyond says why a resource is more than an action should be allowed on.
func (w width) beyond(action, resource string, s policy.Statement) string {
	if resource == "*" {
		_, namespace := s.Condition("StringEquals", "cloudwatch:namespace")
		agent := w.relay && (strings.HasPrefix(action, "ssmmessages:") || action == "ssm:UpdateInstanceInformation")
		if slices.Contains(unscoped, action) && (action != "cloudwatch:PutMetricData" || namespace) || agent {
			return ""
		}
		return "allows " + action + " on everything"
	}
	if !w.own(resource) {
		return "allows " + action + " on " + resource + ", which is not the account's"
	}
	if !namesOne(resource) && !slices.Contains(accountWide, action) {
		return "allows " + action + " on all of " + resource
	}
	return ""
}

// own tells whether an ARN, or what it begins with, stands for something of the accounts, or of the few foreign ones.
func (w width) own(resource string) bool {
	parts := strings.SplitN(resource, ":", 6)
	if len(parts) == 6 && slices.Contains(w.accounts, parts[4]) {
		return true
	}
	for base := resource; base != ""; {
		if slices.Contains(w.foreign, base) || w.graph.Resolve(base) != nil {
			return true
		}
		base = base[:max(strings.LastIndexAny(base, "/:"), 0)]
	}
	return false
}

// namesOne tells whether an ARN names one thing, or what is inside one thing, rather than all of a kind.
func namesOne(arn string) bool {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return false
	}
	segments := strings.FieldsFunc(parts[5], func(c rune) bool { return c == '/' || c == ':' })
	if len(segments) == 0 {
		return false
	}
	if parts[2] == "s3" || len(segments) == 1 { // a bucket, a topic or a queue: the first segment is the name
		return !wild(segments[0])
	}
	return slices.ContainsFunc(segments[1:], func(segment string) bool { return strings.Trim(segment, "*?") != "" })
}
