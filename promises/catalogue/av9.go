package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// AV9 is data residency.
func (catalogue) AV9() promises.Promise {
	return promises.Promise{
		ID:    "AV-9",
		Title: "Data stays where you want it",
		Sentence: "Your data stays where you want it: in London or Dublin on AWS, at the sites that you chose otherwise. " +
			"Copies are kept elsewhere only when you ask for them.",
		Duties: map[promises.Hosting]promises.Duty{
			promises.OnAWS: promises.Ours, promises.OnLightsail: promises.Ours, promises.OnSites: promises.Ours,
		},
		Parameters: residencyParameters,
		ReadBack:   true,
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "the region of everything that holds data, and of every place that data is copied to, is compared with the client's residency and consent"},
			{Level: promises.Live, How: "machines, disks, databases, caches, their snapshots and backups, images, buckets, vaults, log groups and secrets are listed in every region that the account can use, and none may be found where none is allowed"},
		},
		Keywords: []string{
			"data residency", "region data stored", "data stays in region", "copies outside region", "data leaves country", "data outside the eu",
			"hosted region", "choose region", "copies of data region", "data in region", "sovereignty", "where is data stored", "hosting location",
			"data centre location", "aws region", "london region", "transfer outside the eea", "cross-border transfer", "international data transfer",
			"offshore", "country of storage", "gdpr data location", "data location", "data sovereignty", "dublin region", "data stored in the uk",
			"data stored in the eu",
		},
		Check:  dataStays,
		Checks: map[promises.Hosting]promises.Check{promises.OnSites: machineResidence, promises.OnLightsail: machineResidence},
	}
}

func residencyParameters(h promises.Hosting, s *spec.Spec) []promises.Parameter {
	c := clientOnAWS(s)
	switch {
	case h == promises.OnSites:
		return []promises.Parameter{{Name: "sites", Value: "Johannesburg and Cape Town, unless you choose others", Key: "sites"}}
	case c == nil:
		return []promises.Parameter{
			{Name: "residency", Value: "United Kingdom (London, eu-west-2) or European Union (Dublin, eu-west-1)", Key: "residency"},
			{Name: "copies elsewhere", Value: "only with your recorded consent", Key: "backup.copiesAbroad"},
		}
	}
	copies := "none"
	if second := c.Backup.SecondRegion; second != "" {
		copies = "in " + second
		if !c.Residency.Holds(second) {
			copies += ", " + consentOf(c)
		}
	}
	residence := map[spec.Residency]string{spec.UnitedKingdom: "United Kingdom", spec.EuropeanUnion: "European Union"}[c.Residency]
	return []promises.Parameter{
		{Name: "residency", Value: residence, Key: "residency"},
		{Name: "served from", Value: c.AWS.Region, Key: "aws.region"},
		{Name: "copies", Value: copies, Key: "backup.secondRegion"},
	}
}

func consentOf(c *spec.AWSClient) string {
	if c.Backup.CopiesAbroad == "" {
		return "without a recorded consent"
	}
	return c.Backup.CopiesAbroad
}

// What the promise knows of types. Every other type may be in the second region, where copies are.
var (
	// served is what people's requests reach, and what works with their data: all of it is in the client's own region.
	served = []string{
		typeDatabase, typeDocuments, typeDocument, typeCache, typeFleet, typeTemplate, typeMachine, typeBalancer, typeSubnet, typeVPC, typeLogGroup,
		"aws:ebs/volume:Volume", "aws:efs/fileSystem:FileSystem", typeSecret, typeSecretVersion, typeParameter, typeQueue,
		"aws:dynamodb/table:Table", "aws:opensearch/domain:Domain", "aws:rds/cluster:Cluster", "aws:rds/clusterInstance:ClusterInstance",
	}
	// stored is what keeps data or copies of it.
	stored = append([]string{
		typeBucket, "aws:s3/bucket:Bucket", "aws:backup/vault:Vault", "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication",
		"aws:rds/snapshot:Snapshot", "aws:rds/snapshotCopy:SnapshotCopy", "aws:rds/clusterSnapshot:ClusterSnapshot", "aws:ebs/snapshot:Snapshot", "aws:ebs/snapshotCopy:SnapshotCopy",
		"aws:ec2/ami:Ami", "aws:ec2/amiCopy:AmiCopy",
	}, served...)
	// dataless is what may be where health checks keep their metric: it holds none of the client's data.
	dataless = []string{typeProbe, typeAlarm, typeTopic, typeTopicPolicy, "aws:sns/topicSubscription:TopicSubscription", typeKey, "aws:kms/alias:Alias"}
)

func dataStays(s promises.Subject, r *promises.Report) {
	client := s.Client()
	if client == nil {
		return
	}
	c := residence{Report: r, subject: s, client: client}
	c.providers()
	c.resources()
	c.copies()
	c.endpoints()
}

// residence judges where a client's data is.
type residence struct {
	*promises.Report
	subject promises.Subject
	client  *spec.AWSClient
}

// home tells whether a region is the one that the client is served from.
func (c residence) home(region string) bool {
	return region != "" && region == c.client.AWS.Region && region == spec.RegionFor(c.client.Residency)
}

