package catalogue

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

//go:embed cover overrides
var data embed.FS

// Package is one provider whose catalogue is made.
type Package struct {
	Name    string // aws; also the name of its files
	Module  string // the Go module of its SDK
	Version string
	Root    string // the root package's folder within the module
	Prune   map[string]int
	// Terraform is the provider that can be asked, and its version; "" for none.
	// Where there is one, the SDK's comments need not be believed.
	Terraform string
}

// Packages lists the providers.
func Packages() []Package {
	return []Package{
		{
			Name: "aws", Module: "github.com/pulumi/pulumi-aws/sdk/v6", Version: "v6.83.0", Root: "go/aws", Terraform: "hashicorp/aws 5.100.0",
			// Their statements nest in each other: megabytes, were all levels described.
			Prune: map[string]int{"aws:wafv2/webAcl:WebAcl": 8, "aws:wafv2/ruleGroup:RuleGroup": 6},
		},
		{Name: "cloudflare", Module: "github.com/pulumi/pulumi-cloudflare/sdk/v5", Version: "v5.49.1", Root: "go/cloudflare"},
		{Name: "command", Module: "github.com/pulumi/pulumi-command/sdk", Version: "v1.0.1", Root: "go/command"},
		{Name: "hcloud", Module: "github.com/pulumi/pulumi-hcloud/sdk", Version: "v1.41.0", Root: "go/hcloud"},
	}
}

// Dir is where the SDK's source lies below a Go module cache.
func (p Package) Dir(moduleCache string) string {
	return filepath.Join(moduleCache, filepath.FromSlash(p.Module)+"@"+p.Version, filepath.FromSlash(p.Root))
}

// covered is one line of a cover file.
type covered struct {
	token     string
	function  bool
	terraform string // the Terraform resource type or data source, if known
}

// cover reads which members a package's catalogue has.
func (p Package) cover(sdk *SDK) ([]covered, error) {
	text, err := fs.ReadFile(data, "cover/"+p.Name+".txt")
	if err != nil {
		return nil, err
	}
	var out []covered
	for line := range strings.Lines(string(text)) {
		parts := strings.Fields(line)
		if len(parts) == 0 || parts[0] == "#" {
			continue
		}
		module, name, _ := strings.Cut(parts[0], "/")
		switch {
		case name == "*":
			tokens, err := sdk.Tokens(folder(p.Name + ":" + module + "/x:X"))
			if err != nil {
				return nil, err
			}
			for _, t := range tokens {
				out = append(out, covered{token: t, function: sdk.IsFunction(t)})
			}
			continue
		case strings.Contains(parts[0], ":"):
			_, name, _ = strings.Cut(parts[0], ":")
			out = append(out, covered{token: p.Name + ":" + parts[0], function: lowerFirst(name) == name})
			continue
		}
		c := covered{token: fmt.Sprintf("%s:%s/%s:%s", p.Name, module, lowerFirst(name), name), function: lowerFirst(name) == name}
		if len(parts) > 1 {
			c.terraform = parts[1]
		}
		out = append(out, c)
	}
	return out, nil
}

// Make makes a package's catalogue from the SDK's source, from what the running
// provider says (nil where the package has none) and from what is written down by hand.
func (p Package) Make(ctx context.Context, moduleCache string, provider *Provider) (*Catalogue, *Report, error) {
	c, err := p.Read(moduleCache)
	if err != nil {
		return nil, nil, err
	}
	over, err := p.overrides()
	if err != nil {
		return nil, nil, err
	}
	report := &Report{}
	if p.Terraform != "" {
		if provider == nil {
			return nil, nil, fmt.Errorf("the %s catalogue needs the Terraform provider %s", p.Name, p.Terraform)
		}
		if report, err = p.refine(ctx, c, provider, over.Names); err != nil {
			return nil, nil, err
		}
		c.Source += "; replacement, defaults, computed and secret properties: plans of the Terraform provider " + p.Terraform
	}
	if over.Comment != "" {
		c.Source += "; by hand: " + over.Comment
	}
	over.settle(report)
	return c, report, over.apply(c)
}

// Read makes a package's catalogue from the SDK's source alone.
func (p Package) Read(moduleCache string) (*Catalogue, error) {
	dir := p.Dir(moduleCache)
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("the SDK's source is not there (go mod download %s@%s brings it): %w", p.Module, p.Version, err)
	}
	sdk := OpenSDK(dir)
	sdk.Prune, sdk.Comments = p.Prune, p.Terraform == ""
	members, err := p.cover(sdk)
	if err != nil {
		return nil, err
	}
	c := &Catalogue{Source: "names and types: " + p.Module + " " + p.Version, Types: map[string]*Member{}, Functions: map[string]*Member{}}
	for _, m := range members {
		read, into := sdk.Resource, c.Types
		if m.function {
			read, into = sdk.Function, c.Functions
		}
		if into[m.token], err = read(m.token); err != nil {
			return nil, fmt.Errorf("reading %s: %w", m.token, err)
		}
	}
	return c, nil
}
