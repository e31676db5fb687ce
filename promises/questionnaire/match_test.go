package questionnaire

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-iac/berth/promises/catalogue"
)

func TestMatch(t *testing.T) {
	m, err := NewMatcher(few())
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		question string
		best     string // empty: for a person
		words    []string
		outside  []string
	}{
		"keyword":             {"Does the database have automatic failover?", "AV-3", []string{"database", "failover"}, nil},
		"synonym":             {"Will the DB switch over by itself?", "AV-3", []string{"db", "switch over"}, nil},
		"endings":             {"In which zones do databases run?", "AV-3", []string{"zones", "databases", "run"}, nil},
		"outside":             {"Is the failover of the database insured, and are its staff trained?", "", nil, []string{"insurance", "training of staff"}},
		"two_words_apart":     {"Do the backups get to our own safe?", "", nil, []string{"copies for the client to keep"}},
		"nothing":             {"What colour is the sky?", "", nil, nil},
		"empty":               {"", "", nil, nil},
		"only_general_words":  {"Please describe your company's procedures and services.", "", nil, nil},
		"an_exact_word_alone": {"Is production responsible?", "", nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := m.Match(tc.question)
			best, _ := got.Best()
			if best.ID != tc.best {
				t.Fatalf("best %q, want %q: %+v", best.ID, tc.best, got)
			}
			if diff := cmp.Diff(tc.words, best.Words); diff != "" {
				t.Errorf("words -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(tc.outside, got.Outside); diff != "" {
				t.Errorf("outside -want +got:\n%s", diff)
			}
			for i, match := range got.Ranked {
				if match.Confidence < 0 || match.Confidence > 1 || i > 0 && match.Confidence > got.Ranked[i-1].Confidence {
					t.Errorf("confidence out of order: %+v", got.Ranked)
				}
			}
		})
	}
}

// The same question gets the same answer, always.
func TestMatchIsStable(t *testing.T) {
	m, err := NewMatcher(catalogue.All())
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range readLabelled(t, "tuning.csv") {
		first := m.Match(q.question)
		for range 5 {
			if diff := cmp.Diff(first, m.Match(q.question), cmp.AllowUnexported(Match{})); diff != "" {
				t.Fatalf("%s: -first +later:\n%s", q.question, diff)
			}
		}
	}
}

func TestVocabularyRefusesWhatItCannotRead(t *testing.T) {
	for text, want := range map[string]string{
		"[same]\nno colon\n":          "vocabulary.txt:2: no colon; write a name",
		"[outside]\nx: a, ,b\n":       "vocabulary.txt:2: an empty phrase; remove the comma or plus",
		"[outside]\nx: a + \n":        "vocabulary.txt:2: an empty phrase",
		"[same]\nx: -\n":              "vocabulary.txt:2: an empty phrase",
		"[strange]\nword\n":           `vocabulary.txt:2: section "strange"; use [ignore]`,
		"word\n[same]\nX: =two words": `vocabulary.txt:1: section ""; use`,
	} {
		if _, err := readVocabulary(text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: err = %v, want %s…", text, err, want)
		}
	}
	_, err := readVocabulary("[same]\nX: =two words")
	if err == nil || !strings.Contains(err.Error(), "one word") {
		t.Errorf("err = %v", err)
	}
}

// The samples in docs are read, and written back without a loss.
func TestSamples(t *testing.T) {
	for name, least := range map[string]int{"hosting-and-continuity.csv": 60, "security-and-access.md": 60} {
		data, err := os.ReadFile(filepath.Join("../../docs/questionnaires", name))
		if err != nil {
			t.Fatal(err)
		}
		q, err := Read(name, data)
		if err != nil {
			t.Fatal(err)
		}
		if len(q.Questions) < least || q.Questions[0].Section == "" {
			t.Errorf("%s: %d questions, the first %+v", name, len(q.Questions), q.Questions[0])
		}
		holds(t, name, data)
	}
}

func BenchmarkMatch(b *testing.B) {
	m, err := NewMatcher(catalogue.All())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		m.Match("Do staff receive only the permissions that their current assignment needs, and only for as long as it lasts?")
	}
}
