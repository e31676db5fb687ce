package catalogue

import (
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// AS5 is where clients' expressions run.
func (catalogue) AS5() promises.Promise {
	return promises.Promise{
		ID:       "AS-5",
		Title:    "Expressions run in a sandbox",
		Sentence: "Expressions that your people write are evaluated in a sandbox: without files, without network, and with a limit on time and memory.",
		Duties:   map[promises.Hosting]promises.Duty{promises.Service: promises.Ours},
		Parameters: func(promises.Hosting, *spec.Spec) []promises.Parameter {
			return []promises.Parameter{{Name: "files and network", Value: "none"}, {Name: "time and memory", Value: "limited for each evaluation"}}
		},
		Proofs: []promises.Proof{
			{Level: promises.Live, How: "expressions that reach for files or the network, that never end, or that ask for memory without end are run on a test client, and must be stopped"},
		},
		Keywords: []string{
			"sandbox", "custom code isolated", "expression evaluation", "script network files memory", "scripts limited", "untrusted code",
			"script time limit", "formula running forever", "endless loop in script", "code injection", "remote code execution", "rce",
			"resource limits", "user code execution", "denial of service by input", "custom rules", "user expressions", "user-defined expressions",
			"custom scripts", "formula evaluation",
		},
	}
}
