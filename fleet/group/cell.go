package group

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/berth-iac/berth/engine"
)

// Differs stands for values that are of the same kind and different with every client: long texts and checksums.
const Differs = "[differs by client]"

// pair is a value before and after.
type pair [2]any

// cell is one property's change at every level of likeness. Two stacks' changes can be the same only when all classes of
// their cells are equal.
type cell struct {
	property, kind string
	replaces       bool

	class string // what is never left out of account
	raw   pair   // as it is
	own   pair   // without what is the stack's own by its file
	like  pair   // what all of one variant show
	rest  pair   // what those show that have no variant in common

	rawHash, ownHash, variant uint64
}

// limits of what is kept of a value.
const (
	longText    = 200 // bytes from which a text is told by its differing lines
	maxExcerpt  = 600 // bytes of them that are shown
	maxLeaves   = 64  // of a structure that changes
	minProse    = 4   // words from which a line is prose
	maxDecoding = 1 << 20
)

type maker struct {
	*owner
	seed maphash.Seed
}

// cells makes the cells of one property's change. Structures are taken apart into what differs in them.
func (m *maker) cells(d engine.Diff) []cell {
	found := m.leaves(nil, d.Property, d.Old, d.New)
	if len(found) == 0 || len(found) > maxLeaves {
		found = []cell{m.value(d.Property, d.Old, d.New)}
	}
	for i := range found {
		c := &found[i]
		c.replaces = d.Replaces
		if c.kind == "" {
			c.kind = d.Kind
		}
		c.property = m.expand(m.mark(c.property))
		c.class = strings.Join([]string{c.property, c.kind, strconv.FormatBool(c.replaces), c.class}, "\x1f")
		c.rawHash, c.ownHash = m.hash(c.raw), m.hash(c.own)
		if c.variant == 0 {
			c.variant = c.ownHash
		}
	}
	return found
}

// leaves takes structures on both sides apart, and texts that hold JSON on both sides.
func (m *maker) leaves(found []cell, path string, was, now any) []cell {
	if len(found) > maxLeaves || reflect.DeepEqual(was, now) {
		return found
	}
	a, b := keyed(was), keyed(now)
	if a == nil || b == nil {
		x, isList := was.([]any)
		y, isListToo := now.([]any)
		if !isList || !isListToo {
			if a, b := parsed(was), parsed(now); a != nil && b != nil {
				return m.leaves(found, path, a, b)
			}
			return append(found, m.value(path, was, now))
		}
		if scalars(x) && scalars(y) {
			return m.members(found, path, x, y)
		}
		for i := range max(len(x), len(y)) {
			found = m.leaves(found, path+"["+strconv.Itoa(i)+"]", element(x, i), element(y, i))
		}
		return found
	}
	keys := maps.Clone(a)
	maps.Copy(keys, b)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if !strings.HasPrefix(key, "__") {
			found = m.leaves(found, join(path, key), a[key], b[key])
		}
	}
	return found
}

// members compares lists of plain values as sets; a change of order alone is a change of the whole.
func (m *maker) members(found []cell, path string, was, now []any) []cell {
	before := len(found)
	for _, side := range []struct {
		kind string
		of   []any
		not  []any
	}{{"delete", was, now}, {"add", now, was}} {
		for _, v := range side.of {
			if slices.Contains(side.not, v) {
				continue
			}
			c := m.value(path+"[]", nil, v)
			if side.kind == "delete" {
				c = m.value(path+"[]", v, nil)
			}
			c.kind = side.kind
			found = append(found, c)
		}
	}
	if len(found) == before {
		found = append(found, m.value(path, was, now))
	}
	// Ids come in an order of their own; what is alike stands together.
	slices.SortStableFunc(found[before:], func(a, b cell) int { return strings.Compare(a.kind+a.class, b.kind+b.class) })
	return found
}

// value makes the cell of one value that is not taken apart further.
func (m *maker) value(path string, was, now any) cell {
	x, isText := was.(string)
	y, isTextToo := now.(string)
	if (isText || was == nil) && (isTextToo || now == nil) && x != secret && y != secret {
		x, y = decoded(x), decoded(y)
		switch {
		case isLong(x) || isLong(y):
			return m.text(path, x, y, false)
		case isProse(x) && isProse(y):
			return m.text(path, x, y, true)
		}
	}
	c := cell{property: path, raw: pair{was, now}}
	shaped := pair{}
	for i, v := range c.raw {
		c.own[i] = m.walk(path, v, false)
		shaped[i] = m.walk(path, v, true)
	}
	if was != nil && now != nil && reflect.DeepEqual(shaped[0], shaped[1]) && !reflect.DeepEqual(was, now) {
		shaped[1] = another(shaped[1])
	}
	c.like, c.rest = c.own, shaped
	c.class = encode(shaped)
	return c
}

// secret is what the engine shows of one.
const secret = "[secret]"

// another tells a value apart from the one before it, where both look alike.
func another(v any) any {
	if text, ok := v.(string); ok {
		return text + " (another)"
	}
	return []any{"(another)", v}
}

