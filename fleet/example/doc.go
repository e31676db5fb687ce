// Package example invents fleets: stacks of all kinds of hosting, as many as are asked for, the same ones for the same
// seed. Every file is valid and no stack breaks a promise. Names, addresses and keys are nobody's: domains end in
// .example, addresses are those that are kept for documentation, keys have no private halves, and secrets are
// stand-ins, so that the stacks live on the embedded cloud alone.
package example
