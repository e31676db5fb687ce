package live

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// RDS's calls answer for DocumentDB too: its clusters and instances have the engine docdb.
const documentEngine = "docdb"

func (a *account) rds(region string) *rds.Client { return rds.NewFromConfig(a.config(region)) }

func rdsTags(tags []rdstypes.Tag) map[string]string {
	return tagMap(tags, func(t rdstypes.Tag) (key, value *string) { return t.Key, t.Value })
}

// dbInstances are the instances of all engines, those of clusters among them.
func (a *account) dbInstances(ctx context.Context, region string) ([]rdstypes.DBInstance, error) {
	return once(a, []string{"rds", "instances", region}, func() ([]rdstypes.DBInstance, error) {
		p := rds.NewDescribeDBInstancesPaginator(a.rds(region), &rds.DescribeDBInstancesInput{})
		return paged(ctx, p, func(o *rds.DescribeDBInstancesOutput) []rdstypes.DBInstance { return o.DBInstances })
	})
}

// databases are the relational databases that stand by themselves: neither replicas nor members of clusters.
func (a *account) databases(ctx context.Context, region string) ([]rdstypes.DBInstance, error) {
	all, err := a.dbInstances(ctx, region)
	return slices.DeleteFunc(slices.Clone(all), func(db rdstypes.DBInstance) bool {
		return aws.ToString(db.ReadReplicaSourceDBInstanceIdentifier) != "" || aws.ToString(db.DBClusterIdentifier) != "" || aws.ToString(db.Engine) == documentEngine
	}), err
}

// dbClusters are the clusters of all engines.
func (a *account) dbClusters(ctx context.Context, region string) ([]rdstypes.DBCluster, error) {
	return once(a, []string{"rds", "clusters", region}, func() ([]rdstypes.DBCluster, error) {
		p := rds.NewDescribeDBClustersPaginator(a.rds(region), &rds.DescribeDBClustersInput{})
		return paged(ctx, p, func(o *rds.DescribeDBClustersOutput) []rdstypes.DBCluster { return o.DBClusters })
	})
}

func (a *account) dbSubnetGroups(ctx context.Context, region string) ([]rdstypes.DBSubnetGroup, error) {
	return once(a, []string{"rds", "subnet groups", region}, func() ([]rdstypes.DBSubnetGroup, error) {
		p := rds.NewDescribeDBSubnetGroupsPaginator(a.rds(region), &rds.DescribeDBSubnetGroupsInput{})
		return paged(ctx, p, func(o *rds.DescribeDBSubnetGroupsOutput) []rdstypes.DBSubnetGroup { return o.DBSubnetGroups })
	})
}

// dbSnapshots are the account's own snapshots of instances, made by hand or by themselves.
func (a *account) dbSnapshots(ctx context.Context, region string) ([]rdstypes.DBSnapshot, error) {
	return once(a, []string{"rds", "snapshots", region}, func() ([]rdstypes.DBSnapshot, error) {
		p := rds.NewDescribeDBSnapshotsPaginator(a.rds(region), &rds.DescribeDBSnapshotsInput{})
		return paged(ctx, p, func(o *rds.DescribeDBSnapshotsOutput) []rdstypes.DBSnapshot { return o.DBSnapshots })
	})
}

// dbClusterSnapshots are the account's own snapshots of clusters.
func (a *account) dbClusterSnapshots(ctx context.Context, region string) ([]rdstypes.DBClusterSnapshot, error) {
	return once(a, []string{"rds", "cluster snapshots", region}, func() ([]rdstypes.DBClusterSnapshot, error) {
		p := rds.NewDescribeDBClusterSnapshotsPaginator(a.rds(region), &rds.DescribeDBClusterSnapshotsInput{})
		return paged(ctx, p, func(o *rds.DescribeDBClusterSnapshotsOutput) []rdstypes.DBClusterSnapshot {
			return o.DBClusterSnapshots
		})
	})
}

// dbAutomatedBackups are the continuous backups of instances: here those of the region's own, and those that another
// region's instance replicates here.
func (a *account) dbAutomatedBackups(ctx context.Context, region string) ([]rdstypes.DBInstanceAutomatedBackup, error) {
	return once(a, []string{"rds", "automated backups", region}, func() ([]rdstypes.DBInstanceAutomatedBackup, error) {
		p := rds.NewDescribeDBInstanceAutomatedBackupsPaginator(a.rds(region), &rds.DescribeDBInstanceAutomatedBackupsInput{})
		return paged(ctx, p, func(o *rds.DescribeDBInstanceAutomatedBackupsOutput) []rdstypes.DBInstanceAutomatedBackup {
			return o.DBInstanceAutomatedBackups
		})
	})
}

// dbParameters are the values of a parameter group by name; those that nobody set have the engine's.
func (a *account) dbParameters(ctx context.Context, region, group string) (map[string]string, error) {
	return once(a, []string{"rds", "parameters", region, group}, func() (map[string]string, error) {
		p := rds.NewDescribeDBParametersPaginator(a.rds(region), &rds.DescribeDBParametersInput{DBParameterGroupName: aws.String(group)})
		all, err := paged(ctx, p, func(o *rds.DescribeDBParametersOutput) []rdstypes.Parameter { return o.Parameters })
		return parameterMap(all), err
	})
}

// dbClusterParameters are those of a cluster's parameter group.
func (a *account) dbClusterParameters(ctx context.Context, region, group string) (map[string]string, error) {
	return once(a, []string{"rds", "cluster parameters", region, group}, func() (map[string]string, error) {
		p := rds.NewDescribeDBClusterParametersPaginator(a.rds(region), &rds.DescribeDBClusterParametersInput{DBClusterParameterGroupName: aws.String(group)})
		all, err := paged(ctx, p, func(o *rds.DescribeDBClusterParametersOutput) []rdstypes.Parameter { return o.Parameters })
		return parameterMap(all), err
	})
}

func parameterMap(parameters []rdstypes.Parameter) map[string]string {
	return tagMap(parameters, func(p rdstypes.Parameter) (name, value *string) { return p.ParameterName, p.ParameterValue })
}

// dbSubscriptions are who is told of databases' events. Names differ between the services that share the call; the
// engine is not told.
func (a *account) dbSubscriptions(ctx context.Context, region string) ([]rdstypes.EventSubscription, error) {
	return once(a, []string{"rds", "event subscriptions", region}, func() ([]rdstypes.EventSubscription, error) {
		p := rds.NewDescribeEventSubscriptionsPaginator(a.rds(region), &rds.DescribeEventSubscriptionsInput{})
		return paged(ctx, p, func(o *rds.DescribeEventSubscriptionsOutput) []rdstypes.EventSubscription {
			return o.EventSubscriptionsList
		})
	})
}

// subnetZones are the zones that a subnet group lies in, sorted.
func subnetZones(group *rdstypes.DBSubnetGroup) []string {
	if group == nil {
		return nil
	}
	var zones []string
	for _, s := range group.Subnets {
		if s.SubnetAvailabilityZone != nil && !strings.EqualFold(aws.ToString(s.SubnetStatus), "Inactive") {
			zones = append(zones, aws.ToString(s.SubnetAvailabilityZone.Name))
		}
	}
	slices.Sort(zones)
	return slices.Compact(zones)
}
