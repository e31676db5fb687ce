package example

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/berth-iac/berth/fleet/stackfile"
	"github.com/berth-iac/berth/spec"
)

// Most is the number of clients for which there are ranges of addresses.
const Most = 5_000

// Options say which fleet is invented.
type Options struct {
	Clients int   // stacks of clients, besides the pairs of sites and the organisation; 1 to Most
	Seed    int64 // the same seed makes the same fleet
	// Now is the day from which access and rotations count. Zero: a fixed one.
	Now time.Time
}

// File is one stack's file.
type File struct {
	Name  string // Pulumi.<stack>.yaml
	Stack string
	Kind  spec.Kind
	Text  []byte
}

// Of one hundred clients, how many there are of each kind; the rest is on the client's own premises.
const (
	ofAWS   = 20
	ofLight = 15
	ofSites = 40
)

// Make invents a fleet. Its files are sorted by name.
func Make(o Options) ([]File, error) {
	if o.Clients < 1 || o.Clients > Most {
		return nil, fmt.Errorf("invent a fleet: %d clients are asked for; it can have 1 to %d", o.Clients, Most)
	}
	if o.Now.IsZero() {
		o.Now = time.Date(2026, time.November, 22, 0, 0, 0, 0, time.UTC)
	}
	random := rand.New(rand.NewPCG(uint64(o.Seed), 0x6265727468)) //nolint:gosec // the same seed must make the same fleet; nothing here is secret
	m := &maker{random: random, now: o.Now.UTC().Truncate(24 * time.Hour), names: random.Perm(len(beginnings) * len(endings)), taken: map[string]bool{}, waiting: map[spec.Kind][]client{}}
	m.begin()
	numbers := shares(o.Clients)
	m.pairs = m.pairsFor(numbers[spec.KindSiteClient])
	order := make([]spec.Kind, 0, o.Clients)
	for _, kind := range []spec.Kind{spec.KindAWSClient, spec.KindLightClient, spec.KindSiteClient, spec.KindOnPremises} {
		order = append(order, slices.Repeat([]spec.Kind{kind}, numbers[kind])...)
	}
	for i, kind := range order {
		file, err := m.stack(kind, i)
		if err != nil {
			return nil, err
		}
		m.files = append(m.files, file)
	}
	for _, p := range m.pairs {
		file, err := m.sites(p)
		if err != nil {
			return nil, err
		}
		m.files = append(m.files, file)
	}
	organisation, err := m.organisation()
	if err != nil {
		return nil, err
	}
	m.files = append(m.files, organisation)
	slices.SortFunc(m.files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return m.files, nil
}

// shares are how many clients there are of each kind: at least one of each where there are four or more.
func shares(clients int) map[spec.Kind]int {
	n := map[spec.Kind]int{}
	n[spec.KindAWSClient] = (clients*ofAWS + 99) / 100
	n[spec.KindLightClient] = min((clients*ofLight+50)/100, clients-n[spec.KindAWSClient])
	n[spec.KindSiteClient] = min((clients*ofSites+50)/100, clients-n[spec.KindAWSClient]-n[spec.KindLightClient])
	n[spec.KindOnPremises] = clients - n[spec.KindAWSClient] - n[spec.KindLightClient] - n[spec.KindSiteClient]
	return n
}

// maker holds what the files of one fleet have in common.
type maker struct {
	random *rand.Rand
	now    time.Time
	names  []int // the order in which names are given
	named  int
	staff  []administrator
	deploy string // the pipeline's key
	taken  map[string]bool
	// accounts are those of clients on AWS, for the organisation.
	accounts []stackfile.Tree
	ranges   int // of addresses that were given, in /20s
	pairs    []*pair
	waiting  map[spec.Kind][]client // production clients that have no staging yet
	files    []File
}

// administrator is one of the provider's own people.
type administrator struct {
	person
	key   string
	until int // days from now
}

func (m *maker) begin() {
	for i, name := range []string{"Ada Lindqvist", "Ben Adeyemi", "Chiara Rossi"} {
		p := person{name, strings.ToLower(strings.ReplaceAll(name, " ", ".")) + "@northwind.example"}
		m.staff = append(m.staff, administrator{p, m.key(strings.ToLower(name[:strings.IndexByte(name, ' ')])), 200 + 30*i})
	}
	m.deploy = m.key("pipeline")
}

// stack invents a client and writes its file.
func (m *maker) stack(kind spec.Kind, number int) (File, error) {
	environment := m.environment(number)
	var c client
	if waiting := m.waiting[kind]; environment != spec.Production && len(waiting) > 0 {
		i := m.random.IntN(len(waiting))
		c = waiting[i]
		m.waiting[kind] = slices.Delete(waiting, i, i+1)
	} else {
		environment = spec.Production
		c = m.client(m.country(kind))
		m.waiting[kind] = append(waiting, c)
	}
	if environment != spec.Production {
		short := map[spec.Environment]string{spec.Staging: "staging", spec.Development: "dev"}[environment]
		c.name += "-" + short
	}
	tree, err := map[spec.Kind]func(client, spec.Environment) (stackfile.Tree, error){
		spec.KindAWSClient: m.aws, spec.KindLightClient: m.light, spec.KindSiteClient: m.siteClient, spec.KindOnPremises: m.premises,
	}[kind](c, environment)
	if err != nil {
		return File{}, err
	}
	people := []stackfile.Tree{}
	for i, p := range c.people[:1+m.random.IntN(2)] {
		people = append(people, stackfile.Tree{"name": p.name, "email": p.email, "role": []string{"operations", "security"}[i]})
	}
	tree["client"] = stackfile.Tree{"name": c.name, "displayName": c.display, "contacts": people}
	tree["environment"] = string(environment)
	tree["fleet"] = m.fleet(c, environment)
	return m.file(c.name, kind, tree)
}

// environment of the client by its number: of twenty, two stage and one develops.
func (m *maker) environment(number int) spec.Environment {
	switch number % 20 {
	case 6, 13:
		return spec.Staging
	case 19:
		return spec.Development
	}
	return spec.Production
}

// country that a client of a kind is in.
func (m *maker) country(kind spec.Kind) string {
	if kind == spec.KindSiteClient {
		return m.freest().region.country
	}
	return pick(m, map[spec.Kind][]string{
		spec.KindAWSClient:   {"GB", "GB", "IE", "DE", "NL"},
		spec.KindLightClient: {"GB", "IE", "FR", "SE"},
		spec.KindOnPremises:  {"DE", "FR", "NL", "GB", "FI"},
	}[kind])
}

// fleet places a stack: a few clients go first, and everybody has labels to select by.
func (m *maker) fleet(c client, environment spec.Environment) stackfile.Tree {
	labels := []string{"sector=" + c.sector, "country=" + strings.ToLower(c.country), "size=" + pick(m, []string{"small", "small", "medium", "large"})}
	tree := stackfile.Tree{}
	if environment == spec.Production && m.random.IntN(10) == 0 {
		tree["wave"] = 3
		labels = append(labels, "ring=early")
	}
	tree["labels"] = labels
	return tree
}

// file writes a stack's file, and reads it back: what is invented has to be right.
func (m *maker) file(stack string, kind spec.Kind, tree stackfile.Tree) (File, error) {
	if m.taken[stack] {
		return File{}, fmt.Errorf("invent a fleet: two stacks are called %s", stack)
	}
	m.taken[stack] = true
	tree["kind"] = string(kind)
	f := stackfile.File{Kind: kind, Spec: tree, Heading: []string{"Invented by `berth fleet example`: names, addresses and keys are nobody's."}}
	text, err := stackfile.Render(f)
	if err != nil {
		return File{}, err
	}
	name := "Pulumi." + stack + ".yaml"
	s, err := spec.DecodeFile(name, text, spec.Options{Now: m.now})
	if err != nil {
		return File{}, fmt.Errorf("invent stack %s: %w", stack, err)
	}
	f.Secrets = map[string]string{}
	for _, secret := range stackfile.Secrets(s) {
		f.Secrets[secret.Name] = stackfile.StandIn
	}
	if text, err = stackfile.Render(f); err != nil {
		return File{}, err
	}
	return File{Name: name, Stack: stack, Kind: kind, Text: text}, nil
}

func pick[T any](m *maker, all []T) T { return all[m.random.IntN(len(all))] }

// hex is some random hexadecimal digits.
func (m *maker) hex(digits int) string {
	var b strings.Builder
	for range digits {
		fmt.Fprintf(&b, "%x", m.random.IntN(16))
	}
	return b.String()
}

// key is a public SSH key that nobody has the private half of.
func (m *maker) key(owner string) string {
	const kind = "ssh-ed25519"
	blob := binary.BigEndian.AppendUint32(nil, uint32(len(kind)))
	blob = append(blob, kind...)
	blob = binary.BigEndian.AppendUint32(blob, 32)
	for range 4 {
		blob = binary.LittleEndian.AppendUint64(blob, m.random.Uint64())
	}
	return strings.TrimSpace(kind + " " + base64.StdEncoding.EncodeToString(blob) + " " + owner)
}

// date is a day so many days ahead.
func (m *maker) date(days int) string { return m.now.AddDate(0, 0, days).Format(time.DateOnly) }
