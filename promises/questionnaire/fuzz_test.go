package questionnaire

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// Whatever is read can be written back: nothing of it is lost, the result can be read again, and has the same
// questions in the same order.
func holds(t *testing.T, name string, data []byte) {
	q, err := Read(name, data)
	if err != nil {
		if err.Error() == "" {
			t.Error("the error says nothing")
		}
		return
	}
	if len(q.Questions) == 0 {
		t.Fatal("neither questions nor an error")
	}
	answers := make([]Answer, len(q.Questions))
	for i := range answers {
		answers[i] = Answer{Text: "We |do|, \"so\"; it is *kept*.", Promises: []string{"AV-3"}, Confidence: 0.9}
	}
	written := q.Write(answers)
	if !subsequence(data, written) {
		t.Fatalf("something was lost:\n%q\n%q", data, written)
	}
	again, err := Read(name, written)
	if err != nil {
		t.Fatalf("what was written cannot be read: %v\n%q\n%q", err, data, written)
	}
	if len(again.Questions) != len(q.Questions) {
		t.Fatalf("%d questions, and %d when read again:\n%q\n%q", len(q.Questions), len(again.Questions), data, written)
	}
	for i, question := range again.Questions {
		if question.Text != q.Questions[i].Text {
			t.Fatalf("question %q is %q when read again", q.Questions[i].Text, question.Text)
		}
	}
}

// subsequence tells whether all bytes of part but blanks and empty quotes, which an answer may replace, are in
// whole in their order.
func subsequence(part, whole []byte) bool {
	at := 0
	for _, b := range part {
		if strings.ContainsRune(" \t\"", rune(b)) {
			continue
		}
		next := bytes.IndexByte(whole[at:], b)
		if next < 0 {
			return false
		}
		at += next + 1
	}
	return true
}

func FuzzCSV(f *testing.F) {
	sample, err := os.ReadFile("../../docs/questionnaires/hosting-and-continuity.csv")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sample)
	f.Add([]byte("question;answer\r\n\"a \"\"b\"\"\";\r\n;x\r\n"))
	f.Add([]byte(bom + "question\tid\n\n\"two\nlines\""))
	f.Fuzz(func(t *testing.T, data []byte) { holds(t, "q.csv", data) })
}

func FuzzMarkdown(f *testing.F) {
	sample, err := os.ReadFile("../../docs/questionnaires/security-and-access.md")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sample)
	f.Add([]byte("1. Is it\n   so?\n\t- is that?\n\nQuestion | Answer\n-|-\na \\| b |"))
	f.Add([]byte("- is it?\n> no\n```\n- code?\n```\n|Question|\n|-|\n|x|"))
	f.Fuzz(func(t *testing.T, data []byte) { holds(t, "q.md", data) })
}
