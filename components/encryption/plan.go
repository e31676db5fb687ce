package encryption

import (
	"github.com/berth-iac/berth/components/policy"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// plannedKey is what New makes of one kind of data.
type plannedKey struct {
	what, description string
	second            bool // lies in the second region
	transient         bool // encrypts only what passes through: losing the key loses no data
	statements        []policy.Statement
	into              func(*Keys, Key)
}

// plan lists the keys with their policies.
func (a Args) plan(autoScalingRole pulumi.StringInput) []plannedKey {
	region := a.Scope.Region
	plan := []plannedKey{
		{
			what: "database", description: "Databases and cache",
			statements: a.through(region, "rds", "elasticache", "backup"),
			into:       func(k *Keys, made Key) { k.Database = made },
		}, {
			what: "storage", description: "Buckets with clients' files",
			statements: a.through(region, "s3", "backup"),
			into:       func(k *Keys, made Key) { k.Storage = made },
		}, {
			what: "secrets", description: "Secrets and secure parameters",
			statements: a.through(region, "secretsmanager", "ssm", "rds"),
			into:       func(k *Keys, made Key) { k.Secrets = made },
		}, {
			what: "logs", description: "Log groups",
			statements: append(a.administration(), a.logGroups(region)),
			into:       func(k *Keys, made Key) { k.Logs = made },
		}, {
			what: "volumes", description: "Machines' disks",
			statements: append(a.through(region, "ec2", "backup"), a.autoScaling(autoScalingRole)...),
			into:       func(k *Keys, made Key) { k.Volumes = made },
		}, {
			what: "alerts", description: "Topics and queues that carry alarms", transient: true,
			statements: append(a.through(region, "sns", "sqs"), a.alarms(region)...),
			into:       func(k *Keys, made Key) { k.Alerts = made },
		}, {
			what: "backup", description: "Backup vault and backup bucket",
			statements: a.through(region, "backup", "s3", "rds"),
			into:       func(k *Keys, made Key) { k.Backup = made },
		},
	}
	if a.Second == nil {
		return plan
	}
	region = a.SecondRegion
	return append(plan,
		plannedKey{
			what: "second-backup", description: "Copies of backups", second: true,
			statements: a.through(region, "backup", "s3", "rds"),
			into:       func(k *Keys, made Key) { k.SecondBackup = &made },
		},
		plannedKey{
			what: "second-database", description: "Replicated database backups", second: true,
			statements: a.through(region, "rds", "backup"),
			into:       func(k *Keys, made Key) { k.SecondDatabase = &made },
		},
		plannedKey{
			what: "second-alerts", description: "Topics and queues that carry the second region's alarms", second: true, transient: true,
			statements: append(a.through(region, "sns", "sqs"), a.alarms(region)...),
			into:       func(k *Keys, made Key) { k.SecondAlerts = &made },
		})
}

// thisKey is the resource of a statement in a key's own policy.
var thisKey = policy.Strings("*")

// administration leaves the key's care to the account's IAM, without which nobody could change it
// again. It covers no use of the key.
func (a Args) administration() []policy.Statement {
	return []policy.Statement{{
		Sid:        "AdministrationThroughIAM",
		Principals: policy.AWS(a.root()),
		Actions: []string{
			"kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:DescribeKey", "kms:DisableKey",
			"kms:DisableKeyRotation", "kms:EnableKey", "kms:EnableKeyRotation", "kms:GetKeyPolicy",
			"kms:GetKeyRotationStatus", "kms:ListGrants", "kms:ListKeyPolicies", "kms:ListKeyRotations",
			"kms:ListResourceTags", "kms:PutKeyPolicy", "kms:RevokeGrant", "kms:RotateKeyOnDemand",
			"kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias",
			"kms:UpdateKeyDescription",
		},
		Resources: thisKey,
	}}
}

// cryptography are the actions that encrypt and decrypt.
var cryptography = []string{
	"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext",
	"kms:ReEncryptFrom", "kms:ReEncryptTo",
}

// through adds use of the key by the account's principals, as far as their own policies allow it, and
// only through the named services; and grants to those services, which keep what they encrypt
// readable to themselves.
func (a Args) through(region string, services ...string) []policy.Statement {
	hosts := make([]string, len(services))
	for i, service := range services {
		hosts[i] = service + "." + region + ".amazonaws.com"
	}
	via := []policy.Condition{
		policy.Is("StringEquals", "kms:CallerAccount", a.Scope.Account),
		policy.Is("StringEquals", "kms:ViaService", hosts...),
	}
	return append(a.administration(),
		policy.Statement{
			Sid: "UseThroughServices", Principals: policy.AWS(a.root()),
			Actions: cryptography, Resources: thisKey, Conditions: via,
		},
		policy.Statement{
			Sid: "GrantsToServices", Principals: policy.AWS(a.root()),
			Actions: []string{"kms:CreateGrant"}, Resources: thisKey,
			Conditions: append(via, policy.Is("Bool", "kms:GrantIsForAWSResource", "true")),
		})
}

// logGroups lets CloudWatch Logs use the key for this account's log groups, which it names in the
// encryption context.
func (a Args) logGroups(region string) policy.Statement {
	return policy.Statement{
		Sid: "LogGroups", Principals: policy.Service("logs." + region + ".amazonaws.com"),
		Actions:   append([]string{"kms:DescribeKey"}, cryptography...),
		Resources: thisKey,
		Conditions: []policy.Condition{
			policy.Is("ArnLike", "kms:EncryptionContext:aws:logs:arn", a.Scope.ARN("logs", region, "log-group:*")),
		},
	}
}

// autoScaling lets the auto-scaling group start machines whose disks the key encrypts.
func (a Args) autoScaling(role pulumi.StringInput) []policy.Statement {
	return []policy.Statement{
		{
			Sid: "AutoScaling", Principals: policy.AWS(role),
			Actions: append([]string{"kms:DescribeKey"}, cryptography...), Resources: thisKey,
		}, {
			Sid: "AutoScalingGrants", Principals: policy.AWS(role),
			Actions: []string{"kms:CreateGrant"}, Resources: thisKey,
			Conditions: []policy.Condition{policy.Is("Bool", "kms:GrantIsForAWSResource", "true")},
		},
	}
}

// alarms lets the services that raise alarms publish to encrypted topics of this account. The topic
// stands in the encryption context. Only CloudWatch also says for which account it acts: EventBridge,
// RDS and AWS Backup send no aws:SourceAccount to KMS, and with that condition their messages would
// be dropped without a word.
func (a Args) alarms(region string) []policy.Statement {
	topics := policy.Is("ArnLike", "kms:EncryptionContext:aws:sns:topicArn", a.Scope.ARN("sns", region, "*"))
	publish := []string{"kms:Decrypt", "kms:GenerateDataKey"}
	return []policy.Statement{
		{
			Sid: "Alarms", Principals: policy.Service("cloudwatch.amazonaws.com"), Actions: publish, Resources: thisKey,
			Conditions: append(policy.OnlyFor(a.Scope.Account, pulumi.String(a.Scope.ARN("cloudwatch", region, "alarm:*"))), topics),
		}, {
			Sid: "Events", Principals: policy.Service("backup.amazonaws.com", "elasticache.amazonaws.com", "events.amazonaws.com", "events.rds.amazonaws.com"),
			Actions: publish, Resources: thisKey, Conditions: []policy.Condition{topics},
		},
	}
}

func (a Args) root() pulumi.StringInput {
	return pulumi.String("arn:aws:iam::" + a.Scope.Account + ":root")
}
