package live

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/components/verifier/actions"
	"github.com/berth-iac/berth/promises/policy"
)

// What policies that were read back open, in the words of the checks of the graph.

// inOrder are the values of a list in order, for findings.
func inOrder(texts []string) string {
	if len(texts) == 0 {
		return "none"
	}
	return strings.Join(slices.Compact(slices.Sorted(slices.Values(texts))), ", ")
}

// sameTexts tells whether two lists say the same, in whatever order.
func sameTexts(a, b []string) bool {
	return slices.Equal(slices.Compact(slices.Sorted(slices.Values(a))), slices.Compact(slices.Sorted(slices.Values(b))))
}

// parsed reads a policy; false where it cannot be read, as where there is none.
func parsed(text string) (policy.Document, bool) {
	document, err := policy.Parse(text)
	return document, err == nil
}

// wild tells whether a name stands for more than itself.
func wild(name string) bool { return strings.ContainsAny(name, "*?") }

// is is a condition that a policy's statement should have.
func is(operator, key string, values ...string) policy.Condition {
	return policy.Condition{Operator: operator, Key: key, Values: values}
}

// lacks names the conditions that a statement does not have exactly so. More conditions only narrow it.
func lacks(s policy.Statement, want ...policy.Condition) []string {
	var missing []string
	for _, c := range want {
		if values, ok := s.Condition(c.Operator, c.Key); !ok || !sameTexts(values, c.Values) {
			missing = append(missing, c.Operator+" "+c.Key+" "+strings.Join(c.Values, " or "))
		}
	}
	return missing
}

// denies tells whether a document denies an action on a resource, whatever else is allowed and whoever asks.
func denies(d policy.Document, action, resource string) bool {
	return slices.ContainsFunc(d.Denies(), func(s policy.Statement) bool {
		return len(s.Conditions) == 0 && s.Covers(action) && slices.ContainsFunc(s.Resources, func(pattern string) bool { return policy.Matches(pattern, resource) })
	})
}

// wantDenied reports whether a boundary denies actions on a resource, whatever else is allowed.
func (l *look) wantDenied(boundary string, d policy.Document, denied []string, resource, why, fix string) {
	open := slices.DeleteFunc(slices.Clone(denied), func(action string) bool { return denies(d, action, resource) })
	found := "denies " + strings.Join(denied, ", ") + " on " + resource
	if len(open) > 0 {
		found = "does not deny " + strings.Join(open, ", ") + " on " + resource
	}
	l.want(object{tokenPolicy, boundary}, len(open) == 0, "policy", found, "denied: "+why, fix)
}

// allowing are the statements that allow an action.
func (h holder) allowing(action string) []policy.Statement {
	var found []policy.Statement
	for _, p := range h.permissions {
		for _, s := range p.document.Allows() {
			if s.Covers(action) {
				found = append(found, s)
			}
		}
	}
	return found
}

// linked tells whether the role is one that AWS makes for a service of its own; nobody else can take or change it.
func (h holder) linked() bool { return strings.HasPrefix(h.path, "/aws-service-role/") }

// takenBy tells whether a service of AWS takes the role.
func (h holder) takenBy(service string) bool {
	return slices.ContainsFunc(h.trust.Allows(), func(s policy.Statement) bool { return slices.Contains(s.Principals["Service"], service) })
}

// Who takes a role, as far as its trust tells.
const (
	byServices  = "services"
	byPeople    = "people" // users, roles, accounts, or everybody
	byFederated = "federated"
)

// takers is the most that a role's trust lets in. A trust that cannot be read might let everybody in.
func (h holder) takers() string {
	if !h.trusted {
		return byPeople
	}
	who := byServices
	for _, s := range h.trust.Allows() {
		switch {
		case s.Everyone(), len(s.Principals["AWS"]) > 0, len(s.Principals["CanonicalUser"]) > 0:
			return byPeople
		case len(s.Principals["Federated"]) > 0:
			who = byFederated
		}
	}
	return who
}

