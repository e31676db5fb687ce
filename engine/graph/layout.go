package graph

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Measures of the picture, in pixels.
const (
	width       = 1360
	margin      = 40
	gap         = 20
	framePad    = 20
	frameHead   = 34
	laneHead    = 28
	boxPad      = 14
	titleLine   = 22
	factLine    = 18
	kindLine    = 16
	kindLines   = 2 // at most
	secondWide  = 300
	laneGap     = 34 // room for an arrow between lanes
	laneColumns = 3
)

// rect is a place on the canvas.
type rect struct{ x, y, w, h int }

func (r rect) top() point    { return point{r.x + r.w/2, r.y} }
func (r rect) bottom() point { return point{r.x + r.w/2, r.y + r.h} }
func (r rect) left() point   { return point{r.x, r.y + r.h/2} }
func (r rect) right() point  { return point{r.x + r.w, r.y + r.h/2} }

type point struct{ x, y int }

// frame surrounds boxes.
type frame struct {
	rect
	id    string // also its style
	title string
	note  string
}

// placed is a box with its place and its texts, already wrapped.
type placed struct {
	rect
	Box
	facts, kinds []string
}

// drawing is a picture with everything in its place.
type drawing struct {
	Picture
	height  int
	clients rect
	frames  []frame
	boxes   map[string]placed
	order   []string
}

// lay puts everything in its place, from the clients downwards.
func lay(p Picture) drawing {
	d := drawing{Picture: p, boxes: map[string]placed{}}
	y := margin + 76 // below the title
	full := width - 2*margin
	main := full
	hasSecond := len(p.in(Second)) > 0
	if hasSecond {
		main = full - secondWide - 2*gap
	}
	if edge := p.in(Edge); len(edge) > 0 {
		d.clients = rect{margin + main/2 - 110, y, 220, 44}
		y += 44 + laneGap
		h := d.row(edge, margin+framePad, y+frameHead, main-2*framePad)
		d.frames = append(d.frames, frame{rect{margin, y, main, frameHead + h + framePad}, "edge", "Edge", "Cloudflare, worldwide"})
		y += frameHead + h + framePad + laneGap
	}
	top := y
	if y = d.region(y, main); y > top {
		title, note := p.frame()
		d.frames = append([]frame{{rect{margin, top, main, y - top}, "region", title, note}}, d.frames...)
	}
	if hasSecond {
		h := d.column(p.in(Second), width-margin-secondWide+framePad, top+frameHead, secondWide-2*framePad)
		y = max(y, top+frameHead+h+framePad)
		d.frames = append(d.frames, frame{rect{width - margin - secondWide, top, secondWide, y - top}, "second", "Second region " + p.SecondRegion, "copies"})
		d.frames[0].h = y - top
	}
	if guards := p.in(Guards); len(guards) > 0 {
		y += laneGap
		h := d.grid(guards, margin+framePad, y+frameHead, full-2*framePad, 4)
		d.frames = append(d.frames, frame{rect{margin, y, full, frameHead + h + framePad}, "guards", "Guards and watches all of it", ""})
		y += frameHead + h + framePad
	}
	d.height = y + 74 // the legend
	return d
}

// region lays the region's frame: the network with its lanes, and what lies beside it.
func (d *drawing) region(y, main int) int {
	inner := main - 2*framePad
	x := margin + framePad
	began := y
	y += frameHead
	lanes := []struct {
		zone  Zone
		title string
	}{{Public, "Public subnets"}, {Private, "Private subnets"}, {Isolated, "Isolated subnets"}}
	netTop := y
	drawn := false
	y += frameHead
	for _, lane := range lanes {
		boxes := d.in(lane.zone)
		if len(boxes) == 0 {
			continue
		}
		if drawn {
			y += laneGap
		}
		h := d.row(boxes, x+framePad+boxPad, y+laneHead, inner-2*framePad-2*boxPad)
		d.frames = append(d.frames, frame{rect{x + framePad, y, inner - 2*framePad, laneHead + h + boxPad}, string(lane.zone), lane.title, d.zones(lane.zone)})
		y += laneHead + h + boxPad
		drawn = true
	}
	if drawn {
		y += framePad
		note := ""
		if d.Network.Rules > 0 {
			note = fmt.Sprintf("%d security group rules, each by reference", d.Network.Rules)
		}
		d.frames = append([]frame{{rect{x, netTop, inner, y - netTop}, "network", strings.TrimSpace("Network " + d.Network.CIDR), note}}, d.frames...)
	} else {
		y = netTop
	}
	if boxes := d.in(Region); len(boxes) > 0 {
		if drawn {
			y += laneGap
		}
		for len(boxes) < laneColumns && drawn { // keep the columns of the network above
			boxes = append(boxes, Box{})
		}
		inset, columns := 0, 2
		if drawn {
			inset, columns = framePad+boxPad, laneColumns
		}
		y += d.grid(boxes, x+inset, y, inner-2*inset, columns) + framePad
	} else if drawn {
		y += framePad
	}
	if y == began+frameHead {
		return began // nothing lies in the region
	}
	return y
}

