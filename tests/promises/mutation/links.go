package mutation

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises/graph"
)

// naming are the outputs by which other resources name one.
var naming = []string{"arn", "id", "name", "bucket", "keyId", "endpoint", "address", "dnsName", "identifier", "clusterIdentifier", "url", "userId",
	"userGroupId", "alarmName", "arnSuffix", "prefixListId", "primaryEndpointAddress", "replicationGroupId"}

// index finds the resources by all their names.
func index(g *graph.Graph) map[string][]*graph.Resource {
	byName := map[string][]*graph.Resource{}
	for _, r := range g.Clouds() {
		names := []string{r.ID}
		for _, key := range naming {
			names = append(names, text(r.Outputs[key]))
		}
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			if name != "" {
				byName[name] = append(byName[name], r)
			}
		}
	}
	return byName
}

// resolve is the resource that a value of another stands for, or nil. Of several that have the name it is the
// one whose type is in the property's name, as in dbSubnetGroupName; or else the one with the shortest type:
// the bucket, not its policy.
func (s *study) resolve(p place, value string) *graph.Resource {
	var best *graph.Resource
	rank := func(r *graph.Resource) int {
		kind := strings.ToLower(r.Type[strings.LastIndex(r.Type, ":")+1:])
		kind = strings.TrimSuffix(kind, "v2")
		if strings.Contains(strings.ToLower(p.key), kind) {
			return len(r.Type) - 1000*len(kind)
		}
		return len(r.Type)
	}
	for _, r := range s.names[value] {
		if best == nil || rank(r) < rank(best) {
			best = r
		}
	}
	if best == p.resource {
		return nil
	}
	return best
}

// mentions are all resources that others name, and so could not be left out alone.
func (s *study) mentions() map[*graph.Resource]bool {
	used := map[*graph.Resource]bool{}
	for _, r := range s.graph.Clouds() {
		walk(r, func(p place) {
			value := text(p.value)
			if value == "" {
				return
			}
			for _, quoted := range append([]string{value}, strings.Split(value, `"`)...) {
				if named := s.resolve(p, quoted); named != nil {
					used[named] = true
				}
			}
		})
	}
	return used
}

// another is the text by which a resource of the same type as the one that value stands for goes in the same
// way; empty where there is none. It is of the same region: what the provider refuses is no mutant.
func (s *study) another(r *graph.Resource, value string) string {
	for _, other := range s.graph.OfType(r.Type) {
		if other == r || other.Region() != r.Region() {
			continue
		}
		if value == r.ID && other.ID != value {
			return other.ID
		}
		for _, key := range naming {
			if name := text(other.Outputs[key]); r.Outputs[key] == value && name != "" && name != value {
				return name
			}
		}
	}
	return ""
}

// pointed lets references to resources go to another resource of the same type, or nowhere; those inside of
// blocks are also taken away.
func pointed(s *study, p place) []change {
	value, ok := p.value.(string)
	if !ok || isDocument(value) {
		return nil
	}
	r := s.resolve(p, value)
	if r == nil {
		return nil
	}
	var changes []change
	if other := s.another(r, value); other != "" {
		changes = append(changes, change{operator: elsewhere, after: other})
	} else {
		changes = append(changes, change{operator: elsewhere, after: "other"})
	}
	_, element := p.steps[len(p.steps)-1].(int)
	if len(p.steps) > 1 && !element {
		changes = append(changes, change{operator: removed, after: gone{}})
	}
	return changes
}

const (
	everyIPv4 = "0.0.0.0/0"
	everyIPv6 = "::/0"
)

func isPrefix(value string) bool {
	_, err := netip.ParsePrefix(value)
	return err == nil
}

// opened replaces ranges of addresses by all addresses, and extends lists of them.
func opened(_ *study, p place) []change {
	switch v := p.value.(type) {
	case string:
		prefix, err := netip.ParsePrefix(v)
		switch {
		case err != nil || v == everyIPv4 || v == everyIPv6:
		case prefix.Addr().Is4():
			return []change{{operator: "opened to everyone", after: everyIPv4}}
		default:
			return []change{{operator: "opened to everyone", after: everyIPv6}}
		}
	case []any:
		if len(v) == 0 {
			return nil
		}
		if isPrefix(text(v[0])) {
			return []change{{operator: "extended to everyone", after: append(append([]any{}, v...), everyIPv4)}}
		}
		if object, ok := v[0].(map[string]any); ok && isPrefix(text(object["cidr"])) {
			return []change{{operator: "extended to everyone", after: append(append([]any{}, v...), map[string]any{"cidr": everyIPv4})}}
		}
	}
	return nil
}

var portName = regexp.MustCompile(`^(port|fromPort|toPort)$`)

func portKey(key string) bool { return portName.MatchString(key) }

// ported changes the ports of what listens. Those of rules of firewalls are widened together, by whole.
func ported(_ *study, p place) []change {
	if n, ok := p.value.(float64); ok && p.key == "port" {
		return []change{{operator: changed, after: n + 1000}}
	}
	return nil
}

// firewall opens a rule of a security group or an access list.
func (s *study) firewall(i int, r *graph.Resource) {
	set := func(operator, shown string, values map[string]any, drop ...string) {
		s.found = append(s.found, &Mutant{Type: r.Type, Name: r.Name, Operator: operator, After: shown, index: i, edit: func(r *graph.Resource) {
			for _, key := range drop {
				delete(r.Inputs, key)
			}
			for key, value := range values {
				r.Inputs[key] = value
			}
		}})
	}
	sources := []string{"referencedSecurityGroupId", "prefixListId", "cidrIpv4", "cidrIpv6", "cidrBlock", "ipv6CidrBlock"}
	four, six := "cidrIpv4", "cidrIpv6"
	if strings.Contains(r.Type, "networkAclRule") {
		four, six = "cidrBlock", "ipv6CidrBlock"
	}
	if text(r.Inputs[four]) != everyIPv4 {
		set("opened to everyone", everyIPv4, map[string]any{four: everyIPv4}, sources...)
	}
	set("opened to everyone on IPv6", everyIPv6, map[string]any{six: everyIPv6}, sources...)
	set("ports widened", "0-65535", map[string]any{"fromPort": 0.0, "toPort": 65535.0})
	set("SSH let in", "22", map[string]any{"fromPort": 22.0, "toPort": 22.0})
}
