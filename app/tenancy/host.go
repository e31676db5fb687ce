package tenancy

import "strings"

// maxHost is how long a host name may be.
const maxHost = 253

// ParseHost gives the host name of a request's Host header as clients' names are kept: in lower case, without port and final dot. Names
// outside of ASCII come as punycode from every browser and are read so only. Addresses are no names.
func ParseHost(header string) (string, bool) {
	host, port, found := strings.Cut(header, ":")
	if found && !isPort(port) {
		return "", false
	}
	host = strings.TrimSuffix(lower(host), ".")
	if host == "" || len(host) > maxHost {
		return "", false
	}
	last := ""
	for label := range strings.SplitSeq(host, ".") {
		if !isLabel(label) {
			return "", false
		}
		last = label
	}
	return host, strings.Trim(last, "0123456789") != "" // 127.0.0.1, and 1 as browsers read it
}

// lower changes ASCII alone: some letters outside of it have an ASCII letter as their lower case.
func lower(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}

func isPort(text string) bool {
	return text != "" && len(text) <= 5 && strings.Trim(text, "0123456789") == ""
}

func isLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for i := range len(label) {
		if c := label[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