// zones tells the availability zones of a lane's subnets.
func (d *drawing) zones(zone Zone) string {
	azs := d.Network.Subnets[zone]
	if len(azs) == 0 {
		return ""
	}
	var letters []string
	for _, az := range azs {
		letters = append(letters, strings.TrimPrefix(az, d.Region))
	}
	note := "in zones " + strings.Join(letters, ", ")
	if zone == Isolated {
		note = "no way out · " + note
	}
	return note
}

// row lays boxes side by side over the whole width and returns its height. In the network's lanes each box
// has its column.
func (d *drawing) row(boxes []Box, x, y, w int) int {
	columns := len(boxes)
	if boxes[0].column > 0 {
		columns = laneColumns
	}
	each := (w - (columns-1)*gap) / columns
	h := 0
	for _, b := range boxes {
		h = max(h, d.measure(b, each))
	}
	for i, b := range boxes {
		if b.column > 0 {
			i = b.column - 1
		}
		d.put(b, rect{x + i*(each+gap), y, each, h})
	}
	return h
}

// grid lays boxes in rows of at most columns, and returns its height.
func (d *drawing) grid(boxes []Box, x, y, w, columns int) int {
	columns = min(columns, len(boxes))
	each := (w - (columns-1)*gap) / columns
	total := 0
	for start := 0; start < len(boxes); start += columns {
		line := boxes[start:min(start+columns, len(boxes))]
		h := 0
		for _, b := range line {
			h = max(h, d.measure(b, each))
		}
		if total > 0 {
			total += gap
		}
		for i, b := range line {
			d.put(b, rect{x + i*(each+gap), y + total, each, h})
		}
		total += h
	}
	return total
}

// column lays boxes below each other, and returns its height.
func (d *drawing) column(boxes []Box, x, y, w int) int {
	total := 0
	for i, b := range boxes {
		if i > 0 {
			total += gap
		}
		h := d.measure(b, w)
		d.put(b, rect{x, y + total, w, h})
		total += h
	}
	return total
}

func (d *drawing) measure(b Box, w int) int {
	if b.ID == "" {
		return 0
	}
	facts, kinds := texts(b, w)
	return 2*boxPad + titleLine + len(facts)*factLine + len(kinds)*kindLine
}

func (d *drawing) put(b Box, r rect) {
	if b.ID == "" {
		return // an empty place
	}
	facts, kinds := texts(b, r.w)
	d.boxes[b.ID] = placed{r, b, facts, kinds}
	d.order = append(d.order, b.ID)
}

// texts wraps what a box says to its width.
func texts(b Box, w int) (facts, kinds []string) {
	room := w - 2*boxPad
	if len(b.Facts) > 0 {
		facts = wrap(b.Facts, " · ", room, 7.6, 2, "")
	}
	return facts, wrap(kindText(b.Kinds), ", ", room, 6.9, kindLines, "+%d more")
}

// wrap joins words into at most so many lines of at most room pixels. Where more is given, the words that
// find no place are counted with it.
func wrap(words []string, separator string, room int, perRune float64, most int, more string) []string {
	for shown := len(words); shown > 0; shown-- {
		all := slices.Clone(words[:shown])
		if shown < len(words) {
			if more == "" {
				break
			}
			all = append(all, fmt.Sprintf(more, len(words)-shown))
		}
		if lines := fill(all, separator, room, perRune); len(lines) <= most || shown == 1 {
			return lines
		}
	}
	return fill(words, separator, room, perRune)[:most]
}

// fill breaks words into lines; a single word that is longer than its line is cut.
func fill(words []string, separator string, room int, perRune float64) []string {
	most := int(float64(room) / perRune)
	var lines []string
	row := ""
	for _, word := range words {
		if n := utf8.RuneCountInString(word); n > most {
			word = string([]rune(word)[:most-1]) + "…"
		}
		if row == "" {
			row = word
			continue
		}
		if utf8.RuneCountInString(row+separator+word) > most {
			lines = append(lines, strings.TrimRight(row+separator, " ·"))
			row = word
			continue
		}
		row += separator + word
	}
	return append(lines, row)
}
