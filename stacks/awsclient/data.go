package awsclient

import (
	"github.com/berth-iac/berth/components/backup"
	"github.com/berth-iac/berth/components/bucket"
	"github.com/berth-iac/berth/components/cache"
	"github.com/berth-iac/berth/components/database"
	"github.com/berth-iac/berth/components/documents"
	"github.com/berth-iac/berth/components/replication"
	"github.com/berth-iac/berth/components/scope"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// data is where the client's data lives. Only the machines reach it.
func (c *client) data() (err error) {
	s := c.spec
	args := database.Args{
		Scope: c.scope, Database: s.Database, Replica: s.Access.BI != nil,
		VPCID: c.network.VPCID, SubnetIDs: c.network.IsolatedSubnetIDs, ClientSecurityGroupID: c.identity.SecurityGroupID,
		KeyArn: c.keys.Database.Arn, SecretsKeyArn: c.keys.Secrets.Arn, LogsKeyArn: c.keys.Logs.Arn,
		LogDays: s.Service.LogDays, TopicArn: c.channels.TopicArn, MaintenanceWindow: s.Maintenance.Window,
		Second: c.secondProvider(), SecondRegion: s.Backup.SecondRegion,
	}
	if c.keys.SecondDatabase != nil {
		args.SecondKeyArn = c.keys.SecondDatabase.Arn
	}
	if c.database, err = database.New(c.ctx, "database", args, c.in()); err != nil {
		return err
	}
	if s.Documents != nil {
		if c.documents, err = documents.New(c.ctx, "documents", documents.Args{
			Scope: c.scope, Documents: *s.Documents,
			VPCID: c.network.VPCID, SubnetIDs: c.network.IsolatedSubnetIDs, ClientSecurityGroupID: c.identity.SecurityGroupID,
			KeyArn: c.keys.Database.Arn, LogsKeyArn: c.keys.Logs.Arn, LogDays: s.Service.LogDays, TopicArn: c.channels.TopicArn,
			PointInTimeDays: s.Database.PointInTimeDays, MaintenanceWindow: s.Maintenance.Window,
		}, c.in()); err != nil {
			return err
		}
	}
	if s.Cache != nil {
		if c.cache, err = cache.New(c.ctx, "cache", cache.Args{
			Scope: c.scope, Cache: *s.Cache,
			VPCID: c.network.VPCID, SubnetIDs: c.network.IsolatedSubnetIDs, ClientSecurityGroupID: c.identity.SecurityGroupID,
			KeyArn: c.keys.Database.Arn, LogsKeyArn: c.keys.Logs.Arn, LogDays: s.Service.LogDays, TopicArn: c.channels.TopicArn,
			SnapshotDays: s.Database.PointInTimeDays, MaintenanceWindow: s.Maintenance.Window,
		}, c.in()); err != nil {
			return err
		}
	}
	return c.attachments()
}

// filesNoncurrentDays is how long a deleted or overwritten attachment can be had back.
const filesNoncurrentDays = 90

// attachments are the files that people add to tasks, copied to the second region as they come.
func (c *client) attachments() (err error) {
	lifecycle := bucket.Lifecycle{NoncurrentDays: filesNoncurrentDays}
	if c.files, err = bucket.New(c.ctx, "files", bucket.Args{
		Scope: c.scope, Parts: []string{"files"}, Region: c.scope.Region, Class: scope.Personal,
		KeyArn: c.keys.Storage.Arn, LogsTo: c.logs.Name, Lifecycle: lifecycle,
	}, c.in()); err != nil || c.second == nil {
		return err
	}
	region := c.spec.Backup.SecondRegion
	c.filesCopy, err = bucket.New(c.ctx, "second-files", bucket.Args{
		Scope: c.scope, Parts: []string{"files", "copy"}, Region: region, Class: scope.Personal,
		KeyArn: c.keys.SecondBackup.Arn, LogsTo: c.secondLogs.Name, Lifecycle: lifecycle,
	}, pulumi.Providers(c.second))
	if err != nil {
		return err
	}
	_, err = replication.New(c.ctx, "files-replication", replication.Args{
		Scope: c.scope, What: "files",
		From: replication.Side{Region: c.scope.Region, Name: c.files.Name, Arn: c.files.Arn, KeyArn: c.keys.Storage.Arn, VersioningOn: c.files.Versioning},
		To:   replication.Side{Region: region, Name: c.filesCopy.Name, Arn: c.filesCopy.Arn, KeyArn: c.keys.SecondBackup.Arn, VersioningOn: c.filesCopy.Versioning},
	}, c.in())
	return err
}

// copies are the backups of the data, in both regions.
func (c *client) copies() (err error) {
	args := backup.Args{
		Scope: c.scope, Backup: c.spec.Backup, KeyArn: c.keys.Backup.Arn, TopicArn: c.channels.TopicArn, LogsTo: c.logs.Name,
		ResourceArns: []pulumi.StringInput{c.database.Arn}, WriterRoleArn: c.identity.RoleArn,
		RestoreTest: &backup.RestoreTest{
			DatabaseArn: c.database.Arn, SubnetGroupName: c.database.SubnetGroupName, VPCID: c.network.VPCID,
		},
	}
	if c.documents != nil {
		args.ResourceArns = append(args.ResourceArns, c.documents.Arn)
	}
	if c.second != nil {
		args.Second, args.SecondRegion = c.second, c.spec.Backup.SecondRegion
		args.SecondKeyArn, args.SecondTopicArn, args.SecondLogsTo = c.keys.SecondBackup.Arn, *c.channels.SecondTopicArn, c.secondLogs.Name
	}
	if c.spec.Leaving != nil {
		// Who leaves may have the copies deleted before their time, by an administrator.
		args.AdministratorArns = []string{"arn:aws:iam::" + c.scope.Account + ":role/berth-administrator"}
	}
	c.backup, err = backup.New(c.ctx, "backup", args, c.in())
	return err
}
