package spec

import (
	"fmt"
	"net/mail"
	"net/netip"
	"regexp"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

var hostLabel = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// checkHostname says what is expected of a domain name and how to mend this one; nothing when it is well.
func checkHostname(name string) (expected, fix string) {
	const domain = "a domain name"
	if scheme, rest, found := strings.Cut(name, "://"); found {
		host, _, _ := strings.Cut(rest, "/")
		return domain + " without a scheme", fmt.Sprintf("remove %s:// and write %q", segment(scheme), shorten(host))
	}
	if host, _, found := strings.Cut(name, "/"); found {
		return domain + " without a path", fmt.Sprintf("write %q", shorten(host))
	}
	if host, ok := strings.CutSuffix(name, "."); ok {
		return domain + " without a dot at its end", fmt.Sprintf("write %q", shorten(host))
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return domain + ", no address", "write the name that people use"
	}
	if host, _, found := strings.Cut(name, ":"); found {
		return domain + " without a port", fmt.Sprintf("write %q", shorten(host))
	}
	if strings.HasPrefix(name, "*.") {
		return domain + " without a wildcard", "write one whole name"
	}
	if lower := strings.ToLower(name); lower != name {
		return domain + " in lower case", fmt.Sprintf("write %q", shorten(lower))
	}
	if ascii, err := idna.Lookup.ToASCII(name); err == nil && ascii != name {
		return domain + " in its ASCII form", fmt.Sprintf("write %q", shorten(ascii))
	}
	if len(name) > 253 {
		return domain + " of at most 253 characters", fmt.Sprintf("shorten it: it has %d", len(name))
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		switch {
		case label == "":
			return domain + " without empty parts", "write exactly one dot between its parts"
		case len(label) > 63:
			return domain + " with parts of at most 63 characters", fmt.Sprintf("shorten the part that has %d", len(label))
		case !hostLabel.MatchString(label):
			return domain + " of letters, digits and inner hyphens", fmt.Sprintf("correct the part %q", shorten(label))
		}
	}
	if len(labels) < 2 {
		return domain + " of at least two parts", "write it in full, such as acme.taskflow.example"
	}
	if suffix, icann := publicsuffix.PublicSuffix(name); icann && suffix == name {
		return domain + " of your own", fmt.Sprintf("write a name below it, such as example.%s: nobody can own %s", name, name)
	}
	if strings.Trim(labels[len(labels)-1], "0123456789") == "" {
		return domain + " that ends in letters", "correct its last part"
	}
	return "", ""
}

// checkEmail says the same for an e-mail address without a name.
func checkEmail(address string) (expected, fix string) {
	const email = "an e-mail address"
	parsed, err := mail.ParseAddress(address)
	if err != nil {
		return email, "write it as name@domain"
	}
	if parsed.Address != address {
		return email + " alone", fmt.Sprintf("write %q", shorten(parsed.Address))
	}
	at := strings.LastIndexByte(address, '@')
	if at > 64 || len(address) > 254 {
		return email + " of at most 254 characters, 64 before the @", "shorten it"
	}
	if expected, fix := checkHostname(address[at+1:]); expected != "" {
		return email + " with " + expected, fix
	}
	return "", ""
}
