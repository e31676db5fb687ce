package spec

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// rules are what a field's tags say. The same tags make the JSON Schema:
// `jsonschema` holds the rules and `expect` puts a pattern into words.
type rules struct {
	name, unit           string
	required             bool
	enum                 []string
	pattern              *regexp.Regexp
	minimum, maximum     *int64
	minLength, maxLength int
	minItems             int
	format, def, example string
	expect               string
}

// form is what a struct's tags say, field by field.
type form struct {
	keys  []string
	rules []rules
}

// forms are those of every type that was asked for: tags do not change, and reading them takes longer than a file.
var forms sync.Map // of *form by reflect.Type

// formOf reads a struct's tags once.
func formOf(t reflect.Type) *form {
	if known, ok := forms.Load(t); ok {
		return known.(*form)
	}
	f := &form{keys: keysOf(t)}
	for i := range t.NumField() {
		f.rules = append(f.rules, fieldRules(t.Field(i)))
	}
	forms.Store(t, f)
	return f
}

// fieldRules reads a field's tags. A tag that it does not know is a mistake in this package and panics.
func fieldRules(f reflect.StructField) rules {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	r := rules{name: name, expect: f.Tag.Get("expect")}
	for suffix, unit := range map[string]string{"Days": " of days", "GiB": " of GiB", "Seconds": " of seconds"} {
		if strings.HasSuffix(name, suffix) {
			r.unit = unit
		}
	}
	tag := strings.ReplaceAll(f.Tag.Get("jsonschema"), `\,`, "\x00")
	for part := range strings.SplitSeq(tag, ",") {
		key, value, _ := strings.Cut(strings.ReplaceAll(part, "\x00", ","), "=")
		switch key {
		case "":
		case "required":
			r.required = true
		case "enum":
			r.enum = append(r.enum, value)
		case "pattern":
			r.pattern = regexp.MustCompile(value)
		case "minimum":
			n := mustInt(value)
			r.minimum = &n
		case "maximum":
			n := mustInt(value)
			r.maximum = &n
		case "minLength":
			r.minLength = int(mustInt(value))
		case "maxLength":
			r.maxLength = int(mustInt(value))
		case "minItems":
			r.minItems = int(mustInt(value))
		case "format":
			r.format = value
		case "default":
			r.def = value
		case "example":
			r.example = value
		default:
			panic("spec: unknown tag " + key + " at field " + f.Name)
		}
	}
	return r
}

func mustInt(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic("spec: tag: " + err.Error())
	}
	return n
}

// expectation says in words what a value of the type has to be.
func (r rules) expectation(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case dateType:
		return "a date written YYYY-MM-DD"
	case instantType:
		return "a time in RFC 3339, such as 2026-05-01T09:00:00Z"
	case prefixType:
		return "a range of addresses in CIDR notation"
	}
	switch t.Kind() {
	case reflect.Struct:
		return "a mapping with the keys " + strings.Join(keysOf(t), ", ")
	case reflect.Slice:
		if r.minItems > 0 {
			return fmt.Sprintf("a list of at least %d", r.minItems)
		}
		return "a list"
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return r.number()
	}
	return r.words()
}

func (r rules) number() string {
	switch {
	case len(r.enum) > 0:
		return list(r.enum) + strings.Replace(r.unit, " of", "", 1)
	case r.minimum != nil && r.maximum != nil:
		return fmt.Sprintf("a whole number%s from %d to %d", r.unit, *r.minimum, *r.maximum)
	case r.minimum != nil:
		return fmt.Sprintf("a whole number%s of at least %d", r.unit, *r.minimum)
	}
	return "a whole number" + r.unit
}

func (r rules) words() string {
	switch {
	case r.expect != "":
		return r.expect
	case len(r.enum) > 0:
		return list(r.enum)
	case r.format == "email":
		return "an e-mail address"
	case r.format == "hostname":
		return "a domain name"
	case r.minLength > 0 && r.maxLength > 0:
		return fmt.Sprintf("text of %d to %d characters", r.minLength, r.maxLength)
	case r.minLength > 0:
		return fmt.Sprintf("text of at least %d characters", r.minLength)
	case r.maxLength > 0:
		return fmt.Sprintf("text of at most %d characters", r.maxLength)
	}
	return "text"
}

// mend is what to do about a value when nothing better is known.
func (r rules) mend() string {
	fix := "correct it"
	if r.example != "" {
		fix += ", such as " + r.sample()
	}
	if !r.required && r.name != "" {
		fix += ", or leave it out"
	}
	return fix
}

// add is how to add a field that is missing.
func (r rules) add(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case r.example != "" && t.Kind() == reflect.Slice:
		return fmt.Sprintf("add it, such as %s: [%s]", r.name, r.sample())
	case r.example != "":
		return fmt.Sprintf("add it, such as %s: %s", r.name, r.sample())
	case t.Kind() == reflect.Struct:
		return "add it with " + strings.Join(requiredKeys(t), ", ")
	case len(r.enum) == 1:
		return fmt.Sprintf("add %s: %s", r.name, r.enum[0])
	}
	return "add it"
}

// sample is the example as it is written in YAML.
func (r rules) sample() string {
	if strings.HasPrefix(r.example, "+") || strings.Trim(r.example, "0123456789") == "" {
		return strconv.Quote(r.example)
	}
	return r.example
}

// keysOf are a struct's keys in the order of its fields.
func keysOf(t reflect.Type) []string {
	keys := make([]string, t.NumField())
	for i := range keys {
		keys[i], _, _ = strings.Cut(t.Field(i).Tag.Get("json"), ",")
	}
	return keys
}

// requiredKeys are those of a struct's keys that have no default.
func requiredKeys(t reflect.Type) []string {
	var keys []string
	for _, r := range formOf(t).rules {
		if r.required {
			keys = append(keys, r.name)
		}
	}
	return keys
}

// placesOf are the paths at which a key may stand below a type.
func placesOf(t reflect.Type, path, key string) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		if t.Kind() == reflect.Slice {
			path += "[]"
		}
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == dateType || t == instantType || t == prefixType {
		return nil
	}
	var places []string
	keys := keysOf(t)
	if slices.Contains(keys, key) {
		places = append(places, path)
	}
	for i, k := range keys {
		places = append(places, placesOf(t.Field(i).Type, path+"."+k, key)...)
	}
	return places
}
