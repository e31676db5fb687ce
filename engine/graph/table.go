package graph

// Zone is a place in the picture, from the client inwards.
type Zone string

// The zones.
const (
	Edge     Zone = "edge"     // in front of the region
	Public   Zone = "public"   // subnets that the edge reaches
	Private  Zone = "private"  // subnets of the machines
	Isolated Zone = "isolated" // subnets without a way out
	Region   Zone = "region"   // services of the region outside the network
	Second   Zone = "second"   // the second region
	Guards   Zone = "guards"   // keys, identity, secrets, logs, alarms
	Network  Zone = "network"  // the network itself: told in its frame, not in a box
	Nowhere  Zone = ""         // not shown, such as providers
)

// role is a box.
type role struct {
	id    string
	zone  Zone
	title string
	// column, from 1, is where it stands in a lane of the network, so that the way of a request runs straight down.
	column int
}

// roles are the boxes, in the order in which they stand in their zones.
var roles = []role{
	{"dns", Edge, "DNS", 0},
	{"cdn", Edge, "CDN", 0},
	{"shield", Edge, "Shield", 0},
	{"originPulls", Edge, "Origin pulls", 0},
	{"balancing", Edge, "Steering", 0},

	{"nat", Public, "Way out", 1},
	{"loadbalancer", Public, "Load balancer", 2},
	{"firewall", Public, "Web firewall", 3},

	{"machines", Private, "Machines", 2},
	{"endpoints", Private, "Private endpoints", 3},

	{"cache", Isolated, "Cache", 1},
	{"database", Isolated, "Database", 2},
	{"documents", Isolated, "Documents", 3},

	{"gate", Region, "Addresses and firewalls", 0},
	{"hosts", Region, "Machines", 0},
	{"disks", Region, "Disks", 0},
	{"bundles", Region, "What lies on machines", 0},
	{"siteNetwork", Region, "Private network", 0},
	{"lightDatabase", Region, "Database", 0},

	{"storage", Region, "Buckets", 0},
	{"backups", Region, "Backups", 0},
	{"release", Region, "Release pipeline", 0},
	{"audit", Region, "Audit trail", 0},
	{"detection", Region, "Threat detection", 0},
	{"staff", Region, "Staff", 0},

	{"secondBackups", Second, "Backup vaults", 0},
	{"secondDatabase", Second, "Database copies", 0},
	{"secondStorage", Second, "Bucket copies", 0},
	{"secondKeys", Second, "Keys", 0},
	{"secondDetection", Second, "Threat detection", 0},
	{"secondAlerts", Second, "Alerts", 0},
	{"secondOther", Second, "Other", 0},

	{"keys", Guards, "Encryption keys", 0},
	{"secrets", Guards, "Secrets and settings", 0},
	{"identity", Guards, "Roles and policies", 0},
	{"certificates", Guards, "Certificates", 0},
	{"logs", Guards, "Logs", 0},
	{"alarms", Guards, "Alarms and dashboard", 0},
	{"alerts", Guards, "Alerts", 0},
	{"oncall", Guards, "On call", 0},
	{"other", Guards, "Other", 0},

	{"network", Network, "Network", 0},
	{"securityGroups", Network, "Security groups", 0},
}

