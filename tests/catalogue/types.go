package catalogue

import (
	"go/ast"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// converter turns Go types of one SDK package into properties.
type converter struct {
	sdk     *SDK
	pkg     *sourcePackage
	deepest int
}

func (s *SDK) converter(tok string, p *sourcePackage) *converter {
	deepest := s.Prune[tok]
	if deepest == 0 {
		deepest = noPruning
	}
	return &converter{sdk: s, pkg: p, deepest: deepest}
}

var basicKinds = map[string]string{
	"string": String, "bool": Boolean, "int": Integer, "float64": Number, "any": Any,
}

// property converts the type of a plain struct's field. depth counts objects.
func (c *converter) property(e ast.Expr, depth int) *Property {
	switch e := e.(type) {
	case *ast.StarExpr:
		return c.property(e.X, depth)
	case *ast.ArrayType:
		return &Property{Type: Array, Elem: c.property(e.Elt, depth)}
	case *ast.MapType:
		return &Property{Type: Map, Elem: c.property(e.Value, depth)}
	case *ast.Ident:
		return c.named(c.pkg, e.Name, depth)
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok && x.Name != "pulumi" {
			// Another package of the same SDK is named after its folder.
			if other, err := c.sdk.tree.load(path.Clean(x.Name)); err == nil {
				inner := *c
				inner.pkg = other
				return inner.named(other, e.Sel.Name, depth)
			}
		}
	}
	return &Property{Type: Any} // interface{}, assets and archives
}

func (c *converter) named(p *sourcePackage, name string, depth int) *Property {
	if k, ok := basicKinds[name]; ok {
		return &Property{Type: k}
	}
	if k, ok := p.kinds[name]; ok {
		return c.named(p, k, depth)
	}
	st, ok := p.structs[name]
	if !ok {
		return &Property{Type: Any}
	}
	out := &Property{Type: Object}
	if depth > c.deepest {
		return out
	}
	out.Properties = Properties{}
	for _, f := range fields(st) {
		prop := c.property(f.expr, depth+1)
		prop.Required = scalar(f.expr)
		c.note(prop, f.comment)
		out.Properties[f.name] = prop
	}
	return out
}

// scalar tells whether a plain struct's field must be set: neither a pointer nor
// a list, map or interface, whose Go types do not tell.
func scalar(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name != "any"
	case *ast.SelectorExpr:
		x, ok := e.X.(*ast.Ident)
		return ok && x.Name != "pulumi"
	}
	return false
}

// output converts the type of a resource struct's field: pulumi.StringMapOutput,
// or LoggingPtrOutput for a type of the package itself.
func (c *converter) output(e ast.Expr) *Property {
	name := strings.TrimSuffix(strings.TrimSuffix(typeName(e), "Output"), "Ptr")
	for suffix, typ := range map[string]string{"Array": Array, "Map": Map} {
		if inner, ok := strings.CutSuffix(name, suffix); ok {
			return &Property{Type: typ, Elem: c.outputElem(inner)}
		}
	}
	return c.outputElem(name)
}

func (c *converter) outputElem(name string) *Property {
	switch name {
	case "String":
		return &Property{Type: String}
	case "Bool":
		return &Property{Type: Boolean}
	case "Int":
		return &Property{Type: Integer}
	case "Float64":
		return &Property{Type: Number}
	}
	return c.named(c.pkg, name, 1)
}

var (
	saysReplace = regexp.MustCompile(`(?i)modifying this attribute will force creation of a new resource|changing this attribute forces a replace|trigger (?:a resource replacement|replacements) on changes`)
	// The SDK's comments have words with underscores rewritten in camel case.
	mangled     = regexp.MustCompile(`^[a-z]+[A-Z]`)
	saysDefault = regexp.MustCompile("(?i)defaults? (?:to|is|value is|value of):? *`([^`]+)`")
)

// note takes over what a field's comment says of replacement and of the default.
func (c *converter) note(p *Property, comment string) {
	if !c.sdk.Comments {
		return
	}
	if saysReplace.MatchString(strings.ReplaceAll(comment, "\n", " ")) {
		p.Replace = true
	}
	m := saysDefault.FindStringSubmatch(comment)
	if m == nil || p.Required || mangled.MatchString(m[1]) {
		return
	}
	v := parseScalar(strings.Trim(m[1], `"`))
	switch x := v.(type) {
	case bool:
		if p.Type == Boolean {
			p.Default = x
		}
	case float64:
		if p.Type == Number || (p.Type == Integer && x == float64(int64(x))) {
			p.Default = x
		} else if p.Type == String {
			p.Default = strings.Trim(m[1], `"`)
		}
	case string:
		if p.Type == String {
			p.Default = x
		}
	}
}

// parseScalar reads a Go or documentation literal.
func parseScalar(s string) any {
	if u, err := strconv.Unquote(s); err == nil {
		return u
	}
	if s == "true" || s == "false" {
		return s == "true"
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return f
	}
	return s
}
