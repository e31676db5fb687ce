package spec

import "net/netip"

// LightClient is one client on AWS, light tier: one Lightsail server and one Lightsail database.
type LightClient struct {
	// Kind is lightclient.
	Kind Kind `json:"kind" jsonschema:"required,enum=lightclient"`
	// Client says who the client is.
	Client Client `json:"client" jsonschema:"required"`
	// Environment of the client; only production holds clients' data. Default production.
	Environment Environment `json:"environment,omitempty" jsonschema:"enum=production,enum=staging,enum=development,default=production"`
	// Residency is where the client's data may be kept: uk or eu.
	Residency Residency `json:"residency" jsonschema:"required,enum=uk,enum=eu,example=uk"`
	// AWS is the account and the region.
	AWS LightAccount `json:"aws" jsonschema:"required"`
	// Edge is Cloudflare in front of the client.
	Edge Edge `json:"edge" jsonschema:"required"`
	// OfficeCIDRs are the only addresses that SSH is open to: the office's, and the pipeline's fixed ones.
	OfficeCIDRs []netip.Prefix `json:"officeCidrs" jsonschema:"required,minItems=1,example=203.0.113.16/29"`
	// Administrators are the only people who may sign in.
	Administrators []Administrator `json:"administrators" jsonschema:"required,minItems=1"`
	// DeployKeys are the public SSH keys that the user berth takes: the pipeline's.
	DeployKeys []string `json:"deployKeys" jsonschema:"required,minItems=1,pattern=^ssh-ed25519 [A-Za-z0-9+/\\x3d]+( .*)?$,example=ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE2qLbnFqOYFQAKhVXLCWyPmXgO2nW9fwGZ3yDnJ4Vwc pipeline" expect:"a public Ed25519 key as ssh-keygen writes it"`
	// Server is the Lightsail instance.
	Server LightServer `json:"server,omitempty"`
	// Release of TaskFlow that runs.
	Release MachineRelease `json:"release" jsonschema:"required"`
	// Database is the Lightsail database.
	Database LightDatabase `json:"database,omitempty"`
	// Watch is how the machine tells that something is wrong.
	Watch Watch `json:"watch" jsonschema:"required"`
	// Alerts says who is told at once when something is wrong.
	Alerts Alerts `json:"alerts" jsonschema:"required"`
	// Reboot is when the machine may start anew for security updates.
	Reboot RebootWindow `json:"reboot,omitempty"`
	// Maintenance sets when announced work may happen.
	Maintenance Maintenance `json:"maintenance,omitempty"`
	// Leaving lifts deletion protection for a client who leaves. Absent: protected.
	Leaving *Leaving `json:"leaving,omitempty"`
	// Fleet places the stack among all others. Absent: every default.
	Fleet Fleet `json:"fleet,omitempty"`
	// Waivers are agreed deviations from promises or baseline controls. Absent: none.
	Waivers []Waiver `json:"waivers,omitempty"`
}

// LightAccount says in which account and region the client lives.
type LightAccount struct {
	// Account is the 12-digit account number, in quotes. The provider refuses to act on any other account.
	Account string `json:"account" jsonschema:"required,pattern=^[0-9]{12}$,example=123456789012" expect:"12 digits in quotes"`
	// Region is where the client is served from; it must fit the residency. Default: the residency's own.
	Region string `json:"region,omitempty"`
	// DeployRoleArn is the role that Pulumi assumes to deploy. Empty: the caller's own credentials.
	DeployRoleArn string `json:"deployRoleArn,omitempty" jsonschema:"pattern=^arn:aws:iam::[0-9]{12}:role/[A-Za-z0-9/._@+-]+$,example=arn:aws:iam::123456789012:role/berth-deploy" expect:"the ARN of an IAM role"`
}

// LightServer is a Lightsail instance.
type LightServer struct {
	// Bundle is its size: small_3_0 (2 GB), medium_3_0 (4 GB), large_3_0 (8 GB). Default small_3_0.
	Bundle string `json:"bundle,omitempty" jsonschema:"enum=small_3_0,enum=medium_3_0,enum=large_3_0,default=small_3_0"`
	// HostKey pins the server's public host key. Empty: the key of the first contact is kept and no other taken after.
	HostKey string `json:"hostKey,omitempty" jsonschema:"pattern=^(ssh-ed25519|ecdsa-sha2-nistp256) [A-Za-z0-9+/=]+$" expect:"the type and the base64 text of a public host key"`
}

// LightDatabase is a Lightsail database.
type LightDatabase struct {
	// Version is the major version of PostgreSQL. Default 16.
	Version string `json:"version,omitempty" jsonschema:"enum=15,enum=16,default=16"`
	// Bundle is its size: micro_2_0, small_2_0, medium_2_0 (one machine), or the same with _ha_ (with a standby). Default small_2_0.
	Bundle string `json:"bundle,omitempty" jsonschema:"enum=micro_2_0,enum=small_2_0,enum=medium_2_0,enum=micro_ha_2_0,enum=small_ha_2_0,enum=medium_ha_2_0,default=small_2_0"`
}
