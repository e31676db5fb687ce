// Package catalogue is what clients are promised: every promise, one file each,
// with its sentence, its parameters and the check that shows it in a stack's
// resource graph. Reports, documents, answers and the refusal of a stack read
// the promises from here.
//
// A promise is an exported method of the type catalogue that returns it, in a
// file of its own; All finds the methods, so that adding a promise is adding a
// file. docs/adding-a-promise.md says how.
package catalogue

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/berth-iac/berth/promises"
)

// catalogue has one method for each promise.
type catalogue struct{}

// groups is the order in which the groups of promises are listed.
var groups = []string{"AV", "BK", "DP", "AC", "AS", "OP"}

// All are all promises, group by group and by number.
func All() []promises.Promise {
	v := reflect.ValueOf(catalogue{})
	var all []promises.Promise
	for i := range v.NumMethod() {
		if promise, ok := v.Method(i).Interface().(func() promises.Promise); ok {
			all = append(all, promise())
		}
	}
	slices.SortFunc(all, func(a, b promises.Promise) int { return Compare(a.ID, b.ID) })
	return all
}

// Find is the promise with that ID.
func Find(id string) (promises.Promise, bool) {
	for _, p := range All() {
		if p.ID == id {
			return p, true
		}
	}
	return promises.Promise{}, false
}

// Compare orders IDs of promises: group by group and by number.
func Compare(a, b string) int {
	groupA, numberA, _ := strings.Cut(a, "-")
	groupB, numberB, _ := strings.Cut(b, "-")
	m, _ := strconv.Atoi(numberA) // 0 for what is no number: it comes first and is found by the tests
	n, _ := strconv.Atoi(numberB)
	return cmp.Or(cmp.Compare(slices.Index(groups, groupA), slices.Index(groups, groupB)), cmp.Compare(m, n), cmp.Compare(a, b))
}

// Group is the title of a promise's group.
func Group(id string) string {
	group, _, _ := strings.Cut(id, "-")
	return map[string]string{
		"AV": "Availability", "BK": "Backups and recovery", "DP": "Data", "AC": "Access", "AS": "Service security", "OP": "Operations",
	}[group]
}
