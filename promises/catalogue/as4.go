package catalogue

import (
	"github.com/berth-iac/berth/promises"
)

// AS4 is the token that comes with each change.
func (catalogue) AS4() promises.Promise {
	return promises.Promise{
		ID:       "AS-4",
		Title:    "CSRF tokens on the login page and on every change",
		Sentence: "The login page of your service and every change that a person makes carry a CSRF token: another site cannot act in your people's name.",
		Duties:   map[promises.Hosting]promises.Duty{promises.Service: promises.Ours},
		Proofs: []promises.Proof{
			{Level: promises.Live, How: "sign-in and changes are sent to a test client without a token, with an old one and with somebody else's, and must be refused"},
		},
		Keywords: []string{
			"csrf", "csrf token", "form token", "requests from other sites forged", "session security", "session riding", "same-site cookies",
			"login page security", "owasp top 10", "secure cookies", "cross-site request forgery", "xsrf", "anti-forgery token", "request forgery",
		},
	}
}
