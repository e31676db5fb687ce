package cloudflare_test

import (
	"net/netip"
	"testing"

	"github.com/berth-iac/berth/components/cloudflare"
)

func TestRangesAreRangesOfTheirKind(t *testing.T) {
	seen := map[netip.Prefix]bool{}
	for want4, list := range map[bool][]string{true: cloudflare.IPv4(), false: cloudflare.IPv6()} {
		if len(list) < 5 {
			t.Errorf("%d ranges are too few", len(list))
		}
		for _, text := range list {
			p, err := netip.ParsePrefix(text)
			if err != nil || p.Addr().Is4() != want4 || p.Masked() != p || seen[p] || p.Addr().IsPrivate() {
				t.Errorf("%s is no range of its kind, or stands twice: %v", text, err)
			}
			seen[p] = true
		}
	}
}

func TestCallersCannotChangeThem(t *testing.T) {
	cloudflare.IPv4()[0] = "0.0.0.0/0"
	if got := cloudflare.IPv4()[0]; got == "0.0.0.0/0" {
		t.Error("a caller opened the origin to everybody")
	}
}
