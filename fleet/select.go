package fleet

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Selection says which stacks of a fleet are meant. Its parts narrow each other; within one part, any value does, except that all
// labels must hold. A selection that says nothing means everybody.
type Selection struct {
	Stacks                               []string // exact names
	Patterns                             []string // of names, with *, ? and [a-z]; a stack is meant when it is among Stacks or fits a pattern
	Labels                               []string // key=value, or key!=value for those that have another value or none
	Kinds, Tiers, Environments, Releases []string
	Waves                                []int
	// Affected are the only stacks that count when IsAffected is set. Then an empty list means nobody, and is no mistake.
	Affected   []string
	IsAffected bool
}

// Empty tells whether the selection says nothing, and so means everybody.
func (s Selection) Empty() bool {
	return !s.IsAffected && len(s.Stacks)+len(s.Patterns)+len(s.Labels)+len(s.Kinds)+len(s.Tiers)+len(s.Environments)+len(s.Releases)+len(s.Waves) == 0
}

// SelectionError says what of a selection fits no stack, all of it at once, with what there is.
type SelectionError struct {
	Problems []string
}

func (e *SelectionError) Error() string { return strings.Join(e.Problems, "\n") }

// Select picks the members that a selection means, in the order that they come in. A member whose file cannot be read is picked wherever
// it might belong: its name must fit, and what nobody can know of it counts as fitting. Whatever fits no stack is an error and
// never means everybody.
func Select(members []Member, s Selection) ([]Member, error) {
	criteria, problems := s.criteria(members)
	if len(problems) > 0 {
		return nil, &SelectionError{problems}
	}
	affected := set(s.Affected)
	picked := []Member{}
	named := 0 // that fit all but the affected ones
	for _, m := range members {
		if slices.ContainsFunc(criteria, func(c criterion) bool { return !c.fits(m) }) {
			continue
		}
		named++
		if !s.IsAffected || affected[m.Stack] {
			picked = append(picked, m)
		}
	}
	if named == 0 && len(members) > 0 && len(criteria) > 0 {
		var said []string
		for _, c := range criteria {
			said = append(said, c.said)
		}
		return nil, &SelectionError{[]string{"no stack is all of these at once: " + strings.Join(said, "; ") + ": leave one out"}}
	}
	return picked, nil
}

// criterion is one part of a selection.
type criterion struct {
	said string
	fits func(Member) bool
}

// criteria are the selection's parts, and what of them fits nobody.
func (s Selection) criteria(members []Member) (criteria []criterion, problems []string) {
	add := func(said string, fits func(Member) bool) { criteria = append(criteria, criterion{said, fits}) }
	if len(s.Stacks)+len(s.Patterns) > 0 {
		names := set(s.Stacks)
		problems = append(problems, wrongNames(members, s.Stacks, s.Patterns)...)
		add("named "+strings.Join(slices.Concat(s.Stacks, s.Patterns), " or "), func(m Member) bool {
			return names[m.Stack] || slices.ContainsFunc(s.Patterns, func(p string) bool { return matches(p, m.Stack) })
		})
	}
	for _, f := range []struct {
		what   string
		wanted []string
		of     func(Member) string
	}{
		{"kind", s.Kinds, func(m Member) string { return string(m.Kind) }},
		{"tier", s.Tiers, func(m Member) string { return string(m.Tier) }},
		{"environment", s.Environments, func(m Member) string { return string(m.Environment) }},
		{"release", s.Releases, func(m Member) string { return m.Release }},
		{"wave", numbers(s.Waves), func(m Member) string { return number(m.Wave) }},
	} {
		if len(f.wanted) == 0 {
			continue
		}
		there := count(members, f.of)
		for _, value := range f.wanted {
			if there[value] == 0 {
				problems = append(problems, nobody(fmt.Sprintf("no stack has the %s %q", f.what, value), value, there))
			}
		}
		add(f.what+" "+strings.Join(f.wanted, " or "), func(m Member) bool {
			return len(m.Problems) > 0 || slices.Contains(f.wanted, f.of(m))
		})
	}
	for _, text := range s.Labels {
		key, value, not, ok := cutLabel(text)
		if !ok {
			problems = append(problems, fmt.Sprintf("label %q is not written as key=value or key!=value", text))
			continue
		}
		label := func(m Member) string { return m.Labels[key] }
		if there := count(members, label); there[value] == 0 {
			problems = append(problems, unknownLabel(members, key, value, there))
		}
		add("label "+text, func(m Member) bool { return len(m.Problems) > 0 || (label(m) == value) != not })
	}
	return criteria, problems
}

