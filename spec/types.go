package spec

import "net/netip"

// Kind says which program a stack runs.
type Kind string

// The kinds of stack.
const (
	KindAWSClient    Kind = "awsclient"    // one client on AWS, standard or dedicated tier
	KindLightClient  Kind = "lightclient"  // one client on AWS, light tier (Lightsail)
	KindSites        Kind = "sites"        // a pair of data-centre sites that clients share
	KindSiteClient   Kind = "siteclient"   // one client on a pair of sites
	KindOnPremises   Kind = "onpremises"   // one client on its own machine
	KindOrganisation Kind = "organisation" // the provider's own accounts, staff and audit trail
)

// Spec is what a stack's configuration says. Exactly one of its kinds is set.
type Spec struct {
	Kind         Kind
	AWSClient    *AWSClient
	LightClient  *LightClient
	Sites        *Sites
	SiteClient   *SiteClient
	OnPremises   *OnPremises
	Organisation *Organisation
}

// Environment tells production from the environments that hold test data only (DP-6).
type Environment string

// The environments.
const (
	Production  Environment = "production"
	Staging     Environment = "staging"
	Development Environment = "development"
)

// Tier is the size and isolation of a client's service (AV-8).
type Tier string

// The tiers of an AWS client.
const (
	Standard  Tier = "standard"  // shared-size machines, burstable database
	Dedicated Tier = "dedicated" // larger machines on dedicated tenancy, larger database with a read replica
)

// Residency is where a client's data may be kept (AV-9).
type Residency string

// The residencies on AWS.
const (
	UnitedKingdom Residency = "uk" // served from eu-west-2 (London)
	EuropeanUnion Residency = "eu" // served from eu-west-1 (Dublin)
)

// Engine is a relational database engine.
type Engine string

// The engines that TaskFlow runs on in production.
const (
	PostgreSQL Engine = "postgresql"
	MySQL      Engine = "mysql"
)

// AWSClient is one client of the company in an AWS account.
type AWSClient struct {
	// Kind is awsclient.
	Kind Kind `json:"kind" jsonschema:"required,enum=awsclient"`
	// Client says who the client is.
	Client Client `json:"client" jsonschema:"required"`
	// Environment of the client; only production holds clients' data. Default production.
	Environment Environment `json:"environment,omitempty" jsonschema:"enum=production,enum=staging,enum=development,default=production"`
	// Tier is standard or dedicated. Default standard.
	Tier Tier `json:"tier,omitempty" jsonschema:"enum=standard,enum=dedicated,default=standard"`
	// Residency is where the client's data may be kept: uk or eu.
	Residency Residency `json:"residency" jsonschema:"required,enum=uk,enum=eu,example=uk"`
	// AWS is the account and the region.
	AWS AWS `json:"aws" jsonschema:"required"`
	// Network is the VPC.
	Network Network `json:"network" jsonschema:"required"`
	// Edge is Cloudflare in front of the client.
	Edge Edge `json:"edge" jsonschema:"required"`
	// Service is the TaskFlow release and the machines that run it.
	Service Service `json:"service" jsonschema:"required"`
	// Database is the relational database.
	Database Database `json:"database" jsonschema:"required"`
	// Documents adds a DocumentDB cluster for the activity feed; absent: kept in the relational database.
	Documents *Documents `json:"documents,omitempty"`
	// Cache adds ElastiCache Redis for sessions, cache and rate limits; absent: in memory.
	Cache *Cache `json:"cache,omitempty"`
	// Backup sets how copies are kept. Absent: every default.
	Backup Backup `json:"backup,omitempty"`
	// Alerts says who is told at once when something is wrong.
	Alerts Alerts `json:"alerts" jsonschema:"required"`
	// Access opens doors for a limited time. Absent: all are closed.
	Access Access `json:"access,omitempty"`
	// Maintenance sets when announced work may happen (AV-6).
	Maintenance Maintenance `json:"maintenance,omitempty"`
	// Leaving lifts deletion protection for a client who leaves. Absent: protected.
	Leaving *Leaving `json:"leaving,omitempty"`
	// Fleet places the stack among all others. Absent: every default.
	Fleet Fleet `json:"fleet,omitempty"`
	// Waivers are agreed deviations from promises or baseline controls. Absent: none.
	Waivers []Waiver `json:"waivers,omitempty"`
}

