// Command scan tells which ports of an address answer: `scan ADDRESS` prints a line such as "tcp 443 open" for each that does, tries
// every TCP port and the UDP ports that services are known by. `scan ADDRESS known` tries those TCP ports alone that services are known
// by, few at once and with patience: an emulated machine has no processor for more. It is for machines of the lab alone.
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

func main() {
	known := len(os.Args) == 3 && os.Args[2] == "known"
	if len(os.Args) != 2 && !known || net.ParseIP(os.Args[1]) == nil {
		fmt.Fprintln(os.Stderr, "usage: scan ADDRESS [known]")
		os.Exit(2)
	}
	patience, atOnce, tried := 1500*time.Millisecond, 1500, [][2]int{{1, 65535}}
	if known {
		patience, atOnce = 6*time.Second, 100
		tried = [][2]int{{1, 1024}, {3306, 3306}, {5430, 5440}, {6379, 6379}, {8000, 8100}, {8400, 8450}, {9090, 9200}, {11211, 11211}, {19532, 19532}, {27017, 27017}}
	}
	dialer := net.Dialer{Timeout: patience, KeepAlive: -1}
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
				if answer := tcp(dialer, os.Args[1], port); answer != "" {
					note("tcp %d %s", port, answer)
				}
			}
		})
	}
	for _, t := range tried {
		for port := t[0]; port <= t[1]; port++ {
			ports <- port
		}
	}
	close(ports)
	workers.Wait()
	for _, port := range []int{53, 67, 68, 69, 111, 123, 137, 161, 323, 500, 514, 546, 631, 1194, 1900, 4500, 5353, 5355, 51820} {
		workers.Go(func() {
			if answer := udp(dialer, os.Args[1], port); answer != "" {
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
func tcp(dialer net.Dialer, address string, port int) string {
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

func udp(dialer net.Dialer, address string, port int) string {
	conn, err := dialer.DialContext(context.Background(), "udp", net.JoinHostPort(address, fmt.Sprint(port)))
	if err != nil {
		return ""
	}
	defer func() { _ = conn.Close() }()
	for range 2 {
		_, _ = conn.Write([]byte{0xe3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0})
	}
	_ = conn.SetReadDeadline(time.Now().Add(dialer.Timeout))
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
