// Package cloudflare holds the address ranges that Cloudflare's edge connects from, and from which alone origins take connections
// (AV-12). It knows nothing else, so that whatever makes a firewall can import it.
package cloudflare

import "slices"

// Source: https://www.cloudflare.com/ips-v4 and https://www.cloudflare.com/ips-v6, pinned on 2026-11-21.
// They are data in the code, so that a change of them is reviewed as any other.
var (
	ipv4 = []string{
		"103.21.244.0/22", "103.22.200.0/22", "103.31.4.0/22", "104.16.0.0/13", "104.24.0.0/14",
		"108.162.192.0/18", "131.0.72.0/22", "141.101.64.0/18", "162.158.0.0/15", "172.64.0.0/13",
		"173.245.48.0/20", "188.114.96.0/20", "190.93.240.0/20", "197.234.240.0/22", "198.41.128.0/17",
	}
	ipv6 = []string{
		"2400:cb00::/32", "2405:8100::/32", "2405:b500::/32", "2606:4700::/32", "2803:f800::/32",
		"2a06:98c0::/29", "2c0f:f248::/32",
	}
)

// IPv4 are Cloudflare's published IPv4 ranges, in CIDR notation.
func IPv4() []string { return slices.Clone(ipv4) }

// IPv6 are Cloudflare's published IPv6 ranges, in CIDR notation.
func IPv6() []string { return slices.Clone(ipv6) }
