package loopback

import (
	"net"
	"runtime"
	"testing"
)

func TestOwnerOfAConnection(t *testing.T) {
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("the list is written as processors with their lowest byte first have it")
	}
	lists := []string{"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n" +
		"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 11 1 0 100 0 0 10 0\n" +
		"   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 12 1 0 20 4 30 10 -1\n" +
		"   2: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1007        0 13 1 0 20 4 30 10 -1\n" +
		"   3: 0100007F:C351 0100007F:1F90 06 00000000:00000000 03:00000F6D 00000000     0        0 0 3 0\n",
		"   0: 0000000000000000FFFF00000100007F:C352 0000000000000000FFFF00000100007F:1F90 01 00000000:00000000 00:00000000 00000000  1008        0 14 1 0 20 4 30 10 -1\n"}
	here := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}
	for port, want := range map[int]int{50000: 1007, 50002: 1008, 50001: -1, 50003: -1} {
		uid, ok := ownerOf(lists, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}, here)
		if !ok {
			uid = -1
		}
		if uid != want {
			t.Errorf("the connection from port %d is user %d's, want %d (-1: nobody's)", port, uid, want)
		}
	}
}
