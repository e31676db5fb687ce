// Package plugins lets several engines use the same provider plugins at once:
// one process for each plugin and distinct configuration, in place of one for
// each provider resource of each stack. A pool stands between: an engine is
// told to attach to it, and what it asks for is passed on to the process that
// has the configuration which the engine gave.
//
// Messages go through as they are. The room knows of them what it takes to tell
// processes apart and to keep one engine's end from the others; it knows no
// resource, no cloud, and not what a stack is for.
package plugins
