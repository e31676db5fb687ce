package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// AV8 is the tier of the service.
func (catalogue) AV8() promises.Promise {
	return promises.Promise{
		ID:    "AV-8",
		Title: "A service tier that fits",
		Sentence: "You get the tier that fits your traffic: light for small teams, standard, or dedicated, with machines that nobody else's " +
			"software runs on. Your machines and databases are of the size that was agreed.",
		Duties: map[promises.Hosting]promises.Duty{
			promises.OnAWS: promises.Ours, promises.OnLightsail: promises.Ours, promises.OnSites: promises.Ours,
		},
		Parameters: tierParameters,
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "the sizes and the tenancy of machines, databases and caches in the resource graph are compared with the tier in the client's spec"},
		},
		Keywords: []string{
			"hosting tier", "dedicated machine", "light tier", "high traffic", "tier traffic", "choose tier", "size of hosting",
			"dedicated servers traffic", "capacity growth", "service tier", "pricing tier", "standard tier", "dedicated tier", "dedicated tenancy",
			"instance size", "server sizing", "scalability tiers", "read replica for performance", "service plan", "lightsail", "dedicated servers",
			"dedicated hardware",
		},
		Check:  tierFits,
		Checks: map[promises.Hosting]promises.Check{promises.OnSites: machineTier, promises.OnLightsail: machineTier},
	}
}

func tierParameters(h promises.Hosting, s *spec.Spec) []promises.Parameter {
	switch c := clientOnAWS(s); {
	case h == promises.OnLightsail:
		return []promises.Parameter{{Name: "tier", Value: "light (Lightsail)", Key: "tier"}}
	case h == promises.OnSites:
		return []promises.Parameter{{Name: "tier", Value: "dedicated machines", Key: "tier"}}
	case c == nil:
		return []promises.Parameter{
			{Name: "tier", Value: "standard, or dedicated for high traffic", Key: "tier"},
			{Name: "machines", Value: "t3.medium (standard), m6i.xlarge (dedicated)", Key: "service.instanceType"},
			{Name: "database", Value: "db.t4g.medium (standard), db.r6g.large (dedicated)", Key: "database.instanceClass"},
		}
	default:
		replica := "none"
		if hasReplica(c) {
			replica = "one"
		}
		return []promises.Parameter{
			{Name: "tier", Value: string(c.Tier), Key: "tier"},
			{Name: "machines", Value: c.Service.InstanceType, Key: "service.instanceType"},
			{Name: "database", Value: c.Database.InstanceClass, Key: "database.instanceClass"},
			{Name: "read replica", Value: replica, Key: "database.readReplica"},
		}
	}
}

// hasReplica tells whether the client's database has a replica for reading: as the tier says, or while BI tools read it.
func hasReplica(c *spec.AWSClient) bool {
	return c.Database.ReadReplica != nil && *c.Database.ReadReplica || c.Access.BI != nil
}

func tierFits(s promises.Subject, r *promises.Report) {
	client := s.Client()
	if client == nil {
		return
	}
	t := tierCheck{Report: r, client: client}
	fleets := r.Must(serviceFleets(s.Graph), "machines of the service", "machines of the "+string(client.Tier)+" tier", "keep component machines in the stack")
	for _, fleet := range fleets {
		if template := fleet.Ref("launchTemplate.id", typeTemplate); template != nil { // AV-2 misses it
			t.machines(fleet, template)
		}
	}
	t.databases(s.Graph)
	for _, instance := range s.Graph.OfType(typeDocument) {
		if client.Documents != nil {
			t.sized(instance, "instanceClass", client.Documents.InstanceClass, "documents.instanceClass")
		}
	}
	for _, cache := range s.Graph.OfType(typeCache) {
		if client.Cache != nil {
			t.sized(cache, "nodeType", client.Cache.NodeType, "cache.nodeType")
		}
	}
}

// tierCheck judges whether what runs is of the client's tier.
type tierCheck struct {
	*promises.Report
	client *spec.AWSClient
}

// sized reports whether a machine has the size that the spec says, and one that the tier may have.
func (t tierCheck) sized(resource *graph.Resource, property, size, key string) {
	expected := size + ", as " + key + " says"
	holds := resource.Text(property) == size
	if t.client.Tier == spec.Dedicated {
		expected += ", and no burstable machine in the dedicated tier"
		holds = holds && !burstable(size)
	}
	t.Want(resource, holds, property, expected, "set "+key+" in the client's spec")
}

// burstable tells whether a machine of that size earns its power by being idle.
func burstable(size string) bool {
	family, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(size, "db."), "cache."), ".")
	return slices.Contains([]string{"t2", "t3", "t3a", "t4g"}, family)
}

func (t tierCheck) machines(fleet, template *graph.Resource) {
	t.sized(template, "instanceType", t.client.Service.InstanceType, "service.instanceType")
	t.Want(fleet, !fleet.Has("mixedInstancesPolicy"), "mixedInstancesPolicy", "none: machines of the agreed type alone", "take it out of components/compute")
	tenancy := template.Text("placement.tenancy")
	if t.client.Tier == spec.Dedicated {
		t.Want(template, tenancy == "dedicated", "placement.tenancy", "dedicated: hardware that no other customer of the cloud shares", "set tier: dedicated in the client's spec, or mend components/compute")
		return
	}
	t.Want(template, tenancy == "" || tenancy == "default", "placement.tenancy", "default in the "+string(t.client.Tier)+" tier", "set tier: dedicated in the client's spec, or mend components/compute")
}

func (t tierCheck) databases(g *graph.Graph) {
	d := t.client.Database
	replicas := 0
	for _, db := range t.Must(g.OfType(typeDatabase), "database", "a database of the "+string(t.client.Tier)+" tier", "keep component database in the stack") {
		t.sized(db, "instanceClass", d.InstanceClass, "database.instanceClass")
		most, _ := db.Number("maxAllocatedStorage")
		t.Want(db, most >= float64(d.MaxStorageGiB), "maxAllocatedStorage", fmt.Sprintf("room to grow to %d GiB by itself, as database.maxStorageGiB says", d.MaxStorageGiB),
			"set database.maxStorageGiB in the client's spec")
		if db.Has("replicateSourceDb") {
			replicas++
			t.Want(db, db.Ref("replicateSourceDb", typeDatabase) != nil, "replicateSourceDb", "the client's own database", "mend the replica in components/database")
			continue
		}
		size, _ := db.Number("allocatedStorage")
		t.Want(db, size >= float64(d.StorageGiB), "allocatedStorage", fmt.Sprintf("at least %d GiB, as database.storageGiB says", d.StorageGiB), "set database.storageGiB in the client's spec")
	}
	if hasReplica(t.client) && replicas == 0 {
		t.Missing("read replica", "a replica of the database for reading, as database.readReplica says", "set database.readReplica in the client's spec, or mend components/database")
	}
}
