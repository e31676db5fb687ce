package spec

// Clients on machines: on a pair of sites, on their own premises, on the light tier.

var siteClientEdits = []edit{
	{"AV-9 no country", "countries: [ZA]", "countries: []", `berth:spec.countries: an empty list: a list of at least 1: add it, such as countries: [ZA]`},
	{"AV-9 country by name", "countries: [ZA]", "countries: [South Africa]", `berth:spec.countries[0]: "South Africa": two capital letters, a country's code: correct it, such as ZA`},
	{"pair without a standby", "  standby:\n", "  spare:\n", `berth:spec.pair.spare: unknown key: one of name, home, standby, thirdPlace: remove it` + "\n" +
		`berth:spec.pair.standby: missing: a mapping with the keys name, country, machine, origin: add it with name, country, machine`},
	{"release in plain HTTP", "url: https:", "url: http:", `berth:spec.release.source.url: "http://releases.northwind.example/taskflow": an https URL without a slash at its end: correct it, such as https://releases.northwind.example/taskflow`},
	{"release key of another tool", "publicKey: RWSe", "publicKey: age1", `berth:spec.release.source.publicKey: "age1sOUE+X4Y+jV7f/9duH+MOZgsaIGCe2xb62pBNS/aanb7VlfMleut": the second line of a minisign public key file, which begins with RW: correct it, such as RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3`},
	{"too few connections", "alerts:\n", "database: {connections: 1}\nalerts:\n", `berth:spec.database.connections: 1: a whole number from 5 to 500: set it within these bounds, or leave it out`},
	{"AC-4 break glass for a person by address", "alerts:\n", "access: {breakGlass: {reason: restore of one table, person: ada@northwind.example, opens: 2026-11-21T12:00:00Z, closes: 2026-11-21T13:00:00Z}}\nalerts:\n", `berth:spec.access.breakGlass.person: "ada@northwind.example": a user name: 2 to 31 lower-case letters, digits and hyphens: correct it, such as ada-lindqvist`},
}

