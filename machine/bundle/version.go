package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// format is the archive's own: it counts up when the applier needs every machine to be gone over again.
const format = 1

// Version is the digest of all that the bundle says: 64 hexadecimal digits. Two bundles that say the same have the same version, and
// neither values of settings and secrets nor a newer applier change it.
func (b Bundle) Version() string {
	h := sha256.New()
	add := func(words ...string) {
		for _, w := range words {
			_, _ = fmt.Fprintf(h, "%d:%s", len(w), w) // lengths before words: no two lists look alike; a hash takes everything
		}
		_, _ = h.Write([]byte{'\n'})
	}
	add("berth bundle", fmt.Sprint(format), b.Name)
	add(append([]string{"packages"}, b.Packages...)...)
	for _, f := range b.Files {
		add("file", f.Path, f.Content, fmt.Sprintf("%04o", f.Mode), f.owner())
	}
	for _, u := range b.Units {
		add(append([]string{"unit", u.Name, string(u.State), fmt.Sprint(u.Reload)}, u.RestartOn...)...)
	}
	for _, s := range b.Steps {
		add("step", s.Name, s.Script)
	}
	add(append([]string{"settings"}, b.Settings...)...)
	add(append([]string{"secrets"}, b.Secrets...)...)
	return hex.EncodeToString(h.Sum(nil))
}

// owner of the file with the default said.
func (f File) owner() string {
	if f.Owner == "" {
		return "root:root"
	}
	return f.Owner
}

// lines joins with a newline after each.
func lines(all []string) string {
	var s strings.Builder
	for _, l := range all {
		s.WriteString(l)
		s.WriteByte('\n')
	}
	return s.String()
}
