// Package light is what a client on AWS, light tier, has: one Lightsail server
// with an address that outlives it and daily snapshots, open to Cloudflare and
// the office alone, and one Lightsail database that the internet cannot reach.
//
// Its limits are Lightsail's: one zone unless the database's size has a standby,
// snapshots and a restorable window of 7 days in one region, and no alarms of
// its own through Pulumi: the server watches itself. It knows nothing of what
// runs on the server.
package light

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/berth-iac/berth/components/naming"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/components/site/firstboot"
	"github.com/berth-iac/berth/machine"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lightsail"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// blueprint is the distribution that the bundle is made for.
const blueprint = "debian_12"

// lightsailName is what Lightsail takes as a name; it is unique in an account and a region.
var lightsailName = naming.Rule{Max: 63, Allowed: "-"}

// snapshotTime is when the server's daily snapshot begins, UTC; the database's follows within its own window.
const (
	snapshotTime = "01:00"
	backupWindow = "00:00-00:30"
)

// Args describe a client's server and database. Providers: aws.
type Args struct {
	Scope    scope.Scope
	Server   spec.LightServer
	Database spec.LightDatabase
	// DatabaseName is the client's database, and who its service signs in as.
	DatabaseName string
	// Password of the database: a secret.
	Password pulumi.StringInput
	// Maintenance is when the database may be worked on.
	Maintenance spec.Maintenance
	DeployKeys  []string
	// OfficeCIDRs are who may sign in by SSH, WebFrom who may reach 443.
	OfficeCIDRs, WebFrom []netip.Prefix
}

// Light is a client's server and database.
type Light struct {
	pulumi.ResourceState

	// Connection is how bundles reach the server.
	Connection machine.Connection
	Address    pulumi.StringOutput
	InstanceID pulumi.StringOutput
	// DatabaseHost and DatabasePort are reached from the server.
	DatabaseHost pulumi.StringOutput
	DatabasePort pulumi.StringOutput
	DatabaseID   pulumi.StringOutput

	// After is what a bundle waits for: until the ports are set, Lightsail's own list is open.
	After []pulumi.Resource
}

func (a Args) check() error {
	var errs []error
	fail := func(format string, values ...any) { errs = append(errs, fmt.Errorf(format, values...)) }
	if len(a.DeployKeys) == 0 {
		fail("no deploy key is given: nobody could apply the bundle")
	}
	if len(a.OfficeCIDRs) == 0 || len(a.WebFrom) == 0 {
		fail("addresses for SSH and for 443 are needed: an empty list never means everyone")
	}
	for what, ranges := range map[string][]netip.Prefix{"SSH": a.OfficeCIDRs, "443": a.WebFrom} {
		// Lightsail takes a list without IPv4 for no list at all, and lets everybody in; and the server has an IPv4 address alone.
		if len(ranges) > 0 && !slices.ContainsFunc(ranges, func(r netip.Prefix) bool { return r.Addr().Is4() }) {
			fail("all addresses for %s are IPv6: name one of IPv4 at least, since Lightsail takes no list for everyone", what)
		}
	}
	for _, r := range append(append([]netip.Prefix(nil), a.OfficeCIDRs...), a.WebFrom...) {
		if r.Bits() == 0 {
			fail("the range %s is everyone: name the addresses", r)
		}
	}
	if a.DatabaseName == "" || a.Password == nil {
		fail("the database has no name or no password: pass both")
	}
	if a.Database.Version == "" || a.Database.Bundle == "" || a.Server.Bundle == "" {
		fail("a size or a version is empty: pass the spec's")
	}
	return errors.Join(errs...)
}

// New makes the server and the database.
func New(ctx *pulumi.Context, name string, args Args, opts ...pulumi.ResourceOption) (*Light, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("light tier %q: %w", name, err)
	}
	l := &Light{}
	inputs := pulumi.Map{"serverBundle": pulumi.String(args.Server.Bundle), "databaseBundle": pulumi.String(args.Database.Bundle)}
	if err := ctx.RegisterComponentResourceV2("berth:light:Light", name, inputs, l, opts...); err != nil {
		return nil, err
	}
	b := builder{ctx: ctx, name: name, args: args, light: l}
	if err := errors.Join(b.server(), b.database()); err != nil {
		return nil, fmt.Errorf("light tier %q: %w", name, err)
	}
	return l, ctx.RegisterResourceOutputs(l, pulumi.Map{"address": l.Address, "databaseHost": l.DatabaseHost})
}

// builder carries what the steps of New share.
type builder struct {
	ctx   *pulumi.Context
	name  string
	args  Args
	light *Light
}

func (b builder) child() pulumi.ResourceOption { return pulumi.Parent(b.light) }

