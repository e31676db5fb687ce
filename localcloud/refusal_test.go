package localcloud_test

import (
	"testing"
	"time"

	"github.com/berth-iac/berth/localcloud"
)

func TestTheCloudRefuses(t *testing.T) {
	cloud := start(t, localcloud.Options{})
	aws := london(t, cloud)
	dublin := connect(t, cloud, "aws", props{"region": "eu-west-1"})
	vpc := aws.mustCreate(vpcType, "net", props{"cidrBlock": "10.0.0.0/16"})
	subnet := aws.mustCreate(subnetType, "a", props{"vpcId": vpc.id, "cidrBlock": "10.0.0.0/24"})
	bucket := aws.mustCreate(bucketType, "b", props{"bucket": "acme-backups"})
	aws.mustCreate(dbType, "db", database(nil))
	balancer := aws.mustCreate("aws:lb/loadBalancer:LoadBalancer", "lb", props{"name": "lb", "subnets": []any{subnet.id}, "enableDeletionProtection": true})

	t.Run("creations", func(t *testing.T) {
		for name, tc := range map[string]struct {
			by   engine
			typ  string
			news props
			want string
		}{
			"an overlapping subnet":      {aws, subnetType, props{"vpcId": vpc.id, "cidrBlock": "10.0.0.128/25"}, "creating EC2 Subnet (x): InvalidSubnet.Conflict: The CIDR '10.0.0.128/25' conflicts with another subnet"},
			"a subnet outside":           {aws, subnetType, props{"vpcId": vpc.id, "cidrBlock": "10.1.0.0/24"}, "InvalidSubnet.Range"},
			"no such network":            {aws, subnetType, props{"vpcId": "vpc-00000000000000000", "cidrBlock": "10.0.9.0/24"}, "InvalidVpcID.NotFound: The vpc ID 'vpc-00000000000000000' does not exist"},
			"a bucket of another region": {dublin, bucketType, props{"bucket": "acme-backups"}, "BucketAlreadyExists"},
			"a second database":          {aws, dbType, database(nil), "DBInstanceAlreadyExists"},
			"no such subnet group":       {aws, dbType, database(props{"identifier": "other", "dbSubnetGroupName": "none"}), "DBSubnetGroupNotFoundFault"},
			"no such key":                {aws, dbType, database(props{"identifier": "other", "storageEncrypted": true, "kmsKeyId": "arn:aws:kms:eu-west-2:123456789012:key/none"}), "KMSKeyNotAccessibleFault"},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := tc.by.create(tc.typ, "x", tc.news)
				wantError(t, err, tc.want)
			})
		}
	})
	t.Run("the same database in another region is fine", func(t *testing.T) {
		if _, err := dublin.create(dbType, "db", database(nil)); err != nil {
			t.Error(err)
		}
	})
	t.Run("deletions", func(t *testing.T) {
		wantError(t, aws.delete(vpcType, "net", vpc), "DependencyViolation: The vpc '"+vpc.id+"' has dependencies")
		wantError(t, aws.delete("aws:lb/loadBalancer:LoadBalancer", "lb", balancer), "OperationNotPermitted")
		guarded := aws.mustCreate(dbType, "guarded", database(props{"identifier": "guarded", "deletionProtection": true}))
		wantError(t, aws.delete(dbType, "guarded", guarded), "Cannot delete protected DB Instance")
		careless := aws.mustCreate(dbType, "careless", database(props{"identifier": "careless", "skipFinalSnapshot": false}))
		wantError(t, aws.delete(dbType, "careless", careless), "final_snapshot_identifier is required")
	})
	t.Run("protection that somebody switched on outside", func(t *testing.T) {
		db := aws.mustCreate(dbType, "late", database(props{"identifier": "late"}))
		err := cloud.Drift(t.Context(), localcloud.Change{Type: dbType, Name: "late", Set: map[string]any{"deletionProtection": true}})
		if err != nil {
			t.Fatal(err)
		}
		wantError(t, aws.delete(dbType, "late", db), "Cannot delete protected DB Instance")
	})
	t.Run("a bucket with objects, unless forced", func(t *testing.T) {
		aws.mustCreate(bucketObject, "o", props{"bucket": "acme-backups", "key": "one", "content": "x"})
		wantError(t, aws.delete(bucketType, "b", bucket), "BucketNotEmpty")
		forced, err := aws.update(bucketType, "b", bucket, props{"bucket": "acme-backups", "forceDestroy": true})
		if err != nil {
			t.Fatal(err)
		}
		if err := aws.delete(bucketType, "b", forced); err != nil {
			t.Error(err)
		}
	})
	t.Run("an update of what is gone", func(t *testing.T) {
		gone := aws.mustCreate(vpcType, "gone", props{"cidrBlock": "10.7.0.0/16"})
		if err := cloud.Drift(t.Context(), localcloud.Change{Type: vpcType, ID: gone.id, Delete: true}); err != nil {
			t.Fatal(err)
		}
		_, err := aws.update(vpcType, "gone", gone, props{"cidrBlock": "10.7.0.0/16", "enableDnsHostnames": true})
		wantError(t, err, "run `pulumi refresh`")
		if got := aws.read(vpcType, "gone", gone); got.id != "" {
			t.Error("a deleted network is read")
		}
		if err := aws.delete(vpcType, "gone", gone); err != nil {
			t.Errorf("deleting what is gone: %v", err)
		}
	})
}

