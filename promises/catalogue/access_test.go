package catalogue

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
	"github.com/berth-iac/berth/spec"
)

// referenceSpec is the spec of a stack in the repository's root.
func referenceSpec(t *testing.T, file string) *spec.Spec {
	t.Helper()
	text, err := os.ReadFile("../../" + file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := spec.DecodeFile(file, text, spec.Options{Now: time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// readStatement reads one statement of a policy.
func readStatement(t *testing.T, text string) policy.Statement {
	t.Helper()
	d, err := policy.Parse(`{"Statement": ` + text + `}`)
	if err != nil || len(d.Statements) != 1 {
		t.Fatalf("%s: %d statements, error %v", text, len(d.Statements), err)
	}
	return d.Statements[0]
}

// resource is one resource of a small graph; its ARN is its name's.
func resource(t *testing.T, typeToken, name, inputs string) *graph.Resource {
	t.Helper()
	r := &graph.Resource{Type: typeToken, Name: name, ID: name + "-id", URN: "urn:pulumi:test::berth::" + typeToken + "::" + name, Outputs: map[string]any{"arn": "arn:aws:test:::" + name}}
	if err := json.Unmarshal([]byte(inputs), &r.Inputs); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if named, ok := r.Inputs["name"]; ok {
		r.Outputs["name"] = named
	}
	return r
}

// broken are what a check found wrong, as "resource: found".
func broken(s promises.Subject, check promises.Check) []string {
	var report promises.Report
	check(s, &report)
	var found []string
	for _, f := range report.Findings() {
		if !f.Holds {
			found = append(found, f.Resource+": "+f.Found)
		}
	}
	return found
}

func TestDefaultsAreTheSpecs(t *testing.T) {
	client, organisation := referenceSpec(t, "Pulumi.prod.yaml"), referenceSpec(t, "Pulumi.organisation.yaml")
	for _, tc := range []struct {
		promise promises.Promise
		hosting promises.Hosting
		spec    *spec.Spec
	}{
		{catalogue{}.AC5(), promises.OnAWS, client}, {catalogue{}.AC5(), promises.Organisation, organisation},
		{catalogue{}.AS6(), promises.Service, client}, {catalogue{}.OP4(), promises.Organisation, organisation},
	} {
		with, without := tc.promise.Parameters(tc.hosting, tc.spec), tc.promise.Parameters(tc.hosting, nil)
		if !slices.Equal(with, without) {
			t.Errorf("%s: the reference spec sets nothing, but its parameters are %v and not %v", tc.promise.ID, with, without)
		}
	}
}

func TestSignInPorts(t *testing.T) {
	for _, tc := range []struct {
		protocol    string
		first, last float64
		given, open bool
	}{
		{"tcp", 22, 22, true, true}, {"tcp", 0, 65535, true, true}, {"tcp", 3000, 4000, true, true}, {"udp", 69, 69, true, true}, {"6", 5901, 5901, true, true},
		{"-1", 0, 0, false, true}, {"tcp", 0, 0, false, true}, {"tcp", -1, -1, true, true},
		{"tcp", 443, 443, true, false}, {"tcp", 24, 68, true, false}, {"icmp", 8, 0, true, false}, {"tcp", 5432, 5432, true, false},
	} {
		if got := signIn(tc.protocol, tc.first, tc.last, tc.given); (got != "") != tc.open {
			t.Errorf("%s %g to %g: %q", tc.protocol, tc.first, tc.last, got)
		}
	}
}

func TestWidth(t *testing.T) {
	g := graph.New([]*graph.Resource{resource(t, typeBucket, "files", `{}`)})
	w := width{graph: g, accounts: []string{"123456789012"}, foreign: []string{"arn:aws:s3:::releases"}, narrow: true}
	const through = `"Condition": {"StringEquals": {"kms:ViaService": "s3.eu-west-2.amazonaws.com"}, "StringLike": {"kms:EncryptionContext:aws:s3:arn": "arn:aws:test:::files/*"}}`
	for name, tc := range map[string]struct {
		statement string
		wide      bool
	}{
		"an object of the own":             {`{"Action": "s3:GetObject", "Resource": "arn:aws:test:::files/attachments/*"}`, false},
		"a named thing in the account":     {`{"Action": "sns:Publish", "Resource": "arn:aws:sns:eu-west-2:123456789012:alerts"}`, false},
		"the bucket of releases":           {`{"Action": "s3:GetObject", "Resource": "arn:aws:s3:::releases/taskflow/*"}`, false},
		"what knows no resource":           {`{"Action": "cloudwatch:ListMetrics", "Resource": "*"}`, false},
		"metrics under a name":             {`{"Action": "cloudwatch:PutMetricData", "Resource": "*", "Condition": {"StringEquals": {"cloudwatch:namespace": "Berth"}}}`, false},
		"a key through a service":          {`{"Action": "kms:Decrypt", "Resource": "arn:aws:kms:eu-west-2:123456789012:key/1", ` + through + `}`, false},
		"every action":                     {`{"Action": "*", "Resource": "arn:aws:test:::files"}`, true},
		"every action of a service":        {`{"Action": "s3:*", "Resource": "arn:aws:test:::files"}`, true},
		"everything":                       {`{"Action": "s3:GetObject", "Resource": "*"}`, true},
		"all but one":                      {`{"NotAction": "iam:CreateUser", "Resource": "arn:aws:test:::files"}`, true},
		"all resources but one":            {`{"Action": "s3:GetObject", "NotResource": "arn:aws:test:::files"}`, true},
		"all of a kind":                    {`{"Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:eu-west-2:123456789012:*"}`, true},
		"all buckets":                      {`{"Action": "s3:GetObject", "Resource": "arn:aws:s3:::*"}`, true},
		"somebody else's":                  {`{"Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:eu-west-2:999999999999:queue"}`, true},
		"people and roles":                 {`{"Action": "iam:CreateUser", "Resource": "arn:aws:iam::123456789012:user/x"}`, true},
		"a firewall":                       {`{"Action": "ec2:AuthorizeSecurityGroupIngress", "Resource": "arn:aws:ec2:eu-west-2:123456789012:security-group/x"}`, true},
		"metrics under any name":           {`{"Action": "cloudwatch:PutMetricData", "Resource": "*"}`, true},
		"a key without a service":          {`{"Action": "kms:Decrypt", "Resource": "arn:aws:kms:eu-west-2:123456789012:key/1"}`, true},
		"a key for whatever it encrypts":   {`{"Action": "kms:Decrypt", "Resource": "arn:aws:kms:eu-west-2:123456789012:key/1", "Condition": {"StringEquals": {"kms:ViaService": "s3.eu-west-2.amazonaws.com"}}}`, true},
		"sessions, without the relay":      {`{"Action": "ssmmessages:OpenDataChannel", "Resource": "*"}`, true},
		"no resource, and so none at all ": {`{"Action": "s3:GetObject"}`, true},
	} {
		if got := w.excess(readStatement(t, tc.statement)); (got != "") != tc.wide {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestServicesTakeRolesForTheAccountOnly(t *testing.T) {
	const account = "123456789012"
	s := promises.Subject{Spec: referenceSpec(t, "Pulumi.prod.yaml")}
	for name, tc := range map[string]struct {
		trust string
		holds bool
	}{
		"on behalf of the account": {`{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "scheduler.amazonaws.com"}, "Condition": {
			"StringEquals": {"aws:SourceAccount": "123456789012"}, "ArnLike": {"aws:SourceArn": "arn:aws:scheduler:eu-west-2:123456789012:schedule-group/x"}}}`, true},
		"machines":             {`{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}`, true},
		"for anybody":          {`{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "scheduler.amazonaws.com"}}`, false},
		"for another account":  {`{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "backup.amazonaws.com"}, "Condition": {"StringEquals": {"aws:SourceAccount": "999999999999"}}}`, false},
		"without a source":     {`{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "scheduler.amazonaws.com"}, "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}}}`, false},
		"somebody's source":    {`{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "s3.amazonaws.com"}, "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}, "ArnLike": {"aws:SourceArn": "*"}}}`, false},
		"any service":          {`{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "*"}}`, false},
		"everybody":            {`{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*"}`, false},
		"a service and a user": {`{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com", "AWS": "arn:aws:iam::123456789012:user/x"}}`, false},
		"nobody":               {`{"Effect": "Deny", "Action": "sts:AssumeRole", "Principal": "*"}`, false},
	} {
		encoded, err := json.Marshal(`{"Statement": [` + tc.trust + `]}`)
		if err != nil {
			t.Fatal(err)
		}
		role := resource(t, typeRole, "role", `{"assumeRolePolicy": `+string(encoded)+`}`)
		s.Graph = graph.New([]*graph.Resource{role})
		wrong := broken(s, func(s promises.Subject, r *promises.Report) { wantServiceTrust(s, r, role, account) })
		if (len(wrong) == 0) != tc.holds {
			t.Errorf("%s: %v", name, wrong)
		}
	}
}

// Two people in one assignment, with ends of their own, share no statement; the check must tell who may until when.
func TestStaffTrust(t *testing.T) {
	const conditions = `"Bool": {"aws:MultiFactorAuthPresent": "true"}, "NumericLessThan": {"aws:MultiFactorAuthAge": "3600"},
		"IpAddress": {"aws:SourceIp": "203.0.113.16/29"}, "StringEquals": {"sts:RoleSessionName": "${aws:username}"}`
	allow := func(who, until string) string {
		return `{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:test:::` + who + `"}, "Condition": {` + conditions + `, "DateLessThan": {"aws:CurrentTime": "` + until + `"}}}`
	}
	ben, dev := allow("ben", "2027-07-01T00:00:00Z"), allow("dev", "2027-04-01T00:00:00Z")
	organisation := *referenceSpec(t, "Pulumi.organisation.yaml").Organisation
	until := func(day string) spec.Date {
		date, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		return spec.Date{Time: date}
	}
	organisation.Staff = []spec.Person{
		{Name: "ben", Assignments: []spec.Assignment{{Role: "engineer", Until: until("2027-06-30")}}},
		{Name: "dev", Assignments: []spec.Assignment{{Role: "engineer", Until: until("2027-03-31")}, {Role: "readOnly", Until: until("2027-12-31")}}},
		{Name: "eve"},
	}
	for name, tc := range map[string]struct {
		statements []string
		holds      bool
	}{
		"as assigned":                {[]string{ben, dev}, true},
		"a day too long":             {[]string{ben, allow("dev", "2027-04-02T00:00:00Z")}, false},
		"the other's end":            {[]string{ben, allow("dev", "2027-07-01T00:00:00Z")}, false},
		"one is missing":             {[]string{ben}, false},
		"one is not assigned":        {[]string{ben, dev, allow("eve", "2027-07-01T00:00:00Z")}, false},
		"for ever":                   {[]string{ben, strings.Replace(dev, `, "DateLessThan": {"aws:CurrentTime": "2027-04-01T00:00:00Z"}`, "", 1)}, false},
		"without second factor":      {[]string{ben, strings.Replace(dev, `"aws:MultiFactorAuthPresent": "true"`, `"aws:MultiFactorAuthPresent": "false"`, 1)}, false},
		"from anywhere":              {[]string{ben, strings.Replace(dev, "203.0.113.16/29", "0.0.0.0/0", 1)}, false},
		"under any name":             {[]string{ben, strings.Replace(dev, "${aws:username}", "x", 1)}, false},
		"the account in their place": {[]string{ben, strings.Replace(dev, "arn:aws:test:::dev", "arn:aws:iam::111122223333:root", 1)}, false},
		"more than taking it":        {[]string{ben, strings.Replace(dev, `"sts:AssumeRole"`, `["sts:AssumeRole", "sts:TagSession"]`, 1)}, false},
	} {
		encoded, err := json.Marshal(`{"Statement": [` + strings.Join(tc.statements, ",") + `]}`)
		if err != nil {
			t.Fatal(err)
		}
		role := resource(t, typeRole, "role", `{"assumeRolePolicy": `+string(encoded)+`}`)
		resources := []*graph.Resource{role}
		for _, person := range organisation.Staff {
			resources = append(resources, resource(t, iamUser, person.Name, `{"name": "`+person.Name+`"}`))
		}
		s := promises.Subject{Spec: &spec.Spec{Kind: spec.KindOrganisation, Organisation: &organisation}, Graph: graph.New(resources)}
		wrong := broken(s, func(s promises.Subject, r *promises.Report) { wantStaffTrust(s, r, role, "engineer") })
		if (len(wrong) == 0) != tc.holds {
			t.Errorf("%s: %v", name, wrong)
		}
	}
}

func TestPipelineJobs(t *testing.T) {
	github := spec.Pipeline{Provider: "github", Repository: "northwind/berth", Environment: "production"}
	circle := spec.Pipeline{Provider: "circleci", Repository: "aaaa/bbbb"}
	const hub, ci = "token.actions.githubusercontent.com", "oidc.circleci.com/org/aaaa"
	for name, tc := range map[string]struct {
		pipeline   spec.Pipeline
		conditions string
		job        string
	}{
		"a pull request":            {github, `{"StringEquals": {"` + hub + `:aud": "sts.amazonaws.com", "` + hub + `:sub": "repo:northwind/berth:pull_request"}}`, jobPreview},
		"the environment":           {github, `{"StringEquals": {"` + hub + `:aud": "sts.amazonaws.com", "` + hub + `:sub": "repo:northwind/berth:environment:production"}}`, jobDeploy},
		"the environment, a tag":    {github, `{"StringEquals": {"` + hub + `:aud": "sts.amazonaws.com", "` + hub + `:sub": "repo:northwind/berth:environment:production"}, "StringLike": {"` + hub + `:ref": "refs/tags/*"}}`, jobRelease},
		"another repository":        {github, `{"StringEquals": {"` + hub + `:aud": "sts.amazonaws.com", "` + hub + `:sub": "repo:elsewhere/berth:environment:production"}}`, ""},
		"any run of the repository": {github, `{"StringEquals": {"` + hub + `:aud": "sts.amazonaws.com"}, "StringLike": {"` + hub + `:sub": "repo:northwind/berth:*"}}`, ""},
		"no audience":               {github, `{"StringEquals": {"` + hub + `:sub": "repo:northwind/berth:environment:production"}}`, ""},
		"the main branch": {circle, `{"StringEquals": {"` + ci + `:aud": "aaaa"}, "StringLike": {"` + ci + `:sub": "org/aaaa/project/bbbb/user/*/vcs-origin/*/vcs-ref/refs/heads/main"},
			"StringNotLike": {"` + ci + `:sub": "*/vcs-ref/*/vcs-ref/*"}}`, jobDeploy},
		"a branch that looks like it": {circle, `{"StringEquals": {"` + ci + `:aud": "aaaa"}, "StringLike": {"` + ci + `:sub": "org/aaaa/project/bbbb/user/*/vcs-origin/*/vcs-ref/refs/heads/main"}}`, ""},
	} {
		if got := issuerOf(tc.pipeline).job(readStatement(t, `{"Effect": "Allow", "Condition": `+tc.conditions+`}`)); got != tc.job {
			t.Errorf("%s: %q, want %q", name, got, tc.job)
		}
	}
}

func TestDenials(t *testing.T) {
	d, err := policy.Parse(`{"Statement": [
		{"Effect": "Deny", "Action": "cloudtrail:StopLogging", "Resource": "*"},
		{"Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::trail/*"},
		{"Effect": "Deny", "Action": "iam:CreateUser", "Resource": "*", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}}},
		{"Effect": "Allow", "Action": "kms:DisableKey", "Resource": "*"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		action, resource string
		denied           bool
	}{
		{"cloudtrail:StopLogging", "arn:aws:cloudtrail:eu-west-2:1:trail/x", true}, {"s3:DeleteObject", "arn:aws:s3:::trail/AWSLogs/x", true},
		{"s3:DeleteObject", "arn:aws:s3:::other/x", false}, {"iam:CreateUser", "any", false}, {"kms:DisableKey", "any", false},
	} {
		if got := denied(d, tc.action, tc.resource); got != tc.denied {
			t.Errorf("%s on %s: denied %v", tc.action, tc.resource, got)
		}
	}
}

func TestPasswords(t *testing.T) {
	const good = `{"minimumPasswordLength": 12, "requireUppercaseCharacters": true, "requireLowercaseCharacters": true, "requireNumbers": true, "requireSymbols": true,
		"maxPasswordAge": 30, "passwordReusePrevention": 12, "allowUsersToChangePassword": true}`
	judge := func(inputs string) []string {
		g := graph.New([]*graph.Resource{resource(t, "aws:iam/accountPasswordPolicy:AccountPasswordPolicy", "passwords", inputs)})
		return broken(promises.Subject{Graph: g}, passwords)
	}
	if wrong := judge(good); len(wrong) > 0 {
		t.Errorf("a good policy: %v", wrong)
	}
	for old, replaced := range map[string]string{
		`"minimumPasswordLength": 12`: `"minimumPasswordLength": 11`, `"maxPasswordAge": 30`: `"maxPasswordAge": 31`, `"maxPasswordAge": 30,`: ``,
		`"requireSymbols": true`: `"requireSymbols": false`, `"requireNumbers": true,`: ``, `"passwordReusePrevention": 12`: `"passwordReusePrevention": 2`,
	} {
		if wrong := judge(strings.Replace(good, old, replaced, 1)); len(wrong) != 1 {
			t.Errorf("%s in place of %s: %v", replaced, old, wrong)
		}
	}
	if wrong := broken(promises.Subject{Graph: graph.New(nil)}, passwords); len(wrong) != 1 {
		t.Errorf("no policy at all: %v", wrong)
	}
}

func TestTurns(t *testing.T) {
	got := turn([]string{"ada", "ben", "chiara"}, 2)
	want := [][]string{{"chiara"}, {"ada"}, {"chiara", "ada", "ben"}}
	for i, stage := range got {
		if !slices.Equal(stage.people, want[i]) {
			t.Errorf("step %d engages %v, want %v", i+1, stage.people, want[i])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d steps, want %d", len(got), len(want))
	}
}
