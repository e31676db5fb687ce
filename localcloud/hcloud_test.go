package localcloud_test

import (
	"testing"

	"github.com/berth-iac/berth/localcloud"
)

const (
	hServer   = "hcloud:index/server:Server"
	hAddress  = "hcloud:index/primaryIp:PrimaryIp"
	hBalancer = "hcloud:index/loadBalancer:LoadBalancer"
	hService  = "hcloud:index/loadBalancerService:LoadBalancerService"
	hTarget   = "hcloud:index/loadBalancerTarget:LoadBalancerTarget"
	hFirewall = "hcloud:index/firewall:Firewall"
)

func TestHetzner(t *testing.T) {
	e := connect(t, start(t, localcloud.Options{Seed: 5}), "hcloud", nil)
	server := props{"name": "jnb", "serverType": "cx22", "image": "debian-12", "location": "fsn1"}

	t.Run("a server has the address that was kept for it", func(t *testing.T) {
		address := e.mustCreate(hAddress, "jnb", props{"name": "jnb", "type": "ipv4", "location": "fsn1", "assigneeType": "server"})
		made := e.mustCreate(hServer, "jnb", with(server, props{"publicNets": []any{props{"ipv4Enabled": true, "ipv4": address.number(), "ipv6Enabled": false}}}))
		if made.text("ipv4Address") != address.text("ipAddress") || made.text("ipv6Address") != "" {
			t.Errorf("server at %q and %q, its address is %q", made.text("ipv4Address"), made.text("ipv6Address"), address.text("ipAddress"))
		}
		wantError(t, e.delete(hAddress, "jnb", address), "must be unassigned")
		if d := e.diff(hServer, "jnb", made, with(server, props{"userData": "#cloud-config\n"})); len(d.GetReplaces()) == 0 {
			t.Error("other user data does not replace the server")
		}
		if d := e.diff(hServer, "jnb", made, with(server, props{"serverType": "cx32"})); len(d.GetReplaces()) != 0 {
			t.Error("another type replaces the server")
		}
	})
	t.Run("refusals", func(t *testing.T) {
		for _, tc := range []struct {
			kind, property string
			inputs         props
		}{
			{hServer, "rebuildProtection", with(server, props{"name": "a", "deleteProtection": true})},
			{hServer, "serverType", with(server, props{"name": "a", "serverType": "large"})},
			{hFirewall, "rules.protocol", props{"name": "f", "rules": []any{props{"direction": "in", "protocol": "ssh", "sourceIps": []any{"203.0.113.0/24"}}}}},
			{hFirewall, "rules.sourceIps", props{"name": "f", "rules": []any{props{"direction": "in", "protocol": "tcp", "port": "22", "sourceIps": []any{"203.0.113.1/24"}}}}},
			{hBalancer, "loadBalancerType", props{"name": "l", "loadBalancerType": "lb99", "location": "fsn1"}},
			{hTarget, "serverId", props{"loadBalancerId": 1, "type": "server"}},
			{"hcloud:index/rdns:Rdns", "serverId", props{"ipAddress": "203.0.113.1", "dnsPtr": "jnb.northwind.example"}},
		} {
			_, failures := e.check(tc.kind, "bad", nil, tc.inputs)
			if failures[tc.property] == "" {
				t.Errorf("%s: failures = %v, want one of %s", tc.kind, failures, tc.property)
			}
		}
	})
	t.Run("load balancer", func(t *testing.T) {
		balancer := e.mustCreate(hBalancer, "l", props{"name": "l", "loadBalancerType": "lb11", "location": "fsn1"})
		service := props{"loadBalancerId": balancer.id, "protocol": "tcp", "listenPort": 443, "destinationPort": 443}
		e.mustCreate(hService, "https", service)
		_, err := e.create(hService, "again", service)
		wantError(t, err, "source_port_already_used")
		_, err = e.create(hTarget, "t", props{"loadBalancerId": balancer.number(), "type": "server", "serverId": 99})
		wantError(t, err, "server with ID '99' not found")
	})
}
