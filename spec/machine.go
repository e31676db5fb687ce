package spec

import "net/netip"

// Machine is how a machine that exists is reached: by SSH, as a user who may use sudo.
type Machine struct {
	// Address is the machine's public IPv4 address or host name.
	Address string `json:"address" jsonschema:"required,example=198.51.100.10" expect:"an IPv4 address or a host name"`
	// Port of its SSH server. Default 22.
	Port int `json:"port,omitempty" jsonschema:"minimum=1,maximum=65535,default=22"`
	// User that signs in and may use sudo without a password. Default berth.
	User string `json:"user,omitempty" jsonschema:"default=berth,pattern=^[a-z][a-z0-9-]{0\\,30}$" expect:"a user name: lower-case letters, digits and hyphens"`
	// HostKey is the machine's public host key, as /etc/ssh/ssh_host_ed25519_key.pub begins; another key is refused.
	HostKey string `json:"hostKey" jsonschema:"required,pattern=^(ssh-ed25519|ecdsa-sha2-nistp256) [A-Za-z0-9+/=]+$,example=ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE2qLbnFqOYFQAKhVXLCWyPmXgO2nW9fwGZ3yDnJ4Vwc" expect:"the type and the base64 text of a public host key"`
	// Bastion is the machine that SSH goes through. Absent: straight to the address.
	Bastion *Bastion `json:"bastion,omitempty"`
}

// Bastion is a machine that SSH goes through.
type Bastion struct {
	// Address is its public IPv4 address or host name.
	Address string `json:"address" jsonschema:"required,example=198.51.100.9" expect:"an IPv4 address or a host name"`
	// Port of its SSH server. Default 22.
	Port int `json:"port,omitempty" jsonschema:"minimum=1,maximum=65535,default=22"`
	// User that signs in. Default berth.
	User string `json:"user,omitempty" jsonschema:"default=berth,pattern=^[a-z][a-z0-9-]{0\\,30}$" expect:"a user name: lower-case letters, digits and hyphens"`
	// HostKey is its public host key; another is refused.
	HostKey string `json:"hostKey" jsonschema:"required,pattern=^(ssh-ed25519|ecdsa-sha2-nistp256) [A-Za-z0-9+/=]+$,example=ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE2qLbnFqOYFQAKhVXLCWyPmXgO2nW9fwGZ3yDnJ4Vwc" expect:"the type and the base64 text of a public host key"`
}

// Disks are the two disks of a machine that hold clients' data, mirrored (AV-10).
type Disks struct {
	// Devices are the two disks by a name that never changes, below /dev/disk/by-id. On Hetzner Cloud leave it out: volumes are made.
	Devices []string `json:"devices,omitempty" jsonschema:"pattern=^/dev/disk/by-(id|path)/[A-Za-z0-9._:+-]+$,example=/dev/disk/by-id/ata-SAMSUNG_MZ7L3960_S6ERNX0T" expect:"a path below /dev/disk/by-id or /dev/disk/by-path"`
	// Erase names those of Devices that may be overwritten although they hold data. Absent: none is.
	Erase []string `json:"erase,omitempty" jsonschema:"pattern=^/dev/disk/by-(id|path)/[A-Za-z0-9._:+-]+$,example=/dev/disk/by-id/ata-SAMSUNG_MZ7L3960_S6ERNX0T" expect:"one of devices"`
	// SizeGiB of each of the two volumes on Hetzner Cloud. Default 100.
	SizeGiB int `json:"sizeGiB,omitempty" jsonschema:"minimum=10,maximum=10240,default=100"`
	// Filesystem on the mirror. Default ext4.
	Filesystem string `json:"filesystem,omitempty" jsonschema:"enum=ext4,enum=xfs,default=ext4"`
	// Encrypt puts LUKS between the mirror and the file system. Default true. The key lies on the machine's own system disk:
	// it protects disks that leave the machine.
	Encrypt *bool `json:"encrypt,omitempty" jsonschema:"default=true"`
}

