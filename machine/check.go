package machine

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// check holds what is given against what the bundle asks for.
func (a BundleArgs) check() error {
	return errors.Join(given("setting", a.Bundle.Settings, a.Settings), given("secret", a.Bundle.Secrets, a.Secrets))
}

func given(what string, asked []string, values map[string]pulumi.StringInput) error {
	var errs []error
	for _, name := range asked {
		if values[name] == nil {
			errs = append(errs, fmt.Errorf("%s %q has no value: the bundle asks for it", what, name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(asked, name) {
			errs = append(errs, fmt.Errorf("%s %q is not asked for by the bundle: leave it out", what, name))
		}
	}
	return errors.Join(errs...)
}
