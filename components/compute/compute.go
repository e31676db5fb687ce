// Package compute runs the tenant service: machines in the private subnets,
// replaced and never repaired. A release, a change of configuration or 30 days
// of age make new machines; a machine that fails gives way to a fresh one.
// Nobody signs in to them.
//
// It has two steps. NewIdentity makes what others must name before machines
// exist: their security group and their role. New makes the machines and says
// what the role may do. The package knows what a machine needs to run TaskFlow
// and nothing of what TaskFlow does.
package compute

import (
	"errors"
	"fmt"

	"github.com/berth-iac/berth/components/configuration"
	"github.com/berth-iac/berth/components/encryption"
	"github.com/berth-iac/berth/components/loadbalancer"
	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/network"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Args describe the machines.
type Args struct {
	Scope         scope.Scope
	Identity      *Identity
	Network       *network.Network
	LoadBalancer  *loadbalancer.LoadBalancer
	Keys          *encryption.Keys
	Configuration *configuration.Configuration
	Service       spec.Service
	Tier          spec.Tier

	// ConnectArns are the users as which the service signs in to database and cache, by IAM:
	// rds-db:connect and elasticache:Connect.
	DatabaseConnectArn pulumi.StringInput   // nil: the service signs in with a secret
	CacheConnectArns   []pulumi.StringInput // of the replication group and of the user; none: no cache
	// SecretArns are secrets besides the service's own, such as the database's master secret.
	SecretArns []pulumi.StringInput
	// BackupBucketArn takes logical backups under taskflow/, encrypted with Keys.Backup. Nil: none.
	BackupBucketArn pulumi.StringInput
	// FilesBucketArn holds attachments under attachments/, encrypted with Keys.Storage. Nil: none.
	FilesBucketArn pulumi.StringInput
}

// Compute is the machines.
type Compute struct {
	pulumi.ResourceState

	SecurityGroupID pulumi.StringOutput
	RoleArn         pulumi.StringOutput
	RoleName        pulumi.StringOutput
	GroupName       pulumi.StringOutput // of the auto-scaling group
	GroupArn        pulumi.StringOutput
	ServiceLogGroup pulumi.StringOutput // the service's structured logs
}

// builder carries what the parts share while they are made.
type builder struct {
	Args
	ctx       *pulumi.Context
	name      string
	child     pulumi.ResourceOption
	groupName string
	logGroups map[string]string // physical names by what they take
}

// What each log group takes.
const (
	serviceLogs = "service"
	systemLogs  = "system"
	bootLogs    = "boot"
)

// New makes the machines.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*Compute, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("compute %q: %w", name, err)
	}
	c := &Compute{
		SecurityGroupID: args.Identity.SecurityGroupID, RoleArn: args.Identity.RoleArn, RoleName: args.Identity.RoleName,
	}
	inputs := pulumi.Map{
		"release": pulumi.String(args.Service.Release.Version), "minMachines": pulumi.Int(args.Service.MinMachines),
		"maxMachines": pulumi.Int(args.Service.MaxMachines),
	}
	if err := ctx.RegisterComponentResourceV2("berth:compute:Compute", name, inputs, c, opts...); err != nil {
		return nil, err
	}
	b := &builder{
		Args: args, ctx: ctx, name: name, child: pulumi.Parent(c),
		groupName: args.Scope.Name(naming.AutoScalingGroup, "service"),
		logGroups: map[string]string{},
	}
	var ready []pulumi.Resource // what must be there before the first machine starts
	for _, what := range []string{serviceLogs, systemLogs, bootLogs} {
		group, err := b.logGroup(what)
		if err != nil {
			return nil, err
		}
		if what == serviceLogs {
			c.ServiceLogGroup = group.Name
		}
		ready = append(ready, group)
	}
	permissions, err := b.permissions()
	if err != nil {
		return nil, err
	}
	template, err := b.launchTemplate()
	if err != nil {
		return nil, err
	}
	group, err := b.scalingGroup(template, append(ready, permissions...))
	if err != nil {
		return nil, err
	}
	c.GroupName, c.GroupArn = group.Name, group.Arn
	return c, ctx.RegisterResourceOutputs(c, pulumi.Map{"groupName": c.GroupName, "serviceLogGroup": c.ServiceLogGroup})
}

func (a Args) check() error {
	var errs []error
	for _, part := range []struct {
		what  string
		given bool
	}{
		{"identity", a.Identity != nil}, {"network", a.Network != nil}, {"load balancer", a.LoadBalancer != nil},
		{"keys", a.Keys != nil}, {"configuration", a.Configuration != nil},
	} {
		if !part.given {
			errs = append(errs, fmt.Errorf("no %s: pass the client's", part.what))
		}
	}
	if a.Service.MinMachines < 2 || a.Service.MaxMachines < a.Service.MinMachines {
		errs = append(errs, fmt.Errorf("%d to %d machines: use 2 or more, and a most that is not below the least",
			a.Service.MinMachines, a.Service.MaxMachines))
	}
	if a.Service.LogDays <= 0 {
		errs = append(errs, fmt.Errorf("logs are kept for %d days: keep them at least one day", a.Service.LogDays))
	}
	if a.Service.ImageID == "" || a.Service.InstanceType == "" {
		errs = append(errs, errors.New("no image or no instance type: give both"))
	}
	r := a.Service.Release
	if r.Version == "" || r.SHA256 == "" || r.Bucket == "" {
		errs = append(errs, errors.New("the release is incomplete: give its version, checksum and bucket"))
	}
	if a.Tier != spec.Standard && a.Tier != spec.Dedicated {
		errs = append(errs, fmt.Errorf("tier is %q: use %q or %q", a.Tier, spec.Standard, spec.Dedicated))
	}
	return errors.Join(errs...)
}

// logGroup is made before any machine, so that no log is ever kept without key or for ever.
func (b *builder) logGroup(what string) (*cloudwatch.LogGroup, error) {
	physical := b.Scope.Path(naming.LogGroup, what)
	b.logGroups[what] = physical
	return cloudwatch.NewLogGroup(b.ctx, b.name+"-"+what+"-log-group", &cloudwatch.LogGroupArgs{
		Name:            pulumi.String(physical),
		RetentionInDays: pulumi.Int(b.Service.LogDays),
		KmsKeyId:        b.Keys.Logs.Arn,
		Tags:            b.Scope.Tags(scope.Telemetry, physical),
	}, b.Scope.Stateful(b.child)...)
}
