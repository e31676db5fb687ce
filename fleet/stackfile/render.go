package stackfile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/berth-iac/berth/spec"
	"gopkg.in/yaml.v3"
)

// Tree is a stack's description as it stands below berth:spec: texts, numbers, truth values, lists and trees.
type Tree = map[string]any

// File is what a Pulumi.<stack>.yaml says.
type File struct {
	Kind    spec.Kind
	Heading []string // lines at its top
	// Salt is how Pulumi checks the passphrase that the secrets are encrypted with; empty: they are stand-ins.
	Salt string
	// SecretsProvider is the URL of the service that encrypts, with EncryptedKey; empty: a passphrase does.
	SecretsProvider, EncryptedKey string
	// Secrets are encrypted values by name, such as "application-key".
	Secrets map[string]string
	Spec    Tree
	// Comments puts what each key means above it.
	Comments bool
}

// StandIn is an encrypted value that nobody can decrypt. A stack of the embedded cloud has a value of its own in its place.
const StandIn = "v1:ZXhhbXBsZW5vbmNl:ZXhhbXBsZSB2YWx1ZQ=="

// schemaLine names the schema for editors.
const schemaLine = "# yaml-language-server: $schema=docs/schema/berth-spec.schema.json\n"

// Render writes the file.
func Render(f File) ([]byte, error) {
	known, err := descriptions()
	if err != nil {
		return nil, err
	}
	definition := known[string(f.Kind)]
	if definition == nil {
		return nil, fmt.Errorf("write a stack's file: there is no kind %q", f.Kind)
	}
	description, err := (&writer{known: known, comments: f.Comments}).mapping(definition, f.Spec)
	if err != nil {
		return nil, fmt.Errorf("write a stack's file: %w", err)
	}
	config := &yaml.Node{Kind: yaml.MappingNode}
	for i, name := range slices.Sorted(keys(f.Secrets)) {
		key := text("berth:" + name)
		if i == 0 {
			key.HeadComment = secretsNote(f)
		}
		put(config, key, pairs("secure", f.Secrets[name]))
	}
	put(config, text("berth:spec"), description)
	top := &yaml.Node{Kind: yaml.MappingNode}
	for _, pair := range [][2]string{{"secretsprovider", f.SecretsProvider}, {"encryptedkey", f.EncryptedKey}, {"encryptionsalt", f.Salt}} {
		if pair[1] != "" {
			put(top, text(pair[0]), text(pair[1]))
		}
	}
	put(top, text("config"), config)
	var out bytes.Buffer
	out.WriteString(schemaLine)
	for _, line := range f.Heading {
		out.WriteString(strings.TrimRight("# "+line, " ") + "\n")
	}
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := errors.Join(encoder.Encode(top), encoder.Close()); err != nil {
		return nil, fmt.Errorf("write a stack's file: %w", err)
	}
	return out.Bytes(), nil
}

func secretsNote(f File) string {
	if f.Salt == "" && f.EncryptedKey == "" && f.SecretsProvider == "" {
		return "# Set your own with `pulumi config set --secret berth:<name>`. A stack of the embedded cloud has a stand-in for each."
	}
	return "# Encrypted. Change one with `pulumi config set --secret berth:<name>`, which asks for it."
}

// writer puts values in the order of their descriptions.
type writer struct {
	known    map[string]*object
	comments bool
}

func (w *writer) mapping(o *object, tree Tree) (*yaml.Node, error) {
	node := &yaml.Node{Kind: yaml.MappingNode}
	left := len(tree)
	for _, p := range o.properties {
		value, found := tree[p.name]
		if !found {
			continue
		}
		left--
		below, err := w.value(p, value)
		if err != nil {
			return nil, err
		}
		key := text(p.name)
		if w.comments {
			key.HeadComment = comment(p.description)
		}
		put(node, key, below)
	}
	if left > 0 {
		for key := range tree {
			if !slices.ContainsFunc(o.properties, func(p property) bool { return p.name == key }) {
				return nil, fmt.Errorf("%s has no key %q", o.name, key)
			}
		}
	}
	if len(node.Content) == 0 {
		node.Style = yaml.FlowStyle
	}
	return node, nil
}

