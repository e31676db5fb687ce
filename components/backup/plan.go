package backup

import (
	"strings"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	awsbackup "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/backup"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	daily = "cron(0 0 * * ? *)" // at midnight, where the clients' contracts put it
	// weekly is when a restore is tried: Mondays, clear of backups and of the usual maintenance.
	weekly = "cron(0 5 ? * MON *)"
	utc    = "Etc/UTC"
	// AWS Backup waits while the database makes its own backup, which begins at midnight too, and tries again
	// for as long as the start window lasts. Both in minutes.
	startWindow      = 480
	completionWindow = 1440
)

// role is one that AWS Backup assumes, with one of AWS's own policies. They name every action that the service
// needs and follow it as it changes; a list of our own would fall behind, and be found out at midnight or in the
// middle of a restore. Backups and restores have a role each, so that the one that runs every day can restore nothing.
func (b *builder) role(suffix, description, managed string) (*iam.Role, pulumi.Resource, error) {
	name := b.Scope.Name(naming.Role, "backup", suffix)
	role, err := iam.NewRole(b.ctx, b.name+"-"+suffix, &iam.RoleArgs{
		Name: pulumi.String(name), Description: pulumi.String(description),
		AssumeRolePolicy: policy.Document(policy.Statement{
			Principals: policy.Service("backup.amazonaws.com"), Actions: []string{"sts:AssumeRole"},
			Conditions: policy.OnlyFor(b.Scope.Account),
		}),
		Tags: b.Scope.Tags(scope.None, name),
	}, b.parent)
	if err != nil {
		return nil, nil, err
	}
	attachment, err := iam.NewRolePolicyAttachment(b.ctx, b.name+"-"+suffix, &iam.RolePolicyAttachmentArgs{
		Role: role.Name, PolicyArn: pulumi.String("arn:aws:iam::aws:policy/service-role/" + managed),
	}, b.parent)
	return role, attachment, err
}

// plan takes a snapshot of each named resource every day and copies it to the second region (BK-5, DP-8).
func (b *builder) plan() error {
	role, attachment, err := b.role("daily", "AWS Backup takes the daily snapshots", "AWSBackupServiceRolePolicyForBackup")
	if err != nil {
		return err
	}
	b.backup.RoleArn = role.Arn
	rule := awsbackup.PlanRuleArgs{
		RuleName: pulumi.String("daily"), TargetVaultName: b.backup.VaultName,
		Schedule: pulumi.String(daily), ScheduleExpressionTimezone: pulumi.String(utc),
		StartWindow: pulumi.Int(startWindow), CompletionWindow: pulumi.Int(completionWindow),
		Lifecycle:         awsbackup.PlanRuleLifecycleArgs{DeleteAfter: pulumi.Int(b.Backup.RetentionDays)},
		RecoveryPointTags: b.Scope.Tags(scope.Personal, b.Scope.Name(naming.BackupPlan, "backup")),
	}
	if b.Second != nil {
		rule.CopyActions = awsbackup.PlanRuleCopyActionArray{awsbackup.PlanRuleCopyActionArgs{
			DestinationVaultArn: *b.backup.SecondVaultArn,
			Lifecycle:           awsbackup.PlanRuleCopyActionLifecycleArgs{DeleteAfter: pulumi.Int(b.Backup.RetentionDays)},
		}}
	}
	name := b.Scope.Name(naming.BackupPlan, "backup")
	plan, err := awsbackup.NewPlan(b.ctx, b.name+"-plan", &awsbackup.PlanArgs{
		Name: pulumi.String(name), Rules: awsbackup.PlanRuleArray{rule}, Tags: b.Scope.Tags(scope.Personal, name),
	}, b.parent)
	if err != nil {
		return err
	}
	b.backup.PlanID = plan.ID().ToStringOutput()
	_, err = awsbackup.NewSelection(b.ctx, b.name+"-selection", &awsbackup.SelectionArgs{
		Name: pulumi.String(name), PlanId: plan.ID(), IamRoleArn: role.Arn, Resources: pulumi.StringArray(b.ResourceArns),
	}, b.parent, pulumi.DependsOn([]pulumi.Resource{attachment}))
	return err
}

// restoreTest restores the newest snapshot every week into a place that nothing can reach, notes how long it took,
// and deletes it again (BK-8).
func (b *builder) restoreTest() error {
	if b.RestoreTest == nil {
		return nil
	}
	role, attachment, err := b.role("restore-test", "AWS Backup tries a restore every week", "AWSBackupServiceRolePolicyForRestores")
	if err != nil {
		return err
	}
	groupName := b.Scope.Name(naming.SecurityGroup, "restore-test")
	nowhere, err := ec2.NewSecurityGroup(b.ctx, b.name+"-restore-test", &ec2.SecurityGroupArgs{
		Name: pulumi.String(groupName), Description: pulumi.String("Restored for a trial: nothing in, nothing out"),
		VpcId: b.RestoreTest.VPCID.ToStringOutput(), Tags: b.Scope.Tags(scope.None, groupName),
	}, b.parent)
	if err != nil {
		return err
	}
	// Restore testing takes letters, digits and underscores only. Berth's names hold no underscore: none collide.
	name := strings.ReplaceAll(b.Scope.Name(naming.BackupPlan, "restore-test"), "-", "_")
	plan, err := awsbackup.NewRestoreTestingPlan(b.ctx, b.name+"-restore-test", &awsbackup.RestoreTestingPlanArgs{
		Name: pulumi.String(name), ScheduleExpression: pulumi.String(weekly), ScheduleExpressionTimezone: pulumi.String(utc),
		StartWindowHours: pulumi.Int(4),
		RecoveryPointSelection: awsbackup.RestoreTestingPlanRecoveryPointSelectionArgs{
			Algorithm: pulumi.String("LATEST_WITHIN_WINDOW"), IncludeVaults: pulumi.StringArray{b.backup.VaultArn},
			RecoveryPointTypes: pulumi.ToStringArray([]string{"SNAPSHOT"}), SelectionWindowDays: pulumi.Int(7),
		},
		Tags: b.Scope.Tags(scope.None, name),
	}, b.parent)
	if err != nil {
		return err
	}
	_, err = awsbackup.NewRestoreTestingSelection(b.ctx, b.name+"-restore-test", &awsbackup.RestoreTestingSelectionArgs{
		Name: pulumi.String("database"), RestoreTestingPlanName: plan.Name, IamRoleArn: role.Arn,
		ProtectedResourceType: pulumi.String("RDS"), ProtectedResourceArns: pulumi.StringArray{b.RestoreTest.DatabaseArn},
		RestoreMetadataOverrides: pulumi.StringMap{
			"dbSubnetGroupName":   b.RestoreTest.SubnetGroupName,
			"vpcSecurityGroupIds": pulumi.Sprintf(`["%s"]`, nowhere.ID()),
		},
		ValidationWindowHours: pulumi.Int(1),
	}, b.parent, pulumi.DependsOn([]pulumi.Resource{attachment}))
	return err
}
