package localcloud

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/berth-iac/berth/localcloud/catalogue"
	"github.com/berth-iac/berth/localcloud/journal"
)

// store is the cloud's memory: the objects, the indexes over them, and the journal that makes them last.
// Its methods are called with mu held, except open and close.
type store struct {
	mu      sync.Mutex
	cat     *catalogue.Catalogue
	seal    sealer
	journal *journal.Journal
	closing func() error // once

	objects   map[key]*object
	types     map[string]map[key]*object // the objects of a type
	values    map[indexed]map[key]*object
	referrers map[key]map[key]*object // who refers to an object
	births    map[string]int          // by urn
	indexes   map[string][]string     // properties that are looked up, by type
}

// indexed is a property's value that objects can be found by.
type indexed struct{ typ, property, value string }

const journalName = "objects.journal"

// openStore reads what is in dir, for this process alone.
func openStore(dir string, cat *catalogue.Catalogue) (*store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the embedded cloud's directory: %w", err)
	}
	release, err := journal.Lock(dir)
	if err != nil {
		return nil, err
	}
	s := &store{cat: cat}
	s.closing = sync.OnceValue(func() error { return errors.Join(s.journal.Close(), release()) })
	if err := s.open(filepath.Join(dir, journalName)); err != nil {
		return nil, errors.Join(fmt.Errorf("open the embedded cloud in %s: %w", dir, err), release())
	}
	return s, nil
}

func (s *store) open(path string) error {
	rules, err := s.cat.Rules()
	if err != nil {
		return err
	}
	s.indexes = indexesOf(rules)
	s.clear()
	lines := 0
	j, err := journal.Open(path, func(payload []byte) error {
		lines++
		return s.replay(payload)
	})
	if err != nil {
		return err
	}
	// More than half of the lines are history: write the present only.
	if live := len(s.objects) + 2; lines > 64 && lines > 2*live {
		if err := errors.Join(j.Close(), s.compact(path)); err != nil {
			return err
		}
		if j, err = journal.Open(path, func([]byte) error { return nil }); err != nil {
			return err
		}
	}
	s.journal = j
	if s.seal.key == nil {
		s.seal.key = make([]byte, 32)
		if _, err := rand.Read(s.seal.key); err != nil {
			return errors.Join(err, j.Close())
		}
		if err := s.append(record{Key: s.seal.key}); err != nil {
			return errors.Join(err, j.Close())
		}
	}
	for _, o := range s.objects {
		s.link(o)
	}
	return nil
}

func (s *store) clear() {
	s.objects, s.types, s.values = map[key]*object{}, map[string]map[key]*object{}, map[indexed]map[key]*object{}
	s.referrers, s.births = map[key]map[key]*object{}, map[string]int{}
}

func (s *store) replay(payload []byte) error {
	var r record
	if err := json.Unmarshal(payload, &r); err != nil {
		return fmt.Errorf("decode a record of the journal: %w", err)
	}
	switch {
	case r.Key != nil:
		s.seal.key = r.Key
	case r.Put != nil:
		o, err := r.Put.object()
		if err != nil {
			return err
		}
		s.remove(o.key)
		s.insert(o)
	case r.Delete != nil:
		s.remove(*r.Delete)
	case r.Births != nil:
		maps.Copy(s.births, r.Births)
	}
	return nil
}

func (s *store) compact(path string) error {
	records := []record{{Key: s.seal.key}, {Births: s.births}}
	for _, o := range s.sorted() {
		records = append(records, record{Put: o.stored()})
	}
	lines := make([][]byte, len(records))
	for i, r := range records {
		var err error
		if lines[i], err = r.marshal(); err != nil {
			return err
		}
	}
	return journal.Rewrite(path, lines)
}

func (s *store) close() error {
	return s.closing()
}

func (s *store) append(r record) error {
	raw, err := r.marshal()
	if err != nil {
		return err
	}
	return s.journal.Append(raw)
}

