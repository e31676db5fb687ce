// Command digest prints, for each stack that has a file in the working folder, a digest of the resource graph that its
// program makes of it: what package fleet/affected is held against.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/berth-iac/berth/spec"
	"github.com/berth-iac/berth/stacks/program"
)

// now is when the stacks are looked at; dates in their files are held against it.
var now = time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "digest:", err)
		os.Exit(1)
	}
}

func run() error {
	files, err := filepath.Glob("Pulumi.*.yaml")
	if err != nil {
		return err
	}
	for _, file := range files {
		stack := strings.TrimSuffix(strings.TrimPrefix(file, "Pulumi."), ".yaml")
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		s, err := spec.DecodeFile(file, text, spec.Options{Now: now})
		if err != nil {
			return err
		}
		g, assessment, err := program.Assess(context.Background(), stack, s, now)
		if err != nil {
			return err
		}
		refusal := ""
		if err := assessment.Refusal(stack); err != nil {
			refusal = err.Error()
		}
		graph, err := json.Marshal(g)
		if err != nil {
			return err
		}
		fmt.Printf("%s %x\n", stack, sha256.Sum256(append(graph, refusal...)))
	}
	return nil
}
