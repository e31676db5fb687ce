package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
	"github.com/berth-iac/berth/spec"
)

// OP1 is that only what was reviewed and signed is deployed.
func (catalogue) OP1() promises.Promise {
	return promises.Promise{
		ID:    "OP-1",
		Title: "Reviewed and signed releases only",
		Sentence: "Every change to your service is reviewed by an engineer before it is deployed, and only reviewed, signed releases are deployed: " +
			"your servers install exactly the release that your configuration names, by its checksum.",
		Duties: map[promises.Hosting]promises.Duty{promises.Organisation: promises.Ours, promises.Service: promises.Ours},
		Parameters: func(h promises.Hosting, s *spec.Spec) []promises.Parameter {
			if h == promises.Organisation {
				environment := organisationSpec(s).Pipeline.Environment
				if environment == "" {
					environment = "production"
				}
				return []promises.Parameter{{Name: "deployments wait for a reviewer in environment", Value: environment, Key: "pipeline.environment"}}
			}
			release := clientSpec(s).Service.Release.Version
			if release == "" {
				release = "the one that the client's configuration names"
			}
			return []promises.Parameter{{Name: "release", Value: release, Key: "service.release.version"}}
		},
		ReadBack: true,
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "the graph lets only the pipeline's own repository and environment deploy, only its release role write and sign releases, and machines install one release by checksum"},
			{Level: promises.Live, How: "who may act as the pipeline, what each job may do, and the buckets and the key of releases and state are read back from the " +
				"account; the repository's own rules for reviews are not in AWS and not read"},
		},
		Keywords: []string{
			"change review", "change management", "peer review", "reviewed before deployed", "signed release", "unsigned release refused",
			"reviewed by an engineer", "deployment pipeline", "release process", "one developer release a change", "only reviewed code runs",
			"unreviewed code", "ci/cd", "software supply chain", "code signing", "release management", "branch protection",
			"secure development lifecycle", "sdlc", "separation of development and production", "artefact integrity", "oidc", "provenance",
			"code review", "signed releases", "four-eyes principle", "change approval", "change control",
		},
		Check: func(s promises.Subject, r *promises.Report) {
			if s.Organisation() != nil {
				jobs := pipelineTrust(s, r)
				releases(s, r, jobs)
				pipelineState(s, r, jobs)
				return
			}
			pinnedRelease(s, r)
		},
		Checks: map[promises.Hosting]promises.Check{promises.OnSites: signedReleases, promises.OnLightsail: signedReleases, promises.OnPremises: signedReleases},
	}
}

// The jobs of the pipeline, each with a role of its own.
const (
	jobPreview = "preview" // shows what a change would do, before anybody reviewed it
	jobDeploy  = "deploy"  // after a reviewer released it
	jobRelease = "release" // stores and signs, from a tag
)

// issuer is who vouches for a run of the pipeline, and what its tokens say for each job.
type issuer struct {
	url, audience string
	claims        map[string][]policy.Condition
}

// issuerOf is the issuer that the spec names.
func issuerOf(p spec.Pipeline) issuer {
	if p.Provider == "circleci" {
		organisation, project, _ := strings.Cut(p.Repository, "/")
		i := issuer{url: "https://oidc.circleci.com/org/" + organisation, audience: organisation}
		own := "org/" + organisation + "/project/" + project + "/user/*"
		at := func(ref string) []policy.Condition {
			return []policy.Condition{is("StringLike", i.claim("sub"), own+"/vcs-origin/*/vcs-ref/"+ref), is("StringNotLike", i.claim("sub"), "*/vcs-ref/*/vcs-ref/*")}
		}
		i.claims = map[string][]policy.Condition{jobPreview: {is("StringLike", i.claim("sub"), own)}, jobDeploy: at("refs/heads/main"), jobRelease: at("refs/tags/*")}
		return i
	}
	i := issuer{url: "https://token.actions.githubusercontent.com", audience: "sts.amazonaws.com"}
	subject := func(of string) policy.Condition {
		return is("StringEquals", i.claim("sub"), "repo:"+p.Repository+":"+of)
	}
	released := subject("environment:" + p.Environment)
	i.claims = map[string][]policy.Condition{jobPreview: {subject("pull_request")}, jobDeploy: {released}, jobRelease: {released, is("StringLike", i.claim("ref"), "refs/tags/*")}}
	return i
}

// claim is a claim of the issuer's tokens as conditions call it.
func (i issuer) claim(name string) string { return strings.TrimPrefix(i.url, "https://") + ":" + name }

// job is the job whose runs a trust statement lets in; empty where it lets in others.
func (i issuer) job(statement policy.Statement) string {
	for _, job := range []string{jobRelease, jobDeploy, jobPreview} { // the narrowest first
		if len(lacks(statement, append(i.claims[job], is("StringEquals", i.claim("aud"), i.audience))...)) == 0 {
			return job
		}
	}
	return ""
}

