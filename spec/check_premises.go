package spec

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// premisesCheck judges a client on its own machine.
type premisesCheck struct {
	*report
	*OnPremises
	now time.Time
}

func (c *premisesCheck) all() {
	c.client(c.Client)
	if c.Machine != nil && c.sound("machine") {
		c.reach("machine", *c.Machine, false)
		if c.sound("machine.user") && c.Machine.User == "berth" && len(c.DeployKeys) == 0 && c.sound("deployKeys") {
			c.add("deployKeys", "missing", "the public key that the user berth takes", "add it, or name in machine.user who signs in")
		}
	}
	c.networks("peopleCidrs", c.PeopleCIDRs, 8, 24)
	c.networks("administratorCidrs", c.AdministratorCIDRs, 24, 24)
	c.people(c.Administrators, c.DeployKeys, c.now)
	c.zone("timeZone", c.TimeZone)
	c.disks("disks", c.Disks, false)
	c.release(c.Release)
	c.copies()
	c.watched(c.Watch, c.Alerts, false, false)
	c.maintenance(c.Maintenance, false)
	c.leaving("client.name", c.Client.Name, c.Leaving)
	c.fleet(c.Fleet)
	c.waivers(c.Waivers, c.now)
}

// networks judges who may reach a door; a private range may be wider than a public one.
func (c *premisesCheck) networks(list string, ranges []netip.Prefix, widestPrivate, widestPublic int) {
	for i, p := range ranges {
		path := fmt.Sprintf("%s[%d]", list, i)
		if !c.sound(path) || !c.canonical(path, p) {
			continue
		}
		widest := choose(private(p), widestPrivate, widestPublic)
		if p.Addr().Is6() {
			widest = 48
		}
		switch {
		case p.Bits() == 0:
			c.add(path, p.String(), "named networks, not everyone (DP-2)", "name the networks")
		case p.Bits() < widest:
			c.add(path, p.String(), fmt.Sprintf("a range of /%d or smaller", widest), "name the networks themselves")
		default:
			c.apart(list, ranges, i)
		}
	}
}

// dataFolder is where the mirror is mounted.
const dataFolder = "/srv/data"

func (c *premisesCheck) copies() {
	c.store("backup.thirdPlace", c.Backup.ThirdPlace)
	const path = "backup.folder"
	folder := c.Backup.Folder
	if folder == "" || !c.sound(path) {
		return
	}
	switch {
	case slices.Contains(strings.Split(folder, "/"), "..") || strings.Contains(folder, "//") || strings.HasSuffix(folder, "/"):
		c.add(path, show(folder), "a plain path", "write it without empty parts and dots")
	case folder == dataFolder || strings.HasPrefix(folder, dataFolder+"/"):
		c.add(path, show(folder), "a mount of another machine or disk: the database lies in "+dataFolder, "write where the other disk is mounted, such as /mnt/backup")
	}
}
