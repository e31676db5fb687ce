package spec

// The organisation's own stack.

var organisationEdits = []edit{
	{"AC-3 organisation's verifier is its root", `account: "111122223333"`, "account: \"111122223333\"\n  verifiers: [\"arn:aws:iam::111122223333:root\"]", `berth:spec.aws.verifiers[0]: "arn:aws:iam::111122223333:root": the ARN of one IAM role or user: correct it, such as arn:aws:iam::111122223333:role/northwind-pipeline-preview`},
	{"organisation without staff", "staff:\n", "staff: []\nstuff:\n", `berth:spec.staff: an empty list: a list of at least 1: add at least one` + "\n" +
		`berth:spec.stuff: unknown key: one of kind, name, domain, aws, clients, staff, officeCidrs, alerts, onCall, pipeline, trailDays, backupRetentionDays, auditDay, fleet, waivers: remove it`},
	{"AC-2 empty office list", "officeCidrs: [203.0.113.16/29]", "officeCidrs: []", `berth:spec.officeCidrs: an empty list: a list of at least 1: name the addresses: an empty list never means everyone`},
	{"AC-3 assignment of an unknown role", "role: engineer", "role: root", `berth:spec.staff[1].assignments[0].role: "root": administrator, engineer, support, readOnly or breakGlassDatabase: correct it, such as engineer`},
	{"AC-3 assignment without an end", "{role: engineer, until: 2027-03-31}", "{role: engineer}", `berth:spec.staff[1].assignments[0].until: missing: a date written YYYY-MM-DD: add it, such as until: 2027-06-30`},
	{"OP-3 rotation of one", "rotation: [ada.lindqvist, ben.adeyemi]", "rotation: [ada.lindqvist]", `berth:spec.onCall.rotation: 1 of them: a list of at least 2: add more`},
	{"audit trail too short", "officeCidrs:", "trailDays: 90\nofficeCidrs:", `berth:spec.trailDays: 90: a whole number of days from 365 to 3650: set it within these bounds, or leave it out`},
	{"audit on a day that months lack", "officeCidrs:", "auditDay: 31\nofficeCidrs:", `berth:spec.auditDay: 31: a whole number from 1 to 28: set it within these bounds, or leave it out`},
	{"pipeline of an unknown provider", "provider: github", "provider: gitlab", `berth:spec.pipeline.provider: "gitlab": github or circleci: did you mean github?`},
	{"phone of staff without a country", `phone: "+442079460125"`, `phone: "02079460125"`, `berth:spec.staff[1].phone: "02079460125": a phone number in E.164 form, in quotes: correct it, such as "+442071234567", or leave it out`},
	{"client's key in the organisation", "domain: northwind.example\n", "domain: northwind.example\nresidency: uk\n", `berth:spec.residency: unknown key: one of kind, name, domain, aws, clients, staff, officeCidrs, alerts, onCall, pipeline, trailDays, backupRetentionDays, auditDay, fleet, waivers: remove it`},
}

