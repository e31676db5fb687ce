package graphtest_test

import (
	"testing"

	"github.com/berth-iac/berth/components/graphtest"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sns"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func program(ctx *pulumi.Context) error {
	topic, err := sns.NewTopic(ctx, "alarms", &sns.TopicArgs{Name: pulumi.String("alarms")}, pulumi.Protect(true))
	if err != nil {
		return err
	}
	_, err = sns.NewTopicSubscription(ctx, "mail", &sns.TopicSubscriptionArgs{
		Topic: topic.Arn, Protocol: pulumi.String("email"), Endpoint: pulumi.ToSecret("ops@example.com").(pulumi.StringOutput),
	}, pulumi.Parent(topic))
	return err
}

func TestRunShowsWhatIsUnknownSecretAndProtected(t *testing.T) {
	for mode, wantTopic := range map[graphtest.Mode]string{
		graphtest.Preview: "<unknown>",
		graphtest.Update:  "arn:aws:test:eu-west-2:123456789012:Topic/alarms",
	} {
		resources, err := graphtest.Run(mode, program)
		if err != nil {
			t.Fatal(err)
		}
		mail := graphtest.Find(t, resources, "aws:sns/topicSubscription:TopicSubscription", "mail")
		if got := mail.Inputs["topic"]; got != wantTopic {
			t.Errorf("topic = %v, want %s", got, wantTopic)
		}
		if got := mail.Inputs["endpoint"]; got != "<secret> ops@example.com" {
			t.Errorf("endpoint = %v, want it marked secret", got)
		}
		if mail.Parent != "aws:sns/topic:Topic::alarms" {
			t.Errorf("parent = %q", mail.Parent)
		}
		topic := graphtest.Find(t, resources, "aws:sns/topic:Topic", "alarms")
		if topic.Options["protect"] != true {
			t.Errorf("options = %v, want protect", topic.Options)
		}
	}
}
