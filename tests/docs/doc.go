// Package docs holds tests only: what the pages for people say is held against
// the repository, so that a link, a command or a name in them cannot grow old
// unnoticed. It reads files and the spec's types, and knows no program.
package docs
