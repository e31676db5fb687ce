package catalogue

import (
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
)

// policyOf reads what a vault's or bucket's policy says, or reports that it cannot be read.
func policyOf(r *promises.Report, guard *graph.Resource) (policy.Document, bool) {
	document, err := policy.Parse(guard.Text("policy"))
	if err != nil {
		r.Want(guard, false, "policy", "a policy that can be read", "let components/policy write it")
	}
	return document, err == nil
}

// toAll tells whether a statement speaks of everybody without exception.
func toAll(st policy.Statement) bool {
	return len(st.NotPrincipals) == 0 && (slices.Contains(st.Principals["*"], "*") || slices.Contains(st.Principals["AWS"], "*"))
}

// wantRefused reports whether a policy refuses actions to everybody on what on accepts, under these conditions exactly.
func wantRefused(r *promises.Report, guard *graph.Resource, document policy.Document, conditions []policy.Condition,
	on func(arns []string) bool, expected string, actions ...string,
) {
	var open []string
	for _, action := range actions {
		if !slices.ContainsFunc(document.Denies(), func(st policy.Statement) bool {
			return toAll(st) && st.Covers(action) && on(st.Resources) && slices.EqualFunc(st.Conditions, conditions, sameCondition)
		}) {
			open = append(open, action)
		}
	}
	found := "refused: " + strings.Join(actions, ", ")
	if len(open) > 0 {
		found = "not refused to all, or under other conditions: " + strings.Join(open, ", ")
	}
	r.Say(guard, len(open) == 0, found, expected, "leave the policy to components/backup and components/bucket")
}

func sameCondition(a, b policy.Condition) bool {
	return a.Operator == b.Operator && strings.EqualFold(a.Key, b.Key) && slices.Equal(slices.Sorted(slices.Values(a.Values)), slices.Sorted(slices.Values(b.Values)))
}

// wantNoOutsider reports whether the policy of what holds backups lets nobody in who is not of the client's account.
func wantNoOutsider(s promises.Subject, r *promises.Report, guarded *graph.Resource) {
	document, err := policy.Parse(guarded.Text("policy"))
	if err != nil {
		r.Want(guarded, false, "policy", "a policy that can be read", "let components/policy write it")
		return
	}
	var outsiders []string
	for _, st := range document.Allows() {
		for kind, who := range st.Principals {
			for _, principal := range who {
				if kind != "AWS" || !ofAccount(s, principal) {
					outsiders = append(outsiders, principal)
				}
			}
		}
		if len(st.NotPrincipals) > 0 {
			outsiders = append(outsiders, "all but some")
		}
	}
	slices.Sort(outsiders)
	found := "nobody of another account is let in"
	if len(outsiders) > 0 {
		found = "let in: " + strings.Join(slices.Compact(outsiders), ", ")
	}
	r.Say(guarded, len(outsiders) == 0, found, "nobody is let in but principals of account "+s.Client().AWS.Account, "leave the policy to the component that makes it")
}

// wantServes reports whether a service of the key's region can use a key of backups, and nobody can use it otherwise:
// whoever steals a copy cannot read it with the account's key alone.
func wantServes(s promises.Subject, r *promises.Report, key *graph.Resource, service string) {
	if key == nil {
		return
	}
	document, err := policy.Parse(key.Text("policy"))
	if err != nil {
		r.Want(key, false, "policy", "a policy that can be read", "let components/policy write it")
		return
	}
	var wrong []string
	serves := map[string]bool{"kms:Decrypt": false, "kms:GenerateDataKey": false, "kms:CreateGrant": service == "s3"} // S3 works without grants
	for _, st := range document.Allows() {
		for _, action := range []string{"kms:Decrypt", "kms:GenerateDataKey", "kms:CreateGrant"} {
			if !st.Covers(action) {
				continue
			}
			caller, _ := st.Condition("StringEquals", "kms:CallerAccount")
			via, _ := st.Condition("StringEquals", "kms:ViaService")
			bound := slices.Equal(caller, []string{s.Client().AWS.Account}) && len(via) > 0
			if action == "kms:CreateGrant" {
				granted, _ := st.Condition("Bool", "kms:GrantIsForAWSResource")
				bound = bound && slices.Equal(granted, []string{"true"})
			}
			if !bound {
				wrong = append(wrong, action+" is open to more than AWS's services")
			}
			serves[action] = serves[action] || slices.Contains(via, service+"."+key.Region()+".amazonaws.com")
		}
	}
	for action, can := range serves {
		if !can {
			wrong = append(wrong, service+" may not "+action)
		}
	}
	slices.Sort(wrong)
	found := "used through " + service + " in " + key.Region()
	if len(wrong) > 0 {
		found = strings.Join(slices.Compact(wrong), "; ")
	}
	r.Say(key, len(wrong) == 0, found, "used by the client's account through "+service+" in "+key.Region()+", and by nobody directly", "leave the key's policy to components/encryption")
}

// ofAccount tells whether a principal belongs to the client's account. Invented ARNs are known by their resource.
func ofAccount(s promises.Subject, principal string) bool {
	parts := strings.Split(principal, ":")
	return principal == s.Client().AWS.Account || len(parts) == 6 && parts[4] == s.Client().AWS.Account || s.Graph.Resolve(principal) != nil
}

// someObjects tells whether an ARN in a policy stands for objects of a bucket, all or some.
func someObjects(bucket *graph.Resource, arn string) bool {
	for i, c := range arn {
		if c == '/' && bucket.Goes(arn[:i]) {
			return true
		}
	}
	return false
}
