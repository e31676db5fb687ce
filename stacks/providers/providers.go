// Package providers makes the provider instances of a stack: one a region, each
// bound to the stack's own account, so that a stack can never touch another's.
// Settings under aws: in the stack's configuration (profile, endpoints,
// credentials …) apply to every region alike, as Pulumi's users expect.
package providers

import (
	"fmt"

	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
)

// AWS makes the provider for one region of the scope's account. deployRoleArn may be empty.
func AWS(ctx *pulumi.Context, name, region string, s scope.Scope, deployRoleArn string) (*aws.Provider, error) {
	settings := config.New(ctx, "aws")
	args := &aws.ProviderArgs{
		Region:            pulumi.String(region),
		AllowedAccountIds: pulumi.StringArray{pulumi.String(s.Account)},
		DefaultTags:       aws.ProviderDefaultTagsArgs{Tags: pulumi.ToStringMap(s.TagValues(scope.None))},
	}
	if deployRoleArn != "" {
		args.AssumeRole = aws.ProviderAssumeRoleArgs{
			RoleArn: pulumi.String(deployRoleArn), SessionName: pulumi.String("berth-" + s.Stack),
		}
	}
	optionalString := func(key string) pulumi.StringPtrInput {
		if value := settings.Get(key); value != "" {
			if ctx.IsConfigSecret("aws:" + key) {
				return pulumi.ToSecret(pulumi.StringPtr(value)).(pulumi.StringPtrOutput)
			}
			return pulumi.StringPtr(value)
		}
		return nil
	}
	optionalBool := func(key string) pulumi.BoolPtrInput {
		if value, err := settings.TryBool(key); err == nil {
			return pulumi.BoolPtr(value)
		}
		return nil
	}
	args.Profile = optionalString("profile")
	args.AccessKey = optionalString("accessKey")
	args.SecretKey = optionalString("secretKey")
	args.Token = optionalString("token")
	args.S3UsePathStyle = optionalBool("s3UsePathStyle")
	args.SkipCredentialsValidation = optionalBool("skipCredentialsValidation")
	args.SkipMetadataApiCheck = optionalBool("skipMetadataApiCheck")
	if retries, err := settings.TryInt("maxRetries"); err == nil {
		args.MaxRetries = pulumi.IntPtr(retries)
	}
	provider, err := aws.NewProvider(ctx, name, args)
	if err != nil {
		return nil, fmt.Errorf("provider for %s: %w", region, err)
	}
	return provider, nil
}
