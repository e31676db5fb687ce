package questionnaire

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/evidence"
)

// Answer is the answer to one question.
type Answer struct {
	// Text of the answer, on one line; empty where no promise fits.
	Text string
	// Promises that the question is about, the one that was answered from first; empty where none fits.
	Promises []string
	// Confidence that the first is the right one, 0 to 1; where none fits, of the nearest.
	Confidence float64
	// NeedsPerson tells that somebody has to answer, or to look at the answer before it goes to the client.
	NeedsPerson bool
	// Why a person is needed; otherwise empty.
	Why string
	// Verdict on the promise that was answered from; empty where there is none.
	Verdict promises.Verdict
	// Matches are the nearest promises, the best first, with the words that led there.
	Matches []Match
}

// Answerer answers questions from evidence.
type Answerer struct {
	matcher  *Matcher
	facts    facts
	hostings []promises.Hosting
}

const (
	shownMatches = 3    // of a question
	related      = 0.8  // from this share of the best match's score on, a promise is named beside it
	sure         = 0.65 // the confidence from which on a question is answered with yes
	wholly       = 0.65 // how much of a question must be understood for that
)

// NewAnswerer makes an answerer from evidence as it counts at a time: the client's stack first, then others
// that keep promises to the client too, such as the organisation's.
func NewAnswerer(m *Matcher, now time.Time, documents ...*evidence.Document) (*Answerer, error) {
	all, err := gather(now, documents)
	if err != nil {
		return nil, err
	}
	a := &Answerer{matcher: m, facts: all}
	for _, d := range documents {
		for _, h := range d.Subject.Hosting {
			if !slices.Contains(a.hostings, h.Kind) {
				a.hostings = append(a.hostings, h.Kind)
			}
		}
	}
	return a, nil
}

// Answers answers all questions, in their order.
func (a *Answerer) Answers(q *Questionnaire) []Answer {
	answers := make([]Answer, len(q.Questions))
	for i, question := range q.Questions {
		answers[i] = a.Answer(question.Text)
	}
	return answers
}

// Answer answers one question.
func (a *Answerer) Answer(question string) Answer {
	found := a.matcher.Match(question)
	answer := Answer{NeedsPerson: true, Matches: found.Ranked[:min(shownMatches, len(found.Ranked))]}
	if len(found.Ranked) > 0 {
		answer.Confidence = found.Ranked[0].Confidence
	}
	best, ok := found.Best()
	if !ok {
		answer.Why = "no promise fits"
		if len(found.Outside) > 0 {
			answer.Why = "it asks about " + strings.Join(found.Outside, " and ") + ", which no promise covers"
		} else if len(found.Ranked) > 0 {
			answer.Why = fmt.Sprintf("no promise fits well enough; the nearest is %s, with a confidence of %.2f", found.Ranked[0].ID, found.Ranked[0].Confidence)
		}
		return answer
	}
	answer.Confidence = best.Confidence
	answer.Promises = []string{best.ID}
	for _, match := range found.Ranked {
		if _, made := a.facts[match.ID]; made && match.ID != best.ID && match.Confidence >= Threshold && match.score >= related*best.score {
			answer.Promises = append(answer.Promises, match.ID)
		}
	}
	a.compose(&answer, best, question)
	answer.NeedsPerson = answer.Why != ""
	return answer
}

// compose writes the answer's text and verdict, and why a person should look at it.
func (a *Answerer) compose(answer *Answer, best Match, question string) {
	promise := a.matcher.promise(best.ID)
	fact, known := a.facts.of(best.ID)
	if !known {
		a.absent(answer, promise)
		return
	}
	s := fact.standing
	answer.Verdict = s.Verdict
	said := sentence(promise.Sentence, fact.parameters)
	number := "promise " + promise.ID + "."
	switch {
	case s.Verdict == promises.Kept:
		yes := ""
		if !fact.embedded && !fact.planned && best.Confidence >= sure && best.explained >= wholly && a.matcher.vocabulary.wantsYes(question) {
			yes = "Yes."
		}
		answer.Text = words(yes, said, shown("Shown", s, fact)+";", number)
	case s.Verdict == promises.WaivedVerdict:
		answer.Text = words("With exceptions that are agreed and recorded.", said, shown("Shown but for the exceptions", s, fact)+";", number, exceptions(fact.waivers))
	case s.Verdict == promises.ClientsDuty:
		answer.Text = words("This is in your own hands:", said, "We supply the tooling for it;", number)
	case s.Verdict == promises.NotApplicable:
		answer.Text = words("We promise:", said, "It does not apply to the stack", fact.stack+orWhy(s.Why)+";", number)
	case s.Verdict == promises.Broken:
		answer.Text = words("At present we do not keep this promise:", said, fmt.Sprintf("It was found broken on %s;", day(s.At)), number)
		answer.Why = "the promise is broken; mend that first, or agree on an exception"
	case len(s.Stale) > 0:
		answer.Text = words("We promise:", said, fmt.Sprintf("The last proof, of %s, was valid until %s and is too old to count now;", day(s.At), day(s.ValidUntil)), number)
		answer.Why = "the proof is too old; renew it with berth evidence"
	default:
		answer.Text = words("We promise:", said, "It has not been shown yet"+orWhy(s.Why)+";", number)
	}
}

