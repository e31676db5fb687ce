package spec

import "testing"

func TestSummary(t *testing.T) {
	for base, want := range map[string]Summary{
		validClient:       {Name: "acme", DisplayName: "Acme Logistics Ltd", Environment: Production, Where: "eu-west-2", SecondRegion: "eu-west-1", Hostname: "acme.taskflow.example"},
		validLight:        {Name: "hooli", DisplayName: "Hooli Studio SARL", Environment: Production, Where: "eu-west-1", Hostname: "taskflow.hooli.example"},
		validSites:        {Name: "southern", DisplayName: "Johannesburg and Cape Town", Environment: Production, Where: "jnb, cpt"},
		validSiteClient:   {Name: "globex", DisplayName: "Globex Freight (Pty) Ltd", Environment: Production, Where: "jnb, cpt", Hostname: "taskflow.globex.example"},
		validPremises:     {Name: "initech", DisplayName: "Initech GmbH", Environment: Production, Where: "premises", Hostname: "taskflow.initech.example"},
		validOrganisation: {Name: "northwind", DisplayName: "northwind.example", Environment: "organisation", Where: "eu-west-2", SecondRegion: "eu-west-1", Endless: true},
	} {
		if got := decoded(t, base).Summary(); got != want {
			t.Errorf("summary = %+v, want %+v", got, want)
		}
	}
	var none *Spec
	if got := none.Summary(); got != (Summary{Endless: true}) {
		t.Errorf("summary of nothing = %+v", got)
	}
}
