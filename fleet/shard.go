package fleet

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxShards bounds what a person can ask for by mistake.
const maxShards = 1000

// ParseShard reads "2/5": the second of five.
func ParseShard(text string) (Shard, error) {
	first, second, _ := strings.Cut(text, "/")
	index, err := strconv.Atoi(first)
	of, err2 := strconv.Atoi(second)
	if err != nil || err2 != nil || index < 1 || index > of || of > maxShards {
		return Shard{}, fmt.Errorf("shard %q is not written as i/n, such as 2/5 for the second of five (at most %d)", text, maxShards)
	}
	return Shard{Index: index, Of: of}, nil
}

func (s Shard) String() string { return fmt.Sprintf("%d/%d", s.Index, s.Of) }

// Cut picks the members of one shard, so that all shards take about the same time. The same members and the same recorded durations
// give the same shards on every machine, in whatever order the members come. The shard comes back with what it was cut from.
func Cut(members []Member, s Shard, h *History, o Operation, basis string) ([]Member, Shard) {
	s.Selection, s.Stacks = selectionOf(members), len(members)
	expected := h.expect(o, basis, members, 0)
	order := slices.Clone(members)
	slices.SortFunc(order, expected.longestFirst)
	loads := make([]float64, s.Of)
	mine := map[string]bool{}
	for _, m := range order {
		lightest := 0
		for i, load := range loads {
			if load < loads[lightest] {
				lightest = i
			}
		}
		loads[lightest] += expected.usage[m.Stack].Seconds
		if lightest == s.Index-1 {
			mine[m.Stack] = true
		}
	}
	cut := []Member{}
	for _, m := range members {
		if mine[m.Stack] {
			cut = append(cut, m)
		}
	}
	return cut, s
}

// longestFirst orders members by what they will take.
func (e expected) longestFirst(a, b Member) int {
	return cmp.Or(cmp.Compare(e.usage[b.Stack].Seconds, e.usage[a.Stack].Seconds), strings.Compare(a.Stack, b.Stack))
}

// selectionOf is a digest of members' names.
func selectionOf(members []Member) string {
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = m.Stack
	}
	return digestOf(names)
}

func digestOf(names []string) string {
	sum := sha256.Sum256([]byte(strings.Join(slices.Sorted(slices.Values(names)), "\n")))
	return hex.EncodeToString(sum[:])
}
