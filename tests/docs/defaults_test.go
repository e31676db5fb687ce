package docs

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/spec"
)

var (
	byTier = regexp.MustCompile("(?m)^\\| `([\\w.]+)` \\| `([^`]+)` \\| `([^`]+)` \\| `([^`]+)` \\|$")
	always = regexp.MustCompile("(?m)^\\| `([\\w.]+)` \\| `([^`]+)` \\|$")
)

// today is the day on which the examples are judged.
var today = time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)

// The tables of defaults in docs/spec.md say what decoding the file above them gives.
func TestDefaultsAreAsTheTablesSay(t *testing.T) {
	p := one(t, "docs/spec.md")
	file := ""
	for _, b := range p.block {
		if !strings.HasPrefix(b.text, "config:") {
			continue
		}
		if file == "" { // the first is the client on AWS, whom the tables are about
			file = b.text
		}
		if _, err := spec.DecodeFile("docs/spec.md", []byte(b.text), spec.Options{Now: today}); err != nil {
			t.Errorf("an example is no valid file: %v", err)
		}
	}
	var columns []map[string]any
	for _, more := range []string{"", "    tier: dedicated\n", "    environment: staging\n"} {
		columns = append(columns, defaults(t, file+"    documents: {}\n    cache: {}\n"+more))
	}
	rows := byTier.FindAllStringSubmatch(p.text, -1)
	if len(rows) < 10 {
		t.Fatalf("%d rows by tier found: the search is wrong", len(rows))
	}
	for _, row := range rows {
		for i, column := range columns {
			if got := lookUp(column, row[1]); got != row[i+2] {
				t.Errorf("docs/spec.md: %s is %s in column %d, and the code says %s", row[1], row[i+2], i+1, got)
			}
		}
	}
	constant := always.FindAllStringSubmatch(p.text, -1)
	if len(constant) < 10 {
		t.Errorf("%d constant defaults found: the search is wrong", len(constant))
	}
	for _, row := range constant {
		if got := lookUp(columns[0], row[1]); got != row[2] {
			t.Errorf("docs/spec.md: %s is %s, and the code says %s", row[1], row[2], got)
		}
	}
}

// defaults is the file's spec with every default filled in.
func defaults(t *testing.T, file string) map[string]any {
	t.Helper()
	s, err := spec.DecodeFile("docs/spec.md", []byte(file), spec.Options{Now: today})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := json.Unmarshal(text, &values); err != nil {
		t.Fatal(err)
	}
	return values
}

func lookUp(values map[string]any, path string) string {
	var at any = values
	for key := range strings.SplitSeq(path, ".") {
		inner, _ := at.(map[string]any)
		at = inner[key]
	}
	if at == nil { // a spec that is written down leaves out what is false
		at = false
	}
	return fmt.Sprint(at)
}
