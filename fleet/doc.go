// Package fleet works on many stacks at once. It picks them (Select), orders them into waves, runs them side by side
// within a budget of memory and processors (Run), and makes one answer of what came out (Answer), in which the same
// change to many clients stands once (package fleet/group). One stack that fails, hangs or cannot be read hides none of the others.
//
// What is done to one stack is handed in as a function. So the package must not know commands, programs, providers,
// nor how anything is printed.
package fleet
