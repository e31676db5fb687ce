package config

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// reader puts what a file says into a value, field by field, and goes on where something is wrong.
type reader struct {
	file     string
	problems Problems
	lines    map[string]position // of every path that was set
}

type position struct {
	place string
	line  int
}

func (r *reader) at(t *token.Token) position {
	if t == nil || t.Position == nil {
		return position{r.file, 0}
	}
	return position{fmt.Sprintf("%s:%d:%d", r.file, t.Position.Line, t.Position.Column), t.Position.Line}
}

func (r *reader) wrong(at position, path, value, expected, fix string) {
	r.problems = append(r.problems, Problem{Place: at.place, Path: path, Value: value, Expected: expected, Fix: fix, line: at.line})
}

// Decode reads a YAML file into a pointer to a struct, strictly. Keys are the fields' JSON names. name is how messages call the file.
func Decode(name string, text []byte, into any) error {
	r := &reader{file: name, lines: map[string]position{}}
	r.decode(text, reflect.ValueOf(into).Elem())
	if len(r.problems) > 0 {
		return r.problems.sorted()
	}
	return nil
}

// maxFile is more than any configuration needs.
const maxFile = 1 << 20

func (r *reader) decode(text []byte, into reflect.Value) {
	if len(text) > maxFile {
		r.wrong(position{r.file, 0}, "", "", "less than 1 MiB", "")
		return
	}
	file, err := parse(text)
	if err != nil {
		r.wrong(position{r.file, 0}, "", "", "YAML", quoted.ReplaceAllString(firstLine(err.Error()), "…"))
		return
	}
	switch {
	case len(file.Docs) > 1:
		r.wrong(position{place: r.file}, "", "", "one document", "remove the line ---")
	case len(file.Docs) == 1 && file.Docs[0].Body != nil:
		r.value(file.Docs[0].Body, into, "")
	}
}

// parse is the library's parser, with its panics on broken input as errors.
func parse(text []byte) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			file, err = nil, fmt.Errorf("cannot be read: %v", p)
		}
	}()
	return parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey()) // reader reports those itself, with all the rest
}

// quoted is what a message of the parser repeats of the file, where a secret may stand by mistake.
var quoted = regexp.MustCompile(`"[^"]*"|\x60[^\x60]*\x60|'[^']*'`)

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

func (r *reader) value(node ast.Node, into reflect.Value, path string) {
	if node == nil {
		return
	}
	switch n := node.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		r.wrong(r.at(node.GetToken()), path, "", "a value", "write it out: anchors, aliases, tags and merges are not read")
		return
	case *ast.NullNode:
		return // nothing said: the default stands
	case *ast.CommentGroupNode:
		return
	case *ast.MappingValueNode:
		r.mapping([]*ast.MappingValueNode{n}, node, into, path)
		return
	case *ast.MappingNode:
		r.mapping(n.Values, node, into, path)
		return
	case *ast.SequenceNode:
		r.sequence(n, into, path)
		return
	}
	text, quoted, ok := scalar(node)
	if !ok {
		r.wrong(r.at(node.GetToken()), path, "", describe(into.Type()), "")
		return
	}
	r.lines[path] = r.at(node.GetToken())
	r.scalar(r.lines[path], path, text, quoted, into)
}

func scalar(node ast.Node) (text string, quoted, ok bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		quoted = n.Token.Type == token.DoubleQuoteType || n.Token.Type == token.SingleQuoteType
		return n.Value, quoted, true
	case *ast.LiteralNode:
		return n.Value.Value, true, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return node.GetToken().Value, false, true
	}
	return "", false, false
}

// settable follows a pointer, making what it points to.
func settable(into reflect.Value) reflect.Value {
	if into.Kind() == reflect.Pointer {
		if into.IsNil() {
			into.Set(reflect.New(into.Type().Elem()))
		}
		return into.Elem()
	}
	return into
}

