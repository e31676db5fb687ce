// Package access opens doors to a client's database for a limited time, and
// closes them by itself: for the client's own tools (BI, DP-5) and for staff
// during an incident (BreakGlass, AC-4). Each door is a set of resources of its
// own; when the client's file does not ask for it, nothing of it exists.
//
// That a door closes does not depend on anybody running Pulumi: one-time
// schedules in the client's own account take the access away at the hour that the
// file names. What they leave behind goes with the next update, once the file no
// longer asks for the door.
//
// It knows the database by address and security group, and none of its data. The
// database users "bi" (may only read) and "breakglass" are made by the service.
package access

import (
	"bytes"
	"embed"
	"encoding/base64"
	"fmt"
	"strings"
	"text/template"
	"time"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/scheduler"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	// machineType of gateways and relays: they only pass bytes on.
	machineType = "t3.micro"
	diskGiB     = 10
	httpsPort   = 443
)

//go:embed forwarder.sh.tmpl relay.sh.tmpl
var scriptFiles embed.FS

var scripts = template.Must(template.New("").Option("missingkey=error").ParseFS(scriptFiles, "*.tmpl"))

// script renders a machine's first-boot script, base64 as launch templates want it.
func script(file string, values map[string]any) (string, error) {
	var text bytes.Buffer
	if err := scripts.ExecuteTemplate(&text, file, values); err != nil {
		return "", fmt.Errorf("render %s: %w", file, err)
	}
	return base64.StdEncoding.EncodeToString(text.Bytes()), nil
}

// door is what both kinds of access share.
type door struct {
	ctx    *pulumi.Context
	name   string // of the component, prefix of its children
	label  string // part of physical names
	scope  scope.Scope
	parent pulumi.ResourceOption
}

// opening is one permitted way from one security group to another, or to a prefix list.
type opening struct {
	what             string // part of the rules' names
	from, to         pulumi.StringInput
	toPrefixList     pulumi.StringInput
	port             int
	egress, ingress  bool // which of the two ends gets a rule
	fromText, toText string
}

