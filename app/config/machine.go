package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// What a machine of the infrastructure finds in its folder at boot: plain values, secrets, and certificates.
const (
	machineFile    = "config.json"
	machineSecrets = "secrets.json"
	machineCA      = "database-ca.pem"
	machineCert    = "tls.crt"
	machineKey     = "tls.key"

	machineBackupKey = "backup-key" // of the secrets
)

// machineKeys are the keys of the plain values. What the service has no use for is known all the same: a key that is not here is a slip.
var machineKeys = map[string]bool{
	"client": true, "client-name": true, "environment": true, "test-data-only": true, "residency": false, "hostname": true, "release": false,
	"database-engine": true, "database-host": true, "database-port": true, "database-name": true, "database-user": true,
	"database-master-secret-arn": false, "database-ca-url": false, "files-bucket": true, "backup-bucket": false, "backup-recipients": false,
	"rate-limit-requests": false, "rate-limit-seconds": false, "maintenance-window": false, "maintenance-notice-days": false,
	"cache-host": false, "cache-port": false, "cache-user": false,
	"documents-host": false, "documents-port": false, "documents-master-secret-arn": false,
}

// machine turns a machine's folder into a configuration.
func (r *reader) machine(from Source, text []byte, c *Config) {
	var values map[string]string
	if err := json.Unmarshal(text, &values); err != nil {
		r.wrong(position{place: r.file}, "", "", "an object of texts", "it is written at boot from the machine's parameters")
		return
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if _, known := machineKeys[key]; !known {
			r.wrong(position{place: r.file}, key, short(values[key]), "a key that this release knows", "install the release that knows it")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(machineKeys)) {
		if machineKeys[key] && values[key] == "" {
			r.wrong(position{place: r.file}, key, "", "a value", "")
		}
	}
	number := func(key string) int {
		if values[key] == "" {
			return 0
		}
		n, err := strconv.Atoi(values[key])
		if err != nil {
			r.wrong(position{place: r.file}, key, short(values[key]), "a whole number", "")
		}
		return n
	}
	c.Environment, c.Release = Environment(values["environment"]), values["release"]
	switch values["test-data-only"] {
	case "true", "false":
		c.TestDataOnly = values["test-data-only"] == "true"
	default:
		r.wrong(position{place: r.file}, "test-data-only", short(values["test-data-only"]), "true or false", "")
	}
	c.Public = Public{Scheme: "https"}
	c.Tenants = Tenants{MaxOpen: 1, IdleClose: c.Tenants.IdleClose}
	c.Limits.PerClient = c.Limits.Concurrent
	c.Storage = Storage{Kind: "s3", Bucket: values["files-bucket"]}
	c.Backups = Backups{Bucket: values["backup-bucket"], Keep: c.Backups.Keep, Scratch: "/var/tmp"} // the system's is in memory there
	for recipient := range strings.FieldsFuncSeq(values["backup-recipients"], func(r rune) bool { return r == ',' || r == ' ' }) {
		c.Backups.Recipients = append(c.Backups.Recipients, recipient)
	}
	if secrets, err := from.ReadFile(filepath.Join(from.Path, machineSecrets)); err == nil {
		var keys map[string]json.RawMessage
		if json.Unmarshal(secrets, &keys) == nil && keys[machineBackupKey] != nil {
			c.Backups.Key = Ref("file:" + filepath.Join(from.Path, machineSecrets) + "#" + machineBackupKey)
		}
	}
	c.Listen.Addresses = []string{":8443"}
	for _, private := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"} { // the load balancer's: its security group lets nobody else in
		c.Listen.TrustedProxies = append(c.Listen.TrustedProxies, Network{netip.MustParsePrefix(private)})
	}
	exists := func(name string) string {
		file := filepath.Join(from.Path, name)
		if _, err := from.ReadFile(file); err != nil {
			return ""
		}
		return file
	}
	c.Listen.Certificate, c.Listen.Key = exists(machineCert), exists(machineKey)
	port := number("database-port")
	name := values["client"]
	c.Client = &Client{
		Name: name, DisplayName: values["client-name"], Hosts: []string{strings.ToLower(values["hostname"])},
		StoragePrefix: "attachments/" + name, SpacePrefix: name, // as the machine's role allows
		SealKeys: []Ref{Ref("file:" + filepath.Join(from.Path, machineSecrets) + "#application-key")},
		Database: Database{
			Engine: values["database-engine"], Host: values["database-host"], Port: port, Name: values["database-name"],
			User: values["database-user"], TLS: "verify", CAFile: exists(machineCA),
			Password: Ref(fmt.Sprintf("aws-rds-iam:%s@%s:%d", values["database-user"], values["database-host"], port)),
		},
		Facts: Facts{
			Residency: values["residency"], MaintenanceWindow: values["maintenance-window"], MaintenanceNoticeDays: number("maintenance-notice-days"),
		},
	}
	if arn := values["database-master-secret-arn"]; arn != "" {
		c.Client.Database.Master = Ref("aws-sm:" + arn)
	}
	if requests, period := number("rate-limit-requests"), number("rate-limit-seconds"); requests > 0 && period > 0 {
		c.Rates.Client = Rate{Requests: requests, Period: seconds(period)}
	}
	if host := values["cache-host"]; host != "" {
		c.Redis = Redis{
			Address: net.JoinHostPort(host, values["cache-port"]), User: values["cache-user"], TLS: true,
			Password: Ref("aws-elasticache-iam:" + values["cache-user"] + "@" + cacheName(host)),
		}
	}
	if host := values["documents-host"]; host != "" {
		master := values["documents-master-secret-arn"]
		c.Documents = Documents{
			Address: net.JoinHostPort(host, values["documents-port"]), Name: "taskflow", User: "berthadmin", TLS: true, CAFile: exists(machineCA),
			Password: Ref("aws-sm:" + master + "#password"),
		}
	}
	r.validRefs(c)
}

func (r *reader) validRefs(c *Config) {
	for key, ref := range map[string]Ref{
		"database-user": c.Client.Database.Password, "database-master-secret-arn": c.Client.Database.Master,
		"cache-host": c.Redis.Password, "documents-master-secret-arn": c.Documents.Password,
	} {
		if ref != "" && !ref.valid() {
			r.wrong(position{place: r.file}, key, "", "a value that a reference can be made of", "")
		}
	}
}

// cacheName is the name of a cache in its host name: master.name.hash.region.cache.amazonaws.com, or name.hash….
func cacheName(host string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(strings.ToLower(host), "master."), ".")
	return name
}
