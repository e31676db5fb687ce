package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"
)

// node is a JSON value that remembers the order of its members, and those that come twice.
type node struct {
	kind     kind
	text     string // of a text or a number
	keys     []string
	elements []node // of a list; of an object, one for each key
}

type kind string

const (
	anObject kind = "an object"
	aList    kind = "a list"
	aText    kind = "a text"
	aNumber  kind = "a number"
	aTruth   kind = "true or false"
	aNull    kind = "null"
)

func (n node) member(key string) (node, bool) {
	if i := slices.Index(n.keys, key); i >= 0 {
		return n.elements[i], true
	}
	return node{}, false
}

// parse reads one JSON value and nothing after it.
func parse(source []byte) (node, error) {
	if len(bytes.TrimSpace(source)) == 0 {
		return node{}, errors.New("the file is empty")
	}
	var syntax *json.SyntaxError
	var anything any
	if err := json.Unmarshal(source, &anything); errors.As(err, &syntax) { // has the offset, which tokens do not
		line := 1 + bytes.Count(source[:syntax.Offset], []byte("\n"))
		return node{}, fmt.Errorf("line %d: the file is not JSON: %w", line, err)
	}
	decoder := json.NewDecoder(bytes.NewReader(source))
	decoder.UseNumber()
	n, err := value(decoder)
	if err != nil {
		return node{}, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return node{}, errors.New("the file goes on after the document")
	}
	return n, nil
}

func value(decoder *json.Decoder) (node, error) {
	token, err := decoder.Token()
	if err != nil {
		return node{}, err
	}
	switch token := token.(type) {
	case json.Delim:
		n := node{kind: aList}
		if token == '{' {
			n.kind = anObject
		}
		for decoder.More() {
			if n.kind == anObject {
				key, err := decoder.Token()
				if err != nil {
					return node{}, err
				}
				n.keys = append(n.keys, fmt.Sprint(key))
			}
			element, err := value(decoder)
			if err != nil {
				return node{}, err
			}
			n.elements = append(n.elements, element)
		}
		_, err := decoder.Token() // the closing bracket
		return n, err
	case string:
		return node{kind: aText, text: token}, nil
	case json.Number:
		return node{kind: aNumber, text: token.String()}, nil
	case bool:
		return node{kind: aTruth}, nil
	default:
		return node{kind: aNull}, nil
	}
}

// fits holds the value against the type of what it is to become.
func (n node) fits(target any) error {
	var errs []error
	n.hold(reflect.TypeOf(target).Elem(), "", func(path, format string, args ...any) {
		errs = append(errs, errors.New(path+": "+fmt.Sprintf(format, args...)))
	})
	return errors.Join(errs...)
}

func (n node) hold(t reflect.Type, path string, problem func(path, format string, args ...any)) {
	want := func(k kind) bool {
		if n.kind != k {
			problem(path, "here stands %s, expected is %s", n.kind, k)
		}
		return n.kind == k
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		if want(aText) {
			if at, err := time.Parse("2006-01-02T15:04:05Z", n.text); err != nil || at.IsZero() {
				problem(path, "%q is no time in UTC such as 2026-11-21T09:30:00Z", n.text)
			}
		}
	case t.Kind() == reflect.Pointer:
		n.hold(t.Elem(), path, problem)
	case t.Kind() == reflect.Struct:
		if want(anObject) {
			n.members(t, path, problem)
		}
	case t.Kind() == reflect.Slice:
		if want(aList) {
			for i, element := range n.elements {
				element.hold(t.Elem(), fmt.Sprintf("%s[%d]", path, i), problem)
			}
		}
	case t.Kind() == reflect.Bool:
		want(aTruth)
	case t.Kind() == reflect.Int:
		if want(aNumber) && (strings.ContainsAny(n.text, ".eE") || len(n.text) > 18) {
			problem(path, "%s is no whole number that fits", n.text)
		}
	default:
		want(aText)
	}
}

func (n node) members(t reflect.Type, path string, problem func(path, format string, args ...any)) {
	place := func(key string) string {
		if path == "" {
			return key
		}
		return path + "." + key
	}
	known := map[string]bool{}
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		known[name] = true
		if element, present := n.member(name); present {
			element.hold(t.Field(i).Type, place(name), problem)
		} else if options == "" {
			problem(place(name), "is missing")
		}
	}
	for i, key := range n.keys {
		switch {
		case !known[key]:
			problem(place(key), "this release knows no such field")
		case slices.Index(n.keys, key) < i:
			problem(place(key), "comes twice")
		}
	}
}
