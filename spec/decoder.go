package spec

import (
	"encoding"
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"
)

var (
	dateType    = reflect.TypeFor[Date]()
	instantType = reflect.TypeFor[Instant]()
	prefixType  = reflect.TypeFor[netip.Prefix]()
)

// decoder fills a struct from a tree by the fields' tags and reports what does not fit.
type decoder struct {
	*report
	top reflect.Type // to say where else a misplaced key belongs
}

// structure fills a struct. Optional structs that are absent are filled with their defaults.
func (d *decoder) structure(n *node, v reflect.Value, path string) {
	t := v.Type()
	tags := formOf(t)
	keys := tags.keys
	for i, again := range n.again {
		d.refuse(path+"."+segment(again), "written twice", "each key once", "remove one of them"+d.andLine(n.twice[i]))
	}
	meant := map[string]bool{} // keys that are there, but misspelt
	for _, key := range n.keys {
		if !slices.Contains(keys, key) {
			near := nearest(key, slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return n.get(k) != nil }))
			meant[near] = true
			d.unknownKey(key, keys, near, path)
		}
	}
	for i, key := range keys {
		f := t.Field(i)
		r := tags.rules[i]
		value := n.get(key)
		switch {
		case value != nil:
			d.value(value, v.Field(i), path+"."+key, r)
		case meant[key]:
			d.refused[path+"."+key] = true // reported with the misspelt key
		case r.required:
			d.refuse(path+"."+key, "missing", r.expectation(f.Type), r.add(f.Type))
		case r.def != "":
			setDefault(v.Field(i), r.def)
		case f.Type.Kind() == reflect.Struct:
			d.structure(&node{kind: mapNode}, v.Field(i), path+"."+key)
		}
	}
}

// andLine says where else to look, when the lines are those of a file.
func (d *decoder) andLine(n *node) string {
	if n.line == 0 || d.file == "" {
		return ""
	}
	return fmt.Sprintf(" (the second is in line %d)", n.line)
}

func (d *decoder) unknownKey(key string, keys []string, near, path string) {
	fix := "remove it"
	if near != "" {
		fix = "did you mean " + near + "?"
	} else if places := placesOf(d.top, root, key); len(places) > 0 {
		fix = "move it to " + list(places)
	}
	d.refuse(path+"."+segment(key), "unknown key", "one of "+strings.Join(keys, ", "), fix)
}

// nearest is the word that a misspelt one was probably meant to be, or "".
func nearest(word string, words []string) string {
	best, limit := "", max(1, min(3, utf8.RuneCountInString(word)/3))
	if utf8.RuneCountInString(word) > 60 {
		return ""
	}
	plain := func(s string) string {
		return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(s))
	}
	for _, w := range words {
		if distance := levenshtein.ComputeDistance(plain(word), plain(w)); distance <= limit {
			best, limit = w, distance-1
		}
	}
	if best == "" && len(word) >= 3 {
		for _, w := range words {
			if strings.HasPrefix(plain(w), plain(word)) || strings.HasPrefix(plain(word), plain(w)) && len(w) >= 4 {
				return w
			}
		}
	}
	return best
}

