package live

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/smithy-go/middleware"
	"github.com/berth-iac/berth/components/verifier/actions"
)

// refuseWrites keeps every call back that is not on the list of the verifying role's actions, whatever the credentials
// would allow.
func refuseWrites(stack *middleware.Stack) error {
	allowed := actions.All()
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("RefuseWrites", //nolint:misspell // the SDK's spelling
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			// Not by the SDK's own GetServiceID: some services tell it only after this has run.
			action := Action(middleware.GetServiceID(ctx), middleware.GetOperationName(ctx))
			if !slices.Contains(allowed, action) {
				return middleware.InitializeOutput{}, middleware.Metadata{}, fmt.Errorf("%s is not among the verifying role's actions and was not sent", action)
			}
			return next.HandleInitialize(ctx, in)
		}), middleware.Before)
}

// prefixes are the services' names in IAM where they differ from the SDK's id in lower case without spaces.
var prefixes = map[string]string{
	"accessanalyzer": "access-analyzer", "cloudwatchlogs": "logs", "docdb": "rds", "elasticloadbalancingv2": "elasticloadbalancing",
	"eventbridge": "events", "resourcegroupstaggingapi": "tag", "s3control": "s3", "ssmcontacts": "ssm-contacts", "ssmincidents": "ssm-incidents",
}

// named are the operations whose actions have names of their own.
var named = map[string]string{
	"s3:GetBucketEncryption": "s3:GetEncryptionConfiguration", "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
	"s3:GetBucketReplication": "s3:GetReplicationConfiguration", "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
	"s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock", "s3:HeadBucket": "s3:ListBucket", "s3:HeadObject": "s3:GetObject",
	"s3:ListBuckets": "s3:ListAllMyBuckets", "s3:ListObjectVersions": "s3:ListBucketVersions", "s3:ListObjectsV2": "s3:ListBucket",
	"s3control:GetPublicAccessBlock": "s3:GetAccountPublicAccessBlock",
}

// Action is the IAM action that a call needs, such as s3:ListAllMyBuckets for S3's ListBuckets.
func Action(service, operation string) string {
	id := strings.ToLower(strings.ReplaceAll(service, " ", ""))
	if name, known := named[id+":"+operation]; known {
		return name
	}
	if prefix, known := prefixes[id]; known {
		id = prefix
	}
	return id + ":" + operation
}
