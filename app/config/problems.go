package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong.
type Problem struct {
	Place    string // such as taskflow.yaml:12:3, or the variable
	Path     string // such as listen.addresses
	Value    string // what stands there; "" where it may be a secret
	Expected string
	Fix      string
	line     int
}

func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.Place)
	if p.Path != "" {
		b.WriteString(": " + p.Path)
	}
	if p.Value != "" {
		fmt.Fprintf(&b, " is %s", p.Value)
	}
	b.WriteString(": expected " + p.Expected)
	if p.Fix != "" {
		b.WriteString("; " + p.Fix)
	}
	return b.String()
}

// Problems are all that is wrong with a configuration.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p)+1)
	lines[0] = fmt.Sprintf("the configuration has %d problems:", len(p))
	if len(p) == 1 {
		lines[0] = "the configuration has a problem:"
	}
	for i, one := range p {
		lines[i+1] = "  " + one.String()
	}
	return strings.Join(lines, "\n")
}

func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int { return cmp.Compare(a.line, b.line) })
	return p
}

// short is a value for a message: one line and not too long.
func short(value string) string {
	if runes := []rune(value); len(runes) > 60 {
		value = string(runes[:59]) + "…"
	}
	return fmt.Sprintf("%q", value)
}
