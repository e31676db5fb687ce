package catalogue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Figures counts what a catalogue describes.
func (c *Catalogue) Figures() string {
	inputs, outputs, replace := 0, 0, 0
	for _, m := range c.Types {
		m.Inputs.Walk(func(_ string, p *Property) {
			inputs++
			if p.Replace {
				replace++
			}
		})
		m.Outputs.Walk(func(string, *Property) { outputs++ })
	}
	return fmt.Sprintf("%d types, %d functions, %d inputs (%d replace) and %d outputs of types, nested ones counted",
		len(c.Types), len(c.Functions), inputs, replace, outputs)
}

// Text lists the findings for people.
func (r *Report) Text() []byte {
	var b bytes.Buffer
	for _, part := range []struct {
		title    string
		findings []Finding
	}{
		{"Changes that the provider could not be brought to plan. They count as changes in place\n# unless overrides/aws.json says otherwise (marked \"by hand\").", r.Undetermined},
		{"Changes that replace or not depending on the values. They count as changes in place,\n# as an upgrade of an engine is.", r.Conditional},
		{"Fields of the Terraform provider and of the SDK without a counterpart.", r.Unmatched},
	} {
		fmt.Fprintf(&b, "# %s\n", part.title)
		for _, f := range part.findings {
			fmt.Fprintln(&b, f)
		}
		b.WriteByte('\n')
	}
	return append(bytes.TrimRight(b.Bytes(), "\n"), '\n')
}

// ModuleCache finds the Go module cache, where the SDKs' sources lie.
func ModuleCache(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMODCACHE").Output()
	if err != nil {
		return "", fmt.Errorf("asking go for its module cache: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// FindProvider finds the Terraform AWS provider's binary: TF_AWS_PROVIDER, or
// terraform-provider-aws on PATH.
func FindProvider() (string, error) {
	if path := os.Getenv("TF_AWS_PROVIDER"); path != "" {
		return path, nil
	}
	path, err := exec.LookPath("terraform-provider-aws")
	if err != nil {
		return "", errors.New("no Terraform AWS provider: set TF_AWS_PROVIDER to its binary, or have terraform-provider-aws on PATH")
	}
	return path, nil
}
