// Package policy reads access policies as AWS writes them (IAM, bucket, key,
// queue, vault policies), so that checks ask about principals, actions and
// conditions and not about JSON. What may be one value or a list in a document
// is always a list here.
package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Document is one policy.
type Document struct {
	Statements []Statement
}

// Statement is one statement of a policy.
type Statement struct {
	Sid           string
	Effect        string              // Allow or Deny
	Principals    map[string][]string // by kind: AWS, Service, Federated, CanonicalUser; "*" alone is kind "*"
	NotPrincipals map[string][]string
	Actions       []string
	NotActions    []string
	Resources     []string
	NotResources  []string
	Conditions    []Condition // all must hold
}

// Condition is one comparison of a statement; any of its values will do.
type Condition struct {
	Operator string // such as Bool or StringNotEquals
	Key      string // such as aws:SecureTransport
	Values   []string
}

// Parse reads a policy document.
func Parse(text string) (Document, error) {
	var raw struct{ Statement any }
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return Document{}, fmt.Errorf("read a policy: %w", err)
	}
	list, many := raw.Statement.([]any)
	if !many {
		list = []any{raw.Statement}
	}
	var d Document
	for i, element := range list {
		s, err := statement(element)
		if err != nil {
			return Document{}, fmt.Errorf("read statement %d of a policy: %w", i+1, err)
		}
		d.Statements = append(d.Statements, s)
	}
	return d, nil
}

func statement(v any) (Statement, error) {
	object, ok := v.(map[string]any)
	if !ok {
		return Statement{}, errors.New("it is no object")
	}
	s := Statement{
		Principals: principals(object["Principal"]), NotPrincipals: principals(object["NotPrincipal"]),
		Actions: texts(object["Action"]), NotActions: texts(object["NotAction"]), Resources: texts(object["Resource"]), NotResources: texts(object["NotResource"])}
	for key, field := range map[string]*string{"Sid": &s.Sid, "Effect": &s.Effect} {
		if value, given := object[key]; given {
			if *field, ok = value.(string); !ok {
				return Statement{}, fmt.Errorf("%s is no text", key)
			}
		}
	}
	conditions, ok := object["Condition"].(map[string]any)
	if !ok && object["Condition"] != nil {
		return Statement{}, errors.New("its condition is no object")
	}
	for operator, compared := range conditions {
		keys, ok := compared.(map[string]any)
		if !ok {
			return Statement{}, fmt.Errorf("its condition %s is no object", operator)
		}
		for key, values := range keys {
			s.Conditions = append(s.Conditions, Condition{Operator: operator, Key: key, Values: texts(values)})
		}
	}
	slices.SortFunc(s.Conditions, func(a, b Condition) int { return strings.Compare(a.Operator+a.Key, b.Operator+b.Key) })
	return s, nil
}

func principals(v any) map[string][]string {
	switch v := v.(type) {
	case string:
		return map[string][]string{v: {v}}
	case map[string]any:
		out := map[string][]string{}
		for kind, who := range v {
			out[kind] = texts(who)
		}
		return out
	}
	return nil
}

func texts(v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		out := make([]string, len(v))
		for i, element := range v {
			out[i] = fmt.Sprint(element)
		}
		return out
	default:
		return []string{fmt.Sprint(v)}
	}
}

// Allows are the statements that allow; Denies are those that deny.
func (d Document) Allows() []Statement { return d.withEffect("Allow") }

// Denies are the statements that deny.
func (d Document) Denies() []Statement { return d.withEffect("Deny") }

func (d Document) withEffect(effect string) []Statement {
	var found []Statement
	for _, s := range d.Statements {
		if s.Effect == effect {
			found = append(found, s)
		}
	}
	return found
}

// Everyone tells whether the statement speaks of all principals.
func (s Statement) Everyone() bool {
	return slices.Contains(s.Principals["*"], "*") || slices.Contains(s.Principals["AWS"], "*") || len(s.NotPrincipals) > 0
}

// Covers tells whether the statement's actions include an action, such as s3:GetObject. Wildcards count.
func (s Statement) Covers(action string) bool {
	if len(s.NotActions) > 0 {
		return !slices.ContainsFunc(s.NotActions, func(pattern string) bool { return Matches(pattern, action) })
	}
	return slices.ContainsFunc(s.Actions, func(pattern string) bool { return Matches(pattern, action) })
}

// Condition is the values that a key is compared with by an operator, and whether there is such a condition.
func (s Statement) Condition(operator, key string) ([]string, bool) {
	for _, c := range s.Conditions {
		if c.Operator == operator && strings.EqualFold(c.Key, key) {
			return c.Values, true
		}
	}
	return nil, false
}

// ConditionOn tells whether any condition of the statement is on a key.
func (s Statement) ConditionOn(key string) bool {
	return slices.ContainsFunc(s.Conditions, func(c Condition) bool { return strings.EqualFold(c.Key, key) })
}

// Matches tells whether a pattern with * and ? covers an action or ARN, without regard to case.
func Matches(pattern, name string) bool {
	if !strings.ContainsAny(pattern, "*?") {
		return strings.EqualFold(pattern, name)
	}
	// path.Match stops at slashes, of which actions have none and ARNs many.
	escape := strings.NewReplacer("/", "\x00", "[", `\[`, `\`, `\\`)
	ok, err := path.Match(escape.Replace(strings.ToLower(pattern)), strings.ReplaceAll(strings.ToLower(name), "/", "\x00"))
	return err == nil && ok
}
