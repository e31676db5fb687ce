package fleet

import "github.com/berth-iac/berth/spec"

// Member is one stack of the fleet, as its file tells.
type Member struct {
	Stack       string            `json:"stack"`
	Kind        spec.Kind         `json:"kind,omitempty"`
	Client      string            `json:"client,omitempty"` // or the pair, or the organisation
	Environment spec.Environment  `json:"environment,omitempty"`
	Tier        spec.Tier         `json:"tier,omitempty"`
	Where       string            `json:"where,omitempty"`   // a region, sites' names, or premises
	Release     string            `json:"release,omitempty"` // of TaskFlow
	Labels      map[string]string `json:"labels,omitempty"`
	Wave        int               `json:"wave,omitempty"`
	// Problems are why its file cannot be read. Such a member is selected wherever it might belong, and refused.
	Problems []string `json:"problems,omitempty"`
}
