package questionnaire

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/berth-iac/berth/promises"
)

// Threshold is the confidence below which a question is left for a person.
const Threshold = 0.6

// What the confidence is made of. The figures were found on testdata/tuning.csv.
const (
	byRank     = 0.03 // what each place further back in the list of keywords takes from a keyword
	alone      = 0.7  // what a keyword of a single notion counts, against one of several
	longer     = 0.12 // what each notion beyond the second adds to a keyword
	partly     = 0.45 // what a keyword counts of which only part is in the question
	further    = 0.3  // what the words of further keywords add
	byTheWay   = 0.2  // what words of the title and the sentence add
	unknown    = 0.55 // what a word that no promise knows weighs, against the rarest that one knows
	weak       = 0.1  // what a weak word weighs
	saturation = 0.8  // the smaller, the sooner a score is as good as it needs to be
	leaning    = 0.5  // how much of the confidence hangs on how much of the question is explained
	lead       = 0.3  // how much of what lacks in confidence a clear lead makes up
	distance   = 1.12 // the ratio to the second promise from which on the first is clear
)

// Matcher finds the promises that questions are about.
type Matcher struct {
	vocabulary *vocabulary
	entries    []entry
	weights    map[string]float64 // of notions: the rarer, the heavier; 1 is the heaviest
}

// entry is a promise in notions.
type entry struct {
	promise  promises.Promise
	keywords [][]string
	prose    map[string]bool // of the title and the sentence
}

// Match is one promise that a question may be about.
type Match struct {
	ID         string   `json:"id"`
	Confidence float64  `json:"confidence"` // 0 to 1, rounded to hundredths
	Words      []string `json:"words"`      // those of the question that led there, as they are written in it
	score      float64
	explained  float64 // the share of the question that led there, 0 to 1
}

// Matches is what a question is about.
type Matches struct {
	Ranked []Match // the best first; may be empty
	// Outside are the subjects that the question names and no promise covers, such as "insurance". With one of
	// these, the question is for a person, however well it matches.
	Outside []string
}

// Best is the match that is good enough to answer from.
func (m Matches) Best() (Match, bool) {
	if len(m.Outside) > 0 || len(m.Ranked) == 0 || m.Ranked[0].Confidence < Threshold {
		return Match{}, false
	}
	return m.Ranked[0], true
}

// NewMatcher makes a matcher for these promises. The error is about the vocabulary, which is part of the
// program: it cannot happen in one that was tested.
func NewMatcher(all []promises.Promise) (*Matcher, error) {
	v, err := readVocabulary(vocabularyText)
	if err != nil {
		return nil, fmt.Errorf("read the vocabulary of questions: %w", err)
	}
	m := &Matcher{vocabulary: v, weights: map[string]float64{}}
	in := map[string]int{} // how many promises a notion belongs to
	for _, p := range all {
		e := entry{promise: p, prose: map[string]bool{}}
		known := map[string]bool{}
		for _, keyword := range p.Keywords {
			notions := v.notions(keyword)
			if len(notions) == 0 {
				continue
			}
			e.keywords = append(e.keywords, notions)
			for _, notion := range notions {
				known[notion] = true
			}
		}
		for _, notion := range slices.Concat(v.notions(p.Title), v.notions(p.Sentence)) {
			e.prose[notion] = true
		}
		for notion := range known {
			in[notion]++
		}
		for notion := range e.prose {
			if !known[notion] && in[notion] == 0 {
				in[notion] = 0
			}
		}
		m.entries = append(m.entries, e)
	}
	rarest := math.Log(1 + float64(len(all)))
	for notion, n := range in {
		m.weights[notion] = math.Log(1+float64(len(all))/float64(max(n, 1))) / rarest
	}
	return m, nil
}

// Match ranks the promises by how likely a question is about them.
func (m *Matcher) Match(question string) Matches {
	words := m.vocabulary.words(question)
	var asked []string // in order, so that sums come out the same always
	total := 0.0
	for _, w := range words {
		if !slices.Contains(asked, w.notion) {
			asked = append(asked, w.notion)
			total += m.weight(w.notion)
		}
	}
	matches := Matches{Outside: m.vocabulary.subjects(question)}
	for _, e := range m.entries {
		score, used := m.score(e, asked)
		if score <= 0 {
			continue
		}
		explained := 0.0
		for _, notion := range asked {
			if used[notion] {
				explained += m.weight(notion)
			}
		}
		match := Match{ID: e.promise.ID, score: score, explained: explained / total}
		match.Confidence = (1 - math.Exp(-score/saturation)) * (1 - leaning + leaning*match.explained)
		for _, w := range words {
			if used[w.notion] && !slices.Contains(match.Words, w.text) {
				match.Words = append(match.Words, w.text)
			}
		}
		matches.Ranked = append(matches.Ranked, match)
	}
	slices.SortStableFunc(matches.Ranked, func(a, b Match) int { return cmp.Compare(b.score*b.Confidence, a.score*a.Confidence) })
	weigh(matches.Ranked)
	return matches
}

// weigh lowers the confidence of a best match that has a close second, raises it where there is none near, and
// rounds.
func weigh(ranked []Match) {
	if len(ranked) > 0 {
		first, ratio := &ranked[0], 2.0
		if len(ranked) > 1 {
			ratio = min(2, first.score/ranked[1].score)
		}
		if ratio < distance {
			first.Confidence *= 0.8 + 0.2*max(0, ratio-1)/(distance-1)
		} else {
			first.Confidence += (1 - first.Confidence) * lead * first.explained * (ratio - distance) / (2 - distance)
		}
	}
	for i := range ranked {
		if i > 0 {
			ranked[i].Confidence = min(ranked[i].Confidence, ranked[i-1].Confidence)
		}
		ranked[i].Confidence = math.Round(ranked[i].Confidence*100) / 100
	}
}

// promise is the promise with that ID, which the matcher has.
func (m *Matcher) promise(id string) promises.Promise {
	for _, e := range m.entries {
		if e.promise.ID == id {
			return e.promise
		}
	}
	return promises.Promise{}
}

func (m *Matcher) weight(notion string) float64 {
	if m.vocabulary.weak[notion] {
		return weak
	}
	if w, ok := m.weights[notion]; ok {
		return w
	}
	return unknown
}

// score is how well a promise fits what is asked, and by which notions.
func (m *Matcher) score(e entry, asked []string) (float64, map[string]bool) {
	used := map[string]bool{}
	best := 0.0
	for rank, keyword := range e.keywords {
		mass, found, hits := 0.0, 0.0, 0
		for _, notion := range keyword {
			mass += m.weight(notion)
			if slices.Contains(asked, notion) {
				found += m.weight(notion)
				hits++
			}
		}
		if hits == 0 {
			continue
		}
		value := found * max(0.6, 1-byRank*float64(rank))
		switch {
		case hits < len(keyword) && hits == 1:
			value *= partly * 0.5 * (found / mass)
		case hits < len(keyword):
			value *= partly * (found / mass)
		case len(keyword) == 1:
			value *= alone
		default:
			value *= 1 + longer*float64(len(keyword)-2)
		}
		if value > best {
			best = value
		}
	}
	if best == 0 {
		return 0, nil
	}
	extra := 0.0
	for _, notion := range asked {
		inKeyword := slices.ContainsFunc(e.keywords, func(k []string) bool { return slices.Contains(k, notion) })
		switch {
		case inKeyword:
			extra += further * m.weight(notion)
			used[notion] = true
		case e.prose[notion]:
			extra += byTheWay * m.weight(notion)
			used[notion] = true
		}
	}
	return best + extra, used
}
