package catalogue

import (
	"github.com/berth-iac/berth/promises"
)

// AS2 is how pages are made.
func (catalogue) AS2() promises.Promise {
	return promises.Promise{
		ID:       "AS-2",
		Title:    "Escaped templates and a content security policy",
		Sentence: "Pages of your service escape everything that people entered, and a content security policy stands behind that: markup that somebody injects does nothing.",
		Duties:   map[promises.Hosting]promises.Duty{promises.Service: promises.Ours},
		Proofs: []promises.Proof{
			{Level: promises.Live, How: "markup and scripts are entered wherever a test client takes text, and must be shown as text and not run; the policy is read from the answers"},
		},
		Keywords: []string{
			"cross-site scripting", "output escaped", "content security policy", "templates escape", "html injection", "html escaping",
			"security headers", "owasp top 10", "clickjacking", "input sanitisation", "xss", "csp", "output encoding", "script injection",
			"template escaping", "injected markup",
		},
	}
}
