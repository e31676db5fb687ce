package pipeline

import (
	"github.com/berth-iac/berth/components/policy"
	"github.com/berth-iac/berth/components/verifier"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func one(v pulumi.StringInput) []pulumi.StringInput { return []pulumi.StringInput{v} }

func (a Args) stacks() pulumi.StringInput { return pulumi.Sprintf("%s/.pulumi/*", a.StateBucketArn) }
func (a Args) locks() pulumi.StringInput {
	return pulumi.Sprintf("%s/.pulumi/locks/*", a.StateBucketArn)
}

// artefacts are TaskFlow's releases, and what load balancers trust of the edge.
func (a Args) artefacts() []pulumi.StringInput {
	return []pulumi.StringInput{
		pulumi.Sprintf("%s/taskflow/*", a.ReleaseBucketArn), pulumi.Sprintf("%s/edge/origin-pull-ca.pem", a.ReleaseBucketArn),
	}
}

// clientRoles are the roles of these names in every client's account.
func (a Args) clientRoles(names ...string) []pulumi.StringInput {
	var list []pulumi.StringInput
	for _, c := range a.Clients {
		for _, name := range names {
			list = append(list, pulumi.String("arn:aws:iam::"+c.Account+":role/"+name))
		}
	}
	return list
}

// verifyRoles are the roles that read accounts back: in every client's, and in the organisation's own.
func (a Args) verifyRoles() []pulumi.StringInput {
	return append(a.clientRoles(verifier.RoleName), pulumi.String(verifier.RoleArn(a.Scope.Account)))
}

// previewing reads the state, looks at clients' accounts through their preview roles, and reads accounts back.
func (a Args) previewing() []policy.Statement {
	return []policy.Statement{
		{Sid: "ListState", Actions: []string{"s3:ListBucket"}, Resources: one(a.StateBucketArn)},
		{Sid: "ReadState", Actions: []string{"s3:GetObject"}, Resources: one(a.stacks())},
		{Sid: "ReadSecrets", Actions: []string{"kms:Decrypt"}, Resources: one(a.StateKeyArn)},
		{Sid: "LookAtClients", Actions: []string{"sts:AssumeRole"}, Resources: a.clientRoles(ClientPreviewRole)},
		{Sid: "ReadBack", Actions: []string{"sts:AssumeRole"}, Resources: a.verifyRoles()},
	}
}

// deploying writes the state, and works in clients' accounts through their deploy roles. Of the state it deletes locks only.
func (a Args) deploying() []policy.Statement {
	return []policy.Statement{
		{Sid: "ListState", Actions: []string{"s3:ListBucket"}, Resources: one(a.StateBucketArn)},
		{Sid: "WriteState", Actions: []string{"s3:GetObject", "s3:PutObject"}, Resources: one(a.stacks())},
		{Sid: "Unlock", Actions: []string{"s3:DeleteObject"}, Resources: one(a.locks())},
		{Sid: "UseStateKey", Actions: []string{"kms:Decrypt", "kms:GenerateDataKey"}, Resources: one(a.StateKeyArn)},
		{Sid: "DeployToClients", Actions: []string{"sts:AssumeRole"}, Resources: a.clientRoles(ClientDeployRole)},
	}
}

// releasing stores releases and signs them.
func (a Args) releasing() []policy.Statement {
	list := []policy.Statement{
		{Sid: "StoreReleases", Actions: []string{"s3:PutObject"}, Resources: a.artefacts()},
		{Sid: "SignReleases", Actions: []string{"kms:Sign"}, Resources: one(a.SigningKeyArn),
			Conditions: []policy.Condition{policy.Is("StringEquals", "kms:SigningAlgorithm", "ECDSA_SHA_256")}},
		{Sid: "VerifySignatures", Actions: []string{"kms:DescribeKey", "kms:GetPublicKey"}, Resources: one(a.SigningKeyArn)},
	}
	if a.ReleaseKeyArn != nil {
		list = append(list, policy.Statement{Sid: "EncryptReleases", Actions: []string{"kms:Decrypt", "kms:GenerateDataKey"}, Resources: one(a.ReleaseKeyArn),
			Conditions: []policy.Condition{policy.Is("StringEquals", "kms:ViaService", "s3."+a.Scope.Region+".amazonaws.com")}})
	}
	return list
}

// boundary is the sum of what the three roles do, and denials of what none of them may ever be given.
func (a Args) boundary() []policy.Statement {
	keys := []pulumi.StringInput{a.StateKeyArn, a.SigningKeyArn}
	if a.ReleaseKeyArn != nil {
		keys = append(keys, a.ReleaseKeyArn)
	}
	regions := []string{a.Scope.Region}
	if a.SecondRegion != "" {
		regions = append(regions, a.SecondRegion)
	}
	never := func(sid string, actions ...string) policy.Statement {
		return policy.Statement{Sid: sid, Effect: policy.Deny, Actions: actions, Resources: policy.Strings("*")}
	}
	return []policy.Statement{
		{Sid: "ListState", Actions: []string{"s3:ListBucket"}, Resources: one(a.StateBucketArn)},
		{Sid: "Objects", Actions: []string{"s3:GetObject", "s3:PutObject"}, Resources: append(a.artefacts(), a.stacks())},
		{Sid: "Unlock", Actions: []string{"s3:DeleteObject"}, Resources: one(a.locks())},
		{Sid: "Keys", Actions: []string{"kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey", "kms:GetPublicKey", "kms:Sign"}, Resources: keys},
		{Sid: "Clients", Actions: []string{"sts:AssumeRole"}, Resources: append(a.clientRoles(ClientPreviewRole, ClientDeployRole), a.verifyRoles()...)},
		never("NoPeopleNoKeys", "iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:CreateServiceSpecificCredential", "iam:CreateUser",
			"iam:UpdateAccessKey", "iam:UpdateLoginProfile", "iam:UploadSSHPublicKey"),
		never("BoundaryStays", "iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary"),
		{Sid: "NoOtherRegions", Effect: policy.Deny, NotActions: []string{"iam:*", "sts:*"}, Resources: policy.Strings("*"),
			Conditions: []policy.Condition{policy.Is("StringNotEquals", "aws:RequestedRegion", regions...)}},
		never("TheTrailStays", "cloudtrail:DeleteTrail", "cloudtrail:PutEventSelectors", "cloudtrail:StopLogging", "cloudtrail:UpdateTrail"),
		never("VersionsStay", "s3:BypassGovernanceRetention", "s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:DeleteObjectVersion",
			"s3:PutBucketObjectLockConfiguration", "s3:PutBucketPolicy", "s3:PutBucketVersioning", "s3:PutLifecycleConfiguration", "s3:PutReplicationConfiguration"),
		never("KeysStay", "kms:DisableKey", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"),
	}
}
