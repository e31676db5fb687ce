// Package baseline is good practice beyond what clients are promised: at least
// what the CIS AWS Foundations Benchmark and the AWS Foundational Security Best
// Practices ask of the resources in use, each rule with its sources. A rule is
// an exported method of the type baseline, a file for each service; All finds
// the methods. LEFT-OUT.md names what the sources ask and no rule here does.
//
// A rule's ID is the number that AWS Security Hub gives it, such as RDS.3. What
// only CIS has is called CIS- and its number; where no source has numbers
// (Cloudflare, Berth), the numbers are of this package. Severities are
// Security Hub's; Cloudflare's are Prowler's, and the few that nobody grades are
// like their neighbours'.
//
// The package knows no component, engine or cloud. It reads graphs.
package baseline

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/berth-iac/berth/promises"
)

// baseline has one method for each control.
type baseline struct{}

// All are all controls, service by service and by number.
func All() []promises.Control {
	v := reflect.ValueOf(baseline{})
	var all []promises.Control
	for i := range v.NumMethod() {
		if control, ok := v.Method(i).Interface().(func() promises.Control); ok {
			all = append(all, control())
		}
	}
	slices.SortFunc(all, func(a, b promises.Control) int { return Compare(a.ID, b.ID) })
	return all
}

// Compare orders IDs of controls: service by service and by number.
func Compare(a, b string) int {
	parts := func(id string) []string {
		return strings.FieldsFunc(id, func(r rune) bool { return r == '.' || r == '-' })
	}
	return slices.CompareFunc(parts(a), parts(b), func(a, b string) int {
		m, errA := strconv.Atoi(a)
		n, errB := strconv.Atoi(b)
		if errA != nil || errB != nil {
			return strings.Compare(a, b)
		}
		return cmp.Compare(m, n)
	})
}

// The sources, as references name them.

// fsbp is a control of the AWS Foundational Security Best Practices.
func fsbp(id string) string { return "AWS FSBP " + id }

// hub is a control of AWS Security Hub that belongs to its other standards, such as NIST SP 800-53, or that
// is not known to belong to the Foundational Security Best Practices.
func hub(id string) string { return "AWS Security Hub " + id }

// cis is a recommendation of the CIS AWS Foundations Benchmark.
func cis(number string) string { return "CIS AWS Foundations 3.0.0 " + number }

// prowler is a check of the open-source auditor Prowler.
func prowler(check string) string { return "Prowler " + check }