// Client says who the client is.
type Client struct {
	// Name goes into names and tags: 2 to 24 lower-case letters, digits and single hyphens, beginning with a letter.
	Name string `json:"name" jsonschema:"required,minLength=2,maxLength=24,pattern=^[a-z][a-z0-9]*(-[a-z0-9]+)*$,example=acme" expect:"2 to 24 lower-case letters, digits and single hyphens, beginning with a letter"`
	// DisplayName is the client's name as people write it, at most 80 characters.
	DisplayName string `json:"displayName" jsonschema:"required,maxLength=80,example=Acme Logistics Ltd"`
	// Contacts are told of maintenance and incidents. At least one.
	Contacts []Contact `json:"contacts" jsonschema:"required,minItems=1"`
}

// Contact is a person on the client's side.
type Contact struct {
	// Name as people write it, at most 80 characters.
	Name string `json:"name" jsonschema:"required,maxLength=80,example=Amara Okafor"`
	// Email address that is written to.
	Email string `json:"email" jsonschema:"required,format=email,example=amara.okafor@acme.example"`
	// Role is what the person is told about.
	Role string `json:"role,omitempty" jsonschema:"enum=operations,enum=security,enum=business,default=operations"`
}

// AWS says in which account and region the client lives.
type AWS struct {
	// Account is the 12-digit account number, in quotes. The provider refuses to act on any other account.
	Account string `json:"account" jsonschema:"required,pattern=^[0-9]{12}$,example=123456789012" expect:"12 digits in quotes"`
	// Region is where the client is served from; it must fit the residency. Default: the residency's own.
	Region string `json:"region,omitempty"`
	// Zones is the number of availability zones, 2 or 3. Default 3 (2 outside production).
	Zones int `json:"zones,omitempty" jsonschema:"minimum=2,maximum=3"`
	// DeployRoleArn is the role that Pulumi assumes to deploy. Empty: the caller's own credentials.
	DeployRoleArn string `json:"deployRoleArn,omitempty" jsonschema:"pattern=^arn:aws:iam::[0-9]{12}:role/[A-Za-z0-9/._@+-]+$,example=arn:aws:iam::123456789012:role/berth-deploy" expect:"the ARN of an IAM role"`
	// Verifiers are the ARNs of the IAM roles and users that may sign in as berth-verify, the role that reads the account back
	// and changes nothing; at most 10, users with a second factor. Absent or empty: the role is not made. An account has one
	// such role: name them in one of the account's stacks.
	Verifiers []string `json:"verifiers,omitempty" jsonschema:"pattern=^arn:aws:iam::[0-9]{12}:(role|user)/([A-Za-z0-9._@+-]+/)*[A-Za-z0-9._@+-]+$,example=arn:aws:iam::111122223333:role/northwind-pipeline-preview" expect:"the ARN of one IAM role or user"`
}

// Network is the client's VPC.
type Network struct {
	// CIDR is the VPC's private range, /16 to /20.
	CIDR netip.Prefix `json:"cidr" jsonschema:"required,example=10.20.0.0/16"`
	// NATGateways is "perZone" or "single". Default perZone in production, single elsewhere.
	NATGateways string `json:"natGateways,omitempty" jsonschema:"enum=perZone,enum=single"`
	// Reserved are ranges of the client's own networks that the VPC must not overlap.
	Reserved []netip.Prefix `json:"reserved,omitempty"`
	// FlowLogDays is how long flow logs are kept, in days that CloudWatch Logs knows. Default 365.
	FlowLogDays int `json:"flowLogDays,omitempty" jsonschema:"enum=90,enum=120,enum=150,enum=180,enum=365,enum=400,enum=545,enum=731,enum=1096,enum=1827,enum=2192,enum=2557,enum=2922,enum=3288,enum=3653,default=365"`
}

