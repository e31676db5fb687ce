package output_test

import (
	"strings"
	"testing"

	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/stacks/output"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func TestExportRefusesWhatAReaderCouldNotUse(t *testing.T) {
	for want, outputs := range map[string][]output.Output{
		`export output "url": give it a name of its own and a purpose`:      {{Name: "url", Value: pulumi.String("x")}},
		`export output "purposes": give it a name of its own and a purpose`: {{Name: "purposes", Purpose: "p", Value: pulumi.String("x")}},
		`export output "url": the name is given twice`: {
			{Name: "url", Purpose: "where people go", Value: pulumi.String("x")}, {Name: "url", Purpose: "again", Value: pulumi.String("y")}},
	} {
		_, err := graphtest.Run(graphtest.Update, func(ctx *pulumi.Context) error { return output.Export(ctx, outputs) })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v, want %q", err, want)
		}
	}
}
