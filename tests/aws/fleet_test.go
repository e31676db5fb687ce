package aws_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/berth-iac/berth/fleet"
	"github.com/berth-iac/berth/tests/aws/emulator"
)

// TestFleetOnPooledPlugins: stacks that run at once on the real provider, with their plugins in a pool, get the same answers as each
// gets from its own. Nothing is shared here: each stack tags what it makes with its name, which is a part of AWS's configuration.
func TestFleetOnPooledPlugins(t *testing.T) {
	d := newStack(t, needTools(t), "prod", emulator.Options{}, nil)
	alone := d.run(t, "preview")
	text, err := os.ReadFile(filepath.Join(d.project, d.file()))
	if err != nil {
		t.Fatal(err)
	}
	for _, more := range []string{"prod-b", "prod-c"} {
		if err := os.WriteFile(filepath.Join(d.project, "Pulumi."+more+".yaml"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, said bytes.Buffer
	cmd := d.command(t, "fleet", "preview", "--output", "json", "--memory", "8GiB")
	cmd.Stdout, cmd.Stderr = &out, &said
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var answer fleet.Answer
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
		t.Fatalf("no answer: %v\n%s", err, said.String())
	}
	if answer.Verdict != fleet.Changes || len(answer.Stacks) != 3 {
		t.Fatalf("verdict %q of %d stacks, want changes of three\n%s%s", answer.Verdict, len(answer.Stacks), said.String(), out.String())
	}
	for _, e := range answer.Stacks {
		if !maps.Equal(e.Counts, alone.Counts) {
			t.Errorf("%s: %v, want %v as it is without sharing", e.Stack, e.Counts, alone.Counts)
		}
		if e.MemoryBytes < 100<<20 {
			t.Errorf("%s held %d bytes, want its share of the plugins' among them", e.Stack, e.MemoryBytes)
		}
	}
	started, served := 0, 0
	for _, note := range answer.Notes {
		if m := regexp.MustCompile(`(\d+) processes of provider plugins served (\d+) providers`).FindStringSubmatch(note); m != nil {
			started, _ = strconv.Atoi(m[1])
			served, _ = strconv.Atoi(m[2])
		}
	}
	if served < 9 || started != served {
		t.Errorf("%d processes served %d providers of three stacks in three regions; notes: %q", started, served, answer.Notes)
	}
	t.Logf("three stacks in %.1f s, %d plugin processes for %d providers", answer.DurationSeconds, started, served)
}
