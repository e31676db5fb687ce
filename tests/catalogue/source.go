package catalogue

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
)

// sourcePackage is what one Go package of an SDK declares, as far as it matters.
type sourcePackage struct {
	dir     string
	structs map[string]*ast.StructType
	kinds   map[string]string    // named basic types (enumerations): Name -> string, int …
	members map[string]*register // token -> where the SDK registers or invokes it
}

// register is a call that names a token: in a New function or a function that invokes.
type register struct {
	token    string
	function string        // its name: NewVpc, LookupAmi
	body     *ast.FuncDecl // the whole function
	resource bool
}

// sourceTree reads an SDK's packages when they are first needed.
type sourceTree struct {
	root     string // the folder of the SDK's root Go package
	packages map[string]*sourcePackage
}

func newSourceTree(root string) *sourceTree {
	return &sourceTree{root: root, packages: map[string]*sourcePackage{}}
}

func (t *sourceTree) load(dir string) (*sourcePackage, error) {
	if p := t.packages[dir]; p != nil {
		return p, nil
	}
	full := filepath.Join(t.root, dir)
	entries, err := os.ReadDir(full)
	if err != nil {
		return nil, fmt.Errorf("reading the SDK package %s: %w", dir, err)
	}
	p := &sourcePackage{
		dir: dir, structs: map[string]*ast.StructType{}, kinds: map[string]string{}, members: map[string]*register{},
	}
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(full, e.Name()), nil,
			parser.SkipObjectResolution|parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("parsing the SDK package %s: %w", dir, err)
		}
		for _, d := range file.Decls {
			p.declare(d)
		}
	}
	t.packages[dir] = p
	return p, nil
}

func (p *sourcePackage) declare(d ast.Decl) {
	switch d := d.(type) {
	case *ast.GenDecl:
		for _, s := range d.Specs {
			s, ok := s.(*ast.TypeSpec)
			if !ok {
				continue
			}
			switch typ := s.Type.(type) {
			case *ast.StructType:
				p.structs[s.Name.Name] = typ
			case *ast.Ident:
				p.kinds[s.Name.Name] = typ.Name
			}
		}
	case *ast.FuncDecl:
		if d.Recv != nil || d.Body == nil {
			return
		}
		isNew := strings.HasPrefix(d.Name.Name, "New")
		ast.Inspect(d.Body, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			f, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || len(call.Args) == 0 || (f.Sel.Name != "Invoke" && f.Sel.Name != "RegisterResource") {
				return true
			}
			if name, ok := literal(call.Args[0]); ok && (f.Sel.Name == "Invoke" || isNew) {
				p.members[name] = &register{
					token: name, function: d.Name.Name, body: d, resource: f.Sel.Name == "RegisterResource",
				}
			}
			return true
		})
	}
}

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(l.Value)
	return s, err == nil
}

// field is one field of an SDK struct that stands for a property.
type field struct {
	name     string // the property's
	goName   string
	expr     ast.Expr
	comment  string
	optional bool // by its tag
}

func fields(st *ast.StructType) []field {
	var out []field
	for _, f := range st.Fields.List {
		if f.Tag == nil || len(f.Names) != 1 {
			continue
		}
		tag, _ := strconv.Unquote(f.Tag.Value)
		_, name, ok := strings.Cut(tag, `pulumi:"`)
		if !ok {
			continue
		}
		name, _, _ = strings.Cut(name, `"`)
		name, options, _ := strings.Cut(name, ",")
		out = append(out, field{
			name: name, goName: f.Names[0].Name, expr: f.Type, comment: strings.TrimSpace(f.Doc.Text()),
			optional: options == "optional",
		})
	}
	return out
}

// plain finds the private struct beside a public one: vpcArgs, r2bucketState.
func (p *sourcePackage) plain(name string) *ast.StructType {
	if st := p.structs[lowerFirst(name)]; st != nil {
		return st
	}
	for n, st := range p.structs {
		if n != name && strings.EqualFold(n, name) {
			return st
		}
	}
	return nil
}

// lowerFirst writes a name as Go and Pulumi write private names and tokens.
func lowerFirst(s string) string {
	for i, r := range s {
		return string(unicode.ToLower(r)) + s[i+len(string(r)):]
	}
	return s
}
