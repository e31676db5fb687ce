package promises

import (
	"time"

	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

// Subject is one stack that is judged.
type Subject struct {
	Stack string
	Spec  *spec.Spec
	Graph *graph.Graph
	Now   time.Time // waivers and time-limited access are held against it
}

// Hostings are the kinds of hosting that the stack's promises are made for. A client's stack carries the
// service too.
func (s Subject) Hostings() []Hosting {
	switch s.Spec.Kind {
	case spec.KindAWSClient:
		return []Hosting{OnAWS, Service}
	case spec.KindLightClient:
		return []Hosting{OnLightsail, Service}
	case spec.KindSites:
		return []Hosting{OnSites}
	case spec.KindSiteClient:
		return []Hosting{OnSites, Service}
	case spec.KindOnPremises:
		return []Hosting{OnPremises, Service}
	case spec.KindOrganisation:
		return []Hosting{Organisation}
	}
	return nil
}

// Hosting is the first of Hostings: the stack's own kind.
func (s Subject) Hosting() Hosting {
	if all := s.Hostings(); len(all) > 0 {
		return all[0]
	}
	return ""
}

// Client is the spec of a client on AWS, or nil.
func (s Subject) Client() *spec.AWSClient { return s.Spec.AWSClient }

// Organisation is the spec of the organisation, or nil.
func (s Subject) Organisation() *spec.Organisation { return s.Spec.Organisation }

// environment is the spec's, with "" for the organisation, and leaving what lifts its protection.
func (s Subject) environment() (environment spec.Environment, leaving *spec.Leaving) {
	switch {
	case s.Spec.AWSClient != nil:
		return s.Spec.AWSClient.Environment, s.Spec.AWSClient.Leaving
	case s.Spec.LightClient != nil:
		return s.Spec.LightClient.Environment, s.Spec.LightClient.Leaving
	case s.Spec.Sites != nil:
		return s.Spec.Sites.Environment, s.Spec.Sites.Leaving
	case s.Spec.SiteClient != nil:
		return s.Spec.SiteClient.Environment, s.Spec.SiteClient.Leaving
	case s.Spec.OnPremises != nil:
		return s.Spec.OnPremises.Environment, s.Spec.OnPremises.Leaving
	}
	return "", nil
}

// Production tells whether the stack holds clients' data. The organisation's does.
func (s Subject) Production() bool {
	environment, _ := s.environment()
	return environment == "" || environment == spec.Production
}

// Leaving tells whether the client's protection against deletion is lifted.
func (s Subject) Leaving() bool {
	_, leaving := s.environment()
	return leaving != nil
}

// Verifiers are the IAM roles and users that may read the account back, by the spec.
func (s Subject) Verifiers() []string {
	switch {
	case s.Spec == nil:
	case s.Spec.AWSClient != nil:
		return s.Spec.AWSClient.AWS.Verifiers
	case s.Spec.Organisation != nil:
		return s.Spec.Organisation.AWS.Verifiers
	}
	return nil
}
