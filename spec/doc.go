// Package spec is the whole description of a stack: what Pulumi.<stack>.yaml
// may say under berth:spec, typed, defaulted and validated. It decodes strictly
// and reports every problem at once, each with its key path, the value found,
// what was expected and how to mend it.
//
// It knows nothing of Pulumi or of any cloud's API: a stack's program reads its
// configuration and hands the text over. After Decode every field has a value,
// except for the parts that a stack can do without (Documents, Cache,
// Access.BI, Access.BreakGlass, Leaving, Alerts.Slack, a site's Machine or
// Hetzner, Bastion, ThirdPlace), the lists that may be empty (such as Waivers),
// and the texts that have no default (DeployRoleArn, CopiesAbroad, Phone, Origin,
// and SecondRegion, which is empty for "none"). No reader
// of a Spec needs a default of its own.
//
// A spec holds no secret. Secrets are Pulumi secrets under keys of their own,
// and a value that looks like one is refused and never repeated.
//
// Reading goes in three steps. The text becomes a tree of nodes (tree.go,
// yaml.go). The tree fills the types by their tags, which also make the JSON
// Schema (rules.go, decoder.go, schema.go); constant defaults stand in the tags,
// those that depend on other values in defaults.go. Then each subject's checks
// (check_*.go) judge what values say about each other.
//
// Staging and development hold test data only (DP-6). There these may be
// weaker than in production: one zone for the database, no replica for the
// cache, one DocumentDB instance, fewer machines than zones, one NAT gateway in
// the dedicated tier, a point-in-time window under 7 days, copies kept under 90
// days, no second region or one abroad without consent, and alerts by e-mail
// alone; for a pair of sites no third place for backups, and fewer than 7 days of
// them. Everything else holds everywhere.
package spec
