package access_test

import (
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/components/access"
	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	ingressType  = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
	egressType   = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
	scheduleType = "aws:scheduler/schedule:Schedule"
	roleType     = "aws:iam/role:Role"
	policyType   = "aws:iam/rolePolicy:RolePolicy"
)

var acme = scope.Scope{Client: "acme", Environment: "production", Stack: "prod", Account: "123456789012", Region: "eu-west-2", Protect: true}

func biArguments() access.BIArgs {
	return access.BIArgs{
		Scope: acme,
		BI: &spec.BIAccess{Reason: "monthly figures in their own tool", Until: spec.Date{Time: time.Date(2027, 3, 31, 0, 0, 0, 0, time.UTC)},
			From: []netip.Prefix{netip.MustParsePrefix("198.51.100.16/29"), netip.MustParsePrefix("203.0.113.7/32")}},
		VPCID: pulumi.String("vpc-1"), PublicSubnetIDs: pulumi.ToStringArray([]string{"subnet-public-1", "subnet-public-2"}),
		PrivateSubnetIDs: pulumi.ToStringArray([]string{"subnet-private-1", "subnet-private-2"}),
		Endpoint:         pulumi.String("replica.rds.test"), Port: 5432,
		DatabaseSecurityGroupID: pulumi.String("sg-database"), EndpointSecurityGroupID: pulumi.String("sg-endpoints"),
		S3PrefixListID: pulumi.String("pl-s3"), ImageID: "ami-0a1b2c3d4e5f60718", LogDays: 365,
		SecretsKeyArn:      pulumi.String("arn:aws:kms:eu-west-2:123456789012:key/secrets"),
		LogsKeyArn:         pulumi.String("arn:aws:kms:eu-west-2:123456789012:key/logs"),
		VolumesKeyArn:      pulumi.String("arn:aws:kms:eu-west-2:123456789012:key/volumes"),
		AutoScalingRoleArn: pulumi.String("arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling_acme"),
	}
}

func breakGlassArguments() access.BreakGlassArgs {
	opens := time.Date(2026, 12, 3, 10, 30, 0, 0, time.UTC)
	return access.BreakGlassArgs{
		Scope: acme,
		BreakGlass: &spec.BreakGlass{Incident: "INC-1042", Reason: "orders are stuck in a transaction",
			People: []string{"arn:aws:iam::111122223333:user/ada.lindqvist", "arn:aws:iam::111122223333:user/ben.adeyemi"},
			Opens:  spec.Instant{Time: opens}, Closes: spec.Instant{Time: opens.Add(time.Hour)}},
		VPCID: pulumi.String("vpc-1"), PrivateSubnetIDs: pulumi.ToStringArray([]string{"subnet-private-1", "subnet-private-2"}),
		Endpoint: pulumi.String("database.rds.test"), Port: 5432,
		ConnectArn:              pulumi.String("arn:aws:rds-db:eu-west-2:123456789012:dbuser:db-ABC/breakglass"),
		DatabaseSecurityGroupID: pulumi.String("sg-database"), EndpointSecurityGroupID: pulumi.String("sg-endpoints"),
		S3PrefixListID: pulumi.String("pl-s3"), ImageID: "ami-0a1b2c3d4e5f60718", LogDays: 365,
		LogsKeyArn:    pulumi.String("arn:aws:kms:eu-west-2:123456789012:key/logs"),
		VolumesKeyArn: pulumi.String("arn:aws:kms:eu-west-2:123456789012:key/volumes"),
		TopicArn:      pulumi.String("arn:aws:sns:eu-west-2:123456789012:alerts"),
	}
}

func bi(args access.BIArgs) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		_, err := access.NewBI(ctx, "bi", args)
		return err
	}
}

func breakGlass(args access.BreakGlassArgs) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		_, err := access.NewBreakGlass(ctx, "break-glass", args)
		return err
	}
}

