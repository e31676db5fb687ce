package spec

import "cmp"

// fillDefaults gives every field that the file leaves out the default that
// depends on others. Constant defaults stand in the fields' tags.
func (a *AWSClient) fillDefaults() {
	production, dedicated := a.production(), a.Tier == Dedicated

	a.AWS.Region = cmp.Or(a.AWS.Region, RegionFor(a.Residency))
	a.AWS.Zones = cmp.Or(a.AWS.Zones, choose(production, 3, 2))
	a.Network.NATGateways = cmp.Or(a.Network.NATGateways, choose(production, PerZone, SingleGateway))

	s := &a.Service
	s.InstanceType = cmp.Or(s.InstanceType, choose(dedicated, "m6i.xlarge", "t3.medium"))
	s.MinMachines = cmp.Or(s.MinMachines, a.AWS.Zones)
	s.MaxMachines = cmp.Or(s.MaxMachines, min(3*s.MinMachines, 100))

	d := &a.Database
	d.Version = cmp.Or(d.Version, choose(d.Engine == MySQL, "8.4", "16"))
	d.InstanceClass = cmp.Or(d.InstanceClass, choose(dedicated, "db.r6g.large", "db.t4g.medium"))
	d.MaxStorageGiB = cmp.Or(d.MaxStorageGiB, min(4*d.StorageGiB, 65536))
	d.MultiAZ = cmp.Or(d.MultiAZ, &production)
	d.ReadReplica = cmp.Or(d.ReadReplica, &dedicated)

	if c := a.Documents; c != nil {
		c.InstanceClass = cmp.Or(c.InstanceClass, choose(dedicated, "db.r6g.large", "db.t4g.medium"))
		c.Instances = cmp.Or(c.Instances, choose(production, 2, 1))
	}
	if c := a.Cache; c != nil {
		replicas := choose(production, 1, 0)
		c.NodeType = cmp.Or(c.NodeType, choose(dedicated, "cache.r6g.large", "cache.t4g.small"))
		c.Replicas = cmp.Or(c.Replicas, &replicas)
	}

	b := &a.Backup
	b.SecondRegion = cmp.Or(b.SecondRegion, otherRegion(a.AWS.Region))
	if b.SecondRegion == none {
		b.SecondRegion = ""
	}
}

func (o *Organisation) fillDefaults() {
	o.AWS.SecondRegion = cmp.Or(o.AWS.SecondRegion, otherRegion(o.AWS.Region))
}

func (l *LightClient) fillDefaults() {
	l.AWS.Region = cmp.Or(l.AWS.Region, RegionFor(l.Residency))
}

func (a *AWSClient) production() bool { return a.Environment == Production }

// The ways out of a VPC's private subnets.
const (
	PerZone       = "perZone"
	SingleGateway = "single"
)

func choose[T any](condition bool, yes, no T) T {
	if condition {
		return yes
	}
	return no
}