// readsSettings tells whether a role is one that reads accounts back: all that it allows are the verifying role's actions.
func (h holder) readsSettings() bool {
	all := actions.All()
	given := 0
	for _, p := range h.permissions {
		if p.managed || p.unread {
			return false
		}
		for _, s := range p.document.Allows() {
			given += len(s.Actions)
			if len(s.NotActions) > 0 || slices.ContainsFunc(s.Actions, func(action string) bool { return !slices.Contains(all, action) }) {
				return false
			}
		}
	}
	return given > 0
}

// wantServiceTrust reports whether a role is taken by AWS's services alone, and by each on the account's own behalf.
func (l *look) wantServiceTrust(role holder) {
	expected := "taken by AWS services only, on behalf of account " + l.number
	const fix = "find out who made or changed the role; what the stack makes is in the component that makes the role"
	var services, wrong []string
	if !role.trusted {
		wrong = append(wrong, "a trust that cannot be read")
	}
	for _, s := range role.trust.Allows() {
		services = append(services, s.Principals["Service"]...)
		if len(s.Principals["Service"]) == 0 || len(s.Principals) > 1 || len(s.NotPrincipals) > 0 {
			wrong = append(wrong, "others than services may take it: "+principalsOf(s))
		}
		if !slices.Equal(s.Actions, []string{"sts:AssumeRole"}) {
			wrong = append(wrong, "it allows "+inOrder(s.Actions))
		}
		for _, service := range s.Principals["Service"] {
			if !strings.HasSuffix(service, ".amazonaws.com") || wild(service) {
				wrong = append(wrong, service+" is no service of AWS")
			}
			wrong = append(wrong, l.behalf(s, service)...)
		}
	}
	if len(services) == 0 && len(wrong) == 0 {
		wrong = append(wrong, "nobody may take it")
	}
	found := "taken by " + inOrder(services) + " for the account's own resources"
	if len(wrong) > 0 {
		found = strings.Join(wrong, "; ")
	}
	l.want(role.object, len(wrong) == 0, "assumeRolePolicy", found, expected, fix)
}

// principalsOf names whom a statement speaks of.
func principalsOf(s policy.Statement) string {
	var all []string
	for kind, who := range s.Principals {
		for _, one := range who {
			all = append(all, kind+" "+one)
		}
	}
	if len(s.NotPrincipals) > 0 {
		all = append(all, "everybody but a few")
	}
	return inOrder(all)
}

// behalf says what is missing for a service to act for the account alone.
func (l *look) behalf(s policy.Statement, service string) []string {
	if service == "ec2.amazonaws.com" {
		return nil // EC2 hands a role to the account's own machines only, and sends no source
	}
	wrong := lacks(s, is("StringEquals", "aws:SourceAccount", l.number))
	if service == "backup.amazonaws.com" {
		return wrong // sends no source ARN
	}
	named := false
	for _, c := range s.Conditions {
		if !strings.EqualFold(c.Key, "aws:SourceArn") || !strings.HasPrefix(c.Operator, "Arn") || strings.Contains(c.Operator, "Not") || strings.HasSuffix(c.Operator, "IfExists") {
			continue
		}
		named = true
		for _, source := range c.Values {
			bucket, isBucket := strings.CutPrefix(source, "arn:aws:s3:::") // names no account; the condition on the account does
			if !strings.Contains(source, ":"+l.number+":") && (!isBucket || wild(bucket)) {
				wrong = append(wrong, "aws:SourceArn "+source+" is none of the account's")
			}
		}
	}
	if !named {
		wrong = append(wrong, "ArnLike aws:SourceArn")
	}
	return wrong
}

// serviceManaged are the policies of AWS's own that a role may have, and the one service that takes such a role.
var serviceManaged = map[string]string{
	"arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup":   "backup.amazonaws.com",
	"arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForRestores": "backup.amazonaws.com",
	"arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole":       "monitoring.rds.amazonaws.com",
}

const fixNarrow = "take the permission away again; what the stack gives is in the component that makes the role"