func answer(typeToken, name string, _ resource.PropertyMap) map[string]any {
	switch typeToken {
	case ingressType:
		return map[string]any{"securityGroupRuleId": "sgr-" + name}
	case "aws:ec2/launchTemplate:LaunchTemplate":
		return map[string]any{"latestVersion": 3}
	}
	return nil
}

func TestNew(t *testing.T) {
	mysql := biArguments()
	mysql.Port, mysql.Scope.Protect, mysql.Scope.Environment = 3306, false, "staging"
	for name, program := range map[string]pulumi.RunFunc{
		"bi_postgresql":    bi(biArguments()),
		"bi_mysql_staging": bi(mysql),
		"break_glass":      breakGlass(breakGlassArguments()),
	} {
		t.Run(name, func(t *testing.T) { graphtest.Golden(t, "", program, answer) })
	}
}

func TestClosedMeansAbsent(t *testing.T) {
	resources, err := graphtest.Run(graphtest.Update, func(ctx *pulumi.Context) error {
		door, err := access.NewBI(ctx, "bi", access.BIArgs{Scope: acme})
		if door != nil || err != nil {
			t.Errorf("BI = %v, %v, want neither", door, err)
		}
		glass, err := access.NewBreakGlass(ctx, "break-glass", access.BreakGlassArgs{Scope: acme})
		if glass != nil || err != nil {
			t.Errorf("BreakGlass = %v, %v, want neither", glass, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range resources {
		if !strings.HasPrefix(r.Type, "pulumi:") {
			t.Errorf("DP-5, AC-4: %s %s exists although nothing was opened", r.Type, r.Name)
		}
	}
}

func TestNewBIRefusesBadArgs(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(*access.BIArgs)
		want  string
	}{
		"nobody": {func(a *access.BIArgs) { a.BI.From = nil }, "nobody is allowed in: name the client's addresses in from"},
		"everybody": {func(a *access.BIArgs) { a.BI.From = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")} },
			"from holds 0.0.0.0/0: use a /24 or smaller"},
		"ipv6": {func(a *access.BIArgs) { a.BI.From = []netip.Prefix{netip.MustParsePrefix("2001:db8::/64")} },
			"from holds 2001:db8::/64: the VPC speaks IPv4 only, give the client's IPv4 addresses"},
		"unmasked": {func(a *access.BIArgs) { a.BI.From = []netip.Prefix{netip.MustParsePrefix("198.51.100.17/29")} },
			"from holds 198.51.100.17/29, which has bits beyond its length: write 198.51.100.16/29"},
		"forever": {func(a *access.BIArgs) { a.BI.Until = spec.Date{} }, "until is not set: name the last day of access"},
		"port":    {func(a *access.BIArgs) { a.Port = 0 }, "port 0 is no port: use the database's"},
		"image":   {func(a *access.BIArgs) { a.ImageID = "" }, "no machine image is given"},
		"several": {func(a *access.BIArgs) { a.LogDays, a.Endpoint = 0, nil }, "logs are kept 0 days: use at least 1\nno replica's endpoint given"},
	} {
		t.Run(name, func(t *testing.T) {
			args := biArguments()
			tc.spoil(&args)
			graphtest.Golden(t, `BI access "bi": `+tc.want, bi(args))
		})
	}
}

func TestNewBreakGlassRefusesBadArgs(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(*access.BreakGlassArgs)
		want  string
	}{
		"nobody": {func(a *access.BreakGlassArgs) { a.BreakGlass.People = nil }, "nobody is named: give the ARNs of the employees' own IAM users"},
		"everybody": {func(a *access.BreakGlassArgs) { a.BreakGlass.People = []string{"arn:aws:iam::111122223333:root"} },
			`"arn:aws:iam::111122223333:root" is no IAM user: accounts are personal, name each employee's own`},
		"backwards": {func(a *access.BreakGlassArgs) { a.BreakGlass.Closes = a.BreakGlass.Opens },
			"access closes at 2026-12-03T10:30:00Z, before it opens at 2026-12-03T10:30:00Z"},
		"too_long": {func(a *access.BreakGlassArgs) { a.BreakGlass.Closes.Time = a.BreakGlass.Closes.Add(time.Minute) },
			"access is open for 1h1m0s: an hour is the most"},
		"several": {func(a *access.BreakGlassArgs) { a.ImageID, a.TopicArn = "", nil }, "no machine image is given\nno topic given"},
	} {
		t.Run(name, func(t *testing.T) {
			args := breakGlassArguments()
			tc.spoil(&args)
			graphtest.Golden(t, `break-glass access "break-glass": `+tc.want, breakGlass(args))
		})
	}
}

type statement struct {
	Sid, Effect      string
	Principal        map[string]any
	Action, Resource any
	Condition        map[string]map[string]any
}

// statements reads a policy document back.
func statements(t *testing.T, document any) map[string]statement {
	t.Helper()
	var d struct{ Statement []statement }
	if err := json.Unmarshal([]byte(document.(string)), &d); err != nil {
		t.Fatal(err)
	}
	bySid := map[string]statement{}
	for _, s := range d.Statement {
		bySid[s.Sid] = s
	}
	return bySid
}

func TestBIPromises(t *testing.T) {
	resources, err := graphtest.Run(graphtest.Update, bi(biArguments()), answer)
	if err != nil {
		t.Fatal(err)
	}
	find := func(t *testing.T, typeToken, name string) map[string]any {
		t.Helper()
		return graphtest.Find(t, resources, typeToken, name).Inputs
	}
	t.Run("DP-5 in from the client's addresses only", func(t *testing.T) {
		allowed := map[any]bool{"198.51.100.16/29": true, "203.0.113.7/32": true}
		for _, r := range resources {
			cidr, any := r.Inputs["cidrIpv4"]
			if !any {
				continue
			}
			if r.Type != ingressType || !allowed[cidr] || r.Inputs["fromPort"] != 5432.0 || r.Inputs["toPort"] != 5432.0 {
				t.Errorf("%s %s = %v", r.Type, r.Name, r.Inputs)
			}
			delete(allowed, cidr)
		}
		if len(allowed) > 0 {
			t.Errorf("not let in: %v", allowed)
		}
	})
	t.Run("DP-5 each rule is revoked and the forwarders stop when the last day is over", func(t *testing.T) {
		for name, action := range map[string]string{
			"bi-end-revoke-from-198-51-100-16-29": "arn:aws:scheduler:::aws-sdk:ec2:revokeSecurityGroupIngress",
			"bi-end-revoke-from-203-0-113-7-32":   "arn:aws:scheduler:::aws-sdk:ec2:revokeSecurityGroupIngress",
			"bi-end-stop-forwarders":              "arn:aws:scheduler:::aws-sdk:autoscaling:updateAutoScalingGroup",
		} {
			schedule := find(t, scheduleType, name)
			if schedule["scheduleExpression"] != "at(2027-04-01T00:00:00)" || schedule["scheduleExpressionTimezone"] != "UTC" {
				t.Errorf("%s runs %v", name, schedule["scheduleExpression"])
			}
			if target := schedule["target"].(map[string]any); target["arn"] != action {
				t.Errorf("%s calls %v, want %s", name, target["arn"], action)
			}
		}
		input := find(t, scheduleType, "bi-end-revoke-from-203-0-113-7-32")["target"].(map[string]any)["input"]
		if input != `{"GroupId":"bi-gateway-id","SecurityGroupRuleIds":["sgr-bi-from-203-0-113-7-32"]}` {
			t.Errorf("input = %v", input)
		}
	})
	t.Run("AC-3 the schedules end this access and nothing else", func(t *testing.T) {
		trust := statements(t, find(t, roleType, "bi-end")["assumeRolePolicy"])[""]
		if trust.Condition["StringEquals"]["aws:SourceAccount"] != "123456789012" || trust.Condition["ArnLike"]["aws:SourceArn"] != "arn:aws:test:eu-west-2:123456789012:ScheduleGroup/bi-end" {
			t.Errorf("trust = %+v", trust)
		}
		for sid, s := range statements(t, find(t, policyType, "bi-end")["policy"]) {
			text, err := json.Marshal([]any{s.Action, s.Resource})
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "*") {
				t.Errorf("%s has a wildcard: %s", sid, text)
			}
		}
	})
	t.Run("DP-4 the password is secret and made once", func(t *testing.T) {
		version := graphtest.Find(t, resources, "aws:secretsmanager/secretVersion:SecretVersion", "bi-credentials")
		if text, _ := version.Inputs["secretString"].(string); !strings.HasPrefix(text, "<secret> ") || !strings.Contains(text, `"username":"bi"`) {
			t.Errorf("secretString = %v, want it marked secret", version.Inputs["secretString"])
		}
		if ignored, _ := version.Options["ignoreChanges"].([]string); len(ignored) != 1 || ignored[0] != "secretString" {
			t.Errorf("options = %v, want changes of secretString ignored", version.Options)
		}
	})
	t.Run("AC-1 the forwarders have no key, IMDSv2 and an encrypted disk, and pass TLS through", func(t *testing.T) {
		template := find(t, "aws:ec2/launchTemplate:LaunchTemplate", "bi-forwarder")
		if template["keyName"] != nil || template["metadataOptions"].(map[string]any)["httpTokens"] != "required" {
			t.Errorf("template = %v", template)
		}
		disk := template["blockDeviceMappings"].([]any)[0].(map[string]any)["ebs"].(map[string]any)
		if disk["encrypted"] != "true" || disk["kmsKeyId"] != "arn:aws:kms:eu-west-2:123456789012:key/volumes" {
			t.Errorf("disk = %v", disk)
		}
		text, err := base64.StdEncoding.DecodeString(template["userData"].(string))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"mode tcp", "server replica replica.rds.test:5432 ", "bind :5432", `"log_group_name": "/berth/acme/production/bi/connections"`} {
			if !strings.Contains(string(text), want) {
				t.Errorf("user data lacks %q", want)
			}
		}
	})
}

func TestBreakGlassPromises(t *testing.T) {
	resources, err := graphtest.Run(graphtest.Update, breakGlass(breakGlassArguments()), answer)
	if err != nil {
		t.Fatal(err)
	}
	find := func(t *testing.T, typeToken, name string) map[string]any {
		t.Helper()
		return graphtest.Find(t, resources, typeToken, name).Inputs
	}
	t.Run("AC-4 named people, a second factor, one hour", func(t *testing.T) {
		role := find(t, roleType, "break-glass-role")
		if role["maxSessionDuration"] != 3600.0 {
			t.Errorf("maxSessionDuration = %v", role["maxSessionDuration"])
		}
		trust := statements(t, role["assumeRolePolicy"])[""]
		for key, want := range map[[2]string]string{
			{"Bool", "aws:MultiFactorAuthPresent"}:        "true",
			{"NumericLessThan", "aws:MultiFactorAuthAge"}: "3600",
			{"DateGreaterThan", "aws:CurrentTime"}:        "2026-12-03T10:30:00Z",
			{"DateLessThan", "aws:CurrentTime"}:           "2026-12-03T11:30:00Z",
			{"StringEquals", "sts:RoleSessionName"}:       "${aws:username}",
		} {
			if got := trust.Condition[key[0]][key[1]]; got != want {
				t.Errorf("%s %s = %v, want %s", key[0], key[1], got, want)
			}
		}
		people, err := json.Marshal(trust.Principal)
		if err != nil {
			t.Fatal(err)
		}
		if string(people) != `{"AWS":["arn:aws:iam::111122223333:user/ada.lindqvist","arn:aws:iam::111122223333:user/ben.adeyemi"]}` {
			t.Errorf("people = %s", people)
		}
	})
	t.Run("AC-4 one database user, through the tunnel only, until it closes", func(t *testing.T) {
		can := statements(t, find(t, policyType, "break-glass-role")["policy"])
		if s := can["SignIn"]; s.Action != "rds-db:connect" || s.Resource != "arn:aws:rds-db:eu-west-2:123456789012:dbuser:db-ABC/breakglass" {
			t.Errorf("SignIn = %+v", s)
		}
		if s := can["NotAfter"]; s.Effect != "Deny" || s.Action != "*" || s.Condition["DateGreaterThan"]["aws:CurrentTime"] != "2026-12-03T11:30:00Z" {
			t.Errorf("NotAfter = %+v", s)
		}
		if s := can["OpenTheTunnel"]; s.Condition["BoolIfExists"]["ssm:SessionDocumentAccessCheck"] != "true" || len(s.Resource.([]any)) != 2 {
			t.Errorf("OpenTheTunnel = %+v", s)
		}
		content, _ := find(t, "aws:ssm/document:Document", "break-glass-tunnel")["content"].(string)
		if !strings.Contains(content, `"host":"database.rds.test"`) || !strings.Contains(content, `"portNumber":"5432"`) {
			t.Errorf("content = %s, want it to lead to the database only", content)
		}
	})
	t.Run("AC-4 ends by itself", func(t *testing.T) {
		schedule := find(t, scheduleType, "break-glass-end-terminate-relay")
		target := schedule["target"].(map[string]any)
		if schedule["scheduleExpression"] != "at(2026-12-03T11:30:00)" || target["arn"] != "arn:aws:scheduler:::aws-sdk:ec2:terminateInstances" ||
			target["input"] != `{"InstanceIds":["break-glass-relay-id"]}` {
			t.Errorf("schedule = %v", schedule)
		}
	})
	t.Run("AC-1 nothing leads into the relay", func(t *testing.T) {
		for _, r := range resources {
			if r.Type == ingressType && r.Inputs["securityGroupId"] == "break-glass-relay-id" {
				t.Errorf("%s lets somebody in: %v", r.Name, r.Inputs)
			}
			if r.Type == egressType && r.Inputs["cidrIpv4"] != nil {
				t.Errorf("%s leads to addresses: %v", r.Name, r.Inputs)
			}
		}
		relay := find(t, "aws:ec2/instance:Instance", "break-glass-relay")
		if relay["keyName"] != nil || relay["associatePublicIpAddress"] != false || relay["subnetId"] != "subnet-private-1" ||
			relay["metadataOptions"].(map[string]any)["httpTokens"] != "required" || relay["rootBlockDevice"].(map[string]any)["encrypted"] != true {
			t.Errorf("relay = %v", relay)
		}
	})
	t.Run("AC-5 every use is told and kept", func(t *testing.T) {
		pattern, _ := find(t, "aws:cloudwatch/eventRule:EventRule", "break-glass-use")["eventPattern"].(string)
		if strings.Count(pattern, "arn:aws:test:eu-west-2:123456789012:Role/break-glass-role") != 2 {
			t.Errorf("pattern = %s", pattern)
		}
		if got := find(t, "aws:cloudwatch/eventTarget:EventTarget", "break-glass-use-alerts")["arn"]; got != "arn:aws:sns:eu-west-2:123456789012:alerts" {
			t.Errorf("alerts go to %v", got)
		}
		log := find(t, "aws:cloudwatch/logGroup:LogGroup", "break-glass-log")
		if log["kmsKeyId"] != "arn:aws:kms:eu-west-2:123456789012:key/logs" || log["retentionInDays"] != 365.0 {
			t.Errorf("log = %v", log)
		}
	})
}
