// Package configuration keeps what a client's service is told at boot: plain
// values as SSM parameters, one for each key, and everything secret in one
// secret of Secrets Manager. Machines read both with their own role; nothing of
// it stands in their user data.
//
// It does not know what the values mean.
package configuration

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/secretsmanager"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssm"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Args describe a service's configuration.
type Args struct {
	Scope scope.Scope
	// SecretsKeyArn encrypts the secret.
	SecretsKeyArn pulumi.StringInput
	// Values by key: lower-case words joined by hyphens, such as "database-host". Not for secrets.
	Values map[string]pulumi.StringInput
}

// Configuration is where a service finds what it is told.
type Configuration struct {
	pulumi.ResourceState

	// ParameterPath is the path under which each key is a parameter, such as /berth/acme/production.
	ParameterPath string
	// Keys are the keys under ParameterPath, sorted.
	Keys []string
	// ParameterArns are in the order of Keys.
	ParameterArns pulumi.StringArrayOutput
	// Digest changes whenever a value does. It tells nothing of the values.
	Digest pulumi.StringOutput
	// SecretName is the secret's name; SecretArn comes out when it has its first value.
	SecretName string
	SecretArn  pulumi.StringOutput
}

var keyPattern = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// New makes the parameters and the secret.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*Configuration, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("configuration %q: %w", name, err)
	}
	c := &Configuration{
		ParameterPath: args.Scope.Path(naming.Parameter),
		Keys:          slices.Sorted(maps.Keys(args.Values)),
		SecretName:    args.Scope.Path(naming.Secret, "service"),
	}
	inputs := pulumi.Map{"parameterPath": pulumi.String(c.ParameterPath), "secretName": pulumi.String(c.SecretName)}
	if err := ctx.RegisterComponentResourceV2("berth:configuration:Configuration", name, inputs, c, opts...); err != nil {
		return nil, err
	}
	child := pulumi.Parent(c)
	var arns pulumi.StringArray
	var values []any
	for _, key := range c.Keys {
		parameter, err := ssm.NewParameter(ctx, name+"-"+key, &ssm.ParameterArgs{
			Name: pulumi.String(c.ParameterPath + "/" + key),
			Type: pulumi.String("String"),
			// None is a secret, and as such it could not be read in a diff.
			InsecureValue: args.Values[key].ToStringOutput(),
			Tags:          args.Scope.Tags(scope.Internal, c.ParameterPath+"/"+key),
		}, child)
		if err != nil {
			return nil, err
		}
		arns = append(arns, parameter.Arn)
		values = append(values, args.Values[key])
	}
	c.ParameterArns = arns.ToStringArrayOutput()
	c.Digest = digest(c.Keys, values)
	arn, err := args.secret(ctx, name, c.SecretName, child)
	if err != nil {
		return nil, err
	}
	c.SecretArn = arn
	return c, ctx.RegisterResourceOutputs(c, pulumi.Map{
		"parameterPath": pulumi.String(c.ParameterPath), "secretArn": c.SecretArn, "digest": c.Digest,
	})
}

func (a Args) check() error {
	var errs []error
	if a.SecretsKeyArn == nil {
		errs = append(errs, errors.New("no key for the secret: pass the ARN of the secrets key"))
	}
	if len(a.Values) == 0 {
		errs = append(errs, errors.New("no values are given: the service would start with nothing"))
	}
	for _, key := range slices.Sorted(maps.Keys(a.Values)) {
		if !keyPattern.MatchString(key) {
			errs = append(errs, fmt.Errorf("key %q: use lower-case words joined by hyphens, such as database-host", key))
		}
		if a.Values[key] == nil {
			errs = append(errs, fmt.Errorf("key %q has no value: give it one or leave it out", key))
		}
	}
	return errors.Join(errs...)
}

// digest is a checksum over keys and values.
func digest(keys []string, values []any) pulumi.StringOutput {
	return pulumi.All(values...).ApplyT(func(values []any) (string, error) {
		text, err := json.Marshal([]any{keys, values})
		if err != nil {
			return "", fmt.Errorf("digest of the configuration: %w", err)
		}
		sum := sha256.Sum256(text)
		return hex.EncodeToString(sum[:])[:16], nil
	}).(pulumi.StringOutput)
}

// Days for which a deleted secret can be taken back: the most and the least that AWS offers.
const (
	recoveryDays          = 30
	recoveryDaysUnguarded = 7
)

// keyLength makes each key worth 380 bits.
const keyLength = 64

// secret is the service's one secret. Pulumi makes its first value and never looks at it again:
// whoever rotates it does so in Secrets Manager.
func (a Args) secret(ctx *pulumi.Context, name, physical string, child pulumi.ResourceOrInvokeOption) (pulumi.StringOutput, error) {
	days := recoveryDays
	if !a.Scope.Protect {
		days = recoveryDaysUnguarded
	}
	secret, err := secretsmanager.NewSecret(ctx, name+"-secret", &secretsmanager.SecretArgs{
		Name:                 pulumi.String(physical),
		Description:          pulumi.String("Keys of the service's sessions, of what it encrypts itself, and of its backups"),
		KmsKeyId:             a.SecretsKeyArn.ToStringOutput(),
		RecoveryWindowInDays: pulumi.Int(days),
		Tags:                 a.Scope.Tags(scope.Secret, physical),
	}, a.Scope.Stateful(child)...)
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	if _, err := secretsmanager.NewSecretPolicy(ctx, name+"-secret-policy", &secretsmanager.SecretPolicyArgs{
		SecretArn:         secret.Arn,
		BlockPublicPolicy: pulumi.Bool(true),
		Policy:            policy.Document(policy.OwnAccountOnly(a.Scope.Account)...),
	}, child); err != nil {
		return pulumi.StringOutput{}, err
	}
	first := pulumi.JSONMarshal(pulumi.Map{
		"session-key":     random(ctx, child),
		"application-key": random(ctx, child),
		"backup-key":      random(ctx, child),
	})
	version, err := secretsmanager.NewSecretVersion(ctx, name+"-secret-version", &secretsmanager.SecretVersionArgs{
		SecretId:     secret.ID(),
		SecretString: pulumi.ToSecret(first).(pulumi.StringOutput),
	}, child, pulumi.IgnoreChanges([]string{"secretString"}))
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	return pulumi.All(secret.Arn, version.URN()).ApplyT(func(v []any) string { return v[0].(string) }).(pulumi.StringOutput), nil
}

// random is a password that AWS makes, secret from the moment it is known.
func random(ctx *pulumi.Context, child pulumi.InvokeOption) pulumi.StringOutput {
	made := secretsmanager.GetRandomPasswordOutput(ctx, secretsmanager.GetRandomPasswordOutputArgs{
		PasswordLength: pulumi.Int(keyLength), ExcludePunctuation: pulumi.Bool(true),
	}, child)
	return pulumi.ToSecret(made.RandomPassword()).(pulumi.StringOutput)
}
