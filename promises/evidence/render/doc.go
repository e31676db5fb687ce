// Package render writes a document of evidence for people: a page to hand to a
// client's auditor (HTML), Markdown, and tables for a spreadsheet (CSV).
//
// The page is one file that asks the network for nothing. It says how things
// stand when it is made, and a small script in it turns red what has become
// stale by the day on which it is opened; without scripts the dates stand there.
//
// The package knows documents only: no stack, no promise and no clock.
package render
