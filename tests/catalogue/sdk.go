package catalogue

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"slices"
	"strings"
)

// SDK reads resource types and functions out of one Pulumi Go SDK's source.
type SDK struct {
	tree *sourceTree
	// Prune names, by token, how many levels of objects are described; what lies
	// deeper is an object without properties.
	Prune map[string]int
	// Comments tells to believe what the comments say of defaults and replacement.
	Comments bool
}

// OpenSDK takes the folder of the SDK's root package.
func OpenSDK(root string) *SDK {
	return &SDK{tree: newSourceTree(root)}
}

const noPruning = 64

// folder finds the package folder of a token: aws:ec2/vpc:Vpc is in ec2.
func folder(tok string) string {
	module := strings.Split(tok, ":")[1]
	module, _, _ = strings.Cut(module, "/")
	if module == "index" {
		return "."
	}
	return module
}

func (s *SDK) find(tok string, resource bool) (*sourcePackage, *register, error) {
	p, err := s.tree.load(folder(tok))
	if err != nil {
		return nil, nil, err
	}
	r := p.members[tok]
	if r == nil || r.resource != resource {
		return nil, nil, fmt.Errorf("the SDK has no %s", tok)
	}
	return p, r, nil
}

// IsFunction tells whether a token that Tokens gave is a function's.
func (s *SDK) IsFunction(tok string) bool {
	p := s.tree.packages[folder(tok)]
	return p != nil && p.members[tok] != nil && !p.members[tok].resource
}

