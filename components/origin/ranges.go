package origin

import (
	"net/netip"

	"github.com/berth-iac/berth/components/cloudflare"
)

// Ranges are Cloudflare's IPv4 ranges, from which alone machines take HTTPS (AV-12). Machines' public addresses are IPv4, so that
// the edge never comes by IPv6.
func Ranges() []netip.Prefix {
	var all []netip.Prefix
	for _, r := range cloudflare.IPv4() {
		all = append(all, netip.MustParsePrefix(r))
	}
	return all
}
