// Package statebackend keeps what the whole company's infrastructure hangs on:
// Pulumi's own state with the key of its secrets, the signed releases that
// clients' machines install, and the vaults that receive copies of clients'
// backups. Each is versioned or locked, and has a copy in the second region.
//
// It knows clients by account number, and nothing of what a stack or a release
// consists of. The file edge/origin-pull-ca.pem in the release bucket is
// Cloudflare's public certificate authority, put there by the pipeline.
package statebackend

import (
	"errors"
	"fmt"

	"github.com/berth-iac/berth/components/bucket"
	"github.com/berth-iac/berth/components/key"
	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Args describe the stores. Providers: aws.
type Args struct {
	Scope scope.Scope
	// Second is the provider of SecondRegion.
	Second       pulumi.ProviderResource
	SecondRegion string
	Clients      []spec.ClientAccount
	// StateUsers are the ARNs of the roles that may read and write Pulumi's state; StateReaders may read it.
	StateUsers, StateReaders []string
	// ReleaseWriter is the ARN of the one role that writes and signs releases (OP-1).
	ReleaseWriter string
	// BackupRetentionDays is the least that a copy in the vaults is kept.
	BackupRetentionDays int
	// LogsTo and SecondLogsTo are the buckets for access logs; TopicArn and SecondTopicArn hear of failed copies.
	LogsTo, SecondLogsTo, TopicArn, SecondTopicArn pulumi.StringInput
}

// StateBackend is what stacks, releases and copies are kept in.
type StateBackend struct {
	pulumi.ResourceState

	StateBucketName, StateBucketArn pulumi.StringOutput
	StateKeyArn                     pulumi.StringOutput
	StateKeyAlias                   string

	ReleaseBucketName, ReleaseBucketArn pulumi.StringOutput
	ReleaseKeyArn                       pulumi.StringOutput
	SigningKeyArn                       pulumi.StringOutput

	VaultArn, SecondVaultArn pulumi.StringOutput
}

// StateBucket and StateKeyAlias are the names that `pulumi login` and the secrets provider are told. They are the same
// before and after the stack exists: it is brought up with its state on a disk first, which then moves here.
func StateBucket(s scope.Scope) string { return s.Bucket(s.Region, "pulumi-state") }

// StateKeyAlias is "alias/berth-<organisation>-pulumi-state".
func StateKeyAlias(s scope.Scope) string {
	return naming.KeyAlias.Join("berth", s.Client, "pulumi-state")
}

// ReleaseBucket is the name that clients' files give as service.release.bucket.
func ReleaseBucket(s scope.Scope) string { return s.Bucket(s.Region, "releases") }

func (a Args) check() error {
	var errs []error
	need := func(missing bool, format string, values ...any) {
		if missing {
			errs = append(errs, fmt.Errorf(format, values...))
		}
	}
	need(a.Second == nil || a.SecondRegion == "" || a.SecondRegion == a.Scope.Region, "copies need a second region and its provider")
	need(len(a.Clients) == 0, "no clients: nobody could read releases or send copies of backups")
	need(len(a.StateUsers) == 0, "nobody may use Pulumi's state: pass the roles that deploy")
	need(a.ReleaseWriter == "", "nobody may write releases: pass the pipeline's role")
	need(a.BackupRetentionDays < 90, "copies of backups are kept %d days: 90 are promised (BK-5)", a.BackupRetentionDays)
	need(a.LogsTo == nil || a.SecondLogsTo == nil, "accesses are not logged: pass the buckets for access logs")
	need(a.TopicArn == nil || a.SecondTopicArn == nil, "nobody hears of failed copies: pass both topics")
	return errors.Join(errs...)
}

// New makes the stores.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*StateBackend, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("state backend %q: %w", name, err)
	}
	st := &StateBackend{StateKeyAlias: StateKeyAlias(args.Scope)}
	if err := ctx.RegisterComponentResourceV2("berth:statebackend:StateBackend", name,
		pulumi.Map{"clients": pulumi.Int(len(args.Clients))}, st, opts...); err != nil {
		return nil, err
	}
	b := &builder{ctx: ctx, name: name, args: args, made: st, parent: pulumi.Parent(st), second: pulumi.Provider(args.Second)}
	for _, step := range []func() error{b.state, b.releases, b.vaults} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("state backend %q: %w", name, err)
		}
	}
	return st, ctx.RegisterResourceOutputs(st, pulumi.Map{
		"stateBucket": st.StateBucketName, "releaseBucket": st.ReleaseBucketName, "vaultArn": st.VaultArn, "secondVaultArn": st.SecondVaultArn,
	})
}

// builder carries what every step of New needs.
type builder struct {
	ctx            *pulumi.Context
	name           string
	args           Args
	made           *StateBackend
	parent, second pulumi.ResourceOption
}

// pair makes a bucket and its copy in the second region, which nobody writes but the replication.
func (b *builder) pair(what string, first bucket.Args, firstKey, secondKey key.Key) (*bucket.Bucket, error) {
	made, err := bucket.New(b.ctx, b.name+"-"+what, first, b.parent)
	if err != nil {
		return nil, err
	}
	copyArgs := first
	copyArgs.Region, copyArgs.KeyArn, copyArgs.LogsTo, copyArgs.Statements = b.args.SecondRegion, secondKey.Arn, b.args.SecondLogsTo, nil
	copied, err := bucket.New(b.ctx, b.name+"-"+what+"-copy", copyArgs, b.parent, pulumi.Providers(b.args.Second))
	if err != nil {
		return nil, err
	}
	return made, b.replicate(what, made, copied, firstKey, secondKey)
}
