package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Edit sets one value in a stack's configuration, such as {Key: "berth:spec", Path: ["leaving"], Value: …}.
type Edit struct {
	Key   string   // of the configuration
	Path  []string // below the key
	Value any
}

// NoStackError says that there is no file for the stack.
type NoStackError struct {
	Stack string
	Root  string
	Known []string
}

func (e *NoStackError) Error() string {
	known := "there is none yet; write one (see `berth spec schema`)"
	if len(e.Known) > 0 {
		known = "there are: " + strings.Join(e.Known, ", ")
	}
	return fmt.Sprintf("no stack %q: %s has no Pulumi.%s.yaml\n%s", e.Stack, e.Root, e.Stack, known)
}

// Stacks lists the stacks that have a file in root, sorted.
func Stacks(root string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(root, "Pulumi.*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("list the stacks in %s: %w", root, err)
	}
	var names []string
	for _, file := range files {
		names = append(names, strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "Pulumi."), ".yaml"))
	}
	slices.Sort(names)
	return names, nil
}

// stackFile is the stack's file in a folder.
func stackFile(dir, stack string) string { return filepath.Join(dir, "Pulumi."+stack+".yaml") }

// localConfig is the stack's file as the local copy has it: without the real secrets provider, with stand-ins
// for secrets, and with edits made. secrets are the paths of values that still need a stand-in.
func localConfig(original, previous []byte, edits []Edit) (text []byte, secrets []string, err error) {
	var document, before yaml.Node
	if err := yaml.Unmarshal(original, &document); err != nil {
		return nil, nil, fmt.Errorf("read the stack's file: %w", err)
	}
	if err := yaml.Unmarshal(previous, &before); err != nil {
		return nil, nil, fmt.Errorf("read the local copy of the stack's file: %w", err)
	}
	root := mapping(&document)
	if root == nil {
		return nil, nil, errors.New("read the stack's file: it is not a mapping; it begins with \"config:\"")
	}
	for _, key := range []string{"secretsprovider", "encryptedkey", "encryptionsalt"} {
		drop(root, key)
	}
	salt := child(mapping(&before), "encryptionsalt")
	if salt != nil {
		put(root, "encryptionsalt", salt)
	}
	if config := child(root, "config"); config != nil {
		for i := 0; i+1 < len(config.Content); i += 2 {
			key := config.Content[i].Value
			was := child(child(mapping(&before), "config"), key)
			if salt == nil {
				was = nil
			}
			secrets = standIns(config.Content[i+1], was, key, secrets)
		}
	}
	for _, edit := range edits {
		if err := edit.apply(root); err != nil {
			return nil, nil, err
		}
	}
	text, err = yaml.Marshal(&document)
	if err != nil {
		return nil, nil, fmt.Errorf("write the local copy of the stack's file: %w", err)
	}
	return text, secrets, nil
}

// standIns replaces each encrypted value by the stand-in that the previous copy has, or by an empty text,
// and returns the paths of those that need a new one.
func standIns(value, was *yaml.Node, path string, secrets []string) []string {
	switch value.Kind {
	case yaml.MappingNode:
		if secure := child(value, "secure"); secure != nil && len(value.Content) == 2 {
			if old := child(was, "secure"); old != nil {
				*value = *was
				return secrets
			}
			*value = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle}
			return append(secrets, path)
		}
		for i := 0; i+1 < len(value.Content); i += 2 {
			key := value.Content[i].Value
			secrets = standIns(value.Content[i+1], child(was, key), join(path, key), secrets)
		}
	case yaml.SequenceNode:
		for i, element := range value.Content {
			var old *yaml.Node
			if was != nil && was.Kind == yaml.SequenceNode && i < len(was.Content) {
				old = was.Content[i]
			}
			secrets = standIns(element, old, fmt.Sprintf("%s[%d]", path, i), secrets)
		}
	}
	return secrets
}

func (e Edit) apply(root *yaml.Node) error {
	at := child(root, "config")
	for _, key := range append([]string{e.Key}, e.Path[:max(0, len(e.Path)-1)]...) {
		if at = child(at, key); at == nil || at.Kind != yaml.MappingNode {
			return fmt.Errorf("edit the stack's configuration: it has no mapping %q to set %s in", key, strings.Join(e.Path, "."))
		}
	}
	var value yaml.Node
	if err := value.Encode(e.Value); err != nil {
		return fmt.Errorf("edit the stack's configuration: %w", err)
	}
	put(at, e.Path[len(e.Path)-1], &value)
	return nil
}

func mapping(document *yaml.Node) *yaml.Node {
	if len(document.Content) == 0 || document.Content[0].Kind != yaml.MappingNode {
		return nil
	}
	return document.Content[0]
}

func child(mapping *yaml.Node, key string) *yaml.Node {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

func drop(mapping *yaml.Node, key string) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			mapping.Content = slices.Delete(mapping.Content, i, i+2)
			return
		}
	}
}

func put(mapping *yaml.Node, key string, value *yaml.Node) {
	drop(mapping, key)
	mapping.Content = append(mapping.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, value)
}

// replaceFile writes a file whole or not at all, and leaves an equal one alone.
func replaceFile(path string, text []byte, mode fs.FileMode) error {
	if old, err := os.ReadFile(path); err == nil && string(old) == string(text) {
		return nil
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, writeErr := temporary.Write(text)
	err = errors.Join(writeErr, temporary.Chmod(mode), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temporary.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
