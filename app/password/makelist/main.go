// Command makelist makes password/breached.bin from a JSON array of passwords. See ../breached.md for where that comes from.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"slices"

	"github.com/berth-iac/berth/app/password"
)

// shortest: what is shorter is refused for its length, and as a part of something longer it says nothing.
const shortest = 5

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: makelist passwords.json breached.bin")
	}
	if err := build(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func build(in, out string) error {
	raw, err := os.ReadFile(in)
	if err != nil {
		return fmt.Errorf("read the list: %w", err)
	}
	var words []string
	if err := json.Unmarshal(raw, &words); err != nil {
		return fmt.Errorf("%s is no JSON array of texts: %w", in, err)
	}
	prints := make([]string, 0, len(words))
	for _, word := range words {
		if len(word) >= shortest {
			f := password.Fingerprint(word)
			prints = append(prints, string(f[:]))
		}
	}
	slices.Sort(prints)
	prints = slices.Compact(prints)
	list := make([]byte, 0, len(prints)*len(password.Fingerprint("")))
	for _, p := range prints {
		list = append(list, p...)
	}
	if err := os.WriteFile(out, list, 0o644); err != nil {
		return fmt.Errorf("write the list: %w", err)
	}
	log.Printf("%d passwords, %d bytes", len(prints), len(list))
	return nil
}
