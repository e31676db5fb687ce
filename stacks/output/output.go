// Package output is how a stack's program hands values out: each as a Pulumi
// stack output, together with the purpose it serves, so that whoever reads the
// outputs of a stack knows what each is for.
package output

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Purposes is the stack output that maps every other output's name to its purpose.
const Purposes = "purposes"

// Output is one value with its purpose. A secret value stays a Pulumi secret.
type Output struct {
	Name    string // lowerCamelCase
	Purpose string // one sentence without a full stop
	Value   pulumi.Input
}

// Export hands all outputs out. A name that is given twice, or an output without a purpose, is an error.
func Export(ctx *pulumi.Context, outputs []Output) error {
	purposes := pulumi.StringMap{}
	for _, o := range outputs {
		if o.Name == "" || o.Name == Purposes || o.Purpose == "" {
			return fmt.Errorf("export output %q: give it a name of its own and a purpose", o.Name)
		}
		if _, twice := purposes[o.Name]; twice {
			return fmt.Errorf("export output %q: the name is given twice", o.Name)
		}
		purposes[o.Name] = pulumi.String(o.Purpose)
		ctx.Export(o.Name, o.Value)
	}
	ctx.Export(Purposes, purposes)
	return nil
}
