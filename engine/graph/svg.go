package graph

import (
	"fmt"
	"html"
	"strings"
)

// style is the picture's look: neutral, with one accent, in light and in dark.
const style = `
  text { font-family: Inter, "Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif; fill: #1f2933; }
  .sheet { fill: #ffffff; }
  .h1 { font-size: 26px; font-weight: 600; letter-spacing: -0.2px; }
  .h2 { font-size: 14px; fill: #52606d; }
  .frame { fill: #f7f8fa; stroke: #cbd2d9; stroke-width: 1; }
  .region { fill: #f7f8fa; }
  .second { fill: #f7f8fa; stroke-dasharray: 6 4; }
  .network { fill: #eef1f5; }
  .edge { fill: #f4f1ec; stroke: #d6cdbf; }
  .guards { fill: #f7f8fa; }
  .lane { stroke: none; }
  .public { fill: #e3eaf2; }
  .private { fill: #d9e4ec; }
  .isolated { fill: #cfdbe4; }
  .label { font-size: 12px; font-weight: 600; letter-spacing: 0.4px; fill: #3e4c59; }
  .note { font-size: 12px; fill: #616e7c; }
  .box { fill: #ffffff; stroke: #cbd2d9; stroke-width: 1; }
  .bar { fill: #2f6f8f; }
  .bar-edge { fill: #b7791f; }
  .bar-second { fill: #7b8794; }
  .bar-guards { fill: #7b8794; }
  .title { font-size: 15px; font-weight: 600; }
  .count { font-size: 12px; font-weight: 600; fill: #616e7c; text-anchor: end; }
  .fact { font-size: 13px; fill: #323f4b; }
  .kind { font-size: 11.5px; fill: #7b8794; }
  .clients { fill: #1f2933; }
  .clients-text { font-size: 15px; font-weight: 600; fill: #ffffff; text-anchor: middle; }
  .way { fill: none; stroke: #3e4c59; stroke-width: 1.6; }
  .copy { fill: none; stroke: #7b8794; stroke-width: 1.6; stroke-dasharray: 5 4; }
  .head { fill: #3e4c59; }
  .copy-head { fill: #7b8794; }
  .way-label { font-size: 11.5px; fill: #52606d; }
  .halo { fill: #ffffff; opacity: 0.85; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e4e7eb; }
    .sheet { fill: #14191f; }
    .h2, .note, .count { fill: #9aa5b1; }
    .frame, .region, .second, .guards { fill: #1a2027; stroke: #3e4c59; }
    .network { fill: #1f262e; }
    .edge { fill: #221f1a; stroke: #4d4435; }
    .public { fill: #222c37; }
    .private { fill: #25323e; }
    .isolated { fill: #293a46; }
    .label { fill: #cbd2d9; }
    .box { fill: #11161b; stroke: #3e4c59; }
    .bar { fill: #5ba3c6; }
    .bar-edge { fill: #d69e4a; }
    .bar-second, .bar-guards { fill: #7b8794; }
    .fact { fill: #cbd2d9; }
    .clients { fill: #e4e7eb; }
    .clients-text { fill: #14191f; }
    .way { stroke: #cbd2d9; }
    .head { fill: #cbd2d9; }
    .way-label { fill: #9aa5b1; }
    .halo { fill: #14191f; }
  }
`

// canvas collects SVG.
type canvas struct{ strings.Builder }

func (c *canvas) line(format string, args ...any) { fmt.Fprintf(&c.Builder, format+"\n", args...) }

func (c *canvas) text(class string, x, y int, text string) {
	c.line(`<text class="%s" x="%d" y="%d">%s</text>`, class, x, y, html.EscapeString(text))
}

