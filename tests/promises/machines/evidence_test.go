package machines_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/berth-iac/berth/promises/baseline"
	"github.com/berth-iac/berth/promises/catalogue"
	"github.com/berth-iac/berth/promises/evidence"
	"github.com/berth-iac/berth/promises/evidence/ocsf"
	"github.com/berth-iac/berth/promises/evidence/oscal"
	"github.com/berth-iac/berth/promises/evidence/render"
	"github.com/berth-iac/berth/promises/questionnaire"
)

// Evidence of every kind can be made, read again and handed over in all forms, and says where the data is.
func TestEvidenceOfAllKinds(t *testing.T) {
	for stack, places := range map[string][]string{
		"sites": {"jnb, ZA (site)", "cpt, ZA (site)", "s3.af-south-1.amazonaws.com, ZA (third place)"}, "sites-hetzner": {"fsn, DE (site)"},
		"globex": {"jnb, ZA (home)", "cpt, ZA (standby)"}, "initech": {"(premises)"}, "hooli": nil,
	} {
		t.Run(stack, func(t *testing.T) {
			s := load(t, stack, nil)
			in := evidence.Input{Subject: s, Assessment: assess(t, s), Promises: catalogue.All(), Controls: baseline.All(), Group: catalogue.Group,
				Source: evidence.Source{Kind: evidence.FromProgram}, Release: evidence.Release{Version: "1.0.0"}, Cloud: evidence.Real}
			if stack == "globex" {
				in.Assessment.TakeOver("sites", assess(t, load(t, "sites", nil)))
			}
			doc, err := evidence.Make(in)
			if err != nil {
				t.Fatal(err)
			}
			text, err := doc.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := evidence.Decode(text); err != nil {
				t.Fatal(err)
			}
			if doc.Summary.Promises.Broken != 0 || doc.Summary.Promises.Kept < 5 || doc.Subject.Name == "" || doc.Subject.DisplayName == "" {
				t.Errorf("%+v of %+v", doc.Summary.Promises, doc.Subject)
			}
			if stack == "hooli" && (doc.Subject.Account == "" || len(doc.Subject.Regions) == 0) {
				t.Errorf("no account or region: %+v", doc.Subject)
			}
			var all bytes.Buffer
			for name, write := range map[string]func() ([]byte, error){
				"HTML": func() ([]byte, error) { return render.HTML(doc, render.Options{Now: now}) }, "Markdown": func() ([]byte, error) { return render.Markdown(doc, render.Options{Now: now}) },
				"OSCAL": func() ([]byte, error) { return oscal.Results(doc, now) }, "OCSF": func() ([]byte, error) { return ocsf.Findings(doc, now) },
			} {
				form, err := write()
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				all.Write(form)
			}
			matcher, err := questionnaire.NewMatcher(catalogue.All())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := questionnaire.NewAnswerer(matcher, now, doc); err != nil {
				t.Errorf("a questionnaire cannot be answered from it: %v", err)
			}
			for _, want := range places {
				if !strings.Contains(all.String(), want) {
					t.Errorf("nothing says %q", want)
				}
			}
		})
	}
}
