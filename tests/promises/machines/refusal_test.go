package machines_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// edited is a subject in which the text of files of one bundle is another.
func edited(s promises.Subject, bundle, path, old, replacement string) (promises.Subject, bool) {
	changed := false
	all := make([]*graph.Resource, len(s.Graph.Resources))
	for i, r := range s.Graph.Resources {
		c := *r
		if files, is := r.Inputs["files"].(map[string]any); is && r.Name == bundle {
			if file, placed := files[path].(map[string]any); placed {
				text := file["content"].(string)
				edit := strings.Replace(text, old, replacement, 1)
				changed = edit != text
				c.Inputs = with(r.Inputs, "files", with(files, path, with(file, "content", edit)))
			}
		}
		all[i] = &c
	}
	s.Graph = graph.New(all)
	return s, changed
}

// A stack of each kind that breaks a promise is refused, with the promise, the file and what mends it.
func TestRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		stack                  string
		edit                   func(*spec.Spec)
		bundle, path, old, new string
		promise                string
	}{
		"443 open to the world":    {stack: "sites", bundle: "jnb-host", path: "/etc/nftables.conf", old: "tcp dport 443 ip saddr @web4 accept", new: "tcp dport 443 accept", promise: "AV-12"},
		"PostgreSQL open":          {stack: "sites", bundle: "cpt-host", path: "/etc/nftables.conf", old: "tcp dport 443 ip saddr @web4 accept", new: "tcp dport 443 ip saddr @web4 accept\ntcp dport 5432 accept", promise: "DP-2"},
		"passwords":                {stack: "sites", bundle: "jnb-host", path: "/etc/ssh/sshd_config.d/00-berth.conf", old: "PasswordAuthentication no", new: "PasswordAuthentication yes", promise: "AC-2"},
		"replication in the clear": {stack: "sites", bundle: "jnb-host", path: "/etc/postgresql/15/main/pg_hba.conf", old: "hostssl  replication", new: "host  replication", promise: "DP-3"},
		"three days":               {stack: "sites", edit: func(s *spec.Spec) { s.Sites.Backup.KeepDays = 3 }, promise: "BK-1"},
		"unencrypted third place":  {stack: "sites", bundle: "jnb-host", path: "/etc/pgbackrest/conf.d/repo3.conf", old: "repo3-cipher-type=aes-256-cbc", new: "repo3-cipher-type=none", promise: "BK-2"},
		"no third place":           {stack: "sites", edit: func(s *spec.Spec) { s.Sites.Backup.ThirdPlace = nil }, promise: "BK-2"},
		"plain disks":              {stack: "sites-hetzner", edit: func(s *spec.Spec) { no := false; s.Sites.Sites[0].Disks.Encrypt = &no }, promise: "DP-4"},
		"another's database":       {stack: "globex", bundle: "jnb-client", path: "/etc/taskflow/globex/config.yaml", old: `"user": "globex"`, new: `"user": "acme"`, promise: "DP-1"},
		"standby abroad":           {stack: "globex", edit: func(s *spec.Spec) { s.SiteClient.Pair.Standby.Country = "NA" }, promise: "AV-9"},
		"no certificate asked for": {stack: "globex", bundle: "cpt-client", path: "/usr/local/lib/berth/client-globex/site.conf", old: "ssl_verify_client on", new: "ssl_verify_client off", promise: "AV-12"},
		"SSH on premises":          {stack: "initech", bundle: "host", path: "/etc/ssh/sshd_config.d/00-berth.conf", old: "PermitRootLogin no", new: "PermitRootLogin yes", promise: "AC-10"},
		"backups on premises":      {stack: "initech", edit: func(s *spec.Spec) { s.OnPremises.Backup.KeepDays = 3 }, promise: "BK-1"},
		"no backup tools":          {stack: "initech", bundle: "host", path: "/usr/local/sbin/berth-restore", old: "#!/usr/bin/env bash", new: "", promise: ""},
		"SSH on Lightsail":         {stack: "hooli", bundle: "host", path: "/etc/nftables.conf", old: "tcp dport 22 ip saddr @ssh4 accept", new: "tcp dport 22 accept", promise: "DP-2"},
		"another region":           {stack: "hooli", edit: func(s *spec.Spec) { s.LightClient.AWS.Region = "eu-west-2" }, promise: "AV-9"},
	} {
		t.Run(name, func(t *testing.T) {
			s := load(t, tc.stack, tc.edit)
			if tc.path != "" {
				var changed bool
				if s, changed = edited(s, tc.bundle, tc.path, tc.old, tc.new); !changed {
					t.Fatalf("%s has no %q", tc.path, tc.old)
				}
			}
			a := assess(t, s)
			err := a.Refusal(tc.stack)
			if tc.promise == "" {
				if err != nil {
					t.Errorf("a first line of a script is no promise: %v", err)
				}
				return
			}
			var refusal *promises.Refusal
			if !errors.As(err, &refusal) {
				t.Fatalf("err = %v, want a refusal for %s", err, tc.promise)
			}
			if r, _ := a.Result(tc.promise); r.Verdict != promises.Broken {
				t.Errorf("%s is %s, want broken; refused was: %v", tc.promise, r.Verdict, err)
			}
			if tc.path != "" && !strings.Contains(err.Error(), tc.bundle+".files["+tc.path+"]") {
				t.Errorf("the refusal does not name the file:\n%v", err)
			}
			if !strings.Contains(err.Error(), "to mend it: ") {
				t.Errorf("the refusal does not say what mends it:\n%v", err)
			}
		})
	}
}

