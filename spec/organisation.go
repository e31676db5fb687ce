package spec

import "net/netip"

// Organisation is the provider's own stack: what is account-wide and what all clients share.
type Organisation struct {
	Kind Kind `json:"kind" jsonschema:"required,enum=organisation"`
	// Name goes into names and tags, as a client's does.
	Name   string             `json:"name" jsonschema:"required,minLength=2,maxLength=24,pattern=^[a-z][a-z0-9]*(-[a-z0-9]+)*$"`
	Domain string             `json:"domain" jsonschema:"required,format=hostname"`
	AWS    OrganisationRegion `json:"aws" jsonschema:"required"`
	// Clients are the accounts that clients live in; the backup vaults and the pipeline serve them.
	Clients []ClientAccount `json:"clients" jsonschema:"required,minItems=1"`
	// Staff are the people with an account of their own (AC-5).
	Staff []Person `json:"staff" jsonschema:"required,minItems=1"`
	// OfficeCIDRs are the office's fixed public addresses; staff sign in from there or through its VPN.
	OfficeCIDRs []netip.Prefix `json:"officeCidrs" jsonschema:"required,minItems=1"`
	Alerts      Alerts         `json:"alerts" jsonschema:"required"`
	OnCall      OnCall         `json:"onCall" jsonschema:"required"`
	Pipeline    Pipeline       `json:"pipeline" jsonschema:"required"`
	// TrailDays is how long the audit trail is locked, in days. Default 400.
	TrailDays int `json:"trailDays,omitempty" jsonschema:"minimum=365,maximum=3650"`
	// BackupRetentionDays of the shared backup vaults. Default 90.
	BackupRetentionDays int `json:"backupRetentionDays,omitempty" jsonschema:"minimum=90,maximum=3650"`
	// AuditDay is the day of the month, 1 to 28, of the monthly audit (OP-4). Default 1.
	AuditDay int `json:"auditDay,omitempty" jsonschema:"minimum=1,maximum=28"`
}

// OrganisationRegion is the organisation's account and its two regions.
type OrganisationRegion struct {
	Account string `json:"account" jsonschema:"required,pattern=^[0-9]{12}$"`
	// Region, default eu-west-2.
	Region string `json:"region,omitempty"`
	// SecondRegion holds the replicas of Pulumi's state and the trail. Default eu-west-1.
	SecondRegion string `json:"secondRegion,omitempty"`
	// DeployRoleArn is the role that Pulumi assumes to deploy. Empty: the caller's own credentials.
	DeployRoleArn string `json:"deployRoleArn,omitempty"`
}

// ClientAccount is the AWS account of one client.
type ClientAccount struct {
	Name    string `json:"name" jsonschema:"required,minLength=2,maxLength=24,pattern=^[a-z][a-z0-9]*(-[a-z0-9]+)*$"`
	Account string `json:"account" jsonschema:"required,pattern=^[0-9]{12}$"`
}

// Person is a member of staff.
type Person struct {
	// Name is the IAM user's name: 2 to 32 lower-case letters, digits, dots and hyphens.
	Name  string `json:"name" jsonschema:"required,minLength=2,maxLength=32,pattern=^[a-z][a-z0-9.-]*[a-z0-9]$"`
	Email string `json:"email" jsonschema:"required,format=email"`
	// Phone in E.164 form, for on-call.
	Phone string `json:"phone,omitempty"`
	// Assignments are what the person may do and until when (AC-3). Without any the person can only sign in.
	Assignments []Assignment `json:"assignments,omitempty"`
}

// Assignment gives a person one role until a date.
type Assignment struct {
	Role  string `json:"role" jsonschema:"required,enum=administrator,enum=engineer,enum=support,enum=readOnly,enum=breakGlassDatabase"`
	Until Date   `json:"until" jsonschema:"required"`
}

// OnCall is the weekly rotation for incidents out of hours (OP-3).
type OnCall struct {
	// Rotation names members of staff with a phone, in order; each is on call for a week.
	Rotation []string `json:"rotation" jsonschema:"required,minItems=2"`
	// Starts is the Monday on which the first begins.
	Starts Date `json:"starts" jsonschema:"required"`
}

// Pipeline is the repository whose CI deploys, through OpenID Connect instead of keys (OP-1).
type Pipeline struct {
	// Provider of the workflow's identity.
	Provider string `json:"provider" jsonschema:"required,enum=github,enum=circleci"`
	// Repository as owner/name (GitHub) or organisation id/project id (CircleCI).
	Repository string `json:"repository" jsonschema:"required"`
	// Environment that a reviewer must release (GitHub environments). Default production.
	Environment string `json:"environment,omitempty"`
}
