// Command bases writes what the fidelity corpus starts from: the AWS resources
// of every kind of stack, as the programs give them, with ids and outputs in the
// formats of the real cloud. It runs the programs against the embedded cloud,
// without an engine, and keeps of each type the fewest resources that together
// set every property that any of them sets.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/berth-iac/berth/localcloud"
	"github.com/berth-iac/berth/spec"
	"github.com/berth-iac/berth/stacks/awsclient"
	"github.com/berth-iac/berth/stacks/lightclient"
	"github.com/berth-iac/berth/stacks/organisation"
	"github.com/berth-iac/berth/stacks/secrets"
	"github.com/berth-iac/berth/tests/fidelity"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func main() {
	root := flag.String("root", ".", "the repository")
	flag.Parse()
	if err := run(context.Background(), *root); err != nil {
		fmt.Fprintln(os.Stderr, "bases:", err)
		os.Exit(1)
	}
}

var now = time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)

// variants are stacks that between them register every resource that the programs can.
var variants = []struct {
	name, file string
	edit       func(*spec.Spec)
}{
	{"prod", "prod", func(*spec.Spec) {}},
	{"organisation", "organisation", func(*spec.Spec) {}},
	{"circleci", "organisation", func(s *spec.Spec) {
		s.Organisation.Alerts.Slack, s.Organisation.Alerts.Phones = nil, nil
		s.Organisation.Pipeline = spec.Pipeline{Provider: "circleci",
			Repository: "0b1c2d3e-4f50-4162-8374-95a6b7c8d9e0/11111111-2222-4333-8444-555555555555"}
	}},
	{"dedicated", "prod", func(s *spec.Spec) {
		c, yes := s.AWSClient, true
		c.Tier, c.Database.Engine, c.Database.Version, c.Database.InstanceClass, c.Database.ReadReplica = spec.Dedicated, spec.MySQL, "8.4", "db.r6g.large", &yes
		c.Service.InstanceType, c.Cache.NodeType = "m6i.xlarge", "cache.r6g.large"
		c.Documents = &spec.Documents{InstanceClass: "db.r6g.large", Instances: 2}
		doors(c)
	}},
	{"staging", "prod", func(s *spec.Spec) {
		c, no := s.AWSClient, false
		c.Environment, c.AWS.Zones, c.Network.NATGateways = spec.Staging, 2, "single"
		c.Cache, c.Backup.SecondRegion, c.Backup.CopiesAbroad, c.Database.MultiAZ = nil, "", "", &no
	}},
	{"leaving", "prod", func(s *spec.Spec) {
		s.AWSClient.Leaving = &spec.Leaving{Confirm: "acme", Reason: "contract ends"}
	}},
	{"dublin", "prod", func(s *spec.Spec) {
		c := s.AWSClient
		c.Residency, c.AWS.Region, c.Backup.SecondRegion = spec.EuropeanUnion, "eu-west-1", "eu-west-2"
		c.Backup.RetentionDays, c.Backup.ArchiveAfterDays, c.Backup.DeleteAfterDays, c.Backup.Lock = 365, 120, 1000, "compliance"
	}},
	{"doors", "prod", func(s *spec.Spec) { doors(s.AWSClient) }},
	{"light", "hooli", func(*spec.Spec) {}},
	{"light staging", "hooli", func(s *spec.Spec) {
		s.LightClient.Environment = spec.Staging
		s.LightClient.OfficeCIDRs = append(s.LightClient.OfficeCIDRs, netip.MustParsePrefix("2001:db8:7::/48"))
	}},
}

// doors opens what is closed by default.
func doors(c *spec.AWSClient) {
	c.Access.BI = &spec.BIAccess{Reason: "asked for by mail", Until: spec.Date{Time: now.Truncate(24*time.Hour).AddDate(0, 1, 0)},
		From: []netip.Prefix{netip.MustParsePrefix("198.51.100.8/32")}}
	c.Access.BreakGlass = &spec.BreakGlass{Incident: "INC-7", Reason: "index is corrupt", People: []string{"arn:aws:iam::111122223333:user/ben.adeyemi"},
		Opens: spec.Instant{Time: now.Truncate(time.Hour)}, Closes: spec.Instant{Time: now.Truncate(time.Hour).Add(time.Hour)}}
}

func run(ctx context.Context, root string) error {
	var all []*fidelity.Base
	for _, v := range variants {
		file := "Pulumi." + v.file + ".yaml"
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			return err
		}
		s, err := spec.DecodeFile(file, text, spec.Options{Now: now})
		if err != nil {
			return err
		}
		v.edit(s)
		bases, err := makeAll(ctx, v.file, s)
		if err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		all = append(all, bases...)
	}
	kept := fewest(all)
	text, err := fidelity.Lines(kept)
	if err != nil {
		return err
	}
	fmt.Printf("%d of %d resources\n", len(kept), len(all))
	return os.WriteFile(filepath.Join(root, "tests", "fidelity", "testdata", "bases.jsonl"), text, 0o644)
}

