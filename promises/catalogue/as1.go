package catalogue

import (
	"github.com/berth-iac/berth/promises"
)

// AS1 is how the service talks to its database.
func (catalogue) AS1() promises.Promise {
	return promises.Promise{
		ID:       "AS-1",
		Title:    "Database access through the ORM only",
		Sentence: "Your data is read and written through the ORM only: no code path of the service executes hand-written SQL, so that nothing a person types becomes part of a query.",
		Duties:   map[promises.Hosting]promises.Duty{promises.Service: promises.Ours},
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "a static check of the service's source finds no query that is written by hand; it runs on every change"},
			{Level: promises.Live, How: "inputs that carry SQL are sent to every form and call of a test client, and must come back as plain text"},
		},
		Keywords: []string{
			"sql injection", "orm", "sql built from input", "parameterised queries", "injection", "database queries built", "owasp top 10",
			"database access layer", "input validation", "injection flaws", "static analysis", "secure coding", "application security testing",
			"prepared statements", "injection attacks", "hand-written sql",
		},
	}
}