// A deviation that the file records is no refusal while its waiver holds, and is one again after it.
func TestWaiver(t *testing.T) {
	waive := func(s *spec.Spec) {
		s.Sites.Backup.KeepDays = 3
		for _, bundle := range []string{"jnb-host", "cpt-host"} {
			s.Sites.Waivers = append(s.Sites.Waivers, spec.Waiver{Promise: "BK-1", Resource: bundle, Reason: "agreed for the first month", Owner: "ada.lindqvist@northwind.example",
				Expires: spec.Date{Time: now.AddDate(0, 0, 20)}})
		}
	}
	s := load(t, "sites", waive)
	a := assess(t, s)
	if r, _ := a.Result("BK-1"); r.Verdict != promises.WaivedVerdict || a.Refusal("sites") != nil {
		t.Errorf("BK-1 is %s: %v", r.Verdict, a.Refusal("sites"))
	}
	s.Now = now.AddDate(0, 0, 22)
	if r, _ := assess(t, s).Result("BK-1"); r.Verdict != promises.Broken {
		t.Errorf("BK-1 is %s after the waiver ended", r.Verdict)
	}
}

// What the pair shows belongs to the client on it.
func TestClientStandsOnItsPair(t *testing.T) {
	client, pair := assess(t, load(t, "globex", nil)), assess(t, load(t, "sites", nil))
	before := client.Count(promises.NotShown)
	client.TakeOver("sites", pair)
	for _, id := range []string{"BK-1", "BK-2", "BK-3", "BK-4", "BK-9", "AV-10", "AC-2", "AC-5", "DP-3"} {
		r, _ := client.Result(id)
		if r.Verdict != promises.Kept || len(r.From) != 1 {
			t.Errorf("%s is %s, from %v", id, r.Verdict, r.From)
		}
	}
	if client.Count(promises.NotShown) >= before || client.Refusal("globex") != nil {
		t.Errorf("%d of %d promises are still not shown; refusal: %v", client.Count(promises.NotShown), before, client.Refusal("globex"))
	}
	globex, sites := load(t, "globex", nil).Spec.SiteClient, load(t, "sites", nil).Spec.Sites
	if err := promises.Agree("Pulumi.globex.yaml", globex.Pair, "Pulumi.sites.yaml", sites); err != nil {
		t.Error(err)
	}
}
