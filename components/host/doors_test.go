package host

import (
	"os/exec"
	"strings"
	"testing"
)

// Two clients' BI tools may stand in ranges of which one holds the other: nft takes no such pair in a set with ends.
func TestRangesOfDoorsThatHoldOthers_DP_5(t *testing.T) {
	script := clusterText("berth-doors", nil)
	begin := strings.Index(script, "\nwidest()")
	if begin < 0 {
		t.Fatal("berth-doors has no function widest")
	}
	function, _, _ := strings.Cut(script[begin:], "\n}\n")
	for given, want := range map[string]string{
		"203.0.113.0/24 100\n203.0.113.7/32 200\n": "203.0.113.0/24 100\n",
		"203.0.113.7 50\n203.0.113.7/32 70\n":      "203.0.113.7/32 70\n",
		"10.0.0.0/9 5\n10.128.0.0/9 6\n":           "10.0.0.0/9 5\n10.128.0.0/9 6\n",
		"192.0.2.255/32 7\n192.0.2.0/25 8\n":       "192.0.2.0/25 8\n192.0.2.255/32 7\n",
		"":                                         "",
	} {
		c := exec.CommandContext(t.Context(), "bash", "-Eeuo", "pipefail", "-c", function+"\n}\nwidest | LC_ALL=C sort")
		c.Stdin = strings.NewReader(given)
		if out, err := c.CombinedOutput(); err != nil || string(out) != want {
			t.Errorf("%q: %q %v, want %q", given, out, err, want)
		}
	}
}
