package engine

// holds is what each stateful type keeps. Replacing or deleting a resource of one of these types loses
// data that the program cannot make again, so it has to be confirmed by name. Configuration of such a
// resource (a bucket's policy, a key's alias) is not in the table: it can be made again.
var holds = map[string]string{
	"aws:backup/vault:Vault":                            "recovery points",
	"aws:cloudtrail/eventDataStore:EventDataStore":      "audit events",
	"aws:cloudtrail/trail:Trail":                        "the audit trail",
	"aws:cloudwatch/logGroup:LogGroup":                  "logs",
	"aws:docdb/cluster:Cluster":                         "documents",
	"aws:docdb/globalCluster:GlobalCluster":             "documents",
	"aws:dynamodb/table:Table":                          "a table",
	"aws:ec2/vpc:Vpc":                                   "the network of every database; a database cannot move to another",
	"aws:ebs/snapshot:Snapshot":                         "a snapshot",
	"aws:ebs/volume:Volume":                             "a disk",
	"aws:ecr/repository:Repository":                     "images",
	"aws:efs/fileSystem:FileSystem":                     "a file system",
	"aws:elasticache/replicationGroup:ReplicationGroup": "sessions and cached data",
	"aws:kms/externalKey:ExternalKey":                   "an encryption key; what it encrypts is lost with it",
	"aws:kms/key:Key":                                   "an encryption key; what it encrypts is lost with it",
	"aws:kms/replicaKey:ReplicaKey":                     "an encryption key; what it encrypts is lost with it",
	"aws:lightsail/bucket:Bucket":                       "objects",
	"aws:lightsail/database:Database":                   "a database",
	"aws:lightsail/disk:Disk":                           "a disk",
	"aws:opensearch/domain:Domain":                      "an index",
	"aws:rds/cluster:Cluster":                           "a database",
	"aws:rds/clusterSnapshot:ClusterSnapshot":           "a snapshot",
	"aws:rds/instance:Instance":                         "a database",
	"aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication": "backups in the second region",
	"aws:rds/snapshot:Snapshot": "a snapshot",
	"aws:s3/bucket:Bucket":      "objects",

	"aws:s3/bucketObjectLockConfigurationV2:BucketObjectLockConfigurationV2": "the lock on a bucket's objects",
	"aws:s3/bucketV2:BucketV2":                                 "objects",
	"aws:secretsmanager/secret:Secret":                         "a secret",
	"aws:sqs/queue:Queue":                                      "messages",
	"aws:timestreamwrite/database:Database":                    "measurements",
	"cloudflare:index/r2Bucket:R2Bucket":                       "objects",
	"cloudflare:index/zone:Zone":                               "a DNS zone",
	"hcloud:index/snapshot:Snapshot":                           "a snapshot",
	"hcloud:index/volume:Volume":                               "a disk",
	"aws:backup/vaultLockConfiguration:VaultLockConfiguration": "the lock on a vault's recovery points",
	"aws:cognito/userPool:UserPool":                            "accounts",
	"aws:route53/zone:Zone":                                    "a DNS zone",
}

// Holds says what data a resource of the type keeps; empty when it keeps none.
func Holds(typeToken string) string { return holds[typeToken] }
