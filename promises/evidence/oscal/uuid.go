package oscal

import (
	"crypto/sha1" // RFC 9562 makes UUIDs of version 5 with it; nothing rests on its strength
	"fmt"
	"strings"
)

// space is the namespace of all UUIDs of this package.
var space = [16]byte{0x8f, 0x1d, 0x6a, 0x2e, 0x53, 0x0b, 0x4c, 0x97, 0x9d, 0x41, 0x7e, 0x2c, 0x35, 0xb8, 0xa0, 0x64}

// identifier is the UUID of version 5 (RFC 9562) of what the parts name.
func identifier(parts ...string) string {
	h := sha1.New()
	h.Write(space[:])
	h.Write([]byte(strings.Join(parts, "\x00")))
	u := h.Sum(nil)[:16]
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:16])
}
