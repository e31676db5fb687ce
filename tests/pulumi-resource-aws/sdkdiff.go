package main

import (
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/proto"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
)

// renamed lists the properties whose pulumi-aws names cannot be derived.
var renamed = map[string]string{
	"aws_cloudwatch_log_subscription_filter.log_group_name": "logGroup",
	"aws_cloudwatch_metric_alarm.alarm_name":                "name",
	"aws_lambda_function.filename":                          "code",
	"aws_lambda_function.function_name":                     "name",
	"aws_lambda_permission.function_name":                   "function",
	"aws_sns_topic_subscription.topic_arn":                  "topic",
}

// goType is the part of a Go SDK type that matters here.
type goType struct {
	kind string // "string", "number", "boolean", "any", "asset", "list", "map" or "object"
	elem *goType
	name string // of an object's struct
}

// goPackage holds the plain (not Input) structs of one SDK package.
type goPackage map[string]map[string]goType // struct name -> property -> type

func parsePackage(dir string) (goPackage, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	structs, out := map[string]*ast.StructType{}, goPackage{}
	for _, f := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), f, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range tree.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, s := range g.Specs {
				if t, ok := s.(*ast.TypeSpec); ok {
					if st, ok := t.Type.(*ast.StructType); ok {
						structs[t.Name.Name] = st
					}
				}
			}
		}
	}
	for name, st := range structs {
		props := map[string]goType{}
		for _, f := range st.Fields.List {
			if f.Tag == nil {
				continue
			}
			tag, _ := strconv.Unquote(f.Tag.Value)
			if _, p, ok := strings.Cut(tag, `pulumi:"`); ok {
				p, _, _ = strings.Cut(p, `"`)
				p, _, _ = strings.Cut(p, ",")
				props[p] = classify(f.Type, structs)
			}
		}
		out[name] = props
	}
	return out, nil
}

func classify(e ast.Expr, structs map[string]*ast.StructType) goType {
	switch e := e.(type) {
	case *ast.StarExpr:
		return classify(e.X, structs)
	case *ast.ArrayType:
		el := classify(e.Elt, structs)
		return goType{kind: "list", elem: &el}
	case *ast.MapType:
		el := classify(e.Value, structs)
		return goType{kind: "map", elem: &el}
	case *ast.Ident:
		switch e.Name {
		case "int", "float64":
			return goType{kind: "number"}
		case "bool":
			return goType{kind: "boolean"}
		}
		if _, ok := structs[e.Name]; ok {
			return goType{kind: "object", name: e.Name}
		}
		return goType{kind: "string"} // string itself or a named string
	case *ast.SelectorExpr:
		if strings.HasPrefix(e.Sel.Name, "A") { // pulumi.Archive, pulumi.AssetOrArchive
			return goType{kind: "asset"}
		}
		return goType{kind: "string"}
	}
	return goType{kind: "any"}
}

// differ compares Terraform schemas with SDK structs and gathers overrides.
type differ struct {
	pkg  goPackage
	out  overrideSet
	tf   string
	logf func(string, ...any)
}

func (d *differ) compare(sm shim.SchemaMap, props map[string]goType, at string) {
	var keys []string
	sm.Range(func(k string, _ shim.Schema) bool { keys = append(keys, k); return true })
	sort.Strings(keys)
	taken := map[string]bool{}
	for _, k := range keys {
		if at == "" && (k == "id" || k == "timeouts") { // not properties of a resource
			taken[k] = true
			continue
		}
		s, path := sm.Get(k), strings.TrimPrefix(at+"."+k, ".")
		name, one, ok := d.match(sm, s, k, path, props)
		if !ok {
			d.logf("%s.%s: nothing in the SDK", d.tf, path)
			continue
		}
		taken[name] = true
		o := override{}
		list := s.Type() == shim.TypeList || s.Type() == shim.TypeSet
		if list && one != (s.MaxItems() == 1) {
			o.One = &one
		}
		if name != pulumiName(sm, k, o.One) {
			o.Name = name
		}
		g := props[name]
		if want := map[string]string{"number": "number", "boolean": "boolean"}[g.kind]; want != "" &&
			s.Type() == shim.TypeString {
			o.Type = want
		}
		if (s.Type() == shim.TypeBool && g.kind != "boolean" || s.Type() == shim.TypeFloat && g.kind != "number") &&
			g.kind != "any" {
			d.logf("%s.%s: Terraform %v, SDK %s", d.tf, path, s.Type(), g.kind)
		}
		if o != (override{}) {
			d.out[path] = o
		}
		inner := s.Elem()
		if e, ok := inner.(shim.Schema); ok {
			inner = e.Elem()
		}
		if g.kind == "list" || g.kind == "map" {
			g = *g.elem
		}
		if r, ok := inner.(shim.Resource); ok && g.kind == "object" {
			d.compare(r.Schema(), d.pkg[g.name], path)
		}
	}
	for p := range props {
		if !taken[p] && strings.Count(at, ".") < 6 {
			d.logf("%s: SDK property %s has no Terraform field", d.tf, strings.TrimPrefix(at+"/"+p, "/"))
		}
	}
}

