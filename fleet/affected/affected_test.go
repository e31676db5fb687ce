package affected_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/berth-iac/berth/fleet/affected"
	"github.com/berth-iac/berth/spec"
)

// repo is a revision and a working tree in memory.
type repo struct {
	old, now map[string]string
	changed  []string
	err      error
}

func (r repo) Changed(context.Context, string) ([]string, error) { return r.changed, r.err }

func (r repo) Old(_ context.Context, _, path string) ([]byte, error) { return text(r.old, path), nil }

func (r repo) Now(_ context.Context, path string) ([]byte, error) { return text(r.now, path), nil }

func text(files map[string]string, path string) []byte {
	if t, ok := files[path]; ok {
		return []byte(t)
	}
	return nil
}

// built is what programs are built of, by folder below example.com/berth.
type built []affected.Package

func (b built) Closure(context.Context, string) ([]affected.Package, error) { return b, nil }

const module = "example.com/berth"

func own(dir string, imports ...string) affected.Package {
	for i, path := range imports {
		if !strings.Contains(path, ".") {
			imports[i] = module + "/" + path
		}
	}
	return affected.Package{ImportPath: module + "/" + dir, Imports: imports, Module: module, Dir: dir, Own: true}
}

func foreign(path, module string) affected.Package {
	return affected.Package{ImportPath: path, Module: module}
}

// programs: the AWS client has a component and a module of its own, clients on sites others; all share spec and a module.
var programs = built{
	own("stacks/program", "spec", "stacks/awsclient", "stacks/siteclient", "stacks/lightclient", "fmt"),
	own("stacks/awsclient", "spec", "components/database", "aws.example/rds"),
	own("stacks/siteclient", "spec", "components/host"),
	own("stacks/lightclient", "spec", "components/host", "aws.example/lightsail"),
	own("components/database", "aws.example/rds"),
	func() affected.Package {
		p := own("components/host")
		p.Embedded, p.Embeds = []string{"files/a.sh", "testdata/part.sh"}, true
		return p
	}(),
	own("spec", "yaml.example/yaml"),
	foreign("aws.example/rds", "aws.example/rds"), foreign("aws.example/lightsail", "aws.example"), foreign("yaml.example/yaml", "yaml.example/yaml"),
}

var stacks = map[string]spec.Kind{"acme": spec.KindAWSClient, "globex": spec.KindSiteClient, "hooli": spec.KindLightClient, "broken": ""}

const goMod = "module example.com/berth\n\ngo 1.26.0\n\nrequire (\n\taws.example v1.0.0\n\taws.example/rds v1.0.0\n\tcli.example v1.0.0\n\tyaml.example/yaml v1.2.0\n)\n"

