package live

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/chatbot"
	chatbottypes "github.com/aws/aws-sdk-go-v2/service/chatbot/types"
)

// chatRegion is where AWS Chatbot answers; its configurations belong to no region.
const chatRegion = "us-west-2"

// slackChannels are the Slack channels that topics' messages are posted to.
func (a *account) slackChannels(ctx context.Context) ([]chatbottypes.SlackChannelConfiguration, error) {
	return once(a, []string{"chatbot", "Slack channels"}, func() ([]chatbottypes.SlackChannelConfiguration, error) {
		p := chatbot.NewDescribeSlackChannelConfigurationsPaginator(chatbot.NewFromConfig(a.config(chatRegion)), &chatbot.DescribeSlackChannelConfigurationsInput{})
		return paged(ctx, p, func(o *chatbot.DescribeSlackChannelConfigurationsOutput) []chatbottypes.SlackChannelConfiguration {
			return o.SlackChannelConfigurations
		})
	})
}
