package config

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/taskflow-configuration.md anew")

const documentFile = "../../docs/taskflow-configuration.md"

// The page on the configuration is made of the types' own comments, so that it names every setting and none that is not there.
func TestDocument(t *testing.T) {
	text := document(t)
	if *update {
		if err := os.WriteFile(documentFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	kept, err := os.ReadFile(documentFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(kept) != text {
		t.Errorf("%s is not of these types; write it anew: go test -C app ./config -run Document -update", documentFile)
	}
}

const documentHead = "<!-- Generated from app/config by `go test -C app ./config -run Document -update`. Do not edit. -->\n\n" + `# TaskFlow's configuration

One YAML file (JSON is YAML too), named with ` + "`--config`" + `. What it leaves out has the default below; with no file at all
TaskFlow is a demonstration on this machine. A variable overrides the file: lists are separated by commas. Unknown keys,
unknown ` + "`TASKFLOW_`" + ` variables and wrong values are all reported at once, each with its line and the fix, by
` + "`taskflow config check`" + `; ` + "`taskflow config show`" + ` prints what is used in the end.

` + "`--config`" + ` may also name the folder that a machine of the infrastructure finds at boot (` + "`config.json`, `secrets.json`" + `, the
certificates): it then describes one client.

**Secrets** never stand in the file. Where one is needed, the file says where it is:

| form | what it is |
|---|---|
`

const documentClients = `
## A client's own file

Several clients are described by a file each in ` + "`tenants.directory`" + `, which ` + "`taskflow tenant create`" + ` writes; a service with one
client has the same settings under ` + "`client`" + `.

`

// meaning is what a struct's comments say.
type meaning struct {
	doc    string
	fields map[string]string // by the field's name in Go
}

func document(t *testing.T) string {
	meanings := readMeanings(t)
	var b strings.Builder
	b.WriteString(documentHead)
	for line := range strings.SplitSeq(meanings["Ref"].doc, "\n") {
		if form, is, found := strings.Cut(strings.TrimPrefix(line, "\t"), "   "); found && strings.HasPrefix(line, "\t") {
			fmt.Fprintf(&b, "| `%s` | %s |\n", form, strings.TrimSpace(is))
		}
	}
	b.WriteString("\nTimes are written `90s`, `15m`, `12h` or `14d`, amounts of bytes `512KiB`, `25MiB` or `1GiB`, networks `10.0.0.0/8`.\n\n## Top level\n\n")
	section(t, &b, meanings, reflect.ValueOf(*Default()), "", true)
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		value := reflect.ValueOf(*Default()).FieldByIndex(field.Index)
		if value.Kind() == reflect.Struct && !isText(value.Type()) {
			key := keyOf(field)
			fmt.Fprintf(&b, "\n## %s\n\n%s\n\n", key, about(meanings[field.Type.Name()].doc))
			section(t, &b, meanings, value, key, true)
		}
	}
	b.WriteString(documentClients)
	section(t, &b, meanings, reflect.ValueOf(Client{}), "", false)
	return b.String()
}

// section is a table of a struct's settings, and of those below.
func section(t *testing.T, b *strings.Builder, meanings map[string]meaning, v reflect.Value, prefix string, variables bool) {
	if variables {
		b.WriteString("| setting | default | variable | meaning |\n|---|---|---|---|\n")
	} else {
		b.WriteString("| setting | meaning |\n|---|---|\n")
	}
	var rows func(v reflect.Value, prefix, what string)
	rows = func(v reflect.Value, prefix, what string) {
		of := meanings[v.Type().Name()]
		for _, field := range reflect.VisibleFields(v.Type()) {
			value, path := v.FieldByIndex(field.Index), join(prefix, keyOf(field))
			if value.Kind() == reflect.Pointer {
				if variables {
					continue // a client's
				}
				value = reflect.New(field.Type.Elem()).Elem()
			}
			if value.Kind() == reflect.Struct && !isText(value.Type()) {
				if prefix != "" || !variables {
					rows(value, path, of.fields[field.Name])
				}
				continue // sections have tables of their own
			}
			says := of.fields[field.Name]
			if says == "" {
				t.Errorf("%s.%s has no comment, which the page is to be made of", v.Type().Name(), field.Name)
			}
			if what != "" {
				says = what + ": " + says
			}
			if !variables {
				fmt.Fprintf(b, "| `%s` | %s |\n", path, says)
				continue
			}
			fmt.Fprintf(b, "| `%s` | %s | `TASKFLOW_%s` | %s |\n", path, standard(value), variable(path), says)
		}
	}
	rows(v, prefix, "")
}

func variable(path string) string {
	parts := strings.Split(path, ".")
	for i, part := range parts {
		parts[i] = upper(part)
	}
	return strings.Join(parts, "_")
}

// standard is a default as it would be written.
func standard(v reflect.Value) string {
	if v.IsZero() && v.Kind() != reflect.Bool {
		return ""
	}
	if v.Kind() == reflect.Slice {
		var all []string
		for i := range v.Len() {
			all = append(all, fmt.Sprintf("`%v`", v.Index(i)))
		}
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("`%v`", v)
}

func keyOf(field reflect.StructField) string {
	key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return key
}

// about is a comment without the name of what it is on: "Limits bound one request" as "Bound one request".
func about(doc string) string {
	words := strings.Join(strings.Fields(doc), " ")
	_, rest, _ := strings.Cut(words, " ")
	for _, verb := range []string{"says ", "is ", "are "} {
		rest = strings.TrimPrefix(rest, verb)
	}
	return strings.ToUpper(rest[:1]) + rest[1:]
}

func readMeanings(t *testing.T) map[string]meaning {
	all := map[string]meaning{}
	for _, name := range []string{"config.go", "ref.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			g, isGeneral := d.(*ast.GenDecl)
			if !isGeneral || g.Tok != token.TYPE {
				continue
			}
			one := g.Specs[0].(*ast.TypeSpec)
			m := meaning{doc: g.Doc.Text(), fields: map[string]string{}}
			if s, isStruct := one.Type.(*ast.StructType); isStruct {
				for _, field := range s.Fields.List {
					for _, ident := range field.Names {
						m.fields[ident.Name] = strings.Join(strings.Fields(field.Comment.Text()), " ")
					}
				}
			}
			all[one.Name.Name] = m
		}
	}
	return all
}
