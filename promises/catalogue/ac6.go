package catalogue

import (
	"fmt"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// AC6 is a leaver's access.
func (catalogue) AC6() promises.Promise {
	return promises.Promise{
		ID:       "AC-6",
		Title:    "A leaver's access ends the same day",
		Sentence: "When somebody leaves our staff, their access to everything of yours is removed the same day, everywhere, in one step.",
		Duties: map[promises.Hosting]promises.Duty{
			promises.Organisation: promises.Ours, promises.OnAWS: promises.Ours, promises.OnSites: promises.Ours,
		},
		Parameters: func(_ promises.Hosting, s *spec.Spec) []promises.Parameter {
			list := []promises.Parameter{{Name: "removed within", Value: "the same day"}, {Name: "steps", Value: "one: the person goes from the list of staff", Key: "staff"}}
			if people := len(organisationSpec(s).Staff); people > 0 {
				list = append(list, promises.Parameter{Name: "people with an account", Value: fmt.Sprint(people), Key: "staff"})
			}
			return list
		},
		Proofs: []promises.Proof{
			{Level: promises.Drill, How: "a person made for the drill gets access everywhere, leaves, and every way in is tried again and must be refused; the time is measured"},
		},
		Keywords: []string{
			"leaver access removed", "employee leaves access", "revoke access leaver", "offboarding", "accounts of leavers",
			"remove leaver from every system", "how quickly access of leaver", "removal of access no longer required", "employee resigns",
			"how soon accounts closed", "joiner-mover-leaver", "termination of access", "user lifecycle", "revoke access same day",
			"account deactivation", "terminated employee", "employee departure", "leaver", "access revoked when staff leave", "deprovisioning",
			"access removal", "leavers process", "former employees",
		},
	}
}
