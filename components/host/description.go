// Package host turns a typed description of a machine, or of one client on it,
// into a bundle: hardened Debian, mirrored disks, a firewall that lets in what is
// named and nothing else, a tunnel to the sister site, PostgreSQL with a standby
// of the sister's, pgBackRest to three places, TaskFlow behind nginx, and timers
// that watch all of it. The same description gives the same bundle, byte for byte.
//
// It reads no clock, no file and no network, and knows nothing of Pulumi, of SSH,
// or of who applies the bundle. Whatever is known only once things exist comes to
// the machine as a setting; secrets never pass through here, only their names.
package host

import (
	"net/netip"

	"github.com/berth-iac/berth/spec"
)

// Role says what a machine is for.
type Role string

// The roles.
const (
	Site     Role = "site"     // one of a pair of sites: clusters, tunnel, standby
	Premises Role = "premises" // a client's own machine: a cluster, no tunnel
	Light    Role = "light"    // a Lightsail server: its database is somewhere else
)

// Description is one machine.
type Description struct {
	Role Role
	// Name of the machine: the site's name, or the client's. It is the host name's first part.
	Name string
	// Domain is the rest of the host name: the pair's name, or "premises", or "light".
	Domain string
	// TimeZone such as Africa/Johannesburg; the full backup is made at its midnight.
	TimeZone string
	// Administrators may sign in by SSH and use sudo, each until a day.
	Administrators []spec.Administrator
	// DeployKeys are what the user berth takes, who applies bundles. None: there is no such user.
	DeployKeys []string
	// SSHFrom are the only addresses that SSH is open to. At least one.
	SSHFrom []netip.Prefix
	// WebFrom are the only addresses that 443 is open to. At least one.
	WebFrom []netip.Prefix
	// OriginPulls asks for Cloudflare's client certificate at 443.
	OriginPulls bool
	// Disks are the mirror; nil where the machine has none of its own. Device names come as the settings disk-a and disk-b.
	Disks *Disks
	// Sister is the other site of a pair; nil where there is none.
	Sister *Sister
	// PostgreSQL is the machine's cluster; nil where the database is somewhere else.
	PostgreSQL *PostgreSQL
	// Backup is where the cluster's backups go; nil exactly where PostgreSQL is.
	Backup *Backup
	// Watch is how the machine tells that something is wrong, Alerts to whom.
	Watch  spec.Watch
	Alerts spec.Alerts
	// Reboot is when it may start anew, hh:mm in its time zone; "" for never by itself.
	Reboot string
}

// Disks is a RAID 1 array of two disks, mounted at /srv/data.
type Disks struct {
	Filesystem string   // ext4 or xfs
	Encrypt    bool     // LUKS between array and file system
	Erase      []string // devices that may be overwritten although they hold data
}

// Sister is the other site of a pair. Its public keys come as the settings sister-wireguard-key, sister-authority (the certificate
// in PEM, base64) and sister-endpoint (address:port of its WireGuard).
type Sister struct {
	Name string
	// Address of the sister in the tunnel, and this machine's own.
	Address, Own netip.Addr
	// Tunnel is the tunnel's range, Port its UDP port on both sides.
	Tunnel netip.Prefix
	Port   int
}

// PostgreSQL is the machine's cluster "main" on port 5432 and, with a sister, the standby "sister" of its main on port 5433.
type PostgreSQL struct {
	Version        string // major, as the distribution has it
	MaxConnections int
	SlotGiB        int // write-ahead log that an absent standby may hold back
}

// Backup is where the clusters' backups go: repository 1 on this machine, 2 on the sister site (or in Folder), 3 in ThirdPlace.
type Backup struct {
	KeepDays   int
	ThirdPlace *spec.ObjectStore // nil: none; its keys are the secrets backup-access-key, backup-secret-key and backup-passphrase
	Folder     string            // a mount that stands in for the sister where there is none; "": none
}

// Standing is what a machine is to a client.
type Standing string

// The standings.
const (
	Home    Standing = "home"    // serves the client
	Standby Standing = "standby" // holds all that is needed to serve it, and does not, until it is promoted
)

// Client is one client on one machine.
type Client struct {
	Role        Role
	Standing    Standing
	Name        string // the client's name: part of user names, paths and units
	DisplayName string
	Hostname    string // where the client's people go
	Environment spec.Environment
	Release     spec.MachineRelease
	Connections int // that the client's role may hold at once
	// RateLimit of the client's API.
	RateLimit   spec.RateLimit
	Maintenance spec.Maintenance
	Countries   []string // the residency, as the service shows it; for Light the residency's country
	// RemoteDatabase: the database is not on this machine (Light). Its address comes as the settings database-host, database-port,
	// its password as the secret database-password.
	RemoteDatabase bool
	BI             *spec.BIAccess
	BreakGlass     *spec.MachineBreakGlass
	// OriginPulls asks for Cloudflare's client certificate; without it the certificate at 443 is one that the client supplies.
	OriginPulls bool
}
