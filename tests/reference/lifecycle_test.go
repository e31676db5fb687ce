package reference_test

import (
	"testing"
	"time"

	"github.com/berth-iac/berth/engine"
)

// dedicated is a client with machines of its own, MySQL and documents.
var dedicated = settings{
	"tier": "dedicated", "database.engine": "mysql", "database.version": "8.4", "documents": map[string]any{},
}

// minimal is as little as staging can have.
var minimal = settings{
	"environment": "staging", "aws.zones": 2, "cache": nil, "network.natGateways": "single",
	"backup": map[string]any{"secondRegion": "none"},
	"alerts": map[string]any{"emails": []string{"operations@northwind.example"}},
}

// sample is a small stack that has something of every type in sampled: what holds for each type need not be tried with each of
// production's resources.
var sample = settings{
	"environment": "staging", "aws.zones": 2, "network.natGateways": "single", "cache": map[string]any{"replicas": 1},
	"backup": map[string]any{"secondRegion": "none"},
	"alerts": map[string]any{"emails": []string{"operations@northwind.example"}},
}

// bi and breakGlass open the two doors that are closed by default.
var (
	bi = map[string]any{
		"reason": "quarterly reports, asked for by Amara Okafor", "from": []string{"203.0.113.16/29"}, "until": "2027-03-31",
	}
	breakGlass = map[string]any{
		"incident": "INC-2026-014", "reason": "orders are stuck since the import",
		"people": []string{"arn:aws:iam::111122223333:user/ben.adeyemi"},
		"opens":  "2026-11-21T21:00:00Z", "closes": "2026-11-21T22:00:00Z",
	}
)

// dublin keeps a client's data in the European Union, with both doors open.
var dublin = settings{
	"residency": "eu", "aws.region": "eu-west-1", "backup.secondRegion": "eu-central-1", "backup.copiesAbroad": nil,
	"access": map[string]any{"bi": bi, "breakGlass": breakGlass},
}

// Each shape of each stack lives a whole life: it comes up as previewed, nothing is left to do then, the cloud
// holds exactly what the state says, and in the end nothing is left.
func TestLifecycle(t *testing.T) {
	for _, c := range []struct {
		name, stack string
		settings    settings
		least       int // resources of the cloud
		lift        []engine.Edit
	}{
		{"AV-1 AV-2 the reference client in production", "prod", nil, 150, leaving},
		{"AV-8 a dedicated client with MySQL, documents and a read replica", "prod", dedicated, 150, leaving},
		{"DP-6 a minimal staging environment", "prod", minimal, 150, leaving},
		{"AV-9 DP-5 AC-4 a client in Dublin with both doors open", "prod", dublin, 150, leaving},
		{"OP-1 AC-3 the organisation", "organisation", nil, 50, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			var root string
			var planned, made *engine.Result
			var s *engine.Stack
			if c.stack == "prod" && c.settings == nil {
				root, planned, made = upRoot(t)
				s = open(t, root, c.stack)
			} else {
				root = newRoot(t)
				edit(t, root, c.stack, c.settings)
				s = open(t, root, c.stack)
				planned = preview(t, s)
				made = up(t, s)
			}
			for _, step := range planned.Steps {
				if step.Op != engine.OpCreate && step.Op != engine.OpRead {
					t.Errorf("preview of a new stack: %s %s", step.Op, step.URN)
				}
			}
			if p, m := changes(planned), changes(made); len(without(p, m)) > 0 || len(without(m, p)) > 0 {
				t.Errorf("previewed and not made: %q; made and not previewed: %q", without(p, m), without(m, p))
			}
			for _, step := range made.Steps {
				if step.Status != engine.Done {
					t.Errorf("%s is %s", step.URN, step.Status)
				}
			}
			for name, output := range made.Outputs {
				if output.Purpose == "" || output.Value == nil && !output.Secret {
					t.Errorf("output %s = %+v, want a value and a purpose", name, output)
				}
			}
			if w := wantAgreement(t, root, c.stack); len(w.resources) < c.least {
				t.Errorf("%d resources, want %d or more", len(w.resources), c.least)
			} else {
				t.Logf("%d resources of the cloud", len(w.resources))
				wantTags(t, w.live)
			}
			wantNoChanges(t, preview(t, s))
			wantNoChanges(t, refresh(t, s))
			gone := destroy(t, s, c.lift)
			for _, note := range gone.Notes {
				t.Logf("note: %s", note)
			}
			wantNothing(t, root, c.stack)
			t.Logf("took %s", time.Since(began).Round(time.Millisecond))
		})
	}
}
