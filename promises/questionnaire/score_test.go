package questionnaire

import (
	"encoding/csv"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-iac/berth/promises/catalogue"
)

var update = flag.Bool("update", false, "rewrite golden files and the figures in docs/questionnaires/README.md")

const readme = "../../docs/questionnaires/README.md"

// labelled is a question and the promises that it is about; none: no promise answers it.
type labelled struct {
	question string
	promises []string
}

func readLabelled(t *testing.T, name string) []labelled {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var all []labelled
	for _, row := range rows[1:] {
		all = append(all, labelled{row[0], strings.FieldsFunc(row[1], func(r rune) bool { return r == ';' })})
	}
	if len(all) < 50 {
		t.Fatalf("%d questions in %s: too few to measure by", len(all), name)
	}
	return all
}

// score is how a set of questions fares.
type score struct {
	questions, answerable int
	right, wrong, left    int // of those that a promise answers: right best match, wrong best match, left for a person
	refused, falsely      int // of those that none answers: left for a person, answered all the same
}

func measure(m *Matcher, set []labelled) score {
	s := score{questions: len(set)}
	for _, q := range set {
		best, answered := m.Match(q.question).Best()
		if len(q.promises) > 0 {
			s.answerable++
		}
		switch {
		case len(q.promises) == 0 && answered:
			s.falsely++
		case len(q.promises) == 0:
			s.refused++
		case !answered:
			s.left++
		case slices.Contains(q.promises, best.ID):
			s.right++
		default:
			s.wrong++
		}
	}
	return s
}

// row is the score as a row of the table in the README.
func (s score) row(name string) string {
	share := func(n, of int) string {
		return fmt.Sprintf("%d of %d (%.0f %%)", n, of, 100*float64(n)/float64(max(of, 1)))
	}
	answered := s.right + s.wrong + s.falsely
	return fmt.Sprintf("| %s | %d | %s | %s | %s | %s |\n", name, s.questions, share(s.right, answered), share(s.wrong+s.falsely, answered),
		share(s.left, s.answerable), share(s.refused, s.questions-s.answerable))
}

// The figures are of the sets as they are now: tuning.csv, on which keywords and vocabulary were tuned, and
// heldout.csv, which nobody looks at.
func TestScore(t *testing.T) {
	m, err := NewMatcher(catalogue.All())
	if err != nil {
		t.Fatal(err)
	}
	table := "| questions | how many | right, of those answered | wrong, of those answered | left for a person, though a promise answers them | left for a person, as no promise answers them |\n" +
		"|---|---|---|---|---|---|\n"
	for _, set := range []struct{ file, name string }{{"tuning.csv", "those that were tuned on"}, {"heldout.csv", "those that were not"}} {
		s := measure(m, readLabelled(t, set.file))
		table += s.row(set.name)
		if answered := s.right + s.wrong + s.falsely; 20*(s.wrong+s.falsely) > answered {
			t.Errorf("%s: %d of %d answers are wrong, more than 1 in 20: raise Threshold, or mend keywords on the questions of tuning.csv", set.file, s.wrong+s.falsely, answered)
		}
	}
	golden := filepath.Join("testdata", "score.golden")
	const begin, end = "<!-- score -->\n", "<!-- end of score -->"
	if *update {
		if err := os.WriteFile(golden, []byte(table), 0o600); err != nil {
			t.Fatal(err)
		}
		page, err := os.ReadFile(readme)
		if err != nil {
			t.Fatal(err)
		}
		before, rest, _ := strings.Cut(string(page), begin)
		_, after, _ := strings.Cut(rest, end)
		if err := os.WriteFile(readme, []byte(before+begin+table+end+after), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatalf("%v\nrun the test with -update to write it", err)
	}
	if diff := cmp.Diff(string(want), table); diff != "" {
		t.Errorf("%s differs (-want +got); look at the figures and run with -update:\n%s", golden, diff)
	}
	page, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), fmt.Sprintf("below %.2f", Threshold)) {
		t.Errorf("%s states another confidence than %.2f, below which no answer is given", readme, Threshold)
	}
	if !strings.Contains(string(page), begin+table+end) {
		t.Errorf("%s states other figures; run with -update", readme)
	}
}

// Every keyword has to tell something, or it cannot be found in a question.
func TestKeywordsSaySomething(t *testing.T) {
	v, err := readVocabulary(vocabularyText)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range catalogue.All() {
		useful := 0
		for _, keyword := range p.Keywords {
			if len(v.notions(keyword)) > 0 {
				useful++
			}
		}
		if useful < 5 {
			t.Errorf("%s has %d keywords of which the vocabulary leaves anything", p.ID, useful)
		}
	}
}
