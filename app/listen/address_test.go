package listen_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	proxyproto "github.com/pires/go-proxyproto"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/listen"
)

func networks(t testing.TB, texts ...string) []netip.Prefix {
	t.Helper()
	all, err := listen.Networks(texts)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestClientAddressAV12(t *testing.T) {
	trusted := networks(t, "10.0.0.0/8", "2001:db8:ed9e::/48", "198.51.100.7")
	cf := "CF-Connecting-IP"
	for name, tc := range map[string]struct {
		remote, header string
		forwarded      []string
		connecting     []string
		want           string
	}{
		"no proxy":                     {remote: "192.0.2.1:99", want: "192.0.2.1"},
		"a visitor makes a list up":    {remote: "192.0.2.1:99", forwarded: []string{"203.0.113.9"}, want: "192.0.2.1"},
		"a visitor makes a header up":  {remote: "192.0.2.1:99", header: cf, connecting: []string{"203.0.113.9"}, want: "192.0.2.1"},
		"one proxy":                    {remote: "10.0.0.1:99", forwarded: []string{"203.0.113.9"}, want: "203.0.113.9"},
		"edge and balancer":            {remote: "10.0.0.1:99", forwarded: []string{"203.0.113.9, 198.51.100.7"}, want: "203.0.113.9"},
		"a visitor wrote before":       {remote: "10.0.0.1:99", forwarded: []string{"127.0.0.1, 10.0.0.9, 203.0.113.9, 198.51.100.7"}, want: "203.0.113.9"},
		"several lines":                {remote: "10.0.0.1:99", forwarded: []string{"1.2.3.4", "203.0.113.9", "10.0.0.3"}, want: "203.0.113.9"},
		"all trusted":                  {remote: "10.0.0.1:99", forwarded: []string{"10.1.1.1, 10.0.0.9"}, want: "10.1.1.1"},
		"a trusted one says nothing":   {remote: "10.0.0.1:99", want: "10.0.0.1"},
		"with a port":                  {remote: "10.0.0.1:99", forwarded: []string{"203.0.113.9:4711"}, want: "203.0.113.9"},
		"IPv6":                         {remote: "[2001:db8:ed9e::1]:99", forwarded: []string{"2001:db8::5"}, want: "2001:db8::5"},
		"IPv6 with brackets":           {remote: "10.0.0.1:99", forwarded: []string{"[2001:db8::5]"}, want: "2001:db8::5"},
		"IPv6 with a port":             {remote: "10.0.0.1:99", forwarded: []string{"[2001:db8::5]:443"}, want: "2001:db8::5"},
		"IPv4 written as IPv6":         {remote: "[::ffff:10.0.0.1]:99", forwarded: []string{"::ffff:203.0.113.9"}, want: "203.0.113.9"},
		"a zone":                       {remote: "[fe80::1%eth0]:99", want: "fe80::1"},
		"garbage":                      {remote: "10.0.0.1:99", forwarded: []string{"203.0.113.9, unknown"}, want: "10.0.0.1"},
		"garbage behind a proxy":       {remote: "10.0.0.1:99", forwarded: []string{"<script>, 198.51.100.7"}, want: "198.51.100.7"},
		"empty entries":                {remote: "10.0.0.1:99", forwarded: []string{"203.0.113.9,,"}, want: "10.0.0.1"},
		"spaces":                       {remote: "10.0.0.1:99", forwarded: []string{"  203.0.113.9  "}, want: "203.0.113.9"},
		"half a bracket":               {remote: "10.0.0.1:99", forwarded: []string{"[2001:db8::5"}, want: "10.0.0.1"},
		"an endless list":              {remote: "10.0.0.1:99", forwarded: []string{"203.0.113.9," + strings.Repeat("10.0.0.2,", 10000) + "10.0.0.2"}, want: "10.0.0.2"},
		"the edge's header":            {remote: "10.0.0.1:99", header: cf, connecting: []string{"203.0.113.9"}, forwarded: []string{"1.2.3.4"}, want: "203.0.113.9"},
		"the edge's header twice":      {remote: "10.0.0.1:99", header: cf, connecting: []string{"203.0.113.9", "1.2.3.4"}, want: "10.0.0.1"},
		"the edge's header is garbage": {remote: "10.0.0.1:99", header: cf, connecting: []string{"203.0.113.9, 1.2.3.4"}, want: "10.0.0.1"},
		"a header that nobody named":   {remote: "10.0.0.1:99", connecting: []string{"1.2.3.4"}, want: "10.0.0.1"},
		"a Unix socket":                {remote: "@", forwarded: []string{"1.2.3.4"}, want: "invalid IP"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = tc.remote
		r.Header["X-Forwarded-For"] = tc.forwarded
		r.Header[http.CanonicalHeaderKey(cf)] = tc.connecting
		if got := listen.ClientAddress(r, listen.Edge{Trusted: trusted, Header: tc.header}); got.String() != tc.want {
			t.Errorf("%s: %v, want %s", name, got, tc.want)
		}
		if got := listen.ClientAddress(r, listen.Edge{}); got.String() == "203.0.113.9" || got.String() == "1.2.3.4" {
			t.Errorf("%s: an edge that trusts nobody believes %v", name, got)
		}
	}
}

func TestAUnixSocketIsTrustedWhenToldSo_AV_12(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	for name, tc := range map[string]struct {
		edge listen.Edge
		want string
	}{
		"nobody is trusted":          {listen.Edge{}, "invalid IP http false"},
		"networks are trusted":       {listen.Edge{Trusted: networks(t, "10.0.0.0/8")}, "invalid IP http false"},
		"the socket is":              {listen.Edge{Socket: true}, "203.0.113.9 https true"},
		"the socket and the network": {listen.Edge{Socket: true, Trusted: networks(t, "203.0.113.0/24")}, "1.2.3.4 https true"},
	} {
		t.Run(name, func(t *testing.T) {
			all, err := listen.Open(t.Context(), path, nil)
			if err != nil {
				t.Fatal(err)
			}
			s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprint(w, listen.ClientAddress(r, tc.edge), " ", listen.Scheme(r, tc.edge), " ", tc.edge.TrustsNearest(r))
			})}
			go func() { _ = listen.Serve(s, all[0]) }()
			defer s.Close()
			// The name that the other end gives itself is no address, however it looks.
			from := &net.Dialer{LocalAddr: &net.UnixAddr{Name: "@10.0.0.1:80", Net: "unix"}}
			for _, d := range []*net.Dialer{{}, from} {
				conn, err := d.DialContext(t.Context(), "unix", path)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-For: 1.2.3.4, 203.0.113.9\r\nX-Forwarded-Proto: https\r\n\r\n")
				answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(answer.Body)
				_ = answer.Body.Close()
				_ = conn.Close()
				if string(body) != tc.want {
					t.Errorf("%q, want %q", body, tc.want)
				}
			}
		})
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "10.0.0.1:9"
	if e := (listen.Edge{Socket: true}); e.TrustsNearest(r) {
		t.Error("an address is trusted because a socket is")
	}
}

