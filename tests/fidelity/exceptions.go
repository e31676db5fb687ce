package fidelity

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Exception is why the embedded cloud says something else in some cases.
type Exception struct {
	Reason string `yaml:"reason"`
	// Cases are keys of findings; "×3" after one says that it stands for three, of several bases or values.
	Cases []string `yaml:"cases"`
}

// ReadExceptions reads the file of exceptions.
func ReadExceptions(path string) ([]Exception, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all []Exception
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&all); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return all, nil
}

// Judge holds the disagreements among findings against the exceptions: each has to be one, and each exception has to
// be needed, as often as it says.
func Judge(findings []Finding, exceptions []Exception) []string {
	allowed, said := map[string]int{}, map[string]int{}
	var problems []string
	for _, e := range exceptions {
		for _, line := range e.Cases {
			key, count := line, 1
			if name, times, ok := strings.Cut(line, " ×"); ok {
				n, err := strconv.Atoi(times)
				if err != nil {
					problems = append(problems, fmt.Sprintf("exception %q: %q is no number", line, times))
				}
				key, count = name, n
			}
			if _, twice := allowed[key]; twice {
				problems = append(problems, fmt.Sprintf("exception %q stands twice", key))
			}
			allowed[key] = count
		}
	}
	for _, f := range findings {
		if f.Agrees() {
			continue
		}
		said[f.Key()]++
		if allowed[f.Key()] == 0 {
			problems = append(problems, fmt.Sprintf("%s (%s): the real provider says %q, the embedded cloud %q", f.Key(), f.Base, f.Real, f.Embedded))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(allowed)) {
		if said[key] != allowed[key] {
			problems = append(problems, fmt.Sprintf("exception %q: stands for %d cases, and there are %d", key, allowed[key], said[key]))
		}
	}
	return problems
}
