package live

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticache"
	cachetypes "github.com/aws/aws-sdk-go-v2/service/elasticache/types"
)

func (a *account) elasticache(region string) *elasticache.Client {
	return elasticache.NewFromConfig(a.config(region))
}

// caches are the replication groups.
func (a *account) caches(ctx context.Context, region string) ([]cachetypes.ReplicationGroup, error) {
	return once(a, []string{"elasticache", "replication groups", region}, func() ([]cachetypes.ReplicationGroup, error) {
		p := elasticache.NewDescribeReplicationGroupsPaginator(a.elasticache(region), &elasticache.DescribeReplicationGroupsInput{})
		return paged(ctx, p, func(o *elasticache.DescribeReplicationGroupsOutput) []cachetypes.ReplicationGroup {
			return o.ReplicationGroups
		})
	})
}

// cacheNodes are the nodes, those of replication groups among them.
func (a *account) cacheNodes(ctx context.Context, region string) ([]cachetypes.CacheCluster, error) {
	return once(a, []string{"elasticache", "clusters", region}, func() ([]cachetypes.CacheCluster, error) {
		p := elasticache.NewDescribeCacheClustersPaginator(a.elasticache(region), &elasticache.DescribeCacheClustersInput{ShowCacheNodeInfo: aws.Bool(true)})
		return paged(ctx, p, func(o *elasticache.DescribeCacheClustersOutput) []cachetypes.CacheCluster { return o.CacheClusters })
	})
}

func (a *account) cacheSubnetGroups(ctx context.Context, region string) ([]cachetypes.CacheSubnetGroup, error) {
	return once(a, []string{"elasticache", "subnet groups", region}, func() ([]cachetypes.CacheSubnetGroup, error) {
		p := elasticache.NewDescribeCacheSubnetGroupsPaginator(a.elasticache(region), &elasticache.DescribeCacheSubnetGroupsInput{})
		return paged(ctx, p, func(o *elasticache.DescribeCacheSubnetGroupsOutput) []cachetypes.CacheSubnetGroup {
			return o.CacheSubnetGroups
		})
	})
}

func (a *account) cacheSnapshots(ctx context.Context, region string) ([]cachetypes.Snapshot, error) {
	return once(a, []string{"elasticache", "snapshots", region}, func() ([]cachetypes.Snapshot, error) {
		p := elasticache.NewDescribeSnapshotsPaginator(a.elasticache(region), &elasticache.DescribeSnapshotsInput{})
		return paged(ctx, p, func(o *elasticache.DescribeSnapshotsOutput) []cachetypes.Snapshot { return o.Snapshots })
	})
}
