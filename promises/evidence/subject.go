package evidence

import (
	"strings"

	"github.com/berth-iac/berth/spec"
)

// The roles of places.
const (
	roleSite     = "site"
	roleHome     = "home"
	roleStandby  = "standby"
	roleThird    = "third place"
	rolePremises = "premises"
)

// describe fills in who and where the subject is, as its spec says, and tells its own region of AWS.
func (s *Subject) describe(of *spec.Spec) (region string) {
	client := func(c spec.Client, e spec.Environment) {
		s.Name, s.DisplayName, s.Environment = c.Name, c.DisplayName, e
	}
	place := func(name, role, country string) {
		s.Places = append(s.Places, Place{Name: name, Role: role, Country: country})
	}
	third := func(o *spec.ObjectStore) {
		if o != nil {
			place(o.Endpoint, roleThird, o.Country)
		}
	}
	switch {
	case of.AWSClient != nil:
		c := of.AWSClient
		client(c.Client, c.Environment)
		s.Account, region = c.AWS.Account, c.AWS.Region
	case of.LightClient != nil:
		c := of.LightClient
		client(c.Client, c.Environment)
		s.Account, region = c.AWS.Account, c.AWS.Region
	case of.Sites != nil:
		p := of.Sites
		var names []string
		for _, site := range p.Sites {
			names = append(names, site.DisplayName)
			place(site.Name, roleSite, site.Country)
		}
		s.Name, s.DisplayName, s.Environment = p.Name, strings.Join(names, " and "), p.Environment
		third(p.Backup.ThirdPlace)
	case of.SiteClient != nil:
		c := of.SiteClient
		client(c.Client, c.Environment)
		place(c.Pair.Home.Name, roleHome, c.Pair.Home.Country)
		place(c.Pair.Standby.Name, roleStandby, c.Pair.Standby.Country)
		if c.Pair.ThirdPlace != "" {
			place("backups of "+c.Pair.Name, roleThird, c.Pair.ThirdPlace)
		}
	case of.OnPremises != nil:
		c := of.OnPremises
		client(c.Client, c.Environment)
		place(c.Hostname, rolePremises, "")
		third(c.Backup.ThirdPlace)
	case of.Organisation != nil:
		o := of.Organisation
		s.Name, s.DisplayName, s.Account, region = o.Name, o.Domain, o.AWS.Account, o.AWS.Region
	}
	return region
}
