package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/berth-iac/berth/fleet"
	"github.com/berth-iac/berth/spec"
)

var today = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// kinds are the module's own stacks, one of each kind.
var kinds = []string{"prod", "hooli", "sites", "globex", "initech", "organisation"}

// fleetOf writes a folder with n stacks of all kinds.
func fleetOf(t testing.TB, n int) string {
	t.Helper()
	var texts [][]byte
	for _, kind := range kinds {
		text, err := os.ReadFile("../Pulumi." + kind + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	root := t.TempDir()
	for i := range n {
		if err := os.WriteFile(filepath.Join(root, fmt.Sprintf("Pulumi.client-%04d.yaml", i)), texts[i%len(texts)], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestMembers(t *testing.T) {
	root := fleetOf(t, len(kinds))
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile("../Pulumi.hooli.yaml")
	if err != nil {
		t.Fatal(err)
	}
	labelled := bytes.Replace(text, []byte("kind: lightclient\n"), []byte("kind: lightclient\n    fleet:\n      wave: 7\n      labels: [sector=design, size=small]\n"), 1)
	if bytes.Equal(labelled, text) {
		t.Fatal("the stack's file is not as this test takes it to be")
	}
	write("Pulumi.labelled.yaml", string(labelled))
	write("Pulumi.broken.yaml", "config: [\n")
	write("Pulumi.wrong.yaml", "config:\n  berth:spec:\n    kind: awsclient\n")
	write("Pulumi.yaml", "name: berth\n")
	write("Other.acme.yaml", "")
	if err := os.Mkdir(filepath.Join(root, "Pulumi.folder.yaml"), 0o700); err != nil {
		t.Fatal(err)
	}

	members, err := fleet.Members(t.Context(), root, today)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	found := map[string]fleet.Member{}
	for _, m := range members {
		names, found[m.Stack] = append(names, m.Stack), m
	}
	if !slices.IsSorted(names) || len(names) != len(kinds)+4 {
		t.Errorf("members are %q", names)
	}
	for _, name := range []string{"broken", "wrong", "folder"} {
		if len(found[name].Problems) == 0 {
			t.Errorf("%s has no problems", name)
		}
	}
	if !strings.Contains(strings.Join(found["wrong"].Problems, "\n"), "Pulumi.wrong.yaml:") {
		t.Errorf("problems of wrong do not say where: %q", found["wrong"].Problems)
	}
	client := found["client-0000"]
	if client.Kind != spec.KindAWSClient || client.Wave != 4 || client.Tier == "" || client.Client == "" || client.Release == "" || client.Where == "" || client.Digest == "" || len(client.Problems) > 0 {
		t.Errorf("a client on AWS is %+v", client)
	}
	if m := found["labelled"]; m.Wave != 7 || m.Labels["sector"] != "design" || m.Labels["size"] != "small" || m.Digest == found["client-0001"].Digest {
		t.Errorf("labelled is %+v", m)
	}
	for i, kind := range []spec.Kind{spec.KindAWSClient, spec.KindLightClient, spec.KindSites, spec.KindSiteClient, spec.KindOnPremises, spec.KindOrganisation} {
		if m := found[fmt.Sprintf("client-%04d", i)]; m.Kind != kind || len(m.Problems) > 0 {
			t.Errorf("member %d is %+v, want a %s", i, m, kind)
		}
	}
}

func TestMembersOfNoFolder(t *testing.T) {
	if _, err := fleet.Members(t.Context(), filepath.Join(t.TempDir(), "none"), today); err == nil {
		t.Error("no error for a folder that is not there")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := fleet.Members(ctx, fleetOf(t, 3), today); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want that it was cancelled", err)
	}
}

// TestMembersOfThousands holds what listing 5,000 stacks may cost: 2 s on two processors. It counts the processors' time, which depends
// less on what else the machine does, and takes the best of a few tries.
func TestMembersOfThousands(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector is on, which takes many times as long")
	}
	const limit = 4 * time.Second
	root := fleetOf(t, 5000)
	best := time.Hour
	for try := 0; try < 3 && best > limit; try++ {
		before := processorTime(t)
		members, err := fleet.Members(t.Context(), root, today)
		best = min(best, processorTime(t)-before)
		if err != nil || len(members) != 5000 {
			t.Fatalf("%d members, %v", len(members), err)
		}
	}
	t.Logf("5,000 stacks took %s of processor time", best)
	if best > limit {
		t.Errorf("listing 5,000 stacks took %s of processor time, want at most %s", best, limit)
	}
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func BenchmarkMembers5000(b *testing.B) {
	root := fleetOf(b, 5000)
	for b.Loop() {
		if _, err := fleet.Members(b.Context(), root, today); err != nil {
			b.Fatal(err)
		}
	}
}
