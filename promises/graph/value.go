package graph

import (
	"strconv"
	"strings"
)

// At is the input at a path, or nil. A path is keys and list positions with dots between them, such as
// "rules.0.applyServerSideEncryptionByDefault.sseAlgorithm"; "*" goes through every element of a list and
// gives a list of what it found.
func (r *Resource) At(path string) any {
	if r.graph != nil && r.graph.trace != nil {
		r.graph.trace(r.Type, path)
	}
	return at(r.Inputs, path)
}

func at(v any, path string) any {
	if path == "" {
		return v
	}
	key, rest, _ := strings.Cut(path, ".")
	switch v := v.(type) {
	case map[string]any:
		return at(v[key], rest)
	case []any:
		if key == "*" {
			var all []any
			for _, element := range v {
				switch found := at(element, rest).(type) {
				case nil:
				case []any:
					all = append(all, found...)
				default:
					all = append(all, found)
				}
			}
			if all == nil {
				return nil
			}
			return all
		}
		if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(v) {
			return at(v[i], rest)
		}
	}
	return nil
}

// Has tells whether there is anything at path.
func (r *Resource) Has(path string) bool { return r.At(path) != nil }

// Text is the text at path; empty where there is none.
func (r *Resource) Text(path string) string { return text(r.At(path)) }

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// Bool is true only where the value at path is true, as a boolean or as text.
func (r *Resource) Bool(path string) bool {
	switch v := r.At(path).(type) {
	case bool:
		return v
	case string:
		return v == "true"
	}
	return false
}

// Number is the number at path, given as one or as text; 0 and false where there is none.
func (r *Resource) Number(path string) (float64, bool) {
	switch v := r.At(path).(type) {
	case float64:
		return v, true
	case int:
		return float64(v), true
	case string:
		n, err := strconv.ParseFloat(v, 64)
		return n, err == nil
	}
	return 0, false
}

// List is the list at path; nil where there is none.
func (r *Resource) List(path string) []any {
	list, _ := r.At(path).([]any)
	return list
}

// Texts are the texts of the list at path; what is no text is left out.
func (r *Resource) Texts(path string) []string {
	var texts []string
	for _, element := range r.List(path) {
		if s := text(element); s != "" {
			texts = append(texts, s)
		}
	}
	return texts
}

// Items are the objects of the list at path, each to be read as a resource of its own: a path inside one
// begins at the object. A single object counts as a list of one.
func (r *Resource) Items(path string) []Item {
	var items []Item
	switch v := r.At(path).(type) {
	case []any:
		for i, element := range v {
			if object, ok := element.(map[string]any); ok {
				items = append(items, Item{resource: r, Path: path + "." + strconv.Itoa(i), object: object})
			}
		}
	case map[string]any:
		items = append(items, Item{resource: r, Path: path, object: v})
	}
	return items
}

// Item is an object inside a resource's inputs.
type Item struct {
	Path     string // where it is in the resource
	resource *Resource
	object   map[string]any
}

// view is the object as a resource that is traced under its place in the whole.
func (i Item) view() *Resource {
	g := i.resource.graph
	if g == nil || g.trace == nil {
		return &Resource{Type: i.resource.Type, Inputs: i.object, graph: g}
	}
	traced := *g
	traced.trace = func(typeToken, path string) { g.trace(typeToken, i.Path+"."+path) }
	return &Resource{Type: i.resource.Type, Inputs: i.object, graph: &traced}
}

// At is the value at a path inside the object, or nil.
func (i Item) At(path string) any { return i.view().At(path) }

// Has tells whether there is anything at path.
func (i Item) Has(path string) bool { return i.view().Has(path) }

// Text is the text at path; empty where there is none.
func (i Item) Text(path string) string { return i.view().Text(path) }

// Bool is true only where the value at path is true.
func (i Item) Bool(path string) bool { return i.view().Bool(path) }

// Number is the number at path; 0 and false where there is none.
func (i Item) Number(path string) (float64, bool) { return i.view().Number(path) }

// Texts are the texts of the list at path.
func (i Item) Texts(path string) []string { return i.view().Texts(path) }

// Items are the objects of the list at path inside the object.
func (i Item) Items(path string) []Item {
	items := i.view().Items(path)
	for n := range items {
		items[n].Path = i.Path + "." + items[n].Path
		items[n].resource = i.resource
	}
	return items
}

// Ref is the resource that the property at path names, or nil.
func (i Item) Ref(path string, types ...string) *Resource {
	return i.resource.graph.Resolve(i.Text(path), types...)
}
