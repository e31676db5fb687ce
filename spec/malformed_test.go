package spec

import (
	"slices"
	"strings"
	"testing"
)

// validClient and validOrganisation are the specs that the malformed ones differ from by one edit.
const validClient = `kind: awsclient
client:
  name: acme
  displayName: Acme Logistics Ltd
  contacts:
    - {name: Amara Okafor, email: amara.okafor@acme.example}
service:
  release:
    version: 1.0.0
    sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    bucket: berth-northwind-releases-111122223333-eu-west-2
  imageId: ami-0a1b2c3d4e5f60718
network:
  cidr: 10.20.0.0/16
environment: production
tier: standard
residency: uk
backup:
  copiesAbroad: agreed with J. Doe on 2026-05-01
aws:
  account: "123456789012"
edge:
  hostname: acme.taskflow.example
  zone: taskflow.example
  zoneId: 023e105f4ecef8ad9ca31a8372d0c353
  accountId: 01a7362d577a6c3019a474fd6f485823
database:
  engine: postgresql
alerts:
  emails: [operations@northwind.example]
  phones: ["+442079460123"]
  slack: {workspaceId: T0123ABCD, channelId: C0456EFGH}
`

const validOrganisation = `kind: organisation
name: northwind
domain: northwind.example
aws:
  account: "111122223333"
clients:
  - name: acme
    account: "123456789012"
staff:
  - name: ada.lindqvist
    email: ada.lindqvist@northwind.example
    phone: "+442079460124"
    assignments:
      - {role: administrator, until: 2027-06-30}
  - name: ben.adeyemi
    email: ben.adeyemi@northwind.example
    phone: "+442079460125"
    assignments:
      - {role: engineer, until: 2027-03-31}
officeCidrs: [203.0.113.16/29]
alerts:
  emails: [operations@northwind.example]
  phones: ["+442079460123"]
  slack: {workspaceId: T0123ABCD, channelId: C0456EFGH}
onCall:
  rotation: [ada.lindqvist, ben.adeyemi]
  starts: 2026-11-30
pipeline:
  provider: github
  repository: northwind/berth
`

// edit is a malformed spec: the valid one with one text instead of another, and the whole message it gives.
type edit struct{ name, old, new, want string }

type malformed struct {
	edit
	base         string
	beyondSchema bool // the schema cannot express what is wrong
}

var malformedCases = slices.Concat(
	cases(validClient, false, shapeEdits), cases(validClient, true, beyondShapeEdits),
	cases(validClient, false, networkEdits), cases(validClient, true, beyondNetworkEdits),
	cases(validClient, false, serviceEdits), cases(validClient, true, beyondServiceEdits),
	cases(validClient, false, accessEdits), cases(validClient, true, beyondAccessEdits),
	cases(validOrganisation, false, organisationEdits), cases(validOrganisation, true, beyondOrganisationEdits),
	cases(validClient, false, waiverEdits), cases(validClient, true, beyondWaiverEdits),
	cases(validOrganisation, false, organisationWaiverEdits), cases(validOrganisation, true, beyondOrganisationWaiverEdits),
	cases(validSites, false, sitesEdits), cases(validSites, true, beyondSitesEdits),
	cases(validHetznerSites, false, hetznerEdits), cases(validHetznerSites, true, beyondHetznerEdits),
	cases(validSiteClient, false, siteClientEdits), cases(validSiteClient, true, beyondSiteClientEdits),
	cases(validPremises, false, premisesEdits), cases(validPremises, true, beyondPremisesEdits),
	cases(validLight, false, lightEdits), cases(validLight, true, beyondLightEdits),
)

func cases(base string, beyondSchema bool, edits []edit) []malformed {
	var out []malformed
	for _, e := range edits {
		out = append(out, malformed{e, base, beyondSchema})
	}
	return out
}

// text makes the edit, which has to fit in exactly one place.
func (c malformed) text(t testing.TB) string {
	t.Helper()
	if n := strings.Count(c.base, c.old); n != 1 {
		t.Fatalf("%q stands %d times in the valid spec, want once", c.old, n)
	}
	return strings.Replace(c.base, c.old, c.new, 1)
}

func TestMalformed(t *testing.T) {
	if len(malformedCases) < 70 {
		t.Errorf("%d malformed specs, want 70 or more", len(malformedCases))
	}
	names := map[string]bool{}
	for _, c := range malformedCases {
		if names[c.name] {
			t.Errorf("two cases are called %q", c.name)
		}
		names[c.name] = true
		t.Run(c.name, func(t *testing.T) {
			_, err := Decode([]byte(c.text(t)), Options{Now: now})
			if err == nil {
				t.Fatal("the spec is accepted")
			}
			if got := err.Error(); got != c.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, c.want)
			}
		})
	}
}

func TestValidBases(t *testing.T) {
	s := compiledSchema(t)
	for _, base := range validBases {
		if _, err := Decode([]byte(base), Options{Now: now}); err != nil {
			t.Error(err)
		}
		if err := s.Validate(map[string]any{"config": map[string]any{root: instance(t, base)}}); err != nil {
			t.Error(err)
		}
	}
}
