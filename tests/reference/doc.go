// Package reference holds tests only: the real stacks, run by the real Pulumi
// engine on the embedded cloud, through whole lives, with everything going
// wrong on the way that goes wrong in life. What the tests show of one run they
// take from the engine's results; what they show of the cloud and the state they
// read from the disk, past the engine.
//
// The package links every provider's SDK, so all of it is one test binary. It
// needs the Pulumi CLI (`make pulumi`) and no network.
package reference
