package live

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

const secretType = "aws:secretsmanager/secret:Secret"

// secret is one secret of the account: its settings, never its value.
type secret struct {
	types.SecretListEntry
	tags   map[string]string
	policy string // empty: it has none
}

func (s secret) object() object { return object{secretType, aws.ToString(s.ARN)} }

// secrets are all secrets of a region that are not about to be deleted.
func (a *account) secrets(ctx context.Context, region string) ([]secret, error) {
	return once(a, []string{"secretsmanager", "secrets", region}, func() ([]secret, error) {
		client := secretsmanager.NewFromConfig(a.config(region))
		var all []secret
		pages := secretsmanager.NewListSecretsPaginator(client, &secretsmanager.ListSecretsInput{})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, entry := range page.SecretList {
				if entry.DeletedDate != nil {
					continue
				}
				guard, err := client.GetResourcePolicy(ctx, &secretsmanager.GetResourcePolicyInput{SecretId: entry.ARN})
				if err != nil {
					return nil, fmt.Errorf("policy of secret %s: %w", aws.ToString(entry.Name), err)
				}
				all = append(all, secret{entry, tagMap(entry.Tags, func(t types.Tag) (key, value *string) { return t.Key, t.Value }), aws.ToString(guard.ResourcePolicy)})
			}
		}
		return all, nil
	})
}
