// Command skipped reads the records of test runs (go test -json) and lists each
// test that was skipped, with the reason that it gave. It never fails: a skip is
// no failure, but it must be seen.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

type event struct{ Action, Package, Test, Output string }

func main() {
	skipped := 0
	for _, path := range os.Args[1:] {
		f, err := os.Open(path)
		if err != nil {
			fmt.Fprintln(os.Stderr, "skipped:", err)
			continue
		}
		reasons := map[string][]string{}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			var e event
			if json.Unmarshal(lines.Bytes(), &e) != nil || e.Test == "" {
				continue
			}
			key := e.Package + " " + e.Test
			switch e.Action {
			case "output":
				text := strings.TrimSpace(e.Output)
				if text != "" && !strings.HasPrefix(text, "=== ") && !strings.HasPrefix(text, "--- ") {
					reasons[key] = append(reasons[key], text)
				}
			case "skip":
				skipped++
				fmt.Printf("  %s: %s\n", key, strings.Join(reasons[key], " "))
			}
		}
		_ = f.Close()
	}
	if skipped == 0 {
		fmt.Println("  none")
	}
}