// value decodes one value of any type.
func (d *decoder) value(n *node, v reflect.Value, path string, r rules) {
	if n.kind == nullNode {
		fix := "give it a value"
		if !r.required && r.name != "" {
			fix += ", or leave out the key"
		}
		if v.Kind() == reflect.Pointer && v.Type().Elem().Kind() == reflect.Struct {
			fix = "write {} to have it with every default, or leave out the key"
		}
		d.refuse(path, "nothing", r.expectation(v.Type()), fix)
		return
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch v.Type() {
	case dateType, instantType, prefixType:
		d.text(n, v, path, r)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		if d.is(n, mapNode, v, path, r) {
			d.structure(n, v, path)
		}
	case reflect.Slice:
		d.slice(n, v, path, r)
	case reflect.Bool:
		if d.is(n, boolNode, v, path, r) {
			v.SetBool(n.text == "true")
		}
	case reflect.Int:
		d.number(n, v, path, r)
	default:
		d.string(n, v, path, r)
	}
}

// is tells whether a node is of a kind, and reports it otherwise.
func (d *decoder) is(n *node, kind nodeKind, v reflect.Value, path string, r rules) bool {
	if n.kind == kind {
		return true
	}
	fix := r.mend()
	switch {
	case kind == stringNode && (n.kind == numberNode || n.kind == boolNode):
		fix = fmt.Sprintf("put it in quotes: %q", n.text)
	case kind == boolNode && n.kind == stringNode && slices.Contains([]string{"true", "yes", "on", "false", "no", "off"}, strings.ToLower(n.text)):
		fix = fmt.Sprintf("write %t without quotes", slices.Contains([]string{"true", "yes", "on"}, strings.ToLower(n.text)))
	case kind == listNode && n.kind == stringNode:
		fix = "put it in brackets: [" + n.String() + "]"
	case kind == mapNode:
		fix = "write its keys below it, indented"
	}
	d.refuse(path, n.String(), r.expectation(v.Type()), fix)
	return false
}

func (d *decoder) slice(n *node, v reflect.Value, path string, r rules) {
	if !d.is(n, listNode, v, path, r) {
		return
	}
	if len(n.values) < r.minItems {
		found, fix := fmt.Sprintf("%d of them", len(n.values)), "add more"
		if len(n.values) == 0 {
			found, fix = "an empty list", "add at least one"
			if r.example != "" {
				fix = r.add(v.Type())
			}
			if v.Type().Elem() == prefixType {
				fix = "name the addresses: an empty list never means everyone"
			}
		}
		d.refuse(path, found, r.expectation(v.Type()), fix)
		return
	}
	if len(n.values) == 0 {
		return // an empty list is the same as none
	}
	item := r
	item.name, item.minItems = "", 0
	v.Set(reflect.MakeSlice(v.Type(), len(n.values), len(n.values)))
	for i, value := range n.values {
		d.value(value, v.Index(i), index(path, i), item)
	}
}

var (
	plainNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,14})$`)
	withUnit    = regexp.MustCompile(`^([1-9][0-9]{0,14})\s*([A-Za-z]*)$`)
)

func (d *decoder) number(n *node, v reflect.Value, path string, r rules) {
	if n.kind == numberNode && plainNumber.MatchString(n.text) {
		i := mustInt(n.text)
		v.SetInt(i)
		outside := r.minimum != nil && i < *r.minimum || r.maximum != nil && i > *r.maximum
		if outside || len(r.enum) > 0 && !slices.Contains(r.enum, n.text) {
			fix := r.mend()
			if outside {
				fix = "set it within these bounds"
				if !r.required {
					fix += ", or leave it out"
				}
			}
			d.refuse(path, n.text, r.expectation(v.Type()), fix)
		}
		return
	}
	fix := "write a plain whole number"
	if m := withUnit.FindStringSubmatch(n.text); n.kind == stringNode && m != nil {
		fix = "write " + m[1] + " without quotes"
		if m[2] != "" {
			fix = "write the number without a unit"
			if meansUnit(m[2], r.unit) {
				fix = "write " + m[1]
			}
		}
	}
	d.refuse(path, n.String(), r.expectation(v.Type()), fix)
}

// meansUnit tells whether a written unit is the one that a field counts in.
func meansUnit(written, unit string) bool {
	units := map[string][]string{
		" of days":    {"d", "day", "days"},
		" of GiB":     {"gb", "gib", "g", "gi"},
		" of seconds": {"s", "sec", "seconds"},
	}
	return slices.Contains(units[unit], strings.ToLower(written))
}

func (d *decoder) string(n *node, v reflect.Value, path string, r rules) {
	if !d.is(n, stringNode, v, path, r) {
		return
	}
	text := n.text
	wrong := func(fix string) { d.refuse(path, n.String(), r.expectation(v.Type()), fix) }
	fits := func(s string) bool {
		return (r.pattern == nil || r.pattern.MatchString(s)) && (len(r.enum) == 0 || slices.Contains(r.enum, s))
	}
	length := utf8.RuneCountInString(text)
	switch trimmed := strings.TrimSpace(text); {
	case trimmed == "":
		d.refuse(path, "empty", r.expectation(v.Type()), r.mend())
	case strings.ContainsFunc(text, func(c rune) bool { return unicode.IsControl(c) || c == utf8.RuneError }):
		wrong("write it in one line, without control characters")
	case trimmed != text:
		wrong("remove the space at its beginning or end")
	case r.format == "hostname":
		if expected, fix := checkHostname(text); expected != "" {
			d.refuse(path, n.String(), expected, fix)
		}
	case r.format == "email":
		if expected, fix := checkEmail(text); expected != "" {
			d.refuse(path, n.String(), expected, fix)
		}
	case !fits(text):
		wrong(r.better(text, fits))
	case length < r.minLength:
		wrong("write more")
	case r.maxLength > 0 && length > r.maxLength:
		wrong(fmt.Sprintf("shorten it: it has %d", length))
	}
	v.SetString(text)
}

// better proposes what a text that does not fit was meant to be.
func (r rules) better(text string, fits func(string) bool) string {
	proposals := []string{
		strings.ToLower(text), strings.TrimPrefix(text, "v"), strings.ReplaceAll(strings.ToLower(text), "_", "-"),
		strings.TrimPrefix(text, "s3://"), "db." + text, "cache." + text,
	}
	if strings.Trim(text, "+0123456789 -.()") == "" { // a phone or account number
		plain := strings.NewReplacer(" ", "", "-", "", ".", "", "(", "", ")", "").Replace(text)
		proposals = append(proposals, plain, "+"+strings.TrimPrefix(plain, "00"))
	}
	for _, proposal := range proposals {
		if fits(proposal) {
			return "write " + strconv.Quote(proposal)
		}
	}
	if near := nearest(text, r.enum); near != "" {
		return "did you mean " + near + "?"
	}
	return r.mend()
}

// text decodes dates, instants and ranges of addresses.
func (d *decoder) text(n *node, v reflect.Value, path string, r rules) {
	if !d.is(n, stringNode, v, path, r) {
		return
	}
	if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(n.text)); err == nil {
		return
	}
	fix := r.mend()
	if v.Type() == prefixType {
		if addr, err := netip.ParseAddr(n.text); err == nil {
			fix = fmt.Sprintf("add the prefix length, such as %s/%d for this address alone", addr, addr.BitLen())
			if addr.IsPrivate() {
				fix = fmt.Sprintf("add the prefix length, such as %s/16", addr)
			}
		}
	}
	d.refuse(path, n.String(), r.expectation(v.Type()), fix)
}

// setDefault gives an absent field the default that its tag says.
func setDefault(v reflect.Value, def string) {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Struct:
		if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(def)); err != nil {
			panic("spec: tag: " + err.Error())
		}
	case reflect.Bool:
		v.SetBool(def == "true")
	case reflect.Int:
		v.SetInt(mustInt(def))
	default:
		v.SetString(def)
	}
}
