package catalogue

import (
	"regexp"
	"slices"
	"strings"
)

var (
	saysEnumeration = regexp.MustCompile(`Path: (.+)\nGiven Value: .*\nValid Values: \[([^\]]*)\]`)
	saysARN         = regexp.MustCompile(`cannot be parsed as an ARN\.\n\nPath: (.+)\n`)
	subscript       = regexp.MustCompile(`\[(?:\d+|Value\(.*?\}?\)|".*?")\]`)
)

// learn takes values out of a provider's complaint about those it was given. It
// tells whether there were any it did not have.
func (s *sampler) learn(complaint error) bool {
	news := false
	add := func(path string, values []any) {
		key := s.resource + "." + subscript.ReplaceAllString(path, "")
		if _, ok := s.Values[key]; !ok && len(values) > 0 {
			if s.Values == nil {
				s.Values = map[string][]any{}
			}
			s.Values[key], news = values, true
		}
	}
	text := complaint.Error()
	for _, m := range saysEnumeration.FindAllStringSubmatch(text, -1) {
		var values []any
		for _, v := range strings.Fields(m[2]) {
			if !slices.Contains(values, any(v)) && len(values) < 3 {
				values = append(values, v)
			}
		}
		add(m[1], values)
	}
	for _, m := range saysARN.FindAllStringSubmatch(text, -1) {
		add(m[1], []any{"arn:aws:iam::123456789012:role/one", "arn:aws:iam::123456789012:role/two"})
	}
	return news
}
