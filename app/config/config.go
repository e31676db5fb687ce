// Package config is what TaskFlow is told: one typed YAML file (JSON is YAML too), overridden by TASKFLOW_* variables, with references in
// place of secrets. It reads strictly and reports all that is wrong at once, each with its place and how to mend it. It also reads the
// folder that a machine of the infrastructure finds at boot. With nothing at all it describes a service for trying TaskFlow out.
//
// It knows the meaning of no section beyond whether its values can be right, and it never holds a secret: only where one is.
package config

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Config is all of it.
type Config struct {
	Environment  Environment `json:"environment"`       // production, staging or development
	TestDataOnly bool        `json:"testDataOnly"`      // DP-6; production alone may say no
	Release      string      `json:"release,omitempty"` // the release that was meant to run, as the machine was told

	Public    Public    `json:"public"`
	Listen    Listen    `json:"listen"`
	Limits    Limits    `json:"limits"`
	Rates     Rates     `json:"rates"`
	Tenants   Tenants   `json:"tenants"`
	Client    *Client   `json:"client,omitempty"` // the only client of this service; then the tenants' folder is not read
	Storage   Storage   `json:"storage"`
	Backups   Backups   `json:"backups"`
	Mail      Mail      `json:"mail"`
	Redis     Redis     `json:"redis"`
	Documents Documents `json:"documents"`
	Passwords Passwords `json:"passwords"`
	Sessions  Sessions  `json:"sessions"`
	Provider  Provider  `json:"provider"`
	Telemetry Telemetry `json:"telemetry"`
	Log       Log       `json:"log"`
}

// Environment is what a service is for.
type Environment string

// The environments.
const (
	Production  Environment = "production"
	Staging     Environment = "staging"
	Development Environment = "development"
)

// Public is how people reach the service.
type Public struct {
	Scheme string `json:"scheme"`         // http or https
	Port   int    `json:"port,omitempty"` // where it is not the scheme's own
}

// Listen says where the service listens.
type Listen struct {
	Addresses      []string  `json:"addresses"`       // host:port
	Metrics        string    `json:"metrics"`         // host:port of the metrics; "" for none
	Certificate    string    `json:"certificate"`     // the file of the certificate chain, for TLS of its own; with key, or neither
	Key            string    `json:"key"`             // the file of the certificate's private key
	TrustedProxies []Network `json:"trustedProxies"`  // whose X-Forwarded-For is believed; none by default
	TrustSocket    bool      `json:"trustSocket"`     // whoever asks on a Unix socket is believed too: its owner and mode say who may
	ProxyProtocol  bool      `json:"proxyProtocol"`   // expected from the trusted proxies
	RequestIDFrom  string    `json:"requestIdHeader"` // a header of the trusted proxies to take a request's name from; "" for none
}

// Limits bound one request and all at once.
type Limits struct {
	Header          Size     `json:"header"`          // a request's header
	Body            Size     `json:"body"`            // a form, a call
	Upload          Size     `json:"upload"`          // an attachment, an import
	ReadHeader      Duration `json:"readHeader"`      // how long a header may take to arrive
	Request         Duration `json:"request"`         // how long an answer may take
	Transfer        Duration `json:"transfer"`        // an upload, an export
	Idle            Duration `json:"idle"`            // how long a connection stays open unused
	Drain           Duration `json:"drain"`           // how long in-flight requests get at the end
	Concurrent      int      `json:"concurrent"`      // requests at once
	PerClient       int      `json:"perClient"`       // of them for one client
	PasswordWorkers int      `json:"passwordWorkers"` // passwords hashed at once; 0 for half of the processors
}

// Rate is a token bucket: so many requests in a period, and as many at once.
type Rate struct {
	Requests int      `json:"requests"` // so many requests
	Period   Duration `json:"period"`   // in so much time
}

// Rates limit requests (AS-6, AV-12).
type Rates struct {
	Client  Rate `json:"client"`  // of a client in all
	User    Rate `json:"user"`    // of one person or token
	Address Rate `json:"address"` // of one address
	Login   Rate `json:"login"`   // attempts from an address
}

// Tenants are the clients of a service that has several.
type Tenants struct {
	Directory string   `json:"directory"` // the folder with a file for each client
	MaxOpen   int      `json:"maxOpen"`   // with an open database
	IdleClose Duration `json:"idleClose"` // until an unused one is closed
	Migrate   bool     `json:"migrate"`   // bring a client's database up to date when it is opened
	Demo      bool     `json:"demo"`      // make the demonstration client where there is none at all
}

// Client is one client: a service's only one here, or one of many in its own file (see package tenancy).
type Client struct {
	Name          string     `json:"name"`        // in file names: lower-case letters, digits, hyphens
	DisplayName   string     `json:"displayName"` // as its people know it
	Hosts         []string   `json:"hosts"`       // the host names that are this client; mails carry links to the first
	Database      Database   `json:"database"`
	SealKeys      []Ref      `json:"sealKeys"`      // the first seals
	StoragePrefix string     `json:"storagePrefix"` // where its attachments lie in the storage
	SpacePrefix   string     `json:"spacePrefix"`   // how its keys begin in Redis and in memory
	Rates         *Rates     `json:"rates,omitempty"`
	Passwords     *Passwords `json:"passwords,omitempty"`
	Facts         Facts      `json:"facts"`
}

