package awsclient

import (
	"fmt"

	"github.com/berth-iac/berth/components/access"
	"github.com/berth-iac/berth/components/compute"
	"github.com/berth-iac/berth/components/configuration"
	"github.com/berth-iac/berth/components/edge"
	"github.com/berth-iac/berth/components/monitoring"
	"github.com/berth-iac/berth/components/replication"
	"github.com/berth-iac/berth/components/verifier"
	"github.com/berth-iac/berth/components/verifier/actions"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// databaseUser is whom the service signs in to the database as, by IAM and without a password.
const databaseUser = "taskflow"

// service is TaskFlow: what it is told, and the machines that run it.
func (c *client) service() (err error) {
	if c.configuration, err = configuration.New(c.ctx, "configuration", configuration.Args{
		Scope: c.scope, SecretsKeyArn: c.keys.Secrets.Arn, Values: c.settings(),
	}, c.in()); err != nil {
		return err
	}
	args := compute.Args{
		Scope: c.scope, Identity: c.identity, Network: c.network, LoadBalancer: c.balancer, Keys: c.keys,
		Configuration: c.configuration, Service: c.spec.Service, Tier: c.spec.Tier,
		DatabaseConnectArn: c.database.ConnectArn(databaseUser),
		SecretArns:         []pulumi.StringInput{c.database.MasterSecretArn},
		BackupBucketArn:    c.backup.BucketArn, FilesBucketArn: c.files.Arn,
	}
	if c.cache != nil {
		args.CacheConnectArns = c.cache.ConnectArns
	}
	if c.documents != nil {
		args.SecretArns = append(args.SecretArns, c.documents.MasterSecretArn)
	}
	c.machines, err = compute.New(c.ctx, "machines", args, c.in())
	return err
}

// settings are TaskFlow's configuration: what it needs and no secret.
func (c *client) settings() map[string]pulumi.StringInput {
	s := c.spec
	text := func(v any) pulumi.StringInput { return pulumi.String(fmt.Sprint(v)) }
	values := map[string]pulumi.StringInput{
		"client":                     text(s.Client.Name),
		"client-name":                text(s.Client.DisplayName),
		"environment":                text(s.Environment),
		"test-data-only":             text(s.Environment != spec.Production), // DP-6
		"residency":                  text(s.Residency),
		"hostname":                   text(s.Edge.Hostname),
		"release":                    text(s.Service.Release.Version),
		"database-engine":            text(s.Database.Engine),
		"database-host":              c.database.Endpoint,
		"database-port":              text(c.database.Port),
		"database-name":              text(c.database.Name),
		"database-user":              text(databaseUser),
		"database-master-secret-arn": c.database.MasterSecretArn,
		"database-ca-url":            text("https://truststore.pki.rds.amazonaws.com/" + c.scope.Region + "/" + c.scope.Region + "-bundle.pem"),
		"files-bucket":               c.files.Name,
		"backup-bucket":              c.backup.BucketName,
		"rate-limit-requests":        text(s.Edge.RateLimit.Requests),
		"rate-limit-seconds":         text(s.Edge.RateLimit.PeriodSeconds),
		"maintenance-window":         text(s.Maintenance.Window),
		"maintenance-notice-days":    text(s.Maintenance.NoticeDays),
	}
	if c.cache != nil {
		values["cache-host"], values["cache-port"], values["cache-user"] = c.cache.Endpoint, text(c.cache.Port), text(c.cache.UserID)
	}
	if c.documents != nil {
		values["documents-host"], values["documents-port"] = c.documents.Endpoint, text(c.documents.Port)
		values["documents-master-secret-arn"] = c.documents.MasterSecretArn
	}
	return values
}

// doors are the accesses that the spec opens for a while (DP-5, AC-4). Closed, they leave nothing behind.
func (c *client) doors() (err error) {
	s := c.spec
	if s.Access.BI != nil {
		if c.bi, err = access.NewBI(c.ctx, "bi-access", access.BIArgs{
			Scope: c.scope, BI: s.Access.BI,
			VPCID: c.network.VPCID, PublicSubnetIDs: c.network.PublicSubnetIDs, PrivateSubnetIDs: c.network.PrivateSubnetIDs,
			Endpoint: *c.database.ReplicaEndpoint, Port: c.database.Port, DatabaseSecurityGroupID: c.database.SecurityGroupID,
			EndpointSecurityGroupID: c.network.EndpointSecurityGroupID, S3PrefixListID: c.network.S3PrefixListID,
			AutoScalingRoleArn: c.keys.AutoScalingRoleArn,
			ImageID:            s.Service.ImageID, SecretsKeyArn: c.keys.Secrets.Arn, LogsKeyArn: c.keys.Logs.Arn, VolumesKeyArn: c.keys.Volumes.Arn,
			LogDays: s.Service.LogDays,
		}, c.in()); err != nil {
			return err
		}
	}
	if s.Access.BreakGlass != nil {
		c.breakGlass, err = access.NewBreakGlass(c.ctx, "break-glass", access.BreakGlassArgs{
			Scope: c.scope, BreakGlass: s.Access.BreakGlass,
			VPCID: c.network.VPCID, PrivateSubnetIDs: c.network.PrivateSubnetIDs,
			Endpoint: c.database.Endpoint, Port: c.database.Port, ConnectArn: c.database.ConnectArn(access.BreakGlassUser),
			DatabaseSecurityGroupID: c.database.SecurityGroupID, EndpointSecurityGroupID: c.network.EndpointSecurityGroupID,
			S3PrefixListID: c.network.S3PrefixListID,
			ImageID:        s.Service.ImageID, LogsKeyArn: c.keys.Logs.Arn, VolumesKeyArn: c.keys.Volumes.Arn,
			LogDays: s.Service.LogDays, TopicArn: c.channels.TopicArn,
		}, c.in())
	}
	return err
}

// watch raises an alarm when something is wrong.
func (c *client) watch() (err error) {
	args := monitoring.Args{
		Scope: c.scope, Hostname: c.spec.Edge.Hostname, TopicArn: c.channels.TopicArn,
		Global: c.global, GlobalTopicArn: *c.channels.GlobalTopicArn,
		LoadBalancer: monitoring.LoadBalancer{ArnSuffix: c.balancer.ArnSuffix, TargetGroupArnSuffix: c.balancer.TargetGroupArnSuffix},
		Machines:     monitoring.Machines{GroupName: c.machines.GroupName, Min: c.spec.Service.MinMachines, LogGroup: c.machines.ServiceLogGroup},
		Database:     monitoring.Database{Identifier: c.database.Identifier, StorageGiB: c.spec.Database.StorageGiB},
		Firewall:     &monitoring.Firewall{Name: c.firewall.Name},
		Backup:       &monitoring.Backup{VaultName: c.backup.VaultName},

		CertificateArn: c.certificate.Arn,
	}
	if c.database.ReplicaIdentifier != nil {
		args.Database.Replica = *c.database.ReplicaIdentifier
	}
	if c.documents != nil {
		args.Documents = &monitoring.Documents{ClusterIdentifier: c.documents.ClusterIdentifier}
	}
	if c.cache != nil {
		args.Cache = &monitoring.Cache{ReplicationGroupID: c.cache.ReplicationGroupID, Nodes: len(c.cache.NodeIDs)}
	}
	for _, gateway := range c.network.NATGateways {
		args.NATGateways = append(args.NATGateways, monitoring.NATGateway{Name: gateway.Zone, ID: gateway.ID})
	}
	if c.second != nil {
		args.Second, args.SecondTopicArn = c.second, *c.channels.SecondTopicArn
		args.Replications = []monitoring.Replication{
			{Name: "backup", Source: c.backup.BucketName, Destination: *c.backup.SecondBucketName, RuleID: replication.RuleID},
			{Name: "files", Source: c.files.Name, Destination: c.filesCopy.Name, RuleID: replication.RuleID},
		}
	}
	c.monitoring, err = monitoring.New(c.ctx, "monitoring", args, c.in())
	return err
}

// outside is Cloudflare in front of it all.
func (c *client) outside() (err error) {
	c.edge, err = edge.New(c.ctx, "edge", edge.Args{
		Scope: c.scope, Edge: c.spec.Edge, Emails: c.spec.Alerts.Emails,
		Origins: []edge.Origin{{Name: "aws-" + c.scope.Region, Host: c.balancer.DNSName}},
	})
	return err
}

// proof is who reads the account back, to show by looking that promises hold.
func (c *client) proof() (err error) {
	c.verifier, err = verifier.New(c.ctx, "verifier", verifier.Args{
		Scope: c.scope, Verifiers: c.spec.AWS.Verifiers, Actions: actions.All(),
	}, c.in())
	return err
}
