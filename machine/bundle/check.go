package bundle

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// What names may be. The applier relies on it: it is bash, and reads lists line by line.
var (
	bundleName  = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	packageName = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`)
	valueName   = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	ownerName   = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}:[a-z_][a-z0-9_-]{0,31}$`)
	unitName    = regexp.MustCompile(`^[A-Za-z0-9:_.@\\-]+\.(service|socket|timer|path|mount|target|slice)$`)
	stepName    = regexp.MustCompile(`^[0-9]{2}-[a-z0-9]+(-[a-z0-9]+)*$`)
)

// The most that a bundle may hold.
const (
	maxFile  = 1 << 20
	maxFiles = 2000
	maxName  = 200 // of a path's last part: a file is written beside its place under a longer name
)

// Check reports everything that is wrong with the bundle at once. A bundle that passes can be put into an archive and applied.
func (b Bundle) Check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !bundleName.MatchString(b.Name) {
		bad("bundle name %q: use lower-case letters, digits and single hyphens, beginning with a letter", b.Name)
	}
	for _, l := range []struct {
		what  string
		names []string
		ok    *regexp.Regexp
	}{{"package", b.Packages, packageName}, {"setting", b.Settings, valueName}, {"secret", b.Secrets, valueName}} {
		for _, n := range l.names {
			if !l.ok.MatchString(n) {
				bad("%s %q: that is no %s's name", l.what, n, l.what)
			}
		}
		ordered(bad, l.what, l.names)
	}
	if len(b.Files) > maxFiles {
		bad("%d files: a bundle holds at most %d", len(b.Files), maxFiles)
	}
	var paths, units, steps []string
	for _, f := range b.Files {
		paths = append(paths, f.Path)
		b.checkFile(bad, f)
	}
	ordered(bad, "file", paths)
	for i := 1; i < len(paths); i++ {
		if strings.HasPrefix(paths[i], paths[i-1]+"/") {
			bad("file %q is a folder to file %q: it can be one of the two", paths[i-1], paths[i])
		}
	}
	for _, u := range b.Units {
		units = append(units, u.Name)
		checkUnit(bad, u)
	}
	ordered(bad, "unit", units)
	for _, s := range b.Steps {
		steps = append(steps, s.Name)
		if !stepName.MatchString(s.Name) {
			bad("step %q: its name is two digits, a hyphen and lower-case words, such as 20-disks", s.Name)
		}
		checkText(bad, fmt.Sprintf("step %q", s.Name), s.Script)
	}
	ordered(bad, "step", steps)
	return errors.Join(errs...)
}

// ordered demands that names are sorted and that each stands once.
func ordered(bad func(string, ...any), what string, names []string) {
	for i := 1; i < len(names); i++ {
		switch {
		case names[i] == names[i-1]:
			bad("%s %q stands twice", what, names[i])
		case names[i] < names[i-1]:
			bad("%s %q stands after %q: sort them by name", what, names[i], names[i-1])
		}
	}
}

func checkText(bad func(string, ...any), what, text string) {
	switch {
	case len(text) > maxFile:
		bad("%s holds %d bytes: at most %d", what, len(text), maxFile)
	case strings.ContainsRune(text, 0) || !utf8.ValidString(text):
		bad("%s is no text in UTF-8: a bundle holds text alone, and whatever is more belongs into a package or behind a download", what)
	}
}

func (b Bundle) checkFile(bad func(string, ...any), f File) {
	p := f.Path
	switch {
	case !path.IsAbs(p) || path.Clean(p) != p || p == "/":
		bad("file %q: the path has to be absolute and clean, such as /etc/nftables.conf", p)
	case strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f }) || !utf8.ValidString(p):
		bad("file %q: the path has a control character, or is no UTF-8", p)
	case len(path.Base(p)) > maxName:
		bad("file %q: the last part of the path is longer than %d bytes", p, maxName)
	case strings.HasSuffix(p, ".berth-new"):
		bad("file %q: names that end in .berth-new are the applier's", p)
	}
	for _, own := range []string{"/var/lib/berth/bundles", "/etc/berth/keys", "/proc", "/sys", "/dev", "/run"} {
		if p == own || strings.HasPrefix(p, own+"/") {
			bad("file %q: nothing of a bundle lies below %s", p, own)
		}
	}
	if p == "/usr/local/sbin/berth-host" {
		bad("file %q is the applier's own", p)
	}
	if rest, ok := strings.CutPrefix(p, "/etc/berth/"); ok {
		first, below, _ := strings.Cut(rest, "/")
		if below == "settings" || below == "secrets" || strings.HasPrefix(below, "secrets/") {
			bad("file %q: the applier alone writes settings and secrets, here of bundle %s", p, first)
		}
	}
	if f.Mode&^0o7777 != 0 || f.Mode&0o400 == 0 {
		bad("file %q: mode %04o is none for a file that its owner can read", p, f.Mode)
	}
	if f.Mode&0o002 != 0 {
		bad("file %q: mode %04o lets everybody write", p, f.Mode)
	}
	if !ownerName.MatchString(f.owner()) {
		bad("file %q: owner %q is not of the form user:group", p, f.Owner)
	}
	checkText(bad, fmt.Sprintf("file %q", p), f.Content)
}

func checkUnit(bad func(string, ...any), u Unit) {
	if !unitName.MatchString(u.Name) {
		bad("unit %q: that is no unit's name, such as nftables.service", u.Name)
	}
	if strings.HasSuffix(strings.SplitN(u.Name, ".", 2)[0], "@") {
		bad("unit %q is a template: name an instance, or leave it out", u.Name)
	}
	if !slices.Contains([]UnitState{Running, Enabled, Disabled, Masked}, u.State) {
		bad("unit %q: state %q is none of running, enabled, disabled, masked", u.Name, u.State)
	}
	if u.State == Masked && (u.Reload || len(u.RestartOn) > 0) {
		bad("unit %q is masked: nothing restarts it", u.Name)
	}
	for _, p := range u.RestartOn {
		if !path.IsAbs(p) || path.Clean(p) != strings.TrimSuffix(p, "/") || strings.ContainsFunc(p, func(r rune) bool { return r < ' ' }) {
			bad("unit %q: %q in RestartOn is no absolute and clean path", u.Name, p)
		}
	}
}
