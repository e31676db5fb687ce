package live

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cachetypes "github.com/aws/aws-sdk-go-v2/service/elasticache/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

const documentARN = "arn:aws:rds:eu-west-2:123456789012:db:documents-2"

func TestDatabaseZones(t *testing.T) {
	mutated(t, "AV-3", nil, []mutation{
		{"no database", func(s *site) { s.databases = s.databases[1:] }, []string{promises.StackName}},
		{"one zone", func(s *site) { s.databases[0].MultiAZ, s.databases[0].SecondaryAvailabilityZone = aws.Bool(false), nil }, []string{databaseARN + ".multiAz"}},
		{"no standby yet after months", func(s *site) { s.databases[0].SecondaryAvailabilityZone = nil }, []string{databaseARN + ".secondaryAvailabilityZone"}},
		{"standby in the same zone", func(s *site) { s.databases[0].SecondaryAvailabilityZone = aws.String("eu-west-2a") }, []string{databaseARN + ".secondaryAvailabilityZone"}},
		{"stopped", func(s *site) { s.databases[0].DBInstanceStatus = aws.String("stopped") }, []string{databaseARN + ".status"}},
		{"lost its key", func(s *site) { s.databases[0].DBInstanceStatus = aws.String("inaccessible-encryption-credentials") }, []string{databaseARN + ".status"}},
		{"subnets in two of three zones", func(s *site) {
			s.databases[0].DBSubnetGroup = &rdstypes.DBSubnetGroup{Subnets: s.databases[0].DBSubnetGroup.Subnets[:2]}
		}, []string{databaseARN + ".subnetGroup"}},
		{"a second database that nobody declared", func(s *site) {
			db := s.databases[0]
			db.DBInstanceArn, db.MultiAZ = aws.String("arn:stray"), aws.Bool(false)
			s.databases = append(s.databases, db)
		}, []string{"arn:stray.multiAz"}},
		{"documents on one instance", func(s *site) {
			s.clusters[0].DBClusterMembers, s.databases = s.clusters[0].DBClusterMembers[:1], s.databases[:2]
		},
			[]string{documentsARN + ".availabilityZones", documentsARN + ".members"}},
		{"documents in one zone", func(s *site) { s.databases[2].AvailabilityZone = aws.String("eu-west-2a") }, []string{documentsARN + ".availabilityZones"}},
		{"a document instance failed", func(s *site) { s.databases[2].DBInstanceStatus = aws.String("failed") }, []string{documentARN + ".status"}},
		{"the document cluster stopped", func(s *site) { s.clusters[0].Status = aws.String("stopped") }, []string{documentsARN + ".status"}},
		{"documents' subnets in two of three zones", func(s *site) { s.dbGroups[0].Subnets = s.dbGroups[0].Subnets[:2] }, []string{documentsARN + ".subnetGroup"}},
		{"no cache", func(s *site) { s.caches, s.nodes = nil, nil }, []string{promises.StackName}},
		{"a cache without a replica", func(s *site) { s.caches[0].MemberClusters = s.caches[0].MemberClusters[:1] },
			[]string{cacheARN + ".numCacheClusters", cacheARN + ".preferredCacheClusterAzs"}},
		{"no failover of the cache", func(s *site) { s.caches[0].AutomaticFailover = cachetypes.AutomaticFailoverStatusDisabled }, []string{cacheARN + ".automaticFailoverEnabled"}},
		{"the cache in one zone", func(s *site) { s.caches[0].MultiAZ = cachetypes.MultiAZStatusDisabled }, []string{cacheARN + ".multiAzEnabled"}},
		{"cache nodes in one zone", func(s *site) { s.nodes[1].PreferredAvailabilityZone = s.nodes[0].PreferredAvailabilityZone }, []string{cacheARN + ".preferredCacheClusterAzs"}},
		{"the cache failed", func(s *site) { s.caches[0].Status = aws.String("create-failed") }, []string{cacheARN + ".status"}},
		{"the cache's subnets in two of three zones", func(s *site) { s.cacheGroups[0].Subnets = s.cacheGroups[0].Subnets[1:] }, []string{cacheARN + ".subnetGroup"}},
		{"a cache node by itself", func(s *site) {
			s.nodes = append(s.nodes, cachetypes.CacheCluster{CacheClusterId: aws.String("alone"), ARN: aws.String("arn:alone")})
		}, []string{"arn:alone.replicationGroupId"}},
	})
	unreadable(t, "AV-3", Outside{}, "RDS:DescribeDBInstances", "RDS:DescribeDBClusters", "RDS:DescribeDBSubnetGroups", "ElastiCache:DescribeReplicationGroups", "ElastiCache:DescribeCacheClusters",
		"ElastiCache:DescribeCacheSubnetGroups")
}