// SVG draws the picture.
func (p Picture) SVG() string {
	d := lay(p)
	c := &canvas{}
	c.line(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="title desc">`, width, d.height, width, d.height)
	c.line(`<title id="title">%s</title>`, html.EscapeString("Topology of "+p.heading()))
	c.line(`<desc id="desc">%s</desc>`, html.EscapeString(p.Describe()))
	c.line("<style>%s</style>", style)
	c.line(`<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse"><path class="head" d="M0 0.5 L7.5 4 L0 7.5 z"/></marker>` +
		`<marker id="copy-head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse"><path class="copy-head" d="M0 0.5 L7.5 4 L0 7.5 z"/></marker></defs>`)
	c.line(`<rect class="sheet" width="%d" height="%d"/>`, width, d.height)
	c.text("h1", margin, margin+26, p.heading())
	c.text("h2", margin, margin+50, strings.Trim(p.Detail+fmt.Sprintf(" · %d resources", p.Resources), " ·"))
	for _, f := range d.frames {
		c.frame(f)
	}
	if len(p.in(Edge)) > 0 {
		r := d.clients
		c.line(`<rect class="clients" x="%d" y="%d" width="%d" height="%d" rx="%d"/>`, r.x, r.y, r.w, r.h, r.h/2)
		c.text("clients-text", r.x+r.w/2, r.y+r.h/2+5, "The client's people")
	}
	for i, a := range p.ways() {
		c.way(d, a, i%3)
	}
	for _, id := range d.order {
		c.box(d.boxes[id])
	}
	c.legend(d)
	c.line("</svg>")
	return c.String()
}

func (p Picture) heading() string {
	if p.Title == "" {
		return p.Stack
	}
	return p.Title
}

func (c *canvas) frame(f frame) {
	class, radius := "frame "+f.id, 12
	if f.id == string(Public) || f.id == string(Private) || f.id == string(Isolated) {
		class, radius = "lane "+f.id, 8
	}
	c.line(`<rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="%d"/>`, class, f.x, f.y, f.w, f.h, radius)
	left := f.x + framePad
	if radius == 8 {
		left = f.x + boxPad
	}
	c.text("label", left, f.y+22, f.title)
	if f.note != "" {
		c.line(`<text class="note" x="%d" y="%d" text-anchor="end">%s</text>`, f.x+f.w-(left-f.x), f.y+22, html.EscapeString(f.note))
	}
}

func (c *canvas) box(b placed) {
	bar := "bar"
	switch b.Zone {
	case Edge, Second, Guards:
		bar += " bar-" + string(b.Zone)
	}
	c.line(`<g>`)
	c.line(`<title>%s</title>`, html.EscapeString(b.describe()))
	c.line(`<rect class="box" x="%d" y="%d" width="%d" height="%d" rx="6"/>`, b.x, b.y, b.w, b.h)
	c.line(`<rect class="%s" x="%d" y="%d" width="3" height="%d" rx="1.5"/>`, bar, b.x+5, b.y+8, b.h-16)
	y := b.y + boxPad + 14
	c.text("title", b.x+boxPad+4, y, b.Title)
	c.text("count", b.x+b.w-boxPad, y, fmt.Sprint(b.Count))
	y += titleLine - 1
	for _, text := range b.facts {
		c.text("fact", b.x+boxPad+4, y, text)
		y += factLine
	}
	for _, text := range b.kinds {
		c.text("kind", b.x+boxPad+4, y, text)
		y += kindLine
	}
	c.line(`</g>`)
}

