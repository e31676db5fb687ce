package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/fleet"
	"github.com/berth-iac/berth/fleet/group"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// view is an answer as all forms that people read show it.
type view struct {
	*fleet.Answer
	byStack  map[string]fleet.Entry
	problems []problem
	dangers  []change
	changes  []change
	grave    []fleet.PromiseGroup // broken or weakened
	mild     []fleet.PromiseGroup
	standing []fleet.Entry // verify and evidence: those with broken promises
	held     []string
	same     []string
}

// problem is why stacks have no answer; one for all with the same words.
type problem struct {
	status fleet.Status
	text   string
	stacks []string
}

// change is a group as it is shown: with groups that say the same of other resources, and those that only follow from it.
type change struct {
	fleet.Group
	also    []fleet.Group
	follows []fleet.Group
}

// gravest orders the ways in which a stack has no answer.
var gravest = map[fleet.Status]int{fleet.Failed: 1, fleet.Refused: 2, fleet.Interrupted: 3}

func newView(a *fleet.Answer) *view {
	v := &view{Answer: a, byStack: make(map[string]fleet.Entry, len(a.Stacks))}
	byText := map[string]int{}
	for _, e := range a.Stacks {
		v.byStack[e.Stack] = e
		switch e.Status {
		case fleet.Failed, fleet.Refused, fleet.Interrupted:
			text := problemText(e)
			key := string(e.Status) + "\x00" + strings.ReplaceAll(text, e.Stack, "\x00")
			i, known := byText[key]
			if !known {
				i = len(v.problems)
				byText[key] = i
				v.problems = append(v.problems, problem{status: e.Status, text: text})
			}
			x := &v.problems[i]
			if len(x.stacks) > 0 { // the words are of all of them
				x.text = strings.ReplaceAll(x.text, x.stacks[0], "{stack}")
			}
			x.stacks = append(x.stacks, e.Stack)
		case fleet.Held:
			v.held = append(v.held, e.Stack)
		case fleet.Unchanged:
			v.same = append(v.same, e.Stack)
		}
		if e.Standing[promises.Broken] > 0 {
			v.standing = append(v.standing, e)
		}
	}
	slices.SortStableFunc(v.problems, func(a, b problem) int {
		return cmp.Or(cmp.Compare(gravest[a.status], gravest[b.status]), cmp.Compare(len(b.stacks), len(a.stacks)))
	})
	slices.SortStableFunc(v.standing, func(a, b fleet.Entry) int {
		return cmp.Compare(b.Standing[promises.Broken], a.Standing[promises.Broken])
	})
	for _, p := range a.Promises {
		if p.Effect == promises.Breaks || p.Effect == promises.Weakens {
			v.grave = append(v.grave, p)
		} else {
			v.mild = append(v.mild, p)
		}
	}
	groups := slices.Clone(a.Groups)
	fleet.SortGroups(groups)
	for _, c := range fold(groups) {
		if c.Danger {
			v.dangers = append(v.dangers, c)
		} else {
			v.changes = append(v.changes, c)
		}
	}
	return v
}

// problemText is why a stack has no answer.
func problemText(e fleet.Entry) string {
	text := e.Error
	if text == "" {
		text = strings.Join(e.Problems, "\n")
	}
	return cmp.Or(strings.TrimSpace(text), "no reason was given")
}

// fold puts groups below one that says the same of another resource, or that they follow from. What loses data stands alone.
func fold(groups []fleet.Group) []change {
	var changes []change
	same := map[string]int{}
	causes := map[string]int{}
	var later []fleet.Group
	for _, g := range groups {
		if follows(g) {
			later = append(later, g)
			continue
		}
		key := likeness(g)
		if i, known := same[key]; known && !g.Danger {
			changes[i].also = append(changes[i].also, g)
			continue
		}
		if !g.Danger {
			same[key] = len(changes)
		}
		place := g.Component + "\x00" + strings.Join(g.Stacks, "\x00")
		if _, known := causes[place]; !known {
			causes[place] = len(changes)
		}
		changes = append(changes, change{Group: g})
	}
	for _, g := range later {
		if i, known := causes[g.Component+"\x00"+strings.Join(g.Stacks, "\x00")]; known {
			changes[i].follows = append(changes[i].follows, g)
			continue
		}
		changes = append(changes, change{Group: g})
	}
	return changes
}

// follows tells a change that another one brings along: all that is new in it becomes known only when that one is done, or is
// the number of a version.
func follows(g fleet.Group) bool {
	if g.Op != engine.OpUpdate || g.Danger || len(g.Diffs) == 0 {
		return false
	}
	for _, d := range g.Diffs {
		if d.New != "[unknown]" && !strings.HasSuffix(d.Property, "launchTemplate.version") {
			return false
		}
	}
	return true
}

// likeness is the same for groups that say the same of different resources to the same stacks.
func likeness(g fleet.Group) string {
	text, err := json.Marshal([]any{g.Op, g.Replaces, g.Diffs, g.Stacks})
	kind := ""
	if len(g.Diffs) == 0 || err != nil {
		kind = g.Type // there is nothing else to tell them by
	}
	return kind + string(text)
}

