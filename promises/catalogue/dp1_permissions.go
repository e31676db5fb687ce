package catalogue

import (
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
)

// How DP-1 reads the client's roles: who may take them, and what they may use.

// roles are taken by nobody from outside. Which services take them, and who reads the account back, is AC-3's, the people of
// an open break-glass access AC-4's.
func (t tenancy) roles() {
	for _, role := range t.r.Must(t.g.OfType(typeRole), "role", "roles of the client's own", "components/compute, identity.go, makes the machines'") {
		document, ok := t.document(role, "assumeRolePolicy")
		if !ok {
			continue
		}
		var strangers []string
		for _, st := range document.Allows() {
			services := st.Principals["Service"]
			for _, who := range t.strangers(policy.Statement{Principals: st.Principals, NotPrincipals: st.NotPrincipals}) {
				service := slices.ContainsFunc(services, func(name string) bool { return strings.HasPrefix(who, name+" ") })
				staff := t.client.Access.BreakGlass != nil && slices.Contains(t.client.Access.BreakGlass.People, who)
				verifies := takers(role) == takenByVerifiers && slices.Contains(t.client.AWS.Verifiers, who)
				if !service && !staff && !verifies {
					strangers = append(strangers, statementName(st)+" lets "+who+" take the role")
				}
			}
		}
		t.verdict(role, strangers, "nobody of another account takes the role", "nobody of another account than "+t.account,
			"name AWS services in the role's trust, or principals of the client's account")
	}
}

// permissions name the client's own resources. Nothing is allowed on "*" that reads or writes data.
func (t tenancy) permissions() {
	const expected = "the client's own resources by name, in account "
	for _, holder := range t.g.OfType(typeRolePolicy, "aws:iam/policy:Policy") {
		document, ok := t.document(holder, "policy")
		if !ok {
			continue
		}
		if verifierPolicy(holder) { // it looks at everything, and is held to looking
			wrong := beyondLooking(document)
			t.verdict(holder, wrong, "looks at how things are set up, and at no data", "no data for whoever reads the account back", fixVerifier)
			continue
		}
		var wrong []string
		for _, st := range document.Allows() {
			for _, resource := range t.foreign(st) {
				wrong = append(wrong, statementName(st)+" allows "+strings.Join(st.Actions, ", ")+" on "+resource)
			}
		}
		t.verdict(holder, wrong, howMany(len(document.Allows()), "statement")+", on the client's own resources", expected+t.account, "name the stack's own resources in the policy")
	}
}

// harmless actions read and write no client's data; some of them take no resource.
var harmless = []string{
	"cloudwatch:PutMetricData", "cloudwatch:DescribeAlarm*", "cloudwatch:GetMetric*", "cloudwatch:ListMetrics", "logs:DescribeLogGroups",
	"ssm:UpdateInstanceInformation", "ssmmessages:*", "ec2messages:*", "ssm:ResumeSession", "ssm:TerminateSession",
}

// foreign are the resources of a statement that are not the client's own, or could be others'.
func (t tenancy) foreign(st policy.Statement) []string {
	if len(st.NotActions) > 0 || len(st.NotResources) > 0 || len(st.Actions) == 0 {
		return []string{"everything but what it names"}
	}
	if !slices.ContainsFunc(st.Actions, touchesData) || t.release(st.Resources, st.Actions) {
		return nil
	}
	var found []string
	for _, resource := range st.Resources {
		if !t.own(resource) {
			found = append(found, resource)
		}
	}
	if st.Covers("kms:Decrypt") || st.Covers("kms:GenerateDataKey") {
		found = append(found, t.looseKeyUse(st)...)
	}
	return found
}

// looseKeyUse says how a role's use of a key is not tied to a service and to what is encrypted.
func (t tenancy) looseKeyUse(st policy.Statement) []string {
	var found []string
	if _, limited := st.Condition("StringEquals", "kms:ViaService"); !limited {
		found = append(found, "its keys past the services that they are for")
	}
	bound := slices.ContainsFunc(st.Conditions, func(c condition) bool {
		return strings.HasPrefix(strings.ToLower(c.Key), "kms:encryptioncontext:") && len(c.Values) > 0 &&
			!slices.ContainsFunc(c.Values, func(v string) bool { return !t.own(v) })
	})
	if !bound {
		found = append(found, "its keys for whatever they encrypt")
	}
	return found
}

// ownTypes are the resources that permissions name by ARN.
var ownTypes = []string{
	typeBucket, typeKey, typeSecret, typeDatabase, typeDocuments, typeCache, typeTopic, typeQueue,
	typeLogGroup, typeFleet, typeSecurityGroup, typeIngress, typeParameter, "aws:backup/vault:Vault",
}

// own tells whether an ARN of a permission stands for something of the client's stack, or for part of it.
func (t tenancy) own(arn string) bool {
	for part := arn; ; {
		if t.g.Resolve(part, ownTypes...) != nil {
			return true
		}
		cut := strings.LastIndexAny(part, "/:")
		if cut < 0 || strings.Count(part[:cut], ":") < 5 {
			break
		}
		part = part[:cut]
	}
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[4] != t.account {
		return false
	}
	return t.named(parts[2], parts[5]) || t.masterSecret(arn)
}

// named tells whether the last part of an ARN of the account names something of the stack. It serves for what AWS
// names in another way than by the resource's own ARN.
func (t tenancy) named(service, rest string) bool {
	is := func(id string, types ...string) bool { return t.g.Resolve(id, types...) != nil }
	after := func(prefix string) string {
		if value, found := strings.CutPrefix(rest, prefix); found {
			return value
		}
		return ""
	}
	switch service {
	case "rds-db":
		id, user, _ := strings.Cut(after("dbuser:"), "/")
		db := t.g.Resolve(id, typeDatabase)
		return db != nil && user != "" && !strings.ContainsAny(user, "*?") && user != db.Text("username")
	case "elasticache":
		return slices.ContainsFunc(t.g.OfType(typeCache), func(cache *graph.Resource) bool {
			return rest == "replicationgroup:"+cache.Text("replicationGroupId")
		}) || is(after("user:"), typeCacheUser)
	case "ssm":
		path := "parameter/berth/" + t.client.Client.Name + "/" + string(t.client.Environment)
		return rest == path || strings.HasPrefix(rest, path+"/") || is(after("document/"), "aws:ssm/document:Document")
	case "logs":
		group, _, _ := strings.Cut(after("log-group:"), ":") // what follows are its streams
		return is(group, typeLogGroup)
	case "autoscaling":
		return is(after("autoScalingGroup:*:autoScalingGroupName/"), typeFleet)
	case "ec2":
		return is(after("security-group/"), typeSecurityGroup) || is(after("instance/"), typeMachine)
	}
	return false
}

// masterSecret tells whether a secret is one that AWS made for the administrator of a database of the stack.
func (t tenancy) masterSecret(arn string) bool {
	return slices.ContainsFunc(t.g.OfType(typeDatabase, typeDocuments), func(db *graph.Resource) bool {
		secrets, _ := db.Outputs["masterUserSecrets"].([]any)
		return slices.ContainsFunc(secrets, func(secret any) bool {
			object, _ := secret.(map[string]any)
			return object["secretArn"] == arn
		})
	})
}