func pulumiName(sm shim.SchemaMap, key string, one *bool) string {
	return tfbridge.TerraformToPulumiNameV2(key, sm, map[string]*tfbridge.SchemaInfo{key: {MaxItemsOne: one}})
}

// match finds the SDK property for a Terraform field: its name, and whether a
// list is flattened there.
func (d *differ) match(
	sm shim.SchemaMap, s shim.Schema, key, path string, props map[string]goType,
) (string, bool, bool) {
	yes, no := true, false
	names := []string{renamed[d.tf+"."+path], pulumiName(sm, key, nil), pulumiName(sm, key, &yes), pulumiName(sm, key, &no)}
	for _, n := range names {
		g, ok := props[n]
		if !ok || n == "" {
			continue
		}
		return n, g.kind != "list", true
	}
	return "", false, false
}

func sdkDiff(ctx context.Context, w, notes io.Writer, sdk string, s tfprotov6.ProviderServer, t tables) error {
	p := proto.New(ctx, s)
	all := allOverrides{Resources: map[string]overrideSet{}, Functions: map[string]overrideSet{}}
	pkgs := map[string]goPackage{}
	load := func(mod string) (goPackage, error) {
		if mod == "index" {
			mod = "."
		}
		if pkgs[mod] == nil {
			g, err := parsePackage(filepath.Join(sdk, "go", "aws", mod))
			if err != nil {
				return nil, err
			}
			pkgs[mod] = g
		}
		return pkgs[mod], nil
	}
	diff := func(tf, mod string, structs []string, sm shim.SchemaMap) (overrideSet, error) {
		pkg, err := load(mod)
		if err != nil {
			return nil, err
		}
		props := map[string]goType{}
		for _, n := range structs {
			for k, v := range pkg[n] {
				props[k] = v
			}
		}
		if len(props) == 0 && tf != "provider" {
			return nil, fmt.Errorf("%s: none of %v in the SDK's %s", tf, structs, mod)
		}
		var lines []string
		d := &differ{pkg: pkg, out: overrideSet{}, tf: tf, logf: func(f string, a ...any) {
			lines = append(lines, fmt.Sprintf(f, a...))
		}}
		d.compare(sm, props, "")
		slices.Sort(lines)
		for _, l := range lines {
			_, _ = fmt.Fprintln(notes, l)
		}
		return d.out, nil
	}
	var err error
	if all.Provider, err = diff("provider", "index", []string{"providerArgs"}, p.Schema()); err != nil {
		return err
	}
	for tf, tok := range t.resources {
		mod, typ := tokenParts(string(tok))
		low := strings.ToLower(typ[:1]) + typ[1:]
		o, err := diff(tf, mod, []string{low + "State", low + "Args"}, p.ResourcesMap().Get(tf).Schema())
		if err != nil {
			return err
		}
		if len(o) > 0 {
			all.Resources[tf] = o
		}
	}
	for tf, tok := range t.functions {
		mod, fn := tokenParts(string(tok))
		base := strings.TrimPrefix(fn, "get")
		o, err := diff(tf, mod, []string{
			"Get" + base + "Result", "Get" + base + "Args", "Lookup" + base + "Result", "Lookup" + base + "Args",
		}, p.DataSourcesMap().Get(tf).Schema())
		if err != nil {
			return err
		}
		if len(o) > 0 {
			all.Functions[tf] = o
		}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(all)
}

// tokenParts splits aws:MODULE/name:Name into MODULE and Name.
func tokenParts(tok string) (string, string) {
	p := strings.Split(tok, ":")
	mod, _, _ := strings.Cut(p[1], "/")
	return mod, p[2]
}