// text makes the cell of two long texts: the lines that only one has.
func (m *maker) text(path, was, now string, prose bool) cell {
	c := cell{property: path}
	old, fresh := difference(fields(was, prose), fields(now, prose))
	between := "\n"
	if prose {
		between = " "
	}
	var settings []string
	levels := [3]pair{}
	likeness := maphash.Hash{}
	likeness.SetSeed(m.seed)
	for side, lines := range [2][]string{old, fresh} {
		var texts [3]strings.Builder
		for _, line := range lines {
			marked := m.mark(line)
			shaped := m.expand(m.shape(marked))
			for i, text := range []string{line, m.expand(marked), shaped} {
				if texts[i].Len() < maxExcerpt {
					if texts[i].Len() > 0 {
						texts[i].WriteString(between)
					}
					texts[i].WriteString(clip(text, maxExcerpt))
				}
			}
			_, _ = likeness.WriteString(shaped)
			_ = likeness.WriteByte('\n')
			if s, ok := setting(shaped, prose); ok {
				settings = append(settings, strconv.Itoa(side)+s)
			}
		}
		_ = likeness.WriteByte(0)
		for i := range texts {
			if texts[i].Len() > 0 {
				levels[i][side] = clip(texts[i].String(), maxExcerpt)
			}
		}
	}
	if prose { // a sentence is read as a whole
		levels[0] = pair{was, now}
		levels[1] = pair{m.expand(m.mark(was)), m.expand(m.mark(now))}
		levels[2] = pair{m.expand(m.shape(m.mark(was))), m.expand(m.shape(m.mark(now)))}
	}
	c.raw, c.own, c.like = levels[0], levels[1], levels[2]
	c.variant = max(likeness.Sum64(), 1)
	none := len(old)+len(fresh) == 0 // the same lines in another order
	if was != "" && (prose || none || len(old) > 0) {
		c.rest[0] = Differs
	}
	if now != "" && (prose || none || len(fresh) > 0) {
		c.rest[1] = Differs
	}
	slices.Sort(settings)
	c.class = encode(c.rest) + "\x1f" + strings.Join(settings, "\x1f")
	return c
}

// walk replaces what is own in every text of a value.
func (m *maker) walk(path string, v any, shaped bool) any {
	switch value := v.(type) {
	case string:
		if !shaped {
			return m.expand(m.mark(value))
		}
		return m.expand(m.shape(m.mark(value)))
	case map[string]any:
		out := make(map[string]any, len(value))
		for k, e := range value {
			out[m.expand(m.mark(k))] = m.walk(k, e, shaped)
		}
		return out
	case []any:
		out := make([]any, len(value))
		for i, e := range value {
			out[i] = m.walk(path, e, shaped)
		}
		return out
	case float64:
		if shaped && value >= 10_000 && isIDName(path) {
			return "{id}"
		}
	case int:
		if shaped && value >= 10_000 && isIDName(path) {
			return "{id}"
		}
	}
	return v
}

// isIDName tells from a property's name that a number in it is an id.
func isIDName(path string) bool {
	path = strings.TrimRight(path, "[]0123456789")
	for _, end := range []string{"Id", "ID", "Ids", "IDs", "_id"} {
		if strings.HasSuffix(path, end) {
			return true
		}
	}
	return path == "id"
}

func (m *maker) hash(p pair) uint64 {
	return max(maphash.String(m.seed, encode(p)), 1)
}

// encode is the same for equal pairs only.
func encode(p pair) string {
	a, isText := p[0].(string)
	b, isTextToo := p[1].(string)
	if isText && isTextToo && a != "" && b != "" {
		return "t" + strconv.Itoa(len(a)) + a + b
	}
	text, err := json.Marshal(p[:])
	if err != nil {
		return fmt.Sprintf("%#v", p) // no value of JSON
	}
	return string(text)
}

// keyed is a map as it is, and a list of maps that each have a name of their own by those names: an element that comes in
// between then changes nothing else.
func keyed(v any) map[string]any {
	if m, ok := v.(map[string]any); ok {
		return m
	}
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return nil
	}
	for _, name := range []string{"Sid", "sid", "id", "name", "Name", "key"} {
		out := make(map[string]any, len(list))
		for _, e := range list {
			m, _ := e.(map[string]any)
			key, _ := m[name].(string)
			if _, twice := out[key]; key == "" || twice {
				break
			}
			out[key] = e
		}
		if len(out) == len(list) {
			return out
		}
	}
	return nil
}

func element(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}

func scalars(list []any) bool {
	for _, v := range list {
		switch v.(type) {
		case map[string]any, []any:
			return false
		}
	}
	return true
}

func join(path, key string) string {
	plain := key != ""
	for i := range len(key) {
		plain = plain && (isAlnum(key[i]) || key[i] == '_')
	}
	switch {
	case !plain:
		return path + "[" + strconv.Quote(key) + "]"
	case path == "":
		return key
	}
	return path + "." + key
}
