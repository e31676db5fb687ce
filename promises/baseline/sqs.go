package baseline

import (
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
)

const queueType = "aws:sqs/queue:Queue"

// SQS1 is encryption of queues.
func (baseline) SQS1() promises.Control {
	return promises.Control{
		ID: "SQS.1", Title: "Queues are encrypted", Severity: "medium",
		References: []string{fsbp("SQS.1")},
		Check: want(queueType, "kmsMasterKeyId", "a KMS key of the stack, or SQS's own encryption", "give the queue a key",
			func(queue *graph.Resource) bool {
				return ownKey(queue, "kmsMasterKeyId") != nil || queue.Bool("sqsManagedSseEnabled")
			}),
	}
}

// SQS3 is queues that the public cannot use.
func (baseline) SQS3() promises.Control {
	return promises.Control{
		ID: "SQS.3", Title: "The public cannot use queues", Severity: "high",
		References: []string{fsbp("SQS.3")},
		Check:      private("aws:sqs/queuePolicy:QueuePolicy", queueType),
	}
}
