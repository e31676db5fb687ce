package fidelity_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"hash/fnv"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/berth-iac/berth/tests/fidelity"
)

var (
	update = flag.Bool("update", false, "rewrite docs/fidelity.md")
	again  = flag.Int("again", 5, "one in so many resources is recorded again and compared; 1: all")
)

const report = "../../docs/fidelity.md"

// least is the agreement that each topic has to reach, in parts of a thousand.
const least = 980

func recorded(t *testing.T) ([]*fidelity.Base, []fidelity.Case) {
	t.Helper()
	bases, err := fidelity.ReadBases("testdata")
	if err != nil {
		t.Fatal(err)
	}
	cases, err := fidelity.ReadRecorded(filepath.Join("testdata", "recorded"))
	if err != nil {
		t.Fatal(err)
	}
	return bases, cases
}

func TestEmbeddedCloudSaysWhatTheRealProviderSays(t *testing.T) {
	bases, cases := recorded(t)
	findings, err := fidelity.Compare(t.Context(), t.TempDir(), bases, cases)
	if err != nil {
		t.Fatal(err)
	}
	exceptions, err := fidelity.ReadExceptions("exceptions.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range fidelity.Judge(findings, exceptions) {
		t.Error(problem)
	}
	if len(cases) < 400 {
		t.Errorf("%d cases, want 400 or more", len(cases))
	}
	for _, topic := range fidelity.Topics() {
		all, same := 0, 0
		for _, f := range findings {
			if f.Topic != topic {
				continue
			}
			all++
			if f.Agrees() {
				same++
			}
			replaced := strings.HasPrefix(f.Real, fidelity.Replace) != strings.HasPrefix(f.Embedded, fidelity.Replace)
			if topic == fidelity.ReplaceSet && replaced {
				t.Errorf("%s (%s): the real provider says %q, the embedded cloud %q; of what the stacks set no exception is allowed",
					f.Key(), f.Base, f.Real, f.Embedded)
			}
		}
		t.Logf("%s: %d of %d", topic, same, all)
		if same*1000 < all*least {
			t.Errorf("%s: %d of %d agree, want %d in 1000", topic, same, all, least)
		}
	}
	got := fidelity.Report(bases, cases, findings, exceptions)
	if *update {
		if err := os.WriteFile(report, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(report)
	if err != nil || string(want) != got {
		t.Errorf("docs/fidelity.md is not what the comparison gives (%v): run this test with -update", err)
	}
}

// The resources of the corpus set all that the components do: their golden files say what that is.
func TestBasesSetWhatTheComponentsSet(t *testing.T) {
	bases, _ := recorded(t)
	have := map[string]bool{}
	for _, b := range bases {
		have[b.Type] = true
		for _, shape := range fidelity.Shapes(resource.PropertyMap(b.Inputs)) {
			have[b.Type+" "+shape] = true
		}
	}
	files, err := filepath.Glob("../../components/*/testdata/*.golden")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files of components: %v", err)
	}
	missing := map[string]string{}
	for _, file := range files {
		for _, r := range golden(t, file) {
			if !strings.HasPrefix(r.Type, "aws:") {
				continue
			}
			for _, shape := range append(fidelity.Shapes(resource.NewPropertyMapFromMap(r.Inputs)), "") {
				if key := strings.TrimSpace(r.Type + " " + shape); !have[key] {
					missing[key] = filepath.Base(file)
				}
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(missing)) {
		t.Errorf("%s is in %s and in no base: run go run ./tests/fidelity/bases, then ./tests/fidelity/record", key, missing[key])
	}
}

type registered struct {
	Type   string         `json:"type"`
	Inputs map[string]any `json:"inputs"`
}

// golden reads the resources of a component's golden file; a file of another kind has none.
func golden(t *testing.T, path string) []registered {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []registered
	for d := json.NewDecoder(strings.NewReader(string(text))); ; {
		var r registered
		switch err := d.Decode(&r); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			return nil
		}
		r.Inputs, _ = closed(r.Inputs).(map[string]any)
		all = append(all, r)
	}
}

// closed undoes what golden files lay open for readers: documents, and texts of several lines.
func closed(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["<json>"]; ok {
			return "{}"
		}
		for key, value := range v {
			v[key] = closed(value)
		}
	case []any:
		for i, value := range v {
			v[i] = closed(value)
		}
	}
	return v
}

func TestRealProviderStillSaysSo(t *testing.T) {
	plugin, err := fidelity.FindPlugin(os.Environ())
	if err != nil {
		t.Skipf("the real AWS provider: %v", err)
	}
	bases, cases := recorded(t)
	of := func(b *fidelity.Base) bool { // spread over all services, and the same ones every time
		h := fnv.New32a()
		_, _ = h.Write([]byte(b.Type + b.Name))
		return h.Sum32()%uint32(*again) == 0 && !fidelity.Costly(b.Type)
	}
	want := map[string][]fidelity.Case{}
	for _, c := range cases {
		want[c.Type+" "+c.Base] = append(want[c.Type+" "+c.Base], c)
	}
	made, problems := fidelity.Record(context.WithoutCancel(t.Context()), plugin, bases, of, func(b *fidelity.Base, got []fidelity.Case) {
		wanted, err := fidelity.Lines(unworded(want[b.Type+" "+b.Name]))
		if err != nil {
			t.Error(err)
		}
		text, err := fidelity.Lines(unworded(got))
		if err != nil {
			t.Error(err)
		}
		same(t, b, strings.Split(string(wanted), "\n"), strings.Split(string(text), "\n"))
	})
	for _, p := range problems {
		t.Error(p)
	}
	t.Logf("%d cases asked again", len(made))
}

// unworded leaves the reasons of refusals out: of several, the provider gives now one and now another.
func unworded(cases []fidelity.Case) []fidelity.Case {
	cases = slices.Clone(cases)
	for i := range cases {
		cases[i].Reason = ""
	}
	return cases
}

func same(t *testing.T, b *fidelity.Base, want, got []string) {
	for i := range max(len(want), len(got)) {
		w, g := "(no case)", "(no case)"
		if i < len(want) {
			w = want[i]
		}
		if i < len(got) {
			g = got[i]
		}
		if w != g {
			t.Errorf("%s %s: recorded\n%.300s\nnow\n%.300s", b.Type, b.Name, w, g)
			return
		}
	}
}
