package live

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/catalogue"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

func caller(account string) answers {
	return answers{"STS:GetCallerIdentity": &sts.GetCallerIdentityOutput{Account: aws.String(account), Arn: aws.String("arn:aws:sts::" + account + ":assumed-role/berth-verify/x")}}
}

func TestReadMakesEveryLookThatIsDue(t *testing.T) {
	for stack, some := range map[string][]string{"prod": {"AV-3", "BK-4", "DP-2", "AC-1"}, "organisation": {"AC-3", "AC-5", "AC-7", "OP-4"}} {
		t.Run(stack, func(t *testing.T) {
			subject := subjectOf(t, stack)
			account := "123456789012"
			if stack == "organisation" {
				account = "111122223333"
			}
			var told atomic.Int32
			reading, err := Read(t.Context(), catalogue.All(), Options{Subject: subject, Config: caller(account).config(), Done: func(Result) { told.Add(1) }})
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, r := range reading.Results {
				ids = append(ids, r.ID)
				// The account answers nothing: nothing can be read, and nothing is kept.
				if r.Verdict == promises.Kept || r.Verdict == promises.NotShown && r.Why == "" || !r.At.Equal(now) {
					t.Errorf("%s of an account that answers nothing: %+v", r.ID, r)
				}
			}
			for _, id := range some {
				if !slices.Contains(ids, id) {
					t.Errorf("no look at %s was made; made were %v", id, ids)
				}
			}
			if int(told.Load()) != len(ids) || reading.Account != account {
				t.Errorf("told of %d looks of %d in account %s", told.Load(), len(ids), reading.Account)
			}
		})
	}
}

func TestReadLooksAtNoOtherAccount(t *testing.T) {
	_, err := Read(t.Context(), catalogue.All(), Options{Subject: subjectOf(t, "prod"), Config: caller("999988887777").config()})
	var wrong *WrongAccountError
	if !errors.As(err, &wrong) || wrong.Got != "999988887777" || wrong.Want != "123456789012" {
		t.Errorf("%v", err)
	}
}

func TestLooksAreMadeForWhatIsPromisedOnly(t *testing.T) {
	staging := subjectOf(t, "prod")
	staging.Spec.AWSClient.Environment = spec.Staging
	for _, l := range due(catalogue.All(), staging) {
		if p, _ := catalogue.Find(l.ID); p.ProductionOnly {
			t.Errorf("%s is promised for production and was looked at in staging", l.ID)
		}
	}
	if all := due(nil, staging); len(all) != 0 {
		t.Errorf("looks at promises that nobody made: %v", all)
	}
}

func TestWhatWritesIsNotSent(t *testing.T) {
	a, err := newAccount(Options{Subject: subjectOf(t, "prod"), Config: answers{"EC2:TerminateInstances": &ec2.TerminateInstancesOutput{}}.config()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = ec2.NewFromConfig(a.config("eu-west-2")).TerminateInstances(t.Context(), &ec2.TerminateInstancesInput{InstanceIds: []string{"i-0123456789abcdef0"}})
	if err == nil || !strings.Contains(err.Error(), "ec2:TerminateInstances is not among the verifying role's actions") {
		t.Errorf("a call that writes: %v", err)
	}
}

// wire answers requests with what is given, one after the other.
type wire struct {
	answers []xml
	asked   int
}

// xml is an answer on the wire.
type xml struct {
	status int
	body   string
}

func (w *wire) Do(*http.Request) (*http.Response, error) {
	answer := w.answers[min(w.asked, len(w.answers)-1)]
	w.asked++
	return &http.Response{StatusCode: answer.status, Header: http.Header{"Content-Type": {"text/xml"}}, Body: io.NopCloser(bytes.NewBufferString(answer.body))}, nil
}

func TestThrottledCallsAreMadeAgain(t *testing.T) {
	throttled := xml{http.StatusBadRequest, `<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>`}
	w := &wire{answers: []xml{throttled, throttled, {http.StatusOK,
		`<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account><Arn>arn:aws:iam::123456789012:root</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`}}}
	a, err := newAccount(Options{Subject: subjectOf(t, "prod"), Config: aws.Config{HTTPClient: w, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := sts.NewFromConfig(a.config("eu-west-2")).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || aws.ToString(out.Account) != "123456789012" || w.asked != 3 {
		t.Errorf("%v after %d requests: %v", out, w.asked, err)
	}
}

func TestFindingsSpeakOfResourcesAsTheStackDoes(t *testing.T) {
	subject := subjectOf(t, "prod")
	subject.Graph = graph.New([]*graph.Resource{{Type: "aws:rds/instance:Instance", Name: "database", ID: "acme-production", URN: "urn:pulumi:prod::berth::aws:rds/instance:Instance::database",
		Provider: "urn:pulumi:prod::berth::pulumi:providers:aws::aws"}})
	until := now.AddDate(0, 1, 0)
	subject.Spec.AWSClient.Waivers = []spec.Waiver{{Promise: "AV-3", Resource: "database", Reason: "the client wants it cheaper for a month", Owner: "ada.lindqvist", Expires: spec.Date{Time: until}}}
	a, err := newAccount(Options{Subject: subject, Config: aws.Config{}})
	if err != nil {
		t.Fatal(err)
	}
	single := func(id string) Look {
		return Look{ID: "AV-3", read: func(_ context.Context, l *look) error {
			l.want(object{"aws:rds/instance:Instance", id}, false, "multiAz", false, "true", "set it")
			return nil
		}}
	}
	if r := a.make(t.Context(), single("acme-production")); r.Verdict != promises.WaivedVerdict || r.Findings[0].Resource != "database" {
		t.Errorf("what a waiver covers: %+v", r)
	}
	if r := a.make(t.Context(), single("somebody-elses")); r.Verdict != promises.Broken || r.Findings[0].Resource != "somebody-elses" {
		t.Errorf("what no waiver covers: %+v", r)
	}
}

func TestHalfOfAReadingKeepsNothing(t *testing.T) {
	a, err := newAccount(Options{Subject: subjectOf(t, "prod"), Config: aws.Config{}})
	if err != nil {
		t.Fatal(err)
	}
	half := func(holds bool, early bool) Look {
		return Look{ID: "AV-3", read: func(_ context.Context, l *look) error {
			l.want(object{"aws:rds/instance:Instance", "x"}, holds, "multiAz", holds, "true", "set it")
			if early {
				l.tooEarly("the first backup is due at 00:00")
				return nil
			}
			return errors.New("AccessDenied, RequestID: 1234, no")
		}}
	}
	if r := a.make(t.Context(), half(true, false)); r.Verdict != promises.NotShown || r.Why != "could not be read back: AccessDenied, no" {
		t.Errorf("what was half read: %+v", r)
	}
	if r := a.make(t.Context(), half(false, false)); r.Verdict != promises.Broken {
		t.Errorf("what was half read and is broken: %+v", r)
	}
	if r := a.make(t.Context(), half(true, true)); r.Verdict != promises.NotShown || r.Why != "the first backup is due at 00:00" {
		t.Errorf("what is too young: %+v", r)
	}
}
