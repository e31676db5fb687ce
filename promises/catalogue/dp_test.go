package catalogue_test

import (
	"encoding/base64"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/catalogue"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// The reference stacks and their mutants show most of what the data promises read. These tests are about wordings of
// policies, engines and choices of a spec that they do not have.

const dataAccount = "123456789012"

// dataClient is a client in production, with an edit.
func dataClient(edit func(*spec.AWSClient)) *spec.Spec {
	c := &spec.AWSClient{
		Kind: spec.KindAWSClient, Client: spec.Client{Name: "acme"}, Environment: spec.Production,
		AWS:     spec.AWS{Account: dataAccount, Region: "eu-west-2"},
		Edge:    spec.Edge{Hostname: "acme.taskflow.example", Zone: "taskflow.example", ZoneID: "zone", HSTSDays: 365},
		Service: spec.Service{Release: spec.Release{Bucket: "releases"}},
	}
	if edit != nil {
		edit(c)
	}
	return &spec.Spec{Kind: spec.KindAWSClient, AWSClient: c}
}

// madeOf is a resource with an id, an ARN and inputs that it answers with, too.
func madeOf(typeToken, name string, inputs map[string]any) *graph.Resource {
	outputs := map[string]any{"arn": "arn:aws:test:eu-west-2:" + dataAccount + ":thing/" + name}
	maps.Copy(outputs, inputs)
	return &graph.Resource{Type: typeToken, Name: name, ID: name + "-id", URN: "urn:" + typeToken + "::" + name, Inputs: inputs, Outputs: outputs}
}

func arnOf(name string) string { return "arn:aws:test:eu-west-2:" + dataAccount + ":thing/" + name }

// complaints are what a promise finds wrong about one resource, joined.
func complaints(t *testing.T, id, about string, s *spec.Spec, resources ...*graph.Resource) string {
	t.Helper()
	p, ok := catalogue.Find(id)
	if !ok {
		t.Fatalf("no promise %s", id)
	}
	var r promises.Report
	p.Check(promises.Subject{Stack: "prod", Spec: s, Graph: graph.New(resources), Now: time.Unix(0, 0)}, &r)
	var lines []string
	for _, f := range r.Findings() {
		if !f.Holds && (about == "" || f.Resource == about) {
			lines = append(lines, strings.TrimSpace(f.Resource+"."+f.Property+": "+f.Found+"; want "+f.Expected))
		}
	}
	return strings.Join(lines, "\n")
}

// expect compares complaints with a part of what they should say; empty: there should be none.
func expect(t *testing.T, got, part string) {
	t.Helper()
	if (got == "") != (part == "") || !strings.Contains(got, part) {
		t.Errorf("complaints:\n%s\nwant %q", got, part)
	}
}

func policyText(statements string) string {
	return `{"Version":"2012-10-17","Statement":[` + statements + `]}`
}

func TestWhoMayUseWhatAClientHas(t *testing.T) {
	const (
		key    = "aws:kms/key:Key"
		bucket = "aws:s3/bucketPolicy:BucketPolicy"
		topic  = "aws:sns/topicPolicy:TopicPolicy"
		role   = "aws:iam/role:Role"
		door   = "aws:ec2/vpcEndpoint:VpcEndpoint"
		logs   = "aws:cloudwatch/logResourcePolicy:LogResourcePolicy"
		root   = `"Principal":{"AWS":"arn:aws:iam::123456789012:root"}`
	)
	for name, tc := range map[string]struct{ typeToken, property, statement, want string }{
		"everyone":                {bucket, "policy", `{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}`, "everyone"},
		"everyone in a list":      {bucket, "policy", `{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":"s3:GetObject","Resource":"*"}`, "everyone"},
		"everyone but one":        {bucket, "policy", `{"Effect":"Allow","NotPrincipal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"s3:GetObject","Resource":"*"}`, "everyone"},
		"another account":         {bucket, "policy", `{"Sid":"S","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999999999999:role/x"},"Action":"s3:GetObject","Resource":"*"}`, "statement S lets in arn:aws:iam::999999999999:role/x"},
		"another account, short":  {bucket, "policy", `{"Effect":"Allow","Principal":{"AWS":"999999999999"},"Action":"s3:GetObject","Resource":"*"}`, "999999999999"},
		"a canonical user":        {bucket, "policy", `{"Effect":"Allow","Principal":{"CanonicalUser":"abc"},"Action":"s3:GetObject","Resource":"*"}`, "abc"},
		"its own account":         {bucket, "policy", `{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"s3:GetObject","Resource":"*"}`, ""},
		"everything":              {bucket, "policy", `{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"s3:*","Resource":"*"}`, "allows everything"},
		"refusal of everyone":     {bucket, "policy", `{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}`, ""},
		"service for anybody":     {topic, "policy", `{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sns:Publish","Resource":"*"}`, "whoever it acts for"},
		"service by account":      {topic, "policy", `{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sns:Publish","Resource":"*","Condition":{"StringEquals":{"aws:SourceAccount":"123456789012"}}}`, ""},
		"service by two accounts": {topic, "policy", `{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sns:Publish","Resource":"*","Condition":{"StringEquals":{"aws:SourceAccount":["123456789012","999999999999"]}}}`, "whoever it acts for"},
		"service by rule":         {topic, "policy", `{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sns:Publish","Resource":"*","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:events:eu-west-2:123456789012:rule/*"}}}`, ""},
		"service by bucket":       {topic, "policy", `{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"sns:Publish","Resource":"*","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:s3:::any"}}}`, "whoever it acts for"},
		"service if it says so":   {topic, "policy", `{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sns:Publish","Resource":"*","Condition":{"StringEqualsIfExists":{"aws:SourceAccount":"123456789012"}}}`, "whoever it acts for"},
		"log delivery":            {logs, "policyDocument", `{"Effect":"Allow","Principal":{"Service":"delivery.logs.amazonaws.com"},"Action":"logs:PutLogEvents","Resource":"*"}`, "whoever it acts for"},
		"key, cared for":          {key, "policy", `{"Effect":"Allow",` + root + `,"Action":"kms:PutKeyPolicy","Resource":"*"}`, ""},
		"key, through services":   {key, "policy", `{"Effect":"Allow",` + root + `,"Action":"kms:Decrypt","Resource":"*","Condition":{"StringEquals":{"kms:CallerAccount":"123456789012","kms:ViaService":"s3.eu-west-2.amazonaws.com"}}}`, ""},
		"key, directly":           {key, "policy", `{"Effect":"Allow",` + root + `,"Action":"kms:Decrypt","Resource":"*","Condition":{"StringEquals":{"kms:CallerAccount":"123456789012"}}}`, "past the services"},
		"key, by any action":      {key, "policy", `{"Effect":"Allow",` + root + `,"Action":"kms:*","Resource":"*"}`, "allows everything"},
		"key, grants":             {key, "policy", `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:role/x"},"Action":"kms:CreateGrant","Resource":"*"}`, "grants"},
		"key, unread":             {key, "policy", `{`, "a policy that can be read"},
		"role, ours":              {role, "assumeRolePolicy", `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:role/x"},"Action":"sts:AssumeRole"}`, ""},
		"role, theirs":            {role, "assumeRolePolicy", `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999999999999:user/x"},"Action":"sts:AssumeRole"}`, "999999999999"},
		"role, federated":         {role, "assumeRolePolicy", `{"Effect":"Allow","Principal":{"Federated":"token.example"},"Action":"sts:AssumeRole"}`, "token.example"},
		"role, of machines":       {role, "assumeRolePolicy", `{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}`, ""},
		"door, own":               {door, "policy", `{"Effect":"Allow","Principal":"*","Action":"kms:Decrypt","Resource":"arn:aws:kms:eu-west-2:123456789012:key/*","Condition":{"StringEquals":{"aws:PrincipalAccount":"123456789012"}}}`, ""},
		"door, for others":        {door, "policy", `{"Effect":"Allow","Principal":"*","Action":"kms:Decrypt","Resource":"arn:aws:kms:eu-west-2:123456789012:key/*"}`, "callers of other accounts"},
		"door, to others":         {door, "policy", `{"Effect":"Allow","Principal":"*","Action":"kms:Decrypt","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalAccount":"123456789012"}}}`, "resources of other accounts"},
		"door, to any bucket":     {door, "policy", `{"Effect":"Allow","Principal":"*","Action":"s3:PutObject","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalAccount":"123456789012"}}}`, "buckets of other accounts"},
		"door, to releases":       {door, "policy", `{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::releases/taskflow/*","Condition":{"StringEquals":{"aws:PrincipalAccount":"123456789012"}}}`, ""},
		"door, to packages":       {door, "policy", `{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::al2023-repos-eu-west-2-de612dc2/*"}`, ""},
		"door, for all":           {door, "policy", `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalAccount":"123456789012"}}}`, "allows everything"},
	} {
		t.Run(name, func(t *testing.T) {
			holder := madeOf(tc.typeToken, "holder", map[string]any{tc.property: policyText(tc.statement)})
			provider := madeOf("pulumi:providers:aws", "aws", map[string]any{"allowedAccountIds": []any{dataAccount}})
			holder.Provider = provider.URN
			expect(t, complaints(t, "DP-1", "holder", dataClient(nil), provider, holder), tc.want)
		})
	}
}

func TestWhatTheClientsRolesMayUse(t *testing.T) {
	database := madeOf("aws:rds/instance:Instance", "database", map[string]any{"username": "root", "resourceId": "db-1"})
	database.Outputs["masterUserSecrets"] = []any{map[string]any{"secretArn": "arn:aws:secretsmanager:eu-west-2:123456789012:secret:rds!1"}}
	world := []*graph.Resource{
		database, madeOf("aws:s3/bucketV2:BucketV2", "files", nil), madeOf("aws:kms/key:Key", "key", nil), madeOf("aws:cloudwatch/logGroup:LogGroup", "log", map[string]any{"name": "berth/log"}),
		madeOf("aws:elasticache/replicationGroup:ReplicationGroup", "cache", map[string]any{"replicationGroupId": "acme"}),
		madeOf("aws:autoscaling/group:Group", "machines", map[string]any{"name": "acme"}),
	}
	const keyUse = `"Effect":"Allow","Action":"kms:Decrypt","Resource":"arn:aws:test:eu-west-2:123456789012:thing/key"`
	for name, tc := range map[string]struct{ statement, want string }{
		"its bucket":           {`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:test:eu-west-2:123456789012:thing/files/attachments/*"}`, ""},
		"another bucket":       {`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::other/*"}`, "other"},
		"any bucket":           {`{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}`, "on *"},
		"all but one action":   {`{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}`, "everything but"},
		"all but one resource": {`{"Effect":"Allow","Action":"s3:GetObject","NotResource":"arn:aws:s3:::x"}`, "everything but"},
		"its database":         {`{"Effect":"Allow","Action":"rds-db:connect","Resource":"arn:aws:rds-db:eu-west-2:123456789012:dbuser:db-1/taskflow"}`, ""},
		"any user":             {`{"Effect":"Allow","Action":"rds-db:connect","Resource":"arn:aws:rds-db:eu-west-2:123456789012:dbuser:db-1/*"}`, "dbuser"},
		"its administrator":    {`{"Effect":"Allow","Action":"rds-db:connect","Resource":"arn:aws:rds-db:eu-west-2:123456789012:dbuser:db-1/root"}`, "dbuser"},
		"another database":     {`{"Effect":"Allow","Action":"rds-db:connect","Resource":"arn:aws:rds-db:eu-west-2:123456789012:dbuser:db-2/taskflow"}`, "db-2"},
		"its cache":            {`{"Effect":"Allow","Action":"elasticache:Connect","Resource":"arn:aws:elasticache:eu-west-2:123456789012:replicationgroup:acme"}`, ""},
		"another cache":        {`{"Effect":"Allow","Action":"elasticache:Connect","Resource":"arn:aws:elasticache:eu-west-2:123456789012:replicationgroup:globex"}`, "globex"},
		"its log":              {`{"Effect":"Allow","Action":"logs:PutLogEvents","Resource":"arn:aws:logs:eu-west-2:123456789012:log-group:berth/log:*"}`, ""},
		"any log":              {`{"Effect":"Allow","Action":"logs:GetLogEvents","Resource":"arn:aws:logs:eu-west-2:123456789012:log-group:*"}`, "log-group"},
		"its settings":         {`{"Effect":"Allow","Action":"ssm:GetParameter","Resource":"arn:aws:ssm:eu-west-2:123456789012:parameter/berth/acme/production/*"}`, ""},
		"staging's settings":   {`{"Effect":"Allow","Action":"ssm:GetParameter","Resource":"arn:aws:ssm:eu-west-2:123456789012:parameter/berth/acme/staging/*"}`, "staging"},
		"the master secret":    {`{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:eu-west-2:123456789012:secret:rds!1"}`, ""},
		"another secret":       {`{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:eu-west-2:123456789012:secret:x"}`, "secret:x"},
		"its own health":       {`{"Effect":"Allow","Action":"autoscaling:SetInstanceHealth","Resource":"arn:aws:autoscaling:eu-west-2:123456789012:autoScalingGroup:*:autoScalingGroupName/acme"}`, ""},
		"metrics":              {`{"Effect":"Allow","Action":"cloudwatch:PutMetricData","Resource":"*"}`, ""},
		"all of monitoring":    {`{"Effect":"Allow","Action":"cloudwatch:*","Resource":"*"}`, "cloudwatch:*"},
		"releases, to read":    {`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::releases/taskflow/*"}`, ""},
		"releases, to write":   {`{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::releases/taskflow/*"}`, "releases"},
		"key, loose":           {`{` + keyUse + `}`, "past the services"},
		"key, bound":           {`{` + keyUse + `,"Condition":{"StringEquals":{"kms:ViaService":"s3.eu-west-2.amazonaws.com"},"StringLike":{"kms:EncryptionContext:aws:s3:arn":"arn:aws:test:eu-west-2:123456789012:thing/files"}}}`, ""},
		"key, of others":       {`{` + keyUse + `,"Condition":{"StringEquals":{"kms:ViaService":"s3.eu-west-2.amazonaws.com"},"StringLike":{"kms:EncryptionContext:aws:s3:arn":"arn:aws:s3:::*"}}}`, "whatever they encrypt"},
	} {
		t.Run(name, func(t *testing.T) {
			policy := madeOf("aws:iam/rolePolicy:RolePolicy", "permission", map[string]any{"policy": policyText(tc.statement)})
			provider := madeOf("pulumi:providers:aws", "aws", map[string]any{"allowedAccountIds": []any{dataAccount}})
			policy.Provider = provider.URN
			expect(t, complaints(t, "DP-1", "permission", dataClient(nil), append(slices.Clone(world), policy, provider)...), tc.want)
		})
	}
}

func TestProvidersAreBound(t *testing.T) {
	for name, tc := range map[string]struct {
		inputs map[string]any
		want   string
	}{
		"its account":      {map[string]any{"allowedAccountIds": []any{dataAccount}}, ""},
		"two accounts":     {map[string]any{"allowedAccountIds": []any{dataAccount, "999999999999"}}, "allowedAccountIds"},
		"any account":      {nil, "allowedAccountIds"},
		"its role":         {map[string]any{"allowedAccountIds": []any{dataAccount}, "assumeRole": map[string]any{"roleArn": "arn:aws:iam::123456789012:role/deploy"}}, ""},
		"another's role":   {map[string]any{"allowedAccountIds": []any{dataAccount}, "assumeRole": map[string]any{"roleArn": "arn:aws:iam::999999999999:role/deploy"}}, "assumeRole.roleArn"},
		"forbidden others": {map[string]any{"forbiddenAccountIds": []any{"999999999999"}}, "allowedAccountIds"},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, complaints(t, "DP-1", "aws", dataClient(nil), madeOf("pulumi:providers:aws", "aws", tc.inputs)), tc.want)
		})
	}
	unbound := madeOf("aws:ec2/vpcPeeringConnection:VpcPeeringConnection", "peer", nil)
	expect(t, complaints(t, "DP-1", "peer", dataClient(nil), unbound), "bound to no account")
	expect(t, complaints(t, "DP-1", "peer", dataClient(nil), unbound), "ties the client's network")
}