var beyondOrganisationEdits = []edit{
	{"AC-3 organisation's role verifies itself", `account: "111122223333"`, "account: \"111122223333\"\n  verifiers: [\"arn:aws:iam::111122223333:role/berth-verify\"]", `berth:spec.aws.verifiers[0]: "arn:aws:iam::111122223333:role/berth-verify": somebody else than the role itself: name who signs in as it, such as the pipeline's preview role`},
	{"organisation's domain is a suffix", "domain: northwind.example", "domain: com", `berth:spec.domain: "com": a domain name of at least two parts: write it in full, such as acme.taskflow.example`},
	{"organisation's second region is the first", `account: "111122223333"`, "account: \"111122223333\"\n  region: eu-west-1\n  secondRegion: eu-west-1", `berth:spec.aws.secondRegion: "eu-west-1": another region than aws.region: write eu-west-2, or leave it out`},
	{"organisation's region is unknown", `account: "111122223333"`, "account: \"111122223333\"\n  region: eu-west2", `berth:spec.aws.region: "eu-west2": an AWS region, such as eu-west-1: did you mean eu-west-2?`},
	{"DP-1 client in the organisation's account", `account: "123456789012"`, `account: "111122223333"`, `berth:spec.clients[0].account: "111122223333": an account of the client's own (DP-1): create an account for the client: aws.account is the organisation's`},
	{"client named twice", "clients:\n", "clients:\n  - name: acme\n    account: \"210987654321\"\n", `berth:spec.clients[1].name: "acme": each one once: correct or remove it: berth:spec.clients[0].name is the same`},
	{"DP-1 two clients in one account", "clients:\n", "clients:\n  - name: globex\n    account: \"123456789012\"\n", `berth:spec.clients[1].account: "123456789012": each one once: correct or remove it: berth:spec.clients[0].account is the same`},
	{"person named twice", "name: ben.adeyemi", "name: ada.lindqvist", `berth:spec.onCall.rotation[1]: "ben.adeyemi": a member of staff (OP-3): add the person to staff, or remove the name` + "\n" +
		`berth:spec.staff[1].name: "ada.lindqvist": each one once: correct or remove it: berth:spec.staff[0].name is the same`},
	{"AC-5 two people with one e-mail", "email: ben.adeyemi@northwind.example", "email: ada.lindqvist@northwind.example", `berth:spec.staff[1].email: "ada.lindqvist@northwind.example": each one once: correct or remove it: berth:spec.staff[0].email is the same`},
	{"nobody is administrator", "role: administrator", "role: support", `berth:spec.staff: 2 without an administrator: at least one person with the role administrator: assign it, or nobody can change the organisation`},
	{"AC-3 assignment is over", "{role: engineer, until: 2027-03-31}", "{role: engineer, until: 2026-11-01}", `berth:spec.staff[1].assignments[0].until: 2026-11-01: a date that is not past (AC-3): renew the assignment, or remove it`},
	{"AC-3 assignment without limit", "{role: engineer, until: 2027-03-31}", "{role: engineer, until: 2099-12-31}", `berth:spec.staff[1].assignments[0].until: 2099-12-31: at most 366 days ahead (AC-3): choose a date up to 2027-11-22, and renew it then`},
	{"AC-3 role assigned twice", "{role: engineer, until: 2027-03-31}", "{role: engineer, until: 2027-03-31}\n      - {role: engineer, until: 2027-06-30}", `berth:spec.staff[1].assignments[1].role: "engineer": each one once: correct or remove it: berth:spec.staff[1].assignments[0].role is the same`},
	{"AC-4 break glass for no engineer", "{role: engineer, until: 2027-03-31}", "{role: breakGlassDatabase, until: 2027-03-31}", `berth:spec.staff[1].assignments[0].role: "breakGlassDatabase": a person who is an engineer or administrator as well (AC-4): assign one of these roles too, or remove this one`},
	{"OP-3 on call but not staff", "rotation: [ada.lindqvist, ben.adeyemi]", "rotation: [ada.lindqvist, ben.adeyemy]", `berth:spec.onCall.rotation[1]: "ben.adeyemy": a member of staff (OP-3): did you mean ben.adeyemi?`},
	{"OP-3 on call without a phone", "    phone: \"+442079460125\"\n", "", `berth:spec.onCall.rotation[1]: "ben.adeyemi": a member of staff with a phone (OP-3): add staff[1].phone, or remove the name`},
	{"OP-3 on call twice", "rotation: [ada.lindqvist, ben.adeyemi]", "rotation: [ada.lindqvist, ben.adeyemi, ada.lindqvist]", `berth:spec.onCall.rotation[2]: "ada.lindqvist": each one once: correct or remove it: berth:spec.onCall.rotation[0] is the same`},
	{"OP-3 rotation does not start on a Monday", "starts: 2026-11-30", "starts: 2026-12-01", `berth:spec.onCall.starts: 2026-12-01: a Monday (OP-3): write 2026-12-07: this is a Tuesday`},
	{"OP-3 rotation starts in years", "starts: 2026-11-30", "starts: 2036-12-01", `berth:spec.onCall.starts: 2036-12-01: at most 366 days ahead (OP-3): correct the year`},
	{"office list too wide", "officeCidrs: [203.0.113.16/29]", "officeCidrs: [203.0.0.0/16]", `berth:spec.officeCidrs[0]: 203.0.0.0/16: a range of /24 or smaller (AC-2): name the addresses themselves`},
	{"office list private", "officeCidrs: [203.0.113.16/29]", "officeCidrs: [192.168.1.0/24]", `berth:spec.officeCidrs[0]: 192.168.1.0/24: public addresses (AC-2): name the addresses as they are seen from the internet`},
	{"repository as an address", "repository: northwind/berth", "repository: https://github.com/northwind/berth", `berth:spec.pipeline.repository: "https://github.com/northwind/berth": a GitHub repository as owner/name: write "northwind/berth"`},
	{"repository of another provider", "provider: github", "provider: circleci", `berth:spec.pipeline.repository: "northwind/berth": a CircleCI project as organisation id/project id: copy both ids from the project's settings`},
	{"organisation without a phone", "  phones: [\"+442079460123\"]\n", "", `berth:spec.alerts.phones: missing: at least one phone for SMS in production (AV-7): add it, such as phones: ["+442071234567"]`},
}
