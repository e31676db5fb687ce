// Package fleet holds tests only: many real stacks at once, run by the real
// Pulumi engine on the embedded cloud through `berth fleet`, with everything
// going wrong for some of them that goes wrong in life. What the others answer
// must be right all the same.
//
// The package links every provider's SDK, so all of it is one test binary. It
// needs the Pulumi CLI (`make pulumi`) and no network.
package fleet
