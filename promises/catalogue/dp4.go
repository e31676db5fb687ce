package catalogue

import (
	"fmt"
	"slices"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
	"github.com/berth-iac/berth/spec"
)

// DP4 is encryption at rest and in transit.
func (catalogue) DP4() promises.Promise {
	return promises.Promise{
		ID:    "DP-4",
		Title: "Encrypted at rest and in transit",
		Sentence: "Your data is encrypted wherever it lies and whenever it travels, between the service's own parts too. " +
			"Your people reach the service by HTTPS only.",
		Duties: map[promises.Hosting]promises.Duty{
			promises.OnAWS: promises.Ours, promises.OnLightsail: promises.Ours, promises.OnSites: promises.Ours, promises.OnPremises: promises.Ours, promises.Service: promises.Ours,
		},
		Parameters: func(h promises.Hosting, s *spec.Spec) []promises.Parameter {
			hsts := 365
			if c := clientOnAWS(s); c != nil {
				hsts = c.Edge.HSTSDays
			}
			parameters := []promises.Parameter{
				{Name: "TLS", Value: "1.2 or later"},
				{Name: "strict transport security (HSTS)", Value: inDays(hsts), Key: "edge.hstsDays"},
			}
			if h == promises.OnAWS {
				parameters = append(parameters, promises.Parameter{Name: "keys at rest", Value: "AES-256, keys of your own in AWS KMS, rotated every year"})
			}
			return parameters
		},
		ReadBack: true,
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "everything in the resource graph that keeps data is followed to its key, and every way on which data travels to the setting that refuses anything but TLS 1.2 or later"},
			{Level: promises.Live, How: "keys, encryption and TLS settings of all that keeps or carries data are read back from the account; from outside, plain HTTP is redirected, " +
				"HTTPS says that it is to stay so, and TLS before 1.2 is tried and refused"},
		},
		Keywords: []string{
			"encryption at rest", "encryption in transit", "encrypted", "tls version", "encryption algorithm", "http refused", "data encrypted",
			"traffic encrypted", "disks encrypted", "encrypted at rest and in transit", "connections encrypted", "cache encrypted",
			"content of disks encrypted", "data at rest", "data in transit", "KMS", "AES-256", "SSL certificate", "key rotation",
			"customer managed keys", "key management", "database encryption", "TLS", "HTTPS", "HSTS", "disk encryption", "cipher suites",
			"cryptography", "TLS 1.2",
		},
		Check:  encrypted,
		Checks: map[promises.Hosting]promises.Check{promises.OnSites: encryptedOnMachines, promises.OnLightsail: encryptedOnMachines, promises.OnPremises: encryptedOnMachines},
	}
}

// encryption judges DP-4. Backup vaults and backup buckets are BK-5's, as is all that encrypts them.
type encryption struct {
	s      promises.Subject
	g      *graph.Graph
	r      *promises.Report
	client *spec.AWSClient

	keys map[*graph.Resource]*keyUse // keys in use
}

// keyUse is what a key is used for.
type keyUse struct {
	lasting  bool     // by something that is kept: with the key it would be lost
	services []string // by which of AWS's services, as KMS calls them
}

func encrypted(s promises.Subject, r *promises.Report) {
	client := s.Client()
	if client == nil {
		return
	}
	e := &encryption{s: s, g: s.Graph, r: r, client: client, keys: map[*graph.Resource]*keyUse{}}
	e.databases()
	e.cachesAtRest()
	e.bucketsAtRest()
	e.others()
	e.volumes()
	e.keysInUse()

	e.databaseTransit()
	e.bucketTransit()
	e.messageTransit()
	e.frontDoor()
	e.edge()
}

// key follows a property to a key of the stack, and remembers it. lasting: what it encrypts is kept.
func (e *encryption) key(of *graph.Resource, property string, lasting bool) {
	key := of.Ref(property, typeKey)
	e.r.Want(of, key != nil && key.Region() == of.Region(), property, "a key of the client's own, in the same region", "pass a key of components/encryption to the component")
	if key == nil {
		return
	}
	use := e.keys[key]
	if use == nil {
		use = &keyUse{}
		e.keys[key] = use
	}
	use.lasting = use.lasting || lasting
	service := of.Service()
	if known, other := map[string]string{"docdb": "rds", "cloudwatch": "logs", "ebs": "ec2"}[service]; other {
		service = known
	}
	if !slices.Contains(use.services, service) {
		use.services = append(use.services, service)
	}
}

