package live

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	cachetypes "github.com/aws/aws-sdk-go-v2/service/elasticache/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	secrettypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
	"github.com/google/go-cmp/cmp"
)

const (
	testSnapshot = "arn:aws:rds:eu-west-2:123456789012:snapshot:by-hand"
	testSecretOf = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:service"
	stranger     = `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999988887777:root"},"Action":"s3:GetObject","Resource":"*"}`
	confused     = `{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"kms:Decrypt","Resource":"*"}`
)

// byHand adds a snapshot that somebody made.
func (w *dataWorld) byHand(with ...string) {
	w.here.snapshots = []rdstypes.DBSnapshot{{DBSnapshotIdentifier: aws.String("rds:nightly"), SnapshotType: aws.String("automated")},
		{DBSnapshotIdentifier: aws.String("by-hand"), DBSnapshotArn: aws.String(testSnapshot), SnapshotType: aws.String("manual"), TagList: w.db().TagList}}
	w.here.restorable["by-hand"] = with
}

func TestOwnData(t *testing.T) {
	topic := goodDataWorld().there.topics[0].arn
	breaksIn(t, "DP-1", map[string]dataChange{
		"another client's database": {func(w *dataWorld) {
			w.db().TagList = append(w.db().TagList, rdstypes.Tag{Key: aws.String("client"), Value: aws.String("globex")})
		}, []string{testDatabase + ".tags.client"}},
		"nobody's bucket":        {func(w *dataWorld) { w.there.bucket("access-logs").tags = nil }, []string{strings.Replace(filesThere, "files", "access-logs", 1) + ".tags.client"}},
		"another client's cache": {func(w *dataWorld) { w.here.cacheTags["client"] = "globex" }, []string{testCache + ".tags.client"}},
		"another client's secret": {func(w *dataWorld) {
			w.here.secrets[0].Tags = append(w.here.secrets[0].Tags, secrettypes.Tag{Key: aws.String("client"), Value: aws.String("globex")})
		}, []string{testSecretOf + ".tags.client"}},
		"passwords":               {func(w *dataWorld) { w.db().IAMDatabaseAuthenticationEnabled = aws.Bool(false) }, []string{testDatabase + ".iamDatabaseAuthenticationEnabled"}},
		"a chosen password":       {func(w *dataWorld) { w.db().MasterUserSecret = nil }, []string{testDatabase + ".manageMasterUserPassword"}},
		"a stuck password":        {func(w *dataWorld) { w.db().MasterUserSecret.SecretStatus = aws.String("impaired") }, []string{testDatabase + ".masterUserSecrets.0.secretStatus"}},
		"AWS's key for it":        {func(w *dataWorld) { w.db().MasterUserSecret.KmsKeyId = nil }, []string{testDatabase + ".masterUserSecretKmsKeyId"}},
		"a shared cache password": {func(w *dataWorld) { w.here.caches[0].AuthTokenEnabled = aws.Bool(true) }, []string{testCache + ".authToken"}},
		"no cache users":          {func(w *dataWorld) { w.here.caches[0].UserGroupIds = nil }, []string{testCache + ".userGroupIds"}},
		"a nameless cache user":   {func(w *dataWorld) { w.here.cacheUsers[0].AccessString = aws.String("on ~* +@all") }, []string{"acme-production-nobody.accessString"}},
		"no user default":         {func(w *dataWorld) { w.here.cacheUsers = w.here.cacheUsers[1:] }, []string{testCache}},
		"a cache user's password": {func(w *dataWorld) { w.here.cacheUsers[1].Authentication.Type = cachetypes.AuthenticationTypePassword }, []string{"acme-production.authenticationMode.type"}},
		"an open bucket":          {func(w *dataWorld) { b := w.here.bucket("files"); b.policy = statement(b.policy, toEveryone) }, []string{filesHere + ".policy"}},
		"a bucket for others":     {func(w *dataWorld) { b := w.here.bucket("files"); b.policy = statement(b.policy, stranger) }, []string{filesHere + ".policy"}},
		"a bucket with lists":     {func(w *dataWorld) { w.there.bucket("files").ownership = "" }, []string{filesThere + ".rule.objectOwnership"}},
		"copies to others": {func(w *dataWorld) {
			w.here.bucket("files").replication.Rules[0].Destination.Bucket = aws.String("arn:aws:s3:::theirs")
		}, []string{filesHere + ".rules.0.destination.bucket"}},
		"a key for others":      {func(w *dataWorld) { w.here.keys[0].policy = statement(w.here.keys[0].policy, stranger) }, []string{"database-eu-west-2.policy"}},
		"a key for any service": {func(w *dataWorld) { w.here.keys[0].policy = statement(w.here.keys[0].policy, confused) }, []string{"database-eu-west-2.policy"}},
		"a grant to others": {func(w *dataWorld) {
			w.here.keys[0].grants = append(w.here.keys[0].grants, kmstypes.GrantListEntry{GranteePrincipal: aws.String("arn:aws:iam::999988887777:role/x")})
		}, []string{"database-eu-west-2"}},
		"a secret for others":  {func(w *dataWorld) { w.here.secrets[0].policy = statement(goodSecretPolicy, stranger) }, []string{testSecretOf + ".policy"}},
		"a secret unguarded":   {func(w *dataWorld) { w.here.secrets[0].policy = "" }, []string{testSecretOf + ".policy"}},
		"a secret half closed": {func(w *dataWorld) { w.here.secrets[0].policy = strings.Replace(goodSecretPolicy, testAccount, "*", 1) }, []string{testSecretOf + ".policy"}},
		"a topic for others":   {func(w *dataWorld) { w.there.topics[0].policy = statement(w.there.topics[0].policy, stranger) }, []string{topic + ".policy"}},
		"a vault for others":   {func(w *dataWorld) { w.here.guards[testVault] = statement(w.here.guards[testVault], stranger) }, []string{testVault + " in eu-west-2.policy"}},
		"a shared snapshot":    {func(w *dataWorld) { w.byHand("999988887777") }, []string{testSnapshot + ".sharedAccounts"}},
		"a shared disk": {func(w *dataWorld) {
			w.here.disks, w.here.shares = []ec2types.Snapshot{{SnapshotId: aws.String("snap-1"), Encrypted: aws.Bool(true)}}, []ec2types.CreateVolumePermission{{Group: ec2types.PermissionGroupAll}}
		}, []string{"snap-1"}},
		"a shared image": {func(w *dataWorld) {
			w.there.images, w.there.launches = []ec2types.Image{{ImageId: aws.String("ami-1")}}, []ec2types.LaunchPermission{{UserId: aws.String("999988887777")}}
		}, []string{"ami-1"}},
		"a peering": {func(w *dataWorld) {
			w.here.peerings = []ec2types.VpcPeeringConnection{{VpcPeeringConnectionId: aws.String("pcx-1")}, {VpcPeeringConnectionId: aws.String("pcx-0"), Status: &ec2types.VpcPeeringConnectionStateReason{Code: "deleted"}}}
		}, []string{"pcx-1"}},
		"a transit gateway": {func(w *dataWorld) {
			w.here.transits = []ec2types.TransitGatewayVpcAttachment{{TransitGatewayAttachmentId: aws.String("tgw-attach-1")}}
		}, []string{"tgw-attach-1"}},
		"a VPN": {func(w *dataWorld) { w.here.vpns = []ec2types.VpnConnection{{VpnConnectionId: aws.String("vpn-1")}} }, []string{"vpn-1"}},
		"an endpoint service": {func(w *dataWorld) {
			w.here.offers = []ec2types.ServiceConfiguration{{ServiceId: aws.String("vpce-svc-1")}}
		}, []string{"vpce-svc-1"}},
		"a subnet of another's": {func(w *dataWorld) { w.here.subnets[1].OwnerId = aws.String("999988887777") }, []string{"subnet-private"}},
		"no database":           {func(w *dataWorld) { w.here.instances = w.here.instances[1:] }, []string{"stack"}},
	})
	deniedBy(t, "DP-1", "RDS:DescribeDBSnapshots", "KMS:ListGrants", "SecretsManager:GetResourcePolicy", "EC2:DescribeVpcPeeringConnections", "S3:GetBucketPolicy", "ElastiCache:DescribeUsers", "SNS:GetTopicAttributes")
}

