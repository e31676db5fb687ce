package catalogue

import (
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// AC8 is what our administrator does on a client's instance.
func (catalogue) AC8() promises.Promise {
	return promises.Promise{
		ID:       "AC-8",
		Title:    "Our administrator is for support, and you see each use",
		Sentence: "On your instance our administrator account is used for support only, and each use is logged where you can see it: who, when, why and what was done.",
		Duties:   map[promises.Hosting]promises.Duty{promises.Service: promises.Ours},
		Parameters: func(promises.Hosting, *spec.Spec) []promises.Parameter {
			return []promises.Parameter{{Name: "shown to", Value: "your own administrators, in the audit log of your instance"}}
		},
		Proofs: []promises.Proof{
			{Level: promises.Live, How: "the administrator account is used on a test client, and the use must stand in that client's own audit log with person and reason"},
		},
		Keywords: []string{
			"support administrator account", "support access to our instance", "support staff login our instance", "support account logged",
			"support use visible to us", "see when support logged in", "vendor access to our instance", "support staff access our account",
			"vendor administrator account", "customer-visible audit log", "administrator use logged", "impersonation", "support staff login",
			"access transparency", "customer lockbox", "superuser account", "remote support", "who from your company logs in",
			"privileged account usage", "support access", "provider access to our instance",
		},
	}
}
