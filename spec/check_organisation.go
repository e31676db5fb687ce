package spec

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// organisationCheck judges the provider's own stack, which is held to the standard of production.
type organisationCheck struct {
	*report
	*Organisation
	now time.Time
}

func (c *organisationCheck) all() {
	c.accountNumber("aws.account", c.AWS.Account)
	c.role("aws.deployRoleArn", c.AWS.DeployRoleArn, c.AWS.Account)
	c.verifiers("aws.verifiers", c.AWS.Verifiers, c.AWS.Account)
	c.region("aws.region", c.AWS.Region)
	c.region("aws.secondRegion", c.AWS.SecondRegion)
	if c.sound("aws.region", "aws.secondRegion") && c.AWS.Region == c.AWS.SecondRegion {
		c.add("aws.secondRegion", show(c.AWS.SecondRegion), "another region than aws.region", "write "+otherRegion(c.AWS.Region)+", or leave it out")
	}
	c.clients()
	c.staff()
	c.allowList("officeCidrs", c.OfficeCIDRs, "AC-2")
	c.alerts("alerts", c.Alerts, !lifted(c.Waivers, "AV-7"))
	c.onCall()
	c.pipeline()
	c.fleet(c.Fleet)
	c.waivers(c.Waivers, c.now)
}

func (c *organisationCheck) clients() {
	names, accounts := map[string]string{}, map[string]string{}
	for i, client := range c.Clients {
		path := fmt.Sprintf("clients[%d]", i)
		c.once(names, path+".name", client.Name)
		c.once(accounts, path+".account", client.Account)
		c.accountNumber(path+".account", client.Account)
		if c.sound(path+".account", "aws.account") && client.Account == c.AWS.Account {
			c.add(path+".account", show(client.Account), "an account of the client's own (DP-1)", "create an account for the client: aws.account is the organisation's")
		}
	}
}

func (c *organisationCheck) staff() {
	names, emails := map[string]string{}, map[string]string{}
	administrators := 0
	for i, person := range c.Staff {
		path := fmt.Sprintf("staff[%d]", i)
		c.once(names, path+".name", person.Name)
		c.once(emails, path+".email", strings.ToLower(person.Email))
		if c.assignments(path+".assignments", person.Assignments) {
			administrators++
		}
	}
	if administrators == 0 && c.readStaff() {
		c.add("staff", fmt.Sprintf("%d without an administrator", len(c.Staff)), "at least one person with the role administrator", "assign it, or nobody can change the organisation")
	}
}

// readStaff tells whether every person was read well enough to be counted on.
func (c *organisationCheck) readStaff() bool {
	for i := range c.Staff {
		path := fmt.Sprintf("staff[%d]", i)
		if !c.sound(path, path+".name", path+".phone", path+".assignments") {
			return false
		}
		for j := range c.Staff[i].Assignments {
			if !c.sound(fmt.Sprintf("%s.assignments[%d].role", path, j)) {
				return false
			}
		}
	}
	return c.sound("staff")
}

// assignments judges what one person may do, and tells whether that is administration.
func (c *organisationCheck) assignments(path string, all []Assignment) (administrator bool) {
	roles := map[string]string{}
	has := func(role string) bool {
		return slices.ContainsFunc(all, func(a Assignment) bool { return a.Role == role })
	}
	for i, a := range all {
		item := fmt.Sprintf("%s[%d]", path, i)
		c.once(roles, item+".role", a.Role)
		if c.sound(item + ".until") {
			c.until(item+".until", a.Until, c.now, longestAssignment, "AC-3", "renew the assignment, or remove it")
		}
		if a.Role == "breakGlassDatabase" && !has("engineer") && !has("administrator") {
			c.add(item+".role", show(a.Role), "a person who is an engineer or administrator as well (AC-4)", "assign one of these roles too, or remove this one")
		}
	}
	return has("administrator")
}

func (c *organisationCheck) onCall() {
	seen := map[string]string{}
	for i, name := range c.OnCall.Rotation {
		path := fmt.Sprintf("onCall.rotation[%d]", i)
		c.once(seen, path, name)
		if !c.readStaff() {
			continue
		}
		j := slices.IndexFunc(c.Staff, func(p Person) bool { return p.Name == name })
		if j < 0 {
			names := make([]string, len(c.Staff))
			for k, p := range c.Staff {
				names[k] = p.Name
			}
			fix := "add the person to staff, or remove the name"
			if near := nearest(name, names); near != "" {
				fix = "did you mean " + near + "?"
			}
			c.add(path, show(name), "a member of staff (OP-3)", fix)
			continue
		}
		if c.Staff[j].Phone == "" {
			c.add(path, show(name), "a member of staff with a phone (OP-3)", fmt.Sprintf("add staff[%d].phone, or remove the name", j))
		}
	}
	starts := c.OnCall.Starts
	const path = "onCall.starts"
	switch {
	case !c.sound(path):
	case starts.Weekday() != time.Monday:
		monday := starts.AddDate(0, 0, (8-int(starts.Weekday()))%7)
		c.add(path, starts.String(), "a Monday (OP-3)", fmt.Sprintf("write %s: this is a %s", monday.Format(time.DateOnly), starts.Weekday()))
	case starts.Sub(c.now) > longestAssignment:
		c.add(path, starts.String(), "at most 366 days ahead (OP-3)", "correct the year")
	}
}

var (
	githubRepository = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$`)
	circleProject    = regexp.MustCompile(`^[0-9a-f-]{36}/[0-9a-f-]{36}$`)
)

func (c *organisationCheck) pipeline() {
	const path = "pipeline.repository"
	repository := c.Pipeline.Repository
	if !c.sound("pipeline.provider", path) {
		return
	}
	switch {
	case c.Pipeline.Provider == "github" && !githubRepository.MatchString(repository):
		fix := "write it as owner/name"
		if name, ok := strings.CutPrefix(strings.TrimSuffix(repository, ".git"), "https://github.com/"); ok {
			fix = fmt.Sprintf("write %q", name)
		}
		c.add(path, show(repository), "a GitHub repository as owner/name", fix)
	case c.Pipeline.Provider == "circleci" && !circleProject.MatchString(repository):
		c.add(path, show(repository), "a CircleCI project as organisation id/project id", "copy both ids from the project's settings")
	}
}
