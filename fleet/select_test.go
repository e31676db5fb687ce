package fleet_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/berth-iac/berth/fleet"
	"github.com/berth-iac/berth/spec"
)

// some is a fleet of a few of each sort.
func some() []fleet.Member {
	return []fleet.Member{
		{Stack: "acme", Kind: spec.KindAWSClient, Environment: spec.Production, Tier: spec.Dedicated, Wave: 4, Release: "1.0.0", Labels: map[string]string{"sector": "logistics", "size": "large"}},
		{Stack: "acme-dev", Kind: spec.KindAWSClient, Environment: spec.Development, Tier: spec.Standard, Wave: 2, Release: "1.1.0", Labels: map[string]string{"sector": "logistics"}},
		{Stack: "broken", Problems: []string{"unreadable"}},
		{Stack: "hooli", Kind: spec.KindLightClient, Environment: spec.Production, Wave: 4, Release: "1.0.0", Labels: map[string]string{"sector": "design"}},
		{Stack: "northwind", Kind: spec.KindOrganisation, Environment: "organisation", Wave: 1},
		{Stack: "wave10", Kind: spec.KindLightClient, Environment: spec.Staging, Wave: 10, Release: "1.0.0"},
	}
}

func TestSelect(t *testing.T) {
	for name, tc := range map[string]struct {
		selection fleet.Selection
		want      string // names, or what the error says
		wrong     bool
	}{
		"everybody":             {fleet.Selection{}, "acme acme-dev broken hooli northwind wave10", false},
		"names":                 {fleet.Selection{Stacks: []string{"hooli", "acme"}}, "acme hooli", false},
		"pattern":               {fleet.Selection{Patterns: []string{"acme*"}}, "acme acme-dev", false},
		"names_and_patterns":    {fleet.Selection{Stacks: []string{"hooli"}, Patterns: []string{"acme-*", "n*"}}, "acme-dev hooli northwind", false},
		"broken_by_name":        {fleet.Selection{Stacks: []string{"broken"}}, "broken", false},
		"label":                 {fleet.Selection{Labels: []string{"sector=logistics"}}, "acme acme-dev broken", false},
		"labels_all_hold":       {fleet.Selection{Labels: []string{"sector=logistics", "size=large"}}, "acme broken", false},
		"label_not":             {fleet.Selection{Labels: []string{"sector!=logistics"}}, "broken hooli northwind wave10", false},
		"label_has_and_not":     {fleet.Selection{Labels: []string{"sector=logistics", "size!=large"}}, "acme-dev broken", false},
		"kind":                  {fleet.Selection{Kinds: []string{"lightclient", "organisation"}}, "broken hooli northwind wave10", false},
		"tier":                  {fleet.Selection{Tiers: []string{"dedicated"}}, "acme broken", false},
		"environment_and_kind":  {fleet.Selection{Environments: []string{"production"}, Kinds: []string{"lightclient"}}, "broken hooli", false},
		"wave":                  {fleet.Selection{Waves: []int{2, 10}}, "acme-dev broken wave10", false},
		"release":               {fleet.Selection{Releases: []string{"1.1.0"}}, "acme-dev broken", false},
		"affected":              {fleet.Selection{IsAffected: true, Affected: []string{"hooli", "acme", "gone"}}, "acme hooli", false},
		"nobody_affected":       {fleet.Selection{IsAffected: true}, "", false},
		"affected_and_named":    {fleet.Selection{IsAffected: true, Affected: []string{"hooli"}, Stacks: []string{"acme"}}, "", false},
		"affected_is_not_asked": {fleet.Selection{Affected: []string{"hooli"}, Stacks: []string{"acme"}}, "acme", false},

		"unknown_name":          {fleet.Selection{Stacks: []string{"acne"}}, `there is no stack "acne"; there are acme, acme-dev, broken, hooli, northwind, wave10; did you mean acme?`, true},
		"pattern_of_nobody":     {fleet.Selection{Patterns: []string{"prod-*"}}, `no stack's name fits "prod-*"; there are acme`, true},
		"pattern_cannot_be":     {fleet.Selection{Patterns: []string{"[a"}}, `pattern "[a" cannot be read`, true},
		"unknown_label_value":   {fleet.Selection{Labels: []string{"sector=logstics"}}, `no stack has the label sector=logstics; there are design, logistics (2); did you mean logistics?`, true},
		"unknown_label":         {fleet.Selection{Labels: []string{"sektor=design"}}, `no stack has a label "sektor"; there are sector (3), size; did you mean sector?`, true},
		"typo_must_not_include": {fleet.Selection{Labels: []string{"sector!=desing"}}, `no stack has the label sector=desing; there are design, logistics (2); did you mean design?`, true},
		"no_label":              {fleet.Selection{Labels: []string{"sector"}}, `label "sector" is not written as key=value`, true},
		"empty_label_value":     {fleet.Selection{Labels: []string{"sector="}}, `label "sector=" is not written as key=value`, true},
		"unknown_kind":          {fleet.Selection{Kinds: []string{"awsclients"}}, `no stack has the kind "awsclients"; there are awsclient (2), lightclient (2), organisation; did you mean awsclient?`, true},
		"unknown_wave":          {fleet.Selection{Waves: []int{5}}, `no stack has the wave "5"; there are 1, 2, 4 (2), 10`, true},
		"unknown_tier":          {fleet.Selection{Tiers: []string{"gold"}}, `no stack has the tier "gold"; there are dedicated, standard`, true},
		"unknown_release":       {fleet.Selection{Releases: []string{"9.9.9"}}, `no stack has the release "9.9.9"`, true},
		"nobody_is_all":         {fleet.Selection{Stacks: []string{"acme"}, Kinds: []string{"lightclient"}}, "no stack is all of these at once: named acme; kind lightclient", true},
	} {
		t.Run(name, func(t *testing.T) {
			picked, err := fleet.Select(some(), tc.selection)
			if tc.wrong {
				var wrong *fleet.SelectionError
				if !errors.As(err, &wrong) || !strings.Contains(err.Error(), tc.want) || picked != nil {
					t.Errorf("%v, err = %v, want %q", picked, err, tc.want)
				}
				return
			}
			var names []string
			for _, m := range picked {
				names = append(names, m.Stack)
			}
			if err != nil || strings.Join(names, " ") != tc.want {
				t.Errorf("picked %q, %v, want %q", names, err, tc.want)
			}
		})
	}
}