func TestOutOfReach(t *testing.T) {
	group := func(w *dataWorld, n int) *ec2types.SecurityGroup { return &w.here.groups[n] }
	world := []ec2types.IpPermission{{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(5432), ToPort: aws.Int32(5432), IpRanges: []ec2types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}}}
	breaksIn(t, "DP-2", map[string]dataChange{
		"a public database": {func(w *dataWorld) { w.db().PubliclyAccessible = aws.Bool(true) }, []string{testDatabase + ".publiclyAccessible"}},
		"a public trial":    {func(w *dataWorld) { w.here.instances[1].PubliclyAccessible = aws.Bool(true) }, []string{arnOf("rds", "eu-west-2", "db:awsbackup-restore-test-1") + ".publiclyAccessible"}},
		"a route out": {func(w *dataWorld) {
			w.here.tables[1].Routes = append(w.here.tables[1].Routes, ec2types.Route{NatGatewayId: aws.String("nat-1"), DestinationCidrBlock: aws.String("0.0.0.0/0")})
		}, []string{"subnet-isolated"}},
		"the main table": {func(w *dataWorld) {
			w.here.tables = []ec2types.RouteTable{{VpcId: aws.String("vpc-1"), Associations: []ec2types.RouteTableAssociation{{Main: aws.Bool(true)}}, Routes: []ec2types.Route{{GatewayId: aws.String("igw-1")}}}}
		}, []string{"subnet-isolated"}},
		"an open access list":    {func(w *dataWorld) { w.here.acls[0].Entries[0].CidrBlock = aws.String("0.0.0.0/0") }, []string{"acl-isolated.ingress"}},
		"the database's group":   {func(w *dataWorld) { group(w, 0).IpPermissions = world }, []string{"sg-database.ingress"}},
		"another's group":        {func(w *dataWorld) { group(w, 0).IpPermissions[0].UserIdGroupPairs[0].GroupId = aws.String("sg-door") }, []string{"sg-database.ingress"}},
		"another port":           {func(w *dataWorld) { group(w, 1).IpPermissions[0].ToPort = aws.Int32(65535) }, []string{"sg-cache.ingress"}},
		"a way out of it":        {func(w *dataWorld) { group(w, 0).IpPermissionsEgress = world }, []string{"sg-database.egress"}},
		"no group":               {func(w *dataWorld) { w.db().VpcSecurityGroups = nil }, []string{testDatabase + ".vpcSecurityGroupIds"}},
		"no subnets":             {func(w *dataWorld) { w.db().DBSubnetGroup = nil }, []string{testDatabase + ".dbSubnetGroupName"}},
		"machines open":          {func(w *dataWorld) { group(w, 3).IpPermissions = world }, []string{"sg-machines.ingress"}},
		"the default group":      {func(w *dataWorld) { group(w, 4).IpPermissionsEgress = world }, []string{"sg-default.ingress"}},
		"a public machine":       {func(w *dataWorld) { w.here.machines[0].PublicIpAddress = aws.String("198.51.100.7") }, []string{"i-1.publicIp"}},
		"addresses for machines": {func(w *dataWorld) { w.here.subnets[1].MapPublicIpOnLaunch = aws.Bool(true) }, []string{"subnet-private.mapPublicIpOnLaunch"}},
		"a bucket without block": {func(w *dataWorld) { w.there.bucket("files").block.RestrictPublicBuckets = nil }, []string{filesThere + ".restrictPublicBuckets"}},
		"a public snapshot":      {func(w *dataWorld) { w.byHand("all") }, []string{testSnapshot + ".sharedAccounts"}},
		"served to anybody":      {func(w *dataWorld) { w.here.lbRules["arn:listener/1"][1].Conditions = nil }, []string{"arn:rule/1.conditions"}},
		"served by default": {func(w *dataWorld) {
			l := w.here.listeners[*w.here.balancers[0].LoadBalancerArn]
			l[0].DefaultActions = w.here.lbRules["arn:listener/1"][1].Actions
		}, []string{"arn:listener/1.defaultActions"}},
		"a database that answers": {func(w *dataWorld) {
			w.outside.Dial = func(_ context.Context, _, address string) (net.Conn, error) {
				ours, theirs := net.Pipe()
				_ = theirs.Close()
				if strings.HasSuffix(address, ":6379") {
					return nil, context.DeadlineExceeded
				}
				return ours, nil
			}
		}, []string{testDatabase}},
	})
	deniedBy(t, "DP-2", "EC2:DescribeRouteTables", "EC2:DescribeNetworkAcls", "EC2:DescribeSecurityGroups", "S3:GetPublicAccessBlock", "RDS:DescribeDBSnapshots", "ElasticLoadBalancingv2:DescribeLoadBalancers")
	w := goodDataWorld()
	w.outside.Dial = nil
	if r := w.look(t, "DP-2"); r.Verdict != promises.NotShown || !strings.Contains(r.Why, errNotAsked.Error()) {
		t.Errorf("nobody dialled: %s %q", r.Verdict, r.Why)
	}
}

