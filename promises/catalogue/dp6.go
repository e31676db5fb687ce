package catalogue

import (
	"fmt"
	"maps"
	"slices"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
	"github.com/berth-iac/berth/spec"
)

// DP6 is that development and staging never see a copy of production.
func (catalogue) DP6() promises.Promise {
	return promises.Promise{
		ID:       "DP-6",
		Title:    "Test data only outside production",
		Sentence: "Development and staging hold test data only, never a copy of your production data, and your production data lets nothing from outside production in.",
		Duties: map[promises.Hosting]promises.Duty{
			promises.OnAWS: promises.Ours, promises.OnSites: promises.Ours, promises.Service: promises.Ours,
		},
		Parameters: func(_ promises.Hosting, s *spec.Spec) []promises.Parameter {
			environment, data := "production, staging or development", "yours in production, test data elsewhere"
			if c := clientOnAWS(s); c != nil {
				environment, data = string(c.Environment), "test data only"
				if c.Environment == spec.Production {
					data = "yours"
				}
			}
			return []promises.Parameter{{Name: "environment", Value: environment, Key: "environment"}, {Name: "data", Value: data}}
		},
		ReadBack: true,
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "the service is told what it may hold, nothing in a test environment is restored from elsewhere, and no policy on production data names a principal outside the stack"},
			{Level: promises.Live, How: "outside production, snapshots and backups are listed, and none comes from another account or environment; in production, none is shared; " +
				"what holds data is marked with its environment"},
		},
		Keywords: []string{
			"test environment live data", "copy of production to test", "test data only", "staging data", "development environment data",
			"anonymised test data", "developers test with data", "copies of real records in staging", "staging environment",
			"separation of environments", "data masking", "anonymised data", "copy of production", "segregation of environments", "test data",
			"production data in test", "development environment", "non-production", "synthetic data", "test environment",
		},
		Check:  testDataOnly,
		Checks: map[promises.Hosting]promises.Check{promises.OnSites: machineOutsideProduction},
	}
}

// environments judges DP-6.
type environments struct {
	s      promises.Subject
	g      *graph.Graph
	r      *promises.Report
	client *spec.AWSClient
}

func testDataOnly(s promises.Subject, r *promises.Report) {
	client := s.Client()
	if client == nil {
		return
	}
	e := environments{s: s, g: s.Graph, r: r, client: client}
	e.told("test-data-only", fmt.Sprint(!s.Production()), "the service is told whether it holds test data only")
	e.told("environment", string(client.Environment), "the service is told what environment it is")
	e.tags()
	if s.Production() {
		e.handedOut()
	} else {
		e.restored()
	}
}

// told reports what the service reads of itself when it boots.
func (e environments) told(key, value, why string) {
	const fix = "stacks/awsclient, service.go, tells it from environment in the client's spec"
	name := fmt.Sprintf("/berth/%s/%s/%s", e.client.Client.Name, e.client.Environment, key)
	var found []*graph.Resource
	for _, parameter := range e.g.OfType(typeParameter) {
		if parameter.Text("name") == name {
			found = append(found, parameter)
		}
	}
	for _, parameter := range e.r.Must(found, "parameter "+key, why, fix) {
		e.r.Want(parameter, parameter.Text("insecureValue") == value, "insecureValue", value+": "+why, fix)
	}
}

// stores are what holds a client's data, or could.
func (e environments) stores() []*graph.Resource {
	return e.g.OfType(typeDatabase, typeDocuments, typeCache, typeBucket, typeSecret, "aws:backup/vault:Vault")
}

// tags say of everything that holds data which environment it is in: people and bills go by them.
func (e environments) tags() {
	for _, one := range e.r.Must(e.stores(), "database or bucket", "data that is marked with its environment", "components make them") {
		e.r.Want(one, one.Text("tags.environment") == string(e.client.Environment), "tags.environment", string(e.client.Environment), "pass Scope.Tags to it")
	}
}

// restored is nothing: what there is was made empty in this stack.
func (e environments) restored() {
	const expected = "nothing: made empty, not from a snapshot or copy"
	const fix = "make it empty and fill it with test data"
	for _, kind := range []struct {
		typeToken string
		from      []string // properties that name what it is restored from
	}{
		{typeDatabase, []string{"snapshotIdentifier", "restoreToPointInTime", "s3Import"}},
		{typeDocuments, []string{"snapshotIdentifier", "restoreToPointInTime", "globalClusterIdentifier"}},
		{typeCache, []string{"snapshotName", "snapshotArns", "globalReplicationGroupId"}},
		{typeTemplate, []string{"blockDeviceMappings.*.ebs.snapshotId"}},
		{typeMachine, []string{"ebsBlockDevices.*.snapshotId"}},
	} {
		for _, one := range e.g.OfType(kind.typeToken) {
			for _, property := range kind.from {
				e.r.Want(one, !one.Has(property), property, expected, fix)
			}
			if kind.typeToken == typeDatabase && one.Has("replicateSourceDb") {
				e.r.Want(one, one.Ref("replicateSourceDb", typeDatabase) != nil, "replicateSourceDb", "the environment's own database", fix)
			}
		}
	}
}

// handedOut is nothing: policies on production's data name the account as a whole, AWS services, or roles of this stack.
func (e environments) handedOut() {
	account := e.client.AWS.Account
	for _, kind := range append(slices.Clone(opened), struct{ typeToken, path string }{typeRole, "assumeRolePolicy"}) {
		for _, holder := range e.g.OfType(kind.typeToken) {
			document, err := policy.Parse(holder.Text(kind.path))
			if !holder.Has(kind.path) {
				continue
			}
			wrong := ""
			if err != nil {
				wrong = "a policy that cannot be read"
			}
			for _, st := range document.Allows() {
				if verifiersOnly(e.client.AWS.Verifiers, holder, st) {
					continue // it sees no data: AC-3
				}
				if who := e.outsider(st, account); who != "" {
					wrong = statementName(st) + " lets in " + who
				}
			}
			found := "lets in the account, AWS services and roles of this stack"
			if wrong != "" {
				found = wrong
			}
			e.r.Say(holder, wrong == "", found, "no principal of another stack or environment", "name roles of this stack only")
		}
	}
}

// staff tells whether a principal is one of the people that an incident lets in, for an hour; they are AC-4's.
func (e environments) staff(who string) bool {
	return e.client.Access.BreakGlass != nil && slices.Contains(e.client.Access.BreakGlass.People, who)
}

// outsider is a principal of a statement that is not of this stack; empty where there is none.
func (e environments) outsider(st policy.Statement, account string) string {
	if st.Everyone() {
		return "everyone"
	}
	for _, kind := range slices.Sorted(maps.Keys(st.Principals)) {
		for _, who := range st.Principals[kind] {
			own := kind == "Service" || kind == "AWS" && (who == account || who == "arn:aws:iam::"+account+":root" ||
				e.staff(who) || e.g.Resolve(who, typeRole, "aws:iam/serviceLinkedRole:ServiceLinkedRole") != nil)
			if !own {
				return who
			}
		}
	}
	return ""
}
