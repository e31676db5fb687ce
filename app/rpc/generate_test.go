package rpc_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// buf runs the generator's tool, in its own module.
func buf(t *testing.T, arguments ...string) string {
	t.Helper()
	if testing.Short() {
		t.Skipf("%s is skipped: -short is set, and buf has to be compiled once (about two minutes of one processor)", t.Name())
	}
	command := exec.CommandContext(t.Context(), "go", append([]string{"-C", "generate", "tool", "buf"}, arguments...)...)
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("buf %s: %v\n%s", strings.Join(arguments, " "), err, out)
	}
	return string(out)
}

// TestDeclarationsAreInOrder: names, comments and form of the declarations are as buf wants them.
func TestDeclarationsAreInOrder(t *testing.T) {
	buf(t, "lint", "../proto")
	if out := buf(t, "format", "--diff", "../proto"); out != "" {
		t.Errorf("buf would write it otherwise:\n%s", out)
	}
}

// TestGeneratedIsUpToDate: what is kept in gen is what the declarations come to.
func TestGeneratedIsUpToDate(t *testing.T) {
	if testing.Short() {
		t.Skipf("%s is skipped: -short is set, and buf has to be compiled once (about two minutes of one processor)", t.Name())
	}
	folder := t.TempDir()
	template, err := os.ReadFile("generate/buf.gen.yaml")
	must(t, err)
	elsewhere := filepath.Join(folder, "buf.gen.yaml")
	must(t, os.WriteFile(elsewhere, bytes.ReplaceAll(template, []byte("out: ../gen"), []byte("out: "+filepath.Join(folder, "gen"))), 0o600))
	buf(t, "generate", "--template", elsewhere)
	now, then := tree(t, filepath.Join(folder, "gen")), tree(t, "gen")
	for name, text := range now {
		if then[name] != text {
			t.Errorf("gen/%s is not what the declarations come to: run go generate ./rpc", name)
		}
		delete(then, name)
	}
	for name := range then {
		t.Errorf("gen/%s is of nothing that is declared: run go generate ./rpc", name)
	}
	if len(now) == 0 {
		t.Error("nothing was generated")
	}
}

func tree(t *testing.T, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, fs.WalkDir(os.DirFS(folder), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(folder, name))
		all[name] = string(text)
		return err
	}))
	return all
}