// put stores an object in place of the one with its key.
func (s *store) put(o *object) error {
	s.remove(o.key)
	s.insert(o)
	s.link(o)
	return s.append(record{Put: o.stored()})
}

// delete forgets an object.
func (s *store) delete(k key) error {
	s.remove(k)
	return s.append(record{Delete: &k})
}

func (s *store) insert(o *object) {
	s.objects[o.key] = o
	add(s.types, o.key.Type, o)
	for _, i := range s.entries(o) {
		add(s.values, i, o)
	}
	s.births[o.urn] = max(s.births[o.urn], o.birth)
}

func (s *store) remove(k key) {
	o := s.objects[k]
	if o == nil {
		return
	}
	delete(s.objects, k)
	delete(s.types[k.Type], k)
	for _, i := range s.entries(o) {
		delete(s.values[i], k)
	}
	for _, r := range o.refs {
		delete(s.referrers[r.target], k)
	}
}

// link finds what an object refers to. Objects that the rules no longer allow stay without links.
func (s *store) link(o *object) {
	_, rule, err := s.cat.Type(o.key.Type)
	if err != nil {
		return
	}
	o.refs, _ = s.resolve(rule, o.account, o.region, o.state)
	for _, r := range o.refs {
		add(s.referrers, r.target, o)
	}
}

func add[K comparable](index map[K]map[key]*object, k K, o *object) {
	if index[k] == nil {
		index[k] = map[key]*object{}
	}
	index[k][o.key] = o
}

func (s *store) entries(o *object) []indexed {
	entries := []indexed{{o.key.Type, "id", o.key.ID}}
	for _, property := range s.indexes[o.key.Type] {
		if v, secret := lookup(o.state, property); !secret && text(v) != "" {
			entries = append(entries, indexed{o.key.Type, property, text(v)})
		}
	}
	return entries
}

// indexesOf collects the properties that any rule looks objects up by.
func indexesOf(rules *catalogue.Rules) map[string][]string {
	indexes := map[string][]string{}
	for token, rule := range rules.Types {
		for _, u := range rule.Unique {
			indexes[token] = append(indexes[token], u.Keys[0])
		}
		for _, c := range rule.Checks {
			if c.CIDR != nil && c.CIDR.Siblings != "" {
				indexes[token] = append(indexes[token], c.CIDR.Siblings)
			}
		}
		for _, ref := range rule.References {
			for _, target := range ref.To {
				indexes[target] = append(indexes[target], ref.By...)
			}
		}
	}
	for token, properties := range indexes {
		properties = slices.DeleteFunc(properties, func(p string) bool { return p == "id" })
		slices.Sort(properties)
		indexes[token] = slices.Compact(properties)
	}
	return indexes
}

// keyOf is the key of an object with an id, seen from an account and region.
func (s *store) keyOf(token, account, region, id string) key {
	k := key{Type: token, ID: id}
	switch s.cat.Scope(token) {
	case catalogue.Account:
		k.Account = account
	case catalogue.Region:
		k.Account, k.Region = account, region
	}
	return k
}

// sorted lists all objects in a stable order.
func (s *store) sorted() []*object {
	all := slices.Collect(maps.Values(s.objects))
	slices.SortFunc(all, func(a, b *object) int {
		return cmp.Or(cmp.Compare(a.key.Type, b.key.Type), cmp.Compare(a.account, b.account),
			cmp.Compare(a.region, b.region), cmp.Compare(a.key.ID, b.key.ID))
	})
	return all
}

// name is what people call an object: a property that names it, or else its id.
func (o *object) name() string {
	for _, property := range []string{"name", "identifier", "clusterIdentifier", "bucket", "replicationGroupId", "aliasName"} {
		if v, secret := lookup(o.state, property); !secret && v.IsString() && v.StringValue() != "" {
			return v.StringValue()
		}
	}
	return resource.URN(o.urn).Name()
}
