package spec

// Doors that are open for a while, maintenance and leaving.

const bi = "access:\n  bi:\n    reason: monthly reporting\n"

const breakGlass = "access:\n  breakGlass:\n    incident: INC-2026-014\n    reason: restore of one table\n"

const atMidday = "    opens: 2026-11-21T12:00:00Z\n    closes: 2026-11-21T12:45:00Z\n"

var accessEdits = []edit{
	{"DP-5 empty allow-list", "alerts:\n", bi + "    from: []\n    until: 2027-01-31\nalerts:\n", `berth:spec.access.bi.from: an empty list: a list of at least 1: name the addresses: an empty list never means everyone`},
	{"reason too short", "alerts:\n", "access:\n  bi:\n    reason: BI\n    from: [203.0.113.16/29]\n    until: 2027-01-31\nalerts:\n", `berth:spec.access.bi.reason: "BI": text of 10 to 500 characters: write more`},
	{"date in another form", "alerts:\n", bi + "    from: [203.0.113.16/29]\n    until: 31/01/2027\nalerts:\n", `berth:spec.access.bi.until: "31/01/2027": a date written YYYY-MM-DD: correct it, such as 2027-03-31`},
	{"date that does not exist", "alerts:\n", bi + "    from: [203.0.113.16/29]\n    until: 2027-02-30\nalerts:\n", `berth:spec.access.bi.until: "2027-02-30": a date written YYYY-MM-DD: correct it, such as 2027-03-31`},
	{"address without a length", "alerts:\n", bi + "    from: [203.0.113.16]\n    until: 2027-01-31\nalerts:\n", `berth:spec.access.bi.from[0]: "203.0.113.16": a range of addresses in CIDR notation: add the prefix length, such as 203.0.113.16/32 for this address alone`},
	{"time without a zone", "alerts:\n", breakGlass + "    people: [\"arn:aws:iam::111122223333:user/ben.adeyemi\"]\n    opens: 2026-11-21T12:00:00\n    closes: 2026-11-21T12:45:00Z\nalerts:\n", `berth:spec.access.breakGlass.opens: "2026-11-21T12:00:00": a time in RFC 3339, such as 2026-05-01T09:00:00Z: correct it, such as 2026-11-21T21:00:00Z`},
	{"AC-4 access for a role", "alerts:\n", breakGlass + "    people: [\"arn:aws:iam::111122223333:role/support\"]\n" + atMidday + "alerts:\n", `berth:spec.access.breakGlass.people[0]: "arn:aws:iam::111122223333:role/support": the ARN of an employee's own IAM user (AC-4, AC-5): correct it, such as arn:aws:iam::111122223333:user/ben.adeyemi`},
	{"AC-4 access for the root user", "alerts:\n", breakGlass + "    people: [\"arn:aws:iam::111122223333:root\"]\n" + atMidday + "alerts:\n", `berth:spec.access.breakGlass.people[0]: "arn:aws:iam::111122223333:root": the ARN of an employee's own IAM user (AC-4, AC-5): correct it, such as arn:aws:iam::111122223333:user/ben.adeyemi`},
	{"AC-4 access for nobody", "alerts:\n", breakGlass + "    people: []\n" + atMidday + "alerts:\n", `berth:spec.access.breakGlass.people: an empty list: a list of at least 1: add it, such as people: [arn:aws:iam::111122223333:user/ben.adeyemi]`},
	{"window in another form", "alerts:\n", "maintenance: {window: \"Sunday 02:00-04:00\"}\nalerts:\n", `berth:spec.maintenance.window: "Sunday 02:00-04:00": day:hh:mm-day:hh:mm in UTC, such as sun:02:00-sun:04:00: correct it, or leave it out`},
	{"window at an hour that does not exist", "alerts:\n", "maintenance: {window: \"sun:24:00-mon:02:00\"}\nalerts:\n", `berth:spec.maintenance.window: "sun:24:00-mon:02:00": day:hh:mm-day:hh:mm in UTC, such as sun:02:00-sun:04:00: correct it, or leave it out`},
	{"no notice", "alerts:\n", "maintenance: {noticeDays: 0}\nalerts:\n", `berth:spec.maintenance.noticeDays: 0: a whole number of days from 1 to 90: set it within these bounds, or leave it out`},
}

