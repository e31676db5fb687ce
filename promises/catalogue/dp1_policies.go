package catalogue

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
)

// How DP-1 reads policies: who may use what the client has, and what the client's roles may use.

type condition = policy.Condition

// document reads a policy; one that cannot be read is reported and shows nothing.
func (t tenancy) document(holder *graph.Resource, path string) (policy.Document, bool) {
	document, err := policy.Parse(holder.Text(path))
	if err != nil {
		t.r.Want(holder, false, path, "a policy that can be read", "write it with components/policy")
	}
	return document, err == nil
}

// opened are the resources that say themselves who may use them, and where they say it.
var opened = []struct{ typeToken, path string }{
	{typeBucketPolicy, "policy"}, {typeKey, "policy"}, {"aws:kms/replicaKey:ReplicaKey", "policy"}, {typeSecretPolicy, "policy"},
	{typeTopicPolicy, "policy"}, {typeQueuePolicy, "policy"}, {"aws:backup/vaultPolicy:VaultPolicy", "policy"},
	{"aws:cloudwatch/logResourcePolicy:LogResourcePolicy", "policyDocument"},
	// A policy may also stand in the resource itself.
	{typeBucket, "policy"}, {typeSecret, "policy"}, {typeTopic, "policy"}, {typeQueue, "policy"},
}

// resourcePolicies let in the client's own account, and AWS services that act for it.
func (t tenancy) resourcePolicies() {
	const fix = "name the client's own account or resources in the component's policy"
	for _, kind := range opened {
		for _, holder := range t.g.OfType(kind.typeToken) {
			if !holder.Has(kind.path) && kind.typeToken != typeKey { // a key without a policy is anybody's in the account
				continue
			}
			document, ok := t.document(holder, kind.path)
			if !ok {
				continue
			}
			var strangers []string
			for _, st := range document.Allows() {
				for _, who := range t.strangers(st) {
					strangers = append(strangers, statementName(st)+" lets in "+who)
				}
				if slices.ContainsFunc(st.Actions, allActions) || len(st.NotActions) > 0 {
					strangers = append(strangers, statementName(st)+" allows everything")
				}
				if kind.typeToken == typeKey {
					strangers = append(strangers, t.keyUse(st)...)
				}
			}
			t.verdict(holder, strangers, "all its statements speak of account "+t.account, "the account "+t.account+", and AWS services that act for it; nobody else", fix)
		}
	}
}

// verdict reports what is wrong with a policy, or that nothing is.
func (t tenancy) verdict(holder *graph.Resource, wrong []string, right, expected, fix string) {
	if len(wrong) == 0 {
		t.r.Say(holder, true, right, expected, fix)
	}
	for _, what := range wrong {
		t.r.Say(holder, false, what, expected, fix)
	}
}

// strangers are the principals of a statement that neither belong to the account nor act for it.
func (t tenancy) strangers(st policy.Statement) []string {
	if st.Everyone() {
		return []string{"everyone"}
	}
	var found []string
	for _, kind := range slices.Sorted(maps.Keys(st.Principals)) {
		for _, who := range st.Principals[kind] {
			switch {
			case kind == "AWS" && (who == t.account || accountInARN(who) == t.account):
			case kind == "Service" && t.actsForUs(st):
			case kind == "Service":
				found = append(found, who+" whoever it acts for")
			default:
				found = append(found, who)
			}
		}
	}
	return found
}

// actsForUs tells whether a condition limits a statement to what belongs to the client's account.
func (t tenancy) actsForUs(st policy.Statement) bool {
	return slices.ContainsFunc(st.Conditions, func(c condition) bool {
		key := strings.ToLower(c.Key)
		about := key == "aws:sourceaccount" || key == "aws:sourcearn" || key == "aws:principalaccount" || strings.HasPrefix(key, "kms:encryptioncontext:")
		exact := slices.Contains([]string{"StringEquals", "StringLike", "ArnEquals", "ArnLike"}, c.Operator)
		return about && exact && len(c.Values) > 0 && !slices.ContainsFunc(c.Values, func(v string) bool { return v != t.account && accountInARN(v) != t.account })
	})
}

// allActions tells whether an action of a policy stands for all actions, of a service or of all services.
func allActions(action string) bool { return action == "*" || strings.HasSuffix(action, ":*") }