// open writes the rules of an opening, each end naming the other. EC2 takes no apostrophe in a rule's text.
func (d door) open(openings ...opening) error {
	for _, o := range openings {
		port := pulumi.Int(o.port)
		if o.egress {
			rule := &vpc.SecurityGroupEgressRuleArgs{
				SecurityGroupId: o.from, IpProtocol: pulumi.String("tcp"), FromPort: port, ToPort: port,
				Description: pulumi.String(o.toText), Tags: d.tags(o.what + "-egress"),
			}
			if o.toPrefixList != nil {
				rule.PrefixListId = o.toPrefixList.ToStringOutput()
			} else {
				rule.ReferencedSecurityGroupId = o.to.ToStringOutput()
			}
			if _, err := vpc.NewSecurityGroupEgressRule(d.ctx, d.name+"-"+o.what+"-egress", rule, d.parent); err != nil {
				return err
			}
		}
		if o.ingress {
			if _, err := vpc.NewSecurityGroupIngressRule(d.ctx, d.name+"-"+o.what+"-ingress", &vpc.SecurityGroupIngressRuleArgs{
				SecurityGroupId: o.to, ReferencedSecurityGroupId: o.from.ToStringOutput(), IpProtocol: pulumi.String("tcp"),
				FromPort: port, ToPort: port, Description: pulumi.String(o.fromText), Tags: d.tags(o.what + "-ingress"),
			}, d.parent); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d door) tags(what string) pulumi.StringMap {
	return d.scope.Tags(scope.None, d.scope.Name(naming.Text, d.label, what))
}

// machineRole is a role for a machine with these permissions, and the profile that carries it.
func (d door) machineRole(what, description string, statements ...policy.Statement) (*iam.InstanceProfile, *iam.RolePolicy, error) {
	name := d.scope.Name(naming.Role, d.label, what)
	role, err := iam.NewRole(d.ctx, d.name+"-"+what, &iam.RoleArgs{
		Name: pulumi.String(name), Description: pulumi.String(description),
		AssumeRolePolicy: policy.Document(policy.Statement{Principals: policy.Service("ec2.amazonaws.com"), Actions: []string{"sts:AssumeRole"}}),
		Tags:             d.scope.Tags(scope.None, name),
	}, d.parent)
	if err != nil {
		return nil, nil, err
	}
	permissions, err := iam.NewRolePolicy(d.ctx, d.name+"-"+what, &iam.RolePolicyArgs{
		Role: role.ID(), Name: pulumi.String(what), Policy: policy.Document(statements...),
	}, d.parent)
	if err != nil {
		return nil, nil, err
	}
	profile, err := iam.NewInstanceProfile(d.ctx, d.name+"-"+what, &iam.InstanceProfileArgs{
		Name: pulumi.String(name), Role: role.Name, Tags: d.scope.Tags(scope.None, name),
	}, d.parent)
	return profile, permissions, err
}

// writeLogs is what a machine needs to fill one log group.
func writeLogs(groupArn pulumi.StringOutput) policy.Statement {
	return policy.Statement{Sid: "WriteLogs", Actions: []string{"logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"},
		Resources: []pulumi.StringInput{groupArn, pulumi.Sprintf("%s:*", groupArn)}}
}

// ending is one call that a schedule makes when a door closes.
type ending struct {
	what   string // part of the schedule's name
	action string // of the universal target, such as "ec2:terminateInstances"
	input  pulumi.Input
}

// closeAt makes schedules that end the access at an instant, and the role that they act with. The permissions
// name exactly what is ended.
func (d door) closeAt(at time.Time, permissions []policy.Statement, endings []ending) error {
	groupName := d.scope.Name(naming.Schedule, d.label)
	group, err := scheduler.NewScheduleGroup(d.ctx, d.name+"-end", &scheduler.ScheduleGroupArgs{
		Name: pulumi.String(groupName), Tags: d.scope.Tags(scope.None, groupName),
	}, d.parent)
	if err != nil {
		return err
	}
	roleName := d.scope.Name(naming.Role, d.label, "end")
	role, err := iam.NewRole(d.ctx, d.name+"-end", &iam.RoleArgs{
		Name: pulumi.String(roleName), Description: pulumi.String("Ends the access in time"),
		AssumeRolePolicy: policy.Document(policy.Statement{
			Principals: policy.Service("scheduler.amazonaws.com"), Actions: []string{"sts:AssumeRole"},
			Conditions: policy.OnlyFor(d.scope.Account, group.Arn),
		}),
		Tags: d.scope.Tags(scope.None, roleName),
	}, d.parent)
	if err != nil {
		return err
	}
	allowed, err := iam.NewRolePolicy(d.ctx, d.name+"-end", &iam.RolePolicyArgs{
		Role: role.ID(), Name: pulumi.String("end"), Policy: policy.Document(permissions...),
	}, d.parent)
	if err != nil {
		return err
	}
	for _, e := range endings {
		if _, err := scheduler.NewSchedule(d.ctx, d.name+"-end-"+e.what, &scheduler.ScheduleArgs{
			Name: pulumi.String(d.scope.Name(naming.Schedule, d.label, e.what)), GroupName: group.Name,
			Description:                pulumi.String("Ends the access: " + e.what),
			ScheduleExpression:         pulumi.String("at(" + at.UTC().Format("2006-01-02T15:04:05") + ")"),
			ScheduleExpressionTimezone: pulumi.String("UTC"),
			FlexibleTimeWindow:         scheduler.ScheduleFlexibleTimeWindowArgs{Mode: pulumi.String("OFF")},
			Target: scheduler.ScheduleTargetArgs{
				Arn: pulumi.String("arn:aws:scheduler:::aws-sdk:" + e.action), RoleArn: role.Arn, Input: pulumi.JSONMarshal(e.input),
				// Try again for a day before giving up.
				RetryPolicy: scheduler.ScheduleTargetRetryPolicyArgs{MaximumEventAgeInSeconds: pulumi.Int(86400), MaximumRetryAttempts: pulumi.Int(185)},
			},
		}, d.parent, pulumi.DependsOn([]pulumi.Resource{allowed})); err != nil {
			return err
		}
	}
	return nil
}

// person is the IAM user's name at the end of its ARN.
func person(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }
