package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"unicode"
)

// Source is where a configuration comes from.
type Source struct {
	Path     string                            // a file, or a machine's folder; "" for the defaults alone
	ReadFile func(name string) ([]byte, error) // os.ReadFile
	Environ  []string                          // os.Environ()
}

// Prefix is how variables begin that override the file: TASKFLOW_LISTEN_ADDRESSES is listen.addresses.
const Prefix = "TASKFLOW_"

// notOurs tells which variables are not of the configuration: the command line's, and the tests'.
func notOurs(name string) bool {
	return !strings.HasPrefix(name, Prefix) || name == Prefix+"CONFIG" || strings.HasPrefix(name, Prefix+"TEST_") && name != Prefix+"TEST_DATA_ONLY"
}

// Load reads the configuration: the defaults, then the file, then the environment. All that is wrong is reported at once, as Problems.
func Load(from Source) (*Config, error) {
	c := Default()
	r := &reader{file: filepath.Base(from.Path), lines: map[string]position{}}
	if from.Path != "" {
		text, err := from.ReadFile(from.Path)
		machine, folderErr := from.ReadFile(filepath.Join(from.Path, machineFile))
		switch {
		case folderErr == nil:
			r.file = path.Join(r.file, machineFile)
			r.machine(from, machine, c)
		case err != nil && !errors.Is(folderErr, fs.ErrNotExist) && !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("read the configuration: %w", errors.Join(err, folderErr))
		case err != nil:
			return nil, fmt.Errorf("read the configuration: %w", err)
		default:
			r.decode(text, reflect.ValueOf(c).Elem())
		}
	}
	r.environment(from.Environ, c)
	r.check(c)
	if len(r.problems) > 0 {
		return nil, r.problems.sorted()
	}
	return c, nil
}

// environment applies the variables. One that nothing knows is a problem: it was meant for something.
func (r *reader) environment(environ []string, c *Config) {
	known := map[string]reflect.Value{}
	variables(reflect.ValueOf(c).Elem(), "", known)
	for _, pair := range environ {
		name, text, _ := strings.Cut(pair, "=")
		if notOurs(name) {
			continue
		}
		at := position{place: "variable " + name}
		into, found := known[name]
		if !found {
			r.wrong(at, "", "", "the name of a setting, such as "+Prefix+"LISTEN_ADDRESSES", "remove it, or look at how it is written")
			continue
		}
		r.lines[pathOf(name)] = at
		if into.Kind() == reflect.Slice && !isText(into.Type()) {
			r.list(at, name, text, into)
			continue
		}
		r.scalar(at, "", text, false, into)
	}
}

func (r *reader) list(at position, name, text string, into reflect.Value) {
	if into.Type().Elem().Kind() == reflect.Struct && !isText(into.Type().Elem()) {
		r.wrong(at, "", "", "a file for it", "a list of sections does not fit into a variable")
		return
	}
	into.Set(reflect.MakeSlice(into.Type(), 0, 0))
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		one := reflect.New(into.Type().Elem()).Elem()
		r.scalar(at, "", part, false, one)
		into.Set(reflect.Append(into, one))
	}
}

// variables are all settings by the names of their variables. The only client's are set in a file.
func variables(v reflect.Value, prefix string, into map[string]reflect.Value) {
	for name, index := range fieldsOf(v.Type()) {
		field := v.Field(index)
		full := prefix + "_" + upper(name)
		switch {
		case field.Kind() == reflect.Pointer:
		case field.Kind() == reflect.Struct && !isText(field.Type()):
			variables(field, full, into)
		default:
			into["TASKFLOW"+full] = field
		}
	}
}

// upper writes trustedProxies as TRUSTED_PROXIES.
func upper(name string) string {
	var b strings.Builder
	letters := []rune(name)
	for i, letter := range letters {
		if unicode.IsUpper(letter) && i > 0 && !unicode.IsUpper(letters[i-1]) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToUpper(letter))
	}
	return b.String()
}

// pathOf finds the path of a variable, for messages of what is checked later.
func pathOf(variable string) string {
	found := ""
	walk(reflect.TypeFor[Config](), "", "TASKFLOW", func(path, name string) {
		if name == variable {
			found = path
		}
	})
	return found
}

func walk(t reflect.Type, path, variable string, visit func(path, variable string)) {
	for name, index := range fieldsOf(t) {
		field := t.Field(index).Type
		below, full := join(path, name), variable+"_"+upper(name)
		if field.Kind() == reflect.Struct && !isText(field) {
			walk(field, below, full, visit)
			continue
		}
		visit(below, full)
	}
}
