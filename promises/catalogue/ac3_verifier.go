package catalogue

import (
	"regexp"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
)

// verifierRole is the role that reads an account back, and its policy. Nothing else is called so.
const verifierRole = "berth-verify"

const fixVerifier = "correct components/verifier, which makes the role from aws.verifiers in the spec"

// looking are actions that change nothing; the report on credentials is made anew for whoever reads it.
var looking = regexp.MustCompile(`^[a-z0-9-]+:((Describe|Get|List|Lookup|Simulate)[A-Za-z0-9]*|GenerateCredentialReport)$`)

// hidden are the actions that show data or secrets, or hand out credentials, though they are called after looking.
var hidden = append([]string{
	"cloudtrail:GetQueryResults", "ec2:GetConsoleScreenshot", "kms:GenerateDataKey", "logs:GetLogObject", "logs:GetLogRecord", "rds:DownloadCompleteDBLogFile", "rds:DownloadDBLogFilePortion",
	"s3:GetObjectAcl", "s3:GetObjectAttributes", "s3:GetObjectTagging", "s3:GetObjectTorrent", "s3:GetObjectVersionAttributes", "s3:GetObjectVersionTagging", "secretsmanager:BatchGetSecretValue", "ssm:GetParameterHistory", "sts:AssumeRole", "sts:GetFederationToken", "sts:GetSessionToken", "wafv2:GetSampledRequests",
}, dataActions...)

// wantVerifier reports whether the account is read back by those only whom the spec names, and whether they can do
// nothing but look: at how things are set up, not at data.
func wantVerifier(s promises.Subject, r *promises.Report) {
	named := s.Verifiers()
	roles := slices.DeleteFunc(s.Graph.OfType(typeRole), func(role *graph.Resource) bool { return takers(role) != takenByVerifiers })
	if len(named) > 0 {
		r.Must(roles, "role "+verifierRole, "a role that "+listed(named)+" read the account back with", fixVerifier)
	}
	for _, role := range roles {
		wantVerifierTrust(s, r, role, named)
		wantSession(r, role, 3600)
		given := permissionsOf(s.Graph, role)
		for _, p := range given {
			wrong := beyondLooking(p.document)
			if p.unread || p.managed != "" {
				wrong = append(wrong, "a policy that cannot be judged: "+p.managed)
			}
			wantNothingElse(r, p.source, wrong)
		}
		r.Say(role, slices.ContainsFunc(given, func(p permission) bool { return deniesData(p.document) }), "policies: "+policyNames(given),
			"a policy of its own that denies everything that shows data or secrets", fixVerifier)
		boundary := role.Ref("permissionsBoundary", iamPolicy)
		r.Want(role, boundary != nil, "permissionsBoundary", "a boundary of this stack: whatever else is attached to the role adds nothing", fixVerifier)
		if boundary != nil {
			document, err := policy.Parse(boundary.Text("policy"))
			wrong := beyondLooking(document)
			if err != nil || !deniesData(document) {
				wrong = append(wrong, "data and secrets are not denied")
			}
			wantNothingElse(r, boundary, wrong)
		}
	}
}

func wantNothingElse(r *promises.Report, source *graph.Resource, wrong []string) {
	found := "looks at how things are set up"
	if len(wrong) > 0 {
		found = strings.Join(wrong, "; ")
	}
	r.Say(source, len(wrong) == 0, found, "looking, action by action, at no data and no secrets", fixVerifier)
}

func policyNames(given []permission) string {
	var names []string
	for _, p := range given {
		names = append(names, p.source.Name)
	}
	return listed(names)
}

// wantVerifierTrust reports whether exactly those whom the spec names take the role: roles as they are, for who takes these
// was asked for a second factor there or is the pipeline, and users with a fresh one, under their own name.
func wantVerifierTrust(s promises.Subject, r *promises.Report, role *graph.Resource, named []string) {
	trust, ok := trustOf(role)
	var found, wrong []string
	conditions := []policy.Condition{
		is("Bool", "aws:MultiFactorAuthPresent", "true"), is("NumericLessThan", "aws:MultiFactorAuthAge", "3600"), is("StringEquals", "sts:RoleSessionName", "${aws:username}"),
	}
	if o := s.Organisation(); o != nil {
		conditions = append(conditions, is("IpAddress", "aws:SourceIp", offices(o)...))
	}
	for _, statement := range trust.Allows() {
		for kind, who := range statement.Principals {
			if kind != "AWS" {
				wrong = append(wrong, "others than roles and users may take it: "+kind)
			}
			found = append(found, who...)
		}
		if len(statement.NotPrincipals) > 0 {
			wrong = append(wrong, "everybody but a few may take it")
		}
		if !slices.Equal(statement.Actions, []string{"sts:AssumeRole"}) {
			wrong = append(wrong, "it allows "+listed(statement.Actions))
		}
		if slices.ContainsFunc(statement.Principals["AWS"], func(arn string) bool { return !strings.Contains(arn, ":role/") }) {
			wrong = append(wrong, lacks(statement, conditions...)...)
		}
	}
	text := "taken by " + listed(found)
	if len(wrong) > 0 {
		text += "; not exactly so: " + strings.Join(wrong, "; ")
	}
	r.Say(role, ok && sameTexts(found, named) && len(named) > 0 && len(wrong) == 0, text,
		"taken by exactly those whom aws.verifiers names, users with a second factor within the hour and under their own name: "+listed(named), "change aws.verifiers in the spec, from which components/verifier makes the trust")
}

// verifiersOnly tells whether a statement of a resource's policy lets in those only who read the account back with it.
func verifiersOnly(named []string, holder *graph.Resource, statement policy.Statement) bool {
	return holder.Type == typeRole && takers(holder) == takenByVerifiers && len(statement.NotPrincipals) == 0 && len(statement.Principals) == 1 && len(statement.Principals["AWS"]) > 0 &&
		!slices.ContainsFunc(statement.Principals["AWS"], func(who string) bool { return !slices.Contains(named, who) })
}

// beyondLooking says what a policy allows that is more than looking at how things are set up.
func beyondLooking(d policy.Document) []string {
	var wrong []string
	for _, statement := range d.Allows() {
		if len(statement.NotActions) > 0 || len(statement.NotResources) > 0 {
			wrong = append(wrong, "allows everything but "+listed(append(slices.Clone(statement.NotActions), statement.NotResources...)))
		}
		for _, action := range statement.Actions {
			switch {
			case !looking.MatchString(action):
				wrong = append(wrong, "allows "+action+", which does not only look")
			case slices.Contains(hidden, action):
				wrong = append(wrong, "allows "+action+", which shows data or secrets")
			}
		}
	}
	return wrong
}

// deniesData tells whether a policy denies whatever shows data or secrets, whoever else should allow it.
func deniesData(d policy.Document) bool {
	return !slices.ContainsFunc(hidden, func(action string) bool { return !denied(d, action, "*") })
}

// verifierPolicy tells whether a policy is that of the role that reads the account back, and nobody else's.
func verifierPolicy(p *graph.Resource) bool {
	return p.Type == iamPolicy && p.Text("name") == verifierRole
}