func TestScheme(t *testing.T) {
	edge := listen.Edge{Trusted: networks(t, "10.0.0.0/8")}
	for remote, want := range map[string]string{"10.0.0.1:9": "https", "192.0.2.1:9": "http"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = remote
		r.Header.Set("X-Forwarded-Proto", "https")
		if got := listen.Scheme(r, edge); got != want {
			t.Errorf("%s: %s", remote, got)
		}
	}
	if got := listen.Scheme(httptest.NewRequest(http.MethodGet, "https://x.example/", nil), listen.Edge{}); got != "https" {
		t.Errorf("TLS is %s", got)
	}
}

func TestNetworks(t *testing.T) {
	got, err := listen.Networks([]string{"10.1.2.3/8", "192.0.2.1", "2001:db8::1/32"})
	if err != nil || fmt.Sprint(got) != "[10.0.0.0/8 192.0.2.1/32 2001:db8::/32]" {
		t.Errorf("%v, %v", got, err)
	}
	_, err = listen.Networks([]string{"x", "0.0.0.0/0", "::/0", "10.0.0.0/40", "::ffff:10.0.0.0/104", "10.0.0.0/8"})
	if len(fault.Problems(err)) != 5 {
		t.Errorf("%v", err)
	}
}

func FuzzClientAddress(f *testing.F) {
	for _, seed := range []string{"", "1.2.3.4", "[::1]:80", "1.2.3.4, 10.0.0.1", ",,,", "unknown", "::ffff:1.2.3.4%x"} {
		f.Add(seed, "10.0.0.1:80")
		f.Add(seed, "192.0.2.1:80")
	}
	edge := listen.Edge{Trusted: networks(f, "10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, forwarded, remote string) {
		r := &http.Request{RemoteAddr: remote, Header: http.Header{"X-Forwarded-For": {forwarded}}}
		got := listen.ClientAddress(r, edge)
		alone := listen.ClientAddress(&http.Request{RemoteAddr: remote}, edge)
		if got.Is4In6() || got.Zone() != "" {
			t.Errorf("%v is not in its plain form", got)
		}
		if !alone.IsValid() && got.IsValid() || alone.IsValid() && !edge.Trusted[0].Contains(alone) && got != alone {
			t.Errorf("from %q the list %q is believed: %v", remote, forwarded, got)
		}
	})
}

