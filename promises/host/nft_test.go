package host_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/berth-iac/berth/promises/host"
)

const ruleset = `#!/usr/sbin/nft -f
flush ruleset
define office = { 203.0.113.16/29, 203.0.113.40 }
table inet berth {
	set edge4 {
		type ipv4_addr
		flags interval
		elements = { 173.245.48.0/20,
			103.21.244.0/22 }
	}
	set bi { type ipv4_addr; flags interval, timeout; }
	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		ct state vmap { established : accept, related : accept, invalid : drop }
		iif "lo" accept
		ip saddr @edge4 tcp dport 443 accept comment "the edge # is not a comment"
		ip saddr $office tcp dport { 22, 2222-2230 } ct state new limit rate 10/minute accept
		iifname "wg0" ip saddr 10.255.0.2 tcp dport { 5432, 5433 } accept
		ip saddr @bi tcp dport 5432 ct status dnat accept
		icmp type echo-request limit rate 5/second accept
		udp dport 51820 jump tunnel
		include "/etc/nftables.d/*.nft"
		log prefix "refused: " counter drop
	}
	chain tunnel {
		ip saddr 198.51.100.20 accept
		return
	}
}
`

// show is what is open, one line each.
func show(all []host.Opening) string {
	var b strings.Builder
	for _, o := range all {
		fmt.Fprintf(&b, "from %v%s by %v %v%v %v dnat=%v\n", o.Sources, o.Set, o.Interfaces, o.Protocols, o.Ports, o.States, o.Redirected)
	}
	return b.String()
}

func firewall(text string, more ...string) host.Firewall {
	files := host.Files{"/etc/nftables.conf": {Content: text}}
	for i, text := range more {
		files[fmt.Sprintf("/etc/nftables.d/%d.nft", i)] = host.File{Content: text}
	}
	return host.ReadFirewall(files, "/etc/nftables.conf")
}

func TestFirewall(t *testing.T) {
	f := firewall(ruleset, "ip saddr 192.0.2.0/24 tcp dport 9100 accept")
	const want = `from [] by [] [][] [established related] dnat=false
from [] by [] [][] [established] dnat=false
from [] by [] [][] [related] dnat=false
from [] by [lo] [][] [] dnat=false
from [173.245.48.0/20 103.21.244.0/22] by [] [tcp][{443 443}] [] dnat=false
from [203.0.113.16/29 203.0.113.40/32] by [] [tcp][{22 22} {2222 2230}] [new] dnat=false
from [10.255.0.2/32] by [wg0] [tcp][{5432 5432} {5433 5433}] [] dnat=false
from []bi by [] [tcp][{5432 5432}] [] dnat=true
from [] by [] [icmp][] [] dnat=false
from [198.51.100.20/32] by [] [udp][{51820 51820}] [] dnat=false
from [192.0.2.0/24] by [] [tcp][{9100 9100}] [] dnat=false
`
	if got := show(f.Open("input")); got != want || len(f.Problems) > 0 {
		t.Errorf("%v\ngot\n%s\nwant\n%s", f.Problems, got, want)
	}
	if all := f.Open("forward"); len(all) != 1 || !all[0].Anybody() || all[0].Follows() {
		t.Errorf("no chain there: %s", show(all))
	}
}

// What cannot be read is open, and so is what is written in another way than is known.
func TestUnreadableIsOpen(t *testing.T) {
	inside := func(rule string) string {
		return "table inet f {\n chain input { type filter hook input priority 0; policy drop;\n" + rule + "\n}\n}"
	}
	for name, text := range map[string]string{
		"policy":            strings.Replace(inside(""), "drop", "accept", 1),
		"no policy":         strings.Replace(inside(""), "policy drop;", "", 1),
		"other family":      strings.Replace(inside(""), "inet", "ip6", 1),
		"empty":             "",
		"negation":          inside("ip saddr != 10.0.0.1 accept"),
		"no such set":       inside("ip saddr @nobody accept"),
		"range":             inside("ip saddr 10.0.0.0-10.0.0.9 accept"),
		"unknown match":     inside("fib saddr type local accept"),
		"unknown chain":     inside("jump elsewhere"),
		"undefined":         inside("ip saddr $office accept"),
		"never closed":      strings.TrimSuffix(inside("drop"), "}"),
		"odd":               inside("drop") + "\nadd rule inet f input accept",
		"map by name":       inside("tcp dport vmap @services"),
		"everybody":         inside("ip saddr 0.0.0.0/0 accept"),
		"an element is all": inside("ip saddr { 10.0.0.1, 0.0.0.0/0 } accept"),
	} {
		t.Run(name, func(t *testing.T) {
			f := firewall(text)
			for _, o := range f.Open("input") {
				if o.Anybody() && !o.Follows() && len(o.Ports) == 0 {
					return
				}
			}
			t.Errorf("it is not open: %s", show(f.Open("input")))
		})
	}
	if f := host.ReadFirewall(nil, "/etc/nftables.conf"); len(f.Problems) == 0 {
		t.Error("a ruleset that is not there has no problem")
	}
}

func TestElementsFromElsewhere(t *testing.T) {
	const text = "table inet f\ndelete table inet f\ntable inet f {\n set a { type ipv4_addr; }\n set b { type ipv4_addr; flags timeout; }\n chain input {\n type filter hook input priority 0; policy drop;\n" +
		"ip6 hoplimit 255 icmpv6 type { nd-router-advert } accept\nip saddr @a tcp dport 22 accept\nip saddr @b tcp dport 443 accept\n}\n}\ninclude \"/etc/nftables.d/*.nft\"\n"
	f := firewall(text)
	const empty = "from [] by [] [icmpv6][] [] dnat=false\nfrom []a by [] [tcp][{22 22}] [] dnat=false\nfrom []b by [] [tcp][{443 443}] [] dnat=false\n"
	if all := f.Open("input"); show(all) != empty || all[1].Filled || !all[2].Filled || all[1].Anybody() {
		t.Errorf("%v\n%s", f.Problems, show(all))
	}
	if all := firewall(text, "add element inet f a { 10.0.0.1, 0.0.0.0/0 }").Open("input"); !all[1].Anybody() {
		t.Errorf("a file adds everybody: %s", show(all))
	}
	if f := firewall(text, "add element inet f c { 10.0.0.1 }"); len(f.Problems) == 0 {
		t.Error("an element of a set that is not there is no problem")
	}
}

func FuzzFirewall(f *testing.F) {
	f.Add(ruleset, "accept")
	f.Add("table inet f {\nchain input {\ntype filter hook input priority 0; policy drop;\njump input\n}\n}", "")
	f.Add("define a = { $a, $a }\ndefine a = { $a, $a }\ntable inet f { set s { elements = { $a } } }", `include "/etc/nftables.d/*.nft"`)
	f.Fuzz(func(t *testing.T, text, more string) {
		for _, o := range firewall(text, more).Open("input") {
			for _, p := range o.Sources {
				if !p.IsValid() {
					t.Errorf("no range of addresses: %v", p)
				}
			}
		}
	})
}
