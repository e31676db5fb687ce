package spec

import (
	"cmp"
	"net/netip"
)

// Sites is a pair of data-centre sites that clients share. Each site serves clients of its own and stands by for the other's.
type Sites struct {
	// Kind is sites.
	Kind Kind `json:"kind" jsonschema:"required,enum=sites"`
	// Name of the pair, as a client's name is written.
	Name string `json:"name" jsonschema:"required,minLength=2,maxLength=24,pattern=^[a-z][a-z0-9]*(-[a-z0-9]+)*$,example=southern" expect:"2 to 24 lower-case letters, digits and single hyphens, beginning with a letter"`
	// Environment of the pair; only production holds clients' data. Default production.
	Environment Environment `json:"environment,omitempty" jsonschema:"enum=production,enum=staging,enum=development,default=production"`
	// Sites are the two of them.
	Sites []Site `json:"sites" jsonschema:"required,minItems=2"`
	// Tunnel between the two.
	Tunnel Tunnel `json:"tunnel,omitempty"`
	// OfficeCIDRs are the only addresses that SSH is open to: the office's, and the pipeline's fixed ones.
	OfficeCIDRs []netip.Prefix `json:"officeCidrs" jsonschema:"required,minItems=1,example=203.0.113.16/29"`
	// Administrators are the only people who may sign in.
	Administrators []Administrator `json:"administrators" jsonschema:"required,minItems=1"`
	// DeployKeys are the public SSH keys that the user berth takes: the pipeline's.
	DeployKeys []string `json:"deployKeys" jsonschema:"required,minItems=1,pattern=^ssh-ed25519 [A-Za-z0-9+/\\x3d]+( .*)?$,example=ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE2qLbnFqOYFQAKhVXLCWyPmXgO2nW9fwGZ3yDnJ4Vwc pipeline" expect:"a public Ed25519 key as ssh-keygen writes it"`
	// PostgreSQL is the database cluster of each site.
	PostgreSQL PostgreSQLServer `json:"postgresql,omitempty"`
	// Backup says where copies go.
	Backup SitesBackup `json:"backup" jsonschema:"required"`
	// Watch is how the machines tell that something is wrong.
	Watch Watch `json:"watch" jsonschema:"required"`
	// Alerts says who is told.
	Alerts Alerts `json:"alerts" jsonschema:"required"`
	// Reboot is when a machine may start anew for security updates; the second site does so an hour later.
	Reboot RebootWindow `json:"reboot,omitempty"`
	// Leaving lifts deletion protection for a pair that is given up. Absent: protected.
	Leaving *Leaving `json:"leaving,omitempty"`
	// Fleet places the stack among all others. Absent: every default.
	Fleet Fleet `json:"fleet,omitempty"`
	// Waivers are agreed deviations from promises or baseline controls. Absent: none.
	Waivers []Waiver `json:"waivers,omitempty"`
}

// Site is one data centre of a pair, with one machine.
type Site struct {
	// Name goes into names: 2 to 12 lower-case letters and digits.
	Name string `json:"name" jsonschema:"required,pattern=^[a-z][a-z0-9]{1\\,11}$,example=jnb" expect:"2 to 12 lower-case letters and digits, beginning with a letter"`
	// DisplayName is the place as people write it.
	DisplayName string `json:"displayName" jsonschema:"required,maxLength=80,example=Johannesburg"`
	// Country of the data centre, two letters (ISO 3166-1).
	Country string `json:"country" jsonschema:"required,pattern=^[A-Z]{2}$,example=ZA" expect:"two capital letters, a country's code"`
	// TimeZone whose midnight is when the full backup is made.
	TimeZone string `json:"timeZone" jsonschema:"required,pattern=^[A-Z][A-Za-z]+(/[A-Z][A-Za-z_-]+)*$,example=Africa/Johannesburg" expect:"a time zone's name, such as Africa/Johannesburg"`
	// Machine that is dedicated or colocated. Give this or Hetzner.
	Machine *Machine `json:"machine,omitempty"`
	// Hetzner is a server that is made at Hetzner Cloud. Give this or Machine.
	Hetzner *Hetzner `json:"hetzner,omitempty"`
	// Disks hold clients' data.
	Disks Disks `json:"disks,omitempty"`
	// KeyGeneration counts the rotations of the keys that the machine makes for itself: the tunnel's, and its authority. One more
	// makes new ones; the other site trusts the authority before, too, until the next. Never less. Default 1.
	KeyGeneration int `json:"keyGeneration,omitempty" jsonschema:"minimum=1,maximum=1000,default=1"`
}

