package draft

import (
	"slices"
	"strings"

	"github.com/berth-iac/berth/spec"
)

// Question is one thing that somebody has to answer, or may.
type Question struct {
	Key   string // its name among answers, and the flag's
	Path  string // what it fills in below berth:spec; empty: nothing by itself
	Title string
	Why   string // what the answer means
	Form  Form
	// Choices of which the answer is one.
	Choices []Choice
	// Asked although there is a default; others with a default are only asked when that is wrong.
	Asked bool
	// Optional may stay without an answer.
	Optional bool

	kinds []spec.Kind // empty: all
	when  func(Answers) bool
}

// Form is what an answer looks like.
type Form int

// The forms.
const (
	Text Form = iota
	List      // parts with commas between them
	YesNo
	Count
)

// Choice is one of several answers.
type Choice struct{ Value, Means string }

// Answers are what was answered, by the questions' keys. A list's parts have commas between them.
type Answers map[string]string

// Kinds of client, in the order in which they are offered.
var Kinds = []spec.Kind{spec.KindAWSClient, spec.KindLightClient, spec.KindSiteClient, spec.KindOnPremises}

var (
	onAWS      = []spec.Kind{spec.KindAWSClient}
	onLight    = []spec.Kind{spec.KindLightClient}
	onSites    = []spec.Kind{spec.KindSiteClient}
	onPremises = []spec.Kind{spec.KindOnPremises}
	inAccounts = []spec.Kind{spec.KindAWSClient, spec.KindLightClient}
	atEdge     = []spec.Kind{spec.KindAWSClient, spec.KindLightClient, spec.KindSiteClient}
	onMachines = []spec.Kind{spec.KindLightClient, spec.KindSiteClient, spec.KindOnPremises}
	watched    = []spec.Kind{spec.KindLightClient, spec.KindOnPremises}
)

func production(a Answers) bool {
	return a["environment"] == "" || a["environment"] == string(spec.Production)
}

