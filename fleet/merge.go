package fleet

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/berth-iac/berth/engine"
)

// Merge makes one answer of those of all shards: the one that an undivided run would have given. It refuses parts that do not belong
// together, and a whole that is not whole.
func Merge(answers []*Answer, g Grouping) (*Answer, error) {
	if err := belong(answers); err != nil {
		return nil, fmt.Errorf("put the shards' answers together: %w", err)
	}
	first := answers[0]
	a := &Answer{Version: AnswerVersion, Operation: first.Operation, Basis: first.Basis, Revision: first.Revision, Since: first.Since,
		Began: first.Began, Notes: []string{}}
	var ended time.Time
	results := map[string]*engine.Result{}
	for _, part := range answers {
		a.Shards = append(a.Shards, part.Shards...)
		a.Stacks = append(a.Stacks, part.Stacks...)
		maps.Copy(results, part.Results)
		if part.Began.Before(a.Began) {
			a.Began = part.Began
		}
		if end := part.Began.Add(time.Duration(part.DurationSeconds * float64(time.Second))); end.After(ended) {
			ended = end
		}
	}
	slices.SortFunc(a.Shards, func(x, y Shard) int { return x.Index - y.Index })
	for _, s := range a.Shards { // in their order, however they were handed in
		for _, part := range answers {
			for _, note := range part.Notes {
				if part.Shards[0] == s && !slices.Contains(a.Notes, note) {
					a.Notes = append(a.Notes, note)
				}
			}
		}
	}
	a.DurationSeconds = ended.Sub(a.Began).Round(time.Millisecond).Seconds()
	a.conclude(g, results)
	return a, nil
}

// belong reports all that keeps answers from being the parts of one.
func belong(answers []*Answer) error {
	if len(answers) == 0 {
		return errors.New("there are none")
	}
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	first := answers[0]
	for i, a := range answers {
		if a.Version != AnswerVersion {
			wrong("the answer no. %d has form %d; this berth knows form %d: use the same berth for all", i+1, a.Version, AnswerVersion)
		}
		if len(a.Shards) != 1 {
			wrong("the answer no. %d is not of one shard: it was run without --shard, or is put together already", i+1)
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	seen := map[int]bool{}
	for _, a := range answers {
		s := a.Shards[0]
		for _, f := range []struct{ what, is, was string }{
			{"operation", string(a.Operation), string(first.Operation)},
			{"basis", a.Basis, first.Basis},
			{"revision", a.Revision, first.Revision},
			{"revision compared with", a.Since, first.Since},
			{"number of shards", fmt.Sprint(s.Of), fmt.Sprint(first.Shards[0].Of)},
		} {
			if f.is != f.was {
				wrong("shard %s has another %s (%q) than shard %s (%q): run all shards alike", s, f.what, f.is, first.Shards[0], f.was)
			}
		}
		if s.Selection != first.Shards[0].Selection || s.Stacks != first.Shards[0].Stacks {
			wrong("shard %s was cut from other stacks (%d) than shard %s (%d): select the same for all shards", s, s.Stacks, first.Shards[0], first.Shards[0].Stacks)
		}
		if seen[s.Index] {
			wrong("shard %s is there twice", s)
		}
		seen[s.Index] = true
	}
	var missing []string
	for i := 1; i <= first.Shards[0].Of; i++ {
		if !seen[i] {
			missing = append(missing, Shard{Index: i, Of: first.Shards[0].Of}.String())
		}
	}
	if len(missing) > 0 {
		wrong("shards are missing: %s", strings.Join(missing, ", "))
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	return covers(answers)
}

// covers tells whether shards that are all there hold every stack once.
func covers(answers []*Answer) error {
	var names, twice []string
	seen := map[string]bool{}
	for _, a := range answers {
		for _, e := range a.Stacks {
			if seen[e.Stack] {
				twice = append(twice, e.Stack)
				continue
			}
			seen[e.Stack] = true
			names = append(names, e.Stack)
		}
	}
	whole := answers[0].Shards[0]
	if len(twice) == 0 && digestOf(names) == whole.Selection {
		return nil
	}
	text := fmt.Sprintf("the shards hold %d of %d stacks", len(names), whole.Stacks)
	if len(twice) > 0 {
		slices.Sort(twice)
		text += ", and some twice: " + strings.Join(twice[:min(maxNamed, len(twice))], ", ")
	}
	return errors.New(text + "; they were cut by different records of durations: give every shard the same .berth/fleet/durations.json, or none")
}