func (r *reader) mapping(pairs []*ast.MappingValueNode, node ast.Node, into reflect.Value, path string) {
	into = settable(into)
	if into.Kind() != reflect.Struct || isText(into.Type()) {
		r.wrong(r.at(node.GetToken()), path, "", describe(into.Type()), "")
		return
	}
	r.lines[path] = r.at(node.GetToken())
	fields, seen := fieldsOf(into.Type()), map[string]bool{}
	for _, pair := range pairs {
		name, _, ok := scalar(pair.Key)
		at, below := r.at(pair.Key.GetToken()), join(path, name)
		index, known := fields[name]
		switch {
		case !ok:
			r.wrong(at, path, "", "a name", "")
		case seen[name]:
			r.wrong(at, below, "", "one value", "it stands here twice: keep one")
		case !known:
			r.wrong(at, below, "", "one of "+strings.Join(slices.Sorted(maps.Keys(fields)), ", "), closest(name, fields))
		default:
			r.lines[below] = at
			r.value(pair.Value, into.Field(index), below)
		}
		seen[name] = true
	}
}

func (r *reader) sequence(node *ast.SequenceNode, into reflect.Value, path string) {
	if into.Kind() != reflect.Slice {
		r.wrong(r.at(node.GetToken()), path, "", describe(into.Type()), "")
		return
	}
	r.lines[path] = r.at(node.GetToken())
	made := reflect.MakeSlice(into.Type(), len(node.Values), len(node.Values))
	for i, item := range node.Values {
		below := path + "[" + strconv.Itoa(i) + "]"
		if _, null := item.(*ast.NullNode); null || item == nil {
			r.wrong(r.at(node.GetToken()), below, "", describe(made.Index(i).Type()), "it is empty")
			continue
		}
		r.value(item, made.Index(i), below)
	}
	into.Set(made)
}

func (r *reader) scalar(at position, path, text string, quoted bool, into reflect.Value) {
	into = settable(into)
	shownValue := short(text)
	if into.Type() == reflect.TypeFor[Ref]() || into.Kind() == reflect.Struct && !isText(into.Type()) {
		shownValue = "" // it may be a secret, or was meant for a field that we cannot see
	}
	if reader, ok := into.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := reader.UnmarshalText([]byte(text)); err != nil {
			r.wrong(at, path, shownValue, strings.TrimPrefix(err.Error(), "expected "), "")
		}
		return
	}
	var err error
	switch into.Kind() {
	case reflect.String:
		into.SetString(text)
	case reflect.Bool:
		if text != "true" && text != "false" || quoted {
			err = expected("")
			break
		}
		into.SetBool(text == "true")
	case reflect.Int, reflect.Int64:
		var n int64
		if n, err = strconv.ParseInt(text, 10, 32); err == nil && !quoted {
			into.SetInt(n)
		} else {
			err = expected("")
		}
	case reflect.Float64:
		var n float64
		if n, err = strconv.ParseFloat(text, 64); err == nil && !quoted {
			into.SetFloat(n)
		} else {
			err = expected("")
		}
	default:
		err = expected("")
	}
	if err != nil {
		r.wrong(at, path, shownValue, describe(into.Type()), "")
	}
}

func isText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func describe(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if isText(t) {
		if err := reflect.New(t).Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte("?")); err != nil { //nolint:forcetypeassert // isText has looked
			return strings.TrimPrefix(err.Error(), "expected ")
		}
	}
	switch t.Kind() {
	case reflect.Struct:
		return "a section with keys such as " + strings.Join(slices.Sorted(maps.Keys(fieldsOf(t))), ", ")
	case reflect.Slice:
		return "a list, such as [a, b]"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	default:
		return "text"
	}
}

// fieldsOf are a struct's fields by the names they have in a file.
func fieldsOf(t reflect.Type) map[string]int {
	fields := map[string]int{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields[name] = i
		}
	}
	return fields
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// closest suggests the name that was perhaps meant.
func closest(name string, fields map[string]int) string {
	best, least := "", 3
	for known := range fields {
		if d := distance(strings.ToLower(name), strings.ToLower(known)); d < least || d == least && known < best {
			best, least = known, d
		}
	}
	if best == "" {
		return "remove it"
	}
	return "is " + best + " meant?"
}

// distance is how many letters must change to make one word the other; long words count as far apart.
func distance(a, b string) int {
	if len(a) > 40 || len(b) > 40 {
		return 99
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