// keysInUse renew themselves, cannot be lost in a moment, and can be used by the services that encrypt with them.
func (e *encryption) keysInUse() {
	for _, key := range e.r.Must(e.g.OfType(typeKey), "key", "keys of the client's own", "components/encryption makes them") {
		e.r.Want(key, key.Bool("enableKeyRotation"), "enableKeyRotation", "true: AWS renews the key every year", "components/encryption sets it")
		symmetric := !key.Has("customerMasterKeySpec") || key.Text("customerMasterKeySpec") == "SYMMETRIC_DEFAULT"
		e.r.Want(key, symmetric, "customerMasterKeySpec", "SYMMETRIC_DEFAULT: AES-256", "leave it out")
		use, used := e.keys[key]
		if !used { // backups'
			use = &keyUse{}
		}
		e.usable(key, use)
		switch {
		case use.lasting:
			wantKeySafe(e.s, e.r, key)
		case used:
			e.r.Want(key, !key.Has("isEnabled") || key.Bool("isEnabled"), "isEnabled", "not false: messages under a disabled key are lost", "leave isEnabled out in components/encryption")
			days, given := key.Number("deletionWindowInDays")
			e.r.Want(key, !given || days >= 30, "deletionWindowInDays", "30 days in which a deletion can be taken back", "set 30 in components/encryption")
		}
	}
}

// usable reports whether a key's policy lets the services decrypt: what nobody can decrypt is not kept but lost.
func (e *encryption) usable(key *graph.Resource, use *keyUse) {
	const fix = "components/encryption, plan.go, says which services a key is for"
	document, err := policy.Parse(key.Text("policy"))
	if err != nil {
		e.r.Want(key, false, "policy", "a policy that can be read", fix)
		return
	}
	root := "arn:aws:iam::" + e.client.AWS.Account + ":root"
	allowed := func(action, service string) bool {
		host := service + "." + key.Region() + ".amazonaws.com"
		return slices.ContainsFunc(document.Allows(), func(st policy.Statement) bool {
			if !st.Covers(action) {
				return false
			}
			if service == "logs" {
				return slices.Contains(st.Principals["Service"], host)
			}
			via, _ := st.Condition("StringEquals", "kms:ViaService")
			return slices.Contains(st.Principals["AWS"], root) && slices.Contains(via, host)
		})
	}
	var shut []string
	for _, service := range use.services {
		grants := slices.Contains([]string{"rds", "elasticache", "ec2"}, service)
		if !allowed("kms:Decrypt", service) || !allowed("kms:GenerateDataKey", service) || grants && !allowed("kms:CreateGrant", service) {
			shut = append(shut, service)
		}
	}
	cared := slices.ContainsFunc(document.Allows(), func(st policy.Statement) bool {
		return st.Covers("kms:PutKeyPolicy") && slices.Contains(st.Principals["AWS"], root)
	})
	if !cared {
		shut = append(shut, "the account's administration")
	}
	e.r.Say(key, len(shut) == 0, "shut out: "+orNobody(shut), "its policy lets the services that encrypt with it use it, and the account care for it", fix)
}

const fixAtRest = "the component turns encryption on; leave it on"

func (e *encryption) databases() {
	for _, db := range e.r.Must(e.g.OfType(typeDatabase), "database instance", "an encrypted database", "components/database makes it") {
		e.r.Want(db, db.Bool("storageEncrypted"), "storageEncrypted", "true", fixAtRest)
		if !db.Has("replicateSourceDb") || db.Has("kmsKeyId") { // a replica has its source's key
			e.key(db, "kmsKeyId", true)
		}
		if db.Bool("performanceInsightsEnabled") { // it keeps the text of queries
			e.key(db, "performanceInsightsKmsKeyId", true)
		}
	}
	for _, cluster := range e.g.OfType(typeDocuments) {
		e.r.Want(cluster, cluster.Bool("storageEncrypted"), "storageEncrypted", "true", fixAtRest)
		e.key(cluster, "kmsKeyId", true)
	}
	for _, instance := range e.g.OfType(typeDocument) {
		if instance.Bool("enablePerformanceInsights") {
			e.key(instance, "performanceInsightsKmsKeyId", true)
		}
	}
}

func (e *encryption) cachesAtRest() {
	for _, cache := range e.g.OfType(typeCache) {
		e.r.Want(cache, cache.Bool("atRestEncryptionEnabled"), "atRestEncryptionEnabled", "true", fixAtRest)
		e.key(cache, "kmsKeyId", true)
	}
}

