package config

import (
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	clientName = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	prefixForm = regexp.MustCompile(`^[a-z0-9][a-z0-9/_-]*$`)
)

// ClientName tells whether a client may be called so: it is in the names of files, buckets' folders and keys.
func ClientName(name string) bool { return len(name) <= 40 && clientName.MatchString(name) }

// bad reports a value that reads well and cannot be right.
func (r *reader) bad(path, value, expected, fix string) {
	at, found := r.lines[path]
	for up := path; !found && up != ""; at, found = r.lines[up] {
		if i := strings.LastIndexAny(up, ".["); i >= 0 {
			up = up[:i]
		} else {
			up = ""
		}
	}
	if !found {
		at = position{place: "default"}
		if r.file != "." && r.file != "" {
			at.place = r.file
		}
	}
	r.wrong(at, path, value, expected, fix)
}

// CheckClient reports all that is wrong with a client's own file.
func CheckClient(file string, c *Client) error {
	r := &reader{file: file, lines: map[string]position{}}
	r.client("", c)
	if len(r.problems) > 0 {
		return r.problems
	}
	return nil
}

func (r *reader) check(c *Config) {
	r.oneOf("environment", string(c.Environment), "production", "staging", "development")
	if c.Environment != Production && !c.TestDataOnly {
		r.bad("testDataOnly", "false", "true", "only production may hold data that is not test data (DP-6)")
	}
	r.oneOf("public.scheme", c.Public.Scheme, "http", "https")
	if c.Environment == Production && c.Public.Scheme == "http" {
		r.bad("public.scheme", "http", "https", "in production nobody signs in over a line that others can read")
	}
	r.port("public.port", c.Public.Port, true)
	r.listen(&c.Listen)
	r.limits(&c.Limits)
	r.rates("rates", &c.Rates, false)
	if c.Client != nil {
		r.client("client", c.Client)
	} else if c.Tenants.Directory == "" {
		r.bad("tenants.directory", "", "a folder", "or say under client who the only client is")
	}
	r.atLeast("tenants.maxOpen", c.Tenants.MaxOpen, 1)
	r.positive("tenants.idleClose", c.Tenants.IdleClose)
	if c.Tenants.Demo && c.Environment == Production {
		c.Tenants.Demo = false // nobody asks for it there
	}
	r.storage(c)
	r.services(c)
	r.passwords("passwords", &c.Passwords)
	r.positive("sessions.idle", c.Sessions.Idle)
	r.positive("sessions.reauthenticate", c.Sessions.Reauthenticate)
	if c.Sessions.Absolute < c.Sessions.Idle {
		r.bad("sessions.absolute", c.Sessions.Absolute.String(), "at least sessions.idle", "")
	}
	for i, address := range c.Provider.Staff {
		r.email(fmt.Sprintf("provider.staff[%d]", i), address)
	}
	if c.Telemetry.Endpoint != "" {
		r.address("telemetry.endpoint", c.Telemetry.Endpoint)
	}
	if c.Telemetry.Sample < 0 || c.Telemetry.Sample > 1 {
		r.bad("telemetry.sample", fmt.Sprint(c.Telemetry.Sample), "a part between 0 and 1", "")
	}
	r.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
}

func (r *reader) listen(l *Listen) {
	if len(l.Addresses) == 0 {
		r.bad("listen.addresses", "", "at least one host:port", "")
	}
	for i, address := range l.Addresses {
		r.hostPort(fmt.Sprintf("listen.addresses[%d]", i), address)
	}
	if l.Metrics != "" {
		r.hostPort("listen.metrics", l.Metrics)
	}
	if (l.Certificate == "") != (l.Key == "") {
		r.bad("listen.certificate", short(l.Certificate), "a certificate and its key", "set listen.certificate and listen.key, or neither")
	}
	for i, network := range l.TrustedProxies {
		if network.Bits() == 0 {
			r.bad(fmt.Sprintf("listen.trustedProxies[%d]", i), network.String(), "the proxies' own networks",
				"whoever is trusted may say from where a request comes: that cannot be everybody")
		}
	}
	if l.ProxyProtocol && len(l.TrustedProxies) == 0 {
		r.bad("listen.proxyProtocol", "true", "trusted proxies", "set listen.trustedProxies: only they may speak it")
	}
}

