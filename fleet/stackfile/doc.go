// Package stackfile writes a Pulumi.<stack>.yaml from values: keys in the order in which the specification describes
// them, on request with what each means beside it, and the secrets that the stack needs in encrypted form only.
//
// It knows what a file looks like. It must not know where values come from, nor read or write any file.
package stackfile
