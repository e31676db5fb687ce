// Package actions lists what the role that reads a running account back may do:
// IAM actions, all of which only read. The list is generated from the calls that
// package live makes; it stands here, by itself, so that the component that makes
// the role and the code that makes the calls read the same list without either
// knowing the other.
package actions

import (
	_ "embed"
	"strings"
)

//go:embed actions.txt
var list string

// All are the actions, such as rds:DescribeDBInstances, in alphabetical order.
func All() []string { return strings.Fields(list) }
