package engine

import "strings"

// debugProviders is the variable that names running providers to the Pulumi CLI: package:port, with commas between.
const debugProviders = "PULUMI_DEBUG_PROVIDERS"

// Attached are providers that run inside this process.
type Attached interface {
	Providers() string // as debugProviders has them
	Close() error
}

// beside adds providers to those that the user has named. Where both have a package, the user's counts: somebody is looking for a
// fault in it.
func beside(users, ours string) string {
	all := strings.FieldsFunc(users, func(r rune) bool { return r == ',' })
	named := map[string]bool{}
	for _, entry := range all {
		pkg, _, _ := strings.Cut(entry, ":")
		named[strings.TrimSpace(pkg)] = true
	}
	for entry := range strings.SplitSeq(ours, ",") {
		if pkg, _, _ := strings.Cut(entry, ":"); entry != "" && !named[pkg] {
			all = append(all, entry)
		}
	}
	return strings.Join(all, ",")
}
