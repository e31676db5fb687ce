package localcloud

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// function is a placeholder that computes: {hex:17}, {table:zones:region}.
type function func(s *scene, argument string) (result, error)

const (
	lowers = "abcdefghijklmnopqrstuvwxyz"
	uppers = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

// functionNamed finds a function; nil when there is none of that name. Random ones give the same value whenever
// the same object is computed again.
func functionNamed(name string) function {
	switch name {
	case "hex":
		return random("0123456789abcdef")
	case "alnum":
		return random(digits + lowers)
	case "lower":
		return random(lowers)
	case "upper":
		return random(digits + uppers)
	case "base62":
		return random(digits + lowers + uppers)
	case "number": // number:8 is a number of eight digits
		return randomNumber
	case "uuid":
		return randomUUID
	case "ipv4": // an address of the ranges that are kept for documentation
		return randomIPv4
	case "ipv6": // a /64 of the range that is kept for documentation
		return randomIPv6
	case "password": // password:lengthProperty
		return randomSecret
	case "table": // table:name:property
		return table
	case "now": // the time of creation
		return now
	case "generation": // 1, and one more with every update
		return generation
	case "tagsAll": // the provider's default tags and the object's own
		return tagsAll
	case "last": // last:property is what follows the last / or :
		return last
	case "unslashed": // unslashed:property is a path without its first slash
		return unslashed
	case "schemeless": // schemeless:property is a URL without its https://
		return schemeless
	case "address": // address:property is a host in a network range
		return address
	case "gateway": // gateway:property is the first host of a network range
		return gateway
	case "sha256": // sha256:property
		return digest
	case "publicKey": // publicKey:property is another key for each of its values
		return publicKey
	case "hostKey": // hostKey:property is the key of the machine that it names
		return hostKey
	case "authority": // authority:property are the certificates of that generation
		return authority
	case "says": // says:a,b is the digest of what properties a and b say
		return says
	}
	return nil
}

func random(alphabet string) function {
	return func(s *scene, argument string) (result, error) {
		n, err := strconv.Atoi(argument)
		if err != nil {
			return result{}, fmt.Errorf("catalogue/rules: %s: %q is no length", s.token, argument)
		}
		return result{value: resource.NewStringProperty(s.draw(alphabet, n))}, nil
	}
}

// draw takes n letters of an alphabet from the object's salt.
func (s *scene) draw(alphabet string, n int) string {
	out := make([]byte, n)
	stream := s.bytes(n * 4)
	for i := range out {
		out[i] = alphabet[binary.BigEndian.Uint32(stream[i*4:])%uint32(len(alphabet))]
	}
	return string(out)
}

// bytes are n random bytes that depend on the object, the place of the template, and how many were drawn there.
func (s *scene) bytes(n int) []byte {
	s.seen++
	var out []byte
	for block := 0; len(out) < n; block++ {
		mac := hmac.New(sha256.New, []byte(s.salt))
		_, _ = fmt.Fprintf(mac, "%s\x00%d\x00%d", s.seat, s.seen, block)
		out = mac.Sum(out)
	}
	return out[:n]
}

func randomNumber(s *scene, argument string) (result, error) {
	n, err := strconv.Atoi(argument)
	if err != nil || n < 1 || n > 15 {
		return result{}, fmt.Errorf("catalogue/rules: %s: %q is no number of digits", s.token, argument)
	}
	drawn := s.draw(digits[1:], 1) + s.draw(digits, n-1)
	value, err := strconv.ParseFloat(drawn, 64)
	return result{value: resource.NewNumberProperty(value)}, err
}

func randomUUID(s *scene, _ string) (result, error) {
	b := s.bytes(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b)
	return result{value: resource.NewStringProperty(
		h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:])}, nil
}

func randomIPv4(s *scene, _ string) (result, error) {
	b := s.bytes(2)
	nets := []string{"192.0.2", "198.51.100", "203.0.113"}
	return result{value: resource.NewStringProperty(fmt.Sprintf("%s.%d", nets[int(b[0])%len(nets)], 1+int(b[1])%254))}, nil
}

