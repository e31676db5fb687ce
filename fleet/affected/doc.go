// Package affected tells which stacks a difference between a git revision and the working tree can change.
//
// It never says that a stack stays the same when it might change: what it cannot tell counts for all. A stack changes with
// its own file, with Pulumi.yaml, and with what its program is built of: the packages that the program of its kind
// imports, the files that those embed, and the modules that they come from. Everything else in the repository, such as
// tests, pages and the embedded cloud, is in nobody's program.
//
// Git and the Go tool are asked through interfaces; Tools asks the real ones and is given how to start a process. The
// package must not know engines, clouds, programs or how anything is printed.
package affected
