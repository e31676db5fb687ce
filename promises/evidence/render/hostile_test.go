package render_test

import (
	"encoding/csv"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/promises/evidence"
	"github.com/berth-iac/berth/promises/evidence/render"
)

// attacks are texts that do harm where they are not taken for texts.
var attacks = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `</style><script>alert(1)</script>`, `javascript:alert(1)`,
	`{{.Signer}}`, `<!--`, `=cmd|'/c calc'!A1`, `+1+1`, `-2+3`, `@SUM(A1)`, "\t=1", "=HYPERLINK(\"https://evil.example\")", `＝1`,
	"a | b\n| c | d |", "`code`", `[link](https://evil.example)`, `![image](https://evil.example/x.png)`, "# heading", "- item", "<https://evil.example>",
	"www.evil.example", "\u202etxt.exe", "zero\u200bwidth", "null\x00byte", "\xff\xfe", "$(reboot)", "*bold* _it_ ~no~",
}

// hostile is the example with an attack in every free text.
func hostile(t *testing.T) *evidence.Document {
	d, _ := exampleDocument(t)
	n := 0
	spoil(reflect.ValueOf(d).Elem(), "", &n)
	if n < len(attacks) {
		t.Fatalf("only %d texts", n)
	}
	return d
}

func spoil(v reflect.Value, field string, n *int) {
	switch v.Kind() {
	case reflect.String:
		switch field {
		case "Stack", "Name", "DisplayName", "Account", "Title", "Group", "Sentence", "Value", "How", "Why", "By", "Resource", "Type", "Property", "Found", "Expected", "Fix", "Reason", "Owner", "Version", "Commit", "Statement", "Regions", "References", "Warnings":
			v.SetString(attacks[*n%len(attacks)])
			*n++
		}
	case reflect.Pointer:
		if !v.IsNil() {
			spoil(v.Elem(), field, n)
		}
	case reflect.Slice:
		for i := range v.Len() {
			spoil(v.Index(i), field, n)
		}
	case reflect.Struct:
		if v.Type() != reflect.TypeFor[time.Time]() {
			for i := range v.NumField() {
				spoil(v.Field(i), v.Type().Field(i).Name, n)
			}
		}
	}
}

func TestHostileHTML(t *testing.T) { // TestNothingFromOutside and TestStructure look at the same page
	text := page(t, hostile(t), render.Options{})
	for _, never := range []string{"<script>alert", "onerror=alert(1)>", "<img", "\u202e", "\u200b", "\x00", "b67d45dc2d72d307cdc1a74ae420fe27dee31c5e818cbd6cf7089739bc85687b</h"} {
		if strings.Contains(text, never) {
			t.Errorf("the page has %q", never)
		}
	}
	if !strings.Contains(text, "&lt;script&gt;alert(1)&lt;/script&gt;") {
		t.Error("the text itself is lost")
	}
}

func TestHostileCSV(t *testing.T) {
	d := hostile(t)
	standing, err := render.StandingCSV(d, d.Made)
	if err != nil {
		t.Fatal(err)
	}
	findings, err := render.FindingsCSV(d)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"standing": standing, "findings": findings} {
		table := strings.TrimPrefix(string(text), "\ufeff")
		rows, err := csv.NewReader(strings.NewReader(table)).ReadAll() // all rows of one length, or it fails
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		guarded := 0
		for _, row := range rows {
			for _, cell := range row {
				if cell != "" && strings.ContainsAny(string([]rune(cell)[:1]), "=+-@\t\r\n＝＋－＠") {
					t.Errorf("%s: a cell begins as a formula does: %q", name, cell)
				}
				if strings.HasPrefix(cell, "'=") {
					guarded++
				}
				if strings.ContainsAny(cell, "\u202e\u200b\x00\n") {
					t.Errorf("%s: a cell has what cannot be seen: %q", name, cell)
				}
			}
		}
		if guarded == 0 {
			t.Errorf("%s: no formula was tried", name)
		}
	}
}

func TestHostileMarkdown(t *testing.T) {
	d := hostile(t)
	text, err := render.Markdown(d, render.Options{Name: "evidence.json"})
	if err != nil {
		t.Fatal(err)
	}
	cells := regexp.MustCompile(`(^|[^\\])\|`)
	width := 0
	fenced := false
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
			continue
		}
		if fenced {
			continue
		}
		bare := strings.NewReplacer(`\\`, "", "> **", "**").Replace(line)
		if got := len(cells.FindAllString(bare, -1)); strings.HasPrefix(line, "|") {
			if width != 0 && got != width {
				t.Errorf("a row of %d bars after one of %d: %s", got, width, line)
			}
			width = got
		} else {
			width = 0
		}
		if found := regexp.MustCompile("(^|[^\\\\])(<|`|\\[|\\]|[^:\\\\]://|www\\.)").FindString(bare); found != "" {
			t.Errorf("%q is not taken literally in: %s", found, line)
		}
	}
	if fenced {
		t.Error("a fence stays open")
	}
}
