// Package graph is what promises are checked on: the resources of one stack,
// with what each was told (inputs), what it answered (outputs), and who refers
// to whom.
//
// A graph comes from one of two places and looks the same from both: Record
// runs a program in this process under mocks, before anything is registered for
// real; FromState reads what a stack's state says exists. Secret values are
// masked on the way in: a graph holds none.
//
// The package knows no promise and no stack.
package graph

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
)

// Resource is one resource of a stack.
type Resource struct {
	Type     string         `json:"type"` // type token, such as aws:rds/instance:Instance
	Name     string         `json:"name"` // as the program calls it
	ID       string         `json:"id,omitempty"`
	URN      string         `json:"urn"`
	Parent   string         `json:"parent,omitempty"`   // URN
	Provider string         `json:"provider,omitempty"` // URN of its provider; empty for components
	Inputs   map[string]any `json:"inputs,omitempty"`   // JSON values; Secret and Unknown stand for what cannot be read
	Outputs  map[string]any `json:"outputs,omitempty"`

	Protect       bool     `json:"protect,omitempty"` // the engine refuses to delete it
	Retain        bool     `json:"retain,omitempty"`  // it outlives its deletion from the stack
	IgnoreChanges []string `json:"ignoreChanges,omitempty"`

	graph *Graph
	named []string // its handles, worked out once
}

// What stands in the place of values that cannot be read.
const (
	Secret  = "[secret]"  // a secret; its content never gets here
	Unknown = "[unknown]" // an output that nobody can know yet
)

// Graph is all resources of one stack. It does not change once it is made.
type Graph struct {
	Resources []*Resource // sorted by type and name

	byURN    map[string]*Resource
	byType   map[string][]*Resource
	byHandle map[string][]*Resource
	trace    func(typeToken, path string)
}

// New makes a graph of resources. It keeps and completes them.
func New(resources []*Resource) *Graph {
	n := len(resources)
	g := &Graph{Resources: resources, byURN: make(map[string]*Resource, n), byType: make(map[string][]*Resource, n), byHandle: make(map[string][]*Resource, 4*n)}
	slices.SortStableFunc(g.Resources, func(a, b *Resource) int {
		return cmp.Or(strings.Compare(a.Type, b.Type), strings.Compare(a.Name, b.Name))
	})
	for _, r := range g.Resources {
		r.graph = g
		g.byURN[r.URN] = r
		g.byType[r.Type] = append(g.byType[r.Type], r)
		r.named = r.handles()
		for _, handle := range r.named {
			g.byHandle[handle] = append(g.byHandle[handle], r)
		}
	}
	return g
}

// handleOutputs are the outputs by which one resource names another.
var handleOutputs = []string{"arn", "id", "name", "bucket", "keyId", "endpoint", "address", "dnsName", "identifier", "clusterIdentifier", "url",
	"vaultName", "userId", "userGroupId", "domainName", "zoneId", "hostname", "resourceId", "clusterResourceId", "alarmName", "repositoryUrl"}

// handles are the names by which others refer to the resource. A component has none: its outputs are its children's.
func (r *Resource) handles() []string {
	if !r.Cloud() {
		return nil
	}
	var handles []string
	add := func(v any) {
		if text, ok := v.(string); ok && text != "" && text != Secret && text != Unknown && !slices.Contains(handles, text) {
			handles = append(handles, text)
		}
	}
	add(r.ID)
	for _, key := range handleOutputs {
		add(r.Outputs[key])
	}
	return handles
}

// Traced is the same graph; told is called with each type and property that is read through its resources.
// Tests hold what checks read against the providers' schemas.
func (g *Graph) Traced(told func(typeToken, path string)) *Graph {
	resources := make([]*Resource, len(g.Resources))
	for i, r := range g.Resources {
		copied := *r
		resources[i] = &copied
	}
	traced := New(resources)
	traced.trace = told
	return traced
}

// OfType are the resources of the types: type by type as they are given, and by name.
func (g *Graph) OfType(types ...string) []*Resource {
	var found []*Resource
	for _, typeToken := range types {
		found = append(found, g.byType[typeToken]...)
	}
	return found
}

