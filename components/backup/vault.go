package backup

import (
	"encoding/json"
	"slices"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	awsbackup "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/backup"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// graceDays pass before a compliance lock can never be lifted again; three is the least that AWS takes.
const graceDays = 3

// vaults keep the daily snapshots, here and in the second region.
func (b *builder) vaults() error {
	vault, err := b.vault("", b.KeyArn, b.TopicArn, b.parent)
	if err != nil {
		return err
	}
	b.backup.VaultName, b.backup.VaultArn = vault.Name, vault.Arn
	if b.Second == nil {
		return nil
	}
	second, err := b.vault("-second", b.SecondKeyArn, b.SecondTopicArn, b.parent, pulumi.Provider(b.Second))
	if err != nil {
		return err
	}
	b.backup.SecondVaultName, b.backup.SecondVaultArn = &second.Name, &second.Arn
	return nil
}

func (b *builder) vault(suffix string, key, topic pulumi.StringInput, opts ...pulumi.ResourceOption) (*awsbackup.Vault, error) {
	name := b.Scope.Name(naming.Vault, "backup")
	vault, err := awsbackup.NewVault(b.ctx, b.name+suffix+"-vault", &awsbackup.VaultArgs{
		Name: pulumi.String(name), KmsKeyArn: key.ToStringOutput(), ForceDestroy: pulumi.Bool(!b.Scope.Protect),
		Tags: b.Scope.Tags(scope.Personal, name),
	}, b.Scope.Stateful(opts...)...)
	if err != nil {
		return nil, err
	}
	// No snapshot goes before its time, and none outlives the client's schedule (DP-8).
	lock := &awsbackup.VaultLockConfigurationArgs{
		BackupVaultName: vault.Name, MinRetentionDays: pulumi.Int(b.Backup.RetentionDays), MaxRetentionDays: pulumi.Int(b.Backup.DeleteAfterDays)}
	if b.Backup.Lock == lockCompliance {
		lock.ChangeableForDays = pulumi.Int(graceDays) // its presence is what makes the lock one of compliance
	}
	if _, err := awsbackup.NewVaultLockConfiguration(b.ctx, b.name+suffix+"-vault-lock", lock,
		append(slices.Clone(opts), oneLock)...); err != nil {
		return nil, err
	}
	if _, err := awsbackup.NewVaultPolicy(b.ctx, b.name+suffix+"-vault-policy", &awsbackup.VaultPolicyArgs{
		BackupVaultName: vault.Name, Policy: policy.Document(b.vaultStatements()...),
	}, opts...); err != nil {
		return nil, err
	}
	if _, err := awsbackup.NewVaultNotifications(b.ctx, b.name+suffix+"-vault-notifications", &awsbackup.VaultNotificationsArgs{
		BackupVaultName: vault.Name, SnsTopicArn: topic,
		BackupVaultEvents: pulumi.ToStringArray([]string{"BACKUP_JOB_EXPIRED", "BACKUP_JOB_FAILED", "COPY_JOB_FAILED", "RESTORE_JOB_FAILED"}),
	}, opts...); err != nil {
		return nil, err
	}
	return vault, b.failures(suffix, topic, opts...)
}

// vaultStatements are the vault's own guard. A vault's policy applies to the vault and what is in it; AWS takes no
// other resource than "*" there.
func (b *builder) vaultStatements() []policy.Statement {
	everything := policy.Strings("*")
	return []policy.Statement{
		{Sid: "DenyDeletion", Effect: policy.Deny, Principals: policy.Anyone(), Resources: everything,
			Actions:    []string{"backup:DeleteRecoveryPoint", "backup:UpdateRecoveryPointLifecycle"},
			Conditions: b.unlessAdministrator()},
		{Sid: "DenyOtherAccounts", Effect: policy.Deny, Principals: policy.Anyone(), Resources: everything,
			Actions: []string{"backup:CopyFromBackupVault", "backup:CopyIntoBackupVault", "backup:DeleteBackupVault", "backup:DeleteBackupVaultAccessPolicy",
				"backup:DescribeRecoveryPoint", "backup:GetRecoveryPointRestoreMetadata", "backup:ListRecoveryPointsByBackupVault",
				"backup:PutBackupVaultAccessPolicy", "backup:StartRestoreJob"},
			Conditions: []policy.Condition{policy.Is("StringNotEquals", "aws:PrincipalAccount", b.Scope.Account)}},
	}
}

// failures tells the team of jobs that ended badly (BK-9). The vault's own notifications do not hear of jobs that
// were aborted or ended in part.
func (b *builder) failures(suffix string, topic pulumi.StringInput, opts ...pulumi.ResourceOption) error {
	bad := []string{"ABORTED", "EXPIRED", "FAILED", "PARTIAL"}
	pattern, err := json.Marshal(map[string]any{
		"source":      []string{"aws.backup"},
		"detail-type": []string{"Backup Job State Change", "Copy Job State Change", "Restore Job State Change"},
		// Restore jobs call it status.
		"$or": []any{map[string]any{"detail": map[string]any{"state": bad}}, map[string]any{"detail": map[string]any{"status": bad}}},
	})
	if err != nil {
		return err
	}
	name := b.Scope.Name(naming.EventRule, "backup", "failed")
	rule, err := cloudwatch.NewEventRule(b.ctx, b.name+suffix+"-failures", &cloudwatch.EventRuleArgs{
		Name: pulumi.String(name), Description: pulumi.String("A backup, copy or restore did not end well"),
		EventPattern: pulumi.String(string(pattern)), Tags: b.Scope.Tags(scope.None, name),
	}, opts...)
	if err != nil {
		return err
	}
	_, err = cloudwatch.NewEventTarget(b.ctx, b.name+suffix+"-failures", &cloudwatch.EventTargetArgs{
		Rule: rule.Name, TargetId: pulumi.String("alerts"), Arn: topic,
	}, opts...)
	return err
}

// oneLock: a vault has one lock, which goes by the vault's name. Deleted after its successor was made, it would
// take that along and leave the vault unlocked.
var oneLock = pulumi.DeleteBeforeReplace(true)
