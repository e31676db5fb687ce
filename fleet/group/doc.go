// Package group puts the same change to many stacks together: once, with all stacks that it happens to.
//
// Two changes are the same when the operation, the resource's type and place in the program, and the properties with
// their values are the same after what is a client's own (its names, host, account, ids, addresses) is replaced by
// placeholders such as "{client}". Switches, numbers and single words are never left out of account: a client whose
// multiAz goes to false is not hidden among those whose multiAz goes to true. Of ids, digests and long texts, which differ
// from client to client by nature, what most clients have in common is told apart from what a few have differently; only
// where everybody's differs, one group says so (Differs).
//
// A Collector keeps digests and a few representatives, not results, so that memory does not grow with what stays the same.
// The package must not know how groups are printed.
package group
