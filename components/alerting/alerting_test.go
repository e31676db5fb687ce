package alerting_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/berth-iac/berth/components/alerting"
	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/components/scope"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func reference() alerting.Args {
	return alerting.Args{
		Scope: scope.Scope{Client: "acme", Environment: "production", Stack: "prod", Account: "123456789012", Region: "eu-west-2", Protect: true},
		Alerts: spec.Alerts{
			Emails: []string{"operations@northwind.example"}, Phones: []string{"+442079460123"},
			Slack: &spec.Slack{WorkspaceID: "T0123ABCD", ChannelID: "C0456EFGH"},
		},
		KeyArn: pulumi.String("arn:aws:kms:eu-west-2:123456789012:key/alerts"),
	}
}

func everywhere(ctx *pulumi.Context, args *alerting.Args) error {
	second, err := aws.NewProvider(ctx, "second", &aws.ProviderArgs{Region: pulumi.String("eu-west-1")})
	if err != nil {
		return err
	}
	global, err := aws.NewProvider(ctx, "global", &aws.ProviderArgs{Region: pulumi.String(alerting.GlobalRegion)})
	if err != nil {
		return err
	}
	args.Second, args.SecondRegion, args.Global = second, "eu-west-1", global
	args.SecondKeyArn = pulumi.String("arn:aws:kms:eu-west-1:123456789012:key/alerts")
	return nil
}

func program(args alerting.Args, prepare func(*pulumi.Context, *alerting.Args) error) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		if prepare != nil {
			if err := prepare(ctx, &args); err != nil {
				return err
			}
		}
		_, err := alerting.New(ctx, "alerts", args)
		return err
	}
}

func TestNew(t *testing.T) {
	t.Run("all_regions", func(t *testing.T) { graphtest.Golden(t, "", program(reference(), everywhere)) })
	t.Run("one_region_by_mail", func(t *testing.T) {
		args := reference()
		args.Alerts.Phones, args.Alerts.Slack = nil, nil
		graphtest.Golden(t, "", program(args, nil))
	})
}

func TestNewRefuses(t *testing.T) {
	args := reference()
	args.Alerts = spec.Alerts{Phones: []string{"020 7946 0123"}}
	args.KeyArn = nil
	_, err := graphtest.Run(graphtest.Preview, program(args, nil))
	want := `alerting "alerts": nobody is told: give at least one e-mail address in the spec's alerts
"020 7946 0123" is no phone number in E.164 form, such as +442071234567
no key is given for the topic: pass the Alerts key`
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("err = %v, want %s", err, want)
	}
	args = reference()
	args.Alerts.Emails = []string{"operations"}
	_, err = graphtest.Run(graphtest.Preview, program(args, func(ctx *pulumi.Context, a *alerting.Args) error {
		err := everywhere(ctx, a)
		a.SecondKeyArn = nil
		return err
	}))
	want = "\"operations\" is no e-mail address\nthe second region needs its name and its key"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("err = %v, want %s", err, want)
	}
}

func TestPromises(t *testing.T) {
	resources, err := graphtest.Run(graphtest.Update, program(reference(), everywhere))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("AV-7 every topic reaches e-mail, SMS and Slack", func(t *testing.T) {
		slack := graphtest.Find(t, resources, "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration", "alerts-slack").Inputs["snsTopicArns"].([]any)
		topics := 0
		for _, topic := range resources {
			if topic.Type != "aws:sns/topic:Topic" {
				continue
			}
			topics++
			arn := "arn:aws:test:eu-west-2:123456789012:Topic/" + topic.Name
			var protocols []string
			for _, r := range resources {
				if r.Type == "aws:sns/topicSubscription:TopicSubscription" && r.Inputs["topic"] == arn {
					protocols = append(protocols, r.Inputs["protocol"].(string))
				}
			}
			slices.Sort(protocols)
			if !slices.Equal(protocols, []string{"email", "sms"}) || !slices.Contains(slack, any(arn)) {
				t.Errorf("topic %s reaches %v, Slack %t", topic.Name, protocols, slices.Contains(slack, any(arn)))
			}
			if topic.Inputs["kmsMasterKeyId"] == nil {
				t.Errorf("DP-4 topic %s is not encrypted", topic.Name)
			}
		}
		if topics != 3 {
			t.Errorf("%d topics, want one a region", topics)
		}
	})
	t.Run("only named services of this account publish, over TLS", func(t *testing.T) {
		for _, r := range resources {
			if r.Type != "aws:sns/topicPolicy:TopicPolicy" {
				continue
			}
			var document struct {
				Statement []struct {
					Sid, Effect string
					Principal   any
					Condition   map[string]map[string]any
				}
			}
			if err := json.Unmarshal([]byte(r.Inputs["policy"].(string)), &document); err != nil {
				t.Fatal(err)
			}
			for _, s := range document.Statement {
				text, _ := json.Marshal(s.Condition)
				switch {
				case s.Effect == "Deny":
					if !strings.Contains(string(text), `"aws:SecureTransport":"false"`) {
						t.Errorf("%s: deny on %s", r.Name, text)
					}
				case s.Principal == "*", !strings.Contains(string(text), "123456789012"):
					t.Errorf("%s: %s may publish from any account: %s", r.Name, s.Sid, text)
				}
			}
		}
	})
}