func TestSince(t *testing.T) {
	all := []string{"acme", "broken", "globex", "hooli"}
	mod := func(old, now string) repo {
		return repo{changed: []string{"go.mod"}, old: map[string]string{"go.mod": goMod}, now: map[string]string{"go.mod": strings.Replace(goMod, old, now, 1)}}
	}
	for name, tc := range map[string]struct {
		repo repo
		want []string
		why  string
	}{
		"nothing":                   {repo{}, nil, ""},
		"a component":               {repo{changed: []string{"components/database/database.go"}}, []string{"acme", "broken"}, "components/database is in the programs of awsclient"},
		"shared by two":             {repo{changed: []string{"components/host/host.go"}}, []string{"broken", "globex", "hooli"}, "lightclient, siteclient"},
		"shared by all":             {repo{changed: []string{"spec/sites.go"}}, all, "all kinds"},
		"the entry":                 {repo{changed: []string{"stacks/program/program.go"}}, all, "all kinds"},
		"one program":               {repo{changed: []string{"stacks/awsclient/awsclient.go"}}, []string{"acme", "broken"}, "awsclient"},
		"embedded":                  {repo{changed: []string{"components/host/files/a.sh"}, now: map[string]string{"components/host/files/a.sh": "a"}}, []string{"broken", "globex", "hooli"}, "embeds it"},
		"embedded testdata":         {repo{changed: []string{"components/host/testdata/part.sh"}, now: map[string]string{"components/host/testdata/part.sh": "a"}}, []string{"broken", "globex", "hooli"}, "embeds it"},
		"embedded and gone":         {repo{changed: []string{"components/host/files/b.sh"}}, []string{"broken", "globex", "hooli"}, "gone from package"},
		"beside what is embedded":   {repo{changed: []string{"components/host/README.md"}, now: map[string]string{"components/host/README.md": "a"}}, nil, ""},
		"a test":                    {repo{changed: []string{"spec/spec_test.go"}}, nil, ""},
		"golden":                    {repo{changed: []string{"spec/testdata/a.golden"}}, nil, ""},
		"a package of nobody":       {repo{changed: []string{"localcloud/cloud.go", "docs/a.md", "cmd/berth/main.go"}}, nil, ""},
		"its own file":              {repo{changed: []string{"Pulumi.acme.yaml"}}, []string{"acme"}, "own file"},
		"a file elsewhere":          {repo{changed: []string{"tests/Pulumi.acme.yaml"}}, nil, ""},
		"the project":               {repo{changed: []string{"Pulumi.yaml"}}, all, "project"},
		"a module of one":           {mod("rds v1.0.0", "rds v1.1.0"), []string{"acme", "broken"}, "aws.example/rds goes from v1.0.0 to v1.1.0"},
		"a module of another":       {mod("aws.example v1.0.0", "aws.example v1.1.0"), []string{"broken", "hooli"}, "aws.example goes"},
		"a module of all":           {mod("yaml v1.2.0", "yaml v1.3.0"), all, "yaml.example/yaml"},
		"a module of nobody":        {mod("cli.example v1.0.0", "cli.example v1.1.0"), nil, ""},
		"a module in another place": {mod(")\n", ")\n\nreplace aws.example/rds => ../rds\n"), []string{"acme", "broken"}, "../rds"},
		"a module added":            {mod("\tyaml.example/yaml v1.2.0\n", ""), all, "no longer required"},
		"another Go":                {mod("go 1.26.0", "go 1.27.0"), all, "version of Go"},
		"a toolchain":               {mod("go 1.26.0", "go 1.26.0\n\ntoolchain go1.26.3"), all, "toolchain"},
		"a setting of Go":           {mod("go 1.26.0", "go 1.26.0\n\ngodebug default=go1.21"), all, "godebug"},
		"a comment in go.mod":       {mod("go 1.26.0", "go 1.26.0 // the latest"), nil, ""},
		"no go.mod before":          {repo{changed: []string{"go.mod"}, now: map[string]string{"go.mod": goMod}}, all, "no telling"},
		"a sum that differs": {repo{changed: []string{"go.sum"}, old: map[string]string{"go.sum": "aws.example/rds v1.0.0 h1:a=\nyaml.example/yaml v1.2.0 h1:b=\n"},
			now: map[string]string{"go.sum": "aws.example/rds v1.0.0 h1:c=\nyaml.example/yaml v1.2.0 h1:b=\n"}}, []string{"acme", "broken"}, "another content"},
		"a sum more": {repo{changed: []string{"go.sum"}, old: map[string]string{"go.sum": ""}, now: map[string]string{"go.sum": "aws.example/rds v1.0.0 h1:c=\n"}}, nil, ""},
		"vendored":   {repo{changed: []string{"vendor/modules.txt"}}, all, "where packages come from"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			answer, err := affected.Since(t.Context(), affected.Input{Revision: "main", Stacks: stacks, Git: tc.repo, Packages: programs})
			if err != nil {
				t.Fatal(err)
			}
			if got := answer.Names(); !slices.Equal(got, tc.want) && len(got)+len(tc.want) > 0 {
				t.Errorf("named %v, want %v", got, tc.want)
			}
			for _, s := range answer.Stacks {
				if said := fmt.Sprint(s.Reasons); !strings.Contains(said, tc.why) {
					t.Errorf("%s: %s, want %q", s.Name, said, tc.why)
				}
			}
		})
	}
}

func TestSinceSaysWhatItDoesNotSee(t *testing.T) {
	gone := repo{changed: []string{"Pulumi.umbrella.yaml", "localcloud/cloud.go", "machine/provider/provider.go"}}
	answer, err := affected.Since(t.Context(), affected.Input{Revision: "main", Stacks: stacks, Git: gone, Packages: programs})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(answer.Removed, []string{"umbrella"}) {
		t.Errorf("removed: %v", answer.Removed)
	}
	if said := strings.Join(answer.Notes, "\n"); !strings.Contains(said, "localcloud/ differs") || !strings.Contains(said, "machine/provider/ differs") {
		t.Errorf("notes: %s", said)
	}
	answer, err = affected.Since(t.Context(), affected.Input{Revision: "main", Stacks: stacks, Git: repo{changed: []string{"spec/spec.go"}}})
	if err != nil {
		t.Fatal(err)
	}
	if said := strings.Join(answer.Notes, "\n"); len(answer.Stacks) > 0 || !strings.Contains(said, "source is not in this repository") {
		t.Errorf("without source: %v, notes %q", answer.Names(), said)
	}
	if _, err := affected.Since(t.Context(), affected.Input{Revision: "main", Git: repo{err: errors.New("no git")}}); err == nil {
		t.Error("no error where git has one")
	}
}
