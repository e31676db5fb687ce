package fidelity

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/berth-iac/berth/localcloud"
	"github.com/berth-iac/berth/localcloud/catalogue"
)

// ReadRecorded reads all recorded cases of a folder, sorted by service.
func ReadRecorded(dir string) ([]Case, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		return nil, err
	}
	var all []Case
	for _, file := range files {
		cases, err := ReadLines[Case](file)
		if err != nil {
			return nil, err
		}
		all = append(all, cases...)
	}
	return all, nil
}

// Topics are what the figures are given for.
const (
	ReplaceSet  = "replace, update or nothing: a property that the stacks set"
	ReplaceRest = "replace, update or nothing: any other property"
	NewOutputs  = "outputs in the preview of a creation"
	Outputs     = "outputs in the preview of an update"
	Refusals    = "inputs refused or taken"
)

// Topics in the order of the report.
func Topics() []string { return []string{ReplaceSet, ReplaceRest, NewOutputs, Outputs, Refusals} }

// Finding is one comparison: what the real provider said and what the embedded cloud said.
type Finding struct {
	Topic, Type, Base string
	Name              string // kind and property, as exceptions give it
	Real, Embedded    string
}

// Agrees tells whether both said the same.
func (f Finding) Agrees() bool { return f.Real == f.Embedded }

// Key is how an exception names findings.
func (f Finding) Key() string { return f.Type + " " + f.Name }

// Compare puts recorded cases to the embedded cloud, whose state goes to dir.
func Compare(ctx context.Context, dir string, bases []*Base, cases []Case) (findings []Finding, err error) {
	c := &comparison{bases: map[string]*Base{}}
	for _, b := range bases {
		c.bases[b.Type+" "+b.Name] = b
	}
	for services, into := range map[bool]**side{true: &c.whole, false: &c.provider} {
		var stop func() error
		if *into, stop, err = start(ctx, filepath.Join(dir, fmt.Sprint(services)), services); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, stop()) }()
	}
	for _, recorded := range cases {
		if err := c.one(ctx, recorded); err != nil {
			return nil, fmt.Errorf("%s: %w", recorded.Key(), err)
		}
	}
	return c.findings, nil
}

type comparison struct {
	bases map[string]*Base
	// The embedded cloud refuses more than the provider does: also what a service would say, once it is called. What
	// the real provider takes is asked of provider, an embedded cloud without that.
	whole, provider *side
	findings        []Finding
}

// side is an embedded cloud, and the bases on it.
type side struct {
	cat      *catalogue.Catalogue
	port     string
	sessions map[string]*Session
	subjects map[string]*subject
}

func start(ctx context.Context, dir string, services bool) (*side, func() error, error) {
	cat, err := alone(services)
	if err != nil {
		return nil, nil, err
	}
	at := func() time.Time { return time.Unix(1795253400, 0).UTC() }
	cloud, err := localcloud.Start(ctx, localcloud.Options{Dir: dir, Seed: 7, Catalogue: cat, Clock: at})
	if err != nil {
		return nil, nil, err
	}
	_, rest, _ := strings.Cut(","+cloud.Providers(), ",aws:")
	port, _, _ := strings.Cut(rest, ",")
	s := &side{cat: cat, port: port, sessions: map[string]*Session{}, subjects: map[string]*subject{}}
	return s, func() error {
		var errs []error
		for _, session := range s.sessions {
			errs = append(errs, session.Close())
		}
		return errors.Join(append(errs, cloud.Close())...)
	}, nil
}

// alone is the embedded cloud's catalogue without what ties objects to each other, so that each base can be made on
// its own; without services, also without what only the services refuse.
func alone(services bool) (*catalogue.Catalogue, error) {
	cat := catalogue.Embedded()
	rules, err := cat.Rules()
	if err != nil {
		return nil, err
	}
	for _, rule := range rules.Types {
		rule.References, rule.Unique, rule.Upsert = nil, nil, true
		if !services {
			rule.Checks = nil
		}
		for i, check := range rule.Checks {
			if check.CIDR != nil {
				free := *check.CIDR
				free.Within, free.Siblings = "", ""
				rule.Checks[i].CIDR = &free
			}
		}
	}
	return cat, nil
}