// Edge is Cloudflare in front of the client (AV-11, AV-12).
type Edge struct {
	// Hostname is where the client's people go, a name inside Zone.
	Hostname string `json:"hostname" jsonschema:"required,format=hostname,example=acme.taskflow.example"`
	// Zone is the Cloudflare zone's domain.
	Zone string `json:"zone" jsonschema:"required,format=hostname,example=taskflow.example"`
	// ZoneID is the zone's 32 hexadecimal digits in Cloudflare.
	ZoneID string `json:"zoneId" jsonschema:"required,pattern=^[0-9a-f]{32}$,example=023e105f4ecef8ad9ca31a8372d0c353" expect:"32 lower-case hexadecimal digits, as Cloudflare shows them"`
	// AccountID is the 32 hexadecimal digits of the Cloudflare account.
	AccountID string `json:"accountId" jsonschema:"required,pattern=^[0-9a-f]{32}$,example=023e105f4ecef8ad9ca31a8372d0c353" expect:"32 lower-case hexadecimal digits, as Cloudflare shows them"`
	// ManageZone makes this stack own the zone's settings. Set it in exactly one stack per zone. Default true.
	ManageZone *bool `json:"manageZone,omitempty" jsonschema:"default=true"`
	// Argo turns on smart routing, which Cloudflare bills by traffic. Default false.
	Argo bool `json:"argo,omitempty" jsonschema:"default=false"`
	// RateLimit is the requests that one address may send. Default 600 in 60 s.
	RateLimit RateLimit `json:"rateLimit,omitempty"`
	// HSTSDays is the age of strict transport security, in days. Default 365.
	HSTSDays int `json:"hstsDays,omitempty" jsonschema:"minimum=180,maximum=730,default=365"`
}

// RateLimit counts requests per client address.
type RateLimit struct {
	// Requests within the period before an address is refused. Default 600.
	Requests int `json:"requests,omitempty" jsonschema:"minimum=10,maximum=100000,default=600"`
	// PeriodSeconds is the length of the period. Default 60.
	PeriodSeconds int `json:"periodSeconds,omitempty" jsonschema:"enum=10,enum=60,enum=120,enum=300,enum=600,default=60"`
}

// Service is the TaskFlow release and the machines that run it.
type Service struct {
	// Release is the build that runs.
	Release Release `json:"release" jsonschema:"required"`
	// InstanceType of the machines. Default t3.medium (standard) or m6i.xlarge (dedicated).
	InstanceType string `json:"instanceType,omitempty" jsonschema:"pattern=^[a-z][a-z0-9-]*[.][a-z0-9-]+$,example=t3.medium" expect:"an EC2 instance type"`
	// ImageID is the Amazon Machine Image (Amazon Linux 2023, x86_64).
	ImageID string `json:"imageId" jsonschema:"required,pattern=^ami-([0-9a-f]{8}|[0-9a-f]{17})$,example=ami-0a1b2c3d4e5f60718" expect:"ami- and 8 or 17 lower-case hexadecimal digits"`
	// MinMachines run at least. Default: one per zone.
	MinMachines int `json:"minMachines,omitempty" jsonschema:"minimum=2,maximum=100"`
	// MaxMachines run at most. Default: three times MinMachines.
	MaxMachines int `json:"maxMachines,omitempty" jsonschema:"minimum=2,maximum=100"`
	// LogDays is how long service logs are kept, in days that CloudWatch Logs knows. Default 365.
	LogDays int `json:"logDays,omitempty" jsonschema:"enum=90,enum=120,enum=150,enum=180,enum=365,enum=400,enum=545,enum=731,enum=1096,enum=1827,enum=2192,enum=2557,enum=2922,enum=3288,enum=3653,default=365"`
}

// Release names one signed build of TaskFlow in the release bucket.
type Release struct {
	// Version is a semantic version without a "v".
	Version string `json:"version" jsonschema:"required,pattern=^(0|[1-9][0-9]*)[.](0|[1-9][0-9]*)[.](0|[1-9][0-9]*)(-(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)([.](0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?$,example=1.0.0" expect:"a semantic version without a v"`
	// SHA256 is the artefact's checksum, 64 lower-case hexadecimal digits.
	SHA256 string `json:"sha256" jsonschema:"required,pattern=^[0-9a-f]{64}$" expect:"64 lower-case hexadecimal digits, as sha256sum prints them"`
	// Bucket holds taskflow/<version>/taskflow-linux-amd64.tar.gz; the organisation's release bucket.
	Bucket string `json:"bucket" jsonschema:"required,pattern=^[a-z0-9][a-z0-9-]{1\\,61}[a-z0-9]$,example=berth-northwind-releases-111122223333-eu-west-2" expect:"the name of an S3 bucket: 3 to 63 lower-case letters, digits and hyphens"`
}