var beyondAccessEdits = []edit{
	{"DP-5 open to everyone", "alerts:\n", bi + "    from: [0.0.0.0/0]\n    until: 2027-01-31\nalerts:\n", `berth:spec.access.bi.from[0]: 0.0.0.0/0: named addresses, not everyone (DP-5): name the addresses`},
	{"DP-5 allow-list too wide", "alerts:\n", bi + "    from: [203.0.112.0/20]\n    until: 2027-01-31\nalerts:\n", `berth:spec.access.bi.from[0]: 203.0.112.0/20: a range of /24 or smaller (DP-5): name the addresses themselves`},
	{"DP-5 IPv6 addresses", "alerts:\n", bi + "    from: [\"2001:67c:2e8::/48\"]\n    until: 2027-01-31\nalerts:\n", `berth:spec.access.bi.from[0]: 2001:67c:2e8::/48: IPv4 addresses: the client's network has no others (DP-5): name the IPv4 addresses that the tools come from`},
	{"DP-5 private addresses", "alerts:\n", bi + "    from: [10.1.2.0/24]\n    until: 2027-01-31\nalerts:\n", `berth:spec.access.bi.from[0]: 10.1.2.0/24: public addresses (DP-5): name the addresses as they are seen from the internet`},
	{"DP-5 allow-list with host bits", "alerts:\n", bi + "    from: [203.0.113.17/29]\n    until: 2027-01-31\nalerts:\n", `berth:spec.access.bi.from[0]: 203.0.113.17/29: a range without host bits: write 203.0.113.16/29, or another prefix length`},
	{"DP-5 addresses named twice", "alerts:\n", bi + "    from: [203.0.113.16/29, 203.0.113.16/32]\n    until: 2027-01-31\nalerts:\n", `berth:spec.access.bi.from[1]: 203.0.113.16/32: ranges that do not overlap: remove it or correct it: access.bi.from[0] is 203.0.113.16/29`},
	{"DP-5 date in the past", "alerts:\n", bi + "    from: [203.0.113.16/29]\n    until: 2026-11-20\nalerts:\n", `berth:spec.access.bi.until: 2026-11-20: a date that is not past (DP-5): agree on a new date with the client, or remove access.bi`},
	{"DP-5 date too far ahead", "alerts:\n", bi + "    from: [203.0.113.16/29]\n    until: 2028-01-31\nalerts:\n", `berth:spec.access.bi.until: 2028-01-31: at most 366 days ahead (DP-5): choose a date up to 2027-11-22, and renew it then`},
	{"AC-4 closes before it opens", "alerts:\n", breakGlass + "    people: [\"arn:aws:iam::111122223333:user/ben.adeyemi\"]\n    opens: 2026-11-21T13:00:00Z\n    closes: 2026-11-21T12:45:00Z\nalerts:\n", `berth:spec.access.breakGlass.closes: 2026-11-21T12:45:00Z: later than opens, 2026-11-21T13:00:00Z: correct one of them`},
	{"AC-4 longer than an hour", "alerts:\n", breakGlass + "    people: [\"arn:aws:iam::111122223333:user/ben.adeyemi\"]\n    opens: 2026-11-21T12:00:00Z\n    closes: 2026-11-21T14:00:00+00:30\nalerts:\n", `berth:spec.access.breakGlass.closes: 2026-11-21T13:30:00Z: at most one hour after opens (AC-4): write 2026-11-21T13:00:00Z or earlier`},
	{"AC-4 over already", "alerts:\n", breakGlass + "    people: [\"arn:aws:iam::111122223333:user/ben.adeyemi\"]\n    opens: 2026-11-21T10:00:00Z\n    closes: 2026-11-21T11:00:00Z\nalerts:\n", `berth:spec.access.breakGlass.closes: 2026-11-21T11:00:00Z: a time that is not past (AC-4): remove access.breakGlass: the access is over`},
	{"AC-4 arranged too early", "alerts:\n", breakGlass + "    people: [\"arn:aws:iam::111122223333:user/ben.adeyemi\"]\n    opens: 2026-12-21T10:00:00Z\n    closes: 2026-12-21T11:00:00Z\nalerts:\n", `berth:spec.access.breakGlass.opens: 2026-12-21T10:00:00Z: at most 7 days ahead (AC-4): open it when the incident needs it`},
	{"AC-4 person named twice", "alerts:\n", breakGlass + "    people: [\"arn:aws:iam::111122223333:user/ben.adeyemi\", \"arn:aws:iam::111122223333:user/ben.adeyemi\"]\n" + atMidday + "alerts:\n", `berth:spec.access.breakGlass.people[1]: "arn:aws:iam::111122223333:user/ben.adeyemi": each one once: correct or remove it: berth:spec.access.breakGlass.people[0] is the same`},
	{"window too short", "alerts:\n", "maintenance: {window: \"sun:02:00-sun:02:15\"}\nalerts:\n", `berth:spec.maintenance.window: "sun:02:00-sun:02:15": 30 minutes to 8 hours: move one of its ends: it lasts 15 minutes`},
	{"window too short for a cache", "alerts:\n", "cache: {}\nmaintenance: {window: \"sun:02:00-sun:02:45\"}\nalerts:\n", `berth:spec.maintenance.window: "sun:02:00-sun:02:45": an hour (with a cache) to 8 hours: move one of its ends: it lasts 45 minutes`},
	{"window too long", "alerts:\n", "maintenance: {window: \"sun:02:00-mon:02:00\"}\nalerts:\n", `berth:spec.maintenance.window: "sun:02:00-mon:02:00": 30 minutes to 8 hours: move one of its ends: it lasts 1440 minutes`},
	{"window over the backup", "alerts:\n", "maintenance: {window: \"sat:23:00-sun:01:30\"}\nalerts:\n", `berth:spec.maintenance.window: "sat:23:00-sun:01:30": clear of the daily backup from 00:00 to 01:00 UTC: move it, such as to sun:02:00-sun:04:00`},
	{"window over the backup at the week's end", "alerts:\n", "maintenance: {window: \"sun:23:30-mon:00:30\"}\nalerts:\n", `berth:spec.maintenance.window: "sun:23:30-mon:00:30": clear of the daily backup from 00:00 to 01:00 UTC: move it, such as to sun:02:00-sun:04:00`},
	{"leaving of another client", "alerts:\n", "leaving: {confirm: globex, reason: contract ended 2026-10-31}\nalerts:\n", `berth:spec.leaving.confirm: "globex": the client's name, acme: write it, or remove leaving: it lifts the protection of the client's data`},
}
