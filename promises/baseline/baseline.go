// Package baseline is good practice beyond what clients are promised: at least
// what the CIS AWS Foundations Benchmark and the AWS Foundational Security Best
// Practices ask of the resources in use, each rule with its sources. A rule is
// an exported method of the type baseline, a file for each service; All finds
// the methods.
package baseline

import (
	"reflect"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
)

// baseline has one method for each control.
type baseline struct{}

// All are all controls, by ID.
func All() []promises.Control {
	v := reflect.ValueOf(baseline{})
	var all []promises.Control
	for i := range v.NumMethod() {
		if control, ok := v.Method(i).Interface().(func() promises.Control); ok {
			all = append(all, control())
		}
	}
	slices.SortFunc(all, func(a, b promises.Control) int { return strings.Compare(a.ID, b.ID) })
	return all
}
