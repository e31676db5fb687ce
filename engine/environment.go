package engine

import (
	"slices"
	"strings"
)

// keptLocally are the variables that the CLI of a local stack may see. Everything else, every credential
// among it, is left out; a new kind of credential is left out without anybody having thought of it.
var keptLocally = []string{"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "LANG", "LC_ALL", "TZ", "TERM"}

// localEnvironment is what remains of an environment for a local stack.
func localEnvironment(env []string) []string {
	var kept []string
	for _, entry := range env {
		name, _, _ := strings.Cut(entry, "=")
		if slices.Contains(keptLocally, name) {
			kept = append(kept, entry)
		}
	}
	return kept
}

// value is a variable of an environment; the last one counts.
func value(env []string, name string) string {
	found := ""
	for _, entry := range env {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			found = v
		}
	}
	return found
}
