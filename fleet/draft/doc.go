// Package draft makes the stack of a new client out of few answers: it knows what has to be asked for each kind of
// hosting, what the fleet's other stacks tell already (releases, people, alerts, pairs of sites, free ranges of
// addresses), and what no two clients may have in common.
//
// It must not know how questions are put, nor write files or make secrets.
package draft