var beyondSiteClientEdits = []edit{
	{"AV-9 country named twice", "countries: [ZA]", "countries: [ZA, ZA]", `berth:spec.countries[1]: "ZA": each one once: correct or remove it: berth:spec.countries[0] is the same`},
	{"AV-9 site outside the countries", "    name: cpt\n    country: ZA", "    name: cpt\n    country: NA", `berth:spec.pair.standby.country: "NA": one of countries, ZA (AV-9): choose a pair whose sites lie there, or add the country to countries if the client wants that`},
	{"AV-9 third place abroad without consent", "thirdPlace: ZA", "thirdPlace: DE", `berth:spec.copiesAbroad: missing: the client's consent to copies in DE, outside countries ZA (AV-9): write who agreed and when, such as "agreed with J. Doe on 2026-05-01"`},
	{"AV-9 consent of a client on sites without a date", "  thirdPlace: ZA\n", "  thirdPlace: DE\ncopiesAbroad: agreed with J. Doe\n", `berth:spec.copiesAbroad: "agreed with J. Doe": consent with its date, YYYY-MM-DD (AV-9): write who agreed and when, such as "agreed with J. Doe on 2026-05-01"`},
	{"AV-9 consent from tomorrow", "  thirdPlace: ZA\n", "  thirdPlace: DE\ncopiesAbroad: agreed with J. Doe on 2026-11-22\n", `berth:spec.copiesAbroad: "agreed with J. Doe on 2026-11-22": consent that was given before today (AV-9): correct the date`},
	{"AV-4 standby at home", "name: cpt", "name: jnb", `berth:spec.pair.standby.name: "jnb": each one once: correct or remove it: berth:spec.pair.home.name is the same`},
	{"AV-4 standby on the same machine", "address: 203.0.113.10", "address: 198.51.100.10", `berth:spec.pair.standby.machine.address: "198.51.100.10": each one once: correct or remove it: berth:spec.pair.home.machine.address is the same`},
	{"origin at a private address", "  thirdPlace: ZA\n", "    origin: 10.0.0.3\n  thirdPlace: ZA\n", `berth:spec.pair.standby.origin: "10.0.0.3": a public address: Cloudflare and the other site come from the internet: write the address as it is seen from the internet`},
	{"client outside its zone", "hostname: taskflow.globex.example", "hostname: taskflow.initech.example", `berth:spec.edge.hostname: "taskflow.initech.example": a name inside edge.zone globex.example: write a name that ends in .globex.example, or correct the zone`},
	{"checksum of nothing for machines", "sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", `berth:spec.release.sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852…": the checksum of the artefact, not of an empty file: run sha256sum on the whole artefact`},
	{"DP-5 BI of a client on sites is over", "alerts:\n", "access: {bi: {reason: monthly reporting, from: [203.0.113.16/29], until: 2026-11-20}}\nalerts:\n", `berth:spec.access.bi.until: 2026-11-20: a date that is not past (DP-5): agree on a new date with the client, or remove access.bi`},
	{"AC-4 two hours on a machine", "alerts:\n", "access: {breakGlass: {reason: restore of one table, person: ada-lindqvist, opens: 2026-11-21T12:00:00Z, closes: 2026-11-21T14:00:00Z}}\nalerts:\n", `berth:spec.access.breakGlass.closes: 2026-11-21T14:00:00Z: at most one hour after opens (AC-4): write 2026-11-21T13:00:00Z or earlier`},
	{"maintenance during the backup of a site", "alerts:\n", "maintenance: {window: \"sun:00:30-sun:02:00\"}\nalerts:\n", `berth:spec.maintenance.window: "sun:00:30-sun:02:00": clear of the daily backup from 00:00 to 01:00 UTC: move it, such as to sun:02:00-sun:04:00`},
	{"leaving of another client on sites", "alerts:\n", "leaving: {confirm: acme, reason: contract ended 2026-10-31}\nalerts:\n", `berth:spec.leaving.confirm: "acme": the client's name, globex: write it, or remove leaving: it lifts the protection of the client's data`},
}

var premisesEdits = []edit{
	{"premises without people", "peopleCidrs: [10.0.0.0/8, 192.0.2.0/24]", "peopleCidrs: []", `berth:spec.peopleCidrs: an empty list: a list of at least 1: name the addresses: an empty list never means everyone`},
	{"copies to a folder of the system", "folder: /mnt/backup", "folder: /etc/backup", `berth:spec.backup.folder: "/etc/backup": a path below /mnt, /media or /srv: correct it, such as /mnt/backup, or leave it out`},
}

