package evidence

import (
	"reflect"
	"strings"
	"unicode"
)

// Printable is a copy whose texts are fit to be shown: on one line, valid, and without characters that are invisible or
// change the direction of what follows. What a finding repeats comes from a stack, and a stack's names from people.
func (d *Document) Printable() *Document {
	copied := printable(reflect.ValueOf(*d)).Interface().(Document)
	return &copied
}

func printable(v reflect.Value) reflect.Value {
	copied := reflect.New(v.Type()).Elem()
	copied.Set(v)
	switch v.Kind() {
	case reflect.String:
		copied.SetString(line(v.String()))
	case reflect.Pointer:
		if !v.IsNil() {
			copied.Set(reflect.New(v.Type().Elem()))
			copied.Elem().Set(printable(v.Elem()))
		}
	case reflect.Slice:
		if !v.IsNil() {
			copied.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				copied.Index(i).Set(printable(v.Index(i)))
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() { // a time has none, and is kept as it is
				copied.Field(i).Set(printable(v.Field(i)))
			}
		}
	}
	return copied
}

func line(text string) string {
	text = strings.ToValidUTF8(text, "�")
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.In(r, unicode.Cf): // Cf: formats, among them those of direction
			return '�'
		}
		return r
	}, text)
	return strings.TrimSpace(text)
}
