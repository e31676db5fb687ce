// Package evidence makes of an assessment a document that one can hand to a
// client's auditor: how every promise and every control of the baseline stands
// in one stack, what was looked at, when, on which state of the stack, by which
// release of Berth, and until when it counts.
//
// The document is JSON (Make, Encode, Decode), described field by field in
// docs/evidence.schema.json. It is signed with ed25519 over the exact bytes of
// its file (Sign, Verify); openssl can check the signature too. What a document
// says is as of the time when it was made: At says how a promise stands at any
// later time, for a proof that is older than its level allows counts for
// nothing. The packages render, oscal and ocsf write a document in other forms.
//
// The package knows no program, no engine, no cloud and no promise: all of that
// is handed to Make. It reads no clock and no environment.
package evidence