// title says what happens to all resources of a change.
func (c change) title() string {
	if len(c.also) == 0 {
		return c.Title
	}
	kinds := map[string]bool{c.Type: true}
	for _, g := range c.also {
		kinds[g.Type] = true
	}
	rest := strings.TrimPrefix(c.Title, group.Noun(c.Type)+" "+c.Name)
	others := plural(len(c.also), "other", "others")
	if len(kinds) > 1 {
		others = plural(len(c.also), "other resource", "other resources")
	}
	return group.Noun(c.Type) + " " + c.Name + " and " + others + strings.Replace(strings.Replace(rest, " is ", " are ", 1), " gets a new version", " get new versions", 1)
}

// people counts whom something happens to: clients, where each stack is a client of its own.
func (v *view) people(stacks []string) string {
	clients := map[string]bool{}
	for _, stack := range stacks {
		e, known := v.byStack[stack]
		switch e.Kind {
		case spec.KindAWSClient, spec.KindLightClient, spec.KindSiteClient, spec.KindOnPremises:
		default:
			known = false
		}
		if !known || e.Client == "" || clients[e.Client] {
			return plural(len(stacks), "stack", "stacks")
		}
		clients[e.Client] = true
	}
	return plural(len(stacks), "client", "clients")
}

// statuses are all that a stack can come to, the gravest first.
var statuses = []fleet.Status{fleet.Failed, fleet.Refused, fleet.Interrupted, fleet.Risky, fleet.Changed, fleet.Shown, fleet.Held, fleet.Unchanged}

// words are statuses as they are counted.
var words = map[fleet.Status]string{fleet.Failed: "failed", fleet.Refused: "refused", fleet.Interrupted: "interrupted", fleet.Risky: "dangerous",
	fleet.Changed: "changed", fleet.Shown: "judged", fleet.Held: "not begun", fleet.Unchanged: "unchanged"}

// counts says how many stacks came out how: "2 failed, 36 changed, 62 unchanged".
func (v *view) counts() string {
	var parts []string
	for _, s := range statuses {
		if n := v.Statuses[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, words[s]))
		}
	}
	return cmp.Or(strings.Join(parts, ", "), "no stacks")
}

// heading says what the answer is of.
func (v *view) heading() string { return "Fleet " + string(v.Operation) + ": " + string(v.Verdict) }

// about says where, how many, how long.
func (v *view) about() string {
	parts := []string{plural(len(v.Stacks), "stack", "stacks")}
	if v.Basis != "" {
		parts[0] += " on " + v.Basis
	}
	if len(v.Shards) > 1 {
		parts = append(parts, fmt.Sprintf("%d shards", len(v.Shards)))
	}
	if len(v.Shards) == 1 && v.Shards[0].Of > 1 {
		parts = append(parts, fmt.Sprintf("shard %d of %d", v.Shards[0].Index, v.Shards[0].Of))
	}
	if v.DurationSeconds > 0 {
		parts = append(parts, seconds(v.DurationSeconds))
	}
	if v.Revision != "" {
		text := "revision " + clip(v.Revision, 40)
		if v.Since != "" {
			text += " since " + clip(v.Since, 40)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " · ")
}

// standingOf counts a stack's promises by verdict.
func standingOf(e fleet.Entry) string {
	var parts []string
	for _, verdict := range slices.SortedFunc(maps.Keys(e.Standing), func(a, b promises.Verdict) int {
		return cmp.Or(cmp.Compare(slices.Index(standings, a), slices.Index(standings, b)), strings.Compare(string(a), string(b)))
	}) {
		if n := e.Standing[verdict]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, verdict))
		}
	}
	return strings.Join(parts, ", ")
}

var standings = []promises.Verdict{promises.Broken, promises.WaivedVerdict, promises.NotShown, promises.Kept, promises.ClientsDuty, promises.NotApplicable}

// signs are operations in one character.
var signs = map[engine.Op]string{engine.OpCreate: "+", engine.OpUpdate: "~", engine.OpReplace: "±", engine.OpDelete: "-", engine.OpImport: "=", engine.OpForget: "x"}

// values says how a property changes, on one line or on several.
func values(d engine.Diff) string {
	forces := ""
	if d.Replaces {
		forces = "  (forces the replacement)"
	}
	was, now := value(d.Old), value(d.New)
	switch {
	case d.Old == group.Differs || d.New == group.Differs:
		return "~ " + d.Property + ": differs by client" + forces
	case d.Kind == "add" || d.Old == nil && d.New != nil:
		return "+ " + d.Property + ": " + now + forces
	case d.Kind == "delete" || d.New == nil && d.Old != nil:
		return "- " + d.Property + ": " + was + forces
	case strings.Contains(was+now, "\n"):
		return "~ " + d.Property + forces + "\n" + indented("  - ", was) + "\n" + indented("  + ", now)
	}
	return "~ " + d.Property + ": " + was + " → " + now + forces
}

// maxValue is how much of a value is shown, in bytes.
const maxValue = 600

func value(v any) string {
	text, isText := v.(string)
	if !isText || text == "" {
		encoded, err := json.Marshal(v)
		if err != nil {
			return "?"
		}
		text = string(encoded)
	}
	return clip(text, maxValue)
}

func indented(prefix, text string) string {
	return prefix + strings.ReplaceAll(text, "\n", "\n"+prefix)
}

func seconds(s float64) string {
	switch {
	case s < 60:
		return fmt.Sprintf("%.1f s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %02d s", int(s)/60, int(s)%60)
	}
	return fmt.Sprintf("%d h %02d min", int(s)/3600, int(s)/60%60)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, one)
	}
	return fmt.Sprintf("%d %s", n, many)
}
