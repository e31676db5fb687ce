// Package show turns an engine's result and events into text for people: the
// difference by component, the tree of a stack, its outputs, and progress, live
// on a terminal or in a few plain lines elsewhere.
//
// It only writes to the writers it is given; it knows nothing of commands.
package show

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/berth-iac/berth/engine"
)

// Style is how text is printed.
type Style struct {
	Color bool
	Width int // columns; 0: unknown
}

// The colours, by what they mean. All sixteen-colour codes, so that the terminal's own theme decides.
const (
	added    = "32"
	changed  = "33"
	removed  = "31"
	replaced = "35"
	danger   = "1;31"
	strong   = "1"
	faint    = "2"
)

func (s Style) paint(code, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// marks are how an Op is shown: its sign, its colour, and the words for a plan and for a deed.
var marks = map[engine.Op]struct{ sign, color, plan, deed string }{
	engine.OpCreate:  {"+", added, "to create", "created"},
	engine.OpUpdate:  {"~", changed, "to update", "updated"},
	engine.OpReplace: {"±", replaced, "to replace", "replaced"},
	engine.OpDelete:  {"-", removed, "to delete", "deleted"},
	engine.OpImport:  {"=", changed, "to take over", "taken over"},
	engine.OpForget:  {"x", changed, "to forget", "forgotten"},
	engine.OpSame:    {" ", faint, "unchanged", "unchanged"},
	engine.OpRead:    {" ", faint, "to read", "read"},
	engine.OpRefresh: {" ", faint, "to compare", "unchanged"},
}

// order is the order in which Ops are counted.
var order = []engine.Op{engine.OpCreate, engine.OpUpdate, engine.OpReplace, engine.OpDelete, engine.OpImport, engine.OpForget}

// Kind is a type token for people: "aws:rds/instance:Instance" is "aws rds Instance".
func Kind(token string) string {
	parts := strings.Split(token, ":")
	if len(parts) != 3 {
		return token
	}
	module, _, _ := strings.Cut(parts[1], "/")
	if parts[0] == "pulumi" && parts[1] == "providers" {
		return parts[2] + " provider"
	}
	if module == "index" || parts[0] == "berth" {
		return parts[0] + " " + parts[2]
	}
	return parts[0] + " " + module + " " + parts[2]
}

// where says which cloud a result speaks of.
func where(cloud engine.Cloud) string {
	if cloud == engine.EmbeddedCloud {
		return "on the embedded cloud (nothing outside this machine is touched)"
	}
	return "on the real cloud"
}

func seconds(s float64) string {
	if s < 60 {
		return fmt.Sprintf("%.1f s", s)
	}
	return fmt.Sprintf("%d min %02d s", int(s)/60, int(s)%60)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, one)
	}
	return fmt.Sprintf("%d %s", n, many)
}

// pad fills text with spaces up to a width in characters.
func pad(text string, width int) string {
	if n := utf8.RuneCountInString(text); n < width {
		return text + strings.Repeat(" ", width-n)
	}
	return text
}

// cut shortens text to a width in characters.
func cut(text string, width int) string {
	if width <= 1 || utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:width-1]) + "…"
}

func line(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
