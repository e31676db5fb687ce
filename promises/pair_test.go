package promises_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

func TestTakeOver(t *testing.T) {
	holds, not := promises.Finding{Resource: "jnb", Holds: true}, promises.Finding{Resource: "cpt"}
	own := &promises.Assessment{Promises: []promises.Result{
		{ID: "BK-1", Verdict: promises.NotShown, Why: "nothing there"},
		{ID: "AV-4", Verdict: promises.Kept, Findings: []promises.Finding{{Resource: "globex", Holds: true}}},
		{ID: "DP-4", Verdict: promises.Broken, Findings: []promises.Finding{{Resource: "globex"}}},
		{ID: "AV-6", Verdict: promises.NotShown},
		{ID: "AC-11", Verdict: promises.ClientsDuty},
	}}
	own.TakeOver("sites", &promises.Assessment{Warnings: []string{"a waiver ends"}, Promises: []promises.Result{
		{ID: "BK-1", Verdict: promises.Kept, Findings: []promises.Finding{holds}},
		{ID: "AV-4", Verdict: promises.Broken, Findings: []promises.Finding{holds, not}},
		{ID: "DP-4", Verdict: promises.Kept, Findings: []promises.Finding{holds}},
		{ID: "AV-6", Verdict: promises.NotShown},
		{ID: "AC-11", Verdict: promises.Broken, Findings: []promises.Finding{not}},
	}})
	want := map[string]promises.Verdict{"BK-1": promises.Kept, "AV-4": promises.Broken, "DP-4": promises.Broken, "AV-6": promises.NotShown, "AC-11": promises.ClientsDuty}
	for id, verdict := range want {
		if r, _ := own.Result(id); r.Verdict != verdict {
			t.Errorf("%s is %s, want %s", id, r.Verdict, verdict)
		}
	}
	bk, _ := own.Result("BK-1")
	if bk.Why != "" || len(bk.Findings) != 1 || bk.Findings[0].Resource != "sites: jnb" || !slices.Equal(bk.From, []string{"sites"}) {
		t.Errorf("the finding does not say from where it is: %+v", bk)
	}
	if len(own.Warnings) != 1 || !strings.Contains(own.Warnings[0], "stack sites") {
		t.Errorf("warnings %q", own.Warnings)
	}
}

func TestAgree(t *testing.T) {
	machine := func(address string) spec.Machine {
		return spec.Machine{Address: address, HostKey: "ssh-ed25519 " + address}
	}
	pair := func(edit func(*spec.Pair, *spec.Sites)) error {
		jnb, cpt := machine("192.0.2.1"), machine("192.0.2.2")
		c := spec.Pair{Name: "southern", ThirdPlace: "ZA", Home: spec.ClientSite{Name: "jnb", Country: "ZA", Machine: jnb}, Standby: spec.ClientSite{Name: "cpt", Country: "ZA", Machine: cpt}}
		s := &spec.Sites{Name: "southern", Sites: []spec.Site{{Name: "jnb", Country: "ZA", Machine: &jnb}, {Name: "cpt", Country: "ZA", Machine: &cpt}},
			Backup: spec.SitesBackup{ThirdPlace: &spec.ObjectStore{Country: "ZA"}}}
		edit(&c, s)
		return promises.Agree("Pulumi.globex.yaml", c, "Pulumi.sites.yaml", s)
	}
	if err := pair(func(*spec.Pair, *spec.Sites) {}); err != nil {
		t.Errorf("they agree: %v", err)
	}
	for want, edit := range map[string]func(*spec.Pair, *spec.Sites){
		`Pulumi.globex.yaml: berth:spec.pair.home.machine.address is "192.0.2.9", but Pulumi.sites.yaml: berth:spec.sites[0].machine.address is "192.0.2.1"`: func(c *spec.Pair, _ *spec.Sites) { c.Home.Machine.Address = "192.0.2.9" },
		`berth:spec.pair.standby.country is "NA"`: func(c *spec.Pair, _ *spec.Sites) { c.Standby.Country = "NA" },
		`berth:spec.pair.standby.machine.hostKey`: func(c *spec.Pair, _ *spec.Sites) { c.Standby.Machine.HostKey = "ssh-ed25519 other" },
		`berth:spec.pair.home.machine.port is "22"`: func(_ *spec.Pair, s *spec.Sites) {
			s.Sites[0].Machine = &spec.Machine{Address: "192.0.2.1", Port: 2222, HostKey: "ssh-ed25519 192.0.2.1"}
		},
		`berth:spec.pair.thirdPlace is "ZA"`:      func(_ *spec.Pair, s *spec.Sites) { s.Backup.ThirdPlace.Country = "IE" },
		`has no such site under berth:spec.sites`: func(c *spec.Pair, _ *spec.Sites) { c.Home.Name = "dur" },
		`Pulumi.sites.yaml: berth:spec.sites[1].hetzner.hostKey is`: func(_ *spec.Pair, s *spec.Sites) {
			s.Sites[1].Machine, s.Sites[1].Hetzner = nil, &spec.Hetzner{HostKey: "ssh-ed25519 x"}
		},
	} {
		if err := pair(edit); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v\nwant it to say %s", err, want)
		}
	}
}
