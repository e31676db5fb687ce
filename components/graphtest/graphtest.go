// Package graphtest pins the whole resource graph that a component or a stack
// registers, under mocks: each resource's type, name, parent, options and
// inputs, once with outputs unknown (as in a preview of a new stack) and once
// with outputs known. It is for tests only.
//
// Golden files are rewritten by running a test with -update.
package graphtest

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Resource is one registered resource as a golden file shows it.
type Resource struct {
	Type   string `json:"type"`
	Name   string `json:"name"`
	Parent string `json:"parent,omitempty"` // "type::name"
	// Options are those that change what the engine does: protect, ignoreChanges, deleteBeforeReplace, provider, aliases, retainOnDelete.
	Options map[string]any `json:"options,omitempty"`
	Inputs  map[string]any `json:"inputs,omitempty"` // "<unknown>" and "<secret> …" stand for what they say
}

// Mode tells whether resources' outputs are known.
type Mode bool

// The two modes of a run.
const (
	Preview Mode = true  // outputs unknown
	Update  Mode = false // outputs known: arn, id and the like are invented from type and name
)

// Answer gives more outputs for a resource, or replaces those that are invented. It may be nil.
type Answer = graph.Answer

// written is the day on which the reference files' dates are judged.
var written = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)

// Reference is what the repository's own Pulumi.<stack>.yaml says of a stack of one kind, changed by edit, which may be nil. It is for
// tests of packages below stacks.
func Reference[S any](t *testing.T, stack string, of func(*spec.Spec) *S, edit func(*S)) *S {
	t.Helper()
	file := "Pulumi." + stack + ".yaml"
	text, err := os.ReadFile(filepath.Join("..", "..", file))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := spec.DecodeFile(file, text, spec.Options{Now: written})
	if err != nil {
		t.Fatal(err)
	}
	s := of(whole)
	if s == nil {
		t.Fatalf("%s is of another kind", file)
	}
	if edit != nil {
		edit(s)
	}
	return s
}

// Golden runs program in both modes and compares with testdata/<test>.preview.golden and
// testdata/<test>.golden. When wantErr is not empty, program must fail with an error that contains it.
func Golden(t *testing.T, wantErr string, program pulumi.RunFunc, answers ...Answer) {
	t.Helper()
	for mode, suffix := range map[Mode]string{Preview: ".preview.golden", Update: ".golden"} {
		resources, err := Run(mode, program, answers...)
		if wantErr != "" {
			if err == nil || !strings.Contains(err.Error(), wantErr) {
				t.Errorf("err = %v, want one with %q", err, wantErr)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		compare(t, filepath.Join("testdata", strings.ReplaceAll(t.Name(), "/", "_")+suffix), Format(resources))
	}
}

// Outline compares the tree of resources (no inputs) with testdata/<test>.outline.golden. It is for
// whole stacks, whose components have golden files of their own.
func Outline(t *testing.T, program pulumi.RunFunc, answers ...Answer) {
	t.Helper()
	if _, err := Run(Preview, program, answers...); err != nil {
		t.Fatalf("in a preview: %v", err)
	}
	resources, err := Run(Update, program, answers...)
	if err != nil {
		t.Fatal(err)
	}
	children := map[string][]Resource{}
	for _, r := range resources {
		parent := r.Parent
		if strings.HasPrefix(parent, "pulumi:pulumi:Stack") {
			parent = ""
		}
		children[parent] = append(children[parent], r)
	}
	var b strings.Builder
	var write func(parent, indent string)
	write = func(parent, indent string) {
		for _, r := range children[parent] {
			if r.Type == "pulumi:pulumi:Stack" {
				continue
			}
			fmt.Fprintf(&b, "%s%s  %s", indent, r.Name, r.Type)
			for _, option := range slices.Sorted(maps.Keys(r.Options)) {
				fmt.Fprintf(&b, "  %s=%v", option, r.Options[option])
			}
			b.WriteByte('\n')
			write(r.Type+"::"+r.Name, indent+"  ")
		}
	}
	write("", "")
	compare(t, filepath.Join("testdata", strings.ReplaceAll(t.Name(), "/", "_")+".outline.golden"), b.String())
}

// Run runs program under mocks and returns what it registered, sorted by type and name.
func Run(mode Mode, program pulumi.RunFunc, answers ...Answer) ([]Resource, error) {
	registrations, err := graph.Register(context.Background(), program,
		graph.Recording{Project: "berth", Stack: "test", Unknown: bool(mode), Answers: answers})
	var resources []Resource
	for _, r := range registrations {
		resources = append(resources, described(r))
	}
	slices.SortFunc(resources, func(a, b Resource) int {
		return strings.Compare(a.Type+"::"+a.Name, b.Type+"::"+b.Name)
	})
	return resources, err
}

// Find returns the one resource with that type and name, or fails the test.
func Find(t *testing.T, resources []Resource, typeToken, name string) Resource {
	t.Helper()
	i := slices.IndexFunc(resources, func(r Resource) bool { return r.Type == typeToken && r.Name == name })
	if i < 0 {
		t.Fatalf("no resource %s %q among %d", typeToken, name, len(resources))
	}
	return resources[i]
}

// Format writes resources as a golden file holds them: one JSON document a resource. Inputs that
// are JSON themselves (policies, dashboards) are laid open under "<json>".
func Format(resources []Resource) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	for _, r := range resources {
		r.Inputs, _ = layOpen(r.Inputs).(map[string]any)
		if err := encoder.Encode(r); err != nil {
			panic(err) // a Resource is made of JSON values only
		}
	}
	return b.String()
}

func layOpen(v any) any {
	switch v := v.(type) {
	case map[string]any:
		open := make(map[string]any, len(v))
		for key, value := range v {
			open[key] = layOpen(value)
		}
		return open
	case []any:
		open := make([]any, len(v))
		for i, value := range v {
			open[i] = layOpen(value)
		}
		return open
	case string:
		var document map[string]any
		if strings.HasPrefix(v, "{") && json.Unmarshal([]byte(v), &document) == nil {
			return map[string]any{"<json>": document}
		}
		if strings.Contains(v, "\n") {
			return strings.Split(v, "\n")
		}
		return v
	default:
		return v
	}
}

func compare(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v\nrun the test with -update to write it", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); if it should, run with -update:\n%s", path, diff)
	}
}

