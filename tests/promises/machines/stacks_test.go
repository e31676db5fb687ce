// Package machines_test proves the checks of promises on machines: it changes what reference stacks put on machines, line by line and
// file by file, and demands that some check notices.
package machines_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
	"github.com/berth-iac/berth/stacks/lightclient"
	"github.com/berth-iac/berth/stacks/onpremises"
	"github.com/berth-iac/berth/stacks/secrets"
	"github.com/berth-iac/berth/stacks/siteclient"
	"github.com/berth-iac/berth/stacks/sites"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// now is when all stacks here are judged.
var now = time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)

// doors opens both doors to a client's database.
func doors(s *spec.Spec) {
	s.SiteClient.Access.BI = &spec.BIAccess{Reason: "asked for by mail", Until: spec.Date{Time: now.Truncate(24*time.Hour).AddDate(0, 1, 0)},
		From: []netip.Prefix{netip.MustParsePrefix("198.51.100.8/32")}}
	s.SiteClient.Access.BreakGlass = &spec.MachineBreakGlass{Reason: "index is corrupt", Person: "ada-lindqvist",
		Opens: spec.Instant{Time: now.Truncate(time.Hour)}, Closes: spec.Instant{Time: now.Truncate(time.Hour).Add(time.Hour)}}
}

// load is a reference stack's spec and graph.
func load(tb testing.TB, stack string, edit func(*spec.Spec)) promises.Subject {
	tb.Helper()
	file := "Pulumi." + stack + ".yaml"
	text, err := os.ReadFile(filepath.Join("..", "..", "..", file))
	if err != nil {
		tb.Fatal(err)
	}
	s, err := spec.DecodeFile(file, text, spec.Options{Now: now})
	if err != nil {
		tb.Fatal(err)
	}
	if edit != nil {
		edit(s)
	}
	g, err := graph.Record(tb.Context(), func(ctx *pulumi.Context) error {
		switch {
		case s.Sites != nil:
			return sites.Program(ctx, s.Sites, secrets.Invented())
		case s.SiteClient != nil:
			return siteclient.Program(ctx, s.SiteClient, secrets.Invented())
		case s.LightClient != nil:
			return lightclient.Program(ctx, s.LightClient, secrets.Invented())
		}
		return onpremises.Program(ctx, s.OnPremises, secrets.Invented())
	}, graph.Recording{Project: "berth", Stack: stack})
	if err != nil {
		tb.Fatal(err)
	}
	return promises.Subject{Stack: stack, Spec: s, Graph: g, Now: now}
}
