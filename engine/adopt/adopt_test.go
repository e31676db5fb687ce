package adopt_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/engine/adopt"
)

// fakeAccount answers with what a test gives it.
type fakeAccount struct {
	ids, arns []string
	err       error
	searches  []map[string]string
	service   string
	revoked   []string
}

func (a *fakeAccount) Identity(context.Context) (adopt.Identity, error) {
	return adopt.Identity{Number: "123456789012", Partition: "aws", Region: "eu-west-2"}, nil
}

func (a *fakeAccount) EC2Tagged(_ context.Context, tags map[string]string) ([]string, error) {
	a.searches = append(a.searches, tags)
	return a.ids, a.err
}

func (a *fakeAccount) Tagged(_ context.Context, service string, tags map[string]string) ([]string, error) {
	a.searches, a.service = append(a.searches, tags), service
	return a.arns, a.err
}

func (a *fakeAccount) RevokeDefaultEgress(_ context.Context, group string) (bool, error) {
	a.revoked = append(a.revoked, group)
	return true, nil
}

func newFinder(t *testing.T, account *fakeAccount) *adopt.Finder {
	t.Helper()
	f, err := adopt.New(adopt.Options{Open: func(context.Context, map[string]any) (adopt.Account, error) { return account, nil }})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func tags(name string) map[string]any { return map[string]any{"Name": name, "stack": "prod"} }

// provider is as the engine keeps one: what is no text is JSON in a text.
var provider = map[string]any{"region": "eu-west-2", "allowedAccountIds": `["123456789012"]`, "defaultTags": `{"tags":{"client":"acme"}}`}

func one(t *testing.T, f *adopt.Finder, p engine.Pending) engine.Finding {
	t.Helper()
	if p.Provider == nil {
		p.Provider = provider
	}
	findings, err := f.Find(t.Context(), []engine.Pending{p})
	if err != nil {
		t.Fatal(err)
	}
	return findings[0]
}

func TestFind(t *testing.T) {
	const webACL = "arn:aws:wafv2:eu-west-2:123456789012:regional/webacl/acme/11-22"
	for name, tc := range map[string]struct {
		kind    string
		inputs  map[string]any
		known   []string
		account fakeAccount
		want    engine.Verdict
		id, why string
	}{
		"an id that is a name":            {kind: "aws:s3/bucketV2:BucketV2", inputs: map[string]any{"bucket": "b"}, want: engine.Candidate, id: "b"},
		"an id with the account's number": {kind: "aws:sns/topic:Topic", inputs: map[string]any{"name": "t"}, want: engine.Candidate, id: "arn:aws:sns:eu-west-2:123456789012:t"},
		"a path that is not given":        {kind: "aws:iam/policy:Policy", inputs: map[string]any{"name": "p"}, want: engine.Candidate, id: "arn:aws:iam::123456789012:policy/p"},
		"numbers and booleans": {kind: "aws:ec2/networkAclRule:NetworkAclRule", inputs: map[string]any{"networkAclId": "acl-1", "ruleNumber": 100.0, "protocol": "tcp", "egress": true},
			want: engine.Candidate, id: "acl-1:100:tcp:true"},
		"the one that is given": {kind: "aws:ec2/route:Route", inputs: map[string]any{"routeTableId": "rtb-1", "destinationIpv6CidrBlock": "::/0"}, want: engine.Candidate, id: "rtb-1_::/0"},
		"the end of an ARN": {kind: "aws:kms/replicaKey:ReplicaKey", inputs: map[string]any{"primaryKeyArn": "arn:aws:kms:eu-west-2:1:key/mrk-1"},
			want: engine.Candidate, id: "mrk-1"},
		"an id that does not follow":     {kind: "aws:iam/role:Role", want: engine.Unknown, why: "follows from name"},
		"a put":                          {kind: "aws:s3/bucketPolicy:BucketPolicy", want: engine.Repeat},
		"a put whose name is made up":    {kind: "aws:cloudwatch/eventTarget:EventTarget", want: engine.Unknown, why: "gives no targetId"},
		"one for a person":               {kind: "aws:backup/selection:Selection", want: engine.Unknown, why: "list-backup-selections"},
		"a type that nobody heard of":    {kind: "aws:new/thing:Thing", want: engine.Unknown, why: "knows no way"},
		"a service role of another kind": {kind: "aws:iam/serviceLinkedRole:ServiceLinkedRole", inputs: map[string]any{"awsServiceName": "x.amazonaws.com"}, want: engine.Unknown, why: "x.amazonaws.com"},
		"found by tags": {kind: "aws:ec2/vpc:Vpc", inputs: map[string]any{"tags": tags("vpc")}, account: fakeAccount{ids: []string{"subnet-9", "vpc-1"}},
			want: engine.Candidate, id: "vpc-1"},
		"what the state has is another one": {kind: "aws:ec2/vpc:Vpc", inputs: map[string]any{"tags": tags("vpc")}, known: []string{"vpc-1"}, account: fakeAccount{ids: []string{"vpc-1"}},
			want: engine.Absent},
		"several": {kind: "aws:ec2/vpc:Vpc", inputs: map[string]any{"tags": tags("vpc")}, account: fakeAccount{ids: []string{"vpc-2", "vpc-1"}},
			want: engine.Unknown, why: "vpc-1, vpc-2"},
		"without a name among its tags": {kind: "aws:ec2/vpc:Vpc", inputs: map[string]any{"tags": map[string]any{"stack": "prod"}}, account: fakeAccount{ids: []string{"vpc-1"}},
			want: engine.Unknown, why: "tag Name"},
		"an account that does not answer": {kind: "aws:ec2/vpc:Vpc", inputs: map[string]any{"tags": tags("vpc")}, account: fakeAccount{err: errors.New("denied")},
			want: engine.Unknown, why: "denied"},
		"by its ARN": {kind: "aws:kms/key:Key", inputs: map[string]any{"tags": tags("key")}, account: fakeAccount{arns: []string{"arn:aws:kms:eu-west-2:1:alias/a", "arn:aws:kms:eu-west-2:1:key/11-22"}},
			want: engine.Candidate, id: "11-22"},
		"an import id of its own": {kind: "aws:wafv2/webAcl:WebAcl", inputs: map[string]any{"scope": "REGIONAL", "tags": tags("acl")}, account: fakeAccount{arns: []string{webACL}},
			want: engine.Candidate, id: "11-22/acme/REGIONAL"},
		"an import id of its own that the state has": {kind: "aws:wafv2/webAcl:WebAcl", inputs: map[string]any{"scope": "REGIONAL", "tags": tags("acl")}, known: []string{"11-22"},
			account: fakeAccount{arns: []string{webACL}}, want: engine.Absent},
	} {
		t.Run(name, func(t *testing.T) {
			got := one(t, newFinder(t, &tc.account), engine.Pending{Type: tc.kind, Inputs: tc.inputs, Known: tc.known})
			if got.Verdict != tc.want || got.ID != tc.id || !strings.Contains(got.Why, tc.why) {
				t.Errorf("got %+v, want %s %q %q", got, tc.want, tc.id, tc.why)
			}
			for _, asked := range tc.account.searches {
				if !maps.Equal(asked, map[string]string{"Name": asked["Name"], "stack": "prod", "client": "acme"}) {
					t.Errorf("asked for the tags %v, want the resource's and the provider's", asked)
				}
			}
		})
	}
}

func TestAnotherAccountIsNotAsked(t *testing.T) {
	account := &fakeAccount{ids: []string{"vpc-1"}}
	got := one(t, newFinder(t, account), engine.Pending{Type: "aws:ec2/vpc:Vpc", Inputs: map[string]any{"tags": tags("vpc")},
		Provider: map[string]any{"allowedAccountIds": `["999999999999"]`}})
	if got.Verdict != engine.Unknown || !strings.Contains(got.Why, "999999999999") || len(account.searches) > 0 {
		t.Errorf("got %+v, asked %v", got, account.searches)
	}
}

func TestJudge(t *testing.T) {
	f := newFinder(t, &fakeAccount{})
	type m = map[string]any
	for name, tc := range map[string]struct {
		kind         string
		inputs, read m
		want         engine.Verdict
		why          string
	}{
		"its tags":                           {"aws:iam/role:Role", m{"tags": tags("r")}, m{"tags": tags("r"), "tagsAll": tags("r")}, engine.Ours, ""},
		"a tag less":                         {"aws:iam/role:Role", m{"tags": tags("r")}, m{"tags": m{"stack": "prod"}}, engine.Ours, ""},
		"another stack's":                    {"aws:iam/role:Role", m{"tags": tags("r")}, m{"tags": m{"Name": "r", "stack": "staging"}}, engine.Unknown, `stack="staging"`},
		"nobody's":                           {"aws:iam/role:Role", m{"tags": tags("r")}, m{"tags": m{}}, engine.Unknown, "without the stack's tags"},
		"a bucket that has no tags yet":      {"aws:s3/bucketV2:BucketV2", m{"tags": tags("b")}, m{"tagsAll": m{}}, engine.Ours, ""},
		"a bucket with somebody else's tags": {"aws:s3/bucketV2:BucketV2", m{"tags": tags("b")}, m{"tags": m{"owner": "x"}}, engine.Unknown, "without the stack's tags"},
		"of a type without tags":             {"aws:ec2/routeTableAssociation:RouteTableAssociation", m{"routeTableId": "rtb-1", "subnetId": "s"}, m{"routeTableId": "rtb-1", "subnetId": "s"}, engine.Ours, ""},
		"an alias of another key":            {"aws:kms/alias:Alias", m{"name": "a", "targetKeyId": "1"}, m{"name": "a", "targetKeyId": "2"}, engine.Unknown, "targetKeyId"},
		"still being made":                   {"aws:rds/instance:Instance", m{"tags": tags("d")}, m{"tags": tags("d"), "status": "creating", "endpoint": "e"}, engine.Unfinished, "creating"},
		"made":                               {"aws:rds/instance:Instance", m{"tags": tags("d")}, m{"tags": tags("d"), "status": "available", "endpoint": "e"}, engine.Ours, ""},
		"either endpoint":                    {"aws:elasticache/replicationGroup:ReplicationGroup", m{"tags": tags("c")}, m{"tags": tags("c"), "configurationEndpointAddress": "e"}, engine.Ours, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := f.Judge(engine.Pending{Type: tc.kind, Inputs: tc.inputs, Provider: provider}, tc.read)
			if got.Verdict != tc.want || !strings.Contains(got.Why, tc.why) {
				t.Errorf("got %+v, want %s %q", got, tc.want, tc.why)
			}
		})
	}
}

