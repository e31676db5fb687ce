package listen

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	proxyproto "github.com/pires/go-proxyproto"

	"github.com/berth-iac/berth/app/fault"
)

// Edge says which proxies stand in front. Only they may say who somebody is; an empty Edge trusts nobody.
type Edge struct {
	// Trusted are the networks of all proxies in front, the nearest and those behind it: the load balancer's and the edge's.
	Trusted []netip.Prefix
	// Header is the one that the nearest proxy sets to a single address, such as CF-Connecting-IP, overwriting what came. "" is
	// X-Forwarded-For, to which every proxy appends whom it was asked by.
	Header string
	// Socket says that whoever asks on a Unix socket is a trusted proxy: the socket's owner and mode say who may.
	Socket bool
}

// maxHops bounds how far back a list of proxies is read.
const maxHops = 32

func (e Edge) trusts(a netip.Addr) bool {
	for _, p := range e.Trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// TrustsNearest tells whether who is connected is a trusted proxy.
func (e Edge) TrustsNearest(r *http.Request) bool {
	if onSocket(r) {
		return e.Socket
	}
	nearest := address(r.RemoteAddr)
	return nearest.IsValid() && e.trusts(nearest)
}

// onSocket tells whether a request came on a Unix socket. The server's own end says so: the other may have any name.
func onSocket(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && local.Network() == "unix"
}

// connected is the address of who is connected; who is on a Unix socket has none.
func connected(r *http.Request) netip.Addr {
	if onSocket(r) {
		return netip.Addr{}
	}
	return address(r.RemoteAddr)
}

// ClientAddress is where a request comes from: the address of the connection, or, if that is a trusted proxy's, what the proxy says.
// A list is read from the right, where the nearest proxy wrote, and the first address that is no trusted proxy's is the client; what
// stands left of it anybody can have made up. Where an entry cannot be read, the proxy that passed it on is named. The zero value says
// that it is not known, as on a Unix socket where nobody is trusted, or where the proxy says nothing.
func ClientAddress(r *http.Request, e Edge) netip.Addr {
	nearest := connected(r)
	if !e.TrustsNearest(r) {
		return nearest
	}
	if e.Header != "" && !strings.EqualFold(e.Header, "X-Forwarded-For") {
		values := r.Header.Values(e.Header)
		if len(values) != 1 { // none, or somebody added another
			return nearest
		}
		if a := address(strings.TrimSpace(values[0])); a.IsValid() {
			return a
		}
		return nearest
	}
	rest := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	for hops := 0; rest != "" && hops < maxHops; hops++ {
		var entry string
		if i := strings.LastIndexByte(rest, ','); i >= 0 {
			rest, entry = rest[:i], rest[i+1:]
		} else {
			rest, entry = "", rest
		}
		a := address(strings.TrimSpace(entry))
		if !a.IsValid() {
			return nearest
		}
		if nearest = a; !e.trusts(a) {
			return a
		}
	}
	return nearest
}

// Scheme is https if the connection is, or if a trusted proxy says that it was asked so; otherwise http.
func Scheme(r *http.Request, e Edge) string {
	if r.TLS != nil {
		return "https"
	}
	if e.TrustsNearest(r) {
		values := r.Header.Values("X-Forwarded-Proto")
		if len(values) == 1 && strings.EqualFold(strings.TrimSpace(values[0]), "https") {
			return "https"
		}
	}
	return "http"
}

// address reads an address with or without a port, with or without brackets.
func address(s string) netip.Addr {
	if len(s) > 80 {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		if both, err := netip.ParseAddrPort(s); err == nil {
			a = both.Addr()
		} else if a, err = netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")); err != nil || !strings.HasPrefix(s, "[") || !strings.HasSuffix(s, "]") {
			return netip.Addr{}
		}
	}
	return a.Unmap().WithZone("")
}

// ProxyProtocol reads the PROXY header, version 1 or 2, that a load balancer puts before each connection. Connections of others than
// the trusted are closed, and so are theirs without a header, for then the client could write one. wait bounds how long the header may
// take; 0 is 5 seconds.
func ProxyProtocol(l net.Listener, trusted []netip.Prefix, wait time.Duration) (net.Listener, error) {
	if len(trusted) == 0 {
		return nil, fault.BadInput("proxy_protocol", "no network is trusted to send it", "name the load balancer's networks, such as 10.0.0.0/16")
	}
	if wait <= 0 {
		wait = 5 * time.Second
	}
	edge := Edge{Trusted: trusted}
	return &proxyproto.Listener{Listener: l, ReadHeaderTimeout: wait, ConnPolicy: func(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
		if from := address(o.Upstream.String()); from.IsValid() && edge.trusts(from) {
			return proxyproto.REQUIRE, nil
		}
		return proxyproto.REJECT, proxyproto.ErrInvalidUpstream
	}}, nil
}

// Networks reads CIDRs and single addresses, all problems at once.
func Networks(texts []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	var problems []error
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			a, addrErr := netip.ParseAddr(text)
			if addrErr != nil {
				problems = append(problems, fault.BadInput("trusted", fmt.Sprintf("%q is no network", text), "write it like 10.0.0.0/16 or 2001:db8::/32"))
				continue
			}
			p = netip.PrefixFrom(a.WithZone(""), a.BitLen())
		}
		switch {
		case p.Addr().Is4In6():
			problems = append(problems, fault.BadInput("trusted", fmt.Sprintf("%q is IPv4 written as IPv6", text), "write it as IPv4"))
		case p.Bits() == 0:
			problems = append(problems, fault.BadInput("trusted", fmt.Sprintf("%q trusts everybody", text), "name the proxies' networks"))
		default:
			all = append(all, p.Masked())
		}
	}
	return all, errors.Join(problems...)
}
