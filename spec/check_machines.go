package spec

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // what a file says must not depend on where it is checked
)

// longestAccess is how far ahead an administrator's access may end.
const longestAccess = 366 * 24 * time.Hour

// reach judges how a machine is reached; public is whether Cloudflare has to reach it too.
func (r *report) reach(path string, m Machine, public bool) {
	r.address(path+".address", m.Address, public)
	r.publicKey(path+".hostKey", m.HostKey)
	if b := m.Bastion; b != nil {
		r.address(path+".bastion.address", b.Address, false)
		r.publicKey(path+".bastion.hostKey", b.HostKey)
		if r.sound(path+".bastion", path+".address") && b.Address == m.Address {
			r.add(path+".bastion.address", show(b.Address), "another machine than "+m.Address, "write the bastion's address, or remove bastion")
		}
	}
}

// address takes an IPv4 address or a host name.
func (r *report) address(path, address string, public bool) {
	if address == "" || !r.sound(path) {
		return
	}
	ip, err := netip.ParseAddr(address)
	if err != nil {
		if expected, fix := checkHostname(address); expected != "" {
			r.add(path, show(address), "an IPv4 address or a host name: "+expected, fix)
		}
		return
	}
	switch {
	case !ip.Is4():
		r.add(path, show(address), "an IPv4 address or a host name", "write its IPv4 address")
	case ip.IsLoopback() || ip.IsUnspecified() || ip.IsMulticast() || ip.IsLinkLocalUnicast():
		r.add(path, show(address), "an address of a machine", "write the address that others reach it by")
	case public && overlapsAny(netip.PrefixFrom(ip, 32), nonPublicRanges):
		r.add(path, show(address), "a public address: Cloudflare and the other site come from the internet", "write the address as it is seen from the internet")
	}
}

// publicKey refuses a key whose parts do not belong together: one that was cut when it was copied.
func (r *report) publicKey(path, key string) {
	if key != "" && r.sound(path) && !wholeKey(key) {
		r.add(path, show(key), "a whole public key", "copy the line again: its base64 text is cut or altered")
	}
}

// wholeKey tells whether the base64 text is a key of the type that stands before it.
func wholeKey(key string) bool {
	words := strings.Fields(key)
	if len(words) < 2 {
		return false
	}
	blob, err := base64.StdEncoding.DecodeString(words[1])
	if err != nil {
		return false
	}
	var parts [][]byte
	for len(blob) >= 4 {
		n := binary.BigEndian.Uint32(blob)
		if uint64(n) > uint64(len(blob)-4) {
			return false
		}
		parts, blob = append(parts, blob[4:4+n]), blob[4+n:]
	}
	if len(blob) > 0 || len(parts) < 2 || string(parts[0]) != words[0] {
		return false
	}
	return !strings.HasSuffix(words[0], "ed25519") || len(parts[1]) == 32
}

// reservedUsers are accounts that a machine has for other things.
var reservedUsers = []string{"root", "berth", "daemon", "bin", "sys", "mail", "backup", "nobody", "admin", "debian", "postgres", "www-data", "taskflow", "sshd", "adm", "sudo"}

// people judges who may sign in to machines, and what may deploy to them.
func (r *report) people(all []Administrator, deploy []string, now time.Time) {
	names, emails, keys := map[string]string{}, map[string]string{}, map[string]string{}
	for i, a := range all {
		path := fmt.Sprintf("administrators[%d]", i)
		r.once(names, path+".name", a.Name)
		r.once(emails, path+".email", strings.ToLower(a.Email))
		if r.sound(path+".name") && (slices.Contains(reservedUsers, a.Name) || strings.HasPrefix(a.Name, "tf-") || strings.HasPrefix(a.Name, "systemd-")) {
			r.add(path+".name", show(a.Name), "the name of a person (AC-5)", "write it as "+`"ada-lindqvist"`+": the machine has this name for something else")
		}
		for j, key := range a.Keys {
			r.key(keys, fmt.Sprintf("%s.keys[%d]", path, j), key)
		}
		if r.sound(path + ".until") {
			r.until(path+".until", a.Until, now, longestAccess, "AC-2", "renew it, or remove the person")
		}
	}
	for i, key := range deploy {
		r.key(keys, fmt.Sprintf("deployKeys[%d]", i), key)
	}
}

// key judges one public key, which has one owner.
func (r *report) key(seen map[string]string, path, key string) {
	r.publicKey(path, key)
	if words := strings.Fields(key); len(words) > 1 && r.sound(path) {
		if first, found := seen[words[1]]; found {
			r.add(path, show(words[0]+" "+words[1]), "a key of one owner (AC-5)", "make another key pair: "+root+"."+first+" is the same")
			return
		}
		seen[words[1]] = path
	}
}