// Tokens lists every resource type and function of a package folder.
func (s *SDK) Tokens(dir string) ([]string, error) {
	p, err := s.tree.load(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, tok := range slices.Sorted(maps.Keys(p.members)) {
		r := p.members[tok]
		// A function without a result struct answers with a bare value, not with outputs.
		if strings.HasPrefix(tok, "pulumi:") || (!r.resource && p.structs[r.function+"Result"] == nil) {
			continue
		}
		out = append(out, tok)
	}
	return out, nil
}

// Resource describes a resource type.
func (s *SDK) Resource(tok string) (*Member, error) {
	p, r, err := s.find(tok, true)
	if err != nil {
		return nil, err
	}
	name := strings.TrimPrefix(r.function, "New")
	state, args := p.structs[name], p.plain(name+"Args")
	if state == nil || args == nil {
		return nil, fmt.Errorf("%s: the SDK lacks the structs %s or %sArgs", tok, name, lowerFirst(name))
	}
	told := facts(r.body)
	out := &Member{Inputs: Properties{}, Outputs: Properties{}}
	conv := s.converter(tok, p)
	byName := map[string]field{}
	for _, f := range fields(args) {
		prop := conv.property(f.expr, 1)
		prop.Required = told.required[f.goName]
		prop.Secret = told.secret[f.name]
		conv.note(prop, f.comment)
		prop.Replace = prop.Replace || told.replaces[f.name]
		if d, ok := told.defaults[f.goName]; ok {
			prop.Default = d
		}
		out.Inputs[f.name] = prop
		byName[f.name] = f
	}
	// The state's plain struct has the outputs' types without the Output wrapping.
	// Providers written without Terraform have none: there, the outputs' own types tell.
	plain := map[string]field{}
	if st := p.plain(name + "State"); st != nil {
		for _, f := range fields(st) {
			plain[f.name] = f
		}
	}
	for _, f := range fields(state) {
		if in, ok := out.Inputs[f.name]; ok {
			// Optional to set and yet always there afterwards: by a default or by the cloud.
			if !in.Required && in.Default == nil && !mayBeAbsent(byName[f.name].expr, f.expr) {
				in.Computed = true
			}
			continue
		}
		var prop *Property
		if pf, ok := plain[f.name]; ok {
			prop = conv.property(pf.expr, 1)
		} else {
			prop = conv.output(f.expr)
		}
		prop.Secret = told.secret[f.name]
		prop.clearForOutput()
		out.Outputs[f.name] = prop
	}
	return out, nil
}

// Function describes a function.
func (s *SDK) Function(tok string) (*Member, error) {
	p, r, err := s.find(tok, false)
	if err != nil {
		return nil, err
	}
	out := &Member{Inputs: Properties{}, Outputs: Properties{}}
	conv := s.converter(tok, p)
	if st := p.structs[r.function+"Args"]; st != nil {
		for _, f := range fields(st) {
			prop := conv.property(f.expr, 1)
			prop.Required = scalar(f.expr)
			conv.note(prop, f.comment)
			out.Inputs[f.name] = prop
		}
	}
	result := p.structs[r.function+"Result"]
	if result == nil {
		return nil, fmt.Errorf("%s: the SDK lacks the struct %sResult", tok, r.function)
	}
	for _, f := range fields(result) {
		if _, ok := out.Inputs[f.name]; ok {
			continue
		}
		prop := conv.property(f.expr, 1)
		prop.clearForOutput()
		out.Outputs[f.name] = prop
	}
	return out, nil
}

// clearForOutput removes what only makes sense for something a program sets.
func (p *Property) clearForOutput() {
	p.Required, p.Computed, p.Replace, p.Default = false, false, false, nil
	if p.Elem != nil {
		p.Elem.clearForOutput()
	}
	for _, inner := range p.Properties {
		inner.clearForOutput()
	}
}

// mayBeAbsent tells whether an optional input can be missing from the outputs:
// a pointer there (StringPtrOutput), or a list or map, which the SDK never marks.
func mayBeAbsent(input, output ast.Expr) bool {
	if _, ok := input.(*ast.StarExpr); !ok {
		return true
	}
	return strings.HasSuffix(typeName(output), "PtrOutput")
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// said is what a New function tells of its arguments.
type said struct {
	required         map[string]bool // by Go name: those it insists on
	defaults         map[string]any  // by Go name: those it sets when they are unset
	secret, replaces map[string]bool // by property
}

func facts(f *ast.FuncDecl) said {
	out := said{map[string]bool{}, map[string]any{}, map[string]bool{}, map[string]bool{}}
	ast.Inspect(f.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IfStmt:
			c, ok := n.Cond.(*ast.BinaryExpr)
			if !ok || c.Op != token.EQL {
				return true
			}
			arg, ok := argument(c.X)
			if !ok || len(n.Body.List) == 0 {
				return true
			}
			switch st := n.Body.List[0].(type) {
			case *ast.ReturnStmt:
				out.required[arg] = true
			case *ast.AssignStmt:
				if v, ok := constant(st.Rhs[0]); ok {
					out.defaults[arg] = v
				}
			}
		case *ast.CallExpr:
			into := map[string]map[string]bool{
				"AdditionalSecretOutputs": out.secret, "ReplaceOnChanges": out.replaces,
			}[typeName(n.Fun)]
			if into == nil {
				return true
			}
			if list, ok := n.Args[0].(*ast.CompositeLit); ok {
				for _, e := range list.Elts {
					if s, ok := literal(e); ok {
						into[strings.TrimSuffix(s, "[*]")] = true
					}
				}
			}
		}
		return true
	})
	return out
}

// argument recognises args.Field.
func argument(e ast.Expr) (string, bool) {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return "", false
	}
	x, ok := s.X.(*ast.Ident)
	return s.Sel.Name, ok && x.Name == "args"
}

// constant recognises pulumi.StringPtr("…"), pulumi.BoolPtr(true) and the like.
func constant(e ast.Expr) (any, bool) {
	call, ok := e.(*ast.CallExpr)
	if !ok || len(call.Args) != 1 {
		return nil, false
	}
	switch a := call.Args[0].(type) {
	case *ast.CallExpr:
		return constant(a)
	case *ast.BasicLit:
		return parseScalar(a.Value), true
	case *ast.Ident:
		if a.Name == "true" || a.Name == "false" {
			return a.Name == "true", true
		}
	}
	return nil, false
}
