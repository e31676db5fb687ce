// Package mutation makes a stack worse in every single way that it can think
// of, one way at a time, so that a test can ask whether the promises' checks
// notice.
//
// Of walks all resources of a graph and every one of their inputs, and applies
// operators by the nature of a value and the name of its property: switches are
// flipped, retention is shortened, ports are opened, principals are widened,
// references point elsewhere, protection is taken away. What it does follows
// from the graph alone. It must not know what any check reads, or it would
// only show that the checks read what they read.
//
// A mutant that makes nothing worse is excluded by a rule with a reason
// (Rules), never silently.
package mutation
