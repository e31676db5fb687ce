package live

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cachetypes "github.com/aws/aws-sdk-go-v2/service/elasticache/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/berth-iac/berth/spec"
)

const (
	converting = time.Hour // in which a new database gets its standby

	fixMultiAZ = "set database.multiAz: true in the client's spec"
	fixSubnets = "set aws.zones in the client's spec, or give the subnet group an isolated subnet in each zone"
	fixState   = "read the database's events in AWS's console, and mend what they tell of"
)

// databaseZones looks at AV-3: whether everything that keeps data has a standby in another zone now.
func databaseZones(ctx context.Context, l *look) error {
	client := l.subject.Client()
	if client == nil {
		return nil
	}
	zones := max(2, client.AWS.Zones)
	if err := l.relationalZones(ctx, zones); err != nil {
		return err
	}
	if err := l.documentZones(ctx, client, zones); err != nil {
		return err
	}
	return l.cacheZones(ctx, client, zones)
}

// lives judges a database's state. It tells whether the rest can be judged: not while it is being made.
func (l *look) lives(o object, status string) bool {
	switch status {
	case "creating", "configuring-enhanced-monitoring", "configuring-iam-database-auth", "configuring-log-exports", "converting-to-vpc":
		l.tooEarly("%s is being made (%s)", l.called(o), status)
		return false
	}
	dead := strings.HasPrefix(status, "incompatible-") || strings.HasPrefix(status, "inaccessible-") ||
		slices.Contains([]string{"", "failed", "stopped", "stopping", "starting", "deleting", "delete-precheck", "storage-full", "restore-error", "create-failed"}, status)
	l.want(o, !dead, "status", status, "in service", fixState)
	return true
}

func (l *look) relationalZones(ctx context.Context, zones int) error {
	databases, err := l.databases(ctx, l.home)
	if err != nil {
		return err
	}
	if len(databases) == 0 {
		l.missing("database instance", "a database with a standby in a second zone", "give the client a database")
	}
	for _, db := range databases {
		o := object{databaseType, aws.ToString(db.DBInstanceArn)}
		if !l.lives(o, aws.ToString(db.DBInstanceStatus)) {
			continue
		}
		l.want(o, aws.ToBool(db.MultiAZ), "multiAz", aws.ToBool(db.MultiAZ), "true, for a standby in a second zone", fixMultiAZ)
		if aws.ToBool(db.MultiAZ) {
			here, there := aws.ToString(db.AvailabilityZone), aws.ToString(db.SecondaryAvailabilityZone)
			if there == "" && (l.younger(db.InstanceCreateTime, converting) || aws.ToString(db.DBInstanceStatus) == "modifying") {
				l.tooEarly("the standby of %s is being made", l.called(o))
			} else {
				l.want(o, there != "" && there != here, "secondaryAvailabilityZone", "in "+joined([]string{here})+", standby in "+joined([]string{there}), "a standby in another zone", fixMultiAZ)
			}
		}
		l.groupZones(o, subnetZones(db.DBSubnetGroup), zones)
	}
	return nil
}

// groupZones tells whether a subnet group lies in enough zones, so that a standby finds one.
func (l *look) groupZones(o object, found []string, least int) {
	l.want(o, len(found) >= least, "subnetGroup", "subnets in "+joined(found), "subnets in "+several(least, "availability zone"), fixSubnets)
}