func TestFirewallAroundDatabases(t *testing.T) {
	const group, ingress, egress = "aws:ec2/securityGroup:SecurityGroup", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
	component := &graph.Resource{Type: "berth:access:BreakGlass", Name: "break-glass", URN: "urn:glass"}
	relay := madeOf("aws:ec2/instance:Instance", "relay", map[string]any{"vpcSecurityGroupIds": []any{"relay-group-id"}})
	relay.Parent = component.URN
	world := []*graph.Resource{
		component, relay, madeOf(group, "relay-group", nil), madeOf(group, "guard", nil), madeOf(group, "machines-group", nil), madeOf(group, "other-group", nil),
		madeOf("aws:rds/instance:Instance", "database", map[string]any{"port": 5432.0, "vpcSecurityGroupIds": []any{"guard-id"}}),
		madeOf("aws:autoscaling/group:Group", "machines", map[string]any{"launchTemplate": map[string]any{"id": "template-id"}}),
		madeOf("aws:ec2/launchTemplate:LaunchTemplate", "template", map[string]any{"vpcSecurityGroupIds": []any{"machines-group-id"}}),
	}
	closed := dataClient(nil)
	glass := dataClient(func(c *spec.AWSClient) { c.Access.BreakGlass = &spec.BreakGlass{Incident: "INC-1"} })
	for name, tc := range map[string]struct {
		spec      *spec.Spec
		typeToken string
		inputs    map[string]any // besides tcp on the database's port of its own group
		want      string
	}{
		"machines":               {closed, ingress, map[string]any{"referencedSecurityGroupId": "machines-group-id"}, ""},
		"machines, another port": {closed, ingress, map[string]any{"referencedSecurityGroupId": "machines-group-id", "fromPort": 22.0, "toPort": 22.0}, "ports 22 to 22"},
		"machines, all ports":    {closed, ingress, map[string]any{"referencedSecurityGroupId": "machines-group-id", "ipProtocol": "-1"}, "-1"},
		"a range of ports":       {closed, ingress, map[string]any{"referencedSecurityGroupId": "machines-group-id", "toPort": 5433.0}, "5433"},
		"everybody":              {closed, ingress, map[string]any{"cidrIpv4": "0.0.0.0/0"}, "0.0.0.0/0"},
		"the network":            {closed, ingress, map[string]any{"cidrIpv4": "10.0.0.0/16"}, "10.0.0.0/16"},
		"everybody, IPv6":        {closed, ingress, map[string]any{"cidrIpv6": "::/0"}, "::/0"},
		"strangers":              {closed, ingress, map[string]any{"referencedSecurityGroupId": "other-group-id"}, "other-group"},
		"outside the stack":      {closed, ingress, map[string]any{"referencedSecurityGroupId": "sg-1"}, "nobody of this stack"},
		"the relay, closed":      {closed, ingress, map[string]any{"referencedSecurityGroupId": "relay-group-id"}, "relay-group"},
		"the relay, open":        {glass, ingress, map[string]any{"referencedSecurityGroupId": "relay-group-id"}, ""},
		"out":                    {closed, egress, map[string]any{"referencedSecurityGroupId": "machines-group-id"}, "nothing goes out"},
		"machines to the world":  {closed, egress, map[string]any{"securityGroupId": "machines-group-id", "cidrIpv4": "0.0.0.0/0", "fromPort": 443.0, "toPort": 443.0}, ""},
		"machines, more":         {closed, egress, map[string]any{"securityGroupId": "machines-group-id", "cidrIpv4": "0.0.0.0/0", "fromPort": 0.0, "toPort": 65535.0}, "65535"},
		"others to the world":    {closed, egress, map[string]any{"securityGroupId": "other-group-id", "cidrIpv4": "0.0.0.0/0", "fromPort": 443.0, "toPort": 443.0}, "machines of the service only"},
		"an unknown list":        {closed, egress, map[string]any{"securityGroupId": "machines-group-id", "prefixListId": "pl-1", "fromPort": 443.0, "toPort": 443.0}, "pl-1"},
		"an unknown group":       {closed, ingress, map[string]any{"securityGroupId": "sg-1", "referencedSecurityGroupId": "machines-group-id"}, "securityGroupId"},
	} {
		t.Run(name, func(t *testing.T) {
			inputs := map[string]any{"securityGroupId": "guard-id", "ipProtocol": "tcp", "fromPort": 5432.0, "toPort": 5432.0}
			maps.Copy(inputs, tc.inputs)
			expect(t, complaints(t, "DP-2", "rule", tc.spec, append(slices.Clone(world), madeOf(tc.typeToken, "rule", inputs))...), tc.want)
		})
	}
}

