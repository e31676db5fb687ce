package mutation

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Rule speaks of mutants. Type, Name, Property, Operator and Before are patterns in which * stands for any text
// and | for or; one that is empty fits everything. The property of a mutant of a resource as such is (whole).
type Rule struct {
	Type     string `yaml:"type"`
	Name     string `yaml:"name"`
	Property string `yaml:"property"`
	Operator string `yaml:"operator"`
	Before   string `yaml:"before"`
	When     string `yaml:"when"` // "refused" or "default": fits only mutants with that mark
	Reason   string `yaml:"reason"`

	patterns [5]*regexp.Regexp
}

// Rules say which mutants do not count, and why. The first rule that fits decides, in the order of the lists.
type Rules struct {
	Counts     []*Rule `yaml:"counts"`     // mutants that count, whatever the lists below say
	Impossible []*Rule `yaml:"impossible"` // stacks that could never go up, or that are the same
	Identity   []*Rule `yaml:"identity"`   // names and wording
	Harmless   []*Rule `yaml:"harmless"`   // what no promise and no good practice is about; no check may notice it
}

// All are all rules, in their order.
func (r *Rules) All() []*Rule { return slices.Concat(r.Counts, r.Impossible, r.Identity, r.Harmless) }

// Of is the rule that decides on a mutant, or nil: then it counts.
func (r *Rules) Of(m *Mutant) *Rule {
	all := r.All()
	if i := slices.IndexFunc(all, func(rule *Rule) bool { return rule.Fits(m) }); i >= 0 {
		return all[i]
	}
	return nil
}

// ReadRules reads a file of rules.
func ReadRules(text []byte) (*Rules, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	rules := &Rules{}
	if err := decoder.Decode(rules); err != nil {
		return nil, fmt.Errorf("read rules on mutants that do not count: %w", err)
	}
	var errs []error
	for _, r := range rules.All() {
		if r.Reason == "" {
			errs = append(errs, fmt.Errorf("rule %s: give a reason", r))
		}
		if r.When != "" && r.When != "refused" && r.When != "default" {
			errs = append(errs, fmt.Errorf("rule %s: when is %q; it is refused, default or absent", r, r.When))
		}
		r.compile()
	}
	return rules, errors.Join(errs...)
}

// ReadLines reads a file of what survives: a line for each class, "type | name | property | operator | reason".
// The first four are patterns as those of a rule. Lines that are empty or begin with # are left out.
func ReadLines(text []byte) ([]*Rule, error) {
	var rules []*Rule
	var errs []error
	for n, line := range strings.Split(string(text), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.Split(line, " | ")
		if len(cells) != 5 || strings.TrimSpace(cells[4]) == "" {
			errs = append(errs, fmt.Errorf("line %d: write type | name | property | operator | reason", n+1))
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		r := &Rule{Type: cells[0], Name: cells[1], Property: cells[2], Operator: cells[3], Reason: cells[4]}
		r.compile()
		rules = append(rules, r)
	}
	return rules, errors.Join(errs...)
}

func (r *Rule) compile() {
	for n, pattern := range []string{r.Type, r.Property, r.Operator, r.Name, r.Before} {
		r.patterns[n] = glob(pattern)
	}
}

// glob is a pattern as an expression; nil where it is empty.
func glob(pattern string) *regexp.Regexp {
	if pattern == "" {
		return nil
	}
	var alternatives []string
	for _, one := range strings.Split(pattern, "|") {
		if one == "(whole)" { // the property of a mutant that is no property's
			one = ""
		}
		alternatives = append(alternatives, strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(one)), `\*`, ".*"))
	}
	return regexp.MustCompile("^(?:" + strings.Join(alternatives, "|") + ")$")
}

func (r *Rule) String() string {
	var parts []string
	for _, part := range []struct{ name, value string }{{"type", r.Type}, {"name", r.Name}, {"property", r.Property}, {"operator", r.Operator}, {"before", r.Before}, {"when", r.When}} {
		if part.value != "" {
			parts = append(parts, part.name+" "+part.value)
		}
	}
	return strings.Join(parts, ", ")
}

// Fits tells whether the rule speaks of a mutant.
func (r *Rule) Fits(m *Mutant) bool {
	if r.When == "refused" && !m.Refused || r.When == "default" && !m.Default {
		return false
	}
	for n, value := range []string{m.Type, m.Property, m.Operator, m.Name, m.Before} {
		if r.patterns[n] != nil && !r.patterns[n].MatchString(value) {
			return false
		}
	}
	return true
}
