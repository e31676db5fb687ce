package spec

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// parseYAML builds the tree of one YAML document. It takes the plain part of the
// language that configuration needs: no tags, no merge keys, text as keys.
func parseYAML(text []byte) (root *node, err error) {
	// The parser is foreign code at work on a person's file: should it panic, then this file is unreadable and no other.
	defer func() {
		if r := recover(); r != nil {
			root, err = nil, &unreadable{expected: "YAML or JSON", fix: "write it more plainly: it cannot be read"}
		}
	}()
	tokens := lexer.Tokenize(string(text))
	if err := checkNesting(tokens); err != nil {
		return nil, err
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey()) // duplicates are reported by the decoder, all at once
	if err != nil {
		u := &unreadable{expected: "YAML or JSON", fix: "correct the syntax"}
		var syntax yaml.Error
		if errors.As(err, &syntax) {
			u.fix = "correct the syntax: " + strings.ReplaceAll(syntax.GetMessage(), "\t", `\t`)
			if t := syntax.GetToken(); t != nil && t.Position != nil {
				u.line = t.Position.Line
			}
		}
		return nil, u
	}
	if len(file.Docs) != 1 {
		return nil, &unreadable{expected: "one YAML document", fix: "remove the lines of three hyphens and what belongs to other documents"}
	}
	if file.Docs[0].Body == nil {
		return &node{kind: nullNode}, nil
	}
	b := builder{anchors: map[string]ast.Node{}}
	return b.node(file.Docs[0].Body, 0)
}

// checkNesting refuses what is nested too deeply before the parser, which recurses, sees it.
func checkNesting(tokens token.Tokens) error {
	brackets, entries, line := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			entries, line = 0, t.Position.Line
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets--
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType:
			entries++
		}
		if brackets > maxDepth || entries > maxDepth {
			return tooLarge(line)
		}
	}
	return nil
}

// builder turns the parser's syntax tree into nodes and counts them, aliases included.
type builder struct {
	count   int
	anchors map[string]ast.Node
}

func (b *builder) node(n ast.Node, depth int) (*node, error) {
	if n == nil {
		return &node{kind: nullNode}, nil
	}
	line := n.GetToken().Position.Line
	if b.count++; b.count > maxNodes || depth > maxDepth {
		return nil, tooLarge(line)
	}
	scalar := func(kind nodeKind, text string) (*node, error) { return &node{kind: kind, text: text, line: line}, nil }
	switch n := n.(type) {
	case *ast.NullNode:
		return scalar(nullNode, "")
	case *ast.BoolNode:
		return scalar(boolNode, strings.ToLower(n.Token.Value))
	case *ast.IntegerNode:
		return scalar(numberNode, n.Token.Value)
	case *ast.FloatNode:
		return scalar(numberNode, n.Token.Value)
	case *ast.InfinityNode:
		return scalar(numberNode, n.Token.Value)
	case *ast.NanNode:
		return scalar(numberNode, n.Token.Value)
	case *ast.StringNode:
		return scalar(stringNode, n.Value)
	case *ast.LiteralNode:
		return scalar(stringNode, n.Value.Value)
	case *ast.AnchorNode:
		b.anchors[n.Name.String()] = n.Value
		return b.node(n.Value, depth)
	case *ast.AliasNode:
		target, ok := b.anchors[n.Value.String()]
		if !ok {
			return nil, &unreadable{line: line, expected: "an anchor that stands further up", fix: fmt.Sprintf("write the value out instead of the alias %s", segment(n.Value.String()))}
		}
		return b.node(target, depth+1) // an alias inside its own anchor runs into the depth limit
	case *ast.SequenceNode:
		out := &node{kind: listNode, line: line}
		for _, v := range n.Values {
			value, err := b.node(v, depth+1)
			if err != nil {
				return nil, err
			}
			out.values = append(out.values, value)
		}
		return out, nil
	case *ast.MappingValueNode:
		out := &node{kind: mapNode, line: line}
		return out, b.put(out, n, depth)
	case *ast.MappingNode:
		out := &node{kind: mapNode, line: line}
		for _, v := range n.Values {
			if err := b.put(out, v, depth); err != nil {
				return nil, err
			}
		}
		return out, nil
	case *ast.TagNode:
		return nil, &unreadable{line: line, expected: "YAML without tags", fix: "remove the tag that begins with an exclamation mark, and put text in quotes"}
	}
	return nil, &unreadable{line: line, expected: "plain YAML", fix: "write keys, text, numbers, lists and mappings only"}
}

func (b *builder) put(out *node, pair *ast.MappingValueNode, depth int) error {
	line := pair.Key.GetToken().Position.Line
	var key string
	switch k := pair.Key.(type) {
	case *ast.StringNode:
		key = k.Value
	case *ast.IntegerNode:
		key = k.Token.Value
	case *ast.BoolNode:
		key = k.Token.Value
	case *ast.FloatNode:
		key = k.Token.Value
	case *ast.MergeKeyNode:
		return &unreadable{line: line, expected: "YAML without merge keys", fix: "write the keys out instead of <<"}
	default:
		return &unreadable{line: line, expected: "text as keys", fix: "write the key as plain text"}
	}
	value, err := b.node(pair.Value, depth+1)
	if err != nil {
		return err
	}
	value.line = line // of the key: that is where a person looks
	out.put(key, value)
	return nil
}
