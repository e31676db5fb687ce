package organisation

import (
	"fmt"

	"github.com/berth-iac/berth/components/identity"
	"github.com/berth-iac/berth/components/pipeline"
	"github.com/berth-iac/berth/stacks/output"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// outputs are what others need of the organisation.
func (o *organisation) outputs() []output.Output {
	all := []output.Output{
		{Name: "stateBackend", Purpose: "what `pulumi login` is told, so that the team shares its state",
			Value: pulumi.Sprintf("s3://%s?region=%s", o.state.StateBucketName, o.scope.Region)},
		{Name: "secretsProvider", Purpose: "what `pulumi stack init --secrets-provider` is told",
			Value: pulumi.String(fmt.Sprintf("awskms://%s?region=%s", o.state.StateKeyAlias, o.scope.Region))},
		{Name: "releaseBucket", Purpose: "where clients' machines fetch releases from; service.release.bucket in a client's file", Value: o.state.ReleaseBucketName},
		{Name: "signingKeyArn", Purpose: "the key that signs releases, for whoever verifies one", Value: o.state.SigningKeyArn},
		{Name: "backupVaultArn", Purpose: "where clients' backups are copied to, out of their own accounts", Value: o.state.VaultArn},
		{Name: "secondBackupVaultArn", Purpose: "the same in the second region", Value: o.state.SecondVaultArn},
		{Name: "alertsTopicArn", Purpose: "the topic that reaches people by e-mail, SMS and Slack", Value: o.channels.TopicArn},
		{Name: "trailArn", Purpose: "the audit trail of the account, over all regions", Value: o.audit.TrailArn},
		{Name: "trailBucket", Purpose: "where the trail is locked, for auditors", Value: o.audit.BucketName},
		{Name: "trailLogGroup", Purpose: "where the trail can be searched", Value: o.audit.LogGroupName},
		{Name: "detectorId", Purpose: "GuardDuty's detector, for the monthly audit", Value: o.audit.DetectorID},
		{Name: "previewRoleArn", Purpose: "what CI signs in as to preview; trusted by " + pipeline.ClientPreviewRole + " in clients' accounts", Value: o.pipeline.PreviewRoleArn},
		{Name: "deployRoleArn", Purpose: "what CI signs in as to deploy; trusted by " + pipeline.ClientDeployRole + " in clients' accounts", Value: o.pipeline.DeployRoleArn},
		{Name: "releaseRoleArn", Purpose: "what CI signs in as to store and sign releases", Value: o.pipeline.ReleaseRoleArn},
		{Name: "staff", Purpose: "people's IAM users by name, for access.breakGlass.people in a client's file", Value: o.identity.UserArns},
		{Name: "roles", Purpose: "the role of each assignment, to be assumed with a second factor from the office; in clients' accounts they are called " +
			identity.ClientRoleName(identity.Engineer) + " and so on", Value: o.identity.RoleArns},
		{Name: "responsePlans", Purpose: "how an incident of each class is started (OP-3)", Value: o.onCall.ResponsePlanArns},
	}
	if o.verifier != nil {
		all = append(all, output.Output{Name: "verifyRoleArn", Purpose: "what `berth verify` signs in as: it reads the account back, no data, and changes nothing", Value: o.verifier.RoleArn})
	}
	return all
}