func (w *writer) value(p property, value any) (*yaml.Node, error) {
	switch v := value.(type) {
	case Tree:
		if o := w.known[p.of]; o != nil {
			return w.mapping(o, v)
		}
		return nil, fmt.Errorf("%s is no mapping", p.name)
	case []Tree:
		node := &yaml.Node{Kind: yaml.SequenceNode}
		for _, element := range v {
			below, err := w.value(p, element)
			if err != nil {
				return nil, err
			}
			node.Content = append(node.Content, below)
		}
		return node, nil
	case []any:
		trees := make([]Tree, 0, len(v))
		for _, element := range v {
			if tree, ok := element.(Tree); ok {
				trees = append(trees, tree)
			}
		}
		if len(trees) == len(v) && len(v) > 0 {
			return w.value(p, trees)
		}
	}
	node := &yaml.Node{}
	if err := node.Encode(value); err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	if node.Kind == yaml.SequenceNode && short(node) {
		node.Style = yaml.FlowStyle
	}
	return node, nil
}

// short tells whether a list fits into a line.
func short(list *yaml.Node) bool {
	length := 0
	for _, element := range list.Content {
		length += len(element.Value) + 2
	}
	return length < 100
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}
}

func text(value string) *yaml.Node {
	node := &yaml.Node{}
	node.SetString(value)
	return node
}

func put(mapping, key, value *yaml.Node) { mapping.Content = append(mapping.Content, key, value) }

func pairs(key, value string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.MappingNode}
	put(node, text(key), text(value))
	return node
}

// object is one mapping of the specification, property one of its keys.
type object struct {
	name       string
	properties []property
}

type property struct {
	name, description string
	of                string // the object that its value, or each of its list's, is
}

// descriptions are the objects of the specification, by name; the kinds' by the kind too.
var descriptions = sync.OnceValues(func() (map[string]*object, error) {
	schema, err := spec.Schema()
	if err != nil {
		return nil, err
	}
	var document yaml.Node // JSON is YAML, and this reader keeps the order of keys
	if err := yaml.Unmarshal(schema, &document); err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	all := map[string]*object{}
	each(child(document.Content[0], "$defs"), func(name string, definition *yaml.Node) {
		o := &object{name: name}
		each(child(definition, "properties"), func(key string, value *yaml.Node) {
			p := property{name: key, description: scalar(value, "description")}
			for _, at := range []*yaml.Node{value, child(value, "items")} {
				if ref := scalar(at, "$ref"); ref != "" {
					p.of = ref[strings.LastIndexByte(ref, '/')+1:]
				}
			}
			o.properties = append(o.properties, p)
			if kind := child(value, "enum"); key == "kind" && kind != nil && len(kind.Content) == 1 {
				all[kind.Content[0].Value] = o
			}
		})
		all[name] = o
	})
	return all, nil
})

func each(mapping *yaml.Node, f func(key string, value *yaml.Node)) {
	for i := 0; mapping != nil && i+1 < len(mapping.Content); i += 2 {
		f(mapping.Content[i].Value, mapping.Content[i+1])
	}
}

func child(mapping *yaml.Node, key string) (found *yaml.Node) {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil
	}
	each(mapping, func(k string, v *yaml.Node) {
		if k == key {
			found = v
		}
	})
	return found
}

func scalar(mapping *yaml.Node, key string) string {
	if value := child(mapping, key); value != nil {
		return value.Value
	}
	return ""
}

const commentWidth = 100

// comment wraps a description.
func comment(description string) string {
	var lines []string
	line := "#"
	for word := range strings.FieldsSeq(description) {
		if len(line)+1+len(word) > commentWidth {
			lines, line = append(lines, line), "#"
		}
		line += " " + word
	}
	if line != "#" {
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}
