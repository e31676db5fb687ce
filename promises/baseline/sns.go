package baseline

import (
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
)

// SNS1 is encryption of messages.
func (baseline) SNS1() promises.Control {
	return promises.Control{
		ID: "SNS.1", Title: "Topics are encrypted with a KMS key", Severity: "medium",
		References: []string{hub("SNS.1")},
		Check: want(topicType, "kmsMasterKeyId", "a KMS key of the stack", "give the topic a key (components/alerting)",
			func(topic *graph.Resource) bool { return ownKey(topic, "kmsMasterKeyId") != nil }),
	}
}

// SNS4 is topics that the public cannot use.
func (baseline) SNS4() promises.Control {
	return promises.Control{
		ID: "SNS.4", Title: "The public cannot use topics", Severity: "critical",
		References: []string{fsbp("SNS.4")},
		Check:      private("aws:sns/topicPolicy:TopicPolicy", topicType),
	}
}
