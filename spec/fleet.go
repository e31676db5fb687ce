package spec

import (
	"fmt"
	"strings"
)

// Fleet places a stack among all the others, for `berth fleet`. Nothing of it reaches a cloud.
type Fleet struct {
	// Wave is when a change reaches the stack, 1 to 99: the waves of a rollout go one after the other. Default: 1 for what clients
	// share (the organisation, pairs of sites), 2 for development, 3 for staging, 4 for production.
	Wave int `json:"wave,omitempty" jsonschema:"minimum=1,maximum=99,example=3"`
	// Labels to select by, each a key and a value of lower-case letters, digits and hyphens; each key once.
	Labels []string `json:"labels,omitempty" jsonschema:"maxLength=96,pattern=^[a-z][a-z0-9-]*\\x3d[a-z0-9][a-z0-9-]*$,example=sector=logistics" expect:"a key, an equals sign and a value in lower-case letters, digits and hyphens"`
}

// The waves of stacks that name none.
const (
	sharedWave      = 1
	developmentWave = 2
	stagingWave     = 3
	productionWave  = 4
)

// Fleet is the stack's place among all others, with the default of its wave filled in.
func (s *Spec) Fleet() Fleet {
	var f Fleet
	switch {
	case s == nil:
	case s.AWSClient != nil:
		f = s.AWSClient.Fleet
	case s.LightClient != nil:
		f = s.LightClient.Fleet
	case s.Sites != nil:
		f = s.Sites.Fleet
	case s.SiteClient != nil:
		f = s.SiteClient.Fleet
	case s.OnPremises != nil:
		f = s.OnPremises.Fleet
	case s.Organisation != nil:
		f = s.Organisation.Fleet
	}
	if f.Wave != 0 {
		return f
	}
	f.Wave = productionWave
	switch environment := s.Summary().Environment; {
	case s != nil && (s.Sites != nil || s.Organisation != nil):
		f.Wave = sharedWave
	case environment == Development:
		f.Wave = developmentWave
	case environment == Staging:
		f.Wave = stagingWave
	}
	return f
}

// fleet judges the stack's place among all others.
func (r *report) fleet(f Fleet) {
	seen := map[string]bool{}
	for i, label := range f.Labels {
		path := fmt.Sprintf("fleet.labels[%d]", i)
		if !r.sound(path) {
			continue
		}
		key, _, _ := strings.Cut(label, "=")
		if seen[key] {
			r.add(path, label, "each key once", "remove one of the labels "+key)
		}
		seen[key] = true
	}
}