func TestEncrypted(t *testing.T) {
	site := "acme.taskflow.example"
	topic := goodDataWorld().there.topics[0].arn
	answering := func(header http.Header, location string) func(w *dataWorld) {
		return func(w *dataWorld) {
			w.outside.Do = func(r *http.Request) (*http.Response, error) {
				if r.URL.Scheme == "http" {
					return &http.Response{StatusCode: http.StatusMovedPermanently, Header: http.Header{"Location": {location}}, Body: http.NoBody}, nil
				}
				return &http.Response{StatusCode: http.StatusOK, Header: header, Body: http.NoBody}, nil
			}
		}
	}
	strict := http.Header{"Strict-Transport-Security": {`includeSubDomains; max-age="31536000"`}}
	breaksIn(t, "DP-4", map[string]dataChange{
		"a database in clear":  {func(w *dataWorld) { w.db().StorageEncrypted = aws.Bool(false) }, []string{testDatabase + ".storageEncrypted"}},
		"AWS's key on it":      {func(w *dataWorld) { w.db().KmsKeyId = aws.String(keyARN("eu-west-2", "awss")) }, []string{testDatabase + ".kmsKeyId"}},
		"insights under AWS's": {func(w *dataWorld) { w.db().PerformanceInsightsEnabled = aws.Bool(true) }, []string{testDatabase + ".performanceInsightsKmsKeyId"}},
		"a cache in clear":     {func(w *dataWorld) { w.here.caches[0].AtRestEncryptionEnabled = aws.Bool(false) }, []string{testCache + ".atRestEncryptionEnabled"}},
		"a cache spoken to":    {func(w *dataWorld) { w.here.caches[0].TransitEncryptionMode = cachetypes.TransitEncryptionModePreferred }, []string{testCache + ".transitEncryptionMode"}},
		"a cache without TLS":  {func(w *dataWorld) { w.here.caches[0].TransitEncryptionEnabled = nil }, []string{testCache + ".transitEncryptionEnabled"}},
		"no cache":             {func(w *dataWorld) { w.here.caches = nil }, []string{"stack"}},
		"no TLS to it":         {func(w *dataWorld) { w.here.parameters["rds.force_ssl"] = "0" }, []string{"acme-production.parameters.rds.force_ssl"}},
		"old TLS to it":        {func(w *dataWorld) { delete(w.here.parameters, "ssl_min_protocol_version") }, []string{"acme-production.parameters.ssl_min_protocol_version"}},
		"not in force":         {func(w *dataWorld) { w.db().DBParameterGroups[0].ParameterApplyStatus = aws.String("pending-reboot") }, []string{testDatabase + ".parameterGroupName"}},
		"no parameters":        {func(w *dataWorld) { w.db().DBParameterGroups = nil }, []string{testDatabase + ".parameterGroupName"}},
		"an old authority":     {func(w *dataWorld) { w.db().CACertificateIdentifier = aws.String("rds-ca-2019") }, []string{testDatabase + ".caCertIdentifier"}},
		"a disk in clear":      {func(w *dataWorld) { w.here.volumes[0].Encrypted = aws.Bool(false) }, []string{"vol-1.encrypted"}},
		"a disk's key":         {func(w *dataWorld) { w.here.volumes[0].KmsKeyId = aws.String(keyARN("eu-west-2", "awss")) }, []string{"vol-1.kmsKeyId"}},
		"a snapshot in clear": {func(w *dataWorld) {
			w.here.disks = []ec2types.Snapshot{{SnapshotId: aws.String("snap-1"), State: ec2types.SnapshotStateCompleted}}
		}, []string{"snap-1.encrypted"}},
		"a bucket in clear": {func(w *dataWorld) { w.there.bucket("files").encryption = nil }, []string{filesThere + ".rules.0.applyServerSideEncryptionByDefault.sseAlgorithm"}},
		"a bucket's key":    {func(w *dataWorld) { w.here.bucket("files").encryption.KMSMasterKeyID = nil }, []string{filesHere + ".rules.0.applyServerSideEncryptionByDefault.kmsMasterKeyId"}},
		"plain HTTP to it": {func(w *dataWorld) {
			b := w.here.bucket("files")
			b.policy = strings.Replace(b.policy, "aws:SecureTransport", "aws:X", 1)
		}, []string{filesHere + ".policy"}},
		"old TLS to a bucket": {func(w *dataWorld) {
			b := w.here.bucket("files")
			b.policy = strings.Replace(b.policy, `"1.2"`, `"1.0"`, 1)
		}, []string{filesHere + ".policy"}},
		"no bucket policy":     {func(w *dataWorld) { w.here.bucket("files").policy = "" }, []string{filesHere + ".policy"}},
		"no buckets":           {func(w *dataWorld) { w.there.buckets = nil }, []string{"stack"}},
		"a vault's key":        {func(w *dataWorld) { w.here.vaults[0].EncryptionKeyArn = nil }, []string{vaultHere + ".kmsKeyArn"}},
		"a topic in clear":     {func(w *dataWorld) { w.there.topics[0].key = "" }, []string{topic + ".kmsMasterKeyId"}},
		"plain HTTP to topics": {func(w *dataWorld) { w.there.topics[0].policy = `{"Statement":[]}` }, []string{topic + ".policy"}},
		"a log in clear":       {func(w *dataWorld) { w.here.logs[0].KmsKeyId = nil }, []string{"/aws/rds/instance/acme-production/postgresql.kmsKeyId"}},
		"a secret's key":       {func(w *dataWorld) { w.here.secrets[0].KmsKeyId = nil }, []string{testSecretOf + ".kmsKeyId"}},
		"plain HTTP to secrets": {func(w *dataWorld) {
			w.here.secrets[0].policy = strings.Replace(goodSecretPolicy, "aws:SecureTransport", "aws:X", 1)
		},
			[]string{testSecretOf + ".policy"}},
		"a key that stays":    {func(w *dataWorld) { w.there.keys[0].rotated = false }, []string{"database-eu-west-1.enableKeyRotation"}},
		"an asymmetric key":   {func(w *dataWorld) { w.here.keys[0].KeySpec = kmstypes.KeySpecRsa2048 }, []string{"database-eu-west-2.customerMasterKeySpec", "database-eu-west-2.enableKeyRotation"}},
		"a key to be deleted": {func(w *dataWorld) { w.here.keys[4].KeyState = kmstypes.KeyStatePendingDeletion }, []string{"volumes-eu-west-2.isEnabled"}},
		"an old listener": {func(w *dataWorld) {
			w.here.listeners[*w.here.balancers[0].LoadBalancerArn][0].SslPolicy = aws.String("ELBSecurityPolicy-2016-08")
		}, []string{"arn:listener/1.sslPolicy"}},
		"plain HTTP served": {func(w *dataWorld) {
			w.here.listeners[*w.here.balancers[0].LoadBalancerArn][1].DefaultActions = []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward}}
		}, []string{"arn:listener/1/plain.defaultActions"}},
		"a rule serves plain":  {func(w *dataWorld) { w.here.lbRules["arn:listener/1/plain"] = w.here.lbRules["arn:listener/1"] }, []string{"arn:listener/1/plain"}},
		"plain to machines":    {func(w *dataWorld) { w.here.targetsOf[0].Protocol = elbtypes.ProtocolEnumHttp }, []string{"arn:targetgroup/1.protocol"}},
		"no front door":        {func(w *dataWorld) { w.here.balancers = nil }, []string{"stack"}},
		"no redirect":          {answering(strict, ""), []string{site + ".settings.alwaysUseHttps"}},
		"a redirect elsewhere": {answering(strict, "https://example.com/"), []string{site + ".settings.alwaysUseHttps"}},
		"no HSTS":              {answering(nil, "https://"+site+"/"), []string{site + ".settings.securityHeader.maxAge"}},
		"a short HSTS":         {answering(http.Header{"Strict-Transport-Security": {"max-age=60"}}, "https://"+site+"/"), []string{site + ".settings.securityHeader.maxAge"}},
		"TLS 1.1":              {func(w *dataWorld) { w.outside.Dial = oldServer(t) }, []string{site + ".settings.minTlsVersion"}},
	})
	deniedBy(t, "DP-4", "RDS:DescribeDBParameters", "EC2:DescribeVolumes", "S3:GetBucketEncryption", "KMS:GetKeyRotationStatus", "CloudWatchLogs:DescribeLogGroups", "SNS:ListTopics", "SecretsManager:ListSecrets",
		"Backup:ListBackupVaults", "ElasticLoadBalancingv2:DescribeTargetGroups", "ElastiCache:DescribeReplicationGroups")
	// A log of access is encrypted with S3's own key only where it is one.
	w := goodDataWorld()
	w.here.bucket("files").encryption = &s3types.ServerSideEncryptionByDefault{SSEAlgorithm: s3types.ServerSideEncryptionAes256}
	if r := w.look(t, "DP-4"); cmp.Diff([]string{filesHere + ".rules.0.applyServerSideEncryptionByDefault.sseAlgorithm"}, brokenAt(r)) != "" {
		t.Errorf("S3's key on attachments: %v", brokenAt(r))
	}
}