// Facts are what the provider promised a client, as its security page shows them.
type Facts struct {
	Residency             string `json:"residency,omitempty"`             // where the data lies, in words
	MaintenanceWindow     string `json:"maintenanceWindow,omitempty"`     // when larger work may happen, in words
	MaintenanceNoticeDays int    `json:"maintenanceNoticeDays,omitempty"` // how many days before it is announced
}

// Database says where a client's data is.
type Database struct {
	Engine      string `json:"engine"`                // sqlite, postgresql, mysql
	Path        string `json:"path,omitempty"`        // SQLite's file
	Synchronous string `json:"synchronous,omitempty"` // SQLite: full, normal, extra
	Host        string `json:"host,omitempty"`        // the server's host name
	Port        int    `json:"port,omitempty"`        // the server's port
	Name        string `json:"name,omitempty"`        // the database's name
	User        string `json:"user,omitempty"`        // who signs in
	Password    Ref    `json:"password,omitempty"`    // the user's
	TLS         string `json:"tls,omitempty"`         // verify (the default), off
	CAFile      string `json:"caFile,omitempty"`      // authorities to trust instead of the system's
	MaxOpen     int    `json:"maxOpen,omitempty"`     // connections at once
	Master      Ref    `json:"master,omitempty"`      // who may make roles: only commands ask for it
}

// Storage is where attachments lie.
type Storage struct {
	Kind      string `json:"kind"`      // disk, s3
	Directory string `json:"directory"` // disk
	Bucket    string `json:"bucket"`    // s3
	Endpoint  string `json:"endpoint"`  // s3: "" for AWS itself
	Region    string `json:"region"`    // s3: the bucket's region
	PathStyle bool   `json:"pathStyle"` // s3: the bucket is in the path and not in the host name
	AccessKey Ref    `json:"accessKey"` // "" for the machine's own role
	SecretKey Ref    `json:"secretKey"` // with accessKey
}

// Backups are where the backups of a client's data go.
type Backups struct {
	Directory  string   `json:"directory"`  // the folder that backups are written to
	Bucket     string   `json:"bucket"`     // instead of the directory; endpoint and keys as in storage
	Recipients []string `json:"recipients"` // age recipients (age1…), who can open the backups
	Key        Ref      `json:"key"`        // where there are no recipients: a random text of 40 letters or more, with which machines read their own
	Keep       int      `json:"keep"`       // how many of a client are kept in the directory
	Scratch    string   `json:"scratch"`    // the folder where a backup is restored for trial; "" for the system's
}

// Mail is how e-mail is sent.
type Mail struct {
	Host     string `json:"host"`     // "" sends none
	Port     int    `json:"port"`     // the server's port
	User     string `json:"user"`     // "" to send without signing in
	Password Ref    `json:"password"` // the user's
	From     string `json:"from"`     // the address that mails come from
	TLS      string `json:"tls"`      // starttls, tls, off (on the same machine only)
	CAFile   string `json:"caFile"`   // authorities to trust instead of the system's
}

// Redis holds sessions, cache and limits, where several machines share them.
type Redis struct {
	Address  string `json:"address"`  // host:port; "" for memory and the database
	User     string `json:"user"`     // who signs in
	Password Ref    `json:"password"` // the user's
	TLS      bool   `json:"tls"`      // whether the connection is encrypted
	CAFile   string `json:"caFile"`   // authorities to trust instead of the system's
}

// Documents is MongoDB or DocumentDB for the activity feed.
type Documents struct {
	Address  string `json:"address"`  // host:port; "" for the database
	Name     string `json:"name"`     // how databases' names begin; each client has one of its own
	User     string `json:"user"`     // who signs in
	Password Ref    `json:"password"` // the user's
	TLS      bool   `json:"tls"`      // whether the connection is encrypted
	CAFile   string `json:"caFile"`   // authorities to trust instead of the system's
}

// Passwords is the policy for a client's own people; the provider's staff always keep to AC-7.
type Passwords struct {
	Minimum      int  `json:"minimum"`      // characters at least
	Mixed        bool `json:"mixed"`        // upper and lower case, a digit and a symbol
	MaxAgeDays   int  `json:"maxAgeDays"`   // 0 for ever
	SecondFactor bool `json:"secondFactor"` // required
}

// Sessions says how long somebody stays signed in.
type Sessions struct {
	Idle           Duration `json:"idle"`           // unused for so long, a session ends
	Absolute       Duration `json:"absolute"`       // so long after signing in, it ends anyhow
	Reauthenticate Duration `json:"reauthenticate"` // how long a password is good for dangerous actions
}

