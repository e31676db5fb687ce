package live

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// keyState is whether a key can be used, by its id, ARN or alias: Enabled, or what keeps it from being so.
func (a *account) keyState(ctx context.Context, region, id string) (string, error) {
	return once(a, []string{"kms", "key", region, id}, func() (string, error) {
		out, err := kms.NewFromConfig(a.config(region)).DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(id)})
		var gone *kmstypes.NotFoundException
		if errors.As(err, &gone) {
			return "gone", nil
		}
		if err != nil {
			return "", err
		}
		return string(out.KeyMetadata.KeyState), nil
	})
}
