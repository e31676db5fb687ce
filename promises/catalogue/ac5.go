package catalogue

import (
	"fmt"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// AC5 is personal accounts, and a log of everything that cannot be altered.
func (catalogue) AC5() promises.Promise {
	return promises.Promise{
		ID:    "AC-5",
		Title: "Personal accounts, and a log that cannot be altered",
		Sentence: "Every account of our staff is personal; every login and every action around your service is logged, and the log cannot be altered, " +
			"not even by us.",
		Duties: map[promises.Hosting]promises.Duty{
			promises.Organisation: promises.Ours, promises.OnAWS: promises.Ours, promises.OnSites: promises.Ours, promises.Service: promises.Ours,
		},
		Parameters: func(h promises.Hosting, s *spec.Spec) []promises.Parameter {
			if h == promises.Organisation {
				return []promises.Parameter{{Name: "audit trail locked for", Value: fmt.Sprintf("%d days", orDefault(organisationSpec(s).TrailDays, 400)), Key: "trailDays"}}
			}
			return []promises.Parameter{
				{Name: "record of every call locked for", Value: fmt.Sprintf("%d days", max(trailDays, clientSpec(s).Service.LogDays)), Key: "service.logDays"},
				{Name: "logs kept for", Value: fmt.Sprintf("%d days", orDefault(clientSpec(s).Service.LogDays, 365)), Key: "service.logDays"},
				{Name: "network flow logs kept for", Value: fmt.Sprintf("%d days", orDefault(clientSpec(s).Network.FlowLogDays, 365)), Key: "network.flowLogDays"},
			}
		},
		ReadBack: true,
		Proofs: []promises.Proof{
			{Level: promises.Design, How: "users in the graph are compared with the staff in the spec; the trail, its locked bucket and its copy, and every log with its retention, are followed link by link"},
			{Level: promises.Live, How: "users, the credential report and the trail are read back: it records everything now, its newest record and digest are as young " +
				"as they should be, and bucket, copy and newest digest are locked against everybody; no deletion is tried and no digest is " +
				"computed anew; with it detectors, or a client's other logs and their retention"},
		},
		Keywords: []string{
			"audit log", "log every action", "personal accounts", "logins logged", "alter audit log", "log protected", "administrative actions logged",
			"log access", "log retention", "shared administrator account", "log integrity", "access to audit logs restricted",
			"privileged access logged", "who did what", "record of who did what changed", "one account shared by several",
			"logs erased by administrator", "cloudtrail", "security logging", "log file validation", "monitoring of administrators", "siem",
			"guardduty", "intrusion detection", "flow logs", "user activity logging", "audit trail", "tamper-proof logs", "immutable logs",
			"shared accounts", "access logging", "generic accounts",
		},
		Check: func(s promises.Subject, r *promises.Report) {
			if s.Organisation() != nil {
				staffAccounts(s, r)
				organisationTrail(s, r)
				detection(s, r)
				return
			}
			clientAccounts(s, r)
			clientTrail(s, r)
			clientLogs(s, r)
		},
		Checks: map[promises.Hosting]promises.Check{promises.OnSites: noted},
	}
}

// orDefault is a number of the spec, or what the spec's own default would make of it.
func orDefault(n, fallback int) int {
	if n == 0 {
		return fallback
	}
	return n
}

// credentials are resources by which somebody acts without signing in as themselves.
var credentials = []string{
	"aws:iam/accessKey:AccessKey", "aws:iam/sshKey:SshKey", "aws:iam/serviceSpecificCredential:ServiceSpecificCredential", "aws:iam/signingCertificate:SigningCertificate",
	"aws:iam/userLoginProfile:UserLoginProfile",
}

// noCredentials judges that no key or password of a person passes through the program.
func noCredentials(s promises.Subject, r *promises.Report) {
	for _, credential := range s.Graph.OfType(credentials...) {
		r.Say(credential, false, "a credential that the program makes", "people make their own password and second factor, and have no keys", "remove it from the stack")
	}
}

// staffAccounts judges that each member of staff has one account, and nobody else any.
func staffAccounts(s promises.Subject, r *promises.Report) {
	const fix = "change staff in the organisation's spec; the component identity makes a user for each"
	known := map[string]bool{}
	for _, person := range s.Organisation().Staff {
		known[person.Name] = true
		if s.Graph.Resolve(person.Name, iamUser) == nil {
			r.Missing("user "+person.Name, "an account of their own for everybody on the staff", fix)
		}
	}
	for _, user := range s.Graph.OfType(iamUser) {
		r.Want(user, known[user.Text("name")], "name", "a member of the staff that the spec lists", fix)
	}
	noCredentials(s, r)
	wantTrailAlarm(s, r, []string{"iam.amazonaws.com", "CreateAccessKey"}, "somebody makes an access key")
}

// clientAccounts judges that a client's stack has no accounts of its own: people sign in at the organisation.
func clientAccounts(s promises.Subject, r *promises.Report) {
	for _, user := range s.Graph.OfType(iamUser) {
		r.Say(user, false, "a user in the client's account", "no users: people sign in with their own account at the organisation and take a role", "remove the user from the stack")
	}
	noCredentials(s, r)
	if len(s.Graph.OfType(auditTrail)) > 0 { // clientTrail reports where there is none
		wantTrailAlarm(s, r, []string{"iam.amazonaws.com", "CreateAccessKey"}, "somebody makes an access key")
	}
}
