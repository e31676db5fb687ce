package localcloud

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/berth-iac/berth/localcloud/catalogue"
)

// resolved is a reference that found its object.
type resolved struct {
	rule   *catalogue.Reference
	value  string
	target key
}

// missing is a reference that found nothing.
type missing struct {
	rule    *catalogue.Reference
	value   string
	pending *object // it is there, but its deletion is under way
}

// resolve finds the objects that properties refer to. Unknown values and what belongs to the cloud itself or to
// another account is passed over: it cannot be known here.
func (s *store) resolve(rule *catalogue.Rule, account, region string, props resource.PropertyMap) ([]resolved, []missing) {
	var found []resolved
	var lost []missing
	for i := range rule.References {
		ref := &rule.References[i]
		for _, v := range gather(resource.NewObjectProperty(props), ref.Property) {
			value := strings.TrimSuffix(text(v), ref.Trim)
			if value == "" || v.IsComputed() || foreign(value, account) || exempt(ref, value) {
				continue
			}
			switch target := s.find(ref.To, ref.By, account, region, value); {
			case target == nil:
				lost = append(lost, missing{ref, value, nil})
			case target.pending():
				lost = append(lost, missing{ref, value, target})
			default:
				found = append(found, resolved{ref, value, target.key})
			}
		}
	}
	return found, lost
}

// find looks an object up by a value that is its id or one of the given properties, as seen from an account and region.
func (s *store) find(types, by []string, account, region, value string) *object {
	if len(by) == 0 {
		by = []string{"id"}
	}
	for _, token := range types {
		for _, property := range by {
			var candidates []*object
			for _, o := range s.values[indexed{token, property, value}] {
				// An ARN says where it is; anything else means the caller's own account and region.
				here := o.account == account && (o.region == region || s.cat.Scope(token) != catalogue.Region)
				if here || strings.HasPrefix(value, "arn:") || s.cat.Scope(token) == catalogue.Global {
					candidates = append(candidates, o)
				}
			}
			if len(candidates) > 0 {
				return slices.MinFunc(candidates, func(a, b *object) int { return strings.Compare(a.key.ID, b.key.ID) })
			}
		}
	}
	return nil
}

// foreign tells whether a value is an ARN in another account (or the cloud's own).
func foreign(value, account string) bool {
	parts := strings.SplitN(value, ":", 6)
	return len(parts) == 6 && parts[0] == "arn" && parts[4] != "" && parts[4] != account
}

func exempt(ref *catalogue.Reference, value string) bool {
	if ref.Unless == "" {
		return false
	}
	matched, err := regexp.MatchString(ref.Unless, value)
	return err == nil && matched
}

// absentError is what the cloud says about a reference to nothing.
func (m missing) error(rules *catalogue.Rules) string {
	switch {
	case m.pending != nil:
		if rule := rules.Types[m.pending.key.Type]; rule != nil && rule.Deletion != nil && rule.Deletion.Error != "" {
			return strings.ReplaceAll(rule.Deletion.Error, "{value}", m.value)
		}
		return fmt.Sprintf("InvalidState: %s %q is being deleted", m.pending.key.Type, m.value)
	case m.rule.Error != "":
		return strings.ReplaceAll(m.rule.Error, "{value}", m.value)
	}
	return fmt.Sprintf("NotFound: %s: there is no %s %q", m.rule.Property, strings.Join(m.rule.To, " or "), m.value)
}
