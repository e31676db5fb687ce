package questionnaire

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRead(t *testing.T) {
	for name, tc := range map[string]struct {
		file, text string
		want       []Question
	}{
		"csv": {"q.csv", "id,section,question\nH-01,Hosting,\"Is it up, always?\"\n,,\nH-02,,Why?\n", []Question{
			{1, "H-01", "Hosting", "Is it up, always?", 2}, {2, "H-02", "", "Why?", 4},
		}},
		"csv_semicolons_bom_crlf": {"q.csv", bom + "Nr;Question;Answer\r\n1;Is it up, always?;\r\n\r\n2;\"Two\r\nlines; \"\"quoted\"\"?\";\r\n3;Last?;", []Question{
			{1, "1", "", "Is it up, always?", 2}, {2, "2", "", `Two lines; "quoted"?`, 4}, {3, "3", "", "Last?", 6},
		}},
		"csv_tabs":              {"q.tsv", "Question\tComment\nIs it; up, always?\t\n", []Question{{1, "", "", "Is it; up, always?", 2}}},
		"csv_one_column":        {"q.csv", "Questions\nIs it up, always?\n", []Question{{1, "", "", "Is it up, always?", 2}}},
		"csv_quote_in_the_text": {"q.csv", "question\nWhat is \"up\"?\n", []Question{{1, "", "", `What is "up"?`, 2}}},
		"csv_old_mac":           {"q.csv", "question,x\rFirst?,\rSecond?,\r", []Question{{1, "", "", "First?", 2}, {2, "", "", "Second?", 3}}},
		"csv_short_rows":        {"q.csv", "question,answer,x\nFirst?\n\nSecond?,\n", []Question{{1, "", "", "First?", 2}, {2, "", "", "Second?", 4}}},
		"lists": {"q.md", "# Hosting\n\nPlease answer. Is that clear?\n\n1. Is it **up**?\n2) Where [is it](https://x.example)\n   kept?\n- [ ] Describe `backups`.\n- Yes\n  - Nested: how?\n", []Question{
			{1, "", "Hosting", "Is it up?", 5}, {2, "", "Hosting", "Where is it kept?", 6}, {3, "", "Hosting", "Describe backups.", 8}, {4, "", "Hosting", "Nested: how?", 10},
		}},
		"tables_and_headings": {"q.markdown", "Access\r\n======\r\n\r\n| No | Question | Answer |\r\n|:--|---|---|\r\n| 1 | Who \\| what? | |\r\n| 2 | | |\r\n| 3 | SSH keys\r\n\r\nOther\r\n---\r\n* Who else?\r\n", []Question{
			{1, "1", "Access", "Who | what?", 6}, {2, "3", "Access", "SSH keys", 8}, {3, "", "Other", "Who else?", 12},
		}},
		"what_is_no_question": {"q.md", "```\n- code?\n```\n<!-- - comment?\n- more? -->\n* * *\n| a | b |\n|---|---|\n| - c? | d? |\n\n- plain item\n- Really?\n- ?\n- Is it so?\n", []Question{
			{1, "", "", "Is it so?", 14},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			q, err := Read(tc.file, []byte(tc.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, q.Questions); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		file, text string
		want       []string
	}{
		"empty":            {"q.csv", " \n", []string{"q.csv: the file is empty; give a file with questions"}},
		"only_a_mark":      {"q.csv", bom + "\n", []string{"q.csv: the file is empty; "}},
		"unknown_ending":   {"q.xlsx", "PK", []string{`q.xlsx: the file's name does not say what it is; save it as CSV (UTF-8)`}},
		"workbook":         {"q.csv", "PK\x03\x04\x00", []string{`q.csv: this is a workbook or a document of an office program, not text; save it there as "CSV UTF-8"`}},
		"pdf":              {"q.md", "%PDF-1.7", []string{"q.md: this is a PDF"}},
		"utf16":            {"q.csv", "\xff\xfeq\x00", []string{"q.csv: the text is in UTF-16; save it as UTF-8"}},
		"latin1":           {"q.csv", "question\nfine?\nSo gro\xdf?\nund f\xfcr alle?\n", []string{"q.csv:3: byte 0xDF at column 7 is not UTF-8; the text is probably in Latin-1", "q.csv:4: byte 0xFC at column 6"}},
		"zero_byte":        {"q.md", "- is it?\x00", []string{"q.md:1: a zero byte at column 9"}},
		"no_column":        {"q.csv", "\nid,text\n1,why?\n", []string{`q.csv:2: no column of questions: the first row has "id", "text"; name the column of questions "question" in the first row`}},
		"no_rows":          {"q.csv", "id,question\n1,\n", []string{"q.csv:1: the column of questions is empty; put one question in each row"}},
		"several_at_once":  {"q.csv", "id,question\n1,Is it up, always?\n2,\"Is it\" down?\n3,ok?\n4,\"open\n5,x\n", []string{"q.csv:2: 3 fields, and the first row names 2 columns; put quotes around text that contains \",\"", "q.csv:3: text stands behind a closing quote", "q.csv:5: the quote that opens here is never closed"}},
		"nothing_asked":    {"q.md", "# Title\n\n- plain\n", []string{`q.md: no question was found; write questions as items of a list`}},
		"fence_not_closed": {"q.md", "- Is it?\n```\n- code?\n", []string{"q.md:2: the code block that opens here is never closed; close it with a line of ```"}},
		"comment":          {"q.md", "- Is it?\n<!-- never\n- x?\n", []string{"q.md:2: the comment that opens here is never closed; close it with -->"}},
		"too_many_cells":   {"q.md", "| Question |\n|---|\n| a | b? |\n| c | d? |\n", []string{`q.md:3: 2 cells, and the table has 1 columns; write a "|" that belongs to the text as "\|"`, "q.md:4: "}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(tc.file, []byte(tc.text))
			if err == nil {
				t.Fatal("it was read")
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(tc.want) {
				t.Fatalf("%d problems, want %d:\n%v", len(lines), len(tc.want), err)
			}
			for i, want := range tc.want {
				if !strings.HasPrefix(lines[i], want) {
					t.Errorf("got  %s\nwant %s…", lines[i], want)
				}
			}
		})
	}
}

func TestReadNamesManyLinesOnce(t *testing.T) {
	_, err := Read("q.csv", []byte("question\n"+strings.Repeat("\xe4?\n", 40)))
	if err == nil || strings.Count(err.Error(), "\n")+1 != mostLines || !strings.Contains(err.Error(), "and so on 30 more lines") {
		t.Errorf("err = %v", err)
	}
	if _, err := Read("q.csv", make([]byte, MaxSize+1)); err == nil {
		t.Error("a file beyond the limit was read")
	}
}

// sample are answers of each sort.
func sample(n int) []Answer {
	all := []Answer{
		{Text: "Yes. It is, \"always\" | ever.", Promises: []string{"AV-3", "AV-2"}, Confidence: 0.934},
		{NeedsPerson: true, Why: "no promise fits", Confidence: 0.2},
		{Text: "=1+1", Promises: []string{"DP-1"}, Confidence: 1, NeedsPerson: true, Why: "the promise is broken"},
	}
	var answers []Answer
	for i := range n {
		answers = append(answers, all[i%len(all)])
	}
	return answers
}

func TestWrite(t *testing.T) {
	const first, second = `"Yes. It is, ""always"" | ever."`, "yes: no promise fits"
	for name, tc := range map[string]struct{ file, text, want string }{
		"csv_gets_columns": {
			"q.csv", "id,question\n1,\"First,\n really?\"\n\n2,Second?\n3,Third?",
			"id,question,answer,promises,confidence,needs a person\n1,\"First,\n really?\"," + first + ",AV-3;AV-2,0.93,no\n\n" +
				"2,Second?,,,0.20," + second + "\n3,Third?,'=1+1,DP-1,1.00,yes: the promise is broken",
		},
		"csv_fills_an_empty_column": {
			"q.csv", bom + "question;Response;x\r\nFirst?;\"\";=1\r\n;;\r\n Second?;;\r\nThird?\r\n",
			bom + "question;Response;x;promises;confidence;needs a person\r\nFirst?;" + first + ";=1;\"AV-3;AV-2\";0.93;no\r\n;;;;;\r\n" +
				" Second?;;;;0.20;" + second + "\r\nThird?;'=1+1;;DP-1;1.00;yes: the promise is broken\r\n",
		},
		"csv_keeps_earlier_answers": {
			"q.csv", "question,answer,promises,answer 2\nFirst?,ours,,more\n",
			"question,answer,promises,answer 2,answer 3,confidence,needs a person\nFirst?,ours,AV-3;AV-2,more," + first + ",0.93,no\n",
		},
		"lists": {
			"q.md", "1. First one?\n10. Second,\n    really?\n    - a\n- Third one?",
			"1. First one?\n\n   > **Answer:** Yes. It is, \"always\" \\| ever.\n\n10. Second,\n    really?\n\n    > **Needs a person:** no promise fits.\n\n    - a\n" +
				"- Third one?\n\n  > **Needs a person:** the promise is broken. =1+1\n",
		},
		"table_with_a_column": {
			"q.md", "| Question | Answer |\r\n|---|---|\r\n| First? | |\r\n| | x |\r\n| Second? | see annex |\r\n| Third? |\r\n",
			"| Question | Answer |\r\n|---|---|\r\n| First? | **Answer:** Yes. It is, \"always\" \\| ever. |\r\n| | x |\r\n" +
				"| Second? | see annex<br>**Needs a person:** no promise fits. |\r\n| Third? | **Needs a person:** the promise is broken. =1+1 |\r\n",
		},
		"table_without": {
			"q.md", bom + "No | Question\n--|--\n1 | First?\n2 |\n3\n\n1. Second one?\n",
			bom + "No | Question | Answer |\n--|-- | --- |\n1 | First? | **Answer:** Yes. It is, \"always\" \\| ever. |\n2 | | |\n3\n\n" +
				"1. Second one?\n\n   > **Needs a person:** no promise fits.\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			q, err := Read(tc.file, []byte(tc.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, string(q.Write(sample(len(q.Questions))))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
