package host

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/berth-iac/berth/spec"
)

// What may go into host names, paths, units and scripts. Whoever made the description checked it in more depth and with more words;
// here is what would otherwise end up in a file as something else than it is.
var (
	labelRule    = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	domainRule   = regexp.MustCompile(`^[a-z][a-z0-9-]*(\.[a-z0-9-]+)*$`)
	zoneRule     = regexp.MustCompile(`^[A-Z][A-Za-z]+(/[A-Z][A-Za-z_-]+)*$`)
	userRule     = regexp.MustCompile(`^[a-z][a-z0-9-]{1,30}$`)
	keyRule      = regexp.MustCompile(`^(ssh-ed25519|sk-ssh-ed25519@openssh\.com) [A-Za-z0-9+/=]+( [^\n\r]*)?$`)
	mailRule     = regexp.MustCompile(`^[A-Za-z0-9.!#$%&*+/=?^_{|}~-]+@[A-Za-z0-9.-]+$`)
	timeRule     = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)
	deviceRule   = regexp.MustCompile(`^/dev/[A-Za-z0-9._:+/-]+$`)
	hostnameRule = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)
	phoneRule    = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	sha256Rule   = regexp.MustCompile(`^[0-9a-f]{64}$`)
	versionRule  = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$`)
	urlRule      = regexp.MustCompile(`^https://[^\s'"\\]+$`)
	minisignRule = regexp.MustCompile(`^RW[A-Za-z0-9+/]{54}$`)
)

// reserved are names of users that a machine has already, or that Berth gives.
var reserved = []string{"root", "daemon", "bin", "sys", "sync", "games", "man", "lp", "mail", "news", "proxy", "backup", "list", "nobody", "postgres", "sshd", "berth"}

type problems []error

func (p *problems) add(format string, args ...any) { *p = append(*p, fmt.Errorf(format, args...)) }

// demand adds a problem where a text does not keep a rule.
func (p *problems) demand(rule *regexp.Regexp, what, text string) {
	if !rule.MatchString(text) {
		p.add("%s is %q", what, text)
	}
}

// check reports everything that is wrong with the description at once.
func (d Description) check() error {
	var p problems
	if !slices.Contains([]Role{Site, Premises, Light}, d.Role) {
		p.add("role is %q: use site, premises or light", d.Role)
	}
	p.demand(labelRule, "name", d.Name)
	if d.Domain != "" {
		p.demand(domainRule, "domain", d.Domain)
	}
	p.demand(zoneRule, "time zone", d.TimeZone)
	if d.Reboot != "" {
		p.demand(timeRule, "reboot", d.Reboot)
	}
	d.checkPeople(&p)
	ranges(&p, "SSH", d.SSHFrom)
	ranges(&p, "443", d.WebFrom)
	for _, r := range d.SSHFrom {
		if r.Bits() == 0 {
			p.add("SSH is open to everybody (%s): name the office's addresses", r)
		}
	}
	if d.Disks != nil {
		if d.Disks.Filesystem != "ext4" && d.Disks.Filesystem != "xfs" {
			p.add("file system is %q: use ext4 or xfs", d.Disks.Filesystem)
		}
		for _, e := range d.Disks.Erase {
			if !deviceRule.MatchString(e) || path.Clean(e) != e {
				p.add("disk to erase is %q: name a path below /dev", e)
			}
		}
	}
	d.checkSister(&p)
	d.checkData(&p)
	d.checkWatch(&p)
	return errors.Join(p...)
}

func ranges(p *problems, what string, all []netip.Prefix) {
	if len(all) == 0 {
		p.add("nobody can reach %s: name at least one range of addresses", what)
	}
	for _, r := range all {
		if !r.IsValid() {
			p.add("%s is to be open to a range that is none", what)
		}
	}
}

func (d Description) checkPeople(p *problems) {
	seen := map[string]bool{}
	for _, a := range d.Administrators {
		p.demand(userRule, "an administrator's name", a.Name)
		if slices.Contains(reserved, a.Name) || strings.HasPrefix(a.Name, "tf-") || strings.HasPrefix(a.Name, "systemd-") {
			p.add("administrator %q has the name of a user that the machine has for itself: choose another", a.Name)
		}
		if seen[a.Name] {
			p.add("administrator %q stands twice", a.Name)
		}
		seen[a.Name] = true
		p.demand(mailRule, "the e-mail address of administrator "+a.Name, a.Email)
		if len(a.Keys) == 0 {
			p.add("administrator %q has no key", a.Name)
		}
		for _, k := range a.Keys {
			p.demand(keyRule, "a key of administrator "+a.Name, k)
		}
		if a.Until.IsZero() {
			p.add("administrator %q may sign in for ever: set a last day", a.Name)
		}
	}
	for _, k := range d.DeployKeys {
		p.demand(keyRule, "a deploy key", k)
	}
	if len(d.Administrators) == 0 && len(d.DeployKeys) == 0 {
		p.add("nobody could sign in: name an administrator or a deploy key")
	}
}