var beyondPremisesEdits = []edit{
	{"DP-2 premises open to everyone", "peopleCidrs: [10.0.0.0/8, 192.0.2.0/24]", "peopleCidrs: [0.0.0.0/0]", `berth:spec.peopleCidrs[0]: 0.0.0.0/0: named networks, not everyone (DP-2): name the networks`},
	{"DP-2 premises open to a wide public range", "peopleCidrs: [10.0.0.0/8, 192.0.2.0/24]", "peopleCidrs: [192.0.0.0/8]", `berth:spec.peopleCidrs[0]: 192.0.0.0/8: a range of /24 or smaller: name the networks themselves`},
	{"administrators from a wide range", "administratorCidrs: [10.1.2.0/28]", "administratorCidrs: [10.1.0.0/16]", `berth:spec.administratorCidrs[0]: 10.1.0.0/16: a range of /24 or smaller: name the networks themselves`},
	{"ranges of people overlap", "peopleCidrs: [10.0.0.0/8, 192.0.2.0/24]", "peopleCidrs: [10.0.0.0/8, 10.2.0.0/16]", `berth:spec.peopleCidrs[1]: 10.2.0.0/16: ranges that do not overlap: remove it or correct it: peopleCidrs[0] is 10.0.0.0/8`},
	{"premises without disks", "disks: {devices: [/dev/disk/by-id/nvme-one, /dev/disk/by-id/nvme-two], erase: [/dev/disk/by-id/nvme-two]}\n", "", "berth:spec.disks.devices: missing: exactly two disks (AV-10): list them with `ls -l /dev/disk/by-id` on the machine, and name the two that are for data"},
	{"machine that takes no key", "deployKeys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKLCEyUbnl3zXTJ0UFh+aV3n4gu/pc5It14p7sQ1hBl6 pipeline]\n", "", `berth:spec.deployKeys: missing: the public key that the user berth takes: add it, or name in machine.user who signs in`},
	{"machine at its own loopback", "address: 10.1.2.10", "address: 127.0.0.1", `berth:spec.machine.address: "127.0.0.1": an address of a machine: write the address that others reach it by`},
	{"copies on the same disks", "folder: /mnt/backup", "folder: /srv/data/backup", `berth:spec.backup.folder: "/srv/data/backup": a mount of another machine or disk: the database lies in /srv/data: write where the other disk is mounted, such as /mnt/backup`},
	{"copies to a crooked path", "folder: /mnt/backup", "folder: /mnt/../etc", `berth:spec.backup.folder: "/mnt/../etc": a plain path: write it without empty parts and dots`},
	{"exporters without a tunnel", "watch:\n", "watch:\n  exporters: true\n", `berth:spec.watch.exporters: true: false: exporters answer on the tunnel between two sites, and there is none: remove it`},
	{"SMS to nobody", "watch:\n", "watch:\n  smsGateway: https://sms.initech.example/send\n", `berth:spec.alerts.phones: missing: whom watch.smsGateway writes to: add it, such as phones: ["+442071234567"]`},
}

var lightEdits = []edit{
	{"light tier in South Africa", "residency: eu", "residency: za", `berth:spec.residency: "za": uk or eu: correct it, such as uk`},
	{"light server too small", "aws: {", "server: {bundle: nano_3_0}\naws: {", `berth:spec.server.bundle: "nano_3_0": small_3_0, medium_3_0 or large_3_0: correct it, or leave it out`},
	{"light database of MySQL", "aws: {", "database: {version: \"8.4\"}\naws: {", `berth:spec.database.version: "8.4": 15 or 16: correct it, or leave it out`},
	{"light tier with a read replica", "aws: {", "database: {readReplica: true}\naws: {", `berth:spec.database.readReplica: unknown key: one of version, bundle: remove it`},
}

var beyondLightEdits = []edit{
	{"AC-2 light tier with an office of IPv6 alone", "officeCidrs: [203.0.113.16/29]", "officeCidrs: [\"2606:4700:1::/48\"]", `berth:spec.officeCidrs: IPv6 ranges alone: an IPv4 range among them: the server has an IPv4 address alone, and Lightsail would let everyone in (AC-2): add the office's IPv4 addresses`},
	{"AV-9 light tier outside its residency", "aws: {account: \"210987654321\"}", "aws: {account: \"210987654321\", region: eu-west-2}", `berth:spec.aws.region: "eu-west-2": the region of residency eu, eu-west-1 (AV-9): write eu-west-1, or residency: uk if the client wants that`},
	{"light tier with the role of another account", "aws: {account: \"210987654321\"}", "aws: {account: \"210987654321\", deployRoleArn: \"arn:aws:iam::123456789012:role/berth-deploy\"}", `berth:spec.aws.deployRoleArn: "arn:aws:iam::123456789012:role/berth-deploy": a role in account 210987654321: name the role of the account that the stack deploys to, or correct aws.account`},
	{"light server with a cut host key", "aws: {", "server: {hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPTI}\naws: {", `berth:spec.server.hostKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPTI": a whole public key: copy the line again: its base64 text is cut or altered`},
	{"AV-7 light tier without Slack", "  slackWebhook: true\n", "", "berth:spec.watch.slackWebhook: false: true in production (AV-7): write slackWebhook: true, and `pulumi config set --secret berth:slack-webhook`"},
}
