// Package engine runs a stack's program on the Pulumi engine: preview, up,
// refresh, destroy, through the Automation API with the program inline. What
// happens comes back as data (Result): steps with their differences, stateful
// resources in danger, diagnostics, outputs, in an order that does not change
// from run to run.
//
// A stack is opened in one of two ways. Without Options.Local it is the stack
// that `pulumi` itself would work on: the user's backend, credentials and
// plugins. With it the stack lives in a folder of its own below .berth/local:
// its own file backend, passphrase, Pulumi home and embedded cloud. Real state
// and real credentials cannot be reached from there.
//
// Whatever the caller, two things hold. A resource that holds data is replaced
// or deleted only when it was confirmed by name. And one stack is worked on by
// one process at a time; what a killed one left behind is put right by the next.
//
// The package knows no stack and no cloud: the program is passed in. It reads
// no environment and no clock but those it is given.
package engine
