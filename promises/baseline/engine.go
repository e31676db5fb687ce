package baseline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
)

// filled are the properties that something else than the program fills once a resource is made, by type.
var filled = map[string][]string{
	"aws:autoscaling/group:Group":                    {"desiredCapacity"}, // scaling
	"aws:scheduler/schedule:Schedule":                {"startDate"},       // it lies in the past one day
	"aws:secretsmanager/secretVersion:SecretVersion": {"secretString"},    // people
	"aws:ssmcontacts/plan:Plan":                      {"stages"},          // the handover between those on call
	// What a machine reads at its first boot alone would replace it, with its data; bundles say what it is from then on.
	"aws:lightsail/instance:Instance": {"userData", "keyPairName", "blueprintId"},
	"hcloud:index/server:Server":      {"userData", "image", "sshKeys"},
}

// BerthEngine1 is changes that nobody reviewed: the engine puts them back unless it is told to ignore them.
func (baseline) BerthEngine1() promises.Control {
	return promises.Control{
		ID: "Berth.Engine.1", Title: "What is changed outside the program is put back", Severity: "medium",
		References: []string{"Pulumi docs, resource option ignoreChanges"},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, resource := range s.Graph.Clouds() {
				ignored := resource.IgnoreChanges
				if len(ignored) == 0 && !resource.Protect {
					continue // of those that ignore nothing, what holds data is enough to name
				}
				others := !slices.ContainsFunc(ignored, func(property string) bool { return !slices.Contains(filled[resource.Type], property) })
				r.Say(resource, others, either(len(ignored) == 0, "no change is ignored", "changes are ignored of "+strings.Join(ignored, ", ")),
					"no change ignored, but of what scaling, people or schedules fill", "take the option IgnoreChanges away")
			}
		},
	}
}

// BerthEngine2 is providers that work in one account, whatever credentials they are given.
func (baseline) BerthEngine2() promises.Control {
	return promises.Control{
		ID: "Berth.Engine.2", Title: "Each provider refuses every account but the stack's own", Severity: "medium",
		References: []string{"Pulumi docs, AWS provider option allowedAccountIds"},
		Check: func(s promises.Subject, r *promises.Report) {
			for _, provider := range s.Graph.OfType("pulumi:providers:aws") {
				own := account(s)
				only := slices.Equal(provider.Texts("allowedAccountIds"), []string{own}) || provider.Text("allowedAccountIds") == `["`+own+`"]`
				r.Want(provider, own != "" && only, "allowedAccountIds", fmt.Sprintf("%s only", own), "bind the provider to the account (stacks/providers)")
			}
		},
	}
}

// letting are the types whose policies let others in, and the property that has the policy.
var letting = []struct{ typeToken, path string }{
	{roleType, "assumeRolePolicy"}, {keyType, "policy"}, {replicaType, "policy"}, {"aws:s3/bucketPolicy:BucketPolicy", "policy"},
	{"aws:sns/topicPolicy:TopicPolicy", "policy"}, {"aws:sqs/queuePolicy:QueuePolicy", "policy"}, {"aws:backup/vaultPolicy:VaultPolicy", "policy"},
	{"aws:secretsmanager/secretPolicy:SecretPolicy", "policy"}, {"aws:cloudwatch/logResourcePolicy:LogResourcePolicy", "policyDocument"},
}

// BerthIAM1 is accounts that policies let in.
func (baseline) BerthIAM1() promises.Control {
	return promises.Control{
		ID: "Berth.IAM.1", Title: "Policies let in no account that the stack does not know", Severity: "high",
		References: []string{fsbp("IAM.28"), cis("1.20"), prowler("s3_bucket_cross_account_access")},
		Check: func(s promises.Subject, r *promises.Report) {
			known := knownAccounts(s)
			for _, of := range letting {
				for _, resource := range s.Graph.OfType(of.typeToken) {
					d, readable := document(resource, of.path)
					var strangers []string
					for _, st := range d.Allows() {
						for _, principal := range slices.Concat(st.Principals["AWS"], st.Principals["Federated"]) {
							if !own(s.Graph, known, principal) && !verifies(s, resource, principal) && !slices.Contains(strangers, principal) {
								strangers = append(strangers, principal)
							}
						}
					}
					r.Want(resource, readable && len(strangers) == 0, of.path, "principals of the accounts "+strings.Join(known, ", ")+" only",
						"take "+strings.Join(strangers, ", ")+" out of the policy, or name the account in the spec")
				}
			}
		},
	}
}

// knownAccounts are the accounts that the spec names: the stack's own, clients', and those of people who may open doors.
func knownAccounts(s promises.Subject) []string {
	accounts := []string{account(s)}
	if o := s.Organisation(); o != nil {
		for _, client := range o.Clients {
			accounts = append(accounts, client.Account)
		}
	}
	if c := s.Client(); c != nil && c.Access.BreakGlass != nil {
		for _, person := range c.Access.BreakGlass.People {
			accounts = append(accounts, accountOf(person))
		}
	}
	slices.Sort(accounts)
	return slices.Compact(accounts)
}

// accountOf is the account of an ARN, or of a principal that is an account's number.
func accountOf(principal string) string {
	if parts := strings.Split(principal, ":"); len(parts) >= 6 {
		return parts[4]
	}
	return principal
}

// own tells whether a principal belongs to a known account or is a resource of the stack. Everyone is no account:
// other controls are about them.
func own(g *graph.Graph, known []string, principal string) bool {
	return principal == "*" || slices.Contains(known, accountOf(principal)) || g.Resolve(principal) != nil
}