// disks judges the mirror; made is whether its volumes are made for it.
func (r *report) disks(path string, d Disks, made bool) {
	if !r.sound(path + ".devices") {
		return
	}
	switch {
	case made && len(d.Devices) > 0:
		r.add(path+".devices", fmt.Sprintf("%d of them", len(d.Devices)), "none: on Hetzner Cloud two volumes are made", "remove it")
	case !made && len(d.Devices) != 2:
		r.add(path+".devices", choose(len(d.Devices) == 0, "missing", fmt.Sprintf("%d of them", len(d.Devices))), "exactly two disks (AV-10)",
			"list them with `ls -l /dev/disk/by-id` on the machine, and name the two that are for data")
	}
	seen := map[string]string{}
	for i, device := range d.Devices {
		r.once(seen, fmt.Sprintf("%s.devices[%d]", path, i), device)
	}
	erased := map[string]string{}
	for i, device := range d.Erase {
		item := fmt.Sprintf("%s.erase[%d]", path, i)
		r.once(erased, item, device)
		if r.sound(item) && !slices.Contains(d.Devices, device) {
			r.add(item, show(device), "one of "+path+".devices", "name a disk of the mirror, or remove it")
		}
	}
}

// zone judges a time zone by its name, which knows summer time where an abbreviation does not.
func (r *report) zone(path, name string) {
	if name == "" || !r.sound(path) {
		return
	}
	_, err := time.LoadLocation(name)
	if err != nil || name != "UTC" && !strings.Contains(name, "/") {
		r.add(path, show(name), "a time zone of the tz database", "write it as region and city, such as Africa/Johannesburg, or UTC")
	}
}

// watched judges how machines tell that something is wrong, and whom; all three channels are promised where all is set (AV-7).
func (r *report) watched(w Watch, a Alerts, tunnel, all bool) {
	r.alerts("alerts", a, false)
	if a.Slack != nil && r.sound("alerts.slack") {
		r.add("alerts.slack", "a mapping", "nothing: machines post by a webhook, which knows its channel", "remove it, and set watch.slackWebhook: true")
	}
	r.link("watch.smsGateway", w.SMSGateway)
	r.link("watch.heartbeatUrl", w.HeartbeatURL)
	if w.Exporters && !tunnel && r.sound("watch.exporters") {
		r.add("watch.exporters", "true", "false: exporters answer on the tunnel between two sites, and there is none", "remove it")
	}
	if w.SMSGateway != "" && len(a.Phones) == 0 && r.sound("watch.smsGateway", "alerts.phones") {
		r.add("alerts.phones", "missing", "whom watch.smsGateway writes to", `add it, such as phones: ["+442071234567"]`)
	} else if all && len(a.Phones) == 0 && r.sound("alerts.phones") {
		r.add("alerts.phones", "missing", "at least one phone for SMS in production (AV-7)", `add it, such as phones: ["+442071234567"]`)
	}
	if all && !w.SlackWebhook && r.sound("watch.slackWebhook") {
		r.add("watch.slackWebhook", "false", "true in production (AV-7)", "write slackWebhook: true, and `pulumi config set --secret berth:slack-webhook`")
	}
	if all && w.SMSGateway == "" && r.sound("watch.smsGateway") {
		r.add("watch.smsGateway", "missing", "a gateway for SMS in production (AV-7)", "add it, such as smsGateway: https://sms.northwind.example/send")
	}
}

// httpsHost is the host of an https URL, and its port.
var httpsHost = regexp.MustCompile(`^https://([^/:?#]+)(:[0-9]{1,5})?([/?#]|$)`)

// link judges the host of a URL.
func (r *report) link(path, url string) {
	if url == "" || !r.sound(path) {
		return
	}
	m := httpsHost.FindStringSubmatch(url)
	if m == nil {
		r.add(path, show(url), "an https URL with a host name", "correct it")
		return
	}
	if _, err := netip.ParseAddr(m[1]); err == nil {
		return
	}
	if expected, fix := checkHostname(m[1]); expected != "" {
		r.add(path, show(url), "an https URL with "+expected, fix)
	}
}

// store judges the bucket of the third place.
func (r *report) store(path string, o *ObjectStore) {
	if o != nil && r.sound(path) {
		r.bucketName(path+".bucket", o.Bucket, "write the name of the bucket for backups")
	}
}

// release judges what machines fetch.
func (r *report) release(m MachineRelease) {
	r.checksum("release.sha256", m.SHA256)
	r.link("release.source.url", m.Source.URL)
}

// countries refuses one that is written twice.
func (r *report) countries(path string, all []string) {
	seen := map[string]string{}
	for i, country := range all {
		r.once(seen, fmt.Sprintf("%s[%d]", path, i), country)
	}
}

// emergency judges access for one administrator during an incident (AC-4).
func (r *report) emergency(b *MachineBreakGlass, now time.Time) {
	if b != nil {
		r.hour(b.Opens, b.Closes, now)
	}
}

// private tells whether a range is within one of the private ones.
func private(p netip.Prefix) bool {
	return slices.ContainsFunc(privateRanges, func(r netip.Prefix) bool { return r.Overlaps(p) && r.Bits() <= p.Bits() })
}
