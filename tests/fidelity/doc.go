// Package fidelity holds the embedded cloud against the real AWS provider. What
// the real one says to a corpus of cases was recorded: which inputs it refuses,
// which outputs are unknown in a preview, what a change of each property does.
// The test asks package localcloud the same and compares; exceptions are listed
// by name with their reasons.
//
// Both sides are asked over Pulumi's provider protocol by the same client
// (Session). Nothing here knows what a program or a component is: the resources
// that the stacks make come as data, testdata/bases.jsonl, written by ./bases.
// The answers are testdata/recorded/, written by ./record.
package fidelity
