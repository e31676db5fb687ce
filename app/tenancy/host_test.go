package tenancy_test

import (
	"strings"
	"testing"

	"github.com/berth-iac/berth/app/tenancy"
)

func TestHostsAreReadStrictly_DP_1(t *testing.T) {
	long := strings.Repeat("a", 63)
	for header, want := range map[string]string{
		"acme.example.com": "acme.example.com", "ACME.Example.COM": "acme.example.com", "acme.example.com.": "acme.example.com",
		"acme.example.com:8080": "acme.example.com", "acme.example.com.:443": "acme.example.com", "demo.localhost": "demo.localhost",
		"localhost:8080": "localhost", "xn--bcher-kva.example": "xn--bcher-kva.example", "1.a2": "1.a2", "a-b.c": "a-b.c",
		long + ".example": long + ".example",

		"": "", ".": "", "..": "", "a..b": "", ".acme": "", "acme..": "", "-acme.com": "", "acme-.com": "", "a_b.com": "", "*.com": "",
		"acme.com:": "", "acme.com:x": "", "acme.com:80:80": "", "acme.com:-1": "", "acme.com:123456": "", "acme.com:80/": "", "acme.com:８０": "",
		"127.0.0.1": "", "127.0.0.1:80": "", "1": "", "0x7f.1": "", "[::1]": "", "[::1]:80": "", "::1": "", "acme.1": "",
		"../acme": "", "acme/../b": "", "acme%2e": "", "acme\x00": "", "acme.com\r\nX: y": "", " acme.com": "", "acme.com ": "", "acme .com": "",
		"user@acme.com": "", "http://acme.com": "", "acme.com,evil.com": "", "acme.com;x": "", "acme\\b": "", "acme.com#": "", "acme.com?": "",
		"bücher.example": "", "аcme.com": "", "acme。com": "", "ACME.\u212Aom": "", "acme.com\u200b": "", "ﬀ.com": "",
		long + "a.example": "", strings.Repeat("a.", 127) + "a": "", strings.Repeat(long+".", 5): "",
	} {
		if len(header) == 253 && want == "" {
			want = header // just short enough
		}
		got, ok := tenancy.ParseHost(header)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q is %q, %v; want %q", header, got, ok, want)
		}
	}
}

func FuzzParseHost(f *testing.F) {
	for _, header := range []string{"acme.example.com:8080", "[::1]:80", "../x", "xn--a.b."} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		host, ok := tenancy.ParseHost(header)
		if !ok {
			return
		}
		if again, ok := tenancy.ParseHost(host); !ok || again != host {
			t.Errorf("%q is %q, which is %q, %v", header, host, again, ok)
		}
		if host == "" || len(host) > 253 || strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" || strings.Contains(host, "..") {
			t.Errorf("%q is %q", header, host)
		}
	})
}
