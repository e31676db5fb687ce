package spec

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// clientCheck judges a decoded client. Staging and development hold test data
// only (DP-6): there a check that stands behind clients' data or uptime asks
// strict first.
type clientCheck struct {
	*report
	*AWSClient
	now time.Time
}

func (c *clientCheck) all() {
	c.client(c.Client)
	c.account()
	c.network()
	c.edge(c.Edge)
	c.service()
	c.database()
	c.documents()
	c.cache()
	c.copies()
	c.alerts("alerts", c.Alerts, c.strict("AV-7"))
	c.bi(c.Access.BI, c.now)
	c.breakGlass()
	c.maintenance(c.Maintenance, c.Cache != nil)
	c.leaving("client.name", c.Client.Name, c.Leaving)
	c.fleet(c.Fleet)
	c.waivers(c.Waivers, c.now)
}

// strict tells whether the stack is known to be production and held to the promises that a check stands for; with a
// misspelt environment nothing is. A waiver of them all lifts the check: the graph is then judged resource by resource.
func (c *clientCheck) strict(promises ...string) bool {
	return c.held(c.Environment, c.Waivers, promises)
}

// held is strict for any kind of stack.
func (r *report) held(e Environment, waivers []Waiver, promises []string) bool {
	return r.sound("environment") && e == Production &&
		slices.ContainsFunc(promises, func(promise string) bool { return !lifted(waivers, promise) })
}

// lifted tells whether there is a waiver of a promise, for whichever resource.
func lifted(all []Waiver, promise string) bool {
	return slices.ContainsFunc(all, func(w Waiver) bool { return w.Promise == promise })
}

func (r *report) client(client Client) {
	seen := map[string]string{}
	for i, contact := range client.Contacts {
		r.once(seen, fmt.Sprintf("client.contacts[%d].email", i), strings.ToLower(contact.Email))
	}
}

// once refuses a value that an earlier path has.
func (r *report) once(seen map[string]string, path, value string) {
	if !r.sound(path) || value == "" {
		return
	}
	if first, found := seen[value]; found {
		r.add(path, show(value), "each one once", "correct or remove it: "+root+"."+first+" is the same")
		return
	}
	seen[value] = path
}

func (c *clientCheck) account() {
	c.accountNumber("aws.account", c.AWS.Account)
	c.role("aws.deployRoleArn", c.AWS.DeployRoleArn, c.AWS.Account)
	c.verifiers("aws.verifiers", c.AWS.Verifiers, c.AWS.Account)
	c.residence(c.Residency, c.AWS.Region)
}

// residence refuses a region that is not the residency's own.
func (r *report) residence(residency Residency, region string) {
	home := RegionFor(residency)
	if !r.sound("residency") || region == home {
		return
	}
	fix := "write " + home
	for _, other := range []Residency{UnitedKingdom, EuropeanUnion} {
		if RegionFor(other) == region {
			fix += fmt.Sprintf(", or residency: %s if the client wants that", other)
		}
	}
	r.add("aws.region", show(region), fmt.Sprintf("the region of residency %s, %s (AV-9)", residency, home), fix)
}

// accountNumber refuses numbers that stand for none.
func (r *report) accountNumber(path, account string) {
	if account == "000000000000" {
		r.add(path, show(account), "a real account number", "look it up with `aws sts get-caller-identity`")
	}
}

// role refuses a role of another account.
func (r *report) role(path, arn, account string) {
	parts := strings.Split(arn, ":")
	if arn == "" || len(parts) < 6 || !r.sound("aws.account") {
		return
	}
	if parts[4] != account {
		r.add(path, show(arn), "a role in account "+account, "name the role of the account that the stack deploys to, or correct aws.account")
	}
}

// mostVerifiers keeps the trust of the role that they sign in as within the 2,048 characters that IAM takes.
const mostVerifiers = 10

// verifiers refuses more than IAM takes, one twice, accounts that do not exist, and the role itself.
func (r *report) verifiers(path string, arns []string, account string) {
	if len(arns) > mostVerifiers && r.sound(path) {
		r.add(path, fmt.Sprintf("%d of them", len(arns)), fmt.Sprintf("a list of at most %d (AC-3)", mostVerifiers), "let them take one role, and name that")
	}
	seen := map[string]string{}
	for i, arn := range arns {
		item := fmt.Sprintf("%s[%d]", path, i)
		r.once(seen, item, arn)
		parts := strings.Split(arn, ":")
		switch {
		case len(parts) < 6 || !r.sound(item):
		case parts[4] == "000000000000":
			r.add(item, show(arn), "a role or user of a real account", "correct the account number")
		case arn == "arn:aws:iam::"+account+":role/berth-verify":
			r.add(item, show(arn), "somebody else than the role itself", "name who signs in as it, such as the pipeline's preview role")
		}
	}
}

// maintenance judges the window; ElastiCache takes none under an hour.
func (r *report) maintenance(m Maintenance, cache bool) {
	start, end, ok := parseWindow(m.Window)
	if !ok {
		return
	}
	minutes := end - start
	const path = "maintenance.window"
	if least := choose(cache, 60, 30); minutes < least || minutes > 8*60 {
		r.add(path, show(m.Window), choose(cache, "an hour (with a cache) to 8 hours", "30 minutes to 8 hours"), fmt.Sprintf("move one of its ends: it lasts %d minutes", minutes))
		return
	}
	// The backup takes the first hour of every day; the window may run into the next week.
	for midnight := 0; midnight <= 8*24*60; midnight += 24 * 60 {
		if start < midnight+60 && midnight < end {
			r.add(path, show(m.Window), "clear of the daily backup from 00:00 to 01:00 UTC", "move it, such as to sun:02:00-sun:04:00")
			return
		}
	}
}

// parseWindow gives the minutes of the week at which a window begins and ends. An end before the beginning is in the next week.
func parseWindow(window string) (start, end int, ok bool) {
	from, to, _ := strings.Cut(window, "-")
	start, ok1 := minuteOfWeek(from)
	end, ok2 := minuteOfWeek(to)
	if end < start {
		end += 7 * 24 * 60
	}
	return start, end, ok1 && ok2
}

func minuteOfWeek(text string) (int, bool) {
	var day string
	var hour, minute int
	if _, err := fmt.Sscanf(strings.Replace(text, ":", " ", 2), "%s %d %d", &day, &hour, &minute); err != nil {
		return 0, false
	}
	i := strings.Index("montuewedthufrisatsun", day)
	return (i/3*24+hour)*60 + minute, i >= 0 && len(day) == 3
}

// leaving asks for the name of who leaves, so that no protection is lifted by mistake.
func (r *report) leaving(path, name string, l *Leaving) {
	if l != nil && r.sound(path, "leaving.confirm") && l.Confirm != name {
		whose, data := "the client's name", "the client's data"
		if path != "client.name" {
			whose, data = "the pair's name", "clients' data"
		}
		r.add("leaving.confirm", show(l.Confirm), whose+", "+name, "write it, or remove leaving: it lifts the protection of "+data)
	}
}
