// Command scan tells which ports of an address answer: `scan ADDRESS` prints a line such as "tcp 443 open" for each that does, tries
// every TCP port and the UDP ports that services are known by. It is for machines of the lab alone.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sort"
	"sync"
	"syscall"
	"time"
)

const (
	patience = 1500 * time.Millisecond
	atOnce   = 1500
)

var dialer = net.Dialer{Timeout: patience, KeepAlive: -1}

func main() {
	if len(os.Args) != 2 || net.ParseIP(os.Args[1]) == nil {
		fmt.Fprintln(os.Stderr, "usage: scan ADDRESS")
		os.Exit(2)
	}
	var mu sync.Mutex
	var found []string
	note := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		found = append(found, fmt.Sprintf(format, args...))
	}
	ports := make(chan int)
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for port := range ports {
				if answer := tcp(os.Args[1], port); answer != "" {
					note("tcp %d %s", port, answer)
				}
			}
		})
	}
	for port := 1; port <= 65535; port++ {
		ports <- port
	}
	close(ports)
	workers.Wait()
	for _, port := range []int{53, 67, 68, 69, 111, 123, 137, 161, 323, 500, 514, 546, 631, 1194, 1900, 4500, 5353, 5355, 51820} {
		workers.Go(func() {
			if answer := udp(os.Args[1], port); answer != "" {
				note("udp %d %s", port, answer)
			}
		})
	}
	workers.Wait()
	sort.Strings(found)
	for _, line := range found {
		fmt.Println(line)
	}
	fmt.Println("scanned")
}

// tcp says "open", "closed" for a refusal (the firewall let the question through), or nothing.
func tcp(address string, port int) string {
	conn, err := dialer.DialContext(context.Background(), "tcp", net.JoinHostPort(address, fmt.Sprint(port)))
	switch {
	case err == nil:
		_ = conn.Close()
		return "open"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "closed"
	default:
		return ""
	}
}

func udp(address string, port int) string {
	conn, err := dialer.DialContext(context.Background(), "udp", net.JoinHostPort(address, fmt.Sprint(port)))
	if err != nil {
		return ""
	}
	defer func() { _ = conn.Close() }()
	for range 2 {
		_, _ = conn.Write([]byte{0xe3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0})
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	_, err = conn.Read(make([]byte, 512))
	switch {
	case err == nil:
		return "open"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "closed"
	default:
		return ""
	}
}