func TestDocumentsThatTheSpecAsksFor(t *testing.T) {
	s := goodSite()
	s.clusters, s.databases = nil, s.databases[:1]
	subject := subjectOf(t, "prod")
	if r := makeLook(t, "AV-3", subject, s.answers(), Outside{}); r.Verdict != promises.Kept {
		t.Errorf("none asked for: %s, %v", r.Why, brokenAt(r))
	}
	subject.Spec.AWSClient.Documents = &spec.Documents{Instances: 2}
	if r := makeLook(t, "AV-3", subject, s.answers(), Outside{}); r.Verdict != promises.Broken || r.Findings[len(r.Findings)-1].Type == "" && r.Findings[0].Found == "" {
		t.Errorf("asked for and not there: %s, %v", r.Why, brokenAt(r))
	}
	subject.Spec.AWSClient.Documents.Instances = 3
	r := makeLook(t, "AV-3", subject, goodSite().answers(), Outside{})
	if got := strings.Join(brokenAt(r), " "); got != documentsARN+".members" {
		t.Errorf("two of three: %s", got)
	}
	subject = subjectOf(t, "prod") // Aurora or Neptune is not what is promised here, and breaks nothing
	s = goodSite()
	s.clusters = append(s.clusters, rdstypes.DBCluster{DBClusterIdentifier: aws.String("graph"), Engine: aws.String("neptune")})
	if r := makeLook(t, "AV-3", subject, s.answers(), Outside{}); r.Verdict != promises.Kept {
		t.Errorf("another engine: %s, %v", r.Why, brokenAt(r))
	}
}

func TestDatabasesThatAreBeingMade(t *testing.T) {
	s := goodSite()
	s.databases[0].DBInstanceStatus = aws.String("creating")
	if why := notShown(t, "AV-3", s, nil, Outside{}); why != databaseARN+" is being made (creating)" {
		t.Error(why)
	}
	s = goodSite()
	s.databases[0].SecondaryAvailabilityZone, s.databases[0].InstanceCreateTime = nil, aws.Time(now.Add(-20*time.Minute))
	if why := notShown(t, "AV-3", s, nil, Outside{}); why != "the standby of "+databaseARN+" is being made" {
		t.Error(why)
	}
	s = goodSite()
	s.caches[0].Status = aws.String("creating")
	if why := notShown(t, "AV-3", s, nil, Outside{}); why != cacheARN+" is being made (creating)" {
		t.Error(why)
	}
}

func TestDatabasesOnTheSecondPage(t *testing.T) {
	s := goodSite()
	stray := s.databases[0]
	stray.DBInstanceArn, stray.MultiAZ = aws.String("arn:stray"), aws.Bool(false)
	pages := func(_ string, in any) (any, error) {
		if in.(*rds.DescribeDBInstancesInput).Marker == nil {
			return &rds.DescribeDBInstancesOutput{DBInstances: s.databases, Marker: aws.String("more")}, nil
		}
		return &rds.DescribeDBInstancesOutput{DBInstances: []rdstypes.DBInstance{stray}}, nil
	}
	r := makeLook(t, "AV-3", subjectOf(t, "prod"), s.answers().with(answers{"RDS:DescribeDBInstances": pages}), Outside{})
	if got := strings.Join(brokenAt(r), " "); got != "arn:stray.multiAz" {
		t.Errorf("broken at %s", got)
	}
}
