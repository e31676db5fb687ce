package localcloud

import (
	"fmt"
	"strconv"
	"strings"
)

// Templates are how the catalogue's rules write ids and computed outputs: text with placeholders in braces,
// "arn:aws:ec2:{region}:{account}:vpc/{id}". Braces of the text itself are doubled. A placeholder is a list of
// alternatives, {port|5432}; the first that gives something counts. An alternative is one of
//
//	name, a.b[0].c    a property of the object, set or computed; also id, urnName, account, region, partition
//	a->b              property b of the object that property a refers to
//	'text', 12, true  itself
//	function:argument see functions in function.go; the colon stays when there is no argument
//
// A template that is one placeholder keeps the type of what it gives. Text with a placeholder that gives
// nothing is nothing as a whole.
type template []part

// part is text or a placeholder.
type part struct {
	text         string
	alternatives []alternative
}

// alternative is one way to fill a placeholder; exactly one of literal, function and path is set.
type alternative struct {
	literal  any
	function string
	argument string
	path     string
}

func parseTemplate(source string) (template, error) {
	var parts template
	var text strings.Builder
	for rest := source; rest != ""; {
		switch {
		case strings.HasPrefix(rest, "{{"), strings.HasPrefix(rest, "}}"):
			text.WriteByte(rest[0])
			rest = rest[2:]
		case rest[0] == '{':
			inside, after, closed := strings.Cut(rest[1:], "}")
			if !closed {
				return nil, fmt.Errorf("template %q: a brace is not closed", source)
			}
			if text.Len() > 0 {
				parts = append(parts, part{text: text.String()})
				text.Reset()
			}
			alternatives, err := parseAlternatives(inside)
			if err != nil {
				return nil, fmt.Errorf("template %q: %w", source, err)
			}
			parts = append(parts, part{alternatives: alternatives})
			rest = after
		default:
			text.WriteByte(rest[0])
			rest = rest[1:]
		}
	}
	if text.Len() > 0 || len(parts) == 0 {
		parts = append(parts, part{text: text.String()})
	}
	return parts, nil
}

func parseAlternatives(inside string) ([]alternative, error) {
	var all []alternative
	for _, source := range strings.Split(inside, "|") {
		a, err := parseAlternative(strings.TrimSpace(source))
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

func parseAlternative(source string) (alternative, error) {
	if source == "" {
		return alternative{}, fmt.Errorf("a placeholder is empty")
	}
	if len(source) > 1 && source[0] == '\'' && source[len(source)-1] == '\'' {
		return alternative{literal: source[1 : len(source)-1]}, nil
	}
	if n, err := strconv.ParseFloat(source, 64); err == nil {
		return alternative{literal: n}, nil
	}
	if b, err := strconv.ParseBool(source); err == nil && len(source) > 1 {
		return alternative{literal: b}, nil
	}
	name, argument, ok := strings.Cut(source, ":")
	if !ok {
		return alternative{path: source}, nil
	}
	if functionNamed(name) == nil {
		return alternative{}, fmt.Errorf("there is no function %q", name)
	}
	return alternative{function: name, argument: argument}, nil
}
