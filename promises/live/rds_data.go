package live

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticache"
	cachetypes "github.com/aws/aws-sdk-go-v2/service/elasticache/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// Who snapshots are shared with, and who signs in to caches.

// shared is a snapshot and the accounts that it is shared with; "all" stands for everybody.
type shared struct {
	object
	with []string
}

// snapshotShares are the snapshots of databases and clusters in a region, with who may restore them. Only those that were made
// by hand can be shared.
func (a *account) snapshotShares(ctx context.Context, region string) ([]shared, error) {
	return once(a, []string{"rds", "shares of snapshots", region}, func() ([]shared, error) {
		var all []shared
		instances, err := a.dbSnapshots(ctx, region)
		if err != nil {
			return nil, err
		}
		for _, s := range instances {
			if aws.ToString(s.SnapshotType) != "manual" {
				continue
			}
			answer, err := a.rds(region).DescribeDBSnapshotAttributes(ctx, &rds.DescribeDBSnapshotAttributesInput{DBSnapshotIdentifier: s.DBSnapshotIdentifier})
			if err != nil {
				return nil, err
			}
			one := shared{object: object{rdsSnapshot, aws.ToString(s.DBSnapshotArn)}}
			if r := answer.DBSnapshotAttributesResult; r != nil {
				for _, attribute := range r.DBSnapshotAttributes {
					if aws.ToString(attribute.AttributeName) == "restore" {
						one.with = append(one.with, attribute.AttributeValues...)
					}
				}
			}
			all = append(all, one)
		}
		clusters, err := a.dbClusterSnapshots(ctx, region)
		if err != nil {
			return nil, err
		}
		for _, s := range clusters {
			if aws.ToString(s.SnapshotType) != "manual" {
				continue
			}
			answer, err := a.rds(region).DescribeDBClusterSnapshotAttributes(ctx, &rds.DescribeDBClusterSnapshotAttributesInput{DBClusterSnapshotIdentifier: s.DBClusterSnapshotIdentifier})
			if err != nil {
				return nil, err
			}
			one := shared{object: object{docSnapshot, aws.ToString(s.DBClusterSnapshotArn)}}
			if r := answer.DBClusterSnapshotAttributesResult; r != nil {
				for _, attribute := range r.DBClusterSnapshotAttributes {
					if aws.ToString(attribute.AttributeName) == "restore" {
						one.with = append(one.with, attribute.AttributeValues...)
					}
				}
			}
			all = append(all, one)
		}
		return all, nil
	})
}

// foreignSnapshots are the snapshots that other accounts share with this one.
func (a *account) foreignSnapshots(ctx context.Context, region string) ([]rdstypes.DBSnapshot, error) {
	return once(a, []string{"rds", "snapshots of others", region}, func() ([]rdstypes.DBSnapshot, error) {
		p := rds.NewDescribeDBSnapshotsPaginator(a.rds(region), &rds.DescribeDBSnapshotsInput{SnapshotType: aws.String("shared"), IncludeShared: aws.Bool(true)})
		all, err := paged(ctx, p, func(o *rds.DescribeDBSnapshotsOutput) []rdstypes.DBSnapshot { return o.DBSnapshots })
		return slices.DeleteFunc(all, func(s rdstypes.DBSnapshot) bool { return accountOf(aws.ToString(s.DBSnapshotArn)) == a.number }), err
	})
}

// cacheUsers are who may sign in to caches.
func (a *account) cacheUsers(ctx context.Context, region string) ([]cachetypes.User, error) {
	return once(a, []string{"elasticache", "users", region}, func() ([]cachetypes.User, error) {
		p := elasticache.NewDescribeUsersPaginator(a.elasticache(region), &elasticache.DescribeUsersInput{})
		return paged(ctx, p, func(o *elasticache.DescribeUsersOutput) []cachetypes.User { return o.Users })
	})
}

// cacheTags are a cache's tags.
func (a *account) cacheTags(ctx context.Context, region, arn string) (map[string]string, error) {
	return once(a, []string{"elasticache", "tags of", arn}, func() (map[string]string, error) {
		answer, err := a.elasticache(region).ListTagsForResource(ctx, &elasticache.ListTagsForResourceInput{ResourceName: &arn})
		if err != nil {
			return nil, err
		}
		return tagMap(answer.TagList, func(t cachetypes.Tag) (key, value *string) { return t.Key, t.Value }), nil
	})
}