// oldServer speaks TLS 1.1 with whoever dials it.
func oldServer(t *testing.T) func(context.Context, string, string) (net.Conn, error) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"acme.taskflow.example"}}
	certificate, err := x509.CreateCertificate(rand.Reader, &template, &template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	return func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			_ = tls.Server(theirs, &tls.Config{MinVersion: tls.VersionTLS10, Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: private}}}).Handshake()
		}()
		return ours, nil
	}
}

func TestNoWayForToolsWhileNoneIsAskedFor(t *testing.T) {
	breaksIn(t, "DP-5", map[string]dataChange{
		"a gateway": {func(w *dataWorld) {
			w.here.balancers = append(w.here.balancers, elbtypes.LoadBalancer{LoadBalancerArn: aws.String("arn:nlb"), Type: elbtypes.LoadBalancerTypeEnumNetwork})
		}, []string{"arn:nlb"}},
		"forwarders": {func(w *dataWorld) {
			w.here.fleets = append(w.here.fleets, asgtypes.AutoScalingGroup{AutoScalingGroupName: aws.String("acme-production-bi"), AutoScalingGroupARN: aws.String("arn:fleet/bi"), DesiredCapacity: aws.Int32(2)})
		}, []string{"arn:fleet/bi.desiredCapacity"}},
		"credentials": {func(w *dataWorld) {
			w.here.secrets = append(w.here.secrets, &testSecret{SecretListEntry: secrettypes.SecretListEntry{ARN: aws.String("arn:secret/bi"), Name: aws.String("berth/acme/production/database/bi")}})
		}, []string{"arn:secret/bi"}},
	})
	deniedBy(t, "DP-5", "ElasticLoadBalancingv2:DescribeLoadBalancers", "AutoScaling:DescribeAutoScalingGroups", "SecretsManager:ListSecrets")
}

