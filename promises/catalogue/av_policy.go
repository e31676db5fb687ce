package catalogue

import (
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
)

// policyCall is a call that a policy must let pass: what is promised rests on it.
type policyCall struct {
	service string          // the AWS service that calls, such as cloudwatch.amazonaws.com; or
	is      *graph.Resource // the role that calls
	action  string
	// on tells whether a statement's resource stands for what is called; nil: the policy belongs to it.
	on      func(pattern string) bool
	context map[string]string // the condition keys that the call carries, with their values
}

// granted tells whether a policy lets the request pass. What cannot be read grants nothing.
func (q policyCall) granted(text string) bool {
	document, err := policy.Parse(text)
	if err != nil {
		return false
	}
	applies := func(s policy.Statement) bool {
		return q.by(s) && s.Covers(q.action) && q.reaches(s) &&
			!slices.ContainsFunc(s.Conditions, func(c policy.Condition) bool { return !q.meets(c) })
	}
	return slices.ContainsFunc(document.Allows(), applies) && !slices.ContainsFunc(document.Denies(), applies)
}

func (q policyCall) by(s policy.Statement) bool {
	switch {
	case s.Everyone():
		return true
	case q.is != nil:
		return slices.ContainsFunc(s.Principals["AWS"], q.is.Goes)
	default:
		return slices.Contains(s.Principals["Service"], q.service)
	}
}

func (q policyCall) reaches(s policy.Statement) bool {
	if q.on == nil {
		return true
	}
	if len(s.NotResources) > 0 {
		return !slices.ContainsFunc(s.NotResources, q.on)
	}
	return slices.ContainsFunc(s.Resources, func(pattern string) bool { return pattern == "*" || q.on(pattern) })
}

// meets tells whether the request meets a condition. Operators that are not known here are not met.
func (q policyCall) meets(c policy.Condition) bool {
	value, carried := "", false
	for key, v := range q.context {
		if strings.EqualFold(key, c.Key) {
			value, carried = v, true
		}
	}
	operator, optional := strings.CutSuffix(c.Operator, "IfExists")
	compare := map[string]func(pattern string) bool{
		"StringEquals": func(pattern string) bool { return pattern == value },
		"StringLike":   func(pattern string) bool { return policy.Matches(pattern, value) },
		"ArnEquals":    func(pattern string) bool { return policy.Matches(pattern, value) },
		"ArnLike":      func(pattern string) bool { return policy.Matches(pattern, value) },
		"Bool":         func(pattern string) bool { return strings.EqualFold(pattern, value) },
	}
	if equal := compare[operator]; equal != nil {
		return carried && slices.ContainsFunc(c.Values, equal) || !carried && optional
	}
	if equal := compare[strings.Replace(operator, "Not", "", 1)]; equal != nil {
		return !carried || !slices.ContainsFunc(c.Values, equal)
	}
	return false
}

// namesOf are the names of resources; one that is nil is left out.
func namesOf(resources []*graph.Resource) string {
	var list []string
	for _, resource := range resources {
		if resource != nil {
			list = append(list, resource.Name)
		}
	}
	if len(list) == 0 {
		return "none of this stack"
	}
	return strings.Join(list, ", ")
}