// abroad tells whether copies may be in a region besides home: inside the residency, or by the client's consent. What
// is no production holds test data.
func (c residence) abroad(region string) bool {
	return region != "" && region == c.client.Backup.SecondRegion &&
		(c.client.Residency.Holds(region) || c.client.Backup.CopiesAbroad != "" || !c.subject.Production())
}

// allowed is where data may be, in words.
func (c residence) allowed() string {
	home := spec.RegionFor(c.client.Residency)
	second := c.client.Backup.SecondRegion
	switch {
	case second == "":
		return home + " alone"
	case c.client.Residency.Holds(second):
		return home + ", and copies in " + second + ", which is within the residency"
	case c.client.Backup.CopiesAbroad != "":
		return home + ", and copies in " + second + " (" + c.client.Backup.CopiesAbroad + ")"
	case !c.subject.Production():
		return home + ", and copies of test data in " + second
	}
	return home + " alone: the client's consent to copies in " + second + " is not recorded"
}

const fixResidency = "set residency, aws.region, backup.secondRegion and backup.copiesAbroad in the client's spec, and give the component that region's provider"

func (c residence) providers() {
	for _, provider := range c.Must(c.subject.Graph.OfType("pulumi:providers:aws"), "provider that names its region", c.allowed(), fixResidency) {
		region := provider.Text("region")
		c.Want(provider, c.home(region) || c.abroad(region) || region == globalMetrics, "region",
			c.allowed()+"; "+globalMetrics+" only for health checks' alarms, which hold no data", fixResidency)
	}
}

// resources reports the region of everything that keeps data, and of everything that is not in the client's own.
func (c residence) resources() {
	kept := 0
	for _, resource := range c.subject.Graph.Clouds() {
		if !strings.HasPrefix(resource.Type, "aws:") {
			continue // Cloudflare keeps no data but what AV-11 lets it cache
		}
		region := resource.Region()
		holds := c.home(region) || c.abroad(region) && !slices.Contains(served, resource.Type)
		expected := c.allowed()
		data := slices.Contains(stored, resource.Type)
		switch {
		case slices.Contains(served, resource.Type):
			expected = c.client.AWS.Region + ": the client is served from there alone"
		case region == globalMetrics:
			holds = holds || slices.Contains(dataless, resource.Type)
			expected = "nothing in " + globalMetrics + " but alarms on health checks and who is told of them"
		}
		if data {
			kept++
		}
		if data || !c.home(region) {
			found := "in " + region
			if region == "" {
				found = "in a region that nobody names"
			}
			c.Say(resource, holds, found, expected, fixResidency)
		}
	}
	for _, resource := range c.subject.Graph.OfType(typeSubnet, typeMachine, typeDatabase, typeDocument) {
		if zone := resource.Text("availabilityZone"); zone != "" {
			c.Want(resource, strings.HasPrefix(zone, resource.Region()), "availabilityZone", "a zone of "+resource.Region(), fixResidency)
		}
	}
	if kept == 0 {
		c.Missing("database, bucket or disk", "data in "+c.allowed(), fixResidency)
	}
}

// copies reports where data is copied to: each place is one of the stack's own, whose region is judged as that of all others.
func (c residence) copies() {
	to := func(from, place *graph.Resource, property string) {
		found := "a place outside this stack"
		holds := place != nil && (c.home(place.Region()) || c.abroad(place.Region()))
		if place != nil {
			found = place.Name + " in " + place.Region()
		}
		c.Say(from, holds, property+" is "+found, "copied to a place of this stack in "+c.allowed(), fixResidency)
	}
	g := c.subject.Graph
	for _, config := range g.OfType(typeReplication) {
		for _, rule := range config.Items("rules") {
			to(config, rule.Ref("destination.bucket", typeBucket), rule.Path+".destination.bucket")
		}
	}
	for _, plan := range g.OfType("aws:backup/plan:Plan") {
		for _, rule := range plan.Items("rules") {
			for _, copied := range rule.Items("copyActions") {
				to(plan, copied.Ref("destinationVaultArn", "aws:backup/vault:Vault"), copied.Path+".destinationVaultArn")
			}
		}
	}
	for _, copied := range g.OfType("aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication") {
		c.Want(copied, copied.Ref("sourceDbInstanceArn", typeDatabase) != nil, "sourceDbInstanceArn", "the client's own database", fixResidency)
	}
	for _, logging := range g.OfType("aws:s3/bucketLoggingV2:BucketLoggingV2") {
		to(logging, logging.Ref("targetBucket", typeBucket), "targetBucket")
	}
	for _, balancer := range g.OfType(typeBalancer) {
		for _, logs := range []string{"accessLogs", "connectionLogs"} {
			if balancer.Bool(logs + ".enabled") {
				to(balancer, g.Resolve(balancer.Text(logs+".bucket"), typeBucket), logs+".bucket")
			}
		}
	}
}

// endpoints reports whether the network's ways to AWS's services lead to its own region.
func (c residence) endpoints() {
	for _, endpoint := range c.subject.Graph.OfType(typeEndpoint) {
		prefix := fmt.Sprintf("com.amazonaws.%s.", endpoint.Region())
		c.Want(endpoint, strings.HasPrefix(endpoint.Text("serviceName"), prefix) && !endpoint.Has("serviceRegion"), "serviceName",
			"a service in "+endpoint.Region(), "mend the endpoints in components/network")
	}
}