// Hetzner is a server at Hetzner Cloud. The API's token is in HCLOUD_TOKEN or the Pulumi secret hcloud:token.
type Hetzner struct {
	// Location such as fsn1 (Falkenstein), nbg1 (Nuremberg) or hel1 (Helsinki).
	Location string `json:"location" jsonschema:"required,enum=fsn1,enum=nbg1,enum=hel1,example=fsn1"`
	// ServerType, such as ccx23. Default ccx23: 4 dedicated processors, 16 GB.
	ServerType string `json:"serverType,omitempty" jsonschema:"default=ccx23,pattern=^[a-z]+[0-9]+$,example=ccx23" expect:"a server type of Hetzner Cloud"`
	// CIDR is the site's own private network, /24 or larger; the server has its second address.
	CIDR netip.Prefix `json:"cidr" jsonschema:"required,example=10.30.1.0/24"`
	// HostKey pins the server's public host key. Empty: the key of the first contact is kept and no other taken after.
	HostKey string `json:"hostKey,omitempty" jsonschema:"pattern=^(ssh-ed25519|ecdsa-sha2-nistp256) [A-Za-z0-9+/=]+$" expect:"the type and the base64 text of a public host key"`
	// LoadBalancer puts Hetzner's load balancer before the server. Default false: Cloudflare reaches the server itself.
	LoadBalancer bool `json:"loadBalancer,omitempty" jsonschema:"default=false"`
	// BICIDRs are the addresses of clients' BI tools, as access.bi in the clients' files has them: Hetzner's firewall lets them through
	// to 5432, and the machine's own opens it for each by its client's file, until its day. Absent: no BI tool reaches the server (DP-5).
	BICIDRs []netip.Prefix `json:"biCidrs,omitempty" jsonschema:"example=198.51.100.7/32"`
}

// NetworkCIDR is the smallest range that holds those of all sites at Hetzner Cloud; invalid where there are none.
func (s *Sites) NetworkCIDR() netip.Prefix {
	var all netip.Prefix
	for _, site := range s.Sites {
		if site.Hetzner == nil {
			continue
		}
		if !all.IsValid() {
			all = site.Hetzner.CIDR
		}
		for bits := min(all.Bits(), site.Hetzner.CIDR.Bits()); bits >= 0; bits-- {
			if wider, err := all.Addr().Prefix(bits); err == nil && wider.Contains(site.Hetzner.CIDR.Addr()) {
				all = wider
				break
			}
		}
	}
	return all
}

// SitesBackup says where copies of a pair's databases go (BK-1, BK-2, BK-4).
type SitesBackup struct {
	// ThirdPlace is the bucket outside both sites.
	ThirdPlace *ObjectStore `json:"thirdPlace,omitempty"`
	// KeepDays is how many daily full backups are kept, and how far back any second can be restored: 7 to 35. Default 7.
	KeepDays int `json:"keepDays,omitempty" jsonschema:"minimum=1,maximum=35,default=7"`
}

// SiteClient is one client on a pair of sites: a database and role of its own, its instance at its home site, and a standby
// instance at the other.
type SiteClient struct {
	// Kind is siteclient.
	Kind Kind `json:"kind" jsonschema:"required,enum=siteclient"`
	// Client says who the client is.
	Client Client `json:"client" jsonschema:"required"`
	// Environment of the client; only production holds clients' data. Default production.
	Environment Environment `json:"environment,omitempty" jsonschema:"enum=production,enum=staging,enum=development,default=production"`
	// Tier is standard (shares the pair's machines) or dedicated (the pair is the client's alone). Default standard.
	Tier Tier `json:"tier,omitempty" jsonschema:"enum=standard,enum=dedicated,default=standard"`
	// Countries in which the client's data may be kept, two letters each (ISO 3166-1). Both sites lie in them.
	Countries []string `json:"countries" jsonschema:"required,minItems=1,pattern=^[A-Z]{2}$,example=ZA" expect:"two capital letters, a country's code"`
	// CopiesAbroad records the client's consent to the third place of backups lying outside Countries (AV-9).
	CopiesAbroad string `json:"copiesAbroad,omitempty" jsonschema:"minLength=10,maxLength=200,example=agreed with J. Doe on 2026-05-01"`
	// Pair is the pair of sites that the client is on.
	Pair Pair `json:"pair" jsonschema:"required"`
	// Edge is Cloudflare in front of the client.
	Edge Edge `json:"edge" jsonschema:"required"`
	// Release of TaskFlow that runs.
	Release MachineRelease `json:"release" jsonschema:"required"`
	// Database is the client's own, in the site's cluster (DP-1).
	Database SiteDatabase `json:"database,omitempty"`
	// Alerts says who is told at once when something is wrong.
	Alerts Alerts `json:"alerts" jsonschema:"required"`
	// Access opens doors for a limited time. Absent: all are closed.
	Access MachineAccess `json:"access,omitempty"`
	// Maintenance sets when announced work may happen (AV-6).
	Maintenance Maintenance `json:"maintenance,omitempty"`
	// Leaving lifts deletion protection for a client who leaves. Absent: protected.
	Leaving *Leaving `json:"leaving,omitempty"`
	// Fleet places the stack among all others. Absent: every default.
	Fleet Fleet `json:"fleet,omitempty"`
	// Waivers are agreed deviations from promises or baseline controls. Absent: none.
	Waivers []Waiver `json:"waivers,omitempty"`
}