// places says which role a type has; the longest prefix of the type counts.
var places = map[string]string{
	"cloudflare:":                                 "cdn",
	"cloudflare:index/record:":                    "dns",
	"cloudflare:index/zone:":                      "dns",
	"cloudflare:index/zoneDnssec:":                "dns",
	"cloudflare:index/ruleset:":                   "shield",
	"cloudflare:index/rateLimit:":                 "shield",
	"cloudflare:index/filter:":                    "shield",
	"cloudflare:index/firewallRule:":              "shield",
	"cloudflare:index/managedHeaders:":            "shield",
	"cloudflare:index/botManagement:":             "shield",
	"cloudflare:index/list:":                      "shield",
	"cloudflare:index/authenticatedOriginPulls":   "originPulls",
	"cloudflare:index/originCaCertificate:":       "originPulls",
	"cloudflare:index/loadBalancer":               "balancing",
	"cloudflare:index/healthcheck:":               "balancing",
	"cloudflare:index/notificationPolicy":         "alerts",
	"hcloud:":                                     "other",
	"hcloud:index/firewall":                       "gate",
	"hcloud:index/loadBalancer":                   "gate",
	"hcloud:index/network":                        "siteNetwork",
	"hcloud:index/placementGroup:":                "hosts",
	"hcloud:index/primaryIp:":                     "gate",
	"hcloud:index/server:":                        "hosts",
	"hcloud:index/sshKey:":                        "hosts",
	"hcloud:index/volume":                         "disks",
	"machine:":                                    "bundles",
	"aws:lightsail/":                              "hosts",
	"aws:lightsail/database:":                     "lightDatabase",
	"aws:lightsail/instancePublicPorts:":          "gate",
	"aws:lightsail/staticIp":                      "gate",
	"aws:":                                        "other",
	"aws:accessanalyzer/":                         "detection",
	"aws:account/":                                "staff",
	"aws:acm/":                                    "certificates",
	"aws:alb/":                                    "loadbalancer",
	"aws:athena/":                                 "audit",
	"aws:autoscaling/":                            "machines",
	"aws:backup/":                                 "backups",
	"aws:cfg/":                                    "detection",
	"aws:chatbot/":                                "alerts",
	"aws:cloudtrail/":                             "audit",
	"aws:cloudwatch/":                             "alarms",
	"aws:cloudwatch/logDataProtectionPolicy:":     "logs",
	"aws:cloudwatch/logDestination":               "logs",
	"aws:cloudwatch/logGroup:":                    "logs",
	"aws:cloudwatch/logMetricFilter:":             "logs",
	"aws:cloudwatch/logResourcePolicy:":           "logs",
	"aws:cloudwatch/logStream:":                   "logs",
	"aws:cloudwatch/logSubscriptionFilter:":       "logs",
	"aws:cloudwatch/queryDefinition:":             "logs",
	"aws:codebuild/":                              "release",
	"aws:docdb/":                                  "documents",
	"aws:ec2/":                                    "network",
	"aws:ec2/eip:":                                "nat",
	"aws:ec2/flowLog:":                            "logs",
	"aws:ec2/launchTemplate:":                     "machines",
	"aws:ec2/natGateway:":                         "nat",
	"aws:ec2/internetGateway:":                    "network",
	"aws:ec2/securityGroup":                       "securityGroups",
	"aws:ec2/defaultSecurityGroup:":               "securityGroups",
	"aws:ec2/managedPrefixList":                   "securityGroups",
	"aws:ec2/vpcEndpoint":                         "endpoints",
	"aws:ecr/":                                    "release",
	"aws:elasticache/":                            "cache",
	"aws:guardduty/":                              "detection",
	"aws:iam/":                                    "identity",
	"aws:iam/accountPasswordPolicy:":              "staff",
	"aws:iam/group":                               "staff",
	"aws:iam/openIdConnectProvider:":              "release",
	"aws:iam/user":                                "staff",
	"aws:iam/virtualMfaDevice:":                   "staff",
	"aws:inspector2/":                             "detection",
	"aws:kms/":                                    "keys",
	"aws:lb/":                                     "loadbalancer",
	"aws:macie2/":                                 "detection",
	"aws:organizations/":                          "staff",
	"aws:rds/":                                    "database",
	"aws:resourcegroups/":                         "other",
	"aws:route53/":                                "alarms",
	"aws:route53/record:":                         "dns",
	"aws:route53/zone:":                           "dns",
	"aws:s3/":                                     "storage",
	"aws:s3control/":                              "storage",
	"aws:scheduler/":                              "alarms",
	"aws:secretsmanager/":                         "secrets",
	"aws:securityhub/":                            "detection",
	"aws:sns/":                                    "alerts",
	"aws:sqs/":                                    "alerts",
	"aws:ssm/":                                    "secrets",
	"aws:ssmcontacts/":                            "oncall",
	"aws:ssmincidents/":                           "oncall",
	"aws:vpc/":                                    "securityGroups",
	"aws:wafv2/":                                  "firewall",
	"aws:cloudwatch/event":                        "alarms",
	"aws:rds/eventSubscription:":                  "alarms",
	"aws:backup/vaultNotifications:":              "alarms",
	"aws:ec2/vpcEndpointServiceAllowedPrincipal:": "other",
}

// byComponent moves a type's boxes by the component they lie in: a bucket of the backups belongs to them.
var byComponent = []struct{ part, from, to string }{
	{"backup", "storage", "backups"},
	{"release", "storage", "release"},
	{"pipeline", "storage", "release"},
	{"pipeline", "identity", "release"},
	{"trail", "storage", "audit"},
	{"audit", "storage", "audit"},
	{"staff", "identity", "staff"},
}

// second is where a role goes when its resource is managed in the second region.
var second = map[string]string{
	"backups": "secondBackups", "storage": "secondStorage", "database": "secondDatabase", "keys": "secondKeys",
	"alerts": "secondAlerts", "alarms": "secondAlerts", "release": "secondStorage", "audit": "secondStorage", "detection": "secondDetection",
}

// arrow is a way that requests or copies take.
type arrow struct {
	from, to string
	label    string
	copies   bool // dashed: data is copied, not asked for
}

var arrows = []arrow{
	{"clients", "edge", "HTTPS only", false},
	{"edge", "loadbalancer", "TLS, and only with the edge's certificate", false},
	{"edge", "gate", "TLS, and only with the edge's certificate", false},
	{"loadbalancer", "machines", "", false},
	{"gate", "hosts", "", false},
	{"hosts", "disks", "", false},
	{"hosts", "lightDatabase", "TLS", false},
	{"machines", "nat", "", false},
	{"machines", "endpoints", "", false},
	{"machines", "cache", "", false},
	{"machines", "database", "TLS", false},
	{"machines", "documents", "", false},
	{"database", "backups", "snapshots", true},
	{"database", "secondDatabase", "", true},
	{"backups", "secondBackups", "", true},
	{"storage", "secondStorage", "", true},
}