func makeAll(ctx context.Context, stack string, s *spec.Spec) (bases []*fidelity.Base, err error) {
	dir, err := os.MkdirTemp("", "fidelity-*")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cloud, err := localcloud.Start(ctx, localcloud.Options{Dir: dir, Seed: 7, Clock: func() time.Time { return now }})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, cloud.Close()) }()
	m := &maker{ctx: ctx, ports: map[string]string{}, providers: map[string]*fidelity.Session{}, regions: map[string]string{}}
	for _, entry := range strings.Split(cloud.Providers(), ",") {
		pkg, port, _ := strings.Cut(entry, ":")
		m.ports[pkg] = port
	}
	err = pulumi.RunErr(func(c *pulumi.Context) error {
		switch s.Kind {
		case spec.KindOrganisation:
			return organisation.Program(c, s.Organisation)
		case spec.KindLightClient:
			return lightclient.Program(c, s.LightClient, secrets.Invented())
		}
		return awsclient.Program(c, s.AWSClient)
	}, pulumi.WithMocks("berth", stack, m))
	slices.SortFunc(m.bases, func(a, b *fidelity.Base) int { // they come in any order
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Name, b.Name))
	})
	return m.bases, err
}

// maker makes what a program registers, on the embedded cloud.
type maker struct {
	ctx   context.Context
	ports map[string]string

	mu        sync.Mutex
	providers map[string]*fidelity.Session // by the provider's name
	regions   map[string]string
	bases     []*fidelity.Base
}

// session is the connection for a provider resource; a program's default provider has the package's name.
func (m *maker) session(reference, pkg string) (*fidelity.Session, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := pkg + " by default"
	if i := strings.LastIndex(reference, "::"); i > 0 {
		name = resource.URN(reference[:i]).Name()
	}
	if s := m.providers[name]; s != nil {
		return s, m.regions[name], nil
	}
	if reference != "" && name != pkg+" by default" {
		return nil, "", fmt.Errorf("no provider %q", name)
	}
	config := resource.PropertyMap{}
	if pkg == "aws" {
		config["region"] = resource.NewProperty("eu-west-2")
	}
	s, err := fidelity.Dial(m.ctx, m.ports[pkg], config)
	m.providers[name], m.regions[name] = s, config["region"].String()
	return s, m.regions[name], err
}

func (m *maker) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	if pkg, ok := strings.CutPrefix(args.TypeToken, "pulumi:providers:"); ok {
		return m.newProvider(pkg, args)
	}
	if !args.Custom {
		return "", args.Inputs, nil
	}
	pkg, _, _ := strings.Cut(args.TypeToken, ":")
	s, region, err := m.session(args.Provider, pkg)
	if err != nil {
		return "", nil, err
	}
	urn := resource.NewURN("fidelity", "fidelity", "", tokens.Type(args.TypeToken), args.Name)
	checked, refusal, err := s.Check(m.ctx, urn, nil, args.Inputs)
	if refusal != nil {
		err = fmt.Errorf("%s: %s", urn, strings.Join(refusal.Reasons, "; "))
	}
	if err != nil {
		return "", nil, err
	}
	id, state, err := s.Create(m.ctx, urn, checked)
	if err != nil {
		return "", nil, err
	}
	if pkg == "aws" {
		outputs := resource.PropertyMap{}
		for name, v := range state {
			if given, ok := args.Inputs[name]; !ok || given.IsNull() {
				outputs[name] = v
			}
		}
		m.mu.Lock()
		m.bases = append(m.bases, &fidelity.Base{Type: args.TypeToken, Name: args.Name, Region: region, ID: id,
			Inputs: fidelity.Values(args.Inputs), Outputs: fidelity.Values(outputs)})
		m.mu.Unlock()
	}
	return id, state, nil
}

func (m *maker) newProvider(pkg string, args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	s, err := fidelity.Dial(m.ctx, m.ports[pkg], args.Inputs)
	if err != nil {
		return "", nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.providers[args.Name] = s
	if region := args.Inputs["region"]; region.IsString() {
		m.regions[args.Name] = region.StringValue()
	}
	return args.Name + "-id", args.Inputs, nil
}

func (m *maker) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	if args.Token == "aws:secretsmanager/getRandomPassword:getRandomPassword" {
		return resource.PropertyMap{"randomPassword": resource.NewProperty("an-example-and-no-secret")}, nil
	}
	pkg, _, _ := strings.Cut(args.Token, ":")
	s, _, err := m.session(args.Provider, pkg)
	if err != nil {
		return nil, err
	}
	return s.Invoke(m.ctx, args.Token, args.Args)
}

// fewest keeps, of each type, resources that add a property to those before; the fullest come first.
func fewest(all []*fidelity.Base) []*fidelity.Base {
	shapes := map[*fidelity.Base][]string{}
	for _, b := range all {
		shapes[b] = fidelity.Shapes(resource.PropertyMap(b.Inputs))
	}
	slices.SortStableFunc(all, func(a, b *fidelity.Base) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), len(shapes[b])-len(shapes[a]), cmp.Compare(a.Name, b.Name))
	})
	var kept []*fidelity.Base
	had, names := map[string]bool{}, map[string]bool{}
	for _, b := range all {
		adds := false
		for _, s := range shapes[b] {
			adds = adds || !had[b.Type+" "+s]
			had[b.Type+" "+s] = true
		}
		if !adds {
			continue
		}
		name := b.Name
		for n := 2; names[b.Type+" "+b.Name]; n++ { // the same resource in another stack
			b.Name = fmt.Sprintf("%s-%d", name, n)
		}
		names[b.Type+" "+b.Name] = true
		kept = append(kept, b)
	}
	return kept
}
