// Package key makes one KMS key with its alias, for components that guard
// something of their own kind: the audit trail, Pulumi's state, releases. The
// set of keys that a client's data needs is made by package encryption.
//
// A key's policy leaves its care to the account's IAM and its use to whom the
// caller names. The package does not know what is encrypted.
package key

import (
	"errors"
	"fmt"

	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/kms"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Args describe a key.
type Args struct {
	Scope scope.Scope
	// Alias is the physical name, made by naming.KeyAlias.
	Alias       string
	Description string
	// Region is where the provider makes the key.
	Region string
	// Services are those through which the account's principals may use the key, as far as their own policies
	// allow it: "s3", "backup". None: only Statements say who uses it.
	Services []string
	// Statements say who else uses the key.
	Statements []policy.Statement
	// MultiRegion keys can have replicas, which decrypt each other's text.
	MultiRegion bool
	// Signing makes a key pair (NIST P-256) for signatures instead of a key for encryption.
	Signing bool
	// Transient keys encrypt only what passes through; losing one loses no data.
	Transient bool
}

// Key is a key.
type Key struct {
	Arn pulumi.StringOutput
	ID  pulumi.StringOutput
}

// deletionDays is how long a deleted key can be taken back: the most that KMS offers.
const deletionDays = 30

func (a Args) check() error {
	var errs []error
	if a.Scope.Account == "" || a.Region == "" {
		errs = append(errs, errors.New("the account or the region is missing: the key's policy names them"))
	}
	if a.Alias == "" || a.Description == "" {
		errs = append(errs, errors.New("a key needs an alias and a description"))
	}
	if len(a.Services) == 0 && len(a.Statements) == 0 {
		errs = append(errs, errors.New("nobody may use the key: name services or add statements"))
	}
	return errors.Join(errs...)
}

// New makes the key. It is no component: the key is a child of whatever opts say.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (Key, error) {
	if err := args.check(); err != nil {
		return Key{}, fmt.Errorf("key %q: %w", name, err)
	}
	settings := &kms.KeyArgs{
		Description: pulumi.String(args.Description), DeletionWindowInDays: pulumi.Int(deletionDays),
		Policy: policy.Document(args.statements()...), Tags: args.Scope.Tags(scope.Secret, args.Alias),
		EnableKeyRotation: pulumi.Bool(true), MultiRegion: pulumi.Bool(args.MultiRegion),
	}
	if args.Signing { // KMS rotates no key pairs
		settings.EnableKeyRotation = pulumi.Bool(false)
		settings.KeyUsage, settings.CustomerMasterKeySpec = pulumi.String("SIGN_VERIFY"), pulumi.String("ECC_NIST_P256")
	}
	made, err := kms.NewKey(ctx, name, settings, args.options(opts)...)
	if err != nil {
		return Key{}, fmt.Errorf("key %q: %w", name, err)
	}
	return alias(ctx, name, args.Alias, Key{made.Arn, made.KeyId}, opts...)
}

// Replica makes primary's replica in another region, under the same alias.
func Replica(ctx *pulumi.Context, name string, primary Key, args Args, opts ...pulumi.ResourceOption) (Key, error) {
	if err := args.check(); err != nil {
		return Key{}, fmt.Errorf("replica of a key %q: %w", name, err)
	}
	made, err := kms.NewReplicaKey(ctx, name, &kms.ReplicaKeyArgs{
		PrimaryKeyArn: primary.Arn, Description: pulumi.String(args.Description), DeletionWindowInDays: pulumi.Int(deletionDays),
		Policy: policy.Document(args.statements()...), Tags: args.Scope.Tags(scope.Secret, args.Alias),
	}, args.options(opts)...)
	if err != nil {
		return Key{}, fmt.Errorf("replica of a key %q: %w", name, err)
	}
	return alias(ctx, name, args.Alias, Key{made.Arn, made.KeyId}, opts...)
}

func (a Args) options(opts []pulumi.ResourceOption) []pulumi.ResourceOption {
	if a.Transient {
		return opts
	}
	return append(opts[:len(opts):len(opts)], pulumi.Protect(a.Scope.Protect))
}

func alias(ctx *pulumi.Context, name, physical string, k Key, opts ...pulumi.ResourceOption) (Key, error) {
	_, err := kms.NewAlias(ctx, name+"-alias", &kms.AliasArgs{Name: pulumi.String(physical), TargetKeyId: k.ID}, opts...)
	if err != nil {
		return Key{}, fmt.Errorf("alias %s: %w", physical, err)
	}
	return k, nil
}

// This is the resource of a statement in a key's own policy: the key itself.
func This() []pulumi.StringInput { return policy.Strings("*") }

// Root is the account as a principal: whoever in it has been given the right.
func Root(account string) policy.Principals {
	return policy.AWS(pulumi.String("arn:aws:iam::" + account + ":root"))
}

func (a Args) statements() []policy.Statement {
	care := []string{
		"kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:DescribeKey", "kms:DisableKey",
		"kms:DisableKeyRotation", "kms:EnableKey", "kms:EnableKeyRotation", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus",
		"kms:ListGrants", "kms:ListKeyPolicies", "kms:ListKeyRotations", "kms:ListResourceTags", "kms:PutKeyPolicy",
		"kms:RevokeGrant", "kms:RotateKeyOnDemand", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource",
		"kms:UpdateAlias", "kms:UpdateKeyDescription",
	}
	if a.MultiRegion {
		care = append(care, "kms:ReplicateKey", "kms:UpdatePrimaryRegion")
	}
	list := []policy.Statement{{Sid: "AdministrationThroughIAM", Principals: Root(a.Scope.Account), Actions: care, Resources: This()}}
	if len(a.Services) > 0 {
		hosts := make([]string, len(a.Services))
		for i, service := range a.Services {
			hosts[i] = service + "." + a.Region + ".amazonaws.com"
		}
		via := []policy.Condition{
			policy.Is("StringEquals", "kms:CallerAccount", a.Scope.Account), policy.Is("StringEquals", "kms:ViaService", hosts...)}
		list = append(list,
			policy.Statement{Sid: "UseThroughServices", Principals: Root(a.Scope.Account), Resources: This(), Conditions: via,
				Actions: []string{"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo"}},
			policy.Statement{Sid: "GrantsToServices", Principals: Root(a.Scope.Account), Resources: This(),
				Actions: []string{"kms:CreateGrant"}, Conditions: append(via[:2:2], policy.Is("Bool", "kms:GrantIsForAWSResource", "true"))})
	}
	return append(list, a.Statements...)
}
