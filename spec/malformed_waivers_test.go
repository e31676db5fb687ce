package spec

import "strings"

// Deviations that a stack's file records.

// waived is a whole waiver with some of its keys, in pairs of key and value, written otherwise, or left out where the value is nothing.
func waived(edits ...string) string {
	text := ""
	for _, line := range [][2]string{
		{"promise", "AV-3"}, {"resource", "database-instance"}, {"reason", "single zone until the move, agreed with the client"},
		{"owner", "ada.lindqvist@northwind.example"}, {"expires", "2027-01-31"},
	} {
		for i := 0; i < len(edits); i += 2 {
			if edits[i] == line[0] {
				line[1] = edits[i+1]
			}
		}
		if line[1] != "" {
			text += "    " + line[0] + ": " + line[1] + "\n"
		}
	}
	return "  -" + text[len("   "):]
}

// waivers is the list that holds the waivers, ahead of the alerts.
func waivers(all ...string) string {
	text := "waivers:\n"
	for _, w := range all {
		text += w
	}
	return text + "alerts:\n"
}

const (
	wantID       = "the ID of a promise or of a baseline control: correct it, such as AV-3"
	wantResource = "the exact name of one resource, without wildcards, or stack for the whole: correct it, such as database-instance"
)

var waiverEdits = []edit{
	{"waivers that are no list", "alerts:\n", "waivers: {promise: AV-3}\nalerts:\n", `berth:spec.waivers: a mapping: a list: correct it, or leave it out`},
	{"waiver that is text", "alerts:\n", "waivers: [AV-3]\nalerts:\n", `berth:spec.waivers[0]: "AV-3": a mapping with the keys promise, resource, reason, owner, expires: write its keys below it, indented`},
	{"waiver of nothing", "alerts:\n", "waivers: [{}]\nalerts:\n", `berth:spec.waivers[0].expires: missing: a date written YYYY-MM-DD: add it, such as expires: 2027-01-31
berth:spec.waivers[0].owner: missing: an e-mail address: add it, such as owner: ada.lindqvist@northwind.example
berth:spec.waivers[0].promise: missing: the ID of a promise or of a baseline control: add it, such as promise: AV-3
berth:spec.waivers[0].reason: missing: text of 10 to 300 characters: add it, such as reason: single-zone until the migration ends, agreed with the client
berth:spec.waivers[0].resource: missing: the exact name of one resource, without wildcards, or stack for the whole: add it, such as resource: database-instance`},
	{"waiver with a misspelt key", "alerts:\n", waivers(waived("expires", "") + "    expiry: 2027-01-31\n"), `berth:spec.waivers[0].expiry: unknown key: one of promise, resource, reason, owner, expires: did you mean expires?`},
	{"waiver in small letters", "alerts:\n", waivers(waived("promise", "av-3")), `berth:spec.waivers[0].promise: "av-3": ` + wantID},
	{"waiver of a promise without a number", "alerts:\n", waivers(waived("promise", "AV")), `berth:spec.waivers[0].promise: "AV": ` + wantID},
	{"waiver of a whole area", "alerts:\n", waivers(waived("promise", `"AV-*"`)), `berth:spec.waivers[0].promise: "AV-*": ` + wantID},
	{"waiver of two promises", "alerts:\n", waivers(waived("promise", "AV-3 AV-4")), `berth:spec.waivers[0].promise: "AV-3 AV-4": ` + wantID},
	{"waiver of a number", "alerts:\n", waivers(waived("promise", "3.7")), `berth:spec.waivers[0].promise: 3.7: the ID of a promise or of a baseline control: put it in quotes: "3.7"`},
	{"waiver without a resource", "alerts:\n", waivers(waived("resource", "")), `berth:spec.waivers[0].resource: missing: the exact name of one resource, without wildcards, or stack for the whole: add it, such as resource: database-instance`},
	{"waiver with an empty resource", "alerts:\n", waivers(waived("resource", `""`)), `berth:spec.waivers[0].resource: empty: ` + wantResource},
	{"waiver for every resource", "alerts:\n", waivers(waived("resource", `"*"`)), `berth:spec.waivers[0].resource: "*": ` + wantResource},
	{"waiver for resources by a pattern", "alerts:\n", waivers(waived("resource", "database-*")), `berth:spec.waivers[0].resource: "database-*": ` + wantResource},
	{"waiver for resources by a letter", "alerts:\n", waivers(waived("resource", "network-private-?")), `berth:spec.waivers[0].resource: "network-private-?": ` + wantResource},
	{"waiver for resources by a set", "alerts:\n", waivers(waived("resource", "network-private-[ab]")), `berth:spec.waivers[0].resource: "network-private-[ab]": ` + wantResource},
	{"waiver for resources in a row", "alerts:\n", waivers(waived("resource", "database-instance, cache-group")), `berth:spec.waivers[0].resource: "database-instance, cache-group": ` + wantResource},
	{"waiver for a list of resources", "alerts:\n", waivers(waived("resource", "[database-instance]")), `berth:spec.waivers[0].resource: a list: ` + wantResource},
	{"waiver without a reason", "alerts:\n", waivers(waived("reason", "agreed")), `berth:spec.waivers[0].reason: "agreed": text of 10 to 300 characters: write more`},
	{"waiver with a novel", "alerts:\n", waivers(waived("reason", strings.Repeat("until the move ends ", 15)+"x")), `berth:spec.waivers[0].reason: "until the move ends until the move ends until the move ends …": text of 10 to 300 characters: shorten it: it has 301`},
	{"waiver that a team answers for", "alerts:\n", waivers(waived("owner", "operations")), `berth:spec.waivers[0].owner: "operations": an e-mail address: write it as name@domain`},
	{"waiver that has expired, for every resource", "alerts:\n", waivers(waived("resource", `"*"`, "expires", "2026-11-20")), `berth:spec.waivers[0].expires: 2026-11-20: a date that is not past: mend the deviation and remove the waiver, or renew it with a new date and a new reason` + "\n" +
		`berth:spec.waivers[0].resource: "*": ` + wantResource},
	{"waiver without an end", "alerts:\n", waivers(waived("expires", "never")), `berth:spec.waivers[0].expires: "never": a date written YYYY-MM-DD: correct it, such as 2027-01-31`},
}

