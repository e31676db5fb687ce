package example

import (
	"fmt"
	"strings"
)

// The parts of invented names. No part is a company's.
var (
	beginnings = []string{
		"alver", "amber", "bram", "brindle", "calder", "corvan", "dorran", "dunmar", "elder", "ember", "fenn", "ferro", "garran", "gorse", "halden",
		"hollin", "isen", "ivern", "jorun", "juniper", "kelda", "kestrel", "larch", "lindal", "marram", "merrow", "nether", "norrin", "oaken", "orvel",
		"pellar", "pinder", "quarrel", "quill", "rowan", "rushen", "sallow", "sedge", "tarn", "thistle", "ulver", "umber", "varden", "vesper", "wend",
		"willow", "yarrow", "zephyr",
	}
	endings = []string{"wick", "mere", "holt", "fell", "croft", "gate", "stead", "combe", "ridge", "ford", "haven", "shaw", "thorpe", "beck", "moor", "bridge"}
	trades  = []struct{ sector, suffix string }{
		{"logistics", "Logistics"}, {"freight", "Freight"}, {"retail", "Retail"}, {"care", "Care"}, {"media", "Studios"}, {"engineering", "Engineering"},
		{"energy", "Energy"}, {"food", "Foods"}, {"education", "Learning"}, {"travel", "Travel"}, {"insurance", "Mutual"}, {"building", "Builders"},
	}
	forms = map[string][]string{
		"GB": {"Ltd", "plc", "LLP"}, "IE": {"Ltd", "DAC"}, "DE": {"GmbH", "AG"}, "FR": {"SARL", "SAS"}, "NL": {"B.V."}, "FI": {"Oy"}, "ZA": {"(Pty) Ltd"}, "SE": {"AB"},
	}
	givenNames = []string{
		"Amara", "Jonas", "Claire", "Thandi", "Peter", "Milena", "Owen", "Priya", "Luis", "Hanna", "Tomas", "Ines", "Kofi", "Sofia", "Marek", "Aoife",
		"Emil", "Nadia", "Pieter", "Saara", "Bongani", "Greta", "Hugo", "Leila",
	}
	familyNames = []string{
		"Okafor", "Weber", "Fontaine", "Mokoena", "Krause", "Vogt", "Hughes", "Raman", "Ortega", "Nieminen", "Novak", "Duarte", "Mensah", "Rossi", "Zielinski",
		"Byrne", "Larsson", "Haddad", "Vermeer", "Laine", "Dlamini", "Lindgren", "Moreau", "Karimi",
	}
)

// client is who a stack is for.
type client struct {
	name, display, sector, country string
	people                         []person
}

type person struct{ name, email string }

// client invents one in a country. Each has a name of its own; a client on sites is where its pair is.
func (m *maker) client(country string) client {
	ways := len(beginnings) * len(endings)
	number := m.named
	m.named++
	way := m.names[number%ways]
	name := beginnings[way/len(endings)] + endings[way%len(endings)]
	trade := trades[m.random.IntN(len(trades))]
	form := forms[country][m.random.IntN(len(forms[country]))]
	title := strings.ToUpper(name[:1]) + name[1:]
	if round := number / ways; round > 0 { // every name was given once
		name, title = fmt.Sprintf("%s-%d", name, round+1), fmt.Sprintf("%s %d", title, round+1)
	}
	c := client{name: name, display: title + " " + trade.suffix + " " + form, sector: trade.sector, country: country}
	for len(c.people) < 2 {
		p := m.person(c.domain())
		if len(c.people) == 0 || c.people[0].email != p.email {
			c.people = append(c.people, p)
		}
	}
	return c
}

func (c client) domain() string { return c.name + ".example" }

func (m *maker) person(domain string) person {
	given, family := givenNames[m.random.IntN(len(givenNames))], familyNames[m.random.IntN(len(familyNames))]
	return person{given + " " + family, strings.ToLower(given + "." + family + "@" + domain)}
}

// login is a person's user name on machines.
func (p person) login() string { return strings.ToLower(strings.ReplaceAll(p.name, " ", "-")) }