// Pair is what a client's stack has to know of the sites that it is on; the sites' own stack hands it out as its output "pair".
type Pair struct {
	// Name of the pair.
	Name string `json:"name" jsonschema:"required,minLength=2,maxLength=24,pattern=^[a-z][a-z0-9]*(-[a-z0-9]+)*$,example=southern" expect:"2 to 24 lower-case letters, digits and single hyphens, beginning with a letter"`
	// Home is the site that serves the client.
	Home ClientSite `json:"home" jsonschema:"required"`
	// Standby is the site that takes over.
	Standby ClientSite `json:"standby" jsonschema:"required"`
	// ThirdPlace is the country of the bucket that backups are copied to, two letters (ISO 3166-1).
	ThirdPlace string `json:"thirdPlace" jsonschema:"required,pattern=^[A-Z]{2}$,example=ZA" expect:"two capital letters, a country's code"`
}

// ClientSite is one site as a client's stack sees it.
type ClientSite struct {
	// Name of the site.
	Name string `json:"name" jsonschema:"required,pattern=^[a-z][a-z0-9]{1\\,11}$,example=jnb" expect:"2 to 12 lower-case letters and digits, beginning with a letter"`
	// Country of the data centre, two letters (ISO 3166-1).
	Country string `json:"country" jsonschema:"required,pattern=^[A-Z]{2}$,example=ZA" expect:"two capital letters, a country's code"`
	// Machine of the site.
	Machine Machine `json:"machine" jsonschema:"required"`
	// Origin is the load balancer's IPv4 address or host name. Absent: Cloudflare asks the machine itself.
	Origin string `json:"origin,omitempty" jsonschema:"example=198.51.100.20" expect:"an IPv4 address or a host name"`
}

// Serves is the address that Cloudflare asks.
func (s ClientSite) Serves() string { return cmp.Or(s.Origin, s.Machine.Address) }

// SiteDatabase is a client's database in a site's cluster.
type SiteDatabase struct {
	// Connections that the client's service may hold at once. Default 40.
	Connections int `json:"connections,omitempty" jsonschema:"minimum=5,maximum=500,default=40"`
}

// MachineAccess opens doors to a client's database on a machine for a limited time.
type MachineAccess struct {
	// BI opens read-only database access for the client's tools (DP-5).
	BI *BIAccess `json:"bi,omitempty"`
	// BreakGlass opens database access for staff during an incident (AC-4).
	BreakGlass *MachineBreakGlass `json:"breakGlass,omitempty"`
}

// MachineBreakGlass is database access for one administrator of the machine during an incident (AC-4).
type MachineBreakGlass struct {
	// Reason is the incident, for the record.
	Reason string `json:"reason" jsonschema:"required,minLength=10,maxLength=500"`
	// Person is the user name of an administrator of the machine.
	Person string `json:"person" jsonschema:"required,pattern=^[a-z][a-z0-9-]{1\\,30}$,example=ada-lindqvist" expect:"a user name: 2 to 31 lower-case letters, digits and hyphens"`
	// Opens is when the access begins, RFC 3339 with a zone.
	Opens Instant `json:"opens" jsonschema:"required,example=2026-11-21T21:00:00Z"`
	// Closes is when the access ends, at most one hour after Opens.
	Closes Instant `json:"closes" jsonschema:"required,example=2026-11-21T22:00:00Z"`
}
