package catalogue

import (
	"github.com/berth-iac/berth/promises"
)

// AS3 is what remote calls reach.
func (catalogue) AS3() promises.Promise {
	return promises.Promise{
		ID:       "AS-3",
		Title:    "Remote calls reach declared methods only",
		Sentence: "Programs that call your service reach the methods that are declared for them and nothing else: private and undeclared names are refused.",
		Duties:   map[promises.Hosting]promises.Duty{promises.Service: promises.Ours},
		Proofs: []promises.Proof{
			{Level: promises.Live, How: "undeclared, private and misspelt names are called with valid credentials on a test client, and must be refused"},
		},
		Keywords: []string{
			"rpc methods", "rpc", "undeclared methods", "private method called", "rpc interface", "declared methods only", "methods exposed",
			"api security", "api surface", "undocumented endpoints", "mass assignment", "function level authorisation", "api authorisation",
			"exposed endpoints", "api endpoints", "broken function level authorization", "declared methods", "remote procedure calls",
			"private methods",
		},
	}
}