// pipelineTrust judges who may act as the pipeline, and what each of its jobs may do. It returns the jobs' roles.
func pipelineTrust(s promises.Subject, r *promises.Report) map[string]*graph.Resource {
	const fix = "correct components/pipeline, which makes the trust from pipeline in the organisation's spec"
	i := issuerOf(s.Organisation().Pipeline)
	const provider = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
	for _, p := range r.Must(s.Graph.OfType(provider), "identity provider of the pipeline", "an issuer whose tokens say which repository runs", fix) {
		r.Want(p, p.Text("url") == i.url, "url", i.url, fix)
		r.Want(p, slices.Equal(p.Texts("clientIdLists"), []string{i.audience}), "clientIdLists", "for "+i.audience+" only", fix)
	}
	jobs := map[string]*graph.Resource{}
	for _, role := range s.Graph.OfType(typeRole) {
		if takers(role) != takenByFederated {
			continue
		}
		trust, _ := trustOf(role)
		job, wrong := "", []string{}
		for _, statement := range trust.Allows() {
			one := i.job(statement)
			if one == "" || job != "" && one != job {
				wrong = append(wrong, "runs beyond "+s.Organisation().Pipeline.Repository+": "+listed(lacks(statement, append(i.claims[jobDeploy], is("StringEquals", i.claim("aud"), i.audience))...)))
			}
			job = one
			issued := len(statement.Principals) == 1 && len(statement.Principals["Federated"]) == 1 && s.Graph.Resolve(statement.Principals["Federated"][0], provider) != nil
			if !issued || !slices.Equal(statement.Actions, []string{"sts:AssumeRoleWithWebIdentity"}) {
				wrong = append(wrong, "not by the pipeline's identity alone")
			}
		}
		found := "taken by runs for " + job
		if len(wrong) > 0 {
			found = strings.Join(wrong, "; ")
		}
		r.Say(role, len(wrong) == 0 && job != "", found, "runs of "+s.Organisation().Pipeline.Repository+" only: of its pull requests, or released by a reviewer in environment "+s.Organisation().Pipeline.Environment, fix)
		wantSession(r, role, 3600)
		pipelinePowers(s, r, role, job)
		if job != "" {
			jobs[job] = role
		}
	}
	for _, job := range []string{jobPreview, jobDeploy, jobRelease} {
		if jobs[job] == nil {
			r.Missing("role for the job "+job, "a role of its own for each job of the pipeline", fix)
		}
	}
	return jobs
}

