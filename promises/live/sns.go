package live

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
)

func (a *account) sns(region string) *sns.Client { return sns.NewFromConfig(a.config(region)) }

// topic is a topic with what SNS tells separately of it.
type topic struct {
	arn           string
	tags          map[string]string
	attributes    map[string]string // Policy, KmsMasterKeyId, SignatureVersion …
	subscriptions []snstypes.Subscription
}

func (a *account) topics(ctx context.Context, region string) ([]topic, error) {
	return once(a, []string{"sns", "topics", region}, func() ([]topic, error) {
		client := a.sns(region)
		found, err := paged(ctx, sns.NewListTopicsPaginator(client, &sns.ListTopicsInput{}), func(o *sns.ListTopicsOutput) []snstypes.Topic { return o.Topics })
		if err != nil {
			return nil, err
		}
		all := make([]topic, len(found))
		for i, t := range found {
			attributes, err := client.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: t.TopicArn})
			if err != nil {
				return nil, err
			}
			tags, err := client.ListTagsForResource(ctx, &sns.ListTagsForResourceInput{ResourceArn: t.TopicArn})
			if err != nil {
				return nil, err
			}
			subscriptions, err := paged(ctx, sns.NewListSubscriptionsByTopicPaginator(client, &sns.ListSubscriptionsByTopicInput{TopicArn: t.TopicArn}),
				func(o *sns.ListSubscriptionsByTopicOutput) []snstypes.Subscription { return o.Subscriptions })
			if err != nil {
				return nil, err
			}
			all[i] = topic{
				arn: aws.ToString(t.TopicArn), attributes: attributes.Attributes, subscriptions: subscriptions,
				tags: tagMap(tags.Tags, func(t snstypes.Tag) (key, value *string) { return t.Key, t.Value }),
			}
		}
		return all, nil
	})
}

// ourTopics are the stack's own topics in a region.
func (a *account) ourTopics(ctx context.Context, region string) ([]topic, error) {
	all, err := a.topics(ctx, region)
	var ours []topic
	for _, t := range all {
		if a.ours(t.tags) {
			ours = append(ours, t)
		}
	}
	return ours, err
}

// subscriptionFilter is the filter of a confirmed subscription: what it is not told of. Empty: it is told of all.
func (a *account) subscriptionFilter(ctx context.Context, region, subscription string) (string, error) {
	return once(a, []string{"sns", "subscription", region, subscription}, func() (string, error) {
		out, err := a.sns(region).GetSubscriptionAttributes(ctx, &sns.GetSubscriptionAttributesInput{SubscriptionArn: aws.String(subscription)})
		if err != nil {
			return "", err
		}
		return out.Attributes["FilterPolicy"], nil
	})
}

// textMessages is what keeps SMS from arriving in a region.
type textMessages struct {
	sandbox  bool            // only verified phones are written to
	verified map[string]bool // phones in the sandbox
	optedOut map[string]bool // phones whose owners want no more
}

func (a *account) textMessages(ctx context.Context, region string) (textMessages, error) {
	return once(a, []string{"sns", "text messages", region}, func() (textMessages, error) {
		client := a.sns(region)
		all := textMessages{verified: map[string]bool{}, optedOut: map[string]bool{}}
		out, err := paged(ctx, sns.NewListPhoneNumbersOptedOutPaginator(client, &sns.ListPhoneNumbersOptedOutInput{}),
			func(o *sns.ListPhoneNumbersOptedOutOutput) []string { return o.PhoneNumbers })
		if err != nil {
			return all, err
		}
		for _, phone := range out {
			all.optedOut[phone] = true
		}
		status, err := client.GetSMSSandboxAccountStatus(ctx, &sns.GetSMSSandboxAccountStatusInput{})
		if err != nil {
			return all, err
		}
		if all.sandbox = status.IsInSandbox; !all.sandbox {
			return all, nil
		}
		phones, err := paged(ctx, sns.NewListSMSSandboxPhoneNumbersPaginator(client, &sns.ListSMSSandboxPhoneNumbersInput{}),
			func(o *sns.ListSMSSandboxPhoneNumbersOutput) []snstypes.SMSSandboxPhoneNumber { return o.PhoneNumbers })
		for _, phone := range phones {
			all.verified[aws.ToString(phone.PhoneNumber)] = phone.Status == snstypes.SMSSandboxPhoneNumberVerificationStatusVerified
		}
		return all, err
	})
}