// Provider is who runs the service.
type Provider struct {
	Name           string   `json:"name"`           // as clients know it
	Staff          []string `json:"staff"`          // e-mail addresses that a grant may let in (AC-8)
	PromisesStatus string   `json:"promisesStatus"` // a JSON file that the security page shows
}

// Telemetry is where traces go.
type Telemetry struct {
	Endpoint string  `json:"endpoint"` // OTLP over HTTP, such as http://127.0.0.1:4318; "" for nowhere
	Headers  Ref     `json:"headers"`  // name=value, one a line
	Sample   float64 `json:"sample"`   // the part of requests that is traced
}

// Log is how much is logged.
type Log struct {
	Level string `json:"level"` // debug, info, warn, error
}

// Default is the configuration of a service that was told nothing: SQLite and files below ./taskflow-data, one demonstration client at
// http://demo.localhost:8080.
func Default() *Config {
	const data = "taskflow-data"
	return &Config{
		Environment: Development, TestDataOnly: true,
		Public: Public{Scheme: "http", Port: 8080},
		Listen: Listen{Addresses: []string{"127.0.0.1:8080"}},
		Limits: Limits{
			Header: 16 << 10, Body: 1 << 20, Upload: 25 << 20, ReadHeader: seconds(5), Request: seconds(15), Transfer: seconds(600),
			Idle: seconds(60), Drain: seconds(25), Concurrent: 2000, PerClient: 200,
		},
		Rates: Rates{
			Client: Rate{6000, seconds(60)}, User: Rate{600, seconds(60)}, Address: Rate{1200, seconds(60)}, Login: Rate{20, seconds(60)},
		},
		Tenants:   Tenants{Directory: data + "/tenants", MaxOpen: 256, IdleClose: seconds(300), Migrate: true, Demo: true},
		Storage:   Storage{Kind: "disk", Directory: data + "/files"},
		Backups:   Backups{Directory: data + "/backups", Keep: 14},
		Mail:      Mail{Port: 587, TLS: "starttls"},
		Documents: Documents{Name: "taskflow"},
		Passwords: Passwords{Minimum: 12},
		Sessions:  Sessions{Idle: Duration(12 * time.Hour), Absolute: Duration(14 * 24 * time.Hour), Reauthenticate: seconds(600)},
		Provider:  Provider{Name: "TaskFlow"},
		Telemetry: Telemetry{Sample: 0.1},
		Log:       Log{Level: "info"},
	}
}

func seconds(n int) Duration { return Duration(time.Duration(n) * time.Second) }

// String gives the configuration as it could be written to a file. There is no secret in it: references say where those are.
func (c *Config) String() string {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return "configuration: " + err.Error()
	}
	return string(text)
}

// Duration is a time such as 90s, 15m, 12h or 14d.
type Duration time.Duration

// D is the duration for the standard library.
func (d Duration) D() time.Duration { return time.Duration(d) }

func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads it.
func (d *Duration) UnmarshalText(text []byte) error {
	given := string(text)
	if days, found := strings.CutSuffix(given, "d"); found {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= 36500 {
			*d = Duration(time.Duration(n) * 24 * time.Hour)
			return nil
		}
	}
	value, err := time.ParseDuration(given)
	if err != nil || value < 0 {
		return expected("a time such as 90s, 15m, 12h or 14d")
	}
	*d = Duration(value)
	return nil
}

// Size is an amount of bytes such as 512KiB, 25MiB or 1GiB.
type Size int64

var units = []struct {
	name string
	size Size
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {"", 1}}

func (s Size) String() string {
	for _, unit := range units {
		if s != 0 && s%unit.size == 0 {
			return strconv.FormatInt(int64(s/unit.size), 10) + unit.name
		}
	}
	return "0B"
}

// MarshalText writes it.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads it.
func (s *Size) UnmarshalText(text []byte) error {
	for _, unit := range units {
		number, found := strings.CutSuffix(string(text), unit.name)
		if !found {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if err != nil || n < 0 || n > (1<<50)/int64(unit.size) {
			break
		}
		*s = Size(n) * unit.size
		return nil
	}
	return expected("an amount of bytes such as 512KiB, 25MiB or 1GiB")
}

// Network is a network such as 10.0.0.0/8, or one address.
type Network struct{ netip.Prefix }

// UnmarshalText reads it.
func (n *Network) UnmarshalText(text []byte) error {
	if one, err := netip.ParseAddr(string(text)); err == nil && one.Zone() == "" {
		n.Prefix = netip.PrefixFrom(one.Unmap(), one.Unmap().BitLen())
		return nil
	}
	many, err := netip.ParsePrefix(string(text))
	if err != nil || many != many.Masked() {
		return expected("a network such as 10.0.0.0/8, or one address")
	}
	n.Prefix = many
	return nil
}

// expected is what a value should have been.
type expected string

func (e expected) Error() string { return fmt.Sprintf("expected %s", string(e)) }
