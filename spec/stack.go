package spec

import "strings"

// Summary is what lists and pictures say of a stack of any kind.
type Summary struct {
	Name        string // of the client, the pair or the organisation
	DisplayName string // as people write it; the domain of the organisation
	Environment Environment
	// Where the stack is: a region, the names of sites, or an address.
	Where string
	// SecondRegion on AWS; "" elsewhere.
	SecondRegion string
	// Hostname where people go; "" where there is none.
	Hostname string
	// Leaving lifts the protection; nil where it holds. Endless stacks are not meant to go, and know no leaving.
	Leaving *Leaving
	Endless bool
}

// Summary of the stack.
func (s *Spec) Summary() Summary {
	switch {
	case s == nil:
	case s.AWSClient != nil:
		c := s.AWSClient
		return Summary{Name: c.Client.Name, DisplayName: c.Client.DisplayName, Environment: c.Environment, Where: c.AWS.Region,
			SecondRegion: c.Backup.SecondRegion, Hostname: c.Edge.Hostname, Leaving: c.Leaving}
	case s.LightClient != nil:
		c := s.LightClient
		return Summary{Name: c.Client.Name, DisplayName: c.Client.DisplayName, Environment: c.Environment, Where: c.AWS.Region,
			Hostname: c.Edge.Hostname, Leaving: c.Leaving}
	case s.Sites != nil:
		var places, names []string
		for _, site := range s.Sites.Sites {
			places, names = append(places, site.DisplayName), append(names, site.Name)
		}
		return Summary{Name: s.Sites.Name, DisplayName: strings.Join(places, " and "), Environment: s.Sites.Environment,
			Where: strings.Join(names, ", "), Leaving: s.Sites.Leaving}
	case s.SiteClient != nil:
		c := s.SiteClient
		return Summary{Name: c.Client.Name, DisplayName: c.Client.DisplayName, Environment: c.Environment,
			Where: c.Pair.Home.Name + ", " + c.Pair.Standby.Name, Hostname: c.Edge.Hostname, Leaving: c.Leaving}
	case s.OnPremises != nil:
		c := s.OnPremises
		return Summary{Name: c.Client.Name, DisplayName: c.Client.DisplayName, Environment: c.Environment, Where: "premises",
			Hostname: c.Hostname, Leaving: c.Leaving}
	case s.Organisation != nil:
		o := s.Organisation
		return Summary{Name: o.Name, DisplayName: o.Domain, Environment: "organisation", Where: o.AWS.Region, SecondRegion: o.AWS.SecondRegion, Endless: true}
	}
	return Summary{Endless: true}
}
