// Package scope is what every component is told about where it stands: whose
// stack it is part of, how its resources are named and tagged, and whether what
// holds data is protected. It is a value without behaviour of its own beyond
// that; it registers nothing and knows no provider.
package scope

import (
	"fmt"

	"github.com/berth-iac/berth/components/naming"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// DataClass says what kind of data a resource holds or carries; it is the tag "data-class".
type DataClass string

// The classes, most sensitive first.
const (
	Personal  DataClass = "personal"  // clients' own data: databases, backups, caches, attachments
	Secret    DataClass = "secret"    // keys and credentials
	Audit     DataClass = "audit"     // trails and access logs
	Telemetry DataClass = "telemetry" // service logs, metrics, alarms
	Internal  DataClass = "internal"  // configuration and artefacts
	None      DataClass = "none"      // networks, machines, names: holds no data
)

// Scope describes the stack to its components.
type Scope struct {
	Client      string // the client's name, or the organisation's
	Environment string // production, staging, development; "organisation" for the shared stack
	Stack       string // Pulumi's stack name
	Account     string // 12-digit AWS account number
	Region      string // such as eu-west-2
	// Protect keeps data: deletion protection, final snapshots, retained keys and Pulumi's protect.
	// False only for environments without production data and for clients who leave.
	Protect bool
}

// Production tells whether the stack is a production environment (or the organisation).
func (s Scope) Production() bool {
	return s.Environment == "production" || s.Environment == "organisation"
}

// Name makes a resource's physical name by a service's rule: "<client>-<environment>-<parts>",
// or "<client>-<parts>" for the organisation.
func (s Scope) Name(rule naming.Rule, parts ...string) string {
	return rule.Join(append(s.own(), parts...)...)
}

// Path makes a physical name for services whose names are paths: "berth/<client>/<environment>/<parts>".
func (s Scope) Path(rule naming.Rule, parts ...string) string {
	return rule.Path(append(append([]string{"berth"}, s.own()...), parts...)...)
}

// Bucket names an S3 bucket. Bucket names are shared by all accounts on earth, so that account and region are part of it.
func (s Scope) Bucket(region string, parts ...string) string {
	return naming.Bucket.Join(append(append([]string{"berth"}, append(s.own(), parts...)...), s.Account, region)...)
}

func (s Scope) own() []string {
	if s.Environment == "organisation" {
		return []string{s.Client}
	}
	return []string{s.Client, s.Environment}
}

// TagValues are the tags that every resource carries.
func (s Scope) TagValues(class DataClass) map[string]string {
	return map[string]string{
		"client":      s.Client,
		"environment": s.Environment,
		"stack":       s.Stack,
		"managed-by":  "berth",
		"data-class":  string(class),
	}
}

// Tags are TagValues as an input, with the resource's own name.
func (s Scope) Tags(class DataClass, name string) pulumi.StringMap {
	tags := pulumi.StringMap{"Name": pulumi.String(name)}
	for k, v := range s.TagValues(class) {
		tags[k] = pulumi.String(v)
	}
	return tags
}

// ARN composes an ARN in the stack's account: ARN("rds", region, "db:name").
func (s Scope) ARN(service, region, resource string) string {
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, region, s.Account, resource)
}

// Stateful are the options of a resource that holds data: Pulumi refuses to delete it while the scope protects.
func (s Scope) Stateful(opts ...pulumi.ResourceOption) []pulumi.ResourceOption {
	return append(opts, pulumi.Protect(s.Protect))
}
