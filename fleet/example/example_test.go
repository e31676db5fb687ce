package example_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/fleet/example"
	"github.com/berth-iac/berth/spec"
)

func fleetOf(t *testing.T, clients int, seed int64) []example.File {
	t.Helper()
	files, err := example.Make(example.Options{Clients: clients, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func digest(files []example.File) string {
	all := sha256.New()
	for _, f := range files {
		_, _ = all.Write([]byte(f.Name + "\x00" + string(f.Text) + "\x00"))
	}
	return hex.EncodeToString(all.Sum(nil))
}

// A fleet is part of figures that are published: whoever changes it measures them anew, and then writes the digest here.
func TestSameSeedMakesSameFleet(t *testing.T) {
	const want = "658fba33631ef348acda896c43a11f7a82f09f93dd5b37c2520db63e62a80384"
	if got := digest(fleetOf(t, 100, 1)); got != want {
		t.Errorf("digest of 100 clients with seed 1 = %s, want %s", got, want)
	}
	first, again := digest(fleetOf(t, 20, 3)), digest(fleetOf(t, 20, 3))
	if first != again {
		t.Error("the same seed made two fleets")
	}
	if first == digest(fleetOf(t, 20, 4)) {
		t.Error("two seeds made the same fleet")
	}
}

func TestThousandClientsAreValidAndApart(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	kinds, environments, tiers := map[spec.Kind]int{}, map[spec.Environment]int{}, map[spec.Tier]int{}
	seen := map[string]string{}
	once := func(stack string, values ...string) {
		for _, value := range values {
			if other, found := seen[value]; found {
				t.Errorf("%s and %s both have %s", other, stack, value)
			}
			seen[value] = stack
		}
	}
	var ranges []netip.Prefix
	pairs := map[string]bool{}
	var withCache, withDocuments, withoutSSH int
	files := fleetOf(t, 1000, 7)
	for _, f := range files {
		s, err := spec.DecodeFile(f.Name, f.Text, spec.Options{Now: now})
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		about := s.Summary()
		kinds[s.Kind]++
		environments[about.Environment]++
		once(f.Stack, "name "+about.Name)
		if about.Hostname != "" {
			once(f.Stack, "host "+about.Hostname)
		}
		switch {
		case s.AWSClient != nil:
			tiers[s.AWSClient.Tier]++
			once(f.Stack, "account "+s.AWSClient.AWS.Account, "zone "+s.AWSClient.Edge.ZoneID)
			ranges = append(ranges, s.AWSClient.Network.CIDR)
			if s.AWSClient.Cache != nil {
				withCache++
			}
			if s.AWSClient.Documents != nil {
				withDocuments++
			}
		case s.LightClient != nil:
			once(f.Stack, "account "+s.LightClient.AWS.Account, "zone "+s.LightClient.Edge.ZoneID)
		case s.Sites != nil:
			pairs[s.Sites.Name] = true
			for _, site := range s.Sites.Sites {
				if site.Hetzner != nil {
					ranges = append(ranges, site.Hetzner.CIDR)
				} else {
					once(f.Stack, "machine "+site.Machine.Address)
				}
			}
			ranges = append(ranges, s.Sites.Tunnel.CIDR)
		case s.OnPremises != nil && s.OnPremises.Machine == nil:
			withoutSSH++
		}
	}
	for _, f := range files { // pairs come after their clients
		if s, _ := spec.DecodeFile(f.Name, f.Text, spec.Options{Now: now}); s.SiteClient != nil && !pairs[s.SiteClient.Pair.Name] {
			t.Errorf("%s is on the pair %s, which has no stack", f.Stack, s.SiteClient.Pair.Name)
		}
	}
	for i, a := range ranges {
		for _, b := range ranges[:i] {
			if a.Overlaps(b) {
				t.Errorf("the ranges %s and %s overlap", a, b)
			}
		}
	}
	for kind, want := range map[spec.Kind]int{spec.KindAWSClient: 200, spec.KindLightClient: 150, spec.KindSiteClient: 400, spec.KindOnPremises: 250, spec.KindOrganisation: 1, spec.KindSites: 34} {
		if kinds[kind] != want {
			t.Errorf("%d stacks of kind %s, want %d", kinds[kind], kind, want)
		}
	}
	for what, n := range map[string]int{"staging": environments[spec.Staging], "development": environments[spec.Development], "standard tier": tiers[spec.Standard],
		"dedicated tier": tiers[spec.Dedicated], "cache": withCache, "documents": withDocuments, "without SSH": withoutSSH} {
		if n < 10 {
			t.Errorf("%d stacks with %s, want some", n, what)
		}
	}
}

func TestSmallestAndLargestFleets(t *testing.T) {
	for _, clients := range []int{1, 2, 3, 5, 8, 20} {
		stacks := 0
		for _, f := range fleetOf(t, clients, 3) {
			if f.Kind != spec.KindOrganisation && f.Kind != spec.KindSites {
				stacks++
			}
		}
		if stacks != clients {
			t.Errorf("%d clients were invented, want %d", stacks, clients)
		}
	}
	for _, clients := range []int{0, -1, example.Most + 1} {
		if _, err := example.Make(example.Options{Clients: clients}); err == nil || !strings.Contains(err.Error(), "5000") {
			t.Errorf("%d clients: err = %v, want one that says how many there may be", clients, err)
		}
	}
	if testing.Short() {
		return
	}
	if _, err := example.Make(example.Options{Clients: example.Most, Seed: 5}); err != nil { // ranges of addresses and the organisation's file have bounds
		t.Errorf("the largest fleet: %v", err)
	}
}
