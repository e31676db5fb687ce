package aws_test

import (
	"slices"
	"testing"

	"github.com/berth-iac/berth/engine"
)

// The two accounts are those of the stacks' files.
const (
	clientAccount       = "123456789012"
	organisationAccount = "111122223333"
)

func protected(s engine.Step) bool { return s.Protected }

// The reference client in production, as the repository has it.
func TestProduction(t *testing.T) {
	t.Parallel()
	life{
		stack: "prod", account: clientAccount, terratest: true,
		prove: func(t *testing.T, d *deployed) {
			prove(t, d, production, clientProofs())
			prove(t, d, production, terratestProofs())
		},
		while: append(slices.Clone(whileUp["prod"]), hook{"drift is found and repaired, a change of the spec made, and the client leaves", clientDrift}),
		stays: productionStays,
	}.live(t)
}

// A client with another database, and with documents. What moto lacks is tried here, so that this account may be left
// with halves of things that a try made.
func TestMySQLAndDocuments(t *testing.T) {
	t.Parallel()
	mysql := production
	mysql.engine, mysql.port, mysql.parameter = "mysql", 3306, map[string]string{"require_secure_transport": "1", "tls_version": "TLSv1.2,TLSv1.3"}
	life{
		stack: "prod", account: clientAccount, try: true,
		settings: settings{"database.engine": "mysql", "database.version": "8.4", "documents": map[string]any{}},
		prove:    func(t *testing.T, d *deployed) { prove(t, d, mysql, clientProofs()) },
		while: []hook{
			{"drift is found and repaired, a change of the spec made, and the client leaves", func(t *testing.T, d *deployed) {
				drifted(t, d, []drift{otherTag}, wish{settings{"alerts.emails": []string{operations, duty}}, moreSubscriptions("create", mysql)}.
					leaves(append(slices.Clone(unprotected), "update aws:docdb/cluster:Cluster documents-cluster")...))
			}},
			{"what moto lacks is as gaps.yaml has it", reportedGaps}, // some of it shows when it is read again, which a refresh does
		},
	}.live(t)
}

// As little as staging can have.
func TestMinimal(t *testing.T) {
	t.Parallel()
	minimal := production
	minimal.name, minimal.machines, minimal.zones, minimal.multiAZ, minimal.second, minimal.phones = "acme-staging", 1, 2, false, "", false
	life{
		stack: "prod", account: clientAccount,
		settings: settings{
			"environment": "staging", "aws.zones": 2, "cache": nil, "network.natGateways": "single",
			"backup": map[string]any{"secondRegion": "none"},
			"alerts": map[string]any{"emails": []string{"operations@northwind.example"}},
		},
		prove: func(t *testing.T, d *deployed) { prove(t, d, minimal, clientProofs()) },
		while: []hook{
			{"drift is found and repaired, and a change of the spec made", func(t *testing.T, d *deployed) {
				drifted(t, d, []drift{otherTag}, wish{settings{"alerts.emails": []string{operations, duty}}, moreSubscriptions("create", minimal)})
			}},
			{"the change of the spec is taken back", takenBack(minimal)},
			{"a change that would lose data is refused", clientDanger},
		},
		stays: minimalStays,
	}.live(t)
}

func TestOrganisation(t *testing.T) {
	t.Parallel()
	life{
		stack: "organisation", account: organisationAccount,
		prove: func(t *testing.T, d *deployed) { prove(t, d, organisation, organisationProofs()) },
		while: append([]hook{{"drift is found and repaired, and a change of the spec made", organisationDrift}}, whileUp["organisation"]...),
		stays: organisationStays,
	}.live(t)
}