// wantNarrow reports whether a holder is allowed no more than its work.
func (l *look) wantNarrow(h holder, w width) {
	var problems []string
	for _, p := range h.permissions {
		switch {
		case p.unread:
			problems = append(problems, p.name+" cannot be read")
		case p.managed:
			if service, known := serviceManaged[p.name]; !known || !h.takenBy(service) {
				problems = append(problems, p.name)
			}
		default:
			problems = append(problems, w.problems(p)...)
		}
	}
	l.wantNoProblems(h, problems)
}

func (l *look) wantNoProblems(h holder, problems []string) {
	found := fmt.Sprintf("%d policies of named actions on named resources", len(h.permissions))
	if len(problems) > 0 {
		found = strings.Join(problems, "; ")
	}
	l.want(h.object, len(problems) == 0, "policies", found, "named actions on named resources of the account, and nothing that changes what guards them", fixNarrow)
}

// problems are what a policy's statements open too much, each with the policy's name.
func (w width) problems(p permission) []string {
	var all []string
	for _, s := range p.document.Allows() {
		if problem := w.excess(s); problem != "" {
			all = append(all, p.name+" "+problem)
		}
	}
	return all
}

// unscoped are the actions that know no resource, so that a policy can only say "*".
var unscoped = []string{
	"cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics", "cloudwatch:GetMetricWidgetImage", "cloudwatch:ListMetrics", "cloudwatch:PutMetricData",
	"iam:GetAccountPasswordPolicy", "iam:GetAccountSummary", "iam:ListAccountAliases", "iam:ListVirtualMFADevices",
	"logs:GetQueryResults", "logs:StopQuery", "sts:GetCallerIdentity", "sts:GetSessionToken",
}

// accountWide are the actions that may go for all resources of a kind in the own account.
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
	"iam:CreateVirtualMFADevice", "iam:EnableMFADevice", "sts:AssumeRole", "ssm-incidents:CreateTimelineEvent", "ssm-incidents:StartIncident", "ssm-incidents:UpdateIncidentRecord",
	"autoscaling:UpdateAutoScalingGroup", "ec2:RevokeSecurityGroupIngress", "ec2:TerminateInstances", "ssm-contacts:AssociateContact", "ssm-contacts:UpdateContact",
	"ssm:StartSession", "ssm:TerminateSession", "ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
}

// cipherActions encrypt and decrypt. A role needs them for what a service keeps for it, and names the service.
var cipherActions = []string{"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo"}

// width says what makes statements too wide.
type width struct {
	accounts []string        // whose resources may be named
	buckets  map[string]bool // the account's own, and the few of others that may be named
	relay    bool            // the emergency relay's agent knows no resources
	keys     bool            // keys may be used without a service in between: Pulumi's secrets provider does
	narrow   bool            // keys for named things only: what they encrypt is a client's
	machine  bool            // buckets are listed below a prefix only: a machine has its own part of each
}

// excess says in words what a statement opens that it should not; empty: it is as narrow as it can be.
func (w width) excess(s policy.Statement) string {
	if len(s.NotActions) > 0 || len(s.NotResources) > 0 {
		return "allows everything but " + inOrder(slices.Concat(s.NotActions, s.NotResources))
	}
	_, through := s.Condition("StringEquals", "kms:ViaService")
	for _, action := range s.Actions {
		_, verb, _ := strings.Cut(action, ":")
		switch {
		case action == "s3:ListBucket" && w.machine && !belowPrefix(s):
			return "lists whole buckets"
		case slices.Contains(cipherActions, action) && !through && !w.keys:
			return "allows " + action + " without a service in between"
		case slices.Contains(cipherActions, action) && w.narrow && !slices.ContainsFunc(s.Conditions, func(c policy.Condition) bool { return strings.HasPrefix(c.Key, "kms:EncryptionContext:") }):
			return "allows " + action + " for whatever the key encrypts"
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

// own tells whether an ARN stands for something of the accounts, or in one of their buckets.
func (w width) own(resource string) bool {
	if inside, isBucket := strings.CutPrefix(resource, "arn:aws:s3:::"); isBucket {
		name, _, _ := strings.Cut(inside, "/")
		return w.buckets[name]
	}
	parts := strings.SplitN(resource, ":", 6)
	return len(parts) == 6 && slices.Contains(w.accounts, parts[4])
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
