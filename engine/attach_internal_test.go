package engine

import "testing"

func TestBeside(t *testing.T) {
	for _, tc := range []struct{ users, ours, want string }{
		{"", "machine:4000", "machine:4000"},
		{"aws:1,cloudflare:2", "machine:4000", "aws:1,cloudflare:2,machine:4000"},
		{"aws:1, machine:9", "machine:4000", "aws:1, machine:9"},
		{"aws:1", "", "aws:1"},
	} {
		if got := beside(tc.users, tc.ours); got != tc.want {
			t.Errorf("beside(%q, %q) = %q, want %q", tc.users, tc.ours, got, tc.want)
		}
	}
}