// subject is a base on the embedded cloud, prepared once.
func (c *side) subject(ctx context.Context, b *Base) (*subject, error) {
	name := b.Type + " " + b.Name
	if s := c.subjects[name]; s != nil {
		return s, nil
	}
	session := c.sessions[b.Region]
	if session == nil {
		var err error
		session, err = Dial(ctx, c.port, resource.PropertyMap{"region": resource.NewProperty(b.Region)})
		if err != nil {
			return nil, err
		}
		c.sessions[b.Region] = session
	}
	shape, _, err := c.cat.Type(b.Type)
	if err != nil {
		return nil, err
	}
	s, err := prepare(ctx, session, b, shape, true)
	c.subjects[name] = s
	return s, err
}

func (c *comparison) one(ctx context.Context, recorded Case) error {
	b := c.bases[recorded.Type+" "+recorded.Base]
	if b == nil {
		return errors.New("there is no such base: record again")
	}
	s, err := c.whole.subject(ctx, b)
	if err != nil {
		return err
	}
	embedded, err := s.ask(ctx, recorded.Kind, recorded.Edit)
	if err != nil {
		return err
	}
	if embedded.Refused != "" && recorded.Refused == "" {
		if s, err = c.provider.subject(ctx, b); err != nil {
			return err
		}
		if embedded, err = s.ask(ctx, recorded.Kind, recorded.Edit); err != nil {
			return err
		}
	}
	shape := Shape(steps(recorded.Path))
	add := func(topic, name, real, got string) {
		c.findings = append(c.findings, Finding{topic, recorded.Type, recorded.Base, strings.TrimSpace(name), real, got})
	}
	name := recorded.Kind + " " + shape
	if recorded.Kind == Breaking || (recorded.Refused != "") != (embedded.Refused != "") || recorded.Refused != "" {
		add(Refusals, name, verdict(recorded.Answer), verdict(embedded))
		return nil
	}
	if recorded.Kind == Creation {
		for _, output := range union(recorded.Answer, embedded) {
			add(NewOutputs, "create "+output, recorded.output(output), embedded.output(output))
		}
		return nil
	}
	topic := ReplaceSet
	if at(resource.NewProperty(resource.PropertyMap(s.base.Inputs)), steps(recorded.Path)).IsNull() {
		topic = ReplaceRest
	}
	given := s.base.given(recorded.Path)
	add(topic, name, recorded.change(given), embedded.change(given))
	if recorded.Change == Update && embedded.Change == Update {
		for _, output := range union(Answer{Unknown: recorded.Unknown}, Answer{Unknown: embedded.Unknown}) {
			add(Outputs, "after "+name+": "+output, recorded.output(output), embedded.output(output))
		}
	}
	return nil
}

func verdict(a Answer) string {
	if a.Refused != "" {
		return "refused"
	}
	return "taken"
}

// given are the properties that a program speaks of: those of the base, and the one that an edit lies in. What else
// an answer names is computed and follows from them.
func (b *Base) given(path string) map[string]bool {
	names := map[string]bool{top(path): true}
	for name := range b.Inputs {
		names[string(name)] = true
	}
	return names
}

// change is what an answer says of a change, with the given properties that it comes from.
func (a Answer) change(given map[string]bool) string {
	if a.Change == None {
		return None
	}
	return a.Change + " of " + strings.Join(slices.DeleteFunc(slices.Clone(a.Of), func(name string) bool { return !given[name] }), ", ")
}

// output is what an answer says of an output.
func (a Answer) output(name string) string {
	if slices.Contains(a.Unknown, name) {
		return "unknown"
	}
	if v, ok := a.Known[resource.PropertyKey(name)]; ok {
		text, err := Value{v}.MarshalJSON()
		if err != nil {
			return err.Error()
		}
		return string(text)
	}
	return "not set"
}

// union are the outputs that one of two answers speaks of.
func union(a, b Answer) []string {
	names := slices.Concat(a.Unknown, b.Unknown, sorted(a.Known), sorted(b.Known))
	slices.Sort(names)
	return slices.Compact(names)
}