func TestDatabasesAskForTLS(t *testing.T) {
	for name, tc := range map[string]struct {
		family   string
		settings map[string]string
		want     string
	}{
		"postgres":              {"postgres16", map[string]string{"rds.force_ssl": "1", "ssl_min_protocol_version": "TLSv1.3"}, ""},
		"postgres, by default":  {"postgres16", nil, "rds.force_ssl is not set"},
		"postgres, not asked":   {"postgres16", map[string]string{"rds.force_ssl": "0", "ssl_min_protocol_version": "TLSv1.2"}, "rds.force_ssl is 0"},
		"postgres, an old one":  {"postgres16", map[string]string{"rds.force_ssl": "1", "ssl_min_protocol_version": "TLSv1.1"}, "TLSv1.1"},
		"mysql":                 {"mysql8.4", map[string]string{"require_secure_transport": "ON", "tls_version": "TLSv1.2,TLSv1.3"}, ""},
		"mysql, by default":     {"mysql8.4", nil, "require_secure_transport is not set"},
		"mysql, an old one too": {"mysql8.4", map[string]string{"require_secure_transport": "1", "tls_version": "TLSv1.1,TLSv1.2"}, "tls_version"},
	} {
		t.Run(name, func(t *testing.T) {
			var parameters []any
			for key, value := range tc.settings {
				parameters = append(parameters, map[string]any{"name": key, "value": value})
			}
			expect(t, complaints(t, "DP-4", "settings", dataClient(nil),
				madeOf("aws:rds/instance:Instance", "database", map[string]any{"parameterGroupName": "settings-id"}),
				madeOf("aws:rds/parameterGroup:ParameterGroup", "settings", map[string]any{"family": tc.family, "parameters": parameters})), tc.want)
		})
	}
}

