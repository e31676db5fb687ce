// Package localcloud is an embedded cloud: Pulumi resource providers for aws,
// cloudflare, hcloud, command and machine that run inside the calling process
// and create nothing in a real account or on a real machine. The Pulumi CLI
// reaches them through the environment variable PULUMI_DEBUG_PROVIDERS, whose
// value Cloud.Providers gives; every provider listens on 127.0.0.1 only.
//
// It behaves as the clouds do where it matters: inputs are checked, ids, ARNs
// and computed outputs have the real formats, changes replace where they do in
// reality, and what the real cloud refuses is refused with the same words. The
// state lies in a directory, safe against sudden death, so that a refresh finds
// drift. Faults make it fail, slow down or lose an answer on demand.
//
// What it knows of a type is data, in localcloud/catalogue. The code here knows
// no single type by name. It knows nothing of the programs that run on it.
package localcloud
