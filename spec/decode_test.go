package spec

import (
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

var referenceFiles = []string{
	"../Pulumi.prod.yaml", "../Pulumi.organisation.yaml", "../Pulumi.sites.yaml", "../Pulumi.sites-hetzner.yaml",
	"../Pulumi.globex.yaml", "../Pulumi.initech.yaml", "../Pulumi.hooli.yaml",
}

func readFile(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// decoded is a valid spec after edits, in pairs of old and new text.
func decoded(t *testing.T, base string, edits ...string) *Spec {
	t.Helper()
	for i := 0; i < len(edits); i += 2 {
		if strings.Count(base, edits[i]) != 1 {
			t.Fatalf("%q does not stand once in the spec", edits[i])
		}
	}
	s, err := Decode([]byte(strings.NewReplacer(edits...).Replace(base)), Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestReferenceFiles(t *testing.T) {
	for _, name := range referenceFiles {
		if _, err := DecodeFile(name, []byte(readFile(t, name)), Options{Now: now}); err != nil {
			t.Error(err)
		}
	}
}

func TestEveryProblemAtOnce(t *testing.T) {
	text := strings.NewReplacer(
		`account: "123456789012"`, "account: 123456789012",
		"cidr: 10.20.0.0/16", "cidr: 10.20.3.0/16",
		"engine: postgresql", "engine: postgres\n  pointInTimeDays: 7d\n  pasword: hunter2",
		"environment: production", "enviroment: production",
		"hostname: acme.taskflow.example", "hostname: acme.example.com",
		"emails: [operations@northwind.example]", "emails: [a@b.example, nobody, a@b.example]",
	).Replace(validClient)
	_, err := Decode([]byte(text), Options{Now: now})
	const want = `berth:spec.alerts.emails[1]: "nobody": an e-mail address: write it as name@domain
berth:spec.alerts.emails[2]: "a@b.example": each one once: correct or remove it: berth:spec.alerts.emails[0] is the same
berth:spec.aws.account: 123456789012: 12 digits in quotes: put it in quotes: "123456789012"
berth:spec.database.engine: "postgres": postgresql or mysql: did you mean postgresql?
berth:spec.database.pasword: unknown key: one of engine, version, instanceClass, storageGiB, maxStorageGiB, multiAz, pointInTimeDays, readReplica: remove it
berth:spec.database.pointInTimeDays: "7d": a whole number of days from 1 to 35: write 7
berth:spec.edge.hostname: "acme.example.com": a name inside edge.zone taskflow.example: write a name that ends in .taskflow.example, or correct the zone
berth:spec.enviroment: unknown key: one of kind, client, environment, tier, residency, aws, network, edge, service, database, documents, cache, backup, alerts, access, maintenance, leaving, fleet, waivers: did you mean environment?
berth:spec.network.cidr: 10.20.3.0/16: a range without host bits: write 10.20.0.0/16, or another prefix length`
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 9 {
		t.Errorf("the error holds %d problems, want 9", len(problems))
	}
}

func TestClientDefaults(t *testing.T) {
	yes, no, one, zero := true, false, 1, 0
	with := []string{"alerts:\n", "documents: {}\ncache: {}\nalerts:\n"}
	for name, c := range map[string]struct {
		edits []string
		want  func(*AWSClient)
	}{
		"production, standard tier": {nil, func(*AWSClient) {}},
		"production, dedicated tier": {[]string{"tier: standard", "tier: dedicated"}, func(a *AWSClient) {
			a.Tier = Dedicated
			a.Service.InstanceType = "m6i.xlarge"
			a.Database.InstanceClass, a.Database.ReadReplica = "db.r6g.large", &yes
			a.Documents.InstanceClass, a.Cache.NodeType = "db.r6g.large", "cache.r6g.large"
		}},
		"staging": {[]string{"environment: production", "environment: staging"}, func(a *AWSClient) {
			a.Environment = Staging
			a.AWS.Zones, a.Network.NATGateways = 2, SingleGateway
			a.Service.MinMachines, a.Service.MaxMachines = 2, 6
			a.Database.MultiAZ, a.Documents.Instances, a.Cache.Replicas = &no, 1, &zero
		}},
		"development": {[]string{"environment: production", "environment: development"}, func(a *AWSClient) {
			a.Environment = Development
			a.AWS.Zones, a.Network.NATGateways = 2, SingleGateway
			a.Service.MinMachines, a.Service.MaxMachines = 2, 6
			a.Database.MultiAZ, a.Documents.Instances, a.Cache.Replicas = &no, 1, &zero
		}},
		"environment and tier left out": {[]string{"environment: production\n", "", "tier: standard\n", ""}, func(*AWSClient) {}},
		"European Union": {[]string{"residency: uk", "residency: eu"}, func(a *AWSClient) {
			a.Residency, a.AWS.Region, a.Backup.SecondRegion = EuropeanUnion, "eu-west-1", "eu-west-2"
		}},
		"MySQL": {[]string{"engine: postgresql", "engine: mysql"}, func(a *AWSClient) {
			a.Database.Engine, a.Database.Version = MySQL, "8.4"
		}},
		"defaults that follow other values": {[]string{"engine: postgresql", "engine: postgresql\n  storageGiB: 100", "imageId:", "minMachines: 40\n  imageId:"}, func(a *AWSClient) {
			a.Database.StorageGiB, a.Database.MaxStorageGiB = 100, 400
			a.Service.MinMachines, a.Service.MaxMachines = 40, 100
		}},
	} {
		t.Run(name, func(t *testing.T) {
			want := &AWSClient{
				Kind: KindAWSClient,
				Client: Client{Name: "acme", DisplayName: "Acme Logistics Ltd", Contacts: []Contact{
					{Name: "Amara Okafor", Email: "amara.okafor@acme.example", Role: "operations"},
				}},
				Environment: Production, Tier: Standard, Residency: UnitedKingdom,
				AWS:     AWS{Account: "123456789012", Region: "eu-west-2", Zones: 3},
				Network: Network{CIDR: netip.MustParsePrefix("10.20.0.0/16"), NATGateways: PerZone, FlowLogDays: 365},
				Edge: Edge{
					Hostname: "acme.taskflow.example", Zone: "taskflow.example",
					ZoneID: "023e105f4ecef8ad9ca31a8372d0c353", AccountID: "01a7362d577a6c3019a474fd6f485823",
					ManageZone: &yes, RateLimit: RateLimit{Requests: 600, PeriodSeconds: 60}, HSTSDays: 365,
				},
				Service: Service{
					Release: Release{
						Version: "1.0.0", SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
						Bucket: "berth-northwind-releases-111122223333-eu-west-2",
					},
					InstanceType: "t3.medium", ImageID: "ami-0a1b2c3d4e5f60718", MinMachines: 3, MaxMachines: 9, LogDays: 365,
				},
				Database: Database{
					Engine: PostgreSQL, Version: "16", InstanceClass: "db.t4g.medium", StorageGiB: 50, MaxStorageGiB: 200,
					MultiAZ: &yes, PointInTimeDays: 7, ReadReplica: &no,
				},
				Documents: &Documents{InstanceClass: "db.t4g.medium", Instances: 2},
				Cache:     &Cache{NodeType: "cache.t4g.small", Replicas: &one},
				Backup: Backup{
					SecondRegion: "eu-west-1", CopiesAbroad: "agreed with J. Doe on 2026-05-01",
					RetentionDays: 90, ArchiveAfterDays: 90, DeleteAfterDays: 2555, Lock: "governance",
				},
				Alerts: Alerts{
					Emails: []string{"operations@northwind.example"}, Phones: []string{"+442079460123"},
					Slack: &Slack{WorkspaceID: "T0123ABCD", ChannelID: "C0456EFGH"},
				},
				Maintenance: Maintenance{Window: "sun:02:00-sun:04:00", NoticeDays: 7},
			}
			c.want(want)
			got := decoded(t, validClient, append(with, c.edits...)...)
			if diff := cmp.Diff(want, got.AWSClient, cmp.Comparer(samePrefix)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func samePrefix(a, b netip.Prefix) bool { return a == b }

func TestOptionalPartsStayAbsent(t *testing.T) {
	a := decoded(t, validClient).AWSClient
	if a.Documents != nil || a.Cache != nil || a.Access.BI != nil || a.Access.BreakGlass != nil || a.Leaving != nil || a.AWS.Verifiers != nil {
		t.Errorf("parts that the file leaves out are there: %+v", a)
	}
}

func TestOrganisationDefaults(t *testing.T) {
	o := decoded(t, validOrganisation).Organisation
	want := OrganisationRegion{Account: "111122223333", Region: "eu-west-2", SecondRegion: "eu-west-1"}
	if diff := cmp.Diff(want, o.AWS); diff != "" {
		t.Errorf("aws, -want +got:\n%s", diff)
	}
	if o.TrailDays != 400 || o.BackupRetentionDays != 90 || o.AuditDay != 1 || o.Pipeline.Environment != "production" {
		t.Errorf("trail %d, retention %d, audit day %d, environment %q; want 400, 90, 1, production",
			o.TrailDays, o.BackupRetentionDays, o.AuditDay, o.Pipeline.Environment)
	}
	other := decoded(t, validOrganisation, `account: "111122223333"`, "account: \"111122223333\"\n  region: eu-west-1")
	if got := other.Organisation.AWS.SecondRegion; got != "eu-west-2" {
		t.Errorf("second region beside eu-west-1 = %q, want eu-west-2", got)
	}
}

func TestOutsideProductionLessIsAsked(t *testing.T) {
	a := decoded(t, validClient,
		"environment: production", "environment: staging",
		"  copiesAbroad: agreed with J. Doe on 2026-05-01", "  secondRegion: none\n  retentionDays: 7",
		"  phones: [\"+442079460123\"]\n", "",
		"  slack: {workspaceId: T0123ABCD, channelId: C0456EFGH}\n", "cache: {replicas: 0}\ndocuments: {instances: 1}\n",
		"engine: postgresql", "engine: postgresql\n  multiAz: false\n  pointInTimeDays: 1",
	).AWSClient
	if a.Backup.SecondRegion != "" {
		t.Errorf("second region = %q, want none", a.Backup.SecondRegion)
	}
	decoded(t, validClient, "environment: production", "environment: staging", "  copiesAbroad: agreed with J. Doe on 2026-05-01", "  lock: governance")
}

// Pulumi reads the file with YAML's own type for dates and hands the value to a
// program as JSON, in which a date that stands without quotes is what Go prints.
func TestDatesAsPulumiHandsThemOver(t *testing.T) {
	s := decoded(t, validClient, "alerts:\n", `access:
  bi: {reason: monthly reporting, from: [203.0.113.16/29], until: "2027-01-31 00:00:00 +0000 UTC"}
  breakGlass:
    incident: INC-2026-014
    reason: restore of one table
    people: ["arn:aws:iam::111122223333:user/ben.adeyemi"]
    opens: "2026-11-21 14:00:00 +0200 +0200"
    closes: "2026-11-21 12:45:00 +0000 UTC"
alerts:
`)
	access := s.AWSClient.Access
	if got := access.BI.Until.String() + " " + access.BreakGlass.Opens.String() + " " + access.BreakGlass.Closes.String(); got != "2027-01-31 2026-11-21T12:00:00Z 2026-11-21T12:45:00Z" {
		t.Errorf("until, opens, closes = %s", got)
	}
	if err := new(Date).UnmarshalText([]byte("2027-01-31 12:00:00 +0000 UTC")); err == nil {
		t.Error("a time of day is taken for a date")
	}
}

func TestJSONAndYAMLGiveTheSame(t *testing.T) {
	for _, base := range validBases {
		fromYAML := decoded(t, base)
		text, err := json.Marshal(fromYAML)
		if err != nil {
			t.Fatal(err)
		}
		fromJSON := decoded(t, string(text))
		if diff := cmp.Diff(fromYAML, fromJSON, cmp.Comparer(samePrefix)); diff != "" {
			t.Errorf("-YAML +JSON:\n%s", diff)
		}
	}
}

func TestMarshalUnknownKind(t *testing.T) {
	if _, err := json.Marshal(Spec{Kind: "cloud"}); err == nil || !strings.Contains(err.Error(), `encode spec: unknown kind "cloud"`) {
		t.Errorf("err = %v", err)
	}
}

func TestTextFromOtherEditors(t *testing.T) {
	decoded(t, strings.ReplaceAll(validClient, "\n", "\r\n"))
	decoded(t, "\ufeff"+validClient)
	s := decoded(t, validClient, "displayName: Acme Logistics Ltd", "displayName: >-\n    Acme\n    Logistics # & Söhne", "alerts:\n", "# told at once\nalerts:\n")
	if got := s.AWSClient.Client.DisplayName; got != "Acme Logistics # & Söhne" {
		t.Errorf("folded text = %q", got)
	}
}

func TestAliasesAreWrittenOut(t *testing.T) {
	s := decoded(t, validClient, "sha256: 9f86", "sha256: &sum 9f86", "emails: [operations@northwind.example]", "emails: &team [operations@northwind.example]",
		"alerts:\n", "access:\n  bi: {reason: *reason, from: [203.0.113.16/29], until: 2027-01-31}\nalerts:\n", "displayName: Acme", "displayName: &reason Acme")
	if got := s.AWSClient.Access.BI.Reason; got != "Acme Logistics Ltd" {
		t.Errorf("reason = %q", got)
	}
}

func TestTimesInJSON(t *testing.T) {
	type times struct {
		Day  Date
		Time Instant
	}
	const text = `{"Day":"2027-01-31","Time":"2026-11-21T12:00:00Z"}`
	var v times
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	if got, err := json.Marshal(v); err != nil || string(got) != text {
		t.Errorf("got %s, %v; want %s", got, err, text)
	}
	if err := json.Unmarshal([]byte(`{"Day":"soon"}`), &v); err == nil || !strings.Contains(err.Error(), `"soon" is no date written YYYY-MM-DD`) {
		t.Errorf("err = %v", err)
	}
}

func TestMachineDefaults(t *testing.T) {
	s := decoded(t, validSites).Sites
	if s.Environment != Production || s.Tunnel.CIDR.String() != "10.255.0.0/29" || s.Tunnel.Port != 51820 || s.Backup.KeepDays != 7 {
		t.Errorf("environment %s, tunnel %s port %d, kept %d days", s.Environment, s.Tunnel.CIDR, s.Tunnel.Port, s.Backup.KeepDays)
	}
	if s.PostgreSQL != (PostgreSQLServer{Version: "15", MaxConnections: 200, SlotGiB: 20}) || s.Reboot.Time != "03:30" || !*s.Reboot.Automatic {
		t.Errorf("postgresql %+v, reboot %+v", s.PostgreSQL, s.Reboot)
	}
	first, second := s.Sites[0], s.Sites[1]
	if first.Machine.User != "berth" || first.Machine.Port != 22 || second.Machine.Bastion.Port != 22 || first.Disks.Filesystem != "ext4" || !*first.Disks.Encrypt {
		t.Errorf("machine %+v, disks %+v", first.Machine, first.Disks)
	}
	if cidr := s.NetworkCIDR(); cidr.IsValid() {
		t.Errorf("adopted machines have the network %s", cidr)
	}
	if cidr := decoded(t, validHetznerSites).Sites.NetworkCIDR(); cidr.String() != "10.30.0.0/22" {
		t.Errorf("network = %s, want the smallest that holds both sites", cidr)
	}
	c := decoded(t, validSiteClient).SiteClient
	if c.Tier != Standard || c.Database.Connections != 40 || c.Pair.Home.Serves() != "198.51.100.10" {
		t.Errorf("tier %s, %d connections, home serves at %s", c.Tier, c.Database.Connections, c.Pair.Home.Serves())
	}
	c.Pair.Home.Origin = "198.51.100.20"
	if got := c.Pair.Home.Serves(); got != "198.51.100.20" {
		t.Errorf("home serves at %s, want its load balancer", got)
	}
	l := decoded(t, validLight).LightClient
	if l.AWS.Region != "eu-west-1" || l.Server.Bundle != "small_3_0" || l.Database != (LightDatabase{Version: "16", Bundle: "small_2_0"}) {
		t.Errorf("region %s, server %+v, database %+v", l.AWS.Region, l.Server, l.Database)
	}
	if p := decoded(t, validPremises, "machine:\n  address: 10.1.2.10\n  hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID/aUErGVoUFUzMAuIdHpeVZqilLsXD8xQr4fGDK0Slg\n", "").OnPremises; p.Machine != nil {
		t.Errorf("a client without a machine by SSH has one: %+v", p.Machine)
	}
}

func TestMachinesOutsideProductionLessIsAsked(t *testing.T) {
	decoded(t, validSites, "environment: production", "environment: staging",
		"  thirdPlace: {endpoint: s3.af-south-1.amazonaws.com, region: af-south-1, bucket: berth-southern-backups, country: ZA}\n", "  keepDays: 1\n",
		"  slackWebhook: true\n  smsGateway: https://sms.northwind.example/send\n", "", "  phones: [\"+442079460123\"]\n", "")
	decoded(t, validSiteClient, "countries: [ZA]", "environment: staging\ncountries: [ZA]", "thirdPlace: ZA", "thirdPlace: DE")
}
