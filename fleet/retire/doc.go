// Package retire keeps the record of a client's end: which steps of the orderly way are done, so that one that was
// interrupted goes on, and what was deleted when. From it the certificate of deletion is made, which says too what
// remains, why, and until when.
//
// It must not know how anything is deleted, nor touch clouds or stacks.
package retire