// all are the questions of every kind, in the order in which they are asked; the kind itself is asked before.
var all = []Question{
	{Key: "residency", Path: "residency", Title: "Where may the client's data lie?", Asked: true, kinds: inAccounts,
		Why:     "It decides the region, and that no copy leaves without the client's written consent (AV-9).",
		Choices: []Choice{{"uk", "the United Kingdom: London"}, {"eu", "the European Union: Dublin"}}},
	{Key: "pair", Title: "On which pair of sites?", kinds: onSites,
		Why: "The client's data lies at both sites, and in the third place of the pair's backups (AV-4, AV-9)."},
	{Key: "home", Title: "Which of its sites serves the client?", Optional: true, kinds: onSites, Why: "The other stands by and takes over. Unless it is named: the one with fewer clients."},
	{Key: "name", Path: "client.name", Title: "Short name of the client", Asked: true,
		Why: "It goes into names of resources and can never change: lower-case letters, digits and hyphens."},
	{Key: "stack", Title: "Name of the stack", Why: "The file is called Pulumi.<stack>.yaml."},
	{Key: "display-name", Path: "client.displayName", Title: "The client's name as people write it", Asked: true},
	{Key: "contact-name", Path: "client.contacts[0].name", Title: "Who is told of maintenance and incidents?", Asked: true, Why: "A person at the client's."},
	{Key: "contact-email", Path: "client.contacts[0].email", Title: "That person's e-mail address", Asked: true},
	{Key: "environment", Path: "environment", Title: "What is it for?", Asked: true, Why: "Only production may hold the client's data, and only there all promises hold (DP-6).",
		Choices: []Choice{{"production", "the client's data, all promises"}, {"staging", "test data, before a release reaches the client"}, {"development", "test data, for trying things"}}},
	{Key: "tier", Path: "tier", Title: "How much of it is the client's alone?", Asked: true, kinds: onAWS,
		Why:     "Isolation is the same in both: an account, a network and a database of the client's own.",
		Choices: []Choice{{"standard", "burstable machines and database; costs least"}, {"dedicated", "dedicated hardware, larger machines, a read replica (AV-8)"}}},
	{Key: "account", Path: "aws.account", Title: "Number of the client's own AWS account", Asked: true, kinds: inAccounts,
		Why: "Twelve digits. Each client has an account of its own (DP-1): create it in the organisation first."},
	{Key: "cidr", Path: "network.cidr", Title: "Private range of the client's network", kinds: onAWS,
		Why: "A /16 to /20 that no other stack has, so that networks can be joined later."},
	{Key: "hostname", Path: "edge.hostname", Title: "Where do the client's people go?", Asked: true, kinds: atEdge, Why: "A host name, such as taskflow.acme.example."},
	{Key: "hostname", Path: "hostname", Title: "Where do the client's people go?", Asked: true, kinds: onPremises, Why: "A host name in the client's own network."},
	{Key: "zone", Path: "edge.zone", Title: "Cloudflare zone that the host name lies in", kinds: atEdge, Why: "The domain's zone, such as acme.example."},
	{Key: "zone-id", Path: "edge.zoneId", Title: "Id of that zone", Asked: true, kinds: atEdge, Why: "32 digits, on the zone's overview page in Cloudflare."},
	{Key: "cloudflare-account", Path: "edge.accountId", Title: "Id of the Cloudflare account", kinds: atEdge, Why: "On the same page."},
	{Key: "engine", Path: "database.engine", Title: "Which database?", Asked: true, kinds: onAWS,
		Choices: []Choice{{"postgresql", "what most clients have"}, {"mysql", "for clients whose tools need it"}}},
	{Key: "cache", Path: "cache", Form: YesNo, Title: "A cache (Redis) beside the database?", kinds: onAWS, Optional: true, Why: "Sessions survive a machine; costs more."},
	{Key: "documents", Path: "documents", Form: YesNo, Title: "A document database for the activity feed?", kinds: onAWS, Optional: true, Why: "Without, the relational database holds it."},
	{Key: "copies-abroad", Path: "backup.copiesAbroad", Title: "Who agreed to copies in Dublin, and when?", Asked: true, kinds: onAWS,
		Why:  "A second region is promised in production (BK-5), and the United Kingdom has one region only: write who agreed and the date, YYYY-MM-DD (AV-9).",
		when: func(a Answers) bool { return production(a) && a["residency"] == string(spec.UnitedKingdom) }},
	{Key: "people-cidrs", Path: "peopleCidrs", Form: List, Title: "Networks that may open the service", Asked: true, kinds: onPremises, Why: "Such as 10.0.0.0/8; never everyone (DP-2)."},
	{Key: "administrator-cidrs", Path: "administratorCidrs", Form: List, Title: "Networks that may sign in by SSH", Asked: true, kinds: onPremises, Why: "/24 or narrower, such as 10.1.2.0/28."},
	{Key: "time-zone", Path: "timeZone", Title: "Time zone of the machine", Asked: true, kinds: onPremises, Why: "The full backup is made at its midnight, such as Europe/Berlin."},
	{Key: "disks", Path: "disks.devices", Form: List, Title: "The two disks for the client's data", Asked: true, kinds: onPremises,
		Why: "Names below /dev/disk/by-id that stay with the disk; they are mirrored (AV-10)."},
	{Key: "machine-address", Path: "machine.address", Title: "Address by which we reach the machine", Optional: true, Asked: true, kinds: onPremises,
		Why: "Empty: nobody signs in from outside; the client's administrator runs an archive that `berth bundle` makes."},
	{Key: "machine-host-key", Path: "machine.hostKey", Title: "The machine's public host key", Asked: true, kinds: onPremises,
		Why:  "From /etc/ssh/ssh_host_ed25519_key.pub, read at its console.",
		when: func(a Answers) bool { return a["machine-address"] != "" }},
	{Key: "backup-folder", Path: "backup.folder", Title: "Where do backups go besides?", Optional: true, Asked: true, kinds: onPremises,
		Why: "A mount of another machine of the client's, such as /mnt/backup. Making and keeping backups is the client's duty (AC-11)."},
	{Key: "office-cidrs", Path: "officeCidrs", Form: List, Title: "Addresses that may sign in by SSH", kinds: onLight, Why: "The office's and the pipeline's fixed ones (AC-2)."},
	{Key: "administrator-name", Path: "administrators[0].name", Title: "User name of who may sign in to the machine", kinds: watched, Why: "A person, such as ada-lindqvist (AC-5)."},
	{Key: "administrator-email", Path: "administrators[0].email", Title: "That person's e-mail address", kinds: watched},
	{Key: "administrator-key", Path: "administrators[0].keys", Form: List, Title: "That person's public SSH key", kinds: watched, Why: "ssh-ed25519 and its text."},
	{Key: "administrator-until", Path: "administrators[0].until", Title: "Until which day?", kinds: watched, Why: "YYYY-MM-DD, at most 366 days ahead (AC-2)."},
	{Key: "deploy-key", Path: "deployKeys", Form: List, Title: "The pipeline's public SSH key", kinds: watched,
		when: func(a Answers) bool {
			return a["kind"] != string(spec.KindOnPremises) || a["machine-address"] != ""
		}},
	{Key: "mail-host", Path: "watch.mail.host", Title: "Mail server that alerts go through", kinds: watched},
	{Key: "mail-user", Path: "watch.mail.user", Title: "User at the mail server", kinds: watched, Optional: true},
	{Key: "mail-from", Path: "watch.mail.from", Title: "Address that alerts come from", kinds: watched},
	{Key: "slack-webhook", Path: "watch.slackWebhook", Form: YesNo, Title: "Alerts to Slack too?", kinds: watched, Optional: true},
	{Key: "sms-gateway", Path: "watch.smsGateway", Title: "Gateway for text messages", kinds: watched, Optional: true, Why: "An https address."},
	{Key: "alert-emails", Path: "alerts.emails", Form: List, Title: "Who is told at once when something is wrong?"},
	{Key: "alert-phones", Path: "alerts.phones", Form: List, Title: "Phones for text messages", Optional: true, Why: "Such as +442071234567 (AV-7)."},
	{Key: "slack-workspace", Path: "alerts.slack.workspaceId", Title: "Slack workspace for alerts", kinds: onAWS, when: production},
	{Key: "slack-channel", Path: "alerts.slack.channelId", Title: "Slack channel for alerts", kinds: onAWS, when: production},
	{Key: "release-version", Path: "service.release.version", Title: "Release of TaskFlow", kinds: onAWS},
	{Key: "release-sha256", Path: "service.release.sha256", Title: "Its checksum", kinds: onAWS},
	{Key: "release-bucket", Path: "service.release.bucket", Title: "Bucket that holds releases", kinds: onAWS, Why: "`berth outputs organisation` names it."},
	{Key: "image", Path: "service.imageId", Title: "Machine image", kinds: onAWS, Why: "The newest Amazon Linux 2023 for x86_64 in the region, ami-…"},
	{Key: "release-version", Path: "release.version", Title: "Release of TaskFlow", kinds: onMachines},
	{Key: "release-sha256", Path: "release.sha256", Title: "Its checksum", kinds: onMachines},
	{Key: "release-url", Path: "release.source.url", Title: "Where machines get releases from", kinds: onMachines},
	{Key: "release-key", Path: "release.source.publicKey", Title: "Public key that signs releases", kinds: onMachines},
	{Key: "wave", Path: "fleet.wave", Form: Count, Title: "Wave of rollouts", Optional: true, Why: "Empty: by the environment."},
	{Key: "labels", Path: "fleet.labels", Form: List, Title: "Labels to select by", Optional: true, Why: "Such as sector=logistics."},
}

// Questions of a kind, in the order in which they are asked, whether they apply or not.
func Questions(kind spec.Kind) []Question {
	var of []Question
	for _, q := range all {
		if len(q.kinds) == 0 || slices.Contains(q.kinds, kind) {
			of = append(of, q)
		}
	}
	return of
}

// Keys of all questions, each once, sorted.
func Keys() []string {
	var keys []string
	for _, q := range all {
		keys = append(keys, q.Key)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// Applies tells whether the question is one with these answers.
func (q Question) Applies(a Answers) bool { return q.when == nil || q.when(a) }

// About is the question that a problem's path is about: the one that fills in the most of it.
func About(kind spec.Kind, path string) (Question, bool) {
	path = strings.TrimPrefix(path, "berth:spec.")
	best, found := Question{}, false
	for _, q := range Questions(kind) {
		mine := q.Path
		if mine == "" {
			mine = q.Key
		}
		if within(path, mine) && (!found || len(mine) > len(best.Path)) || !found && within(mine, path) {
			best, found = q, true
		}
	}
	return best, found
}

// within tells whether a path is another one, or lies below it.
func within(path, of string) bool {
	rest, ok := strings.CutPrefix(path, of)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}
