package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// bucket is one S3 bucket of the account. Its settings are read one by one, as they are asked for.
type bucket struct {
	name, region string
	created      time.Time
	tags         map[string]string
}

func (b bucket) arn() string { return "arn:aws:s3:::" + b.name }

// The types of a bucket and its settings, as Pulumi calls them. All go by the bucket's name.
const (
	s3Bucket      = "aws:s3/bucketV2:BucketV2"
	s3Encryption  = "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2"
	s3Policy      = "aws:s3/bucketPolicy:BucketPolicy"
	s3Versioning  = "aws:s3/bucketVersioningV2:BucketVersioningV2"
	s3Lifecycle   = "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2"
	s3Lock        = "aws:s3/bucketObjectLockConfigurationV2:BucketObjectLockConfigurationV2"
	s3AccessBlock = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
	s3Ownership   = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
	s3Replication = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
	s3Logging     = "aws:s3/bucketLoggingV2:BucketLoggingV2"
)

// of is a setting of the bucket, or the bucket itself.
func (b bucket) of(token string) object { return object{token, b.name} }

// s3 is a client for a region. An endpoint of one's own has no name for each bucket.
func (a *account) s3(region string) *s3.Client {
	return s3.NewFromConfig(a.config(region), func(o *s3.Options) { o.UsePathStyle = o.BaseEndpoint != nil })
}

// buckets are all buckets of a region. S3 lists those of all regions at once.
func (a *account) buckets(ctx context.Context, region string) ([]bucket, error) {
	return once(a, []string{"s3", "buckets", region}, func() ([]bucket, error) {
		all, err := a.allBuckets(ctx)
		if err != nil {
			return nil, err
		}
		var found []bucket
		for _, b := range all {
			if b.region != region {
				continue
			}
			tagging, err := read(ctx, a, b, "tags", "NoSuchTagSet", func(client *s3.Client) (*s3.GetBucketTaggingOutput, error) {
				return client.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: &b.name})
			})
			if err != nil {
				return nil, err
			}
			if tagging != nil {
				b.tags = tagMap(tagging.TagSet, func(t types.Tag) (key, value *string) { return t.Key, t.Value })
			}
			found = append(found, b)
		}
		return found, nil
	})
}

// allBuckets are those of all regions, without their tags.
func (a *account) allBuckets(ctx context.Context) ([]bucket, error) {
	return once(a, []string{"s3", "list of buckets"}, func() ([]bucket, error) {
		client := a.s3(a.home)
		var all []bucket
		// With a limit, S3 says where each bucket lies.
		pages := s3.NewListBucketsPaginator(client, &s3.ListBucketsInput{MaxBuckets: aws.Int32(1000)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, one := range page.Buckets {
				b := bucket{name: aws.ToString(one.Name), region: aws.ToString(one.BucketRegion), created: aws.ToTime(one.CreationDate)}
				if b.region == "" {
					place, err := client.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: one.Name})
					if err != nil {
						return nil, fmt.Errorf("place of bucket %s: %w", b.name, err)
					}
					b.region = placeOf(place.LocationConstraint)
				}
				all = append(all, b)
			}
		}
		return all, nil
	})
}

// placeOf is the region that S3 means: the first two have names of their own.
func placeOf(constraint types.BucketLocationConstraint) string {
	switch constraint {
	case "":
		return global
	case types.BucketLocationConstraintEu:
		return "eu-west-1"
	}
	return string(constraint)
}

// read reads one setting of a bucket; nil where S3 answers that it was never made.
func read[T any](ctx context.Context, a *account, b bucket, what, absent string, ask func(client *s3.Client) (*T, error)) (*T, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return once(a, []string{"s3", what, "of", b.name}, func() (*T, error) {
		answer, err := ask(a.s3(b.region))
		var refused smithy.APIError
		if errors.As(err, &refused) && refused.ErrorCode() == absent {
			return nil, nil
		}
		return answer, err
	})
}

// bucketDefault is how a bucket encrypts what names no key; nil: not at all.
func (a *account) bucketDefault(ctx context.Context, b bucket) (*types.ServerSideEncryptionByDefault, error) {
	answer, err := read(ctx, a, b, "encryption", "ServerSideEncryptionConfigurationNotFoundError", func(client *s3.Client) (*s3.GetBucketEncryptionOutput, error) {
		return client.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &b.name})
	})
	if err != nil || answer == nil || answer.ServerSideEncryptionConfiguration == nil || len(answer.ServerSideEncryptionConfiguration.Rules) != 1 {
		return nil, err
	}
	return answer.ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault, nil
}

// bucketPolicy is a bucket's policy; empty: it has none.
func (a *account) bucketPolicy(ctx context.Context, b bucket) (string, error) {
	answer, err := read(ctx, a, b, "policy", "NoSuchBucketPolicy", func(client *s3.Client) (*s3.GetBucketPolicyOutput, error) {
		return client.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: &b.name})
	})
	if err != nil || answer == nil {
		return "", err
	}
	return aws.ToString(answer.Policy), nil
}

// bucketVersioning is Enabled, Suspended, or empty where it was never on.
func (a *account) bucketVersioning(ctx context.Context, b bucket) (string, error) {
	answer, err := read(ctx, a, b, "versioning", "", func(client *s3.Client) (*s3.GetBucketVersioningOutput, error) {
		return client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &b.name})
	})
	if err != nil {
		return "", err
	}
	return string(answer.Status), nil
}

