package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// DP1 is a database and credentials of the client's own.
func (catalogue) DP1() promises.Promise {
	return promises.Promise{
		ID:    "DP-1",
		Title: "Own database, own credentials",
		Sentence: "You have a database and credentials of your own. None of your data is shared with another client, " +
			"and nothing of another client can reach it.",
		Duties: map[promises.Hosting]promises.Duty{
			promises.OnAWS: promises.Ours, promises.OnSites: promises.Ours, promises.Service: promises.Ours,
		},
		Parameters: func(h promises.Hosting, s *spec.Spec) []promises.Parameter {
			database, account := "one of your own", "one of your own"
			if s != nil && s.AWSClient != nil {
				database = fmt.Sprintf("one of your own, %s %s", s.AWSClient.Database.Engine, s.AWSClient.Database.Version)
				account = "one of your own, " + s.AWSClient.AWS.Account
			}
			parameters := []promises.Parameter{{Name: "database", Value: database, Key: "database.engine"}}
			if h == promises.OnAWS {
				parameters = append(parameters, promises.Parameter{Name: "AWS account", Value: account, Key: "aws.account"})
			}
			return parameters
		},
		ReadBack: true,
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "every provider, login, policy, key, secret and bucket in the resource graph is held against the client's own account and resources; nothing else is named, and nothing is shared"},
			{Level: promises.Live, How: "everything in the account that holds data is read back: whose it is by its tags, how one signs in, whom its policy and its keys' grants let in; " +
				"no snapshot, image or network is shared with others"},
		},
		Keywords: []string{
			"tenant isolation", "separate database tenant", "database per customer", "credentials shared customers",
			"customer reaches another customer data", "data separated between customers", "logical separation customers", "database of its own",
			"data segregation", "separate database", "cross-tenant access", "shared database", "logically segregated tenants", "tenants",
			"single tenant", "customer data separation", "own credentials", "client isolation", "dedicated database", "multi-tenancy", "multi-tenant",
			"logical separation", "commingled data", "other customers",
		},
		Check:  ownData,
		Checks: map[promises.Hosting]promises.Check{promises.OnSites: ownDataOnMachines},
	}
}

// tenancy judges DP-1: what one client has belongs to it alone.
type tenancy struct {
	g       *graph.Graph
	r       *promises.Report
	client  *spec.AWSClient
	account string
}

func ownData(s promises.Subject, r *promises.Report) {
	client := s.Client()
	if client == nil {
		return
	}
	t := tenancy{g: s.Graph, r: r, client: client, account: client.AWS.Account}
	t.providers()
	t.databases()
	t.caches()
	t.secrets()
	t.buckets()
	t.resourcePolicies()
	t.endpoints()
	t.roles()
	t.permissions()
	t.logins()
	t.configuration()
	t.sharing()
}

// providers are bound to the client's account: with another's credentials they do nothing at all.
func (t tenancy) providers() {
	const fix = "set aws.account in the client's spec; stacks/providers binds every provider to it"
	bound := map[string]bool{}
	for _, provider := range t.r.Must(t.g.OfType("pulumi:providers:aws"), "provider that is bound to an account", "a provider for each region, bound to the client's account", fix) {
		bound[provider.URN] = true
		t.r.Want(provider, slices.Equal(provider.Texts("allowedAccountIds"), []string{t.account}), "allowedAccountIds",
			"the client's own account "+t.account+" and no other", fix)
		if provider.Has("assumeRole") {
			t.r.Want(provider, accountInARN(provider.Text("assumeRole.roleArn")) == t.account, "assumeRole.roleArn",
				"a role of the client's own account "+t.account, "set aws.deployRoleArn to a role of the client's account")
		}
	}
	for _, resource := range t.g.Clouds() {
		if strings.HasPrefix(resource.Type, "aws:") && !bound[resource.Provider] {
			t.r.Say(resource, false, "made by a provider that is bound to no account", "a provider that is bound to the client's account "+t.account,
				"give the component the stack's own provider")
		}
	}
}

// buckets have one owner, and are copied to the client's own buckets only.
func (t tenancy) buckets() {
	for _, bucket := range t.r.Must(t.g.OfType(typeBucket), "bucket", "buckets of the client's own", "components/bucket makes them") {
		controls := bucket.Referrers("bucket", "aws:s3/bucketOwnershipControls:BucketOwnershipControls")
		enforced := len(controls) == 1 && controls[0].Text("rule.objectOwnership") == "BucketOwnerEnforced"
		t.r.Say(bucket, enforced, howMany(len(controls), "ownership control")+objectOwners(controls),
			"ownership BucketOwnerEnforced: access lists count for nothing, no other account can own or hand out an object",
			"components/bucket sets BucketOwnershipControls on every bucket")
	}
	for _, copies := range t.g.OfType(typeReplication) {
		for _, rule := range copies.Items("rules") {
			t.r.Want(copies, rule.Ref("destination.bucket", typeBucket) != nil, rule.Path+".destination.bucket", "a bucket of the client's own stack",
				"name a bucket of the stack in components/replication")
		}
	}
}

func objectOwners(controls []*graph.Resource) string {
	if len(controls) != 1 {
		return ""
	}
	return ", object ownership " + controls[0].Text("rule.objectOwnership")
}

// sharing would put the client's network or snapshots within another's reach. None of it exists.
func (t tenancy) sharing() {
	ties := []string{
		"aws:ec2/vpcPeeringConnection", "aws:ec2/peeringConnectionOptions", "aws:ec2transitgateway/", "aws:ec2/vpcEndpointService", "aws:ec2/vpcEndpointConnection",
		"aws:ec2/vpnConnection", "aws:ec2/vpnGateway", "aws:dx/", "aws:directconnect/", "aws:networkmanager/", "aws:vpclattice/", "aws:ram/",
		"aws:ec2/snapshotCreateVolumePermission", "aws:ec2/amiLaunchPermission", "aws:dms/", "aws:lakeformation/", "aws:redshift/datashare",
	}
	tied := 0
	for _, resource := range t.g.Clouds() {
		if slices.ContainsFunc(ties, func(prefix string) bool { return strings.HasPrefix(resource.Type, prefix) }) {
			tied++
			t.r.Say(resource, false, "ties the client's network or snapshots to others", "no peering, transit, resource share or shared snapshot", "remove it from the stack")
		}
	}
	for _, snapshot := range t.g.OfType("aws:rds/snapshot:Snapshot", "aws:rds/clusterSnapshot:ClusterSnapshot", "aws:rds/snapshotCopy:SnapshotCopy") {
		shared := snapshot.Texts("sharedAccounts")
		t.r.Want(snapshot, len(shared) == 0, "sharedAccounts", "nobody", "remove sharedAccounts from the snapshot")
	}
	for _, grant := range t.g.OfType("aws:kms/grant:Grant") {
		t.r.Want(grant, accountInARN(grant.Text("granteePrincipal")) == t.account, "granteePrincipal", "a principal of the client's own account "+t.account, "remove the grant")
	}
	for _, vpc := range t.r.Must(t.g.OfType(typeVPC), "network", "a network of the client's own", "components/network makes it") {
		t.r.Say(vpc, tied == 0, howMany(tied, "tie")+" to other networks or accounts",
			"no peering, transit, resource share or shared snapshot", "remove what ties the network to others")
	}
}

// accountInARN is the account in an ARN; empty where it names none.
func accountInARN(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 && parts[0] == "arn" {
		return parts[4]
	}
	return ""
}