// openDoor is a good world with a way for the client's tools.
func openDoor() *dataWorld {
	w := goodDataWorld()
	p := w.here
	replica := *w.db()
	replica.DBInstanceArn, replica.DBInstanceIdentifier, replica.ReadReplicaSourceDBInstanceIdentifier = aws.String(testDatabase+"-replica"), aws.String("acme-production-replica"), aws.String("acme-production")
	replica.StatusInfos = []rdstypes.DBInstanceStatusInfo{{StatusType: aws.String("read replication"), Status: aws.String("replicating")}}
	p.instances = append(p.instances, replica)
	p.balancers = append(p.balancers, elbtypes.LoadBalancer{LoadBalancerArn: aws.String("arn:nlb"), Type: elbtypes.LoadBalancerTypeEnumNetwork, SecurityGroups: []string{"sg-tools"}, DNSName: aws.String("tools.elb.amazonaws.com"),
		State: &elbtypes.LoadBalancerState{Code: elbtypes.LoadBalancerStateEnumActive}})
	p.listeners["arn:nlb"] = []elbtypes.Listener{{ListenerArn: aws.String("arn:listener/tools"), Protocol: elbtypes.ProtocolEnumTcp, Port: aws.Int32(5432),
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: aws.String("arn:targetgroup/tools")}}}}
	p.groups = append(p.groups, ec2types.SecurityGroup{GroupId: aws.String("sg-tools"), VpcId: aws.String("vpc-1"), IpPermissions: []ec2types.IpPermission{{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(5432), ToPort: aws.Int32(5432),
		IpRanges: []ec2types.IpRange{{CidrIp: aws.String("203.0.113.16/29")}}}}})
	p.sgRules = []ec2types.SecurityGroupRule{{SecurityGroupRuleId: aws.String("sgr-1"), GroupId: aws.String("sg-tools")}, {SecurityGroupRuleId: aws.String("sgr-2"), GroupId: aws.String("sg-tools"), IsEgress: aws.Bool(true)}}
	p.fleets = append(p.fleets, asgtypes.AutoScalingGroup{AutoScalingGroupName: aws.String("acme-production-bi"), AutoScalingGroupARN: aws.String("arn:fleet/bi"), DesiredCapacity: aws.Int32(2), TargetGroupARNs: []string{"arn:targetgroup/tools"}})
	at := aws.String("at(2026-12-31T23:59:59)")
	p.schedules = []scheduler.GetScheduleOutput{
		{Name: aws.String("revoke"), ScheduleExpression: at, ScheduleExpressionTimezone: aws.String("UTC"), Target: &schedulertypes.Target{Arn: aws.String("arn:aws:scheduler:::aws-sdk:ec2:revokeSecurityGroupIngress"), Input: aws.String(`{"GroupId":"sg-tools","SecurityGroupRuleIds":["sgr-1"]}`)}},
		{Name: aws.String("stop"), ScheduleExpression: at, ScheduleExpressionTimezone: aws.String("UTC"), Target: &schedulertypes.Target{Arn: aws.String("arn:aws:scheduler:::aws-sdk:autoscaling:updateAutoScalingGroup"),
			Input: aws.String(`{"AutoScalingGroupName":"acme-production-bi","MinSize":0,"MaxSize":0,"DesiredCapacity":0}`)}}}
	p.secrets = append(p.secrets, &testSecret{SecretListEntry: secrettypes.SecretListEntry{ARN: aws.String("arn:secret/bi"), Name: aws.String("berth/acme/production/database/bi"), Tags: p.secrets[0].Tags}, policy: goodSecretPolicy})
	return w
}

