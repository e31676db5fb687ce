// Package affected holds package fleet/affected against the truth: it changes files in a copy of this repository, has the
// programs work out every stack's resource graph before and after, and demands that each stack whose graph changes was
// foretold.
package affected