func TestGone(t *testing.T) {
	f := newFinder(t, &fakeAccount{})
	association := engine.Pending{Type: "aws:ec2/routeTableAssociation:RouteTableAssociation"}
	if !f.Gone(association, "No association found between route table and subnet") || f.Gone(association, "AccessDenied") {
		t.Error("what is not there and what may not be read are not told apart")
	}
}

func TestOnlyASecurityGroupIsFinished(t *testing.T) {
	account := &fakeAccount{}
	f := newFinder(t, account)
	for _, kind := range []string{"aws:ec2/vpc:Vpc", "aws:ec2/securityGroup:SecurityGroup"} {
		if _, err := f.Finish(t.Context(), engine.Pending{Type: kind, Provider: provider}, "id of "+kind); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(account.revoked, []string{"id of aws:ec2/securityGroup:SecurityGroup"}) {
		t.Errorf("revoked = %q", account.revoked)
	}
}

// TestEveryTypeIsKnown: a type that a stack begins to use is settled, or left to a person with a reason.
func TestEveryTypeIsKnown(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "stacks", "*", "testdata", "*.outline.golden"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no outlines of stacks: %v", err)
	}
	f := newFinder(t, &fakeAccount{})
	kinds := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range regexp.MustCompile(`\b[a-z]+:[a-zA-Z0-9]+/[a-zA-Z0-9]+:[A-Za-z0-9]+`).FindAllString(string(text), -1) {
			kinds[kind] = true
		}
	}
	people := 0
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		finding := one(t, f, engine.Pending{Type: kind, Inputs: map[string]any{}})
		if strings.Contains(finding.Why, "knows no way") {
			t.Errorf("%s: in no table: add it to aws.yaml or its like, with `person` and a reason where berth cannot know", kind)
		}
		if strings.Contains(finding.Why, "its id is") || strings.Contains(finding.Why, "makes its id up; it is") {
			people++
		}
	}
	if people == 0 || people > len(kinds)/6 {
		t.Errorf("%d of %d types are left to a person", people, len(kinds))
	}
}
