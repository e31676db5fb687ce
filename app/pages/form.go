package pages

import (
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strings"
	"time"
)

// functions are what the templates can call besides html/template's own.
func functions() template.FuncMap {
	return template.FuncMap{
		"field":   field,
		"choice":  choice,
		"ago":     ago,
		"exact":   exact,
		"precise": precise,
		"date":    date,
		"due":     due,
		"plural":  plural,
		"size":    size,
		"local":   local,
		"seg":     segment,
		"isoDay":  isoDay,
		"pair":    func(a, b any) two { return two{a, b} },
		"trio":    func(a, b, c any) three { return three{a, b, c} },
		"add":     func(a, b int) int { return a + b },
		"inc":     func(n int) int { return n + 1 },
		"accents": Accents,
		"hues":    func() []int { return []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9} },
		"title":   sentence,
	}
}

// two and three hand a partial template more than one value.
type two struct{ A, B any }
type three struct{ A, B, C any }

// input is one field of a form, as the partial templates of forms see it.
type input struct {
	ID           string
	Name         string
	Label        string
	Value        string
	Type         string
	Hint         string
	Problem      string
	Autocomplete string
	Max          string
	Min          string
	Rows         string
	Placeholder  string
	Pattern      string
	Mode         string // inputmode
	Class        string
	Accept       string
	Required     bool
	Hidden       bool // the label is for screen readers only
	Plain        bool // no word that it is optional
	Focus        bool
	Mentions     bool
	Options      []Option
}

// Described is the value of aria-describedby.
func (i input) Described() string {
	var ids []string
	if i.Problem != "" {
		ids = append(ids, i.ID+"-problem")
	}
	if i.Hint != "" {
		ids = append(ids, i.ID+"-hint")
	}
	return strings.Join(ids, " ")
}

// field describes a field. The options are words of the template's author, such as "required" or "hint=What it is called".
func field(form Form, name, label string, value any, options ...string) (input, error) {
	in := input{ID: "in-" + name, Name: name, Label: label, Type: "text", Problem: form.ProblemWith(name)}
	switch v := value.(type) {
	case nil:
	case string:
		in.Value = v
	default:
		in.Value = fmt.Sprint(v)
	}
	for _, option := range options {
		key, val, _ := strings.Cut(option, "=")
		switch key {
		case "id":
			in.ID = "in-" + val
		case "type":
			in.Type = val
		case "hint":
			in.Hint = val
		case "autocomplete":
			in.Autocomplete = val
		case "max":
			in.Max = val
		case "min":
			in.Min = val
		case "rows":
			in.Rows = val
		case "placeholder":
			in.Placeholder = val
		case "pattern":
			in.Pattern = val
		case "mode":
			in.Mode = val
		case "class":
			in.Class = val
		case "accept":
			in.Accept = val
		case "required":
			in.Required = true
		case "hidden":
			in.Hidden = true
		case "plain": // may be empty, and nobody needs to be told
			in.Plain = true
		case "focus":
			in.Focus = len(form.Problems) == 0 // otherwise the summary of the problems gets it
		case "mentions":
			in.Mentions = true
		case "":
		default:
			return in, fmt.Errorf("field %s: unknown option %q", name, option)
		}
	}
	if in.Type == "password" { // a password is never sent back
		in.Value = ""
	}
	return in, nil
}

// choice describes a field with options to choose from.
func choice(form Form, name, label string, options []Option, more ...string) (input, error) {
	in, err := field(form, name, label, nil, more...)
	in.Options = options
	if in.Required && slices.ContainsFunc(options, func(o Option) bool { return o.Value == "" }) {
		in.Required, in.Plain = false, true // a browser would not send a form in which that option is chosen
	}
	return in, err
}

// segment is one segment of a path: nothing in it leads to another path. The templates' own escaping lets slashes, queries
// and dots through in the middle of an address.
func segment(s string) string {
	for _, r := range s {
		plain := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
		if !plain {
			return strings.ReplaceAll(url.PathEscape(s), ".", "-")
		}
	}
	return s
}

// local is a path on this site, whatever it is given: a link never leads elsewhere.
func local(path string) string {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\n\r\t") {
		return "/"
	}
	return path
}

// isoDay is the value of a date field; "" for no date.
func isoDay(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

// sentence starts with a capital letter.
func sentence(v any) string {
	s := fmt.Sprint(v)
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