func (b builder) server() error {
	s, physical := b.args.Scope, b.args.Scope.Name(lightsailName)
	zone := s.Region + "a"
	key, err := lightsail.NewKeyPair(b.ctx, b.name+"-key", &lightsail.KeyPairArgs{
		Name: pulumi.String(physical), PublicKey: pulumi.String(b.args.DeployKeys[0]), Tags: s.Tags(scope.None, physical),
	}, b.child())
	if err != nil {
		return err
	}
	instance, err := lightsail.NewInstance(b.ctx, b.name+"-server", &lightsail.InstanceArgs{
		Name: pulumi.String(physical), AvailabilityZone: pulumi.String(zone), BlueprintId: pulumi.String(blueprint),
		BundleId: pulumi.String(b.args.Server.Bundle), IpAddressType: pulumi.String("ipv4"), KeyPairName: key.Name,
		UserData: pulumi.String(firstboot.Script(b.args.DeployKeys)),
		AddOn: lightsail.InstanceAddOnArgs{
			Type: pulumi.String("AutoSnapshot"), SnapshotTime: pulumi.String(snapshotTime), Status: pulumi.String("Enabled")},
		Tags: s.Tags(scope.Personal, physical),
	}, s.Stateful(b.child(),
		// What is only read at the first boot would replace the server.
		pulumi.IgnoreChanges([]string{"userData", "keyPairName", "blueprintId"}))...)
	if err != nil {
		return err
	}
	ports, err := lightsail.NewInstancePublicPorts(b.ctx, b.name+"-ports", &lightsail.InstancePublicPortsArgs{
		InstanceName: instance.Name,
		PortInfos: lightsail.InstancePublicPortsPortInfoArray{
			open(22, b.args.OfficeCIDRs), open(443, b.args.WebFrom),
		},
	}, b.child())
	if err != nil {
		return err
	}
	address, err := lightsail.NewStaticIp(b.ctx, b.name+"-address", &lightsail.StaticIpArgs{Name: pulumi.String(physical)}, s.Stateful(b.child())...)
	if err != nil {
		return err
	}
	attachment, err := lightsail.NewStaticIpAttachment(b.ctx, b.name+"-address-attachment", &lightsail.StaticIpAttachmentArgs{
		StaticIpName: address.Name, InstanceName: instance.Name,
	}, b.child())
	if err != nil {
		return err
	}
	b.light.InstanceID, b.light.Address = instance.Name, address.IpAddress
	b.light.After = []pulumi.Resource{instance, ports, attachment}
	b.light.Connection = machine.Connection{
		Address: address.IpAddress, Port: 22, User: "berth", HostKey: machine.Pinned(b.args.Server.HostKey),
		Instance: instance.Arn, // name and address outlive the server
	}
	return nil
}

// open lets named IPv4 and IPv6 addresses reach a port.
func open(port int, from []netip.Prefix) lightsail.InstancePublicPortsPortInfoArgs {
	var four, six pulumi.StringArray
	for _, r := range from {
		if r.Addr().Is4() {
			four = append(four, pulumi.String(r.String()))
		} else {
			six = append(six, pulumi.String(r.String()))
		}
	}
	info := lightsail.InstancePublicPortsPortInfoArgs{Protocol: pulumi.String("tcp"), FromPort: pulumi.Int(port), ToPort: pulumi.Int(port), Cidrs: four}
	if len(six) > 0 {
		info.Ipv6Cidrs = six
	}
	return info
}

func (b builder) database() error {
	s, physical := b.args.Scope, b.args.Scope.Name(lightsailName, "database")
	database, err := lightsail.NewDatabase(b.ctx, b.name+"-database", &lightsail.DatabaseArgs{
		RelationalDatabaseName: pulumi.String(physical), AvailabilityZone: pulumi.String(s.Region + "a"),
		BlueprintId: pulumi.String("postgres_" + b.args.Database.Version), BundleId: pulumi.String(b.args.Database.Bundle),
		MasterDatabaseName: pulumi.String(b.args.DatabaseName), MasterUsername: pulumi.String(b.args.DatabaseName), MasterPassword: b.args.Password,
		// Reached from Lightsail's own network alone (DP-2).
		PubliclyAccessible: pulumi.Bool(false),
		// Daily snapshots, and any second of the past 7 days.
		BackupRetentionEnabled: pulumi.Bool(true), PreferredBackupWindow: pulumi.String(backupWindow),
		PreferredMaintenanceWindow: pulumi.String(window(b.args.Maintenance.Window)),
		ApplyImmediately:           pulumi.Bool(false),
		SkipFinalSnapshot:          pulumi.Bool(!s.Protect), FinalSnapshotName: pulumi.String(physical + "-final"),
		Tags: s.Tags(scope.Personal, physical),
	}, s.Stateful(b.child())...)
	if err != nil {
		return err
	}
	b.light.DatabaseHost, b.light.DatabaseID = database.MasterEndpointAddress, database.RelationalDatabaseName
	b.light.DatabasePort = pulumi.Sprintf("%d", database.MasterEndpointPort)
	return nil
}

// window is a maintenance window as Lightsail takes it: half an hour of it.
func window(text string) string {
	from, _, _ := strings.Cut(text, "-")
	var day string
	var hour, minute int
	if _, err := fmt.Sscanf(strings.Replace(from, ":", " ", 2), "%s %d %d", &day, &hour, &minute); err != nil || minute > 59 {
		return text
	}
	end := hour*60 + minute + 30
	to := day
	if end >= 24*60 {
		days := []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun", "mon"}
		for i, d := range days[:7] {
			if d == day {
				to = days[i+1]
			}
		}
		end -= 24 * 60
	}
	return fmt.Sprintf("%s-%s:%02d:%02d", from, to, end/60, end%60)
}
