package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/berth-iac/berth/promises/policy"
	"github.com/berth-iac/berth/spec"
)

// releaseLockDays is how long a release can be neither altered nor deleted: machines are rebuilt from it.
const releaseLockDays = 400

const fixPipeline = "run `berth up` for the organisation, or find out who changed it by hand: the trail says so"

// The jobs of the pipeline, each with a role of its own.
const (
	jobPreview = "preview"
	jobDeploy  = "deploy"
	jobRelease = "release"
)

var jobs = []string{jobPreview, jobDeploy, jobRelease}

// powers are what each job may do, exactly.
var powers = map[string][]string{
	jobPreview: {"s3:ListBucket", "s3:GetObject", "kms:Decrypt", "sts:AssumeRole"},
	jobDeploy:  {"s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "kms:Decrypt", "kms:GenerateDataKey", "sts:AssumeRole"},
	jobRelease: {"s3:PutObject", "kms:Sign", "kms:DescribeKey", "kms:GetPublicKey", "kms:Decrypt", "kms:GenerateDataKey"},
}

// reviewedReleases is the look at OP-1: who may act as the pipeline, where releases and state are kept, and who signs.
func reviewedReleases(ctx context.Context, l *look) error {
	all, err := l.authority(ctx)
	if err != nil {
		return err
	}
	errs := []error{l.issuers(ctx)}
	roles := l.pipelineRoles(all)
	l.deployRolesStay(all)
	for _, job := range jobs {
		role, known := roles[job]
		if !known {
			l.missing("role for the job "+job, "a role of its own for each job of the pipeline", fixPipeline)
			continue
		}
		if job == jobPreview {
			continue
		}
		errs = append(errs, l.store(ctx, job, role))
	}
	return errors.Join(append(errs, l.signing(ctx, roles[jobRelease]))...)
}

// issuer is who vouches for a run of the pipeline, and what its tokens say for each job.
type issuer struct {
	url, audience string
	claims        map[string][]policy.Condition
}

// claim is a claim of the issuer's tokens as conditions call it.
func (i issuer) claim(name string) string { return strings.TrimPrefix(i.url, "https://") + ":" + name }

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

// job is the job whose runs a trust statement lets in; empty where it lets in others.
func (i issuer) job(s policy.Statement) string {
	for _, job := range []string{jobRelease, jobDeploy, jobPreview} { // the narrowest first
		if len(lacks(s, append(slices.Clone(i.claims[job]), is("StringEquals", i.claim("aud"), i.audience))...)) == 0 {
			return job
		}
	}
	return ""
}

// arn is the issuer's, in an account.
func (i issuer) arn(account string) string {
	return "arn:aws:iam::" + account + ":oidc-provider/" + strings.TrimPrefix(i.url, "https://")
}

// issuers judges that the account trusts the tokens of the spec's issuer, and of no other.
func (l *look) issuers(ctx context.Context) error {
	want := issuerOf(l.subject.Organisation().Pipeline)
	providers, err := l.identityProviders(ctx)
	if err != nil {
		return err
	}
	if len(providers) == 0 {
		l.missing("identity provider of the pipeline", "an issuer whose tokens say which repository runs", fixPipeline)
	}
	for _, p := range providers {
		at := object{"aws:iam/openIdConnectProvider:OpenIdConnectProvider", p.arn}
		url := "https://" + strings.TrimPrefix(p.url, "https://")
		l.want(at, url == want.url, "url", url, want.url, fixPipeline)
		l.want(at, slices.Equal(p.audiences, []string{want.audience}), "clientIdLists", inOrder(p.audiences), "for "+want.audience+" only", fixPipeline)
	}
	return nil
}

// pipelineRoles judges the roles that runs of a pipeline take, and returns them by job.
func (l *look) pipelineRoles(all *authority) map[string]holder {
	o := l.subject.Organisation()
	i := issuerOf(o.Pipeline)
	found := map[string]holder{}
	for _, role := range all.roles {
		if role.linked() || role.takers() != byFederated {
			continue
		}
		job, wrong := "", []string{}
		for _, s := range role.trust.Allows() {
			one := i.job(s)
			if one == "" || job != "" && one != job {
				wrong = append(wrong, "runs beyond "+o.Pipeline.Repository)
			}
			job = one
			if len(s.Principals) != 1 || !slices.Equal(s.Principals["Federated"], []string{i.arn(l.number)}) || !slices.Equal(s.Actions, []string{"sts:AssumeRoleWithWebIdentity"}) {
				wrong = append(wrong, "not by the pipeline's identity alone: "+principalsOf(s))
			}
		}
		if job != "" && role.name != o.Name+"-pipeline-"+job {
			wrong = append(wrong, "runs for "+job+" take it")
		}
		text := "taken by runs for " + job
		if len(wrong) > 0 {
			text = strings.Join(wrong, "; ")
		}
		l.want(role.object, len(wrong) == 0 && job != "", "assumeRolePolicy", text,
			"runs of "+o.Pipeline.Repository+" only: of its pull requests, or released by a reviewer in environment "+o.Pipeline.Environment, fixPipeline)
		l.want(role.object, role.session > 0 && role.session <= time.Hour, "maxSessionDuration", role.session.Seconds(), "an hour at most", fixPipeline)
		l.pipelinePowers(all, role, job)
		if job != "" && role.name == o.Name+"-pipeline-"+job {
			found[job] = role
		}
	}
	return found
}

// pipelinePowers judges what a job may do: its own work, within a boundary that lets it change neither itself nor the
// people's access.
func (l *look) pipelinePowers(all *authority, role holder, job string) {
	o := l.subject.Organisation()
	assumed := []string{}
	for _, c := range o.Clients {
		assumed = append(assumed, "arn:aws:iam::"+c.Account+":role/berth-"+job)
		if job == jobPreview {
			assumed = append(assumed, "arn:aws:iam::"+c.Account+":role/"+verifyRole)
		}
	}
	if job == jobPreview {
		assumed = append(assumed, "arn:aws:iam::"+o.AWS.Account+":role/"+verifyRole)
	}
	var extra, given []string
	for _, p := range role.permissions {
		if p.managed || p.unread {
			extra = append(extra, "the policy "+p.name)
			continue
		}
		for _, s := range p.document.Allows() {
			given = append(given, slices.Concat(s.Actions, s.NotActions)...)
			if slices.Contains(s.Resources, "*") || len(s.NotResources) > 0 {
				extra = append(extra, inOrder(s.Actions)+" on everything")
			}
			for _, arn := range s.Resources {
				if s.Covers("sts:AssumeRole") && !slices.Contains(assumed, arn) {
					extra = append(extra, "sts:AssumeRole on "+arn)
				}
				if s.Covers("s3:DeleteObject") && !strings.HasSuffix(arn, "/.pulumi/locks/*") {
					extra = append(extra, "s3:DeleteObject on "+arn)
				}
			}
		}
	}
	l.want(role.object, len(extra) == 0 && sameTexts(given, powers[job]), "policies", "allows "+inOrder(given)+"; beyond the job: "+inOrder(extra), "exactly the job: "+inOrder(powers[job]), fixPipeline)
	boundary, bounded := all.policies[role.boundary]
	l.want(role.object, bounded, "permissionsBoundary", role.boundary, "a boundary of the account's own, beyond which nothing can be allowed", fixPipeline)
	if !bounded {
		return
	}
	var more []string
	for _, s := range boundary.Allows() {
		more = append(more, s.NotActions...)
		for _, action := range s.Actions {
			if !slices.Contains(slices.Concat(powers[jobPreview], powers[jobDeploy], powers[jobRelease]), action) {
				more = append(more, action)
			}
		}
	}
	at := object{tokenPolicy, role.boundary}
	l.want(at, len(more) == 0, "policy", "lets the pipeline besides: "+inOrder(more), "never more than the three jobs together: no change of roles, their trust or their boundaries", fixPipeline)
	l.wantDenied(role.boundary, boundary, []string{"iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:CreateServiceSpecificCredential", "iam:CreateUser", "iam:UpdateAccessKey", "iam:UpdateLoginProfile",
		"iam:UploadSSHPublicKey"}, "any", "the pipeline makes no people and no keys", fixPipeline)
	l.wantDenied(role.boundary, boundary, []string{"iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary"}, "any", "the pipeline stays within its boundary", fixPipeline)
	l.wantDenied(role.boundary, boundary, []string{"kms:DisableKey", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"}, "any", "the pipeline changes no key", fixPipeline)
	regions := []string{o.AWS.Region, o.AWS.SecondRegion}
	elsewhere := slices.ContainsFunc(boundary.Denies(), func(d policy.Statement) bool {
		return everythingBut(d) && sameTexts(d.NotActions, []string{"iam:*", "sts:*"}) && len(lacks(d, is("StringNotEquals", "aws:RequestedRegion", regions...))) == 0
	})
	l.want(at, elsewhere, "policy", fmt.Sprintf("other regions denied: %t", elsewhere), "nothing outside "+inOrder(regions), fixPipeline)
}

// deployRolesStay judges that people cannot take the pipeline's roles, nor change them or whom they trust.
func (l *look) deployRolesStay(all *authority) {
	judged := map[string]bool{}
	for _, role := range all.roles {
		boundary, bounded := all.policies[role.boundary]
		if role.linked() || role.name == verifyRole || role.takers() != byPeople || !bounded || judged[role.boundary] {
			continue
		}
		judged[role.boundary] = true
		for _, job := range jobs {
			l.wantDenied(role.boundary, boundary, []string{"iam:AttachRolePolicy", "iam:DeleteRole", "iam:DetachRolePolicy", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy", "sts:AssumeRole"},
				"arn:aws:iam::"+l.number+":role/"+l.subject.Organisation().Name+"-pipeline-"+job, "nobody deploys past the review", fixPipeline)
		}
	}
}

// store judges the bucket that a job writes to: of releases, locked and written by that job alone; of state, whose older
// versions nobody deletes.
func (l *look) store(ctx context.Context, job string, role holder) error {
	names := map[string]bool{}
	for _, s := range role.allowing("s3:PutObject") {
		for _, arn := range s.Resources {
			name, _, _ := strings.Cut(strings.TrimPrefix(arn, "arn:aws:s3:::"), "/")
			names[name] = true
		}
	}
	l.want(role.object, len(names) == 1, "policies", "writes to "+listed(names), "one bucket", fixPipeline)
	all, err := l.allBuckets(ctx)
	if err != nil {
		return err
	}
	for name := range names {
		i := slices.IndexFunc(all, func(b bucket) bool { return b.name == name })
		l.want(object{s3Bucket, name}, i >= 0, "bucket", fmt.Sprintf("in the account: %t", i >= 0), "a bucket of the account", fixPipeline)
		if i < 0 {
			continue
		}
		if err := l.storeKept(ctx, all[i], job == jobRelease); err != nil {
			return err
		}
		if err := l.storeWriters(ctx, all[i], job, role); err != nil {
			return err
		}
		replication, err := l.bucketReplication(ctx, all[i])
		if err != nil {
			return err
		}
		copies := 0
		if replication != nil {
			for _, rule := range replication.Rules {
				j := -1
				if rule.Destination != nil {
					j = slices.IndexFunc(all, func(b bucket) bool { return b.arn() == aws.ToString(rule.Destination.Bucket) })
				}
				if rule.Status != s3types.ReplicationRuleStatusEnabled || !wholeBucket(rule) || j < 0 || all[j].region == all[i].region {
					continue
				}
				copies++
				if err := l.storeKept(ctx, all[j], job == jobRelease); err != nil {
					return err
				}
			}
		}
		l.want(all[i].of(s3Replication), copies > 0, "rules", fmt.Sprintf("copies in another region: %d", copies), "everything is copied to a bucket of the account in another region", fixPipeline)
	}
	return nil
}

// storeKept judges that what was written stays: versions, encryption, and for releases the lock.
func (l *look) storeKept(ctx context.Context, b bucket, locked bool) error {
	versioning, err := l.bucketVersioning(ctx, b)
	if err != nil {
		return err
	}
	l.want(b.of(s3Versioning), versioning == "Enabled", "versioningConfiguration.status", versioning, "Enabled", fixPipeline)
	encryption, err := l.bucketDefault(ctx, b)
	if err != nil {
		return err
	}
	keys, err := l.keyring(ctx, b.region)
	if err != nil {
		return err
	}
	name := ""
	if encryption != nil {
		name = aws.ToString(encryption.KMSMasterKeyID)
	}
	k, known := keys[name]
	l.want(b.of(s3Encryption), known && usable(k), "rules.0.applyServerSideEncryptionByDefault.kmsMasterKeyId", name, "a key of the account's own that is in use", fixPipeline)
	if !locked {
		return nil
	}
	lock, err := l.bucketLock(ctx, b)
	if err != nil {
		return err
	}
	mode, days := "none", int32(0)
	if lock != nil && lock.Rule != nil && lock.Rule.DefaultRetention != nil {
		mode, days = string(lock.Rule.DefaultRetention.Mode), aws.ToInt32(lock.Rule.DefaultRetention.Days)+365*aws.ToInt32(lock.Rule.DefaultRetention.Years)
	}
	l.want(b.of(s3Lock), (mode == "GOVERNANCE" || mode == "COMPLIANCE") && days >= releaseLockDays, "rule.defaultRetention", fmt.Sprintf("%s %d days", mode, days),
		fmt.Sprintf("GOVERNANCE or COMPLIANCE for %d days or more: a release is neither altered nor deleted", releaseLockDays), fixPipeline)
	return nil
}

// storeWriters judges who is let in by the bucket's policy, and who is kept out.
func (l *look) storeWriters(ctx context.Context, b bucket, job string, role holder) error {
	text, err := l.bucketPolicy(ctx, b)
	if err != nil {
		return err
	}
	document, readable := parsed(text)
	if !readable {
		l.want(b.of(s3Policy), false, "policy", "none that can be read", "a policy that keeps others out", fixPipeline)
		return nil
	}
	o := l.subject.Organisation()
	writers := []string{role.arn}
	kept := []string{"s3:PutObject", "s3:DeleteObject"}
	if job == jobDeploy {
		for _, person := range []string{"administrator", "engineer"} {
			writers = append(writers, "arn:aws:iam::"+l.number+":role/"+o.Name+"-"+person)
		}
		if o.AWS.DeployRoleArn != "" {
			writers = append(writers, o.AWS.DeployRoleArn)
		}
	} else {
		kept = append(kept, "s3:DeleteObjectVersion")
	}
	guarded := keepsOut(document, b, writers, kept...)
	l.want(b.of(s3Policy), guarded, "policy", fmt.Sprintf("other writers denied: %t", guarded), "written by "+inOrder(writers)+" only", fixPipeline)
	if job == jobDeploy {
		readers := append(slices.Clone(writers), "arn:aws:iam::"+l.number+":role/"+o.Name+"-pipeline-"+jobPreview)
		closed := keepsOut(document, b, readers, "s3:GetObject", "s3:GetObjectVersion")
		l.want(b.of(s3Policy), closed, "policy", fmt.Sprintf("other readers denied: %t", closed), "read by "+inOrder(readers)+" only", fixPipeline)
		versions := denies(document, "s3:DeleteObjectVersion", b.arn()+"/any")
		l.want(b.of(s3Policy), versions && len(document.Allows()) == 0, "policy", fmt.Sprintf("deletion of versions denied: %t, others let in: %d", versions, len(document.Allows())),
			"nobody deletes an older version of the state, and nobody of another account is let in", fixPipeline)
		return nil
	}
	var roots []string
	for _, c := range o.Clients {
		roots = append(roots, "arn:aws:iam::"+c.Account+":root")
	}
	var wrong []string
	for _, s := range document.Allows() {
		reads := !slices.ContainsFunc(s.Actions, func(action string) bool { return action != "s3:GetObject" && action != "s3:GetObjectVersion" })
		if _, narrowed := s.Condition("ArnLike", "aws:PrincipalArn"); !reads || len(s.NotActions) > 0 || len(s.Principals) != 1 || !sameTexts(s.Principals["AWS"], roots) || !narrowed {
			wrong = append(wrong, s.Sid+" of "+principalsOf(s))
		}
	}
	l.want(b.of(s3Policy), len(wrong) == 0, "policy", "besides clients' readers: "+inOrder(wrong), "clients' accounts read releases, and nobody else does", fixPipeline)
	return nil
}

// keepsOut tells whether a bucket's policy denies actions on its objects to all but some.
func keepsOut(document policy.Document, b bucket, but []string, denied ...string) bool {
	return slices.ContainsFunc(document.Denies(), func(d policy.Statement) bool {
		who, named := d.Condition("ArnNotEquals", "aws:PrincipalArn")
		return named && sameTexts(who, but) && len(d.Conditions) == 1 && d.Everyone() && slices.Contains(d.Resources, b.arn()+"/*") &&
			!slices.ContainsFunc(denied, func(action string) bool { return !d.Covers(action) })
	})
}

// signing judges the key that signs releases: the release role signs with it, and nobody else.
func (l *look) signing(ctx context.Context, role holder) error {
	keys, err := l.keys(ctx, l.home)
	if err != nil {
		return err
	}
	judged := 0
	for _, k := range keys {
		if !k.customers() || k.KeyUsage != kmstypes.KeyUsageTypeSignVerify {
			continue
		}
		judged++
		l.want(k.object(), usable(k), "keyState", string(k.KeyState), "Enabled", fixPipeline)
		document, err := policy.Parse(k.policy)
		signs, others := false, []string{}
		if err != nil {
			others = append(others, "a policy that cannot be read")
		}
		for _, s := range document.Allows() {
			if !s.Covers("kms:Sign") && !s.Covers("kms:CreateGrant") {
				continue
			}
			who, named := s.Condition("ArnEquals", "aws:PrincipalArn")
			own := named && role.arn != "" && slices.Equal(who, []string{role.arn}) && !s.Covers("kms:CreateGrant") && len(lacks(s, is("StringEquals", "kms:SigningAlgorithm", "ECDSA_SHA_256"))) == 0
			signs = signs || own
			if !own {
				others = append(others, s.Sid)
			}
		}
		for _, g := range k.grants {
			if slices.Contains(g.Operations, kmstypes.GrantOperationSign) {
				others = append(others, "a grant to "+aws.ToString(g.GranteePrincipal))
			}
		}
		l.want(k.object(), signs && len(others) == 0, "policy", fmt.Sprintf("the release role signs: %t, others: %s", signs, inOrder(others)), "the pipeline's release role signs with it, and nobody else", fixPipeline)
	}
	if judged == 0 {
		l.missing("key that signs releases", "a key that signs, whose private half nobody holds", fixPipeline)
	}
	return nil
}