// wrongNames are problems with names and patterns that fit no stack.
func wrongNames(members []Member, names, patterns []string) (problems []string) {
	there := count(members, func(m Member) string { return m.Stack })
	for _, name := range names {
		if there[name] == 0 {
			problems = append(problems, nobody(fmt.Sprintf("there is no stack %q", name), name, there))
		}
	}
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil {
			problems = append(problems, fmt.Sprintf("pattern %q cannot be read: it may hold *, ? and [a-z]", p))
		} else if !slices.ContainsFunc(members, func(m Member) bool { return matches(p, m.Stack) }) {
			problems = append(problems, nobody(fmt.Sprintf("no stack's name fits %q", p), p, there))
		}
	}
	return problems
}

func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// cutLabel reads key=value or key!=value.
func cutLabel(text string) (key, value string, not, ok bool) {
	key, value, ok = strings.Cut(text, "=")
	key, not = strings.CutSuffix(key, "!")
	return key, value, not, ok && key != "" && value != ""
}

// unknownLabel names the values of a label that nobody has, or the labels when nobody has the key.
func unknownLabel(members []Member, key, value string, values map[string]int) string {
	if len(values) > 0 {
		return nobody(fmt.Sprintf("no stack has the label %s=%s", key, value), value, values)
	}
	keys := map[string]int{}
	for _, m := range members {
		for k := range m.Labels {
			keys[k]++
		}
	}
	return nobody(fmt.Sprintf("no stack has a label %q", key), key, keys)
}

// shown is how many values a message lists at most.
const shown = 20

// nobody is a problem with what there is instead.
func nobody(what, wanted string, there map[string]int) string {
	if len(there) == 0 {
		return what + ", nor any other"
	}
	names := slices.SortedFunc(maps.Keys(there), func(a, b string) int { return cmp.Or(compareNumbers(a, b), strings.Compare(a, b)) })
	nearest, distance := "", max(1, min(3, len(wanted)/3))+1
	for _, name := range names {
		if d := levenshtein.ComputeDistance(strings.ToLower(wanted), strings.ToLower(name)); d < distance {
			nearest, distance = name, d
		}
	}
	more := ""
	if len(names) > shown {
		names, more = names[:shown], fmt.Sprintf(" and %d more", len(names)-shown)
	}
	for i, name := range names {
		if there[name] > 1 {
			names[i] = fmt.Sprintf("%s (%d)", name, there[name])
		}
	}
	text := what + "; there are " + strings.Join(names, ", ") + more
	if len(names) == 1 && more == "" {
		text = what + "; there is " + names[0]
	}
	if nearest != "" {
		text += "; did you mean " + nearest + "?"
	}
	return text
}

func compareNumbers(a, b string) int {
	i, err := strconv.Atoi(a)
	j, err2 := strconv.Atoi(b)
	if err != nil || err2 != nil {
		return 0
	}
	return cmp.Compare(i, j)
}

// count tells how many members have which value; none is no value.
func count(members []Member, of func(Member) string) map[string]int {
	counts := map[string]int{}
	for _, m := range members {
		if value := of(m); value != "" {
			counts[value]++
		}
	}
	return counts
}

func set(names []string) map[string]bool {
	found := make(map[string]bool, len(names))
	for _, name := range names {
		found[name] = true
	}
	return found
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func numbers(all []int) []string {
	texts := make([]string, len(all))
	for i, n := range all {
		texts[i] = strconv.Itoa(n)
	}
	return texts
}