func randomIPv6(s *scene, _ string) (result, error) {
	b := s.bytes(4)
	return result{value: resource.NewStringProperty(fmt.Sprintf("2001:db8:%x:%x::", binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])))}, nil
}

func randomSecret(s *scene, argument string) (result, error) {
	length := 32
	if r, err := s.property(argument); err == nil && r.value.IsNumber() {
		length = int(r.value.NumberValue())
	}
	if length < 4 || length > 4096 {
		return result{}, fmt.Errorf("InvalidParameterValue: a password of %d characters is not possible", length)
	}
	drawn := s.draw(lowers, 1) + s.draw(uppers, 1) + s.draw(digits, 1) + s.draw("-_.+", 1) + s.draw(lowers+uppers+digits, length-4)
	return result{resource.NewStringProperty(drawn), true}, nil
}

func table(s *scene, argument string) (result, error) {
	name, path, _ := strings.Cut(argument, ":")
	entries, ok := s.rules.Tables[name]
	if !ok {
		return result{}, fmt.Errorf("catalogue/rules: %s: there is no table %q", s.token, name)
	}
	r, err := s.property(path)
	if err != nil || r.value.IsComputed() {
		return r, err
	}
	if entry, ok := entries[text(r.value)]; ok {
		return s.evaluate(entry)
	}
	return result{value: absent}, nil
}

func now(s *scene, _ string) (result, error) {
	return result{value: resource.NewStringProperty(s.now.UTC().Format(time.RFC3339))}, nil
}

func generation(s *scene, _ string) (result, error) {
	return result{value: resource.NewNumberProperty(float64(s.generation))}, nil
}

func tagsAll(s *scene, _ string) (result, error) {
	v, secret := bare(s.inputs["tags"])
	if v.IsComputed() {
		return result{value: v}, nil
	}
	tags := resource.PropertyMap{}
	for name, value := range s.settings.defaultTags {
		tags[resource.PropertyKey(name)] = resource.NewStringProperty(value)
	}
	if v.IsObject() {
		for name, value := range v.ObjectValue() {
			tags[name] = deepBare(value)
		}
	}
	return result{resource.NewObjectProperty(tags), secret}, nil
}

// ofText makes a function that works on a property's text.
func ofText(change func(string) (string, error)) function {
	return func(s *scene, path string) (result, error) {
		r, err := s.property(path)
		if err != nil || r.value.IsComputed() || r.value.IsNull() {
			return r, err
		}
		changed, err := change(text(r.value))
		return result{resource.NewStringProperty(changed), r.secret}, err
	}
}

func unslashed(s *scene, path string) (result, error) {
	return ofText(func(t string) (string, error) { return strings.TrimPrefix(t, "/"), nil })(s, path)
}

func schemeless(s *scene, path string) (result, error) {
	return ofText(func(t string) (string, error) { return strings.TrimPrefix(t, "https://"), nil })(s, path)
}

func last(s *scene, path string) (result, error) {
	return ofText(func(t string) (string, error) { return t[strings.LastIndexAny(t, "/:")+1:], nil })(s, path)
}

func digest(s *scene, path string) (result, error) {
	return ofText(func(t string) (string, error) {
		sum := sha256.Sum256([]byte(t))
		return hex.EncodeToString(sum[:]), nil
	})(s, path)
}

func gateway(s *scene, path string) (result, error) {
	return ofText(func(t string) (string, error) {
		prefix, err := netip.ParsePrefix(t)
		return prefix.Masked().Addr().Next().String(), err
	})(s, path)
}

// address is a host of a range, beyond the first addresses, which clouds keep for themselves.
func address(s *scene, path string) (result, error) {
	return ofText(func(t string) (string, error) {
		prefix, err := netip.ParsePrefix(t)
		if err != nil || !prefix.Addr().Is4() {
			return "", fmt.Errorf("%q is no IPv4 range", t)
		}
		hosts := uint32(1) << (32 - prefix.Bits())
		if hosts < 8 {
			return prefix.Masked().Addr().Next().String(), nil
		}
		base := binary.BigEndian.Uint32(prefix.Masked().Addr().AsSlice())
		host := base + 4 + binary.BigEndian.Uint32(s.bytes(4))%(hosts-5)
		return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, host))).String(), nil
	})(s, path)
}
