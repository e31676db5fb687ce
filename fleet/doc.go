// Package fleet works on many stacks at once. It picks them (Select), orders them into waves, runs them side by side
// within a budget of memory and processors (Run), and makes one answer of what came out (Answer), in which the same
// change to many clients stands once (package fleet/group). One stack that fails, hangs or cannot be read hides none of the others.
//
// A run keeps a journal, so that one that was killed is resumed without doing again what is done (Journal), and learns how long stacks
// take (History): the longest begin first, and the shards that several machines work on are cut to take equally long (Cut). Merge
// makes of the shards' answers the one that an undivided run would have given.
//
// What is done to one stack is handed in as a function. So the package must not know commands, programs, providers,
// nor how anything is printed.
package fleet
