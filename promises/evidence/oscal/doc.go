// Package oscal writes a document of evidence as assessment results of OSCAL,
// NIST's Open Security Controls Assessment Language, in JSON.
//
// A promise or a control is an objective of the results, a proof an
// observation, a resource an inventory item, and what does not hold a risk: an
// open one, or an approved deviation with the waiver's last day as deadline.
// What is the client's duty or does not apply is listed as excluded. There is
// no assessment plan in OSCAL to import: import-ap points at a resource in the
// back matter that says what the promises are.
//
// UUIDs are of version 5, made from what they name: the same document gives the
// same results, and a resource keeps its UUID from document to document.
package oscal
