package fleet

import "github.com/berth-iac/berth/spec"

// own is what a stack's file says of its client alone. Where the same change happens to many, these values are left out of account.
func own(s *spec.Spec) map[string]string {
	about := s.Summary()
	found := map[string]string{"display name": about.DisplayName, "hostname": about.Hostname, "second region": about.SecondRegion}
	edge := func(e spec.Edge) {
		found["zone"], found["zone id"], found["edge account"] = e.Zone, e.ZoneID, e.AccountID
	}
	switch {
	case s.AWSClient != nil:
		c := s.AWSClient
		found["account"], found["region"], found["network"] = c.AWS.Account, c.AWS.Region, c.Network.CIDR.String()
		edge(c.Edge)
	case s.LightClient != nil:
		found["account"], found["region"] = s.LightClient.AWS.Account, s.LightClient.AWS.Region
		edge(s.LightClient.Edge)
	case s.Sites != nil:
		for i, site := range s.Sites.Sites {
			found[[...]string{"site", "other site"}[min(i, 1)]] = site.Name
		}
	case s.SiteClient != nil:
		pair := s.SiteClient.Pair
		found["pair"], found["site"], found["other site"] = pair.Name, pair.Home.Name, pair.Standby.Name
		found["machine"], found["other machine"] = pair.Home.Machine.Address, pair.Standby.Machine.Address
		edge(s.SiteClient.Edge)
	case s.OnPremises != nil:
		if s.OnPremises.Machine != nil {
			found["machine"] = s.OnPremises.Machine.Address
		}
	case s.Organisation != nil:
		found["account"], found["region"] = s.Organisation.AWS.Account, s.Organisation.AWS.Region
	}
	for name, value := range found {
		if value == "" {
			delete(found, name)
		}
	}
	return found
}