func TestWhatIsDeletedLingers(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	aws := london(t, start(t, localcloud.Options{Clock: func() time.Time { return now }}))
	key := aws.mustCreate(keyType, "k", props{"deletionWindowInDays": 7})
	named := aws.mustCreate(secretType, "s", props{"name": "acme/db", "kmsKeyId": key.text("arn")})
	if err := aws.delete(secretType, "s", named); err != nil {
		t.Fatal(err)
	}
	if got := aws.read(secretType, "s", named); got.id != "" {
		t.Error("a deleted secret is read")
	}
	_, err := aws.create(secretType, "s", props{"name": "acme/db"})
	wantError(t, err, "already scheduled for deletion")
	if err := aws.delete(keyType, "k", key); err != nil {
		t.Fatal(err)
	}
	_, err = aws.create(secretType, "other", props{"name": "acme/other", "kmsKeyId": key.text("arn")})
	wantError(t, err, "is pending deletion")

	t.Run("until its time is over", func(t *testing.T) {
		now = now.AddDate(0, 0, 31)
		if _, err := aws.create(secretType, "s", props{"name": "acme/db"}); err != nil {
			t.Error(err)
		}
	})
	t.Run("or not at all", func(t *testing.T) {
		quick := aws.mustCreate(secretType, "q", props{"name": "quick", "recoveryWindowInDays": 0})
		if err := aws.delete(secretType, "q", quick); err != nil {
			t.Fatal(err)
		}
		if _, err := aws.create(secretType, "q", props{"name": "quick"}); err != nil {
			t.Error(err)
		}
	})
}

func TestHetznerAndCloudflareRefuse(t *testing.T) {
	cloud := start(t, localcloud.Options{})
	hcloud := connect(t, cloud, "hcloud", nil)
	network := hcloud.mustCreate("hcloud:index/network:Network", "n", props{"name": "n", "ipRange": "10.0.0.0/16"})
	id := network.id
	subnet := props{"networkId": number(t, id), "type": "cloud", "networkZone": "eu-central", "ipRange": "10.0.1.0/24"}
	hcloud.mustCreate("hcloud:index/networkSubnet:NetworkSubnet", "s", subnet)
	_, err := hcloud.create("hcloud:index/networkSubnet:NetworkSubnet", "s2", with(subnet, props{"ipRange": "10.0.1.128/25"}))
	wantError(t, err, "overlaps with another subnet")
	_, err = hcloud.create("hcloud:index/network:Network", "n2", props{"name": "n", "ipRange": "10.0.0.0/16"})
	wantError(t, err, "uniqueness_error")
	server := props{"name": "web", "serverType": "cx22", "image": "debian-12", "location": "fsn1", "deleteProtection": true, "rebuildProtection": true}
	guarded := hcloud.mustCreate("hcloud:index/server:Server", "web", server)
	wantError(t, hcloud.delete("hcloud:index/server:Server", "web", guarded), "deletion is protected")
	if guarded.text("ipv4Address") == "" {
		t.Error("the server has no address")
	}

	cloudflare := connect(t, cloud, "cloudflare", nil)
	record := props{"zoneId": "023e105f4ecef8ad9ca31a8372d0c353", "name": "acme", "type": "MX", "content": "mail.acme.example", "proxied": true}
	_, failures := cloudflare.check("cloudflare:index/record:Record", "r", nil, record)
	if failures["type"] == "" {
		t.Errorf("failures = %v, want a refusal to proxy MX", failures)
	}
	_, failures = cloudflare.check("cloudflare:index/record:Record", "r", nil, with(record, props{"zoneId": "acme.example"}))
	if failures["zoneId"] == "" {
		t.Errorf("failures = %v, want a refusal of the zone id", failures)
	}
}
