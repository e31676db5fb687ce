// Package promises says what a promise to a client is, and judges a stack by
// its promises: from the resource graph and the client's spec comes a verdict
// with everything that was looked at.
//
// The promises themselves are in package catalogue, one file each; the baseline
// of good practice beyond them is in package baseline. What is made of verdicts
// (the refusal of a stack, evidence, answers to questionnaires) reads them from
// here.
//
// The package knows no program, no engine and no cloud: a graph and a spec are
// all that it is given.
package promises