// A zone that another stack manages has its settings there; and only log delivery may do without a key of the client's.
func TestEncryptionWithoutTheStacksOwn(t *testing.T) {
	no := false
	elsewhere := dataClient(func(c *spec.AWSClient) { c.Edge.ManageZone = &no })
	if got := complaints(t, "DP-4", promises.StackName, elsewhere, madeOf("aws:sqs/queue:Queue", "queue", nil)); strings.Contains(got, "zone") {
		t.Errorf("a zone that another stack manages is missed: %s", got)
	}
	if got := complaints(t, "DP-4", promises.StackName, dataClient(nil), madeOf("aws:sqs/queue:Queue", "queue", nil)); !strings.Contains(got, "settings of the zone") {
		t.Errorf("the stack's own zone is not missed: %s", got)
	}
	bucket := madeOf("aws:s3/bucketV2:BucketV2", "logs", map[string]any{"bucket": "logs"})
	setting := madeOf("aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2", "setting", map[string]any{
		"bucket": "logs", "rules": []any{map[string]any{"applyServerSideEncryptionByDefault": map[string]any{"sseAlgorithm": "AES256"}}}})
	expect(t, complaints(t, "DP-4", "setting", dataClient(nil), bucket, setting), "aws:kms")
	target := madeOf("aws:s3/bucketLoggingV2:BucketLoggingV2", "logging", map[string]any{"bucket": "files", "targetBucket": "logs"})
	expect(t, complaints(t, "DP-4", "setting", dataClient(nil), bucket, setting, target), "")
}