func TestTheWayOfToolsWhileItIsOpen(t *testing.T) {
	asked := subjectOf(t, "prod")
	asked.Spec.AWSClient.Access.BI = &spec.BIAccess{Reason: "quarterly figures", From: []netip.Prefix{netip.MustParsePrefix("203.0.113.16/29")}, Until: spec.Date{Time: time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)}}
	if r := makeLook(t, "DP-5", asked, openDoor().answers(), openDoor().outside); r.Verdict != promises.Kept {
		t.Fatalf("%s %s %v", r.Verdict, r.Why, brokenAt(r))
	}
	tools := func(w *dataWorld) *ec2types.SecurityGroup { return &w.here.groups[len(w.here.groups)-1] }
	for name, c := range map[string]dataChange{
		"nothing there":    {func(w *dataWorld) { *w = *goodDataWorld() }, []string{"stack"}},
		"it lags for good": {func(w *dataWorld) { w.here.instances[2].StatusInfos[0].Status = aws.String("error") }, []string{testDatabase + "-replica"}},
		"it takes plain":   {func(w *dataWorld) { w.here.parameters["rds.force_ssl"] = "0" }, []string{"acme-production.parameters.rds.force_ssl"}},
		"other addresses":  {func(w *dataWorld) { tools(w).IpPermissions[0].IpRanges[0].CidrIp = aws.String("198.51.100.0/24") }, []string{"sg-tools.ingress"}},
		"more addresses": {func(w *dataWorld) {
			tools(w).IpPermissions[0].IpRanges = append(tools(w).IpPermissions[0].IpRanges, ec2types.IpRange{CidrIp: aws.String("0.0.0.0/0")})
		}, []string{"sg-tools.ingress"}},
		"other ports":          {func(w *dataWorld) { tools(w).IpPermissions[0].ToPort = aws.Int32(6000) }, []string{"sg-tools.ingress"}},
		"decrypted on the way": {func(w *dataWorld) { w.here.listeners["arn:nlb"][0].Protocol = elbtypes.ProtocolEnumTls }, []string{"arn:listener/tools.port"}},
		"it never ends":        {func(w *dataWorld) { w.here.schedules = nil }, []string{"arn:fleet/bi", "sgr-1"}},
		"it ends late":         {func(w *dataWorld) { w.here.schedules[0].ScheduleExpression = aws.String("at(2027-02-01T00:00:00)") }, []string{"sgr-1"}},
		"the end is off":       {func(w *dataWorld) { w.here.schedules[1].State = schedulertypes.ScheduleStateDisabled }, []string{"arn:fleet/bi"}},
		"no credentials":       {func(w *dataWorld) { w.here.secrets = w.here.secrets[:2] }, []string{"stack"}},
		"anybody gets in": {func(w *dataWorld) {
			w.outside.Dial = func(context.Context, string, string) (net.Conn, error) { ours, _ := net.Pipe(); return ours, nil }
		}, []string{"arn:nlb"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := openDoor()
			c.make(w)
			if r := makeLook(t, "DP-5", asked, w.answers(), w.outside); cmp.Diff(c.broken, brokenAt(r)) != "" {
				t.Errorf("%s (%s) breaks %v, want %v", r.Verdict, r.Why, brokenAt(r), c.broken)
			}
		})
	}
	over := asked
	over.Now = time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC)
	if r := makeLook(t, "DP-5", over, openDoor().answers(), openDoor().outside); cmp.Diff([]string{"arn:fleet/bi.desiredCapacity", "arn:nlb.securityGroups"}, brokenAt(r)) != "" {
		t.Errorf("after the last day: %s %s %v", r.Verdict, r.Why, brokenAt(r))
	}
	w := openDoor()
	w.here.fleets[1].DesiredCapacity, tools(w).IpPermissions = aws.Int32(0), nil
	if r := makeLook(t, "DP-5", over, w.answers(), w.outside); r.Verdict != promises.Kept {
		t.Errorf("closed on the last day: %s %s %v", r.Verdict, r.Why, brokenAt(r))
	}
}

