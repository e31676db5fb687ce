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

// releaseLockDays is how long a release can be neither altered nor deleted: machines are rebuilt from it.
const releaseLockDays = 400

// bucketsFor are the buckets whose objects a role may do something with.
func bucketsFor(s promises.Subject, role *graph.Resource, action string) []*graph.Resource {
	var found []*graph.Resource
	for _, statement := range allowing(permissionsOf(s.Graph, role), action) {
		for _, arn := range statement.Resources {
			for base := arn; base != ""; base = base[:max(strings.LastIndex(base, "/"), 0)] {
				if bucket := s.Graph.Resolve(base, typeBucket); bucket != nil && !slices.Contains(found, bucket) {
					found = append(found, bucket)
				}
			}
		}
	}
	return found
}

// isRoleARN tells whether an ARN, as a policy's text writes it, is that of a role of the account.
func isRoleARN(arn string, role *graph.Resource, account string) bool {
	return role != nil && (role.Goes(arn) || arn == "arn:aws:iam::"+account+":role/"+role.Text("name"))
}

// releases judges where releases are kept and who signs them.
func releases(s promises.Subject, r *promises.Report, jobs map[string]*graph.Resource) {
	role := jobs[jobRelease]
	if role == nil {
		return
	}
	const fix = "correct components/statebackend/releases.go"
	stores := bucketsFor(s, role, "s3:PutObject")
	r.Say(role, len(stores) == 1, fmt.Sprintf("buckets that it writes to: %d", len(stores)), "one bucket of releases", "correct components/pipeline/permissions.go")
	for _, bucket := range stores {
		kept := keeping{mode: "GOVERNANCE", days: releaseLockDays, older: releaseLockDays, stays: true}
		kept.wantKept(r, bucket)
		wantReadsLogged(r, bucket)
		if key := wantEncrypted(r, bucket); key != nil {
			wantKeyKept(s, r, key, true)
			wantReleaseReaders(s, r, key)
		}
		if p, document, ok := bucketPolicy(r, bucket); ok {
			wantSecureOnly(r, p, document, bucket)
			wantOneKey(r, p, document, bucket)
			wantReleaseWriter(s, r, p, document, bucket, role)
		}
		if second := copyOf(s, r, bucket); second != nil {
			kept.wantKept(r, second)
			wantReadsLogged(r, second)
			if p, document, ok := bucketPolicy(r, second); ok {
				wantSecureOnly(r, p, document, second)
				wantOneKey(r, p, document, second)
				r.Say(p, len(document.Allows()) == 0, fmt.Sprintf("others let in: %d", len(document.Allows())), "nobody else reads or writes the copy", fix)
			}
			if key := wantEncrypted(r, second); key != nil {
				wantKeyKept(s, r, key, true)
			}
		}
	}
	signing(s, r, role)
	deployRolesStay(s, r, jobs)
}

// wantReleaseWriter reports whether only the release role writes releases, and only clients' machines read them from
// outside the account.
func wantReleaseWriter(s promises.Subject, r *promises.Report, p *graph.Resource, document policy.Document, bucket, role *graph.Resource) {
	const fix = "correct components/statebackend/releases.go"
	o := s.Organisation()
	guarded := slices.ContainsFunc(document.Denies(), func(d policy.Statement) bool {
		writers, named := d.Condition("ArnNotEquals", "aws:PrincipalArn")
		return named && len(writers) == 1 && isRoleARN(writers[0], role, o.AWS.Account) && len(d.Conditions) == 1 && d.Everyone() && objectsOf(d, bucket) &&
			d.Covers("s3:PutObject") && d.Covers("s3:DeleteObject") && d.Covers("s3:DeleteObjectVersion")
	})
	r.Say(p, guarded, fmt.Sprintf("other writers denied: %t", guarded), "nobody but the pipeline's release role writes or deletes a release", fix)
	var wrong []string
	for _, statement := range document.Allows() {
		readers, _ := statement.Condition("ArnLike", "aws:PrincipalArn")
		if len(slices.DeleteFunc(slices.Clone(statement.Actions), func(action string) bool { return action == "s3:GetObject" || action == "s3:GetObjectVersion" })) > 0 || !sameTexts(statement.Principals["AWS"], clientARNs(o, ":root")) || len(statement.Principals) != 1 {
			wrong = append(wrong, "more than reading by clients' accounts: "+statement.Sid)
		}
		for _, arn := range statement.Resources {
			want := clientARNs(o, ":*")
			if strings.HasSuffix(arn, "/taskflow/*") {
				want = nil
				for _, client := range o.Clients {
					want = append(want, "arn:aws:iam::"+client.Account+":role/"+client.Name+"-*-machines")
				}
			} else if !strings.HasSuffix(arn, "/edge/*") {
				wrong = append(wrong, "reading of "+arn)
			}
			if !sameTexts(readers, want) {
				wrong = append(wrong, "readers "+listed(readers))
			}
		}
	}
	found := "clients' machines read releases"
	if len(wrong) > 0 {
		found = strings.Join(wrong, "; ")
	}
	r.Say(p, len(wrong) == 0, found, "clients' machines read releases, and clients' accounts what is below edge/", fix)
}