func (r *reader) limits(l *Limits) {
	for _, one := range []struct {
		path string
		size Size
	}{{"limits.header", l.Header}, {"limits.body", l.Body}, {"limits.upload", l.Upload}} {
		if one.size < 1<<10 || one.size > 1<<30 {
			r.bad(one.path, one.size.String(), "1KiB to 1GiB", "")
		}
	}
	for path, d := range map[string]Duration{
		"limits.readHeader": l.ReadHeader, "limits.request": l.Request, "limits.transfer": l.Transfer, "limits.idle": l.Idle, "limits.drain": l.Drain,
	} {
		r.positive(path, d)
	}
	r.atLeast("limits.concurrent", l.Concurrent, 1)
	r.atLeast("limits.perClient", l.PerClient, 1)
	r.atLeast("limits.passwordWorkers", l.PasswordWorkers, 0)
}

// rates checks limits. A client's own may leave some to the service's.
func (r *reader) rates(path string, rates *Rates, some bool) {
	for name, rate := range map[string]Rate{"client": rates.Client, "user": rates.User, "address": rates.Address, "login": rates.Login} {
		if some && rate == (Rate{}) {
			continue
		}
		r.atLeast(path+"."+name+".requests", rate.Requests, 1)
		r.positive(path+"."+name+".period", rate.Period)
	}
}

func (r *reader) client(path string, c *Client) {
	if !ClientName(c.Name) {
		r.bad(join(path, "name"), short(c.Name), "lower-case letters, digits and hyphens, at most 40, beginning with a letter", "")
	}
	if strings.TrimSpace(c.DisplayName) == "" {
		r.bad(join(path, "displayName"), "", "the client's name as people read it", "")
	}
	if len(c.Hosts) == 0 {
		r.bad(join(path, "hosts"), "", "at least one host name", "")
	}
	if len(c.SealKeys) == 0 {
		r.bad(join(path, "sealKeys"), "", "where the client's key is", "make one with openssl rand -base64 32")
	}
	for _, prefix := range []struct{ name, value string }{{"storagePrefix", c.StoragePrefix}, {"spacePrefix", c.SpacePrefix}} {
		if !prefixForm.MatchString(prefix.value) || strings.Contains(prefix.value, "//") {
			r.bad(join(path, prefix.name), short(prefix.value), "lower-case letters, digits, - _ and /", "no two clients may share one")
		}
	}
	r.database(join(path, "database"), &c.Database)
	if c.Rates != nil {
		r.rates(join(path, "rates"), c.Rates, true)
	}
	if c.Passwords != nil {
		r.passwords(join(path, "passwords"), c.Passwords)
	}
}

