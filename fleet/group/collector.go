package group

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/fleet"
)

// Collector puts the changes of many stacks together as their results come in. The results need not be kept. Several
// goroutines may add at the same time.
type Collector struct {
	seed maphash.Seed

	mu      sync.Mutex
	stacks  []string
	wheres  []string
	classes map[string]*class
}

// New makes a collector without changes.
func New() *Collector {
	return &Collector{seed: maphash.MakeSeed(), classes: map[string]*class{}}
}

// Changes groups the changes of many stacks at once. members are by stack; one that is missing is grouped by its name alone.
func Changes(members map[string]fleet.Member, results map[string]*engine.Result) []fleet.Group {
	c := New()
	for _, stack := range slices.Sorted(maps.Keys(results)) {
		m := members[stack]
		m.Stack = stack
		c.Add(m, results[stack])
	}
	return c.Groups()
}

// class is all changes that could be the same: what is never left out of account is equal.
type class struct {
	op       engine.Op
	token    string
	stateful string
	replaces []string
	columns  []column
	rows     []row
	hashes   []uint64 // per row and column: of the value as it is, without what is own, and of its variant
}

// row is one stack's change.
type row struct{ stack int32 }

// column is one part of the change over all rows: the component, the name, and each property.
type column struct {
	property, kind string
	replaces       bool
	rest           pair
	kept           []variant
}

// variant is a value that stacks have in common, with a representative of it.
type variant struct {
	hash, rawHash, ownHash uint64
	count                  int
	raw, own, like         pair
}

// maxKept is how many variants of one property are kept with their text. What more than half have is always among them.
const maxKept = 12

// stride is how many hashes there are for each column of a row.
const stride = 3

// Add takes in what happens to one stack. A nil result adds nothing.
func (c *Collector) Add(m fleet.Member, r *engine.Result) {
	if r == nil {
		return
	}
	var work *maker
	type change struct {
		step  *engine.Step
		cells []cell
		key   string
	}
	var changes []change
	for i := range r.Steps {
		step := &r.Steps[i]
		if !step.Op.Changes() || step.Group {
			continue
		}
		if work == nil {
			work = &maker{owner: newOwner(m), seed: c.seed}
		}
		cells := work.step(step)
		changes = append(changes, change{step, cells, key(step, cells, work)})
	}
	if len(changes) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	stack := int32(len(c.stacks))
	c.stacks, c.wheres = append(c.stacks, m.Stack), append(c.wheres, m.Where)
	for _, change := range changes {
		found := c.classes[change.key]
		if found == nil {
			found = &class{op: change.step.Op, token: change.step.Type, stateful: change.step.Stateful, columns: make([]column, len(change.cells))}
			for _, property := range change.step.Replaces {
				found.replaces = append(found.replaces, work.expand(work.mark(property)))
			}
			slices.Sort(found.replaces)
			for i, cell := range change.cells {
				found.columns[i] = column{property: cell.property, kind: cell.kind, replaces: cell.replaces, rest: cell.rest}
			}
			c.classes[change.key] = found
		}
		found.add(stack, change.cells)
	}
}

// step makes the cells of a step: its component, its name, and each property.
func (m *maker) step(s *engine.Step) []cell {
	var cells []cell
	for _, text := range []string{s.Component, s.Name} {
		own := m.expand(m.mark(text))
		shaped := m.expand(m.shape(m.mark(text)))
		c := cell{raw: pair{text}, own: pair{own}, like: pair{own}, rest: pair{shaped}, class: shaped}
		c.rawHash, c.ownHash = m.hash(c.raw), m.hash(c.own)
		c.variant = c.ownHash
		cells = append(cells, c)
	}
	diffs := slices.SortedStableFunc(slices.Values(s.Diffs), func(a, b engine.Diff) int { return strings.Compare(a.Property, b.Property) })
	for _, d := range diffs {
		cells = append(cells, m.cells(d)...)
	}
	return cells
}

