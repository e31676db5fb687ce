// Package journal is an append-only file of records that survives the death of
// its writer at any moment: a record that was acknowledged is read back. A
// machine that loses power may forget the last tenth of a second. What a crash
// tore off at the end is dropped when the file is opened again; damage anywhere
// else is an error, because guessing would lose what was acknowledged.
//
// It knows nothing of what the records mean.
package journal
