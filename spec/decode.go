package spec

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// Options are what a spec is judged by besides its text.
type Options struct {
	// Now decides which dates lie in the past.
	Now time.Time
}

// kinds are the types of a stack by kind. Each begins with the field Kind.
var kinds = map[Kind]reflect.Type{
	KindAWSClient:    reflect.TypeFor[AWSClient](),
	KindLightClient:  reflect.TypeFor[LightClient](),
	KindSites:        reflect.TypeFor[Sites](),
	KindSiteClient:   reflect.TypeFor[SiteClient](),
	KindOnPremises:   reflect.TypeFor[OnPremises](),
	KindOrganisation: reflect.TypeFor[Organisation](),
}

// inOrder are the kinds as messages and the schema list them.
var inOrder = []Kind{KindAWSClient, KindLightClient, KindSites, KindSiteClient, KindOnPremises, KindOrganisation}

// Decode reads the value of berth:spec, YAML or JSON, fills in every default and
// checks it. The error is Problems: everything that is wrong, not the first only.
func Decode(text []byte, opts Options) (*Spec, error) {
	r := newReport("")
	n, err := parse(text)
	if err != nil {
		r.unreadable(root, err)
		return nil, r.err()
	}
	return r.decode(n, opts)
}

// DecodeFile reads a whole Pulumi.<stack>.yaml. Its problems carry the file's
// name and the line. Besides the spec it refuses secrets in plain text among
// the file's other keys.
func DecodeFile(name string, text []byte, opts Options) (*Spec, error) {
	r := newReport(name)
	n, err := parse(text)
	if err != nil {
		r.unreadable("config", err)
		return nil, r.err()
	}
	fix := "write config:, below it " + root + ": and below that the stack's description"
	config := n.get("config")
	if n.kind != mapNode || config == nil || config.kind != mapNode {
		r.refuse("config", "missing", "a mapping with the key "+root, fix)
		return nil, r.err()
	}
	for _, part := range []*node{n, config} {
		for i, again := range part.again {
			r.lines[segment(again)] = part.twice[i].line
			r.refuse(segment(again), "written twice", "each key once", "remove one of them")
		}
	}
	var value *node
	for i, key := range config.keys {
		if key == root {
			value = config.values[i]
			continue
		}
		r.locate(config.values[i], segment(key))
		r.findPlainSecrets(config.values[i], segment(key), key, namesSecret(key))
	}
	if value == nil {
		r.lines[root] = config.line
		if near := nearest(root, config.keys); near != "" {
			fix = "rename " + segment(near) + " to " + root
		}
		r.refuse(root, "missing", "the stack's description", fix)
		return nil, r.err()
	}
	return r.decode(value, opts)
}

// unreadable reports a text that gives no tree.
func (r *report) unreadable(path string, err error) {
	u := &unreadable{expected: err.Error(), fix: "correct it"}
	errors.As(err, &u)
	r.lines[path] = u.line
	r.refuse(path, "unreadable", u.expected, u.fix)
}

// decode turns a tree into a checked spec.
func (r *report) decode(n *node, opts Options) (*Spec, error) {
	r.locate(n, root)
	r.findSecrets(n, root, "")
	if n.kind != mapNode {
		r.refuse(root, n.String(), "a mapping with the key kind and what belongs to that kind", "write kind: awsclient and the rest below it, indented")
		return nil, r.err()
	}
	s := &Spec{Kind: r.kind(n)}
	t, ok := kinds[s.Kind]
	if !ok {
		return nil, r.err()
	}
	v := reflect.New(t)
	(&decoder{report: r, top: t}).structure(n, v.Elem(), root)
	switch s.Kind {
	case KindAWSClient:
		s.AWSClient = v.Interface().(*AWSClient)
		s.AWSClient.fillDefaults()
		(&clientCheck{report: r, AWSClient: s.AWSClient, now: opts.Now}).all()
	case KindOrganisation:
		s.Organisation = v.Interface().(*Organisation)
		s.Organisation.fillDefaults()
		(&organisationCheck{report: r, Organisation: s.Organisation, now: opts.Now}).all()
	case KindSites:
		s.Sites = v.Interface().(*Sites)
		(&sitesCheck{report: r, Sites: s.Sites, now: opts.Now}).all()
	case KindSiteClient:
		s.SiteClient = v.Interface().(*SiteClient)
		(&siteClientCheck{report: r, SiteClient: s.SiteClient, now: opts.Now}).all()
	case KindOnPremises:
		s.OnPremises = v.Interface().(*OnPremises)
		(&premisesCheck{report: r, OnPremises: s.OnPremises, now: opts.Now}).all()
	case KindLightClient:
		s.LightClient = v.Interface().(*LightClient)
		s.LightClient.fillDefaults()
		(&lightCheck{report: r, LightClient: s.LightClient, now: opts.Now}).all()
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	return s, nil
}

// kind reads which program the stack runs; without it nothing else can be judged.
func (r *report) kind(n *node) Kind {
	var names []string
	for _, kind := range inOrder {
		names = append(names, string(kind))
	}
	value := n.get("kind")
	switch {
	case value == nil:
		fix := "add kind: awsclient for a client on AWS; docs/spec.md says what the others are"
		if near := nearest("kind", n.keys); near != "" {
			fix = fmt.Sprintf("rename %s to kind", segment(near))
		}
		r.refuse(root+".kind", "missing", list(names), fix)
	case value.kind != stringNode || !slices.Contains(names, value.text):
		fix := "write kind: awsclient for a client on AWS; docs/spec.md says what the others are"
		if near := nearest(value.text, names); near != "" {
			fix = "did you mean " + near + "?"
		}
		r.refuse(root+".kind", value.String(), list(names), fix)
	default:
		return Kind(value.text)
	}
	return ""
}

// locate notes the line of every key.
func (r *report) locate(n *node, path string) {
	r.lines[path] = n.line
	for i, v := range n.values {
		if n.kind == mapNode {
			r.locate(v, path+"."+segment(n.keys[i]))
		} else {
			r.locate(v, index(path, i))
		}
	}
}

// MarshalJSON writes the spec as it may stand under berth:spec, with every default filled in.
func (s Spec) MarshalJSON() ([]byte, error) {
	switch s.Kind {
	case KindAWSClient:
		return json.Marshal(s.AWSClient)
	case KindOrganisation:
		return json.Marshal(s.Organisation)
	case KindSites:
		return json.Marshal(s.Sites)
	case KindSiteClient:
		return json.Marshal(s.SiteClient)
	case KindOnPremises:
		return json.Marshal(s.OnPremises)
	case KindLightClient:
		return json.Marshal(s.LightClient)
	}
	return nil, fmt.Errorf("encode spec: unknown kind %q", s.Kind)
}

// MarshalJSON writes a second region that is absent as "none", for an empty one would read as the default.
func (b Backup) MarshalJSON() ([]byte, error) {
	type plain Backup
	if b.SecondRegion == "" {
		b.SecondRegion = none
	}
	return json.Marshal(plain(b))
}
