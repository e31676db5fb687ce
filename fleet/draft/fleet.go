package draft

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/berth-iac/berth/fleet/stackfile"
	"github.com/berth-iac/berth/spec"
	"gopkg.in/yaml.v3"
)

// Fleet is what the other stacks tell.
type Fleet struct {
	Now    time.Time
	stacks []known
	copied stackfile.Tree // what a copy begins with; nil: none is made
}

// Copy has the next stack begin as a copy of one whose file this is, without what is the client's own: who it is, where its
// people go, its account, its range of addresses, and what holds for a while.
func (f *Fleet) Copy(text []byte) error {
	tree, err := TreeOf(text)
	if err != nil {
		return err
	}
	for _, path := range []string{"client", "access", "leaving", "waivers", "aws.account", "aws.deployRoleArn", "network.cidr",
		"edge.hostname", "edge.zone", "edge.zoneId", "edge.manageZone", "hostname", "machine", "disks.devices", "disks.erase", "server.hostKey",
		"backup.copiesAbroad", "backup.folder", "peopleCidrs", "administratorCidrs", "fleet.wave"} {
		remove(tree, path)
	}
	f.copied = tree
	return nil
}

// remove takes out what is at a path.
func remove(tree stackfile.Tree, path string) {
	first, rest, deeper := strings.Cut(path, ".")
	if below, ok := tree[first].(stackfile.Tree); ok && deeper {
		remove(below, rest)
	} else if !deeper {
		delete(tree, first)
	}
}

type known struct {
	name string
	spec *spec.Spec
	tree stackfile.Tree // as it stands below berth:spec
}

// Add tells of one stack's file. One that is not valid still has its name.
func (f *Fleet) Add(stack string, text []byte) {
	k := known{name: stack}
	s, err := spec.DecodeFile("Pulumi."+stack+".yaml", text, spec.Options{Now: f.Now})
	if tree, treeErr := TreeOf(text); err == nil && treeErr == nil {
		k.spec, k.tree = s, tree
	}
	f.stacks = append(f.stacks, k)
}

// TreeOf is what a stack's file has below berth:spec.
func TreeOf(text []byte) (stackfile.Tree, error) {
	var file struct {
		Config struct {
			Spec yaml.Node `yaml:"berth:spec"`
		} `yaml:"config"`
	}
	if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the stack's file: %w", err)
	}
	tree, ok := plain(&file.Config.Spec).(stackfile.Tree)
	if !ok {
		return nil, errors.New("read the stack's file: it has no mapping berth:spec")
	}
	return tree, nil
}

// plain are a node's values; dates stay texts.
func plain(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		tree := stackfile.Tree{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			tree[n.Content[i].Value] = plain(n.Content[i+1])
		}
		return tree
	case yaml.SequenceNode:
		var list []any
		for _, element := range n.Content {
			list = append(list, plain(element))
		}
		return list
	}
	var value any
	if n.Tag == "!!timestamp" || n.Decode(&value) != nil {
		return n.Value
	}
	return value
}

// shared is what clients of a kind have from the provider: it is taken over from another stack.
var shared = map[spec.Kind][]string{
	spec.KindAWSClient:   {"aws.verifiers", "edge.accountId", "service.release", "alerts"},
	spec.KindLightClient: {"edge.accountId", "officeCidrs", "administrators", "deployKeys", "release", "watch", "alerts"},
	spec.KindSiteClient:  {"edge.accountId", "release", "alerts"},
	spec.KindOnPremises:  {"release"},
}

// model is the stack that a new one of the kind takes the provider's part from: the one that is named, or else the first
// production stack of the kind.
func (f *Fleet) model(kind spec.Kind, like string) *known {
	var first *known
	for i := range f.stacks {
		k := &f.stacks[i]
		if k.spec == nil || like != "" && k.name != like || k.spec.Kind != kind {
			continue
		}
		if k.spec.Summary().Environment == spec.Production {
			return k
		}
		if first == nil {
			first = k
		}
	}
	return first
}

