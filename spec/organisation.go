package spec

import "net/netip"

// Organisation is the provider's own stack: what is account-wide and what all clients share.
type Organisation struct {
	// Kind is organisation.
	Kind Kind `json:"kind" jsonschema:"required,enum=organisation"`
	// Name goes into names and tags, as a client's does.
	Name string `json:"name" jsonschema:"required,minLength=2,maxLength=24,pattern=^[a-z][a-z0-9]*(-[a-z0-9]+)*$,example=northwind" expect:"2 to 24 lower-case letters, digits and single hyphens, beginning with a letter"`
	// Domain is the provider's own domain.
	Domain string `json:"domain" jsonschema:"required,format=hostname,example=northwind.example"`
	// AWS is the organisation's account and its regions.
	AWS OrganisationRegion `json:"aws" jsonschema:"required"`
	// Clients are the accounts that clients live in; the backup vaults and the pipeline serve them.
	Clients []ClientAccount `json:"clients" jsonschema:"required,minItems=1"`
	// Staff are the people with an account of their own (AC-5).
	Staff []Person `json:"staff" jsonschema:"required,minItems=1"`
	// OfficeCIDRs are the office's fixed public addresses; staff sign in from there or through its VPN.
	OfficeCIDRs []netip.Prefix `json:"officeCidrs" jsonschema:"required,minItems=1,example=203.0.113.16/29"`
	// Alerts says who is told at once when something is wrong.
	Alerts Alerts `json:"alerts" jsonschema:"required"`
	// OnCall is the weekly rotation.
	OnCall OnCall `json:"onCall" jsonschema:"required"`
	// Pipeline is the repository whose CI deploys.
	Pipeline Pipeline `json:"pipeline" jsonschema:"required"`
	// TrailDays is how long the audit trail is locked, in days. Default 400.
	TrailDays int `json:"trailDays,omitempty" jsonschema:"minimum=365,maximum=3650,default=400"`
	// BackupRetentionDays of the shared backup vaults. Default 90.
	BackupRetentionDays int `json:"backupRetentionDays,omitempty" jsonschema:"minimum=90,maximum=3650,default=90"`
	// AuditDay is the day of the month, 1 to 28, of the monthly audit (OP-4). Default 1.
	AuditDay int `json:"auditDay,omitempty" jsonschema:"minimum=1,maximum=28,default=1"`
	// Fleet places the stack among all others. Absent: every default.
	Fleet Fleet `json:"fleet,omitempty"`
	// Waivers are agreed deviations from promises or baseline controls. Absent: none.
	Waivers []Waiver `json:"waivers,omitempty"`
}

// OrganisationRegion is the organisation's account and its two regions.
type OrganisationRegion struct {
	// Account is the 12-digit account number, in quotes.
	Account string `json:"account" jsonschema:"required,pattern=^[0-9]{12}$,example=111122223333" expect:"12 digits in quotes"`
	// Region, default eu-west-2.
	Region string `json:"region,omitempty" jsonschema:"default=eu-west-2"`
	// SecondRegion holds the replicas of Pulumi's state and the trail. Default eu-west-1
	// (eu-west-2 when Region is eu-west-1).
	SecondRegion string `json:"secondRegion,omitempty"`
	// DeployRoleArn is the role that Pulumi assumes to deploy. Empty: the caller's own credentials.
	DeployRoleArn string `json:"deployRoleArn,omitempty" jsonschema:"pattern=^arn:aws:iam::[0-9]{12}:role/[A-Za-z0-9/._@+-]+$,example=arn:aws:iam::111122223333:role/berth-deploy" expect:"the ARN of an IAM role"`
	// Verifiers are the ARNs of the IAM roles and users that may sign in as berth-verify, the role that reads the account back
	// and changes nothing; at most 10, users with a second factor. Absent or empty: the role is not made. An account has one
	// such role: name them in one of the account's stacks.
	Verifiers []string `json:"verifiers,omitempty" jsonschema:"pattern=^arn:aws:iam::[0-9]{12}:(role|user)/([A-Za-z0-9._@+-]+/)*[A-Za-z0-9._@+-]+$,example=arn:aws:iam::111122223333:role/northwind-pipeline-preview" expect:"the ARN of one IAM role or user"`
}

// ClientAccount is the AWS account of one client.
type ClientAccount struct {
	// Name of the client, as in the client's own stack.
	Name string `json:"name" jsonschema:"required,minLength=2,maxLength=24,pattern=^[a-z][a-z0-9]*(-[a-z0-9]+)*$,example=northwind" expect:"2 to 24 lower-case letters, digits and single hyphens, beginning with a letter"`
	// Account is the client's 12-digit account number, in quotes.
	Account string `json:"account" jsonschema:"required,pattern=^[0-9]{12}$,example=111122223333" expect:"12 digits in quotes"`
}

// Person is a member of staff.
type Person struct {
	// Name is the IAM user's name: 2 to 32 lower-case letters, digits, dots and hyphens.
	Name string `json:"name" jsonschema:"required,minLength=2,maxLength=32,pattern=^[a-z][a-z0-9.-]*[a-z0-9]$,example=ada.lindqvist" expect:"2 to 32 lower-case letters, digits, dots and hyphens, beginning with a letter"`
	// Email address of the person.
	Email string `json:"email" jsonschema:"required,format=email,example=ada.lindqvist@northwind.example"`
	// Phone in E.164 form, for on-call.
	Phone string `json:"phone,omitempty" jsonschema:"pattern=^[+][1-9][0-9]{6\\,14}$,example=+442071234567" expect:"a phone number in E.164 form, in quotes"`
	// Assignments are what the person may do and until when (AC-3). Without any the person can only sign in.
	Assignments []Assignment `json:"assignments,omitempty"`
}

// Assignment gives a person one role until a date.
type Assignment struct {
	// Role that the person gets.
	Role string `json:"role" jsonschema:"required,enum=administrator,enum=engineer,enum=support,enum=readOnly,enum=breakGlassDatabase,example=engineer"`
	// Until is the last day of the assignment, at most 366 days ahead.
	Until Date `json:"until" jsonschema:"required,example=2027-06-30"`
}

// OnCall is the weekly rotation for incidents out of hours (OP-3).
type OnCall struct {
	// Rotation names members of staff with a phone, in order; each is on call for a week.
	Rotation []string `json:"rotation" jsonschema:"required,minItems=2,example=ada.lindqvist"`
	// Starts is the Monday on which the first begins.
	Starts Date `json:"starts" jsonschema:"required,example=2026-11-30"`
}

// Pipeline is the repository whose CI deploys, through OpenID Connect instead of keys (OP-1).
type Pipeline struct {
	// Provider of the workflow's identity.
	Provider string `json:"provider" jsonschema:"required,enum=github,enum=circleci,example=github"`
	// Repository as owner/name (GitHub) or organisation id/project id (CircleCI).
	Repository string `json:"repository" jsonschema:"required,example=northwind/berth"`
	// Environment that a reviewer must release (GitHub environments). Default production.
	Environment string `json:"environment,omitempty" jsonschema:"default=production,pattern=^[A-Za-z0-9][A-Za-z0-9_-]*$,maxLength=100" expect:"the name of a deployment environment: letters, digits, hyphens and underscores"`
}