// bucketLifecycle are the rules of a bucket's lifecycle.
func (a *account) bucketLifecycle(ctx context.Context, b bucket) ([]types.LifecycleRule, error) {
	answer, err := read(ctx, a, b, "lifecycle", "NoSuchLifecycleConfiguration", func(client *s3.Client) (*s3.GetBucketLifecycleConfigurationOutput, error) {
		return client.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: &b.name})
	})
	if err != nil || answer == nil {
		return nil, err
	}
	return answer.Rules, nil
}

// bucketLock is a bucket's object lock; nil where it has none.
func (a *account) bucketLock(ctx context.Context, b bucket) (*types.ObjectLockConfiguration, error) {
	answer, err := read(ctx, a, b, "object lock", "ObjectLockConfigurationNotFoundError", func(client *s3.Client) (*s3.GetObjectLockConfigurationOutput, error) {
		return client.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: &b.name})
	})
	if err != nil || answer == nil {
		return nil, err
	}
	return answer.ObjectLockConfiguration, nil
}

// bucketAccessBlock is what keeps a bucket from being made public; nil where nothing does.
func (a *account) bucketAccessBlock(ctx context.Context, b bucket) (*types.PublicAccessBlockConfiguration, error) {
	answer, err := read(ctx, a, b, "public access block", "NoSuchPublicAccessBlockConfiguration", func(client *s3.Client) (*s3.GetPublicAccessBlockOutput, error) {
		return client.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: &b.name})
	})
	if err != nil || answer == nil {
		return nil, err
	}
	return answer.PublicAccessBlockConfiguration, nil
}

// bucketOwnership says who owns a bucket's objects; empty where nothing says.
func (a *account) bucketOwnership(ctx context.Context, b bucket) (string, error) {
	answer, err := read(ctx, a, b, "ownership", "OwnershipControlsNotFoundError", func(client *s3.Client) (*s3.GetBucketOwnershipControlsOutput, error) {
		return client.GetBucketOwnershipControls(ctx, &s3.GetBucketOwnershipControlsInput{Bucket: &b.name})
	})
	if err != nil || answer == nil || answer.OwnershipControls == nil || len(answer.OwnershipControls.Rules) != 1 {
		return "", err
	}
	return string(answer.OwnershipControls.Rules[0].ObjectOwnership), nil
}

// bucketReplication is how a bucket is copied; nil where it is not.
func (a *account) bucketReplication(ctx context.Context, b bucket) (*types.ReplicationConfiguration, error) {
	answer, err := read(ctx, a, b, "replication", "ReplicationConfigurationNotFoundError", func(client *s3.Client) (*s3.GetBucketReplicationOutput, error) {
		return client.GetBucketReplication(ctx, &s3.GetBucketReplicationInput{Bucket: &b.name})
	})
	if err != nil || answer == nil {
		return nil, err
	}
	return answer.ReplicationConfiguration, nil
}

// bucketLogTarget is the bucket that a bucket's access log goes to; empty: none.
func (a *account) bucketLogTarget(ctx context.Context, b bucket) (string, error) {
	answer, err := read(ctx, a, b, "logging", "", func(client *s3.Client) (*s3.GetBucketLoggingOutput, error) {
		return client.GetBucketLogging(ctx, &s3.GetBucketLoggingInput{Bucket: &b.name})
	})
	if err != nil || answer.LoggingEnabled == nil {
		return "", err
	}
	return aws.ToString(answer.LoggingEnabled.TargetBucket), nil
}

// stored is one version of one object: what it is called, when it was written and where it lies. Never what is in it.
type stored struct {
	key      string
	class    string
	written  time.Time
	replaced time.Time // when a newer version or a deletion took its place; zero: it is the present one
}

// mostVersions are listed of one bucket. A list that goes on is no answer.
const mostVersions = 500_000

// versions are all versions of all objects in a bucket.
func (a *account) versions(ctx context.Context, b bucket) ([]stored, error) {
	return once(a, []string{"s3", "list of objects", "in", b.name}, func() ([]stored, error) {
		var all []stored
		var key string        // whose versions are being read
		var newer time.Time   // when the version before, which is newer, was written
		var entries []version // of one page
		pages := s3.NewListObjectVersionsPaginator(a.s3(b.region), &s3.ListObjectVersionsInput{Bucket: &b.name})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			entries = entries[:0]
			for _, v := range page.Versions {
				entries = append(entries, version{aws.ToString(v.Key), string(v.StorageClass), aws.ToTime(v.LastModified), aws.ToBool(v.IsLatest), true})
			}
			for _, m := range page.DeleteMarkers {
				entries = append(entries, version{aws.ToString(m.Key), "", aws.ToTime(m.LastModified), aws.ToBool(m.IsLatest), false})
			}
			slices.SortStableFunc(entries, version.before)
			for _, e := range entries {
				if e.key != key {
					key, newer = e.key, time.Time{}
				}
				if e.latest {
					newer = time.Time{}
				}
				if e.data {
					all = append(all, stored{key: e.key, class: e.class, written: e.written, replaced: newer})
				}
				newer = e.written
			}
			if len(all) > mostVersions {
				return nil, fmt.Errorf("the bucket holds more than %d versions of objects, and a list that was cut short shows nothing", mostVersions)
			}
		}
		return all, nil
	})
}

// version is one entry of a list: a version of an object, or the mark of its deletion, which has no data.
type version struct {
	key, class   string
	written      time.Time
	latest, data bool
}

// before orders a list as S3 does: by key, the newest version first.
func (v version) before(other version) int {
	if by := strings.Compare(v.key, other.key); by != 0 {
		return by
	}
	if v.latest != other.latest {
		if v.latest {
			return -1
		}
		return 1
	}
	return other.written.Compare(v.written)
}