// toolsStack is the way of a client's tools, as components/access makes it, with one change.
func toolsStack(resource string, change map[string]any) []*graph.Resource {
	const group, ingress, egress = "aws:ec2/securityGroup:SecurityGroup", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
	rule := func(typeToken, name, of, peer string) *graph.Resource {
		return madeOf(typeToken, name, map[string]any{"securityGroupId": of + "-id", "referencedSecurityGroupId": peer + "-id", "ipProtocol": "tcp", "fromPort": 5432.0, "toPort": 5432.0})
	}
	schedule := func(name, call, input string) *graph.Resource {
		return madeOf("aws:scheduler/schedule:Schedule", name, map[string]any{
			"groupName": "end-id", "scheduleExpression": "at(2026-12-22T00:00:00)", "scheduleExpressionTimezone": "UTC", "flexibleTimeWindow": map[string]any{"mode": "OFF"},
			"target": map[string]any{"arn": "arn:aws:scheduler:::aws-sdk:" + call, "input": input, "roleArn": arnOf("end-role")}})
	}
	script := base64.StdEncoding.EncodeToString([]byte("server replica replica.example:5432 check"))
	resources := []*graph.Resource{
		madeOf("aws:rds/instance:Instance", "primary", map[string]any{"identifier": "primary", "address": "primary.example"}),
		madeOf("aws:rds/instance:Instance", "replica", map[string]any{"replicateSourceDb": "primary", "address": "replica.example", "port": 5432.0,
			"parameterGroupName": "settings-id", "vpcSecurityGroupIds": []any{"guard-id"}}),
		madeOf("aws:rds/parameterGroup:ParameterGroup", "settings", map[string]any{"family": "postgres16", "parameters": []any{
			map[string]any{"name": "rds.force_ssl", "value": "1"}, map[string]any{"name": "ssl_min_protocol_version", "value": "TLSv1.2"}}}),
		madeOf(group, "door", nil), madeOf(group, "inside", nil), madeOf(group, "guard", nil),
		madeOf(ingress, "from", map[string]any{"securityGroupId": "door-id", "cidrIpv4": "198.51.100.8/32", "ipProtocol": "tcp", "fromPort": 5432.0, "toPort": 5432.0,
			"securityGroupRuleId": "sgr-1"}),
		rule(egress, "to-inside", "door", "inside"), rule(ingress, "from-door", "inside", "door"), rule(egress, "to-database", "inside", "guard"), rule(ingress, "from-inside", "guard", "inside"),
		madeOf("aws:lb/loadBalancer:LoadBalancer", "gateway", map[string]any{"loadBalancerType": "network", "securityGroups": []any{"door-id"}}),
		madeOf("aws:lb/listener:Listener", "listener", map[string]any{"loadBalancerArn": arnOf("gateway"), "port": 5432.0, "protocol": "TCP",
			"defaultActions": []any{map[string]any{"type": "forward", "targetGroupArn": arnOf("targets")}}}),
		madeOf("aws:lb/targetGroup:TargetGroup", "targets", map[string]any{"port": 5432.0, "protocol": "TCP", "preserveClientIp": "true"}),
		madeOf("aws:autoscaling/group:Group", "forwarders", map[string]any{"name": "acme-bi", "minSize": 2.0, "targetGroupArns": []any{arnOf("targets")}, "launchTemplate": map[string]any{"id": "template-id"}}),
		madeOf("aws:ec2/launchTemplate:LaunchTemplate", "template", map[string]any{"vpcSecurityGroupIds": []any{"inside-id"}, "userData": script}),
		madeOf("aws:scheduler/scheduleGroup:ScheduleGroup", "end", nil),
		schedule("revoke", "ec2:revokeSecurityGroupIngress", `{"GroupId":"door-id","SecurityGroupRuleIds":["sgr-1"]}`),
		schedule("stop", "autoscaling:updateAutoScalingGroup", `{"AutoScalingGroupName":"acme-bi","MinSize":0,"MaxSize":0,"DesiredCapacity":0}`),
		madeOf("aws:iam/role:Role", "end-role", map[string]any{"assumeRolePolicy": policyText(`{"Effect":"Allow","Principal":{"Service":"scheduler.amazonaws.com"},"Action":"sts:AssumeRole",` +
			`"Condition":{"ArnLike":{"aws:SourceArn":"` + arnOf("end") + `"},"StringEquals":{"aws:SourceAccount":"123456789012"}}}`)}),
		madeOf("aws:iam/rolePolicy:RolePolicy", "end-permissions", map[string]any{"role": "end-role-id", "policy": policyText(
			`{"Effect":"Allow","Action":"ec2:RevokeSecurityGroupIngress","Resource":["arn:aws:ec2:eu-west-2:123456789012:security-group/door-id","` + arnOf("from") + `"]},` +
				`{"Effect":"Allow","Action":"autoscaling:UpdateAutoScalingGroup","Resource":"` + arnOf("forwarders") + `"}`)}),
		madeOf("aws:secretsmanager/secret:Secret", "credentials", nil),
		madeOf("aws:secretsmanager/secretVersion:SecretVersion", "version", map[string]any{"secretId": "credentials-id"}),
	}
	for _, one := range resources {
		one.Parent = "urn:bi"
		if one.Name == resource {
			maps.Copy(one.Inputs, change)
		}
	}
	resources = append(resources, &graph.Resource{Type: "berth:access:BI", Name: "bi-access", URN: "urn:bi"})
	return slices.DeleteFunc(resources, func(one *graph.Resource) bool { return one.Name == resource && change == nil })
}

