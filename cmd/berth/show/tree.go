package show

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/berth-iac/berth/engine"
)

// node is a component in the tree, with the kinds of the resources that lie directly in it.
type node struct {
	name     string
	kinds    map[string]int
	children []*node
	total    int // resources here and below
}

// Tree prints a stack's components as a tree, each with its resources counted by kind.
func Tree(w io.Writer, s Style, r *engine.Result) {
	root := &node{name: r.Stack}
	for _, step := range r.Steps {
		if step.Op == engine.OpDelete || step.Op == engine.OpForget || strings.HasPrefix(step.Type, "pulumi:") {
			continue // gone, or a provider, which is nothing in the cloud
		}
		at := root
		for _, name := range strings.Split(step.Component, "/") {
			if step.Component == "" {
				break
			}
			i := slices.IndexFunc(at.children, func(n *node) bool { return n.name == name })
			if i < 0 {
				at.children = append(at.children, &node{name: name})
				i = len(at.children) - 1
			}
			at = at.children[i]
		}
		if step.Group {
			continue
		}
		if at.kinds == nil {
			at.kinds = map[string]int{}
		}
		at.kinds[step.Type[strings.LastIndex(step.Type, ":")+1:]]++
	}
	root.sum()
	line(w, "%s  %s", s.paint(strong, root.name), s.paint(faint, plural(root.total, "resource", "resources")))
	printChildren(w, s, root, "", root.widest(0))
}

// widest is how far the names reach, branches included.
func (n *node) widest(indent int) int {
	width := 0
	for _, child := range n.children {
		width = max(width, indent+3+utf8.RuneCountInString(child.name), child.widest(indent+3))
	}
	return width
}

func (n *node) sum() int {
	n.total = 0
	for _, k := range n.kinds {
		n.total += k
	}
	for _, child := range n.children {
		n.total += child.sum()
	}
	return n.total
}

func printChildren(w io.Writer, s Style, n *node, indent string, width int) {
	room := 110
	if s.Width > 40 {
		room = s.Width
	}
	for i, child := range n.children {
		branch, below := "├─ ", "│  "
		if i == len(n.children)-1 {
			branch, below = "└─ ", "   "
		}
		name := pad(child.name, width-utf8.RuneCountInString(indent+branch))
		row := fmt.Sprintf("%s%s %4d", s.paint(faint, indent+branch), s.paint(strong, name), child.total)
		if text := child.kindText(); text != "" {
			row += "  " + s.paint(faint, cut(text, room-width-8))
		}
		line(w, "%s", row)
		printChildren(w, s, child, indent+below, width)
	}
}

// kindText is "Subnet ×9, Vpc" for what lies directly in a component, most frequent first.
func (n *node) kindText() string {
	kinds := slices.SortedFunc(maps.Keys(n.kinds), func(a, b string) int {
		return cmp.Or(cmp.Compare(n.kinds[b], n.kinds[a]), strings.Compare(a, b))
	})
	for i, kind := range kinds {
		if count := n.kinds[kind]; count > 1 {
			kinds[i] = fmt.Sprintf("%s ×%d", kind, count)
		}
	}
	return strings.Join(kinds, ", ")
}

// Finding prints one line of what doctor found, and what its absence costs.
func Finding(w io.Writer, s Style, name string, found, needed bool, detail, without, fix string) {
	sign, color := "✓", added
	if !found {
		sign, color = "–", changed
		if needed {
			sign, color = "✗", danger
		}
	}
	text := detail
	if !found {
		text = "not found"
		if detail != "" {
			text = detail
		}
	}
	line(w, "%s %s  %s", s.paint(color, sign), s.paint(strong, pad(name, 22)), text)
	if !found {
		if without != "" {
			line(w, "  %s  %s", pad("", 22), s.paint(faint, "without it: "+without))
		}
		if fix != "" {
			line(w, "  %s  %s", pad("", 22), s.paint(faint, "to mend it: "+fix))
		}
	}
}
