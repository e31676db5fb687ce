package comparison_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/catalogue"
	"github.com/berth-iac/berth/promises/comparison"
	"github.com/berth-iac/berth/spec"
)

var update = flag.Bool("update", false, "rewrite golden files")

func of(duty promises.Duty, hostings ...promises.Hosting) map[promises.Hosting]promises.Duty {
	all := map[promises.Hosting]promises.Duty{}
	for _, h := range hostings {
		all[h] = duty
	}
	return all
}

// few are promises of each sort that a comparison tells apart.
func few() []promises.Promise {
	fixed := func(name, value string) func(promises.Hosting, *spec.Spec) []promises.Parameter {
		return func(promises.Hosting, *spec.Spec) []promises.Parameter {
			return []promises.Parameter{{Name: name, Value: value}}
		}
	}
	backup := of(promises.Ours, promises.OnAWS, promises.OnLightsail)
	backup[promises.OnPremises] = promises.Clients
	disks := of(promises.Ours, promises.OnSites)
	disks[promises.OnPremises] = promises.Shared
	return []promises.Promise{
		{ID: "AV-1", Title: "Uptime of 99.98 % a month", Sentence: "Your site is up 99.98 % of each month.", Parameters: fixed("target", "99.98 %"),
			Duties: of(promises.Ours, promises.OnAWS, promises.OnLightsail, promises.OnSites, promises.Service),
			Proofs: []promises.Proof{{Level: promises.Drill}, {Level: promises.Live}}},
		{ID: "AV-10", Title: "Mirrored disks", Sentence: "Disks are mirrored; you exchange the one that failed.", Duties: disks, Parameters: fixed("array", "RAID 1")},
		{ID: "BK-4", Title: "Restore to any second", Sentence: "Your data can be restored | rolled back to any second.", Duties: backup,
			Parameters: func(h promises.Hosting, s *spec.Spec) []promises.Parameter {
				if s != nil {
					return []promises.Parameter{{Name: "window", Value: "of one client"}}
				}
				return []promises.Parameter{{Name: "window", Value: map[promises.Hosting]string{promises.OnAWS: "7 days", promises.OnLightsail: "1 day", promises.OnPremises: "as you set it"}[h]}}
			},
			Proofs: []promises.Proof{{Level: promises.Design}, {Level: promises.Drill}}, Check: func(promises.Subject, *promises.Report) {}},
		{ID: "AC-6", Title: "Leavers", Sentence: "Access ends the same day.", Duties: of(promises.Ours, promises.OnAWS, promises.Organisation)},
		{ID: "AC-9", Title: "Passwords are hashed", Sentence: "Nobody can read <a> password.", Duties: of(promises.Ours, promises.Service), Parameters: fixed("bcrypt cost", "12")},
		{ID: "OP-1", Title: "Reviewed changes", Sentence: "Every change is reviewed.", Duties: of(promises.Ours, promises.Service, promises.Organisation)},
		{ID: "OP-4", Title: "Clouds are audited", Sentence: "Our clouds are audited every month.", Duties: of(promises.Ours, promises.Organisation), Parameters: fixed("cadence", "monthly")},
	}
}

func group(id string) string {
	return map[string]string{"AV": "Availability", "BK": "Backups", "AC": "Access", "OP": "Operations"}[id[:2]]
}