// described is a registration as a golden file shows it.
func described(r graph.Registration) Resource {
	out := Resource{Type: r.Type, Name: r.Name, Options: map[string]any{}, Inputs: plainMap(r.Inputs)}
	rpc := r.Request
	if rpc == nil {
		return out
	}
	out.Parent = shortURN(rpc.GetParent())
	if rpc.GetProtect() {
		out.Options["protect"] = true
	}
	if rpc.GetRetainOnDelete() {
		out.Options["retainOnDelete"] = true
	}
	if rpc.GetDeleteBeforeReplace() {
		out.Options["deleteBeforeReplace"] = true
	}
	if v := rpc.GetIgnoreChanges(); len(v) > 0 {
		out.Options["ignoreChanges"] = v
	}
	if v := rpc.GetReplaceOnChanges(); len(v) > 0 {
		out.Options["replaceOnChanges"] = v
	}
	if v := rpc.GetProvider(); v != "" {
		out.Options["provider"] = shortURN(v)
	}
	if v := rpc.GetAliasURNs(); len(v) > 0 {
		out.Options["aliases"] = v
	}
	return out
}

func shortURN(urn string) string {
	if parts := strings.Split(urn, "::"); len(parts) >= 4 {
		kind := parts[2]
		if i := strings.LastIndex(kind, "$"); i >= 0 {
			kind = kind[i+1:]
		}
		return kind + "::" + parts[3]
	}
	return urn
}

func plainMap(m resource.PropertyMap) map[string]any {
	out := make(map[string]any, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out[string(k)] = plain(m[k])
	}
	return out
}

func plain(v resource.PropertyValue) any {
	switch {
	case v.IsSecret():
		return fmt.Sprintf("<secret> %v", plain(v.SecretValue().Element))
	case v.IsOutput():
		if !v.OutputValue().Known {
			return "<unknown>"
		}
		if v.OutputValue().Secret {
			return fmt.Sprintf("<secret> %v", plain(v.OutputValue().Element))
		}
		return plain(v.OutputValue().Element)
	case v.IsComputed():
		return "<unknown>"
	case v.IsArray():
		list := make([]any, len(v.ArrayValue()))
		for i, e := range v.ArrayValue() {
			list[i] = plain(e)
		}
		return list
	case v.IsObject():
		return plainMap(v.ObjectValue())
	case v.IsResourceReference():
		return "<resource> " + shortURN(string(v.ResourceReferenceValue().URN))
	default:
		return v.Mappable()
	}
}
