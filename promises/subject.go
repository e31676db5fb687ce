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

// Production tells whether the stack holds clients' data. The organisation's does.
func (s Subject) Production() bool {
	return s.Spec.AWSClient == nil || s.Spec.AWSClient.Environment == spec.Production
}

// Leaving tells whether the client's protection against deletion is lifted.
func (s Subject) Leaving() bool { return s.Spec.AWSClient != nil && s.Spec.AWSClient.Leaving != nil }

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