func TestTestDataOnly(t *testing.T) {
	breaksIn(t, "DP-6", map[string]dataChange{
		"another environment's": {func(w *dataWorld) { w.here.bucket("files").tags["environment"] = "staging" }, []string{filesHere + ".tags.environment"}},
		"handed out":            {func(w *dataWorld) { w.byHand("999988887777") }, []string{testSnapshot + ".sharedAccounts"}},
	})
	deniedBy(t, "DP-6", "RDS:DescribeDBSnapshots", "S3:ListBuckets")

	staging := subjectOf(t, "prod")
	staging.Spec.AWSClient.Environment = spec.Staging
	test := func() *dataWorld {
		w := goodDataWorld()
		w.db().TagList = append(w.db().TagList, rdstypes.Tag{Key: aws.String("environment"), Value: aws.String("staging")})
		w.here.secrets[0].Tags = append(w.here.secrets[0].Tags, secrettypes.Tag{Key: aws.String("environment"), Value: aws.String("staging")})
		w.here.cacheTags["environment"] = "staging"
		for _, p := range w.places() {
			for _, b := range p.buckets {
				b.tags["environment"] = "staging"
			}
		}
		w.byHand()
		return w
	}
	if r := makeLook(t, "DP-6", staging, test().answers(), Outside{}); r.Verdict != promises.Kept {
		t.Fatalf("staging: %s %s %v", r.Verdict, r.Why, brokenAt(r))
	}
	for name, c := range map[string]dataChange{
		"a production snapshot's copy": {func(w *dataWorld) {
			w.here.snapshots[1].SourceDBSnapshotIdentifier = aws.String("arn:aws:rds:eu-west-2:999988887777:snapshot:x")
		}, []string{testSnapshot + ".sourceDbSnapshotIdentifier"}},
		"one marked production": {func(w *dataWorld) {
			w.here.snapshots[1].TagList = []rdstypes.Tag{{Key: aws.String("environment"), Value: aws.String("production")}}
		}, []string{testSnapshot + ".sourceDbSnapshotIdentifier"}},
		"one shared by production": {func(w *dataWorld) {
			w.here.shared = []rdstypes.DBSnapshot{{DBSnapshotArn: aws.String("arn:aws:rds:eu-west-2:999988887777:snapshot:y")}}
		},
			[]string{"arn:aws:rds:eu-west-2:999988887777:snapshot:y.sharedAccounts"}},
		"a backup of production": {func(w *dataWorld) {
			w.here.points[0].ResourceArn = aws.String("arn:aws:rds:eu-west-2:999988887777:db:x")
		},
			[]string{"arn:aws:rds:eu-west-2:123456789012:snapshot:awsbackup:job-0.resourceArn"}},
	} {
		w := test()
		c.make(w)
		if r := makeLook(t, "DP-6", staging, w.answers(), Outside{}); cmp.Diff(c.broken, brokenAt(r)) != "" {
			t.Errorf("%s breaks %v, want %v", name, brokenAt(r), c.broken)
		}
	}
}

