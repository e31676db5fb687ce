package catalogue

import (
	"fmt"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// AV3 is the database in several zones.
func (catalogue) AV3() promises.Promise {
	return promises.Promise{
		ID:       "AV-3",
		Title:    "Database in several zones",
		Sentence: "Your database runs in several availability zones; when one zone fails, a standby in another takes over by itself.",
		Duties:   map[promises.Hosting]promises.Duty{promises.OnAWS: promises.Ours},
		Parameters: func(_ promises.Hosting, s *spec.Spec) []promises.Parameter {
			standby := "in a second zone"
			c := clientOnAWS(s)
			if c != nil && c.Database.MultiAZ != nil && !*c.Database.MultiAZ {
				standby = "none"
			}
			parameters := []promises.Parameter{{Name: "standby", Value: standby, Key: "database.multiAz"}}
			if c != nil && c.Documents != nil {
				parameters = append(parameters, promises.Parameter{Name: "instances of the document database", Value: howMany(c.Documents.Instances, "instance"), Key: "documents.instances"})
			}
			if c != nil && c.Cache != nil && c.Cache.Replicas != nil {
				parameters = append(parameters, promises.Parameter{Name: "replicas of the cache", Value: howMany(*c.Cache.Replicas, "replica"), Key: "cache.replicas"})
			}
			return parameters
		},
		ReadBack: true,
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "every database, document cluster and cache in the resource graph has a standby in another zone that takes over by itself"},
			{Level: promises.Live, How: "the state, zones and failover setting of every database, document cluster and cache, and the zones of their subnets, are read back from the account: each has its standby in another zone now"},
		},
		ProductionOnly: true,
		Keywords: []string{
			"database failover", "multi-az database", "standby database", "database availability", "database redundancy", "database in several zones",
			"automatic failover", "database server fails", "database standby zone", "multi-az", "database cluster", "synchronous replication",
			"cache failover", "database standby", "database high availability", "failover of the database", "database availability zones",
			"redundant database",
		},
		Check: databaseZones,
	}
}

func databaseZones(s promises.Subject, r *promises.Report) {
	client := s.Client()
	if client == nil {
		return
	}
	z := zoneCheck{Report: r, zones: zoneCount(client)}
	z.databases(s.Graph)
	if d := client.Documents; d != nil || len(s.Graph.OfType(typeDocuments)) > 0 {
		least := 2
		if d != nil {
			least = max(least, d.Instances)
		}
		z.documents(s.Graph, least)
	}
	if c := client.Cache; c != nil || len(s.Graph.OfType(typeCache)) > 0 {
		nodes := 2
		if c != nil && c.Replicas != nil {
			nodes = max(nodes, 1+*c.Replicas)
		}
		z.caches(s.Graph, nodes)
	}
}

// zoneCheck judges whether what keeps data outlives a zone.
type zoneCheck struct {
	*promises.Report
	zones int // that subnets must lie in
}

const fixSubnets = "set aws.zones in the client's spec, or give the subnet group an isolated subnet in each zone"

func (z zoneCheck) databases(g *graph.Graph) {
	const fix = "set database.multiAz: true in the client's spec"
	primaries := 0
	for _, db := range g.OfType(typeDatabase) {
		if db.Has("replicateSourceDb") {
			continue // a replica is for reading; its source has the standby
		}
		primaries++
		z.Want(db, db.Bool("multiAz"), "multiAz", "true, for a standby in a second zone", fix)
		spreadGroup(z.Report, db, "dbSubnetGroupName", "aws:rds/subnetGroup:SubnetGroup", z.zones, fixSubnets)
	}
	if primaries == 0 {
		z.Missing("database instance", "a database with a standby in a second zone", "give the client a database")
	}
}

func (z zoneCheck) documents(g *graph.Graph, least int) {
	const fix = "set documents.instances in the client's spec to 2 or more"
	for _, cluster := range z.Must(g.OfType(typeDocuments), "document cluster", "a document cluster with a standby in a second zone", "keep component documents in the stack") {
		instances := cluster.Referrers("clusterIdentifier", typeDocument)
		z.Say(cluster, len(instances) >= least, howMany(len(instances), "instance")+": "+namesOf(instances),
			fmt.Sprintf("at least %d instances, which AWS puts into different zones", least), fix)
		pinned := map[string]bool{}
		for _, instance := range instances {
			if zone := instance.Text("availabilityZone"); zone != "" {
				z.Want(instance, !pinned[zone], "availabilityZone", "a zone that no other instance of the cluster is put into", "leave availabilityZone out")
				pinned[zone] = true
			}
		}
		spreadGroup(z.Report, cluster, "dbSubnetGroupName", "aws:docdb/subnetGroup:SubnetGroup", z.zones, fixSubnets)
	}
}

func (z zoneCheck) caches(g *graph.Graph, nodes int) {
	const fix = "set cache.replicas in the client's spec to 1 or more"
	for _, cache := range z.Must(g.OfType(typeCache), "cache", "a cache with a replica in a second zone", "keep component cache in the stack") {
		n, _ := cache.Number("numCacheClusters")
		z.Want(cache, n >= float64(nodes), "numCacheClusters", fmt.Sprintf("at least %d nodes, one of them the primary", nodes), fix)
		z.Want(cache, cache.Bool("automaticFailoverEnabled"), "automaticFailoverEnabled", "true, so that a replica takes over by itself", fix)
		z.Want(cache, cache.Bool("multiAzEnabled"), "multiAzEnabled", "true, so that the replica lies in a second zone", fix)
		spreadGroup(z.Report, cache, "subnetGroupName", "aws:elasticache/subnetGroup:SubnetGroup", z.zones, fixSubnets)
	}
}