func TestSelectReportsAllProblems(t *testing.T) {
	_, err := fleet.Select(some(), fleet.Selection{Stacks: []string{"x"}, Kinds: []string{"y"}, Waves: []int{77}, Labels: []string{"z=1"}})
	var wrong *fleet.SelectionError
	if !errors.As(err, &wrong) || len(wrong.Problems) != 4 {
		t.Errorf("err = %v, want four problems", err)
	}
}

// TestSelectNarrows: what one more part leaves is never more, and a selection that fits nobody never means everybody.
func TestSelectNarrows(t *testing.T) {
	all := some()
	parts := []fleet.Selection{
		{Patterns: []string{"*o*"}}, {Labels: []string{"sector!=design"}}, {Kinds: []string{"lightclient", "awsclient"}}, {Tiers: []string{"standard"}},
		{Environments: []string{"production", "staging"}}, {Waves: []int{4, 10}}, {Releases: []string{"1.0.0"}}, {IsAffected: true, Affected: []string{"hooli", "broken"}},
	}
	join := func(a, b fleet.Selection) fleet.Selection {
		return fleet.Selection{Patterns: append(a.Patterns, b.Patterns...), Labels: append(a.Labels, b.Labels...), Kinds: append(a.Kinds, b.Kinds...),
			Tiers: append(a.Tiers, b.Tiers...), Environments: append(a.Environments, b.Environments...), Waves: append(a.Waves, b.Waves...),
			Releases: append(a.Releases, b.Releases...), Affected: append(a.Affected, b.Affected...), IsAffected: a.IsAffected || b.IsAffected}
	}
	for i, a := range parts {
		for j, b := range parts {
			if i == j {
				continue
			}
			one, err := fleet.Select(all, a)
			if err != nil {
				t.Fatal(err)
			}
			both, err := fleet.Select(all, join(a, b))
			for _, m := range both {
				if !slices.ContainsFunc(one, func(n fleet.Member) bool { return n.Stack == m.Stack }) {
					t.Errorf("%s is picked by %+v, and not by %+v", m.Stack, join(a, b), a)
				}
			}
			if err != nil && both != nil {
				t.Errorf("an error and %d stacks", len(both))
			}
		}
	}
	if a := (fleet.Selection{IsAffected: true}); a.Empty() || !(fleet.Selection{}).Empty() {
		t.Error("an empty list of affected stacks is not the same as no list")
	}
}

// TestSelectListsSome keeps a message about a large fleet short.
func TestSelectListsSome(t *testing.T) {
	var all []fleet.Member
	for i := range 5000 {
		all = append(all, member(fmt.Sprintf("client-%04d", i), 4))
	}
	_, err := fleet.Select(all, fleet.Selection{Stacks: []string{"cleint-0001"}})
	if err == nil || len(err.Error()) > 1000 || !strings.Contains(err.Error(), "and 4980 more") {
		t.Errorf("err = %v", err)
	}
}