func TestEndOfBackups(t *testing.T) {
	lifecycle := func(w *dataWorld) []s3types.LifecycleRule { return w.here.bucket("backup").lifecycle }
	const thatPoint = "arn:aws:rds:eu-west-2:123456789012:snapshot:awsbackup:job-3.lifecycle.deleteAfter"
	breaksIn(t, "DP-8", map[string]dataChange{
		"no plan":           {func(w *dataWorld) { w.here.plans = nil }, []string{"stack"}},
		"kept for ever":     {func(w *dataWorld) { w.here.plans[0].Rules[0].Lifecycle = nil }, []string{testPlan + ".rules.0.lifecycle.deleteAfter"}},
		"copies kept long":  {func(w *dataWorld) { w.here.plans[0].Rules[0].CopyActions[0].Lifecycle.DeleteAfterDays = aws.Int64(400) }, []string{testPlan + ".rules.0.copyActions.0.lifecycle.deleteAfter"}},
		"a loose lock":      {func(w *dataWorld) { w.there.vaults[0].MaxRetentionDays = nil }, []string{testVault + " in eu-west-1.maxRetentionDays"}},
		"an endless backup": {func(w *dataWorld) { w.here.points[3].CalculatedLifecycle, w.here.points[3].Lifecycle = nil, nil }, []string{thatPoint}},
		"one not deleted": {func(w *dataWorld) {
			p := &w.here.points[3]
			p.CreationDate, p.CalculatedLifecycle.DeleteAt = past(100), past(10)
		}, []string{thatPoint}},
		"one to live long":  {func(w *dataWorld) { w.here.points[3].CalculatedLifecycle.DeleteAt = past(-300) }, []string{thatPoint}},
		"another end":       {func(w *dataWorld) { lifecycle(w)[3].Expiration.Days = aws.Int32(3650) }, []string{backupHere + ".rules.expiration.days"}},
		"no end":            {func(w *dataWorld) { lifecycle(w)[3].Status = s3types.ExpirationStatusDisabled }, []string{backupHere + ".rules.expiration.days"}},
		"old versions stay": {func(w *dataWorld) { lifecycle(w)[1].NoncurrentVersionExpiration.NoncurrentDays = aws.Int32(400) }, []string{backupHere + ".rules.noncurrentVersionExpiration.noncurrentDays"}},
		"uploads stay":      {func(w *dataWorld) { lifecycle(w)[0].AbortIncompleteMultipartUpload = nil }, []string{backupHere + ".rules.abortIncompleteMultipartUpload.daysAfterInitiation"}},
		"an old object":     {func(w *dataWorld) { w.here.bucket("backup").objects[0].LastModified = past(2560) }, []string{backupHere}},
		"an old version":    {func(w *dataWorld) { w.here.bucket("backup").objects[1].LastModified = past(95) }, []string{backupHere}},
	})
	deniedBy(t, "DP-8", "Backup:ListBackupPlans", "Backup:ListRecoveryPointsByBackupVault", "S3:ListObjectVersions", "S3:GetBucketLifecycleConfiguration")
}
