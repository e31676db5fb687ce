package compute

import (
	"github.com/berth-iac/berth/components/policy"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// metricNamespace is where machines put their own metrics.
const metricNamespace = "Berth"

// permissions say what the machines may do, one policy for each reason. They hold nothing that one
// client's machines could use on another's things.
func (b *builder) permissions() ([]pulumi.Resource, error) {
	var made []pulumi.Resource
	for _, p := range []struct {
		name       string
		statements []policy.Statement
	}{
		{"release", b.mayFetchRelease()},
		{"configuration", b.mayReadConfiguration()},
		{"telemetry", b.mayReport()},
		{"data", b.mayReachData()},
	} {
		if len(p.statements) == 0 {
			continue
		}
		permission, err := iam.NewRolePolicy(b.ctx, b.name+"-may-"+p.name, &iam.RolePolicyArgs{
			Name: pulumi.String(p.name), Role: b.Identity.RoleName, Policy: policy.Document(p.statements...),
		}, b.child)
		if err != nil {
			return nil, err
		}
		made = append(made, permission)
	}
	return made, nil
}

// mayFetchRelease covers every release and not only the one in the template: while a new one is rolled
// out, and when it is rolled back, machines of the one before start too.
func (b *builder) mayFetchRelease() []policy.Statement {
	return []policy.Statement{{
		Sid: "Release", Actions: []string{"s3:GetObject"},
		Resources: policy.Strings("arn:aws:s3:::" + b.Service.Release.Bucket + "/taskflow/*/" + artefact),
	}}
}

func (b *builder) mayReadConfiguration() []policy.Statement {
	path := b.Scope.ARN("ssm", b.Scope.Region, "parameter"+b.Configuration.ParameterPath)
	secrets := append([]pulumi.StringInput{b.Configuration.SecretArn}, b.SecretArns...)
	return []policy.Statement{
		{
			Sid: "Parameters", Actions: []string{"ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"},
			Resources: policy.Strings(path, path+"/*"),
		}, {
			Sid: "Secrets", Actions: []string{"secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"}, Resources: secrets,
		}, {
			Sid: "SecretsKey", Actions: []string{"kms:Decrypt"}, Resources: []pulumi.StringInput{b.Keys.Secrets.Arn},
			Conditions: []policy.Condition{
				b.via("secretsmanager"),
				policy.When("StringEquals", "kms:EncryptionContext:SecretARN", secrets...),
			},
		},
	}
}

func (b *builder) mayReport() []policy.Statement {
	var groups []pulumi.StringInput
	for _, what := range []string{serviceLogs, systemLogs, bootLogs} {
		groups = append(groups, pulumi.String(b.Scope.ARN("logs", b.Scope.Region, "log-group:"+b.logGroups[what]+":*")))
	}
	return []policy.Statement{
		{
			Sid: "Logs", Actions: []string{"logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"}, Resources: groups,
		}, {
			Sid: "Metrics", Actions: []string{"cloudwatch:PutMetricData"}, Resources: policy.Strings("*"), // takes no resource
			Conditions: []policy.Condition{policy.Is("StringEquals", "cloudwatch:namespace", metricNamespace)},
		}, {
			// A group's ARN holds an id that is not known before the group is.
			Sid: "OwnHealth", Actions: []string{"autoscaling:SetInstanceHealth"},
			Resources: policy.Strings(b.Scope.ARN("autoscaling", b.Scope.Region, "autoScalingGroup:*:autoScalingGroupName/"+b.groupName)),
		},
	}
}

func (b *builder) mayReachData() []policy.Statement {
	var statements []policy.Statement
	if b.DatabaseConnectArn != nil {
		statements = append(statements, policy.Statement{
			Sid: "Database", Actions: []string{"rds-db:connect"}, Resources: []pulumi.StringInput{b.DatabaseConnectArn},
		})
	}
	if len(b.CacheConnectArns) > 0 {
		statements = append(statements, policy.Statement{
			Sid: "Cache", Actions: []string{"elasticache:Connect"}, Resources: b.CacheConnectArns,
		})
	}
	if b.BackupBucketArn != nil {
		// No deletion: what is locked against a thief is out of the machines' reach too.
		statements = append(statements, b.mayUseBucket("Backups", b.BackupBucketArn, "taskflow/", b.Keys.Backup.Arn,
			"s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject")...)
	}
	if b.FilesBucketArn != nil {
		statements = append(statements, b.mayUseBucket("Files", b.FilesBucketArn, "attachments/", b.Keys.Storage.Arn,
			"s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject")...)
	}
	return statements
}

// mayUseBucket allows the actions under a prefix, listing of that prefix, and the bucket's key for it.
func (b *builder) mayUseBucket(sid string, bucketArn pulumi.StringInput, prefix string, keyArn pulumi.StringOutput, actions ...string) []policy.Statement {
	objects := pulumi.Sprintf("%s/%s*", bucketArn, prefix)
	return []policy.Statement{
		{Sid: sid, Actions: actions, Resources: []pulumi.StringInput{objects}},
		{
			Sid: sid + "List", Actions: []string{"s3:ListBucket"}, Resources: []pulumi.StringInput{bucketArn},
			Conditions: []policy.Condition{policy.Is("StringLike", "s3:prefix", prefix+"*")},
		}, {
			// With a bucket key the context is the bucket's ARN, without one the object's.
			Sid: sid + "Key", Actions: []string{"kms:Decrypt", "kms:GenerateDataKey"}, Resources: []pulumi.StringInput{keyArn},
			Conditions: []policy.Condition{b.via("s3"), policy.When("StringLike", "kms:EncryptionContext:aws:s3:arn", bucketArn, objects)},
		},
	}
}

// via is the condition that a key is used through a service of the stack's region.
func (b *builder) via(service string) policy.Condition {
	return policy.Is("StringEquals", "kms:ViaService", service+"."+b.Scope.Region+".amazonaws.com")
}
