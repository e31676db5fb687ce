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
	// Own is what nobody else's file says, such as the account and the host name, by what it is called where changes to many stacks
	// are put together: "account" is "123456789012". Never a secret.
	Own map[string]string `json:"own,omitempty"`
	// Problems are why its file cannot be read. Such a member is selected wherever it might belong, and refused.
	Problems []string `json:"problems,omitempty"`
	// Digest is of its file's text.
	Digest string `json:"-"`
}