// Database is the client's own relational database (DP-1).
type Database struct {
	// Engine is postgresql or mysql.
	Engine Engine `json:"engine" jsonschema:"required,enum=postgresql,enum=mysql,example=postgresql"`
	// Version is the major version: PostgreSQL 14 to 17, MySQL 8.0 or 8.4. Default 16 or 8.4.
	Version string `json:"version,omitempty" jsonschema:"example=16" expect:"a major version in quotes"`
	// InstanceClass, default db.t4g.medium (standard) or db.r6g.large (dedicated).
	InstanceClass string `json:"instanceClass,omitempty" jsonschema:"pattern=^db[.][a-z0-9]+[.][a-z0-9]+$,example=db.r6g.large" expect:"an instance class that begins with db."`
	// StorageGiB at first. Default 50.
	StorageGiB int `json:"storageGiB,omitempty" jsonschema:"minimum=20,maximum=65536,default=50"`
	// MaxStorageGiB is how far the storage grows by itself. Default four times StorageGiB.
	MaxStorageGiB int `json:"maxStorageGiB,omitempty" jsonschema:"minimum=20,maximum=65536"`
	// MultiAZ keeps a synchronous standby in another zone (AV-3). Default true in production.
	MultiAZ *bool `json:"multiAz,omitempty"`
	// PointInTimeDays is the window for restores to any second (BK-4), 7 to 35 in production. Default 7.
	PointInTimeDays int `json:"pointInTimeDays,omitempty" jsonschema:"minimum=1,maximum=35,default=7"`
	// ReadReplica adds an asynchronous replica for reading. Default false (true for dedicated).
	ReadReplica *bool `json:"readReplica,omitempty"`
}

// Documents is an Amazon DocumentDB cluster.
type Documents struct {
	// InstanceClass, default db.t4g.medium (standard) or db.r6g.large (dedicated).
	InstanceClass string `json:"instanceClass,omitempty" jsonschema:"pattern=^db[.][a-z0-9]+[.][a-z0-9]+$,example=db.r6g.large" expect:"an instance class that begins with db."`
	// Instances, default 2 in production, 1 elsewhere.
	Instances int `json:"instances,omitempty" jsonschema:"minimum=1,maximum=5"`
}

// Cache is an ElastiCache Redis replication group.
type Cache struct {
	// NodeType, default cache.t4g.small (standard) or cache.r6g.large (dedicated).
	NodeType string `json:"nodeType,omitempty" jsonschema:"pattern=^cache[.][a-z0-9]+[.][a-z0-9]+$,example=cache.r6g.large" expect:"a node type that begins with cache."`
	// Replicas besides the primary, default 1 in production, 0 elsewhere.
	Replicas *int `json:"replicas,omitempty" jsonschema:"minimum=0,maximum=5"`
}

// Backup says how copies are kept (BK-3 to BK-6, DP-8).
type Backup struct {
	// SecondRegion receives a copy of every backup; it must fit the residency or have CopiesAbroad.
	// Default eu-west-1 for eu-west-2 and the other way round; "none" outside production only.
	SecondRegion string `json:"secondRegion,omitempty"`
	// CopiesAbroad records the client's consent to copies outside its residency (AV-9), such as
	// "agreed with J. Doe on 2026-05-01". Required when SecondRegion lies outside.
	CopiesAbroad string `json:"copiesAbroad,omitempty" jsonschema:"minLength=10,maxLength=200,example=agreed with J. Doe on 2026-05-01"`
	// RetentionDays in the backup vaults, at least 90 in production (BK-5). Default 90.
	RetentionDays int `json:"retentionDays,omitempty" jsonschema:"minimum=7,maximum=3650,default=90"`
	// ArchiveAfterDays moves the bucket's objects to Glacier, at least 90 (BK-6). Default 90.
	ArchiveAfterDays int `json:"archiveAfterDays,omitempty" jsonschema:"minimum=90,maximum=3650,default=90"`
	// DeleteAfterDays ends the archive, at least 180 later than the archive begins. Default 2555 (7 years).
	DeleteAfterDays int `json:"deleteAfterDays,omitempty" jsonschema:"minimum=180,maximum=36500,default=2555"`
	// Lock is the retention mode of object and vault locks: governance (a privileged role may lift it) or
	// compliance (nobody may). Default governance.
	Lock string `json:"lock,omitempty" jsonschema:"enum=governance,enum=compliance,default=governance"`
}

