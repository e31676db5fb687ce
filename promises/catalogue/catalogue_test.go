package catalogue_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/catalogue"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// made is how many promises each group has.
var made = map[string]int{"AV": 12, "BK": 10, "DP": 8, "AC": 11, "AS": 6, "OP": 5}

func TestEveryPromiseIsThereOnce(t *testing.T) {
	var want, got []string
	for group, n := range made {
		for i := range n {
			want = append(want, fmt.Sprintf("%s-%d", group, i+1))
		}
	}
	slices.SortFunc(want, catalogue.Compare)
	for _, p := range catalogue.All() {
		got = append(got, p.ID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	files, err := filepath.Glob("[a-z][a-z][0-9]*.go")
	if err != nil {
		t.Fatal(err)
	}
	own := regexp.MustCompile(`^([a-z]{2})([0-9]+)\.go$`)
	for _, file := range files {
		if m := own.FindStringSubmatch(file); m != nil && !slices.Contains(got, strings.ToUpper(m[1])+"-"+m[2]) {
			t.Errorf("%s has no promise", file)
		}
	}
}

func TestPromisesSayWhatIsNeeded(t *testing.T) {
	hostings := []promises.Hosting{promises.OnAWS, promises.OnLightsail, promises.OnSites, promises.OnPremises, promises.Organisation, promises.Service}
	for _, p := range catalogue.All() {
		t.Run(p.ID, func(t *testing.T) {
			if p.Title == "" || !strings.HasSuffix(p.Sentence, ".") || len(p.Keywords) < 5 || len(p.Proofs) == 0 {
				t.Errorf("title %q, sentence %q, %d keywords, %d proofs: each promise has them all", p.Title, p.Sentence, len(p.Keywords), len(p.Proofs))
			}
			if catalogue.Group(p.ID) == "" {
				t.Error("the group has no title")
			}
			design, live := false, false
			for _, proof := range p.Proofs {
				design, live = design || proof.Level == promises.Design, live || proof.Level == promises.Live
				if proof.How == "" || !slices.Contains(promises.Levels(), proof.Level) {
					t.Errorf("proof %+v", proof)
				}
			}
			// What holds for sites, hosts and the service comes with their stacks.
			here := p.Offered(promises.OnAWS) || p.Offered(promises.Organisation)
			if p.Exists(promises.Design) && !design || p.Check == nil && design && here {
				t.Errorf("a proof at the level design is listed: %v, a check exists: %v", design, p.Exists(promises.Design))
			}
			if p.ReadBack && !live || !p.ReadBack && live && here {
				t.Errorf("a proof at the level live is listed: %v, it is read back: %v", live, p.ReadBack)
			}
			if len(p.Duties) == 0 {
				t.Error("it is made for nobody")
			}
			for h, duty := range p.Duties {
				if !slices.Contains(hostings, h) || !slices.Contains([]promises.Duty{promises.Ours, promises.Shared, promises.Clients}, duty) {
					t.Errorf("duty %q for %q", duty, h)
				}
			}
			if p.Parameters == nil {
				return
			}
			for h := range p.Duties {
				for _, parameter := range p.Parameters(h, nil) {
					if parameter.Name == "" || parameter.Value == "" {
						t.Errorf("%s without a spec: %+v", h, parameter)
					}
				}
			}
		})
	}
}

// A stack without any resource shows nothing; nothing is ever kept by there being nothing to look at.
func TestNothingIsKeptInAnEmptyStack(t *testing.T) {
	for _, s := range []*spec.Spec{
		{Kind: spec.KindAWSClient, AWSClient: &spec.AWSClient{Environment: spec.Production}},
		{Kind: spec.KindOrganisation, Organisation: &spec.Organisation{}},
		{Kind: spec.KindLightClient, LightClient: &spec.LightClient{Environment: spec.Production}},
		{Kind: spec.KindSites, Sites: &spec.Sites{Environment: spec.Production}},
		{Kind: spec.KindSiteClient, SiteClient: &spec.SiteClient{Environment: spec.Production}},
		{Kind: spec.KindOnPremises, OnPremises: &spec.OnPremises{Environment: spec.Production}},
	} {
		a, err := promises.Assess(promises.Subject{Stack: "empty", Spec: s, Graph: graph.New(nil), Now: time.Unix(0, 0)}, catalogue.All(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, result := range a.Promises {
			if result.Verdict != promises.NotShown && result.Verdict != promises.ClientsDuty {
				t.Errorf("%s: %s is %s in an empty stack", s.Kind, result.ID, result.Verdict)
			}
		}
	}
}

// A stack that has something, but nothing that a promise rests on, does not keep it.
func TestNothingIsKeptByAbsence(t *testing.T) {
	for _, s := range []*spec.Spec{
		{Kind: spec.KindAWSClient, AWSClient: &spec.AWSClient{Environment: spec.Production}},
		{Kind: spec.KindOrganisation, Organisation: &spec.Organisation{}},
		{Kind: spec.KindLightClient, LightClient: &spec.LightClient{Environment: spec.Production}},
		{Kind: spec.KindSites, Sites: &spec.Sites{Environment: spec.Production}},
		{Kind: spec.KindSiteClient, SiteClient: &spec.SiteClient{Environment: spec.Production}},
		{Kind: spec.KindOnPremises, OnPremises: &spec.OnPremises{Environment: spec.Production}},
	} {
		g := graph.New([]*graph.Resource{{Type: "aws:sqs/queue:Queue", Name: "alone", URN: "urn:pulumi:empty::berth::aws:sqs/queue:Queue::alone"}})
		a, err := promises.Assess(promises.Subject{Stack: "alone", Spec: s, Graph: g, Now: time.Unix(0, 0)}, catalogue.All(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, result := range a.Promises {
			for _, f := range result.Findings {
				if f.Holds && f.Resource == promises.StackName {
					t.Errorf("%s: %s holds of the stack as a whole, by absence: %+v", s.Kind, result.ID, f)
				}
			}
		}
	}
}
