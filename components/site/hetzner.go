package site

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/components/site/firstboot"
	"github.com/berth-iac/berth/machine"
	"github.com/pulumi/pulumi-hcloud/sdk/go/hcloud"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// image is the distribution that the bundle is made for.
const image = "debian-12"

// balancerType is the smallest load balancer: it passes connections through.
const balancerType = "lb11"

// deployUser is whom first boot makes.
const deployUser = "berth"

// The server's and the load balancer's place in the site's network; the first address is the gateway's.
const (
	serverPlace   = 2
	balancerPlace = 3
)

// place is the nth address of a range.
func place(cidr netip.Prefix, n int) netip.Addr {
	a := cidr.Addr()
	for range n {
		a = a.Next()
	}
	return a
}

// BalancerAddress is where a load balancer's connections come from inside the site's network.
func BalancerAddress(cidr netip.Prefix) netip.Prefix {
	return netip.PrefixFrom(place(cidr, balancerPlace), 32)
}

// make makes the server and what outlives it: its address and its volumes.
func (s *Site) make(ctx *pulumi.Context, args Args) error {
	h, child := args.Site.Hetzner, pulumi.Parent(s)
	physical := func(parts ...string) pulumi.String {
		return pulumi.String(args.Scope.Name(hetznerName, append([]string{args.Site.Name}, parts...)...))
	}
	subnet, err := hcloud.NewNetworkSubnet(ctx, s.name+"-subnet", &hcloud.NetworkSubnetArgs{
		NetworkId: args.Pair.NetworkID, Type: pulumi.String("cloud"), NetworkZone: pulumi.String(networkZone), IpRange: pulumi.String(h.CIDR.String()),
	}, child)
	if err != nil {
		return err
	}
	firewall, err := s.firewall(ctx, args, physical())
	if err != nil {
		return err
	}
	address, err := hcloud.NewPrimaryIp(ctx, s.name+"-address", &hcloud.PrimaryIpArgs{
		Name: physical(), Type: pulumi.String("ipv4"), AssigneeType: pulumi.String("server"), Location: pulumi.String(h.Location),
		AutoDelete: pulumi.Bool(false), DeleteProtection: pulumi.Bool(args.Scope.Protect), Labels: labels(args.Scope, scope.None),
	}, args.Scope.Stateful(child)...)
	if err != nil {
		return err
	}
	private := place(h.CIDR, serverPlace).String()
	server, err := hcloud.NewServer(ctx, s.name+"-server", &hcloud.ServerArgs{
		Name: physical(), ServerType: pulumi.String(h.ServerType), Image: pulumi.String(image), Location: pulumi.String(h.Location),
		UserData: pulumi.String(firstboot.CloudConfig(args.DeployKeys)), SshKeys: args.Pair.KeyIDs,
		FirewallIds: pulumi.IntArray{number(firewall.ID())}, PlacementGroupId: args.Pair.PlacementGroupID,
		// IPv4 alone, by an address that outlives the server: the firewall and the hosts' own have no other.
		PublicNets: hcloud.ServerPublicNetArray{hcloud.ServerPublicNetArgs{
			Ipv4Enabled: pulumi.Bool(true), Ipv4: number(address.ID()), Ipv6Enabled: pulumi.Bool(false)}},
		Networks: hcloud.ServerNetworkTypeArray{hcloud.ServerNetworkTypeArgs{NetworkId: args.Pair.NetworkID, Ip: pulumi.String(private)}},
		// Data lies on the volumes and in three places besides: an image of the system would only be a second, older truth.
		Backups: pulumi.Bool(false),
		// A larger type keeps its disk, so that it can become smaller again.
		KeepDisk: pulumi.Bool(true), ShutdownBeforeDeletion: pulumi.Bool(true),
		// The system disk holds the key of the encrypted mirror: it is protected as data is.
		DeleteProtection: pulumi.Bool(args.Scope.Protect), RebuildProtection: pulumi.Bool(args.Scope.Protect),
		Labels: labels(args.Scope, scope.Personal),
	}, args.Scope.Stateful(child, pulumi.DependsOn([]pulumi.Resource{subnet}),
		// What is only read at the first boot would replace the server.
		pulumi.IgnoreChanges([]string{"userData", "image", "sshKeys"}))...)
	if err != nil {
		return err
	}
	if s.DiskA, err = s.disk(ctx, args, "disk-a", physical("disk-a"), server); err != nil {
		return err
	}
	if s.DiskB, err = s.disk(ctx, args, "disk-b", physical("disk-b"), server); err != nil {
		return err
	}
	s.after = append(s.after, server)
	s.Origin = address.IpAddress
	if h.LoadBalancer {
		if s.Origin, err = s.balance(ctx, args, physical(), server, subnet); err != nil {
			return err
		}
	}
	s.Connection = machine.Connection{
		Address: address.IpAddress, Port: 22, User: deployUser, HostKey: machine.Pinned(h.HostKey),
		Instance: server.ID().ToStringOutput(), // the address outlives the server
	}
	// Both ends of the tunnel are in the pair's private network: its port is not open to the internet at all.
	s.Endpoint = pulumi.String(private + ":" + strconv.Itoa(args.TunnelPort)).ToStringOutput()
	return nil
}

