package mutation

import (
	"slices"
	"strings"
)

// shortened empties lists, cuts them to one element, and takes single elements away.
func shortened(s *study, p place) []change {
	list, ok := p.value.([]any)
	if !ok || len(list) == 0 {
		return nil
	}
	changes := []change{{operator: "emptied", after: []any{}}}
	_, objects := list[0].(map[string]any)
	if len(list) > 1 && !objects {
		changes = append(changes, change{operator: "cut to one", after: list[:1:1]})
	}
	if objects && len(list) > 1 || len(list) > 2 {
		for i, element := range list {
			rest := append(append([]any{}, list[:i]...), list[i+1:]...)
			path, property := label(p.key, i, element)
			changes = append(changes, change{operator: "element removed", before: element, after: rest, path: path, property: property})
		}
	}
	if p.key == "networkInterfaces" {
		changes = append(changes, change{operator: "another added", after: append(append([]any{}, list...), map[string]any{"deviceIndex": "1", "associatePublicIpAddress": "true"})})
	}
	if strings.Contains(strings.ToLower(p.key), "securitygroup") {
		if other := s.openGroup(list); other != "" {
			changes = append(changes, change{operator: "another added", after: append(append([]any{}, list...), other)})
		}
	}
	return changes
}

// openGroup is the security group that lets in most from addresses, of those that are not in a list.
func (s *study) openGroup(list []any) string {
	const groups, rules = "aws:ec2/securityGroup:SecurityGroup", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
	open := map[string]int{}
	for _, rule := range s.graph.OfType(rules) {
		if rule.Inputs["referencedSecurityGroupId"] == nil {
			open[text(rule.Inputs["securityGroupId"])]++
		}
	}
	best := ""
	for _, group := range s.graph.OfType(groups) {
		if !slices.Contains(list, any(group.ID)) && (best == "" || open[group.ID] > open[best]) {
			best = group.ID
		}
	}
	return best
}

// milder are the actions of a web firewall that let through what another stops.
var milder = []struct{ from, to string }{{"block", "count"}, {"none", "count"}, {"count", "allow"}}

// actions makes the actions of a web firewall milder: they are keys, not values.
func actions(_ *study, p place) []change {
	object, ok := p.value.(map[string]any)
	if !ok || !strings.HasSuffix(strings.ToLower(p.key), "action") && p.key != "actionToUse" {
		return nil
	}
	for _, action := range milder {
		if _, has := object[action.from]; !has {
			continue
		}
		to := action.to
		if p.key == "defaultAction" {
			to = "allow"
		}
		return []change{{operator: weakened, after: map[string]any{to: map[string]any{}}}}
	}
	return nil
}
