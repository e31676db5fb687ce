package redact

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// shortest is how long a secret is at least that is looked for within other texts. A shorter one would be found where it is
// not meant; it is replaced where it is a whole text.
const shortest = 8

// scrubber replaces known secrets where nobody marked them: in the middle of a text, or in another form of writing.
type scrubber struct {
	whole map[string]string
	parts []pair // the longest first
}

type pair struct{ secret, instead string }

// forms are the ways in which a text may be written.
var forms = []func(string) string{
	func(s string) string { return s },
	quoted,
	url.QueryEscape, url.PathEscape,
	func(s string) string { return hex.EncodeToString([]byte(s)) },
	func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
	func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) },
	func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
}

// quoted is a text as JSON writes it, without the quotation marks.
func quoted(s string) string {
	text, err := json.Marshal(s)
	if err != nil || len(text) < 2 {
		return s
	}
	return string(text[1 : len(text)-1])
}

func newScrubber(known map[string]string) scrubber {
	s := scrubber{whole: known}
	for secret, instead := range known {
		if len(secret) < shortest {
			continue
		}
		for _, form := range forms {
			if written := form(secret); !slices.Contains(s.parts, pair{written, form(instead)}) {
				s.parts = append(s.parts, pair{written, form(instead)})
			}
		}
	}
	slices.SortFunc(s.parts, func(a, b pair) int {
		return cmp.Or(cmp.Compare(len(b.secret), len(a.secret)), cmp.Compare(a.secret, b.secret), cmp.Compare(a.instead, b.instead))
	})
	return s
}

// value cleans every text in a value, names of fields included.
func (s scrubber) value(v any) any {
	switch v := v.(type) {
	case map[string]any:
		cleaned := make(map[string]any, len(v))
		for key, field := range v {
			cleaned[s.text(key)] = s.value(field)
		}
		return cleaned
	case []any:
		for i, item := range v {
			v[i] = s.value(item)
		}
	case string:
		return s.text(v)
	}
	return v
}

func (s scrubber) text(text string) string {
	if instead, ok := s.whole[text]; ok {
		return instead
	}
	text = s.packed(text)
	for _, p := range s.parts {
		if strings.Contains(text, p.secret) {
			text = strings.ReplaceAll(text, p.secret, p.instead)
		}
	}
	return text
}

// packed cleans a text that is something else in base64, where secrets lie at no fixed place.
func (s scrubber) packed(text string) string {
	if len(text) < shortest {
		return text
	}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding} {
		inner, err := encoding.DecodeString(text)
		if err != nil {
			continue
		}
		cleaned := inner
		for _, p := range s.parts {
			cleaned = bytes.ReplaceAll(cleaned, []byte(p.secret), []byte(p.instead))
		}
		if !bytes.Equal(cleaned, inner) {
			return encoding.EncodeToString(cleaned)
		}
	}
	return text
}