// powersOf are the most that each job may be allowed; a resource is checked where one has to be.
var powersOf = map[string][]string{
	jobPreview: {"s3:ListBucket", "s3:GetObject", "kms:Decrypt", "sts:AssumeRole"},
	jobDeploy:  {"s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "kms:Decrypt", "kms:GenerateDataKey", "sts:AssumeRole"},
	jobRelease: {"s3:PutObject", "kms:Sign", "kms:DescribeKey", "kms:GetPublicKey", "kms:Decrypt", "kms:GenerateDataKey"},
}

// pipelinePowers judges what a job may do: its own work, on named resources, within a boundary that lets it change
// neither itself nor the people's access.
func pipelinePowers(s promises.Subject, r *promises.Report, role *graph.Resource, job string) {
	const fix = "correct components/pipeline/permissions.go"
	o := s.Organisation()
	w := width{graph: s.Graph, accounts: []string{o.AWS.Account}, keys: job != jobRelease}
	for _, client := range o.Clients {
		w.accounts = append(w.accounts, client.Account)
	}
	var extra, given, taken []string
	roles := clientRoles(o, "berth-"+job)
	if job == jobPreview { // whoever previews also reads the accounts back
		roles = append(append(roles, clientRoles(o, verifierRole)...), "arn:aws:iam::"+o.AWS.Account+":role/"+verifierRole)
	}
	for _, p := range permissionsOf(s.Graph, role) {
		if p.managed != "" || p.unread {
			extra = append(extra, "the policy "+p.managed)
			continue
		}
		wantNarrowDocument(r, w, p.source, p.document, fix)
		for _, statement := range p.document.Allows() {
			given = append(given, statement.Actions...)
			if statement.Covers("sts:AssumeRole") {
				taken = append(taken, statement.Resources...)
			}
			if statement.Covers("s3:DeleteObject") && slices.ContainsFunc(statement.Resources, func(arn string) bool { return !strings.HasSuffix(arn, "/.pulumi/locks/*") }) {
				extra = append(extra, "s3:DeleteObject on "+listed(statement.Resources))
			}
		}
	}
	if job != jobRelease && !sameTexts(taken, roles) {
		extra = append(extra, "sts:AssumeRole on "+listed(taken)+" in place of "+listed(roles))
	}
	r.Say(role, len(extra) == 0 && sameTexts(given, powersOf[job]), "allows "+listed(given)+"; beyond the job: "+listed(extra), "exactly the job: "+listed(powersOf[job]), fix)
	boundary := wantRoleBoundary(r, role)
	if boundary == nil {
		return
	}
	document, _ := policy.Parse(boundary.Text("policy"))
	var more []string
	for _, statement := range document.Allows() {
		more = append(more, statement.NotActions...)
		for _, action := range statement.Actions {
			if !slices.Contains(slices.Concat(powersOf[jobPreview], powersOf[jobDeploy], powersOf[jobRelease]), action) {
				more = append(more, action)
			}
		}
	}
	w.keys = true
	wantNarrowDocument(r, w, boundary, document, fix)
	r.Say(boundary, len(more) == 0, "lets the pipeline besides: "+listed(more), "never more than the three jobs together: no change of roles, their trust or their boundaries", fix)
	wantDenied(r, boundary, []string{"iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:CreateServiceSpecificCredential", "iam:CreateUser", "iam:UpdateAccessKey", "iam:UpdateLoginProfile", "iam:UploadSSHPublicKey"},
		"any", "the pipeline makes no people and no keys", fix)
	wantDenied(r, boundary, []string{"iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary"}, "any", "the pipeline stays within its boundary", fix)
	wantDenied(r, boundary, []string{"kms:DisableKey", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"}, "any", "the pipeline changes no key", fix)
	regions := []string{o.AWS.Region, o.AWS.SecondRegion}
	elsewhere := slices.ContainsFunc(document.Denies(), func(d policy.Statement) bool {
		return everythingBut(d) && sameTexts(d.NotActions, []string{"iam:*", "sts:*"}) && len(lacks(d, is("StringNotEquals", "aws:RequestedRegion", regions...))) == 0
	})
	r.Say(boundary, elsewhere, fmt.Sprintf("other regions denied: %t", elsewhere), "nothing outside "+listed(regions), fix)
}

// clientRoles are the ARNs of a role in every client's account.
func clientRoles(o *spec.Organisation, name string) []string {
	var arns []string
	for _, client := range o.Clients {
		arns = append(arns, "arn:aws:iam::"+client.Account+":role/"+name)
	}
	return arns
}

// pinnedRelease judges that machines install one release, the one that the spec names, by its checksum.
func pinnedRelease(s promises.Subject, r *promises.Report) {
	const fix = "keep the section release in components/compute/boot.sh.tmpl, and name the release in service.release of the client's spec"
	release := s.Client().Service.Release
	where := "s3://" + release.Bucket + "/taskflow/" + release.Version + "/taskflow-linux-amd64.tar.gz"
	served := 0
	for _, fleet := range s.Graph.OfType("aws:autoscaling/group:Group") {
		template := fleet.Ref("launchTemplate.id", "aws:ec2/launchTemplate:LaunchTemplate")
		if template == nil || !servesRequests(fleet) {
			continue
		}
		served++
		script := bootScript(template)
		fetched := strings.Contains(script, "'"+where+"'") && strings.Count(script, "aws s3 cp") == 1
		checked := strings.Contains(script, "echo '"+release.SHA256+"'") && strings.Contains(script, "sha256sum --check --strict") && strings.Contains(script, "set -Eeuo pipefail")
		r.Say(template, fetched && checked, fmt.Sprintf("installs release %s from the organisation's bucket: %t, by the checksum of the spec: %t", release.Version, fetched, checked),
			"release "+release.Version+" and no other, and only if its checksum is the one that was reviewed", fix)
		r.Want(template, template.Text("imageId") == s.Client().Service.ImageID, "imageId", "the image that the spec names, "+s.Client().Service.ImageID, "set service.imageId in the client's spec")
		role := roleOfMachine(s.Graph, template)
		if role == nil {
			r.Want(template, false, "iamInstanceProfile", "a role of the stack, which reads releases", fix)
			continue
		}
		reads, writes := false, false
		for _, statement := range allowing(permissionsOf(s.Graph, role), "s3:GetObject") {
			reads = reads || slices.ContainsFunc(statement.Resources, func(arn string) bool { return policy.Matches(arn, "arn:aws:s3:::"+strings.TrimPrefix(where, "s3://")) })
		}
		for _, statement := range allowing(permissionsOf(s.Graph, role), "s3:PutObject") {
			writes = writes || slices.ContainsFunc(statement.Resources, func(arn string) bool { return strings.HasPrefix(arn, "arn:aws:s3:::"+release.Bucket) })
		}
		r.Say(role, reads && !writes, fmt.Sprintf("reads releases: %t, writes them: %t", reads, writes), "reads releases and writes none", "correct components/compute/permissions.go")
	}
	if served == 0 {
		r.Missing("machines that serve requests", "machines that install the release by its checksum", "keep the component compute in the client's stack")
	}
	told := slices.DeleteFunc(s.Graph.OfType("aws:ssm/parameter:Parameter"), func(p *graph.Resource) bool { return !strings.HasSuffix(p.Text("name"), "/release") })
	for _, parameter := range r.Must(told, "parameter with the release", "the service knows which release it is", "keep the value release in stacks/awsclient/service.go") {
		r.Want(parameter, parameter.Text("insecureValue") == release.Version, "insecureValue", "the release of the spec, "+release.Version, "change service.release.version in the client's spec")
	}
}
