package group

import (
	"net/netip"
	"strings"
)

// shape replaces what is somebody's own by its looks: ids, digests, addresses, ARNs' parts. s has marks already.
func (o *owner) shape(s string) string {
	if len(s) < 7 && !strings.ContainsAny(s, ".:") {
		return s // too short for anything that is known by its looks
	}
	var b strings.Builder
	start := -1
	for i := 0; i < len(s); i++ {
		if inToken(s[i]) {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 {
			b.WriteString(o.token(s[start:i]))
			start = -1
		}
		b.WriteByte(s[i])
	}
	if start >= 0 {
		b.WriteString(o.token(s[start:]))
	}
	return b.String()
}

func inToken(c byte) bool {
	return isAlnum(c) || c >= 0x80 || strings.IndexByte("._:/+@%~-!#", c) >= 0
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func (o *owner) token(t string) string {
	if strings.HasPrefix(t, "arn:") {
		return o.arn(t)
	}
	if scheme, rest, ok := strings.Cut(t, "://"); ok {
		return scheme + "://" + o.path(rest)
	}
	if i := strings.IndexByte(t, '@'); i > 0 && strings.IndexByte(t[i:], '.') > 0 && !strings.Contains(t, "/") {
		return "{email}"
	}
	if isPhone(t) {
		return "{phone}"
	}
	if len(t) > 18 && t[4] == '-' && t[7] == '-' && t[10] == 'T' && allDigits(t[:4]) {
		return "{time}"
	}
	if a, ok := address(t); ok {
		return a
	}
	if isEncoded(t) {
		return "{digest}"
	}
	return o.path(t)
}

// arn keeps what an ARN is of: partition, service, and the resource's kind and name.
func (o *owner) arn(t string) string {
	parts := strings.SplitN(t, ":", 6)
	if len(parts) < 6 {
		return o.path(t)
	}
	if parts[3] != "" && !o.region {
		parts[3] = "{region}"
	}
	if len(parts[4]) == 12 && allDigits(parts[4]) && !o.account {
		parts[4] = "{account}"
	}
	parts[5] = o.path(parts[5])
	return strings.Join(parts, ":")
}

// path works on what lies between slashes and colons.
func (o *owner) path(t string) string {
	var b strings.Builder
	start := 0
	for i := 0; i <= len(t); i++ {
		if i < len(t) && t[i] != '/' && t[i] != ':' {
			continue
		}
		b.WriteString(o.atom(t[start:i], start == 0 && i == len(t)))
		if i < len(t) {
			b.WriteByte(t[i])
		}
		start = i + 1
	}
	return b.String()
}

// atom is one part of a path; whole when the token has no other.
func (o *owner) atom(t string, whole bool) string {
	if t == "" {
		return t
	}
	if a, ok := address(t); ok {
		return a
	}
	if isUUID(t) {
		return "{id}"
	}
	if isDigest(t) {
		return "{digest}"
	}
	if strings.IndexByte(t, 0xEE) >= 0 && strings.Count(t, ".") >= 3 && isHost(t) { // a file has fewer
		return "{hostname}"
	}
	if len(t) < 7 || whole && allDigits(t) {
		return t
	}
	// sg-0a1b2c3d4e5f60718, acme-production-slack-406965104142, rds!db-8efeb938-4504-4f60-af4c-db689f419cba
	if i := strings.IndexAny(t, "-!"); i >= 0 && i+1 < len(t) {
		if isUUID(t[i+1:]) {
			return t[:i+1] + "{id}"
		}
		if _, rest, _ := strings.Cut(t, "!"); rest != "" && rest != t {
			return t[:i+1] + o.atom(t[i+1:], false)
		}
	}
	var b strings.Builder
	start := 0
	for i := 0; i <= len(t); i++ {
		if i < len(t) && isAlnum(t[i]) {
			continue
		}
		part := t[start:i]
		if looksMade(part, start > 0 && t[start-1] == '-') {
			part = "{id}"
		}
		b.WriteString(part)
		if i < len(t) {
			b.WriteByte(t[i])
		}
		start = i + 1
	}
	return b.String()
}

// address recognises addresses and networks. What everybody means the same by stays as it is: everywhere, this machine, the
// cloud's own services. A network keeps its size, and private ones are told from public ones: a door that opens further is
// another change.
func address(t string) (string, bool) {
	if len(t) < 3 || strings.IndexByte(t, '.') < 0 && strings.Count(t, ":") < 2 {
		return "", false
	}
	if c := t[0]; !isAlnum(c) && c != ':' {
		return "", false
	}
	kind := func(a netip.Addr) string {
		switch {
		case a.IsPrivate():
			return "private"
		case a.IsUnspecified(), a.IsLoopback(), a.IsLinkLocalUnicast(), a.IsMulticast():
			return ""
		}
		return "public"
	}
	if p, err := netip.ParsePrefix(t); err == nil {
		k := kind(p.Addr())
		if k == "" {
			return t, true
		}
		return "{" + k + " network}" + t[strings.IndexByte(t, '/'):], true
	}
	if a, err := netip.ParseAddr(t); err == nil {
		k := kind(a)
		if k == "" {
			return t, true
		}
		return "{" + k + " address}", true
	}
	return "", false
}

func isUUID(t string) bool {
	if len(t) != 36 || t[8] != '-' || t[13] != '-' || t[18] != '-' || t[23] != '-' {
		return false
	}
	return allHex(strings.ReplaceAll(t, "-", ""))
}

func isDigest(t string) bool {
	switch len(t) {
	case 32, 40, 56, 64, 96, 128:
		return allHex(t)
	}
	return false
}

// looksMade tells a part of a name that a machine made up: hexadecimal digits, long numbers, capital letters with digits.
func looksMade(part string, afterHyphen bool) bool {
	if len(part) < 7 {
		return false
	}
	digits, letters, upper, hex := 0, 0, 0, true
	for i := range len(part) {
		c := part[i]
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'A' && c <= 'Z':
			upper++
			letters++
		default:
			letters++
		}
		hex = hex && (c >= '0' && c <= '9' || c >= 'a' && c <= 'f')
	}
	switch {
	case hex && digits > 0 && letters > 0:
		return true
	case letters == 0:
		return afterHyphen && digits >= 9
	default:
		return len(part) >= 16 && upper > 0 && digits > 1
	}
}

// isEncoded tells a key or digest in base64.
func isEncoded(t string) bool {
	if len(t) < 40 || t[0] == '/' || strings.Count(t, "/") > len(t)/20 {
		return false
	}
	upper, lower, digit := false, false, false
	for i := range len(t) {
		c := t[i]
		switch {
		case c >= 'A' && c <= 'Z':
			upper = true
		case c >= 'a' && c <= 'z':
			lower = true
		case c >= '0' && c <= '9':
			digit = true
		case c != '+' && c != '/':
			return false
		}
	}
	return upper && lower && digit
}

func isHost(t string) bool {
	for _, r := range t {
		if !isMark(r) && r != '.' && r != '-' && r != '_' && r != '*' && (r > 127 || !isAlnum(byte(r))) {
			return false
		}
	}
	return true
}

func isPhone(t string) bool {
	return len(t) >= 9 && len(t) <= 16 && t[0] == '+' && allDigits(t[1:])
}

func allDigits(t string) bool {
	for i := range len(t) {
		if t[i] < '0' || t[i] > '9' {
			return false
		}
	}
	return t != ""
}

func allHex(t string) bool {
	for i := range len(t) {
		if c := t[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}