// clientARNs are the ARNs of something that every client's account has, such as its root.
func clientARNs(o *spec.Organisation, suffix string) []string {
	var arns []string
	for _, client := range o.Clients {
		arns = append(arns, "arn:aws:iam::"+client.Account+suffix)
	}
	return arns
}

// wantReleaseReaders reports whether clients' accounts decrypt releases through S3 and do nothing else with their key.
func wantReleaseReaders(s promises.Subject, r *promises.Report, key *graph.Resource) {
	o := s.Organisation()
	var accounts []string
	for _, client := range o.Clients {
		accounts = append(accounts, client.Account)
	}
	document, _ := policy.Parse(key.Text("policy"))
	read, wrong := false, []string{}
	for _, statement := range document.Allows() {
		if slices.Equal(statement.Principals["AWS"], []string{"arn:aws:iam::" + o.AWS.Account + ":root"}) && len(statement.Principals) == 1 {
			continue
		}
		own := sameTexts(statement.Principals["AWS"], clientARNs(o, ":root")) && slices.Equal(statement.Actions, []string{"kms:Decrypt"}) &&
			len(lacks(statement, is("ArnLike", "aws:PrincipalArn", clientARNs(o, ":*")...), is("StringEquals", "kms:CallerAccount", accounts...), is("StringEquals", "kms:ViaService", "s3."+key.Region()+".amazonaws.com"))) == 0
		read = read || own
		if !own {
			wrong = append(wrong, statement.Sid)
		}
	}
	r.Say(key, read && len(wrong) == 0, fmt.Sprintf("clients decrypt: %t, others: %s", read, listed(wrong)), "clients' accounts decrypt releases, through S3 only", "correct components/statebackend/releases.go")
}

// signing judges the key that signs releases: only the release role signs with it.
func signing(s promises.Subject, r *promises.Report, role *graph.Resource) {
	const fix = "correct the signing key in components/statebackend/releases.go"
	account := s.Organisation().AWS.Account
	keys := slices.DeleteFunc(s.Graph.OfType(typeKey), func(key *graph.Resource) bool { return key.Text("keyUsage") != "SIGN_VERIFY" })
	for _, key := range r.Must(keys, "key that signs releases", "a key that signs, whose private half nobody holds", fix) {
		spec := key.Text("customerMasterKeySpec")
		r.Want(key, strings.HasPrefix(spec, "ECC_") || strings.HasPrefix(spec, "RSA_"), "customerMasterKeySpec", "an asymmetric key, such as ECC_NIST_P256", fix)
		wantKeyKept(s, r, key, true)
		document, _ := policy.Parse(key.Text("policy"))
		signs, others := false, []string{}
		for _, statement := range document.Allows() {
			if !statement.Covers("kms:Sign") && !statement.Covers("kms:CreateGrant") {
				continue
			}
			who, named := statement.Condition("ArnEquals", "aws:PrincipalArn")
			own := named && len(who) == 1 && isRoleARN(who[0], role, account) && !statement.Covers("kms:CreateGrant") && len(lacks(statement, is("StringEquals", "kms:SigningAlgorithm", "ECDSA_SHA_256"))) == 0 &&
				slices.Equal(statement.Principals["AWS"], []string{"arn:aws:iam::" + account + ":root"})
			signs = signs || own
			if !own {
				others = append(others, statement.Sid)
			}
		}
		r.Say(key, signs && len(others) == 0, fmt.Sprintf("the release role signs: %t, others: %s", signs, listed(others)), "the pipeline's release role signs with it, and nobody else", fix)
		public := slices.ContainsFunc(document.Allows(), func(statement policy.Statement) bool {
			return statement.Covers("kms:GetPublicKey") && sameTexts(statement.Principals["AWS"], append(clientARNs(s.Organisation(), ":root"), "arn:aws:iam::"+account+":root"))
		})
		r.Say(key, public, fmt.Sprintf("clients' accounts get the public key: %t", public), "clients' accounts get the public key, and nobody beyond", fix)
		own := slices.ContainsFunc(allowing(permissionsOf(s.Graph, role), "kms:Sign"), func(statement policy.Statement) bool {
			return slices.ContainsFunc(statement.Resources, key.Goes) && len(lacks(statement, is("StringEquals", "kms:SigningAlgorithm", "ECDSA_SHA_256"))) == 0
		})
		r.Say(role, own, fmt.Sprintf("signs with %s: %t", key.Name, own), "signs releases", "correct components/pipeline/permissions.go")
	}
}