// Clouds are all resources that a provider makes, without components, providers and the stack itself.
func (g *Graph) Clouds() []*Resource {
	var found []*Resource
	for _, r := range g.Resources {
		if r.Cloud() {
			found = append(found, r)
		}
	}
	return found
}

// Exists tells whether there is any resource that a provider makes.
func (g *Graph) Exists() bool { return slices.ContainsFunc(g.Resources, (*Resource).Cloud) }

// Named is the resource with a name and one of the types (any type when none is given), or nil.
func (g *Graph) Named(name string, types ...string) *Resource {
	for _, r := range g.Resources {
		if r.Name == name && (len(types) == 0 || slices.Contains(types, r.Type)) {
			return r
		}
	}
	return nil
}

// Resolve is the one resource of the types (any type when none is given) that a value stands for: its id, ARN
// or another name that it answers with. It is nil when no resource, or more than one, goes by that name.
func (g *Graph) Resolve(value string, types ...string) *Resource {
	var found *Resource
	for _, r := range g.byHandle[value] {
		if len(types) > 0 && !slices.Contains(types, r.Type) {
			continue
		}
		if found != nil {
			return nil
		}
		found = r
	}
	return found
}

// Ref is the resource that a property of r names, or nil.
func (r *Resource) Ref(path string, types ...string) *Resource {
	return r.graph.Resolve(r.Text(path), types...)
}

// Refs are the resources that a list of names stands for; a name that no resource goes by is left out.
func (r *Resource) Refs(path string, types ...string) []*Resource {
	var found []*Resource
	for _, text := range r.Texts(path) {
		if other := r.graph.Resolve(text, types...); other != nil {
			found = append(found, other)
		}
	}
	return found
}

// Referrers are the resources of the types whose property at path names r, alone or in a list.
func (r *Resource) Referrers(path string, types ...string) []*Resource {
	var found []*Resource
	for _, other := range r.graph.OfType(types...) {
		if other.refers(path, r.named) {
			found = append(found, other)
		}
	}
	return found
}

// refers tells whether the property at path is one of the handles, or a list with one of them.
func (r *Resource) refers(path string, handles []string) bool {
	switch v := r.At(path).(type) {
	case []any:
		return slices.ContainsFunc(v, func(element any) bool { return slices.Contains(handles, text(element)) })
	default:
		return slices.Contains(handles, text(v))
	}
}

// Goes tells whether r goes by a name: whether value is its id, ARN or another of its names.
func (r *Resource) Goes(value string) bool { return slices.Contains(r.named, value) }

// Cloud tells whether a provider makes the resource.
func (r *Resource) Cloud() bool {
	return !strings.HasPrefix(r.Type, "pulumi:") && !strings.HasPrefix(r.Type, "berth:")
}

// Service is the first part of the type's module: "rds" for aws:rds/instance:Instance.
func (r *Resource) Service() string {
	parts := strings.Split(r.Type, ":")
	if len(parts) != 3 {
		return ""
	}
	module, _, _ := strings.Cut(parts[1], "/")
	return module
}

// Region is the region of the resource's provider; empty where it has none.
func (r *Resource) Region() string {
	provider := r.graph.byURN[r.Provider]
	if provider == nil {
		return ""
	}
	region, _ := provider.Inputs["region"].(string)
	return region
}

// Components are the names of the components around the resource, the outermost first.
func (r *Resource) Components() []string {
	var names []string
	for parent := r.graph.byURN[r.Parent]; parent != nil; parent = r.graph.byURN[parent.Parent] {
		if strings.HasPrefix(parent.Type, "berth:") {
			names = append(names, parent.Name)
		}
	}
	slices.Reverse(names)
	return names
}

// MarshalJSON writes the resources.
func (g *Graph) MarshalJSON() ([]byte, error) { return json.Marshal(g.Resources) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (g *Graph) UnmarshalJSON(text []byte) error {
	var resources []*Resource
	if err := json.Unmarshal(text, &resources); err != nil {
		return err
	}
	*g = *New(resources)
	for _, r := range g.Resources {
		r.graph = g
	}
	return nil
}
