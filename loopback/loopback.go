// Package loopback tells whose a connection on this machine is. Pulumi's engine
// calls providers on a port that every user of the machine can reach, and there
// is no way to hand it a secret for that: a refresh or a destroy runs no
// program, and what is in the state is old. The kernel knows who calls.
//
// It knows no provider, and not what is called.
package loopback

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// OfThisUser says why a connection is not one of the user's own; nil: it is, or the system has no way to tell.
func OfThisUser(caller, here net.Addr) error {
	if runtime.GOOS != "linux" {
		return nil
	}
	var lists []string
	for _, path := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("it cannot be told who calls: %w", err)
		}
		lists = append(lists, string(text))
	}
	uid, ok := ownerOf(lists, caller, here)
	switch {
	case !ok:
		return fmt.Errorf("it cannot be told who calls from %s: the kernel's list of connections does not name it", caller)
	case uid != 0 && uid != os.Geteuid(): // root may do everything anyway
		return fmt.Errorf("the user with the number %d calls, and the provider serves the one with the number %d alone", uid, os.Geteuid())
	}
	return nil
}

// ownerOf finds the caller's end of an open connection in the kernel's lists, and whose it is. One that is being closed is nobody's:
// the kernel then names root.
func ownerOf(lists []string, caller, here net.Addr) (uid int, ok bool) {
	const established = "01"
	from, errFrom := netip.ParseAddrPort(caller.String())
	to, errTo := netip.ParseAddrPort(here.String())
	if errFrom != nil || errTo != nil {
		return 0, false
	}
	for _, list := range lists {
		for line := range strings.Lines(list) {
			words := strings.Fields(line) // number, its own end, the other, state, queues, timer, retransmissions, user, …
			if len(words) < 8 || words[3] != established || !isEnd(words[1], from) || !isEnd(words[2], to) {
				continue
			}
			uid, err := strconv.Atoi(words[7])
			return uid, err == nil
		}
	}
	return 0, false
}

// isEnd compares an address as the kernel writes it: hexadecimal, each four bytes as the processor has them, then the port.
func isEnd(text string, want netip.AddrPort) bool {
	words, port, _ := strings.Cut(text, ":")
	if p, err := strconv.ParseUint(port, 16, 16); err != nil || uint16(p) != want.Port() {
		return false
	}
	var raw []byte
	for ; len(words) >= 8; words = words[8:] {
		n, err := strconv.ParseUint(words[:8], 16, 32)
		if err != nil {
			return false
		}
		raw = binary.NativeEndian.AppendUint32(raw, uint32(n))
	}
	address, ok := netip.AddrFromSlice(raw)
	return ok && address.Unmap() == want.Addr().Unmap()
}
