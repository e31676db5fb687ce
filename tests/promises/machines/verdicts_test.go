package machines_test

import (
	"testing"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/baseline"
	"github.com/berth-iac/berth/promises/catalogue"
)

func assess(tb testing.TB, s promises.Subject) *promises.Assessment {
	tb.Helper()
	a, err := promises.Assess(s, catalogue.All(), baseline.All())
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func TestReferenceStacksKeepTheirPromises(t *testing.T) {
	for _, stack := range []string{"sites", "sites-hetzner", "globex", "initech", "hooli"} {
		a := assess(t, load(t, stack, nil))
		if err := a.Refusal(stack); err != nil {
			t.Error(err)
		}
		for _, r := range a.Promises {
			t.Log(stack, r.ID, r.Verdict, len(r.Findings))
		}
	}
}