func TestNew(t *testing.T) {
	c := comparison.New(few(), group)
	got := map[string]string{} // by ID: the section, and who keeps it in each kind
	for section, groups := range map[string][]comparison.Group{"different": c.Different, "same": c.Same, "company": c.Company} {
		for _, g := range groups {
			for _, row := range g.Rows {
				text := section
				for _, cell := range row.Cells {
					text += ", " + string(cell.Keeper)
				}
				if row.Company {
					text += "; company"
				}
				got[row.ID] = text
			}
		}
	}
	want := map[string]string{
		"AV-1": "different, we, we, we, in part", "AV-10": "different, no, no, we, shared", "BK-4": "different, we, we, no, you",
		"AC-6": "different, we, no, no, no; company", "AC-9": "same, we, we, we, we", "OP-1": "same, we, we, we, we; company", "OP-4": "company; company",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	uptime, restore := c.Different[0].Rows[0], c.Different[1].Rows[0]
	if len(uptime.Parameters) != 1 || len(uptime.Cells[0].Parameters) != 0 {
		t.Errorf("what all kinds have alike stands once: %+v", uptime)
	}
	if len(restore.Parameters) != 0 || restore.Cells[0].Parameters[0].Value != "7 days" || restore.Cells[3].Parameters[0].Value != "as you set it" {
		t.Errorf("what differs stands with each kind: %+v", restore)
	}
	if restore.Shown != promises.Design || uptime.Shown != promises.None || !cmp.Equal(uptime.ToReach, []promises.Level{promises.Live, promises.Drill}) {
		t.Errorf("levels: %q, %q, %v", restore.Shown, uptime.Shown, uptime.ToReach)
	}
	for _, k := range c.Kinds {
		total := 0
		for _, n := range k.Counts {
			total += n
		}
		if total != 6 || k.Title == "" || k.For == "" || len(k.YourOwn) == 0 {
			t.Errorf("%s: %d promises counted, want 6: %+v", k.Hosting, total, k)
		}
	}
}

// The forms of a comparison, by the golden file that they are held against.
var forms = map[string]func(*comparison.Comparison, io.Writer) error{
	"wide.txt":   func(c *comparison.Comparison, w io.Writer) error { return c.Text(w, comparison.Style{Width: 100}) },
	"narrow.txt": func(c *comparison.Comparison, w io.Writer) error { return c.Text(w, comparison.Style{Width: 50}) },
	"page.md":    (*comparison.Comparison).Markdown,
	"page.html":  (*comparison.Comparison).HTML,
	"page.json":  (*comparison.Comparison).JSON,
}

func write(t *testing.T, c *comparison.Comparison, form func(*comparison.Comparison, io.Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := form(c, &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestForms(t *testing.T) {
	c := comparison.New(few(), group)
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			got := write(t, c, form)
			golden := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatalf("%v\nrun the test with -update to write it", err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s differs (-want +got); look at it and run with -update:\n%s", golden, diff)
			}
		})
	}
}

// Every promise that is made is in the comparison, once.
func TestAllPromisesAreCompared(t *testing.T) {
	c := comparison.New(catalogue.All(), catalogue.Group)
	seen := map[string]int{}
	for _, groups := range [][]comparison.Group{c.Different, c.Same, c.Company} {
		for _, g := range groups {
			for _, row := range g.Rows {
				seen[row.ID]++
			}
		}
	}
	for _, p := range catalogue.All() {
		if seen[p.ID] != 1 {
			t.Errorf("%s is there %d times", p.ID, seen[p.ID])
		}
	}
	if len(c.Different) == 0 || len(c.Same) == 0 || len(c.Company) == 0 {
		t.Error("a section is empty")
	}
}

func TestTextFits(t *testing.T) {
	c := comparison.New(slices.Concat(few(), catalogue.All()), func(string) string { return "All" })
	color := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for _, width := range []int{40, 60, 71, 72, 80, 120, 200} {
		plain := write(t, c, func(c *comparison.Comparison, w io.Writer) error { return c.Text(w, comparison.Style{Width: width}) })
		for line := range strings.Lines(plain) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("at %d columns a line has %d: %q", width, n, line)
			}
		}
		inColor := write(t, c, func(c *comparison.Comparison, w io.Writer) error {
			return c.Text(w, comparison.Style{Width: width, Color: true})
		})
		if trimmed := regexp.MustCompile(` +\n`).ReplaceAllString(color.ReplaceAllString(inColor, ""), "\n"); trimmed != plain || inColor == plain {
			t.Errorf("at %d columns the colours change more than colours", width)
		}
	}
}

func TestHTMLIsOneSafePage(t *testing.T) {
	page := write(t, comparison.New(few(), group), (*comparison.Comparison).HTML)
	for _, want := range []string{"default-src &#39;none&#39;", `lang="en-GB"`, `scope="col"`, `scope="row"`, "&lt;a&gt; password", "@media print"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	for _, refused := range []string{"http://", "https://", "<script", "@import", "url(", "ZgotmplZ"} {
		if strings.Contains(page, refused) {
			t.Errorf("the page has %q", refused)
		}
	}
}

func TestJSONHasNoNulls(t *testing.T) {
	text := write(t, comparison.New(few(), group), (*comparison.Comparison).JSON)
	if !json.Valid([]byte(text)) || strings.Contains(text, "null") {
		t.Errorf("not valid, or with null:\n%s", text)
	}
}