// deployRolesStay judges that people cannot take the pipeline's roles, nor change them or whom they trust.
func deployRolesStay(s promises.Subject, r *promises.Report, jobs map[string]*graph.Resource) {
	account := s.Organisation().AWS.Account
	var judged []*graph.Resource
	for _, person := range s.Graph.OfType(typeRole) {
		boundary := person.Ref("permissionsBoundary", iamPolicy)
		if boundary == nil || slices.Contains(judged, boundary) || takers(person) != takenByPeople {
			continue
		}
		judged = append(judged, boundary)
		for _, job := range []string{jobPreview, jobDeploy, jobRelease} {
			if role := jobs[job]; role != nil {
				wantDenied(r, boundary, []string{"iam:AttachRolePolicy", "iam:DeleteRole", "iam:DetachRolePolicy", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy", "sts:AssumeRole"},
					"arn:aws:iam::"+account+":role/"+role.Text("name"), "nobody deploys past the review", "restore the denial in components/identity/roles.go")
			}
		}
	}
}

// pipelineState judges the state that deployments rest on: who reads and writes it, and that no version is lost.
func pipelineState(s promises.Subject, r *promises.Report, jobs map[string]*graph.Resource) {
	role := jobs[jobDeploy]
	if role == nil {
		return
	}
	const fix = "correct components/statebackend/state.go"
	o := s.Organisation()
	writers := []string{o.Name + "-administrator", o.Name + "-engineer", role.Text("name")}
	readers := writers
	if preview := jobs[jobPreview]; preview != nil {
		readers = append(slices.Clone(writers), preview.Text("name"))
	}
	stores := bucketsFor(s, role, "s3:PutObject")
	r.Say(role, len(stores) == 1, fmt.Sprintf("buckets that it writes to: %d", len(stores)), "one bucket of state", "correct components/pipeline/permissions.go")
	for _, bucket := range stores {
		kept := keeping{older: releaseLockDays, stays: true}
		kept.wantKept(r, bucket)
		wantReadsLogged(r, bucket)
		first := wantEncrypted(r, bucket)
		if first != nil {
			wantKeyKept(s, r, first, true)
			wantStateKey(s, r, first, readers, writers)
		}
		if p, document, ok := bucketPolicy(r, bucket); ok {
			wantSecureOnly(r, p, document, bucket)
			wantOneKey(r, p, document, bucket)
			r.Say(p, len(document.Allows()) == 0, fmt.Sprintf("others let in: %d", len(document.Allows())), "nobody of another account", fix)
			only := func(names []string, actions ...string) bool {
				return slices.ContainsFunc(document.Denies(), func(d policy.Statement) bool {
					who, named := d.Condition("ArnNotEquals", "aws:PrincipalArn")
					return named && len(d.Conditions) == 1 && d.Everyone() && objectsOf(d, bucket) && sameTexts(roleNames(s, who), withDeployer(s, names)) &&
						!slices.ContainsFunc(actions, func(action string) bool { return !d.Covers(action) })
				})
			}
			reads, writes := only(readers, "s3:GetObject", "s3:GetObjectVersion"), only(writers, "s3:PutObject", "s3:DeleteObject")
			r.Say(p, reads, fmt.Sprintf("other readers denied: %t", reads), "read by "+listed(readers)+" only", fix)
			r.Say(p, writes, fmt.Sprintf("other writers denied: %t", writes), "written by "+listed(writers)+" only", fix)
			versions := slices.ContainsFunc(document.Denies(), func(d policy.Statement) bool {
				return len(d.Conditions) == 0 && d.Everyone() && d.Covers("s3:DeleteObjectVersion") && objectsOf(d, bucket)
			})
			r.Say(p, versions, fmt.Sprintf("deletion of versions denied: %t", versions), "nobody deletes an older version", fix)
		}
		if second := copyOf(s, r, bucket); second != nil {
			kept.wantKept(r, second)
			wantReadsLogged(r, second)
			if p, document, ok := bucketPolicy(r, second); ok {
				wantSecureOnly(r, p, document, second)
				wantOneKey(r, p, document, second)
				r.Say(p, len(document.Allows()) == 0, fmt.Sprintf("others let in: %d", len(document.Allows())), "nobody of another account", fix)
			}
			if key := wantEncrypted(r, second); key != nil {
				wantKeyKept(s, r, key, true)
				wantStateKey(s, r, key, readers, writers)
				wantReplica(r, key, first)
			}
		}
	}
}

// wantReplica reports whether a key is another region's, so that secrets in the copied state can be read without the first.
func wantReplica(r *promises.Report, key, first *graph.Resource) {
	const fix = "make it with key.Replica in components/statebackend/state.go"
	if key.Type != "aws:kms/replicaKey:ReplicaKey" || first == nil {
		r.Say(key, false, "a key of its own", "a replica of the state's key", fix)
		return
	}
	r.Want(key, key.Ref("primaryKeyArn", typeKey) == first, "primaryKeyArn", "the state's key in the first region", fix)
	r.Want(first, first.Bool("multiRegion"), "multiRegion", "true: the key exists in both regions", fix)
}

// roleNames are the names of roles of the account that ARNs stand for; anything else stays as it is.
func roleNames(s promises.Subject, arns []string) []string {
	var names []string
	for _, arn := range arns {
		names = append(names, strings.TrimPrefix(arn, "arn:aws:iam::"+s.Organisation().AWS.Account+":role/"))
	}
	return names
}

// withDeployer adds the role that the spec has Pulumi deploy the organisation with, where it names one.
func withDeployer(s promises.Subject, names []string) []string {
	if arn := s.Organisation().AWS.DeployRoleArn; arn != "" {
		return append(slices.Clone(names), roleNames(s, []string{arn})...)
	}
	return names
}

// wantStateKey reports whether secrets in the state are decrypted and encrypted by those only who read and write it.
func wantStateKey(s promises.Subject, r *promises.Report, key *graph.Resource, readers, writers []string) {
	document, _ := policy.Parse(key.Text("policy"))
	read, written, others := false, false, []string{}
	for _, statement := range document.Allows() {
		_, service := statement.Condition("StringEquals", "kms:ViaService")
		who, named := statement.Condition("ArnEquals", "aws:PrincipalArn")
		switch {
		case service: // through S3, for whom the bucket's policy lets in
		case named && statement.Covers("kms:Decrypt") && sameTexts(roleNames(s, who), withDeployer(s, readers)):
			read = true
		case named && statement.Covers("kms:GenerateDataKey") && !statement.Covers("kms:Decrypt") && sameTexts(roleNames(s, who), withDeployer(s, writers)):
			written = true
		case statement.Covers("kms:Decrypt"), statement.Covers("kms:GenerateDataKey"), statement.Covers("kms:Encrypt"), statement.Covers("kms:CreateGrant"):
			others = append(others, statement.Sid)
		}
	}
	r.Say(key, read && written && len(others) == 0, fmt.Sprintf("readers: %t, writers: %t, others: %s", read, written, listed(others)), "decrypted by "+listed(readers)+", encrypted by "+listed(writers), "correct components/statebackend/state.go")
}
