package spec

import "net/netip"

// OnPremises is one client on its own machine. The machine is reached by SSH, or the client's administrator runs an archive that
// needs no network.
type OnPremises struct {
	// Kind is onpremises.
	Kind Kind `json:"kind" jsonschema:"required,enum=onpremises"`
	// Client says who the client is.
	Client Client `json:"client" jsonschema:"required"`
	// Environment of the client; only production holds clients' data. Default production.
	Environment Environment `json:"environment,omitempty" jsonschema:"enum=production,enum=staging,enum=development,default=production"`
	// Machine that is reached by SSH. Absent: `berth bundle` makes an archive that the client's administrator runs.
	Machine *Machine `json:"machine,omitempty"`
	// Hostname is where the client's people go.
	Hostname string `json:"hostname" jsonschema:"required,format=hostname,example=taskflow.initech.example"`
	// PeopleCIDRs are the networks that may reach the service (443).
	PeopleCIDRs []netip.Prefix `json:"peopleCidrs" jsonschema:"required,minItems=1,example=10.0.0.0/8"`
	// AdministratorCIDRs are the networks that SSH is open to.
	AdministratorCIDRs []netip.Prefix `json:"administratorCidrs" jsonschema:"required,minItems=1,example=10.1.2.0/28"`
	// Administrators are the client's own people, and ours where the client lets us in, who may sign in by SSH.
	Administrators []Administrator `json:"administrators" jsonschema:"required,minItems=1"`
	// DeployKeys are the public SSH keys that the user berth takes. Absent: nobody deploys by SSH.
	DeployKeys []string `json:"deployKeys,omitempty" jsonschema:"pattern=^ssh-ed25519 [A-Za-z0-9+/\\x3d]+( .*)?$,example=ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE2qLbnFqOYFQAKhVXLCWyPmXgO2nW9fwGZ3yDnJ4Vwc pipeline" expect:"a public Ed25519 key as ssh-keygen writes it"`
	// TimeZone of the machine; the full backup is made at its midnight.
	TimeZone string `json:"timeZone" jsonschema:"required,pattern=^[A-Z][A-Za-z]+(/[A-Z][A-Za-z_-]+)*$,example=Europe/Berlin" expect:"a time zone's name, such as Europe/Berlin"`
	// Disks hold the client's data.
	Disks Disks `json:"disks,omitempty"`
	// Release of TaskFlow that runs.
	Release MachineRelease `json:"release" jsonschema:"required"`
	// PostgreSQL is the machine's database cluster.
	PostgreSQL PostgreSQLServer `json:"postgresql,omitempty"`
	// Database is the client's own.
	Database SiteDatabase `json:"database,omitempty"`
	// Backup says where copies go. Absent: on the machine's own disks, and the client copies them elsewhere.
	Backup PremisesBackup `json:"backup,omitempty"`
	// Watch is how the machine tells that something is wrong.
	Watch Watch `json:"watch" jsonschema:"required"`
	// Alerts says who is told: the client's own people.
	Alerts Alerts `json:"alerts" jsonschema:"required"`
	// Reboot is when the machine may start anew for security updates.
	Reboot RebootWindow `json:"reboot,omitempty"`
	// Maintenance sets when announced work may happen (AV-6).
	Maintenance Maintenance `json:"maintenance,omitempty"`
	// Leaving lifts deletion protection for a client who leaves. Absent: protected.
	Leaving *Leaving `json:"leaving,omitempty"`
	// Fleet places the stack among all others. Absent: every default.
	Fleet Fleet `json:"fleet,omitempty"`
	// Waivers are agreed deviations from promises or baseline controls. Absent: none.
	Waivers []Waiver `json:"waivers,omitempty"`
}

// PremisesBackup says where copies of a database on the client's premises go.
type PremisesBackup struct {
	// ThirdPlace is a bucket outside the premises, encrypted before it leaves. Absent: none.
	ThirdPlace *ObjectStore `json:"thirdPlace,omitempty"`
	// Folder is a mount of another machine or disk of the client's that copies go to as well. Absent: none.
	Folder string `json:"folder,omitempty" jsonschema:"pattern=^/(mnt|media|srv)/[A-Za-z0-9._/-]+$,example=/mnt/backup" expect:"a path below /mnt, /media or /srv"`
	// KeepDays is how many daily full backups are kept, and how far back any second can be restored. Default 7.
	KeepDays int `json:"keepDays,omitempty" jsonschema:"minimum=1,maximum=35,default=7"`
}
