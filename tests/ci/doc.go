// Package ci holds the recipes below docs/ci to what they say: linters read them, rules about permissions and pinned
// actions are checked, and the scripts of previews and deployments run here, by bash, in a sample repository, with the
// embedded cloud in the place of real ones and a server on this machine in the place of GitHub.
package ci
