package pagestest

import _ "embed" // the script below

//go:embed look.js
var look string

// Look is a script for a browser that gives what is wrong with the page that is open, as a list of sentences: what scrolls sideways or
// does not fit, contrast, the size of what can be hit, names, labels, headings and landmarks (WCAG 2.2 AA as far as a program can see).
func Look() string { return look }
