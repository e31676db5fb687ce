package show

import (
	"io"
	"strconv"

	"github.com/berth-iac/berth/promises/questionnaire"
)

// Answers prints how a questionnaire was answered, and the questions that are left for a person.
func Answers(w io.Writer, s Style, q *questionnaire.Questionnaire, answers []questionnaire.Answer) {
	sum := questionnaire.Summarise(answers)
	line(w, "%s", s.paint(strong, plural(sum.Questions, "question", "questions")+" in "+q.Name))
	line(w, "  %d answered, %d of them from a promise that is kept", sum.Answered, sum.FromKept)
	line(w, "  %d answered, and somebody should look at them first", sum.Checked)
	line(w, "  %d left for a person", sum.LeftOpen)
	for i, a := range answers {
		if a.NeedsPerson {
			line(w, "  %s %s %s", s.paint(changed, pad(place(q.Questions[i]), 6)), cut(q.Questions[i].Text, max(s.Width-40, 60)), s.paint(faint, "("+a.Why+")"))
		}
	}
}

func place(q questionnaire.Question) string {
	if q.Ref != "" {
		return q.Ref
	}
	return "#" + strconv.Itoa(q.Number)
}
