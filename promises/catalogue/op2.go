package catalogue

import (
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// OP2 is what happens after a breach.
func (catalogue) OP2() promises.Promise {
	return promises.Promise{
		ID:       "OP-2",
		Title:    "A breach protocol, rehearsed each quarter",
		Sentence: "After a breach all clients are told at once, external keys are revoked and renewed, passwords are reset, and the credentials of cloud and storage are changed; we rehearse it each quarter.",
		Duties:   map[promises.Hosting]promises.Duty{promises.Organisation: promises.Ours, promises.OnAWS: promises.Ours, promises.OnSites: promises.Ours, promises.Service: promises.Ours},
		Parameters: func(promises.Hosting, *spec.Spec) []promises.Parameter {
			return []promises.Parameter{{Name: "clients told", Value: "at once"}, {Name: "rehearsed", Value: "each quarter"}, {Name: "renewed", Value: "external keys, passwords, credentials of cloud and storage"}}
		},
		Proofs: []promises.Proof{
			{Level: promises.Drill, How: "the protocol is gone through each quarter on a test client, with the time of every step, and the record is kept"},
		},
		Keywords: []string{
			"breach notification", "breach notify", "breach protocol", "keys revoked after breach", "breach rehearsed", "breach response",
			"credentials changed after breach", "breach procedure", "passwords reset after breach", "renew keys breach", "breach plan",
			"incident response plan tested", "breach response plan", "how soon notified breach", "test incident response plan",
			"incident response plan", "credential rotation", "key revocation", "notify customers of a breach", "gdpr breach notification", "72 hours",
			"tabletop exercise", "data breach", "security incident", "compromise", "incident response rehearsal", "password reset after breach",
			"security breach procedure", "personal data breach",
		},
	}
}