func TestToolsAreLetInUntilTheLastDay(t *testing.T) {
	target := func(call, input string) map[string]any {
		return map[string]any{"target": map[string]any{"arn": "arn:aws:scheduler:::aws-sdk:" + call, "input": input, "roleArn": arnOf("end-role")}}
	}
	for name, tc := range map[string]struct {
		resource string
		change   map[string]any // nil: the resource is not there
		want     string
	}{
		"as it should be":         {"", nil, ""},
		"another address":         {"from", map[string]any{"cidrIpv4": "0.0.0.0/0"}, "an address of access.bi.from"},
		"another port":            {"from", map[string]any{"toPort": 65535.0}, "65535"},
		"nobody let in":           {"from", nil, "0 rules for 198.51.100.8/32"},
		"a day late":              {"revoke", map[string]any{"scheduleExpression": "at(2026-12-23T00:00:00)"}, "scheduleExpression"},
		"a day early":             {"revoke", map[string]any{"scheduleExpression": "at(2026-12-21T00:00:00)"}, ""},
		"every day":               {"revoke", map[string]any{"scheduleExpression": "rate(1 day)"}, "scheduleExpression"},
		"in another zone of time": {"revoke", map[string]any{"scheduleExpressionTimezone": "America/New_York"}, "scheduleExpression"},
		"switched off":            {"stop", map[string]any{"state": "DISABLED"}, "state"},
		"some time later":         {"stop", map[string]any{"flexibleTimeWindow": map[string]any{"mode": "FLEXIBLE"}}, "flexibleTimeWindow"},
		"nothing revokes":         {"revoke", nil, "no schedule revokes it"},
		"nothing stops":           {"stop", nil, "no schedule stops them"},
		"another rule":            {"revoke", target("ec2:revokeSecurityGroupIngress", `{"GroupId":"door-id","SecurityGroupRuleIds":["sgr-2"]}`), "no schedule revokes it"},
		"one is left":             {"stop", target("autoscaling:updateAutoScalingGroup", `{"AutoScalingGroupName":"acme-bi","MinSize":1,"MaxSize":1,"DesiredCapacity":1}`), "no schedule stops them"},
		"another group":           {"stop", map[string]any{"groupName": "none"}, "groupName"},
		"no right to end it":      {"end-permissions", map[string]any{"policy": policyText(`{"Effect":"Allow","Action":"ec2:RevokeSecurityGroupIngress","Resource":"arn:x"}`)}, "may do so"},
		"to the primary":          {"template", map[string]any{"userData": base64.StdEncoding.EncodeToString([]byte("server x primary.example:5432"))}, "and not to the database itself"},
		"to both": {"template", map[string]any{"userData": base64.StdEncoding.EncodeToString([]byte("server x replica.example:5432\nserver y primary.example:5432"))},
			"and not to the database itself"},
		"no replica":            {"replica", nil, "no read replica"},
		"without TLS":           {"settings", map[string]any{"parameters": []any{}}, "rds.force_ssl is not set"},
		"TLS ends at the door":  {"listener", map[string]any{"protocol": "TLS"}, "nothing between decrypts it"},
		"into the forwarders":   {"from-door", map[string]any{"referencedSecurityGroupId": "guard-id"}, "the gateway"},
		"to others":             {"to-inside", map[string]any{"referencedSecurityGroupId": "guard-id"}, "the forwarders"},
		"not into the database": {"from-inside", nil, "a rule is missing"},
		"no credentials":        {"credentials", nil, "no credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			s := dataClient(func(c *spec.AWSClient) {
				c.Access.BI = &spec.BIAccess{From: []netip.Prefix{netip.MustParsePrefix("198.51.100.8/32")}, Until: spec.Date{Time: time.Date(2026, 12, 21, 0, 0, 0, 0, time.UTC)}}
			})
			expect(t, complaints(t, "DP-5", "", s, toolsStack(tc.resource, tc.change)...), tc.want)
		})
	}
	expect(t, complaints(t, "DP-5", "", dataClient(nil), madeOf("aws:sqs/queue:Queue", "queue", nil)), "")
	expect(t, complaints(t, "DP-5", "gateway", dataClient(nil), toolsStack("", nil)...), "access.bi is not set")
	expect(t, complaints(t, "DP-5", "credentials", dataClient(nil), toolsStack("", nil)...), "access.bi is not set")
}