// Alerts says who is told at once when something is wrong (AV-7). Production needs all three channels.
type Alerts struct {
	// Emails that are written to. At least one.
	Emails []string `json:"emails" jsonschema:"required,minItems=1,format=email,example=operations@northwind.example"`
	// Phones in E.164 form, such as +442071234567, for SMS.
	Phones []string `json:"phones,omitempty" jsonschema:"pattern=^[+][1-9][0-9]{6\\,14}$,example=+442071234567" expect:"a phone number in E.164 form, in quotes"`
	// Slack is the channel that is posted to.
	Slack *Slack `json:"slack,omitempty"`
}

// Slack is a channel that AWS Chatbot posts to.
type Slack struct {
	// WorkspaceID of the Slack workspace, which AWS Chatbot was authorised for once by hand.
	WorkspaceID string `json:"workspaceId" jsonschema:"required,pattern=^T[0-9A-Z]{8\\,}$,example=T0123ABCD" expect:"a Slack workspace ID, which begins with T"`
	// ChannelID of the channel.
	ChannelID string `json:"channelId" jsonschema:"required,pattern=^[CG][0-9A-Z]{8\\,}$,example=C0456EFGH" expect:"a Slack channel ID, which begins with C or G"`
}

// Access holds the doors that are open for a while.
type Access struct {
	// BI opens read-only database access for the client's tools (DP-5).
	BI *BIAccess `json:"bi,omitempty"`
	// BreakGlass opens database access for staff during an incident (AC-4).
	BreakGlass *BreakGlass `json:"breakGlass,omitempty"`
}

// BIAccess is read-only database access over TLS from named addresses until a date.
type BIAccess struct {
	// Reason is the client's request, for the record.
	Reason string `json:"reason" jsonschema:"required,minLength=10,maxLength=500"`
	// From are the client's public IPv4 addresses; never empty, each /24 or smaller.
	From []netip.Prefix `json:"from" jsonschema:"required,minItems=1,example=203.0.113.16/29"`
	// Until is the last day of access; at most 366 days ahead.
	Until Date `json:"until" jsonschema:"required,example=2027-03-31"`
}

// BreakGlass is database access for named staff during an incident. It ends by itself.
type BreakGlass struct {
	// Incident is the incident's number or address.
	Incident string `json:"incident" jsonschema:"required,minLength=3,example=INC-2026-014"`
	// Reason for the access, for the record.
	Reason string `json:"reason" jsonschema:"required,minLength=10,maxLength=500"`
	// People are the ARNs of the employees' own IAM users.
	People []string `json:"people" jsonschema:"required,minItems=1,pattern=^arn:aws:iam::[0-9]{12}:user/[A-Za-z0-9/._@+-]+$,example=arn:aws:iam::111122223333:user/ben.adeyemi" expect:"the ARN of an employee's own IAM user (AC-4, AC-5)"`
	// Opens is when the access begins, RFC 3339 with a zone.
	Opens Instant `json:"opens" jsonschema:"required,example=2026-11-21T21:00:00Z"`
	// Closes is when the access ends, at most one hour after Opens.
	Closes Instant `json:"closes" jsonschema:"required,example=2026-11-21T22:00:00Z"`
}

// Maintenance is when announced work may happen.
type Maintenance struct {
	// Window in UTC as day:hh:mm-day:hh:mm, 30 minutes (an hour with a cache) to 8 hours long, clear of the backup at 00:00
	// to 01:00. Default sun:02:00-sun:04:00.
	Window string `json:"window,omitempty" jsonschema:"default=sun:02:00-sun:04:00,pattern=^(mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]-(mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]$" expect:"day:hh:mm-day:hh:mm in UTC, such as sun:02:00-sun:04:00"`
	// NoticeDays is how long before the window the client is told. Default 7.
	NoticeDays int `json:"noticeDays,omitempty" jsonschema:"minimum=1,maximum=90,default=7"`
}

// Leaving lifts deletion protection so that an orderly destroy can follow a final backup.
type Leaving struct {
	// Confirm repeats the client's name.
	Confirm string `json:"confirm" jsonschema:"required,example=acme"`
	// Reason is the contract's end, for the record.
	Reason string `json:"reason" jsonschema:"required,minLength=10,maxLength=500"`
}
