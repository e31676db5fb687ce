package redact

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// FileName is what the file of a stack's export is called in a folder of exports.
func FileName(stack string) string { return stack + ".state.json" }

// Write is the export as its file has it.
func (e *Export) Write() ([]byte, error) {
	text, err := json.MarshalIndent(e, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write the export of stack %s: %w", e.Stack, err)
	}
	return append(text, '\n'), nil
}

// Load reads a stack's export from a folder of exports. A stack without a file there is new.
func Load(folder, stack string) (*Export, error) {
	path := filepath.Join(folder, FileName(stack))
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if info, folderErr := os.Stat(folder); folderErr != nil || !info.IsDir() {
			return nil, fmt.Errorf("there is no folder %s of exported states\nthe pipeline writes it with `berth state export --all --redacted --out %s`", folder, folder)
		}
		return &Export{Version: Version, Stack: stack, New: true,
			Notes: []string{"there is no " + path + ": the stack is taken for one that does not exist yet"}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the exported state of stack %s: %w", stack, err)
	}
	return Parse(path, text, stack)
}

// Parse reads a stack's export.
func Parse(name string, text []byte, stack string) (*Export, error) {
	var e Export
	if err := json.Unmarshal(text, &e); err != nil {
		return nil, fmt.Errorf("read the exported state of stack %s: %s is damaged (%w): export it again", stack, name, err)
	}
	switch {
	case e.Version != Version:
		return nil, fmt.Errorf("read the exported state of stack %s: %s has version %d of the form, and this berth reads %d: export it again with this release",
			stack, name, e.Version, Version)
	case e.Stack != stack:
		return nil, fmt.Errorf("read the exported state of stack %s: %s is of stack %q", stack, name, e.Stack)
	case len(e.Deployment.Deployment) == 0:
		return nil, fmt.Errorf("read the exported state of stack %s: %s holds no state: export it again", stack, name)
	}
	return &e, nil
}
