package render_test

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-iac/berth/promises/evidence"
	"github.com/berth-iac/berth/promises/evidence/internal/example"
	"github.com/berth-iac/berth/promises/evidence/render"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func exampleDocument(t testing.TB) (*evidence.Document, []byte) {
	t.Helper()
	d, err := example.Document()
	if err != nil {
		t.Fatal(err)
	}
	text, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return d, text
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v\nrun the test with -update to write it", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); if it should, run with -update:\n%s", path, diff)
	}
}

func page(t *testing.T, d *evidence.Document, o render.Options) string {
	t.Helper()
	text, err := render.HTML(d, o)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestHTMLGolden(t *testing.T) {
	d, text := exampleDocument(t)
	golden(t, "testdata/example.html", []byte(page(t, d, render.Options{JSON: text, Name: "prod.json"})))
}

func TestMarkdownGolden(t *testing.T) {
	d, text := exampleDocument(t)
	got, err := render.Markdown(d, render.Options{JSON: text, Name: "prod.json"})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/example.md", got)
}

func TestCSVGolden(t *testing.T) {
	d, _ := exampleDocument(t)
	standing, err := render.StandingCSV(d, d.Made)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/standing.csv", standing)
	findings, err := render.FindingsCSV(d)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/findings.csv", findings)
}
