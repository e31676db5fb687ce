package catalogue_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/baseline"
	"github.com/berth-iac/berth/promises/catalogue"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite docs/promises.md")

const documentFile = "../../docs/promises.md"

// docs/promises.md is the catalogue, for people.
func TestDocument(t *testing.T) {
	got := document()
	if *update {
		if err := os.WriteFile(documentFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(documentFile)
	if err != nil {
		t.Fatalf("%v\nrun the test with -update to write it", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); run with -update:\n%s", documentFile, diff)
	}
}

var columns = []promises.Hosting{promises.OnAWS, promises.OnLightsail, promises.OnSites, promises.OnPremises, promises.Organisation, promises.Service}

func document() string {
	var b strings.Builder
	b.WriteString(`<!-- Generated from promises/catalogue and promises/baseline by their tests; run make docs. -->
# The promises

What clients are promised, one entry each. ` + "`bin/berth explain <ID> --stack <stack>`" + ` judges one on a stack;
` + "`bin/berth evidence <stack>`" + ` writes them all up for an auditor. How to add one: [adding-a-promise.md](adding-a-promise.md).

A promise is shown at a level: **design** holds in the resource graph before every change, **live** is read back from what
runs, **drill** is exercised end to end and measured. A proof that exists is marked so; the others are still to come. The table
says whose duty a promise is for each kind of hosting, and the strongest level at which it is shown there today. A client on a pair
of sites is judged with what the pair's own stack shows.

`)
	b.WriteString("| promise |")
	for _, h := range columns {
		b.WriteString(" " + h.Title() + " |")
	}
	b.WriteString(" shown at |\n|---|" + strings.Repeat("---|", len(columns)+1) + "\n")
	words := map[promises.Duty]string{promises.Ours: "ours", promises.Shared: "shared", promises.Clients: "client's", promises.NotOffered: ""}
	all := catalogue.All()
	for _, p := range all {
		fmt.Fprintf(&b, "| [%s](#%s) %s |", p.ID, strings.ToLower(p.ID), p.Title)
		for _, h := range columns {
			cell := words[p.Duties[h]]
			for _, level := range promises.Levels() { // the strongest comes last
				if p.ExistsFor(h, level) {
					cell = words[p.Duties[h]] + ", " + string(level)
				}
			}
			fmt.Fprintf(&b, " %s |", cell)
		}
		fmt.Fprintf(&b, " %s |\n", p.Shown())
	}
	group := ""
	for _, p := range all {
		if title := catalogue.Group(p.ID); title != group {
			group = title
			fmt.Fprintf(&b, "\n## %s\n", group)
		}
		fmt.Fprintf(&b, "\n### %s\n\n**%s.** %s\n", p.ID, p.Title, p.Sentence)
		if p.ProductionOnly {
			b.WriteString("\nPromised for production.\n")
		}
		if p.Parameters != nil {
			b.WriteString("\n| parameter | default | set by |\n|---|---|---|\n")
			seen := map[string]bool{}
			for _, h := range columns {
				if !p.Offered(h) {
					continue
				}
				for _, parameter := range p.Parameters(h, nil) {
					row := fmt.Sprintf("| %s | %s | %s |\n", parameter.Name, parameter.Value, code(parameter.Key))
					if !seen[row] {
						seen[row] = true
						b.WriteString(row)
					}
				}
			}
		}
		b.WriteString("\n")
		for _, proof := range p.Proofs {
			state := "to come"
			if p.Exists(proof.Level) {
				state = "exists" + existsFor(p, proof.Level)
			}
			fmt.Fprintf(&b, "- %s (%s): %s\n", proof.Level, state, proof.How)
		}
	}
	b.WriteString("\n## Baseline\n\nGood practice beyond the promises. A stack that breaks a control does not go up either.\n\n" +
		"| control | what holds | asked for by | severity |\n|---|---|---|---|\n")
	for _, c := range baseline.All() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", c.ID, c.Title, strings.Join(c.References, "; "), c.Severity)
	}
	return b.String()
}

// existsFor names the kinds that a proof exists for, where those are not all that the promise is made for.
func existsFor(p promises.Promise, level promises.Level) string {
	var kinds []string
	all := true
	for _, h := range columns {
		switch {
		case p.ExistsFor(h, level):
			kinds = append(kinds, string(h))
		case h != promises.Service && p.Offered(h):
			all = false
		}
	}
	if all || len(kinds) == 0 {
		return ""
	}
	return " for " + strings.Join(kinds, ", ")
}

func code(key string) string {
	if key == "" {
		return "the promise"
	}
	return "`" + key + "`"
}