// inherit takes over what the fleet tells, and returns sentences about it.
func (f *Fleet) inherit(kind spec.Kind, like string, tree stackfile.Tree) (notes []string, err error) {
	if f.copied != nil {
		for key, value := range f.copied {
			tree[key] = value
		}
		return nil, nil
	}
	model := f.model(kind, like)
	if like != "" && model == nil {
		return nil, fmt.Errorf("there is no valid stack %s of kind %s to take the provider's part from", like, kind)
	}
	for _, path := range shared[kind] {
		if model == nil {
			break
		}
		if value := at(model.tree, path); value != nil {
			set(tree, path, value)
		}
	}
	if model != nil {
		notes = append(notes, fmt.Sprintf("release, alerts and what else is the provider's are as in %s", model.name))
	}
	for _, k := range f.stacks { // another kind may tell of releases on machines and of Cloudflare
		if kind != spec.KindAWSClient && at(tree, "release") == nil && at(k.tree, "release") != nil {
			set(tree, "release", at(k.tree, "release"))
			notes = append(notes, "the release is as in "+k.name)
		}
		if kind != spec.KindOnPremises && at(tree, "edge.accountId") == nil && at(k.tree, "edge.accountId") != nil {
			set(tree, "edge.accountId", at(k.tree, "edge.accountId"))
		}
	}
	return notes, nil
}

// Default is what an answer is unless somebody says otherwise; empty: there is none.
func (f *Fleet) Default(q Question, a Answers, kind spec.Kind) string {
	switch q.Key {
	case "environment":
		return string(spec.Production)
	case "tier":
		return string(spec.Standard)
	case "engine":
		return string(spec.PostgreSQL)
	case "stack":
		return a["name"]
	case "zone":
		if _, rest, ok := strings.Cut(a["hostname"], "."); ok && strings.Contains(rest, ".") {
			return rest
		}
	case "zone-id":
		for _, k := range f.stacks { // the zone is known
			if at(k.tree, "edge.zone") == a["zone"] && a["zone"] != "" {
				id, _ := at(k.tree, "edge.zoneId").(string)
				return id
			}
		}
	case "cidr":
		return f.freeRange()
	case "image":
		for _, k := range f.stacks { // an image belongs to a region
			if kind == spec.KindAWSClient && k.spec != nil && k.spec.AWSClient != nil && string(k.spec.AWSClient.Residency) == a["residency"] {
				return k.spec.AWSClient.Service.ImageID
			}
		}
	case "pair":
		if pairs := f.Pairs(); len(pairs) == 1 {
			return pairs[0].Value
		}
	case "home":
		if sites := f.sitesOf(a["pair"]); len(sites) == 2 {
			return f.emptier(sites)
		}
	}
	return ""
}

// Pairs of sites that there are.
func (f *Fleet) Pairs() []Choice {
	var pairs []Choice
	for _, k := range f.stacks {
		if k.spec != nil && k.spec.Sites != nil {
			pairs = append(pairs, Choice{k.spec.Sites.Name, k.spec.Summary().DisplayName})
		}
	}
	return pairs
}

// sitesOf are the two sites of a pair as clients' stacks know them: from the pair's own file, or, where its machines are made and
// their addresses are not in it, from a client that is on the pair.
func (f *Fleet) sitesOf(pair string) []stackfile.Tree {
	for _, k := range f.stacks {
		if k.spec == nil || k.spec.Sites == nil || k.spec.Sites.Name != pair || k.spec.Sites.Sites[0].Machine == nil {
			continue
		}
		var both []stackfile.Tree
		list, _ := k.tree["sites"].([]any)
		for _, element := range list {
			site, _ := element.(stackfile.Tree)
			both = append(both, stackfile.Tree{"name": site["name"], "country": site["country"], "machine": site["machine"]})
		}
		return both
	}
	for _, k := range f.stacks {
		if k.spec != nil && k.spec.SiteClient != nil && k.spec.SiteClient.Pair.Name == pair {
			home, _ := at(k.tree, "pair.home").(stackfile.Tree)
			standby, _ := at(k.tree, "pair.standby").(stackfile.Tree)
			return []stackfile.Tree{home, standby}
		}
	}
	return nil
}