func TestTestEnvironments(t *testing.T) {
	staging := dataClient(func(c *spec.AWSClient) { c.Environment = spec.Staging })
	const instance, parameter, bucketPolicy = "aws:rds/instance:Instance", "aws:ssm/parameter:Parameter", "aws:s3/bucketPolicy:BucketPolicy"
	flag := func(environment, value string) map[string]any {
		return map[string]any{"name": "/berth/acme/" + environment + "/test-data-only", "insecureValue": value}
	}
	tagged := func(environment string, more map[string]any) map[string]any {
		inputs := map[string]any{"tags": map[string]any{"environment": environment}}
		maps.Copy(inputs, more)
		return inputs
	}
	allow := func(who string) map[string]any {
		return map[string]any{"policy": policyText(`{"Effect":"Allow","Principal":{"AWS":"` + who + `"},"Action":"s3:GetObject","Resource":"*"}`)}
	}
	for name, tc := range map[string]struct {
		spec      *spec.Spec
		typeToken string
		inputs    map[string]any
		want      string
	}{
		"staging knows":              {staging, parameter, flag("staging", "true"), ""},
		"staging is told otherwise":  {staging, parameter, flag("staging", "false"), "insecureValue"},
		"production knows":           {dataClient(nil), parameter, flag("production", "false"), ""},
		"production as test":         {dataClient(nil), parameter, flag("production", "true"), "insecureValue"},
		"staging, made empty":        {staging, instance, tagged("staging", nil), ""},
		"staging, from a snapshot":   {staging, instance, tagged("staging", map[string]any{"snapshotIdentifier": "prod"}), "snapshotIdentifier"},
		"staging, from a moment":     {staging, instance, tagged("staging", map[string]any{"restoreToPointInTime": map[string]any{"sourceDbInstanceIdentifier": "prod"}}), "restoreToPointInTime"},
		"staging, a replica":         {staging, instance, tagged("staging", map[string]any{"replicateSourceDb": "arn:aws:rds:eu-west-2:123456789012:db:prod"}), "replicateSourceDb"},
		"production after a restore": {dataClient(nil), instance, tagged("production", map[string]any{"snapshotIdentifier": "prod"}), ""},
		"production marked staging":  {dataClient(nil), instance, tagged("staging", nil), "tags.environment"},
		"production to staging":      {dataClient(nil), bucketPolicy, allow("arn:aws:iam::123456789012:role/acme-staging-machines"), "acme-staging-machines"},
		"production to the account":  {dataClient(nil), bucketPolicy, allow("arn:aws:iam::123456789012:root"), ""},
		"production to its own":      {dataClient(nil), bucketPolicy, allow(arnOf("role")), ""},
		"production to others":       {dataClient(nil), bucketPolicy, allow("arn:aws:iam::999999999999:root"), "999999999999"},
	} {
		t.Run(name, func(t *testing.T) {
			trust := map[string]any{"assumeRolePolicy": policyText(`{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}`)}
			expect(t, complaints(t, "DP-6", "one", tc.spec, madeOf("aws:iam/role:Role", "role", trust), madeOf(tc.typeToken, "one", tc.inputs)), tc.want)
		})
	}
}

