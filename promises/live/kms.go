package live

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

const kmsKey = "aws:kms/key:Key"

// key is one KMS key of the account. What AWS manages itself has no tags, policy or grants here.
type key struct {
	types.KeyMetadata
	region  string
	tags    map[string]string
	policy  string
	rotated bool // renewed by AWS every year
	grants  []types.GrantListEntry
}

func (k key) object() object { return object{kmsKey, aws.ToString(k.KeyId)} }

// customers tells whether the key is one that the account made, not one of AWS's.
func (k key) customers() bool { return k.KeyManager == types.KeyManagerTypeCustomer }

// keys are all keys of a region.
func (a *account) keys(ctx context.Context, region string) ([]key, error) {
	return once(a, []string{"kms", "keys", region}, func() ([]key, error) {
		client := kms.NewFromConfig(a.config(region))
		var all []key
		pages := kms.NewListKeysPaginator(client, &kms.ListKeysInput{})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, entry := range page.Keys {
				k, err := readKey(ctx, client, region, entry.KeyId)
				if err != nil {
					return nil, fmt.Errorf("key %s: %w", aws.ToString(entry.KeyId), err)
				}
				all = append(all, k)
			}
		}
		return all, nil
	})
}

func readKey(ctx context.Context, client *kms.Client, region string, id *string) (key, error) {
	described, err := client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: id})
	if err != nil {
		return key{}, err
	}
	k := key{KeyMetadata: *described.KeyMetadata, region: region, tags: map[string]string{}}
	if !k.customers() || k.DeletionDate != nil {
		return k, nil
	}
	tags := kms.NewListResourceTagsPaginator(client, &kms.ListResourceTagsInput{KeyId: id})
	for tags.HasMorePages() {
		page, err := tags.NextPage(ctx)
		if err != nil {
			return k, err
		}
		for _, tag := range page.Tags {
			k.tags[aws.ToString(tag.TagKey)] = aws.ToString(tag.TagValue)
		}
	}
	guard, err := client.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: id, PolicyName: aws.String("default")})
	if err != nil {
		return k, err
	}
	k.policy = aws.ToString(guard.Policy)
	if k.KeySpec == types.KeySpecSymmetricDefault && k.Origin == types.OriginTypeAwsKms {
		rotation, err := client.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: id})
		if err != nil {
			return k, err
		}
		k.rotated = rotation.KeyRotationEnabled
	}
	grants := kms.NewListGrantsPaginator(client, &kms.ListGrantsInput{KeyId: id})
	for grants.HasMorePages() {
		page, err := grants.NextPage(ctx)
		if err != nil {
			return k, err
		}
		k.grants = append(k.grants, page.Grants...)
	}
	return k, nil
}

// keyring are the keys of a region by id and ARN.
func (a *account) keyring(ctx context.Context, region string) (map[string]key, error) {
	all, err := a.keys(ctx, region)
	if err != nil {
		return nil, err
	}
	ring := make(map[string]key, 2*len(all))
	for _, k := range all {
		ring[aws.ToString(k.KeyId)], ring[aws.ToString(k.Arn)] = k, k
	}
	return ring, nil
}