func (r *reader) database(path string, d *Database) {
	r.oneOf(path+".engine", d.Engine, "sqlite", "postgresql", "mysql")
	r.oneOf(path+".tls", d.TLS, "", "verify", "off")
	r.oneOf(path+".synchronous", d.Synchronous, "", "full", "normal", "extra")
	r.port(path+".port", d.Port, true)
	r.atLeast(path+".maxOpen", d.MaxOpen, 0)
	if d.Engine == "sqlite" {
		if d.Path == "" {
			r.bad(path+".path", "", "the file of the database", "")
		}
		return
	}
	for _, one := range []struct{ name, value string }{{"host", d.Host}, {"name", d.Name}, {"user", d.User}} {
		if one.value == "" {
			r.bad(path+"."+one.name, "", "a value", d.Engine+" needs it")
		}
	}
	if d.TLS == "off" && d.Host != "localhost" && !strings.HasPrefix(d.Host, "/") && !loopback(d.Host) {
		r.bad(path+".tls", "off", "verify", "the database is another machine")
	}
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func (r *reader) storage(c *Config) {
	s := &c.Storage
	r.oneOf("storage.kind", s.Kind, "disk", "s3")
	if s.Kind == "disk" && s.Directory == "" {
		r.bad("storage.directory", "", "a folder", "")
	}
	if s.Kind == "s3" && !bucketName.MatchString(s.Bucket) {
		r.bad("storage.bucket", short(s.Bucket), "a bucket's name", "")
	}
	if s.Endpoint != "" {
		r.address("storage.endpoint", s.Endpoint)
	}
	if (s.AccessKey == "") != (s.SecretKey == "") {
		r.bad("storage.accessKey", "", "both keys or neither", "without them the machine's own role is used")
	}
	if c.Backups.Bucket != "" && !bucketName.MatchString(c.Backups.Bucket) {
		r.bad("backups.bucket", short(c.Backups.Bucket), "a bucket's name", "")
	}
	for i, recipient := range c.Backups.Recipients {
		if !strings.HasPrefix(recipient, "age1") {
			r.bad(fmt.Sprintf("backups.recipients[%d]", i), "", "an age recipient: age1…", "the secret half stays elsewhere")
		}
	}
	if c.Backups.Scratch != "" && !strings.HasPrefix(c.Backups.Scratch, "/") {
		r.bad("backups.scratch", short(c.Backups.Scratch), "a folder, from the root on", "or leave it out for the system's")
	}
	r.atLeast("backups.keep", c.Backups.Keep, 1)
}

func (r *reader) services(c *Config) {
	if m := &c.Mail; m.Host != "" {
		r.port("mail.port", m.Port, false)
		r.oneOf("mail.tls", m.TLS, "starttls", "tls", "off")
		if m.TLS == "off" && m.Host != "localhost" && !loopback(m.Host) {
			r.bad("mail.tls", "off", "starttls or tls", "the mail server is another machine, and messages hold links that open accounts")
		}
		r.email("mail.from", m.From)
		if (m.User == "") != (m.Password == "") {
			r.bad("mail.user", "", "a user and a password, or neither", "")
		}
	}
	for _, one := range []struct {
		path, address string
		tls           bool
	}{{"redis", c.Redis.Address, c.Redis.TLS}, {"documents", c.Documents.Address, c.Documents.TLS}} {
		if one.address == "" {
			continue
		}
		r.hostPort(one.path+".address", one.address)
		host, _, err := net.SplitHostPort(one.address)
		if err == nil && !one.tls && host != "localhost" && !loopback(host) && c.Environment == Production {
			r.bad(one.path+".tls", "false", "true", "it is another machine")
		}
	}
}

func (r *reader) passwords(path string, p *Passwords) {
	if p.Minimum < 8 || p.Minimum > 64 {
		r.bad(path+".minimum", strconv.Itoa(p.Minimum), "8 to 64", "")
	}
	r.atLeast(path+".maxAgeDays", p.MaxAgeDays, 0)
}

func (r *reader) oneOf(path, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		names := slices.DeleteFunc(slices.Clone(allowed), func(s string) bool { return s == "" })
		r.bad(path, short(value), strings.Join(names, ", "), "")
	}
}

func (r *reader) port(path string, port int, none bool) {
	if port == 0 && none {
		return
	}
	if port < 1 || port > 65535 {
		r.bad(path, strconv.Itoa(port), "1 to 65535", "")
	}
}

func (r *reader) hostPort(path, value string) {
	_, port, err := net.SplitHostPort(value)
	if n, convert := strconv.Atoi(port); err != nil || convert != nil || n < 0 || n > 65535 {
		r.bad(path, short(value), "host:port", "")
	}
}

func (r *reader) address(path, value string) {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		r.bad(path, "", "an address such as https://host:port", "without names and passwords in it")
	}
}

func (r *reader) email(path, value string) {
	if parsed, err := mail.ParseAddress(value); err != nil || parsed.Address == "" || strings.ContainsAny(value, "\r\n") {
		r.bad(path, short(value), "an e-mail address", "")
	}
}

func (r *reader) positive(path string, d Duration) {
	if d <= 0 {
		r.bad(path, d.String(), "more than nothing", "")
	}
}

func (r *reader) atLeast(path string, n, least int) {
	if n < least {
		r.bad(path, strconv.Itoa(n), fmt.Sprintf("at least %d", least), "")
	}
}
