// Command generate writes the embedded cloud's catalogues; see the README beside
// this folder. It also writes down what the real provider did not tell.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/berth-iac/berth/tests/catalogue"
)

func main() {
	out := flag.String("out", "../../localcloud/catalogue", "folder to write the catalogues to")
	only := flag.String("only", "", "the one package to make: aws, cloudflare, command or hcloud")
	flag.Parse()
	if err := run(context.Background(), *out, *only); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out, only string) error {
	cache, err := catalogue.ModuleCache(ctx)
	if err != nil {
		return err
	}
	for _, p := range catalogue.Packages() {
		if only != "" && only != p.Name {
			continue
		}
		if err := write(ctx, p, cache, out); err != nil {
			return fmt.Errorf("making the %s catalogue: %w", p.Name, err)
		}
	}
	return nil
}

func write(ctx context.Context, p catalogue.Package, cache, out string) error {
	var provider *catalogue.Provider
	if p.Terraform != "" {
		path, err := catalogue.FindProvider()
		if err != nil {
			return err
		}
		if provider, err = catalogue.StartProvider(ctx, path); err != nil {
			return err
		}
		defer provider.Stop()
	}
	c, report, err := p.Make(ctx, cache, provider)
	if err != nil {
		return err
	}
	text, err := c.Encode()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, p.Name+".json"), text, 0o644); err != nil {
		return err
	}
	fmt.Printf("%s: %s\n", p.Name, c.Figures())
	if p.Terraform == "" {
		return nil
	}
	fmt.Printf("%d changes asked of %s: %d replace; %d defaults and %d secrets found; %d undetermined, %d conditional\n",
		report.Asked, p.Terraform, report.Replaces, report.Defaults, report.Secrets,
		len(report.Undetermined), len(report.Conditional))
	return os.WriteFile("undetermined.txt", report.Text(), 0o644)
}
