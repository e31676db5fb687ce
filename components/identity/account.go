package identity

import (
	"fmt"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/accessanalyzer"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ebs"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// MinimumPasswordLength is two more than promised (AC-7).
const MinimumPasswordLength = 14

// account sets what holds for everything and everybody in the account.
func (b *builder) account() error {
	s := b.args.Scope
	yes := pulumi.Bool(true)
	if _, err := iam.NewAccountPasswordPolicy(b.ctx, b.name+"-passwords", &iam.AccountPasswordPolicyArgs{
		MinimumPasswordLength: pulumi.Int(MinimumPasswordLength), MaxPasswordAge: pulumi.Int(30), PasswordReusePrevention: pulumi.Int(24),
		RequireUppercaseCharacters: yes, RequireLowercaseCharacters: yes, RequireNumbers: yes, RequireSymbols: yes,
		AllowUsersToChangePassword: yes,
		// An expired password can still be changed: with a hard expiry everybody would be locked out after a holiday.
		HardExpiry: pulumi.Bool(false),
	}, b.parent); err != nil {
		return fmt.Errorf("password policy: %w", err)
	}
	if _, err := iam.NewAccountAlias(b.ctx, b.name+"-alias", &iam.AccountAliasArgs{
		AccountAlias: pulumi.String(naming.AccountAlias.Join("berth", s.Client, s.Account[max(0, len(s.Account)-4):])),
	}, b.parent); err != nil {
		return fmt.Errorf("account alias: %w", err)
	}
	if _, err := s3.NewAccountPublicAccessBlock(b.ctx, b.name+"-public-access-block", &s3.AccountPublicAccessBlockArgs{
		AccountId: pulumi.String(s.Account), BlockPublicAcls: yes, BlockPublicPolicy: yes, IgnorePublicAcls: yes, RestrictPublicBuckets: yes,
	}, b.parent); err != nil {
		return fmt.Errorf("public access block: %w", err)
	}
	if err := b.region(""); err != nil {
		return err
	}
	if b.args.Second == nil {
		return nil
	}
	return b.region("-second", pulumi.Provider(b.args.Second))
}

// region sets safe defaults for machines, disks and images, and looks for what is open to strangers.
func (b *builder) region(suffix string, opts ...pulumi.ResourceOption) error {
	opts = append(opts, b.parent)
	s := b.args.Scope
	if _, err := ebs.NewEncryptionByDefault(b.ctx, b.name+"-disks"+suffix, &ebs.EncryptionByDefaultArgs{Enabled: pulumi.Bool(true)}, opts...); err != nil {
		return fmt.Errorf("disk encryption: %w", err)
	}
	if _, err := ebs.NewSnapshotBlockPublicAccess(b.ctx, b.name+"-snapshots"+suffix, &ebs.SnapshotBlockPublicAccessArgs{
		State: pulumi.String("block-all-sharing")}, opts...); err != nil {
		return fmt.Errorf("snapshots: %w", err)
	}
	if _, err := ec2.NewImageBlockPublicAccess(b.ctx, b.name+"-images"+suffix, &ec2.ImageBlockPublicAccessArgs{
		State: pulumi.String("block-new-sharing")}, opts...); err != nil {
		return fmt.Errorf("images: %w", err)
	}
	if _, err := ec2.NewInstanceMetadataDefaults(b.ctx, b.name+"-metadata"+suffix, &ec2.InstanceMetadataDefaultsArgs{
		HttpTokens: pulumi.String("required"), HttpPutResponseHopLimit: pulumi.Int(1), InstanceMetadataTags: pulumi.String("disabled"),
	}, opts...); err != nil {
		return fmt.Errorf("instance metadata: %w", err)
	}
	analyzer := s.Name(naming.Analyzer, "external-access")
	if _, err := accessanalyzer.NewAnalyzer(b.ctx, b.name+"-analyzer"+suffix, &accessanalyzer.AnalyzerArgs{
		AnalyzerName: pulumi.String(analyzer), Type: pulumi.String("ACCOUNT"), Tags: s.Tags(scope.Audit, analyzer),
	}, opts...); err != nil {
		return fmt.Errorf("access analyzer: %w", err)
	}
	return nil
}
