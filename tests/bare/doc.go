// Package bare shows that Berth's programs need nothing of Berth: plain
// `pulumi preview` and `pulumi up` in the repository's root run them. Only the
// clouds are the embedded one, attached as Pulumi attaches debugged providers.
//
// Pulumi's own Go language host comes with its CLI and cannot be had as a Go
// module; languagehost does the one thing that is asked of it here.
package bare