var beyondWaiverEdits = []edit{
	{"waiver that has expired", "alerts:\n", waivers(waived("expires", "2026-11-20")), `berth:spec.waivers[0].expires: 2026-11-20: a date that is not past: mend the deviation of database-instance from AV-3 and remove the waiver, or renew it with a new date and a new reason`},
	{"waiver that holds too long", "alerts:\n", waivers(waived("expires", "2027-11-23")), `berth:spec.waivers[0].expires: 2027-11-23: at most 366 days ahead: choose a date up to 2027-11-22, and renew it then`},
	{"waiver written twice", "alerts:\n", waivers(waived(), waived("resource", "stack"), waived("reason", "another reason for the same")), `berth:spec.waivers[2]: AV-3 for database-instance: one waiver for each promise and resource: correct or remove it: berth:spec.waivers[0] is for the same`},
	{"token in a waiver's reason", "alerts:\n", waivers(waived("reason", "use ghp_abcdefghijklmnopqrstuvwxyz0123456789 until the move")), `berth:spec.waivers[0].reason: (hidden: it looks like a secret): no secret in berth:spec: revoke it if it is a real one, remove it, and keep secrets under keys of their own: ` + "`" + `pulumi config set --secret berth:name` + "`"},
}

var organisationWaiverEdits = []edit{
	{"organisation's waiver by a pattern", "alerts:\n", waivers(waived("resource", "audit-*")), `berth:spec.waivers[0].resource: "audit-*": ` + wantResource},
	{"organisation's waiver without an owner", "alerts:\n", waivers(waived("owner", "")), `berth:spec.waivers[0].owner: missing: an e-mail address: add it, such as owner: ada.lindqvist@northwind.example`},
}

var beyondOrganisationWaiverEdits = []edit{
	{"organisation's waiver has expired", "alerts:\n", waivers(waived("expires", "2025-01-31")), `berth:spec.waivers[0].expires: 2025-01-31: a date that is not past: mend the deviation of database-instance from AV-3 and remove the waiver, or renew it with a new date and a new reason`},
	{"organisation's waiver written twice", "alerts:\n", waivers(waived(), waived()), `berth:spec.waivers[1]: AV-3 for database-instance: one waiver for each promise and resource: correct or remove it: berth:spec.waivers[0] is for the same`},
	{"organisation's waiver holds too long", "alerts:\n", waivers(waived("expires", "2099-12-31")), `berth:spec.waivers[0].expires: 2099-12-31: at most 366 days ahead: choose a date up to 2027-11-22, and renew it then`},
}
