package aws_test

// What an account has after its stack is gone, by region and kind, and why. It is compared exactly.

const waiting = "key that waits for its deletion" // AWS deletes a key 7 to 30 days after it is told to, so that it can be called back

// productionStays is what is left of the reference client.
var productionStays = map[string]things{
	first: {
		waiting: {"Audit trail", "Backup vault and backup bucket", "Buckets with clients' files", "Databases and cache", "Log groups",
			"Machines' disks", "Secrets and secure parameters", "Topics and queues that carry alarms"},
		"rds snapshot":       {"acme-production-database-final"}, // the client's last state, kept by design
		"cache subnet group": {"acme-production-cache"},          // moto cannot delete one, see gaps.yaml
		"ec2 network acl":    {"default"},                        // moto keeps the default one of a VPC that is gone
	},
	second: {waiting: {"Copies of backups", "Copy of the audit trail", "Replicated database backups",
		"Topics and queues that carry the second region's alarms"}},
	global: {waiting: {"Topics that carry alarms from us-east-1"}},
}

// minimalStays is what is left of a staging environment.
var minimalStays = map[string]things{
	first: {
		waiting:           productionStays[first][waiting],
		"ec2 network acl": {"default"},
	},
	global: productionStays[global],
}

// organisationStays is what is left of the organisation.
var organisationStays = map[string]things{
	first: {
		waiting: {"Audit trail", "Copies of clients' backups", "Incidents and on-call plans", "Pulumi's state and the secrets in it", "Releases",
			"Signs releases (OP-1)", "Topics that carry alarms"},
	},
	second: {waiting: {"Copies of clients' backups", "Copy of releases", "Copy of the audit trail", "Incidents and on-call plans", "Topics that carry alarms"}},
	global: {waiting: {"Topics that carry alarms from us-east-1"}},
}