// absent answers where the evidence has nothing on a promise: it is not made here, or nobody looked.
func (a *Answerer) absent(answer *Answer, promise promises.Promise) {
	if slices.ContainsFunc(a.hostings, promise.Offered) {
		answer.Verdict = promises.NotShown
		answer.Text = words("We promise:", promise.Sentence, "The evidence at hand says nothing about it; promise", promise.ID+".")
		answer.Why = "the evidence at hand says nothing about " + promise.ID + "; make it anew with berth evidence"
		return
	}
	if promise.Offered(promises.Organisation) {
		answer.Verdict = promises.NotShown
		answer.Text = words("We promise:", promise.Sentence, "It is kept by our organisation, about which no evidence was given here; promise", promise.ID+".")
		answer.Why = "it is a promise of our organisation: give the evidence of the organisation's stack too"
		return
	}
	var here, there []string
	for _, h := range []promises.Hosting{promises.OnAWS, promises.OnLightsail, promises.OnSites, promises.OnPremises} {
		title := h.Title()
		if h == promises.OnPremises {
			title = "a service " + title
		}
		if slices.Contains(a.hostings, h) {
			here = append(here, title)
		}
		if promise.Offered(h) {
			there = append(there, title)
		}
	}
	if len(here) == 0 {
		here = []string{"this stack"}
	}
	answer.Text = fmt.Sprintf("We make no such promise for %s; promise %s is made for %s.", strings.Join(here, " and "), promise.ID, strings.Join(there, " and "))
	answer.Why = "the promise that fits is not made for " + strings.Join(here, " and ")
}

// sentence is a promise's sentence with its figures.
func sentence(text string, parameters []promises.Parameter) string {
	if len(parameters) == 0 {
		return text
	}
	figures := make([]string, len(parameters))
	for i, p := range parameters {
		figures[i] = p.Name + ": " + p.Value
	}
	return strings.TrimSuffix(text, ".") + " (" + strings.Join(figures, "; ") + ")."
}

// shown says by which proof a promise is shown, and until when that counts.
func shown(how string, s evidence.Standing, f fact) string {
	by := map[promises.Level]string{
		promises.Document: "a document", promises.Design: "a design check", promises.Live: "a live check", promises.Drill: "a drill",
	}[s.Level]
	text := fmt.Sprintf("%s by %s on %s, valid until %s", how, by, day(s.At), day(s.ValidUntil))
	if f.embedded {
		text += ", but on the embedded cloud only, which stands in for the real one: this is a rehearsal and says nothing of a running service"
	}
	if f.planned {
		text += ", of what is going to be built: nothing is deployed yet"
	}
	return text
}

func exceptions(waivers []promises.Waived) string {
	texts := make([]string, len(waivers))
	for i, w := range waivers {
		texts[i] = fmt.Sprintf("Exception until %s: %s.", w.Expires, strings.TrimSuffix(w.Reason, "."))
	}
	return strings.Join(texts, " ")
}

func orWhy(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// words joins what is not empty.
func words(parts ...string) string { return joinNonEmpty(" ", parts...) }

// Summary counts answers.
type Summary struct {
	Questions   int `json:"questions"`
	Answered    int `json:"answered"`    // without a person
	Checked     int `json:"checked"`     // answered, and a person should look at it
	LeftOpen    int `json:"leftOpen"`    // for a person, without an answer
	FromKept    int `json:"fromKept"`    // of those answered: from a promise that is kept
	FromNotKept int `json:"fromNotKept"` // of those answered: from one that is waived, not shown, the client's or not applicable
}

// Summarise counts answers.
func Summarise(answers []Answer) Summary {
	s := Summary{Questions: len(answers)}
	for _, a := range answers {
		switch {
		case a.Text == "":
			s.LeftOpen++
		case a.NeedsPerson:
			s.Checked++
		case a.Verdict == promises.Kept:
			s.Answered++
			s.FromKept++
		default:
			s.Answered++
			s.FromNotKept++
		}
	}
	return s
}

// WriteJSON writes a questionnaire and its answers for programs.
func WriteJSON(w io.Writer, q *Questionnaire, answers []Answer) error {
	type entry struct {
		Number      int              `json:"number"`            // from 1
		Ref         string           `json:"ref,omitempty"`     // what the file calls the question
		Section     string           `json:"section,omitempty"` // that it is under
		Line        int              `json:"line"`              // of the file, from 1
		Question    string           `json:"question"`
		Answer      string           `json:"answer"`   // empty: left for a person
		Promises    []string         `json:"promises"` // the one that was answered from first
		Verdict     promises.Verdict `json:"verdict,omitempty"`
		Confidence  float64          `json:"confidence"` // 0 to 1
		NeedsPerson bool             `json:"needsPerson"`
		Why         string           `json:"why,omitempty"` // a person is needed
		Matches     []Match          `json:"matches"`       // the nearest promises
	}
	entries := make([]entry, len(answers))
	for i, a := range answers {
		asked := q.Questions[i]
		entries[i] = entry{asked.Number, asked.Ref, asked.Section, asked.Line, asked.Text, a.Text, append([]string{}, a.Promises...),
			a.Verdict, a.Confidence, a.NeedsPerson, a.Why, append([]Match{}, a.Matches...)}
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(struct {
		File      string  `json:"file"`
		Format    Format  `json:"format"`
		Threshold float64 `json:"threshold"`
		Summary   Summary `json:"summary"`
		Questions []entry `json:"questions"`
	}{q.Name, q.Format, Threshold, Summarise(answers), entries})
	if err != nil {
		return fmt.Errorf("write the answers to %s as JSON: %w", q.Name, err)
	}
	return nil
}
