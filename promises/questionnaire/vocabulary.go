package questionnaire

import (
	_ "embed" // the vocabulary is part of the program
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/kljensen/snowball/english"
)

//go:embed vocabulary.txt
var vocabularyText string

// vocabulary says what words mean. All of it is in stems.
type vocabulary struct {
	same    map[string][]phrase // by first stem, the longest first: phrases that mean one thing
	ignored map[string]bool     // words that tell nothing
	weak    map[string]bool     // words that tell next to nothing by themselves
	outside []subject           // what no promise covers
	wanted  map[string]bool     // words of questions that ask for what is promised
	adverse [][]string          // words of questions that may ask for the contrary
}

// phrase is some stems in a row, and the notion that they stand for.
type phrase struct {
	stems  []string
	exact  string // the word as it is written, where its stem does not do
	notion string
}

// subject is something that no promise covers, and what gives it away: of one cue, every run of words must be
// in the question. Here words count as they are written, for stems of different subjects may be the same.
type subject struct {
	name string
	cues [][][]string
}

// word is one word or phrase of a question.
type word struct {
	notion string // what it means: a stem, or what the vocabulary says
	text   string // as it was written
}

// readVocabulary reads the form of vocabulary.txt, whose head describes it.
func readVocabulary(text string) (*vocabulary, error) {
	v := &vocabulary{same: map[string][]phrase{}, ignored: map[string]bool{}, weak: map[string]bool{}, wanted: map[string]bool{}}
	var problems Problems
	section := ""
	for number, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		wrong := func(found, fix string) {
			problems = append(problems, Problem{"vocabulary.txt", number + 1, found, fix})
		}
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "["):
			section = strings.Trim(line, "[]")
		case section == "ignore":
			for _, stem := range stems(line) {
				v.ignored[stem] = true
			}
		case section == "weak":
			for _, stem := range stems(line) {
				v.weak[stem] = true
			}
		case section == "wanted":
			for _, w := range split(line) {
				v.wanted[w] = true
			}
		case section == "adverse":
			for text := range strings.SplitSeq(line, ",") {
				v.adverse = append(v.adverse, strings.Fields(text))
			}
		case section == "same" || section == "outside":
			name, list, ok := strings.Cut(line, ":")
			if !ok {
				wrong("no colon", "write a name, a colon, and phrases with commas between them")
				continue
			}
			outside := subject{name: strings.TrimSpace(name)}
			for text := range strings.SplitSeq(list, ",") {
				if slices.ContainsFunc(strings.Split(text, "+"), func(part string) bool { return len(stems(part)) == 0 }) {
					wrong("an empty phrase", "remove the comma or plus that is too many")
					continue
				}
				if section == "same" {
					p := phrase{stems: stems(text), notion: outside.name}
					if exact, ok := strings.CutPrefix(strings.TrimSpace(text), "="); ok {
						p.exact = exact
						if len(p.stems) > 1 {
							wrong("= before several words", "write one word behind it")
						}
					}
					v.same[p.stems[0]] = append(v.same[p.stems[0]], p)
					continue
				}
				var cue [][]string
				for part := range strings.SplitSeq(text, "+") {
					cue = append(cue, strings.Fields(strings.ReplaceAll(part, "-", " ")))
				}
				outside.cues = append(outside.cues, cue)
			}
			if section == "outside" {
				v.outside = append(v.outside, outside)
			}
		default:
			wrong(fmt.Sprintf("section %q", section), "use [ignore], [weak], [wanted], [adverse], [same] or [outside]")
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	for _, phrases := range v.same {
		slices.SortStableFunc(phrases, func(a, b phrase) int { return len(b.stems) - len(a.stems) })
	}
	return v, nil
}

// split is text as words: small letters and digits, in a row. What shows possession is dropped.
func split(text string) []string {
	text = strings.ToLower(strings.NewReplacer("’", "'", "‑", "-").Replace(text))
	text = strings.NewReplacer("'s ", " ", "s' ", "s ", "'s?", "?").Replace(text + " ")
	return strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

func stems(text string) []string {
	words := split(text)
	for i, w := range words {
		words[i] = english.Stem(w, true)
	}
	return words
}

// words are the words of a text that tell something.
func (v *vocabulary) words(text string) []word {
	written := split(text)
	row := stems(text)
	var found []word
	for i := 0; i < len(row); {
		p, ok := v.phraseAt(row[i:], written[i])
		if ok {
			found = append(found, word{p.notion, strings.Join(written[i:i+len(p.stems)], " ")})
			i += len(p.stems)
			continue
		}
		if !v.ignored[row[i]] && !isNumber(row[i]) {
			found = append(found, word{row[i], written[i]})
		}
		i++
	}
	return found
}

func (v *vocabulary) phraseAt(row []string, written string) (phrase, bool) {
	for _, p := range v.same[row[0]] {
		if p.exact != "" && p.exact != written {
			continue
		}
		if len(p.stems) <= len(row) && slices.Equal(p.stems, row[:len(p.stems)]) {
			return p, true
		}
	}
	return phrase{}, false
}

// notions are what a text is about, each once.
func (v *vocabulary) notions(text string) []string {
	var all []string
	for _, w := range v.words(text) {
		if !slices.Contains(all, w.notion) {
			all = append(all, w.notion)
		}
	}
	return all
}

// subjects are what a text asks about that no promise covers.
func (v *vocabulary) subjects(text string) []string {
	row := split(text)
	var names []string
	for _, s := range v.outside {
		if slices.ContainsFunc(s.cues, func(cue [][]string) bool {
			return !slices.ContainsFunc(cue, func(part []string) bool { return !hasWords(row, part) })
		}) {
			names = append(names, s.name)
		}
	}
	return names
}

// hasWords tells whether words are in row, in one piece. A word that ends in "*" stands for all that begin so;
// the plural of the last is the same.
func hasWords(row, words []string) bool {
	for i := 0; i+len(words) <= len(row); i++ {
		found := true
		for n, w := range words {
			prefix, open := strings.CutSuffix(w, "*")
			at := row[i+n]
			found = found && (at == w || open && strings.HasPrefix(at, prefix) || n == len(words)-1 && at == w+"s")
		}
		if found {
			return true
		}
	}
	return false
}

// wantsYes tells whether "yes" is a safe beginning of an answer that repeats what is promised: the question can
// be answered so, asks for what is promised, and has nothing in it that might turn that round, such as a "not",
// an "or", or a figure that may be another than ours.
func (v *vocabulary) wantsYes(question string) bool {
	row := split(question)
	if len(row) == 0 || !slices.Contains([]string{"is", "are", "do", "does", "have", "has", "will"}, row[0]) || strings.Count(question, "?") > 1 {
		return false
	}
	wanted := false
	for _, w := range row {
		if strings.ContainsFunc(w, unicode.IsDigit) {
			return false
		}
		wanted = wanted || v.wanted[w]
	}
	return wanted && !slices.ContainsFunc(v.adverse, func(words []string) bool { return hasWords(row, words) })
}

func isNumber(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsDigit(r) })
}