func (d Description) checkSister(p *problems) {
	s := d.Sister
	if s == nil {
		if d.Role == Site {
			p.add("a site of a pair has a sister: name it")
		}
		return
	}
	if d.Role != Site {
		p.add("a machine of role %s has no sister", d.Role)
	}
	p.demand(labelRule, "the sister's name", s.Name)
	if !s.Tunnel.IsValid() || !s.Tunnel.Contains(s.Address) || !s.Tunnel.Contains(s.Own) || s.Address == s.Own || !s.Own.Is4() || !s.Address.Is4() {
		p.add("tunnel addresses %s and %s are not two IPv4 addresses of %s", s.Own, s.Address, s.Tunnel)
	}
	if s.Port < 1 || s.Port > 65535 {
		p.add("the tunnel's port is %d", s.Port)
	}
}

func (d Description) checkData(p *problems) {
	if (d.PostgreSQL == nil) != (d.Backup == nil) {
		p.add("a cluster has backups, and backups a cluster: give both or neither")
	}
	if d.Role == Light && d.PostgreSQL != nil {
		p.add("a light machine's database is somewhere else")
	}
	if d.Role != Light && d.PostgreSQL == nil {
		p.add("a machine of role %s has a cluster", d.Role)
	}
	if g := d.PostgreSQL; g != nil && (g.Version == "" || g.MaxConnections < 1 || g.SlotGiB < 1) {
		p.add("PostgreSQL: version %q, %d connections and %d GiB for slots are not enough to go on", g.Version, g.MaxConnections, g.SlotGiB)
	}
	if b := d.Backup; b != nil {
		if b.KeepDays < 1 {
			p.add("backups are kept for %d days", b.KeepDays)
		}
		if b.Folder != "" && (!path.IsAbs(b.Folder) || path.Clean(b.Folder) != b.Folder || strings.ContainsAny(b.Folder, " \t\n'\"\\")) {
			p.add("the folder for backups is %q: use an absolute, clean path without spaces", b.Folder)
		}
	}
}

func (d Description) checkWatch(p *problems) {
	m := d.Watch.Mail
	p.demand(hostnameRule, "the mail server", m.Host)
	if m.Port < 1 || m.Port > 65535 {
		p.add("the mail server's port is %d", m.Port)
	}
	p.demand(mailRule, "the sender of alerts", m.From)
	if strings.ContainsAny(m.User, "\n\r\"") {
		p.add("the mail server's user is %q", m.User)
	}
	if len(d.Alerts.Emails) == 0 {
		p.add("nobody is told what is wrong: name an e-mail address in alerts")
	}
	for _, e := range d.Alerts.Emails {
		p.demand(mailRule, "a receiver of alerts", e)
	}
	for _, n := range d.Alerts.Phones {
		p.demand(phoneRule, "a phone number", n)
	}
	for _, u := range []string{d.Watch.SMSGateway, d.Watch.HeartbeatURL} {
		if u != "" {
			p.demand(urlRule, "a URL of the watch", u)
		}
	}
}

// check reports everything that is wrong with the client's description at once.
func (c Client) check() error {
	var p problems
	if !slices.Contains([]Role{Site, Premises, Light}, c.Role) {
		p.add("role is %q: use site, premises or light", c.Role)
	}
	if c.Standing != Home && c.Standing != Standby {
		p.add("standing is %q: use home or standby", c.Standing)
	}
	if c.Standing == Standby && c.Role != Site {
		p.add("a machine of role %s stands by for nobody", c.Role)
	}
	p.demand(labelRule, "name", c.Name)
	if len("tf-"+c.Name) > 32 {
		p.add("name %q is too long for a user's: at most 29 letters", c.Name)
	}
	if problem := databaseProblem(c.Name); problem != "" && !c.RemoteDatabase {
		p.add("%s", problem)
	}
	if g := c.BreakGlass; g != nil && len(c.breakGlassRole(g.Person)) > 63 {
		p.add("break-glass access of %q: the role %s is longer than the 63 letters that PostgreSQL takes", g.Person, c.breakGlassRole(g.Person))
	}
	if c.DisplayName == "" || strings.ContainsFunc(c.DisplayName, func(r rune) bool { return r < ' ' }) {
		p.add("display name is %q", c.DisplayName)
	}
	p.demand(hostnameRule, "host name", c.Hostname)
	if !slices.Contains([]spec.Environment{spec.Production, spec.Staging, spec.Development}, c.Environment) {
		p.add("environment is %q", c.Environment)
	}
	p.demand(versionRule, "the release's version", c.Release.Version)
	p.demand(sha256Rule, "the release's checksum", c.Release.SHA256)
	p.demand(urlRule, "the releases' URL", c.Release.Source.URL)
	p.demand(minisignRule, "the releases' public key", c.Release.Source.PublicKey)
	if !c.RemoteDatabase && c.Connections < 1 {
		p.add("the client's role may hold %d connections", c.Connections)
	}
	if c.RemoteDatabase != (c.Role == Light) {
		p.add("a client's database is remote on a light machine, and there alone")
	}
	return errors.Join(p...)
}