func TestDataParameters(t *testing.T) {
	s := dataClient(func(c *spec.AWSClient) {
		c.Database, c.Edge.HSTSDays = spec.Database{Engine: spec.PostgreSQL, Version: "16"}, 180
		c.Access.BI = &spec.BIAccess{From: []netip.Prefix{netip.MustParsePrefix("198.51.100.8/32"), netip.MustParsePrefix("203.0.113.0/28")},
			Until: spec.Date{Time: time.Date(2026, 12, 21, 0, 0, 0, 0, time.UTC)}}
	})
	for id, want := range map[string]map[string]string{
		"DP-1": {"database.engine": "one of your own, postgresql 16", "aws.account": "one of your own, " + dataAccount},
		"DP-2": {"edge.hostname": "https://acme.taskflow.example"},
		"DP-4": {"edge.hstsDays": "180 days"},
		"DP-5": {"access.bi.from": "198.51.100.8/32, 203.0.113.0/28", "access.bi.until": "2026-12-21"},
		"DP-6": {"environment": "production"},
	} {
		p, _ := catalogue.Find(id)
		got := map[string]string{}
		for _, parameter := range p.Parameters(promises.OnAWS, s) {
			got[parameter.Key] = parameter.Value
		}
		for key, value := range want {
			if got[key] != value {
				t.Errorf("%s: %s is %q, want %q", id, key, got[key], value)
			}
		}
	}
}
