package live

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
)

const (
	backupVault         = "aws:backup/vault:Vault"
	backupVaultLock     = "aws:backup/vaultLockConfiguration:VaultLockConfiguration"
	backupVaultPolicy   = "aws:backup/vaultPolicy:VaultPolicy"
	backupNotifications = "aws:backup/vaultNotifications:VaultNotifications"
	backupPlan          = "aws:backup/plan:Plan"
	restoreTestingPlan  = "aws:backup/restoreTestingPlan:RestoreTestingPlan"
)

func (a *account) backup(region string) *backup.Client { return backup.NewFromConfig(a.config(region)) }

// vaults are all vaults of a region but those that AWS makes for itself, by name.
func (a *account) vaults(ctx context.Context, region string) (map[string]types.BackupVaultListMember, error) {
	return once(a, []string{"backup", "vaults", region}, func() (map[string]types.BackupVaultListMember, error) {
		all := map[string]types.BackupVaultListMember{}
		pages := backup.NewListBackupVaultsPaginator(a.backup(region), &backup.ListBackupVaultsInput{})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, vault := range page.BackupVaultList {
				name := aws.ToString(vault.BackupVaultName)
				if !strings.HasPrefix(name, "aws/") && (name != "Default" || vault.NumberOfRecoveryPoints > 0) {
					all[name] = vault
				}
			}
		}
		return all, nil
	})
}

// vaultPolicy is a vault's access policy; empty: it has none.
func (a *account) vaultPolicy(ctx context.Context, region, vault string) (string, error) {
	return once(a, []string{"backup", "policy of vault", vault, region}, func() (string, error) {
		answer, err := a.backup(region).GetBackupVaultAccessPolicy(ctx, &backup.GetBackupVaultAccessPolicyInput{BackupVaultName: &vault})
		var none *types.ResourceNotFoundException
		if errors.As(err, &none) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		return aws.ToString(answer.Policy), nil
	})
}

// vaultNotifications are what a vault tells, and to which topic; nil: nothing.
func (a *account) vaultNotifications(ctx context.Context, region, vault string) (*backup.GetBackupVaultNotificationsOutput, error) {
	return once(a, []string{"backup", "notifications of vault", vault, region}, func() (*backup.GetBackupVaultNotificationsOutput, error) {
		answer, err := a.backup(region).GetBackupVaultNotifications(ctx, &backup.GetBackupVaultNotificationsInput{BackupVaultName: &vault})
		var none *types.ResourceNotFoundException
		if errors.As(err, &none) {
			return nil, nil
		}
		return answer, err
	})
}

// plan is one backup plan.
type plan struct {
	types.BackupPlan
	id      string
	created time.Time
}

// plans are all backup plans of a region but AWS's own.
func (a *account) plans(ctx context.Context, region string) ([]plan, error) {
	return once(a, []string{"backup", "plans", region}, func() ([]plan, error) {
		client := a.backup(region)
		var all []plan
		pages := backup.NewListBackupPlansPaginator(client, &backup.ListBackupPlansInput{})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, member := range page.BackupPlansList {
				if strings.HasPrefix(aws.ToString(member.BackupPlanName), "aws/") {
					continue
				}
				answer, err := client.GetBackupPlan(ctx, &backup.GetBackupPlanInput{BackupPlanId: member.BackupPlanId})
				if err != nil {
					return nil, fmt.Errorf("plan %s: %w", aws.ToString(member.BackupPlanName), err)
				}
				all = append(all, plan{*answer.BackupPlan, aws.ToString(member.BackupPlanId), aws.ToTime(member.CreationDate)})
			}
		}
		return all, nil
	})
}

// recoveryPoints are all backups in a vault.
func (a *account) recoveryPoints(ctx context.Context, region, vault string) ([]types.RecoveryPointByBackupVault, error) {
	return once(a, []string{"backup", "recovery points in vault", vault, region}, func() ([]types.RecoveryPointByBackupVault, error) {
		p := backup.NewListRecoveryPointsByBackupVaultPaginator(a.backup(region), &backup.ListRecoveryPointsByBackupVaultInput{BackupVaultName: &vault})
		return paged(ctx, p, func(o *backup.ListRecoveryPointsByBackupVaultOutput) []types.RecoveryPointByBackupVault {
			return o.RecoveryPoints
		})
	})
}

// jobsSince is how far back the results of jobs are read: a trial is made every week.
const jobsSince = 15 * 24 * time.Hour

// backupJobs, copyJobs and restoreJobs are the latest jobs of a region.
func (a *account) backupJobs(ctx context.Context, region string) ([]types.BackupJob, error) {
	return once(a, []string{"backup", "backup jobs", region}, func() ([]types.BackupJob, error) {
		p := backup.NewListBackupJobsPaginator(a.backup(region), &backup.ListBackupJobsInput{ByCreatedAfter: aws.Time(a.subject.Now.Add(-jobsSince))})
		return paged(ctx, p, func(o *backup.ListBackupJobsOutput) []types.BackupJob { return o.BackupJobs })
	})
}

func (a *account) copyJobs(ctx context.Context, region string) ([]types.CopyJob, error) {
	return once(a, []string{"backup", "copy jobs", region}, func() ([]types.CopyJob, error) {
		p := backup.NewListCopyJobsPaginator(a.backup(region), &backup.ListCopyJobsInput{ByCreatedAfter: aws.Time(a.subject.Now.Add(-jobsSince))})
		return paged(ctx, p, func(o *backup.ListCopyJobsOutput) []types.CopyJob { return o.CopyJobs })
	})
}

func (a *account) restoreJobs(ctx context.Context, region string) ([]types.RestoreJobsListMember, error) {
	return once(a, []string{"backup", "restore jobs", region}, func() ([]types.RestoreJobsListMember, error) {
		p := backup.NewListRestoreJobsPaginator(a.backup(region), &backup.ListRestoreJobsInput{ByCreatedAfter: aws.Time(a.subject.Now.Add(-jobsSince))})
		return paged(ctx, p, func(o *backup.ListRestoreJobsOutput) []types.RestoreJobsListMember { return o.RestoreJobs })
	})
}

// restoreTrials are the plans by which AWS Backup tries restores.
func (a *account) restoreTrials(ctx context.Context, region string) ([]types.RestoreTestingPlanForList, error) {
	return once(a, []string{"backup", "restore testing plans", region}, func() ([]types.RestoreTestingPlanForList, error) {
		p := backup.NewListRestoreTestingPlansPaginator(a.backup(region), &backup.ListRestoreTestingPlansInput{})
		return paged(ctx, p, func(o *backup.ListRestoreTestingPlansOutput) []types.RestoreTestingPlanForList {
			return o.RestoreTestingPlans
		})
	})
}