// keyUse says how a statement lets a key be used other than through calls of the account to AWS services.
func (t tenancy) keyUse(st policy.Statement) []string {
	var wrong []string
	wholeAccount := slices.Contains(st.Principals["AWS"], "arn:aws:iam::"+t.account+":root") || slices.Contains(st.Principals["AWS"], t.account)
	if wholeAccount && (st.Covers("kms:Decrypt") || st.Covers("kms:CreateGrant")) {
		if callers, limited := st.Condition("StringEquals", "kms:CallerAccount"); !limited || !slices.Equal(callers, []string{t.account}) {
			wrong = append(wrong, statementName(st)+" lets callers of other accounts use the key")
		}
		via, limited := st.Condition("StringEquals", "kms:ViaService")
		if !limited || slices.ContainsFunc(via, func(service string) bool { return !strings.HasSuffix(service, ".amazonaws.com") }) {
			wrong = append(wrong, statementName(st)+" lets the key be used past the services that it is for")
		}
	}
	if granted, limited := st.Condition("Bool", "kms:GrantIsForAWSResource"); st.Covers("kms:CreateGrant") && (!limited || !slices.Equal(granted, []string{"true"})) {
		wrong = append(wrong, statementName(st)+" lets grants be made to others than AWS services")
	}
	return wrong
}

// endpoints are doors out of the network: only the client's own principals go through, to the client's own resources.
func (t tenancy) endpoints() {
	const fix = "components/network, endpoints.go, writes the policies"
	for _, endpoint := range t.g.OfType(typeEndpoint) {
		document, ok := t.document(endpoint, "policy")
		if !ok {
			continue
		}
		var wrong []string
		for _, st := range document.Allows() {
			callers, limited := st.Condition("StringEquals", "aws:PrincipalAccount")
			owners, owned := st.Condition("StringEquals", "aws:ResourceAccount")
			if strangers := t.strangers(st); !st.Everyone() && len(strangers) > 0 {
				wrong = append(wrong, statementName(st)+" lets through "+strings.Join(strangers, ", "))
			}
			switch {
			case slices.Contains(st.Actions, "*") || len(st.NotActions) > 0:
				wrong = append(wrong, statementName(st)+" allows everything")
			case t.amazonLinux(st):
			case !limited || !slices.Equal(callers, []string{t.account}):
				wrong = append(wrong, statementName(st)+" lets callers of other accounts through")
			case t.release(st.Resources, st.Actions):
			case (st.Covers("s3:GetObject") || st.Covers("s3:PutObject")) && (!owned || !slices.Equal(owners, []string{t.account})):
				wrong = append(wrong, statementName(st)+" leads to buckets of other accounts")
			case !owned && slices.ContainsFunc(st.Actions, touchesData) && slices.ContainsFunc(st.Resources, func(arn string) bool { return accountInARN(arn) != t.account }):
				wrong = append(wrong, statementName(st)+" leads to resources of other accounts")
			}
		}
		t.verdict(endpoint, wrong, "only callers of account "+t.account+", to its own resources",
			"callers of account "+t.account+" only, to resources of that account only", fix)
	}
}

// touchesData tells whether an action may read or write a client's data.
func touchesData(action string) bool {
	return action != "sts:GetCallerIdentity" && !slices.ContainsFunc(harmless, func(pattern string) bool { return policy.Matches(pattern, action) })
}

// amazonLinux tells whether a statement is about reading Amazon's own packages, which are public.
func (t tenancy) amazonLinux(st policy.Statement) bool {
	packages := "arn:aws:s3:::al2023-repos-" + t.client.AWS.Region + "-"
	return slices.Equal(st.Actions, []string{"s3:GetObject"}) && len(st.Resources) > 0 &&
		!slices.ContainsFunc(st.Resources, func(arn string) bool { return !strings.HasPrefix(arn, packages) })
}

// release tells whether all that is done is reading releases, which the organisation keeps for all clients.
func (t tenancy) release(resources, actions []string) bool {
	releases := "arn:aws:s3:::" + t.client.Service.Release.Bucket + "/taskflow/"
	return slices.Equal(actions, []string{"s3:GetObject"}) && len(resources) > 0 &&
		!slices.ContainsFunc(resources, func(arn string) bool { return !strings.HasPrefix(arn, releases) })
}

// statementName names a statement of a policy.
func statementName(st policy.Statement) string {
	if st.Sid != "" {
		return "statement " + st.Sid
	}
	return fmt.Sprintf("the statement on %s", strings.Join(append(slices.Clone(st.Actions), st.NotActions...), ", "))
}
