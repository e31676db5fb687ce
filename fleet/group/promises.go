package group

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/berth-iac/berth/fleet"
	"github.com/berth-iac/berth/promises"
)

// maxPoints is how many points a group of promises names.
const maxPoints = 24

var effects = map[promises.EffectKind]int{promises.Breaks: 0, promises.Weakens: 1, promises.Strengthens: 2, promises.Touches: 3}

// Promises puts together the stacks whose changes touch a promise in the same way, the gravest first.
func Promises(entries []fleet.Entry) []fleet.PromiseGroup {
	type id struct {
		promise string
		effect  promises.EffectKind
	}
	type gathered struct {
		fleet.PromiseGroup
		points map[string]int
	}
	found := map[id]*gathered{}
	for _, entry := range entries {
		if len(entry.Promises) == 0 {
			continue
		}
		own := newOwner(entry.Member)
		for _, effect := range entry.Promises {
			key := id{effect.ID, effect.Kind}
			g := found[key]
			if g == nil {
				g = &gathered{PromiseGroup: fleet.PromiseGroup{ID: effect.ID, Title: effect.Title, Effect: effect.Kind}, points: map[string]int{}}
				found[key] = g
			}
			g.Stacks = append(g.Stacks, entry.Stack)
			for _, point := range effect.Points {
				g.points[own.expand(own.shape(own.mark(point)))]++
			}
		}
	}
	groups := []fleet.PromiseGroup{}
	for _, g := range found {
		slices.Sort(g.Stacks)
		g.Stacks = slices.Compact(g.Stacks)
		// What happens to most comes first.
		g.Points = slices.SortedFunc(maps.Keys(g.points), func(a, b string) int {
			return cmp.Or(cmp.Compare(g.points[b], g.points[a]), strings.Compare(a, b))
		})
		if len(g.Points) > maxPoints {
			g.Points = append(g.Points[:maxPoints:maxPoints], fmt.Sprintf("and %d more", len(g.Points)-maxPoints))
		}
		groups = append(groups, g.PromiseGroup)
	}
	slices.SortFunc(groups, func(a, b fleet.PromiseGroup) int {
		return cmp.Or(cmp.Compare(effects[a.Effect], effects[b.Effect]), cmp.Compare(len(b.Stacks), len(a.Stacks)), strings.Compare(a.ID, b.ID))
	})
	return groups
}