func (l *look) documentZones(ctx context.Context, client *spec.AWSClient, zones int) error {
	const fix = "set documents.instances in the client's spec to 2 or more"
	all, err := l.dbClusters(ctx, l.home)
	if err != nil {
		return err
	}
	clusters := slices.DeleteFunc(slices.Clone(all), func(c rdstypes.DBCluster) bool { return aws.ToString(c.Engine) != documentEngine })
	least := 2
	if client.Documents != nil {
		least = max(least, client.Documents.Instances)
		if len(clusters) == 0 {
			l.missing("document cluster", "a document cluster with a standby in a second zone", "keep component documents in the stack")
		}
	}
	if len(clusters) == 0 {
		return nil
	}
	instances, err := l.dbInstances(ctx, l.home)
	if err != nil {
		return err
	}
	groups, err := l.dbSubnetGroups(ctx, l.home)
	if err != nil {
		return err
	}
	for _, c := range clusters {
		o := object{documentsType, aws.ToString(c.DBClusterArn)}
		if !l.lives(o, aws.ToString(c.Status)) {
			continue
		}
		var ready, in []string
		for _, i := range instances {
			if aws.ToString(i.DBClusterIdentifier) == aws.ToString(c.DBClusterIdentifier) && l.lives(object{documentType, aws.ToString(i.DBInstanceArn)}, aws.ToString(i.DBInstanceStatus)) {
				ready, in = append(ready, aws.ToString(i.DBInstanceIdentifier)), append(in, aws.ToString(i.AvailabilityZone))
			}
		}
		members := len(c.DBClusterMembers)
		l.want(o, members >= least, "members", several(members, "instance"), fmt.Sprintf("at least %d instances, one of them the primary", least), fix)
		if len(ready) == members || members < 2 {
			l.want(o, len(distinct(in)) >= 2, "availabilityZones", "instances in "+joined(in), "instances in at least 2 zones", fix)
		}
		for _, g := range groups {
			if aws.ToString(g.DBSubnetGroupName) == aws.ToString(c.DBSubnetGroup) {
				l.groupZones(o, subnetZones(&g), zones)
			}
		}
	}
	return nil
}

func (l *look) cacheZones(ctx context.Context, client *spec.AWSClient, zones int) error {
	const fix = "set cache.replicas in the client's spec to 1 or more"
	caches, err := l.caches(ctx, l.home)
	if err != nil {
		return err
	}
	least := 2
	if client.Cache != nil {
		if client.Cache.Replicas != nil {
			least = max(least, 1+*client.Cache.Replicas)
		}
		if len(caches) == 0 {
			l.missing("cache", "a cache with a replica in a second zone", "keep component cache in the stack")
		}
	}
	nodes, err := l.cacheNodes(ctx, l.home)
	if err != nil {
		return err
	}
	alone := slices.DeleteFunc(slices.Clone(nodes), func(n cachetypes.CacheCluster) bool { return aws.ToString(n.ReplicationGroupId) != "" })
	for _, n := range alone {
		o := object{cacheNodeType, aws.ToString(n.ARN)}
		l.want(o, false, "replicationGroupId", "none", "a replication group: a node by itself has no replica", fix)
	}
	if len(caches) == 0 {
		return nil
	}
	groups, err := l.cacheSubnetGroups(ctx, l.home)
	if err != nil {
		return err
	}
	places, subnets := map[string]string{}, map[string]string{} // of nodes, by their cluster's id
	for _, n := range nodes {
		places[aws.ToString(n.CacheClusterId)], subnets[aws.ToString(n.CacheClusterId)] = aws.ToString(n.PreferredAvailabilityZone), aws.ToString(n.CacheSubnetGroupName)
	}
	for _, c := range caches {
		o := object{cacheType, aws.ToString(c.ARN)}
		if !l.lives(o, aws.ToString(c.Status)) {
			continue
		}
		l.want(o, len(c.MemberClusters) >= least, "numCacheClusters", len(c.MemberClusters), fmt.Sprintf("at least %d nodes, one of them the primary", least), fix)
		l.want(o, c.AutomaticFailover == cachetypes.AutomaticFailoverStatusEnabled, "automaticFailoverEnabled", string(c.AutomaticFailover), "enabled, so that a replica takes over by itself", fix)
		l.want(o, c.MultiAZ == cachetypes.MultiAZStatusEnabled, "multiAzEnabled", string(c.MultiAZ), "enabled, so that the replica lies in a second zone", fix)
		var in, lies []string
		for _, member := range c.MemberClusters {
			in = append(in, places[member])
			for _, g := range groups {
				if aws.ToString(g.CacheSubnetGroupName) != subnets[member] {
					continue
				}
				for _, s := range g.Subnets {
					if s.SubnetAvailabilityZone != nil {
						lies = append(lies, aws.ToString(s.SubnetAvailabilityZone.Name))
					}
				}
			}
		}
		l.want(o, len(distinct(in)) >= 2, "preferredCacheClusterAzs", "nodes in "+joined(in), "nodes in at least 2 zones", fix)
		l.groupZones(o, distinct(lies), zones)
	}
	return nil
}
