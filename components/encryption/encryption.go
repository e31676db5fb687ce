// Package encryption makes the KMS keys of a stack: one for each kind of data,
// so that whoever may read one kind cannot read the others. Every key rotates
// each year and can be taken back for 30 days after its deletion is asked for.
//
// A key's policy leaves its administration to the account's IAM, lets the
// account's principals use it only through the services that it is for, and
// lets service principals use it only for this account's own resources. Who
// may use it through a service is said in that principal's role, elsewhere.
package encryption

import (
	"errors"
	"fmt"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/kms"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Args describe the keys of a stack.
type Args struct {
	Scope scope.Scope
	// Second is the provider of the second region. Nil: no keys there.
	Second pulumi.ProviderResource
	// SecondRegion is the second region's name; set exactly when Second is.
	SecondRegion string
}

// Keys are the keys of a stack.
type Keys struct {
	pulumi.ResourceState

	Database Key // relational and document databases, cache
	Storage  Key // buckets with clients' files
	Secrets  Key // Secrets Manager, secure parameters
	Logs     Key // CloudWatch log groups
	Volumes  Key // machines' disks
	Alerts   Key // topics that carry alarms
	Backup   Key // backup vault and bucket

	// The second region's keys; nil without one.
	SecondBackup, SecondDatabase, SecondAlerts *Key

	// AutoScalingRoleArn is the service-linked role that may use Volumes; the
	// machines' auto-scaling group has to run under it.
	AutoScalingRoleArn pulumi.StringOutput
}

// Key is one KMS key.
type Key struct {
	Arn pulumi.StringOutput
	ID  pulumi.StringOutput // the key's UUID
}

// deletionDays is how long a deleted key can be taken back: the most that KMS offers.
const deletionDays = 30

// New makes the keys.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*Keys, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("encryption %q: %w", name, err)
	}
	keys := &Keys{}
	inputs := pulumi.Map{"region": pulumi.String(args.Scope.Region), "secondRegion": pulumi.String(args.SecondRegion)}
	if err := ctx.RegisterComponentResourceV2("berth:encryption:Keys", name, inputs, keys, opts...); err != nil {
		return nil, err
	}
	// A role of the stack's own, because a key's policy can only name a role that exists, and the
	// account's default one does not exist before the account's first auto-scaling group.
	suffix := args.Scope.Name(naming.ServiceRoleSuffix)
	role, err := iam.NewServiceLinkedRole(ctx, name+"-autoscaling-role", &iam.ServiceLinkedRoleArgs{
		AwsServiceName: pulumi.String("autoscaling.amazonaws.com"),
		CustomSuffix:   pulumi.String(suffix),
		Description:    pulumi.String("Lets the auto-scaling group start machines with encrypted disks"),
		Tags:           args.Scope.Tags(scope.None, suffix),
	}, pulumi.Parent(keys))
	if err != nil {
		return nil, err
	}
	keys.AutoScalingRoleArn = role.Arn

	for _, k := range args.plan(role.Arn) {
		made, err := args.key(ctx, name, k, keys)
		if err != nil {
			return nil, err
		}
		k.into(keys, made)
	}
	outputs := pulumi.Map{}
	for what, key := range keys.all() {
		outputs[what+"KeyArn"] = key.Arn
	}
	return keys, ctx.RegisterResourceOutputs(keys, outputs)
}

func (a Args) check() error {
	var errs []error
	if a.Scope.Account == "" || a.Scope.Region == "" {
		errs = append(errs, errors.New("the scope has no account or no region: give both, key policies name them"))
	}
	if (a.Second == nil) != (a.SecondRegion == "") {
		errs = append(errs, errors.New("only one of Second and SecondRegion is given: set both or neither"))
	}
	if a.SecondRegion != "" && a.SecondRegion == a.Scope.Region {
		errs = append(errs, fmt.Errorf("the second region is %s, as is the first: choose another", a.SecondRegion))
	}
	return errors.Join(errs...)
}

// key makes one key and its alias.
func (a Args) key(ctx *pulumi.Context, name string, k plannedKey, parent pulumi.Resource) (Key, error) {
	opts := []pulumi.ResourceOption{pulumi.Parent(parent)}
	if k.second {
		opts = append(opts, pulumi.Provider(a.Second))
	}
	alias := a.Scope.Name(naming.KeyAlias, k.what)
	keyOpts := opts
	if !k.transient {
		keyOpts = a.Scope.Stateful(opts...)
	}
	key, err := kms.NewKey(ctx, name+"-"+k.what, &kms.KeyArgs{
		Description:          pulumi.String(k.description),
		EnableKeyRotation:    pulumi.Bool(true),
		DeletionWindowInDays: pulumi.Int(deletionDays),
		Policy:               policy.Document(k.statements...),
		Tags:                 a.Scope.Tags(scope.Secret, alias),
	}, keyOpts...)
	if err != nil {
		return Key{}, err
	}
	if _, err := kms.NewAlias(ctx, name+"-"+k.what+"-alias", &kms.AliasArgs{
		Name: pulumi.String(alias), TargetKeyId: key.KeyId,
	}, opts...); err != nil {
		return Key{}, err
	}
	return Key{Arn: key.Arn, ID: key.KeyId}, nil
}

// all are the keys by name.
func (k *Keys) all() map[string]Key {
	keys := map[string]Key{
		"database": k.Database, "storage": k.Storage, "secrets": k.Secrets, "logs": k.Logs,
		"volumes": k.Volumes, "alerts": k.Alerts, "backup": k.Backup,
	}
	for what, key := range map[string]*Key{
		"secondBackup": k.SecondBackup, "secondDatabase": k.SecondDatabase, "secondAlerts": k.SecondAlerts,
	} {
		if key != nil {
			keys[what] = *key
		}
	}
	return keys
}