// emptier is the site that serves the fewer clients.
func (f *Fleet) emptier(sites []stackfile.Tree) string {
	serves := map[any]int{}
	for _, k := range f.stacks {
		serves[at(k.tree, "pair.home.name")]++
	}
	best := sites[0]["name"]
	if serves[sites[1]["name"]] < serves[best] {
		best = sites[1]["name"]
	}
	name, _ := best.(string)
	return name
}

// ranges that stacks have, with whose they are.
func (f *Fleet) ranges() map[netip.Prefix]string {
	all := map[netip.Prefix]string{}
	for _, k := range f.stacks {
		if k.spec == nil {
			continue
		}
		if c := k.spec.AWSClient; c != nil {
			all[c.Network.CIDR] = k.name
			for _, r := range c.Network.Reserved {
				all[r] = k.name
			}
		}
		if p := k.spec.Sites; p != nil {
			all[p.Tunnel.CIDR] = k.name
			for _, site := range p.Sites {
				if site.Hetzner != nil {
					all[site.Hetzner.CIDR] = k.name
				}
			}
		}
	}
	return all
}

// freeRange is the first /16 that overlaps nothing, or the first /20; empty: there is none.
func (f *Fleet) freeRange() string {
	taken := f.ranges()
	for _, bits := range []int{16, 20} {
		for second := 20; second < 250; second++ {
			for third := 0; third < 256; third += 1 << (24 - bits) & 255 {
				candidate := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(second), byte(third)}), bits)
				if !overlaps(taken, candidate) {
					return candidate.String()
				}
				if bits == 16 {
					break
				}
			}
		}
	}
	return ""
}

func overlaps(taken map[netip.Prefix]string, candidate netip.Prefix) bool {
	for p := range taken {
		if p.IsValid() && p.Overlaps(candidate) {
			return true
		}
	}
	return false
}

// conflicts are what the new stack may not have in common with others.
func (f *Fleet) conflicts(stack string, s *spec.Spec) spec.Problems {
	var problems spec.Problems
	add := func(path, value, expected, fix string) {
		problems = append(problems, spec.Problem{Path: path, Value: value, Expected: expected, Fix: fix})
	}
	about := s.Summary()
	account := accountOf(s)
	if slices.ContainsFunc(f.stacks, func(k known) bool { return k.name == stack }) {
		add("stack", stack, "a name that no stack has", "choose another: Pulumi."+stack+".yaml is there already")
	}
	hostPath := "berth:spec.edge.hostname"
	if s.OnPremises != nil {
		hostPath = "berth:spec.hostname"
	}
	for _, k := range f.stacks {
		if k.spec == nil {
			continue
		}
		other := k.spec.Summary()
		if other.Name == about.Name {
			add("berth:spec.client.name", about.Name, "a name that no client has", "choose another: stack "+k.name+" has it")
		}
		if other.Hostname != "" && other.Hostname == about.Hostname {
			add(hostPath, about.Hostname, "a host name that no client has", "choose another: stack "+k.name+" has it")
		}
		if o := accountOf(k.spec); o != "" && o == account {
			add("berth:spec.aws.account", account, "an account of the client's own (DP-1)", "create one: stack "+k.name+" has it")
		}
	}
	if c := s.AWSClient; c != nil {
		for p, whose := range f.ranges() {
			if p.IsValid() && p.Overlaps(c.Network.CIDR) {
				add("berth:spec.network.cidr", c.Network.CIDR.String(), "a range that no other stack has", fmt.Sprintf("choose another, such as %s: stack %s has %s", f.freeRange(), whose, p))
				break
			}
		}
	}
	return problems
}

func accountOf(s *spec.Spec) string {
	switch {
	case s.AWSClient != nil:
		return s.AWSClient.AWS.Account
	case s.LightClient != nil:
		return s.LightClient.AWS.Account
	case s.Organisation != nil:
		return s.Organisation.AWS.Account
	}
	return ""
}