// Administrator is a person who may sign in to machines by SSH (AC-2).
type Administrator struct {
	// Name is the person's user name on machines.
	Name string `json:"name" jsonschema:"required,pattern=^[a-z][a-z0-9-]{1\\,30}$,example=ada-lindqvist" expect:"a user name: 2 to 31 lower-case letters, digits and hyphens"`
	// Email address of the person.
	Email string `json:"email" jsonschema:"required,format=email,example=ada.lindqvist@northwind.example"`
	// Keys are the person's public SSH keys; Ed25519, or one on a security key.
	Keys []string `json:"keys" jsonschema:"required,minItems=1,pattern=^(ssh-ed25519|sk-ssh-ed25519@openssh.com) [A-Za-z0-9+/\\x3d]+( .*)?$,example=ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE2qLbnFqOYFQAKhVXLCWyPmXgO2nW9fwGZ3yDnJ4Vwc ada" expect:"a public Ed25519 key as ssh-keygen writes it"`
	// Until is the last day on which the person may sign in; at most 366 days ahead.
	Until Date `json:"until" jsonschema:"required,example=2027-06-30"`
}

// Relay is the mail server that machines send their alerts through.
type Relay struct {
	// Host of the server.
	Host string `json:"host" jsonschema:"required,format=hostname,example=smtp.northwind.example"`
	// Port of the server. Default 587.
	Port int `json:"port,omitempty" jsonschema:"minimum=1,maximum=65535,default=587"`
	// User to sign in as; the password is the Pulumi secret berth:mail-password. Empty: without signing in.
	User string `json:"user,omitempty" jsonschema:"maxLength=120"`
	// From is the address that mails come from.
	From string `json:"from" jsonschema:"required,format=email,example=machines@northwind.example"`
	// TLS is starttls or tls. Default starttls.
	TLS string `json:"tls,omitempty" jsonschema:"enum=starttls,enum=tls,default=starttls"`
}

// Watch is how machines tell that something is wrong (AV-7, BK-9).
type Watch struct {
	// Mail is the server that alerts go through.
	Mail Relay `json:"mail" jsonschema:"required"`
	// SlackWebhook posts alerts to a channel too: the URL is the Pulumi secret berth:slack-webhook. Default false.
	SlackWebhook bool `json:"slackWebhook,omitempty" jsonschema:"default=false"`
	// SMSGateway is the https URL that takes {"to":…,"text":…} with the Pulumi secret berth:sms-token as its bearer token. Empty: none.
	SMSGateway string `json:"smsGateway,omitempty" jsonschema:"pattern=^https://[^ ]+$,example=https://sms.northwind.example/send" expect:"an https URL"`
	// HeartbeatURL is asked every five minutes while all is well, so that a machine's silence is noticed elsewhere. Empty: a daily mail alone.
	HeartbeatURL string `json:"heartbeatUrl,omitempty" jsonschema:"pattern=^https://[^ ]+$,example=https://heartbeat.northwind.example/jnb" expect:"an https URL"`
	// Exporters runs Prometheus exporters for the machine and PostgreSQL on the tunnel's address. Default false.
	Exporters bool `json:"exporters,omitempty" jsonschema:"default=false"`
	// ReplicationLagSeconds is from when on a lagging standby alerts. Default 60.
	ReplicationLagSeconds int `json:"replicationLagSeconds,omitempty" jsonschema:"minimum=5,maximum=3600,default=60"`
	// BackupAgeHours is from when on the newest full backup alerts. Default 26.
	BackupAgeHours int `json:"backupAgeHours,omitempty" jsonschema:"minimum=24,maximum=48,default=26"`
}