// key tells what is never left out of account: changes with different keys are never put together.
func key(s *engine.Step, cells []cell, m *maker) string {
	parts := []string{string(s.Op), s.Type, s.Stateful}
	for _, property := range slices.Sorted(slices.Values(s.Replaces)) {
		parts = append(parts, m.expand(m.mark(property)))
	}
	for _, c := range cells {
		parts = append(parts, "\x1e"+c.class)
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x1d")))
	return string(sum[:12])
}

func (c *class) add(stack int32, cells []cell) {
	c.rows = append(c.rows, row{stack})
	for i, cell := range cells {
		c.hashes = append(c.hashes, cell.rawHash, cell.ownHash, cell.variant)
		c.columns[i].keep(cell)
	}
}

// keep counts a value. When there is no room for its text, the rarest gives way to it.
func (c *column) keep(x cell) {
	rarest := -1
	for i := range c.kept {
		if c.kept[i].hash == x.variant {
			c.kept[i].count++
			return
		}
		if rarest < 0 || c.kept[i].count < c.kept[rarest].count {
			rarest = i
		}
	}
	fresh := variant{hash: x.variant, rawHash: x.rawHash, ownHash: x.ownHash, count: 1, raw: x.raw, own: x.own, like: x.like}
	if len(c.kept) < maxKept {
		c.kept = append(c.kept, fresh)
		return
	}
	fresh.count += c.kept[rarest].count // so that one that comes often stays, however late it began
	c.kept[rarest] = fresh
}

// Groups are the changes so far, the gravest first: data that is lost, then deletions, replacements, updates and creations;
// within them by the number of stacks.
func (c *Collector) Groups() []fleet.Group {
	c.mu.Lock()
	defer c.mu.Unlock()
	groups := []fleet.Group{}
	for _, key := range slices.Sorted(maps.Keys(c.classes)) {
		groups = append(groups, c.classes[key].groups(key, c.stacks, c.wheres)...)
	}
	fleet.SortGroups(groups)
	return groups
}

// groups splits a class by what most of its stacks have in common.
func (c *class) groups(key string, stacks, wheres []string) []fleet.Group {
	labels := make([]string, len(c.rows))
	for i := range c.columns {
		for row, label := range c.label(i, wheres) {
			labels[row] += label + "."
		}
	}
	byLabel := map[string][]int{}
	for row, label := range labels {
		byLabel[label] = append(byLabel[label], row)
	}
	var groups []fleet.Group
	for _, rows := range byLabel {
		groups = append(groups, c.group(key, rows, stacks))
	}
	return groups
}

// label tells apart what most stacks have in common in one column and what fewer have. Ids that go by the place are all alike.
func (c *class) label(column int, wheres []string) []string {
	labels := make([]string, len(c.rows))
	counts := map[uint64]int{}
	byWhere := map[string]uint64{}
	byPlace := true
	for row := range c.rows {
		hash := c.hash(row, column, 2)
		counts[hash]++
		where := wheres[c.rows[row].stack]
		known, seen := byWhere[where]
		byPlace = byPlace && where != "" && (!seen || known == hash)
		byWhere[where] = hash
	}
	if len(counts) == 1 || byPlace && c.columns[column].rest[0] != Differs && c.columns[column].rest[1] != Differs {
		return labels
	}
	order := slices.SortedFunc(maps.Keys(counts), func(a, b uint64) int { return cmp.Compare(counts[b], counts[a]) })
	left := len(c.rows)
	split := map[uint64]string{}
	for i, hash := range order {
		if left < 3 || counts[hash]*2 <= left {
			break
		}
		split[hash] = strings.Repeat("i", i+1)
		left -= counts[hash]
	}
	for row := range c.rows {
		labels[row] = split[c.hash(row, column, 2)]
	}
	return labels
}

func (c *class) hash(row, column, level int) uint64 {
	return c.hashes[(row*len(c.columns)+column)*stride+level]
}

// group makes the group of some rows.
func (c *class) group(key string, rows []int, stacks []string) fleet.Group {
	g := fleet.Group{Op: c.op, Type: c.token, Stateful: c.stateful, Replaces: c.replaces}
	g.Danger = c.stateful != "" && (c.op == engine.OpReplace || c.op == engine.OpDelete)
	digest := []string{key}
	for i := range c.columns {
		shown, common := c.shown(i, rows)
		digest = append(digest, common)
		text, _ := shown[0].(string)
		switch i {
		case 0:
			g.Component = text
		case 1:
			g.Name = text
		default:
			col := c.columns[i]
			g.Diffs = append(g.Diffs, engine.Diff{Property: col.property, Kind: col.kind, Old: shown[0], New: shown[1], Replaces: col.replaces})
		}
	}
	for _, row := range rows {
		g.Stacks = append(g.Stacks, stacks[c.rows[row].stack])
	}
	slices.Sort(g.Stacks)
	g.Stacks = slices.Compact(g.Stacks)
	sum := sha256.Sum256([]byte(strings.Join(digest, "\x1d")))
	g.Key = hex.EncodeToString(sum[:8])
	g.Title = title(g)
	return g
}

// shown is what all rows have in common in one column, as closely as it can be told, and the same without what is own, from
// which the group's key is made.
func (c *class) shown(column int, rows []int) (shown pair, common string) {
	col := &c.columns[column]
	first := [stride]uint64{}
	same := [stride]bool{true, true, true}
	for level := range first {
		first[level] = c.hash(rows[0], column, level)
		for _, row := range rows[1:] {
			same[level] = same[level] && c.hash(row, column, level) == first[level]
		}
	}
	common = encode(col.rest)
	for _, v := range col.kept {
		if v.hash != first[2] || !same[2] {
			continue
		}
		common = encode(v.like)
		switch {
		case same[0] && v.rawHash == first[0]:
			return v.raw, common
		case same[1] && v.ownHash == first[1]:
			return v.own, common
		}
		return v.like, common
	}
	return col.rest, common
}