// way draws an arrow: straight down where it can, otherwise down, across in the gap between lanes, and down.
// slot keeps the ways into the second region apart.
func (c *canvas) way(d drawing, a arrow, slot int) {
	from, to := d.ends(a)
	class, head := "way", "head"
	if a.copies {
		class, head = "copy", "copy-head"
	}
	start, end := from.bottom(), to.top()
	var path string
	label := point{}
	switch {
	case a.copies && to.x > from.x+from.w: // into the second region
		start, end = from.right(), to.left()
		middle := to.x - framePad - gap - 8*slot
		path = fmt.Sprintf("M%d %d H%d V%d H%d", start.x, start.y, middle, end.y, end.x)
		if d.blocked(from) { // by a box to its right: leave below
			x, y := from.x+from.w*3/4, from.y+from.h
			path = fmt.Sprintf("M%d %d V%d H%d V%d H%d", x, y, y+boxPad/2-2+4*slot, middle, end.y, end.x)
		}
		label = point{middle + 6, end.y - 6}
	case to.y+to.h <= from.y: // upwards
		start, end = from.top(), to.bottom()
		middle := from.y - (from.y-end.y)/2
		path = fmt.Sprintf("M%d %d V%d H%d V%d", start.x-24, start.y, middle, end.x, end.y)
		label = point{end.x + 8, middle - 6}
	case from.y == to.y: // side by side
		start, end = from.right(), to.left()
		if to.x < from.x {
			start, end = from.left(), to.right()
		}
		path = fmt.Sprintf("M%d %d H%d", start.x, start.y, end.x)
		label = point{min(start.x, end.x), start.y - 6}
	case start.x == end.x:
		path = fmt.Sprintf("M%d %d V%d", start.x, start.y, end.y)
		label = point{start.x + 8, start.y + laneGap/2}
	default:
		middle := end.y - laneHead - laneGap/2
		if to.y-from.y-from.h < laneHead+laneGap {
			middle = end.y - (end.y-start.y)/2
		}
		path = fmt.Sprintf("M%d %d V%d H%d V%d", start.x, start.y, middle, end.x, end.y)
		label = point{end.x + 8, end.y - 10}
	}
	c.line(`<path class="%s" d="%s" marker-end="url(#%s)"/>`, class, path, head)
	if a.label != "" {
		c.text("way-label", label.x, label.y+4, a.label)
	}
}

// blocked tells whether another box of the region stands to the right of r.
func (d drawing) blocked(r rect) bool {
	for _, b := range d.boxes {
		if b.y == r.y && b.x > r.x && b.Zone != Second {
			return true
		}
	}
	return false
}

// ends are the places that an arrow connects.
func (d drawing) ends(a arrow) (from, to rect) {
	find := func(id string) rect {
		if id == "clients" {
			return d.clients
		}
		for _, f := range d.frames {
			if f.id == id && id == "edge" {
				return f.rect
			}
		}
		return d.boxes[id].rect
	}
	return find(a.from), find(a.to)
}

func (c *canvas) legend(d drawing) {
	y := d.height - 34
	x := margin
	if len(d.ways()) > 0 {
		x = c.legendWays(x, y)
	}
	c.text("count", x+10, y, "7")
	c.text("note", x+18, y, "resources in a box")
	c.line(`<text class="note" x="%d" y="%d" text-anchor="end">%s</text>`, width-margin, y,
		html.EscapeString("From the program of stack "+d.Stack+"; "+fmt.Sprintf("%d resources", d.Resources)))
}

func (c *canvas) legendWays(x, y int) int {
	c.line(`<path class="way" d="M%d %d H%d" marker-end="url(#head)"/>`, x, y-4, x+34)
	c.text("note", x+44, y, "requests")
	x += 130
	c.line(`<path class="copy" d="M%d %d H%d" marker-end="url(#copy-head)"/>`, x, y-4, x+34)
	c.text("note", x+44, y, "copies of data")
	return x + 170
}

// describe is what a box says to those who cannot see it, and on hovering.
func (b Box) describe() string {
	text := fmt.Sprintf("%s: %d resources", b.Title, b.Count)
	if len(b.Facts) > 0 {
		text += "; " + strings.Join(b.Facts, ", ")
	}
	text += "; " + strings.Join(kindText(b.Kinds), ", ")
	if len(b.Components) > 0 {
		text += "; from " + strings.Join(b.Components, ", ")
	}
	return text
}

// Describe says in words what the picture shows.
func (p Picture) Describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d resources of stack %s.", p.Resources, p.Stack)
	zones := []struct {
		zone Zone
		name string
	}{{Edge, "Edge"}, {Public, "Public subnets"}, {Private, "Private subnets"}, {Isolated, "Isolated subnets"},
		{Region, "In the region"}, {Second, "Second region"}, {Guards, "Around it"}}
	for _, z := range zones {
		var words []string
		for _, box := range p.in(z.zone) {
			words = append(words, fmt.Sprintf("%s (%d)", box.Title, box.Count))
		}
		if len(words) > 0 {
			fmt.Fprintf(&b, " %s: %s.", z.name, strings.Join(words, ", "))
		}
	}
	return b.String()
}