// firewall lets in SSH from the office and 443 from the edge, from the server's first second on. What leaves is free: packages,
// backups and mail do.
func (s *Site) firewall(ctx *pulumi.Context, args Args, name pulumi.String) (*hcloud.Firewall, error) {
	allow := func(what, port string, from []netip.Prefix) hcloud.FirewallRuleArgs {
		var ranges pulumi.StringArray
		for _, r := range from {
			ranges = append(ranges, pulumi.String(r.String()))
		}
		return hcloud.FirewallRuleArgs{Direction: pulumi.String("in"), Protocol: pulumi.String("tcp"), Port: pulumi.String(port),
			SourceIps: ranges, Description: pulumi.String(what)}
	}
	rules := hcloud.FirewallRuleArray{allow("SSH from the office", "22", args.OfficeCIDRs)}
	if !args.Site.Hetzner.LoadBalancer { // whose connections come through the private network
		rules = append(rules, allow("HTTPS from Cloudflare", "443", args.WebFrom))
	}
	if tools := args.Site.Hetzner.BICIDRs; len(tools) > 0 { // on to the machine's own firewall, which knows whose time it is
		rules = append(rules, allow("BI tools of clients", "5432", tools))
	}
	return hcloud.NewFirewall(ctx, s.name+"-firewall", &hcloud.FirewallArgs{
		Name: name, Rules: rules, Labels: labels(args.Scope, scope.None),
	}, pulumi.Parent(s))
}

// disk makes one volume of the mirror and attaches it. It is given as it is: the mirror is made of it by the bundle.
func (s *Site) disk(ctx *pulumi.Context, args Args, which string, name pulumi.String, server *hcloud.Server) (pulumi.StringOutput, error) {
	var device pulumi.StringOutput
	volume, err := hcloud.NewVolume(ctx, s.name+"-"+which, &hcloud.VolumeArgs{
		Name: name, Size: pulumi.Int(args.Site.Disks.SizeGiB), Location: pulumi.String(args.Site.Hetzner.Location),
		DeleteProtection: pulumi.Bool(args.Scope.Protect), Labels: labels(args.Scope, scope.Personal),
	}, args.Scope.Stateful(pulumi.Parent(s))...)
	if err != nil {
		return device, fmt.Errorf("%s: %w", which, err)
	}
	attachment, err := hcloud.NewVolumeAttachment(ctx, s.name+"-"+which+"-attachment", &hcloud.VolumeAttachmentArgs{
		VolumeId: number(volume.ID()), ServerId: number(server.ID()), Automount: pulumi.Bool(false),
	}, pulumi.Parent(s))
	if err != nil {
		return device, fmt.Errorf("%s: %w", which, err)
	}
	s.after = append(s.after, attachment)
	return volume.LinuxDevice, nil
}

// balance puts a load balancer before the server. It passes connections through, so that the server itself asks for Cloudflare's
// certificate: a load balancer of Hetzner's has no firewall.
func (s *Site) balance(ctx *pulumi.Context, args Args, name pulumi.String, server *hcloud.Server, subnet *hcloud.NetworkSubnet) (pulumi.StringOutput, error) {
	var none pulumi.StringOutput
	h, child := args.Site.Hetzner, pulumi.Parent(s)
	balancer, err := hcloud.NewLoadBalancer(ctx, s.name+"-balancer", &hcloud.LoadBalancerArgs{
		Name: name, LoadBalancerType: pulumi.String(balancerType), Location: pulumi.String(h.Location),
		DeleteProtection: pulumi.Bool(args.Scope.Protect), Labels: labels(args.Scope, scope.None),
	}, child)
	if err != nil {
		return none, err
	}
	inside, err := hcloud.NewLoadBalancerNetwork(ctx, s.name+"-balancer-network", &hcloud.LoadBalancerNetworkArgs{
		LoadBalancerId: number(balancer.ID()), NetworkId: args.Pair.NetworkID, Ip: pulumi.String(place(h.CIDR, balancerPlace).String()),
		EnablePublicInterface: pulumi.Bool(true),
	}, child, pulumi.DependsOn([]pulumi.Resource{subnet}))
	if err != nil {
		return none, err
	}
	if _, err = hcloud.NewLoadBalancerTarget(ctx, s.name+"-balancer-target", &hcloud.LoadBalancerTargetArgs{
		LoadBalancerId: number(balancer.ID()), Type: pulumi.String("server"), ServerId: number(server.ID()), UsePrivateIp: pulumi.Bool(true),
	}, child, pulumi.DependsOn([]pulumi.Resource{inside})); err != nil {
		return none, err
	}
	_, err = hcloud.NewLoadBalancerService(ctx, s.name+"-balancer-https", &hcloud.LoadBalancerServiceArgs{
		LoadBalancerId: balancer.ID().ToStringOutput(), Protocol: pulumi.String("tcp"), ListenPort: pulumi.Int(443), DestinationPort: pulumi.Int(443),
		HealthCheck: hcloud.LoadBalancerServiceHealthCheckArgs{
			Protocol: pulumi.String("tcp"), Port: pulumi.Int(443), Interval: pulumi.Int(15), Timeout: pulumi.Int(5), Retries: pulumi.Int(2)},
	}, child)
	return balancer.Ipv4, err
}
