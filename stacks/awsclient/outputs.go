package awsclient

import (
	"github.com/berth-iac/berth/stacks/output"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// outputs are what the stack hands out.
func (c *client) outputs() []output.Output {
	all := []output.Output{
		{Name: "url", Purpose: "where the client's people go", Value: pulumi.Sprintf("https://%s", c.edge.Hostname)},
		{Name: "loadBalancerDnsName", Purpose: "the origin that Cloudflare asks; it answers nobody else", Value: c.balancer.DNSName},
		{Name: "vpcId", Purpose: "the client's network", Value: c.network.VPCID},
		{Name: "autoScalingGroup", Purpose: "the group of the service's machines, for releases and drills", Value: c.machines.GroupName},
		{Name: "machinesRoleArn", Purpose: "what the machines act as, for policies of other accounts such as the release bucket's", Value: c.machines.RoleArn},
		{Name: "serviceLogGroup", Purpose: "the service's logs", Value: c.machines.ServiceLogGroup},
		{Name: "parameterPath", Purpose: "where the service's configuration is kept in SSM", Value: pulumi.String(c.configuration.ParameterPath)},
		{Name: "serviceSecretArn", Purpose: "where the service's keys are kept, for rotation", Value: c.configuration.SecretArn},
		{Name: "databaseIdentifier", Purpose: "the database instance, for restores and drills", Value: c.database.Identifier},
		{Name: "databaseEndpoint", Purpose: "the database's host name inside the network", Value: c.database.Endpoint},
		{Name: "databaseMasterSecretArn", Purpose: "where AWS keeps and rotates the database's master password", Value: c.database.MasterSecretArn},
		{Name: "filesBucket", Purpose: "the attachments", Value: c.files.Name},
		{Name: "backupBucket", Purpose: "the logical backups", Value: c.backup.BucketName},
		{Name: "backupVaultArn", Purpose: "the snapshots in the client's region", Value: c.backup.VaultArn},
		{Name: "alertTopicArn", Purpose: "where alarms are published", Value: c.channels.TopicArn},
		{Name: "trailBucket", Purpose: "where the record of every call in the account is locked, for auditors", Value: c.trail.BucketName},
		{Name: "serviceDownAlarmArn", Purpose: "the alarm that says the client is without service", Value: c.monitoring.ServiceDownAlarmArn},
		{Name: "healthCheckId", Purpose: "the probe from outside that uptime reports are made of", Value: c.monitoring.HealthCheckID},
		{Name: "dashboard", Purpose: "the CloudWatch dashboard of the client", Value: c.monitoring.DashboardName},
	}
	add := func(name, purpose string, value pulumi.Input) {
		all = append(all, output.Output{Name: name, Purpose: purpose, Value: value})
	}
	if c.database.ReplicaEndpoint != nil {
		add("databaseReplicaEndpoint", "the read replica's host name inside the network", *c.database.ReplicaEndpoint)
	}
	if c.documents != nil {
		add("documentsEndpoint", "the DocumentDB cluster's host name inside the network", c.documents.Endpoint)
	}
	if c.cache != nil {
		add("cacheEndpoint", "the Redis primary's host name inside the network", c.cache.Endpoint)
	}
	if c.backup.SecondVaultArn != nil {
		add("secondBackupVaultArn", "the snapshots' copies in the second region", *c.backup.SecondVaultArn)
		add("secondBackupBucket", "the logical backups' copies in the second region", *c.backup.SecondBucketName)
	}
	if c.edge.DNSSECRecord != nil {
		add("dnssecRecord", "the DS record to give to the registrar of the domain, once", *c.edge.DNSSECRecord)
	}
	if c.bi != nil {
		add("biHost", "where the client's BI tools connect", c.bi.Host)
		add("biSecretArn", "where the credentials for BI tools are kept", c.bi.SecretArn)
	}
	if c.breakGlass != nil {
		add("breakGlassRoleArn", "the role that the named employees take during the incident", c.breakGlass.RoleArn)
	}
	if c.verifier != nil {
		add("verifyRoleArn", "what `berth verify` signs in as: it reads the account back, no data, and changes nothing", c.verifier.RoleArn)
	}
	return all
}
