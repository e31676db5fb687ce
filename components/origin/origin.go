// Package origin is what an origin has to know of Cloudflare to answer nobody
// else: the authority that signs the certificate by which the edge shows itself
// (authenticated origin pulls, AV-12).
//
// It registers nothing and knows nothing of origins.
package origin

import (
	_ "embed"
	"encoding/base64"
)

// authority is the certificate of the authority that signs the edge's client certificates, as Cloudflare publishes it; the test
// holds it against its published fingerprint. It ends on 2029-11-01.
//
//go:embed authority.pem
var authority []byte

// Authority is the certificate in PEM, in base64 and one line, as machines' settings are.
func Authority() string { return base64.StdEncoding.EncodeToString(authority) }
