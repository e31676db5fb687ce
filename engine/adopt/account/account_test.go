package account_test

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/berth-iac/berth/engine/adopt"
	"github.com/berth-iac/berth/engine/adopt/account"
)

// fakeAWS answers queries by their action, and remembers them.
type fakeAWS struct {
	answers map[string]string // XML inside the action's response, by action
	asked   []url.Values
	keys    []string // access keys that signed
}

func (a *fakeAWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	query, _ := url.ParseQuery(string(body))
	a.asked = append(a.asked, query)
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	key, _, _ := strings.Cut(credential, "/")
	a.keys = append(a.keys, key)
	action := query.Get("Action")
	w.Header().Set("Content-Type", "text/xml")
	_, _ = fmt.Fprintf(w, "%s<%sResponse>%s</%sResponse>", xml.Header, action, a.answers[action], action)
}

func open(t *testing.T, aws *fakeAWS, provider map[string]any) adopt.Account {
	t.Helper()
	server := httptest.NewServer(aws)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": server.URL, "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_PROFILE": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": "", "HTTP_PROXY": "", "http_proxy": ""} {
		t.Setenv(name, value)
	}
	opened, err := account.Open(t.Context(), provider)
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

const caller = `<GetCallerIdentityResult><Arn>arn:aws-cn:sts::123456789012:assumed-role/deploy/x</Arn><Account>123456789012</Account></GetCallerIdentityResult>`

func TestTheProvidersRoleIsTaken(t *testing.T) {
	aws := &fakeAWS{answers: map[string]string{"GetCallerIdentity": caller,
		"AssumeRole": `<AssumeRoleResult><Credentials><AccessKeyId>taken</AccessKeyId><SecretAccessKey>test</SecretAccessKey>` +
			`<SessionToken>test</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>`}}
	opened := open(t, aws, map[string]any{"region": "eu-west-1", "accessKey": "given", "secretKey": "test",
		"assumeRole": `{"roleArn":"arn:aws:iam::123456789012:role/deploy","sessionName":"berth-prod"}`})
	who, err := opened.Identity(t.Context())
	if err != nil || who != (adopt.Identity{Number: "123456789012", Partition: "aws-cn", Region: "eu-west-1"}) {
		t.Errorf("identity = %+v, %v", who, err)
	}
	if !slices.Equal(aws.keys, []string{"given", "taken"}) || aws.asked[0].Get("RoleSessionName") != "berth-prod" {
		t.Errorf("asked %v with the keys %q, want the provider's role taken with its key", aws.asked, aws.keys)
	}
}

func TestWhatLeadsElsewhereIsRefused(t *testing.T) {
	for _, name := range []string{"endpoints", "assumeRoleWithWebIdentity"} {
		if _, err := account.Open(context.Background(), map[string]any{"region": "eu-west-2", name: `[{"ec2":"http://x"}]`}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: err = %v", name, err)
		}
	}
}

func TestEC2TaggedWantsEveryTagOfOneObject(t *testing.T) {
	item := func(id, key, value string) string {
		return "<item><resourceId>" + id + "</resourceId><key>" + key + "</key><value>" + value + "</value></item>"
	}
	aws := &fakeAWS{answers: map[string]string{"DescribeTags": "<tagSet>" + item("vpc-1", "Name", "a*") + item("vpc-1", "stack", "prod") +
		item("vpc-2", "Name", "prod") + item("vpc-2", "stack", "a*") + item("vpc-3", "stack", "prod") + "</tagSet>"}}
	ids, err := open(t, aws, map[string]any{"region": "eu-west-2"}).EC2Tagged(t.Context(), map[string]string{"Name": "a*", "stack": "prod"})
	if err != nil || !slices.Equal(ids, []string{"vpc-1"}) {
		t.Errorf("ids = %q, %v; want the one whose own tags these are", ids, err)
	}
	if got := aws.asked[0].Get("Filter.2.Value.1"); got != `a\*` {
		t.Errorf("asked for the value %q, want the asterisk taken for what it is", got)
	}
}

func TestOnlyAWSsOwnRuleIsRevoked(t *testing.T) {
	rule := func(id, cidr, more string) string {
		return "<item><securityGroupRuleId>" + id + "</securityGroupRuleId><ipProtocol>-1</ipProtocol><isEgress>true</isEgress><cidrIpv4>" + cidr + "</cidrIpv4>" + more + "</item>"
	}
	aws := &fakeAWS{answers: map[string]string{"RevokeSecurityGroupEgress": "<return>true</return>",
		"DescribeSecurityGroupRules": "<securityGroupRuleSet>" + rule("sgr-1", "0.0.0.0/0", "") + rule("sgr-2", "10.0.0.0/8", "") +
			rule("sgr-3", "0.0.0.0/0", "<tagSet><item><key>stack</key><value>prod</value></item></tagSet>") + "</securityGroupRuleSet>"}}
	revoked, err := open(t, aws, map[string]any{"region": "eu-west-2"}).RevokeDefaultEgress(t.Context(), "sg-1")
	if err != nil || !revoked {
		t.Fatalf("revoked = %v, %v", revoked, err)
	}
	last := aws.asked[len(aws.asked)-1]
	if last.Get("GroupId") != "sg-1" || last.Get("SecurityGroupRuleId.1") != "sgr-1" || last.Has("SecurityGroupRuleId.2") {
		t.Errorf("revoked %v, want sgr-1 alone", last)
	}
}
