package graph

import (
	"fmt"
	"strings"
)

// Mermaid writes the picture as Mermaid text, for documents that draw it themselves.
func (p Picture) Mermaid() string {
	var b strings.Builder
	line := func(indent int, format string, args ...any) {
		fmt.Fprintf(&b, strings.Repeat("  ", indent)+format+"\n", args...)
	}
	line(0, "%%%% %s: %d resources of stack %s", p.heading(), p.Resources, p.Stack)
	line(0, "flowchart TB")
	if len(p.in(Edge)) > 0 {
		line(1, `clients(["The client's people"])`)
		p.subgraph(line, 1, Edge, "Edge")
	}
	place, _ := p.frame()
	line(1, `subgraph region ["%s"]`, place)
	if len(p.in(Public))+len(p.in(Private))+len(p.in(Isolated)) > 0 {
		line(2, `subgraph network ["%s"]`, strings.TrimSpace("Network "+p.Network.CIDR))
		p.subgraph(line, 3, Public, "Public subnets")
		p.subgraph(line, 3, Private, "Private subnets")
		p.subgraph(line, 3, Isolated, "Isolated subnets")
		line(2, "end")
	}
	for _, box := range p.in(Region) {
		line(2, "%s", box.mermaid())
	}
	line(1, "end")
	p.subgraph(line, 1, Second, "Second region "+p.SecondRegion)
	p.subgraph(line, 1, Guards, "Guards and watches all of it")
	for _, a := range p.ways() {
		shaft := "-->"
		if a.copies {
			shaft = "-.->"
		}
		if a.label != "" {
			shaft += "|" + a.label + "|"
		}
		line(1, "%s %s %s", a.from, shaft, a.to)
	}
	return b.String()
}

func (p Picture) subgraph(line func(int, string, ...any), indent int, zone Zone, title string) {
	boxes := p.in(zone)
	if len(boxes) == 0 {
		return
	}
	line(indent, `subgraph %s ["%s"]`, zone, title)
	for _, box := range boxes {
		line(indent+1, "%s", box.mermaid())
	}
	line(indent, "end")
}

func (b Box) mermaid() string {
	text := fmt.Sprintf("<b>%s</b> (%d)", b.Title, b.Count)
	if len(b.Facts) > 0 {
		text += "<br/>" + strings.Join(b.Facts, ", ")
	}
	return fmt.Sprintf(`%s["%s"]`, b.ID, strings.ReplaceAll(text, `"`, "#quot;"))
}
