package bundle

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Cloud is what a machine gets at its first boot, by cloud-init.
type Cloud struct {
	Bundles []Bundle
	// Settings of each bundle by name. A bundle that needs secrets cannot come this way: whoever may ask for a machine's description at
	// a provider would read them.
	Settings map[string]map[string]string
	// Users that can sign in before any bundle says who may.
	Users []CloudUser
	// HostKeyTypes limits which host keys are made; none: the distribution's choice.
	HostKeyTypes []string
	// Limit is how many bytes the provider takes, such as 32768 at Hetzner Cloud, 16384 at AWS; 0 is no limit.
	Limit int
}

// CloudUser may sign in with one of the keys, and use sudo without a password.
type CloudUser struct {
	Name string
	Keys []string
}

var userName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}$`)

// CloudInit renders the document that cloud-init reads. The same description gives the same bytes.
func CloudInit(c Cloud) (string, error) {
	var doc strings.Builder
	if err := c.check(); err != nil {
		return "", fmt.Errorf("render a machine's first boot: %w", err)
	}
	p := func(format string, args ...any) { fmt.Fprintf(&doc, format, args...) }
	p("#cloud-config\nssh_pwauth: false\ndisable_root: true\n")
	if len(c.HostKeyTypes) > 0 {
		p("ssh_deletekeys: true\nssh_genkeytypes: [%s]\n", strings.Join(c.HostKeyTypes, ", "))
	}
	p("users:\n")
	for _, u := range c.Users {
		p("  - name: %s\n    shell: /bin/bash\n    lock_passwd: true\n    sudo: \"ALL=(ALL) NOPASSWD:ALL\"\n    ssh_authorized_keys:\n", u.Name)
		for _, k := range u.Keys {
			p("      - %s\n", quote(k))
		}
	}
	if len(c.Users) == 0 {
		p("  []\n")
	}
	if len(c.Bundles) > 0 {
		p("write_files:\n")
	}
	for _, b := range c.Bundles {
		archive, err := b.Archive()
		if err != nil {
			return "", err
		}
		p("  - path: /var/lib/berth/incoming/%s.tar.gz\n    permissions: \"0600\"\n    encoding: b64\n    content: %s\n", b.Name, base64.StdEncoding.EncodeToString(archive))
		if len(b.Settings) > 0 {
			p("  - path: /var/lib/berth/incoming/%s.settings\n    permissions: \"0600\"\n    content: |\n", b.Name)
			for _, n := range b.Settings {
				p("      %s=%s\n", n, c.Settings[b.Name][n])
			}
		}
	}
	if len(c.Bundles) > 0 {
		p("runcmd:\n")
	}
	for _, b := range c.Bundles {
		p("  - [bash, -euc, %s]\n", quote(strings.ReplaceAll(
			"cd /var/lib/berth/incoming; mkdir -p NAME; tar -C NAME -xzf NAME.tar.gz; if [ -e NAME.settings ]; then cp NAME.settings NAME/settings; fi; bash NAME/berth-host apply NAME; rm -rf NAME NAME.tar.gz NAME.settings",
			"NAME", b.Name)))
	}
	if c.Limit > 0 && doc.Len() > c.Limit {
		return "", fmt.Errorf("a machine's first boot is described in %d bytes, and the provider takes %d: leave bundles out, and apply them over SSH after", doc.Len(), c.Limit)
	}
	return doc.String(), nil
}

// quote makes a double-quoted scalar: what is a string to JSON is one to YAML.
func quote(s string) string {
	text, err := json.Marshal(s)
	if err != nil { // no string fails
		return `""`
	}
	return string(text)
}

func (c Cloud) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, u := range c.Users {
		if !userName.MatchString(u.Name) {
			bad("user %q: that is no user's name", u.Name)
		}
		if len(u.Keys) == 0 {
			bad("user %q has no key, and could not sign in", u.Name)
		}
	}
	for _, t := range c.HostKeyTypes {
		if t != "ed25519" && t != "ecdsa" && t != "rsa" {
			bad("host key type %q: use ed25519, ecdsa or rsa", t)
		}
	}
	for _, b := range c.Bundles {
		if len(b.Secrets) > 0 {
			bad("bundle %s needs secrets (%s), which cloud-init must not carry: apply it over SSH", b.Name, strings.Join(b.Secrets, ", "))
		}
		for _, n := range b.Settings {
			switch v, ok := c.Settings[b.Name][n]; {
			case !ok:
				bad("bundle %s: setting %s has no value", b.Name, n)
			case strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }):
				bad("bundle %s: setting %s is no single line of text", b.Name, n)
			}
		}
	}
	return errors.Join(errs...)
}
