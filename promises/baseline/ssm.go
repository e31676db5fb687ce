package baseline

import (
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
)

// SSM4 is documents that the public cannot read.
func (baseline) SSM4() promises.Control {
	return promises.Control{
		ID: "SSM.4", Title: "Documents of Systems Manager are not public", Severity: "critical",
		References: []string{fsbp("SSM.4")},
		Check: want("aws:ssm/document:Document", "permissions", "shared with nobody, or with accounts by number", "take All out of the document's permissions",
			func(document *graph.Resource) bool {
				with := document.Text("permissions.accountIds")
				return !strings.Contains(strings.ToLower(with), "all") && (!document.Has("permissions") || with != "")
			}),
	}
}
