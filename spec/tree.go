package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

type nodeKind int

const (
	nullNode nodeKind = iota
	boolNode
	numberNode
	stringNode
	listNode
	mapNode
)

func (k nodeKind) String() string {
	return [...]string{"nothing", "true or false", "a number", "text", "a list", "a mapping"}[k]
}

// node is a value as it was written, before anything is known of its meaning.
type node struct {
	kind   nodeKind
	text   string // a scalar as written, without quotes
	line   int    // 0 when unknown
	keys   []string
	values []*node // of a mapping, in the order of keys, or of a list
	twice  []*node // values of a mapping whose key had been written before
	again  []string
}

// The limits keep a hostile or broken file from costing more than a moment.
const (
	maxText  = 64 << 10 // bytes
	maxDepth = 24
	maxNodes = 5000 // with every alias written out
)

// unreadable says why a text gives no tree.
type unreadable struct {
	line          int
	expected, fix string
}

func (u *unreadable) Error() string { return u.expected }

// parse reads YAML or JSON. Pulumi hands a program its configuration as JSON; in the file it is YAML.
func parse(text []byte) (*node, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // a byte order mark, which some editors write
	switch {
	case len(text) > maxText:
		return nil, &unreadable{expected: fmt.Sprintf("at most %d KiB", maxText>>10), fix: "describe one stack only"}
	case !utf8.Valid(text):
		return nil, &unreadable{expected: "text in UTF-8", fix: "save the file in UTF-8"}
	case bytes.ContainsRune(text, 0):
		return nil, &unreadable{expected: "text without NUL characters", fix: "save the file in UTF-8"}
	}
	if trimmed := bytes.TrimSpace(text); bytes.HasPrefix(trimmed, []byte("{")) && json.Valid(trimmed) {
		return parseJSON(trimmed)
	}
	return parseYAML(text)
}

// put adds a key to a mapping. A key that is there already keeps its first value.
func (n *node) put(key string, value *node) {
	if n.get(key) != nil {
		n.again, n.twice = append(n.again, key), append(n.twice, value)
		return
	}
	n.keys, n.values = append(n.keys, key), append(n.values, value)
}

func (n *node) get(key string) *node {
	for i, k := range n.keys {
		if k == key {
			return n.values[i]
		}
	}
	return nil
}

// String is the value as a message shows it.
func (n *node) String() string {
	switch n.kind {
	case stringNode:
		return show(n.text)
	case boolNode, numberNode:
		return shorten(n.text)
	}
	return n.kind.String()
}

// parseJSON builds the tree of a valid JSON text.
func parseJSON(text []byte) (*node, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	count := 0
	return jsonNode(d, 0, &count)
}

func jsonNode(d *json.Decoder, depth int, count *int) (*node, error) {
	if *count++; *count > maxNodes || depth > maxDepth {
		return nil, tooLarge(0)
	}
	token, err := d.Token()
	if err != nil {
		return nil, &unreadable{expected: "valid JSON", fix: "correct it"}
	}
	switch v := token.(type) {
	case bool:
		return &node{kind: boolNode, text: fmt.Sprint(v)}, nil
	case json.Number:
		return &node{kind: numberNode, text: v.String()}, nil
	case string:
		return &node{kind: stringNode, text: v}, nil
	case json.Delim:
		n := &node{kind: listNode}
		if v == '{' {
			n.kind = mapNode
		}
		for d.More() {
			key := ""
			if n.kind == mapNode {
				token, err := d.Token()
				if err != nil {
					return nil, &unreadable{expected: "valid JSON", fix: "correct it"}
				}
				key, _ = token.(string)
			}
			value, err := jsonNode(d, depth+1, count)
			if err != nil {
				return nil, err
			}
			if n.kind == mapNode {
				n.put(key, value)
			} else {
				n.values = append(n.values, value)
			}
		}
		_, err := d.Token() // the closing delimiter
		return n, err
	}
	return &node{kind: nullNode}, nil
}

func tooLarge(line int) error {
	return &unreadable{line: line, expected: fmt.Sprintf("at most %d values, nested at most %d deep", maxNodes, maxDepth),
		fix: "write the values out plainly, without anchors and aliases"}
}

// index is the path of a list's element.
func index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
