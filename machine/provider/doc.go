// Package provider is the Pulumi provider "machine": key pairs that a machine
// makes for itself, and bundles that lie on it. It reaches machines by SSH, sends
// a bundle's archive and lets the applier inside of it do the work, which is
// idempotent: what a killed run left half done, the next one completes.
//
// A refresh reads files, packages, units and settings back, and what the steps
// would change, so that a preview names each that somebody changed by hand.
// Secrets are sent, and never read back, printed or logged.
//
// The package speaks the engine's protocol itself. It runs as a plugin of its
// own (cmd/pulumi-resource-machine) or inside a process that attaches it, for
// that process's user alone. It reads no environment, and no file but the
// kernel's list of connections, and does not know what machines are for.
package provider
