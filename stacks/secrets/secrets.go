// Package secrets is where a stack's program gets the secrets that machines
// need: from Pulumi's configuration, each under berth:<name> in encrypted form.
// Where nothing is registered for real, as when promises are judged by the
// resource graph, nobody's secrets are needed and each has a stand-in.
package secrets

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// namespace is the project's own part of a stack's configuration.
const namespace = "berth:"

// Source gives secrets by name.
type Source interface {
	// Get gives all of them; what is missing is reported at once.
	Get(names []string) (map[string]pulumi.StringInput, error)
	// Optional gives one that a stack can do without, or nil.
	Optional(name string) pulumi.StringInput
}

// Configured reads the stack's configuration.
func Configured(ctx *pulumi.Context) Source { return configured{ctx} }

type configured struct{ ctx *pulumi.Context }

func (c configured) Get(names []string) (map[string]pulumi.StringInput, error) {
	var errs []error
	values := map[string]pulumi.StringInput{}
	names = slices.Clone(names)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		text, found := c.ctx.GetConfig(namespace + name)
		switch {
		case !found || text == "":
			errs = append(errs, fmt.Errorf("the secret %s%s is not set: `pulumi config set --secret %s%s`", namespace, name, namespace, name))
		case !c.ctx.IsConfigSecret(namespace + name):
			errs = append(errs, fmt.Errorf("%s%s stands in plain text: make another one, and `pulumi config set --secret %s%s`", namespace, name, namespace, name))
		default:
			values[name] = secret(text)
		}
	}
	return values, errors.Join(errs...)
}

func (c configured) Optional(name string) pulumi.StringInput {
	if text, found := c.ctx.GetConfig(namespace + name); found && text != "" {
		return secret(text)
	}
	return nil
}

// Invented has a stand-in for every secret that is needed, and none that is not.
func Invented() Source { return invented{} }

type invented struct{}

func (invented) Get(names []string) (map[string]pulumi.StringInput, error) {
	values := map[string]pulumi.StringInput{}
	for _, name := range names {
		values[name] = secret("stand-in-for-" + name)
	}
	return values, nil
}

func (invented) Optional(string) pulumi.StringInput { return nil }

func secret(text string) pulumi.StringInput {
	return pulumi.ToSecret(pulumi.String(text)).(pulumi.StringOutput)
}

// Of are those of some values that a bundle asks for.
func Of(values map[string]pulumi.StringInput, names []string) map[string]pulumi.StringInput {
	found := map[string]pulumi.StringInput{}
	for _, name := range names {
		if v := values[name]; v != nil {
			found[name] = v
		}
	}
	return found
}