// bucketsAtRest are encrypted with a key of the client's own, but for the targets of access logs: S3 and the load
// balancer write those with S3's own keys only.
func (e *encryption) bucketsAtRest() {
	const byDefault = "rules.0.applyServerSideEncryptionByDefault."
	const fix = "make the bucket with components/bucket, and pass KeyArn"
	for _, bucket := range e.g.OfType(typeBucket) {
		if e.backup(bucket) {
			continue
		}
		settings := bucket.Referrers("bucket", typeBucketEncryption)
		e.r.Say(bucket, len(settings) == 1, howMany(len(settings), "encryption setting"), "one setting of encryption", fix)
		for _, setting := range settings {
			one := len(setting.List("rules")) == 1
			if e.logTarget(bucket) && setting.Text(byDefault+"sseAlgorithm") == "AES256" {
				e.r.Want(setting, one, byDefault+"sseAlgorithm", "AES256, S3's own keys: log delivery writes with no others", fix)
				continue
			}
			e.r.Want(setting, one && setting.Text(byDefault+"sseAlgorithm") == "aws:kms", byDefault+"sseAlgorithm", "aws:kms", fix)
			e.key(setting, byDefault+"kmsMasterKeyId", true)
		}
	}
	for _, copies := range e.g.OfType(typeReplication) {
		for _, rule := range copies.Items("rules") {
			target := rule.Ref("destination.bucket", typeBucket)
			if target == nil || e.backup(target) {
				continue
			}
			key := rule.Ref("destination.encryptionConfiguration.replicaKmsKeyId", typeKey)
			e.r.Want(copies, key != nil && slices.Contains(bucketKeys(target), key), rule.Path+".destination.encryptionConfiguration.replicaKmsKeyId",
				"the key of the bucket that receives the copies", "pass the second region's key to components/replication")
		}
	}
}

// backup tells whether a bucket is one that keeps backups under a lock.
func (e *encryption) backup(bucket *graph.Resource) bool { return bucket.Bool("objectLockEnabled") }

// logTarget tells whether a bucket receives the access logs of others.
func (e *encryption) logTarget(bucket *graph.Resource) bool {
	return len(bucket.Referrers("targetBucket", "aws:s3/bucketLoggingV2:BucketLoggingV2")) > 0 || len(bucket.Referrers("accessLogs.bucket", typeBalancer)) > 0
}

// bucketKeys are the keys that a bucket encrypts with by default.
func bucketKeys(bucket *graph.Resource) []*graph.Resource {
	var keys []*graph.Resource
	for _, setting := range bucket.Referrers("bucket", typeBucketEncryption) {
		if key := setting.Ref("rules.0.applyServerSideEncryptionByDefault.kmsMasterKeyId", typeKey); key != nil {
			keys = append(keys, key)
		}
	}
	return keys
}

// others that keep something: logs, secrets, secure parameters, messages on their way.
func (e *encryption) others() {
	for _, group := range e.r.Must(e.g.OfType(typeLogGroup), "log group", "encrypted logs", "components make their log groups") {
		e.key(group, "kmsKeyId", true)
	}
	for _, secret := range e.r.Must(e.g.OfType(typeSecret), "secret", "encrypted secrets", "components/configuration makes it") {
		e.key(secret, "kmsKeyId", true)
		days, given := secret.Number("recoveryWindowInDays")
		if guarded(e.s) && !doorOf(e.g, biComponent)[secret.Parent] { // credentials of a door go with it
			e.r.Want(secret, !given || days >= 30, "recoveryWindowInDays", "30 days in which a deletion can be taken back: the service encrypts with it", "components/configuration sets it")
		}
	}
	for _, parameter := range e.g.OfType(typeParameter) {
		if parameter.Text("type") == "SecureString" {
			e.key(parameter, "keyId", true)
		} else {
			e.r.Want(parameter, parameter.Has("insecureValue") && !parameter.Has("value"), "type", "plain settings only; secrets are in Secrets Manager", "put the value into components/configuration's secret")
		}
	}
	for _, topic := range e.r.Must(e.g.OfType(typeTopic), "topic", "encrypted alarms", "components/alerting makes the topics") {
		e.key(topic, "kmsMasterKeyId", false)
	}
	for _, queue := range e.g.OfType(typeQueue) {
		e.key(queue, "kmsMasterKeyId", false)
	}
}

// volumes are the machines' disks.
func (e *encryption) volumes() {
	disk := func(of *graph.Resource, path string) {
		e.r.Want(of, of.Bool(path+".encrypted"), path+".encrypted", "true", fixAtRest)
		e.key(of, path+".kmsKeyId", true)
	}
	for _, template := range e.r.Must(e.g.OfType(typeTemplate), "launch template", "machines with encrypted disks", "components/compute makes it") {
		disks := template.Items("blockDeviceMappings")
		e.r.Say(template, len(disks) > 0, fmt.Sprintf("disks that are set: %d", len(disks)), "the machine's disk, with its encryption", "components/compute, machines.go, sets it")
		for _, mapping := range disks {
			if !mapping.Has("noDevice") && !mapping.Has("virtualName") {
				disk(template, mapping.Path+".ebs")
			}
		}
	}
	for _, machine := range e.g.OfType(typeMachine) {
		disk(machine, "rootBlockDevice")
		for _, extra := range machine.Items("ebsBlockDevices") {
			disk(machine, extra.Path)
		}
	}
	for _, volume := range e.g.OfType("aws:ebs/volume:Volume") {
		e.r.Want(volume, volume.Bool("encrypted"), "encrypted", "true", fixAtRest)
		e.key(volume, "kmsKeyId", true)
	}
}
