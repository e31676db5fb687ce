package live

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	secrettypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	cachetypes "github.com/aws/aws-sdk-go-v2/service/elasticache/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// in reads one kind of thing in a region.
func in[T any](ctx context.Context, region string, read func(context.Context, string) ([]T, error)) func() ([]T, error) {
	return func() ([]T, error) { return read(ctx, region) }
}

func (a *account) machineKeepers(ctx context.Context, region string) (all []keeper, err error) {
	err = errors.Join(
		keep(&all, machineType, false, in(ctx, region, a.instances), func(i ec2types.Instance) *string { return i.InstanceId }),
		keep(&all, "aws:ebs/volume:Volume", false, in(ctx, region, a.volumes), func(v ec2types.Volume) *string { return v.VolumeId }),
		keep(&all, "aws:ebs/snapshot:Snapshot", true, in(ctx, region, a.diskSnapshots), func(s ec2types.Snapshot) *string { return s.SnapshotId }),
		keep(&all, "aws:ec2/ami:Ami", true, in(ctx, region, a.images), func(i ec2types.Image) *string { return i.ImageId }),
	)
	return all, err
}

func (a *account) databaseKeepers(ctx context.Context, region string) (all []keeper, err error) {
	err = errors.Join(
		keep(&all, databaseType, false, in(ctx, region, a.dbInstances), func(i rdstypes.DBInstance) *string { return i.DBInstanceArn }),
		keep(&all, documentsType, false, in(ctx, region, a.dbClusters), func(c rdstypes.DBCluster) *string { return c.DBClusterArn }),
		keep(&all, "aws:rds/snapshot:Snapshot", true, in(ctx, region, a.dbSnapshots), func(s rdstypes.DBSnapshot) *string { return s.DBSnapshotArn }),
		keep(&all, "aws:rds/clusterSnapshot:ClusterSnapshot", true, in(ctx, region, a.dbClusterSnapshots), func(s rdstypes.DBClusterSnapshot) *string { return s.DBClusterSnapshotArn }),
		keep(&all, "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication", true, in(ctx, region, a.dbAutomatedBackups),
			func(b rdstypes.DBInstanceAutomatedBackup) *string {
				if b.DBInstanceAutomatedBackupsArn != nil {
					return b.DBInstanceAutomatedBackupsArn
				}
				return b.DBInstanceArn
			}),
	)
	return all, err
}

func (a *account) cacheKeepers(ctx context.Context, region string) (all []keeper, err error) {
	alone := func() ([]cachetypes.CacheCluster, error) {
		nodes, err := a.cacheNodes(ctx, region)
		return slices.DeleteFunc(slices.Clone(nodes), func(n cachetypes.CacheCluster) bool { return aws.ToString(n.ReplicationGroupId) != "" }), err
	}
	err = errors.Join(
		keep(&all, cacheType, false, in(ctx, region, a.caches), func(c cachetypes.ReplicationGroup) *string { return c.ARN }),
		keep(&all, cacheNodeType, false, alone, func(c cachetypes.CacheCluster) *string { return c.ARN }),
		keep(&all, "aws:elasticache/snapshot:Snapshot", true, in(ctx, region, a.cacheSnapshots), func(s cachetypes.Snapshot) *string { return s.ARN }),
	)
	return all, err
}

// otherKeepers are vaults, logs and secrets. AWS's own empty vaults are none.
func (a *account) otherKeepers(ctx context.Context, region string) (all []keeper, err error) {
	vaults, err := a.vaults(ctx, region)
	for _, v := range vaults {
		all = append(all, keeper{object{"aws:backup/vault:Vault", aws.ToString(v.BackupVaultArn)}, true})
	}
	slices.SortFunc(all, func(a, b keeper) int { return compareText(&a.id, &b.id) })
	err = errors.Join(err,
		keep(&all, logGroupType, false, in(ctx, region, a.logGroups), func(g logtypes.LogGroup) *string { return g.LogGroupName }),
		keep(&all, secretType, false, in(ctx, region, a.secretList), func(s secrettypes.SecretListEntry) *string { return s.ARN }),
	)
	return all, err
}

// secretList is what a region has of secrets, without what each of them is guarded by.
func (a *account) secretList(ctx context.Context, region string) ([]secrettypes.SecretListEntry, error) {
	return once(a, []string{"secretsmanager", "list", region}, func() ([]secrettypes.SecretListEntry, error) {
		p := secretsmanager.NewListSecretsPaginator(secretsmanager.NewFromConfig(a.config(region)), &secretsmanager.ListSecretsInput{})
		return paged(ctx, p, func(o *secretsmanager.ListSecretsOutput) []secrettypes.SecretListEntry { return o.SecretList })
	})
}
