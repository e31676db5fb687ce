package cli_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/engine/cli"
)

// script writes an executable that stands for a CLI.
func script(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Dir(script(t, filepath.Join(dir, "old", "pulumi"), "echo v3.100.0"))
	recent := filepath.Dir(script(t, filepath.Join(dir, "new", "pulumi"), "echo v3.300.0"))
	cache := filepath.Join(dir, "cache")
	for name, tc := range map[string]struct {
		named, cache, path, want, wantErr string
	}{
		"on PATH":          {"", "", recent, filepath.Join(recent, "pulumi"), ""},
		"too old on PATH":  {"", "", old, "", "is 3.100.0"},
		"nowhere":          {"", filepath.Join(dir, "empty"), filepath.Join(dir, "empty"), "", "make pulumi"},
		"named":            {filepath.Join(recent, "pulumi"), cache, old, filepath.Join(recent, "pulumi"), ""},
		"named is missing": {filepath.Join(dir, "no"), cache, recent, "", "is not there"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := cli.Find(t.Context(), tc.named, tc.cache, tc.path)
			if tc.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tc.wantErr) {
					t.Fatalf("err = %v, want %q", err, tc.wantErr)
				}
				return
			}
			if err != nil || got != tc.want {
				t.Errorf("got %q, %v; want %q", got, err, tc.want)
			}
		})
	}
	built := script(t, cli.Built(cache), "exit 1") // not asked for its version: its folder tells
	if got, err := cli.Find(t.Context(), "", cache, recent); err != nil || got != built {
		t.Errorf("got %q, %v; want the built one", got, err)
	}
}

func TestRunGivesOnlyItsEnvironment(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "real")
	c := &cli.Command{Path: script(t, filepath.Join(t.TempDir(), "pulumi"), "env; echo oops >&2; exit 3"), Env: []string{"A=1"}}
	out, errOut, code, err := c.Run(t.Context(), t.TempDir(), nil, nil, nil, []string{"B=2"}, "preview")
	if err == nil || code != 3 || errOut != "oops\n" {
		t.Errorf("code %d, err %v, error output %q", code, err, errOut)
	}
	if !strings.Contains(out, "A=1") || !strings.Contains(out, "B=2") || strings.Contains(out, "AWS_SECRET") {
		t.Errorf("environment:\n%s", out)
	}
}

func TestCancelInterruptsOnceAndKillEndsAtOnce(t *testing.T) {
	patient := script(t, filepath.Join(t.TempDir(), "pulumi"), `trap 'echo asked; exit 0' INT; echo ready; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.2; done; echo late`)
	ctx, cancel := context.WithCancel(t.Context())
	c := &cli.Command{Path: patient, Env: os.Environ(), Started: func(int, []string) { time.AfterFunc(300*time.Millisecond, cancel) }}
	out, _, _, err := c.Run(ctx, t.TempDir(), nil, nil, nil, nil)
	if err != nil || out != "ready\nasked\n" {
		t.Errorf("out = %q, err = %v; want it to end in its own way", out, err)
	}
	stubborn := script(t, filepath.Join(t.TempDir(), "pulumi"), `trap '' INT; sleep 20`)
	kill := make(chan struct{})
	began := time.Now()
	c = &cli.Command{Path: stubborn, Env: os.Environ(), Kill: kill, Started: func(int, []string) { time.AfterFunc(100*time.Millisecond, func() { close(kill) }) }}
	if _, _, _, err := c.Run(t.Context(), t.TempDir(), nil, nil, nil, nil); err == nil || time.Since(began) > 10*time.Second {
		t.Errorf("err = %v after %s, want it killed", err, time.Since(began))
	}
	if _, _, _, err := c.Run(ctx, t.TempDir(), nil, nil, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want nothing to start in a cancelled context", err)
	}
}
