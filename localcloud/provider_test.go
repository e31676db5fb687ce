package localcloud_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"github.com/berth-iac/berth/localcloud"
)

func TestCheck(t *testing.T) {
	aws := london(t, start(t, localcloud.Options{}))
	for name, tc := range map[string]struct {
		typ      string
		news     props
		property string
		want     string
	}{
		"unknown property":      {vpcType, props{"cidrBlok": "10.0.0.0/16"}, "cidrBlok", `did you mean "cidrBlock"?`},
		"nested property":       {"aws:ec2/launchTemplate:LaunchTemplate", props{"metadataOptions": props{"httpToken": "x"}}, "metadataOptions.httpToken", `"httpTokens"`},
		"missing":               {subnetType, props{"cidrBlock": "10.0.0.0/24"}, "vpcId", `missing required property "vpcId"`},
		"wrong type":            {vpcType, props{"cidrBlock": []any{"10.0.0.0/16"}}, "cidrBlock", "expected string"},
		"no whole number":       {dbType, database(props{"allocatedStorage": 20.5}), "allocatedStorage", "expected a whole number"},
		"range too large":       {vpcType, props{"cidrBlock": "10.0.0.0/8"}, "cidrBlock", "InvalidVpc.Range"},
		"host bits":             {vpcType, props{"cidrBlock": "10.0.1.0/16"}, "cidrBlock", "InvalidVpc.Range"},
		"backup retention":      {dbType, database(props{"backupRetentionPeriod": 36}), "backupRetentionPeriod", "in the range (0 - 35), got 36"},
		"log retention":         {"aws:cloudwatch/logGroup:LogGroup", props{"retentionInDays": 91}, "retentionInDays", "one of"},
		"bucket name":           {bucketType, props{"bucket": "Acme_Backups"}, "bucket", "InvalidBucketName"},
		"two passwords":         {dbType, database(props{"manageMasterUserPassword": true}), "password", "conflicts"},
		"scaling out of bounds": {"aws:autoscaling/group:Group", props{"minSize": 2, "desiredCapacity": 1, "maxSize": 4, "launchConfiguration": "lc"}, "desiredCapacity", "ValidationError"},
	} {
		t.Run(name, func(t *testing.T) {
			_, failures := aws.check(tc.typ, "x", nil, tc.news)
			if !strings.Contains(failures[tc.property], tc.want) {
				t.Errorf("failures = %q, want %q at %s", failures, tc.want, tc.property)
			}
		})
	}
	t.Run("unknown values pass", func(t *testing.T) {
		_, failures := aws.check(subnetType, "x", nil, props{"vpcId": unknown(), "cidrBlock": unknown()})
		if len(failures) > 0 {
			t.Errorf("failures = %v", failures)
		}
	})
	t.Run("all problems at once", func(t *testing.T) {
		_, failures := aws.check(subnetType, "x", nil, props{"a": 1, "b": 2})
		if len(failures) != 3 {
			t.Errorf("failures = %v, want two unknown properties and a missing one", failures)
		}
	})
	t.Run("a name that the provider chose stays", func(t *testing.T) {
		first, _ := aws.check("aws:iam/role:Role", "web", nil, props{"assumeRolePolicy": "{}"})
		name := first.Fields["name"].GetStringValue()
		if !regexp.MustCompile(`^web-[0-9a-f]{7}$`).MatchString(name) {
			t.Errorf("name = %q", name)
		}
		resp, err := aws.client.Check(t.Context(), &pulumirpc.CheckRequest{
			Urn: urn("aws:iam/role:Role", "web"), Olds: first, News: aws.marshal(props{"assumeRolePolicy": "{}"}), RandomSeed: []byte("another seed of another deployment"),
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := resp.Inputs.Fields["name"].GetStringValue(); got != name {
			t.Errorf("the second check chose %q, want %q again", got, name)
		}
	})
	t.Run("a type that is not in the catalogue", func(t *testing.T) {
		_, err := aws.client.Check(t.Context(), &pulumirpc.CheckRequest{Urn: urn("aws:mq/broker:Broker", "x")})
		wantError(t, err, "not in the embedded cloud's catalogue: add it to the list that generates catalogue/aws.json")
	})
}

func TestCreateGivesRealFormats(t *testing.T) {
	aws := london(t, start(t, localcloud.Options{}))
	vpc := aws.mustCreate(vpcType, "net", props{"cidrBlock": "10.0.0.0/16"})
	db := aws.mustCreate(dbType, "db", database(props{"password": nil, "manageMasterUserPassword": true}))
	masterSecret := db.props["masterUserSecrets"].ArrayValue()[0].ObjectValue()["secretArn"].StringValue()
	for got, want := range map[string]string{
		vpc.id:                             `vpc-[0-9a-f]{17}`,
		vpc.text("arn"):                    `arn:aws:ec2:eu-west-2:123456789012:vpc/` + vpc.id,
		vpc.text("defaultSecurityGroupId"): `sg-[0-9a-f]{17}`,
		db.text("endpoint"):                `acme-db\.[0-9a-z]{12}\.eu-west-2\.rds\.amazonaws\.com:5432`,
		db.text("arn"):                     `arn:aws:rds:eu-west-2:123456789012:db:acme-db`,
		masterSecret:                       `arn:aws:secretsmanager:eu-west-2:123456789012:secret:rds!db-[0-9a-f-]{36}-[0-9A-Za-z]{6}`,
	} {
		if !regexp.MustCompile("^" + want + "$").MatchString(got) {
			t.Errorf("got %q, want %s", got, want)
		}
	}
	if port := db.props["port"]; !port.IsNumber() || port.NumberValue() != 5432 {
		t.Errorf("port = %v", port)
	}
	certificate := aws.mustCreate("aws:acm/certificate:Certificate", "c", props{
		"domainName": "acme.example", "subjectAlternativeNames": []any{"acme.example", "www.acme.example"}, "validationMethod": "DNS",
	})
	if n := len(certificate.props["domainValidationOptions"].ArrayValue()); n != 2 {
		t.Errorf("%d validation options for two names", n)
	}
}

func TestPreviewKnowsNothingOfTheCloud(t *testing.T) {
	aws := connect(t, start(t, localcloud.Options{}), "aws", props{"region": "eu-west-2", "defaultTags": `{"tags":{"owner":"acme"}}`})
	resp, err := aws.client.Create(t.Context(), &pulumirpc.CreateRequest{
		Urn: urn(vpcType, "net"), Properties: aws.marshal(props{"cidrBlock": unknown(), "tags": props{"Name": "net"}}), Preview: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	state := aws.unmarshal(resp.GetProperties())
	for _, name := range []resource.PropertyKey{"arn", "cidrBlock", "defaultSecurityGroupId", "ownerId"} {
		if !state[name].IsComputed() {
			t.Errorf("%s = %v, want unknown", name, state[name])
		}
	}
	if got := fmt.Sprint(state["tagsAll"].ObjectValue().Mappable()); got != "map[Name:net owner:acme]" {
		t.Errorf("tagsAll = %s: tags are known in a preview", got)
	}
	if resp.GetId() != "" {
		t.Errorf("id = %q, want none in a preview", resp.GetId())
	}
}

func TestDiff(t *testing.T) {
	aws := london(t, start(t, localcloud.Options{}))
	vpc := aws.mustCreate(vpcType, "net", props{"cidrBlock": "10.0.0.0/16", "tags": props{"a": "1"}})
	net := props{"cidrBlock": "10.0.0.0/16", "tags": props{"a": "1"}, "enableDnsSupport": true, "instanceTenancy": "default"}
	for name, tc := range map[string]struct {
		news    props
		changes []string // paths, a ! behind those that replace
	}{
		"the same":         {net, nil},
		"an update":        {with(net, props{"enableDnsHostnames": true}), []string{"enableDnsHostnames"}},
		"a replacement":    {with(net, props{"cidrBlock": "10.1.0.0/16"}), []string{"cidrBlock!"}},
		"unknown replaces": {with(net, props{"cidrBlock": unknown()}), []string{"cidrBlock!"}},
		"within a map":     {with(net, props{"tags": props{"a": "1", "b": "2"}}), []string{"tags.b"}},
		"one taken away":   {with(net, props{"tags": props{}}), []string{"tags.a"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for path, d := range aws.diff(vpcType, "net", vpc, tc.news).GetDetailedDiff() {
				if strings.HasSuffix(d.GetKind().String(), "REPLACE") {
					path += "!"
				}
				got = append(got, path)
			}
			slices.Sort(got)
			if !slices.Equal(got, tc.changes) {
				t.Errorf("changes = %v, want %v", got, tc.changes)
			}
		})
	}
	t.Run("what the program leaves to the cloud is no change", func(t *testing.T) {
		group := aws.mustCreate(groupType, "g", props{"name": "g", "vpcId": vpc.id})
		if d := aws.diff(groupType, "g", group, props{"name": "g", "description": "Managed by Pulumi", "revokeRulesOnDelete": false}); d.GetChanges() != pulumirpc.DiffResponse_DIFF_NONE {
			t.Errorf("diff = %v", d)
		}
	})
	t.Run("the same explicit name is deleted before it is replaced", func(t *testing.T) {
		db := aws.mustCreate(dbType, "db", database(nil))
		d := aws.diff(dbType, "db", db, database(props{"username": "other"}))
		if !slices.Contains(d.GetReplaces(), "username") || !d.GetDeleteBeforeReplace() {
			t.Errorf("diff = %v, want a replacement that deletes first", d)
		}
		d = aws.diff(dbType, "db", db, database(props{"username": "other", "identifier": "acme-db-2"}))
		if d.GetDeleteBeforeReplace() {
			t.Error("another name does not clash")
		}
	})
}

func TestUpdateKeepsWhatWasRandom(t *testing.T) {
	aws := london(t, start(t, localcloud.Options{}))
	db := aws.mustCreate(dbType, "db", database(nil))
	changed, err := aws.update(dbType, "db", db, database(props{"instanceClass": "db.m6g.large"}))
	if err != nil {
		t.Fatal(err)
	}
	if changed.text("endpoint") != db.text("endpoint") || changed.text("resourceId") != db.text("resourceId") {
		t.Error("an update changed the endpoint or the resource id")
	}
	const templateType = "aws:ec2/launchTemplate:LaunchTemplate"
	template := aws.mustCreate(templateType, "lt", props{"name": "web", "imageId": "ami-0123456789abcdef0"})
	changed, err = aws.update(templateType, "lt", template, props{"name": "web", "imageId": "ami-0fedcba9876543210"})
	if err != nil {
		t.Fatal(err)
	}
	if before, after := template.props["latestVersion"], changed.props["latestVersion"]; before.NumberValue() != 1 || after.NumberValue() != 2 {
		t.Errorf("versions = %v, %v, want 1 and 2", before, after)
	}
}

func TestSecrets(t *testing.T) {
	cloud := start(t, localcloud.Options{})
	aws := london(t, cloud)
	s := aws.mustCreate(secretType, "s", props{"name": "acme/db"})
	version := aws.mustCreate(versionType, "v", props{"secretId": s.id, "secretString": "correct horse"})
	if !version.props["secretString"].IsSecret() {
		t.Error("what the catalogue says is secret came back in plain text")
	}
	db := aws.mustCreate(dbType, "db", database(nil))
	if !db.props["password"].IsSecret() {
		t.Error("what came as a secret came back in plain text")
	}
	objects, err := cloud.Objects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if all := fmt.Sprint(objects); strings.Contains(all, "horse") || !strings.Contains(all, "[secret]") {
		t.Errorf("objects show a secret: %s", all)
	}
	t.Run("a refresh gives back what the state knows", func(t *testing.T) {
		if got := aws.read(versionType, "v", version); got.text("secretString") != "correct horse" {
			t.Errorf("secretString = %q", got.text("secretString"))
		}
	})
	t.Run("a change outside shows without the value", func(t *testing.T) {
		err := cloud.Drift(t.Context(), localcloud.Change{Type: versionType, ID: version.id, Set: map[string]any{"secretString": "stolen"}})
		if err != nil {
			t.Fatal(err)
		}
		got := aws.read(versionType, "v", version)
		if got.text("secretString") != "(changed outside of this program)" || !got.props["secretString"].IsSecret() {
			t.Errorf("secretString = %v", got.props["secretString"])
		}
	})
	t.Run("an import leaves it out", func(t *testing.T) {
		got := aws.read(dbType, "imported", object{id: db.id})
		if _, has := got.props["password"]; has || got.text("identifier") != "acme-db" {
			t.Errorf("state = %v", got.props)
		}
	})
}

func TestRegionsAndAccounts(t *testing.T) {
	cloud := start(t, localcloud.Options{})
	here := london(t, cloud)
	there := connect(t, cloud, "aws", props{"region": "eu-west-1", "allowedAccountIds": `["111122223333"]`})
	assumed := connect(t, cloud, "aws", props{"region": "us-east-1", "assumeRole": `{"roleArn":"arn:aws:iam::444455556666:role/deploy"}`})
	for e, want := range map[engine]string{
		here: "arn:aws:ec2:eu-west-2:123456789012:", there: "arn:aws:ec2:eu-west-1:111122223333:", assumed: "arn:aws:ec2:us-east-1:444455556666:",
	} {
		if vpc := e.mustCreate(vpcType, "net", props{"cidrBlock": "10.0.0.0/16"}); !strings.HasPrefix(vpc.text("arn"), want) {
			t.Errorf("arn = %q, want it to begin with %s", vpc.text("arn"), want)
		}
	}
	t.Run("an object of another region is not there", func(t *testing.T) {
		vpc := here.mustCreate(vpcType, "own", props{"cidrBlock": "10.1.0.0/16"})
		if got := there.read(vpcType, "own", vpc); got.id != "" {
			t.Error("Dublin sees London's network")
		}
		_, err := there.create(subnetType, "s", props{"vpcId": vpc.id, "cidrBlock": "10.1.0.0/24"})
		wantError(t, err, "InvalidVpcID.NotFound")
	})
	t.Run("a call before Configure", func(t *testing.T) {
		_, err := dial(t, cloud, "aws").client.Check(t.Context(), &pulumirpc.CheckRequest{Urn: urn(vpcType, "x")})
		wantError(t, err, "never configured")
	})
	t.Run("configurations that cannot be", func(t *testing.T) {
		for want, config := range map[string]props{
			"missing region configuration":             {},
			"invalid AWS Region: london":               {"region": "london"},
			"conflicts with forbiddenAccountIds":       {"region": "eu-west-2", "allowedAccountIds": `["111122223333"]`, "forbiddenAccountIds": `["444455556666"]`},
			"AWS account ID not allowed: 444455556666": {"region": "eu-west-2", "allowedAccountIds": `["111122223333"]`, "assumeRole": `{"roleArn":"arn:aws:iam::444455556666:role/x"}`},
			"an AWS account id has 12 digits: \"123\"": {"region": "eu-west-2", "allowedAccountIds": `["123"]`},
		} {
			_, err := dial(t, cloud, "aws").client.Configure(t.Context(), &pulumirpc.ConfigureRequest{Args: here.marshal(config)})
			wantError(t, err, want)
		}
	})
	t.Run("a misspelt key", func(t *testing.T) {
		resp, err := here.client.CheckConfig(t.Context(), &pulumirpc.CheckRequest{News: here.marshal(props{"regoin": "eu-west-2", "region": "eu-west-2"})})
		if err != nil {
			t.Fatal(err)
		}
		if len(resp.Failures) != 1 || !strings.Contains(resp.Failures[0].Reason, `did you mean "region"?`) {
			t.Errorf("failures = %v", resp.Failures)
		}
	})
	t.Run("another region replaces the provider", func(t *testing.T) {
		resp, err := here.client.DiffConfig(t.Context(), &pulumirpc.DiffRequest{
			OldInputs: here.marshal(props{"region": "eu-west-2"}), News: here.marshal(props{"region": "eu-west-1"}),
		})
		if err != nil || !slices.Contains(resp.GetReplaces(), "region") {
			t.Errorf("diff = %v, %v", resp, err)
		}
	})
}

func TestInvoke(t *testing.T) {
	cloud := start(t, localcloud.Options{})
	aws := london(t, cloud)
	invoke := func(e engine, token string, args props) (resource.PropertyMap, error) {
		resp, err := e.client.Invoke(t.Context(), &pulumirpc.InvokeRequest{Tok: token, Args: e.marshal(args)})
		if err != nil {
			return nil, err
		}
		return e.unmarshal(resp.GetReturn()), nil
	}
	identity, err := invoke(aws, "aws:index/getCallerIdentity:getCallerIdentity", nil)
	if err != nil || identity["accountId"].StringValue() != "123456789012" {
		t.Errorf("identity = %v, %v", identity, err)
	}
	zones, err := invoke(aws, "aws:index/getAvailabilityZones:getAvailabilityZones", props{"state": "available"})
	if err != nil || len(zones["names"].ArrayValue()) != 3 || zones["names"].ArrayValue()[2].StringValue() != "eu-west-2c" {
		t.Errorf("zones = %v, %v", zones, err)
	}
	password, err := invoke(aws, "aws:secretsmanager/getRandomPassword:getRandomPassword", props{"passwordLength": 40})
	if err != nil || !password["randomPassword"].IsSecret() || len(password["randomPassword"].SecretValue().Element.StringValue()) != 40 {
		t.Errorf("password: %v, want a secret of 40 characters", err)
	}
	ranges, err := invoke(connect(t, cloud, "cloudflare", nil), "cloudflare:index/getIpRanges:getIpRanges", nil)
	if err != nil || len(ranges["ipv4CidrBlocks"].ArrayValue()) != 15 {
		t.Errorf("ranges = %v, %v", ranges, err)
	}
	_, err = invoke(aws, "aws:ec2/getAmi:getAmi", nil)
	wantError(t, err, "name the image in the configuration")
	_, err = invoke(aws, "aws:ec2/getInstance:getInstance", nil)
	wantError(t, err, "not in the embedded cloud's catalogue")
}

func TestCommandsAreNotExecuted(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "ran")
	command := connect(t, start(t, localcloud.Options{}), "command", nil)
	o := command.mustCreate("command:local:Command", "c", props{"create": "touch " + marker})
	if _, err := os.Stat(marker); !os.IsNotExist(err) {
		t.Error("the command ran")
	}
	if v := o.props["stdout"]; !v.IsString() || v.StringValue() != "" {
		t.Errorf("stdout = %v", v)
	}
}