// ReleaseSource is where machines get releases of TaskFlow from, and by which key they know them.
type ReleaseSource struct {
	// URL is the https folder that holds <version>/taskflow-linux-amd64.tar.gz, manifest.json and manifest.json.minisig.
	URL string `json:"url" jsonschema:"required,pattern=^https://[^ ]+[^/ ]$,example=https://releases.northwind.example/taskflow" expect:"an https URL without a slash at its end"`
	// PublicKey is the minisign public key that signs releases.
	PublicKey string `json:"publicKey" jsonschema:"required,pattern=^RW[A-Za-z0-9+/]{54}$,example=RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3" expect:"the second line of a minisign public key file, which begins with RW"`
}

// MachineRelease names one signed build of TaskFlow.
type MachineRelease struct {
	// Version is a semantic version without a "v".
	Version string `json:"version" jsonschema:"required,pattern=^(0|[1-9][0-9]*)[.](0|[1-9][0-9]*)[.](0|[1-9][0-9]*)(-(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)([.](0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?$,example=1.0.0" expect:"a semantic version without a v"`
	// SHA256 is the checksum of taskflow-linux-amd64.tar.gz, 64 lower-case hexadecimal digits.
	SHA256 string `json:"sha256" jsonschema:"required,pattern=^[0-9a-f]{64}$" expect:"64 lower-case hexadecimal digits, as sha256sum prints them"`
	// Source is where machines get it from, and the key that signed it.
	Source ReleaseSource `json:"source" jsonschema:"required"`
}

// ObjectStore is the bucket of the third place that backups are copied to; its keys are the Pulumi secrets
// berth:backup-access-key and berth:backup-secret-key, and what encrypts is berth:backup-passphrase (BK-2).
type ObjectStore struct {
	// Endpoint is the S3 server's host name.
	Endpoint string `json:"endpoint" jsonschema:"required,format=hostname,example=s3.af-south-1.amazonaws.com"`
	// Region that requests are signed for.
	Region string `json:"region" jsonschema:"required,pattern=^[a-z0-9-]{2\\,32}$,example=af-south-1" expect:"a region's name"`
	// Bucket that takes the copies, for machines alone.
	Bucket string `json:"bucket" jsonschema:"required,pattern=^[a-z0-9][a-z0-9-]{1\\,61}[a-z0-9]$,example=berth-southern-backups" expect:"the name of an S3 bucket: 3 to 63 lower-case letters, digits and hyphens"`
	// Country where the bucket lies, two letters (ISO 3166-1).
	Country string `json:"country" jsonschema:"required,pattern=^[A-Z]{2}$,example=ZA" expect:"two capital letters, a country's code"`
}

// RebootWindow is when a machine may start anew for security updates, in its own time zone.
type RebootWindow struct {
	// Time of day, hh:mm. Default 03:30.
	Time string `json:"time,omitempty" jsonschema:"default=03:30,pattern=^([01][0-9]|2[0-3]):[0-5][0-9]$" expect:"a time of day, hh:mm"`
	// Automatic reboots where an update needs it. Default true.
	Automatic *bool `json:"automatic,omitempty" jsonschema:"default=true"`
}

// PostgreSQLServer is the cluster of a machine.
type PostgreSQLServer struct {
	// Version is the major version that the distribution has: 15 on Debian 12. Default 15.
	Version string `json:"version,omitempty" jsonschema:"enum=15,default=15"`
	// MaxConnections of all clients together. Default 200.
	MaxConnections int `json:"maxConnections,omitempty" jsonschema:"minimum=50,maximum=1000,default=200"`
	// SlotGiB is how much write-ahead log a standby that is away may hold back. Default 20.
	SlotGiB int `json:"slotGiB,omitempty" jsonschema:"minimum=1,maximum=1000,default=20"`
}

// Tunnel is WireGuard between two machines (DP-3).
type Tunnel struct {
	// CIDR is a private range of at least four addresses; the first site has its first address, the second its second. Default 10.255.0.0/29.
	CIDR netip.Prefix `json:"cidr,omitempty" jsonschema:"default=10.255.0.0/29"`
	// Port that WireGuard listens on (UDP). Default 51820.
	Port int `json:"port,omitempty" jsonschema:"minimum=1024,maximum=65535,default=51820"`
}
