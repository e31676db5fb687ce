package host

import (
	"net/netip"

	"github.com/berth-iac/berth/machine/bundle"
)

// tunnel is WireGuard to the sister site (DP-3): the interface and unit are called berth.
func (d Description) tunnel() bundle.Bundle {
	if d.Sister == nil {
		return bundle.Bundle{}
	}
	data := struct {
		Name         string
		Address, Own netip.Addr
		Bits, Port   int
	}{d.Sister.Name, d.Sister.Address, d.Sister.Own, d.Sister.Tunnel.Bits(), d.Sister.Port}
	return bundle.Bundle{
		Packages: []string{"wireguard-tools"},
		Units: []bundle.Unit{{
			Name: "wg-quick@berth.service", State: bundle.Running, Reload: true, RestartOn: []string{"/etc/wireguard/berth.conf"},
		}},
		Steps:    []bundle.Step{{Name: "40-tunnel", Script: baseText("tunnel/40-tunnel", data)}},
		Settings: []string{"sister-endpoint", "sister-wireguard-key"},
	}
}
