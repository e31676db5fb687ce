package example

import (
	"errors"
	"fmt"
	"strings"

	"github.com/berth-iac/berth/fleet/stackfile"
	"github.com/berth-iac/berth/spec"
)

// releases of TaskFlow that run in the fleet, the usual one more than once.
var releases = []struct{ version, sum string }{
	{"1.0.0", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
	{"1.0.0", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
	{"1.0.0", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
	{"1.1.0", "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"},
}

// machineRelease is a release as machines fetch it.
func (m *maker) machineRelease() stackfile.Tree {
	r := pick(m, releases)
	return stackfile.Tree{"version": r.version, "sha256": r.sum, "source": stackfile.Tree{
		"url": "https://releases.northwind.example/taskflow", "publicKey": "RWSesOUE+X4Y+jV7f/9duH+MOZgsaIGCe2xb62pBNS/aanb7VlfMleut",
	}}
}

// edge is Cloudflare before the client's own domain, whose zone the stack owns.
func (m *maker) edge(c client, environment spec.Environment) stackfile.Tree {
	zone := c.domain() // of its own for staging too, so that each zone has one owner
	tree := stackfile.Tree{"hostname": "taskflow." + zone, "zone": zone, "zoneId": m.hex(32), "accountId": "01a7362d577a6c3019a474fd6f485823"}
	if environment == spec.Production && m.random.IntN(3) == 0 {
		tree["rateLimit"] = stackfile.Tree{"requests": 300 * (1 + m.random.IntN(5)), "periodSeconds": 60}
	}
	return tree
}

// account is an AWS account of the client's own.
func (m *maker) account(c client) string {
	account := fmt.Sprintf("%012d", 300_000_000_000+int64(len(m.accounts))*17_000_003+int64(m.random.IntN(1_000_000)))
	m.accounts = append(m.accounts, stackfile.Tree{"name": c.name, "account": account})
	return account
}

// residency and region by the client's country.
func residency(c client) (name, region string) {
	if c.country == "GB" {
		return string(spec.UnitedKingdom), "eu-west-2"
	}
	return string(spec.EuropeanUnion), "eu-west-1"
}

var errRanges = errors.New("invent a fleet: there are no more ranges of addresses")

// cidr is a range that no other stack has: a /20, or a /19 for who needs more.
func (m *maker) cidr(wide bool) (string, error) {
	size, bits := 1, 20
	if wide {
		size, bits = 2, 19
		m.ranges += m.ranges % 2
	}
	at := 16*16 + m.ranges // from 10.16.0.0
	m.ranges += size
	if at+size > 224*16 {
		return "", errRanges
	}
	return fmt.Sprintf("10.%d.%d.0/%d", at/16, at%16*16, bits), nil
}

func (m *maker) aws(c client, environment spec.Environment) (stackfile.Tree, error) {
	production := environment == spec.Production
	tier := spec.Standard
	if production && m.random.IntN(4) == 0 {
		tier = spec.Dedicated
	}
	where, region := residency(c)
	cidr, err := m.cidr(tier == spec.Dedicated)
	if err != nil {
		return nil, err
	}
	r := pick(m, releases)
	tree := stackfile.Tree{
		"tier": string(tier), "residency": where,
		"aws":     stackfile.Tree{"account": m.account(c), "region": region, "verifiers": []string{"arn:aws:iam::111122223333:role/northwind-pipeline-preview"}},
		"network": stackfile.Tree{"cidr": cidr},
		"edge":    m.edge(c, environment),
		"service": stackfile.Tree{
			"release": stackfile.Tree{"version": r.version, "sha256": r.sum, "bucket": "berth-northwind-releases-111122223333-eu-west-2"},
			"imageId": map[string]string{"eu-west-2": "ami-0a1b2c3d4e5f60718", "eu-west-1": "ami-0b2c3d4e5f6071829"}[region],
		},
		"database": pick(m, []stackfile.Tree{
			{"engine": "postgresql", "version": "16"}, {"engine": "postgresql"}, {"engine": "postgresql", "version": "15", "storageGiB": 100}, {"engine": "mysql", "version": "8.4"},
		}),
		"alerts": stackfile.Tree{
			"emails": []string{"operations@northwind.example"}, "phones": []string{"+442079460123"},
			"slack": stackfile.Tree{"workspaceId": "T0123ABCD", "channelId": "C0456EFGH"},
		},
		"maintenance": m.maintenance(),
	}
	if m.random.IntN(2) == 0 {
		tree["cache"] = stackfile.Tree{}
	}
	if m.random.IntN(4) == 0 {
		tree["documents"] = stackfile.Tree{}
	}
	switch {
	case !production:
		tree["backup"] = stackfile.Tree{"secondRegion": "none"}
	case where == string(spec.UnitedKingdom):
		tree["backup"] = stackfile.Tree{"secondRegion": "eu-west-1", "copiesAbroad": m.agreed(c)}
	default:
		tree["backup"] = stackfile.Tree{"secondRegion": "eu-central-1"}
	}
	return tree, nil
}

// agreed is the record of a client's consent.
func (m *maker) agreed(c client) string {
	return fmt.Sprintf("agreed with %s on %s, contract annex 4", c.people[0].name, m.date(-30-m.random.IntN(300)))
}

func (m *maker) maintenance() stackfile.Tree {
	return stackfile.Tree{
		"window":     pick(m, []string{"sun:02:00-sun:04:00", "sat:20:00-sat:22:00", "wed:03:00-wed:05:00"}),
		"noticeDays": pick(m, []int{7, 7, 14}),
	}
}

// northwind are the people and the key that the provider's machines know.
func (m *maker) northwind(tree stackfile.Tree, people int) {
	var administrators []stackfile.Tree
	for _, a := range m.staff[:people] {
		administrators = append(administrators, stackfile.Tree{"name": a.login(), "email": a.email, "keys": []string{a.key}, "until": m.date(a.until)})
	}
	tree["administrators"], tree["deployKeys"] = administrators, []string{m.deploy}
	tree["officeCidrs"] = []string{"203.0.113.16/29"}
	tree["watch"] = stackfile.Tree{
		"mail":         stackfile.Tree{"host": "smtp.northwind.example", "user": "machines", "from": "machines@northwind.example"},
		"slackWebhook": true, "smsGateway": "https://sms.northwind.example/send",
	}
	tree["alerts"] = stackfile.Tree{"emails": []string{"operations@northwind.example"}, "phones": []string{"+442079460123"}}
}

func (m *maker) light(c client, environment spec.Environment) (stackfile.Tree, error) {
	where, region := residency(c)
	tree := stackfile.Tree{
		"residency": where, "aws": stackfile.Tree{"account": m.account(c), "region": region},
		"edge":     m.edge(c, environment),
		"server":   stackfile.Tree{"bundle": pick(m, []string{"small_3_0", "small_3_0", "medium_3_0"})},
		"release":  m.machineRelease(),
		"database": stackfile.Tree{"version": pick(m, []string{"15", "16"}), "bundle": pick(m, []string{"micro_2_0", "small_2_0", "small_ha_2_0"})},
	}
	m.northwind(tree, 1+m.random.IntN(2))
	return tree, nil
}

func (m *maker) premises(c client, _ spec.Environment) (stackfile.Tree, error) {
	number := m.random.IntN(240)
	admin, mailbox := c.people[0], "it@"+c.domain()
	tree := stackfile.Tree{
		"hostname":           "taskflow." + c.domain(),
		"peopleCidrs":        []string{pick(m, []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"})},
		"administratorCidrs": []string{fmt.Sprintf("10.%d.2.0/28", number)},
		"administrators": []stackfile.Tree{{"name": admin.login(), "email": admin.email,
			"keys": []string{m.key(strings.Fields(admin.login())[0])}, "until": m.date(120 + m.random.IntN(200))}},
		"timeZone":    map[string]string{"DE": "Europe/Berlin", "FR": "Europe/Paris", "NL": "Europe/Amsterdam", "GB": "Europe/London", "FI": "Europe/Helsinki"}[c.country],
		"disks":       stackfile.Tree{"devices": m.disks("nvme-eui.0025388b" + m.hex(7)), "filesystem": pick(m, []string{"ext4", "xfs"})},
		"release":     m.machineRelease(),
		"backup":      stackfile.Tree{"folder": "/mnt/backup"},
		"watch":       stackfile.Tree{"mail": stackfile.Tree{"host": "mail." + c.domain(), "user": "taskflow", "from": "taskflow@" + c.domain()}},
		"alerts":      stackfile.Tree{"emails": []string{mailbox}},
		"maintenance": m.maintenance(),
	}
	if m.random.IntN(4) > 0 { // the others let nobody in: their administrator runs an archive
		tree["deployKeys"] = []string{m.deploy}
		tree["machine"] = stackfile.Tree{"address": fmt.Sprintf("10.%d.2.10", number), "hostKey": m.key(""),
			"bastion": stackfile.Tree{"address": "bastion." + c.domain(), "hostKey": m.key("")}}
	}
	return tree, nil
}

func (m *maker) disks(name string) []string {
	return []string{"/dev/disk/by-id/" + name + "1", "/dev/disk/by-id/" + name + "2"}
}
