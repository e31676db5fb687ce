package statebackend

import (
	"fmt"
	"slices"

	"github.com/berth-iac/berth/components/key"
	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/backup"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// longestRetentionDays is the most that a copy may be kept for: ten years.
const longestRetentionDays = 3650

// vaults take copies of clients' backups out of the clients' accounts: whoever takes over a client's account cannot
// reach them. AWS copies between accounts of one AWS organisation only.
func (b *builder) vaults() error {
	var err error
	if b.made.VaultArn, err = b.vault("", b.args.Scope.Region, b.args.TopicArn, b.parent); err != nil {
		return fmt.Errorf("vault: %w", err)
	}
	if b.made.SecondVaultArn, err = b.vault("-second", b.args.SecondRegion, b.args.SecondTopicArn, b.parent, b.second); err != nil {
		return fmt.Errorf("vault in %s: %w", b.args.SecondRegion, err)
	}
	return nil
}

func (b *builder) vault(suffix, region string, topic pulumi.StringInput, opts ...pulumi.ResourceOption) (pulumi.StringOutput, error) {
	none := pulumi.StringOutput{}
	s := b.args.Scope
	vaultKey, err := key.New(b.ctx, b.name+"-vault-key"+suffix, key.Args{Scope: s, Alias: s.Name(naming.KeyAlias, "client-backups"),
		Description: "Copies of clients' backups", Region: region, Services: []string{"backup"}}, opts...)
	if err != nil {
		return none, err
	}
	name := s.Name(naming.Vault, "client-backups")
	vault, err := backup.NewVault(b.ctx, b.name+"-vault"+suffix, &backup.VaultArgs{
		Name: pulumi.String(name), KmsKeyArn: vaultKey.Arn, Tags: s.Tags(scope.Personal, name),
	}, append(opts[:len(opts):len(opts)], pulumi.Protect(s.Protect))...)
	if err != nil {
		return none, err
	}
	var clients []pulumi.StringInput
	for _, c := range b.args.Clients {
		clients = append(clients, pulumi.String("arn:aws:iam::"+c.Account+":root"))
	}
	everything := policy.Strings("*") // in a vault's policy: the vault and what is in it
	if _, err := backup.NewVaultPolicy(b.ctx, b.name+"-vault-policy"+suffix, &backup.VaultPolicyArgs{
		BackupVaultName: vault.Name, Policy: policy.Document(
			policy.Statement{Sid: "ClientsSendCopies", Principals: policy.AWS(clients...), Actions: []string{"backup:CopyIntoBackupVault"}, Resources: everything},
			policy.Statement{Sid: "NobodyDeletes", Effect: policy.Deny, Principals: policy.Anyone(), Resources: everything,
				Actions: []string{"backup:DeleteBackupVault", "backup:DeleteRecoveryPoint", "backup:UpdateRecoveryPointLifecycle"}}),
	}, opts...); err != nil {
		return none, err
	}
	// A vault has one lock, which goes by the vault's name: deleted after its successor, it would take that along.
	lockOpts := append(slices.Clone(opts), pulumi.DeleteBeforeReplace(true))
	if _, err := backup.NewVaultLockConfiguration(b.ctx, b.name+"-vault-lock"+suffix, &backup.VaultLockConfigurationArgs{
		BackupVaultName: vault.Name, MinRetentionDays: pulumi.Int(b.args.BackupRetentionDays), MaxRetentionDays: pulumi.Int(longestRetentionDays),
	}, lockOpts...); err != nil {
		return none, err
	}
	_, err = backup.NewVaultNotifications(b.ctx, b.name+"-vault-notifications"+suffix, &backup.VaultNotificationsArgs{
		BackupVaultName: vault.Name, SnsTopicArn: topic,
		BackupVaultEvents: pulumi.ToStringArray([]string{"COPY_JOB_FAILED", "RESTORE_JOB_COMPLETED", "RECOVERY_POINT_MODIFIED"}),
	}, opts...)
	return vault.Arn, err
}
