package main

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"

	"github.com/berth-iac/berth/engine"
)

// copied makes a fleet many times as large: each stack once more under other names, already up. Bringing a thousand stacks up would
// take an hour, and what is measured is the same: the engine, the program and the embedded cloud see nothing of where a state came from.
func (b bench) copied(root string) (string, error) {
	large := fmt.Sprintf("%s-%d-times", root, b.copies)
	if err := os.RemoveAll(large); err != nil {
		return "", err
	}
	if err := os.MkdirAll(large, 0o700); err != nil {
		return "", err
	}
	project, err := os.ReadFile(filepath.Join(root, "Pulumi.yaml"))
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(large, "Pulumi.yaml"), project, 0o600); err != nil {
		return "", err
	}
	stacks, err := engine.Stacks(root)
	if err != nil {
		return "", err
	}
	for _, stack := range stacks {
		for i := range b.copies {
			if err := copyStack(root, large, stack, fmt.Sprintf("%s-%d", stack, i+1)); err != nil {
				return "", fmt.Errorf("copy stack %s: %w", stack, err)
			}
		}
	}
	return large, nil
}

// copyStack copies a local stack under another name.
func copyStack(from, to, stack, name string) error {
	renamed := renaming(stack, name)
	source, target := engine.LocalFolder(from, stack), engine.LocalFolder(to, name)
	project := filepath.Join("state", ".pulumi", "stacks", "berth")
	for was, is := range map[string]string{
		filepath.Join(from, "Pulumi."+stack+".yaml"):           filepath.Join(to, "Pulumi."+name+".yaml"),
		filepath.Join(source, "passphrase"):                    filepath.Join(target, "passphrase"),
		filepath.Join(source, "work", "Pulumi.yaml"):           filepath.Join(target, "work", "Pulumi.yaml"),
		filepath.Join(source, "work", "Pulumi."+stack+".yaml"): filepath.Join(target, "work", "Pulumi."+name+".yaml"),
		filepath.Join(source, "state", ".pulumi", "meta.yaml"): filepath.Join(target, "state", ".pulumi", "meta.yaml"),
		filepath.Join(source, project, stack+".json"):          filepath.Join(target, project, name+".json"),
		filepath.Join(source, "cloud", "objects.journal"):      filepath.Join(target, "cloud", "objects.journal"),
	} {
		text, err := os.ReadFile(was)
		if err != nil {
			return err
		}
		switch filepath.Base(is) {
		case name + ".json":
			text = []byte(renamed.Replace(string(text)))
		case "objects.journal":
			text = journal(text, renamed)
		}
		if err := os.MkdirAll(filepath.Dir(is), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(is, text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// renaming replaces a stack's name wherever the program wrote it: in URNs, in the tag of every resource, and in what a provider signs
// in as, whose JSON stands as text within JSON.
func renaming(stack, name string) *strings.Replacer {
	pairs := []string{"urn:pulumi:" + stack + "::", "urn:pulumi:" + name + "::", "pulumi:pulumi:Stack::berth-" + stack + `"`, "pulumi:pulumi:Stack::berth-" + name + `"`}
	for _, quote := range []string{`"`, `\"`, `\\\"`} {
		for _, before := range []string{quote + "stack" + quote + ":" + quote, quote + "sessionName" + quote + ":" + quote + "berth-"} {
			pairs = append(pairs, before+stack+quote, before+name+quote)
		}
	}
	const group = `{"key":"stack","propagateAtLaunch":false,"value":"` // the tag of a group of machines
	pairs = append(pairs, group+stack+`"`, group+name+`"`)
	return strings.NewReplacer(pairs...)
}

// journal renames a stack in the embedded cloud's journal, whose lines begin with a checksum each.
func journal(text []byte, renamed *strings.Replacer) []byte {
	var out bytes.Buffer
	table := crc32.MakeTable(crc32.Castagnoli)
	for line := range bytes.Lines(text) {
		sum, payload, ok := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
		if !ok || len(sum) != 8 {
			out.Write(line) // the first one
			continue
		}
		changed := renamed.Replace(string(payload))
		fmt.Fprintf(&out, "%08x %s\n", crc32.Checksum([]byte(changed), table), changed)
	}
	return out.Bytes()
}
