package catalogue

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"
)

//go:embed *.json rules/*.yaml
var embedded embed.FS

// Catalogue answers look-ups. It is safe for concurrent use.
type Catalogue struct {
	files fs.FS
	rules func() (*Rules, error)

	mu        sync.Mutex
	schemas   map[string]*schema
	types     map[string]*Type
	functions map[string]*Function
}

// Embedded is the catalogue that is part of the program.
func Embedded() *Catalogue { return New(embedded) }

// New reads a catalogue from <package>.json files and rules/*.yaml, each when it is first needed.
func New(files fs.FS) *Catalogue {
	c := &Catalogue{
		files:     files,
		schemas:   map[string]*schema{},
		types:     map[string]*Type{},
		functions: map[string]*Function{},
	}
	c.rules = sync.OnceValues(c.readRules)
	return c
}

// ErrUnknown is the error for a type, function or package that the catalogue does not have.
var ErrUnknown = errors.New("not in the embedded cloud's catalogue")

// Rules is the hand-written half.
func (c *Catalogue) Rules() (*Rules, error) { return c.rules() }

// readRules puts the files of rules/ together; each subject has one.
func (c *Catalogue) readRules() (*Rules, error) {
	names, err := fs.Glob(c.files, "rules/*.yaml")
	if err != nil || len(names) == 0 {
		return nil, errors.Join(errors.New("the catalogue has no rules/*.yaml"), err)
	}
	all := &Rules{
		Packages: map[string]*Package{}, Tables: map[string]map[string]any{},
		Types: map[string]*Rule{}, Functions: map[string]*FunctionRule{},
	}
	for _, name := range names {
		raw, err := fs.ReadFile(c.files, name)
		if err != nil {
			return nil, fmt.Errorf("read the catalogue's rules: %w", err)
		}
		var rules Rules
		decoder := yaml.NewDecoder(bytes.NewReader(raw))
		decoder.KnownFields(true)
		if err := decoder.Decode(&rules); err != nil {
			return nil, fmt.Errorf("decode catalogue/%s: %w", name, err)
		}
		err = errors.Join(merge(all.Packages, rules.Packages), merge(all.Tables, rules.Tables),
			merge(all.Types, rules.Types), merge(all.Functions, rules.Functions))
		if err != nil {
			return nil, fmt.Errorf("catalogue/%s: %w", name, err)
		}
	}
	return all, nil
}

func merge[V any](into, from map[string]V) error {
	for name, v := range from {
		if _, twice := into[name]; twice {
			return fmt.Errorf("%s has a rule already", name)
		}
		into[name] = v
	}
	return nil
}

// Packages lists the provider packages, sorted.
func (c *Catalogue) Packages() ([]string, error) {
	rules, err := c.rules()
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(rules.Packages)), nil
}

// Version is the version of the provider that the shapes were taken from.
func (c *Catalogue) Version(pkg string) (string, error) {
	rules, err := c.rules()
	if err != nil {
		return "", err
	}
	p := rules.Packages[pkg]
	if p == nil {
		return "", fmt.Errorf("package %q: %w", pkg, ErrUnknown)
	}
	return p.Version, nil
}

// Type is the shape and the rule of a resource type.
func (c *Catalogue) Type(token string) (*Type, *Rule, error) {
	rules, err := c.rules()
	if err != nil {
		return nil, nil, err
	}
	rule, ruled := rules.Types[token]
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.types[token]; t != nil && ruled {
		return t, rule, nil
	}
	s, err := c.schema(token)
	if err != nil {
		return nil, nil, err
	}
	raw, shaped := s.Types[token]
	switch {
	case !shaped:
		return nil, nil, fmt.Errorf("resource type %s: %w: add it to the list that generates catalogue/%s.json, "+
			"and a rule for it to catalogue/rules", token, ErrUnknown, packageOf(token))
	case !ruled:
		return nil, nil, fmt.Errorf("resource type %s: %w: its shape is in catalogue/%s.json, "+
			"but catalogue/rules has no rule for it: add one", token, ErrUnknown, packageOf(token))
	}
	t := &Type{}
	if err := decode(raw, t); err != nil {
		return nil, nil, fmt.Errorf("decode %s in catalogue/%s.json: %w", token, packageOf(token), err)
	}
	c.types[token] = t
	return t, rule, nil
}

// Function is the shape and the answer of a function.
func (c *Catalogue) Function(token string) (*Function, *FunctionRule, error) {
	rules, err := c.rules()
	if err != nil {
		return nil, nil, err
	}
	rule, ruled := rules.Functions[token]
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.functions[token]; f != nil && ruled {
		return f, rule, nil
	}
	s, err := c.schema(token)
	if err != nil {
		return nil, nil, err
	}
	raw, shaped := s.Functions[token]
	if !shaped || !ruled {
		return nil, nil, fmt.Errorf("function %s: %w: add its shape to the list that generates catalogue/%s.json "+
			"and its answer to the functions in catalogue/rules, or do without it", token, ErrUnknown, packageOf(token))
	}
	f := &Function{}
	if err := decode(raw, f); err != nil {
		return nil, nil, fmt.Errorf("decode %s in catalogue/%s.json: %w", token, packageOf(token), err)
	}
	c.functions[token] = f
	return f, rule, nil
}

// Scope is the scope of a type's ids.
func (c *Catalogue) Scope(token string) Scope {
	rules, err := c.rules()
	if err != nil {
		return Global
	}
	if r := rules.Types[token]; r != nil && r.Scope != "" {
		return r.Scope
	}
	if p := rules.Packages[packageOf(token)]; p != nil && p.Scope != "" {
		return p.Scope
	}
	return Global
}

// schema is the generated file of a token's package; the caller holds mu.
func (c *Catalogue) schema(token string) (*schema, error) {
	pkg := packageOf(token)
	if s := c.schemas[pkg]; s != nil {
		return s, nil
	}
	raw, err := fs.ReadFile(c.files, path.Clean(pkg+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("package %q of %s: %w", pkg, token, ErrUnknown)
	}
	if err != nil {
		return nil, fmt.Errorf("read catalogue/%s.json: %w", pkg, err)
	}
	s := &schema{}
	if err := json.Unmarshal(raw, s); err != nil {
		return nil, fmt.Errorf("decode catalogue/%s.json: %w", pkg, err)
	}
	c.schemas[pkg] = s
	return s, nil
}

func decode(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

func packageOf(token string) string {
	pkg, _, _ := strings.Cut(token, ":")
	return pkg
}