func TestProxyProtocol(t *testing.T) {
	serve := func(trusted ...string) string {
		raw, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l, err := listen.ProxyProtocol(raw, networks(t, trusted...), 200*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, listen.ClientAddress(r, listen.Edge{}))
		})}
		go func() { _ = listen.Serve(s, l) }()
		t.Cleanup(func() { _ = s.Close() })
		return raw.Addr().String()
	}
	ask := func(address, before string) string {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
		_, _ = io.WriteString(conn, before+"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return "refused"
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		if answer.StatusCode != http.StatusOK {
			return "refused"
		}
		return string(body)
	}
	var v2 strings.Builder
	_, _ = (&proxyproto.Header{Version: 2, Command: proxyproto.PROXY, TransportProtocol: proxyproto.TCPv6,
		SourceAddr: &net.TCPAddr{IP: net.ParseIP("2001:db8::7"), Port: 9}, DestinationAddr: &net.TCPAddr{IP: net.ParseIP("2001:db8::8"), Port: 443}}).WriteTo(&v2)
	trusting, other := serve("127.0.0.0/8"), serve("10.0.0.0/8")
	for name, tc := range map[string]struct{ address, before, want string }{
		"version 1":                 {trusting, "PROXY TCP4 203.0.113.9 10.0.0.1 5555 443\r\n", "203.0.113.9"},
		"version 2":                 {trusting, v2.String(), "2001:db8::7"},
		"no header":                 {trusting, "", "refused"},
		"garbage":                   {trusting, "PROXY TCP4 x y z\r\n", "refused"},
		"too long":                  {trusting, "PROXY TCP4 " + strings.Repeat("1", 500) + "\r\n", "refused"},
		"untrusted, with a header":  {other, "PROXY TCP4 203.0.113.9 10.0.0.1 5555 443\r\n", "refused"},
		"untrusted, without header": {other, "", "refused"},
	} {
		if got := ask(tc.address, tc.before); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
	slow, err := net.Dial("tcp", trusting)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	_, _ = io.WriteString(slow, "PRO")
	_ = slow.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.ReadAll(slow); err != nil && strings.Contains(err.Error(), "timeout") {
		t.Error("who begins a header and stops is not cut off")
	}
	if _, err := listen.ProxyProtocol(nil, nil, 0); !fault.Is(err, fault.Invalid) {
		t.Errorf("the PROXY protocol of everybody: %v", err)
	}
}
