package promises_test

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
	"github.com/berth-iac/berth/stacks/program"
)

// now is when all stacks here are judged.
var now = time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)

// variants are the stacks that promises are proven on: every kind and every choice that adds or leaves out resources.
var variants = map[string]struct {
	file string
	edit func(*spec.Spec)
}{
	"prod":         {"prod", nil},
	"organisation": {"organisation", nil},
	"dedicated": {"prod", func(s *spec.Spec) {
		c, yes := s.AWSClient, true
		c.Tier, c.Database.Engine, c.Database.Version, c.Database.InstanceClass, c.Database.ReadReplica = spec.Dedicated, spec.MySQL, "8.4", "db.r6g.large", &yes
		c.Service.InstanceType = "m6i.xlarge"
		c.Cache.NodeType = "cache.r6g.large"
		c.Documents = &spec.Documents{InstanceClass: "db.r6g.large", Instances: 2}
	}},
	"staging": {"prod", func(s *spec.Spec) {
		c, no := s.AWSClient, false
		c.Environment, c.AWS.Zones, c.Network.NATGateways = spec.Staging, 2, "single"
		c.Cache, c.Backup.SecondRegion, c.Backup.CopiesAbroad, c.Database.MultiAZ = nil, "", "", &no
	}},
	"leaving": {"prod", func(s *spec.Spec) { s.AWSClient.Leaving = &spec.Leaving{Confirm: "acme", Reason: "contract ends"} }},
	"dublin": {"prod", func(s *spec.Spec) { // the other residency, and every figure other than its default
		c := s.AWSClient
		c.Residency, c.AWS.Region, c.Backup.SecondRegion = spec.EuropeanUnion, "eu-west-1", "eu-west-2"
		c.Backup.RetentionDays, c.Backup.ArchiveAfterDays, c.Backup.DeleteAfterDays, c.Backup.Lock = 365, 120, 1000, "compliance"
		c.Database.PointInTimeDays, c.Database.StorageGiB, c.Database.MaxStorageGiB = 35, 200, 900
		c.Service.MinMachines, c.Service.MaxMachines, c.Service.LogDays, c.Network.FlowLogDays = 6, 12, 731, 400
		c.Edge.Argo, c.Edge.RateLimit, c.Edge.HSTSDays = false, spec.RateLimit{Requests: 100, PeriodSeconds: 10}, 730
		c.Alerts.Emails = append(c.Alerts.Emails, "second@northwind.example")
		c.Cache = nil
	}},
	"doors": {"prod", func(s *spec.Spec) {
		s.AWSClient.Access.BI = &spec.BIAccess{Reason: "asked for by mail", Until: spec.Date{Time: now.Truncate(24*time.Hour).AddDate(0, 1, 0)},
			From: []netip.Prefix{netip.MustParsePrefix("198.51.100.8/32")}}
		s.AWSClient.Access.BreakGlass = &spec.BreakGlass{Incident: "INC-7", Reason: "index is corrupt", People: []string{"arn:aws:iam::111122223333:user/ben.adeyemi"},
			Opens: spec.Instant{Time: now.Truncate(time.Hour)}, Closes: spec.Instant{Time: now.Truncate(time.Hour).Add(time.Hour)}}
	}},
}

// load is a variant's spec and graph.
func load(variant string) (promises.Subject, error) {
	v := variants[variant]
	file := "Pulumi." + v.file + ".yaml"
	text, err := os.ReadFile(filepath.Join("..", "..", file))
	if err != nil {
		return promises.Subject{}, err
	}
	s, err := spec.DecodeFile(file, text, spec.Options{Now: now})
	if err != nil {
		return promises.Subject{}, err
	}
	if v.edit != nil {
		v.edit(s)
	}
	g, err := program.Graph(context.Background(), v.file, s)
	if err != nil {
		return promises.Subject{}, err
	}
	return promises.Subject{Stack: v.file, Spec: s, Graph: g, Now: now}, nil
}

func subject(t testing.TB, variant string) promises.Subject {
	t.Helper()
	s, err := load(variant)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