// fact is something worth saying of a box, read from an input of one of its resources.
type fact struct {
	role, typeToken, input string
	format                 string // with one %v
	words                  map[string]string
	sum                    bool // count the resources instead
	joined                 bool // to the fact before, as a version to its name
}

var facts = []fact{
	{role: "database", typeToken: "aws:rds/instance:Instance", input: "engine", format: "%v", words: map[string]string{"postgres": "PostgreSQL", "mysql": "MySQL"}},
	{role: "database", typeToken: "aws:rds/instance:Instance", input: "engineVersion", format: "%v", joined: true},
	{role: "database", typeToken: "aws:rds/instance:Instance", input: "instanceClass", format: "%v"},
	{role: "database", typeToken: "aws:rds/instance:Instance", input: "multiAz", format: "%v", words: map[string]string{"true": "in several zones", "false": ""}},
	{role: "cache", typeToken: "aws:elasticache/replicationGroup:ReplicationGroup", input: "engine", format: "%v", words: map[string]string{"redis": "Redis", "valkey": "Valkey"}},
	{role: "cache", typeToken: "aws:elasticache/replicationGroup:ReplicationGroup", input: "nodeType", format: "%v"},
	{role: "cache", typeToken: "aws:elasticache/replicationGroup:ReplicationGroup", input: "numCacheClusters", format: "%v nodes"},
	{role: "documents", typeToken: "aws:docdb/clusterInstance:ClusterInstance", input: "instanceClass", format: "%v"},
	{role: "documents", typeToken: "aws:docdb/clusterInstance:ClusterInstance", format: "%v instances", sum: true},
	{role: "machines", typeToken: "aws:autoscaling/group:Group", input: "minSize", format: "%v at least"},
	{role: "machines", typeToken: "aws:autoscaling/group:Group", input: "maxSize", format: "%v at most"},
	{role: "machines", typeToken: "aws:ec2/launchTemplate:LaunchTemplate", input: "instanceType", format: "%v"},
	{role: "hosts", typeToken: "hcloud:index/server:Server", format: "%v servers", sum: true},
	{role: "hosts", typeToken: "hcloud:index/server:Server", input: "serverType", format: "%v"},
	{role: "hosts", typeToken: "aws:lightsail/instance:Instance", input: "bundleId", format: "%v"},
	{role: "disks", typeToken: "hcloud:index/volume:Volume", format: "%v volumes", sum: true},
	{role: "disks", typeToken: "hcloud:index/volume:Volume", input: "size", format: "%v GB each"},
	{role: "bundles", typeToken: "machine:index:Bundle", format: "%v bundles", sum: true},
	{role: "siteNetwork", typeToken: "hcloud:index/network:Network", input: "ipRange", format: "%v"},
	{role: "lightDatabase", typeToken: "aws:lightsail/database:Database", input: "blueprintId", format: "%v"},
	{role: "lightDatabase", typeToken: "aws:lightsail/database:Database", input: "bundleId", format: "%v"},
	{role: "nat", typeToken: "aws:ec2/natGateway:NatGateway", format: "%v NAT gateways", sum: true},
	{role: "keys", typeToken: "aws:kms/key:Key", format: "%v keys", sum: true},
	{role: "secondKeys", typeToken: "aws:kms/key:Key", format: "%v keys", sum: true},
	{role: "logs", typeToken: "aws:cloudwatch/logGroup:LogGroup", format: "%v log groups", sum: true},
	{role: "alarms", typeToken: "aws:cloudwatch/metricAlarm:MetricAlarm", format: "%v alarms", sum: true},
	{role: "endpoints", typeToken: "aws:ec2/vpcEndpoint:VpcEndpoint", format: "%v endpoints", sum: true},
	{role: "backups", typeToken: "aws:backup/vault:Vault", format: "%v vaults", sum: true},
	{role: "secondBackups", typeToken: "aws:backup/vault:Vault", format: "%v vaults", sum: true},
	{role: "storage", typeToken: "aws:s3/bucketV2:BucketV2", format: "%v buckets", sum: true},
	{role: "backups", typeToken: "aws:s3/bucketV2:BucketV2", format: "%v buckets", sum: true},
	{role: "secondBackups", typeToken: "aws:s3/bucketV2:BucketV2", format: "%v buckets", sum: true},
	{role: "secondStorage", typeToken: "aws:s3/bucketV2:BucketV2", format: "%v buckets", sum: true},
	{role: "identity", typeToken: "aws:iam/role:Role", format: "%v roles", sum: true},
	{role: "staff", typeToken: "aws:iam/user:User", format: "%v people", sum: true},
	{role: "loadbalancer", typeToken: "aws:lb/listener:Listener", format: "%v listeners", sum: true},
	{role: "dns", typeToken: "cloudflare:index/record:Record", format: "%v records", sum: true},
	{role: "shield", typeToken: "cloudflare:index/ruleset:Ruleset", format: "%v rule sets", sum: true},
}
