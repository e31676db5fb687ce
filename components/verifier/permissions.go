package verifier

import (
	"encoding/json"
	"strings"

	"github.com/berth-iac/berth/components/policy"
)

// managedPolicyLimit is how many characters a managed policy has at most, not counting white space.
const managedPolicyLimit = 6144

// data are the actions that show clients' data or secrets, or open another way to them. An asterisk at the end stands
// for whatever follows.
var data = []string{
	"athena:GetQueryResults*", "backup:StartRestoreJob", "cloudtrail:GetQueryResults", "dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan",
	"ebs:GetSnapshotBlock", "ec2:GetConsole*", "ec2:GetPasswordData", "elasticache:Connect", "kms:Decrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*", "lambda:GetFunction",
	"logs:FilterLogEvents", "logs:GetLogEvents", "logs:GetLogObject", "logs:GetLogRecord", "logs:GetQueryResults", "logs:StartLiveTail", "logs:StartQuery", "logs:Unmask",
	"rds-data:*", "rds-db:connect", "rds:Download*",
	// Of objects, only how long they are locked can be read: s3:GetObjectRetention and s3:GetObjectLegalHold.
	"s3:GetObject", "s3:GetObjectA*", "s3:GetObjectT*", "s3:GetObjectVersion*",
	"secretsmanager:BatchGetSecretValue", "secretsmanager:GetSecretValue", "sqs:ReceiveMessage", "ssm:GetParameter*", "ssm:StartSession", "sts:AssumeRole*", "sts:GetFederationToken", "sts:GetSessionToken", "wafv2:GetSampledRequests",
}

// denial is the pattern of data that an action falls under; empty: none.
func denial(action string) string {
	for _, pattern := range data {
		prefix, open := strings.CutSuffix(pattern, "*")
		if action == pattern || open && strings.HasPrefix(action, prefix) {
			return pattern
		}
	}
	return ""
}

// permissions let the role look, at everything: most of these actions know no resources, and what should not be there has
// no name. Without actions nothing is allowed.
func permissions(actions []string) []policy.Statement {
	list := []policy.Statement{{Sid: "NoData", Effect: policy.Deny, Actions: data, Resources: policy.Strings("*")}}
	if len(actions) == 0 {
		return list
	}
	return append([]policy.Statement{{Sid: "Look", Actions: actions, Resources: policy.Strings("*")}}, list...)
}

// size is how many characters the policy of permissions will have.
func size(actions []string) int {
	document := map[string]any{"Version": policy.Version, "Statement": []map[string]any{
		{"Sid": "Look", "Effect": policy.Allow, "Action": actions, "Resource": "*"}, {"Sid": "NoData", "Effect": policy.Deny, "Action": data, "Resource": "*"},
	}}
	text, _ := json.Marshal(document) // of texts only
	return len(text)
}
