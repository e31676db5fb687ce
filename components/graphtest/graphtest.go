// Package graphtest pins the whole resource graph that a component or a stack
// registers, under mocks: each resource's type, name, parent, options and
// inputs, once with outputs unknown (as in a preview of a new stack) and once
// with outputs known. It is for tests only.
//
// Golden files are rewritten by running a test with -update.
package graphtest

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
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
type Answer func(typeToken, name string, inputs resource.PropertyMap) map[string]any

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
	m := &mocks{answers: answers, preview: bool(mode)}
	err := pulumi.RunErr(program, pulumi.WithMocks("berth", "test", m), func(info *pulumi.RunInfo) { info.DryRun = bool(mode) })
	slices.SortFunc(m.resources, func(a, b Resource) int {
		return strings.Compare(a.Type+"::"+a.Name, b.Type+"::"+b.Name)
	})
	return m.resources, err
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

type mocks struct {
	preview bool
	answers []Answer

	mu        sync.Mutex
	resources []Resource
}

// invented are outputs that programs read from resources and that clouds compute.
var invented = []string{
	"arn", "dnsName", "zoneId", "hostedZoneId", "address", "endpoint", "readerEndpoint", "primaryEndpointAddress",
	"keyId", "name", "bucketRegionalDomainName", "bucketDomainName", "prefixListId", "url", "clusterIdentifier",
	"defaultNetworkAclId", "defaultRouteTableId", "defaultSecurityGroupId", "uniqueId", "resourceId", "versionId",
	"arnSuffix", "ipv6CidrBlock", "networkInterfaceId", "publicIp", "allocationId", "latestVersion", "healthCheckId",
}

func (m *mocks) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	r := Resource{Type: args.TypeToken, Name: args.Name, Options: map[string]any{}, Inputs: plainMap(args.Inputs)}
	if rpc := args.RegisterRPC; rpc != nil {
		// The mock's own Inputs leave out what is unknown; the request still has it.
		inputs, err := plugin.UnmarshalProperties(rpc.GetObject(), plugin.MarshalOptions{
			KeepUnknowns: true, KeepSecrets: true, KeepResources: true, KeepOutputValues: true})
		if err != nil {
			return "", nil, fmt.Errorf("graphtest: read inputs of %s: %w", args.Name, err)
		}
		r.Inputs = plainMap(inputs)
		r.Parent = shortURN(rpc.GetParent())
		if rpc.GetProtect() {
			r.Options["protect"] = true
		}
		if rpc.GetRetainOnDelete() {
			r.Options["retainOnDelete"] = true
		}
		if rpc.GetDeleteBeforeReplace() {
			r.Options["deleteBeforeReplace"] = true
		}
		if v := rpc.GetIgnoreChanges(); len(v) > 0 {
			r.Options["ignoreChanges"] = v
		}
		if v := rpc.GetReplaceOnChanges(); len(v) > 0 {
			r.Options["replaceOnChanges"] = v
		}
		if v := rpc.GetProvider(); v != "" {
			r.Options["provider"] = shortURN(v)
		}
		if v := rpc.GetAliasURNs(); len(v) > 0 {
			r.Options["aliases"] = v
		}
	}
	m.mu.Lock()
	m.resources = append(m.resources, r)
	m.mu.Unlock()

	outputs := args.Inputs.Copy()
	if m.preview {
		return "", outputs, nil
	}
	for _, key := range invented {
		if _, set := outputs[resource.PropertyKey(key)]; !set {
			outputs[resource.PropertyKey(key)] = resource.NewProperty(invent(args.TypeToken, args.Name, key))
		}
	}
	for _, answer := range m.answers {
		for key, value := range answer(args.TypeToken, args.Name, args.Inputs) {
			outputs[resource.PropertyKey(key)] = resource.NewPropertyValue(value)
		}
	}
	return args.Name + "-id", outputs, nil
}

func invent(typeToken, name, key string) string {
	kind := typeToken[strings.LastIndex(typeToken, ":")+1:]
	if key == "arn" {
		return fmt.Sprintf("arn:aws:test:eu-west-2:123456789012:%s/%s", kind, name)
	}
	return fmt.Sprintf("%s.%s.%s", name, kind, key)
}

func (m *mocks) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	switch args.Token {
	case "aws:secretsmanager/getRandomPassword:getRandomPassword":
		return resource.PropertyMap{"randomPassword": resource.NewProperty("mock-random-password")}, nil
	default:
		return nil, fmt.Errorf("graphtest: no answer for function %s", args.Token)
	}
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
