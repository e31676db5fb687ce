package spec

import (
	"fmt"
	"strings"
)

// alerts judges who is told; all three channels are promised where all is set.
func (r *report) alerts(path string, a Alerts, all bool) {
	seen := map[string]string{}
	for i, email := range a.Emails {
		r.once(seen, fmt.Sprintf("%s.emails[%d]", path, i), strings.ToLower(email))
	}
	for i, phone := range a.Phones {
		r.once(seen, fmt.Sprintf("%s.phones[%d]", path, i), phone)
	}
	if !all || !r.sound(path) {
		return
	}
	if len(a.Phones) == 0 {
		r.add(path+".phones", "missing", "at least one phone for SMS in production (AV-7)", `add it, such as phones: ["+442071234567"]`)
	}
	if a.Slack == nil {
		r.add(path+".slack", "missing", "a Slack channel in production (AV-7)", "add it with workspaceId and channelId")
	}
}
