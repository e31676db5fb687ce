package example

import (
	"fmt"
	"strings"
	"time"

	"github.com/berth-iac/berth/fleet/stackfile"
	"github.com/berth-iac/berth/spec"
)

// perPair is how many clients a pair of sites has at most.
const perPair = 12

// pair is two sites that clients share.
type pair struct {
	name    string
	region  region
	number  int
	hetzner bool
	hosts   [2]stackfile.Tree // as a client's stack knows them
	clients int
}

// region is where a pair is.
type region struct {
	name, country string
	sites         [2]place
	bucket        string // the region of the third place, in the same country
	hetzner       [2]string
}

type place struct{ name, display, country, zone string }

var regionsOfPairs = []region{
	{name: "southern", country: "ZA", bucket: "af-south-1", sites: [2]place{
		{"jnb", "Johannesburg", "ZA", "Africa/Johannesburg"}, {"cpt", "Cape Town", "ZA", "Africa/Johannesburg"}}},
	{name: "central", country: "DE", bucket: "eu-central-1", hetzner: [2]string{"fsn1", "nbg1"}, sites: [2]place{
		{"fsn", "Falkenstein", "DE", "Europe/Berlin"}, {"nbg", "Nuremberg", "DE", "Europe/Berlin"}}},
	{name: "northern", country: "SE", bucket: "eu-north-1", sites: [2]place{
		{"sto", "Stockholm", "SE", "Europe/Stockholm"}, {"got", "Gothenburg", "SE", "Europe/Stockholm"}}},
	{name: "western", country: "GB", bucket: "eu-west-2", sites: [2]place{
		{"lon", "London", "GB", "Europe/London"}, {"man", "Manchester", "GB", "Europe/London"}}},
}

// pairsFor are as many as so many clients need.
func (m *maker) pairsFor(clients int) []*pair {
	var pairs []*pair
	for i := range (clients + perPair - 1) / perPair {
		p := &pair{number: i, region: regionsOfPairs[i%len(regionsOfPairs)]}
		p.name = p.region.name
		if round := i / len(regionsOfPairs); round > 0 {
			p.name = fmt.Sprintf("%s-%d", p.name, round+1)
		}
		p.hetzner = p.region.hetzner[0] != ""
		for j, site := range p.region.sites {
			p.hosts[j] = stackfile.Tree{"name": site.name, "country": site.country,
				"machine": stackfile.Tree{"address": p.address(j), "hostKey": m.key("")}}
		}
		pairs = append(pairs, p)
	}
	return pairs
}

// address of a machine: one that is kept for documentation, and a name where those run out.
func (p *pair) address(site int) string {
	if p.number < 240 {
		return fmt.Sprintf("%s.%d", [2]string{"198.51.100", "192.0.2"}[site], 10+p.number)
	}
	return fmt.Sprintf("%s.%s.northwind.example", p.region.sites[site].name, p.name)
}

// freest is the pair with the fewest clients.
func (m *maker) freest() *pair {
	p := m.pairs[0]
	for _, other := range m.pairs {
		if other.clients < p.clients {
			p = other
		}
	}
	return p
}

// siteClient is a client on a pair of sites.
func (m *maker) siteClient(c client, environment spec.Environment) (stackfile.Tree, error) {
	p := m.freest()
	home, standby := p.hosts[p.clients%2], p.hosts[1-p.clients%2]
	p.clients++
	return stackfile.Tree{
		"countries":   []string{p.region.country},
		"pair":        stackfile.Tree{"name": p.name, "home": home, "standby": standby, "thirdPlace": p.region.country},
		"edge":        m.edge(c, environment),
		"release":     m.machineRelease(),
		"database":    stackfile.Tree{"connections": 20 + 10*m.random.IntN(3)},
		"alerts":      stackfile.Tree{"emails": []string{"operations@northwind.example"}},
		"maintenance": m.maintenance(),
	}, nil
}

// sites is the pair's own stack.
func (m *maker) sites(p *pair) (File, error) {
	var both []stackfile.Tree
	for i, at := range p.region.sites {
		site := stackfile.Tree{"name": at.name, "displayName": at.display, "country": at.country, "timeZone": at.zone}
		if p.hetzner {
			site["hetzner"] = stackfile.Tree{"location": p.region.hetzner[i], "serverType": "ccx23", "cidr": fmt.Sprintf("10.%d.%d.0/24", 226+p.number/100, 2*(p.number%100)+i)}
			site["disks"] = stackfile.Tree{"sizeGiB": 100}
		} else {
			site["machine"] = p.hosts[i]["machine"]
			site["disks"] = stackfile.Tree{"devices": m.disks("ata-SSD960_S" + strings.ToUpper(m.hex(12)))}
		}
		both = append(both, site)
	}
	tree := stackfile.Tree{
		"name": p.name, "environment": string(spec.Production), "sites": both,
		"tunnel":     stackfile.Tree{"cidr": fmt.Sprintf("10.255.%d.%d/29", p.number/32, p.number%32*8)},
		"postgresql": stackfile.Tree{"maxConnections": 600},
		"backup": stackfile.Tree{"thirdPlace": stackfile.Tree{
			"endpoint": "s3." + p.region.bucket + ".amazonaws.com", "region": p.region.bucket, "bucket": "berth-" + p.name + "-backups", "country": p.region.country}},
		"fleet": stackfile.Tree{"labels": []string{"country=" + strings.ToLower(p.region.country)}},
	}
	m.northwind(tree, len(m.staff))
	return m.file("sites-"+p.name, spec.KindSites, tree)
}

// perOrganisation is how many accounts one organisation serves: its file and its policies have bounds.
const perOrganisation = 200

// organisation is the provider's own stack. It serves the accounts of clients on AWS, the first ones where there are many.
func (m *maker) organisation() (File, error) {
	roles := [][]string{{"administrator"}, {"engineer", "breakGlassDatabase"}, {"support"}}
	var staff []stackfile.Tree
	var rotation []string
	for i, a := range m.staff {
		var assignments []stackfile.Tree
		for _, role := range roles[i] {
			assignments = append(assignments, stackfile.Tree{"role": role, "until": m.date(a.until)})
		}
		name := strings.ReplaceAll(a.login(), "-", ".")
		staff = append(staff, stackfile.Tree{"name": name, "email": a.email, "phone": fmt.Sprintf("+4420794601%02d", 24+i), "assignments": assignments})
		rotation = append(rotation, name)
	}
	monday := (8 - int(m.now.Weekday())) % 7
	if m.now.Weekday() == time.Monday {
		monday = 7
	}
	return m.file("organisation", spec.KindOrganisation, stackfile.Tree{
		"name": "northwind", "domain": "northwind.example",
		"aws": stackfile.Tree{"account": "111122223333", "region": "eu-west-2", "secondRegion": "eu-west-1",
			"verifiers": []string{"arn:aws:iam::111122223333:role/northwind-pipeline-preview"}},
		"clients": m.accounts[:min(len(m.accounts), perOrganisation)], "staff": staff, "officeCidrs": []string{"203.0.113.16/29"},
		"alerts": stackfile.Tree{"emails": []string{"operations@northwind.example"}, "phones": []string{"+442079460123"},
			"slack": stackfile.Tree{"workspaceId": "T0123ABCD", "channelId": "C0456EFGH"}},
		"onCall":   stackfile.Tree{"rotation": rotation, "starts": m.date(monday)},
		"pipeline": stackfile.Tree{"provider": "github", "repository": "northwind/berth", "environment": "production"},
	})
}
