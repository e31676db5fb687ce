// Package live reads a running AWS account back and judges promises by what it
// finds there: the second level of proof, after the resource graph. It asks the
// cloud's own API, and the site from outside, never Pulumi's state; of the state
// it takes only the names by which a stack calls its resources, so that a finding
// and a waiver speak of the same thing as those of the graph.
//
// All is the list of looks, one for each promise whose proof to reach names this
// level. A look reads through the account's readers, which page, keep what was
// read for the other looks, and are told apart by region. Nothing is written:
// each call is held against the list of actions in components/verifier/actions,
// which is generated from the calls in this package, and what is not on it is not
// sent.
//
// The package must not know engines, commands, or how evidence is written up.
package live
